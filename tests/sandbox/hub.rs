//! The security account's Regions as seen from the projects, and runs that are narrowed.

use serde_json::json;

use crate::support::estate::{Estate, HOME, PAYMENTS, PROFILES, SECURITY, blocked, id, standard};

/// A Region that has to be opted in to, and that only one project has.
const FAR: &str = "ap-east-1";

fn far(baseline: &str) -> Estate {
    let profiles = PROFILES.replace("list = [", "include = [").replace(
        "name = \"payments\"",
        &format!("name = \"payments\"\nregions = {{ include = [\"us-east-1\", \"{FAR}\"] }}"),
    );
    let opt_in = vec![(id(PAYMENTS), FAR.parse().unwrap())];
    let options = baseline::sandbox::Options { opt_in, ..Default::default() };
    let estate = Estate::with(&profiles, baseline, options);
    estate.make_queue(HOME);
    estate
}

#[test]
fn a_region_that_the_security_account_has_not_enabled_is_blocked_with_the_accounts_named() {
    let estate = far(&standard());
    estate.apply(&[]).ended(3);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let reasons = blocked(&document);
    assert!(!reasons.is_empty());
    for reason in &reasons {
        assert!(reason.contains(&format!("{PAYMENTS}/{FAR}/eventbridge.rule")), "{reason}");
    }
    assert_eq!(document["blocked"][0]["account_name"], "payments");
    let screen = estate.plan(&[]).ended(3).out;
    assert!(screen.contains("payments (333333333333), ap-east-1"), "{screen}");
    assert!(document["blocked"][0]["hint"].as_str().unwrap().contains("fallback_region"), "{document:#}");
    // What does not depend on it is there.
    let trail = format!("arn:aws:cloudtrail:{FAR}:{PAYMENTS}:trail/baseline");
    assert_eq!(Estate::arn_in(&estate.state()["trails"], &trail)["logging"], true);
}

#[test]
fn events_of_such_a_region_go_to_the_fallback_region() {
    let baseline = standard().replace("\n[events]\n", "\n[events]\nfallback_region = \"us-east-1\"\n");
    let estate = far(&baseline);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let bus = format!("arn:aws:events:{FAR}:{PAYMENTS}:event-bus/default");
    let bus = Estate::arn_in(&estate.state()["event_buses"], &bus);
    let rules = bus["rules"].as_array().unwrap();
    assert!(!rules.is_empty());
    for rule in rules {
        let receiver = format!("arn:aws:events:us-east-1:{SECURITY}:event-bus/default");
        assert_eq!(rule["targets"][0]["Arn"], receiver, "{rule:#}");
    }
}

#[test]
fn a_narrowed_run_after_a_whole_one_is_in_sync() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.apply(&[]).ended(0);
    let cases: [&[&str]; 14] = [
        &["-a", "payments"],
        &["-a", "security"],
        &["-r", "us-east-1"],
        &["-r", HOME],
        &["-s", "eventbridge"],
        &["-s", "sns"],
        &["-s", "config"],
        &["-s", "guardduty"],
        &["-s", "iam"],
        &["-s", "sqs"],
        &["-s", "cloudtrail"],
        &["-a", "ledger", "-s", "sns"],
        &["-a", "payments", "-s", "eventbridge", "-r", "us-east-1"],
        &["-t", "**/sns.subscription/*"],
    ];
    let mut wrong = Vec::new();
    for arguments in cases {
        let (code, document) = estate.plan_json(arguments);
        let seen = document["summary"]["in_sync"].as_u64().unwrap();
        if code != Some(0) || seen == 0 || document["changes"] != json!([]) || document["orphans"] != json!([]) {
            wrong.push(format!("{arguments:?}: {code:?} {document:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a rule's target has the right role is told by a role that `-s eventbridge` does not select.
#[test]
fn a_narrowed_run_still_compares_what_it_does_not_select() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.apply(&[]).ended(0);
    let (rule, payments) = ("baseline-root-login", estate.admin(PAYMENTS));
    payments.iam("UntagRole", &[("RoleName", "baseline-event-forwarding"), ("TagKeys.member.1", "Baseline")]);
    payments.events(HOME, "DisableRule", json!({ "Name": rule }));
    let address = format!("{PAYMENTS}/{HOME}/eventbridge.rule/{rule}");
    // The role's own drift is not selected.
    assert_eq!(estate.drift(&["-s", "eventbridge"]), [format!("{address} update state")]);
    estate.apply(&["-s", "eventbridge"]).ended(0);
    assert_eq!(estate.drift(&["-s", "eventbridge"]), [""; 0]);
    assert_eq!(estate.drift(&[]).len(), 1, "the role");
}

/// What is not there waits for what the run does not look at.
#[test]
fn a_narrowed_run_does_not_make_what_requires_the_unseen() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.apply(&[]).ended(0);
    let rule = json!({ "ConfigRuleName": "baseline-cloud-trail-enabled" });
    estate.admin(PAYMENTS).config(HOME, "DeleteConfigRule", rule);
    let (code, document) = estate.plan_json(&["-s", "config"]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let reasons = blocked(&document);
    assert_eq!(reasons.len(), 1, "{reasons:#?}");
    assert!(reasons[0].ends_with("which does not exist and is not selected"), "{reasons:#?}");
}
