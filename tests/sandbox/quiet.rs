//! What a scheduler would mail: one line or nothing when all is well, problems in full otherwise.

use std::process::Stdio;

use serde_json::json;

use crate::support::estate::{BASELINE, Estate, LEDGER, PAYMENTS, PROFILES, Ran};

#[track_caller]
fn is_one_line(ran: &Ran, begin: &str) {
    assert_eq!(ran.err, "", "{ran:?}");
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    assert!(ran.out.starts_with(begin) && ran.out.ends_with(").\n"), "{}", ran.out);
}

#[track_caller]
fn says_nothing(ran: &Ran) {
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

fn drift(estate: &Estate) {
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": "eu-west-1", "name": "baseline" }));
}

#[test]
fn in_sync_is_one_line_and_quiet_is_none() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for command in [&["plan"][..], &["apply", "--yes"]] {
        is_one_line(&estate.run(command).ended(0), "Plan: nothing to change, 8 in sync");
        says_nothing(&estate.run(&[command, &["-q"]].concat()).ended(0));
        says_nothing(&estate.run(&[command, &["-q", "--format", "json"]].concat()).ended(0));
        let document = estate.run(&[command, &["--format", "json"]].concat()).ended(0);
        assert_eq!(document.err, "");
        assert_eq!(document.json()["summary"]["in_sync"], 8);
    }
    says_nothing(&estate.run(&["accounts", "-q"]).ended(0));
    let talking = estate.run(&["plan", "-v"]).ended(0);
    assert!(talking.err.contains("read 3 of 3 accounts"), "{}", talking.err);
}

#[test]
fn drift_is_told_in_full_and_its_repair_in_a_line() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    let loud = estate.run(&["plan"]).ended(2);
    assert_eq!(loud.err, "");
    assert!(loud.out.contains("logging") && loud.out.contains("Plan: 1 to update"), "{}", loud.out);
    let quiet = estate.run(&["plan", "-q"]).ended(2);
    assert_eq!((quiet.out, quiet.err), (loud.out, String::new()));
    let repaired = estate.apply(&["-q"]).ended(0);
    let line = "changed cloudtrail.trail baseline of payments (333333333333), eu-west-1: logging: false → true\n";
    assert_eq!((repaired.out.as_str(), repaired.err.as_str()), (line, ""), "what somebody broke is news");
    estate.tamper(json!({ "do": "age-deliveries", "minutes": 60 * 24 * 8 }));
    says_nothing(&estate.apply(&["-q"]).ended(0));
    estate.assert_clean();
    drift(&estate);
    let document = estate.apply(&["-q", "--format", "json"]).ended(0).json();
    assert_eq!(document["result"]["applied"], 1);
    drift(&estate);
    let repaired = estate.apply(&[]).ended(0);
    assert_eq!(repaired.err, "");
    assert!(repaired.out.contains("logging") && repaired.out.ends_with("Apply: 1 applied.\n"), "{}", repaired.out);
}

#[test]
fn a_failure_is_told_in_full_however_quiet() {
    let estate = Estate::converged(PROFILES, BASELINE);
    drift(&estate);
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:StartLogging" }));
    for quiet in [&[][..], &["-q"]] {
        let ran = estate.apply(quiet).ended(1);
        assert!(ran.out.contains("failed 333333333333/eu-west-1/cloudtrail.trail/baseline"), "{}", ran.out);
        assert!(ran.out.contains("AccessDenied") && ran.out.contains("1 failed"), "{}", ran.out);
        assert_eq!(ran.err, "");
    }
    estate.tamper(json!({ "do": "deny", "account": LEDGER, "operation": "cloudtrail:DescribeTrails" }));
    for command in [&["plan", "-q"][..], &["apply", "--yes", "-q"]] {
        let ran = estate.run(command);
        assert!(matches!(ran.code, Some(1 | 3)), "{ran:?}");
        assert!(ran.out.contains("DescribeTrails") && ran.out.contains(LEDGER), "{}", ran.out);
    }
}

#[test]
fn a_warning_is_held_back_only_while_all_is_well() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let ran = estate.run(&["plan", "-q", "-a", "nobody"]).ended(64);
    assert!(ran.err.contains("no account of profiles.toml matches"), "{}", ran.err);
    // Beside one that matches, too.
    let ran = estate.run(&["plan", "-a", "payments", "-a", "nobody"]).ended(64);
    assert!(ran.err.contains("--account nobody"), "{}", ran.err);
}

/// Runs a command whose output nobody reads, not even the beginning.
fn unread(estate: &Estate, arguments: &[&str]) -> Option<i32> {
    let mut child = estate.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap().code()
}

#[test]
fn a_reader_that_goes_away_changes_neither_what_is_done_nor_how_it_ended() {
    let estate = Estate::new(PROFILES, BASELINE);
    assert_eq!(unread(&estate, &["plan"]), Some(2));
    assert_eq!(unread(&estate, &["plan", "--format", "json"]), Some(2));
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:CreateTrail" }));
    assert_eq!(unread(&estate, &["apply", "--yes"]), Some(1));
    estate.tamper(json!({ "do": "permit", "account": PAYMENTS }));
    assert_eq!(unread(&estate, &["apply", "--yes"]), Some(0));
    estate.assert_clean();
    assert_eq!(unread(&estate, &["accounts"]), Some(0));
}
