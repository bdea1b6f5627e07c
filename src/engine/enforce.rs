//! From a plan that somebody agreed to, to one outcome per change: lock, look again, write, give the lock back.

use std::collections::BTreeMap;

use super::apply::Apply;
use super::lock::{Lock, LockTerms, NoLock, PlannedBucket};
use super::{Applied, Asked, Revised, Rollout, Stop, Survey, SurveyOptions};
use crate::aws::Chain;
use crate::config::{Baseline, Profiles};
use crate::model::Address;
use crate::plan::Plan;
use crate::report::{Event, Events, Halt, Outcome};

/// Everything that making a plan's changes takes besides the plan.
pub struct Enforce<'a> {
    /// The ways into the accounts.
    pub chain: &'a Chain,
    /// Who and where.
    pub profiles: &'a Profiles,
    /// What.
    pub baseline: &'a Baseline,
    /// What the plan was narrowed to and allowed.
    pub options: &'a SurveyOptions,
    /// In which order, and how many failures end it.
    pub rollout: &'a Rollout,
    /// The lock.
    pub lock: &'a LockTerms,
    /// Whether to go on.
    pub stop: &'a Stop,
    /// Who is told.
    pub events: &'a Events,
}

impl Enforce<'_> {
    /// Makes the changes of a plan that are still right, and nothing else. `before` are changes that were agreed to
    /// besides, and have ended already.
    pub async fn run(&self, plan: &Plan, before: &[(Address, Outcome)]) -> Applied {
        if !self.events.may_change() {
            return self.not_started(plan, Halt::NoRecord, None);
        }
        let taken = Lock::take(self.chain, self.profiles, self.baseline, plan, self.lock, self.stop, self.events).await;
        let lock = match taken {
            Ok(lock) => lock,
            Err(NoLock { why, begun }) => return self.not_started(plan, why, begun.as_ref()),
        };
        let PlannedBucket { made, begun } = lock.bucket();
        let begun = made.as_ref().filter(|_| *begun);
        let survey = Survey::new(self.chain, self.profiles, self.events);
        let revised = tokio::select! {
            biased;
            // Nothing is under way yet.
            () = self.stop.until(Asked::Finish) => Err(Halt::Interrupted),
            () = lock.lost() => Err(Halt::LockLost),
            revised = survey.revise(self.baseline, self.options, plan, made.as_ref()) => Ok(revised),
        };
        let applied = match revised {
            Ok(revised) => self.apply(plan, revised, before, &lock, begun).await,
            Err(why) => self.not_started(plan, why, begun),
        };
        lock.release().await;
        applied
    }

    /// Makes what is left of the plan; answers every change of it.
    async fn apply(
        &self,
        plan: &Plan,
        revised: Revised,
        before: &[(Address, Outcome)],
        lock: &Lock,
        begun: Option<&Address>,
    ) -> Applied {
        for (address, outcome) in &revised.settled {
            self.events.tell(Event::ChangeEnded { address: address.clone(), outcome: outcome.clone() });
        }
        let settled = [before, &revised.settled].concat();
        let apply = Apply {
            chain: self.chain,
            profiles: self.profiles,
            baseline: self.baseline,
            options: self.options,
            rollout: self.rollout,
            agreed: plan,
            settled: &settled,
            begun,
            stop: self.stop,
            events: self.events,
        };
        let applied = apply.run(&revised.plan, lock.lost()).await;
        let mut outcomes: BTreeMap<Address, Outcome> = revised.settled.into_iter().chain(applied.outcomes).collect();
        let outcomes = plan.changes.iter().filter_map(|change| outcomes.remove_entry(&change.address)).collect();
        Applied { outcomes, ..applied }
    }

    /// Every change, when the run ended before its turn came. `begun` is the bucket that the lock was to be put into.
    fn not_started(&self, plan: &Plan, why: Halt, begun: Option<&Address>) -> Applied {
        self.events.tell(Event::Halted { why: why.clone() });
        let mut outcomes = Vec::new();
        for change in &plan.changes {
            let address = change.address.clone();
            let outcome = match (begun, &why) {
                (Some(bucket), Halt::NoLock { error }) if *bucket == address => Outcome::Failed((**error).clone()),
                (Some(bucket), Halt::NoLock { .. }) => Outcome::Skipped { because: bucket.clone() },
                (Some(bucket), _) if *bucket == address => Outcome::Stale {
                    reason: format!("it was made and closed to the public, for the lock to be put into it, and {why}"),
                },
                _ => Outcome::NotStarted { why: why.clone() },
            };
            self.events.tell(Event::ChangeEnded { address: address.clone(), outcome: outcome.clone() });
            outcomes.push((address, outcome));
        }
        Applied { outcomes, halted: Some(why), waits: Vec::new() }
    }
}
