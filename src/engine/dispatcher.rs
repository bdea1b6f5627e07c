//! What may start, what waits, and what never will: all of a run's state, without a runtime, so that any interleaving of
//! events can be tried.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::{Address, Arn, OpError};
use crate::plan::{Change, Plan};
use crate::report::{Halt, Outcome};

/// What has ended, what may start, and what never will.
pub(super) struct Run<'a> {
    plan: &'a Plan,
    /// By change: the changes that require it.
    dependents: Vec<Vec<usize>>,
    /// By change: how many of its requirements have not been applied yet.
    awaited: Vec<usize>,
    outcomes: Vec<Option<Outcome>>,
    arns: BTreeMap<Address, Arn>,
    /// By change: its account's wave.
    waves: Vec<u32>,
    /// By wave: how many changes have not ended.
    open: BTreeMap<u32, usize>,
    /// By wave: the changes that may start.
    ready: BTreeMap<u32, VecDeque<usize>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(plan: &'a Plan, wave: impl Fn(&Change) -> u32) -> Self {
        let index: HashMap<&Address, usize> =
            plan.changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect();
        let mut dependents = vec![Vec::new(); plan.changes.len()];
        let mut awaited = vec![0; plan.changes.len()];
        for (dependent, change) in plan.changes.iter().enumerate() {
            for required in change.requires.iter().filter_map(|address| index.get(address)) {
                dependents[*required].push(dependent);
                awaited[dependent] += 1;
            }
        }
        let waves: Vec<u32> = plan.changes.iter().map(wave).collect();
        let mut open = BTreeMap::new();
        let mut ready: BTreeMap<u32, VecDeque<usize>> = BTreeMap::new();
        for (change, wave) in waves.iter().enumerate() {
            *open.entry(*wave).or_default() += 1;
            if awaited[change] == 0 {
                ready.entry(*wave).or_default().push_back(change);
            }
        }
        let outcomes = vec![None; plan.changes.len()];
        Run { plan, dependents, awaited, outcomes, arns: BTreeMap::new(), waves, open, ready }
    }

    /// The ARNs of what a change requires, as far as this run made it.
    pub(super) fn known(&self, change: &Change) -> BTreeMap<Address, Arn> {
        let made = |address: &Address| Some((address.clone(), self.arns.get(address)?.clone()));
        change.requires.iter().filter_map(made).collect()
    }

    /// The next change to start: one of the earliest wave that is not over.
    ///
    /// With nothing under way (`idle`) a later wave's change may go first: only something that the earlier wave
    /// requires can hold it up then.
    pub(super) fn next(&mut self, idle: bool) -> Option<usize> {
        let current = *self.open.iter().find(|(_, open)| **open > 0)?.0;
        if let Some(change) = self.ready.get_mut(&current).and_then(VecDeque::pop_front) {
            return Some(change);
        }
        if !idle {
            return None;
        }
        self.ready.values_mut().find_map(VecDeque::pop_front)
    }

    fn end(&mut self, change: usize, outcome: Outcome) {
        self.outcomes[change] = Some(outcome);
        if let Some(open) = self.open.get_mut(&self.waves[change]) {
            *open -= 1;
        }
    }

    /// Notes how a change ended; answers it and what else ended by that: everything that required it, if it failed.
    pub(super) fn ended(&mut self, index: usize, result: Result<Option<Arn>, OpError>) -> Vec<(usize, Outcome)> {
        match result {
            Ok(arn) => {
                if let Some(arn) = arn {
                    self.arns.insert(self.plan.changes[index].address.clone(), arn);
                }
                for dependent in self.dependents[index].clone() {
                    self.awaited[dependent] -= 1;
                    if self.awaited[dependent] == 0 && self.outcomes[dependent].is_none() {
                        self.ready.entry(self.waves[dependent]).or_default().push_back(dependent);
                    }
                }
                self.end(index, Outcome::Applied);
                vec![(index, Outcome::Applied)]
            }
            Err(error) => {
                let failed = Outcome::Failed(error);
                self.end(index, failed.clone());
                let mut ended = vec![(index, failed)];
                let mut next = 0;
                while let Some((bad, _)) = ended.get(next) {
                    let because = self.plan.changes[*bad].address.clone();
                    for dependent in self.dependents[*bad].clone() {
                        if self.outcomes[dependent].is_none() {
                            let skipped = Outcome::Skipped { because: because.clone() };
                            self.end(dependent, skipped.clone());
                            ended.push((dependent, skipped));
                        }
                    }
                    next += 1;
                }
                ended
            }
        }
    }

    pub(super) fn finish(self) -> Vec<(Address, Outcome)> {
        let outcomes =
            self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::NotStarted { why: Halt::Interrupted }));
        self.plan.changes.iter().map(|change| change.address.clone()).zip(outcomes).collect()
    }
}

#[cfg(test)]
mod tests;
