//! The planner: one account at a time, from what should be and what is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Blocked, Change, Fact, Facts, Orphan, Plan, Selection, Unreadable};
use crate::config::{Account, Profiles};
use crate::model::{Address, OpError, Target};
use crate::services::{
    Desired, Exposed, Found, Kept, Kind, Ownership, Reading, Reference, Service, Shared, Spec, Taken, Terms,
    Undelivered, guardduty,
};

/// One account: what should be there, and what was read.
#[derive(Debug, Clone, Copy)]
pub struct AccountView<'a> {
    /// The account.
    pub account: &'a Account,
    /// What should be, each resource after what it requires.
    pub desired: &'a [Desired],
    /// Addresses of the account that are declared besides, and planned apart.
    pub declared_besides: &'a BTreeSet<Address>,
    /// What was read, cell by cell.
    pub readings: &'a BTreeMap<(Service, Target), Result<Reading, OpError>>,
    /// What is known of other accounts' resources.
    pub facts: &'a Facts,
    /// What the run is narrowed to.
    pub selection: &'a Selection,
    /// What is allowed.
    pub terms: &'a Terms,
    /// What becomes of orphans.
    pub orphans: Orphans,
}

/// What becomes of resources that are ours and no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// They are not looked for: another part of the same account's plan does that.
    Ignored,
    /// They are shown.
    Shown,
    /// They are removed, once what replaces them is as it should be.
    Removed,
}

/// Plans an account; answers what others may want to know of its resources.
pub fn plan_account(view: &AccountView<'_>) -> (Plan, Facts) {
    let mut planner = Planner {
        view,
        plan: Plan::default(),
        facts: view.facts.clone(),
        own: Facts::new(),
        depths: BTreeMap::new(),
        in_sync: BTreeMap::new(),
    };
    for ((service, target), reading) in view.readings {
        match reading {
            Ok(reading) => {
                planner.plan.notes.extend(reading.notes.iter().cloned());
                let selected = reading.undelivered.iter().filter(|waiting| planner.selected(&waiting.address));
                let undelivered: Vec<Undelivered> = selected.cloned().collect();
                planner.plan.undelivered.extend(undelivered);
                let exposed = reading.exposed.iter().filter(|exposed| planner.selected(&exposed.address));
                let exposed: Vec<Exposed> = exposed.cloned().collect();
                planner.plan.exposed.extend(exposed);
            }
            Err(error) => planner.plan.unreadable.push(Unreadable {
                target: target.clone(),
                service: Some(*service),
                error: error.clone(),
            }),
        }
    }
    for desired in in_order(view) {
        let fact = planner.decide(desired);
        planner.facts.insert(desired.address.clone(), fact.clone());
        planner.own.insert(desired.address.clone(), fact);
    }
    planner.orphans();
    (planner.plan, planner.own)
}

/// What should be, in the order in which it is decided: of one kind, what waits for a name that another one holds comes
/// after that one.
fn in_order<'a>(view: &AccountView<'a>) -> Vec<&'a Desired> {
    let mut order: Vec<&Desired> = view.desired.iter().collect();
    let taken: BTreeSet<&Address> = taken(view.readings).map(|taken| &taken.address).collect();
    for kind in taken.iter().map(|address| address.kind).collect::<BTreeSet<_>>() {
        let places: Vec<usize> = (0..order.len()).filter(|place| order[*place].address.kind == kind).collect();
        let of_kind: Vec<&Desired> = places.iter().map(|place| order[*place]).collect();
        let (waiting, free): (Vec<_>, Vec<_>) = of_kind.into_iter().partition(|one| taken.contains(&one.address));
        for (place, one) in places.into_iter().zip(free.into_iter().chain(waiting)) {
            order[place] = one;
        }
    }
    order
}

fn taken(readings: &BTreeMap<(Service, Target), Result<Reading, OpError>>) -> impl Iterator<Item = &Taken> {
    readings.values().filter_map(|reading| reading.as_ref().ok()).flat_map(|reading| &reading.taken)
}

struct Planner<'a> {
    view: &'a AccountView<'a>,
    plan: Plan,
    facts: Facts,
    own: Facts,
    depths: BTreeMap<Address, u32>,
    /// By service: how many resources are as they should be.
    in_sync: BTreeMap<Service, usize>,
}

impl Planner<'_> {
    fn selected(&self, address: &Address) -> bool {
        self.view.selection.takes_account(self.view.account) && self.view.selection.takes(address)
    }

    fn block(&mut self, address: &Address, reason: String, hint: Option<String>) {
        self.plan.blocked.push(Blocked::new(address.clone(), reason, hint));
    }

    fn decide(&mut self, desired: &Desired) -> Fact {
        let address = &desired.address;
        let reading = self.view.readings.get(&(address.kind.service(), address.target.clone()));
        let selected = self.selected(address);
        let seen = match reading {
            // Not read: the selection leaves its whole place out.
            None => return Fact::Unread,
            Some(Err(_)) => return Fact::Unreadable,
            Some(Ok(reading)) => reading.found.iter().find(|found| found.address == *address),
        };
        let present = seen.map_or(Fact::Missing, |found| match found.spec.is_unusable() {
            true => Fact::Unusable(found.arn.clone()),
            false => Fact::Present(found.arn.clone()),
        });
        if !selected {
            return present;
        }
        if let Some(found) = seen
            && found.ownership == Ownership::Unmarked
            && !self.view.account.take_over.contains(address.kind.service().as_str())
        {
            self.block(
                address,
                format!("{} bears this name without our tag: a name is not ownership", found.arn),
                Some(format!(
                    "tag it ManagedBy=baseline, or declare `take_over = [\"{}\"]` for account {} in profiles.toml",
                    address.kind.service(),
                    address.target.account
                )),
            );
            return Fact::Blocked;
        }
        if let Some(blocked) = self.obstacle(desired, seen.is_some()) {
            self.plan.blocked.push(blocked);
            return Fact::Blocked;
        }
        let mut spec = desired.spec.clone();
        self.resolve(&mut spec);
        // What is not there yet does not wait for anybody: that can be told once it is made.
        if let Some(waiting) = seen.and_then(|found| found.spec.undelivered()) {
            let (address, Kept { reason, hint }) = (address.clone(), waiting);
            self.plan.undelivered.push(Undelivered { address, reason, hint });
        }
        let Some(found) = seen else {
            let taken = taken(self.view.readings).find(|taken| taken.address == *address);
            let freed = taken.and_then(|taken| taken.by.as_ref()).filter(|by| self.is_changed(by)).cloned();
            match (taken, freed) {
                (None, _) => self.change(desired, Action::Create, spec, None),
                (Some(_), Some(by)) => {
                    let requires = [desired.requires.as_slice(), &[by]].concat();
                    self.change(&Desired { requires, ..desired.clone() }, Action::Create, spec, None);
                }
                (Some(Taken { kept: Kept { reason, hint }, .. }), None) => {
                    self.block(address, reason.clone(), Some(hint.clone()));
                    return Fact::Blocked;
                }
            }
            return Fact::Coming;
        };
        let account = self.view.account;
        let terms = Terms {
            address: Some(address.clone()),
            running_hop: account.hop.clone(),
            take_over: account.take_over.contains(address.kind.service().as_str()),
            ..self.view.terms.clone()
        };
        for kept in spec.adopt(&found.spec, &terms) {
            self.block(address, kept.reason, Some(kept.hint));
        }
        if spec == found.spec {
            self.plan.in_sync += 1;
            *self.in_sync.entry(address.kind.service()).or_default() += 1;
            return present;
        }
        self.change(desired, Action::Update, spec, Some(found.clone()));
        present
    }

    /// Whether it is put right in this plan.
    fn is_changed(&self, address: &Address) -> bool {
        self.plan.changes.iter().any(|change| change.address == *address && change.action == Action::Update)
    }

    /// What keeps a resource from being looked at: something it says itself, or a requirement that is not known to be,
    /// or to be coming. What exists does not wait for a requirement that the run was narrowed away from, unless it can
    /// only be compared by that one's ARN.
    fn obstacle(&self, desired: &Desired, exists: bool) -> Option<Blocked> {
        if let Some(Kept { reason, hint }) = &desired.obstacle {
            return Some(Blocked::new(desired.address.clone(), reason.clone(), Some(hint.clone())));
        }
        let waits = |required: &Address, why: &str, hint: Option<&str>| {
            let reason = format!("it requires {required}, which {why}");
            let blocked = Blocked::new(desired.address.clone(), reason, hint.map(str::to_owned));
            Some(blocked.waiting_for(required.clone()))
        };
        desired.requires.iter().find_map(|required| match self.facts.get(required) {
            Some(Fact::Present(_) | Fact::Coming) => None,
            Some(Fact::Unusable(_)) if exists => None,
            Some(Fact::Unusable(_)) => {
                let hint = format!("first see to what this plan says of {required}");
                waits(required, "cannot be used", Some(&hint))
            }
            Some(Fact::Unreadable) => waits(required, "could not be read", None),
            Some(Fact::Blocked) => waits(required, "is blocked", None),
            Some(Fact::Unread) | None if exists && !refers_to(&desired.spec, required) => None,
            Some(Fact::Missing | Fact::Unread) | None => waits(
                required,
                "does not exist and is not selected",
                Some("run for that account first, or select it too"),
            ),
        })
    }

    fn resolve(&self, spec: &mut Spec) {
        for reference in spec.references() {
            if let Reference::To(address) = reference
                && let Some(Fact::Present(arn) | Fact::Unusable(arn)) = self.facts.get(address)
            {
                *reference = Reference::Is(arn.clone());
            }
        }
    }

    fn change(&mut self, desired: &Desired, action: Action, spec: Spec, seen: Option<Found>) {
        let depth = desired
            .requires
            .iter()
            .map(|required| match (self.depths.get(required), self.facts.get(required)) {
                (Some(depth), _) => depth + 1,
                (None, Some(Fact::Coming)) => 1,
                _ => 0,
            })
            .max()
            .unwrap_or(0);
        self.depths.insert(desired.address.clone(), depth);
        let (reason, fields) = Change::follows(action, seen.as_ref().map(|found| &found.spec), &spec);
        self.plan.changes.push(Change {
            address: desired.address.clone(),
            action,
            reason,
            fields,
            requires: desired.requires.clone(),
            depth,
            desired: spec,
            seen,
        });
    }

    /// Ours by its tag, and no longer declared: shown, and removed only on request and never before what replaces it
    /// was seen to be as it should.
    fn orphans(&mut self) {
        if self.view.orphans == Orphans::Ignored {
            return;
        }
        let prune = self.view.orphans == Orphans::Removed;
        let mut declared: BTreeSet<&Address> = self.view.desired.iter().map(|desired| &desired.address).collect();
        declared.extend(self.view.declared_besides);
        let mut wanted: BTreeMap<Service, usize> = BTreeMap::new();
        for desired in self.view.desired {
            *wanted.entry(desired.address.kind.service()).or_default() += 1;
        }
        // In sync and not merely unchanged: what the selection leaves out may not exist at all.
        let unknown: BTreeSet<Service> =
            self.plan.unreadable.iter().filter_map(|unreadable| unreadable.service).collect();
        let held: BTreeSet<Service> = self.plan.blocked.iter().map(|blocked| blocked.address.kind.service()).collect();
        let is_settled = |service: Service| {
            self.in_sync.get(&service).copied().unwrap_or(0) == wanted.get(&service).copied().unwrap_or(0)
                && !unknown.contains(&service)
                && !held.contains(&service)
        };
        let found = self.view.readings.values().filter_map(|reading| reading.as_ref().ok()).flat_map(|r| &r.found);
        let orphans: Vec<(&Found, bool)> = found
            .filter(|found| found.ownership == Ownership::Ours && !declared.contains(&found.address))
            .filter(|found| self.selected(&found.address))
            .map(|found| (found, is_settled(found.address.kind.service())))
            .collect();
        for (orphan, settled) in orphans {
            let fate = match (prune, settled) {
                (false, _) => "kept; --prune removes it",
                (true, false) => "kept until what replaces it is as it should be; then --prune removes it",
                (true, true) => "removed",
            };
            self.plan.orphans.push(Orphan { address: orphan.address.clone(), fate: fate.to_owned() });
            if prune && settled {
                let (reason, fields) = Change::follows(Action::Delete, Some(&orphan.spec), &orphan.spec);
                self.plan.changes.push(Change {
                    address: orphan.address.clone(),
                    action: Action::Delete,
                    reason,
                    fields,
                    requires: Vec::new(),
                    depth: 0,
                    desired: orphan.spec.clone(),
                    seen: Some(orphan.clone()),
                });
            }
        }
    }
}

/// Whether a resource names another by an ARN that only AWS knows.
fn refers_to(spec: &Spec, address: &Address) -> bool {
    spec.clone().references().iter().any(|reference| matches!(reference, Reference::To(to) if to == address))
}

/// What the shared policies hold today, from the readings of the accounts that own them.
pub fn shared_of<'a>(found: impl IntoIterator<Item = &'a Found>, profiles: &Profiles, terms: &Terms) -> Shared {
    let mut shared = Shared::default();
    let declared: BTreeSet<_> = profiles.baselined().map(|account| account.id).collect();
    for found in found {
        shared.members.extend(guardduty::troubled(found));
        let Some(policy) = found.spec.shared_policy() else { continue };
        // What a run that is narrowed, or that could not enter an account, does not know of stays admitted.
        shared.opt_in.extend(policy.opt_in_regions());
        shared.foreign_bytes.insert(found.address.clone(), policy.foreign_bytes());
        if found.address.kind == Kind::KmsKey {
            shared.key_admits.extend(policy.services_admitted("kms:GenerateDataKey"));
        }
        if !terms.allow_remove_accounts {
            shared.retained.extend(policy.admitted().into_iter().filter(|id| !declared.contains(id)));
        }
    }
    shared
}

#[cfg(test)]
mod tests;
