//! What a Region does not offer: managed rules, GuardDuty's features. It is a note there, and the rest goes on.

use baseline::sandbox::Options;
use serde_json::{Value, json};

use crate::support::estate::{Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY, id, standard};

/// A Region without GUARDDUTY_ENABLED_CENTRALIZED, by AWS's own page.
const TAIPEI: &str = "ap-east-2";

fn with_taipei() -> String {
    PROFILES.replace("\"us-east-1\"]", &format!("\"us-east-1\", \"{TAIPEI}\"]"))
}

/// The texts of the notes of a topic.
fn notes(plan: &Value, topic: &str) -> Vec<String> {
    let of = |note: &&Value| note["topic"] == topic;
    let text = |note: &Value| {
        format!("{} {}", note["region"].as_str().unwrap_or_default(), note["text"].as_str().unwrap_or_default())
    };
    plan["notes"].as_array().unwrap().iter().filter(of).map(text).collect()
}

#[test]
fn a_managed_rule_that_a_region_has_not_got_is_a_note_there() {
    let everybody = [SECURITY, PAYMENTS, LEDGER].map(|account| (id(account), TAIPEI.parse().unwrap()));
    let estate = Estate::with(&with_taipei(), &standard(), Options { opt_in: everybody.into(), ..Options::default() });
    estate.make_queue(HOME);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!(code, Some(0));
    let noted = notes(&plan, "not-offered");
    assert!(noted.iter().any(|note| note.contains("GUARDDUTY_ENABLED_CENTRALIZED")), "{plan:#}");
    let state = estate.state();
    let rules = state["config"]["rules"].as_array().unwrap();
    let there = |rule: &&Value| rule["region"] == TAIPEI && rule["account"] == PAYMENTS;
    let names: Vec<&str> = rules.iter().filter(there).map(|rule| rule["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"baseline-cloud-trail-enabled"), "{names:?}");
    assert!(!names.contains(&"baseline-guardduty-enabled-centralized"), "{names:?}");
}

#[test]
fn a_managed_rule_that_aws_refuses_in_one_region_holds_nobody_else_up() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.tamper(json!({ "do": "withdraw-rule", "region": "us-east-1", "identifier": "CLOUD_TRAIL_ENABLED" }));
    for quiet in [&[][..], &["-q"]] {
        let ran = estate.apply(quiet).ended(0);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("except_regions = [\"us-east-1\"]"), "{said}");
    }
    let left: Vec<String> = estate.drift(&[]);
    assert!(
        left.iter().all(|change| change.contains("/us-east-1/config.rule/baseline-cloud-trail-enabled ")),
        "{left:#?}"
    );
    let declared = standard().replace(
        "identifier = \"CLOUD_TRAIL_ENABLED\"",
        "identifier = \"CLOUD_TRAIL_ENABLED\"\nexcept_regions = [\"us-east-1\"]",
    );
    estate.write_baseline(&declared);
    // What forwards the rules' compliance from there names it no more.
    let left = estate.drift(&[]);
    assert!(left.iter().all(|change| change.contains("/us-east-1/eventbridge.rule/")), "{left:#?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn daily_recording_with_exclusions_is_taken_and_comes_back_the_same() {
    let config =
        "[config]\nrecording_frequency = \"daily\"\nexclude_resource_types = [\"AWS::EC2::NetworkInterface\"]\n";
    let baseline = format!("name = \"t\"\n[log_key]\n[log_bucket]\nrequire_tls = false\n[cloudtrail]\n{config}");
    let estate = Estate::new(PROFILES, &baseline);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_managed_rule_that_somebody_made_once_more_is_a_note() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.apply(&[]).ended(0);
    let rule = json!({ "ConfigRule": {
        "ConfigRuleName": "by-hand", "Source": { "Owner": "AWS", "SourceIdentifier": "CLOUD_TRAIL_ENABLED" },
    } });
    estate.admin(PAYMENTS).config(HOME, "PutConfigRule", rule);
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!(code, Some(0));
    let noted = notes(&plan, "rule-twice");
    assert_eq!(noted.len(), 1, "{plan:#}");
    assert!(noted[0].contains("`by-hand`") && noted[0].contains("billed twice"), "{noted:?}");
}
