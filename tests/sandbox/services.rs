//! The shipped baselines with every service: they converge, and what is there is what was declared.

use serde_json::{Value, json};

use crate::support::estate::{ARCHIVE, Estate, HOME, LEDGER, PAYMENTS, PROFILES, QUEUE, SECURITY, standard};

const ACCOUNTS: [&str; 3] = [SECURITY, PAYMENTS, LEDGER];

/// Plan, apply, plan again, and an apply that writes nothing.
#[track_caller]
fn converges(estate: &Estate) {
    assert!(!estate.drift(&[]).is_empty());
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(0);
    assert_eq!(estate.all_writes(), [""; 0]);
}

fn converged(profiles: &str, baseline: &str) -> Estate {
    let estate = Estate::new(profiles, baseline);
    estate.make_queue(HOME);
    converges(&estate);
    estate
}

fn list<'a>(value: &'a Value, of: &str) -> impl Iterator<Item = &'a Value> {
    let account = of.to_owned();
    value.as_array().unwrap().iter().filter(move |one| {
        one["account"] == account.as_str() || one["arn"].as_str().is_some_and(|arn| arn.contains(&account))
    })
}

/// The accounts that a bus admits.
fn admitted(bus: &Value) -> Vec<&str> {
    let statements = bus["policy"]["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 1, "{bus:#}");
    // In a condition: an account that is closed takes nothing from the others.
    assert_eq!(statements[0]["Principal"], "*", "{bus:#}");
    let accounts = &statements[0]["Condition"]["StringEquals"]["aws:PrincipalAccount"];
    let mut ids: Vec<&str> = accounts.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

const PROJECTS: [&str; 2] = ["333333333333", "444444444444"];

#[test]
fn the_standard_baseline_sets_up_what_it_declares() {
    let estate = converged(PROFILES, &standard());
    let state = estate.state();
    for account in ACCOUNTS {
        let config = &state["config"];
        let recorders: Vec<_> = list(&config["recorders"], account).collect();
        assert_eq!(recorders.len(), 2, "{recorders:#?}");
        assert!(recorders.iter().all(|recorder| recorder["recording"] == true));
        let global: Vec<_> =
            recorders.iter().filter(|one| one["group"]["includeGlobalResourceTypes"] == true).collect();
        assert_eq!((global.len(), &global[0]["region"]), (1, &json!("us-east-1")));
        let channels: Vec<_> = list(&config["channels"], account).collect();
        assert_eq!(channels.len(), 2);
        assert!(channels.iter().all(|channel| channel["bucket"] == "baseline-logs-222222222222-eu-west-1"));
        assert!(channels.iter().all(|channel| channel["kms_key"].is_string()), "{channels:#?}");
        assert_eq!(list(&config["rules"], account).count(), 4);

        let detectors: Vec<_> = list(&state["guardduty"]["detectors"], account).collect();
        assert_eq!(detectors.len(), 2);
        for detector in detectors {
            assert_eq!((&detector["enabled"], &detector["frequency"]), (&json!(true), &json!("FIFTEEN_MINUTES")));
            assert_eq!(detector["destination"]["publishing"], true, "{detector:#}");
            let on = detector["features"].as_object().unwrap().iter().filter(|(_, on)| **on == true);
            assert_eq!(on.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["S3_DATA_EVENTS"]);
        }

        let buses: Vec<_> = list(&state["event_buses"], &format!(":{account}:")).collect();
        assert_eq!(buses.len(), 2);
        for bus in buses {
            let global = bus["arn"].as_str().unwrap().contains("us-east-1");
            let rules = bus["rules"].as_array().unwrap();
            // Only one bus sees changes of IAM; what is open to the world is told of apart and sent as a change.
            let told = if global { 8 } else { 7 };
            assert_eq!(rules.len(), if *account == *SECURITY { told } else { told - 1 }, "{bus:#}");
            assert!(rules.iter().all(|rule| rule["state"] == "ENABLED"));
            let region = bus["arn"].as_str().unwrap().split(':').nth(3).unwrap();
            let target = match account {
                SECURITY => format!("arn:aws:sns:{region}:{SECURITY}:baseline-alerts"),
                _ => format!("arn:aws:events:{region}:{SECURITY}:event-bus/default"),
            };
            for rule in rules {
                let targets = rule["targets"].as_array().unwrap();
                assert_eq!((targets.len(), &targets[0]["Arn"]), (1, &json!(target)), "{rule:#}");
            }
            match account {
                SECURITY => assert_eq!(admitted(bus), PROJECTS),
                _ => assert_eq!(bus["policy"], Value::Null),
            }
        }

        let accounts = state["accounts"].as_array().unwrap();
        let roles = &accounts.iter().find(|one| one["id"] == account).unwrap()["roles"];
        let forwarding = roles
            .as_array()
            .unwrap()
            .iter()
            .filter(|role| role["arn"].as_str().unwrap().ends_with("role/baseline/baseline-event-forwarding"));
        // What the security account sees itself goes nowhere else.
        assert_eq!(forwarding.count(), usize::from(account != SECURITY));
    }
    let topics = state["topics"].as_array().unwrap();
    assert_eq!(topics.len(), 2);
    assert!(topics.iter().all(|topic| topic["attributes"]["KmsMasterKeyId"].is_string()));
    let subscriptions = state["subscriptions"].as_array().unwrap();
    assert_eq!(subscriptions.len(), 2);
    let ours = |one: &Value| one["endpoint"] == QUEUE && one["confirmed"] == true && one["owner"] == LEDGER;
    assert!(subscriptions.iter().all(ours), "{subscriptions:#?}");
}

#[test]
fn the_cis_baseline_converges() {
    let cis = std::fs::read_to_string(crate::support::file("baselines/cis.toml")).unwrap();
    converges(&Estate::new(PROFILES, &cis));
}

#[test]
fn with_a_log_archive_account_everything_is_delivered_there() {
    let archive = "\n[log_archive]\naccount = \"555555555555\"\nrole = \"BaselineLogArchive\"\n\
                   external_id = \"hush-archive-1234\"\n";
    let state = converged(&format!("{PROFILES}{archive}"), &standard()).state();
    let bucket = "baseline-logs-555555555555-eu-west-1";
    assert!(state["config"]["channels"].as_array().unwrap().iter().all(|channel| channel["bucket"] == bucket));
    assert_eq!(list(&state["config"]["channels"], ARCHIVE).count(), 2);
    let detectors = state["guardduty"]["detectors"].as_array().unwrap();
    assert_eq!(detectors.len(), 8);
    assert!(detectors.iter().all(|one| one["destination"]["arn"] == format!("arn:aws:s3:::{bucket}")));
    assert!(detectors.iter().all(|one| one["destination"]["publishing"] == true));
}

#[test]
fn a_named_bus_is_made_and_receives() {
    let baseline = standard().replace("\n[events]\n", "\n[events]\nbus = \"alerts\"\n");
    let state = converged(PROFILES, &baseline).state();
    for region in [HOME, "us-east-1"] {
        let arn = format!("arn:aws:events:{region}:{SECURITY}:event-bus/alerts");
        assert_eq!(admitted(&Estate::arn_in(&state["event_buses"], &arn)), PROJECTS);
        let sender = format!("arn:aws:events:{region}:{PAYMENTS}:event-bus/default");
        let sender = Estate::arn_in(&state["event_buses"], &sender);
        for rule in sender["rules"].as_array().unwrap() {
            assert_eq!(rule["targets"][0]["Arn"], arn, "{rule:#}");
        }
    }
}

#[test]
fn one_trail_for_all_regions_goes_with_the_rest() {
    let baseline = standard().replace("mode = \"per-region\"", "mode = \"multi-region\"");
    let state = converged(PROFILES, &baseline).state();
    assert_eq!(state["trails"].as_array().unwrap().len(), 3);
}

/// The administrator sees its members' findings: they are exported and forwarded once, by it.
#[test]
fn with_members_findings_are_told_once() {
    let profiles = PROFILES
        .replace("name = \"payments\"", "name = \"payments\"\nemail = \"payments@example.com\"")
        .replace("name = \"ledger\"", "name = \"ledger\"\nemail = \"ledger@example.com\"");
    let baseline = standard().replace("\n[guardduty]\n", "\n[guardduty]\nmembership = true\n");
    let state = converged(&profiles, &baseline).state();
    let members = state["guardduty"]["members"].as_array().unwrap();
    assert_eq!(members.len(), 4, "{members:#?}");
    assert!(members.iter().all(|member| member["status"] == "Enabled" && member["administrator"] == SECURITY));
    for bus in state["event_buses"].as_array().unwrap() {
        let arn = bus["arn"].as_str().unwrap();
        let findings = |rule: &&Value| rule["arn"].as_str().unwrap().ends_with("/baseline-guardduty-findings");
        let told = bus["rules"].as_array().unwrap().iter().filter(findings).count();
        assert_eq!(told, usize::from(arn.contains(SECURITY)), "{arn}");
    }
    for detector in state["guardduty"]["detectors"].as_array().unwrap() {
        let own = detector["arn"].as_str().unwrap().contains(SECURITY);
        assert_eq!(detector["destination"].is_object(), own, "{detector:#}");
    }
}

fn in_partition(partition: &str, home: &str, global: &str) {
    let profiles = format!("partition = \"{partition}\"\n{PROFILES}").replace(HOME, home).replace("us-east-1", global);
    let baseline = standard().replace("arn:aws:", &format!("arn:{partition}:")).replace(HOME, home);
    let estate = Estate::new(&profiles, &baseline);
    estate.make_queue(home);
    converges(&estate);
    let state = estate.state();
    let recorders = state["config"]["recorders"].as_array().unwrap();
    let global_types = recorders.iter().filter(|one| one["group"]["includeGlobalResourceTypes"] == true);
    assert!(global_types.map(|one| &one["region"]).eq([global; 3].iter()));
    assert!(!state.to_string().contains("arn:aws:iam::3"), "an ARN of another partition");
}

#[test]
fn the_standard_baseline_converges_in_china() {
    in_partition("aws-cn", "cn-northwest-1", "cn-north-1");
}

#[test]
fn the_standard_baseline_converges_in_govcloud() {
    in_partition("aws-us-gov", "us-gov-east-1", "us-gov-west-1");
}
