//! Every policy document that this tool makes, before parliament, a linter that other people wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use baseline::config::{Loaded, Source, load};
use baseline::model::{AccountId, Region};
use baseline::services::{Declared, Place, Service, Shared, Spec, policy_notes};
use serde_json::{Value, json};

use super::support::python::Venv;
use super::support::{file, stderr, stdout};

/// A finding that is no mistake.
struct Argued {
    /// What the documents' names begin with.
    documents: &'static str,
    /// The statement.
    sid: &'static str,
    /// parliament's name for it.
    issue: &'static str,
    /// The words of its detail that tell it from others of its sort; empty for any.
    detail: &'static str,
}

/// In a key policy `*` is the key that the policy is of, and nothing else could stand there before the key has an ARN
/// (KMS Developer Guide, "Elements of a key policy": "the `*` identifies the KMS key to which the key policy is
/// attached"). parliament takes every document for one that is attached to an identity.
const KEY_ITSELF: (&str, &str) = ("RESOURCE_STAR", "");

/// The condition is `StringEqualsIfExists`: what carries no ACL passes, and a `PutObject` that carries one has to carry the
/// one that AWS documents (CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail"). Apart the statements would be
/// larger, and this is the form for estates that are too large for that.
const NO_ACL: &str = "UNKNOWN_CONDITION_FOR_ACTION";

/// Such a statement is not sent as a document: Lambda makes it of an `AddPermission`, whose `StatementId` may have hyphens
/// (AWS Lambda API Reference, `AddPermission`: `([a-zA-Z0-9-_]+)`).
const NAMED_BY_LAMBDA: (&str, &str) = ("INVALID_SID", "");

const fn argued(documents: &'static str, sid: &'static str, why: (&'static str, &'static str)) -> Argued {
    Argued { documents, sid, issue: why.0, detail: why.1 }
}

const ARGUED: &[Argued] = &[
    argued("kms.key/baseline-logs", "BaselineKeyOwner", KEY_ITSELF),
    argued("kms.key/baseline-logs", "BaselineLogArchiveRead", KEY_ITSELF),
    argued("kms.key/baseline-logs", "BaselineCloudTrailEncrypt", KEY_ITSELF),
    argued("kms.key/baseline-logs", "BaselineCloudTrailUse", KEY_ITSELF),
    argued("kms.key/baseline-logs", "BaselineLogs", KEY_ITSELF),
    argued("kms.key/baseline-logs", "BaselineConfig", KEY_ITSELF),
    argued("kms.key/baseline-logs", "BaselineGuardDuty", KEY_ITSELF),
    argued("kms.key/baseline-alerts", "BaselineKeyOwner", KEY_ITSELF),
    argued("kms.key/baseline-alerts", "BaselineEventsEncrypt", KEY_ITSELF),
    argued("s3.bucket/", "BaselineLogs", (NO_ACL, "s3:x-amz-acl for action s3:GetBucketAcl")),
    argued("s3.bucket/", "BaselineLogs", (NO_ACL, "s3:x-amz-acl for action s3:GetBucketLocation")),
    argued("s3.bucket/", "BaselineLogs", (NO_ACL, "s3:x-amz-acl for action s3:ListBucket")),
    argued("lambda.permission/", "BaselineTopic-ap-east-1", NAMED_BY_LAMBDA),
    argued("lambda.permission/", "BaselineTopic-eu-west-1", NAMED_BY_LAMBDA),
    argued("lambda.permission/", "BaselineTopic-us-east-1", NAMED_BY_LAMBDA),
];

const BASELINE: &str = r#"
name = "test"
[log_key]
[log_bucket]
[cloudtrail]
[config]
[guardduty]
[events]
forward = [{ preset = "guardduty-findings" }]
[notify]
key_alias = "baseline-alerts"
subscription = [
    { protocol = "sqs", endpoint = "arn:aws:sqs:eu-west-1:333333333333:alerts" },
    { protocol = "lambda", endpoint = "arn:aws:lambda:eu-west-1:333333333333:function:chat" },
    { protocol = "sqs", endpoint = "arn:aws:sqs:eu-west-1:888888888888:of-an-account-outside" },
]
"#;

/// Where the security account receives: Regions that are enabled by default, and one that is not.
const HUB: [&str; 3] = ["ap-east-1", "eu-west-1", "us-east-1"];

/// What the names of the documents begin with: each kind that has one, and both keys.
const POLICIES: [&str; 8] = [
    "eventbridge.bus/default ",
    "iam.role/baseline-event-forwarding trust ",
    "kms.key/baseline-alerts ",
    "kms.key/baseline-logs ",
    "lambda.permission/chat ",
    "s3.bucket/baseline-logs-222222222222-eu-west-1 ",
    "sns.topic/baseline-alerts ",
    "sqs.queue_policy/alerts ",
];

/// Numbers of project accounts for which the shared policies take all of their forms.
const SIZES: [usize; 8] = [2, 100, 200, 300, 450, 600, 900, 1200];

/// An estate of so many project accounts.
struct Estate {
    loaded: Loaded,
    shared: Shared,
}

impl Estate {
    fn new(projects: usize, archive: bool) -> Self {
        let mut profiles = String::from(
            "jump = { account = '111111111111' }\n\
             security = { account = '222222222222', role = 'Security', home_region = 'eu-west-1' }\n\
             defaults = { role = 'Execution' }\n",
        );
        if archive {
            profiles.push_str("log_archive = { account = '999999999999', role = 'Archive' }\n");
        }
        for n in 0..projects {
            writeln!(profiles, "[[account]]\nid = '{:012}'", 333_333_333_333_u64 + n as u64).unwrap();
        }
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let loaded = load(&source("profiles.toml", &profiles), Some(&source("baseline.toml", BASELINE)))
            .unwrap_or_else(|problems| panic!("{:?}", problems.list));
        let hub: Vec<Region> = HUB.iter().map(|name| name.parse().unwrap()).collect();
        let regions: BTreeMap<AccountId, Vec<Region>> =
            loaded.profiles.baselined().map(|account| (account.id, hub.clone())).collect();
        Estate { loaded, shared: Shared { hub, regions, ..Shared::default() } }
    }

    fn declared(&self) -> Declared<'_> {
        let Loaded { profiles, baseline, .. } = &self.loaded;
        Declared { profiles, baseline: baseline.as_ref().unwrap(), shared: &self.shared }
    }

    /// The documents of the accounts that hold what others need, and of one project, by `KIND/NAME` and what part of it;
    /// of those that differ by nothing but their Region, one.
    fn documents(&self) -> BTreeMap<String, String> {
        let declared = self.declared();
        let mut documents = BTreeMap::new();
        for id in ["222222222222", "333333333333", "999999999999"] {
            let Some(account) = declared.profiles.account(id.parse().unwrap()) else { continue };
            let place = Place { account, regions: &self.shared.hub };
            for desired in Service::ALL.iter().flat_map(|service| service.desire(&declared, &place)) {
                let name = format!("{}/{}", desired.address.kind, desired.address.name);
                // Every kind, so that a new one has to say whether it has a policy.
                let policies = match desired.spec {
                    Spec::KmsKey(key) => vec![(name, key.policy.document.to_json())],
                    Spec::S3Bucket(bucket) => vec![(name, bucket.policy.document.to_json())],
                    Spec::EventbridgeBus(bus) => vec![(name, bus.policy.document.to_json())],
                    Spec::SnsTopic(topic) => vec![(name, topic.policy.document.to_json())],
                    Spec::SqsQueuePolicy(queue) => vec![(name, queue.policy.document.to_json())],
                    Spec::LambdaPermission(function) => vec![(name, function.policy.document.to_json())],
                    Spec::IamRole(role) => {
                        let trust = (format!("{name} trust"), on_the_role_itself(&role.trust.to_json()));
                        let inline = role.inline_policies.iter();
                        let inline = inline.map(|(policy, held)| (format!("{name} {policy}"), held.to_json()));
                        inline.chain([trust]).collect()
                    }
                    Spec::IamServiceLinkedRole(_)
                    | Spec::CloudtrailTrail(_)
                    | Spec::GuarddutyDetector(_)
                    | Spec::GuarddutyPublishingDestination(_)
                    | Spec::GuarddutyMembers(_)
                    | Spec::GuarddutyMembership(_)
                    | Spec::ConfigRecorder(_)
                    | Spec::ConfigDeliveryChannel(_)
                    | Spec::ConfigRecording(_)
                    | Spec::ConfigRule(_)
                    | Spec::ConfigAuthorization(_)
                    | Spec::ConfigAggregator(_)
                    | Spec::SnsSubscription(_)
                    | Spec::EventbridgeRule(_) => Vec::new(),
                };
                documents.extend(policies);
            }
        }
        documents
    }
}

/// A trust policy with what goes without saying in one, its role, as the resource: parliament takes no statement without
/// (parliament, statement.py: "trust policies … don't have Resource elements, so that would break other things").
fn on_the_role_itself(trust: &str) -> String {
    let mut trust: Value = serde_json::from_str(trust).unwrap();
    let statements = match &mut trust["Statement"] {
        Value::Array(statements) => statements.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for statement in statements {
        assert_eq!(statement.get("Resource"), None);
        statement["Resource"] = json!("arn:aws:iam::333333333333:role/the-role-itself");
    }
    trust.to_string()
}

/// The documents of estates of all sizes by name, each once.
fn documents(estates: &[(String, Estate)]) -> BTreeMap<String, Value> {
    let mut seen = BTreeSet::new();
    let mut documents = BTreeMap::new();
    for (size, estate) in estates {
        for (name, text) in estate.documents() {
            if seen.insert(text.clone()) {
                documents.insert(format!("{name} ({size})"), serde_json::from_str(&text).unwrap());
            }
        }
    }
    documents
}

fn lint(documents: &BTreeMap<String, Value>) -> Vec<Value> {
    let mut process = Command::new(Venv::get().program("python"))
        .arg(file("tests/parliament/lint.py"))
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(serde_json::to_string(documents).unwrap().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

impl Argued {
    fn is_of(&self, finding: &Value) -> bool {
        finding["document"].as_str().is_some_and(|document| document.starts_with(self.documents))
            && finding["sid"] == self.sid
            && finding["issue"] == self.issue
            && finding["detail"].to_string().contains(self.detail)
    }
}

/// The forms that the policies of these estates take besides their tightest, by policy: each, and of how many.
fn forms(estates: &[(String, Estate)]) -> BTreeMap<String, (BTreeSet<usize>, usize)> {
    let mut forms: BTreeMap<String, (BTreeSet<usize>, usize)> = BTreeMap::new();
    for note in estates.iter().flat_map(|(_, estate)| policy_notes(&estate.declared())) {
        // The POLICY takes form N of M, …
        let Some((policy, rest)) = note.text.split_once(" takes form ") else { continue };
        let mut words = rest.split([' ', ',']);
        let (form, of) = (words.next().unwrap().parse().unwrap(), words.nth(1).unwrap().parse().unwrap());
        let seen = forms.entry(policy.trim_start_matches("the ").to_owned()).or_insert((BTreeSet::new(), of));
        seen.0.insert(form);
    }
    forms
}

#[test]
fn parliament_finds_nothing_that_is_not_argued() {
    let mut estates = vec![("archive".to_owned(), Estate::new(2, true))];
    estates.extend(SIZES.map(|projects| (format!("{projects} projects"), Estate::new(projects, false))));
    let forms = forms(&estates);
    // The bus policy has one form, which fits any number of accounts that these estates have.
    assert_eq!(forms.keys().collect::<Vec<_>>(), ["bucket policy", "key policy"]);
    for (policy, (seen, of)) in forms {
        assert_eq!(seen, (2..=of).collect(), "the forms of the {policy}");
    }
    let documents = documents(&estates);
    for kind in POLICIES {
        assert!(documents.keys().any(|name| name.starts_with(kind)), "no {kind} among {:#?}", documents.keys());
    }
    let findings = lint(&documents);
    let open: Vec<&Value> =
        findings.iter().filter(|finding| !ARGUED.iter().any(|argued| argued.is_of(finding))).collect();
    assert!(open.is_empty(), "{open:#?}");
    for argued in ARGUED {
        assert!(
            findings.iter().any(|finding| argued.is_of(finding)),
            "parliament no longer says {} of {} {}",
            argued.issue,
            argued.documents,
            argued.sid
        );
    }
}

#[test]
fn parliament_is_asked_and_finds_what_is_wrong() {
    let statement = json!({"Sid": "Wrong", "Effect": "Allow", "Action": "s3:GetEverything", "Resource": "*"});
    let wrong = json!({"Version": "2012-10-17", "Statement": [statement]});
    let findings = lint(&BTreeMap::from([("wrong".to_owned(), wrong)]));
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!((&finding["sid"], &finding["issue"]), (&json!("Wrong"), &json!("UNKNOWN_ACTION")));
}
