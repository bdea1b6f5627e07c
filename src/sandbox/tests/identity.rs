//! Who may become whom, for how long, and where.

use serde_json::json;

use super::client::find;
use super::*;

#[tokio::test]
async fn the_chain_is_walked_hop_by_hop_and_no_hop_is_skipped() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(chain.start.whoami().await, JUMP);
    assert_eq!(chain.jump.whoami().await, JUMP);
    assert_eq!(chain.security.whoami().await, SECURITY);
    assert_eq!(chain.project.whoami().await, PROJECT);
    assert_eq!(chain.other.whoami().await, OTHER);

    let id = [("ExternalId", "project-id")];
    for client in [&chain.start, &chain.jump, &chain.project] {
        let refused = client.try_assume(PROJECT, "Execution", &id).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "AccessDenied"));
    }
    let skipped = chain.jump.try_assume(PROJECT, "Execution", &id).await;
    assert_eq!(
        find(&skipped.xml(), "Message").unwrap(),
        "User: arn:aws:sts::111111111111:assumed-role/Jump/run is not authorized to perform: sts:AssumeRole on \
         resource: arn:aws:iam::333333333333:role/Execution"
    );
    // The role's path is a part of its ARN, but never of its session's.
    let pathless = chain.security.try_assume(OTHER, "Execution", &id).await;
    assert_eq!(pathless.code(), "AccessDenied");
}

#[tokio::test]
async fn external_ids_and_texts_are_checked() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    for (more, code) in [
        (&[][..], "AccessDenied"),
        (&[("ExternalId", "wrong-id")], "AccessDenied"),
        (&[("ExternalId", "a")], "ValidationError"),
        (&[("ExternalId", "with blank")], "ValidationError"),
        (&[("ExternalId", "project-id"), ("RoleSessionName", "x")], "ValidationError"),
        (&[("ExternalId", "project-id"), ("RoleSessionName", "x y")], "ValidationError"),
        (&[("ExternalId", "project-id"), ("DurationSeconds", "899")], "ValidationError"),
        (&[("ExternalId", "project-id"), ("DurationSeconds", "43201")], "ValidationError"),
        (&[("ExternalId", "project-id"), ("DurationSeconds", "900")], "ok"),
    ] {
        assert_eq!(chain.security.try_assume(PROJECT, "Execution", more).await.code(), code, "{more:?}");
    }
}

#[tokio::test]
async fn a_chained_session_lasts_an_hour_at_most() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let long = [("DurationSeconds", "7200")];
    assert_eq!(chain.start.try_assume(JUMP, "Jump", &long).await.code(), "ok");
    assert_eq!(chain.start.try_assume(JUMP, "Jump", &[("DurationSeconds", "7201")]).await.code(), "ValidationError");
    let more = [("ExternalId", "sec-id"), ("DurationSeconds", "3601")];
    let refused = chain.jump.try_assume(SECURITY, "Security", &more).await;
    assert_eq!(refused.code(), "ValidationError");
    assert!(refused.body.contains("exceeds the 1 hour session limit for roles assumed by role chaining."));
}

/// The caller is the user, and the keys are a session's all the same.
#[tokio::test]
async fn the_keys_of_get_session_token_count_as_chained() {
    let sandbox = start().await;
    let user = Client::new(&sandbox);
    let answered = user.query("sts", "GetSessionToken", &[("DurationSeconds", "43200")]).await;
    let (key, token) = (find(&answered.xml(), "AccessKeyId").unwrap(), find(&answered.xml(), "SessionToken"));
    assert!(key.starts_with("ASIA"), "{key}");
    let session = Client { key, token, ..user.clone() };
    assert_eq!(session.whoami().await, JUMP);
    let refused = session.try_assume(JUMP, "Jump", &[("DurationSeconds", "7200")]).await;
    assert!(refused.body.contains("exceeds the 1 hour session limit for roles assumed by role chaining."));
    assert_eq!(session.try_assume(JUMP, "Jump", &[("DurationSeconds", "3600")]).await.code(), "ok");
    assert_eq!(session.query("sts", "GetSessionToken", &[]).await.code(), "AccessDenied");
}

#[tokio::test]
async fn a_source_identity_stays() {
    let mut profiles = profiles(false);
    profiles.jump.hop.as_mut().unwrap().source_identity = Some("alice".to_owned());
    let sandbox = Sandbox::start(&profiles, Options::default()).await.unwrap();
    let jump = Client::new(&sandbox).assume(JUMP, "Jump", &[("SourceIdentity", "alice")]).await;
    let id = ("ExternalId", "sec-id");
    let changed = jump.try_assume(SECURITY, "Security", &[id, ("SourceIdentity", "mallory")]).await;
    assert_eq!(changed.code(), "AccessDenied");
    let kept = jump.try_assume(SECURITY, "Security", &[id]).await;
    assert_eq!(find(&kept.xml(), "SourceIdentity").as_deref(), Some("alice"));
    // Where no hop sets one, no role allows it.
    let plain = start().await;
    let refused = Client::new(&plain).try_assume(JUMP, "Jump", &[("SourceIdentity", "alice")]).await;
    assert!(refused.body.contains("sts:SetSourceIdentity"), "{}", refused.body);
}

#[tokio::test]
async fn the_first_role_can_ask_for_a_device() {
    let sandbox = Sandbox::start(&profiles(true), Options::default()).await.unwrap();
    let start = Client::new(&sandbox);
    let serial = ("SerialNumber", "arn:aws:iam::111111111111:mfa/alice");
    for (more, fragment) in [
        (&[][..], "is not authorized to perform: sts:AssumeRole"),
        (&[serial, ("TokenCode", "000000")], "invalid MFA one time pass code"),
        (&[("SerialNumber", "other-device"), ("TokenCode", "123456")], "verify your MFA serial number"),
        (&[serial], "must provide both"),
    ] {
        let refused = start.try_assume(JUMP, "Jump", more).await;
        assert_eq!(refused.code(), "AccessDenied", "{more:?}");
        assert!(refused.body.contains(fragment), "{}", refused.body);
    }
    start.assume(JUMP, "Jump", &[serial, ("TokenCode", "123456")]).await;
}

#[tokio::test]
async fn every_service_refuses_in_its_own_words() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let bad = ["AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId"];
    // An unknown key, and a token that is not the key's.
    let unknown = Client { key: "AKIAUNKNOWN".to_owned(), ..chain.start.clone() };
    let forged = Client { token: Some("forged".to_owned()), ..chain.project.clone() };
    for client in [unknown, forged] {
        let codes = client.codes().await;
        assert_eq!(codes[..3], bad);
        assert_eq!(codes[3], "InvalidAccessKeyId");
    }
    // A Region that the account has not enabled: the same codes, but for S3 and a session.
    let codes = chain.project.at("me-south-1").codes().await;
    assert_eq!(codes[..3], bad);
    assert_eq!(codes[3], "InvalidToken");
    assert_eq!(chain.start.at("me-south-1").codes().await[3], "InvalidAccessKeyId");
    // Enabled for this account, not for the other.
    assert_eq!(chain.project.at("ap-east-1").whoami().await, PROJECT);
    assert_eq!(chain.other.at("ap-east-1").whoami().await, "InvalidClientTokenId");
    // A session that has ended.
    chain.start.tamper(json!({ "do": "expire-sessions" })).await;
    let expired = ["RequestExpired", "ExpiredTokenException", "ExpiredToken", "ExpiredToken"];
    assert_eq!(chain.project.codes().await, expired);
    assert_eq!(chain.start.whoami().await, JUMP);
}

#[tokio::test]
async fn sessions_can_be_shortened_and_then_end() {
    let options = Options { session_seconds: Some(0), ..Options::default() };
    let sandbox = Sandbox::start(&profiles(false), options).await.unwrap();
    let jump = Client::new(&sandbox).assume(JUMP, "Jump", &[]).await;
    assert_eq!(jump.whoami().await, "ExpiredToken");
}

#[tokio::test]
async fn regions_are_the_accounts_own() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let count = async |client: &Client, input: &[(&str, &str)]| {
        let answered = client.query("ec2", "DescribeRegions", input).await;
        answered.xml().child("regionInfo").unwrap().children.len()
    };
    assert_eq!(count(&chain.project, &[]).await, 18);
    assert_eq!(count(&chain.other, &[]).await, 17);
    assert_eq!(count(&chain.project, &[("AllRegions", "true")]).await, 34);
    let filter = |value| [("AllRegions", "true"), ("Filter.1.Name", "opt-in-status"), ("Filter.1.Value.1", value)];
    assert_eq!(count(&chain.project, &filter("opted-in")).await, 1);
    assert_eq!(count(&chain.project, &filter("not-opted-in")).await, 16);
    assert_eq!(count(&chain.project, &[("RegionName.1", "ap-east-1"), ("RegionName.2", "us-east-1")]).await, 2);
    chain.start.tamper(json!({ "do": "disable-region", "account": PROJECT, "region": "ap-east-1" })).await;
    assert_eq!(count(&chain.project, &[]).await, 17);
}

#[tokio::test]
async fn a_denied_operation_says_why() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    chain.start.tamper(json!({ "do": "deny", "account": PROJECT, "operation": "ec2:*", "scp": true })).await;
    chain.start.tamper(json!({ "do": "deny", "account": PROJECT, "operation": "cloudtrail:DescribeTrails" })).await;
    let ec2 = chain.project.query("ec2", "DescribeRegions", &[]).await;
    assert_eq!((ec2.status, ec2.code().as_str()), (403, "UnauthorizedOperation"));
    assert!(ec2.body.contains("ec2:DescribeRegions with an explicit deny in a service control policy"), "{}", ec2.body);
    let trails = chain.project.trail("DescribeTrails", json!({})).await;
    assert_eq!((trails.status, trails.code().as_str()), (400, "AccessDeniedException"));
    assert_eq!(
        trails.json()["message"],
        "User: arn:aws:sts::333333333333:assumed-role/Execution/run is not authorized to perform: \
         cloudtrail:DescribeTrails on resource: arn:aws:cloudtrail:us-east-1:333333333333:trail/* because no \
         identity-based policy allows the cloudtrail:DescribeTrails action"
    );
    assert_eq!(chain.other.trail("DescribeTrails", json!({})).await.code(), "ok");
    // S3's operations and IAM actions differ in name: either will do.
    for name in ["s3:GetEncryptionConfiguration", "s3:GetBucketEncryption"] {
        chain.start.tamper(json!({ "do": "deny", "account": OTHER, "operation": name })).await;
        let denied = chain.other.send("s3", "GET", "/any-bucket?encryption", &[], &[]).await;
        assert!(denied.body.contains("s3:GetEncryptionConfiguration on resource: &quot;arn:aws:s3:::any-bucket&quot;"));
        chain.start.tamper(json!({ "do": "permit", "account": OTHER, "operation": name })).await;
        assert_eq!(chain.other.send("s3", "GET", "/any-bucket?encryption", &[], &[]).await.code(), "NoSuchBucket");
    }
    chain.start.tamper(json!({ "do": "permit", "account": PROJECT })).await;
    assert_eq!(chain.project.query("ec2", "DescribeRegions", &[]).await.code(), "ok");
}

#[tokio::test]
async fn roles_can_be_tampered_with() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let id = [("ExternalId", "project-id")];
    let behind = json!({ "do": "alias-role-to", "account": PROJECT, "role": "Execution", "to": OTHER });
    assert_eq!(chain.start.tamper(behind).await.status, 200);
    assert_eq!(chain.security.assume(PROJECT, "Execution", &id).await.whoami().await, OTHER);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": JUMP }, "Action": "sts:AssumeRole" }] });
    let set = json!({ "do": "set-trust", "account": PROJECT, "role": "Execution", "policy": trust });
    assert_eq!(chain.start.tamper(set).await.status, 200);
    assert_eq!(chain.security.try_assume(PROJECT, "Execution", &id).await.code(), "AccessDenied");
    assert_eq!(chain.jump.try_assume(PROJECT, "Execution", &[]).await.code(), "ok");
    assert_eq!(chain.start.tamper(json!({ "do": "delete-role", "account": JUMP, "role": "None" })).await.status, 404);
    assert_eq!(chain.start.tamper(json!({ "do": "unheard-of" })).await.status, 400);
}

#[tokio::test]
async fn calls_are_counted_and_what_is_unknown_says_it_is_a_simulation() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(sandbox.mutating_calls(), 0);
    let assumed: u64 =
        sandbox.calls().iter().filter(|call| call.operation == "AssumeRole").map(|call| call.count).sum();
    assert_eq!(assumed, 4);
    let unknown = chain.project.json("guardduty", "CreateDetector", json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (501, "UnknownOperationException"));
    assert!(unknown.body.contains("simulation"));
    let unknown = chain.project.trail("LookupEvents", json!({})).await;
    assert!(unknown.body.contains("simulation"));
    assert_eq!(chain.project.trail("DeleteTrail", json!({ "Name": "none" })).await.code(), "TrailNotFoundException");
    assert_eq!(sandbox.mutating_calls(), 1);
    sandbox.reset_calls();
    assert!(sandbox.calls().is_empty());
    let unsigned = chain.start.send("", "GET", "/", &[], &[]).await;
    assert_eq!(unsigned.code(), "AccessDenied");
    assert!(unsigned.header("x-amz-request-id").is_some());
}

#[tokio::test]
async fn without_a_jump_role_the_starting_account_is_trusted_and_lives_outside() {
    let mut profiles = profiles(false);
    profiles.jump.hop = None;
    profiles.jump.account = None;
    profiles.accounts.retain(|account| account.duty != Duty::Jump);
    let sandbox = Sandbox::start(&profiles, Options::default()).await.unwrap();
    let start = Client::new(&sandbox);
    assert_eq!(start.whoami().await, "999999999999");
    let security = start.assume(SECURITY, "Security", &[("ExternalId", "sec-id")]).await;
    assert_eq!(security.assume(PROJECT, "Execution", &[("ExternalId", "project-id")]).await.whoami().await, PROJECT);
    let endpoint = sandbox.endpoint();
    sandbox.stop().await;
    assert!(tokio::net::TcpStream::connect(endpoint.trim_start_matches("http://")).await.is_err());
}
