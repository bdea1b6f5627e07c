//! Accounts in which others have been before us: what they have stays, and what we no longer declare goes only when told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::services::{SERVICES, fields, make_endpoints, writes};
use super::{CORRECTIONS, addresses, count};
use crate::support::moto::{ACCOUNTS, HOME, Moto, SECURITY};

/// What other people have: a recorder, a channel and a detector in one account, rules in others, one of which bears a
/// name of ours, and a statement in the policy of the receiving bus.
fn make_company(moto: &Moto) {
    let pattern = json!({"source": ["company.billing"]}).to_string();
    let bus = format!("arn:aws:events:{HOME}:{SECURITY}:event-bus/default");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Company",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::666666666666:root"},
        "Action": "events:PutEvents",
        "Resource": bus,
    }]});
    let recorder = json!({
        "name": "company",
        "roleARN": "arn:aws:iam::555555555555:role/company-config",
        "recordingGroup": {"allSupported": false, "resourceTypes": ["AWS::EC2::Instance"]},
    });
    let channel = json!({
        "name": "company",
        "s3BucketName": "company-config",
        "snsTopicARN": format!("arn:aws:sns:{HOME}:555555555555:company"),
    });
    let detector = json!({
        "Enable": true,
        "FindingPublishingFrequency": "SIX_HOURS",
        "Features": [
            {"Name": "RDS_LOGIN_EVENTS", "Status": "ENABLED"},
            {"Name": "S3_DATA_EVENTS", "Status": "DISABLED"},
        ],
        "Tags": {"team": "blue"},
    });
    let name = json!({"ConfigurationRecorderName": "company"});
    let rule = |name: &str| json!({"Name": name, "EventPattern": pattern});
    moto.calls(&[
        ("555555555555", HOME, "config", "put_configuration_recorder", json!({"ConfigurationRecorder": recorder})),
        ("555555555555", HOME, "config", "put_delivery_channel", json!({"DeliveryChannel": channel})),
        ("555555555555", HOME, "config", "start_configuration_recorder", name),
        ("555555555555", HOME, "guardduty", "create_detector", detector),
        ("333333333333", HOME, "events", "put_rule", rule("company-billing")),
        ("444444444444", HOME, "events", "put_rule", rule("baseline-key-deletion")),
        (SECURITY, HOME, "events", "put_permission", json!({"Policy": policy.to_string()})),
    ]);
}

/// Everything of [`make_company`] that must stay as it is, as AWS shows it.
fn company(moto: &Moto) -> Vec<Value> {
    let none = || json!({});
    moto.calls(&[
        ("555555555555", HOME, "config", "describe_configuration_recorders", none()),
        ("555555555555", HOME, "config", "describe_configuration_recorder_status", none()),
        ("555555555555", HOME, "config", "describe_delivery_channels", none()),
        ("333333333333", HOME, "events", "describe_rule", json!({"Name": "company-billing"})),
        ("444444444444", HOME, "events", "describe_rule", json!({"Name": "baseline-key-deletion"})),
        ("444444444444", HOME, "events", "list_targets_by_rule", json!({"Rule": "baseline-key-deletion"})),
    ])
}

#[test]
fn what_others_had_is_adopted_and_orphans_go_only_when_pruned() {
    const FEW: [&str; 2] = [HOME, "us-east-1"];
    let moto = Moto::start_in(&FEW, CORRECTIONS);
    make_endpoints(&moto);
    make_company(&moto);
    let before = company(&moto);
    let https = "[[notify.subscription]]\nprotocol = \"https\"\nendpoint = \"https://alerts.example.com/hook\"\n";
    // What is declared of a channel is changed on somebody else's, too; here nothing is.
    let whole = format!("{SERVICES}\n{https}").replace("snapshot_frequency = \"TwentyFour_Hours\"\n", "");
    moto.declare(&whole);

    let held = [
        "444444444444/ap-northeast-1/eventbridge.rule/baseline-key-deletion",
        "555555555555/ap-northeast-1/config.delivery_channel/default",
        "555555555555/ap-northeast-1/config.recorder/default",
    ];
    let sorted = |changes: &Value| -> BTreeSet<String> { addresses(changes).into_iter().map(str::to_owned).collect() };
    let plan = moto.plan(&[], 3);
    assert_eq!(sorted(&plan["blocked"]), held.map(str::to_owned).into(), "{:#}", plan["blocked"]);
    let adopted = "555555555555/ap-northeast-1/guardduty.detector/detector";
    let in_company_region = |address: &str| {
        ["config.recorder", "config.delivery_channel", "config.recording", "guardduty.detector"]
            .iter()
            .any(|kind| address.starts_with(&format!("555555555555/ap-northeast-1/{kind}/")))
    };
    let changed: Vec<_> = addresses(&plan["changes"]).into_iter().filter(|a| in_company_region(a)).collect();
    assert_eq!(changed, [adopted]);
    let of_detector: BTreeSet<String> =
        fields(&plan).into_iter().filter(|(address, _)| address == adopted).map(|(_, path)| path).collect();
    let wanted = ["features S3_DATA_EVENTS", "finding_publishing_frequency", "tags Baseline", "tags ManagedBy"];
    assert_eq!(of_detector, wanted.map(str::to_owned).into());
    // A subscription that is yet to be made waits for nobody; moto takes it for confirmed at once.
    assert_eq!(plan["undelivered"], json!([]));
    assert!(!plan.to_string().contains("example.com/hook"), "a URL may be a secret");

    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 3);
    assert_eq!(count(&moto.proxy.take(), "CreateDetector"), ACCOUNTS.len() * FEW.len() - 1);
    assert_eq!(company(&moto), before);
    let listed = moto.calls(&[("555555555555", HOME, "guardduty", "list_detectors", json!({}))]);
    let [id] = listed[0]["DetectorIds"].as_array().unwrap().as_slice() else { panic!("{listed:#?}") };
    let answers = moto.calls(&[
        ("555555555555", HOME, "guardduty", "get_detector", json!({"DetectorId": id})),
        (SECURITY, HOME, "events", "describe_event_bus", json!({})),
    ]);
    let features = json!([
        {"Name": "RDS_LOGIN_EVENTS", "Status": "ENABLED"},
        {"Name": "S3_DATA_EVENTS", "Status": "ENABLED"},
    ]);
    assert_eq!(answers[0]["Features"], features, "no other feature is switched on or off");
    assert_eq!(answers[0]["Tags"], json!({"team": "blue", "ManagedBy": "baseline", "Baseline": "services"}));
    let policy: Value = serde_json::from_str(answers[1]["Policy"].as_str().unwrap()).unwrap();
    let sids: BTreeSet<_> =
        policy["Statement"].as_array().unwrap().iter().map(|s| s["Sid"].as_str().unwrap()).collect();
    assert_eq!(sids, ["BaselineForward", "Company"].into(), "a foreign statement survives");

    let plan = moto.plan(&[], 3);
    assert_eq!(sorted(&plan["blocked"]), held.map(str::to_owned).into(), "{:#}", plan["blocked"]);
    assert_eq!((&plan["changes"], &plan["undelivered"]), (&json!([]), &json!([])));
    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 3);
    assert_eq!(writes(&moto.proxy.take()), BTreeMap::new(), "a second apply writes nothing");

    let mut less = whole;
    for gone in [
        "[config.aggregator]\n",
        "[[config.rule]]\nidentifier = \"GUARDDUTY_ENABLED_CENTRALIZED\"\n",
        "[[events.forward]]\npreset = \"config-compliance\"\n",
        "[[events.forward]]\npreset = \"iam-changes\"\n",
    ] {
        assert!(less.contains(gone), "{gone}");
        less = less.replace(gone, "");
    }
    moto.declare(&less);
    let (accounts, cells) = (ACCOUNTS.len(), ACCOUNTS.len() * FEW.len());
    // What only one Region's bus sees is in one Region; the security account authorizes nobody.
    let (rules, authorizations) = (cells + accounts, (accounts - 1) * FEW.len());
    let orphans = rules + authorizations + cells + 1;
    let plan = moto.plan(&[], 3);
    assert_eq!(addresses(&plan["orphans"]).len(), orphans, "{:#}", plan["orphans"]);
    assert_eq!(plan["changes"], json!([]));
    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 3);
    assert_eq!(writes(&moto.proxy.take()), BTreeMap::new(), "without --prune nothing goes");

    // Where something of the same service is held in the account, what may replace an orphan is not there yet.
    let (rules, authorizations, config_rules) = (rules - 3, authorizations - 2, cells - 2);
    let deleted = rules + authorizations + config_rules + 1;
    let plan = moto.plan(&["--prune"], 3);
    assert_eq!(plan["summary"]["delete"], deleted, "{:#}", plan["orphans"]);
    moto.proxy.take();
    moto.baseline(&["apply", "--yes", "--prune"], 3);
    let wanted = [
        ("config DeleteAggregationAuthorization", authorizations),
        ("config DeleteConfigRule", config_rules),
        ("config DeleteConfigurationAggregator", 1),
        ("events DeleteRule", rules),
        ("events RemoveTargets", rules),
    ];
    assert_eq!(writes(&moto.proxy.take()), wanted.map(|(call, n)| (call.to_owned(), n)).into());
    assert_eq!(company(&moto), before);
    let plan = moto.plan(&["--prune"], 3);
    assert_eq!((&plan["changes"], addresses(&plan["orphans"]).len()), (&json!([]), orphans - deleted));
}
