//! Hops: how often they are assumed, renewed, and what they need.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
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
fn a_code_can_come_by_stdin_where_no_list_of_processes_shows_it() {
    let estate = Estate::new(&with_mfa(""), BASELINE);
    let run = |stdin: &str| {
        let mut command = estate.command(&["accounts", "--mfa-code", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("123456\n");
    assert_eq!(code, Some(0), "{said}");
    for nothing in ["", "\n", "12345\n", &"9".repeat(4096)] {
        let (code, said) = run(nothing);
        assert!(code == Some(3) && said.contains("six digits"), "{said}");
    }
    let help = estate.run(&["plan", "--help"]).ended(0);
    assert!(help.out.contains("list of processes"), "{}", help.out);
}

#[test]
fn a_wrong_key_is_said_once_with_the_accounts_that_it_keeps_out() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "fault", "operation": "sts:GetCallerIdentity", "effect": { "fail": {
        "code": "SignatureDoesNotMatch", "status": 403,
        "message": "The request signature we calculated does not match the signature you provided.\n\nThe Canonical \
                    String for this request should have been\n'POST\nx-amz-security-token:planted'" } } }));
    let ran = estate.run(&["accounts"]).ended(3);
    assert_eq!(ran.out.matches("SignatureDoesNotMatch").count(), 1, "{}", ran.out);
    assert!(ran.out.contains("4 accounts could not be entered: "), "{}", ran.out);
    assert!(ran.out.contains("payments (333333333333)") && ran.out.contains("ledger (444444444444)"), "{}", ran.out);
    assert!(ran.out.contains("check the secret key") && !ran.out.contains("planted"), "{}", ran.out);
}

#[test]
fn a_credential_helper_that_fails_gives_nothing_away() {
    let estate = Estate::new(PROFILES, BASELINE);
    let config = estate.directory.path().join("config");
    let helper = "[profile helped]\ncredential_process = sh -c 'echo planted-token >&2; exit 7'\nregion = us-east-1\n";
    fs::write(&config, helper).unwrap();
    let ran = |arguments: &[&str]| {
        let mut command = estate.command(arguments);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            command.env_remove(name);
        }
        let output = command.env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", "helped").output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let said = ran(&["plan", "--events", "run.jsonl", "-vvv"]);
    assert!(said.contains("by hand") && !said.contains("planted"), "{said}");
    let record = fs::read_to_string(estate.directory.path().join("run.jsonl")).unwrap();
    assert!(record.contains("account_failed") && !record.contains("planted"), "{record}");
}

#[test]
fn a_bundle_without_certificates_is_an_error_and_not_a_run_that_trusts_others() {
    let estate = Estate::new(PROFILES, BASELINE);
    for (path, why) in [("/etc/passwd", "there is no certificate in it"), ("/dev/zero", "larger than 16 MB")] {
        let ran = estate.run_with(&["accounts"], &[("AWS_CA_BUNDLE", path)]).ended(1);
        assert!(ran.err.contains("AWS_CA_BUNDLE") && ran.err.contains(why), "{}", ran.err);
    }
    // The same of a profile, where the environment names none.
    let config = estate.directory.path().join("config");
    fs::write(&config, "[default]\nca_bundle = /etc/passwd\n").unwrap();
    let ran = estate.run_with(&["accounts"], &[("AWS_CONFIG_FILE", config.to_str().unwrap())]).ended(1);
    assert!(ran.err.contains("(ca_bundle of the profile)") && ran.err.contains("no certificate in it"), "{}", ran.err);
    assert_eq!(estate.sandbox.calls(), []);
}

#[test]
fn an_endpoint_that_is_no_url_is_an_error_and_not_a_run_on_aws() {
    let estate = Estate::new(PROFILES, BASELINE);
    let config = estate.directory.path().join("config");
    let with = |environment: &[(&str, &str)], text: &str| {
        fs::write(&config, text).unwrap();
        let mut command = estate.command(&["plan"]);
        command.env_remove("AWS_ENDPOINT_URL").env("AWS_CONFIG_FILE", &config).env("HTTPS_PROXY", "http://127.0.0.1:9");
        let output = command.envs(environment.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("nothing was called") && !said.contains("planted"), "{said}");
        said
    };
    let said = with(&[("AWS_ENDPOINT_URL", "planted-localhost:4566")], "");
    assert!(said.contains("AWS_ENDPOINT_URL is no URL"), "{said}");
    let said = with(&[], "[default]\nendpoint_url = planted-localhost:4566\n");
    assert!(said.contains("endpoint_url of the profile is no URL"), "{said}");
    let said = with(&[("AWS_ENDPOINT_URL_STS", "planted-localhost:4566")], "");
    assert!(said.contains("the endpoint of STS"), "{said}");
    let said = with(&[], "[default]\nservices = local\n[services local]\nsns =\n  endpoint_url = planted-localhost\n");
    assert!(said.contains("the endpoint of SNS"), "{said}");
    assert_eq!(estate.sandbox.calls(), []);
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

/// The starting session has a source identity, which stays; a role on the way does not allow it.
#[test]
fn a_hop_that_lacks_the_source_identity_is_told_with_both_its_ends() {
    let profiles = PROFILES
        .replace("baseline = false", "role = \"BaselineJump\"\nsource_identity = \"alice\"")
        .replace("role = \"BaselineExecution\"", "role = \"BaselineExecution\"\nsource_identity = \"alice\"");
    let estate = Estate::new(&profiles, BASELINE);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": "arn:aws:iam::222222222222:root" } }] });
    estate
        .tamper(json!({ "do": "set-trust", "account": "333333333333", "role": "BaselineExecution", "policy": trust }));
    let ran = estate.plan(&[]).ended(3);
    let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("allow sts:SetSourceIdentity at both ends"), "{}", ran.out);
}
