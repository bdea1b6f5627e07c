//! The server itself: what it tells its clients to use, and requests that nobody should send.

use std::os::unix::fs::PermissionsExt as _;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::sandbox::Clock;
use crate::sandbox::dispatch::dispatch;
use crate::sandbox::estate::{START_KEY, build};
use crate::sandbox::wire::Http;
use crate::sandbox::world::World;

#[tokio::test]
async fn the_environment_lets_no_real_profile_in() {
    let mut profiles = profiles(false);
    profiles.jump.profile = Some("corp".to_owned());
    let sandbox = Sandbox::start(&profiles, Options::default()).await.unwrap();
    let environment = sandbox.environment();
    let value = |name: &str| environment.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(value("AWS_ENDPOINT_URL"), sandbox.endpoint());
    assert_eq!(value("AWS_REGION"), "ap-northeast-1");
    let config = std::fs::read_to_string(value("AWS_CONFIG_FILE")).unwrap();
    assert!(config.contains("[default]") && config.contains("[profile corp]"), "{config}");
    let external_ids_are_in_it = config.contains("external_id = sec-id");
    let folder = std::path::Path::new(&value("AWS_CONFIG_FILE")).parent().unwrap().to_owned();
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!((external_ids_are_in_it, mode & 0o077), (true, 0), "{config}");
    assert!(std::fs::exists(value("AWS_SHARED_CREDENTIALS_FILE")).unwrap());
    drop(sandbox);
    assert!(!std::fs::exists(value("AWS_CONFIG_FILE")).unwrap());
}

#[tokio::test]
async fn a_role_behind_a_device_is_open_to_its_profile_without_a_code() {
    let sandbox = Sandbox::start(&profiles(true), Options::default()).await.unwrap();
    let file = sandbox.environment().into_iter().find(|(name, _)| name == "AWS_CONFIG_FILE").unwrap().1;
    let config = std::fs::read_to_string(file).unwrap();
    let (_, jump) = config.split_once("[profile jump]").unwrap();
    let member = |name: &str| {
        let line = jump.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.strip_prefix(" = ").unwrap().to_owned()
    };
    let client =
        Client { key: member("aws_access_key_id"), token: Some(member("aws_session_token")), ..Client::new(&sandbox) };
    assert_eq!(client.whoami().await, JUMP);
    let security = client.assume(SECURITY, "Security", &[("ExternalId", "sec-id")]).await;
    assert_eq!(security.whoami().await, SECURITY);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let sandbox = start().await;
    let client = Client::new(&sandbox);
    let json = [("x-amz-target", "CloudTrail_20131101.DescribeTrails")];
    assert_eq!(client.send("cloudtrail", "POST", "/", &json, b"{").await.code(), "SerializationException");
    assert_eq!(client.send("cloudtrail", "POST", "/", &json, b"[]").await.code(), "SerializationException");
    assert_eq!(client.send("cloudtrail", "POST", "/", &[], b"{}").await.code(), "UnknownOperationException");
    assert_eq!(client.send("sts", "POST", "/", &[], b"").await.code(), "MissingAction");
    assert_eq!(client.send("", "GET", "/_sandbox/nothing", &[], b"").await.status, 404);
    assert_eq!(client.at("not a region").whoami().await, "InvalidClientTokenId");
    let empty = Client { token: Some(String::new()), ..client.clone() };
    assert_eq!(empty.whoami().await, JUMP);
}

#[tokio::test]
async fn the_calls_of_an_ended_session_are_still_its_accounts() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    sandbox.tamper(crate::sandbox::Tamper::ExpireSessions {}).unwrap();
    sandbox.reset_calls();
    assert_eq!(chain.project.whoami().await, "ExpiredToken");
    let calls = sandbox.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].account, Some(PROJECT.parse().unwrap()));
    assert_eq!((calls[0].outcome.as_str(), calls[0].count), ("ExpiredToken", 1));
}

proptest! {
    #[test]
    fn nothing_that_is_sent_makes_it_panic(
        service in prop::sample::select(vec!["cloudtrail", "ec2", "events", "kms", "s3", "sns", "sqs", "sts", "iam"]),
        operation in prop::sample::select(vec![
            "AssumeRole", "DescribeRegions", "CreateTrail", "UpdateTrail", "PutEventSelectors", "AddTags", "ListTags",
            "DescribeTrails", "CreateKey", "PutKeyPolicy", "CreateAlias", "ListKeys", "TagResource", "EnableKeyRotation",
            "PutRule", "PutTargets", "RemoveTargets", "PutPermission", "PutEvents", "TestEventPattern", "ListRules",
            "CreateTopic", "Subscribe", "Publish", "SetTopicAttributes", "CreateQueue", "SendMessage", "ReceiveMessage",
        ]),
        method in prop::sample::select(vec!["GET", "PUT", "POST", "DELETE", "HEAD"]),
        path in "(/[a-z%{}é]{0,8}){0,3}",
        query in prop::sample::select(vec!["policy", "lifecycle", "tagging", "list-type", "encryption", "none"]),
        body in prop_oneof![
            ".{0,60}",
            "<[A-Z][a-z]{0,5}>.{0,20}",
            r#"\{"(Name|KeyId|Policy|TagsList|Limit|Marker|EventSelectors|trailNameList|Rule|EventPattern|Entries|Targets|QueueName|QueueUrl|Attributes)": ("[a-z:/]{0,12}"|-?[0-9]{1,20}|null|\[\{\}\])\}"#,
        ],
    ) {
        let mut world = World::new(Partition::Aws, None, Clock::default());
        build(&mut world, &profiles(false));
        let mut headers = HeaderMap::new();
        let scope = format!("AWS4-HMAC-SHA256 Credential={START_KEY}/20260101/us-east-1/{service}/aws4_request");
        headers.insert("authorization", HeaderValue::try_from(scope).unwrap());
        headers.insert("x-amz-target", HeaderValue::try_from(format!("X.{operation}")).unwrap());
        let http = Http {
            method: method.to_owned(),
            path,
            query: vec![(query.to_owned(), "2".to_owned()), ("Action".to_owned(), operation.to_owned())],
            headers,
            body: body.into_bytes().into(),
        };
        prop_assert!(dispatch(&mut world, &http).reply.status >= 200);
    }
}
