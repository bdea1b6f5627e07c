//! Keys: the policy alone decides, and nobody locks himself out.

use super::*;

#[tokio::test]
async fn a_key_lives_through_its_states() {
    let sandbox = start().await;
    let client = chain(&sandbox).await.security;
    let tags = json!([{ "TagKey": "a", "TagValue": "1" }]);
    let made = client.json("kms", "CreateKey", json!({ "Description": "logs", "Tags": tags })).await.json();
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let arn = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    assert_eq!(arn, format!("arn:aws:kms:us-east-1:{SECURITY}:key/{id}"));
    let call = async |operation: &str, input: Value| client.json("kms", operation, input).await;
    assert_eq!(call("CreateAlias", json!({ "AliasName": "alias/logs", "TargetKeyId": id })).await.code(), "ok");
    let again = call("CreateAlias", json!({ "AliasName": "alias/logs", "TargetKeyId": id })).await;
    assert_eq!(again.code(), "AlreadyExistsException");
    for name in [id.as_str(), &arn, "alias/logs", &format!("arn:aws:kms:us-east-1:{SECURITY}:alias/logs")] {
        let described = call("DescribeKey", json!({ "KeyId": name })).await.json();
        assert_eq!(described["KeyMetadata"], made["KeyMetadata"], "{name}");
    }
    for name in ["alias/none", "11111111-1111-4111-a111-111111111111", "nonsense"] {
        assert_eq!(call("DescribeKey", json!({ "KeyId": name })).await.code(), "NotFoundException", "{name}");
    }
    // Only DescribeKey takes an alias.
    assert_eq!(call("GetKeyPolicy", json!({ "KeyId": "alias/logs" })).await.code(), "NotFoundException");
    let aliases = call("ListAliases", json!({ "KeyId": id })).await.json();
    assert_eq!(aliases["Aliases"][0]["AliasName"], "alias/logs");
    assert_eq!(call("ListResourceTags", json!({ "KeyId": id })).await.json()["Tags"], tags);

    let rotation = async || call("GetKeyRotationStatus", json!({ "KeyId": id })).await.json();
    assert_eq!(rotation().await["KeyRotationEnabled"], false);
    assert_eq!(call("EnableKeyRotation", json!({ "KeyId": id })).await.code(), "ok");
    assert_eq!(rotation().await["RotationPeriodInDays"], 365);
    call("DisableKey", json!({ "KeyId": id })).await;
    assert_eq!(call("DisableKeyRotation", json!({ "KeyId": id })).await.code(), "DisabledException");
    let deletion = call("ScheduleKeyDeletion", json!({ "KeyId": id, "PendingWindowInDays": 7 })).await.json();
    assert_eq!(deletion["KeyState"], "PendingDeletion");
    assert_eq!(call("EnableKey", json!({ "KeyId": id })).await.code(), "KMSInvalidStateException");
    assert_eq!(call("CancelKeyDeletion", json!({ "KeyId": id })).await.code(), "ok");
    assert_eq!(call("EnableKey", json!({ "KeyId": id })).await.code(), "ok");
    // A page at a time.
    call("CreateKey", json!({})).await;
    let page = call("ListKeys", json!({ "Limit": 1 })).await.json();
    assert_eq!((page["Keys"].as_array().unwrap().len(), &page["Truncated"]), (1, &json!(true)));
    let rest = call("ListKeys", json!({ "Limit": 1, "Marker": page["NextMarker"] })).await.json();
    assert_eq!((rest["Keys"].as_array().unwrap().len(), &rest["Truncated"]), (1, &json!(false)));
}

#[tokio::test]
async fn the_key_policy_alone_decides_for_everybody() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let key = log_key(&chain.security, None).await;
    let foreign = chain.project.json("kms", "DescribeKey", json!({ "KeyId": key })).await;
    assert_eq!(foreign.code(), "AccessDeniedException");
    assert!(foreign.body.contains("because no resource-based policy allows the kms:DescribeKey action"));
    let statement = |sid: &str, effect: &str, account: &str, action: &str| {
        let root = json!({ "AWS": format!("arn:aws:iam::{account}:root") });
        json!({ "Sid": sid, "Effect": effect, "Principal": root, "Action": action, "Resource": "*" })
    };
    let policy = |statements: Vec<Value>| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let own = || statement("Own", "Allow", SECURITY, "kms:*");
    let put = async |policy: String, bypass: bool| {
        let input = json!({ "KeyId": key, "Policy": policy, "BypassPolicyLockoutSafetyCheck": bypass });
        chain.security.json("kms", "PutKeyPolicy", input).await
    };
    let shared = policy(vec![own(), statement("Them", "Allow", PROJECT, "kms:*")]);
    assert_eq!(put(shared, false).await.code(), "ok");
    assert_eq!(chain.project.json("kms", "DescribeKey", json!({ "KeyId": key })).await.code(), "ok");
    // What cannot be done across accounts cannot be allowed.
    let get = chain.project.json("kms", "GetKeyPolicy", json!({ "KeyId": key })).await;
    assert_eq!(get.code(), "AccessDeniedException");

    let malformed = "MalformedPolicyDocumentException";
    let lockout = policy(vec![statement("Them", "Allow", PROJECT, "kms:*")]);
    assert_eq!(put(lockout, false).await.code(), malformed);
    let nobody = policy(vec![own(), statement("Gone", "Allow", "555555555555", "kms:*")]);
    assert_eq!(put(nobody, false).await.code(), malformed);
    assert_eq!(put("no policy".to_owned(), false).await.code(), malformed);
    let sid = "x".repeat(33_000);
    assert_eq!(
        put(policy(vec![statement(&sid, "Allow", SECURITY, "kms:*")]), false).await.code(),
        "LimitExceededException"
    );
    // Locked out on purpose: the account's own role cannot read it any more.
    let bypassed = policy(vec![statement("Little", "Allow", SECURITY, "kms:DescribeKey")]);
    assert_eq!(put(bypassed, true).await.code(), "ok");
    assert_eq!(put(policy(vec![own()]), false).await.code(), "AccessDeniedException");
    let wrong_region = chain.security.at("eu-west-1").json("kms", "DescribeKey", json!({ "KeyId": key })).await;
    assert_eq!(wrong_region.code(), "NotFoundException");
}
