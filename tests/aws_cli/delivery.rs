//! What happens in any account and Region reaches the queue behind SNS: set up with `baselines/standard.toml` by the
//! program as a process, raised by the simulated services, read with the AWS CLI.

use serde_json::{Value, json};

use super::{Estate, Keys};
use crate::support::estate::request;
use crate::support::{baseline_path, file, stderr, stdout};

/// One jump, one security, five project accounts; each has enabled other Regions.
const PROFILES: &str = r#"
[jump]
account = "111111111111"

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "to-security"
home_region = "eu-west-1"

[defaults]
role = "BaselineExecution"
external_id = "to-projects"
regions = { include = ["eu-west-1", "us-east-1"] }

# It owns a queue and a function, and so subscribes them in every Region.
[[account]]
id = "333333333333"
name = "on-call"
regions = { include = ["ap-east-1", "ap-northeast-1", "eu-central-1", "eu-west-1", "us-east-1"] }

[[account]]
id = "444444444444"
name = "payments"
regions = { include = ["ap-northeast-1", "us-east-1"] }

[[account]]
id = "555555555555"
name = "hongkong"
regions = { include = ["ap-east-1", "us-east-1"] }

[[account]]
id = "666666666666"
name = "ledger"
regions = { include = ["eu-central-1", "us-east-1"] }

[[account]]
id = "777777777777"
name = "lab"
regions = { list = ["eu-west-1", "us-east-1"] }
"#;

/// An account that is there, and that the profiles file of `baseline` does not name.
const STRANGER: &str = r#"
[[account]]
id = "888888888888"
name = "stranger"
"#;

const OPT_INS: [&str; 6] =
    ["--opt-in", "222222222222=ap-east-1", "--opt-in", "333333333333=ap-east-1", "--opt-in", "555555555555=ap-east-1"];

/// Who is told: with SNS's envelope, without it, and a function.
const SUBSCRIPTIONS: &str = r#"
[[notify.subscription]]
protocol = "sqs"
endpoint = "arn:aws:sqs:eu-west-1:222222222222:alerts"

[[notify.subscription]]
protocol = "sqs"
endpoint = "arn:aws:sqs:us-east-1:333333333333:on-call"
raw_message_delivery = true

[[notify.subscription]]
protocol = "lambda"
endpoint = "arn:aws:lambda:eu-central-1:333333333333:function:chat"
"#;

/// The shipped baseline, with subscriptions, and findings as they are instead of a line about them.
fn baseline() -> String {
    let shipped = std::fs::read_to_string(file("baselines/standard.toml")).unwrap();
    let findings = "preset = \"guardduty-findings\"\n";
    assert_eq!(shipped.matches(findings).count(), 1);
    shipped.replace(findings, &format!("{findings}raw = true\n")) + SUBSCRIPTIONS
}

impl Estate {
    /// The estate with its stranger, and a directory whose profiles file does not know the stranger.
    fn with_a_stranger() -> Estate {
        let estate = Estate::of(&format!("{PROFILES}{STRANGER}"), &OPT_INS);
        std::fs::write(estate.directory.path().join("profiles.toml"), PROFILES).unwrap();
        std::fs::write(estate.directory.path().join("baseline.toml"), baseline()).unwrap();
        estate
    }

    fn in_project(&self, security: &Keys, account: &str) -> Keys {
        self.assume(Some(security), &format!("arn:aws:iam::{account}:role/BaselineExecution"), "to-projects")
    }

    /// `baseline` in a process of its own, which has to succeed; what it printed.
    fn baseline(&self, arguments: &[&str]) -> String {
        let output = self.shell(baseline_path()).args(arguments).env("NO_COLOR", "1").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}:\n{}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    fn endpoint(&self) -> &str {
        let (_, rest) = self.announcement.split_once(" at ").unwrap();
        rest.split_once(' ').unwrap().0
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = request(self.endpoint(), method, path, &[], body);
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    fn raise(&self, account: &str, region: &str, mut what: Value) -> Value {
        what["account"] = json!(account);
        what["region"] = json!(region);
        self.control("POST", "/_sandbox/raise", &what.to_string())
    }

    /// A call of SQS. Version 1 of the AWS CLI knows endpoints of its own for it, whatever `AWS_ENDPOINT_URL` says.
    fn sqs(&self, keys: &Keys, region: &str, arguments: &[&str]) -> Value {
        let there = ["--region", region, "--endpoint-url", self.endpoint()];
        self.answer(Some(keys), &[&["sqs"], arguments, &there].concat())
    }

    /// A queue that hides what was received for longer than a test takes; its URL.
    fn create_queue(&self, keys: &Keys, region: &str, name: &str) -> String {
        let create = ["create-queue", "--queue-name", name, "--attributes", "VisibilityTimeout=3600"];
        let answer = self.sqs(keys, region, &create);
        answer["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// The bodies of what is in a queue, ten at most.
    fn received(&self, keys: &Keys, region: &str, queue: &str) -> Vec<String> {
        let receive = ["receive-message", "--max-number-of-messages", "10", "--queue-url", queue];
        let answer = self.sqs(keys, region, &receive);
        let messages = answer["Messages"].as_array().into_iter().flatten();
        messages.map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
    }
}

/// The one message that tells of this.
#[track_caller]
fn only<'a>(messages: &'a [String], of: &[&str]) -> &'a str {
    let found: Vec<&String> = messages.iter().filter(|text| of.iter().all(|part| text.contains(part))).collect();
    assert_eq!(found.len(), 1, "{of:?} in {messages:#?}");
    found[0]
}

#[test]
fn events_of_any_declared_account_and_region_arrive_behind_sns_and_those_of_a_stranger_do_not() {
    let estate = Estate::with_a_stranger();
    let security = estate.security();
    let on_call = estate.in_project(&security, "333333333333");
    let alerts_queue = estate.create_queue(&security, "eu-west-1", "alerts");
    let on_call_queue = estate.create_queue(&on_call, "us-east-1", "on-call");
    let function =
        json!({ "do": "create-function", "account": "333333333333", "region": "eu-central-1", "name": "chat" });
    estate.control("POST", "/_sandbox/tamper", &function.to_string());

    estate.baseline(&["apply", "--yes"]);

    let change = estate.raise("444444444444", "ap-northeast-1", json!({ "event": "security-group" }));
    // An opt-in Region, to queues in Regions that are none.
    let finding = estate.raise("555555555555", "ap-east-1", json!({ "event": "guardduty-finding" }));
    let rule = "baseline-cloud-trail-enabled";
    let compliance = estate.raise(
        "666666666666",
        "eu-central-1",
        json!({ "event": "config-compliance", "detail": { "configRuleName": rule } }),
    );
    for outcome in [&change, &finding, &compliance] {
        assert_eq!(outcome["undelivered"], json!([]), "{outcome:#}");
        assert_eq!((&outcome["forwarded"], &outcome["deliveries"]), (&json!(1), &json!(3)), "{outcome:#}");
    }

    // Behind SNS with its envelope, in the security account: each from the topic of its Region.
    let envelopes = estate.received(&security, "eu-west-1", &alerts_queue);
    let mut alerts = Vec::new();
    let mut topics = Vec::new();
    for envelope in &envelopes {
        let envelope: Value = serde_json::from_str(envelope).unwrap();
        alerts.push(envelope["Message"].as_str().unwrap().to_owned());
        topics.push(envelope["TopicArn"].as_str().unwrap().to_owned());
    }
    topics.sort();
    let topic = |region: &str| format!("arn:aws:sns:{region}:222222222222:baseline-alerts");
    assert_eq!(topics, ["ap-east-1", "ap-northeast-1", "eu-central-1"].map(topic));
    // And without it, in another account and Region.
    let mut bare = estate.received(&on_call, "us-east-1", &on_call_queue);
    bare.sort();
    alerts.sort();
    assert_eq!(bare, alerts);
    assert_eq!(estate.control("GET", "/_sandbox/state", "")["functions"][0]["invocations"], 3);

    let line = only(&alerts, &["Security group change in 444444444444, ap-northeast-1, at "]);
    assert!(line.contains("AuthorizeSecurityGroupIngress of sg-0123456789abcdef0"), "{line}");
    assert!(line.contains("by arn:aws:iam::444444444444:user/alice from 198.51.100.7"), "{line}");
    let line = only(&alerts, &["Config rule ", "in 666666666666, eu-central-1, at "]);
    assert!(line.contains(rule) && line.contains("is NON_COMPLIANT, was COMPLIANT"), "{line}");

    // The finding is the whole event, as it was put on the bus of the account in which it happened.
    let event: Value = serde_json::from_str(only(&alerts, &["aws.guardduty"])).unwrap();
    assert_eq!(event["id"], finding["event_id"]);
    assert_eq!((&event["account"], &event["region"]), (&json!("555555555555"), &json!("ap-east-1")));
    assert_eq!((&event["source"], &event["detail-type"]), (&json!("aws.guardduty"), &json!("GuardDuty Finding")));
    let detail = &event["detail"];
    assert_eq!((&detail["accountId"], &detail["region"]), (&json!("555555555555"), &json!("ap-east-1")));
    assert_eq!((&event["time"], &detail["severity"]), (&detail["createdAt"], &json!(8)), "{event:#}");
    let arn = detail["arn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:guardduty:ap-east-1:555555555555:detector/"), "{arn}");

    nobody_can_pretend_to_be_a_service(&estate, &on_call);
    a_stranger_is_not_heard(&estate, &security);
    assert_eq!(estate.received(&security, "eu-west-1", &alerts_queue), [""; 0]);
    assert_eq!(estate.received(&on_call, "us-east-1", &on_call_queue), [""; 0]);

    other_peoples_software_sees_what_was_set_up(&estate, &security);
    let screen = estate.baseline(&["plan"]);
    assert!(screen.contains("Plan: nothing to change"), "{screen}");

    // An event that two presets select is forwarded once, and told of once.
    let opened = estate.raise("444444444444", "ap-northeast-1", json!({ "event": "security-group-open-to-world" }));
    assert_eq!((&opened["forwarded"], &opened["deliveries"]), (&json!(1), &json!(3)), "{opened:#}");
    let root = estate.raise("444444444444", "us-east-1", json!({ "event": "root-login" }));
    assert_eq!(root["forwarded"], 1, "{root:#}");
}

fn nobody_can_pretend_to_be_a_service(estate: &Estate, project: &Keys) {
    let entry = json!([{
        "Source": "aws.ec2", "DetailType": "AWS API Call via CloudTrail",
        "Detail": json!({ "eventSource": "ec2.amazonaws.com", "eventName": "DeleteSecurityGroup" }).to_string(),
    }]);
    let put = ["events", "put-events", "--region", "us-east-1", "--entries", &entry.to_string()];
    let answer = estate.answer(Some(project), &put);
    assert_eq!(answer["FailedEntryCount"], 1);
    assert_eq!(answer["Entries"][0]["ErrorCode"], "NotAuthorizedForSourceException");
}

/// Whoever is not declared does by hand what `baseline` does for the others, and still nobody hears of it.
fn a_stranger_is_not_heard(estate: &Estate, security: &Keys) {
    let stranger = estate.in_project(security, "888888888888");
    let theirs = |arguments: &[&str]| estate.answer(Some(&stranger), arguments);
    let bus = "arn:aws:events:us-east-1:222222222222:event-bus/default";
    // Where IAM is, too: behind an endpoint of one's own, the AWS CLI signs for it in whatever Region it is told.
    let there = ["--region", "us-east-1"];
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sts:AssumeRole" } ] });
    let role = ["--role-name", "send"];
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus } ] });
    let trust = trust.to_string();
    theirs(&[&["iam", "create-role"][..], &role, &["--assume-role-policy-document", &trust], &there].concat());
    let policy = policy.to_string();
    let put = ["--policy-name", "send", "--policy-document", &policy];
    theirs(&[&["iam", "put-role-policy"][..], &role, &put, &there].concat());
    let pattern = r#"{"source": ["aws.ec2"]}"#;
    theirs(&[&["events", "put-rule", "--name", "send", "--event-pattern", pattern][..], &there].concat());
    let targets = json!([{ "Id": "bus", "Arn": bus, "RoleArn": "arn:aws:iam::888888888888:role/send" }]).to_string();
    let put_targets = [&["events", "put-targets", "--rule", "send", "--targets", &targets][..], &there].concat();
    let said = estate.refusal(Some(&stranger), &put_targets, "AccessDeniedException");
    assert!(said.contains("no resource-based policy allows the events:PutEvents action"), "{said}");
    let change = json!({
        "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail",
        "detail": { "eventSource": "ec2.amazonaws.com", "eventName": "DeleteSecurityGroup" },
    });
    let raised = || {
        let outcome = estate.raise("888888888888", "us-east-1", change.clone());
        assert_eq!(outcome["deliveries"], 0, "{outcome:#}");
        outcome
    };
    let outcome = raised();
    assert_eq!((&outcome["matched"], &outcome["forwarded"]), (&json!(1), &json!(0)), "{outcome:#}");

    // While somebody in the security account lets them in, their events reach the bus, and no rule there tells of them.
    let keeper = |arguments: &[&str]| estate.answer(Some(security), &[arguments, &there].concat());
    let admit = ["events", "put-permission", "--statement-id", "stranger", "--action", "events:PutEvents"];
    keeper(&[&admit[..], &["--principal", "888888888888"]].concat());
    assert_eq!(theirs(&put_targets)["FailedEntryCount"], 0);
    let outcome = raised();
    assert_eq!((&outcome["matched"], &outcome["forwarded"]), (&json!(1), &json!(1)), "{outcome:#}");

    // And afterwards the bus refuses what their rule still sends.
    keeper(&["events", "remove-permission", "--statement-id", "stranger"]);
    let outcome = raised();
    assert_eq!(outcome["forwarded"], 0, "{outcome:#}");
    let why = outcome["undelivered"][0].as_str().unwrap();
    assert!(why.contains(&format!("the policy of {bus} does not admit account 888888888888")), "{why}");
}

fn other_peoples_software_sees_what_was_set_up(estate: &Estate, security: &Keys) {
    let hongkong = estate.in_project(security, "555555555555");
    let there = ["--region", "ap-east-1"];
    let describe = ["configservice", "describe-configuration-recorders", "--region"];
    // Exactly one Region records what is global.
    for (region, global) in [("ap-east-1", false), ("us-east-1", true)] {
        let answer = estate.answer(Some(&hongkong), &[&describe[..], &[region]].concat());
        let recorders = answer["ConfigurationRecorders"].as_array().unwrap();
        assert_eq!(recorders.len(), 1, "{recorders:#?}");
        let role = "arn:aws:iam::555555555555:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
        assert_eq!(recorders[0]["roleARN"], role);
        let group = &recorders[0]["recordingGroup"];
        assert_eq!(
            (&group["allSupported"], &group["includeGlobalResourceTypes"]),
            (&json!(true), &json!(global)),
            "{group:#}"
        );
    }
    let detectors = estate.answer(Some(&hongkong), &[&["guardduty", "list-detectors"][..], &there].concat());
    assert_eq!(detectors["DetectorIds"].as_array().unwrap().len(), 1, "{detectors:#}");

    let bus = estate.answer(Some(security), &[&["events", "describe-event-bus"][..], &there].concat());
    let policy: Value = serde_json::from_str(bus["Policy"].as_str().unwrap()).unwrap();
    let declared = ["111111111111", "333333333333", "444444444444", "555555555555", "666666666666", "777777777777"];
    assert_eq!(
        policy["Statement"],
        json!([{
            "Sid": "BaselineForward", "Effect": "Allow", "Principal": "*",
            "Condition": { "StringEquals": { "aws:PrincipalAccount": declared } }, "Action": "events:PutEvents", "Resource": "arn:aws:events:ap-east-1:222222222222:event-bus/default",
        }])
    );

    let role = ["iam", "get-role", "--role-name", "baseline-event-forwarding", "--region", "us-east-1"];
    let role = &estate.answer(Some(&hongkong), &role)["Role"];
    let trust = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Principal"], json!({ "Service": "events.amazonaws.com" }));
    // No document of AWS's says that EventBridge names the account when it assumes a role.
    assert!(trust["Condition"].is_null(), "{trust:#}");
    assert!(role["Tags"].as_array().unwrap().contains(&json!({ "Key": "ManagedBy", "Value": "baseline" })), "{role:#}");

    let topic = ["--topic-arn", "arn:aws:sns:ap-east-1:222222222222:baseline-alerts"];
    let topic = estate.answer(Some(security), &[&["sns", "get-topic-attributes"][..], &topic, &there].concat());
    let topic = &topic["Attributes"];
    let key = topic["KmsMasterKeyId"].as_str().unwrap();
    assert!(key.starts_with("arn:aws:kms:ap-east-1:222222222222:key/"), "{key}");
    assert_eq!((&topic["SubscriptionsConfirmed"], &topic["SubscriptionsPending"]), (&json!("3"), &json!("0")));
    let policy: Value = serde_json::from_str(topic["Policy"].as_str().unwrap()).unwrap();
    let publishes = policy["Statement"].as_array().unwrap().iter().find(|one| one["Action"] == "sns:Publish").unwrap();
    assert_eq!(publishes["Principal"], json!({ "Service": "events.amazonaws.com" }));
    assert!(publishes["Condition"].is_null(), "{publishes:#}");
}
