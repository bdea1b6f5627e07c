//! What each difference of a bus and of a rule takes, and what partial failures mean.

use super::wire::Wire;
use super::{Access, Case, account, other_policy};
use crate::config::{Source, load};
use crate::model::{Address, Arn, Fault, Region};
use crate::services::adapter::Order;
use crate::services::eventbridge::{Bus, Rule};
use crate::services::{Declared, Place, Reference, Service, Shared, Spec};

/// Bus and rules of the security account, and a rule that sends to it from another.
pub(super) fn specs() -> Vec<(Address, Spec)> {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let profiles = source("profiles.toml", include_str!("../../../profiles.example.toml"));
    let text = "name = 'x'\n[notify]\n[events]\nbus = 'security'\n[[events.forward]]\npreset = 'root-login'\n";
    let loaded = load(&profiles, Some(&source("baseline.toml", text))).unwrap();
    let baseline = loaded.baseline.unwrap();
    let regions: [Region; 1] = ["us-east-1".parse().unwrap()];
    let shared = Shared { hub: regions.to_vec(), ..Shared::default() };
    let declared = Declared { profiles: &loaded.profiles, baseline: &baseline, shared: &shared };
    let security = account("222222222222");
    let other = loaded.profiles.baselined().map(|account| account.id).find(|id| *id != security).unwrap();
    let of = |id| {
        let place = Place { account: loaded.profiles.account(id).unwrap(), regions: &regions };
        Service::Eventbridge.desire(&declared, &place)
    };
    let role: Arn = format!("arn:aws:iam::{other}:role/baseline-event-forwarding").parse().unwrap();
    let mut specs = Vec::new();
    for mut desired in of(security).into_iter().chain(of(other)) {
        for reference in desired.spec.references() {
            if matches!(reference, Reference::To(_)) {
                *reference = Reference::Is(role.clone());
            }
        }
        specs.push((desired.address, desired.spec));
    }
    assert_eq!(specs.len(), 4);
    specs
}

pub(super) fn bus_cases(bus: &Bus) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Bus)| {
        let mut seen = bus.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::EventbridgeBus(Box::new(seen))), sends }
    };
    vec![
        case("another policy", &["DescribeEventBus", "PutPermission"], |bus| bus.policy = other_policy()),
        case("no tags", &["TagResource"], |bus| bus.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn rule_cases(rule: &Rule) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Rule)| {
        let mut seen = rule.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::EventbridgeRule(Box::new(seen))), sends }
    };
    let first = |rule: &mut Rule, alter: fn(&mut crate::services::eventbridge::RuleTarget)| {
        rule.targets.values_mut().take(1).for_each(alter);
    };
    let target = |what, sends, alter: fn(&mut crate::services::eventbridge::RuleTarget)| {
        let mut seen = rule.clone();
        first(&mut seen, alter);
        Case { what, seen: Some(Spec::EventbridgeRule(Box::new(seen))), sends }
    };
    let sends_with_role = rule.targets.values().any(|target| target.role.is_some());
    let mut cases = vec![
        Case { what: "no rule", seen: None, sends: &["PutRule", "PutTargets"] },
        case("another pattern", &["PutRule"], |rule| rule.pattern = serde_json::json!({"source": ["x"]})),
        case("a disabled rule", &["PutRule"], |rule| rule.state = "DISABLED".to_owned()),
        case("another description", &["PutRule"], |rule| rule.description = None),
        case("a schedule", &["PutRule"], |rule| rule.schedule = Some("rate(1 day)".to_owned())),
        case("a role of the rule", &["PutRule"], |rule| rule.role = Some("arn:aws:iam::1:role/x".to_owned())),
        case("no targets", &["PutTargets"], |rule| rule.targets.clear()),
        case("one more target of ours", &["RemoveTargets"], |rule| {
            let target = rule.targets.values().next().unwrap().clone();
            rule.targets.insert("baseline-old".to_owned(), target);
        }),
        case("no tags", &["TagResource"], |rule| rule.tags.clear()),
        case("no difference", &[], |_| ()),
        target("another target", &["PutTargets"], |target| {
            target.arn = Reference::Is("arn:aws:sns:us-east-1:222222222222:other".parse().unwrap());
        }),
        target("a fixed input", &["PutTargets"], |target| target.input = Some("{}".to_owned())),
    ];
    if sends_with_role {
        cases.push(target("no role", &["PutTargets"], |target| target.role = None));
    } else {
        cases.push(target("no transformer", &["PutTargets"], |target| target.transform = None));
        // A put target keeps the role it has.
        cases.push(target("a role", &["RemoveTargets", "PutTargets"], |target| {
            target.role = Some(Reference::Is("arn:aws:iam::222222222222:role/x".parse().unwrap()));
        }));
    }
    cases
}

/// Applies the rule that sends, as if there were none yet.
async fn send(answer: fn(&str) -> (u16, &'static str)) -> (Result<Arn, crate::model::OpError>, Vec<String>) {
    let wire = Wire::new(answer);
    let session = wire.session(Access::Write);
    let (address, spec) = specs().pop().unwrap();
    let order = Order { session: &session, address: &address, arn: None };
    (spec.apply(None, &order).await, wire.sent())
}

const MADE: (u16, &str) = (200, r#"{"RuleArn": "arn:aws:events:us-east-1:111111111111:rule/baseline-root-login"}"#);

#[tokio::test]
async fn a_target_that_failed_in_an_answer_of_success_is_an_error() {
    let (answer, sent) = send(|asked| match asked {
        "PutTargets" => (
            200,
            r#"{"FailedEntryCount": 1, "FailedEntries": [
                {"TargetId": "baseline-bus", "ErrorCode": "LimitExceededException", "ErrorMessage": "too many"}]}"#,
        ),
        _ => MADE,
    })
    .await;
    let error = answer.unwrap_err();
    assert_eq!((error.fault, error.attempts), (Fault::Quota, 1));
    assert!(error.message.contains("target baseline-bus: too many"), "{error}");
    assert_eq!(sent, ["PutRule", "PutTargets"]);
}

#[tokio::test]
async fn a_target_that_was_put_at_the_same_time_as_another_is_put_again() {
    static CALLS: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
    let (answer, sent) = send(|asked| {
        if asked != "PutTargets" {
            return MADE;
        }
        let mut calls = CALLS.lock().unwrap();
        *calls += 1;
        match *calls {
            1 | 2 => (
                200,
                r#"{"FailedEntryCount": 1, "FailedEntries": [
                    {"TargetId": "baseline-bus", "ErrorCode": "ConcurrentModificationException"}]}"#,
            ),
            _ => (200, r#"{"FailedEntryCount": 0, "FailedEntries": []}"#),
        }
    })
    .await;
    answer.unwrap();
    assert_eq!(sent, ["PutRule", "PutTargets", "PutTargets", "PutTargets"]);
}

#[tokio::test]
async fn a_role_and_a_bus_policy_that_have_not_settled_are_waited_for_and_a_denial_is_not() {
    static CALLS: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
    let (answer, sent) = send(|asked| {
        if asked != "PutTargets" {
            return MADE;
        }
        let mut calls = CALLS.lock().unwrap();
        *calls += 1;
        match *calls {
            1 => (
                400,
                r#"{"__type": "ValidationException",
                    "message": "Provided role cannot be assumed by principal 'events.amazonaws.com'."}"#,
            ),
            2 => (
                400,
                r#"{"__type": "AccessDeniedException",
                    "message": "not authorized to perform: events:PutEvents because no resource-based policy allows it"}"#,
            ),
            _ => (200, r#"{"FailedEntryCount": 0}"#),
        }
    })
    .await;
    answer.unwrap();
    assert_eq!(sent.len(), 4);

    let (answer, sent) = send(|asked| match asked {
        "PutTargets" => (
            400,
            r#"{"__type": "AccessDeniedException", "message": "User is not authorized to perform: events:PutTargets"}"#,
        ),
        _ => MADE,
    })
    .await;
    assert_eq!(answer.unwrap_err().fault, Fault::Denied);
    assert_eq!(sent, ["PutRule", "PutTargets"]);
}

#[tokio::test]
async fn deleting_takes_the_targets_away_first_and_stops_at_those_of_others() {
    for (address, spec) in specs() {
        let Spec::EventbridgeRule(mut rule) = spec else { continue };
        let wire = Wire::new(|_| (200, "{}"));
        let session = wire.session(Access::Write);
        let order = Order { session: &session, address: &address, arn: None };
        Spec::EventbridgeRule(rule.clone()).delete(&order).await.unwrap();
        assert_eq!(wire.sent(), ["RemoveTargets", "DeleteRule"], "{address}");
        rule.other_targets.insert("theirs".to_owned(), "arn:aws:sqs:us-east-1:222222222222:q".to_owned());
        let error = Spec::EventbridgeRule(rule).delete(&order).await.unwrap_err();
        assert_eq!(error.fault, Fault::Refused);
        assert!(wire.sent().is_empty());
    }
}

#[tokio::test]
async fn a_bus_that_admits_nobody_any_more_has_no_policy() {
    let (address, spec) = specs().swap_remove(0);
    let Spec::EventbridgeBus(mut bus) = spec else { panic!("a bus comes first") };
    bus.policy.document.statements.clear();
    let seen = Bus { policy: other_policy(), ..(*bus).clone() };
    let wire = Wire::new(super::taken);
    let session = wire.session(Access::Write);
    let arn: Arn = "arn:aws:events:us-east-1:222222222222:event-bus/security".parse().unwrap();
    let order = Order { session: &session, address: &address, arn: Some(&arn) };
    let seen = Spec::EventbridgeBus(Box::new(seen));
    Spec::EventbridgeBus(bus).apply(Some(&seen), &order).await.unwrap();
    assert_eq!(wire.sent(), ["DescribeEventBus", "RemovePermission"]);
}
