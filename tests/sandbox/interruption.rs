//! A first apply that is cut off, at every point: the next one goes on from there and makes nothing twice.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use baseline::report::record::{Record, read};
use baseline::sandbox::FaultCount;
use serde_json::{Value, json};

use crate::support::estate::{BASELINE, BUCKET, Estate, HOME, PROFILES, SECURITY, standard};

/// The security account alone, with one Region: every kind once.
const ALONE: &str = r#"
[jump]
account = "111111111111"
baseline = false

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "hush-security-4711"
home_region = "us-east-1"
regions = { list = ["us-east-1"] }

[[account]]
id = "333333333333"
role = "BaselineExecution"
baseline = false
"#;

fn baseline() -> String {
    BASELINE.replace("[log_bucket]", &format!("[log_bucket]\nname = \"{BUCKET}\""))
}

#[track_caller]
fn converges(estate: &Estate, when: &str) {
    let ran = estate.apply(&[]);
    assert_eq!(ran.code, Some(0), "{when}: {ran:?}");
    estate.assert_clean();
    let state = estate.state();
    for what in ["keys", "buckets", "trails"] {
        assert_eq!(state[what].as_array().unwrap().len(), 1, "{when}: {:#}", state[what]);
    }
    assert_eq!(state["keys"][0]["aliases"], json!(["alias/baseline-logs"]), "{when}");
    assert_eq!(state["trails"][0]["logging"], true, "{when}");
}

/// Runs for every item at the same time: such a test mostly waits for CloudTrail's turn.
fn each<T: Sync>(items: &[T], check: impl Fn(&T) + Sync) {
    for some in items.chunks(7) {
        thread::scope(|scope| {
            for item in some {
                scope.spawn(|| check(item));
            }
        });
    }
}

const WRITES: [&str; 13] = [
    "kms:CreateKey",
    "kms:EnableKeyRotation",
    "kms:CreateAlias",
    "s3:CreateBucket",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketTagging",
    "cloudtrail:CreateTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StartLogging",
];

#[test]
fn whichever_write_fails_the_next_run_goes_on_from_there() {
    each(&WRITES, |action| {
        let estate = Estate::new(ALONE, &baseline());
        estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": action }));
        let ran = estate.apply(&["--format", "json"]);
        assert_eq!(ran.code, Some(1), "{action}: {ran:?}");
        let document = ran.json();
        let outcomes = document["outcomes"].as_array().unwrap();
        assert_eq!(outcomes.len(), 3, "{action}");
        let failed: Vec<&Value> = outcomes.iter().filter(|outcome| outcome["outcome"] == "failed").collect();
        assert_eq!(failed.len(), 1, "{action}: {failed:#?}");
        if ["s3:CreateBucket", "s3:PutBucketPublicAccessBlock"].contains(action) {
            // There is nowhere to put the lock.
            assert_eq!(document["halted"]["cause"], "no_lock", "{action}: {document:#}");
            assert_eq!(document["result"]["skipped"], 2, "{action}: {document:#}");
        }
        estate.tamper(json!({ "do": "permit", "account": SECURITY }));
        converges(&estate, action);
    });
}

#[test]
fn an_apply_that_is_killed_leaves_nothing_that_the_next_one_makes_again() {
    each(&[1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14], |after: &u64| {
        let estate = Estate::new(ALONE, &baseline());
        let mut child =
            estate.command(&["apply", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while estate.sandbox.mutating_calls() < *after && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(100));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Or two minutes' patience.
        estate.run(&["unlock", "--yes"]).ended(0);
        converges(&estate, &format!("killed after {after} writes"));
    });
}

/// An id that AWS makes up: a UUID, the 32 digits of a detector, or what AWS Config calls its own.
fn is_made_up(word: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<usize> = word.split('-').map(str::len).collect();
    let of_config = |kind: &&str| word.strip_prefix(*kind).is_some_and(|id| id.starts_with('-') && id.len() <= 9);
    (word.split('-').all(digits) && (parts == [8, 4, 4, 4, 12] || parts == [32]))
        || ["config-aggregator", "config-rule"].iter().any(of_config)
}

/// A text without the ids that differ from estate to estate.
fn without_ids(text: &str) -> String {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = text.split_inclusive(|c| !part_of_word(c));
    words
        .map(|word| {
            let bare = word.trim_end_matches(|c| !part_of_word(c));
            if is_made_up(bare) { word.replacen(bare, "ID", 1) } else { word.to_owned() }
        })
        .collect()
}

/// Everything that is there, each thing once, in an order that does not hang on its id.
fn inventory(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(without_ids(text)),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(inventory).collect();
            list.sort_by_key(Value::to_string);
            json!(list)
        }
        Value::Object(members) => {
            // The tool's own objects: a lock that was renewed more often.
            let members = members.iter().filter(|(name, _)| *name != "objects");
            members.map(|(name, value)| (without_ids(name), inventory(value))).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn shipped() -> Estate {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.sandbox.reset_calls();
    estate
}

/// Kills an apply in its n-th call that changes something: AWS has done it, and the answer never comes.
fn killed_in(estate: &Estate, n: u64) -> FaultCount {
    estate.tamper(json!({ "do": "fault", "mutating": true, "nth": n, "effect": "hang" }));
    let mut command = estate.command(&["apply", "--yes", "--lock-lease", "5s", "--events", "killed.jsonl"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while estate.sandbox.faults()[0].hit == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its write {n}");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "killed in write {n}");
    let hung = estate.sandbox.faults().remove(0);
    estate.tamper(json!({ "do": "clear-faults" }));
    hung
}

/// The record of the run that was killed; each of its changes is in it once.
fn record_of_the_killed(estate: &Estate, when: &str) -> Record {
    let text = fs::read(estate.directory.path().join("killed.jsonl")).unwrap();
    let record = read(&text[..]).unwrap();
    assert_eq!(record.ended, None, "{when}");
    let planned = record.plan.as_ref().unwrap().changes.len();
    if record.applying {
        let told = record.outcomes.len() + record.unknown.len() + record.not_begun.len();
        assert_eq!(told, planned, "{when}: each change once");
    }
    let shown = estate.run(&["show", "killed.jsonl"]).ended(0);
    assert!(shown.err.contains("never ended: it was killed"), "{when}: {}", shown.err);
    for address in &record.unknown {
        assert!(shown.out.contains(&format!(" {address}\n")), "{when}: {}", shown.out);
    }
    record
}

#[test]
fn a_first_apply_of_everything_may_be_killed_in_any_call() {
    let whole = shipped();
    whole.apply(&[]).ended(0);
    // Who looks at the lock below.
    whole.admin(SECURITY);
    let (writes, expected) = (whole.sandbox.mutating_calls(), inventory(&whole.state()));
    assert!(writes > 100, "{writes}");
    let sample: Vec<u64> =
        [1, 2, 3, 4, 5, 6].into_iter().chain((1..8).map(|part| part * writes / 8)).chain([writes]).collect();
    each(&sample, |n| {
        let estate = shipped();
        let hung = killed_in(&estate, *n);
        let call = hung.last.clone().unwrap();
        let when = format!("killed in write {n} of {writes}, {}:{}", call.service, call.operation);
        // What was sent beside it before the process died is behind it.
        assert!(hung.hit == 1 && hung.matched >= *n && estate.sandbox.mutating_calls() >= *n, "{when}: {hung:?}");
        let record = record_of_the_killed(&estate, &when);
        let own = call.operation == "PutObject" || !record.applying;
        let of_it = |address: &&baseline::model::Address| Some(address.target.account) == call.account;
        assert!(own || record.unknown.iter().any(|address| of_it(&address)), "{when}: {:#?}", record.unknown);

        // The first two make the bucket that the lock is put into, and the third puts it there.
        let owner = estate.admin(SECURITY);
        let lock = || owner.s3("GET", &format!("/{BUCKET}/baseline/lock-{SECURITY}.json"), "");
        let held = *n > 2 && serde_json::from_str::<Value>(&lock()).unwrap()["state"] == "held";
        assert!(held || *n < 3 || *n == writes, "{when}");
        let ran = estate.apply(&["--lock-timeout", "60s"]);
        assert_eq!(ran.code, Some(0), "{when}: {ran:?}");
        assert_eq!(ran.err.contains("took over the lock that tester@bed"), held, "{when}: {ran:?}");
        estate.assert_clean();
        let state = inventory(&estate.state());
        for (what, list) in expected.as_object().unwrap() {
            assert_eq!(&state[what], list, "{when}: {what}");
        }
    });
}
