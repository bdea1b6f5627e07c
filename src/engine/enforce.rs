//! From a plan that somebody agreed to, to one outcome per change: lock, look again, write, give the lock back.

use std::collections::BTreeMap;

use super::lock::{Lock, LockTerms, NoLock};
use super::{Applied, Rollout, Stop, Survey, SurveyOptions, apply};
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
    /// Makes the changes of a plan that are still right, and nothing else.
    ///
    /// # Errors
    ///
    /// The lock could not be asked for. That somebody else has it is no error: nothing was started then.
    pub async fn run(&self, plan: &Plan) -> Result<Applied, NoLock> {
        let taken = Lock::take(self.chain, self.profiles, self.baseline, plan, self.lock, self.stop, self.events).await;
        let lock = match taken {
            Ok(lock) => lock,
            Err(NoLock::Halted(why)) => {
                self.events.tell(Event::Halted { why: why.clone() });
                let not_started = |address: Address| (address, Outcome::NotStarted { why: why.clone() });
                let outcomes = plan.changes.iter().map(|change| not_started(change.address.clone())).collect();
                return Ok(Applied { outcomes, halted: Some(why) });
            }
            Err(error) => return Err(error),
        };
        let survey = Survey::new(self.chain, self.profiles, self.events);
        let revised = survey.revise(self.baseline, self.options, plan, lock.made()).await;
        for (address, outcome) in &revised.settled {
            self.events.tell(Event::ChangeEnded { address: address.clone(), outcome: outcome.clone() });
        }
        let (stopper, stop) = Stop::new();
        let applied = tokio::select! {
            applied = apply(self.chain, self.profiles, &revised.plan, self.rollout, &stop, self.events) => applied,
            () = stopper.follow(self.stop, lock.lost(), Halt::LockLost) => Applied::default(),
        };
        lock.release().await;
        let mut outcomes: BTreeMap<Address, Outcome> = revised.settled.into_iter().chain(applied.outcomes).collect();
        let outcomes = plan.changes.iter().filter_map(|change| outcomes.remove_entry(&change.address)).collect();
        Ok(Applied { outcomes, halted: applied.halted })
    }
}
