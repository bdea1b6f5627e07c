//! GuardDuty's export of findings: what the bucket and the key must allow, and what is told of it.

use super::detectors::detector;
use super::*;

const PERMISSION: &str = "The request failed because the GuardDuty service principal does not have permission to the \
                          KMS key or the resource specified by the destinationArn parameter. Refer to \
                          https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html";
const BAD_KEY: &str = "The request failed because the value specified for the kmsKeyArn parameter is not valid.";
const BAD_ARN: &str = "The request failed because the value specified for the destinationArn parameter is not valid.";
const NO_FOLDER: &str =
    "The request failed because the resource folder specified in the destinationArn parameter does not exist.";

fn source() -> Value {
    json!({
        "StringEquals": { "aws:SourceAccount": [PROJECT] },
        "ArnLike": { "aws:SourceArn": format!("arn:aws:guardduty:*:{PROJECT}:detector/*") },
    })
}

/// Lets GuardDuty of one account in, with the documented statements; `services` are its principals.
fn bucket_policy(services: &[&str]) -> Value {
    let service = json!({ "Service": services });
    let logs = "arn:aws:s3:::logs-bucket";
    let condition = source();
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Location", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketLocation",
          "Resource": logs, "Condition": condition },
        { "Sid": "Put", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
          "Resource": format!("{logs}/AWSLogs/{PROJECT}/GuardDuty/*"), "Condition": condition },
        { "Sid": "Unencrypted", "Effect": "Deny", "Principal": service, "Action": "s3:PutObject",
          "Resource": format!("{logs}/*"),
          "Condition": { "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" } } },
    ] })
}

fn key_policy(services: &[&str]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Root", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{SECURITY}:root") },
          "Action": "kms:*", "Resource": "*" },
        { "Sid": "GuardDuty", "Effect": "Allow", "Principal": { "Service": services },
          "Action": "kms:GenerateDataKey", "Resource": "*", "Condition": source() },
    ] })
}

struct Estate {
    _sandbox: Sandbox,
    chain: Chain,
    key: String,
}

/// A log bucket and its key in `ap-northeast-1` that let GuardDuty of the first project in.
async fn estate(services: &[&str]) -> Estate {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.code(), "ok");
    let key = log_key(&chain.security.at("ap-northeast-1"), Some(key_policy(services))).await;
    let estate = Estate { _sandbox: sandbox, chain, key };
    estate.policy(bucket_policy(services)).await;
    estate
}

impl Estate {
    async fn policy(&self, policy: Value) {
        let put = json!({ "do": "put-bucket-policy", "bucket": "logs-bucket", "policy": policy });
        assert_eq!(self.chain.start.tamper(put).await.status, 200);
    }

    async fn key_policy(&self, policy: Value) {
        let put = json!({ "do": "put-key-policy", "key": self.key, "policy": policy });
        assert_eq!(self.chain.start.tamper(put).await.status, 200);
    }

    fn properties(&self, arn: &str) -> Value {
        json!({ "destinationArn": arn, "kmsKeyArn": self.key })
    }
}

async fn create(client: &Client, detector: &str, properties: Value) -> Answered {
    let input = json!({ "destinationType": "S3", "destinationProperties": properties });
    client.rest("guardduty", "POST", &format!("/detector/{detector}/publishingDestination"), input).await
}

async fn describe(client: &Client, detector: &str, id: &str) -> Value {
    let path = format!("/detector/{detector}/publishingDestination/{id}");
    client.rest("guardduty", "GET", &path, Value::Null).await.json()
}

/// The message of a refusal, or `ok`.
fn said(answered: &Answered) -> String {
    if answered.code() == "ok" {
        return "ok".to_owned();
    }
    assert_eq!(answered.code(), "BadRequestException");
    answered.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_destination_is_verified_and_publishes_until_its_policies_stop_it() {
    let estate = estate(&["guardduty.amazonaws.com"]).await;
    let project = &estate.chain.project;
    let id = detector(project).await;
    let bucket = "arn:aws:s3:::logs-bucket";
    let made = create(project, &id, estate.properties(bucket)).await;
    assert_eq!(said(&made), "ok", "{}", made.body);
    let destination = made.json()["destinationId"].as_str().unwrap().to_owned();
    let path = format!("/detector/{id}/publishingDestination");
    let list = async || project.rest("guardduty", "GET", &path, Value::Null).await.json()["destinations"].clone();
    let shown = json!({ "destinationId": destination, "destinationType": "S3", "status": "PENDING_VERIFICATION" });
    assert_eq!(list().await, json!([shown]));
    assert_eq!(
        describe(project, &id, &destination).await,
        json!({
            "destinationId": destination, "destinationType": "S3", "status": "PENDING_VERIFICATION",
            "publishingFailureStartTimestamp": 0, "destinationProperties": estate.properties(bucket), "tags": {},
        })
    );
    assert_eq!(describe(project, &id, &destination).await["status"], "PUBLISHING");
    assert_eq!(list().await[0]["status"], "PUBLISHING");

    estate
        .policy(json!({ "Version": "2012-10-17", "Statement": bucket_policy(&["config.amazonaws.com"])["Statement"] }))
        .await;
    let broken = describe(project, &id, &destination).await;
    assert_eq!(broken["status"], "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY");
    let since = broken["publishingFailureStartTimestamp"].as_u64().unwrap();
    assert!(since > 1_700_000_000_000, "{since}");
    assert_eq!(describe(project, &id, &destination).await["publishingFailureStartTimestamp"], since);
    let state = estate.chain.start.state().await;
    assert_eq!(state["guardduty"]["detectors"][0]["destination"]["publishing"], false);
    estate.policy(bucket_policy(&["guardduty.amazonaws.com"])).await;
    let mended = describe(project, &id, &destination).await;
    assert_eq!((&mended["status"], &mended["publishingFailureStartTimestamp"]), (&json!("PUBLISHING"), &json!(0)));
    // Disabling the key ends it too.
    estate.chain.start.tamper(json!({ "do": "disable-key", "key": estate.key })).await;
    let broken = describe(project, &id, &destination).await;
    assert_eq!(broken["status"], "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY");

    let one = format!("{path}/{destination}");
    assert_eq!(project.rest("guardduty", "DELETE", &one, Value::Null).await.code(), "ok");
    assert_eq!(list().await, json!([]));
    let gone = project.rest("guardduty", "GET", &one, Value::Null).await;
    assert_eq!(said(&gone), "The request is rejected since no such resource found.");
}

#[tokio::test]
async fn bucket_and_key_policy_are_really_evaluated() {
    let guardduty = ["guardduty.amazonaws.com"];
    let estate = estate(&guardduty).await;
    let project = &estate.chain.project;
    let id = detector(project).await;
    let ask = async || said(&create(project, &id, estate.properties("arn:aws:s3:::logs-bucket")).await);
    // The policies name the other account nowhere.
    let other = detector(&estate.chain.other).await;
    let refused = create(&estate.chain.other, &other, estate.properties("arn:aws:s3:::logs-bucket")).await;
    assert_eq!(said(&refused), PERMISSION);

    let without = |index: usize| {
        let mut policy = bucket_policy(&guardduty);
        policy["Statement"].as_array_mut().unwrap().remove(index);
        policy
    };
    let changed = |mut policy: Value, path: &str, value: Value| {
        *policy.pointer_mut(path).unwrap() = value;
        policy
    };
    let foreign = format!("arn:aws:guardduty:*:{OTHER}:detector/*");
    let bucket = || bucket_policy(&guardduty);
    for policy in [
        without(0),
        without(1),
        changed(bucket(), "/Statement/1/Resource", json!(format!("arn:aws:s3:::logs-bucket/AWSLogs/{OTHER}/*"))),
        changed(bucket(), "/Statement/1/Condition/StringEquals/aws:SourceAccount", json!(OTHER)),
        changed(bucket(), "/Statement/1/Condition/ArnLike/aws:SourceArn", json!(foreign)),
        changed(bucket(), "/Statement/0/Condition/ArnLike/aws:SourceArn", json!(foreign)),
        changed(
            bucket(),
            "/Statement/2/Condition/StringNotEquals",
            json!({ "s3:x-amz-server-side-encryption": "AES256" }),
        ),
        Value::Null,
    ] {
        estate.policy(policy.clone()).await;
        assert_eq!(ask().await, PERMISSION, "{policy}");
    }
    estate.policy(bucket_policy(&guardduty)).await;
    let key = || key_policy(&guardduty);
    for policy in [
        changed(key(), "/Statement/1/Action", json!("kms:Decrypt")),
        changed(key(), "/Statement/1/Condition/StringEquals/aws:SourceAccount", json!(OTHER)),
        changed(key(), "/Statement/1/Condition/ArnLike/aws:SourceArn", json!(foreign)),
    ] {
        estate.key_policy(policy.clone()).await;
        assert_eq!(ask().await, PERMISSION, "{policy}");
    }
    estate.key_policy(key_policy(&guardduty)).await;
    // Without the statement that denies what is not encrypted it works as well.
    estate.policy(without(2)).await;
    assert_eq!(ask().await, "ok");
    assert_eq!(ask().await, "The request is rejected because a publishing destination of type S3 already exists.");
}

#[tokio::test]
async fn an_opt_in_region_has_its_own_principal() {
    let everywhere = ["guardduty.amazonaws.com", "guardduty.ap-east-1.amazonaws.com"];
    let estate = estate(&everywhere[..1]).await;
    let hong_kong = estate.chain.project.at("ap-east-1");
    let id = detector(&hong_kong).await;
    let ask = async || said(&create(&hong_kong, &id, estate.properties("arn:aws:s3:::logs-bucket")).await);
    assert_eq!(ask().await, PERMISSION);
    estate.policy(bucket_policy(&everywhere)).await;
    assert_eq!(ask().await, PERMISSION);
    estate.key_policy(key_policy(&everywhere)).await;
    assert_eq!(ask().await, "ok");
    // Other Regions do not go by the Region's own.
    estate.policy(bucket_policy(&everywhere[1..])).await;
    let id = detector(&estate.chain.project).await;
    let refused = create(&estate.chain.project, &id, estate.properties("arn:aws:s3:::logs-bucket")).await;
    assert_eq!(said(&refused), PERMISSION);
}

#[tokio::test]
async fn a_bucket_in_an_opt_in_region_takes_only_its_own_regions_findings() {
    let everywhere = ["guardduty.amazonaws.com", "guardduty.ap-east-1.amazonaws.com"];
    let estate = estate(&everywhere).await;
    let start = &estate.chain.start;
    for what in [
        json!({ "do": "enable-region", "account": SECURITY, "region": "ap-east-1" }),
        json!({ "do": "create-bucket", "bucket": "far-bucket", "account": SECURITY, "region": "ap-east-1" }),
        json!({ "do": "put-bucket-policy", "bucket": "far-bucket", "policy": serde_json::from_str::<Value>(
            &bucket_policy(&everywhere).to_string().replace("logs-bucket", "far-bucket")).unwrap() }),
    ] {
        assert_eq!(start.tamper(what).await.status, 200);
    }
    let key = log_key(&estate.chain.security.at("ap-east-1"), Some(key_policy(&everywhere))).await;
    let properties = json!({ "destinationArn": "arn:aws:s3:::far-bucket", "kmsKeyArn": key });
    let near = detector(&estate.chain.project).await;
    let refused = create(&estate.chain.project, &near, properties.clone()).await;
    assert_eq!(
        said(&refused),
        "The request failed because the destination bucket cannot be in a different opt-in Region."
    );
    let hong_kong = estate.chain.project.at("ap-east-1");
    let id = detector(&hong_kong).await;
    assert_eq!(said(&create(&hong_kong, &id, properties).await), "ok");
}

#[tokio::test]
async fn what_a_destination_may_be() {
    let estate = estate(&["guardduty.amazonaws.com"]).await;
    let project = &estate.chain.project;
    let id = detector(project).await;
    let near = log_key(&estate.chain.security, Some(key_policy(&["guardduty.amazonaws.com"]))).await;
    let alias = format!("arn:aws:kms:ap-northeast-1:{SECURITY}:alias/logs");
    let made = json!({ "AliasName": "alias/logs", "TargetKeyId": estate.key });
    let security = estate.chain.security.at("ap-northeast-1");
    assert_eq!(security.json("kms", "CreateAlias", made).await.code(), "ok");
    let missing = "The request is rejected because the required query or path parameters are not specified.";
    let bucket = "arn:aws:s3:::logs-bucket";
    for (properties, message) in [
        (json!({ "destinationArn": bucket }), missing),
        (json!({ "kmsKeyArn": estate.key }), missing),
        (json!({ "destinationArn": "logs-bucket", "kmsKeyArn": estate.key }), BAD_ARN),
        (json!({ "destinationArn": "arn:aws-cn:s3:::logs-bucket", "kmsKeyArn": estate.key }), BAD_ARN),
        (
            json!({ "destinationArn": "arn:aws:s3:::no-bucket", "kmsKeyArn": estate.key }),
            "The request failed because the resource specified in the destinationArn parameter does not exist.",
        ),
        // A key of another Region than the bucket's, an alias, nothing.
        (json!({ "destinationArn": bucket, "kmsKeyArn": near }), BAD_KEY),
        (json!({ "destinationArn": bucket, "kmsKeyArn": alias }), BAD_KEY),
        (json!({ "destinationArn": bucket, "kmsKeyArn": "key" }), BAD_KEY),
    ] {
        assert_eq!(said(&create(project, &id, properties.clone()).await), message, "{properties}");
    }
    let path = format!("/detector/{id}/publishingDestination");
    let elsewhere = json!({ "destinationType": "SQS", "destinationProperties": estate.properties(bucket) });
    assert_eq!(project.rest("guardduty", "POST", &path, elsewhere).await.code(), "BadRequestException");
}

#[tokio::test]
async fn a_prefix_needs_its_folder_and_a_caller_who_may_see_it() {
    let estate = estate(&["guardduty.amazonaws.com"]).await;
    let project = &estate.chain.project;
    let id = detector(project).await;
    let bucket = "arn:aws:s3:::logs-bucket";
    assert_eq!(said(&create(project, &id, estate.properties(bucket)).await), "ok");
    let list = format!("/detector/{id}/publishingDestination");
    let destinations = project.rest("guardduty", "GET", &list, Value::Null).await.json();
    let path = format!("{list}/{}", destinations["destinations"][0]["destinationId"].as_str().unwrap());
    let ask = async |arn: &str| {
        let input = json!({ "destinationProperties": { "destinationArn": arn } });
        said(&project.rest("guardduty", "POST", &path, input).await)
    };
    let prefixed = "arn:aws:s3:::logs-bucket/audit";
    let blind = "The request failed because you do not have the required permissions for the s3:GetObject or \
                 s3:ListBucket actions.";
    assert_eq!(ask(prefixed).await, blind);
    let mut policy = bucket_policy(&["guardduty.amazonaws.com"]);
    policy["Statement"][1]["Resource"] = json!(format!("{bucket}/audit/AWSLogs/{PROJECT}/*"));
    policy["Statement"].as_array_mut().unwrap().push(json!({
        "Sid": "See", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{PROJECT}:root") },
        "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": [bucket, format!("{bucket}/audit/")],
    }));
    estate.policy(policy.clone()).await;
    assert_eq!(ask(prefixed).await, NO_FOLDER);
    let security = estate.chain.security.at("ap-northeast-1");
    assert_eq!(security.send("s3", "PUT", "/logs-bucket/audit/", &[], &[]).await.code(), "ok");
    for arn in [prefixed, "arn:aws:s3:::logs-bucket/audit/"] {
        assert_eq!(ask(arn).await, "ok");
    }
    // The policy lets logs in below the prefix only.
    assert_eq!(ask(bucket).await, PERMISSION);
    // Only the caller of another account needs to be let in; and a folder that is gone is told when it is asked for,
    // while findings keep flowing.
    assert_eq!(security.send("s3", "DELETE", "/logs-bucket/audit/", &[], &[]).await.code(), "ok");
    assert_eq!(ask(prefixed).await, NO_FOLDER);
    let found = project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(found["status"], "PENDING_VERIFICATION");
    let found = project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(
        (&found["status"], &found["destinationProperties"]["kmsKeyArn"]),
        (&json!("PUBLISHING"), &json!(estate.key))
    );
}
