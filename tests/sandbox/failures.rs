//! What goes wrong in an estate: where, as whom, in which call, and what to do; everybody else is served.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::estate::{
    BASELINE, BUCKET, Estate, HOME, LEDGER, PAYMENTS, PROFILES, Ran, SECURITY, blocked, changes, standard,
};

/// The one thing that could not be read.
#[track_caller]
fn unreadable(document: &Value) -> &Value {
    let list = document["unreadable"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:#?}");
    for key in ["account", "account_name", "region", "service", "operation", "fault", "message", "role", "hint"] {
        assert!(!list[0][key].is_null(), "{key}: {:#}", list[0]);
    }
    &list[0]
}

/// Plans an estate in which one account fails, applies it, and shows that the others were served.
#[track_caller]
fn only_payments_fails(estate: &Estate, code: i32, fault: &str) -> Ran {
    let (plan_code, document) = estate.plan_json(&[]);
    assert_eq!(plan_code, Some(code), "{document:#}");
    assert_eq!(document["complete"], false);
    let entry = unreadable(&document);
    assert_eq!((&entry["account"], &entry["fault"]), (&json!(PAYMENTS), &json!(fault)), "{entry:#}");
    assert_eq!(changes(&document).len(), 2 + 4, "key, bucket and the others' trails: {document:#}");
    let screen = estate.plan(&[]).ended(code);
    assert!(screen.out.contains(PAYMENTS) && screen.out.contains("call  ") && screen.out.contains("next  "));
    estate.apply(&[]).ended(code);
    let trails = estate.state()["trails"].as_array().unwrap().len();
    assert_eq!(trails, 4, "the others were served");
    screen
}

#[test]
fn a_wrong_external_id() {
    let estate = Estate::new(PROFILES, BASELINE);
    let wrong = PROFILES.replace("groups = [\"prod\"]", "external_id = \"hush-projects-0816\"");
    estate.write_profiles(&wrong);
    let screen = only_payments_fails(&estate, 3, "assume_refused");
    assert!(!screen.out.contains("hush"), "{}", screen.out);
    crate::assert_screen!("wrong_external_id", screen.out);
}

#[test]
fn a_role_that_does_not_trust_the_security_account() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "set-trust", "account": PAYMENTS, "role": "BaselineExecution", "policy": {
        "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": "arn:aws:iam::444444444444:root" } }] } }));
    only_payments_fails(&estate, 3, "assume_refused");
}

#[test]
fn a_role_that_was_deleted() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-role", "account": PAYMENTS, "role": "BaselineExecution" }));
    only_payments_fails(&estate, 3, "assume_refused");
}

#[test]
fn a_role_that_leads_into_another_account_is_an_error() {
    let estate = Estate::new(PROFILES, BASELINE);
    let nobody = json!({ "Version": "2012-10-17", "Statement": [] });
    estate.tamper(json!({ "do": "create-role", "account": "666666666666", "role": "Other", "policy": nobody }));
    estate.tamper(
        json!({ "do": "alias-role-to", "account": PAYMENTS, "role": "BaselineExecution", "to": "666666666666" }),
    );
    let screen = only_payments_fails(&estate, 1, "wrong_account");
    crate::assert_screen!("wrong_account", screen.out);
    let calls = estate.sandbox.calls();
    let there = calls.iter().filter(|call| call.account.is_some_and(|id| id.as_str() == "666666666666"));
    assert!(there.clone().all(|call| call.operation == "GetCallerIdentity"), "{:?}", there.collect::<Vec<_>>());
}

#[test]
fn a_region_that_the_account_has_not_enabled() {
    let listed = "groups = [\"prod\"]\nregions = { list = [\"eu-west-1\", \"us-east-1\", \"ap-east-1\"] }";
    let estate = Estate::new(&PROFILES.replace("groups = [\"prod\"]", listed), BASELINE);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let entry = unreadable(&document);
    assert_eq!((&entry["region"], &entry["fault"]), (&json!("ap-east-1"), &json!("region_disabled")), "{entry:#}");
    assert_eq!(changes(&document).len(), 8, "the account's other Regions too: {document:#}");
    crate::assert_screen!("region_disabled", estate.plan(&["-a", "payments", "-r", "ap-*"]).ended(3).out);
    estate.apply(&[]).ended(3);
    assert_eq!(estate.state()["trails"].as_array().unwrap().len(), 6);
}

#[test]
fn a_read_that_is_denied() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:GetTrailStatus" }));
    estate.tamper(json!({ "do": "stop-logging", "account": LEDGER, "region": HOME }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document).len()), (Some(3), 1), "{document:#}");
    let list = document["unreadable"].as_array().unwrap();
    assert_eq!(list.len(), 2, "a Region each: {list:#?}");
    assert!(list.iter().all(|entry| entry["fault"] == "denied" && entry["cell"] == "cloudtrail"));
    crate::assert_screen!("read_denied", estate.plan(&[]).ended(3).out);

    // By an organization's policy, its administrator is the one to ask.
    estate.tamper(json!({ "do": "permit", "account": PAYMENTS }));
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:*", "scp": true }));
    crate::assert_screen!("read_denied_by_scp", estate.plan(&[]).ended(3).out);
}

#[test]
fn a_listing_of_regions_that_is_denied() {
    let estate = Estate::new(&PROFILES.replace("list = [", "include = ["), BASELINE);
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "ec2:DescribeRegions" }));
    let screen = only_payments_fails(&estate, 3, "denied");
    crate::assert_screen!("regions_denied", screen.out);
}

#[test]
fn a_write_that_is_denied_fails_its_change_and_skips_what_requires_it() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "s3:PutBucketPolicy" }));
    let ran = estate.apply(&["--format", "json"]).ended(1);
    let document = ran.json();
    let ended = json!({ "already_same": 0, "applied": 1, "failed": 1, "not_started": 0, "skipped": 6, "stale": 0 });
    assert_eq!(document["result"], ended);
    assert_eq!(document["outcomes"].as_array().unwrap().len(), 8, "one outcome per change");
    assert_eq!(estate.state()["trails"], json!([]));
    crate::assert_screen!("write_denied", estate.apply(&[]).ended(1).out);
    estate.tamper(json!({ "do": "permit", "account": SECURITY }));
    estate.apply(&[]).ended(0);
    estate.assert_clean();

    // One project's failure is its own.
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:StartLogging", "scp": true }));
    for account in [PAYMENTS, LEDGER] {
        estate.tamper(json!({ "do": "stop-logging", "account": account, "region": HOME }));
        estate.tamper(json!({ "do": "stop-logging", "account": account, "region": "us-east-1" }));
    }
    crate::assert_screen!("write_denied_by_scp", estate.apply(&[]).ended(1).out);
    let drift = estate.drift(&[]);
    assert!(drift.len() == 2 && drift.iter().all(|change| change.starts_with(PAYMENTS)), "{drift:#?}");
}

#[test]
fn nothing_is_written_where_the_security_account_cannot_be_reached() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-role", "account": SECURITY, "role": "BaselineSecurity" }));
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    estate.sandbox.reset_calls();
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]));
    assert_eq!(document["unreadable"].as_array().unwrap().len(), 3, "every account: {document:#}");
    assert_eq!(estate.called("AssumeRole", "AccessDenied"), 1, "one refusal holds for all");
    crate::assert_screen!("security_unreachable", estate.plan(&[]).ended(3).out);
    estate.apply(&[]).ended(3);
    assert_eq!(estate.sandbox.mutating_calls(), 0);
}

/// The projects are entered, but the bucket they would send to is not known to be.
#[test]
fn nothing_is_written_where_the_log_archive_account_cannot_be_reached() {
    let archive = "[log_archive]\naccount = \"555555555555\"\nrole = \"BaselineLogArchive\"\n";
    let estate = Estate::converged(&format!("{PROFILES}{archive}"), BASELINE);
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    estate.tamper(json!({ "do": "delete-role", "account": "555555555555", "role": "BaselineLogArchive" }));
    let (code, document) = estate.plan_json(&["-a", "payments"]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]), "{document:#}");
    let reasons = blocked(&document);
    assert!(reasons.len() == 2 && reasons.iter().all(|r| r.contains("which could not be read")), "{reasons:#?}");
}

#[test]
fn starting_credentials_that_expired() {
    let estate = Estate::new(PROFILES, BASELINE);
    let session = estate.admin("111111111111");
    estate.tamper(json!({ "do": "expire-sessions" }));
    let environment = [("AWS_ACCESS_KEY_ID", session.key.as_str()), ("AWS_SESSION_TOKEN", &session.token)];
    let ran = estate.run_with(&["plan"], &environment).ended(3);
    crate::assert_screen!("credentials_expired", ran.out);
}

#[test]
fn no_starting_credentials_at_all() {
    let estate = Estate::new(PROFILES, BASELINE);
    let mut command = estate.command(&["plan"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE"] {
        command.env_remove(name);
    }
    let started = Instant::now();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(started.elapsed() < Duration::from_secs(5), "trying again would not help: {:?}", started.elapsed());
    crate::assert_screen!("credentials_missing", String::from_utf8(output.stdout).unwrap());
}

#[test]
fn no_answer() {
    let estate = Estate::new(PROFILES, BASELINE);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Instant::now();
    let ran = estate.run_with(&["plan"], &[("AWS_ENDPOINT_URL", &format!("http://{port}"))]).ended(3);
    // Once for all accounts, with its retries, and not once for each.
    assert!(started.elapsed() < Duration::from_secs(14), "{:?}", started.elapsed());
    crate::assert_screen!("no_answer", ran.out);
}

#[test]
fn a_bucket_in_another_region() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "create-bucket", "bucket": BUCKET, "account": SECURITY, "region": "eu-north-1" }));
    crate::assert_screen!("bucket_in_another_region", estate.plan(&["-s", "s3"]).ended(3).out);
}

/// One account takes every connection and never answers; the run's time is short.
#[test]
fn a_run_whose_time_is_over_reports_what_it_knows_and_starts_nothing_new() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "fault", "account": PAYMENTS, "service": "cloudtrail", "effect": "hang" }));
    let started = Instant::now();
    let ran = estate.plan(&["--timeout", "3s"]).ended(3);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(ran.out.contains("the time of the run is over") && ran.out.contains("--timeout"), "{}", ran.out);
    let (code, document) = estate.plan_json(&["--timeout", "3s"]);
    assert_eq!((code, &document["complete"]), (Some(3), &json!(false)), "{document:#}");
    assert!(!changes(&document).is_empty(), "what was read is reported: {document:#}");
    // Writes of the others are made, and what takes too long is not started.
    let ran = estate.apply(&["--timeout", "5s"]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    estate.plan(&["--timeout", "0"]).ended(64);
    estate.plan(&["--timeout", "soon"]).ended(64);
}

#[test]
fn one_wrong_external_id_is_one_block_however_many_wait_for_it() {
    let profiles = PROFILES.replace("baseline = false", "");
    let estate = Estate::new(&profiles, &standard());
    estate.write_profiles(&profiles.replace("hush-security-4711", "not-the-one"));
    let ran = estate.plan(&[]).ended(3);
    assert_eq!(ran.out.matches("! could not read").count(), 1, "{}", ran.out);
    assert!(!ran.out.contains("! blocked"), "{}", ran.out);
    let (_, cause) = ran.out.split_once("! could not read").unwrap();
    assert!(cause.contains("wait for ") && cause.lines().count() <= 12, "{}", ran.out);
    let (_, document) = estate.plan_json(&[]);
    let blocked = document["blocked"].as_array().unwrap();
    let waits = blocked.iter().filter(|blocked| blocked["waits_for"].is_string()).count();
    assert!(waits > 10 && waits == blocked.len(), "{document:#}");
    let line = ran.out.lines().find(|line| line.contains(" wait for ")).unwrap().trim().to_owned();
    assert!(line.starts_with(&format!("{waits} resources wait for ")), "{line}");
}

#[test]
fn a_success_has_a_line_of_its_own() {
    let estate = Estate::new(PROFILES, &standard());
    let ran = estate.run(&["accounts"]).ended(0);
    assert!(ran.out.ends_with("4 of 4 accounts entered, identities confirmed\n"), "{}", ran.out);
    assert!(!ran.out.contains("arn:aws:iam::333333333333"), "the id is not repeated: {}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 96), "{}", ran.out);
    estate.write_profiles(&PROFILES.replace("hush-projects-0815", "not-the-one"));
    let ran = estate.run(&["accounts"]).ended(3);
    assert!(ran.out.contains("2 of 4 accounts entered, 2 not entered"), "{}", ran.out);
    assert_eq!(ran.out.matches("next: ").count(), 1, "{}", ran.out);
}
