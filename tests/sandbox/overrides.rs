//! What some accounts have otherwise: planned, converged, said, and taken back.

use serde_json::Value;

use crate::support::estate::{Estate, LEDGER, PAYMENTS, PROFILES};

const BASELINE: &str = r#"
name = "test"

[log_bucket]

[cloudtrail]

[config]

[[config.rule]]
identifier = "CLOUD_TRAIL_ENABLED"

[config.aggregator]

[guardduty]

[notify]

[events]

[[events.forward]]
preset = "config-compliance"
"#;

/// For the ledger account alone.
const OVERRIDE: &str = r#"
[[override]]
groups = ["dev"]
without = ["guardduty"]

[override.config]
regions = { include = ["us-east-1"] }

[[override.config.rule]]
identifier = "ENCRYPTED_VOLUMES"

[[override.events.forward]]
preset = "root-login"
"#;

/// The addresses of what would be created, below a prefix.
fn created(document: &Value, below: &str) -> Vec<String> {
    let list = document["changes"].as_array().unwrap().iter();
    let addresses = list.map(|change| change["address"].as_str().unwrap().to_owned());
    addresses.filter(|address| address.starts_with(below)).collect()
}

fn holds(addresses: &[String], part: &str) -> bool {
    addresses.iter().any(|address| address.contains(part))
}

#[test]
fn an_estate_with_an_override_converges_once_and_says_so() {
    let estate = Estate::new(PROFILES, &format!("{BASELINE}{OVERRIDE}"));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(2), "{document:#}");
    let (ledger, payments) = (created(&document, LEDGER), created(&document, PAYMENTS));
    assert!(!holds(&ledger, "guardduty."), "{ledger:#?}");
    assert!(holds(&payments, "/eu-west-1/guardduty.detector/") && holds(&payments, "/us-east-1/guardduty.detector/"));
    assert!(holds(&ledger, "/us-east-1/config.rule/baseline-encrypted-volumes"), "{ledger:#?}");
    assert!(!holds(&ledger, "/eu-west-1/config.") && holds(&payments, "/eu-west-1/config.recorder/"), "{ledger:#?}");
    assert!(!holds(&payments, "encrypted-volumes") && !holds(&payments, "root-login"), "{payments:#?}");
    assert!(holds(&ledger, "/us-east-1/eventbridge.rule/baseline-root-login"), "{ledger:#?}");

    let said = document["notes"].to_string();
    let words = "by the override for group dev: without guardduty; config only in us-east-1; AWS Config rule \
                 baseline-encrypted-volumes besides; root-login forwarded besides";
    assert!(said.contains(words), "{said}");
    assert!(estate.plan(&[]).out.contains("by the override for group dev"), "people are told, too");

    estate.apply(&[]).ended(0);
    estate.assert_clean();
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(0);
    assert_eq!(estate.sandbox.mutating_calls(), 0, "{:?}", estate.sandbox.calls());
    let read = |operation: &str, account: &str| {
        let calls = estate.sandbox.calls();
        calls.iter().any(|call| call.operation == operation && call.account.is_some_and(|id| id.as_str() == account))
    };
    assert!(read("ListDetectors", PAYMENTS));
    assert!(!read("GetDetector", LEDGER), "of what is left out only what is left there is looked for");
    for arguments in [&["-a", "ledger"][..], &["-g", "prod"], &["-s", "guardduty"], &["-r", "us-*"]] {
        assert_eq!(estate.drift(arguments), [""; 0], "{arguments:?}");
    }

    // Taken away, everything is as for all others: what was left out is made.
    estate.write_baseline(BASELINE);
    let (code, document) = estate.plan_json(&["-a", "ledger"]);
    assert_eq!(code, Some(2), "{document:#}");
    let ledger = created(&document, LEDGER);
    assert!(holds(&ledger, "/eu-west-1/config.recorder/") && holds(&ledger, "guardduty.detector"), "{ledger:#?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn what_is_no_longer_watched_is_named_with_what_stays_behind() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let note = |document: &Value, place: &str| {
        let notes = document["notes"].as_array().unwrap().iter().filter(|note| note["topic"] == "no-longer-watched");
        let of = |note: &&Value| format!("{}/{}", note["account"].as_str().unwrap(), note["region"].as_str().unwrap());
        let texts: Vec<String> =
            notes.filter(|note| of(note) == place).map(|note| note["text"].as_str().unwrap().to_owned()).collect();
        texts.join("\n")
    };
    // The ledger account moves to where an override leaves GuardDuty out.
    estate.write_baseline(&format!("{BASELINE}{OVERRIDE}"));
    let (_, document) = estate.plan_json(&[]);
    for place in ["444444444444/eu-west-1", "444444444444/us-east-1"] {
        let said = note(&document, place);
        assert!(said.contains("guardduty") && said.contains("guardduty.detector"), "{place}: {said}");
        assert!(said.contains("an override of baseline.toml leaves this out here"), "{said}");
    }
    // What has no tags belongs to what has.
    let said = note(&document, "444444444444/eu-west-1");
    for part in ["config.recorder", "config.delivery_channel", "config.recording"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    assert_eq!(note(&document, "333333333333/eu-west-1"), "", "the others are watched");
    estate.write_baseline(BASELINE);
    let (_, document) = estate.plan_json(&[]);
    assert!(!document.to_string().contains("no-longer-watched"), "{document:#}");

    // Its Regions are narrowed, by a list or by globs.
    for regions in ["list = [\"us-east-1\"]", "include = [\"us-east-1\"]"] {
        let narrowed = format!("{PROFILES}regions = {{ {regions} }}\n");
        estate.write_profiles(&narrowed);
        let (_, document) = estate.plan_json(&[]);
        let said = note(&document, "444444444444/eu-west-1");
        for part in ["cloudtrail", "config", "guardduty", "cloudtrail.trail baseline", "config.recorder", "`regions`"] {
            assert!(said.contains(part), "{regions}: no {part} in {said}");
        }
        assert_eq!(note(&document, "444444444444/us-east-1"), "");
        let people = estate.plan(&[]);
        assert!(people.out.contains("no longer watched here"), "{}", people.out);
        estate.sandbox.reset_calls();
        estate.plan(&[]);
        assert_eq!(estate.sandbox.mutating_calls(), 0);
    }
}

/// The texts of the notes of a topic in a place.
fn notes_of(document: &Value, topic: &str, place: &str) -> String {
    let of = |note: &&Value| {
        let (account, region) = (note["account"].as_str().unwrap(), note["region"].as_str().unwrap());
        note["topic"] == topic && format!("{account}/{region}") == place
    };
    let notes = document["notes"].as_array().unwrap().iter().filter(of);
    notes.map(|note| note["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_no_account_is_watched_any_more_the_security_account_names_what_received_there() {
    let wide = PROFILES.replace("\"us-east-1\"]", "\"us-east-1\", \"eu-north-1\"]");
    let estate = Estate::converged(&wide, BASELINE);
    estate.write_profiles(PROFILES);
    let (_, document) = estate.plan_json(&[]);
    let said = notes_of(&document, "no-longer-watched", "222222222222/eu-north-1");
    for part in ["sns.topic", "eventbridge.bus default", "eventbridge.rule", "cloudtrail.trail"] {
        assert!(said.contains(part), "no {part} in {said}: {document:#}");
    }
    let said = notes_of(&document, "no-longer-watched", "333333333333/eu-north-1");
    assert!(said.contains("cloudtrail.trail") && !said.contains("eventbridge.bus"), "{said}");
}

#[test]
fn that_nobody_may_look_for_what_is_left_is_a_note_for_whoever_asks() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.write_profiles(&format!("{PROFILES}regions = {{ list = [\"us-east-1\"] }}\n"));
    estate.tamper(serde_json::json!({ "do": "deny", "account": LEDGER, "operation": "cloudtrail:DescribeTrails" }));
    let (_, document) = estate.plan_json(&[]);
    let said = notes_of(&document, "not-looked-for", "444444444444/eu-west-1");
    assert!(said.contains("cloudtrail:DescribeTrails answered AccessDenied"), "{document:#}");
    assert!(!estate.plan(&[]).out.contains("not-looked-for") && estate.plan(&["-v"]).out.contains("not-looked-for"));
}
