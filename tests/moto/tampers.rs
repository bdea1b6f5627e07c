//! A field of every kind of resource that has one, changed with boto3.

use serde_json::{Value, json};

use super::services::QUEUE;
use crate::support::moto::{Call, HOME, Moto, SECURITY};

/// What somebody does behind our back, the field that a plan must name for it, and the one call that repairs it.
pub struct Tamper {
    pub call: Call<'static>,
    pub field: (&'static str, &'static str),
    pub repair: &'static str,
}

/// A call for each kind of resource that has a field to change. `found` is what AWS named.
pub fn tampers(found: &Found) -> Vec<Tamper> {
    let tamper = |call, field, repair| Tamper { call, field, repair };
    let only = |sid: &str, principal: Value, action: &str, resource: &str| {
        let statement =
            json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let root = |account: &str| json!({"AWS": format!("arn:aws:iam::{account}:root")});
    let bus = "arn:aws:events:eu-west-1:222222222222:event-bus/default";
    vec![
        tamper(
            (SECURITY, HOME, "kms", "disable_key_rotation", json!({"KeyId": found.log_key})),
            ("222222222222/ap-northeast-1/kms.key/baseline-logs", "rotation"),
            "kms EnableKeyRotation",
        ),
        tamper(
            (
                SECURITY,
                "us-west-2",
                "kms",
                "put_key_policy",
                json!({
                    "KeyId": found.topic_key,
                    "PolicyName": "default",
                    "Policy": only("BaselineKeyOwner", root(SECURITY), "kms:*", "*"),
                }),
            ),
            ("222222222222/us-west-2/kms.key/baseline-alerts", "policy Statement BaselineEventsEncrypt"),
            "kms PutKeyPolicy",
        ),
        tamper(
            (
                SECURITY,
                HOME,
                "s3",
                "put_bucket_versioning",
                json!({
                    "Bucket": "baseline-logs-222222222222-ap-northeast-1",
                    "VersioningConfiguration": {"Status": "Suspended"},
                }),
            ),
            ("222222222222/ap-northeast-1/s3.bucket/baseline-logs-222222222222-ap-northeast-1", "versioning"),
            "s3 PUT ?versioning",
        ),
        tamper(
            (
                "333333333333",
                "us-east-1",
                "iam",
                "put_role_policy",
                json!({
                    "RoleName": "baseline-event-forwarding",
                    "PolicyName": found.role_policy,
                    "PolicyDocument": json!({"Version": "2012-10-17", "Statement": [
                        {"Sid": "PutEvents", "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus},
                    ]}).to_string(),
                }),
            ),
            (
                "333333333333/global/iam.role/baseline-event-forwarding",
                "inline_policies put-events Statement PutEvents Resource",
            ),
            "iam PutRolePolicy",
        ),
        tamper(
            ("444444444444", "eu-west-1", "cloudtrail", "stop_logging", json!({"Name": "baseline"})),
            ("444444444444/eu-west-1/cloudtrail.trail/baseline", "logging"),
            "cloudtrail StartLogging",
        ),
        tamper(
            (
                "444444444444",
                "eu-west-1",
                "guardduty",
                "update_detector",
                json!({
                    "DetectorId": found.detector, "FindingPublishingFrequency": "SIX_HOURS",
                }),
            ),
            ("444444444444/eu-west-1/guardduty.detector/detector", "finding_publishing_frequency"),
            "guardduty UpdateDetector",
        ),
        tamper(
            (
                "555555555555",
                "us-east-1",
                "guardduty",
                "update_detector",
                json!({
                    "DetectorId": found.other_detector, "Features": [{"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}],
                }),
            ),
            ("555555555555/us-east-1/guardduty.detector/detector", "features S3_DATA_EVENTS"),
            "guardduty UpdateDetector",
        ),
        tamper(
            (
                "333333333333",
                "eu-west-1",
                "config",
                "put_configuration_recorder",
                json!({
                    "ConfigurationRecorder": {
                        "name": "default",
                        "roleARN": found.recorder_role,
                        "recordingGroup": {"allSupported": true, "includeGlobalResourceTypes": true},
                    },
                }),
            ),
            ("333333333333/eu-west-1/config.recorder/default", "recording_group include_global_resource_types"),
            "config PutConfigurationRecorder",
        ),
        tamper(
            (
                "333333333333",
                "us-west-2",
                "config",
                "put_delivery_channel",
                json!({"DeliveryChannel": {
                    "name": "default",
                    "s3BucketName": found.channel["s3BucketName"],
                    "s3KmsKeyArn": found.channel["s3KmsKeyArn"],
                    "configSnapshotDeliveryProperties": {"deliveryFrequency": "One_Hour"},
                }}),
            ),
            ("333333333333/us-west-2/config.delivery_channel/default", "snapshot_frequency"),
            "config PutDeliveryChannel",
        ),
        tamper(
            (
                "555555555555",
                "us-west-2",
                "config",
                "stop_configuration_recorder",
                json!({
                    "ConfigurationRecorderName": "default",
                }),
            ),
            ("555555555555/us-west-2/config.recording/default", "recording"),
            "config StartConfigurationRecorder",
        ),
        tamper(
            (
                "333333333333",
                "us-east-1",
                "config",
                "put_config_rule",
                json!({"ConfigRule": {
                    "ConfigRuleName": "baseline-cloud-trail-enabled",
                    "Source": {"Owner": "AWS", "SourceIdentifier": "CLOUD_TRAIL_ENABLED"},
                    "MaximumExecutionFrequency": "TwentyFour_Hours",
                }}),
            ),
            ("333333333333/us-east-1/config.rule/baseline-cloud-trail-enabled", "frequency"),
            "config PutConfigRule",
        ),
        tamper(
            (
                "555555555555",
                HOME,
                "config",
                "tag_resource",
                json!({
                    "ResourceArn": found.authorization, "Tags": [{"Key": "Baseline", "Value": "another"}],
                }),
            ),
            ("555555555555/ap-northeast-1/config.authorization/222222222222:ap-northeast-1", "tags Baseline"),
            "config TagResource",
        ),
        tamper(
            (
                SECURITY,
                HOME,
                "config",
                "put_configuration_aggregator",
                json!({
                    "ConfigurationAggregatorName": "baseline",
                    "AccountAggregationSources": [{"AccountIds": [SECURITY], "AllAwsRegions": true}],
                }),
            ),
            ("222222222222/ap-northeast-1/config.aggregator/baseline", "sources"),
            "config PutConfigurationAggregator",
        ),
        tamper(
            (
                "444444444444",
                HOME,
                "lambda",
                "remove_permission",
                json!({
                    "FunctionName": "chat", "StatementId": "BaselineTopic-us-east-1",
                }),
            ),
            ("444444444444/ap-northeast-1/lambda.permission/chat", "policy Statement BaselineTopic-us-east-1"),
            "lambda AddPermission",
        ),
        tamper(
            (
                "333333333333",
                HOME,
                "sqs",
                "set_queue_attributes",
                json!({
                    "QueueUrl": found.queue_url,
                    "Attributes": {"Policy": only("Owner", root("333333333333"), "sqs:*", QUEUE)},
                }),
            ),
            ("333333333333/ap-northeast-1/sqs.queue_policy/alerts", "policy Statement BaselineTopics"),
            "sqs SetQueueAttributes",
        ),
        tamper(
            (
                SECURITY,
                "us-east-1",
                "sns",
                "set_topic_attributes",
                json!({
                    "TopicArn": "arn:aws:sns:us-east-1:222222222222:baseline-alerts",
                    "AttributeName": "KmsMasterKeyId",
                    "AttributeValue": "alias/another",
                }),
            ),
            ("222222222222/us-east-1/sns.topic/baseline-alerts", "kms_key"),
            "sns SetTopicAttributes",
        ),
        tamper(
            (
                "333333333333",
                "us-west-2",
                "sns",
                "set_subscription_attributes",
                json!({
                    "SubscriptionArn": found.subscription,
                    "AttributeName": "RawMessageDelivery",
                    "AttributeValue": "false",
                }),
            ),
            (
                "333333333333/us-west-2/sns.subscription/baseline-alerts:sqs:arn:aws:sqs:ap-northeast-1:333333333333:alerts",
                "raw_message_delivery",
            ),
            "sns SetSubscriptionAttributes",
        ),
        tamper(
            (
                SECURITY,
                "eu-west-1",
                "events",
                "put_permission",
                json!({
                    "Policy": only("BaselineForward", root("333333333333"), "events:PutEvents", bus),
                }),
            ),
            ("222222222222/eu-west-1/eventbridge.bus/default", "policy Statement BaselineForward"),
            "events PutPermission",
        ),
        tamper(
            ("444444444444", "us-west-2", "events", "disable_rule", json!({"Name": "baseline-guardduty-findings"})),
            ("444444444444/us-west-2/eventbridge.rule/baseline-guardduty-findings", "state"),
            "events PutRule",
        ),
        tamper(
            (
                "555555555555",
                "us-west-2",
                "events",
                "put_targets",
                json!({
                    "Rule": "baseline-key-deletion",
                    "Targets": [{
                        "Id": "baseline-bus",
                        "Arn": "arn:aws:events:us-west-2:222222222222:event-bus/default",
                        "RoleArn": "arn:aws:iam::555555555555:role/another",
                    }],
                }),
            ),
            ("555555555555/us-west-2/eventbridge.rule/baseline-key-deletion", "targets baseline-bus role"),
            "events PutTargets",
        ),
    ]
}

/// The ids and ARNs that AWS gave.
pub struct Found {
    log_key: Value,
    topic_key: Value,
    detector: Value,
    other_detector: Value,
    recorder_role: Value,
    channel: Value,
    authorization: Value,
    subscription: Value,
    queue_url: Value,
    role_policy: Value,
}

impl Found {
    pub fn look_up(moto: &Moto) -> Found {
        let none = || json!({});
        let answers = moto.calls(&[
            (SECURITY, HOME, "kms", "describe_key", json!({"KeyId": "alias/baseline-logs"})),
            (SECURITY, "us-west-2", "kms", "describe_key", json!({"KeyId": "alias/baseline-alerts"})),
            ("444444444444", "eu-west-1", "guardduty", "list_detectors", none()),
            ("555555555555", "us-east-1", "guardduty", "list_detectors", none()),
            ("333333333333", "eu-west-1", "config", "describe_configuration_recorders", none()),
            ("333333333333", "us-west-2", "config", "describe_delivery_channels", none()),
            ("555555555555", HOME, "config", "describe_aggregation_authorizations", none()),
            ("333333333333", "us-west-2", "sns", "list_subscriptions", none()),
            ("333333333333", HOME, "sqs", "get_queue_url", json!({"QueueName": "alerts"})),
            ("333333333333", HOME, "iam", "list_role_policies", json!({"RoleName": "baseline-event-forwarding"})),
        ]);
        let at = |answer: usize, pointer: &str| answers[answer].pointer(pointer).unwrap_or(&Value::Null).clone();
        Found {
            log_key: at(0, "/KeyMetadata/KeyId"),
            topic_key: at(1, "/KeyMetadata/KeyId"),
            detector: at(2, "/DetectorIds/0"),
            other_detector: at(3, "/DetectorIds/0"),
            recorder_role: at(4, "/ConfigurationRecorders/0/roleARN"),
            channel: at(5, "/DeliveryChannels/0"),
            authorization: at(6, "/AggregationAuthorizations/0/AggregationAuthorizationArn"),
            subscription: at(7, "/Subscriptions/0/SubscriptionArn"),
            queue_url: at(8, "/QueueUrl"),
            role_policy: at(9, "/PolicyNames/0"),
        }
    }
}
