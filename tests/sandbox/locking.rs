//! One apply at a time, as processes against one estate: who waits, who takes over, who stops, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::estate::{
    ARCHIVE, BASELINE, BUCKET, BUCKET_ADDRESS, Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY,
};
use crate::support::proxy::{Corrections, Proxy};

const KEY: &str = "baseline/lock-222222222222.json";
const AS_IT_IS: Corrections = Corrections { request: |_, body| body, answer: |_, body| body };

/// The lock as it lies in the bucket.
fn lock(estate: &Estate) -> Value {
    serde_json::from_str(&estate.admin(SECURITY).s3("GET", &format!("/{BUCKET}/{KEY}"), "")).unwrap()
}

/// Puts a lock there that somebody else holds.
fn hold(estate: &Estate, lease_seconds: u64) {
    let held = json!({
        "format": 1, "state": "held", "run": "20261122T205300Z-1a2b", "owner": "alice@laptop", "process": 4711,
        "started": "2026-11-22T20:53:00Z", "renewed": "2026-11-22T20:54:00Z", "renewals": 2,
        "lease_seconds": lease_seconds,
    });
    estate.admin(SECURITY).s3("PUT", &format!("/{BUCKET}/{KEY}"), &held.to_string());
}

const ALICE: &str = "alice@laptop (run 20261122T205300Z-1a2b, process 4711, since 2026-11-22T20:53:00Z)";

/// Stops every trail.
fn drift(estate: &Estate) {
    for account in [SECURITY, PAYMENTS, LEDGER] {
        for region in [HOME, "us-east-1"] {
            estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
        }
    }
}

fn slow(estate: &Estate, operation: &str, millis: u64) {
    estate.tamper(json!({ "do": "fault", "operation": operation, "effect": { "latency": { "millis": millis } } }));
}

fn spawn(estate: &Estate, arguments: &[&str]) -> Child {
    estate.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Waits until the sandbox has seen a call.
fn until_called(estate: &Estate, operation: &str) {
    while estate.called(operation, "ok") == 0 {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_apply_takes_the_lock_and_releases_it_and_one_without_changes_does_not() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let released = lock(&estate);
    assert_eq!(released["state"], "released");
    assert_eq!(released["owner"], "tester@bed");
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(0);
    assert_eq!(estate.all_writes(), [""; 0]);
    drift(&estate);
    estate.apply(&[]).ended(0);
    assert_ne!(lock(&estate)["run"], released["run"]);
    // A role that may not use the log key takes it all the same.
    let state = estate.bucket(BUCKET);
    assert_eq!(state["objects"], 1, "{state:#}");
}

#[test]
fn an_unlock_whose_answer_was_lost_knows_that_it_was_done() {
    let estate = Estate::converged(PROFILES, BASELINE);
    hold(&estate, 600);
    estate.tamper(json!({ "do": "fault", "operation": "s3:PutObject", "nth": 1, "effect": "lose" }));
    let ran = estate.run(&["unlock", "--yes"]).ended(0);
    assert!(ran.err.contains("the lock is released"), "{ran:?}");
    assert_eq!(lock(&estate)["state"], "released");
}

#[test]
fn an_unlock_that_is_interrupted_finishes_its_call_and_ends_by_the_signal() {
    let estate = Estate::converged(PROFILES, BASELINE);
    hold(&estate, 600);
    slow(&estate, "s3:PutObject", 1500);
    let mut child = spawn(&estate, &["unlock", "--yes"]);
    while estate.sandbox.faults()[0].hit == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(lock(&estate)["state"], "released");
}

#[test]
fn two_applies_at_once_write_one_after_the_other() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    slow(&estate, "cloudtrail:StartLogging", 3000);
    let upstream = estate.sandbox.endpoint().strip_prefix("http://").unwrap().parse().unwrap();
    let runs: Vec<(Proxy, Child)> = ["payments", "ledger"]
        .into_iter()
        .map(|account| {
            let proxy = Proxy::start(upstream, AS_IT_IS);
            let mut command = estate.command(&["apply", "--yes", "-a", account]);
            command.env("AWS_ENDPOINT_URL", proxy.endpoint()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            (proxy, child)
        })
        .collect();
    let spans: Vec<(Instant, Instant)> = runs
        .into_iter()
        .map(|(proxy, child)| {
            let (code, out, err) = ended(child);
            assert_eq!(code, Some(0), "{out}\n{err}");
            let writes = proxy.writes();
            let changes: Vec<_> = writes.iter().filter(|(_, call)| call.service == "cloudtrail").collect();
            assert_eq!(changes.len(), 2, "{writes:#?}");
            // Taken before the first change is sent, and released after the last one was answered.
            assert_eq!(writes.first().unwrap().1.service, "s3", "{writes:#?}");
            assert_eq!(writes.last().unwrap().1.service, "s3", "{writes:#?}");
            (changes[0].0, writes.last().unwrap().0)
        })
        .collect();
    let apart = spans[0].1 < spans[1].0 || spans[1].1 < spans[0].0;
    assert!(apart, "{spans:?}");
}

#[test]
fn a_killed_runs_lock_is_waited_for_and_taken_over() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    slow(&estate, "cloudtrail:StartLogging", 60_000);
    estate.sandbox.reset_calls();
    let mut killed = spawn(&estate, &["apply", "--yes", "--lock-lease", "3s"]);
    until_called(&estate, "StartLogging");
    killed.kill().unwrap();
    killed.wait().unwrap();
    estate.tamper(json!({ "do": "clear-faults" }));
    let left = lock(&estate);
    assert_eq!(left["state"], "held");
    drift(&estate);

    let ran = estate.apply(&[]).ended(0);
    let holder = format!("tester@bed (run {}, process {}", left["run"].as_str().unwrap(), killed.id());
    assert!(ran.err.contains(&format!("waiting at most 600s for the lock that {holder}")), "{ran:?}");
    assert!(ran.err.contains(&format!("took over the lock that {holder}")), "{ran:?}");
    estate.assert_clean();
    assert_eq!(lock(&estate)["state"], "released");
}

#[test]
fn two_first_applies_at_once_make_one_bucket_and_one_of_them_goes_first() {
    let estate = Estate::new(PROFILES, BASELINE);
    slow(&estate, "s3:CreateBucket", 300);
    // As on two machines, and two on one of them.
    let children: Vec<Child> = ["a", "b", "b"]
        .into_iter()
        .map(|machine| {
            let mut command = estate.command(&["apply", "--yes"]);
            command.env("XDG_STATE_HOME", estate.directory.path().join(machine));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let (code, out, err) = ended(child);
        assert_eq!(code, Some(0), "{out}\n{err}");
    }
    let state = estate.state();
    assert_eq!(state["buckets"].as_array().unwrap().len(), 1, "{:#}", state["buckets"]);
    assert_eq!(state["keys"].as_array().unwrap().len(), 1, "{:#}", state["keys"]);
    assert_eq!(lock(&estate)["state"], "released");
    estate.assert_clean();
}

#[test]
fn a_lock_that_somebody_else_has_is_not_waited_for_without_a_timeout() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    hold(&estate, 120);
    let before = estate.sandbox.mutating_calls();
    let ran = estate.apply(&["--lock-timeout", "0", "--format", "json"]).ended(3);
    assert_eq!(estate.sandbox.mutating_calls(), before);
    let document = ran.json();
    let outcomes = document["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 6);
    assert!(outcomes.iter().all(|outcome| outcome["outcome"] == "not_started"), "{outcomes:#?}");
    assert!(ran.err.contains(ALICE) && ran.err.contains("baseline unlock"), "{ran:?}");

    let ran = estate.apply(&["--lock-timeout", "2s"]).ended(3);
    assert!(ran.err.contains(&format!("waiting at most 2s for the lock that {ALICE} holds")), "{ran:?}");
    assert_eq!(estate.sandbox.mutating_calls(), before);
}

#[test]
fn a_lock_can_be_taken_away_from_a_run_that_is_gone() {
    let estate = Estate::converged(PROFILES, BASELINE);
    hold(&estate, 120);
    let held = lock(&estate);
    // Nobody to ask.
    let ran = estate.run(&["unlock"]).ended(3);
    assert!(ran.err.contains(&format!("{ALICE} holds the lock")) && ran.err.contains("--yes"), "{ran:?}");
    assert_eq!(lock(&estate), held);

    let ran = estate.run(&["unlock", "--yes"]).ended(0);
    assert!(ran.err.contains(&format!("{ALICE} holds the lock s3://{BUCKET}/{KEY}")), "{ran:?}");
    assert!(ran.err.contains("last renewed 2026-11-22T20:54:00Z, 2 times"), "{ran:?}");
    assert!(ran.err.contains("the lock is released"), "{ran:?}");
    let free = lock(&estate);
    assert_eq!(free["state"], "released");
    assert!(free["released_by"].as_str().unwrap().starts_with("tester@bed (run "), "{free:#}");

    let before = estate.sandbox.mutating_calls();
    let ran = estate.run(&["unlock", "--yes"]).ended(0);
    assert!(ran.err.contains(&format!("nobody holds the lock; the last to hold it was {ALICE}")), "{ran:?}");
    assert_eq!(estate.sandbox.mutating_calls(), before);
    drift(&estate);
    estate.apply(&["--lock-timeout", "0"]).ended(0);
}

#[test]
fn what_is_no_lock_is_in_the_way_until_somebody_says_otherwise() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    estate.admin(SECURITY).s3("PUT", &format!("/{BUCKET}/{KEY}"), "no lock");
    let ran = estate.apply(&["--lock-timeout", "0"]).ended(3);
    assert!(ran.err.contains("something that this version cannot read holds the lock"), "{ran:?}");
    let ran = estate.run(&["unlock", "--yes"]).ended(0);
    assert!(ran.err.contains("is nothing that this version can read"), "{ran:?}");
    estate.apply(&["--lock-timeout", "0"]).ended(0);
}

#[test]
fn unlocking_makes_nothing_where_there_is_nothing() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = estate.run(&["unlock", "--yes"]).ended(0);
    assert!(ran.err.contains("there is no log bucket that could hold it"), "{ran:?}");
    assert_eq!(estate.sandbox.mutating_calls(), 0);
}

#[test]
fn a_run_whose_lock_is_taken_away_finishes_its_calls_and_starts_nothing_more() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for region in [HOME, "us-east-1"] {
        let name = "baseline";
        estate.tamper(json!({ "do": "delete-trail", "account": PAYMENTS, "region": region, "name": name }));
    }
    // The trails wait for the bucket.
    estate.tamper(json!({ "do": "suspend-versioning", "bucket": BUCKET }));
    slow(&estate, "s3:PutBucketVersioning", 8000);
    estate.sandbox.reset_calls();
    let mut child = spawn(&estate, &["apply", "--yes", "--lock-lease", "3s", "--format", "json"]);
    until_called(&estate, "PutBucketVersioning");
    let ran = estate.run(&["unlock", "--yes"]).ended(0);
    assert!(ran.err.contains("WARNING") && ran.err.contains("most likely alive and writing"), "{ran:?}");
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push(line.unwrap());
    }
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{out}\n{said:#?}");
    let document: Value = serde_json::from_str(&out).unwrap();
    let outcome = |address: &str| {
        let outcomes = document["outcomes"].as_array().unwrap();
        outcomes.iter().find(|outcome| outcome["address"] == address).unwrap()["outcome"].clone()
    };
    assert_eq!(outcome(BUCKET_ADDRESS), "applied");
    for region in [HOME, "us-east-1"] {
        assert_eq!(outcome(&format!("{PAYMENTS}/{region}/cloudtrail.trail/baseline")), "not_started", "{document:#}");
    }
    assert!(said.iter().any(|line| line.contains("the lock could not be renewed")), "{said:#?}");
    assert_eq!(estate.called("CreateTrail", "ok"), 0);
    // It is not its lock any more: the one who took it away released it.
    assert!(lock(&estate)["released_by"].is_string());
}

#[test]
fn a_role_that_may_not_write_the_lock_changes_nothing_and_is_told_what_it_takes() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "s3:PutObject" }));
    estate.sandbox.reset_calls();
    let ran = estate.apply(&[]).ended(1);
    assert!(ran.out.contains("the lock that keeps two runs apart could not be taken"), "{ran:?}");
    assert!(ran.out.contains(&format!("`s3:PutObject` on arn:aws:s3:::{BUCKET}/{KEY}")), "{ran:?}");
    assert!(ran.out.contains("role/BaselineSecurity"), "{ran:?}");
    assert!(ran.out.contains("6 not started"), "{ran:?}");
    // As one document, it is an error all the same.
    let document = estate.apply(&["--format", "json"]).ended(1).json();
    assert_eq!(document["halted"]["cause"], "no_lock", "{document:#}");
    assert_eq!(document["result"]["not_started"], 6, "{document:#}");
    assert_eq!(estate.called("StartLogging", "ok"), 0);
    assert_eq!(estate.drift(&[]).len(), 6);
}

#[test]
fn the_lock_lies_in_the_log_archive_where_there_is_one() {
    let archive = format!(
        "{PROFILES}\n[log_archive]\naccount = \"{ARCHIVE}\"\nrole = \"BaselineArchive\"\nexternal_id = \"hush-archive-1234\"\n"
    );
    let estate = Estate::converged(&archive, BASELINE);
    estate.sandbox.reset_calls();
    drift(&estate);
    estate.apply(&[]).ended(0);
    let own: Vec<String> = estate.all_writes().into_iter().filter(|write| write.starts_with("s3:")).collect();
    assert_eq!(own, [format!("s3:PutObject {ARCHIVE} {HOME}"), format!("s3:PutObject {ARCHIVE} {HOME}")]);
}

#[test]
fn without_a_log_bucket_the_lock_holds_on_this_machine_alone() {
    let estate = Estate::new(PROFILES, "name = \"test\"\n\n[guardduty]\npublish = false\n");
    let state = estate.directory.path().join("state/baseline");
    std::fs::create_dir_all(&state).unwrap();
    let file = std::fs::File::create(state.join(format!("lock-{SECURITY}"))).unwrap();
    file.lock().unwrap();
    let ran = estate.apply(&["--lock-timeout", "0"]).ended(3);
    assert!(ran.err.contains("another process on this machine holds the lock"), "{ran:?}");
    assert_eq!(estate.sandbox.mutating_calls(), 0);
    file.unlock().unwrap();
    let ran = estate.apply(&["--lock-timeout", "0"]).ended(0);
    assert!(ran.err.contains("there is no log bucket to lock: only"), "{ran:?}");
    assert_eq!(estate.called("PutObject", "ok"), 0);
    estate.assert_clean();
}

#[test]
fn a_lock_is_waited_for_and_kept_for_a_time_that_is_one() {
    let estate = Estate::new(PROFILES, BASELINE);
    for wrong in [["--lock-timeout", "soon"], ["--lock-timeout", "5"], ["--lock-lease", "0"], ["--lock-lease", "2h"]] {
        let ran = estate.apply(&wrong).ended(64);
        assert!(ran.err.contains(wrong[0]), "{ran:?}");
    }
}
