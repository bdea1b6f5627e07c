//! The writes of every kind, through a faked wire: what is sent for each field that differs, and that a session that
//! may only read sends none of it.

pub(crate) mod cloud;
mod cloudtrail;
mod config;
mod detectors;
mod document;
mod errors;
mod eventbridge;
mod fence;
mod guardduty;
mod hostile;
mod iam;
mod kms;
mod lambda;
mod limits;
mod lost;
mod objects;
mod publish;
mod quota;
mod record;
mod regions;
mod retries;
mod s3;
mod script;
mod sessions;
mod sns;
mod sqs;
mod wire;

use std::collections::BTreeSet;
use std::sync::Mutex;

use self::wire::Wire;
use super::clients::{Access, Session};
use crate::config::{Source, load};
use crate::model::{AccountId, Address, Arn, Fault, OpError, Region, Target};
use crate::policy::{Policy, Statement};
use crate::services::adapter::Order;
use crate::services::{Declared, Place, Reference, Service, Shared, SharedPolicy, Spec};

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

const KEY: &str = "arn:aws:kms:ap-northeast-1:222222222222:key/1";
const OTHER_KEY: &str = "arn:aws:kms:ap-northeast-1:222222222222:key/2";

/// What the tests need besides the shipped baseline.
const MORE: &str = "[config]\n[[config.rule]]\nidentifier = 'CLOUD_TRAIL_ENABLED'\n[config.aggregator]\n[events]\n";

/// One resource of each kind that is wanted of the security account or of a project account in one Region, with its
/// references resolved.
fn declared_specs() -> Vec<(Address, Spec)> {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let profiles = source("profiles.toml", include_str!("../../../profiles.example.toml"));
    let text =
        include_str!("../../../baselines/minimal.toml").replace("# retention_days = 400", "retention_days = 400");
    let text = guardduty::declare(&text) + MORE + sns::NOTIFY;
    let loaded = load(&profiles, Some(&source("baseline.toml", &text))).unwrap();
    let baseline = loaded.baseline.unwrap();
    let shared = Shared { hub: vec!["us-east-1".parse().unwrap()], ..Shared::default() };
    let declared = Declared { profiles: &loaded.profiles, baseline: &baseline, shared: &shared };
    let regions: [Region; 1] = ["us-east-1".parse().unwrap()];
    let places = ["222222222222", "333333333333"]
        .map(|id| Place { account: loaded.profiles.account(account(id)).unwrap(), regions: &regions });
    let mut kinds = BTreeSet::new();
    let desired = places
        .iter()
        .flat_map(|place| Service::ALL.iter().flat_map(|service| service.desire(&declared, place)))
        .filter(|desired| kinds.insert(desired.address.kind));
    desired
        .map(|desired| {
            let mut spec = desired.spec;
            for reference in spec.references() {
                *reference = Reference::Is(KEY.parse().unwrap());
            }
            (desired.address, spec)
        })
        .collect()
}

/// A resource that differs from the declared one in one way, and what that way takes.
struct Case {
    what: &'static str,
    seen: Option<Spec>,
    sends: &'static [&'static str],
}

fn other_policy() -> SharedPolicy {
    let foreign = Statement::allow("Somebody", ["s3:GetObject"]).for_services(["example.amazonaws.com"]).on(["*"]);
    SharedPolicy::seen(Policy::new(vec![foreign]))
}

fn all_specs() -> impl Iterator<Item = (Address, Spec)> {
    let apart = |(address, _): &(Address, Spec)| address.kind.service() != Service::Eventbridge;
    declared_specs().into_iter().filter(apart).chain(eventbridge::specs())
}

fn cases() -> Vec<(Address, Spec, Case)> {
    let mut all = Vec::new();
    for (address, spec) in all_specs() {
        let cases = match &spec {
            Spec::KmsKey(key) => kms::cases(key),
            Spec::S3Bucket(bucket) => s3::cases(bucket),
            Spec::CloudtrailTrail(trail) => cloudtrail::cases(trail),
            Spec::IamServiceLinkedRole(role) => iam::linked_cases(role),
            Spec::IamRole(role) => iam::cases(role),
            Spec::ConfigRecorder(recorder) => config::recorder(recorder),
            Spec::ConfigDeliveryChannel(channel) => config::channel(channel),
            Spec::ConfigRecording(recording) => config::recording(recording),
            Spec::ConfigRule(rule) => config::rule(rule),
            Spec::ConfigAuthorization(authorization) => config::authorization(authorization),
            Spec::ConfigAggregator(aggregator) => config::aggregator(aggregator),
            Spec::LambdaPermission(permission) => lambda::cases(permission),
            Spec::SqsQueuePolicy(policy) => sqs::cases(policy),
            Spec::SnsTopic(topic) => sns::topic_cases(topic),
            Spec::SnsSubscription(subscription) => sns::subscription_cases(subscription),
            Spec::GuarddutyDetector(detector) => guardduty::detectors(detector),
            Spec::GuarddutyPublishingDestination(destination) => guardduty::destinations(destination),
            Spec::EventbridgeBus(bus) => eventbridge::bus_cases(bus),
            Spec::EventbridgeRule(rule) => eventbridge::rule_cases(rule),
            _ => Vec::new(),
        };
        all.extend(cases.into_iter().map(|case| (address.clone(), spec.clone(), case)));
    }
    all
}

const ROLE_CREATED: &str = "<CreateRoleResponse><CreateRoleResult><Role><Path>/baseline/</Path>\
    <RoleName>r</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::333333333333:role/baseline/r</Arn>\
    <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></CreateRoleResult></CreateRoleResponse>";
const LINKED_ROLE_CREATED: &str = "<CreateServiceLinkedRoleResponse><CreateServiceLinkedRoleResult><Role>\
    <Path>/aws-service-role/config.amazonaws.com/</Path><RoleName>r</RoleName><RoleId>AROAEXAMPLE</RoleId>\
    <Arn>arn:aws:iam::222222222222:role/aws-service-role/config.amazonaws.com/r</Arn>\
    <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></CreateServiceLinkedRoleResult>\
    </CreateServiceLinkedRoleResponse>";

/// What a write is answered; creations are asked for their ARN.
fn taken(asked: &str) -> (u16, &'static str) {
    if let Some(answer) = guardduty::answer(asked) {
        return answer;
    }
    match asked {
        "CreateKey" => {
            (200, r#"{"KeyMetadata": {"KeyId": "1", "Arn": "arn:aws:kms:ap-northeast-1:222222222222:key/1"}}"#)
        }
        "CreateTrail" => (200, r#"{"TrailARN": "arn:aws:cloudtrail:us-east-1:222222222222:trail/baseline"}"#),
        "GetKeyPolicy" => (
            200,
            concat!(
                r#"{"Policy": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"Somebody\", "#,
                r#"\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"example.amazonaws.com\"}, "#,
                r#"\"Action\": \"s3:GetObject\", \"Resource\": \"*\"}}"}"#,
            ),
        ),
        "GET policy" => (
            200,
            r#"{"Version": "2012-10-17", "Statement": {"Sid": "Somebody", "Effect": "Allow",
                "Principal": {"Service": "example.amazonaws.com"}, "Action": "s3:GetObject", "Resource": "*"}}"#,
        ),
        "CreateRole" => (200, ROLE_CREATED),
        "CreateServiceLinkedRole" => (200, LINKED_ROLE_CREATED),
        "DescribeConfigRules" => (
            200,
            r#"{"ConfigRules": [{"Source": {"Owner": "AWS"},
                "ConfigRuleArn": "arn:aws:config:us-east-1:222222222222:config-rule/config-rule-1"}]}"#,
        ),
        "PutAggregationAuthorization" => (
            200,
            r#"{"AggregationAuthorization": {"AggregationAuthorizationArn":
                "arn:aws:config:us-east-1:333333333333:aggregation-authorization/222222222222/ap-northeast-1"}}"#,
        ),
        "PutConfigurationAggregator" => (
            200,
            r#"{"ConfigurationAggregator": {"ConfigurationAggregatorArn":
                "arn:aws:config:ap-northeast-1:222222222222:config-aggregator/config-aggregator-1"}}"#,
        ),
        "CreateTopic" => (200, sns::CREATED),
        "Subscribe" => (200, sns::SUBSCRIBED),
        "GetTopicAttributes" => (200, sns::ATTRIBUTES),
        "GetQueueUrl" => (200, r#"{"QueueUrl": "https://sqs.us-east-1.amazonaws.com/222222222222/alerts"}"#),
        "GetQueueAttributes" => (200, sqs::ATTRIBUTES),
        "DescribeEventBus" => (
            200,
            concat!(
                r#"{"Name": "security", "Policy": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"Somebody\", "#,
                r#"\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"example.amazonaws.com\"}, "#,
                r#"\"Action\": \"s3:GetObject\", \"Resource\": \"*\"}}"}"#,
            ),
        ),
        "PutRule" => (200, r#"{"RuleArn": "arn:aws:events:us-east-1:222222222222:rule/baseline-root-login"}"#),
        "GET encryption" => (
            200,
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256\
             </SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
        ),
        "GET lifecycle" => (404, "<Error><Code>NoSuchLifecycleConfiguration</Code><Message>none</Message></Error>"),
        asked if asked.starts_with("PUT") => (200, ""),
        _ => (200, "{}"),
    }
}

async fn apply(session: &Session, address: &Address, spec: &Spec, case: &Case) -> Result<Arn, OpError> {
    let arn: Arn = match spec {
        Spec::KmsKey(_) => KEY.parse().unwrap(),
        Spec::S3Bucket(_) => format!("arn:aws:s3:::{}", address.name).parse().unwrap(),
        Spec::CloudtrailTrail(_) => "arn:aws:cloudtrail:us-east-1:222222222222:trail/baseline".parse().unwrap(),
        Spec::GuarddutyDetector(_) => guardduty::DETECTOR.parse().unwrap(),
        Spec::GuarddutyPublishingDestination(_) => guardduty::DESTINATION.parse().unwrap(),
        _ => KEY.parse().unwrap(),
    };
    // In the account that the answers are of.
    let id = match spec {
        Spec::IamRole(_) | Spec::ConfigAuthorization(_) => "333333333333",
        _ => "222222222222",
    };
    let arn: Arn = arn.to_string().replace("222222222222", id).parse().unwrap();
    let address = &Address { target: Target::new(account(id), address.target.region.clone()), ..address.clone() };
    let order = Order { session, address, arn: case.seen.as_ref().map(|_| &arn) };
    spec.apply(case.seen.as_ref(), &order).await
}

/// Drops what a request says besides the operation: the SDK's own marks.
fn operations(sent: Vec<String>) -> Vec<String> {
    sent.into_iter()
        .map(|asked| {
            let asked = asked.replace("x-id=CreateBucket", "").replace("x-id=PutObject", "object");
            asked.split(['&', '=']).next().unwrap_or_default().to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_that_differs_takes_its_own_write_and_no_other() {
    let runs = cases().into_iter().map(|(address, spec, case)| async move {
        let wire = Wire::new(taken);
        let session = wire.session(Access::Write);
        let applied = apply(&session, &address, &spec, &case).await;
        assert!(applied.is_ok(), "{address}, {}: {applied:?}", case.what);
        assert_eq!(operations(wire.sent()), case.sends, "{address}, {}", case.what);
    });
    futures::future::join_all(runs).await;
}

#[tokio::test]
async fn a_session_that_may_only_read_sends_no_write_of_any_kind() {
    for (address, spec, case) in cases().into_iter().filter(|(_, _, case)| !case.sends.is_empty()) {
        let wire = Wire::new(taken);
        let session = wire.session(Access::Read);
        let error = apply(&session, &address, &spec, &case).await.unwrap_err();
        assert_eq!(error.fault, Fault::Refused, "{address}, {}: {error}", case.what);
        assert!(error.message.contains("may only read"), "{error}");
        let sent = wire.sent();
        let reads = |asked: &String| ["GET", "Get", "Describe"].iter().any(|verb| asked.starts_with(verb));
        assert!(sent.iter().all(reads), "{address}, {}: {sent:?}", case.what);
        assert_eq!(session.aws.ledger().mutating(), 0);
    }
}

#[tokio::test]
async fn a_session_that_may_write_sends_nothing_that_no_service_lists() {
    let region: Region = "us-east-1".parse().unwrap();
    let wire = Wire::new(taken);
    let session = wire.session(Access::Write);
    let stop = || super::send!(aws_sdk_cloudtrail, region, session.cloudtrail().stop_logging().name("baseline"));
    let error = session.call(&region, "cloudtrail", "StopLogging").run(stop).await.unwrap_err();
    assert_eq!(error.fault, Fault::Refused);
    assert!(error.message.contains("cloudtrail:StopLogging is neither on the list of reads"), "{error}");
    // Whatever the caller says it is.
    let delete = || super::send!(aws_sdk_s3, region, session.s3().delete_bucket().bucket("logs"));
    let error = session.call(&region, "s3", "PutBucketPolicy").run(delete).await.unwrap_err();
    assert!(error.message.contains("s3:DeleteBucket is neither"), "{error}");
    assert_eq!(wire.sent(), [""; 0]);
}

#[tokio::test]
async fn a_policy_that_somebody_changed_since_it_was_planned_is_not_overwritten() {
    let mut tried = 0;
    for (address, spec, case) in cases().into_iter().filter(|(_, _, case)| case.what == "another policy") {
        tried += 1;
        // Another one than was seen, and none where AWS always answers one: that is no answer.
        for (changed, topic, says) in [
            (
                r#"{"Policy": "{\"Version\": \"2012-10-17\", \"Statement\": []}", "Version": "2012-10-17",
                    "Statement": [], "Name": "security", "QueueUrl": "https://sqs.us-east-1.amazonaws.com/2/a",
                    "Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:2:a"}}"#,
                sns::EMPTY_POLICY,
                ["changed by somebody"; 3],
            ),
            ("{}", sns::NO_POLICY, ["changed by somebody", "which this answer always has", "lacks the topic's policy"]),
        ] {
            static ANSWERS: Mutex<(&'static str, &'static str)> = Mutex::new(("", ""));
            *ANSWERS.lock().unwrap() = (changed, topic);
            let wire = Wire::new(|asked| match asked {
                "GetTopicAttributes" => (200, ANSWERS.lock().unwrap().1),
                _ => (200, ANSWERS.lock().unwrap().0),
            });
            let session = wire.session(Access::Write);
            let error = apply(&session, &address, &spec, &case).await.unwrap_err();
            assert!(says.iter().any(|text| error.message.contains(text)), "{address}: {error}");
            assert_eq!(session.aws.ledger().mutating(), 0, "{:?}", wire.sent());
        }
    }
    assert_eq!(tried, 5);
    assert_eq!(tried, 5);
}

#[tokio::test]
async fn deleting_sends_the_deletion_of_what_may_be_deleted_and_nothing_else() {
    for (address, spec) in all_specs() {
        let wire = Wire::new(taken);
        let session = wire.session(Access::Write);
        let arn: Arn = "arn:aws:cloudtrail:us-east-1:222222222222:trail/baseline".parse().unwrap();
        let order = Order { session: &session, address: &address, arn: Some(&arn) };
        let deleted = spec.delete(&order).await;
        let sends: &[&str] = match spec {
            Spec::CloudtrailTrail(_) => &["DeleteTrail"],
            Spec::IamRole(_) => &["DeleteRolePolicy", "DeleteRole"],
            Spec::ConfigRule(_) => &["DeleteConfigRule"],
            Spec::ConfigAuthorization(_) => &["DeleteAggregationAuthorization"],
            Spec::ConfigAggregator(_) => &["DeleteConfigurationAggregator"],
            Spec::LambdaPermission(_) => &["DELETE policy"],
            Spec::EventbridgeRule(_) => &["RemoveTargets", "DeleteRule"],
            Spec::SnsSubscription(subscription) if !subscription.pending.0 => &["Unsubscribe"],
            _ => &[],
        };
        assert_eq!(wire.sent(), sends, "{address}");
        match sends {
            [] => assert_eq!(deleted.unwrap_err().fault, Fault::Refused, "{address}"),
            _ => deleted.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_throttled_call_is_tried_again_and_a_quota_is_not() {
    static CALLS: Mutex<u32> = Mutex::new(0);
    fn throttled_twice(_: &str) -> (u16, &'static str) {
        let mut calls = CALLS.lock().unwrap();
        *calls += 1;
        if *calls <= 2 { (400, r#"{"__type": "ThrottlingException"}"#) } else { (200, r#"{"trailList": []}"#) }
    }
    let region: Region = "us-east-1".parse().unwrap();
    let wire = Wire::new(throttled_twice);
    let session = wire.session(Access::Read);
    let describe = || super::send!(aws_sdk_cloudtrail, region, session.cloudtrail().describe_trails());
    session.call(&region, "cloudtrail", "DescribeTrails").run(describe).await.unwrap();
    assert_eq!(wire.sent().len(), 3);
    assert_eq!(session.aws.ledger().of("cloudtrail", "DescribeTrails"), 3);

    let wire = Wire::new(|_| (400, r#"{"__type": "LimitExceededException", "message": "too many"}"#));
    let session = wire.session(Access::Read);
    let describe = || super::send!(aws_sdk_cloudtrail, region, session.cloudtrail().describe_trails());
    let error = session.call(&region, "cloudtrail", "DescribeTrails").run(describe).await.unwrap_err();
    assert_eq!((error.fault, error.attempts), (Fault::Quota, 1));
    assert_eq!(wire.sent().len(), 1);
}

#[test]
fn every_operation_on_a_read_list_reads_by_its_name() {
    for service in Service::ALL {
        for operation in service.reads() {
            let reads = ["Get", "List", "Describe", "Head"].iter().any(|verb| operation.starts_with(verb));
            assert!(reads, "{service}:{operation}");
        }
    }
}
