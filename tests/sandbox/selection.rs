//! What a run is narrowed to, and the shape of what it prints.

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, BUCKET, Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY, changes};

#[test]
fn apply_without_a_terminal_and_without_yes_calls_nothing() {
    let estate = Estate::new(PROFILES, BASELINE);
    for arguments in [&["apply"][..], &["apply", "--no-input"]] {
        let ran = estate.run(arguments).ended(64);
        assert!(ran.err.contains("--yes") && ran.out.is_empty(), "{ran:?}");
    }
    assert_eq!(estate.sandbox.calls(), []);
}

#[test]
fn a_filter_that_matches_nothing_is_a_mistake_and_calls_nothing() {
    let estate = Estate::new(PROFILES, BASELINE);
    for arguments in [
        &["plan", "-g", "nobody"][..],
        &["plan", "-a", "9*"],
        &["apply", "--yes", "-a", "paymnets"],
        &["plan", "-a", "payments", "-g", "dev"],
        &["plan", "-a", "[x"],
        &["plan", "-s", "ec2"],
        &["plan", "-t", "333333333333/nowhere/[x"],
        &["accounts", "-g", "nobody"],
    ] {
        let ran = estate.run(arguments);
        assert_eq!(ran.code, Some(64), "{arguments:?}: {ran:?}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{ran:?}");
    }
    assert_eq!(estate.sandbox.calls(), []);
}

#[test]
fn an_account_outside_the_group_says_in_which_groups_it_is() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let ran = estate.run(&["plan", "-a", "ledger", "-g", "prod"]).ended(64);
    let said = "--account ledger --group prod: no account of profiles.toml matches both; those of --account are in the \
                group dev";
    let words: Vec<&str> = ran.err.split_whitespace().collect();
    assert!(words.join(" ").contains(said), "{ran:?}");
}

#[test]
fn a_region_or_a_target_that_matches_nothing_is_a_mistake_too() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.sandbox.reset_calls();
    for (arguments, said) in [
        (&["plan", "-r", "tokyo"][..], "did you mean `ap-northeast-1`?"),
        (&["plan", "-r", "eu-*", "-r", "us-esat-*"], "did you mean `us-east-*`?"),
        (&["plan", "-r", "ap-northeast-1"], "no selected account has this Region"),
        (&["plan", "-t", "3333*/eu-north-*/cloudtrail.*"], "no selected account has this Region"),
        (&["plan", "-t", "payments/*/cloudtrail.*"], "--account takes names"),
        (&["plan", "-t", "*/*/cloudtrial.trail"], "did you mean `cloudtrail.trail`?"),
        (&["plan", "-t", "*/*/cloudtrail.trail/basleine"], "did you mean `baseline`?"),
        (&["plan", "-s", "guardduty"], "the baseline has nothing of this service"),
        (&["plan", "-r", "us-east-1", "-s", "s3"], "together"),
        (&["apply", "--yes", "-r", "tokyo"], "did you mean `ap-northeast-1`?"),
    ] {
        let ran = estate.run(arguments).ended(64);
        assert!(ran.err.contains(said) && ran.out.is_empty(), "{arguments:?}: {ran:?}");
    }
    assert_eq!(estate.all_writes(), [""; 0]);

    // Where an account cannot be entered, it may be there.
    estate.tamper(json!({ "do": "delete-role", "account": LEDGER, "role": "BaselineExecution" }));
    let ran = estate.run(&["plan", "-r", "tokyo"]).ended(3);
    assert!(ran.out.contains("--region tokyo") && ran.out.contains("could not be read"), "{ran:?}");
    estate.run(&["plan", "-r", "tokyo", "-a", "payments"]).ended(64);
}

/// Where CloudTrail was read, as `ACCOUNT REGION`.
fn read(estate: &Estate) -> Vec<String> {
    let calls = estate.sandbox.calls();
    let read = calls.iter().filter(|call| call.operation == "DescribeTrails");
    read.map(|call| format!("{} {}", call.account.unwrap(), call.region)).collect()
}

#[test]
fn filters_narrow_what_is_read_and_changed() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for account in [SECURITY, PAYMENTS, LEDGER] {
        for region in [HOME, "us-east-1"] {
            estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
        }
    }
    estate.tamper(json!({ "do": "suspend-versioning", "bucket": BUCKET }));
    let cases: [(&[&str], &[&str], usize); 8] = [
        (&["-a", "payments"], &["333333333333 eu-west-1", "333333333333 us-east-1"], 2),
        (&["-a", "4*", "-a", "payments", "-r", "us-*"], &["333333333333 us-east-1", "444444444444 us-east-1"], 2),
        (&["-g", "dev"], &["444444444444 eu-west-1", "444444444444 us-east-1"], 2),
        (&["-s", "s3"], &[], 1),
        (&["-s", "kms"], &[], 0),
        (&["-a", "security", "-r", "eu-*"], &["222222222222 eu-west-1"], 2),
        (&["-t", "333333333333/us-east-1/**"], &["333333333333 us-east-1"], 1),
        (&["-t", "*/*/s3.*"], &[], 1),
    ];
    for (arguments, places, expected) in cases {
        estate.sandbox.reset_calls();
        let drift = estate.drift(arguments);
        assert_eq!(drift.len(), expected, "{arguments:?}: {drift:#?}");
        if !(arguments[0] == "-t" && places.is_empty()) {
            assert_eq!(read(&estate), places, "{arguments:?}");
        }
    }
    estate.apply(&["-a", "payments", "-r", HOME]).ended(0);
    assert_eq!(estate.drift(&[]).len(), 6, "one of seven was repaired");
    estate.apply(&["-s", "s3"]).ended(0);
    assert_eq!(estate.drift(&[]).len(), 5);
}

#[test]
fn filters_do_not_narrow_the_shared_policies() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.apply(&["-a", "security"]).ended(0);
    for account in [SECURITY, PAYMENTS, LEDGER] {
        assert!(estate.bucket(BUCKET)["policy"].to_string().contains(account));
        assert!(estate.state()["keys"][0]["policy"].to_string().contains(account));
    }
    estate.sandbox.reset_calls();
    estate.apply(&["-a", "ledger"]).ended(0);
    let writes = estate.writes();
    assert!(!writes.is_empty() && writes.iter().all(|call| call.contains(LEDGER)), "{writes:#?}");
}

#[test]
fn a_project_waits_for_a_bucket_that_is_not_there() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = estate.apply(&["-a", "payments"]).ended(3);
    crate::assert_screen!("bucket_missing", ran.out);
    assert_eq!(estate.sandbox.mutating_calls(), 0);
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_plan_is_one_document_of_the_promised_shape() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-role", "account": LEDGER, "role": "BaselineExecution" }));
    let ran = estate.plan(&["--format", "json", "-vvv"]).ended(3);
    let document = ran.json();
    for key in ["format", "complete", "summary", "changes", "unreadable", "blocked", "exempt"] {
        assert!(document.get(key).is_some(), "{key}: {document:#}");
    }
    assert_eq!((&document["format"], &document["complete"]), (&json!(1), &json!(false)));
    assert_eq!(keys(&document["summary"]), ["create", "delete", "exempt", "in_sync", "unreadable", "update"]);
    assert_eq!(document["summary"]["create"], changes(&document).len());
    assert_eq!(document["unreadable"].as_array().unwrap().len(), 1);
    assert_eq!(document["unreadable"][0]["account_name"], "ledger");
    for change in document["changes"].as_array().unwrap() {
        for key in ["address", "account", "account_name", "region", "kind", "name", "action", "fields"] {
            assert!(change.get(key).is_some(), "{key}: {change:#}");
        }
        let address = ["account", "region", "kind", "name"].map(|key| change[key].as_str().unwrap()).join("/");
        assert_eq!(change["address"], json!(address));
        for field in change["fields"].as_array().unwrap() {
            assert_eq!(keys(field), ["after", "change", "path"], "a creation only adds: {field}");
        }
    }
}

#[test]
fn apply_can_answer_with_one_document_too() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = estate.apply(&["--format", "json", "-a", "security", "-r", HOME]).ended(0);
    let document = ran.json();
    assert_eq!(
        document["result"],
        json!({ "already_same": 0, "applied": 3, "failed": 0, "not_started": 0, "skipped": 0, "stale": 0 })
    );
    assert_eq!(document["outcomes"].as_array().unwrap().len(), 3);
    assert!(ran.err.contains("+ create kms.key"), "the plan is shown apart: {}", ran.err);
}

#[test]
fn accounts_shows_the_estate() {
    let estate = Estate::new(&PROFILES.replace("list = [", "include = ["), BASELINE);
    crate::assert_screen!("accounts", estate.run(&["accounts"]).ended(0).out);
    let document = estate.run(&["accounts", "--format", "json"]).ended(0).json();
    assert_eq!(document["accounts"].as_array().unwrap().len(), 4);
    assert_eq!(document["accounts"][2]["regions"], json!([HOME, "us-east-1"]));
}
