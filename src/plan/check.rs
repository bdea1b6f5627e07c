//! The linter: reads a finished plan afresh and takes out whatever must never be written, whoever planned it.

use std::collections::BTreeSet;

use super::{Action, Blocked, Plan};
use crate::config::Profiles;
use crate::model::{AccountId, Address};
use crate::services::{Kind, Ownership, Service, Terms};

/// Moves every change that breaks one of the refusals, and every change that requires one of those, to the blocked.
pub fn check(mut plan: Plan, profiles: &Profiles, terms: &Terms) -> Plan {
    let mut held: BTreeSet<Address> = BTreeSet::new();
    let mut seen: BTreeSet<Address> = BTreeSet::new();
    let mut blocked = Vec::new();
    let unsettled = unsettled(&plan);
    for change in &plan.changes {
        let mut refusals = Vec::new();
        let account = profiles.account(change.address.target.account);
        match account {
            None => refusals.push("its account is not in profiles.toml".to_owned()),
            Some(account)
                if !account.baseline && change.address.kind.service().holder(profiles) != Some(account.id) =>
            {
                refusals.push("its account says `baseline = false`".to_owned());
            }
            Some(_) => {}
        }
        if !seen.insert(change.address.clone()) {
            refusals.push("the plan changes it twice".to_owned());
        }
        if change.desired.kind() != change.address.kind {
            refusals.push(format!("the plan puts a {} there", change.desired.kind()));
        }
        match (change.action, &change.seen) {
            (Action::Create, Some(_)) => refusals.push("it exists already and would be created over".to_owned()),
            (Action::Update | Action::Delete, None) => refusals.push("it was not seen".to_owned()),
            (Action::Update, Some(found)) if found.ownership == Ownership::Unmarked => {
                let service = change.address.kind.service();
                if !account.is_some_and(|account| account.take_over.contains(service.as_str())) {
                    refusals.push(format!(
                        "it bears our name without our tag: tag it ManagedBy=baseline, or declare `take_over = \
                         [\"{service}\"]`"
                    ));
                }
            }
            (Action::Delete, Some(found)) => {
                if !may_be_deleted(change.address.kind) {
                    refusals.push(format!("a {} is never deleted", change.address.kind));
                }
                if found.ownership != Ownership::Ours {
                    refusals.push("it is not ours to delete".to_owned());
                }
                if unsettled.contains(&part(&change.address)) {
                    refusals.push("what replaces it is not as it should be yet".to_owned());
                }
            }
            _ => {}
        }
        if change.action != Action::Delete {
            let terms = Terms {
                address: Some(change.address.clone()),
                running_hop: account.and_then(|account| account.hop.clone()),
                take_over: account.is_some_and(|a| a.take_over.contains(change.address.kind.service().as_str())),
                ..terms.clone()
            };
            refusals.extend(change.desired.refusals(change.seen.as_ref().map(|found| &found.spec), &terms));
        }
        for reason in refusals {
            held.insert(change.address.clone());
            blocked.push(Blocked::new(change.address.clone(), format!("refused: {reason}"), None));
        }
    }
    // What requires a refused change is not started either, however long the chain.
    loop {
        let before = held.len();
        for change in plan.changes.iter().filter(|change| !held.contains(&change.address)).collect::<Vec<_>>() {
            if let Some(because) = change.requires.iter().find(|required| held.contains(*required)) {
                let reason = format!("it requires {because}, which is refused");
                blocked.push(Blocked::new(change.address.clone(), reason, None).waiting_for(because.clone()));
                held.insert(change.address.clone());
            }
        }
        if held.len() == before {
            break;
        }
    }
    plan.changes.retain(|change| !held.contains(&change.address));
    plan.blocked.extend(blocked);
    plan
}

/// What goes only with a name: no log, finding or configuration is lost with it, and nothing stops being recorded that
/// something else does not record.
fn may_be_deleted(kind: Kind) -> bool {
    match kind {
        Kind::CloudtrailTrail
        | Kind::IamRole
        | Kind::ConfigRule
        | Kind::ConfigAuthorization
        | Kind::ConfigAggregator
        | Kind::LambdaPermission
        | Kind::SnsSubscription
        | Kind::EventbridgeRule => true,
        Kind::KmsKey
        | Kind::S3Bucket
        | Kind::IamServiceLinkedRole
        | Kind::GuarddutyDetector
        | Kind::GuarddutyPublishingDestination
        | Kind::GuarddutyMembers
        | Kind::GuarddutyMembership
        | Kind::ConfigRecorder
        | Kind::ConfigDeliveryChannel
        | Kind::ConfigRecording
        | Kind::SqsQueuePolicy
        | Kind::SnsTopic
        | Kind::EventbridgeBus => false,
    }
}

/// The account and the service of a resource: what has to be as it should before anything of it goes away.
fn part(address: &Address) -> (AccountId, Service) {
    (address.target.account, address.kind.service())
}

/// The parts in which something is to be done, held back or unknown.
fn unsettled(plan: &Plan) -> BTreeSet<(AccountId, Service)> {
    let changed = plan.changes.iter().filter(|change| change.action != Action::Delete).map(|c| part(&c.address));
    let blocked = plan.blocked.iter().map(|blocked| part(&blocked.address));
    let unread = plan.unreadable.iter().flat_map(|unreadable| {
        let services = unreadable.service.map_or(Service::ALL.to_vec(), |service| vec![service]);
        services.into_iter().map(|service| (unreadable.target.account, service))
    });
    changed.chain(blocked).chain(unread).collect()
}

#[cfg(test)]
mod tests;
