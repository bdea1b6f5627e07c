//! Failures that were asked for: in each service's words, on the calls that were chosen, and counted.

use super::trails::simple;
use super::*;
use crate::sandbox::{Effect, Fault, Tamper};

fn fault(effect: Effect) -> Fault {
    Fault::of(effect)
}

fn fail() -> Effect {
    Effect::Fail { code: None, status: None, message: None }
}

async fn trails(client: &Client) -> Vec<String> {
    let state = client.state().await;
    let names = state["trails"].as_array().unwrap().iter().map(|trail| trail["arn"].as_str().unwrap());
    names.map(|arn| arn.rsplit('/').next().unwrap().to_owned()).collect()
}

/// What each service answers: status and code.
async fn answers(client: &Client) -> Vec<(&'static str, u16, String)> {
    let mut found = Vec::new();
    for (service, answered) in [
        ("cloudtrail", client.trail("DescribeTrails", json!({})).await),
        ("config", client.config("DescribeConfigurationRecorders", json!({})).await),
        ("ec2", client.query("ec2", "DescribeRegions", &[]).await),
        ("events", client.json("events", "ListRules", json!({})).await),
        ("guardduty", client.rest("guardduty", "GET", "/detector", Value::Null).await),
        ("iam", client.iam("GetRole", &[("RoleName", "Execution")]).await),
        ("kms", client.json("kms", "ListKeys", json!({})).await),
        ("lambda", client.rest("lambda", "GET", "/2015-03-31/functions/f", Value::Null).await),
        ("s3", client.send("s3", "GET", "/", &[], &[]).await),
        ("sns", client.query("sns", "ListTopics", &[]).await),
        ("sqs", client.json("sqs", "ListQueues", json!({})).await),
        ("sts", client.query("sts", "GetCallerIdentity", &[]).await),
    ] {
        found.push((service, answered.status, answered.code()));
    }
    found
}

fn listed(expected: &[(&'static str, u16, &str)]) -> Vec<(&'static str, u16, String)> {
    expected.iter().map(|(service, status, code)| (*service, *status, (*code).to_owned())).collect()
}

#[tokio::test]
async fn each_service_throttles_and_fails_in_its_own_words() {
    let sandbox = start().await;
    let client = chain(&sandbox).await.project;
    sandbox.tamper(Tamper::Fault(fault(Effect::Throttle { fraction: 1.0, seed: 0 }))).unwrap();
    let throttled = [
        ("cloudtrail", 400, "ThrottlingException"),
        ("config", 400, "ThrottlingException"),
        ("ec2", 503, "RequestLimitExceeded"),
        ("events", 400, "ThrottlingException"),
        ("guardduty", 429, "TooManyRequestsException"),
        ("iam", 400, "Throttling"),
        ("kms", 400, "ThrottlingException"),
        ("lambda", 429, "TooManyRequestsException"),
        ("s3", 503, "SlowDown"),
        ("sns", 400, "ThrottlingException"),
        ("sqs", 400, "RequestThrottled"),
        ("sts", 400, "Throttling"),
    ];
    assert_eq!(answers(&client).await, listed(&throttled));
    sandbox.tamper(Tamper::ClearFaults {}).unwrap();
    assert!(sandbox.faults().is_empty());
    sandbox.tamper(Tamper::Fault(fault(fail()))).unwrap();
    let broken = [
        ("cloudtrail", 500, "InternalFailure"),
        ("config", 500, "InternalFailure"),
        ("ec2", 500, "InternalError"),
        ("events", 500, "InternalException"),
        ("guardduty", 500, "InternalServerErrorException"),
        ("iam", 500, "ServiceFailure"),
        ("kms", 500, "KMSInternalException"),
        ("lambda", 500, "ServiceException"),
        ("s3", 500, "InternalError"),
        ("sns", 500, "InternalError"),
        ("sqs", 500, "InternalFailure"),
        ("sts", 500, "InternalFailure"),
    ];
    assert_eq!(answers(&client).await, listed(&broken));
    assert_eq!((sandbox.faults()[0].matched, sandbox.faults()[0].hit), (12, 12));
    client.tamper(json!({ "do": "clear-faults" })).await;
    assert!(answers(&client).await.iter().any(|(service, status, _)| *service == "sts" && *status == 200));
}

#[tokio::test]
async fn the_nth_change_is_lost_after_and_dropped_before_it_is_carried_out() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.status, 204);
    let client = &chain.project;
    let create = async |name: &str| client.try_json("cloudtrail", "CreateTrail", simple(name)).await;
    sandbox.reset_calls();
    let lose = json!({ "do": "fault", "operation": "cloudtrail:*", "mutating": true, "nth": 2, "effect": "lose" });
    assert_eq!(client.tamper(lose).await.status, 200);
    // Reads do not count.
    assert_eq!(client.trail("DescribeTrails", json!({})).await.status, 200);
    assert_eq!(create("one").await.unwrap().code(), "ok");
    assert!(create("two").await.is_none());
    assert_eq!(create("three").await.unwrap().code(), "ok");
    assert_eq!(trails(client).await, ["one", "three", "two"]);
    assert_eq!(sandbox.mutating_calls(), 3);
    let shown = client.send("", "GET", "/_sandbox/faults", &[], &[]).await.json();
    let count = &shown["faults"][0];
    assert_eq!((&count["matched"], &count["hit"]), (&json!(3), &json!(1)), "{count}");
    assert_eq!(count["last"]["operation"], "CreateTrail");
    assert_eq!(count["fault"]["effect"], "lose");

    sandbox.tamper(Tamper::ClearFaults {}).unwrap();
    sandbox.reset_calls();
    let drop = Fault { mutating: Some(true), times: Some(1), ..fault(Effect::Drop) };
    sandbox.tamper(Tamper::Fault(drop)).unwrap();
    assert!(create("four").await.is_none());
    assert_eq!(trails(client).await.len(), 3);
    // AWS never saw it.
    assert_eq!(sandbox.mutating_calls(), 0);
    assert_eq!(create("four").await.unwrap().code(), "ok");
    let counts = sandbox.faults();
    assert_eq!((counts[0].matched, counts[0].hit), (2, 1));
    assert_eq!(counts[0].last.as_ref().unwrap().account, Some(PROJECT.parse().unwrap()));
}

#[tokio::test]
async fn a_hanging_or_slow_call_holds_up_nobody_else() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.status, 204);
    let hour = Effect::Latency { millis: 3_600_000, jitter: 0, seed: 0 };
    let hang = Fault { operation: Some("cloudtrail:CreateTrail".to_owned()), ..fault(Effect::Hang) };
    sandbox.tamper(Tamper::Fault(hang)).unwrap();
    let slow = Fault { account: Some(OTHER.parse().unwrap()), ..fault(hour) };
    sandbox.tamper(Tamper::Fault(slow)).unwrap();
    let (project, other) = (chain.project.clone(), chain.other.clone());
    let hanging = tokio::spawn(async move { project.trail("CreateTrail", simple("one")).await });
    let waiting = tokio::spawn(async move { other.whoami().await });
    while sandbox.faults().iter().any(|count| count.hit == 0) {
        tokio::task::yield_now().await;
    }
    // The trail is there, others are answered, and these two are not.
    assert_eq!(trails(&chain.project).await, ["one"]);
    assert_eq!(chain.project.whoami().await, PROJECT);
    assert!(!hanging.is_finished() && !waiting.is_finished());
    hanging.abort();
    waiting.abort();
}

#[tokio::test]
async fn a_fault_is_about_what_was_selected() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let code = |code: &str| Effect::Fail { code: Some(code.to_owned()), status: Some(409), message: None };
    let here = Fault {
        account: Some(PROJECT.parse().unwrap()),
        region: Some("eu-west-1".parse().unwrap()),
        service: Some("kms".to_owned()),
        ..fault(code("Chosen"))
    };
    sandbox.tamper(Tamper::Fault(here)).unwrap();
    sandbox.tamper(Tamper::Fault(Fault { mutating: Some(false), ..fault(code("Behind")) })).unwrap();
    let list = async |client: &Client| client.json("kms", "ListKeys", json!({})).await;
    let chosen = list(&chain.project.at("eu-west-1")).await;
    assert_eq!((chosen.status, chosen.code()), (409, "Chosen".to_owned()));
    assert_eq!(list(&chain.project).await.code(), "Behind");
    assert_eq!(list(&chain.other.at("eu-west-1")).await.code(), "Behind");
    assert_eq!(chain.project.at("eu-west-1").trail("DescribeTrails", json!({})).await.code(), "Behind");
    assert_eq!(chain.project.json("kms", "CreateKey", json!({})).await.code(), "ok");
    // The second was about the first call too, and spared it.
    let counts: Vec<(u64, u64)> = sandbox.faults().iter().map(|count| (count.matched, count.hit)).collect();
    assert_eq!(counts, [(1, 1), (4, 3)]);

    for bad in [
        json!({ "do": "fault", "effect": "explode" }),
        json!({ "do": "fault" }),
        json!({ "do": "fault", "effect": "lose", "what": 1 }),
    ] {
        assert_eq!(chain.start.tamper(bad.clone()).await.status, 400, "{bad}");
    }
    for bad in [
        json!({ "do": "fault", "effect": "lose", "nth": 0 }),
        json!({ "do": "fault", "effect": "lose", "operation": "kms:[" }),
        json!({ "do": "fault", "effect": { "throttle": { "fraction": 1.5 } } }),
        json!({ "do": "fault", "effect": { "fail": { "status": 200 } } }),
    ] {
        assert_eq!(chain.start.tamper(bad.clone()).await.status, 404, "{bad}");
    }
    assert_eq!(sandbox.faults().len(), 2);
}
