//! What the engine hands to a service's `aws.rs`, and what it asks of it.

use std::future::Future;

use super::{Declared, Place, Resource};
use crate::aws::Session;
use crate::model::{Address, Arn, Fault, OpError, Target};

/// The unit of reading: one service in one target.
#[derive(Clone, Copy)]
pub struct Cell<'a> {
    /// The way into the account; its guard refuses every operation that is not on the read list.
    pub session: &'a Session,
    /// Account and Region.
    pub target: &'a Target,
    /// What is declared, for the names to look for.
    pub declared: &'a Declared<'a>,
    /// The account with its Regions.
    pub place: &'a Place<'a>,
}

/// One write.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The way into the account.
    pub session: &'a Session,
    /// What to write.
    pub address: &'a Address,
    /// What AWS calls it, where it exists already.
    pub arn: Option<&'a Arn>,
}

/// Writing a kind: each method sends only what differs, in an order in which every intermediate state is safe.
pub trait Write: Resource {
    /// Makes AWS hold `self` where it now holds `seen`; every [`super::Reference`] is resolved by then.
    ///
    /// # Errors
    ///
    /// The first call that failed; what was written before it stays, and the next run goes on from there.
    fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> impl Future<Output = Result<Arn, OpError>> + Send;

    /// Removes it; kinds that hold data refuse.
    ///
    /// # Errors
    ///
    /// The call that failed, or the refusal.
    fn delete(&self, order: &Order<'_>) -> impl Future<Output = Result<(), OpError>> + Send;
}

fn failure(session: &Session, target: &Target, service: &str, operation: &str, fault: Fault, message: &str) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: Some(session.role.clone()),
        service: service.to_owned(),
        operation: operation.to_owned(),
        fault,
        code: None,
        message: message.to_owned(),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

impl Cell<'_> {
    /// An answer that AWS gave and that cannot be made sense of.
    pub fn malformed(&self, service: &str, operation: &str, message: &str) -> OpError {
        failure(self.session, self.target, service, operation, Fault::Other, message)
    }
}

impl Order<'_> {
    /// The ARN of what is to be changed.
    ///
    /// # Errors
    ///
    /// A plan that updates what it did not see, which is a mistake of this tool.
    pub fn existing(&self) -> Result<&Arn, OpError> {
        self.arn.ok_or_else(|| self.malformed("Update", "the plan names no existing resource"))
    }

    /// Something that cannot be sent, or an answer that cannot be made sense of.
    pub fn malformed(&self, operation: &str, message: &str) -> OpError {
        let service = self.address.kind.service().as_str();
        failure(self.session, &self.address.target, service, operation, Fault::Other, message)
    }

    /// A write that this tool never makes.
    pub fn refused(&self, operation: &str, message: &str) -> OpError {
        let service = self.address.kind.service().as_str();
        failure(self.session, &self.address.target, service, operation, Fault::Refused, message)
    }
}
