//! Tests of the declarations.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::*;
use crate::policy::{Caller, Decision, Policy, Request, evaluate};
use crate::services::estate::{Estate, PROFILES, pretty, region};
use crate::services::{Resource, Service, Spec, Terms};

fn estate(hub: &[&str]) -> Estate {
    let text = "name = 'test'\n[events]\n[notify]\n[[notify.subscription]]\nprotocol = 'sqs'\n\
                endpoint = 'arn:aws:sqs:eu-west-1:444444444444:alerts'\n";
    let mut estate = Estate::new(PROFILES, text);
    estate.shared.hub = hub.iter().map(|name| region(name)).collect();
    estate
}

fn wanted(hub: &[&str]) -> QueuePolicy {
    let desired = estate(hub).desire(Service::Sqs, "444444444444", &[]);
    let Spec::SqsQueuePolicy(policy) = &desired[0].spec else { panic!("{desired:?}") };
    (**policy).clone()
}

fn sends(policy: &Policy, service: &str, topic: &str) -> bool {
    let context = BTreeMap::from([("aws:SourceArn".to_owned(), vec![topic.to_owned()])]);
    let (action, resource) = ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:444444444444:alerts");
    let request = Request { principal: Caller::Service(service), action, resource, context: &context };
    matches!(evaluate(policy, &request), Decision::Allowed { .. })
}

#[test]
fn a_policy_in_full() {
    let desired = estate(&["ap-east-1", "us-east-1"]).desire(Service::Sqs, "444444444444", &[]);
    assert!(estate(&["us-east-1"]).desire(Service::Sqs, "333333333333", &[]).is_empty());
    assert_snapshot!(format!("{}\n{}", desired[0].address, pretty(&desired[0].spec)), @r#"
    444444444444/eu-west-1/sqs.queue_policy/alerts
    {
      "policy": {
        "Statement": [
          {
            "Action": "sqs:SendMessage",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:sns:*:222222222222:baseline-alerts"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": [
                "sns.amazonaws.com",
                "sns.ap-east-1.amazonaws.com"
              ]
            },
            "Resource": "arn:aws:sqs:eu-west-1:444444444444:alerts",
            "Sid": "BaselineTopics"
          }
        ],
        "Version": "2012-10-17"
      }
    }
    "#);
}

#[test]
fn our_topics_may_send_and_no_others() {
    let policy = wanted(&["ap-east-1", "us-east-1"]).policy.document;
    assert!(sends(&policy, "sns.amazonaws.com", "arn:aws:sns:us-east-1:222222222222:baseline-alerts"));
    assert!(sends(&policy, "sns.ap-east-1.amazonaws.com", "arn:aws:sns:ap-east-1:222222222222:baseline-alerts"));
    assert!(!sends(&policy, "sns.amazonaws.com", "arn:aws:sns:us-east-1:333333333333:baseline-alerts"));
    assert!(!sends(&policy, "sns.amazonaws.com", "arn:aws:sns:us-east-1:222222222222:other"));
    assert!(!sends(&policy, "s3.amazonaws.com", "arn:aws:sns:us-east-1:222222222222:baseline-alerts"));
}

#[test]
fn a_narrowed_run_takes_nothing_away_and_other_peoples_statements_stay() {
    let theirs = r#"{"Version":"2012-10-17","Statement":[{"Sid":"theirs","Effect":"Allow","Action":"sqs:*",
        "Principal":{"AWS":"444444444444"},"Resource":"arn:aws:sqs:eu-west-1:444444444444:alerts"}]}"#;
    let mut document = wanted(&["ap-east-1", "us-east-1"]).policy.document;
    document.statements.extend(Policy::parse(theirs).unwrap().statements);
    let seen = QueuePolicy::seen(document, false);
    let mut narrowed = wanted(&["us-east-1"]);
    assert!(narrowed.adopt(&seen, &Terms::default()).is_empty());
    assert_eq!(narrowed, seen);
    assert!(narrowed.refusals(Some(&seen), &Terms::default()).is_empty());
    // What somebody put among them is no principal of SNS.
    let text = seen.policy.document.to_json().replace("sns.ap-east-1.amazonaws.com", "s3.amazonaws.com");
    let seen = QueuePolicy::seen(Policy::parse(&text).unwrap(), false);
    let mut repaired = wanted(&["us-east-1"]);
    repaired.adopt(&seen, &Terms::default());
    assert_ne!(repaired, seen);
    assert!(!repaired.policy.document.to_json().contains("s3.amazonaws.com"));
}

#[test]
fn a_queue_that_cannot_be_delivered_to_is_told_of() {
    let wanted = wanted(&["us-east-1"]);
    assert!(wanted.undelivered().is_none());
    let seen = QueuePolicy::seen(wanted.policy.document.clone(), true);
    assert!(seen.undelivered().unwrap().reason.contains("SNS may not use"));
    assert_eq!(seen, wanted, "that is no drift of the policy");
    let address = "444444444444/eu-west-1/sqs.queue_policy/alerts".parse().unwrap();
    let terms = Terms { address: Some(address), ..Terms::default() };
    let refusals = wanted.refusals(Some(&QueuePolicy::of_no_queue()), &terms);
    assert_snapshot!(refusals.join("\n"), @"queue alerts does not exist, so that nothing can be delivered to it: create it, or correct its ARN under [[notify.subscription]]");
}
