//! Runs that are asked to stop before their first change was made.

use super::estate::{Estate, PROFILES, TRAILS};
use crate::report::{Event, Halt, Outcome};
use crate::services::Kind;

/// The bucket is made for the lock: nothing else was begun, and it must not be told like the rest, as if it was not there.
#[test]
fn a_run_that_ends_once_it_made_the_bucket_for_its_lock_says_so_and_reads_and_starts_nothing_more() {
    type Moment = fn(&Event) -> bool;
    let moments: [(&str, Moment); 2] = [
        ("before it has the lock", |event| matches!(event, Event::ChangeStarted { .. })),
        ("when it has the lock", |event| matches!(event, Event::LockTaken { .. })),
    ];
    for (when, moment) in moments {
        let mut estate = Estate::new(PROFILES, TRAILS);
        let ran = estate.run_until(moment);
        assert_eq!(ran.applied.halted, Some(Halt::Interrupted), "{when}");
        assert_eq!(ran.applied.outcomes.len(), ran.plan.changes.len(), "{when}");
        for (address, outcome) in &ran.applied.outcomes {
            match (address.kind, outcome) {
                (Kind::S3Bucket, Outcome::Stale { reason }) => {
                    assert!(reason.starts_with("it was made and closed to the public, for the lock"), "{reason}");
                }
                (Kind::S3Bucket, other) => panic!("{when}: the bucket was begun: {other:?}"),
                (_, other) => assert_eq!(*other, Outcome::NotStarted { why: Halt::Interrupted }, "{when}: {address}"),
            }
        }
        let stopped = ran.events.iter().position(moment).unwrap();
        let more = |event: &&Event| matches!(event, Event::ReadingStarted { .. } | Event::ApplyStarted { .. });
        assert_eq!(ran.events[stopped..].iter().find(more), None, "{when}");

        // Nor does anybody have to wait for its lock.
        let next = estate.run();
        assert!(!next.events.iter().any(|event| matches!(event, Event::LockAwaited { .. })), "{when}");
        assert!(next.applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{when}");
        assert_eq!(estate.run().plan.changes, [], "{when}");
    }
}
