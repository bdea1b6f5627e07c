use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Address, Digest, Fault, OpError, Region, Target};
use crate::plan::{Action, Change, Plan, Unreadable};
use crate::report::{Halt, Outcome, Trouble, Wave};
use crate::services::estate::{Estate, id, region};
use crate::services::{Kind, Service};

fn run() -> RunId {
    RunId::new(1_795_380_780, 0x1a2b)
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_380_780_042 + 1000 * seconds)
}

fn trail(place: &str) -> Address {
    Address::new(Target::new(id("333333333333"), region(place)), Kind::CloudtrailTrail, "baseline")
}

fn error() -> OpError {
    OpError {
        account: id("333333333333"),
        region: region("us-east-1"),
        role: Some("arn:aws:iam::333333333333:role/BaselineExecution".to_owned()),
        service: "cloudtrail".to_owned(),
        operation: "CreateTrail".to_owned(),
        fault: Fault::Denied,
        code: Some("AccessDeniedException".to_owned()),
        message: "no and \"no\"".to_owned(),
        request_id: Some("1".to_owned()),
        attempts: 2,
        hint: None,
    }
}

fn plan() -> Plan {
    let estate = Estate::small();
    let mut changes = Vec::new();
    for (service, account) in [(Service::Kms, "222222222222"), (Service::S3, "222222222222")] {
        changes.extend(estate.desire(service, account, &["eu-west-1"]));
    }
    changes.extend(estate.desire(Service::Cloudtrail, "333333333333", &["eu-west-1", "us-east-1"]));
    let change = |desired: crate::services::Desired| Change {
        address: desired.address,
        action: Action::Create,
        reason: "it does not exist".to_owned(),
        fields: vec![],
        requires: desired.requires,
        depth: 0,
        desired: desired.spec,
        seen: None,
    };
    let mut plan = Plan { changes: changes.into_iter().map(change).collect(), in_sync: 2, ..Plan::default() };
    plan.names.insert(id("333333333333"), "payments".to_owned());
    plan.regions.insert(id("333333333333"), vec![region("us-east-1")]);
    let target = Target::new(id("444444444444"), Region::global());
    plan.unreadable.push(Unreadable { target, service: Some(Service::Iam), error: error() });
    plan
}

fn started() -> Event {
    Event::RunStarted {
        run: run(),
        tool: "0.1.0".into(),
        command: "apply".into(),
        baseline: Some("standard".to_owned()),
        baseline_digest: Some(Digest::of_bytes(b"baseline")),
        profiles_digest: None,
        selection: Some("--account pay*".to_owned()),
    }
}

fn call_retried(attempt: u32) -> Event {
    Event::CallRetried {
        account: id("333333333333"),
        region: region("us-east-1"),
        service: "cloudtrail".into(),
        operation: "CreateTrail".into(),
        attempt,
        code: "ThrottlingException".to_owned(),
        wait: Duration::from_millis(1250),
        settling: false,
    }
}

fn call_ended(error: Option<OpError>) -> Event {
    Event::CallEnded {
        account: id("333333333333"),
        region: region("us-east-1"),
        role: "arn:aws:iam::333333333333:role/BaselineExecution".to_owned(),
        service: "cloudtrail".into(),
        operation: "CreateTrail".into(),
        attempts: 3,
        request_id: Some("2".to_owned()),
        error,
    }
}

/// Every variant, and every outcome and halt in one.
fn every_event() -> Vec<Event> {
    let target = Target::new(id("333333333333"), region("us-east-1"));
    let account = id("333333333333");
    let halts = [
        Halt::Interrupted,
        Halt::TooManyFailures {
            wave: Wave::Declared(2),
            failed: 3,
            accounts: vec![account],
            tolerated: 1,
            overall: true,
        },
        Halt::Canary { account, trouble: Trouble::Found("a trail".to_owned()) },
        Halt::Locked { holder: "alice@laptop since …".to_owned() },
        Halt::LockLost,
        Halt::NoLock { error: Box::new(error()) },
        Halt::NoLocalLock { file: "/state/lock".into(), reason: "permission denied".to_owned() },
    ];
    let outcomes = [
        Outcome::Applied,
        Outcome::AlreadySame,
        Outcome::Stale { reason: "it was changed".to_owned() },
        Outcome::Failed(error()),
        Outcome::Skipped { because: trail("us-east-1") },
    ];
    let outcomes = outcomes.into_iter().chain(halts.iter().map(|why| Outcome::NotStarted { why: why.clone() }));
    let mut events = vec![
        started(),
        Event::ReadingStarted { accounts: 4 },
        Event::RegionsListed { account, regions: 17 },
        Event::CellStarted { service: Service::Cloudtrail, target: target.clone() },
        Event::CellRead { service: Service::Cloudtrail, target, readable: false },
        Event::AccountRead { account },
        Event::AccountFailed { error: error() },
        Event::Planned { plan: Arc::new(plan()) },
        call_retried(1),
        call_ended(Some(error())),
        Event::Settled {
            account,
            region: region("us-east-1"),
            service: "cloudtrail".into(),
            operation: "CreateTrail".into(),
            code: "InsufficientS3BucketPolicyException".to_owned(),
            waited: Duration::from_secs(40),
            given_up: true,
        },
        Event::LockAwaited { holder: "alice".to_owned(), timeout: Duration::from_secs(600) },
        Event::LockTaken { over_from: Some("alice".to_owned()) },
        Event::LockLocal { file: "/state/222222222222.lock".into() },
        Event::LockReleased,
        Event::ApplyStarted { changes: 4 },
        Event::WaveStarted { wave: Wave::Declared(1), accounts: 2, changes: 4 },
        Event::ChangeStarted { address: trail("us-east-1") },
    ];
    events.extend(outcomes.map(|outcome| Event::ChangeEnded { address: trail("us-east-1"), outcome }));
    events.extend(halts.map(|why| Event::Halted { why }));
    events.push(Event::RunEnded { exit: 130, error: Some("stopped".to_owned()) });
    events
}

fn record(events: &[Event]) -> Vec<u8> {
    let mut lines = Lines::new(run());
    let mut text = Vec::new();
    for (at, event) in events.iter().enumerate() {
        lines.write(event, time(at as u64), &mut text).unwrap();
    }
    text
}

#[test]
fn every_event_reads_back_as_it_was() {
    let mut names = Vec::new();
    for event in every_event() {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let name = document["event"].as_str().unwrap().to_owned();
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    assert_eq!(names, Event::NAMES);
}

#[test]
fn a_line_has_its_number_its_time_and_the_run() {
    let text = record(&[started(), Event::LockReleased, Event::RunEnded { exit: 0, error: None }]);
    let digest = Digest::of_bytes(b"baseline");
    let run = "\"run\":\"20261122T205300Z-1a2b\"";
    let expected = [
        format!(
            "{{\"record\":1,\"seq\":1,\"time\":\"2026-11-22T20:53:00.042Z\",\"event\":\"run_started\",{run},\
             \"tool\":\"0.1.0\",\"command\":\"apply\",\"baseline\":\"standard\",\"baseline_digest\":\"{digest}\",\
             \"profiles_digest\":null,\"selection\":\"--account pay*\"}}"
        ),
        format!("{{\"seq\":2,\"time\":\"2026-11-22T20:53:01.042Z\",{run},\"event\":\"lock_released\"}}"),
        format!(
            "{{\"seq\":3,\"time\":\"2026-11-22T20:53:02.042Z\",{run},\"event\":\"run_ended\",\"exit\":0,\"error\":null}}"
        ),
    ];
    assert_eq!(String::from_utf8(text).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_a_reader_has_no_use_for_is_left_out() {
    let target = Target::new(id("333333333333"), region("us-east-1"));
    let service = Service::Cloudtrail;
    let reading = [
        Event::CellStarted { service, target: target.clone() },
        Event::CellRead { service, target: target.clone(), readable: true },
        call_retried(1),
        call_retried(2),
    ];
    let all = [&[started(), Event::ReadingStarted { accounts: 1 }], &reading[..]].concat();
    assert_eq!(record(&all), record(&all[..2]));
    let kept = [Event::CellRead { service, target, readable: false }, call_retried(3), call_retried(4)];
    for event in kept {
        assert_ne!(record(&[&all[..], std::slice::from_ref(&event)].concat()), record(&all[..2]), "{event:?}");
    }
    // Once changes are made, each retry counts.
    for begin in [Event::ApplyStarted { changes: 1 }, Event::Planned { plan: Arc::default() }] {
        let all = [&all[..], &[begin]].concat();
        assert_ne!(record(&[&all[..], &[call_retried(1)]].concat()), record(&all));
    }
}

#[test]
fn nothing_comes_after_the_end() {
    let ended = [started(), Event::RunEnded { exit: 0, error: None }];
    assert_eq!(record(&[&ended[..], &[Event::LockReleased]].concat()), record(&ended));
}

fn whole_run() -> Vec<Event> {
    let plan = plan();
    let addresses: Vec<Address> = plan.changes.iter().map(|change| change.address.clone()).collect();
    let outcomes = [
        Outcome::Applied,
        Outcome::Failed(error()),
        Outcome::Skipped { because: addresses[1].clone() },
        Outcome::AlreadySame,
    ];
    let mut events = vec![
        started(),
        Event::ReadingStarted { accounts: 4 },
        Event::AccountRead { account: id("333333333333") },
        Event::AccountFailed { error: error() },
        Event::Planned { plan: Arc::new(plan) },
        Event::LockAwaited { holder: "alice".to_owned(), timeout: Duration::from_secs(600) },
        Event::ApplyStarted { changes: addresses.len() },
    ];
    for (address, outcome) in addresses.iter().zip(outcomes).rev() {
        events.push(Event::ChangeStarted { address: address.clone() });
        events.push(call_ended(None));
        events.push(Event::ChangeEnded { address: address.clone(), outcome });
    }
    events.push(Event::RunEnded { exit: 1, error: None });
    events
}

#[test]
fn a_whole_run_folds_to_what_it_was() {
    let record = read(&record(&whole_run())).unwrap();
    assert_eq!(record.header.run, run());
    assert_eq!(record.header.selection.as_deref(), Some("--account pay*"));
    assert_eq!(record.header.started, "2026-11-22T20:53:00.042Z");
    assert_eq!(record.plan.as_deref(), Some(&plan()));
    assert_eq!(record.accounts, (1, 4));
    assert_eq!(record.failures, [error()]);
    let said: Vec<(&Address, &str)> = record.outcomes.iter().map(|(a, o)| (a, o.as_str())).collect();
    let planned = plan();
    let planned: Vec<&Address> = planned.changes.iter().map(|change| &change.address).collect();
    let expected: Vec<(&Address, &str)> =
        planned.into_iter().zip(["applied", "failed", "skipped", "already_same"]).collect();
    assert_eq!(said, expected, "in the order of the plan");
    assert_eq!(record.calls.len(), 4);
    assert_eq!(record.calls[0].time, "2026-11-22T20:53:08.042Z");
    assert!(matches!(record.waits[..], [Wait { what: Waited::Lock { .. }, .. }]));
    assert_eq!(record.ended.map(|ended| ended.exit), Some(1));
    assert_eq!((record.unknown, record.not_begun, record.torn), (vec![], vec![], false));
}

#[test]
fn a_killed_run_can_be_read_wherever_it_was_cut() {
    let whole = record(&whole_run());
    let complete = read(&whole).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let (next, all) = (|end: usize| whole[end] == b'\n', whole.len());
    let around_an_end =
        |end: &usize| next(*end) || (*end > 0 && next(end - 1)) || end.is_multiple_of(41) || *end == all - 2;
    for end in (0..all).filter(around_an_end) {
        let read = read(&whole[..end]);
        if end < first {
            assert_eq!(read, Err(RecordError::Empty), "{end}");
            continue;
        }
        let read = read.unwrap_or_else(|error| panic!("{end}: {error}"));
        let last = end == whole.len() - 1;
        assert_eq!(read.ended.is_some(), last, "{end}");
        assert_eq!(read.torn, !last && whole[end - 1] != b'\n' && whole[end] != b'\n', "{end}");
        if read.applying {
            let told = read.outcomes.len() + read.unknown.len() + read.not_begun.len();
            assert_eq!(told, complete.outcomes.len(), "{end}: each change is told once");
            assert!(read.outcomes.iter().all(|outcome| complete.outcomes.contains(outcome)), "{end}");
        }
    }
}

#[test]
fn what_was_under_way_when_the_run_was_killed_is_unknown() {
    let mut events = whole_run();
    events.truncate(events.len() - 2);
    let plan = plan();
    let read = read(&record(&events)).unwrap();
    assert_eq!(read.unknown, [plan.changes[0].address.clone()]);
    assert_eq!(read.ended, None);
    events.truncate(events.len() - 2);
    let read = super::read(&record(&events)).unwrap();
    assert_eq!(read.not_begun, [plan.changes[0].address.clone()]);
}

#[test]
fn what_a_halt_kept_from_starting_says_so() {
    let mut events = whole_run();
    events.truncate(events.len() - 4);
    events.push(Event::Halted { why: Halt::LockLost });
    events.push(Event::RunEnded { exit: 3, error: None });
    let read = read(&record(&events)).unwrap();
    assert_eq!(read.halted, Some(Halt::LockLost));
    assert_eq!(read.outcomes[0].1, Outcome::NotStarted { why: Halt::LockLost });
    assert_eq!((read.outcomes.len(), read.not_begun.len()), (4, 0));
}

#[test]
fn an_event_of_a_later_version_is_skipped_and_counted() {
    let text = String::from_utf8(record(&whole_run())).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let new = r#"{"seq":2,"time":"2026-11-22T20:53:00.042Z","run":"20261122T205300Z-1a2b","event":"moon_rose","at":7}"#;
    let mut lines = vec![first.to_owned(), new.to_owned()];
    for (at, line) in rest.lines().enumerate() {
        lines.push(line.replacen(&format!("\"seq\":{}", at + 2), &format!("\"seq\":{}", at + 3), 1));
    }
    let read = read((lines.join("\n") + "\n").as_bytes()).unwrap();
    assert_eq!(read.skipped.into_iter().collect::<Vec<_>>(), [("moon_rose".to_owned(), 1)]);
    assert_eq!(read.outcomes.len(), 4);
}

#[test]
fn whatever_else_is_wrong_is_refused_with_its_line() {
    let text = String::from_utf8(record(&whole_run())).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        lines.join("\n") + "\n"
    };
    let cases: Vec<(&str, &str, String)> = vec![
        ("empty", "not one whole line", String::new()),
        ("blank", "line 1 does not begin", "\n".to_owned()),
        ("a plan", "line 1 does not begin", "{\"format\": 1}\n".to_owned()),
        ("half of something", "line 1 does not begin", "{\"format\": 1".to_owned()),
        ("a later format", "format 2", with(&|lines| lines[0] = lines[0].replacen("\"record\":1", "\"record\":2", 1))),
        ("no format", "line 1 does not begin", with(&|lines| lines[0] = lines[0].replacen("\"record\":1,", "", 1))),
        ("the first line is missing", "line 1 does not begin", with(&|lines| drop(lines.remove(0)))),
        ("a line is missing", "line 5: it bears the number 6", with(&|lines| drop(lines.remove(4)))),
        ("two lines are swapped", "line 6: it bears the number 7", with(&|lines| lines.swap(5, 6))),
        ("a line is torn, and others follow", "line 6: EOF while parsing", with(&|lines| lines[5].truncate(40))),
        ("a blank line", "line 6: EOF while parsing", with(&|lines| lines.insert(5, String::new()))),
        (
            "a line of another run",
            "line 6: it is of run 20261122T205300Z-ffff",
            with(&|lines| lines[5] = lines[5].replacen("1a2b", "ffff", 1)),
        ),
        (
            "a field is missing",
            "line 6: missing field `holder`",
            with(&|lines| lines[5] = lines[5].replacen("\"holder\"", "\"owner\"", 1)),
        ),
        (
            "a field is of another type",
            "line 7: invalid type",
            with(&|lines| lines[6] = lines[6].replacen(":4", ":\"4\"", 1)),
        ),
        (
            "the plan is edited",
            "line 5: unknown variant `wipe`",
            with(&|lines| lines[4] = lines[4].replacen("\"create\"", "\"wipe\"", 1)),
        ),
        (
            "it starts twice",
            "line 2: the run had started",
            with(&|lines| lines[1] = lines[0].replacen("\"record\":1,", "", 1).replacen(":1,", ":2,", 1)),
        ),
        (
            "a change starts after its end",
            "had ended by then",
            with(&|lines| {
                lines[10] = lines[7].replacen("\"seq\":8", "\"seq\":11", 1);
            }),
        ),
        (
            "a change ends twice",
            "had ended by then",
            with(&|lines| {
                lines[10] = lines[9].replacen("\"seq\":10", "\"seq\":11", 1);
            }),
        ),
        (
            "something after the end",
            "the run was over by then",
            with(&|lines| {
                let end = lines.len();
                let more = lines[end - 1].replacen(&format!("\"seq\":{end}"), &format!("\"seq\":{}", end + 1), 1);
                lines.push(more);
            }),
        ),
    ];
    for (what, reason, text) in cases {
        let said = read(text.as_bytes()).expect_err(what).to_string();
        assert!(said.contains(reason), "{what}: {said}");
    }
}

#[test]
fn a_plan_is_no_record_and_a_record_is_one_from_its_first_bytes() {
    assert!(is_record(&record(&[started()])[..20]));
    assert!(!is_record(b"{\n  \"format\": 1,"));
    assert!(!is_record(b""));
}

proptest! {
    /// Whatever somebody did to a file, reading it says so and goes no further.
    #[test]
    fn nothing_in_a_file_makes_reading_panic(
        at in any::<prop::sample::Index>(), cut in 0_usize..200, put in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut text = record(&whole_run());
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, put);
        let _ = read(&text);
    }
}
