//! Looking again, under the lock, at what a plan is about to change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Survey, SurveyOptions};
use crate::config::{Baseline, Profiles};
use crate::model::{Address, Fault, Partition};
use crate::plan::{Action, Change, Fact, Facts, Known, Plan, Selection, Unreadable, check, stale};
use crate::report::Outcome;
use crate::services::{Found, Spec};

/// What is left of a plan after everything it changes was read once more.
#[derive(Debug, Default)]
pub struct Revised {
    /// What is still as the plan saw it: the changes to make, as they were planned just now.
    pub plan: Plan,
    /// What is not, or is as it should be already.
    pub settled: Vec<(Address, Outcome)>,
}

impl Survey<'_> {
    /// Reads again everything that a plan changes, and sorts out what is no longer as the plan saw it.
    ///
    /// The plan is a constraint and nothing more: what is left of it is what was planned afresh, as far as that is what
    /// it says. `options` give the terms; what they select was selected when the plan was made. `made` is the bucket
    /// that the lock had to have and the plan saw none of: it is there by now, and bare unless
    /// somebody else made it meanwhile.
    pub async fn revise(
        &self,
        baseline: &Baseline,
        options: &SurveyOptions,
        plan: &Plan,
        made: Option<&Address>,
    ) -> Revised {
        if plan.changes.is_empty() {
            return Revised::default();
        }
        let options = SurveyOptions {
            selection: Selection::again(&plan.changes),
            terms: options.terms.clone(),
            prune: plan.count(Action::Delete) > 0,
            day: options.day.clone(),
        };
        let known = believed(&plan.known, self.profiles());
        let (now, facts) = self.look(baseline, &options, Some(&known)).await;
        let planned: BTreeSet<Address> = now.changes.iter().map(|change| change.address.clone()).collect();
        let now = check(now, self.profiles(), &options.terms);
        Second { now, facts, planned, made }.settle(plan)
    }
}

/// What a plan says of Regions, as far as the profiles allow it: it may come from a file.
fn believed(known: &Known, profiles: &Profiles) -> Known {
    let of_partition = |region: &&_| Partition::of_region(region).is_none_or(|of| of == profiles.partition);
    let regions = known.regions.iter().filter_map(|(id, regions)| {
        let account = profiles.account(*id)?;
        Some((*id, regions.iter().filter(|region| account.regions.holds(region)).cloned().collect()))
    });
    Known {
        regions: regions.collect(),
        hub: known.hub.iter().filter(of_partition).cloned().collect(),
        opt_in: known.opt_in.iter().filter(of_partition).cloned().collect(),
    }
}

/// A second look.
struct Second<'a> {
    now: Plan,
    facts: Facts,
    /// What would be changed by now, before the linter took out what must not be.
    planned: BTreeSet<Address>,
    made: Option<&'a Address>,
}

impl Second<'_> {
    fn settle(mut self, plan: &Plan) -> Revised {
        let changes = std::mem::take(&mut self.now.changes);
        let mut fresh: BTreeMap<Address, Change> = changes.into_iter().map(|c| (c.address.clone(), c)).collect();
        let mut settled: BTreeMap<&Address, Outcome> = BTreeMap::new();
        let mut left: BTreeMap<&Address, Change> = BTreeMap::new();
        for change in &plan.changes {
            let outcome = match fresh.remove(&change.address) {
                Some(now) => match self.differs(change, &now) {
                    Some(reason) => Outcome::Stale { reason },
                    None => {
                        left.insert(&change.address, now);
                        continue;
                    }
                },
                None => self.gone(change),
            };
            settled.insert(&change.address, outcome);
        }
        self.skip(&mut left, &mut settled);
        // In the plan's order: what is shared comes before what requires it.
        let changes = plan.changes.iter().filter_map(|change| left.remove(&change.address)).collect();
        let settled = plan.changes.iter().filter_map(|change| {
            let (address, outcome) = settled.remove_entry(&change.address)?;
            Some((address.clone(), outcome))
        });
        Revised {
            settled: settled.collect(),
            plan: Plan {
                changes,
                names: plan.names.clone(),
                regions: plan.regions.clone(),
                known: plan.known.clone(),
                ..Plan::default()
            },
        }
    }

    /// In what a change is no longer the one that was planned, in words.
    fn differs(&self, planned: &Change, now: &Change) -> Option<String> {
        // What was to come then may be there by now: it was made as it should be, or it could not be referred to.
        let mut desired = planned.desired.clone();
        for reference in desired.references() {
            reference.resolve(|address| match self.facts.get(address) {
                Some(Fact::Present(arn) | Fact::Unusable(arn)) => Some(arn.clone()),
                _ => None,
            });
        }
        let made =
            self.made == Some(&planned.address) && (planned.action, now.action) == (Action::Create, Action::Update);
        // What somebody made between the plan and the lock bears the same name, and was planned by nobody.
        let is_bare = |found: &Found| matches!(&found.spec, Spec::S3Bucket(bucket) if bucket.is_bare());
        if made && now.seen.as_ref().is_some_and(is_bare) && desired == now.desired {
            return None;
        }
        stale::reason(planned, &desired, now)
    }

    /// What became of a change that would not be made any more.
    fn gone(&self, change: &Change) -> Outcome {
        let address = &change.address;
        let stale = |reason: String| Outcome::Stale { reason };
        // An identity that is not the expected one is an error, and no state of what is there: also where it is that of
        // the account in which something is required.
        let mut needed = std::iter::once(address).chain(&change.requires).flat_map(|one| self.unreadable(one));
        if let Some(unreadable) = needed.find(|unreadable| unreadable.error.fault == Fault::WrongAccount) {
            return Outcome::Failed(unreadable.error.clone());
        }
        if let Some(unreadable) = self.unreadable(address).next() {
            return stale(format!("it could not be read again: {}", unreadable.error));
        }
        let held = self.now.blocked.iter().find(|blocked| blocked.address == *address);
        let held = held.map(|blocked| stale(format!("it is held back by now: {}", blocked.reason)));
        if let (true, Some(held)) = (self.planned.contains(address), &held) {
            // The linter took it out.
            return held.clone();
        }
        if change.action == Action::Delete {
            let orphan = self.now.orphans.iter().find(|orphan| orphan.address == *address);
            return match (orphan, self.facts.get(address)) {
                (Some(orphan), _) => stale(orphan.fate.clone()),
                (None, Some(_)) => stale("it is declared by now, and was not when it was planned".to_owned()),
                (None, None) => Outcome::AlreadySame,
            };
        }
        match (self.facts.get(address), held) {
            (Some(Fact::Present(_) | Fact::Unusable(_)), _) => Outcome::AlreadySame,
            (_, Some(held)) => held,
            (_, None) => stale("nothing is declared there by now".to_owned()),
        }
    }

    /// What could not be read of the place of a resource.
    fn unreadable(&self, address: &Address) -> impl Iterator<Item = &Unreadable> {
        self.now.unreadable.iter().filter(move |unreadable| match unreadable.service {
            Some(service) => service == address.kind.service() && unreadable.target == address.target,
            None => unreadable.target.account == address.target.account,
        })
    }

    /// Whatever requires something that is left alone is not started either, however long the chain.
    fn skip<'a>(&self, left: &mut BTreeMap<&'a Address, Change>, settled: &mut BTreeMap<&'a Address, Outcome>) {
        let mut dependents: BTreeMap<Address, Vec<&'a Address>> = BTreeMap::new();
        for (address, change) in left.iter() {
            for required in &change.requires {
                dependents.entry(required.clone()).or_default().push(address);
            }
        }
        let ended_badly = settled.iter().filter(|(_, outcome)| !outcome.is_well());
        let mut bad: VecDeque<Address> = ended_badly.map(|(address, _)| (*address).clone()).collect();
        while let Some(because) = bad.pop_front() {
            for dependent in dependents.remove(&because).into_iter().flatten() {
                if left.remove(dependent).is_some() {
                    settled.insert(dependent, Outcome::Skipped { because: because.clone() });
                    bad.push_back(dependent.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
