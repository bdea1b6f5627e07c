//! Slow, throttled and rated accounts: everything converges, and nobody waits for a neighbour.

use std::time::Duration;

use super::estate::{Estate, PROFILES, Ran, STANDARD};
use crate::aws::Rates;
use crate::model::AccountId;
use crate::report::Event;
use crate::sandbox::{Effect, Fault, Options, Tamper};

const THROTTLED: &str = "333333333333";
const HEALTHY: &str = "444444444444";

fn two_projects() -> String {
    format!("{PROFILES}\n[[account]]\nid = \"{HEALTHY}\"\nname = \"ledger\"\n")
}

fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

/// How long the account's changes took, from the first that started to the last that ended.
fn span(ran: &Ran, account: &str) -> Duration {
    let of_account = |event: &Event| match event {
        Event::ChangeStarted { address } | Event::ChangeEnded { address, .. } => address.target.account == id(account),
        _ => false,
    };
    let times: Vec<Duration> =
        ran.times.iter().zip(&ran.events).filter(|(_, event)| of_account(event)).map(|(time, _)| *time).collect();
    times[times.len() - 1] - times[0]
}

#[track_caller]
fn assert_all_well(ran: &Ran) {
    let applied = &ran.applied;
    let bad: Vec<_> = applied.outcomes.iter().filter(|(_, outcome)| !outcome.is_well()).collect();
    assert!(bad.is_empty() && ran.plan.unreadable.is_empty(), "{bad:#?} {:#?}", ran.plan.unreadable);
}

fn latency(millis: u64, jitter: u64) -> Fault {
    Fault::of(Effect::Latency { millis, jitter, seed: 1 })
}

#[test]
fn a_throttled_account_holds_nobody_else_up() {
    let spans = [false, true].map(|throttled| {
        let mut estate = Estate::new(&two_projects(), STANDARD);
        estate.fault(latency(80, 40));
        if throttled {
            let throttle = Effect::Throttle { fraction: 0.5, seed: 7 };
            estate.fault(Fault { account: Some(id(THROTTLED)), ..Fault::of(throttle) });
        }
        let ran = estate.run();
        if !throttled {
            assert_all_well(&ran);
        }
        let retried = |account: &str| {
            // What settles is waited for with or without anybody who is throttled.
            let of = |event: &&Event| {
                matches!(event, Event::CallRetried { account: a, settling: false, .. } if *a == id(account))
            };
            ran.events.iter().filter(of).count()
        };
        assert_eq!(retried(HEALTHY), 0);
        assert_eq!(retried(THROTTLED) > 20, throttled, "{}", retried(THROTTLED));
        (span(&ran, THROTTLED), span(&ran, HEALTHY))
    });
    let [(alone, before), (slowed, after)] = spans;
    assert!(slowed > alone * 2, "the throttled account is slow: {alone:?}, {slowed:?}");
    // Its neighbour is as fast as ever, save for what one request more or less in flight makes of it.
    assert!(after < before.mul_f64(1.1), "its neighbour is not: {before:?}, {after:?}");
}

#[test]
fn a_fifth_of_all_calls_throttled_and_all_of_them_slow() {
    let mut estate = Estate::new(&two_projects(), STANDARD);
    estate.fault(latency(50, 200));
    estate.fault(Fault::of(Effect::Throttle { fraction: 0.2, seed: 3 }));
    let ran = estate.run();
    assert_all_well(&ran);
    let hit = estate.cloud.faults().iter().map(|count| count.hit).max().unwrap();
    assert!(hit > 100, "{hit} of them were throttled or slow");
    estate.cloud.tamper(Tamper::ClearFaults {}).unwrap();
    let ran = estate.run();
    assert!(ran.plan.changes.is_empty() && ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.changes);
}

/// The rates that AWS documents: kept to by pacing, so that nothing has to be refused.
#[test]
fn at_the_rates_of_aws_nothing_is_throttled() {
    let mut estate = Estate::with(&two_projects(), STANDARD, Options { aws_rates: true, ..Options::default() });
    estate.rates = Rates::Aws;
    estate.fault(latency(20, 20));
    let ran = estate.run();
    assert_all_well(&ran);
    let refused: Vec<_> = estate
        .cloud
        .calls()
        .into_iter()
        .filter(|call| call.outcome.contains("Thrott") || call.outcome.contains("LimitExceeded"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let ran = estate.run();
    assert!(ran.plan.changes.is_empty(), "{:#?}", ran.plan.changes);
}
