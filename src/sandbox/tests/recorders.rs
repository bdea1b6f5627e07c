//! AWS Config: recorder, channel, start, in that order, and what role, bucket and key must allow.

use super::*;

const LINKED: &str = "arn:aws:iam::333333333333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";

/// The policy that the AWS Config Developer Guide asks for, for both projects.
fn config_policy() -> Value {
    let service = json!({ "Service": "config.amazonaws.com" });
    let source = json!({ "StringEquals": { "AWS:SourceAccount": [PROJECT, OTHER] } });
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Acl", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
          "Resource": "arn:aws:s3:::logs-bucket", "Condition": source },
        { "Sid": "List", "Effect": "Allow", "Principal": service, "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::logs-bucket", "Condition": source },
        { "Sid": "Put", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
          "Resource": format!("arn:aws:s3:::logs-bucket/config/AWSLogs/{PROJECT}/Config/*"),
          "Condition": {
              "StringEquals": { "AWS:SourceAccount": PROJECT, "s3:x-amz-acl": "bucket-owner-full-control" },
              "ArnLike": { "aws:SourceArn": format!("arn:aws:config:*:{PROJECT}:*") },
          } },
    ] })
}

/// A bucket that Config may deliver to, and its service-linked role in the project account.
async fn estate() -> (Sandbox, Chain) {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.code(), "ok");
    put(&chain, config_policy()).await;
    link(&chain.project).await;
    (sandbox, chain)
}

async fn link(client: &Client) {
    let made = client.iam("CreateServiceLinkedRole", &[("AWSServiceName", "config.amazonaws.com")]).await;
    assert_eq!(made.code(), "ok");
}

async fn put(chain: &Chain, policy: Value) {
    let tamper = json!({ "do": "put-bucket-policy", "bucket": "logs-bucket", "policy": policy });
    assert_eq!(chain.start.tamper(tamper).await.status, 200);
}

fn recorder(more: Value) -> Value {
    let mut recorder = json!({ "name": "default", "roleARN": LINKED });
    recorder.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "ConfigurationRecorder": recorder })
}

fn channel(more: Value) -> Value {
    let mut channel = json!({ "name": "default", "s3BucketName": "logs-bucket", "s3KeyPrefix": "config" });
    channel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "DeliveryChannel": channel })
}

#[tokio::test]
async fn recorder_then_channel_then_start_and_back_the_other_way() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let named = json!({ "ConfigurationRecorderName": "default" });
    let start = async || project.config("StartConfigurationRecorder", named.clone()).await.code();
    assert_eq!(start().await, "NoSuchConfigurationRecorderException");
    let early = project.config("PutDeliveryChannel", channel(json!({}))).await;
    assert_eq!((early.status, early.code().as_str()), (400, "NoAvailableConfigurationRecorderException"));
    let mut input = recorder(json!({}));
    input["Tags"] = json!([{ "Key": "a", "Value": "1" }]);
    assert_eq!(project.config("PutConfigurationRecorder", input).await.code(), "ok");
    assert_eq!(start().await, "NoAvailableDeliveryChannelException");
    let daily = json!({ "configSnapshotDeliveryProperties": { "deliveryFrequency": "TwentyFour_Hours" } });
    assert_eq!(project.config("PutDeliveryChannel", channel(daily)).await.code(), "ok");
    let status = async || {
        let answered = project.config("DescribeConfigurationRecorderStatus", json!({})).await.json();
        answered["ConfigurationRecordersStatus"][0].clone()
    };
    assert_eq!((status().await["recording"].clone(), status().await.get("lastStatus")), (json!(false), None));
    assert_eq!(start().await, "ok");
    assert_eq!((&status().await["recording"], &status().await["lastStatus"]), (&json!(true), &json!("Success")));
    assert!(status().await["lastStartTime"].is_f64());

    let read = project.config("DescribeConfigurationRecorders", json!({})).await.json();
    let mut one = read["ConfigurationRecorders"][0].clone();
    let arn = one["arn"].take().as_str().unwrap().to_owned();
    assert!(arn.starts_with("arn:aws:config:us-east-1:333333333333:configuration-recorder/default/"), "{arn}");
    let whole = json!({
        "arn": null, "name": "default", "roleARN": LINKED, "recordingScope": "PAID",
        "recordingGroup": {
            "allSupported": true, "includeGlobalResourceTypes": false, "resourceTypes": [],
            "exclusionByResourceTypes": { "resourceTypes": [] },
            "recordingStrategy": { "useOnly": "ALL_SUPPORTED_RESOURCE_TYPES" },
        },
        "recordingMode": { "recordingFrequency": "CONTINUOUS", "recordingModeOverrides": [] },
    });
    assert_eq!(one, whole);
    assert_eq!(
        project.config("DescribeDeliveryChannels", json!({})).await.json(),
        json!({ "DeliveryChannels": [{
            "name": "default", "s3BucketName": "logs-bucket", "s3KeyPrefix": "config",
            "configSnapshotDeliveryProperties": { "deliveryFrequency": "TwentyFour_Hours" },
        }] })
    );
    // Regions and accounts are apart.
    let elsewhere = project.at("eu-west-1").config("DescribeConfigurationRecorders", json!({})).await.json();
    assert_eq!(elsewhere, json!({ "ConfigurationRecorders": [] }));

    let state = chain.start.state().await["config"].clone();
    assert_eq!(
        (&state["recorders"][0]["recording"], &state["channels"][0]["prefix"]),
        (&json!(true), &json!("config"))
    );
    let drop_channel =
        async || project.config("DeleteDeliveryChannel", json!({ "DeliveryChannelName": "default" })).await;
    let running = drop_channel().await;
    assert_eq!(running.code(), "LastDeliveryChannelDeleteFailedException");
    assert!(running.json()["message"].as_str().unwrap().ends_with("there is a running configuration recorder."));
    assert_eq!(project.config("StopConfigurationRecorder", named.clone()).await.code(), "ok");
    assert_eq!(drop_channel().await.code(), "ok");
    assert_eq!(drop_channel().await.code(), "NoSuchDeliveryChannelException");
    assert_eq!(project.config("DeleteConfigurationRecorder", named.clone()).await.code(), "ok");
    assert_eq!(
        project.config("DeleteConfigurationRecorder", named).await.code(),
        "NoSuchConfigurationRecorderException"
    );
}

#[tokio::test]
async fn there_is_one_recorder_and_one_channel_and_both_are_replaced_whole() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let group = json!({ "recordingGroup": { "resourceTypes": ["AWS::EC2::Instance"] },
        "recordingMode": { "recordingFrequency": "DAILY" } });
    let mut first = recorder(group);
    first["Tags"] = json!([{ "Key": "a", "Value": "1" }]);
    assert_eq!(project.config("PutConfigurationRecorder", first).await.code(), "ok");
    let other = project.config("PutConfigurationRecorder", recorder(json!({ "name": "mine" }))).await;
    assert_eq!(other.code(), "MaxNumberOfConfigurationRecordersExceededException");
    assert_eq!(
        other.json()["message"],
        "Failed to put configuration recorder 'mine' because the maximum number of configuration recorders: 1 is \
         reached."
    );
    let full = json!({ "configSnapshotDeliveryProperties": { "deliveryFrequency": "One_Hour" },
        "snsTopicARN": "arn:aws:sns:us-east-1:333333333333:topic" });
    assert_eq!(project.config("PutDeliveryChannel", channel(full)).await.code(), "ok");
    let other = project.config("PutDeliveryChannel", channel(json!({ "name": "mine" }))).await;
    assert_eq!(other.code(), "MaxNumberOfDeliveryChannelsExceededException");
    project.config("StartConfigurationRecorder", json!({ "ConfigurationRecorderName": "default" })).await;

    let mut again = recorder(json!({}));
    again["Tags"] = json!([{ "Key": "b", "Value": "2" }]);
    assert_eq!(project.config("PutConfigurationRecorder", again).await.code(), "ok");
    let read = project.config("DescribeConfigurationRecorders", json!({})).await.json();
    let one = &read["ConfigurationRecorders"][0];
    assert_eq!(one["recordingGroup"]["allSupported"], true);
    assert_eq!(one["recordingMode"]["recordingFrequency"], "CONTINUOUS");
    // It goes on recording; tags are taken at creation only.
    let state = chain.start.state().await["config"]["recorders"][0].clone();
    assert_eq!((&state["recording"], &state["tags"]), (&json!(true), &json!({ "a": "1" })));
    assert_eq!(project.config("PutDeliveryChannel", channel(json!({}))).await.code(), "ok");
    let read = project.config("DescribeDeliveryChannels", json!({})).await.json();
    let plain = json!({ "name": "default", "s3BucketName": "logs-bucket", "s3KeyPrefix": "config" });
    assert_eq!(read["DeliveryChannels"], json!([plain]));
    let unknown = json!({ "DeliveryChannelNames": ["none"] });
    assert_eq!(project.config("DescribeDeliveryChannels", unknown).await.code(), "NoSuchDeliveryChannelException");
}

#[tokio::test]
async fn recording_groups_are_one_of_three_and_daily_is_not_for_all() {
    let (_sandbox, chain) = estate().await;
    let put = async |more: Value| chain.project.config("PutConfigurationRecorder", recorder(more)).await.code();
    let instance = json!(["AWS::EC2::Instance"]);
    let exclude = json!({ "resourceTypes": ["AWS::IAM::User"] });
    let only = |strategy: &str| json!({ "useOnly": format!("{strategy}_RESOURCE_TYPES") });
    for group in [
        json!({}),
        json!({ "allSupported": false, "resourceTypes": [] }),
        json!({ "allSupported": true, "resourceTypes": instance }),
        json!({ "allSupported": true, "recordingStrategy": only("EXCLUSION_BY") }),
        json!({ "allSupported": true, "exclusionByResourceTypes": exclude }),
        json!({ "recordingStrategy": only("ALL_SUPPORTED") }),
        json!({ "resourceTypes": instance, "includeGlobalResourceTypes": true }),
        json!({ "includeGlobalResourceTypes": true }),
        json!({ "exclusionByResourceTypes": exclude }),
        json!({ "recordingStrategy": only("EXCLUSION_BY") }),
        json!({ "recordingStrategy": only("INCLUSION_BY") }),
        json!({ "resourceTypes": instance, "recordingStrategy": only("NO") }),
    ] {
        assert_eq!(put(json!({ "recordingGroup": group })).await, "InvalidRecordingGroupException", "{group}");
    }
    // What the API's model has not got is refused before it is looked at.
    for group in [
        json!({ "resourceTypes": ["EC2 instances"] }),
        json!({ "resourceTypes": ["AWS::Config::ConfigurationRecorder"] }),
    ] {
        assert_eq!(put(json!({ "recordingGroup": group })).await, "ValidationException", "{group}");
    }
    for group in [
        json!({ "allSupported": true, "includeGlobalResourceTypes": true, "recordingStrategy": only("ALL_SUPPORTED") }),
        json!({ "resourceTypes": instance }),
        json!({ "resourceTypes": instance, "recordingStrategy": only("INCLUSION_BY") }),
        json!({ "exclusionByResourceTypes": exclude, "recordingStrategy": only("EXCLUSION_BY") }),
    ] {
        assert_eq!(put(json!({ "recordingGroup": group })).await, "ok", "{group}");
    }
    let over = |types: Value, frequency: &str| {
        json!({ "recordingFrequency": "DAILY",
            "recordingModeOverrides": [{ "resourceTypes": types, "recordingFrequency": frequency }] })
    };
    let compliance = json!(["AWS::Config::ResourceCompliance"]);
    let mut two = over(instance.clone(), "CONTINUOUS");
    let copy = two["recordingModeOverrides"][0].clone();
    two["recordingModeOverrides"].as_array_mut().unwrap().push(copy);
    for mode in [
        json!({}),
        json!({ "recordingFrequency": "HOURLY" }),
        two,
        over(compliance.clone(), "DAILY"),
        over(json!([]), "CONTINUOUS"),
        over(json!(["AWS::Config::ConfigurationRecorder"]), "CONTINUOUS"),
    ] {
        assert_eq!(put(json!({ "recordingMode": mode })).await, "ValidationException", "{mode}");
    }
    let named = json!({ "resourceTypes": ["AWS::EC2::Instance", "AWS::Config::ResourceCompliance"] });
    let daily = json!({ "recordingGroup": named, "recordingMode": { "recordingFrequency": "DAILY" } });
    assert_eq!(put(daily).await, "ValidationException");
    let kept = json!({ "recordingGroup": named, "recordingMode": over(compliance, "CONTINUOUS") });
    assert_eq!(put(kept).await, "ok");
    assert_eq!(put(json!({ "recordingMode": { "recordingFrequency": "DAILY" } })).await, "ok");
}

#[tokio::test]
async fn names_and_roles_are_checked() {
    let (_sandbox, chain) = estate().await;
    let put = async |more: Value| chain.project.config("PutConfigurationRecorder", recorder(more)).await.code();
    let name = "InvalidConfigurationRecorderNameException";
    for (bad, code) in [("", name), ("AWSConfigurationRecorderForMe", name), (&"x".repeat(257), "ValidationException")]
    {
        assert_eq!(put(json!({ "name": bad })).await, code, "{bad}");
    }
    let events = json!({ "do": "create-role", "account": PROJECT, "role": "Events", "policy": {
        "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "events.amazonaws.com" } }] } });
    chain.start.tamper(events).await;
    for bad in [
        json!(null),
        json!(""),
        json!("nonsense"),
        json!("arn:aws:iam::333333333333:role/None"),
        json!("arn:aws:iam::333333333333:role/Events"),
        json!("arn:aws:iam::222222222222:role/Security"),
    ] {
        assert_eq!(put(json!({ "roleARN": bad })).await, "InvalidRoleException", "{bad}");
    }
    assert_eq!(put(json!({ "servicePrincipal": "x.amazonaws.com" })).await, "UnmodifiableEntityException");
    assert_eq!(put(json!({ "name": null })).await, "ok");
    let missing = chain.project.config("PutConfigurationRecorder", json!({})).await;
    assert_eq!(missing.code(), "ValidationException");
}

#[tokio::test]
async fn a_services_recorder_is_hidden_and_untouchable() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let service = "observabilityadmin.amazonaws.com";
    let made = json!({ "do": "put-linked-recorder", "account": PROJECT, "region": "us-east-1", "service": service });
    assert_eq!(chain.start.tamper(made).await.status, 200);
    let name = "AWSConfigurationRecorderForObservabilityadmin";
    let describe = async |input: Value| project.config("DescribeConfigurationRecorders", input).await;
    assert_eq!(describe(json!({})).await.json()["ConfigurationRecorders"], json!([]));
    for input in [json!({ "ConfigurationRecorderNames": [name] }), json!({ "ServicePrincipal": service })] {
        let found = describe(input).await.json()["ConfigurationRecorders"][0].clone();
        assert_eq!((&found["name"], &found["servicePrincipal"]), (&json!(name), &json!(service)));
        assert_eq!(found["recordingScope"], "INTERNAL");
    }
    let two = json!({ "ConfigurationRecorderNames": [name, "default"] });
    assert_eq!(describe(two).await.code(), "ValidationException");
    let none = json!({ "ConfigurationRecorderNames": ["none"] });
    assert_eq!(describe(none).await.code(), "NoSuchConfigurationRecorderException");
    for operation in ["StartConfigurationRecorder", "StopConfigurationRecorder", "DeleteConfigurationRecorder"] {
        let refused = project.config(operation, json!({ "ConfigurationRecorderName": name })).await;
        assert_eq!(refused.code(), "UnmodifiableEntityException", "{operation}");
    }
    // It is neither a recorder to deliver for, nor in the way of one.
    let early = project.config("PutDeliveryChannel", channel(json!({}))).await;
    assert_eq!(early.code(), "NoAvailableConfigurationRecorderException");
    assert_eq!(project.config("PutConfigurationRecorder", recorder(json!({}))).await.code(), "ok");
    assert_eq!(describe(json!({})).await.json()["ConfigurationRecorders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_bucket_policy_is_really_evaluated() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    project.config("PutConfigurationRecorder", recorder(json!({}))).await;
    let deliver = async |more: Value| project.config("PutDeliveryChannel", channel(more)).await;
    for (more, code) in [
        (json!({ "s3BucketName": "no-bucket" }), "NoSuchBucketException"),
        (json!({ "s3BucketName": null }), "NoSuchBucketException"),
        (json!({ "s3KeyPrefix": "" }), "InvalidS3KeyPrefixException"),
        (json!({ "s3KmsKeyArn": "" }), "InvalidS3KmsKeyArnException"),
        (json!({ "s3KmsKeyArn": "alias/logs" }), "InvalidS3KmsKeyArnException"),
        (json!({ "s3KmsKeyArn": "arn:aws:kms:us-east-1:222222222222:key/none" }), "InvalidS3KmsKeyArnException"),
        (json!({ "snsTopicARN": "topic" }), "InvalidSNSTopicARNException"),
        (json!({ "name": "" }), "InvalidDeliveryChannelNameException"),
        (json!({ "configSnapshotDeliveryProperties": { "deliveryFrequency": "Hourly" } }), "ValidationException"),
        // A prefix that the policy does not know.
        (json!({ "s3KeyPrefix": "other" }), "InsufficientDeliveryPolicyException"),
        (json!({ "s3KeyPrefix": null }), "InsufficientDeliveryPolicyException"),
    ] {
        assert_eq!(deliver(more.clone()).await.code(), code, "{more}");
    }
    let without = |index: usize| {
        let mut policy = config_policy();
        policy["Statement"].as_array_mut().unwrap().remove(index);
        policy
    };
    let changed = |path: &str, value: Value| {
        let mut policy = config_policy();
        *policy.pointer_mut(path).unwrap() = value;
        policy
    };
    let acl = "unable to get s3 bucket acl.";
    let write = "unable to write to bucket, provided s3 key prefix is 'config', provided kms key is 'null'.";
    for (policy, why) in [
        (json!(null), acl),
        (without(0), acl),
        (without(1), "unable to list s3 bucket."),
        (without(2), write),
        (changed("/Statement/0/Principal/Service", json!("cloudtrail.amazonaws.com")), acl),
        (changed("/Statement/2/Resource", json!(format!("arn:aws:s3:::logs-bucket/AWSLogs/{PROJECT}/*"))), write),
        (changed("/Statement/2/Condition/StringEquals/AWS:SourceAccount", json!(OTHER)), write),
        (changed("/Statement/2/Condition/StringEquals/s3:x-amz-acl", json!("private")), write),
        (changed("/Statement/2/Condition/ArnLike/aws:SourceArn", json!("arn:aws:config:eu-west-1:*")), write),
    ] {
        put(&chain, policy.clone()).await;
        let refused = deliver(json!({})).await;
        assert_eq!(refused.code(), "InsufficientDeliveryPolicyException", "{policy}");
        let message = format!("Insufficient delivery policy to s3 bucket: logs-bucket, {why}");
        assert_eq!(refused.json()["message"], message.as_str(), "{policy}");
    }
    put(&chain, config_policy()).await;
    assert_eq!(deliver(json!({})).await.code(), "ok");
    project.config("StartConfigurationRecorder", json!({ "ConfigurationRecorderName": "default" })).await;
    let status = async || {
        let answered = project.config("DescribeDeliveryChannelStatus", json!({})).await.json();
        answered["DeliveryChannelsStatus"][0]["configHistoryDeliveryInfo"].clone()
    };
    assert_eq!(status().await["lastStatus"], "Success");
    put(&chain, json!(null)).await;
    assert_eq!(
        (&status().await["lastStatus"], &status().await["lastErrorCode"]),
        (&json!("Failure"), &json!("AccessDenied"))
    );
}

#[tokio::test]
async fn the_key_is_really_evaluated_and_so_is_the_buckets_own() {
    let (_sandbox, chain) = estate().await;
    let (project, security) = (&chain.project, chain.security.at("ap-northeast-1"));
    project.config("PutConfigurationRecorder", recorder(json!({}))).await;
    let policy = |actions: Value, account: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": SECURITY }, "Action": "kms:*", "Resource": "*" },
            { "Effect": "Allow", "Principal": { "Service": "config.amazonaws.com" }, "Action": actions,
              "Resource": "*", "Condition": { "StringEquals": { "AWS:SourceAccount": account } } }] })
    };
    let both = json!(["kms:Decrypt", "kms:GenerateDataKey"]);
    let key = log_key(&security, Some(policy(both.clone(), PROJECT))).await;
    let deliver = async |key: &str| {
        let answered = project.config("PutDeliveryChannel", channel(json!({ "s3KmsKeyArn": key }))).await;
        if answered.code() == "InsufficientDeliveryPolicyException" {
            let message = answered.json()["message"].as_str().unwrap().to_owned();
            assert!(message.ends_with(&format!("provided kms key is '{key}'.")), "{message}");
        }
        answered.code()
    };
    let elsewhere = log_key(&chain.security, Some(policy(both.clone(), PROJECT))).await;
    assert_eq!(deliver(&elsewhere).await, "InvalidS3KmsKeyArnException");
    assert_eq!(deliver(&key).await, "ok");
    let insufficient = "InsufficientDeliveryPolicyException";
    for bad in [
        policy(json!("kms:Decrypt"), PROJECT),
        policy(json!("kms:GenerateDataKey"), PROJECT),
        policy(both.clone(), OTHER),
    ] {
        chain.start.tamper(json!({ "do": "put-key-policy", "key": key, "policy": bad })).await;
        assert_eq!(deliver(&key).await, insufficient, "{bad}");
    }
    // A channel without a key writes with the bucket's.
    let encryption = format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
         </SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>\
         </ServerSideEncryptionConfiguration>"
    );
    let put = security.send("s3", "PUT", "/logs-bucket?encryption", &[], encryption.as_bytes()).await;
    assert_eq!(put.code(), "ok");
    let plain = async || project.config("PutDeliveryChannel", channel(json!({}))).await.code();
    assert_eq!(plain().await, insufficient);
    let good = policy(both, PROJECT);
    chain.start.tamper(json!({ "do": "put-key-policy", "key": key, "policy": good })).await;
    assert_eq!((plain().await.as_str(), deliver(&key).await.as_str()), ("ok", "ok"));
    chain.start.tamper(json!({ "do": "disable-key", "key": key })).await;
    assert_eq!(deliver(&key).await, insufficient);
}

#[tokio::test]
async fn a_role_of_ones_own_is_tried_before_the_service() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "config.amazonaws.com" },
        "Condition": { "StringEquals": { "aws:SourceAccount": PROJECT } } }] });
    let trust = trust.to_string();
    let made = project.iam("CreateRole", &[("RoleName", "Recorder"), ("AssumeRolePolicyDocument", &trust)]).await;
    assert_eq!(made.code(), "ok");
    let own = "arn:aws:iam::333333333333:role/Recorder";
    let input = recorder(json!({ "roleARN": own }));
    assert_eq!(project.config("PutConfigurationRecorder", input).await.code(), "ok");
    let deliver = async || project.config("PutDeliveryChannel", channel(json!({}))).await;
    // It may do nothing, and the bucket lets the service in.
    assert_eq!(deliver().await.code(), "ok");
    let admits = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*",
        "Principal": { "AWS": own }, "Resource": ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"] }] });
    put(&chain, admits).await;
    assert_eq!(deliver().await.code(), "InsufficientDeliveryPolicyException");
    let may = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:GetBucketAcl", "s3:ListBucket", "s3:PutObject"], "Resource": "*" }] });
    let may = may.to_string();
    let input = [("RoleName", "Recorder"), ("PolicyName", "deliver"), ("PolicyDocument", may.as_str())];
    assert_eq!(project.iam("PutRolePolicy", &input).await.code(), "ok");
    assert_eq!(deliver().await.code(), "ok");
    // Its bucket lets it in no more.
    put(&chain, json!(null)).await;
    assert_eq!(deliver().await.code(), "InsufficientDeliveryPolicyException");
    chain.start.tamper(json!({ "do": "delete-role", "account": PROJECT, "role": "Recorder" })).await;
    let refused = deliver().await;
    assert_eq!(
        refused.json()["message"],
        "Insufficient delivery policy to s3 bucket: logs-bucket, unable to assume role: \
         arn:aws:iam::333333333333:role/Recorder."
    );
}
