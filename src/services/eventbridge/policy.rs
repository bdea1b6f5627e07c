//! The policy of the receiving bus: which accounts may put events on it.

use std::collections::BTreeSet;

use super::rules::receiving_regions;
use crate::model::{AccountId, Address, Region, Target};
use crate::policy::{BUS_POLICY_MAX_BYTES, Policy, Statement, first_that_fits};
use crate::services::{Declared, Kind};

/// The one form a bus policy takes, within EventBridge's 10,240 characters.
///
/// Accounts stand in a condition and not among the principals: whether EventBridge refuses a whole policy that names the
/// root of an account that is closed, as S3 and KMS do, is documented nowhere. The condition holds because EventBridge
/// forwards with the sender's role, so that the request is a signed one: such a request carries `aws:PrincipalAccount` (IAM
/// User Guide, "AWS global condition context keys").
const FORMS: [&str; 1] = ["everyone who belongs to one of the accounts, by a condition"];

/// The accounts that send: all that get the baseline, and those that are not dropped yet, without the security account.
pub(in crate::services) fn senders(declared: &Declared<'_>) -> BTreeSet<AccountId> {
    let mut senders = declared.senders();
    senders.remove(&declared.profiles.security);
    senders
}

/// The receiving buses: as far as Regions are not known yet, the home Region's stands for all.
pub(in crate::services) fn bus_addresses(declared: &Declared<'_>) -> Vec<Address> {
    if declared.baseline.events.is_none() {
        return Vec::new();
    }
    match receiving_regions(declared) {
        [] => vec![address(declared, &declared.profiles.home_region)],
        regions => regions.iter().map(|region| address(declared, region)).collect(),
    }
}

/// The receiving bus of a Region, whether or not it can be had there.
pub(super) fn address(declared: &Declared<'_>, region: &Region) -> Address {
    let name = declared.baseline.events.as_ref().map_or(super::DEFAULT_BUS, |events| &events.bus);
    Address::new(Target::new(declared.profiles.security, region.clone()), Kind::EventbridgeBus, name)
}

/// The ARN of a bus.
pub(super) fn arn(declared: &Declared<'_>, bus: &Address) -> String {
    let Target { account, region } = &bus.target;
    format!("arn:{}:events:{region}:{account}:event-bus/{}", declared.profiles.partition, bus.name)
}

/// Our statements; none where nobody sends.
pub(super) fn statements(declared: &Declared<'_>, bus: &Address) -> Vec<Statement> {
    chosen(declared, bus).map_or_else(|| by_condition(declared, bus), |(_, policy)| policy.statements)
}

/// Which of how many forms the policy takes, and what it admits by; `None` when none fits.
pub(in crate::services) fn policy_form(declared: &Declared<'_>, bus: &Address) -> Option<(usize, usize, &'static str)> {
    let (index, _) = chosen(declared, bus)?;
    Some((index + 1, FORMS.len(), FORMS[index]))
}

fn chosen(declared: &Declared<'_>, bus: &Address) -> Option<(usize, Policy)> {
    let exclusive = declared.baseline.events.as_ref().is_some_and(|events| events.exclusive);
    let taken = declared.shared.taken(bus, exclusive);
    let form = Policy::new(by_condition(declared, bus));
    first_that_fits([form], BUS_POLICY_MAX_BYTES.saturating_sub(taken))
}

fn statement(declared: &Declared<'_>, bus: &Address) -> Statement {
    Statement::allow("BaselineForward", ["events:PutEvents"]).on([arn(declared, bus)])
}

fn by_condition(declared: &Declared<'_>, bus: &Address) -> Vec<Statement> {
    let senders = senders(declared);
    if senders.is_empty() {
        return Vec::new();
    }
    let ids = senders.iter().map(ToString::to_string);
    vec![statement(declared, bus).for_everyone().when("StringEquals", "aws:PrincipalAccount", ids)]
}
