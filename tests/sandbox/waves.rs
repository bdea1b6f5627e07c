//! In which order accounts are changed, and what keeps the rest from being changed.

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY};

/// Payments in wave 1, ledger in wave 2.
fn in_waves() -> String {
    PROFILES.replace("groups = [\"dev\"]", "groups = [\"dev\"]\nwave = 2")
}

/// The accounts whose changes ended like this.
fn accounts_of(document: &Value, outcome: &str) -> Vec<String> {
    let list = document["outcomes"].as_array().unwrap().iter();
    let mut accounts: Vec<String> =
        list.filter(|it| it["outcome"] == outcome).map(|it| it["account"].as_str().unwrap().to_owned()).collect();
    accounts.dedup();
    accounts
}

fn deny_trails(estate: &Estate, account: &str) {
    estate.tamper(json!({ "do": "deny", "account": account, "operation": "cloudtrail:CreateTrail" }));
}

fn was_written_to(estate: &Estate, account: &str) -> bool {
    estate.writes().iter().any(|write| write.contains(account))
}

#[track_caller]
fn counts_add_up(document: &Value) {
    let counts = document["result"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), document["changes"].as_array().unwrap().len() as u64, "{document:#}");
}

#[test]
fn a_failed_account_keeps_the_next_wave_from_being_started() {
    let estate = Estate::new(&in_waves(), BASELINE);
    deny_trails(&estate, PAYMENTS);
    let ran = estate.apply(&["--format", "json"]).ended(1);
    let document = ran.json();
    assert_eq!(accounts_of(&document, "applied"), [SECURITY]);
    assert_eq!(accounts_of(&document, "failed"), [PAYMENTS]);
    assert_eq!(accounts_of(&document, "not_started"), [LEDGER]);
    assert_eq!(document["halted"]["cause"], "too_many_failures");
    assert_eq!(document["halted"]["wave"], json!({ "declared": 1 }));
    counts_add_up(&document);
    assert!(!was_written_to(&estate, LEDGER), "{:?}", estate.writes());
    assert!(ran.err.contains("nothing new is started: 1 account failed in wave 1"), "{}", ran.err);

    // The rest of the failed wave is not stopped, and the next run goes on.
    crate::assert_screen!("wave_not_started", outcomes(&estate.apply(&[]).ended(1).out));
    estate.tamper(json!({ "do": "permit", "account": PAYMENTS }));
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

/// What is said of the outcomes, without the plan before.
fn outcomes(out: &str) -> &str {
    out.split_once("each).\n").unwrap().1
}

#[test]
fn as_many_failures_as_the_profiles_or_the_command_line_tolerate_stop_nothing() {
    let tolerant = format!("{}\n[rollout]\nmax_failures = 1\nmax_failures_overall = \"50%\"\n", in_waves());
    let estate = Estate::new(&tolerant, BASELINE);
    deny_trails(&estate, PAYMENTS);
    let document = estate.apply(&["--format", "json"]).ended(1).json();
    assert_eq!((accounts_of(&document, "not_started"), &document["halted"]), (vec![], &Value::Null), "{document:#}");
    assert!(was_written_to(&estate, LEDGER));

    let estate = Estate::new(&in_waves(), BASELINE);
    deny_trails(&estate, PAYMENTS);
    let document = estate.apply(&["--format", "json", "--max-failures", "1"]).ended(1).json();
    assert_eq!(accounts_of(&document, "not_started"), [""; 0]);
    let ran = estate.apply(&["--max-failures", "ten"]).ended(64);
    assert!(ran.err.contains("neither a number of accounts nor a percentage"), "{}", ran.err);
}

#[test]
fn security_goes_first_whatever_wave_the_others_declare() {
    let early = PROFILES.replace("groups = [\"prod\"]", "groups = [\"prod\"]\nwave = 0");
    let estate = Estate::new(&early, BASELINE);
    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "s3:PutBucketPolicy" }));
    let document = estate.apply(&["--format", "json"]).ended(1).json();
    assert_eq!(accounts_of(&document, "applied"), [SECURITY], "its key");
    assert!(!was_written_to(&estate, PAYMENTS) && !was_written_to(&estate, LEDGER), "{:?}", estate.writes());
    counts_add_up(&document);
}

#[test]
fn a_canary_goes_first_and_the_rest_follows_when_it_was_read_again() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = estate.apply(&["--format", "json", "--canary", "ledger"]).ended(0);
    assert_eq!(ran.json()["halted"], Value::Null);
    estate.assert_clean();

    // As it should be already, it has nothing to show: that is said, and holds nobody up.
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    let ran = estate.apply(&["--canary", LEDGER]).ended(0);
    assert!(ran.err.contains("there is nothing to change in the canary ledger"), "{}", ran.err);
    estate.assert_clean();
}

#[test]
fn nothing_follows_a_canary_that_failed() {
    let estate = Estate::new(PROFILES, BASELINE);
    deny_trails(&estate, LEDGER);
    let ran = estate.apply(&["--format", "json", "--canary", "ledger", "--max-failures", "100%"]).ended(1);
    let document = ran.json();
    assert_eq!(accounts_of(&document, "not_started"), [PAYMENTS]);
    assert_eq!((&document["halted"]["cause"], &document["halted"]["account"]), (&json!("canary"), &json!(LEDGER)));
    assert!(!was_written_to(&estate, PAYMENTS));
    counts_add_up(&document);
}

#[test]
fn nothing_follows_a_canary_that_could_not_be_read() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-role", "account": LEDGER, "role": "BaselineExecution" }));
    let ran = estate.apply(&["--format", "json", "--canary", "ledger"]).ended(3);
    assert_eq!(accounts_of(&ran.json(), "not_started"), [PAYMENTS]);
    assert!(ran.err.contains("the canary ledger could not be read"), "{}", ran.err);
    assert!(!was_written_to(&estate, PAYMENTS));
}

#[test]
fn nothing_follows_a_canary_that_a_saved_plan_could_not_read() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-role", "account": LEDGER, "role": "BaselineExecution" }));
    estate.plan(&["--out", "plan.json"]).ended(3);
    let ran = estate.apply(&["plan.json", "--format", "json", "--canary", "ledger"]).ended(3);
    let document = ran.json();
    assert_eq!(accounts_of(&document, "not_started"), [PAYMENTS], "{document:#}");
    assert!(ran.err.contains("the canary ledger could not be read"), "{}", ran.err);
    assert!(!was_written_to(&estate, PAYMENTS));
}

#[test]
fn a_canary_of_a_saved_plan_is_looked_at_as_far_as_the_plan_goes() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for account in [PAYMENTS, LEDGER] {
        estate.tamper(json!({ "do": "stop-logging", "account": account, "region": "us-east-1" }));
    }
    estate.plan(&["--region", "us-east-1", "--out", "plan.json"]).ended(2);
    // Drift that is none of its business.
    estate.tamper(json!({ "do": "stop-logging", "account": LEDGER, "region": HOME }));
    let document = estate.apply(&["plan.json", "--format", "json", "--canary", "ledger"]).ended(0).json();
    assert_eq!(accounts_of(&document, "applied"), [PAYMENTS, LEDGER], "{document:#}");
}

#[test]
fn nothing_follows_a_canary_that_is_no_longer_as_a_saved_plan_saw_it() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for account in [PAYMENTS, LEDGER] {
        estate.tamper(json!({ "do": "stop-logging", "account": account, "region": HOME }));
    }
    estate.plan(&["--out", "plan.json"]).ended(2);
    estate.tamper(json!({ "do": "delete-trail", "account": LEDGER, "region": HOME, "name": "baseline" }));
    estate.sandbox.reset_calls();
    let document = estate.apply(&["plan.json", "--format", "json", "--canary", "ledger"]).ended(3).json();
    assert_eq!(accounts_of(&document, "stale"), [LEDGER], "{document:#}");
    assert_eq!(accounts_of(&document, "not_started"), [PAYMENTS], "{document:#}");
    assert!(!was_written_to(&estate, PAYMENTS));
}

#[test]
fn a_canary_that_cannot_go_first_is_a_mistake() {
    let estate = Estate::new(PROFILES, BASELINE);
    for (arguments, said) in [
        (&["--canary", "nobody"][..], "no account of profiles.toml has this id or name"),
        (&["--canary", "ledger", "-a", "payments"], "left out by --account or --group"),
        (&["--canary", "111111111111"], "gets no baseline"),
    ] {
        let ran = estate.apply(arguments).ended(64);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(estate.writes(), [""; 0]);
}
