//! What was there before: adopted, kept and told of, or taken over; and what is no longer declared.

use serde_json::{Value, json};

use crate::support::estate::{BUCKET, Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY, blocked, changes, standard};

const OTHER: &str = "us-east-1";

fn unmade() -> Estate {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate
}

fn converged() -> Estate {
    let estate = unmade();
    estate.apply(&[]).ended(0);
    estate
}

/// The recorders, channels or the like of an account and Region.
fn of<'a>(list: &'a Value, account: &str, region: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().filter(|one| one["account"] == account && one["region"] == region).collect()
}

fn places(document: &Value, list: &str) -> Vec<String> {
    let all = document[list].as_array().unwrap().iter();
    all.map(|one| one["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_recorder_and_a_detector_that_were_there_are_adopted_and_not_duplicated() {
    let estate = unmade();
    let admin = estate.admin(PAYMENTS);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "config.amazonaws.com" } }] });
    estate.tamper(json!({ "do": "create-role", "account": PAYMENTS, "role": "Theirs", "policy": trust }));
    let role = format!("arn:aws:iam::{PAYMENTS}:role/Theirs");
    let recorder = json!({
        "name": "theirs", "roleARN": role,
        "recordingGroup": { "allSupported": false, "resourceTypes": ["AWS::EC2::Instance"] },
    });
    admin.config(HOME, "PutConfigurationRecorder", json!({ "ConfigurationRecorder": recorder }));
    let detector = json!({
        "enable": true, "findingPublishingFrequency": "ONE_HOUR", "tags": { "team": "x" },
        "features": [{ "name": "EKS_AUDIT_LOGS", "status": "ENABLED" }],
    });
    let id = admin.rest("guardduty", HOME, "POST", "/detector", detector)["detectorId"].clone();

    // The detector is nobody's feed; the recorder's role and scope are.
    estate.apply(&[]).ended(3);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]));
    let reasons = blocked(&document);
    assert!(
        reasons[0].starts_with("333333333333/eu-west-1/config.recorder/default: recorder `theirs` is not ours")
            && reasons[0].contains("nobody's feed is rerouted"),
        "{reasons:#?}"
    );
    let state = estate.state();
    let recorders = of(&state["config"]["recorders"], PAYMENTS, HOME);
    assert_eq!(recorders.len(), 1, "{recorders:#?}");
    assert_eq!((&recorders[0]["name"], &recorders[0]["role"]), (&json!("theirs"), &json!(role)));
    assert_eq!(recorders[0]["group"]["resourceTypes"], json!(["AWS::EC2::Instance"]));
    let place = format!(":{HOME}:{PAYMENTS}:");
    let detectors = state["guardduty"]["detectors"].as_array().unwrap();
    let here: Vec<_> = detectors.iter().filter(|one| one["arn"].as_str().unwrap().contains(&place)).collect();
    assert_eq!(here.len(), 1, "{here:#?}");
    assert!(here[0]["arn"].as_str().unwrap().ends_with(id.as_str().unwrap()));
    assert_eq!(here[0]["frequency"], "FIFTEEN_MINUTES", "declared");
    assert_eq!(here[0]["features"]["S3_DATA_EVENTS"], true, "declared");
    assert_eq!(here[0]["features"]["EKS_AUDIT_LOGS"], true, "not declared: as it was");
    assert_eq!(here[0]["tags"]["team"], "x");

    let taking = PROFILES.replace("groups = [\"prod\"]", "take_over = [\"config\"]");
    estate.write_profiles(&taking);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let state = estate.state();
    let recorders = of(&state["config"]["recorders"], PAYMENTS, HOME);
    assert_eq!((recorders.len(), &recorders[0]["name"]), (1, &json!("theirs")));
    assert_eq!(recorders[0]["group"]["allSupported"], true);
    assert!(recorders[0]["role"].as_str().unwrap().contains("AWSServiceRoleForConfig"), "{recorders:#?}");
}

#[test]
fn what_is_somebody_elses_is_untouched_and_told_of() {
    let estate = unmade();
    let (security, ledger) = (estate.admin(SECURITY), estate.admin(LEDGER));
    estate.tamper(json!({ "do": "put-detector-under", "account": PAYMENTS, "region": OTHER,
        "administrator": "999999999999" }));
    estate.tamper(json!({ "do": "put-foreign-trail", "account": LEDGER, "region": HOME, "name": "audit",
        "bucket": "somebody-elses" }));
    security.sns(OTHER, "CreateTopic", &[("Name", "baseline-alerts")]);
    let partner = json!({ "StatementId": "Partner", "Action": "events:PutEvents", "Principal": "555555555555" });
    security.events(HOME, "PutPermission", partner);
    let rule = json!({ "Name": "baseline-root-login", "EventPattern": "{\"source\":[\"theirs\"]}" });
    ledger.events(HOME, "PutRule", rule);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "lambda.amazonaws.com" } }] })
    .to_string();
    let role =
        [("Path", "/baseline/"), ("RoleName", "baseline-event-forwarding"), ("AssumeRolePolicyDocument", &trust)];
    estate.admin(PAYMENTS).iam("CreateRole", &role);

    let topic = format!("arn:aws:sns:{OTHER}:{SECURITY}:baseline-alerts");
    let forwarding = format!("arn:aws:iam::{PAYMENTS}:role/baseline/baseline-event-forwarding");
    let theirs = |state: &Value| {
        let detectors = state["guardduty"]["detectors"].as_array().unwrap();
        let place = format!(":{OTHER}:{PAYMENTS}:");
        let detector = detectors.iter().find(|one| one["arn"].as_str().unwrap().contains(&place)).unwrap().clone();
        let trail = Estate::arn_in(&state["trails"], &format!("arn:aws:cloudtrail:{HOME}:{LEDGER}:trail/audit"));
        let bus = |account| {
            Estate::arn_in(&state["event_buses"], &format!("arn:aws:events:{HOME}:{account}:event-bus/default"))
        };
        let rule = format!("arn:aws:events:{HOME}:{LEDGER}:rule/baseline-root-login");
        let rule = Estate::arn_in(&bus(LEDGER)["rules"], &rule);
        let statements = bus(SECURITY)["policy"]["Statement"].as_array().unwrap().clone();
        let partner = statements.into_iter().find(|statement| statement["Sid"] == "Partner").unwrap();
        let accounts = state["accounts"].as_array().unwrap();
        let roles = accounts.iter().find(|one| one["id"] == PAYMENTS).unwrap()["roles"].clone();
        let role = Estate::arn_in(&roles, &forwarding);
        json!([detector, trail, rule, partner, role, Estate::arn_in(&state["topics"], &topic)])
    };
    let before = theirs(&estate.state());
    estate.apply(&["--prune"]).ended(3);
    assert_eq!(theirs(&estate.state()), before);

    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]));
    let reasons = blocked(&document);
    for (address, words) in [
        ("222222222222/us-east-1/sns.topic/baseline-alerts", topic.as_str()),
        ("444444444444/eu-west-1/eventbridge.rule/baseline-root-login", "rule/baseline-root-login"),
        ("333333333333/global/iam.role/baseline-event-forwarding", forwarding.as_str()),
    ] {
        let told = |reason: &&String| {
            reason.starts_with(&format!("{address}: "))
                && reason.contains(words)
                && reason.contains("a name is not ownership")
        };
        assert_eq!(reasons.iter().filter(told).count(), 1, "{address}: {reasons:#?}");
    }
    let note = |topic: &str| {
        let notes = document["notes"].as_array().unwrap();
        notes.iter().filter(|note| note["topic"] == topic).map(|note| note["text"].to_string()).collect::<Vec<_>>()
    };
    assert!(note("external-detector")[0].contains("999999999999"), "{document:#}");
    assert!(note("foreign-trail")[0].contains("`audit`"), "{document:#}");
    // The bus admits ours beside the partner.
    assert!(estate.state()["event_buses"].to_string().contains("\"Sid\":\"BaselineForward\""));
}

/// Whether bucket, key and both buses admit the account.
fn admit(estate: &Estate, account: &str) -> [bool; 3] {
    let state = estate.state();
    let buses = state["event_buses"].as_array().unwrap().iter();
    let hub = buses.filter(|bus| bus["arn"].as_str().unwrap().contains(SECURITY));
    let keys = state["keys"].as_array().unwrap().iter();
    let admits = |policy: &Value| policy.to_string().contains(account);
    [
        admits(&estate.bucket(BUCKET)["policy"]),
        keys.filter(|key| key["aliases"].to_string().contains("baseline-logs")).any(|key| admits(&key["policy"])),
        hub.into_iter().all(|bus| admits(&bus["policy"])),
    ]
}

#[test]
fn an_account_that_left_the_profiles_stays_admitted_until_that_is_allowed() {
    let estate = converged();
    assert_eq!(admit(&estate, PAYMENTS), [true; 3]);
    let (before, after) = PROFILES.split_once("[[account]]").unwrap();
    let (_, ledger) = after.split_once("[[account]]").unwrap();
    estate.write_profiles(&format!("{before}[[account]]{ledger}"));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3), "{document:#}");
    let reasons = blocked(&document);
    assert_eq!(reasons.len(), 4, "key, bucket and two buses: {reasons:#?}");
    assert!(reasons.iter().all(|reason| reason.contains(PAYMENTS)), "{reasons:#?}");
    assert!(document["blocked"][0]["hint"].as_str().unwrap().contains("--allow-remove-accounts"));
    estate.apply(&[]).ended(3);
    assert_eq!(admit(&estate, PAYMENTS), [true; 3]);
    estate.apply(&["--allow-remove-accounts"]).ended(0);
    assert_eq!(admit(&estate, PAYMENTS), [false; 3]);
    assert_eq!(admit(&estate, LEDGER), [true; 3]);
    estate.assert_clean();
}

#[test]
fn a_rule_that_is_no_longer_declared_is_shown_and_removed_on_request_alone() {
    let estate = converged();
    let without = |preset: &str| {
        let named = format!("preset = \"{preset}\"");
        let tables = standard();
        let kept: Vec<&str> = tables.split("[[events.forward]]\n").filter(|table| !table.starts_with(&named)).collect();
        kept.join("[[events.forward]]\n")
            .replace("[[config.rule]]\nidentifier = \"GUARDDUTY_ENABLED_CENTRALIZED\"\n", "")
    };
    estate.write_baseline(&without("root-login"));
    // The preset config-compliance names the rules that are left.
    estate.apply(&[]).ended(0);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(0), vec![]));
    let orphans = places(&document, "orphans");
    let rules = |kind: &str| orphans.iter().filter(|address| address.contains(kind)).count();
    assert_eq!((rules("/eventbridge.rule/baseline-root-login"), orphans.len()), (6, 12), "{orphans:#?}");
    assert_eq!(rules("/config.rule/baseline-guardduty-enabled-centralized"), 6);

    estate.sandbox.reset_calls();
    estate.apply(&["--prune"]).ended(0);
    let writes = estate.writes();
    for operation in ["config:DeleteConfigRule", "events:DeleteRule", "events:RemoveTargets"] {
        assert_eq!(writes.iter().filter(|write| write.starts_with(operation)).count(), 6, "{writes:#?}");
    }
    assert_eq!(writes.len(), 18, "{writes:#?}");
    let (_, document) = estate.plan_json(&[]);
    assert_eq!(document["orphans"], json!([]));
}

/// A section that is left out is neither read nor changed.
#[test]
fn without_its_section_nothing_of_a_service_is_looked_at() {
    let estate = converged();
    let standard = standard();
    let (before, events) = standard.split_once("[events]\n").unwrap();
    let (_, notify) = events.split_once("[notify]\n").unwrap();
    estate.write_baseline(&format!("{before}[notify]\n{notify}"));
    estate.sandbox.reset_calls();
    let (code, document) = estate.plan_json(&["--prune"]);
    assert_eq!((code, changes(&document)), (Some(0), vec![]));
    assert_eq!(document["orphans"], json!([]), "the rules and the role stay");
    estate.apply(&["--prune"]).ended(0);
    assert_eq!(estate.writes(), [""; 0]);
    assert!(estate.sandbox.calls().iter().all(|call| call.service != "events"), "{:?}", estate.sandbox.calls());
}
