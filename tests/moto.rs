//! The whole flow against moto, a simulation of AWS that other people wrote, audited with boto3.
//!
//! Where moto and the AWS documentation disagree, the documentation decides, and [`CORRECTIONS`] says so.

mod adoption;
mod services;
mod tampers;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::support::moto::{ACCOUNTS, HOME, Moto, SECURITY};
use super::support::proxy::{Corrections, Recorded};

const CORRECTIONS: Corrections = Corrections { request: name_the_trail, answer: name_the_root };

/// moto's `DeleteTrail` looks for the trail by name alone and answers success when the request has its ARN
/// (moto 5.2.5, cloudtrail/models.py, `delete_trail`; getmoto/moto#10107 is the same of `StopLogging`). It takes "the
/// name or the CloudTrail ARN of the trail" (CloudTrail API Reference, `DeleteTrail`).
fn name_the_trail(call: &Recorded, body: String) -> String {
    if call.operation != "DeleteTrail" {
        return body;
    }
    let mut request: Value = serde_json::from_str(&body).unwrap();
    if let Some((_, name)) = request["Name"].as_str().and_then(|arn| arn.split_once(":trail/")) {
        request["Name"] = json!(name);
    }
    request.to_string()
}

/// moto's `GetBucketVersioning` calls its answer's root after the operation, which boto3 does not look at (moto 5.2.5,
/// core/serialize.py, `RestXMLSerializer`). It is `VersioningConfiguration` (S3 API Reference, `GetBucketVersioning`,
/// "Response Syntax"), which the SDK for Rust insists on.
fn name_the_root(call: &Recorded, body: String) -> String {
    match (call.service.as_str(), call.operation.as_str()) {
        ("s3", "GET ?versioning") => body.replace("GetBucketVersioningResponse", "VersioningConfiguration"),
        _ => body,
    }
}

/// How an object is put that is the tool's own: its lock.
const OWN_OBJECT: &str = "PUT ?x-id";

/// The Regions that moto has enabled in the partition `aws`.
const REGIONS: u64 = 20;
/// The accounts but the jump account, each entered by one `AssumeRole`.
const HOPS: usize = 4;

const MINIMAL: &str = include_str!("../baselines/minimal.toml");

fn bucket() -> String {
    format!("baseline-logs-{SECURITY}-{HOME}")
}

fn mutating(calls: &BTreeMap<Recorded, usize>) -> Vec<(&Recorded, &usize)> {
    calls.iter().filter(|(call, _)| call.mutating()).collect()
}

fn count(calls: &BTreeMap<Recorded, usize>, operation: &str) -> usize {
    calls.iter().filter(|(call, _)| call.operation == operation).map(|(_, count)| count).sum()
}

/// Each place was read once. An attempt that moto leaves without an answer while much runs at the same time is sent again:
/// a few more are no second reading.
#[track_caller]
fn assert_read_once(calls: &BTreeMap<Recorded, usize>, operation: &str, places: u64) {
    let sent = count(calls, operation) as u64;
    assert!((places..=places + places / 10).contains(&sent), "{operation}: {sent} for {places} places");
}

fn addresses(changes: &Value) -> Vec<&str> {
    changes.as_array().unwrap().iter().map(|change| change["address"].as_str().unwrap()).collect()
}

#[test]
fn per_region_trails_converge_and_what_others_break_is_repaired() {
    let moto = Moto::start(CORRECTIONS);
    moto.declare(MINIMAL);
    let trails = ACCOUNTS.len() as u64 * REGIONS;

    let plan = moto.plan(&[], 2);
    assert_eq!(plan["complete"], true, "{plan:#}");
    assert_eq!(plan["summary"]["create"], trails + 2, "{:#}", plan["summary"]);
    let calls = moto.proxy.take();
    assert_eq!(mutating(&calls), [], "a plan writes nothing");
    assert_eq!(count(&calls, "AssumeRole"), HOPS);
    assert_read_once(&calls, "DescribeTrails", trails);

    moto.baseline(&["apply", "--yes"], 0);
    let calls = moto.proxy.take();
    assert_eq!(count(&calls, "CreateTrail") as u64, trails);
    assert_eq!(count(&calls, "StartLogging") as u64, trails);
    assert_eq!(count(&calls, "CreateKey"), 1);
    assert_eq!(count(&calls, "AssumeRole"), HOPS);

    let plan = moto.plan(&[], 0);
    assert_eq!(plan["changes"], json!([]));
    assert_eq!(plan["summary"]["in_sync"], trails + 2);
    let audit = moto.audit("per-region", "");
    assert_eq!(audit["trails"], trails, "{audit}");
    assert_eq!(audit["bucket"], bucket());

    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 0);
    let calls = moto.proxy.take();
    assert_eq!(mutating(&calls), [], "a second apply writes nothing");
    assert_read_once(&calls, "DescribeTrails", trails);

    let bucket = bucket();
    moto.boto3("tamper.py", &["stop-logging", "444444444444", "eu-west-1", "baseline"]);
    moto.boto3("tamper.py", &["drop-statement", SECURITY, HOME, &bucket, "BaselineCloudTrailWrite333333333333"]);
    moto.boto3("tamper.py", &["add-statement", SECURITY, HOME, &bucket, "SomebodyElse"]);
    let plan = moto.plan(&[], 2);
    assert_eq!(plan["summary"]["update"], 2);
    assert_eq!(
        addresses(&plan["changes"]),
        [
            format!("{SECURITY}/{HOME}/s3.bucket/{bucket}"),
            "444444444444/eu-west-1/cloudtrail.trail/baseline".to_owned()
        ]
    );
    let policy = &plan["changes"][0];
    assert_eq!(policy["action"], "update");
    let fields = policy["fields"].as_array().unwrap();
    assert!(!fields.is_empty());
    for field in fields {
        assert_eq!(field["change"], "added", "{field:#}");
        let path: Vec<_> = field["path"].as_array().unwrap().iter().take(3).collect();
        assert_eq!(path, ["policy", "Statement", "BaselineCloudTrailWrite333333333333"], "{field:#}");
    }
    let trail = &plan["changes"][1];
    assert_eq!(trail["action"], "update");
    assert_eq!(trail["fields"], json!([{"path": ["logging"], "change": "changed", "before": false, "after": true}]));

    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 0);
    let calls = moto.proxy.take();
    let repairs: Vec<_> = mutating(&calls).into_iter().map(|(call, n)| (call.operation.as_str(), *n)).collect();
    let repairs: Vec<_> = repairs.into_iter().filter(|(operation, _)| *operation != OWN_OBJECT).collect();
    assert_eq!(repairs, [("StartLogging", 1), ("PUT ?policy", 1)]);
    moto.plan(&[], 0);
    moto.audit("per-region", "");
    let policy: Value =
        serde_json::from_str(&moto.boto3("tamper.py", &["show-policy", SECURITY, HOME, &bucket])).unwrap();
    let sids: Vec<_> = policy["Statement"].as_array().unwrap().iter().map(|s| s["Sid"].as_str().unwrap()).collect();
    assert!(sids.contains(&"SomebodyElse"), "a foreign statement survives: {sids:?}");
}

#[test]
fn a_change_of_mode_makes_the_new_trails_before_the_old_ones_are_pruned() {
    let moto = Moto::start(CORRECTIONS);
    let prefixed = MINIMAL.replace("require_tls = false", "require_tls = true\nprefix = \"org\"\nretention_days = 400");
    moto.declare(&prefixed);
    moto.baseline(&["apply", "--yes"], 0);
    moto.plan(&[], 0);
    moto.audit("per-region", "org");

    let multi = prefixed.replace("mode = \"per-region\"", "mode = \"multi-region\"");
    assert_ne!(multi, prefixed);
    moto.declare(&multi);
    let accounts = ACCOUNTS.len();
    let old = ACCOUNTS.len() * REGIONS as usize;
    let plan = moto.plan(&["--prune"], 2);
    assert_eq!(plan["summary"]["create"], accounts, "{:#}", plan["summary"]);
    assert_eq!(plan["summary"]["delete"], 0, "nothing is pruned before its replacement is there");
    assert_eq!(addresses(&plan["orphans"]).len(), old);

    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 0);
    let calls = moto.proxy.take();
    assert_eq!(count(&calls, "CreateTrail"), accounts);
    assert_eq!(count(&calls, "DeleteTrail"), 0);
    let plan = moto.plan(&[], 0);
    assert_eq!(addresses(&plan["orphans"]).len(), old);

    let plan = moto.plan(&["--prune"], 2);
    assert_eq!(plan["summary"]["delete"], old, "{:#}", plan["summary"]);
    moto.proxy.take();
    moto.baseline(&["apply", "--yes", "--prune"], 0);
    let calls = moto.proxy.take();
    assert_eq!(count(&calls, "DeleteTrail"), old);
    let audit = moto.audit("multi-region", "org");
    assert_eq!(audit["trails"], accounts, "{audit}");

    moto.proxy.take();
    moto.baseline(&["apply", "--yes", "--prune"], 0);
    assert_eq!(mutating(&moto.proxy.take()), [], "a second apply writes nothing");
}
