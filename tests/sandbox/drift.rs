//! One field of every kind changed behind our back: shown exactly, and repaired by exactly the calls that it takes.
//! The bucket, the log key and trails have files of their own.

use serde_json::{Value, json};

use crate::support::estate::{Admin, BUCKET, Estate, HOME, LEDGER, PAYMENTS, PROFILES, QUEUE, SECURITY, standard};

const OTHER: &str = "us-east-1";
const ROLE: &str = "baseline-event-forwarding";
const RULE: &str = "baseline-root-login";
const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:baseline-alerts";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:444444444444:function:chat";

/// An estate with something of every kind, and those who meddle with it.
struct Bed {
    estate: Estate,
    security: Admin,
    payments: Admin,
    ledger: Admin,
}

/// What a change in the bed is shown as, and the one call that repairs it.
struct Case {
    shown: String,
    repair: &'static str,
}

fn case(shown: impl Into<String>, repair: &'static str) -> Case {
    Case { shown: shown.into(), repair }
}

/// Every member of a statement that is gone or too many.
fn statement(address: &str, path: &str, members: &[&str]) -> String {
    let paths: Vec<String> = members.iter().map(|member| format!("{path}>{member}")).collect();
    format!("{address} update {}", paths.join(", "))
}

impl Bed {
    fn new() -> Bed {
        let baseline = format!(
            "{}\n[[notify.subscription]]\nprotocol = \"lambda\"\nendpoint = \"{FUNCTION}\"\n\n[[config.rule]]\n\
             identifier = \"ACCESS_KEYS_ROTATED\"\nregions = \"home\"\nparameters = {{ maxAccessKeyAge = \"90\" }}\n",
            standard()
        );
        let estate = Estate::new(PROFILES, &baseline);
        estate.make_queue(HOME);
        estate.tamper(json!({ "do": "create-function", "account": LEDGER, "region": HOME, "name": "chat" }));
        estate.apply(&[]).ended(0);
        estate.assert_clean();
        let [security, payments, ledger] = [SECURITY, PAYMENTS, LEDGER].map(|account| estate.admin(account));
        Bed { estate, security, payments, ledger }
    }

    /// The plan names these and nothing else, and apply makes these calls and no others.
    #[track_caller]
    fn are_shown_and_repaired(&self, cases: Vec<Case>) {
        let (mut shown, mut repairs): (Vec<String>, Vec<String>) =
            cases.into_iter().map(|case| (case.shown, case.repair.to_owned())).unzip();
        let mut drift = self.estate.drift(&[]);
        for list in [&mut shown, &mut repairs, &mut drift] {
            list.sort();
        }
        assert_eq!(drift, shown);
        self.estate.sandbox.reset_calls();
        self.estate.apply(&[]).ended(0);
        let mut writes = self.estate.writes();
        writes.sort();
        assert_eq!(writes, repairs);
        self.estate.assert_clean();
    }

    /// The path of a project's detector in the other Region, or in the home Region.
    fn detector(&self, account: &str, region: &str) -> String {
        let state = self.estate.state();
        let place = format!(":{region}:{account}:");
        let mut arns =
            state["guardduty"]["detectors"].as_array().unwrap().iter().map(|one| one["arn"].as_str().unwrap());
        let arn = arns.find(|arn| arn.contains(&place)).unwrap();
        format!("/detector/{}", arn.rsplit_once('/').unwrap().1)
    }

    fn subscription(&self, region: &str) -> String {
        let state = self.estate.state();
        let mut all = state["subscriptions"].as_array().unwrap().iter();
        let found = all.find(|one| one["endpoint"] == QUEUE && one["arn"].as_str().unwrap().contains(region));
        found.unwrap()["arn"].as_str().unwrap().to_owned()
    }

    fn topic(&self, name: &str, value: &str) {
        let input = [("TopicArn", TOPIC), ("AttributeName", name), ("AttributeValue", value)];
        self.security.sns(OTHER, "SetTopicAttributes", &input);
    }

    fn recorder(&self, group: Value, frequency: &str) {
        let role =
            format!("arn:aws:iam::{PAYMENTS}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig");
        let recorder = json!({
            "name": "default", "roleARN": role, "recordingGroup": group,
            "recordingMode": { "recordingFrequency": frequency },
        });
        self.payments.config(HOME, "PutConfigurationRecorder", json!({ "ConfigurationRecorder": recorder }));
    }

    fn config_rule(&self, rule: Value) {
        self.ledger.config(OTHER, "PutConfigRule", json!({ "ConfigRule": rule }));
    }

    fn set_detector(&self, change: Value) {
        self.payments.rest("guardduty", OTHER, "POST", &self.detector(PAYMENTS, OTHER), change);
    }

    fn policies(&self) -> Vec<Case> {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "EventBridge", "Effect": "Allow",
            "Principal": { "Service": ["events.amazonaws.com", "lambda.amazonaws.com"] }, "Action": "sts:AssumeRole" }] });
        let trust = trust.to_string();
        self.payments.iam("UpdateAssumeRolePolicy", &[("RoleName", ROLE), ("PolicyDocument", &trust)]);
        let state = self.estate.state();
        let mut policy = Estate::arn_in(&state["topics"], TOPIC)["policy"].clone();
        policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "BaselineEvents");
        self.topic("Policy", &policy.to_string());
        let key = Estate::arn_in(&state["topics"], TOPIC)["attributes"]["KmsMasterKeyId"].as_str().unwrap().to_owned();
        let mut policy = Estate::arn_in(&state["keys"], &key)["policy"].clone();
        policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "BaselineEventsEncrypt");
        let put = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
        self.security.kms(OTHER, "PutKeyPolicy", put);
        self.security.events(OTHER, "RemovePermission", json!({ "StatementId": "BaselineForward" }));
        let url = format!("{}/{LEDGER}/alerts", self.estate.sandbox.endpoint());
        self.ledger.sqs(HOME, "SetQueueAttributes", json!({ "QueueUrl": url, "Attributes": { "Policy": "" } }));
        let path = "/2015-03-31/functions/chat/policy/BaselineTopic-us-east-1";
        self.ledger.rest("lambda", HOME, "DELETE", path, Value::Null);
        let members = ["Action", "Effect", "Principal>Service", "Resource", "Sid"];
        let invoke = ["Action", "Condition>ArnLike>aws:SourceArn", "Effect", "Principal>Service", "Resource", "Sid"];
        vec![
            case(
                "333333333333/global/iam.role/baseline-event-forwarding update \
                 trust>Statement>EventBridge>Principal>Service",
                "iam:UpdateAssumeRolePolicy 333333333333 us-east-1",
            ),
            case(
                statement(
                    "222222222222/us-east-1/sns.topic/baseline-alerts",
                    "policy>Statement>BaselineEvents",
                    &members,
                ),
                "sns:SetTopicAttributes 222222222222 us-east-1",
            ),
            case(
                statement(
                    "222222222222/us-east-1/kms.key/baseline-alerts",
                    "policy>Statement>BaselineEventsEncrypt",
                    &members,
                ),
                "kms:PutKeyPolicy 222222222222 us-east-1",
            ),
            case(
                "222222222222/us-east-1/eventbridge.bus/default update policy>Statement",
                "events:PutPermission 222222222222 us-east-1",
            ),
            case(
                "444444444444/eu-west-1/sqs.queue_policy/alerts update policy>Statement",
                "sqs:SetQueueAttributes 444444444444 eu-west-1",
            ),
            case(
                statement(
                    "444444444444/eu-west-1/lambda.permission/chat",
                    "policy>Statement>BaselineTopic-us-east-1",
                    &invoke,
                ),
                "lambda:AddPermission 444444444444 eu-west-1",
            ),
        ]
    }

    fn settings(&self) -> Vec<Case> {
        self.recorder(json!({ "allSupported": true, "includeGlobalResourceTypes": true }), "CONTINUOUS");
        self.ledger.config(HOME, "StopConfigurationRecorder", json!({ "ConfigurationRecorderName": "default" }));
        let channel = json!({ "DeliveryChannel": { "name": "default", "s3BucketName": BUCKET } });
        self.payments.config(OTHER, "PutDeliveryChannel", channel);
        self.config_rule(json!({
            "ConfigRuleName": "baseline-cloud-trail-enabled", "MaximumExecutionFrequency": "Six_Hours",
            "Source": { "Owner": "AWS", "SourceIdentifier": "CLOUD_TRAIL_ENABLED" },
        }));
        self.config_rule(json!({
            "ConfigRuleName": "baseline-access-keys-rotated", "InputParameters": "{\"maxAccessKeyAge\":\"30\"}",
            "Source": { "Owner": "AWS", "SourceIdentifier": "ACCESS_KEYS_ROTATED" },
        }));
        self.set_detector(json!({ "enable": false }));
        let mut rule = self.ledger.events(OTHER, "DescribeRule", json!({ "Name": RULE }));
        let mut pattern: Value = serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap();
        pattern["detail-type"] = json!(["AWS API Call via CloudTrail"]);
        rule["EventPattern"] = json!(pattern.to_string());
        rule.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "Arn" | "CreatedBy" | "EventBusName"));
        self.ledger.events(OTHER, "PutRule", rule);
        self.payments.events(OTHER, "DisableRule", json!({ "Name": RULE }));
        self.topic("KmsMasterKeyId", "");
        let raw = [
            ("SubscriptionArn", self.subscription(HOME)),
            ("AttributeName", "RawMessageDelivery".to_owned()),
            ("AttributeValue", "true".to_owned()),
        ];
        let raw: Vec<(&str, &str)> = raw.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.ledger.sns(HOME, "SetSubscriptionAttributes", &raw);
        let sources = json!([{ "AccountIds": [SECURITY, PAYMENTS], "AllAwsRegions": true }]);
        let aggregator = json!({ "ConfigurationAggregatorName": "baseline", "AccountAggregationSources": sources });
        self.security.config(HOME, "PutConfigurationAggregator", aggregator);
        vec![
            case(
                "333333333333/eu-west-1/config.recorder/default update recording_group>include_global_resource_types",
                "config:PutConfigurationRecorder 333333333333 eu-west-1",
            ),
            case(
                "444444444444/eu-west-1/config.recording/default update recording",
                "config:StartConfigurationRecorder 444444444444 eu-west-1",
            ),
            case(
                "333333333333/us-east-1/config.delivery_channel/default update kms_key",
                "config:PutDeliveryChannel 333333333333 us-east-1",
            ),
            case(
                "444444444444/us-east-1/config.rule/baseline-cloud-trail-enabled update frequency",
                "config:PutConfigRule 444444444444 us-east-1",
            ),
            case(
                "444444444444/us-east-1/config.rule/baseline-access-keys-rotated update parameters>maxAccessKeyAge",
                "config:PutConfigRule 444444444444 us-east-1",
            ),
            case(
                "333333333333/us-east-1/guardduty.detector/detector update enabled",
                "guardduty:UpdateDetector 333333333333 us-east-1",
            ),
            case(
                "444444444444/us-east-1/eventbridge.rule/baseline-root-login update pattern>detail-type",
                "events:PutRule 444444444444 us-east-1",
            ),
            case(
                "333333333333/us-east-1/eventbridge.rule/baseline-root-login update state",
                "events:PutRule 333333333333 us-east-1",
            ),
            case(
                "222222222222/us-east-1/sns.topic/baseline-alerts update kms_key",
                "sns:SetTopicAttributes 222222222222 us-east-1",
            ),
            case(
                format!(
                    "444444444444/eu-west-1/sns.subscription/baseline-alerts:sqs:{QUEUE} update raw_message_delivery"
                ),
                "sns:SetSubscriptionAttributes 444444444444 eu-west-1",
            ),
            case(
                "222222222222/eu-west-1/config.aggregator/baseline update sources",
                "config:PutConfigurationAggregator 222222222222 eu-west-1",
            ),
        ]
    }

    fn what_is_gone(&self) -> Vec<Case> {
        let role = json!({ "do": "put-role-policy", "account": PAYMENTS, "role": ROLE, "name": "put-events",
            "policy": { "Version": "2012-10-17", "Statement": [{ "Sid": "PutEvents", "Effect": "Allow",
                "Action": "events:PutEvents", "Resource": "arn:aws:events:eu-west-1:222222222222:event-bus/default" }] } });
        self.estate.tamper(role);
        self.recorder(json!({ "allSupported": true, "includeGlobalResourceTypes": false }), "DAILY");
        let rule = json!({ "ConfigRuleName": "baseline-cloud-trail-enabled" });
        self.ledger.config(OTHER, "DeleteConfigRule", rule);
        let given = json!({ "AuthorizedAccountId": SECURITY, "AuthorizedAwsRegion": HOME });
        self.ledger.config(OTHER, "DeleteAggregationAuthorization", given);
        self.set_detector(json!({ "findingPublishingFrequency": "SIX_HOURS" }));
        let destinations = format!("{}/publishingDestination", self.detector(LEDGER, HOME));
        let listed = self.ledger.rest("guardduty", HOME, "GET", &destinations, Value::Null);
        let id = listed["destinations"][0]["destinationId"].as_str().unwrap().to_owned();
        self.ledger.rest("guardduty", HOME, "DELETE", &format!("{destinations}/{id}"), Value::Null);
        self.ledger.sns(OTHER, "Unsubscribe", &[("SubscriptionArn", &self.subscription(OTHER))]);
        let targets = self.payments.events(OTHER, "ListTargetsByRule", json!({ "Rule": RULE }));
        let id = targets["Targets"][0]["Id"].as_str().unwrap().to_owned();
        self.payments.events(OTHER, "RemoveTargets", json!({ "Rule": RULE, "Ids": [id] }));
        let input = [("ResourceArn", TOPIC), ("TagKeys.member.1", "Baseline")];
        self.security.sns(OTHER, "UntagResource", &input);
        vec![
            case(
                "333333333333/global/iam.role/baseline-event-forwarding update \
                 inline_policies>put-events>Statement>PutEvents>Resource",
                "iam:PutRolePolicy 333333333333 us-east-1",
            ),
            case(
                "333333333333/eu-west-1/config.recorder/default update recording_mode>frequency",
                "config:PutConfigurationRecorder 333333333333 eu-west-1",
            ),
            case(
                "444444444444/us-east-1/config.rule/baseline-cloud-trail-enabled create",
                "config:PutConfigRule 444444444444 us-east-1",
            ),
            case(
                "444444444444/us-east-1/config.authorization/222222222222:eu-west-1 create",
                "config:PutAggregationAuthorization 444444444444 us-east-1",
            ),
            case(
                "333333333333/us-east-1/guardduty.detector/detector update finding_publishing_frequency",
                "guardduty:UpdateDetector 333333333333 us-east-1",
            ),
            case(
                "444444444444/eu-west-1/guardduty.publishing_destination/s3 create",
                "guardduty:CreatePublishingDestination 444444444444 eu-west-1",
            ),
            case(
                format!("444444444444/us-east-1/sns.subscription/baseline-alerts:sqs:{QUEUE} create"),
                "sns:Subscribe 444444444444 us-east-1",
            ),
            case(
                "333333333333/us-east-1/eventbridge.rule/baseline-root-login update targets>baseline-bus>arn, \
                 targets>baseline-bus>role",
                "events:PutTargets 333333333333 us-east-1",
            ),
            case(
                "222222222222/us-east-1/sns.topic/baseline-alerts update tags>Baseline",
                "sns:TagResource 222222222222 us-east-1",
            ),
        ]
    }

    fn the_rest(&self) -> Vec<Case> {
        let attached = [("RoleName", ROLE), ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess")];
        self.payments.iam("AttachRolePolicy", &attached);
        self.ledger.iam("UntagRole", &[("RoleName", ROLE), ("TagKeys.member.1", "Baseline")]);
        self.set_detector(json!({ "features": [{ "name": "S3_DATA_EVENTS", "status": "DISABLED" }] }));
        let arn = format!("arn:aws:events:{OTHER}:{PAYMENTS}:rule/{RULE}");
        self.payments.events(OTHER, "UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["Baseline"] }));
        let target = json!({ "Rule": RULE, "Targets": [{ "Id": "baseline-topic", "Arn": TOPIC }] });
        self.security.events(OTHER, "PutTargets", target);
        vec![
            case(
                "333333333333/global/iam.role/baseline-event-forwarding update attached_policies",
                "iam:DetachRolePolicy 333333333333 us-east-1",
            ),
            case(
                "444444444444/global/iam.role/baseline-event-forwarding update tags>Baseline",
                "iam:TagRole 444444444444 us-east-1",
            ),
            case(
                "333333333333/us-east-1/guardduty.detector/detector update features>S3_DATA_EVENTS",
                "guardduty:UpdateDetector 333333333333 us-east-1",
            ),
            case(
                "333333333333/us-east-1/eventbridge.rule/baseline-root-login update tags>Baseline",
                "events:TagResource 333333333333 us-east-1",
            ),
            case(
                statement(
                    "222222222222/us-east-1/eventbridge.rule/baseline-root-login",
                    "targets>baseline-topic>transform",
                    &[
                        "paths>account",
                        "paths>actor",
                        "paths>address",
                        "paths>call",
                        "paths>error",
                        "paths>region",
                        "paths>time",
                        "template",
                    ],
                ),
                "events:PutTargets 222222222222 us-east-1",
            ),
        ]
    }
}

#[test]
fn one_field_of_every_kind_is_named_and_repaired_by_its_own_call() {
    let bed = Bed::new();
    bed.are_shown_and_repaired(bed.policies());
    bed.are_shown_and_repaired(bed.settings());
    bed.are_shown_and_repaired(bed.what_is_gone());
    bed.are_shown_and_repaired(bed.the_rest());
}
