//! Runs that outlast every session they hold.

use std::time::Duration;

use super::estate::{Estate, PROFILES, STANDARD};
use crate::model::Fault as Kind;
use crate::report::{Event, Outcome};
use crate::sandbox::{Effect, Fault, Options, Tamper};

/// How often each role was assumed.
fn assumed(estate: &Estate) -> u64 {
    estate.cloud.calls().iter().filter(|call| call.operation == "AssumeRole").map(|call| call.count).sum()
}

/// Every call takes minutes, and every session an hour.
#[test]
fn a_run_of_many_hours_ends_well() {
    let more: String = ["444444444444", "555555555555", "666666666666", "777777777777"]
        .map(|id| format!("\n[[account]]\nid = \"{id}\"\n"))
        .concat();
    let mut estate = Estate::new(&format!("{PROFILES}{more}"), STANDARD);
    // Short of the thirty seconds that an attempt may take.
    estate.fault(Fault::of(Effect::Latency { millis: 25_000, jitter: 4_000, seed: 5 }));
    // One call at a time makes it long.
    let ran = estate.run_slowly();
    let applied = &ran.applied;
    assert!(applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", applied.outcomes);
    let took = *ran.times.last().unwrap();
    assert!(took > Duration::from_secs(4 * 3600), "{took:?}");
    // Six hops, none assumed more often than an hour's session asks for; refusals would be counted, too.
    let hours = took.as_secs() / 3600;
    assert!((6..=6 * (hours + 2)).contains(&assumed(&estate)), "{} in {took:?}", assumed(&estate));
    assert!(assumed(&estate) > 8, "none outlived its hour: {}", assumed(&estate));
    let expired = estate.cloud.calls().into_iter().filter(|call| call.outcome.contains("Expired")).count();
    assert_eq!(expired, 0, "nothing was sent with a session that had ended");
}

/// Sessions of seconds.
#[test]
fn sessions_that_live_seconds_are_renewed_in_time() {
    let mut estate = Estate::with(PROFILES, STANDARD, Options { session_seconds: Some(9), ..Options::default() });
    estate.fault(Fault::of(Effect::Latency { millis: 500, jitter: 500, seed: 2 }));
    let ran = estate.run();
    let applied = &ran.applied;
    assert!(applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", applied.outcomes);
    assert!(assumed(&estate) > 6, "{}", assumed(&estate));
    let expired = estate.cloud.calls().into_iter().filter(|call| call.outcome.contains("Expired")).count();
    assert_eq!(expired, 0);
}

/// Somebody revokes every session in the middle of the writes: each hop is assumed once more, and nothing is lost.
#[test]
fn sessions_that_end_early_are_assumed_again() {
    let mut estate = Estate::new(PROFILES, STANDARD);
    estate.fault(Fault::of(Effect::Latency { millis: 300, jitter: 100, seed: 2 }));
    let cloud = estate.cloud.clone();
    let mut changes = 0;
    let ran = estate.run_watched(move |event| {
        if let Event::ChangeEnded { .. } = event {
            changes += 1;
            if changes == 20 {
                cloud.tamper(Tamper::ExpireSessions {}).unwrap();
            }
        }
    });
    let applied = &ran.applied;
    let failed: Vec<_> = applied
        .outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(error) if error.fault == Kind::Credentials))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", applied.outcomes);
    let expired = estate.cloud.calls().iter().filter(|call| call.outcome.contains("Expired")).count();
    assert!(expired > 0, "some call was under way with a session that had ended");
    // Two sessions of the writing accounts, and the hop between them.
    assert!(assumed(&estate) <= 8, "{}", assumed(&estate));
}
