//! The copy of a run's record in the log bucket: made of what changed something, once, and missed loudly.

use std::fs;

use baseline::report::record::{Record, read};
use serde_json::{Value, json};

use crate::support::estate::{BASELINE, BUCKET, Estate, PAYMENTS, PROFILES, Ran, SECURITY};

const FILE: &str = "run.jsonl";

fn record(estate: &Estate) -> Record {
    read(&fs::read(estate.directory.path().join(FILE)).unwrap()[..]).unwrap()
}

/// Applies and copies the record, and answers what was said and the copy's text, where there is one.
fn apply_and_copy(estate: &Estate, arguments: &[&str]) -> (Ran, Option<String>) {
    let _ = fs::remove_file(estate.directory.path().join(FILE));
    let ran = estate.apply(&[&["--events", FILE, "--events-to-bucket"], arguments].concat());
    let place = ran.err.lines().find_map(|line| line.strip_prefix("copied the record to s3:/"));
    let copy = place.map(|place| estate.admin(SECURITY).s3("GET", place, ""));
    (ran, copy)
}

fn stop_logging(estate: &Estate) {
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": "us-east-1" }));
}

/// Does this to the write of the copy: the first two are the lock's.
fn on_the_copy(estate: &Estate, effect: Value) {
    estate.tamper(json!({ "do": "fault", "operation": "s3:PutObject", "nth": 3, "effect": effect }));
}

#[test]
fn a_copy_in_the_log_bucket_shows_the_same_run_and_none_is_made_of_a_run_that_changed_nothing() {
    let estate = Estate::new(PROFILES, BASELINE);
    let (ran, copy) = apply_and_copy(&estate, &[]);
    let ran = ran.ended(0);
    let copy = copy.unwrap();
    let (local, copied) = (record(&estate), read(copy.as_bytes()).unwrap());
    let run = local.header.run.as_str();
    let key = format!("baseline/runs/{}-{}-{}/{run}.jsonl", &run[..4], &run[4..6], &run[6..8]);
    assert!(ran.err.contains(&format!("copied the record to s3://{BUCKET}/{key}\n")), "{}", ran.err);
    assert_eq!(copied.ended.as_ref().map(|ended| ended.exit), Some(0));
    // Whole, but for the call that makes it.
    let (last, before) = local.calls.split_last().unwrap();
    assert_eq!((last.operation.as_str(), last.error.is_none()), ("PutObject", true));
    assert_eq!(copied.calls, before);
    for arguments in [&[][..], &["--format", "json"]] {
        let shown = estate.run(&[&["show", FILE], arguments].concat()).ended(0).out;
        fs::write(estate.directory.path().join("copy.jsonl"), &copy).unwrap();
        assert_eq!(estate.run(&[&["show", "copy.jsonl"], arguments].concat()).ended(0).out, shown);
    }

    estate.sandbox.reset_calls();
    let (ran, none) = apply_and_copy(&estate, &[]);
    assert_eq!((ran.ended(0).out.is_empty(), none), (false, None));
    assert_eq!(estate.all_writes(), [""; 0]);

    // How a run failed is in the copy, too.
    stop_logging(&estate);
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:StartLogging" }));
    let (ran, copy) = apply_and_copy(&estate, &["--quiet"]);
    assert!(!ran.ended(1).err.contains("copied"), "quiet says what is wrong and nothing else");
    assert_eq!((copy, estate.bucket(BUCKET)["objects"].as_u64()), (None, Some(3)));
    let (_, copy) = apply_and_copy(&estate, &[]);
    assert_eq!(read(copy.unwrap().as_bytes()).unwrap().ended.map(|ended| ended.exit), Some(1));
}

#[test]
fn a_copy_that_cannot_be_made_fails_a_run_whose_changes_are_made() {
    let estate = Estate::converged(PROFILES, BASELINE);
    stop_logging(&estate);
    on_the_copy(&estate, json!({ "fail": { "code": "AccessDenied", "status": 403, "message": "Access Denied" } }));
    let (ran, none) = apply_and_copy(&estate, &[]);
    let ran = ran.ended(1);
    assert_eq!(none, None);
    assert!(ran.err.contains("error: the record of this run is not in the log bucket\n"), "{}", ran.err);
    let run = record(&estate).header.run;
    let takes =
        format!("`s3:PutObject`, and `s3:GetObject` where an answer got lost, on arn:aws:s3:::{BUCKET}/baseline/runs/");
    assert!(ran.err.contains(&takes), "{}", ran.err);
    assert!(ran.err.contains(&format!("{run}.jsonl: allow that to arn:aws:iam::{SECURITY}:role/BaselineSecurity")));
    assert!(ran.err.contains("copy it by hand"), "{}", ran.err);
    // The record on this machine tells it.
    let local = record(&estate);
    assert_eq!(local.ended.map(|ended| ended.exit), Some(1));
    assert!(local.calls.last().unwrap().error.is_some());
    assert!(local.outcomes.iter().all(|(_, outcome)| outcome.is_well()));
    estate.tamper(json!({ "do": "clear-faults" }));
    estate.assert_clean();

    // Whatever bears its name already: what was put there before the answer got lost is the copy itself.
    stop_logging(&estate);
    on_the_copy(&estate, json!("lose"));
    let (ran, copy) = apply_and_copy(&estate, &[]);
    ran.ended(0);
    assert!(copy.is_some());
    assert_eq!(estate.sandbox.faults()[0].hit, 1);
}

#[test]
fn a_copy_that_could_never_be_made_is_refused_before_anything_is_called() {
    let estate = Estate::new(PROFILES, BASELINE);
    let refused = |arguments: &[&str], why: &str| {
        let ran = estate.apply(&[&["--events-to-bucket"], arguments].concat()).ended(64);
        assert!(ran.err.contains(why), "{}", ran.err);
    };
    refused(&[], "--events <FILE>");
    refused(&["--events", "/dev/null"], "--events has to name a file");
    estate.write_baseline("name = \"test\"\n\n[guardduty]\npublish = false\n");
    refused(&["--events", FILE], "baseline.toml has no [log_bucket]");
    assert_eq!(estate.sandbox.calls(), []);
    // A bucket that is declared, and that this run does not make.
    estate.write_baseline(BASELINE);
    let (ran, none) = {
        let _ = fs::remove_file(estate.directory.path().join(FILE));
        apply_and_copy(&estate, &["-s", "kms"])
    };
    assert!(ran.err.contains(&format!("cause: the log bucket {BUCKET} is not there")), "{}", ran.err);
    assert_eq!((ran.ended(1).code, none), (Some(1), None));
}
