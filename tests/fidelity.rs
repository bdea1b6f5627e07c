//! Every request and every answer of whole runs against botocore's service models, which AWS makes: that operations exist,
//! members, types, lengths, patterns, enums, checksums and error codes.
//!
//! `fidelity/judge.py` judges. What it finds is mended, here or in the sandbox; what is right although the model says
//! otherwise is in [`ARGUED`] with its source.

mod bed;
mod wrong;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use serde_json::{Value, json};

use self::bed::{Bed, Recording};
use crate::support::estate::{HOME, PAYMENTS, PROFILES, SECURITY, standard};
use crate::support::file;

/// A finding that is no mistake.
struct Argued {
    /// `SERVICE:OPERATION`.
    operation: &'static str,
    /// The words of the rule that tell it from others.
    rule: &'static str,
}

const ARGUED: &[Argued] = &[
    // Where there is no administrator the answer lacks the member that the model requires: what tools that people run in
    // real accounts look for (comprinnotech/tevico-community#207: `"Administrator" in admin_response`).
    Argued { operation: "guardduty:GetAdministratorAccount", rule: "Administrator: a required member is missing" },
    Argued { operation: "guardduty:GetMasterAccount", rule: "Master: a required member is missing" },
    // The enum lags behind the Regions that botocore itself lists (data/partitions.json): eusc-de-east-1 is not in it. A
    // bucket outside us-east-1 is made with its Region (Amazon S3 API Reference, `CreateBucket`, `LocationConstraint`).
    Argued { operation: "s3:CreateBucket", rule: "LocationConstraint: not in the enum BucketLocationConstraint" },
    // "This data type can only have a value of Policy" (IAM API Reference, `AttachedPermissionsBoundary`); the enum beside
    // that sentence has `PermissionsBoundaryPolicy` alone.
    Argued {
        operation: "iam:GetRole",
        rule: "PermissionsBoundaryType: not in the enum PermissionsBoundaryAttachmentType",
    },
];

impl Argued {
    fn is_of(&self, finding: &Value) -> bool {
        let operation = format!("{}:{}", finding["service"].as_str().unwrap(), finding["operation"].as_str().unwrap());
        operation == self.operation && finding["rule"].as_str().unwrap().contains(self.rule)
    }
}

const CIS: &str = "baselines/cis.toml";
const EVERYTHING: &str = "tests/fidelity/everything.toml";
const ALTERNATIVES: &str = "tests/fidelity/alternatives.toml";
/// What is left of a baseline before it is pruned.
const LESS: &str =
    "name = \"less\"\n[log_bucket]\n[cloudtrail]\nmode = \"multi-region\"\n[guardduty]\n[events]\n[notify]\n";

/// A chain with every hop there is, sessions with a source identity, accounts with addresses, and a Region that has to be
/// enabled.
const FULL: &str = r#"
[jump]
role = "arn:aws:iam::111111111111:role/team/Jump"
external_id = "hush-jump-1"
session_name = "nightly"
source_identity = "alice"
email = "jump@example.com"

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "hush-security-4711"
home_region = "eu-west-1"
email = "security@example.com"

[log_archive]
account = "555555555555"
role = "BaselineArchive"
email = "archive@example.com"

[defaults]
role = "BaselineExecution"
external_id = "hush-projects-0815"
regions = { include = ["eu-west-1", "us-east-1"] }

[[account]]
id = "333333333333"
name = "payments"
email = "payments@example.com"
groups = ["prod"]

[[account]]
id = "444444444444"
name = "ledger"
email = "ledger@example.com"
groups = ["dev"]
"#;

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap()
}

/// The same files in another partition: home Region, the one of global services.
fn moved(text: &str, partition: &str, home: &str, center: &str) -> String {
    let text = text.replace("arn:aws:", &format!("arn:{partition}:")).replace(HOME, home).replace("us-east-1", center);
    // Where both are one.
    let both = format!("[\"{home}\", \"{home}\"]");
    text.replace(&both, &format!("[\"{home}\"]"))
}

/// The runs, each in an estate of its own.
fn runs(recording: &Recording) -> Vec<Box<dyn FnOnce() + Send>> {
    let bed = |name: &'static str, profiles: String, baseline: String| {
        let recording = recording.clone();
        move || Bed::new(name, &profiles, &baseline, &recording)
    };
    let queue = |bed: &Bed, region: &str| {
        let region = region.to_owned();
        bed.unheard(|estate| estate.make_queue(&region));
    };
    let function = |bed: &Bed, account: &str, region: &str| {
        bed.estate.tamper(json!({
            "do": "create-function", "account": account, "region": region, "name": "chat", "qualifiers": ["live", "7"],
        }));
    };
    let mut runs: Vec<Box<dyn FnOnce() + Send>> = Vec::new();

    let full = bed("everything", FULL.to_owned(), read(EVERYTHING));
    runs.push(Box::new(move || {
        let bed = full();
        queue(&bed, HOME);
        bed.unheard(|estate| estate.admin(SECURITY).sns(HOME, "CreateTopic", &[("Name", "everything-runs")]));
        function(&bed, PAYMENTS, HOME);
        bed.whole_run();
        bed.prune(LESS);
    }));
    let shipped = bed("standard", PROFILES.to_owned(), standard());
    runs.push(Box::new(move || {
        let bed = shipped();
        queue(&bed, HOME);
        bed.whole_run();
        function(&bed, SECURITY, HOME);
        bed.boto3("clients.py");
        bed.refusals();
    }));
    let cis = bed("cis", PROFILES.to_owned(), read(CIS));
    runs.push(Box::new(move || cis().whole_run()));
    let alternatives = bed("alternatives", PROFILES.to_owned(), read(ALTERNATIVES));
    runs.push(Box::new(move || alternatives().whole_run()));
    for (partition, home, center) in [
        ("aws-cn", "cn-northwest-1", "cn-north-1"),
        ("aws-us-gov", "us-gov-east-1", "us-gov-west-1"),
        ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1"),
    ] {
        let profiles = format!("partition = \"{partition}\"\n{}", moved(PROFILES, partition, home, center));
        let elsewhere = bed(partition, profiles, moved(&standard(), partition, home, center));
        runs.push(Box::new(move || {
            let bed = elsewhere();
            queue(&bed, home);
            bed.whole_run();
        }));
    }
    runs
}

/// What a run failed with: the others go on, because each takes its time.
fn failure(run: Box<dyn FnOnce() + Send>) -> Option<String> {
    let panic = panic::catch_unwind(AssertUnwindSafe(run)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

#[test]
fn botocores_models_find_nothing_that_is_not_argued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exchanges.jsonl");
    let recording = Recording::new(&path);
    // Two at a time: each is a program and its simulation.
    let mut runs = runs(&recording);
    let rest = runs.split_off(runs.len() / 2);
    let failed = thread::scope(|scope| {
        let half = scope.spawn(|| runs.into_iter().filter_map(failure).collect::<Vec<_>>());
        let rest = rest.into_iter().filter_map(failure).collect::<Vec<_>>();
        [half.join().unwrap(), rest].concat()
    });
    let judged = recording.judged(&path);
    let findings = judged["findings"].as_array().unwrap();
    let open: Vec<&Value> = findings.iter().filter(|one| !ARGUED.iter().any(|argued| argued.is_of(one))).collect();
    assert!(
        open.is_empty() && failed.is_empty(),
        "{} exchanges were judged: {open:#?}\n{}",
        judged["judged"],
        failed.join("\n")
    );
    for argued in ARGUED {
        let seen = findings.iter().any(|finding| argued.is_of(finding));
        assert!(seen, "nothing is found any more: {} {}", argued.operation, argued.rule);
    }
    assert!(judged["judged"].as_u64().unwrap() > 5_000, "{}", judged["judged"]);
    let called: BTreeSet<String> = judged["operations"].as_object().unwrap().keys().cloned().collect();
    let missed: Vec<String> = simulated().difference(&called).cloned().collect();
    assert!(missed.is_empty(), "no run calls {missed:?}: tests/fidelity/clients.py is the place for what none would");
}

/// The operations of the sandbox, as the services' tables name them.
fn simulated() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for service in "cloudtrail config ec2 events guardduty iam kms lambda s3 sns sqs sts".split(' ') {
        let paths = [file(&format!("src/sandbox/{service}.rs")), file(&format!("src/sandbox/{service}/mod.rs"))];
        let text = paths.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap();
        let (_, handle) = text.split_once("\nfn handle(").unwrap_or_else(|| panic!("{service} has no handle"));
        let (handle, _) = handle.split_once("\n}\n").unwrap();
        let arms = handle.lines().filter_map(|line| line.split_once(" => ")).map(|(arm, _)| arm);
        // The arm without a name is for requests that are no operation.
        let names = arms.flat_map(|arm| arm.split('"').skip(1).step_by(2)).filter(|name| !name.is_empty());
        found.extend(names.map(|name| format!("{service}:{name}")));
    }
    assert!(found.len() > 150, "{found:?}");
    found
}

/// The sections and their keys of `baseline.toml`, by its schema, of which these baselines say something.
fn said<'a>(schema: &'a Value, root: &'a Value, value: &toml::Value, found: &mut BTreeSet<(String, String)>) {
    if let Some(name) = schema["$ref"].as_str() {
        let definition = &root["definitions"][name.rsplit('/').next().unwrap()];
        return said_of(name.rsplit('/').next().unwrap(), definition, root, value, found);
    }
    for inner in ["allOf", "anyOf", "oneOf"].iter().flat_map(|key| schema[*key].as_array()).flatten() {
        said(inner, root, value, found);
    }
    if let Some(items) = value.as_array() {
        items.iter().for_each(|item| said(&schema["items"], root, item, found));
    }
    if schema["properties"].is_object() {
        said_of("", schema, root, value, found);
    }
}

fn said_of(name: &str, schema: &Value, root: &Value, value: &toml::Value, found: &mut BTreeSet<(String, String)>) {
    let Some(table) = value.as_table() else { return };
    for (key, inner) in table {
        let member = &schema["properties"][key];
        if !member.is_null() {
            found.insert((name.to_owned(), key.clone()));
            said(member, root, inner, found);
        }
    }
}

#[test]
fn every_option_is_in_one_of_these_files() {
    let schema: Value = serde_json::from_str(&baseline::config::baseline_schema()).unwrap();
    let mut found = BTreeSet::new();
    // Of profiles.toml alone: an override takes no list.
    found.insert(("Regions".to_owned(), "list".to_owned()));
    for text in [EVERYTHING, ALTERNATIVES, CIS] {
        said(&schema, &schema, &toml::from_str(&read(text)).unwrap(), &mut found);
    }
    let definitions = schema["definitions"].as_object().unwrap().iter();
    let all: BTreeSet<(String, String)> = definitions
        .map(|(name, definition)| (name.as_str(), definition))
        .chain([("", &schema)])
        .flat_map(|(name, definition)| {
            let keys = definition["properties"].as_object().into_iter().flat_map(|members| members.keys());
            keys.map(move |key| (name.to_owned(), key.clone()))
        })
        .collect();
    let missed: Vec<_> = all.difference(&found).collect();
    assert!(missed.is_empty(), "tests/fidelity/everything.toml says nothing of {missed:?}");
}
