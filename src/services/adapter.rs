//! What the engine hands to a service's `aws.rs`, and what it asks of it.

use std::future::Future;

use super::{Declared, Place, Resource, SharedPolicy, Spec};
use crate::aws::Session;
use crate::model::{Address, Arn, Fault, OpError, Target};
use crate::policy::Policy;

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

    /// What else uses up the quota that stood in the way, one phrase each; only asked then.
    ///
    /// # Errors
    ///
    /// The call that failed: nobody learns what it is, and the quota's own error stands.
    fn rivals(&self, _order: &Order<'_>) -> impl Future<Output = Result<Vec<String>, OpError>> + Send {
        async { Ok(Vec::new()) }
    }
}

/// How many of them are named.
const NAMED_RIVALS: usize = 5;

/// The error of a write, with the names of what uses up the quota where it is one.
pub async fn with_rivals(mut error: OpError, spec: &Spec, order: &Order<'_>) -> OpError {
    if error.fault != Fault::Quota {
        return error;
    }
    let rivals = match spec.rivals(order).await {
        Ok(rivals) if !rivals.is_empty() => rivals,
        Ok(_) => return error,
        Err(unknown) => {
            tracing::debug!(error = %unknown, "what uses up the quota could not be read");
            return error;
        }
    };
    let more = match rivals.len().saturating_sub(NAMED_RIVALS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = rivals[..rivals.len().min(NAMED_RIVALS)].join(", ");
    let place = &order.address.target;
    error.hint = Some(format!(
        "{} in {place} use up the quota: {named}{more}; remove what is not needed there, or have the quota raised where \
         AWS raises it",
        rivals.len()
    ));
    error
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

    /// Makes sure that a document that other people write into, too, is still as it was `seen`: a write replaces the
    /// whole of it, and what came in since would be lost. `now` is what AWS holds, if anything.
    ///
    /// # Errors
    ///
    /// It is another one by now; nothing was written.
    pub fn unchanged(&self, operation: &str, seen: &SharedPolicy, now: Option<&str>) -> Result<(), OpError> {
        let same = match now {
            Some(text) => Policy::parse(text).is_ok_and(|now| now.equivalent(&seen.document)),
            None => seen.document.statements.is_empty(),
        };
        if same {
            return Ok(());
        }
        let mut error = self.refused(operation, "the policy was changed by somebody after it was planned");
        error.hint = Some("run again: the next plan starts from what is there now".to_owned());
        Err(error)
    }

    /// A write that this tool never makes.
    pub fn refused(&self, operation: &str, message: &str) -> OpError {
        let service = self.address.kind.service().as_str();
        failure(self.session, &self.address.target, service, operation, Fault::Refused, message)
    }
}
