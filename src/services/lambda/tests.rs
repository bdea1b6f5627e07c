//! Tests of the declarations.

use insta::assert_snapshot;

use super::*;
use crate::policy::Policy;
use crate::services::estate::{Estate, PROFILES, pretty, region};
use crate::services::{Desired, Resource, Service, Spec, Terms};

fn estate(hub: &[&str]) -> Estate {
    let text = "name = 'test'\n[events]\n[notify]\n[[notify.subscription]]\nprotocol = 'lambda'\n\
                endpoint = 'arn:aws:lambda:eu-west-1:444444444444:function:chat:live'\n\
                [[notify.subscription]]\nprotocol = 'lambda'\n\
                endpoint = 'arn:aws:lambda:us-east-1:999999999999:function:chat'\n";
    let mut estate = Estate::new(PROFILES, text);
    estate.shared.hub = hub.iter().map(|name| region(name)).collect();
    estate
}

fn permission(desired: &[Desired]) -> Permission {
    let Spec::LambdaPermission(permission) = &desired[0].spec else { panic!("{desired:?}") };
    (**permission).clone()
}

fn wanted(hub: &[&str]) -> Permission {
    permission(&estate(hub).desire(Service::Lambda, "444444444444", &[]))
}

/// As Lambda answers it: with a statement of somebody's, and with its own operator.
fn held(permission: &Permission, operator: &str) -> Permission {
    let text =
        permission.policy.document.to_json().replace("ArnLike", operator).replace("aws:SourceArn", "AWS:SourceArn");
    let mut policy = Policy::parse(&text).unwrap();
    let theirs = r#"{"Version":"2012-10-17","Statement":[{"Sid":"api","Effect":"Allow","Action":"lambda:InvokeFunction",
        "Principal":{"Service":"apigateway.amazonaws.com"},"Resource":"arn:aws:lambda:eu-west-1:444444444444:function:chat",
        "Condition":{"StringLike":{"AWS:SourceArn":"arn:aws:execute-api:eu-west-1:444444444444:*"}}}]}"#;
    policy.statements.extend(Policy::parse(theirs).unwrap().statements);
    Permission::seen(policy)
}

#[test]
fn a_permission_in_full() {
    let estate = estate(&["ap-east-1", "eu-west-1"]);
    let desired = estate.desire(Service::Lambda, "444444444444", &[]);
    assert_eq!(desired.len(), 1, "not the function of an account that is not in the profiles");
    assert!(estate.desire(Service::Lambda, "333333333333", &[]).is_empty());
    assert_snapshot!(format!("{}\n{}", desired[0].address, pretty(&desired[0].spec)), @r#"
    444444444444/eu-west-1/lambda.permission/chat:live
    {
      "policy": {
        "Statement": [
          {
            "Action": "lambda:InvokeFunction",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:sns:ap-east-1:222222222222:baseline-alerts"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "sns.ap-east-1.amazonaws.com"
            },
            "Resource": "arn:aws:lambda:eu-west-1:444444444444:function:chat:live",
            "Sid": "BaselineTopic-ap-east-1"
          },
          {
            "Action": "lambda:InvokeFunction",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "sns.amazonaws.com"
            },
            "Resource": "arn:aws:lambda:eu-west-1:444444444444:function:chat:live",
            "Sid": "BaselineTopic-eu-west-1"
          }
        ],
        "Version": "2012-10-17"
      }
    }
    "#);
}

#[test]
fn whichever_operator_lambda_answers_with_it_is_in_sync_with_other_peoples_statements_kept() {
    for operator in ["ArnLike", "StringLike", "ArnEquals"] {
        let mut permission = wanted(&["ap-east-1", "eu-west-1"]);
        let seen = held(&permission, operator);
        assert!(permission.adopt(&seen, &Terms::default()).is_empty());
        assert_eq!(permission, seen, "{operator}");
        assert!(permission.refusals(Some(&seen), &Terms::default()).is_empty());
    }
    let mut permission = wanted(&["eu-west-1"]);
    let wider = held(&permission, "StringNotLike");
    permission.adopt(&wider, &Terms::default());
    assert_ne!(permission, wider);
}

#[test]
fn a_narrowed_run_takes_nothing_away_and_a_wrong_statement_goes() {
    let all = held(&wanted(&["ap-east-1", "eu-west-1"]), "ArnLike");
    let mut narrowed = wanted(&["eu-west-1"]);
    narrowed.adopt(&all, &Terms::default());
    assert_eq!(narrowed, all);

    for (right, wrong) in [(":222222222222:baseline", ":333333333333:baseline"), ("sns.ap-east-1.", "sns.af-south-1.")]
    {
        let text =
            wanted(&["ap-east-1", "eu-west-1"]).policy.document.to_json().replace("eu-west-1:222222222222", "keep");
        let text = text.replace(right, wrong).replace("keep", "eu-west-1:222222222222");
        let seen = Permission::seen(Policy::parse(&text).unwrap());
        let mut narrowed = wanted(&["eu-west-1"]);
        narrowed.adopt(&seen, &Terms::default());
        let sids: Vec<String> = narrowed.ours().into_keys().collect();
        assert_eq!(sids, ["BaselineTopic-eu-west-1"], "{wrong}");
    }
}

#[test]
fn a_function_that_does_not_exist_is_refused_with_the_way_out() {
    let permission = wanted(&["eu-west-1"]);
    let address = "444444444444/eu-west-1/lambda.permission/chat:live".parse().unwrap();
    let terms = Terms { address: Some(address), ..Terms::default() };
    let refusals = permission.refusals(Some(&Permission::of_no_function()), &terms);
    assert_snapshot!(refusals.join("\n"), @"function chat:live does not exist, so that nothing can be delivered to it: create it, or correct its ARN under [[notify.subscription]]");
}

#[test]
fn every_region_of_the_world_fits() {
    let regions: Vec<&str> = crate::model::Partition::Aws.known_regions().iter().map(|known| known.name).collect();
    let permission = wanted(&regions);
    // Osaka's topic has two: AWS's documents disagree on whether it is a Region that accounts opt in to.
    assert_eq!(permission.policy.document.statements.len(), regions.len() + 1);
    assert!(permission.policy.document.size() < FUNCTION_POLICY_MAX_BYTES);
}
