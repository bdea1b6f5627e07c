//! Hops: how often they are assumed, renewed, and what they need.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use baseline::sandbox::Options;
use serde_json::json;

use crate::support::estate::{BASELINE, Estate, HOME, PROFILES};

/// Security and 200 projects, a Region each.
fn two_hundred() -> String {
    let mut profiles = PROFILES.rsplit_once("[[account]]").unwrap().0.rsplit_once("[[account]]").unwrap().0.to_owned();
    profiles = profiles.replace("list = [\"eu-west-1\", \"us-east-1\"]", "list = [\"us-east-1\"]");
    profiles = profiles.replace("home_region = \"eu-west-1\"", "home_region = \"us-east-1\"");
    for n in 0..200 {
        profiles.push_str(&format!("[[account]]\nid = \"7{n:011}\"\n"));
    }
    profiles
}

#[test]
fn each_role_is_assumed_once_in_a_run() {
    let profiles = two_hundred();
    let role = profiles.replace("baseline = false", "role = \"BaselineJump\"");
    for (profiles, expected) in [(profiles, 201), (role, 202)] {
        let estate = Estate::new(&profiles, BASELINE);
        estate.apply(&["-a", "security"]).ended(0);
        estate.sandbox.reset_calls();
        let (code, document) = estate.plan_json(&["-s", "cloudtrail"]);
        assert_eq!(code, Some(2));
        assert!(document["summary"]["create"].as_u64().unwrap() >= 200, "{}", document["summary"]);
        assert_eq!(estate.called("AssumeRole", "ok"), expected);
        let assumed = estate.sandbox.calls().into_iter().filter(|call| call.operation == "AssumeRole");
        assert!(assumed.clone().all(|call| call.region == "us-east-1"), "where STS is always active");
        assert_eq!(assumed.map(|call| call.count).sum::<u64>(), expected, "none was refused");
    }
}

#[test]
fn sessions_are_renewed_while_a_run_goes_on() {
    // Seven writes to one trail, of which CloudTrail takes one a second, outlive a session of three seconds.
    let options = Options { session_seconds: Some(3), ..Options::default() };
    let role = PROFILES.replace("baseline = false", "role = \"BaselineJump\"\nbaseline = false");
    let estate = Estate::with(&role, BASELINE, options);
    let started = Instant::now();
    estate.apply(&[]).ended(0);
    let (assumed, roles) = (estate.called("AssumeRole", "ok"), 4);
    assert!(started.elapsed().as_secs_f64() > 2.0 && assumed > roles, "{assumed} in {:?}", started.elapsed());
    estate.assert_clean();
    let calls = estate.sandbox.calls();
    assert!(!calls.iter().any(|call| call.outcome.contains("Expired")), "{calls:?}");
}

#[test]
fn the_source_identity_goes_along_and_no_chained_session_asks_for_more_than_an_hour() {
    let profiles = PROFILES
        .replace("baseline = false", "role = \"BaselineJump\"\nsource_identity = \"alice\"\nduration_seconds = 7200")
        .replace("role = \"BaselineExecution\"", "role = \"BaselineExecution\"\nsource_identity = \"alice\"");
    let estate = Estate::new(&profiles, BASELINE);
    estate.plan(&[]).ended(2);
    assert_eq!(estate.called("AssumeRole", "ok"), 4, "{:?}", estate.sandbox.calls());

    // From a session on, two hours are too much already for the first hop: the sandbox would refuse them.
    let session = estate.admin("111111111111");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::111111111111:role/Administrator" },
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"] }] });
    estate.tamper(json!({ "do": "set-trust", "account": "111111111111", "role": "BaselineJump", "policy": trust }));
    estate.sandbox.reset_calls();
    let environment = [("AWS_ACCESS_KEY_ID", session.key.as_str()), ("AWS_SESSION_TOKEN", &session.token)];
    estate.run_with(&["plan"], &environment).ended(2);
    assert_eq!(estate.called("AssumeRole", "ok"), 4, "{:?}", estate.sandbox.calls());
}

fn with_mfa(more: &str) -> String {
    let mfa = format!("role = \"BaselineJump\"\nmfa_serial = \"arn:aws:iam::111111111111:mfa/alice\"\n{more}");
    PROFILES.replace("baseline = false", &mfa)
}

#[test]
fn a_code_that_nobody_can_be_asked_for_is_a_clear_error_and_nothing_is_assumed() {
    let estate = Estate::new(&with_mfa(""), BASELINE);
    let ran = estate.plan(&[]).ended(3);
    crate::assert_screen!("mfa_without_terminal", ran.out);
    estate.plan(&["--no-input"]).ended(3);
    estate.plan(&["--mfa-code", "12345"]).ended(3);
    assert!(!estate.sandbox.calls().iter().any(|call| call.operation == "AssumeRole"));
}

#[test]
fn a_wrong_code_is_tried_once_and_not_repeated_on_the_screen() {
    let estate = Estate::new(&with_mfa(""), BASELINE);
    let ran = estate.plan(&["--mfa-code", "654321"]).ended(3);
    assert!(!ran.out.contains("654321") && !ran.err.contains("654321"), "{ran:?}");
    assert_eq!(estate.called("AssumeRole", "AccessDenied"), 1);
    crate::assert_screen!("mfa_wrong_code", ran.out);
}

#[test]
fn a_program_can_give_the_code() {
    let estate = Estate::new(&with_mfa("mfa_command = [\"./code\", \"alice\"]"), BASELINE);
    let program = estate.directory.path().join("code");
    let write = |text: &str| {
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("#!/bin/sh\n[ \"$1\" = alice ] && echo 123456\n");
    estate.plan(&["-a", "payments", "-r", HOME]).ended(3);
    assert_eq!(estate.called("AssumeRole", "ok"), 3, "{:?}", estate.sandbox.calls());
    write("#!/bin/sh\nexit 7\n");
    let ran = estate.plan(&[]).ended(3);
    assert!(ran.out.contains("`mfa_command` (./code) ended with"), "{}", ran.out);
    // What it prints may be anything: it is not shown.
    write("#!/bin/sh\necho hush-projects-0815\n");
    let ran = estate.plan(&[]).ended(3);
    assert!(ran.out.contains("six digits"), "{}", ran.out);
}
