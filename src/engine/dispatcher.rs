//! What may start, what waits, and what never will: all of a run's state, without a runtime, so that any interleaving of
//! events can be tried.

mod queue;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use self::queue::Bounds;
use self::queue::Queue;
use super::Rollout;
use crate::model::{AccountId, Address, Arn, Fault, OpError};
use crate::plan::{Change, Plan};
use crate::report::{Halt, Outcome, Trouble, Wave};

/// How many accounts a [`Halt`] names.
const NAMED: usize = 5;

/// What a dispatcher is told.
#[derive(Debug)]
pub(super) enum Happened {
    /// A change that was started has ended; with the ARN of what it made.
    Ended(usize, Result<Option<Arn>, OpError>),
    /// A change failed in a part that nothing else waits for: what requires it may start, with the ARN of what is there.
    EndedInPart(usize, Arn, OpError),
    /// Nothing new should be started.
    AskedToFinish,
    /// Nor should anything under way be waited for.
    AskedToLeave,
    /// Somebody else may be writing.
    LockLost,
    /// The canary was read again; what is not as it should be there.
    CanaryRead(Option<String>),
}

/// What a dispatcher decides.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision {
    /// A wave starts: with this many accounts and changes.
    Open { wave: Wave, accounts: usize, changes: usize },
    /// This change is to be started.
    Start(usize),
    /// This is how a change ended.
    End(usize, Outcome),
    /// This account is to be read again.
    ReadCanary(AccountId),
    /// Nothing is started from here on.
    Halt(Halt),
    /// Every change has ended.
    Over,
}

/// What a run goes by besides its plan.
pub(super) struct Terms<'a> {
    /// How many failures end it, and who goes first.
    pub rollout: &'a Rollout,
    /// When an account's turn is.
    pub wave: &'a dyn Fn(AccountId) -> Wave,
    /// Changes that people agreed to and that have ended already, since the plan was looked through once more.
    pub settled: &'a [(Address, Outcome)],
    /// Whether the canary could not be read when the plan was made.
    pub canary_unread: bool,
    /// How much happens at the same time.
    pub bounds: Bounds,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Running,
    /// It waits for the canary to be read again.
    Reading,
    Halted(Halt),
}

/// One step of the rollout.
struct Step {
    wave: Wave,
    /// The accounts with a change in it, also those whose changes had ended before.
    accounts: BTreeSet<AccountId>,
    changes: usize,
    /// Changes that have not ended.
    open: usize,
    failed: BTreeSet<AccountId>,
    /// Accounts with a change that did not end well.
    unwell: BTreeSet<AccountId>,
    queue: Queue,
}

/// What has ended, what may start, and what never will.
pub(super) struct Dispatcher<'a> {
    plan: &'a Plan,
    /// By change: the changes that require it.
    dependents: Vec<Vec<usize>>,
    /// By change: how many of its requirements have not ended well yet.
    awaited: Vec<usize>,
    outcomes: Vec<Option<Outcome>>,
    /// How many have none yet.
    open: usize,
    under_way: BTreeSet<usize>,
    arns: BTreeMap<Address, Arn>,
    /// By change: the step it belongs to.
    step_of: Vec<usize>,
    steps: Vec<Step>,
    current: usize,
    phase: Phase,
    over: bool,
    rollout: &'a Rollout,
    /// The account that is looked at before the rest follows, and the step it is looked at after.
    canary: Option<(AccountId, usize)>,
    canary_unread: bool,
    decisions: Vec<Decision>,
}

impl<'a> Dispatcher<'a> {
    /// Prepares a run, and decides what comes first.
    pub(super) fn start(plan: &'a Plan, terms: &Terms<'a>) -> (Self, Vec<Decision>) {
        let account = |change: usize| plan.changes[change].address.target.account;
        let (dependents, awaited) = graph(plan);
        let (waves, stuck) = waves(plan, &dependents, &awaited, terms.wave);

        let canary = terms.rollout.canary.map(|id| (id, (terms.wave)(id)));
        let settled = terms.settled.iter().map(|(address, outcome)| (address.target.account, outcome));
        let settled: Vec<_> = settled.map(|(id, outcome)| ((terms.wave)(id), id, outcome)).collect();
        let mut known: BTreeSet<Wave> = waves.iter().copied().chain(settled.iter().map(|(wave, ..)| *wave)).collect();
        known.extend(canary.filter(|_| terms.canary_unread).map(|(_, wave)| wave));
        let mut steps: Vec<Step> = known.iter().map(|wave| Step::new(*wave, terms.bounds)).collect();
        let position: BTreeMap<Wave, usize> = known.into_iter().enumerate().map(|(at, wave)| (wave, at)).collect();
        let step_of: Vec<usize> = waves.iter().map(|wave| position[wave]).collect();
        for (change, step) in step_of.iter().enumerate() {
            let step = &mut steps[*step];
            step.accounts.insert(account(change));
            step.changes += 1;
            step.open += 1;
        }
        for (wave, id, outcome) in &settled {
            steps[position[wave]].note(*id, outcome);
        }
        let canary = canary.and_then(|(id, wave)| {
            let step = *position.get(&wave)?;
            (terms.canary_unread || steps[step].accounts.contains(&id)).then_some((id, step))
        });
        let mut dispatcher = Dispatcher {
            plan,
            dependents,
            awaited,
            outcomes: vec![None; plan.changes.len()],
            open: plan.changes.len(),
            under_way: BTreeSet::new(),
            arns: BTreeMap::new(),
            step_of,
            steps,
            current: 0,
            phase: Phase::Running,
            over: false,
            rollout: terms.rollout,
            canary,
            canary_unread: terms.canary_unread,
            decisions: Vec::new(),
        };
        dispatcher.skip_from_the_start(terms.settled, &stuck);
        for change in 0..plan.changes.len() {
            if dispatcher.awaited[change] == 0 && dispatcher.outcomes[change].is_none() {
                dispatcher.steps[dispatcher.step_of[change]].queue.push(account(change), change);
            }
        }
        dispatcher.open_step();
        dispatcher.go_on();
        let decisions = std::mem::take(&mut dispatcher.decisions);
        (dispatcher, decisions)
    }

    /// Takes in what happened, and decides.
    pub(super) fn on(&mut self, happened: Happened) -> Vec<Decision> {
        match happened {
            Happened::Ended(change, Ok(arn)) => self.change_ended(change, Outcome::Applied, arn),
            Happened::Ended(change, Err(error)) => self.change_ended(change, Outcome::Failed(error), None),
            Happened::EndedInPart(change, arn, error) => {
                self.change_ended(change, Outcome::Failed(error), Some(arn));
            }
            Happened::AskedToFinish => self.halt(Halt::Interrupted),
            // In the third of its lease that is left, calls in flight end; what is half made would be worse.
            Happened::LockLost => self.halt(Halt::LockLost),
            Happened::AskedToLeave => {
                self.halt(Halt::Interrupted);
                for change in std::mem::take(&mut self.under_way) {
                    self.end(change, Outcome::Failed(left(&self.plan.changes[change])));
                }
            }
            Happened::CanaryRead(found) => {
                if let (Phase::Reading, Some((account, _))) = (&self.phase, self.canary) {
                    self.phase = Phase::Running;
                    match found {
                        Some(found) => self.halt(Halt::Canary { account, trouble: Trouble::Found(found) }),
                        None => self.canary = None,
                    }
                }
            }
        }
        self.go_on();
        std::mem::take(&mut self.decisions)
    }

    /// The ARNs of what a change requires, as far as this run made it.
    pub(super) fn known(&self, change: &Change) -> BTreeMap<Address, Arn> {
        let made = |address: &Address| Some((address.clone(), self.arns.get(address)?.clone()));
        change.requires.iter().filter_map(made).collect()
    }

    /// The changes that belong to a step after the one the canary is looked at.
    pub(super) fn after_canary(&self) -> BTreeSet<&'a Address> {
        let Some((_, canary)) = self.canary else { return BTreeSet::new() };
        let steps = self.plan.changes.iter().zip(&self.step_of);
        steps.filter(|(_, step)| **step > canary).map(|(change, _)| &change.address).collect()
    }

    /// Why nothing was started from some point on.
    pub(super) fn halted(&self) -> Option<&Halt> {
        match &self.phase {
            Phase::Halted(why) => Some(why),
            _ => None,
        }
    }

    /// Skips what requires something that ended badly before the run, or itself.
    fn skip_from_the_start(&mut self, settled: &[(Address, Outcome)], stuck: &BTreeSet<usize>) {
        let bad: BTreeSet<&Address> =
            settled.iter().filter(|(_, outcome)| !outcome.is_well()).map(|(address, _)| address).collect();
        for (index, change) in self.plan.changes.iter().enumerate() {
            let because = change.requires.iter().find(|required| bad.contains(required));
            if let (Some(because), None) = (because, &self.outcomes[index]) {
                self.skip(index, because.clone());
            }
        }
        let plan = self.plan;
        let stuck_addresses: BTreeSet<&Address> = stuck.iter().map(|index| &plan.changes[*index].address).collect();
        for index in stuck {
            let because = plan.changes[*index].requires.iter().find(|it| stuck_addresses.contains(it)).cloned();
            if let (Some(because), None) = (because, &self.outcomes[*index]) {
                self.skip(*index, because);
            }
        }
    }

    /// Takes in how a change ended. With an ARN, or where it was made, what requires it may start.
    fn change_ended(&mut self, change: usize, outcome: Outcome, arn: Option<Arn>) {
        if !self.under_way.remove(&change) {
            // It was left, and its outcome told.
            return;
        }
        self.steps[self.step_of[change]].queue.ended(self.plan.changes[change].address.target.account);
        let serves = arn.is_some() || outcome == Outcome::Applied;
        if let Some(arn) = arn {
            self.arns.insert(self.plan.changes[change].address.clone(), arn);
        }
        match outcome {
            Outcome::Failed(_) if serves => self.end_in_part(change, outcome),
            _ => self.end(change, outcome),
        }
        if !serves {
            self.skip_dependents(change);
            return;
        }
        for dependent in self.dependents[change].clone() {
            self.awaited[dependent] -= 1;
            if self.awaited[dependent] == 0 && self.outcomes[dependent].is_none() {
                let account = self.plan.changes[dependent].address.target.account;
                self.steps[self.step_of[dependent]].queue.push(account, dependent);
            }
        }
    }

    fn skip(&mut self, change: usize, because: Address) {
        self.end(change, Outcome::Skipped { because });
        self.skip_dependents(change);
    }

    /// Skips everything that required a change, each thing naming what it required itself.
    fn skip_dependents(&mut self, change: usize) {
        let mut bad = vec![change];
        while let Some(change) = bad.pop() {
            for dependent in self.dependents[change].clone() {
                if self.outcomes[dependent].is_none() {
                    self.end(dependent, Outcome::Skipped { because: self.plan.changes[change].address.clone() });
                    bad.push(dependent);
                }
            }
        }
    }

    fn end(&mut self, change: usize, outcome: Outcome) {
        let account = self.plan.changes[change].address.target.account;
        self.steps[self.step_of[change]].note(account, &outcome);
        self.tell(change, outcome);
    }

    /// The same for a failure in a part that nobody waits for: it is told, and ends no wave.
    fn end_in_part(&mut self, change: usize, outcome: Outcome) {
        let account = self.plan.changes[change].address.target.account;
        self.steps[self.step_of[change]].unwell.insert(account);
        self.tell(change, outcome);
    }

    fn tell(&mut self, change: usize, outcome: Outcome) {
        self.open -= 1;
        self.steps[self.step_of[change]].open -= 1;
        self.outcomes[change] = Some(outcome.clone());
        self.decisions.push(Decision::End(change, outcome));
    }

    fn halt(&mut self, why: Halt) {
        if self.over || matches!(self.phase, Phase::Halted(_)) {
            return;
        }
        self.phase = Phase::Halted(why.clone());
        self.decisions.push(Decision::Halt(why.clone()));
        for change in 0..self.outcomes.len() {
            if self.outcomes[change].is_none() && !self.under_way.contains(&change) {
                self.end(change, Outcome::NotStarted { why: why.clone() });
            }
        }
    }

    /// Goes as far as it can without anything else happening.
    fn go_on(&mut self) {
        loop {
            if self.open == 0 {
                if !self.over {
                    self.over = true;
                    self.decisions.push(Decision::Over);
                }
                return;
            }
            if self.phase != Phase::Running {
                return;
            }
            if self.steps[self.current].open > 0 {
                self.start_what_may();
                return;
            }
            if let Some(why) = self.canary_trouble().or_else(|| self.too_many_failures()) {
                self.halt(why);
            } else if let Some((account, _)) = self.canary.filter(|(_, step)| *step == self.current) {
                self.phase = Phase::Reading;
                self.decisions.push(Decision::ReadCanary(account));
            } else {
                self.current += 1;
                self.open_step();
            }
        }
    }

    fn open_step(&mut self) {
        if let Some(step) = self.steps.get(self.current).filter(|step| step.open > 0) {
            self.decisions.push(Decision::Open {
                wave: step.wave,
                accounts: step.accounts.len(),
                changes: step.changes,
            });
        }
    }

    fn start_what_may(&mut self) {
        while let Some(change) = self.steps[self.current].queue.next() {
            self.under_way.insert(change);
            self.decisions.push(Decision::Start(change));
        }
    }

    /// What is wrong with the canary after the step it belongs to, as far as that is known without reading it.
    fn canary_trouble(&self) -> Option<Halt> {
        let (account, step) = self.canary.filter(|(_, step)| *step == self.current)?;
        let trouble = if self.canary_unread {
            Trouble::Unread
        } else if self.steps[..=step].iter().any(|step| step.unwell.contains(&account)) {
            Trouble::Change
        } else {
            return None;
        };
        Some(Halt::Canary { account, trouble })
    }

    /// Whether more accounts failed than are tolerated: in the step that is over, or in all so far.
    fn too_many_failures(&self) -> Option<Halt> {
        let step = &self.steps[self.current];
        let halt = |failed: &BTreeSet<AccountId>, accounts: usize, overall: bool| {
            let tolerance = if overall { self.rollout.max_failures_overall } else { self.rollout.max_failures };
            let tolerated = tolerance.of(accounts);
            (failed.len() > tolerated).then(|| Halt::TooManyFailures {
                wave: step.wave,
                failed: failed.len(),
                accounts: failed.iter().take(NAMED).copied().collect(),
                tolerated,
                overall,
            })
        };
        halt(&step.failed, step.accounts.len(), false).or_else(|| {
            let failed = self.steps.iter().flat_map(|step| step.failed.iter().copied()).collect();
            let accounts: BTreeSet<AccountId> = self.steps.iter().flat_map(|step| &step.accounts).copied().collect();
            halt(&failed, accounts.len(), true)
        })
    }
}

impl Step {
    fn new(wave: Wave, bounds: Bounds) -> Self {
        Step {
            wave,
            accounts: BTreeSet::new(),
            changes: 0,
            open: 0,
            failed: BTreeSet::new(),
            unwell: BTreeSet::new(),
            queue: Queue::new(bounds),
        }
    }

    fn note(&mut self, account: AccountId, outcome: &Outcome) {
        self.accounts.insert(account);
        if outcome.is_error() {
            self.failed.insert(account);
        }
        if !outcome.is_well() && !outcome.is_not_offered() {
            self.unwell.insert(account);
        }
    }
}

/// By change: what requires it, and how many changes of the plan it requires.
fn graph(plan: &Plan) -> (Vec<Vec<usize>>, Vec<usize>) {
    let index: HashMap<&Address, usize> =
        plan.changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect();
    let mut dependents = vec![Vec::new(); plan.changes.len()];
    let mut awaited = vec![0; plan.changes.len()];
    for (dependent, change) in plan.changes.iter().enumerate() {
        let required: BTreeSet<usize> =
            change.requires.iter().filter_map(|address| index.get(address)).copied().collect();
        for required in required {
            dependents[required].push(dependent);
            awaited[dependent] += 1;
        }
    }
    (dependents, awaited)
}

/// By change: its wave. That is its account's, or the latest one that it requires something of: a holder's change that
/// waits for an account of wave 3 is made in wave 3, rather than that account be changed before its turn.
///
/// Besides, the changes that require themselves, and what requires those: they can never start.
fn waves(
    plan: &Plan,
    dependents: &[Vec<usize>],
    awaited: &[usize],
    wave: &dyn Fn(AccountId) -> Wave,
) -> (Vec<Wave>, BTreeSet<usize>) {
    let mut waves: Vec<Wave> = plan.changes.iter().map(|change| wave(change.address.target.account)).collect();
    let mut awaited = awaited.to_vec();
    let mut free: Vec<usize> = (0..awaited.len()).filter(|change| awaited[*change] == 0).collect();
    let mut stuck: BTreeSet<usize> = (0..awaited.len()).collect();
    while let Some(change) = free.pop() {
        stuck.remove(&change);
        for dependent in &dependents[change] {
            waves[*dependent] = waves[*dependent].max(waves[change]);
            awaited[*dependent] -= 1;
            if awaited[*dependent] == 0 {
                free.push(*dependent);
            }
        }
    }
    for change in &stuck {
        waves[*change] = wave(plan.changes[*change].address.target.account);
    }
    (waves, stuck)
}

/// What is said of a change that was under way when the run was left.
fn left(change: &Change) -> OpError {
    OpError {
        account: change.address.target.account,
        region: change.address.target.region.clone(),
        role: None,
        service: change.address.kind.service().as_str().to_owned(),
        operation: "Apply".to_owned(),
        fault: Fault::Interrupted,
        code: None,
        message: "the run was left before the answer came: whether AWS took the change is not known".to_owned(),
        request_id: None,
        attempts: 0,
        hint: Some("run it again: what was made is found, and the rest is made then".to_owned()),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
