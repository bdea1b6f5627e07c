//! The services besides trails: they converge, and what others change is repaired alone.
//!
//! In a few Regions, since every run reads every rule, target and tag of every account and Region.

use std::collections::{BTreeMap, BTreeSet};

use baseline::services::Kind;
use serde_json::{Value, json};

use super::tampers::{Found, tampers};
use super::{CORRECTIONS, HOPS, OWN_OBJECT, count, mutating};
use crate::support::moto::{ACCOUNTS, HOME, Moto, SECURITY};
use crate::support::proxy::Recorded;

/// What is declared.
pub const SERVICES: &str = include_str!("services.toml");
/// Where the baseline is.
const REGIONS: [&str; 4] = [HOME, "eu-west-1", "us-east-1", "us-west-2"];
/// An endpoint that is there already.
pub const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:333333333333:alerts";
const FUNCTION: &str = "arn:aws:lambda:ap-northeast-1:444444444444:function:chat";

/// The kinds of which nothing is changed: moto 5.2.5 has neither GuardDuty's export nor its membership, and nobody can
/// change a service-linked role (IAM User Guide, "Service-linked roles").
const NOT_CHANGED: [Kind; 4] = [
    Kind::IamServiceLinkedRole,
    Kind::GuarddutyPublishingDestination,
    Kind::GuarddutyMembers,
    Kind::GuarddutyMembership,
];

/// The queue and the function, which their owners made.
pub fn make_endpoints(moto: &Moto) {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ]});
    let role = json!({"RoleName": "chat", "AssumeRolePolicyDocument": trust.to_string()});
    let function = json!({
        "FunctionName": "chat",
        "Role": "arn:aws:iam::444444444444:role/chat",
        "PackageType": "Image",
        "Code": {"ImageUri": "444444444444.dkr.ecr.ap-northeast-1.amazonaws.com/chat:1"},
    });
    moto.calls(&[
        ("333333333333", HOME, "sqs", "create_queue", json!({"QueueName": "alerts"})),
        ("444444444444", HOME, "iam", "create_role", role),
        ("444444444444", HOME, "lambda", "create_function", function),
    ]);
}

fn audit(moto: &Moto) -> Value {
    let regions = REGIONS.join(",");
    let arguments = [&[SECURITY, HOME, &regions, QUEUE, FUNCTION], &ACCOUNTS[..]].concat();
    serde_json::from_str(&moto.boto3("audit_services.py", &arguments)).unwrap()
}

/// Each field that a plan would change, with its address; of a policy's statement, the statement.
pub fn fields(plan: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for change in plan["changes"].as_array().unwrap() {
        for field in change["fields"].as_array().unwrap() {
            let path: Vec<&str> = field["path"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
            let most = if path.starts_with(&["policy", "Statement"]) { 3 } else { path.len() };
            all.insert((change["address"].as_str().unwrap().to_owned(), path[..most.min(path.len())].join(" ")));
        }
    }
    all
}

/// The mutating calls but for the lock's, as `SERVICE OPERATION`, and how often each was made.
pub fn writes(calls: &BTreeMap<Recorded, usize>) -> BTreeMap<String, usize> {
    let changes = mutating(calls).into_iter().filter(|(call, _)| call.operation != OWN_OBJECT);
    changes.map(|(call, n)| (format!("{} {}", call.service, call.operation), *n)).collect()
}

#[test]
fn services_converge_and_a_field_of_every_kind_that_others_change_is_repaired_alone() {
    let moto = Moto::start_in(&REGIONS, CORRECTIONS);
    make_endpoints(&moto);
    moto.declare(SERVICES);

    let plan = moto.plan(&[], 2);
    assert_eq!(plan["complete"], true, "{plan:#}");
    let calls = moto.proxy.take();
    assert_eq!(mutating(&calls), [], "a plan writes nothing");
    assert_eq!(count(&calls, "AssumeRole"), HOPS);

    moto.baseline(&["apply", "--yes"], 0);
    let calls = moto.proxy.take();
    let (accounts, cells) = (ACCOUNTS.len(), ACCOUNTS.len() * REGIONS.len());
    for (operation, times) in [
        ("PutConfigurationRecorder", cells),
        ("PutDeliveryChannel", cells),
        ("StartConfigurationRecorder", cells),
        ("PutConfigRule", 2 * cells),
        ("PutAggregationAuthorization", (accounts - 1) * REGIONS.len()),
        ("PutConfigurationAggregator", 1),
        ("CreateDetector", cells),
        ("CreateServiceLinkedRole", accounts),
        ("CreateRole", accounts - 1),
        // Four in every Region, and in one what only its bus sees.
        ("PutRule", accounts * (4 * REGIONS.len() + 1)),
        ("PutPermission", REGIONS.len()),
        ("CreateTopic", REGIONS.len()),
        ("CreateKey", REGIONS.len() + 1),
        ("Subscribe", 2 * REGIONS.len()),
        ("AddPermission", REGIONS.len()),
        ("SetQueueAttributes", 1),
    ] {
        assert_eq!(count(&calls, operation), times, "{operation}: {:#?}", writes(&calls));
    }

    let plan = moto.plan(&[], 0);
    assert_eq!(plan["changes"], json!([]));
    let audited = audit(&moto);
    assert_eq!(
        audited,
        json!({
            "recorders": cells,
            "global recorders": accounts,
            "config rules": 2 * cells,
            "authorizations": (accounts - 1) * REGIONS.len(),
            "detectors": cells,
            "roles": accounts - 1,
            "rules": accounts * (4 * REGIONS.len() + 1),
            "topic keys": REGIONS.len(),
            "subscriptions": 2 * REGIONS.len(),
            "findings": 0,
        })
    );

    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 0);
    assert_eq!(writes(&moto.proxy.take()), BTreeMap::new(), "a second apply writes nothing");

    let tampers = tampers(&Found::look_up(&moto));
    for kind in Kind::ALL {
        let changed = tampers.iter().any(|tamper| tamper.field.0.contains(&format!("/{kind}/")));
        assert_eq!(changed, !NOT_CHANGED.contains(kind), "{kind}");
    }
    moto.calls(&tampers.iter().map(|tamper| tamper.call.clone()).collect::<Vec<_>>());
    let plan = moto.plan(&[], 2);
    assert_eq!(plan["complete"], true, "{plan:#}");
    let named = fields(&plan);
    let changed = tampers.iter().map(|t| (t.field.0.to_owned(), t.field.1.to_owned())).collect();
    let (more, less): (Vec<_>, Vec<_>) = (named.difference(&changed).collect(), changed.difference(&named).collect());
    assert!(more.is_empty() && less.is_empty(), "named and not changed: {more:#?}\nchanged and not named: {less:#?}");

    moto.proxy.take();
    moto.baseline(&["apply", "--yes"], 0);
    let mut repairs = BTreeMap::new();
    for tamper in &tampers {
        *repairs.entry(tamper.repair.to_owned()).or_default() += 1;
    }
    assert_eq!(writes(&moto.proxy.take()), repairs);
    moto.plan(&[], 0);
    assert_eq!(audit(&moto), audited);
}
