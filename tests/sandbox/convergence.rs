//! Plan, apply, plan again, and the second apply that writes nothing.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use baseline::sandbox::Options;

use crate::support::estate::{ARCHIVE, BASELINE, BUCKET, Estate, LEDGER, PAYMENTS, PROFILES, SECURITY, id};

const WITH_ARCHIVE: &str = r#"
[log_archive]
account = "555555555555"
role = "BaselineLogArchive"
external_id = "hush-archive-1234"
"#;

/// Runs the four steps; `resources` is how many there should be at the end.
fn converges(estate: &Estate, arguments: &[&str], resources: u64) {
    let (code, document) = estate.plan_json(arguments);
    assert_eq!(code, Some(2), "{document:#}");
    assert_eq!(document["summary"]["create"], resources, "{document:#}");
    assert_eq!(document["complete"], true);
    estate.apply(arguments).ended(0);
    let (code, document) = estate.plan_json(arguments);
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!(document["summary"]["in_sync"], resources, "{document:#}");
    estate.sandbox.reset_calls();
    let second = estate.apply(arguments).ended(0);
    assert_eq!(estate.sandbox.mutating_calls(), 0, "{:?}", estate.sandbox.calls());
    assert!(second.out.contains("nothing to change"), "{}", second.out);
}

#[test]
fn an_estate_of_per_region_trails_converges_once() {
    let estate = Estate::new(PROFILES, BASELINE);
    converges(&estate, &[], 2 + 3 * 2);
    let state = estate.state();
    let trails = state["trails"].as_array().unwrap();
    for account in [SECURITY, PAYMENTS, LEDGER] {
        let own: Vec<_> = trails.iter().filter(|trail| trail["arn"].as_str().unwrap().contains(account)).collect();
        assert_eq!(own.len(), 2);
        assert!(own.iter().all(|trail| trail["logging"] == true && trail["bucket"] == BUCKET), "{own:#?}");
        let global: Vec<_> = own.iter().filter(|trail| trail["global_events"] == true).collect();
        assert_eq!(global.len(), 1, "exactly one records global events");
        assert!(global[0]["arn"].as_str().unwrap().contains(":us-east-1:"));
    }
}

#[test]
fn every_enabled_region_gets_a_trail_where_no_list_says_otherwise() {
    let profiles =
        PROFILES.replace("list = [\"eu-west-1\", \"us-east-1\"]", "include = [\"eu-*\", \"ap-east-1\", \"us-east-1\"]");
    let opt_in = vec![(id(PAYMENTS), "ap-east-1".parse().unwrap())];
    let estate = Estate::with(&profiles, BASELINE, Options { opt_in, ..Options::default() });
    let (_, document) = estate.plan_json(&["-s", "cloudtrail", "-a", "payments"]);
    let places: Vec<String> =
        document["blocked"].as_array().unwrap().iter().map(|b| b["region"].as_str().unwrap().to_owned()).collect();
    // Those that need no opt-in, and the one that this account has opted in to.
    assert_eq!(places, ["ap-east-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "us-east-1"]);
}

#[test]
fn the_bucket_can_live_in_a_log_archive_account() {
    let estate = Estate::new(&format!("{PROFILES}{WITH_ARCHIVE}"), BASELINE);
    converges(&estate, &[], 2 + 4 * 2);
    let bucket = estate.bucket("baseline-logs-555555555555-eu-west-1");
    assert_eq!(bucket["owner"], ARCHIVE);
    assert_eq!(bucket["encryption"]["key"].as_str().unwrap(), estate.key_arn());
    assert!(estate.key_arn().contains(SECURITY));
}

#[test]
fn the_jump_account_is_entered_with_the_starting_credentials_or_by_a_role() {
    let plain = PROFILES.replace("baseline = false", "");
    converges(&Estate::new(&plain, BASELINE), &[], 2 + 4 * 2);
    let role = PROFILES.replace("baseline = false", "role = \"BaselineJump\"");
    converges(&Estate::new(&role, BASELINE), &[], 2 + 4 * 2);
}

#[test]
fn a_jump_role_with_mfa_takes_the_code_of_each_run() {
    let mfa = "role = \"BaselineJump\"\nmfa_serial = \"arn:aws:iam::111111111111:mfa/alice\"";
    let estate = Estate::new(&PROFILES.replace("baseline = false", mfa), BASELINE);
    converges(&estate, &["--mfa-code", "123456"], 2 + 4 * 2);
}

#[test]
fn one_multi_region_trail_per_account_converges_once() {
    let baseline = BASELINE.replace("[cloudtrail]", "[cloudtrail]\nmode = \"multi-region\"");
    let estate = Estate::new(PROFILES, &baseline);
    converges(&estate, &[], 2 + 3);
}

#[test]
fn the_shipped_baseline_converges_unedited() {
    let minimal = std::fs::read_to_string(crate::support::file("baselines/minimal.toml")).unwrap();
    converges(&Estate::new(PROFILES, &minimal), &[], 2 + 3 * 2);
}

/// A process that does not outlive the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `baseline sandbox` as a process, as the README tells people to use it.
#[test]
fn a_sandbox_process_serves_the_environment_it_prints() {
    let files = Estate::new(PROFILES, BASELINE);
    let child = Command::new(env!("CARGO_BIN_EXE_baseline"))
        .env_clear()
        .args(["sandbox"])
        .current_dir(files.directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Ends(child);
    let mut environment = Vec::new();
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    for line in &mut lines {
        let line = line.unwrap();
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        environment.push((name.to_owned(), value.trim_matches('\'').to_owned()));
        if name == "AWS_EC2_METADATA_DISABLED" {
            break;
        }
    }
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let plan = files.run_with(&["plan", "-a", "payments"], &environment);
    assert_eq!(files.sandbox.calls(), [], "the other sandbox was used: {plan:?}");
    assert_eq!(plan.code, Some(3), "bucket and key are not selected: {plan:?}");
    child.0.kill().unwrap();
    let mut said = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("a simulation of AWS, not AWS"), "{said}");
}
