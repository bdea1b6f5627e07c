//! The key of a receiving bus or of a topic, which somebody else put on it.

use std::collections::BTreeMap;

use aws_sdk_kms as kms;

use crate::aws::{found, send};
use crate::model::{Address, Fault, OpError};
use crate::policy::{Caller, Decision, Effect, Policy, Principals, Request, Who, evaluate};
use crate::services::adapter::Cell;
use crate::services::{Note, Reading, Undelivered};

/// The service principal that uses the key.
const EVENTS: &str = "events.amazonaws.com";

/// What EventBridge asks of a bus's key while events pass (EventBridge User Guide, "Authorizing EventBridge to use a
/// customer managed key").
const ACTIONS: [&str; 2] = ["kms:GenerateDataKey", "kms:Decrypt"];

/// What is known of a key.
enum Use {
    /// It can be used, or nothing says otherwise.
    Open,
    /// It cannot, and why.
    Shut(String),
    /// It cannot be told, and why.
    Untold(String),
}

/// What somebody encrypted with a key, and events pass through.
pub(in crate::services) struct Encrypted<'a> {
    /// Which resource.
    pub address: &'a Address,
    /// `bus` or `topic`.
    pub what: &'a str,
    /// Its ARN.
    pub arn: &'a str,
    /// The key: its id, its ARN or an alias.
    pub key: &'a str,
    /// The key of the encryption context that names the resource.
    pub context: &'a str,
    /// What happens to events where the key cannot be used.
    pub lost: &'a str,
    /// What takes the key off.
    pub off: String,
}

/// Says in the reading whether the bus can use its key: with it, EventBridge encrypts patterns and targets of the bus's
/// rules, so that no event gets anywhere without (EventBridge User Guide, "Encrypting EventBridge event buses with AWS KMS
/// keys"; "Using dead-letter queues to capture encrypted event errors": a disabled or missing key is an error that nobody
/// tries again).
pub(super) async fn check_bus(
    cell: &Cell<'_>,
    bus: &Address,
    arn: &str,
    key: &str,
    reading: &mut Reading,
) -> Result<(), OpError> {
    let encrypted = Encrypted {
        address: bus,
        what: "bus",
        arn,
        key,
        context: "kms:EncryptionContext:aws:events:event-bus:arn",
        lost: "no event that it receives reaches a rule",
        off: format!(
            "aws events update-event-bus --region {} --name {} --kms-key-identifier ''",
            bus.target.region, bus.name
        ),
    };
    check(cell, &encrypted, reading).await
}

/// Says in the reading whether EventBridge can use a key that it needs.
pub(in crate::services) async fn check(
    cell: &Cell<'_>,
    encrypted: &Encrypted<'_>,
    reading: &mut Reading,
) -> Result<(), OpError> {
    let Encrypted { address, what, key, lost, off, .. } = encrypted;
    match usable(cell, encrypted).await? {
        Use::Open => {}
        Use::Shut(why) => reading.undelivered.push(Undelivered {
            address: (*address).clone(),
            reason: format!("the {what} is encrypted with {key}, {why}: {lost}"),
            hint: format!("let EventBridge use the key again, or take it off the {what}: {off}"),
        }),
        Use::Untold(why) => reading.notes.push(Note {
            target: cell.target.clone(),
            topic: "key-of-others".to_owned(),
            text: format!("whether the {what} `{}` can use its key {key} was not looked at: {why}", address.name),
        }),
    }
    Ok(())
}

async fn usable(cell: &Cell<'_>, encrypted: &Encrypted<'_>) -> Result<Use, OpError> {
    let (session, region, key) = (cell.session, &cell.target.region, encrypted.key);
    let described = session
        .call(region, "kms", "DescribeKey")
        .run(|| send!(kms, region, session.kms().describe_key().key_id(key)))
        .await;
    let metadata = match found(described, &["NotFoundException"]) {
        Ok(Some(answer)) => answer.key_metadata,
        Ok(None) => return Ok(Use::Shut("which does not exist".to_owned())),
        Err(error) if error.fault == Fault::Denied => return Ok(Use::Untold("kms:DescribeKey is denied".to_owned())),
        Err(error) => return Err(error),
    };
    let Some(metadata) = metadata else {
        return Err(cell.malformed("kms", "DescribeKey", "the answer carries no key"));
    };
    if let Some(state) = metadata.key_state().filter(|state| **state != kms::types::KeyState::Enabled) {
        return Ok(Use::Shut(format!("which is {state}")));
    }
    // An alias will not do here (KMS API Reference, `GetKeyPolicy`).
    let id = metadata.arn().unwrap_or_else(|| metadata.key_id());
    let policy = session
        .call(region, "kms", "GetKeyPolicy")
        .run(|| send!(kms, region, session.kms().get_key_policy().key_id(id)))
        .await;
    let policy = match policy {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(error) if error.fault == Fault::Denied => return Ok(Use::Untold("kms:GetKeyPolicy is denied".to_owned())),
        Err(error) => return Err(error),
    };
    let Ok(policy) = Policy::parse(&policy) else { return Ok(Use::Untold("its policy cannot be read".to_owned())) };
    Ok(admits(&policy, id, (encrypted.context, encrypted.arn), &cell.target.account.to_string()))
}

/// What the key's policy says to EventBridge.
fn admits(policy: &Policy, key: &str, (name, arn): (&str, &str), account: &str) -> Use {
    let context: BTreeMap<String, Vec<String>> =
        [("aws:SourceAccount", account), ("aws:SourceArn", arn), ("aws:SecureTransport", "true"), (name, arn)]
            .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
            .into();
    for action in ACTIONS {
        let request = Request { principal: Caller::Service(EVENTS), action, resource: key, context: &context };
        match evaluate(policy, &request) {
            Decision::Allowed { .. } => {}
            Decision::Denied { sid } => {
                let sid = sid.as_deref().unwrap_or("without a Sid");
                return Use::Shut(format!("and statement {sid} of the key's policy denies {action} to {EVENTS}"));
            }
            Decision::NoMatch if mentions_events(policy) => {
                return Use::Untold("its policy admits EventBridge on conditions that cannot be told here".to_owned());
            }
            Decision::NoMatch => return Use::Shut(format!("whose policy does not let {EVENTS} call {action}")),
        }
    }
    Use::Open
}

/// Whether a statement allows EventBridge, or everyone, something.
fn mentions_events(policy: &Policy) -> bool {
    let about = |who: &Who| match who {
        Who::Everyone => true,
        Who::Named(lists) => lists.values().flatten().any(|name| name == EVENTS || name == "*"),
    };
    policy.statements.iter().filter(|statement| statement.effect == Effect::Allow).any(|statement| {
        matches!(&statement.principal, Some(Principals::Principal(who)) if about(who))
            && !statement.conditions.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Statement;

    const KEY: &str = "arn:aws:kms:us-east-1:222222222222:key/k";
    const BUS: &str = "arn:aws:events:us-east-1:222222222222:event-bus/default";

    const CONTEXT: &str = "kms:EncryptionContext:aws:events:event-bus:arn";

    fn told(statements: Vec<Statement>) -> String {
        match admits(&Policy::new(statements), KEY, (CONTEXT, BUS), "222222222222") {
            Use::Open => "open".to_owned(),
            Use::Shut(why) | Use::Untold(why) => why,
        }
    }

    #[test]
    fn a_key_is_of_use_where_its_policy_lets_eventbridge_in() {
        let allow = || Statement::allow("E", ["kms:Decrypt", "kms:GenerateDataKey"]).for_services([EVENTS]).on(["*"]);
        assert_eq!(told(vec![allow()]), "open");
        assert_eq!(told(vec![allow().when("StringEquals", "aws:SourceArn", [BUS])]), "open");
        assert_eq!(told(vec![allow().when("StringEquals", CONTEXT, [BUS])]), "open");
        assert!(told(Vec::new()).contains("does not let events.amazonaws.com call kms:GenerateDataKey"));
        let other = allow().when("StringEquals", "aws:SourceOrgID", ["o-a"]);
        assert!(told(vec![other]).contains("cannot be told"));
        let deny = Statement::deny("Not", ["kms:*"]).for_everyone().on(["*"]);
        assert!(told(vec![allow(), deny]).contains("statement Not of the key's policy denies kms:GenerateDataKey"));
    }
}
