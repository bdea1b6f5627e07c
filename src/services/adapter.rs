//! What the engine hands to a service's `aws.rs`, and what it asks of it.

use std::future::Future;

use super::{Declared, Kind, Place, Reading, Resource, SharedPolicy, Spec, guardduty};
use crate::aws::Session;
use crate::config::Account;
use crate::model::{AccountId, Address, Arn, Fault, OpError, Partition, Target};
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

    /// The ARN, where all that other resources need of it is in place although its writing ended with this error: they
    /// do not wait for the rest.
    fn serves(&self, _address: &Address, _error: &OpError) -> Option<Arn> {
        None
    }

    /// What else uses up the quota that stood in the way, one phrase each; only asked then.
    ///
    /// # Errors
    ///
    /// The call that failed: nobody learns what it is, and the quota's own error stands.
    fn rivals(&self, _order: &Order<'_>) -> impl Future<Output = Result<Vec<String>, OpError>> + Send {
        async { Ok(Vec::new()) }
    }
}

/// The account besides a change's own whose session it needs, if it needs one.
pub fn helper(spec: &Spec) -> Option<AccountId> {
    match spec {
        Spec::GuarddutyMembership(membership) => Some(membership.administrator),
        _ => None,
    }
}

/// What another account does before a change is made: `helping` is the way into it, `account` the one that the change is
/// in.
///
/// # Errors
///
/// The call that failed; the change is not made then.
pub async fn prepare(spec: &Spec, order: &Order<'_>, helping: &Session, account: &Account) -> Result<(), OpError> {
    match (spec, &account.email) {
        (Spec::GuarddutyMembership(membership), Some(email)) => {
            guardduty::aws::invite(membership, order, helping, email).await
        }
        _ => Ok(()),
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

pub(super) fn failure(
    session: &Session,
    target: &Target,
    service: &str,
    operation: &str,
    fault: Fault,
    message: &str,
) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: Some(session.role.clone()),
        service: service.to_owned(),
        operation: operation.to_owned(),
        fault,
        code: None,
        // AWS's own words are in it where these are what is wrong.
        message: session.clean(message),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

impl Cell<'_> {
    /// What an entry of a list cannot be without: dropped without a word, the entry would be taken for one that is not
    /// there.
    ///
    /// # Errors
    ///
    /// It is missing or empty: the list could not be read.
    pub fn member<'m>(
        &self,
        service: &str,
        operation: &str,
        what: &str,
        value: Option<&'m str>,
    ) -> Result<&'m str, OpError> {
        let lacking = || self.malformed(service, operation, &format!("an entry of the answer lacks {what}"));
        value.filter(|value| !value.is_empty()).ok_or_else(lacking)
    }

    /// An answer that AWS gave and that cannot be made sense of.
    pub fn malformed(&self, service: &str, operation: &str, message: &str) -> OpError {
        failure(self.session, self.target, service, operation, Fault::Other, message)
    }
}

/// Whether what bears this ARN is of the account that the address says, and in its partition; `topics` is the account that
/// has the topics, where that is known. Where an ARN names no
/// account, as a bucket's, each call names the owner that it expects.
fn is_of(arn: &Arn, address: &Address, topics: Option<AccountId>) -> bool {
    let partition = Partition::of_region(&address.target.region);
    // A subscription bears its topic's ARN, whoever subscribed.
    let of_topic = address.kind == Kind::SnsSubscription && (topics.is_none() || topics == arn.account());
    arn.account().is_none_or(|account| of_topic || account == address.target.account)
        && partition.is_none_or(|partition| partition == arn.partition())
}

/// An answer that names something of another account: nothing may be done with it, since it would be done there.
fn of_another(mut error: OpError) -> OpError {
    error.fault = Fault::WrongAccount;
    error.hint = Some(
        "what answers for AWS here is not what it should be: check AWS_ENDPOINT_URL and the proxy settings, and who \
         changed the resource"
            .to_owned(),
    );
    error
}

impl Cell<'_> {
    /// What was read, if all of it is of the account that was asked: every ARN that is acted on later comes from here.
    ///
    /// # Errors
    ///
    /// Something in it is of another account.
    pub(super) fn own(&self, service: &str, reading: Reading) -> Result<Reading, OpError> {
        let topics = Some(self.declared.profiles.security);
        match reading.found.iter().find(|found| !is_of(&found.arn, &found.address, topics)) {
            None => Ok(reading),
            Some(found) => Err(of_another(self.malformed(
                service,
                "Observe",
                &format!(
                    "AWS answered with {} for {}: it is of another account, and was not looked at",
                    found.arn, found.address
                ),
            ))),
        }
    }
}

impl Order<'_> {
    /// What was made, if it is of the account in which it was to be made: others are pointed at it later.
    ///
    /// # Errors
    ///
    /// It is of another account.
    pub(crate) fn own(&self, arn: Arn) -> Result<Arn, OpError> {
        if is_of(&arn, self.address, None) {
            return Ok(arn);
        }
        let message = format!("AWS answered with {arn} for {}: it is of another account", self.address);
        Err(of_another(self.malformed("Made", &message)))
    }

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
