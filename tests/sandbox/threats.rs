//! GuardDuty as the field has it: members that cannot be verified, Regions that are new, exports below a prefix.

use serde_json::{Value, json};

use crate::support::estate::{Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY, blocked};

const GUARDDUTY: &str = "name = \"t\"\n[log_key]\n[log_bucket]\n[guardduty]\n";

fn with_emails(payments: &str) -> String {
    PROFILES
        .replace("name = \"payments\"", &format!("name = \"payments\"\nemail = \"{payments}\""))
        .replace("name = \"ledger\"", "name = \"ledger\"\nemail = \"ledger@example.com\"")
}

fn standing(estate: &Estate, account: &str) -> Vec<String> {
    let state = estate.state();
    let of = |member: &&Value| member["account"] == account;
    let members = state["guardduty"]["members"].as_array().unwrap().iter().filter(of);
    members.map(|member| member["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_account_is_invited_once_its_detector_is_there_in_one_apply() {
    let estate = Estate::new(&with_emails("payments@example.com"), &format!("{GUARDDUTY}membership = true\n"));
    estate.apply(&[]).ended(0);
    assert_eq!(standing(&estate, PAYMENTS), ["Enabled"; 2]);
    assert_eq!(standing(&estate, LEDGER), ["Enabled"; 2]);
    estate.assert_clean();
}

#[test]
fn a_wrong_address_fails_for_its_own_account_at_once_is_blocked_after_and_can_be_tried_again() {
    let estate = Estate::new(&with_emails("payments@example.com"), &format!("{GUARDDUTY}membership = true\n"));
    estate.write_profiles(&with_emails("typo@example.com"));
    let from = std::time::Instant::now();
    estate.apply(&[]).ended(1);
    assert!(from.elapsed().as_secs() < 60, "nobody waits for an invitation that cannot come");
    assert_eq!(standing(&estate, LEDGER), ["Enabled"; 2]);
    assert_eq!(standing(&estate, PAYMENTS), ["EmailVerificationFailed"; 2]);

    let (code, plan) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let held = blocked(&plan);
    let membership = format!("{PAYMENTS}/{HOME}/guardduty.membership/administrator");
    assert!(held.iter().any(|line| line.contains(&membership)), "{held:#?}");
    assert_eq!(plan["changes"], json!([]), "what is blocked is not promised");
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(3);
    assert_eq!(estate.writes(), [""; 0]);

    // The account's own address was the wrong one, and is right by now.
    estate.tamper(json!({ "do": "set-email", "account": PAYMENTS, "email": "typo@example.com" }));
    estate.write_baseline(&format!("{GUARDDUTY}membership = true\ninvite_again = true\n"));
    estate.apply(&[]).ended(0);
    assert_eq!(standing(&estate, PAYMENTS), ["Enabled"; 2]);
    estate.assert_clean();
}

#[test]
fn a_detector_without_a_refused_feature_has_nothing_on_that_nobody_declared() {
    let estate = Estate::new(PROFILES, &format!("{GUARDDUTY}features = {{ S3_DATA_EVENTS = true }}\n"));
    estate
        .tamper(json!({ "do": "withdraw-feature", "region": HOME, "feature": "LAMBDA_NETWORK_LOGS", "unnamed": true }));
    estate.apply(&[]).ended(0);
    let state = estate.state();
    for detector in state["guardduty"]["detectors"].as_array().unwrap() {
        let features = detector["features"].as_object().unwrap();
        let on: Vec<&String> = features.iter().filter(|(_, on)| **on == true).map(|(name, _)| name).collect();
        assert_eq!(on, ["S3_DATA_EVENTS"], "{detector:#}");
    }
    estate.assert_clean();
}

#[test]
fn what_monitors_eks_alone_is_replaced_without_a_moment_without_either() {
    let estate = Estate::converged(PROFILES, &format!("{GUARDDUTY}features = {{ EKS_RUNTIME_MONITORING = true }}\n"));
    estate.write_baseline(&format!("{GUARDDUTY}features = {{ RUNTIME_MONITORING = true }}\n"));
    estate.apply(&[]).ended(0);
    let state = estate.state();
    for detector in state["guardduty"]["detectors"].as_array().unwrap() {
        assert_eq!(detector["features"]["RUNTIME_MONITORING"], true);
        assert_eq!(detector["features"]["EKS_RUNTIME_MONITORING"], false);
    }
    estate.assert_clean();
}

/// The Region is one that AWS opened after this release.
#[test]
fn a_new_region_that_accounts_opt_in_to_is_admitted_as_itself_and_stays_so() {
    let profiles =
        PROFILES.replace("{ list = [\"eu-west-1\", \"us-east-1\"] }", "{ include = [\"eu-west-1\", \"me-west-1\"] }");
    let estate = Estate::new(&profiles, GUARDDUTY);
    estate.tamper(json!({ "do": "open-region", "region": "me-west-1", "opt_in": true, "accounts": [PAYMENTS] }));
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let admitted = |estate: &Estate| {
        let bucket = estate.bucket("baseline-logs-222222222222-eu-west-1");
        bucket["policy"].to_string().contains("guardduty.me-west-1.amazonaws.com")
    };
    assert!(admitted(&estate));
    // A run that does not see the account that has it.
    for narrowed in [&["-a", "ledger"][..], &["-a", SECURITY]] {
        let (code, plan) = estate.plan_json(narrowed);
        assert_eq!((code, &plan["changes"]), (Some(0), &json!([])), "{narrowed:?}");
    }
}

/// What is exposed, as `ADDRESS REASON`.
fn exposed(plan: &Value) -> Vec<String> {
    let line = |one: &Value| format!("{} {}", one["address"].as_str().unwrap(), one["reason"].as_str().unwrap());
    plan["exposed"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn an_administrator_that_nobody_named_is_exposed() {
    let estate = Estate::converged(PROFILES, GUARDDUTY);
    let under =
        json!({ "do": "put-detector-under", "account": PAYMENTS, "region": HOME, "administrator": "999999999999" });
    estate.tamper(under);
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let said = exposed(&plan);
    assert_eq!(said.len(), 1, "{plan:#}");
    assert!(said[0].starts_with("333333333333/eu-west-1/guardduty.detector/detector account 999999999999"), "{said:?}");
}

#[test]
fn a_filter_that_archives_findings_is_exposed_and_one_that_does_not_is_nothing() {
    let estate = Estate::converged(PROFILES, GUARDDUTY);
    let state = estate.state();
    let detectors = state["guardduty"]["detectors"].as_array().unwrap();
    let arn =
        detectors.iter().map(|one| one["arn"].as_str().unwrap()).find(|arn| arn.contains(":eu-west-1:333333333333:"));
    let id = arn.unwrap().rsplit('/').next().unwrap().to_owned();
    let put = |name: &str, action: &str| {
        let criteria = json!({ "criterion": { "type": { "equals": ["Recon:EC2/Portscan"] } } });
        let filter = json!({ "name": name, "action": action, "findingCriteria": criteria });
        estate.admin(PAYMENTS).rest("guardduty", HOME, "POST", &format!("/detector/{id}/filter"), filter);
    };
    put("looking", "NOOP");
    estate.assert_clean();
    put("quiet", "ARCHIVE");
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let said = exposed(&plan);
    assert_eq!(said.len(), 1, "{plan:#}");
    assert!(said[0].contains("filter `quiet` archives findings by type"), "{said:?}");
}

const AGGREGATED: &str = "name = \"t\"\n[log_key]\n[log_bucket]\n[config]\n[config.aggregator]\n";

#[test]
fn an_account_of_nobody_that_may_aggregate_is_exposed() {
    let estate = Estate::converged(PROFILES, AGGREGATED);
    let leave = json!({ "AuthorizedAccountId": "999999999999", "AuthorizedAwsRegion": "us-east-1" });
    estate.admin(LEDGER).config(HOME, "PutAggregationAuthorization", leave);
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let said = exposed(&plan);
    assert_eq!(said.len(), 1, "{plan:#}");
    assert!(said[0].contains("account 999999999999") && said[0].contains("may aggregate"), "{said:?}");
}

/// The addresses of what does not do its work.
fn undelivered(plan: &Value) -> Vec<String> {
    plan["undelivered"].as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_source_that_lacks_its_leave_is_drift_and_repaired() {
    let estate = Estate::converged(PROFILES, AGGREGATED);
    estate.assert_clean();
    let leave = json!({ "AuthorizedAccountId": SECURITY, "AuthorizedAwsRegion": HOME });
    estate.admin(LEDGER).config(HOME, "DeleteAggregationAuthorization", leave);
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!((code, &plan["undelivered"]), (Some(2), &json!([])), "it is drift, and repaired");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_source_that_fails_although_leave_was_given_is_undelivered_for_as_long_as_it_does() {
    let estate = Estate::converged(PROFILES, AGGREGATED);
    for account in [PAYMENTS, SECURITY] {
        estate.tamper(json!({ "do": "withhold-source", "account": account, "region": HOME }));
    }
    let (code, plan) = estate.plan_json(&[]);
    assert_eq!((code, &plan["changes"], &plan["complete"]), (Some(3), &json!([]), &json!(false)), "{plan:#}");
    // What fails of the security account's own is the aggregator's: it needs no leave.
    let said = undelivered(&plan);
    assert_eq!(said.len(), 2, "{plan:#}");
    assert!(said[0].starts_with(&format!("{SECURITY}/{HOME}/config.aggregator/")), "{said:?}");
    assert_eq!(said[1], format!("{PAYMENTS}/{HOME}/config.authorization/{SECURITY}:{HOME}"));
    let why = plan["undelivered"].to_string();
    assert!(why.contains("does not get its data: NotAuthorized"), "{why}");
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(3);
    assert_eq!(estate.writes(), [""; 0]);
}
