//! Tests of the declarations.

use insta::assert_snapshot;

use super::boundary::shut_out;
use super::spec::{PATH, POLICY_NAME};
use super::*;
use crate::policy::{Policy, Statement};
use crate::services::estate::{BASELINE, Estate, PROFILES, id, pretty};
use crate::services::{Desired, Place, Resource, Service, Spec, Terms};

const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];

fn estate(sections: &str) -> Estate {
    Estate::new(PROFILES, &format!("{BASELINE}{sections}"))
}

fn addresses(desired: &[Desired]) -> Vec<String> {
    desired.iter().map(|desired| desired.address.to_string()).collect()
}

fn role(desired: &[Desired]) -> Role {
    let role = desired.iter().find_map(|desired| match &desired.spec {
        Spec::IamRole(role) => Some((**role).clone()),
        _ => None,
    });
    role.unwrap()
}

#[test]
fn each_section_brings_its_role_and_nothing_else_does() {
    let wanted = |sections, account| addresses(&estate(sections).desire(Service::Iam, account, &REGIONS));
    assert!(wanted("", "333333333333").is_empty());
    assert_eq!(
        wanted("[config]\n", "333333333333"),
        ["333333333333/global/iam.service_linked_role/config.amazonaws.com"]
    );
    let forwarding = "333333333333/global/iam.role/baseline-event-forwarding";
    assert_eq!(wanted("[events]\n", "333333333333"), [forwarding]);
    // The security account's events are matched on its own bus.
    assert!(wanted("[events]\n", "222222222222").is_empty());
    assert_eq!(wanted("[config]\n[events]\n", "222222222222").len(), 1);
}

#[test]
fn the_global_cell_is_read_where_a_role_is_declared_and_only_there() {
    let cells_of = |sections| {
        let estate = estate(sections);
        let place = Place { account: estate.account("333333333333"), regions: &[] };
        cells(&estate.declared(), &place).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(cells_of("").is_empty());
    assert_eq!(cells_of("[config]\n"), ["333333333333/global"]);
    assert_eq!(cells_of("[events]\n"), ["333333333333/global"]);
}

#[test]
fn the_role_may_put_events_on_the_security_accounts_buses_and_nothing_else() {
    let desired = estate("[events]\n").desire(Service::Iam, "333333333333", &REGIONS);
    assert_snapshot!(pretty(&desired[0].spec), @r#"
    {
      "attached_policies": [],
      "inline_policies": {
        "put-events": {
          "Statement": [
            {
              "Action": "events:PutEvents",
              "Effect": "Allow",
              "Resource": [
                "arn:aws:events:ap-northeast-1:222222222222:event-bus/default",
                "arn:aws:events:eu-west-1:222222222222:event-bus/default",
                "arn:aws:events:us-east-1:222222222222:event-bus/default"
              ],
              "Sid": "PutEvents"
            }
          ],
          "Version": "2012-10-17"
        }
      },
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      },
      "trust": {
        "Statement": [
          {
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {
              "Service": "events.amazonaws.com"
            },
            "Sid": "EventBridge"
          }
        ],
        "Version": "2012-10-17"
      }
    }
    "#);
}

#[test]
fn without_a_region_to_forward_from_there_is_no_role() {
    assert!(estate("[events]\n").desire(Service::Iam, "333333333333", &[]).is_empty());
}

#[test]
fn where_every_bus_by_its_name_is_more_than_aws_takes_a_star_stands_for_the_region() {
    let mut estate = estate("[events]\n");
    estate.baseline.events.as_mut().unwrap().bus = "b".repeat(256);
    let document = |regions: &[&str]| {
        let role = role(&estate.desire(Service::Iam, "333333333333", regions));
        assert!(role.refusals(None, &Terms::default()).is_empty());
        role.inline_policies[POLICY_NAME].to_json()
    };
    let few = document(&REGIONS);
    assert!(few.contains("arn:aws:events:us-east-1:222222222222:event-bus/bbb") && !few.contains('*'), "{few}");
    let known: Vec<&str> = estate.profiles.partition.known_regions().iter().map(|region| region.name).collect();
    let many = document(&known);
    assert!(many.contains("arn:aws:events:*:222222222222:event-bus/bbb"), "{many}");
    assert!(!many.contains("us-east-1") && many.len() < 10_240, "{many}");
}

#[test]
fn documents_are_compared_by_what_they_mean() {
    let wanted = role(&estate("[events]\n").desire(Service::Iam, "333333333333", &REGIONS));
    let spelt = r#"{"Statement": {"Effect": "Allow", "Sid": "EventBridge", "Action": ["sts:assumerole"],
        "Principal": {"Service": ["events.amazonaws.com"]}}, "Version": "2012-10-17"}"#;
    assert_eq!(wanted.trust, Document::seen(spelt));
    let wide = spelt.replace("\"events.amazonaws.com\"", "\"events.amazonaws.com\", \"lambda.amazonaws.com\"");
    assert_ne!(wanted.trust, Document::seen(&wide));
    let unreadable = Document::seen("{\"Statement\": 7}");
    assert!(matches!(unreadable, Document::Other(_)));
    assert_ne!(wanted.trust, unreadable);
    assert_eq!(unreadable, unreadable.clone());
    for document in [wanted.trust, unreadable] {
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), document);
    }
}

#[test]
fn a_role_is_right_with_the_condition_on_its_own_account_and_without() {
    let desired = estate("[events]\n").desire(Service::Iam, "333333333333", &REGIONS);
    let terms = Terms { address: Some(desired[0].address.clone()), ..Terms::default() };
    let mut seen = role(&desired);
    let conditional = |account: &str| {
        let statement = Statement::allow("EventBridge", ["sts:AssumeRole"]).for_services(["events.amazonaws.com"]);
        Document::Known(Policy::new(vec![statement.when("StringEquals", "aws:SourceAccount", [account])]))
    };
    for (trust, stays) in [
        (seen.trust.clone(), true),
        (conditional("333333333333"), true),
        // With another account's it forwards nothing.
        (conditional("444444444444"), false),
    ] {
        seen.trust = trust;
        let mut wanted = role(&desired);
        wanted.adopt(&seen, &terms);
        assert_eq!(wanted == seen, stays, "{:?}", seen.trust);
    }
}

#[test]
fn a_permissions_boundary_stays_and_is_held_against_the_buses() {
    let desired = estate("[events]\n").desire(Service::Iam, "333333333333", &REGIONS);
    let wanted = role(&desired);
    let shut = |statements: Vec<Statement>| shut_out(&Policy::new(statements), &wanted, &desired[0].address);
    let bus = |region: &str| format!("arn:aws:events:{region}:222222222222:event-bus/default");
    let allow = |action: &str| Statement::allow("B", [action]);
    assert_eq!(shut(vec![allow("*").on(["*"])]), None);
    assert_eq!(shut(vec![allow("events:Put*").on(["arn:aws:events:*:222222222222:event-bus/*"])]), None);
    assert_eq!(shut(vec![allow("s3:*").on(["*"])]), Some(bus("ap-northeast-1")));
    let some = allow("events:PutEvents").on([bus("ap-northeast-1"), bus("us-east-1")]);
    assert_eq!(shut(vec![some]), Some(bus("eu-west-1")));
    let not = Statement::deny("N", ["events:*"]).on([bus("us-east-1")]);
    assert_eq!(shut(vec![allow("*").on(["*"]), not]), Some(bus("us-east-1")));
    let elsewhere = allow("*").on(["*"]).when("StringEquals", "aws:RequestedRegion", ["eu-west-1"]);
    assert!(shut(vec![elsewhere]).is_some(), "what cannot be told is not an admission");

    let mut seen = wanted.clone();
    seen.permissions_boundary = Some("arn:aws:iam::333333333333:policy/b".to_owned());
    let mut again = wanted.clone();
    again.adopt(&seen, &Terms::default());
    assert_eq!(again, seen);
}

#[test]
fn what_is_more_than_its_permission_does_not_stay() {
    let desired = estate("[events]\n").desire(Service::Iam, "333333333333", &REGIONS);
    let mut seen = role(&desired);
    let more = Policy::new(vec![Statement::allow("More", ["s3:*"]).on(["*"])]);
    seen.inline_policies.insert("more".to_owned(), Document::Known(more));
    seen.attached_policies.push("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    seen.tags.insert("Owner".to_owned(), "alice".to_owned());
    let mut wanted = role(&desired);
    assert!(wanted.adopt(&seen, &Terms::default()).is_empty());
    assert_eq!(wanted.inline_policies.len(), 1);
    assert!(wanted.attached_policies.is_empty());
    assert_eq!(wanted.tags["Owner"], "alice", "other people's tags stay");
}

#[test]
fn a_role_that_trusts_or_may_more_is_refused_whoever_planned_it() {
    let good = role(&estate("[events]\n").desire(Service::Iam, "333333333333", &REGIONS));
    let refusals = |alter: &dyn Fn(&mut Role)| {
        let mut role = good.clone();
        alter(&mut role);
        role.refusals(None, &Terms::default()).join("; ")
    };
    assert_eq!(refusals(&|_| ()), "");
    let saved: Role = serde_json::from_str(&serde_json::to_string(&good).unwrap()).unwrap();
    assert_eq!((saved.refusals(None, &Terms::default()), &saved), (Vec::new(), &good), "also from a saved plan");
    let trusting = |statement: Statement| {
        refusals(&move |role| role.trust = Document::Known(Policy::new(vec![statement.clone()])))
    };
    let allow = || Statement::allow("X", ["sts:AssumeRole"]);
    let own = |statement: Statement| statement.when("StringEquals", "aws:SourceAccount", ["333333333333"]);
    assert_eq!(trusting(own(allow().for_services(["events.amazonaws.com"]))), "");
    assert_eq!(trusting(allow().for_services(["events.amazonaws.com"])), "");
    for statement in [
        own(allow().for_services(["events.amazonaws.com", "lambda.amazonaws.com"])),
        own(allow().for_everyone()),
        own(allow().for_account_roots(Default::default(), [id("444444444444")])),
        own(allow()),
    ] {
        assert!(trusting(statement.clone()).contains("trust somebody else"), "{statement:?}");
    }
    let allowed = |statement: Statement| {
        refusals(&move |role| {
            let policy = Document::Known(Policy::new(vec![statement.clone()]));
            role.inline_policies.insert("x".to_owned(), policy);
        })
    };
    let bus = "arn:aws:events:us-east-1:222222222222:event-bus/default";
    assert_eq!(allowed(Statement::allow("X", ["events:PutEvents"]).on([bus])), "");
    for statement in [
        Statement::allow("X", ["events:*"]).on([bus]),
        Statement::allow("X", ["events:PutEvents"]).on(["*"]),
        Statement::allow("X", ["events:PutEvents", "sns:Publish"]).on([bus]),
    ] {
        assert!(allowed(statement.clone()).contains("allowed more"), "{statement:?}");
    }
    let attached = |role: &mut Role| role.attached_policies.push("arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned());
    assert!(refusals(&attached).contains("allowed more"));
    let large = |role: &mut Role| {
        let arns = (0..200).map(|n| format!("{bus}{n}"));
        let policy = Policy::new(vec![Statement::allow("X", ["events:PutEvents"]).on(arns)]);
        role.inline_policies.insert("x".to_owned(), Document::Known(policy));
    };
    assert!(refusals(&large).contains("AWS holds 10240"));
}

#[test]
fn orphans_are_looked_for_where_roles_are_made() {
    assert!(PATH.starts_with('/') && PATH.ends_with('/') && PATH.len() > 1, "IAM takes no other paths");
    let other = ServiceLinkedRole { service: "guardduty.amazonaws.com".to_owned() };
    assert_eq!(other.refusals(None, &Terms::default()).len(), 1);
}
