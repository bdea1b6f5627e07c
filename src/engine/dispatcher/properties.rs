//! Any plan, any order of events: what has to hold whatever happens. `PROPTEST_CASES` says how many runs are tried.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::tests::{account, address, change, failure};
use super::*;
use crate::config::Tolerance;

/// Runs that are tried where nobody says how many: a few seconds.
const CASES: u32 = 4000;
const ACCOUNTS: usize = 6;

#[derive(Debug, Clone)]
struct Case {
    /// By change: its account, what it requires among the changes, and among what was settled before.
    changes: Vec<(usize, Vec<usize>, Vec<usize>)>,
    /// What was settled before: its account, and whether it ended well.
    settled: Vec<(usize, bool)>,
    waves: Vec<u32>,
    canary: Option<usize>,
    canary_unread: bool,
    max_failures: Tolerance,
    max_failures_overall: Tolerance,
    bounds: Bounds,
    /// What happens, one after the other.
    script: Vec<(u8, usize)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let tolerance = || prop_oneof![(0..4usize).prop_map(Tolerance::Accounts), (0..=100u8).prop_map(Tolerance::Percent)];
    let change = (0..ACCOUNTS, prop::collection::vec(0..16usize, 0..3), prop::collection::vec(0..4usize, 0..2));
    (
        (prop::collection::vec(change, 0..16), any::<[bool; 4]>()),
        prop::collection::vec((0..ACCOUNTS, any::<bool>()), 0..4),
        prop::collection::vec(0..4u32, ACCOUNTS),
        prop::option::of(0..ACCOUNTS),
        prop::bool::weighted(0.1),
        tolerance(),
        tolerance(),
        (1..5usize, 1..4usize, 1..4usize),
        prop::collection::vec((any::<u8>(), any::<usize>()), 0..40),
    )
        .prop_map(|((mut changes, odd), settled, waves, canary, canary_unread, wave, overall, bounds, script)| {
            let circular = odd == [true; 4];
            for (index, (_, requires, before)) in changes.iter_mut().enumerate() {
                // In a sixteenth of the plans something may require itself, or what comes later.
                requires.retain(|required| circular || *required < index);
                before.retain(|required| *required < settled.len());
            }
            let count = changes.len();
            changes.iter_mut().for_each(|(_, requires, _)| requires.retain(|required| *required < count));
            Case {
                changes,
                settled,
                waves,
                canary,
                canary_unread,
                max_failures: wave,
                max_failures_overall: overall,
                bounds: Bounds { changes: bounds.0, per_account: bounds.1, accounts: bounds.2 },
                script,
            }
        })
}

impl Case {
    /// The first account holds what the others need.
    fn wave(&self, id: AccountId) -> Wave {
        let number: usize = id.as_str().parse().unwrap();
        match number {
            0 => Wave::Holders,
            _ if Some(number) == self.canary => Wave::Canary,
            _ => Wave::Declared(self.waves[number]),
        }
    }

    /// A change's wave, worked out in another way: `None` where it can never start.
    fn turn(&self, index: usize, above: &[usize]) -> Option<Wave> {
        if above.contains(&index) {
            return None;
        }
        let above = [above, &[index]].concat();
        let (number, requires, _) = &self.changes[index];
        let mut turn = self.wave(account(*number));
        for required in requires {
            turn = turn.max(self.turn(*required, &above)?);
        }
        Some(turn)
    }
}

/// What was seen of a run.
struct Watch<'a> {
    case: &'a Case,
    plan: &'a Plan,
    settled: &'a [(Address, Outcome)],
    turns: Vec<Option<Wave>>,
    started: BTreeSet<usize>,
    under_way: BTreeSet<usize>,
    ended: BTreeMap<usize, Outcome>,
    failed_by_us: BTreeSet<usize>,
    halt: Option<Halt>,
    reading: bool,
    canary_passed: bool,
    left: bool,
    /// Whether it was told to start nothing new.
    stopped: bool,
    over: bool,
}

impl Watch<'_> {
    fn see(&mut self, decisions: Vec<Decision>) -> Result<(), TestCaseError> {
        for decision in decisions {
            prop_assert!(!self.over, "after the end: {decision:?}");
            match decision {
                Decision::Open { wave, .. } => self.may_open(wave)?,
                Decision::Start(change) => self.may_start(change)?,
                Decision::End(change, outcome) => self.may_end(change, outcome)?,
                Decision::ReadCanary(id) => {
                    prop_assert_eq!(Some(id), self.case.canary.map(account));
                    prop_assert!(self.halt.is_none() && !self.reading && !self.canary_passed);
                    self.reading = true;
                }
                Decision::Halt(why) => {
                    prop_assert!(self.halt.is_none(), "halted twice");
                    self.halt = Some(why);
                    self.reading = false;
                }
                Decision::Over => {
                    prop_assert!(self.under_way.is_empty());
                    prop_assert_eq!(self.ended.len(), self.plan.changes.len(), "one outcome each");
                    self.over = true;
                }
            }
        }
        prop_assert!(self.over || !self.under_way.is_empty() || self.reading, "nothing will ever happen again");
        prop_assert!(self.over || !self.stopped || self.halt.is_some(), "it goes on although it was told to stop");
        Ok(())
    }

    fn may_start(&mut self, change: usize) -> Result<(), TestCaseError> {
        prop_assert!(self.halt.is_none(), "started after a halt");
        prop_assert!(!self.reading, "started while the canary was read");
        prop_assert!(self.started.insert(change), "started twice");
        prop_assert!(!self.ended.contains_key(&change), "started after it had ended");
        let (number, requires, before) = &self.case.changes[change];
        for required in requires {
            prop_assert_eq!(self.ended.get(required), Some(&Outcome::Applied), "before its requirement");
        }
        prop_assert!(
            before.iter().all(|required| self.case.settled[*required].1),
            "its requirement ended badly before"
        );
        let turn = self.turns[change];
        prop_assert!(turn.is_some(), "it requires itself");
        prop_assert!(turn >= Some(self.case.wave(account(*number))), "before its account's wave");
        for (other, its) in self.turns.iter().enumerate() {
            let earlier = its.is_some_and(|its| Some(its) < turn);
            prop_assert!(!earlier || self.ended.contains_key(&other), "an earlier wave is not over");
        }
        if let Some(canary) = self.case.canary {
            let its_turn = self.case.wave(account(canary));
            let has_any = self.case.changes.iter().zip(&self.turns).any(|((number, ..), turn)| {
                // One that can never start belongs to its account's wave.
                *number == canary && turn.unwrap_or(its_turn) == its_turn
            }) || self.case.settled.iter().any(|(number, _)| *number == canary);
            if turn > Some(its_turn) && (has_any || self.case.canary_unread) {
                prop_assert!(self.canary_passed && !self.case.canary_unread, "before the canary was looked at");
                prop_assert!(self.is_canary_well(canary, its_turn), "the canary did not end well");
            }
        }
        self.under_way.insert(change);
        let same = self.under_way.iter().filter(|it| self.case.changes[**it].0 == *number).count();
        let accounts: BTreeSet<usize> = self.under_way.iter().map(|it| self.case.changes[*it].0).collect();
        let Bounds { changes, per_account, accounts: at_once } = self.case.bounds;
        prop_assert!(self.under_way.len() <= changes && same <= per_account && accounts.len() <= at_once);
        Ok(())
    }

    /// Whether all of the canary's changes ended well that its own step and those before it hold.
    fn is_canary_well(&self, canary: usize, its_turn: Wave) -> bool {
        let mut changes = self.case.changes.iter().zip(&self.turns).enumerate();
        let settled = self.settled.iter().zip(&self.case.settled);
        changes.all(|(index, ((number, ..), turn))| {
            *number != canary
                || turn.unwrap_or(its_turn) > its_turn
                || self.ended.get(&index).is_some_and(Outcome::is_well)
        }) && settled.filter(|(_, (number, _))| *number == canary).all(|((_, outcome), _)| outcome.is_well())
    }

    fn may_end(&mut self, change: usize, outcome: Outcome) -> Result<(), TestCaseError> {
        let was_under_way = self.under_way.remove(&change);
        match &outcome {
            Outcome::Applied => prop_assert!(was_under_way && !self.failed_by_us.contains(&change)),
            Outcome::Failed(error) if error.fault == Fault::Interrupted => prop_assert!(was_under_way && self.left),
            Outcome::Failed(_) => prop_assert!(was_under_way && self.failed_by_us.contains(&change)),
            Outcome::Skipped { because } => {
                prop_assert!(!was_under_way && self.halt.is_none());
                prop_assert!(self.plan.changes[change].requires.contains(because), "it does not require that");
                let index = self.plan.changes.iter().position(|it| it.address == *because);
                let bad = match index {
                    Some(index) => {
                        self.turns[index].is_none() || self.ended.get(&index).is_some_and(|outcome| !outcome.is_well())
                    }
                    None => self.settled.iter().any(|(address, outcome)| address == because && !outcome.is_well()),
                };
                prop_assert!(bad, "{because} did not end badly");
            }
            Outcome::NotStarted { why } => {
                prop_assert!(!was_under_way && !self.started.contains(&change));
                prop_assert_eq!(Some(why), self.halt.as_ref());
            }
            Outcome::AlreadySame | Outcome::Stale { .. } => {
                prop_assert!(false, "that is for the second reading to say")
            }
        }
        prop_assert!(self.ended.insert(change, outcome).is_none(), "ended twice");
        Ok(())
    }

    /// A wave starts only while not more accounts failed than are tolerated, in each wave before it and in all.
    fn may_open(&self, wave: Wave) -> Result<(), TestCaseError> {
        prop_assert!(self.halt.is_none());
        let turn = |index: usize| self.turns[index].unwrap_or(self.case.wave(account(self.case.changes[index].0)));
        let of = |within: &dyn Fn(Wave) -> bool| {
            let mut all: BTreeSet<usize> = BTreeSet::new();
            let mut failed: BTreeSet<usize> = BTreeSet::new();
            for (index, (number, ..)) in self.case.changes.iter().enumerate() {
                if within(turn(index)) {
                    all.insert(*number);
                    if matches!(self.ended.get(&index), Some(Outcome::Failed(_))) {
                        failed.insert(*number);
                    }
                }
            }
            for ((number, _), (_, outcome)) in self.case.settled.iter().zip(self.settled) {
                if within(self.case.wave(account(*number))) {
                    all.insert(*number);
                    if matches!(outcome, Outcome::Failed(_)) {
                        failed.insert(*number);
                    }
                }
            }
            (failed.len(), all.len())
        };
        let waves: BTreeSet<Wave> = (0..self.turns.len()).map(turn).filter(|it| *it < wave).collect();
        for earlier in &waves {
            let (failed, accounts) = of(&|it| it == *earlier);
            prop_assert!(failed <= self.case.max_failures.of(accounts), "{failed} of {accounts} failed in {earlier}");
        }
        let (_, accounts) = of(&|_| true);
        // What was settled before and belongs to a later wave counts as well, from the start.
        let (failed, _) = of(&|_| true);
        prop_assert!(waves.is_empty() || failed <= self.case.max_failures_overall.of(accounts));
        Ok(())
    }
}

fn try_case(case: &Case) -> Result<(), TestCaseError> {
    let settled: Vec<(Address, Outcome)> = case
        .settled
        .iter()
        .enumerate()
        .map(|(index, (number, is_well))| {
            let bad =
                if index % 2 == 0 { Outcome::Failed(failure()) } else { Outcome::Stale { reason: String::new() } };
            (address(*number, &format!("settled{index}")), if *is_well { Outcome::AlreadySame } else { bad })
        })
        .collect();
    let at = |index: usize| address(case.changes[index].0, &format!("change{index}"));
    let changes = case.changes.iter().enumerate().map(|(index, (_, requires, before))| {
        let requires = requires.iter().map(|it| at(*it)).chain(before.iter().map(|it| settled[*it].0.clone()));
        change(at(index), requires.collect())
    });
    let plan = Plan { changes: changes.collect(), ..Plan::default() };
    let rollout = Rollout {
        canary: case.canary.map(account),
        max_failures: case.max_failures,
        max_failures_overall: case.max_failures_overall,
    };
    let wave = |id| case.wave(id);
    let canary_unread = case.canary_unread && case.canary.is_some();
    let terms = Terms { rollout: &rollout, wave: &wave, settled: &settled, canary_unread, bounds: case.bounds };
    let turns = (0..plan.changes.len()).map(|index| case.turn(index, &[])).collect();
    let mut watch = Watch {
        case,
        plan: &plan,
        settled: &settled,
        turns,
        started: BTreeSet::new(),
        under_way: BTreeSet::new(),
        ended: BTreeMap::new(),
        failed_by_us: BTreeSet::new(),
        halt: None,
        reading: false,
        canary_passed: false,
        left: false,
        stopped: false,
        over: false,
    };
    let (mut dispatcher, decisions) = Dispatcher::start(&plan, &terms);
    watch.see(decisions)?;
    let mut script = case.script.iter();
    // Every change ends once, and the canary is read once: whatever the script does not say goes well.
    for _ in 0..case.script.len() + plan.changes.len() + 2 {
        let (what, which) = script.next().copied().unwrap_or((255, 0));
        let picked = watch.under_way.iter().nth(which % watch.under_way.len().max(1)).copied();
        let happened = match (what, picked) {
            (0..4, _) => Happened::AskedToFinish,
            (4..8, _) => {
                watch.left = true;
                Happened::AskedToLeave
            }
            (8..11, _) => Happened::LockLost,
            // Something that is not under way, or not any more.
            (11..16, _) if !plan.changes.is_empty() && !watch.under_way.contains(&(which % plan.changes.len())) => {
                Happened::Ended(which % plan.changes.len(), Ok(None))
            }
            (16..30, _) | (_, None) if watch.reading => {
                Happened::CanaryRead((what % 2 == 0).then(|| "drift".to_owned()))
            }
            (30..32, _) => Happened::CanaryRead(None),
            (32..90, Some(change)) => {
                watch.failed_by_us.insert(change);
                Happened::Ended(change, Err(failure()))
            }
            (_, Some(change)) => Happened::Ended(change, Ok(None)),
            (_, None) => continue,
        };
        watch.stopped |= matches!(happened, Happened::AskedToFinish | Happened::AskedToLeave | Happened::LockLost);
        if let (Happened::CanaryRead(found), true) = (&happened, watch.reading) {
            watch.reading = false;
            watch.canary_passed = found.is_none();
        }
        let decisions = dispatcher.on(happened);
        watch.see(decisions)?;
    }
    prop_assert!(watch.over, "it does not end: {:?}", watch.ended);
    prop_assert_eq!(dispatcher.halted(), watch.halt.as_ref());
    let counts: usize = ["applied", "failed", "skipped", "not_started"]
        .iter()
        .map(|name| watch.ended.values().filter(|outcome| outcome.as_str() == *name).count())
        .sum();
    prop_assert_eq!(counts, plan.changes.len());
    Ok(())
}

#[test]
fn whatever_happens_in_whatever_order_the_invariants_hold() {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    TestRunner::new(config).run(&cases(), |case| try_case(&case)).unwrap_or_else(|error| panic!("{error}"));
}
