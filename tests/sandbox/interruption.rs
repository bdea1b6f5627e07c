//! A first apply that is cut off, at every point: the next one goes on from there and makes nothing twice.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, BUCKET, Estate, SECURITY};

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
        if ["s3:CreateBucket", "s3:PutBucketPublicAccessBlock"].contains(action) {
            // There is nowhere to put the lock.
            assert!(ran.err.contains("cannot take the lock, and nothing was changed"), "{action}: {ran:?}");
        } else {
            let document = ran.json();
            let outcomes = document["outcomes"].as_array().unwrap();
            assert_eq!(outcomes.len(), 3, "{action}");
            let failed: Vec<&Value> = outcomes.iter().filter(|outcome| outcome["outcome"] == "failed").collect();
            assert_eq!(failed.len(), 1, "{action}: {failed:#?}");
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
