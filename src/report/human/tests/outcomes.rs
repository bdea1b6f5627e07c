use std::time::Duration;

use super::*;
use crate::report::human::{outcomes, waits};
use crate::report::{Halt, Outcome, Trouble, Wait, Wave};

/// A plan of one stopped trail in each of so many accounts, and what became of each.
fn ended(accounts: usize, how: impl Fn(usize, &Address) -> Outcome) -> (Plan, Vec<(Address, Outcome)>) {
    let mut plan = estate(accounts);
    plan.changes = (0..accounts).map(|n| stopped(trail_at(n, "us-east-1"))).collect();
    let addresses = plan.changes.iter().map(|change| &change.address).enumerate();
    let ended = addresses.map(|(n, address)| (address.clone(), how(n, address))).collect();
    (plan, ended)
}

fn left(target: &Target) -> OpError {
    OpError {
        fault: Fault::Interrupted,
        message: "the run was left before the answer came".to_owned(),
        hint: Some("run it again".to_owned()),
        ..denied(target)
    }
}

#[test]
fn outcomes_name_what_did_not_end_well_once_per_cause() {
    let (plan, ended) = ended(16, |n, address| match n {
        0..4 => Outcome::Failed(denied(&address.target)),
        4..7 => Outcome::Skipped { because: trail_at(0, "us-east-1") },
        // What a skipped change holds up is told by the cause, not link by link.
        7 => Outcome::Skipped { because: trail_at(6, "us-east-1") },
        8 => Outcome::Skipped { because: trail_at(1, "us-east-1") },
        9 => Outcome::NotStarted { why: Halt::Interrupted },
        10 => Outcome::Stale { reason: "it is there by now".to_owned() },
        11..13 => Outcome::Failed(left(&address.target)),
        13 => Outcome::AlreadySame,
        _ => Outcome::Applied,
    });
    let text = plain(&outcomes(&plan, &ended));
    for once in ["failed", "skipped", "not started", "stale", "left "] {
        assert_eq!(text.lines().filter(|line| line.starts_with(once)).count(), 1, "{once}: {text}");
    }
    assert_snapshot!(format!("{text}{}", outcome_summary(&ended)));
}

#[test]
fn what_was_not_started_is_counted_by_account() {
    let halt = Halt::TooManyFailures {
        wave: Wave::Declared(1),
        failed: 7,
        accounts: (0..5).map(|n| id(&account(n))).collect(),
        tolerated: 1,
        overall: false,
    };
    let (plan, ended) = ended(100, |_, _| Outcome::NotStarted { why: halt.clone() });
    assert_snapshot!(plain(&outcomes(&plan, &ended)));
}

#[test]
fn a_lock_that_cannot_be_asked_for_is_told_as_the_call_that_failed() {
    let error = denied(&trail_at(0, "us-east-1").target);
    let (plan, ended) = ended(100, |_, _| Outcome::NotStarted { why: Halt::NoLock { error: Box::new(error.clone()) } });
    assert_snapshot!(plain(&outcomes(&plan, &ended)));
}

#[test]
fn every_halt_is_a_sentence_with_a_next_step() {
    let one = id(&account(0));
    let too_many = |wave, failed, tolerated, overall| Halt::TooManyFailures {
        wave,
        failed,
        accounts: vec![one; failed.min(2)],
        tolerated,
        overall,
    };
    let halts = [
        Halt::Interrupted,
        too_many(Wave::Holders, 1, 0, false),
        too_many(Wave::Canary, 1, 0, false),
        too_many(Wave::Declared(3), 2, 1, false),
        too_many(Wave::Declared(3), 4, 2, true),
        Halt::Canary { account: one, trouble: Trouble::Unread },
        Halt::Canary { account: one, trouble: Trouble::Change },
        Halt::Canary { account: one, trouble: Trouble::Found("a trail is stopped".to_owned()) },
        Halt::Locked { holder: "alice".to_owned() },
        Halt::LockLost,
        Halt::NoLock { error: Box::new(denied(&trail_at(0, "us-east-1").target)) },
        Halt::NoLocalLock { file: "/state/lock-222222222222".into(), reason: "permission denied".to_owned() },
    ];
    let lines = halts.iter().map(|halt| format!("{halt}\n    {}\n", halt.hint()));
    assert_snapshot!(lines.collect::<String>());
}

#[test]
fn the_summary_counts_every_outcome_once() {
    let (_, ended) = ended(60, |n, address| match n % 6 {
        0 => Outcome::Applied,
        1 => Outcome::AlreadySame,
        2 => Outcome::Stale { reason: String::new() },
        3 => Outcome::Failed(denied(&address.target)),
        4 => Outcome::Skipped { because: address.clone() },
        _ => Outcome::NotStarted { why: Halt::LockLost },
    });
    let summary = outcome_summary(&ended);
    let numbers = summary.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<usize>().ok());
    assert_eq!(numbers.sum::<usize>(), ended.len(), "{summary}");
}

#[test]
fn long_waits_are_told_once_per_operation() {
    let wait = |n: usize, operation: &'static str, seconds, given_up| Wait {
        account: id(&account(n)),
        region: region("us-east-1"),
        service: "cloudtrail".into(),
        operation: operation.into(),
        code: "InsufficientS3BucketPolicyException".to_owned(),
        waited: Duration::from_secs(seconds),
        given_up,
    };
    let mut all: Vec<Wait> = (0..9).map(|n| wait(n, "CreateTrail", 60 + n as u64, false)).collect();
    all.push(wait(0, "UpdateTrail", 100, false));
    all.push(wait(1, "UpdateTrail", 120, true));
    assert_snapshot!(plain(&waits(&estate(9), &all)));
    assert_eq!(waits(&estate(9), &[]), "");
}
