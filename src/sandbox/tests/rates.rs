//! AWS's rates, by a clock that stands still.

use std::time::Duration;

use super::cloud::{Hand, Local};
use super::*;
use crate::sandbox::{RATES, Tamper};

/// How many of so many calls get through.
fn passed(times: usize, call: impl Fn() -> bool) -> usize {
    (0..times).filter(|_| call()).count()
}

fn estate(aws_rates: bool) -> (Hand, [Local; 3]) {
    let hand = Hand::new();
    let options = Options { clock: hand.clock(), aws_rates, ..Options::default() };
    let chain = Local::new(&Sandbox::in_process(&profiles(false), options)).chain();
    (hand, chain)
}

fn throttled(code: &str) -> bool {
    code == "ThrottlingException"
}

#[test]
fn cloudtrail_takes_a_change_a_second_and_ten_reads() {
    let (hand, [_, project, other]) = estate(true);
    let write = |client: &Local, operation: &str| {
        !throttled(&client.code("cloudtrail", operation, json!({ "Name": "no-trail" })))
    };
    let read = |operation: &str| !throttled(&project.code("cloudtrail", operation, json!({})));
    assert!(write(&project, "StartLogging"));
    // All changes share one bucket; another Region's, another account's and the reads have theirs.
    assert!(!write(&project, "StopLogging"));
    assert!(write(&project.at("eu-west-1"), "StopLogging"));
    assert!(write(&other, "StopLogging"));
    assert_eq!(passed(12, || read("DescribeTrails")), 10);
    assert!(!read("ListTrails"));
    hand.pass(Duration::from_millis(999));
    assert!(!write(&project, "StartLogging"));
    hand.pass(Duration::from_millis(1));
    assert!(write(&project, "StartLogging"));
    assert!(!write(&project, "StartLogging"));
    // A rest saves up no more than the bucket holds.
    hand.pass(Duration::from_secs(1800));
    assert_eq!(passed(3, || write(&project, "StartLogging")), 1);
    assert_eq!(passed(30, || read("DescribeTrails")), 10);
}

#[test]
fn each_service_has_the_rate_that_its_document_names() {
    let (hand, [_, project, other]) = estate(true);
    let regions = |client: &Local| client.query("ec2", "DescribeRegions", &[]).status == 200;
    assert_eq!(passed(150, || regions(&project)), 100);
    hand.pass(Duration::from_secs(1));
    assert_eq!(passed(50, || regions(&project)), 20);
    assert!(regions(&other));
    let json = |service: &'static str, operation: &'static str| {
        let project = &project;
        move || !throttled(&project.code(service, operation, json!({})))
    };
    assert_eq!(passed(60, json("events", "ListRules")), 50);
    assert!(!json("events", "DescribeEventBus")());
    // KMS counts each operation by itself.
    assert_eq!(passed(20, json("kms", "UpdateAlias")), 5);
    assert_eq!(passed(20, json("kms", "CreateAlias")), 5);
    assert_eq!(passed(20, json("kms", "PutKeyPolicy")), 15);
    let query = |operation: &'static str, region: &str| {
        let client = project.at(region);
        move || client.query("sns", operation, &[]).status != 400
    };
    assert_eq!(passed(40, query("ListTopics", "us-east-1")), 30);
    let topics = |region: &str| {
        let client = project.at(region);
        move || {
            let answered = client.query("sns", "GetTopicAttributes", &[]);
            !String::from_utf8(answered.body).unwrap().contains("ThrottlingException")
        }
    };
    assert_eq!(passed(200, topics("ap-northeast-1")), 150);
    assert_eq!(passed(200, topics("sa-east-1")), 30);
    let who = |client: &Local| client.query("sts", "GetCallerIdentity", &[]).status == 200;
    assert_eq!(passed(700, || who(&project)), 600);
    assert!(who(&other));
    // No document names a rate for these.
    assert_eq!(passed(1000, || project.code("config", "DescribeConfigRules", json!({})) == "ok"), 1000);
    assert_eq!(passed(1000, || project.query("iam", "GetRole", &[("RoleName", "Execution")]).status == 200), 1000);
}

#[test]
fn sts_charges_the_account_of_the_caller() {
    let (_, [security, project, _]) = estate(true);
    let assume = || {
        let arn = format!("arn:aws:iam::{PROJECT}:role/Execution");
        let input = [("RoleArn", arn.as_str()), ("RoleSessionName", "run"), ("ExternalId", "project-id")];
        security.query("sts", "AssumeRole", &input).status == 200
    };
    // Two were made when the chain was walked.
    assert_eq!(passed(700, assume), 598);
    assert_eq!(project.query("sts", "GetCallerIdentity", &[]).status, 200);
}

#[test]
fn rates_are_kept_only_when_asked_for() {
    let (_, [_, project, _]) = estate(false);
    let write = || !throttled(&project.code("cloudtrail", "StartLogging", json!({ "Name": "no-trail" })));
    assert_eq!(passed(10, write), 10);
    assert_eq!(project.cloud.state()["aws_rates"], false);
    project.cloud.tamper(Tamper::AwsRates { on: true }).unwrap();
    assert_eq!(passed(10, write), 1);
    project.cloud.tamper(Tamper::AwsRates { on: false }).unwrap();
    assert_eq!(passed(10, write), 10);
}

#[test]
fn every_row_names_its_source_and_can_be_reached() {
    for (n, rate) in RATES.iter().enumerate() {
        assert!(!rate.source.is_empty() && rate.per_second > 0.0 && rate.burst >= 1.0, "{rate:?}");
        let everywhere = |other: &&crate::sandbox::Rate| other.service == rate.service && other.regions.is_empty();
        let hidden = RATES[..n].iter().filter(everywhere).any(|other| {
            other.operations.contains(&"*") || rate.operations.iter().all(|name| other.operations.contains(name))
        });
        assert!(!hidden, "{rate:?}");
    }
}
