//! Accounts that are closed, quotas that are reached, and services that a Region has not.

use super::trails::simple;
use super::*;

#[tokio::test]
async fn a_suspended_account_lets_nobody_in() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let tamper =
        async |what: &str, account: &str| chain.start.tamper(json!({ "do": what, "account": account })).await.status;
    assert_eq!(tamper("suspend-account", "555555555555").await, 404);
    assert_eq!(tamper("suspend-account", PROJECT).await, 200);
    let refused = chain.security.try_assume(PROJECT, "Execution", &[("ExternalId", "project-id")]).await;
    assert_eq!((refused.status, refused.code()), (403, "AccessDenied".to_owned()));
    let role =
        format!("is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::{PROJECT}:role/Execution");
    assert!(refused.body.contains(&role), "{}", refused.body);
    let codes = chain.project.codes().await;
    assert_eq!(codes, ["AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "AccountProblem"]);
    assert_eq!(chain.other.whoami().await, OTHER);
    let suspended: Vec<bool> = chain.start.state().await["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["suspended"].as_bool().unwrap())
        .collect();
    assert_eq!(suspended, [false, false, true, false]);
    assert_eq!(tamper("resume-account", PROJECT).await, 200);
    assert_eq!(chain.project.whoami().await, PROJECT);
    chain.security.assume(PROJECT, "Execution", &[("ExternalId", "project-id")]).await;
}

#[tokio::test]
async fn quotas_are_lowered_in_one_account_and_region() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.status, 204);
    let quota = async |service: &str, resource: Value, limit: Value| {
        let what = json!({ "do": "quota", "account": PROJECT, "region": "us-east-1", "service": service,
            "resource": resource, "limit": limit });
        chain.start.tamper(what).await
    };
    assert_eq!(quota("kms", json!(null), json!(1)).await.status, 404);
    assert_eq!(quota("config", json!("trails"), json!(1)).await.status, 404);
    for service in ["cloudtrail", "config", "events"] {
        assert_eq!(quota(service, json!(null), json!(1)).await.status, 200, "{service}");
    }
    let trail = async |client: &Client, name: &str| client.trail("CreateTrail", simple(name)).await;
    assert_eq!(trail(&chain.project, "one").await.code(), "ok");
    let full = trail(&chain.project, "two").await;
    assert_eq!(full.code(), "MaximumNumberOfTrailsExceededException");
    assert!(full.body.contains("already has 1 trails in us-east-1"), "{}", full.body);
    let away = chain.project.at("eu-west-1");
    for name in ["two", "three"] {
        assert_eq!(trail(&away, name).await.code(), "ok");
    }
    let rule = async |client: &Client, name: &str| {
        let pattern = json!({ "source": ["aws.ec2"] }).to_string();
        client.json("events", "PutRule", json!({ "Name": name, "EventPattern": pattern })).await.code()
    };
    assert_eq!(rule(&chain.project, "one").await, "ok");
    assert_eq!(rule(&chain.project, "one").await, "ok");
    assert_eq!(rule(&chain.project, "two").await, "LimitExceededException");
    assert_eq!(rule(&away, "one").await, "ok");
    assert_eq!(rule(&away, "two").await, "ok");
    let managed = async |client: &Client, name: &str| {
        let source = json!({ "Owner": "AWS", "SourceIdentifier": "ROOT_ACCOUNT_MFA_ENABLED" });
        let input = json!({ "ConfigRule": { "ConfigRuleName": name, "Source": source } });
        client.config("PutConfigRule", input).await.code()
    };
    assert_eq!(managed(&chain.project, "one").await, "ok");
    assert_eq!(managed(&chain.project, "two").await, "MaxNumberOfConfigRulesExceededException");
    assert_eq!(quota("config", json!("rules"), json!(null)).await.status, 200);
    assert_eq!(managed(&chain.project, "two").await, "ok");
    let left = chain.start.state().await["quotas"].as_array().unwrap().len();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn a_service_that_a_region_has_not_cannot_be_reached() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let tamper = async |what: &str, service: &str| {
        chain.start.tamper(json!({ "do": what, "region": "eu-west-1", "service": service })).await.status
    };
    assert_eq!(tamper("withdraw-service", "nothing").await, 404);
    assert_eq!(tamper("withdraw-service", "cloudtrail").await, 200);
    let away = chain.project.at("eu-west-1");
    sandbox.reset_calls();
    assert!(away.try_json("cloudtrail", "DescribeTrails", json!({})).await.is_none());
    assert!(sandbox.calls().is_empty());
    assert_eq!(away.json("kms", "ListKeys", json!({})).await.status, 200);
    assert_eq!(chain.project.trail("DescribeTrails", json!({})).await.status, 200);
    assert_eq!(tamper("restore-service", "cloudtrail").await, 200);
    assert_eq!(away.trail("DescribeTrails", json!({})).await.status, 200);
}
