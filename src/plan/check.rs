//! The linter: reads a finished plan afresh and takes out whatever must never be written, whoever planned it.

use std::collections::BTreeSet;

use super::{Action, Blocked, Plan};
use crate::config::Profiles;
use crate::model::Address;
use crate::services::{Kind, Ownership, Service, Terms};

/// Moves every change that breaks one of the refusals, and every change that requires one of those, to the blocked.
pub fn check(mut plan: Plan, profiles: &Profiles, terms: &Terms) -> Plan {
    let mut held: BTreeSet<Address> = BTreeSet::new();
    let mut seen: BTreeSet<Address> = BTreeSet::new();
    let mut blocked = Vec::new();
    for change in &plan.changes {
        let mut refusals = Vec::new();
        let account = profiles.account(change.address.target.account);
        match account {
            None => refusals.push("its account is not in profiles.toml".to_owned()),
            Some(account) if !account.baseline && !Service::SHARED.contains(&change.address.kind.service()) => {
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
                if change.address.kind != Kind::CloudtrailTrail {
                    refusals.push(format!("a {} is never deleted", change.address.kind));
                }
                if found.ownership != Ownership::Ours {
                    refusals.push("it is not ours to delete".to_owned());
                }
                if !is_settled(&plan, &change.address) {
                    refusals.push("what replaces it is not as it should be yet".to_owned());
                }
            }
            _ => {}
        }
        if change.action != Action::Delete {
            let terms = Terms {
                address: Some(change.address.clone()),
                running_role: account.and_then(|a| a.hop.as_ref()).map(|hop| hop.role.clone()),
                ..terms.clone()
            };
            refusals.extend(change.desired.refusals(change.seen.as_ref().map(|found| &found.spec), &terms));
        }
        for reason in refusals {
            held.insert(change.address.clone());
            blocked.push(Blocked { address: change.address.clone(), reason: format!("refused: {reason}"), hint: None });
        }
    }
    // What requires a refused change is not started either, however long the chain.
    loop {
        let dependent = plan
            .changes
            .iter()
            .filter(|change| !held.contains(&change.address))
            .find_map(|change| Some((&change.address, change.requires.iter().find(|r| held.contains(*r))?)));
        let Some((address, because)) = dependent else { break };
        blocked.push(Blocked {
            address: address.clone(),
            reason: format!("it requires {because}, which is refused"),
            hint: None,
        });
        held.insert(address.clone());
    }
    plan.changes.retain(|change| !held.contains(&change.address));
    plan.blocked.extend(blocked);
    plan
}

/// Whether nothing else is to be done, held back or unknown in the account and service of something that goes away.
fn is_settled(plan: &Plan, address: &Address) -> bool {
    let (account, service) = (address.target.account, address.kind.service());
    let beside = |other: &Address| other.target.account == account && other.kind.service() == service;
    !plan.changes.iter().any(|change| change.action != Action::Delete && beside(&change.address))
        && !plan.blocked.iter().any(|blocked| beside(&blocked.address))
        && !plan.unreadable.iter().any(|unreadable| {
            unreadable.target.account == account && unreadable.service.is_none_or(|unread| unread == service)
        })
}

#[cfg(test)]
mod tests;
