//! Every write of a first run goes wrong once, in every way; the next run goes on from there and makes nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use super::estate::{Estate, PROFILES, Ran, STANDARD};
use crate::model::{Address, Fault as Kind};
use crate::report::{Event, Halt, Outcome};
use crate::sandbox::Effect;

/// What the run that nothing went wrong in left behind, and how many writes it took.
struct Clean {
    writes: u64,
    inventory: BTreeMap<String, usize>,
}

fn clean() -> Clean {
    let mut estate = Estate::new(PROFILES, STANDARD);
    let ran = estate.run();
    let applied = &ran.applied;
    assert!(applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", applied.outcomes);
    assert!(ran.plan.changes.len() > 70, "the whole standard baseline: {}", ran.plan.changes.len());
    let writes = estate.cloud.mutating_calls();
    assert_converged(&mut estate, "clean");
    Clean { writes, inventory: estate.inventory() }
}

/// Runs `check` for every write, two at a time. Where no CI waits for it, every third write has to do for each way of
/// going wrong, and another third for each way.
fn for_every_write(clean: &Clean, way: u64, check: impl Fn(u64) + Sync) {
    let (first, step) = if std::env::var_os("CI").is_some() { (1, 1) } else { (way, 3) };
    let next = std::sync::atomic::AtomicU64::new(first);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(step, std::sync::atomic::Ordering::Relaxed);
                    if n > clean.writes {
                        break;
                    }
                    check(n);
                }
            });
        }
    });
}

/// A first run of which the n-th write goes wrong in this way; the failure has happened, and at the n-th write.
#[track_caller]
fn run_into(n: u64, effect: &Effect) -> (Estate, Ran) {
    let mut estate = Estate::new(PROFILES, STANDARD);
    estate.fail_write(n, effect.clone());
    let ran = estate.run();
    let faults = estate.cloud.faults();
    assert_eq!((faults.len(), faults[0].hit), (1, 1), "{effect:?} at write {n}");
    assert!(faults[0].matched >= n, "{effect:?} at write {n}: {faults:?}");
    assert_sound(&ran, n);
    (estate, ran)
}

/// What holds of every run, whatever happened in it.
#[track_caller]
fn assert_sound(ran: &Ran, n: u64) {
    let outcomes = &ran.applied.outcomes;
    // One outcome for each change, told once and answered once.
    let planned: BTreeSet<&Address> = ran.plan.changes.iter().map(|change| &change.address).collect();
    let ended: Vec<&Address> = outcomes.iter().map(|(address, _)| address).collect();
    assert_eq!(ended.len(), planned.len(), "write {n}");
    assert_eq!(ended.into_iter().collect::<BTreeSet<_>>(), planned, "write {n}");
    let mut told: BTreeMap<&Address, &Outcome> = BTreeMap::new();
    let mut started = BTreeSet::new();
    let mut applying = false;
    let after_what_it_requires = |address: &Address, told: &BTreeMap<&Address, &Outcome>| {
        let change = ran.plan.changes.iter().find(|change| change.address == *address).unwrap();
        for required in change.requires.iter().filter(|required| planned.contains(required)) {
            let before = told.get(required).copied();
            // What failed in a part of it that nobody waits for is there all the same.
            let serves = |outcome: &Outcome| match outcome {
                Outcome::Failed(error) => {
                    let change = ran.plan.changes.iter().find(|change| change.address == *required).unwrap();
                    change.desired.serves(required, error).is_some()
                }
                outcome => outcome.is_well(),
            };
            assert!(before.is_some_and(serves), "write {n}: {address} before {required}: {before:?}");
        }
    };
    for event in &ran.events {
        match event {
            Event::ApplyStarted { .. } => applying = true,
            Event::ChangeStarted { address } => {
                assert!(started.insert(address), "write {n}: {address} was started twice");
                // The bucket is made bare for the lock, and gets the rest when its turn comes.
                if applying {
                    after_what_it_requires(address, &told);
                } else {
                    assert_eq!(address.kind, crate::services::Kind::S3Bucket, "write {n}: {address}");
                }
            }
            Event::ChangeEnded { address, outcome } => {
                if *outcome == Outcome::Applied {
                    after_what_it_requires(address, &told);
                }
                assert_eq!(told.insert(address, outcome), None, "write {n}: {address} ended twice");
            }
            _ => {}
        }
    }
    for (address, outcome) in outcomes {
        assert_eq!(told.get(address).copied(), Some(outcome), "write {n}: {address}");
        // Whoever was skipped, or failed, names why.
        if let Outcome::Skipped { because } = outcome {
            let cause = told.get(because).copied();
            assert!(
                cause.is_some_and(|cause| !cause.is_well()),
                "write {n}: {address} because of {because}: {cause:?}"
            );
        }
    }
}

/// The next run goes on, and the one after it finds nothing to do.
#[track_caller]
fn assert_next_converges(estate: &mut Estate, clean: &Clean, what: &str) {
    let ran = estate.run();
    let bad: Vec<_> = ran.applied.outcomes.iter().filter(|(_, outcome)| !outcome.is_well()).collect();
    assert!(bad.is_empty() && ran.plan.blocked.is_empty(), "{what}: {bad:#?} {:#?}", ran.plan.blocked);
    assert_converged(estate, what);
    assert_eq!(estate.inventory(), clean.inventory, "{what}: something is there twice, or missing");
}

#[track_caller]
fn assert_converged(estate: &mut Estate, what: &str) {
    estate.cloud.reset_calls();
    let ran = estate.run();
    let left: Vec<String> = ran.plan.changes.iter().map(|change| change.address.to_string()).collect();
    assert!(left.is_empty(), "{what}: {left:#?}");
    assert!(ran.plan.blocked.is_empty() && ran.plan.unreadable.is_empty(), "{what}: {:#?}", ran.plan);
    assert_eq!(estate.cloud.mutating_calls(), 0, "{what}: a run in sync wrote");
}

/// How the change ended whose write went wrong: the only one that failed.
#[track_caller]
fn the_failure(ran: &Ran, n: u64) -> Option<Kind> {
    if let Some(Halt::NoLock { error }) = &ran.applied.halted {
        return Some(error.fault);
    }
    let failed: Vec<Kind> = ran
        .applied
        .outcomes
        .iter()
        .filter_map(|(_, outcome)| match outcome {
            Outcome::Failed(error) => Some(error.fault),
            _ => None,
        })
        .collect();
    assert!(failed.len() <= 1, "write {n}: one failure is one change's: {failed:?}");
    failed.first().copied()
}

#[test]
fn each_write_refused_once() {
    let clean = clean();
    let refused = Effect::Fail {
        code: Some("AccessDenied".to_owned()),
        status: Some(403),
        message: Some("refused by the test".to_owned()),
    };
    for_every_write(&clean, 1, |n| {
        let (mut estate, ran) = run_into(n, &refused);
        let struck = estate.cloud.faults().remove(0).last.map(|call| call.operation);
        match the_failure(&ran, n) {
            // The lock that could not be given back: its lease runs out, and everything was done by then.
            None => assert_eq!(struck.as_deref(), Some("PutObject"), "write {n}"),
            failure => assert_eq!(failure, Some(Kind::Denied), "write {n}"),
        }
        assert_next_converges(&mut estate, &clean, &format!("write {n} refused"));
    });
}

#[test]
fn each_write_throttled_once() {
    let clean = clean();
    for_every_write(&clean, 2, |n| {
        let (mut estate, ran) = run_into(n, &Effect::Throttle { fraction: 1.0, seed: 0 });
        assert_eq!(the_failure(&ran, n), None, "write {n}: a throttled call is tried again");
        assert_converged(&mut estate, &format!("write {n} throttled"));
        assert_eq!(estate.inventory(), clean.inventory, "write {n} throttled");
    });
}

#[test]
fn each_write_carried_out_and_its_answer_lost() {
    let clean = clean();
    for_every_write(&clean, 3, |n| {
        let (mut estate, ran) = run_into(n, &Effect::Lose);
        // Whether it is sent again is each call's own matter; that it is not known is no failure of any other kind.
        let failure = the_failure(&ran, n);
        assert!(matches!(failure, None | Some(Kind::Unreachable)), "write {n}: {failure:?}");
        assert_next_converges(&mut estate, &clean, &format!("the answer to write {n} lost"));
    });
}
