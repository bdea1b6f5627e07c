//! Trails: names, homes, shadows, quotas, and what their bucket and key must allow.

use super::*;

pub(super) fn simple(name: &str) -> Value {
    json!({ "Name": name, "S3BucketName": "logs-bucket" })
}

fn with(mut input: Value, member: &str, value: impl Into<Value>) -> Value {
    input[member] = value.into();
    input
}

async fn estate() -> (Sandbox, Chain) {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.code(), "ok");
    (sandbox, chain)
}

#[tokio::test]
async fn a_trail_is_made_without_logging_and_read_back_as_the_api_spells_it() {
    let (_sandbox, chain) = estate().await;
    let made = chain.project.trail("CreateTrail", with(simple("base"), "EnableLogFileValidation", true)).await;
    let arn = "arn:aws:cloudtrail:us-east-1:333333333333:trail/base";
    let members = json!({
        "Name": "base", "S3BucketName": "logs-bucket", "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": false,
        "TrailARN": arn, "LogFileValidationEnabled": true, "IsOrganizationTrail": false,
    });
    assert_eq!(made.json(), members);
    assert!(made.header("x-amzn-requestid").is_some());
    let mut whole = members;
    whole["HomeRegion"] = json!("us-east-1");
    whole["HasCustomEventSelectors"] = json!(false);
    whole["HasInsightSelectors"] = json!(false);
    assert_eq!(chain.project.trail("DescribeTrails", json!({})).await.json(), json!({ "trailList": [whole] }));
    assert_eq!(chain.project.trail("GetTrail", json!({ "Name": arn })).await.json(), json!({ "Trail": whole }));

    let status = async || chain.project.trail("GetTrailStatus", json!({ "Name": "base" })).await.json();
    assert_eq!(status().await["IsLogging"], false);
    assert_eq!(chain.project.trail("StartLogging", json!({ "Name": "base" })).await.code(), "ok");
    assert_eq!(status().await["IsLogging"], true);
    assert!(status().await["StartLoggingTime"].is_f64() && status().await.get("LatestDeliveryError").is_none());
    chain.start.tamper(json!({ "do": "put-bucket-policy", "bucket": "logs-bucket", "policy": null })).await;
    assert_eq!(status().await["LatestDeliveryError"], "AccessDenied");
    let stop = json!({ "do": "stop-logging", "account": PROJECT, "region": "us-east-1", "name": "base" });
    assert_eq!(chain.start.tamper(stop).await.status, 200);
    assert_eq!(status().await["IsLogging"], false);
    assert_eq!(chain.project.trail("DeleteTrail", json!({ "Name": "base" })).await.code(), "ok");
    assert_eq!(chain.project.trail("GetTrail", json!({ "Name": "base" })).await.code(), "TrailNotFoundException");
    assert_eq!(chain.start.state().await["trails"], json!([]));
}

#[tokio::test]
async fn names_and_combinations_are_checked() {
    let (_sandbox, chain) = estate().await;
    for bad in ["ab", "-base", "base-", "a..b", "a._b", "base trail", "10.0.0.1", &"x".repeat(129)] {
        let made = chain.project.trail("CreateTrail", simple(bad)).await;
        assert_eq!(made.code(), "InvalidTrailNameException", "{bad}");
    }
    let no_globals = with(simple("base"), "IncludeGlobalServiceEvents", false);
    for (input, code) in [
        (with(no_globals.clone(), "IsMultiRegionTrail", true), "InvalidParameterCombinationException"),
        (with(simple("base"), "S3BucketName", "no-bucket"), "S3BucketDoesNotExistException"),
        (with(simple("base"), "S3KeyPrefix", "a/AWSLogs/b"), "InvalidS3PrefixException"),
        (with(simple("base"), "IsOrganizationTrail", true), "OrganizationsNotInUseException"),
        (with(simple("base"), "TagsList", json!([{ "Key": "aws:x" }])), "InvalidTagParameterException"),
        (with(simple("base"), "SnsTopicName", "topic"), "UnknownOperationException"),
        (no_globals, "ok"),
    ] {
        assert_eq!(chain.project.trail("CreateTrail", input.clone()).await.code(), code, "{input}");
    }
}

#[tokio::test]
async fn the_bucket_policy_is_really_evaluated() {
    let (_sandbox, chain) = estate().await;
    let security = chain.security.at("ap-northeast-1");
    let refused = "InsufficientS3BucketPolicyException";
    // The statement's SourceArn names the other account's trails only.
    let other = chain.other.trail("CreateTrail", simple("base")).await;
    assert_eq!(other.code(), refused);
    assert_eq!(other.json()["message"], "Incorrect S3 bucket policy is detected for bucket: logs-bucket");
    // A prefix that the policy does not know.
    assert_eq!(chain.project.trail("CreateTrail", with(simple("base"), "S3KeyPrefix", "p")).await.code(), refused);
    let without = |index: usize| {
        let mut policy = bucket_policy();
        policy["Statement"].as_array_mut().unwrap().remove(index);
        policy
    };
    let changed = |path: &str, value: Value| {
        let mut policy = bucket_policy();
        *policy.pointer_mut(path).unwrap() = value;
        policy
    };
    let deny = || {
        let mut policy = bucket_policy();
        policy["Statement"][2]["Condition"] = json!({});
        policy
    };
    for policy in [
        without(0),
        without(1),
        changed("/Statement/0/Principal/Service", json!("config.amazonaws.com")),
        changed("/Statement/1/Resource", json!("arn:aws:s3:::logs-bucket/other/*")),
        changed("/Statement/1/Condition/StringEquals/s3:x-amz-acl", json!("private")),
        changed("/Statement/1/Condition/StringEquals/aws:SourceAccount", json!(OTHER)),
        deny(),
    ] {
        chain.start.tamper(json!({ "do": "put-bucket-policy", "bucket": "logs-bucket", "policy": policy })).await;
        assert_eq!(chain.project.trail("CreateTrail", simple("base")).await.code(), refused, "{policy}");
    }
    chain.start.tamper(json!({ "do": "put-bucket-policy", "bucket": "logs-bucket", "policy": without(2) })).await;
    assert_eq!(chain.project.trail("CreateTrail", simple("base")).await.code(), "ok");
    // An update is checked as well.
    security.send("s3", "DELETE", "/logs-bucket?policy", &[], &[]).await;
    let update = chain.project.trail("UpdateTrail", json!({ "Name": "base", "EnableLogFileValidation": true })).await;
    assert_eq!(update.code(), refused);
}

#[tokio::test]
async fn the_key_must_be_in_the_buckets_region_enabled_and_let_cloudtrail_in() {
    let (_sandbox, chain) = estate().await;
    let security = chain.security.at("ap-northeast-1");
    let create =
        async |name: &str, key: &str| chain.project.trail("CreateTrail", with(simple(name), "KmsKeyId", key)).await;
    let elsewhere = log_key(&chain.security, Some(key_policy())).await;
    assert_eq!(create("base", &elsewhere).await.code(), "KmsKeyNotFoundException");
    assert_eq!(create("base", "alias/none").await.code(), "KmsKeyNotFoundException");
    assert_eq!(create("base", "no key").await.code(), "InvalidKmsKeyIdException");
    // The default policy admits the account, not the service.
    let default = log_key(&security, None).await;
    assert_eq!(create("base", &default).await.code(), "InsufficientEncryptionPolicyException");
    let mut undescribed = key_policy();
    undescribed["Statement"].as_array_mut().unwrap().pop();
    let undescribed = log_key(&security, Some(undescribed)).await;
    assert_eq!(create("base", &undescribed).await.code(), "InsufficientEncryptionPolicyException");

    let key = log_key(&security, Some(key_policy())).await;
    let alias = json!({ "AliasName": "alias/logs", "TargetKeyId": key });
    assert_eq!(security.json("kms", "CreateAlias", alias).await.code(), "ok");
    let made = create("base", &format!("arn:aws:kms:ap-northeast-1:{SECURITY}:alias/logs")).await;
    assert_eq!(made.json()["KmsKeyId"], key.as_str());
    // With an S3 bucket key, CloudTrail has to decrypt too.
    let encryption = format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
         </SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
         <BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
    );
    security.send("s3", "PUT", "/logs-bucket?encryption", &[], encryption.as_bytes()).await;
    assert_eq!(create("base2", &key).await.code(), "InsufficientEncryptionPolicyException");
    let mut policy = key_policy();
    policy["Statement"][1]["Action"] = json!(["kms:GenerateDataKey*", "kms:Decrypt"]);
    chain.start.tamper(json!({ "do": "put-key-policy", "key": key, "policy": policy })).await;
    assert_eq!(create("base2", &key).await.code(), "ok");
    security.json("kms", "DisableKey", json!({ "KeyId": key })).await;
    assert_eq!(create("base3", &key).await.code(), "KmsKeyDisabledException");
    // An empty text takes the key away.
    let update = chain.project.trail("UpdateTrail", json!({ "Name": "base", "KmsKeyId": "" })).await;
    assert!(update.json().get("KmsKeyId").is_none(), "{}", update.body);
}

#[tokio::test]
async fn a_multi_region_trail_has_shadows_that_are_read_by_arn_and_changed_at_home() {
    let (_sandbox, chain) = estate().await;
    let home = &chain.project;
    let away = home.at("eu-west-1");
    assert_eq!(home.trail("CreateTrail", with(simple("multi"), "IsMultiRegionTrail", true)).await.code(), "ok");
    let arn = "arn:aws:cloudtrail:us-east-1:333333333333:trail/multi";
    let count = async |client: &Client, input: Value| {
        client.trail("DescribeTrails", input).await.json()["trailList"].as_array().unwrap().len()
    };
    assert_eq!(count(&away, json!({})).await, 1);
    assert_eq!(count(&home.at("ap-east-1"), json!({})).await, 1);
    assert_eq!(count(&away, json!({ "includeShadowTrails": false })).await, 0);
    assert_eq!(count(home, json!({ "includeShadowTrails": false })).await, 1);
    assert_eq!(count(&away, json!({ "trailNameList": ["multi"] })).await, 0);
    assert_eq!(count(&away, json!({ "trailNameList": [arn] })).await, 1);
    assert_eq!(count(home, json!({ "trailNameList": ["unknown"] })).await, 0);

    for (operation, member, by_name, by_arn) in [
        ("GetTrailStatus", "Name", "TrailNotFoundException", "ok"),
        ("GetTrail", "Name", "TrailNotFoundException", "ok"),
        ("GetEventSelectors", "TrailName", "TrailNotFoundException", "ok"),
        ("UpdateTrail", "Name", "InvalidHomeRegionException", "InvalidHomeRegionException"),
        ("StartLogging", "Name", "InvalidHomeRegionException", "InvalidHomeRegionException"),
        ("DeleteTrail", "Name", "InvalidHomeRegionException", "InvalidHomeRegionException"),
        ("PutEventSelectors", "TrailName", "InvalidHomeRegionException", "InvalidHomeRegionException"),
        ("AddTags", "ResourceId", "CloudTrailARNInvalidException", "CloudTrailARNInvalidException"),
    ] {
        assert_eq!(away.trail(operation, json!({ member: "multi" })).await.code(), by_name, "{operation} by name");
        assert_eq!(away.trail(operation, json!({ member: arn })).await.code(), by_arn, "{operation} by ARN");
    }
    // A shadow's name is taken in every Region.
    assert_eq!(away.trail("CreateTrail", simple("multi")).await.code(), "TrailAlreadyExistsException");
    assert_eq!(home.trail("CreateTrail", simple("multi")).await.code(), "TrailAlreadyExistsException");
    assert_eq!(away.trail("CreateTrail", simple("single")).await.code(), "ok");
    let second = with(simple("single"), "IsMultiRegionTrail", true);
    assert_eq!(home.trail("CreateTrail", second).await.code(), "TrailAlreadyExistsException");
    // A single-Region trail cannot be seen from elsewhere, not even by its ARN.
    let single = json!({ "Name": "arn:aws:cloudtrail:eu-west-1:333333333333:trail/single" });
    assert_eq!(home.trail("GetTrailStatus", single).await.code(), "CloudTrailARNInvalidException");

    // Conversions take global service events with them.
    let to_single = home.trail("UpdateTrail", json!({ "Name": "multi", "IsMultiRegionTrail": false })).await;
    assert_eq!(to_single.json()["IncludeGlobalServiceEvents"], false);
    assert_eq!(count(&away, json!({})).await, 1);
    let back = home.trail("UpdateTrail", json!({ "Name": "multi", "IsMultiRegionTrail": true })).await;
    assert_eq!(back.json()["IncludeGlobalServiceEvents"], true);
    let off = home.trail("UpdateTrail", json!({ "Name": "multi", "IncludeGlobalServiceEvents": false })).await;
    assert_eq!(off.code(), "InvalidParameterCombinationException");
    assert_eq!(home.trail("ListTrails", json!({})).await.json()["Trails"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn five_trails_a_region_shadows_included() {
    let (_sandbox, chain) = estate().await;
    let (home, away) = (&chain.project, chain.project.at("eu-west-1"));
    assert_eq!(home.trail("CreateTrail", with(simple("multi"), "IsMultiRegionTrail", true)).await.code(), "ok");
    let foreign = json!({ "do": "put-foreign-trail", "account": PROJECT, "region": "eu-west-1", "name": "theirs",
        "bucket": "their-bucket" });
    assert_eq!(chain.start.tamper(foreign).await.status, 200);
    for name in ["one", "two", "three"] {
        assert_eq!(away.trail("CreateTrail", simple(name)).await.code(), "ok", "{name}");
    }
    let full = "MaximumNumberOfTrailsExceededException";
    assert_eq!(away.trail("CreateTrail", simple("four")).await.code(), full);
    // No room for its shadow over there.
    assert_eq!(home.trail("CreateTrail", with(simple("four"), "IsMultiRegionTrail", true)).await.code(), full);
    assert_eq!(home.trail("CreateTrail", simple("four")).await.code(), "ok");
}

#[tokio::test]
async fn selectors_are_one_form_or_the_other() {
    let (_sandbox, chain) = estate().await;
    chain.project.trail("CreateTrail", simple("base")).await;
    let get = async || chain.project.trail("GetEventSelectors", json!({ "TrailName": "base" })).await.json();
    let put = async |member: &str, value: Value| {
        chain.project.trail("PutEventSelectors", json!({ "TrailName": "base", member: value })).await
    };
    let default = json!([{ "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": [] }]);
    assert_eq!(get().await["EventSelectors"], default);
    let no_kms = json!([{ "ExcludeManagementEventSources": ["kms.amazonaws.com"] }]);
    assert_eq!(put("EventSelectors", no_kms).await.json()["EventSelectors"][0]["ReadWriteType"], "All");
    let described = chain.project.trail("GetTrail", json!({ "Name": "base" })).await.json();
    assert_eq!(described["Trail"]["HasCustomEventSelectors"], true);
    let advanced = json!([{ "Name": "m", "FieldSelectors": [{ "Field": "eventCategory", "Equals": ["Management"] }] }]);
    assert_eq!(put("AdvancedEventSelectors", advanced.clone()).await.code(), "ok");
    assert!(get().await.get("EventSelectors").is_none());
    assert_eq!(get().await["AdvancedEventSelectors"], advanced);
    let both = json!({ "TrailName": "base", "EventSelectors": default, "AdvancedEventSelectors": advanced });
    let invalid = "InvalidEventSelectorsException";
    assert_eq!(chain.project.trail("PutEventSelectors", both).await.code(), invalid);
    for bad in [
        json!([]),
        json!([{ "ReadWriteType": "Some" }]),
        json!([{ "IncludeManagementEvents": false }]),
        json!([{ "ExcludeManagementEventSources": ["s3.amazonaws.com"] }]),
        json!([{ "DataResources": [{ "Type": "AWS::EC2::Instance", "Values": ["x"] }] }]),
        json!([{}, {}, {}, {}, {}, {}]),
    ] {
        assert_eq!(put("EventSelectors", bad.clone()).await.code(), invalid, "{bad}");
    }
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let (_sandbox, chain) = estate().await;
    let tags = json!([{ "Key": "a", "Value": "1" }]);
    let made = chain.project.trail("CreateTrail", with(simple("base"), "TagsList", tags)).await;
    let arn = made.json()["TrailARN"].as_str().unwrap().to_owned();
    let list = async || {
        let listed = chain.project.trail("ListTags", json!({ "ResourceIdList": [arn] })).await.json();
        listed["ResourceTagList"][0]["TagsList"].clone()
    };
    let add = json!({ "ResourceId": arn, "TagsList": [{ "Key": "a", "Value": "2" }, { "Key": "b" }] });
    assert_eq!(chain.project.trail("AddTags", add).await.code(), "ok");
    assert_eq!(list().await, json!([{ "Key": "a", "Value": "2" }, { "Key": "b", "Value": "" }]));
    let remove = json!({ "ResourceId": arn, "TagsList": [{ "Key": "b" }] });
    assert_eq!(chain.project.trail("RemoveTags", remove).await.code(), "ok");
    chain.start.tamper(json!({ "do": "untag", "arn": arn })).await;
    assert_eq!(list().await, json!([]));
    let many: Vec<Value> = (0..51).map(|n| json!({ "Key": n.to_string() })).collect();
    let add = chain.project.trail("AddTags", json!({ "ResourceId": arn, "TagsList": many })).await;
    assert_eq!(add.code(), "TagsLimitExceededException");
    let unknown = json!({ "ResourceIdList": ["arn:aws:cloudtrail:us-east-1:333333333333:trail/none"] });
    assert_eq!(chain.project.trail("ListTags", unknown).await.code(), "ResourceNotFoundException");
}
