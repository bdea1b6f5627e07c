//! Tests of the declarations.

mod listeners;

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;

use super::reach::Reach;
use super::*;
use crate::config::{Source, load};
use crate::model::{Partition, Region, Target};
use crate::policy::{Caller, Decision, Policy, Request, evaluate};
use crate::services::estate::{Estate, PROFILES, id, pretty, region};
use crate::services::{Desired, Kind, Reference, Resource, Service, SharedPolicy, Spec, Terms};

const ENDPOINTS: &str = r#"
[[notify.subscription]]
protocol = "lambda"
endpoint = "arn:aws:lambda:eu-west-1:444444444444:function:chat"
[[notify.subscription]]
protocol = "sqs"
endpoint = "arn:aws:sqs:us-east-1:999999999999:alerts"
raw_message_delivery = true
[[notify.subscription]]
protocol = "https"
endpoint = "https://ops:hunter2@hooks.example.com/T0/hunter3"
[[notify.subscription]]
protocol = "email"
endpoint = "ops@example.com"
"#;

fn estate(baseline: &str, hub: &[&str]) -> Estate {
    let mut estate = Estate::new(PROFILES, &format!("name = 'test'\n[events]\n{baseline}"));
    estate.shared.hub = hub.iter().map(|name| region(name)).collect();
    estate
}

fn whole() -> Estate {
    estate(&format!("[notify]\nkey_alias = 'alerts'\n{ENDPOINTS}"), &["eu-west-1", "us-east-1"])
}

fn topic_of(desired: &[Desired]) -> Topic {
    let Spec::SnsTopic(topic) = &desired[0].spec else { panic!("{desired:?}") };
    (**topic).clone()
}

fn lines(desired: &[Desired]) -> String {
    let line = |one: &Desired| {
        let requires: Vec<String> = one.requires.iter().map(ToString::to_string).collect();
        let why = one.obstacle.as_ref().map(|kept| format!(" BLOCKED {}", kept.reason)).unwrap_or_default();
        format!("{}{} <- {}{why}", if one.shared { "* " } else { "  " }, one.address, requires.join(" "))
    };
    desired.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn asks(policy: &Policy, principal: Caller<'_>, action: &str, context: &[(&str, &str)]) -> bool {
    let context: BTreeMap<String, Vec<String>> =
        context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
    let resource = "arn:aws:sns:eu-west-1:222222222222:baseline-alerts";
    matches!(evaluate(policy, &Request { principal, action, resource, context: &context }), Decision::Allowed { .. })
}

#[test]
fn a_topic_in_full() {
    let desired = whole().desire(Service::Sns, "222222222222", &["eu-west-1"]);
    assert_snapshot!(pretty(&desired[0].spec), @r#"
    {
      "kms_key": "ref:222222222222/eu-west-1/kms.key/alerts",
      "policy": {
        "Statement": [
          {
            "Action": "sns:Publish",
            "Effect": "Allow",
            "Principal": {
              "Service": "events.amazonaws.com"
            },
            "Resource": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
            "Sid": "BaselineEvents"
          },
          {
            "Action": "sns:Subscribe",
            "Condition": {
              "StringEquals": {
                "aws:PrincipalAccount": "999999999999",
                "sns:Endpoint": "arn:aws:sqs:us-east-1:999999999999:alerts"
              }
            },
            "Effect": "Allow",
            "Principal": "*",
            "Resource": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
            "Sid": "BaselineGuests"
          },
          {
            "Action": "sns:Subscribe",
            "Condition": {
              "StringEquals": {
                "aws:PrincipalAccount": "444444444444"
              }
            },
            "Effect": "Allow",
            "Principal": "*",
            "Resource": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
            "Sid": "BaselineSubscribers"
          },
          {
            "Action": [
              "sns:AddPermission",
              "sns:DeleteTopic",
              "sns:GetTopicAttributes",
              "sns:ListSubscriptionsByTopic",
              "sns:Publish",
              "sns:RemovePermission",
              "sns:SetTopicAttributes",
              "sns:Subscribe"
            ],
            "Effect": "Allow",
            "Principal": {
              "AWS": "222222222222"
            },
            "Resource": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
            "Sid": "BaselineTopicOwner"
          }
        ],
        "Version": "2012-10-17"
      },
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      }
    }
    "#);
}

#[test]
fn who_holds_what() {
    let estate = whole();
    let security = estate.desire(Service::Sns, "222222222222", &["eu-west-1"]);
    assert_snapshot!(lines(&security), @"
    * 222222222222/eu-west-1/sns.topic/baseline-alerts <- 222222222222/eu-west-1/kms.key/alerts
    * 222222222222/eu-west-1/sns.subscription/baseline-alerts:https:2be6d9c6d9f3 <- 222222222222/eu-west-1/sns.topic/baseline-alerts
    * 222222222222/eu-west-1/sns.subscription/baseline-alerts:email:ops@example.com <- 222222222222/eu-west-1/sns.topic/baseline-alerts
    * 222222222222/us-east-1/sns.topic/baseline-alerts <- 222222222222/us-east-1/kms.key/alerts
    * 222222222222/us-east-1/sns.subscription/baseline-alerts:https:2be6d9c6d9f3 <- 222222222222/us-east-1/sns.topic/baseline-alerts
    * 222222222222/us-east-1/sns.subscription/baseline-alerts:email:ops@example.com <- 222222222222/us-east-1/sns.topic/baseline-alerts
    ");
    // The owner subscribes in the topic's Region, as far as that is one of its own.
    let owner = estate.desire(Service::Sns, "444444444444", &["eu-west-1", "us-east-1"]);
    assert_snapshot!(lines(&owner), @"
    444444444444/eu-west-1/sns.subscription/baseline-alerts:lambda:arn:aws:lambda:eu-west-1:444444444444:function:chat <- 222222222222/eu-west-1/sns.topic/baseline-alerts 444444444444/eu-west-1/lambda.permission/chat
    444444444444/us-east-1/sns.subscription/baseline-alerts:lambda:arn:aws:lambda:eu-west-1:444444444444:function:chat <- 222222222222/us-east-1/sns.topic/baseline-alerts 444444444444/eu-west-1/lambda.permission/chat
    ");
    assert_eq!(estate.desire(Service::Sns, "444444444444", &["us-east-1"]).len(), 1);
    assert!(estate.desire(Service::Sns, "333333333333", &["us-east-1"]).is_empty());
}

#[test]
fn the_security_account_subscribes_its_own_endpoints_wherever_there_is_a_topic() {
    let text = "[notify]\n[[notify.subscription]]\nprotocol = 'sqs'\n\
                endpoint = 'arn:aws:sqs:eu-west-1:222222222222:alerts'\n";
    let mut estate = estate(text, &["eu-west-1", "us-east-1"]);
    estate.shared.regions.insert(id("222222222222"), vec![region("eu-west-1")]);
    let desired = estate.desire(Service::Sns, "222222222222", &["eu-west-1"]);
    let own: Vec<&Desired> = desired.iter().filter(|one| !one.shared).collect();
    assert_eq!(own.len(), 2, "{}", lines(&desired));
    assert_eq!(outside(&estate, "us-east-1", &[]), "");
    let topic = topic_of(&desired);
    assert!(topic.policy.document.statements.iter().all(|s| s.sid.as_deref() != Some("BaselineSubscribers")));
    // Where it gets no baseline, somebody has to do it by hand.
    let profiles = PROFILES.replace("role = \"Security\"", "role = \"Security\", baseline = false");
    let mut left_out = Estate::new(&profiles, &format!("name = 'test'\n[events]\n{text}"));
    left_out.shared = estate.shared.clone();
    assert!(left_out.desire(Service::Sns, "222222222222", &["eu-west-1"]).iter().all(|one| one.shared));
    assert!(left_out.desire(Service::Sqs, "222222222222", &["eu-west-1"]).is_empty());
    assert!(outside(&left_out, "us-east-1", &[]).contains("aws sqs set-queue-attributes"));
}

#[test]
fn nothing_without_the_section() {
    let mut estate = whole();
    estate.baseline.notify = None;
    for service in [Service::Sns, Service::Lambda, Service::Sqs, Service::Kms] {
        assert!(estate.desire(service, "222222222222", &["eu-west-1"]).is_empty(), "{service}");
        assert!(estate.desire(service, "444444444444", &["eu-west-1"]).is_empty(), "{service}");
    }
}

#[test]
fn topics_that_nothing_is_published_to_are_warned_of() {
    let warnings = |baseline: &str| -> Vec<String> {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let loaded = load(&source("profiles.toml", PROFILES), Some(&source("baseline.toml", baseline))).unwrap();
        loaded.warnings.list.into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(warnings("name = 'test'\n[notify]\n"), ["nothing is published to the topics of [notify]"]);
    assert!(!warnings("name = 'test'\n[events]\n[notify]\n").iter().any(|text| text.contains("[notify]")));
}

#[test]
fn cells_are_the_hub_and_the_regions_of_owners() {
    let estate = whole();
    let cells = |account: &str, regions: &[&str]| -> Vec<String> {
        let regions: Vec<Region> = regions.iter().map(|name| region(name)).collect();
        let place = crate::services::Place { account: estate.account(account), regions: &regions };
        cells(&estate.declared(), &place).iter().map(ToString::to_string).collect()
    };
    assert_eq!(cells("222222222222", &[]), ["222222222222/eu-west-1", "222222222222/us-east-1"]);
    assert_eq!(cells("444444444444", &["ap-south-1", "us-east-1"]), ["444444444444/us-east-1"]);
    assert!(cells("333333333333", &["us-east-1"]).is_empty());
}

#[test]
fn events_may_publish_whatever_the_source_and_nobody_else_may() {
    let desired = whole().desire(Service::Sns, "222222222222", &["eu-west-1"]);
    let topic = topic_of(&desired);
    let policy = &topic.policy.document;
    assert!(!policy.statements.iter().any(crate::policy::Statement::is_open_to_world));
    assert!(asks(policy, Caller::Service("events.amazonaws.com"), "sns:Publish", &[]));
    assert!(!asks(policy, Caller::Service("s3.amazonaws.com"), "sns:Publish", &[]));
    let of = |account: &str| format!("arn:aws:iam::{account}:role/R");
    assert!(asks(policy, Caller::Aws(&of("222222222222")), "sns:SetTopicAttributes", &[]));
    assert!(asks(policy, Caller::Aws(&of("444444444444")), "sns:Subscribe", &[]));
    assert!(!asks(policy, Caller::Aws(&of("444444444444")), "sns:Publish", &[]));
    assert!(!asks(policy, Caller::Aws(&of("333333333333")), "sns:Subscribe", &[]));
    // Somebody who is not in the profiles: for the declared endpoint and no other.
    let (theirs, another) = ("arn:aws:sqs:us-east-1:999999999999:alerts", "arn:aws:sqs:us-east-1:999999999999:other");
    assert!(asks(policy, Caller::Aws(&of("999999999999")), "sns:Subscribe", &[("sns:Endpoint", theirs)]));
    assert!(!asks(policy, Caller::Aws(&of("999999999999")), "sns:Subscribe", &[("sns:Endpoint", another)]));

    let publish = policy.statements.iter().find(|s| s.sid.as_deref() == Some("BaselineEvents")).unwrap();
    assert!(publish.conditions.is_empty(), "EventBridge drops events where there is one");
    let terms = Terms { address: Some(desired[0].address.clone()), ..Terms::default() };
    assert_eq!(topic.refusals(None, &terms), Vec::<String>::new());
}

#[test]
fn the_policy_that_sns_gives_a_topic_stays() {
    let default = r#"{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID",
        "Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:Publish","SNS:Subscribe"],
        "Resource":"arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
        "Condition":{"StringEquals":{"AWS:SourceOwner":"222222222222"}}}]}"#;
    let mut topic = topic_of(&whole().desire(Service::Sns, "222222222222", &["eu-west-1"]));
    let seen = Topic {
        policy: SharedPolicy::seen(Policy::parse(default).unwrap()),
        kms_key: topic.kms_key.clone(),
        tags: BTreeMap::from([("Team".to_owned(), "ops".to_owned())]),
    };
    assert!(topic.adopt(&seen, &Terms::default()).is_empty());
    assert!(topic.policy.document.foreign().any(|s| s.sid.as_deref() == Some("__default_statement_ID")));
    assert_eq!(topic.tags["Team"], "ops");
    assert!(topic.refusals(Some(&seen), &Terms::default()).is_empty());
    // Without it, the check finds a foreign statement missing.
    let lost = topic_of(&whole().desire(Service::Sns, "222222222222", &["eu-west-1"]));
    assert!(lost.refusals(Some(&seen), &Terms::default())[0].contains("__default_statement_ID"));
    // An endpoint that is not declared any more takes no leave to remove accounts.
    let mut fewer = topic.clone();
    fewer.policy.document.statements.retain(|s| s.sid.as_deref() != Some("BaselineSubscribers"));
    assert!(fewer.refusals(Some(&topic), &Terms::default()).is_empty());
}

#[test]
fn a_key_that_was_not_declared_stays_and_awss_own_is_told_of() {
    let own = estate("[notify]\n", &["eu-west-1"]);
    let declared = topic_of(&own.desire(Service::Sns, "222222222222", &["eu-west-1"]));
    assert_eq!(declared.kms_key, None);
    for (alias, told) in [("alias/aws/sns", true), ("alias/company", false)] {
        let key = format!("arn:aws:kms:eu-west-1:222222222222:{alias}").parse().unwrap();
        let seen = Topic { kms_key: Some(Reference::Is(key)), ..declared.clone() };
        let mut topic = declared.clone();
        topic.adopt(&seen, &Terms::default());
        assert_eq!(topic, seen);
        assert_eq!(seen.undelivered().is_some(), told, "{alias}");
    }
    assert!(declared.undelivered().is_none());
}

#[test]
fn the_topics_keys() {
    let estate = whole();
    let keys = estate.desire(Service::Kms, "222222222222", &["eu-west-1"]);
    let addresses: Vec<String> = keys.iter().map(|key| key.address.to_string()).collect();
    assert_eq!(addresses, ["222222222222/eu-west-1/kms.key/alerts", "222222222222/us-east-1/kms.key/alerts"]);
    assert!(keys.iter().all(|key| key.shared));
    assert_snapshot!(pretty(&keys[0].spec), @r#"
    {
      "alias": "alias/alerts",
      "description": "Encrypts what the topic says",
      "policy": {
        "Statement": [
          {
            "Action": [
              "kms:Decrypt",
              "kms:GenerateDataKey*"
            ],
            "Effect": "Allow",
            "Principal": {
              "Service": "events.amazonaws.com"
            },
            "Resource": "*",
            "Sid": "BaselineEventsEncrypt"
          },
          {
            "Action": "kms:*",
            "Effect": "Allow",
            "Principal": {
              "AWS": "222222222222"
            },
            "Resource": "*",
            "Sid": "BaselineKeyOwner"
          }
        ],
        "Version": "2012-10-17"
      },
      "rotation": true,
      "state": "enabled",
      "tags": {
        "Baseline": "test",
        "BaselineAlias": "alerts",
        "ManagedBy": "baseline"
      }
    }
    "#);
    let Spec::KmsKey(key) = &keys[0].spec else { panic!() };
    let terms = Terms { address: Some(keys[0].address.clone()), ..Terms::default() };
    assert!(key.refusals(None, &terms).is_empty());
    assert!(key.shared_policy().is_none(), "no account's logs hang on it");
    let mut locked_out = key.clone();
    locked_out.policy.document.statements.retain(|s| s.sid.as_deref() != Some("BaselineKeyOwner"));
    assert!(locked_out.refusals(None, &terms)[0].contains("root"));
}

#[test]
fn the_log_key_and_a_topic_key_share_a_region() {
    let mut estate = Estate::new(PROFILES, "name = 'test'\n[log_bucket]\n[events]\n[notify]\nkey_alias = 'alerts'\n");
    estate.shared.hub = vec![region("eu-west-1")];
    let keys = estate.desire(Service::Kms, "222222222222", &["eu-west-1"]);
    let names: Vec<&str> = keys.iter().map(|key| key.address.name.as_str()).collect();
    assert_eq!(names, ["baseline-logs", "alerts"]);
    let regions = [region("eu-west-1")];
    let place = crate::services::Place { account: estate.account("222222222222"), regions: &regions };
    assert_eq!(Service::Kms.cells(&estate.declared(), &place).len(), 1, "read once");
    let declared = crate::services::kms::declared_keys(&estate.declared(), &region("eu-west-1"));
    assert_eq!(declared, keys.iter().map(|key| key.address.clone()).collect::<Vec<_>>());
    let Spec::KmsKey(log_key) = &keys[0].spec else { panic!() };
    assert!(log_key.shared_policy().is_some());
}

#[test]
fn a_url_is_never_shown() {
    let desired = whole().desire(Service::Sns, "222222222222", &["eu-west-1"]);
    let all = desired.iter().map(|d| format!("{d:?} {}", d.spec.document())).collect::<String>();
    assert!(!all.contains("hunter"), "{all}");
    let Spec::SnsSubscription(https) = &desired[1].spec else { panic!() };
    assert_eq!(https.endpoint.reveal(), Some("https://ops:hunter2@hooks.example.com/T0/hunter3"));
    assert!(https.endpoint.shown().starts_with("https://hooks.example.com/…#"));
    // As SNS lists it, and read back from a document.
    assert!(https.endpoint.is_listed_as("https://ops:****@hooks.example.com/T0/hunter3"));
    assert!(!https.endpoint.is_listed_as("https://ops:****@hooks.example.com/T0/other"));
    let back: Subscription = serde_json::from_value(desired[1].spec.document()).unwrap();
    assert_eq!(&back.endpoint, &https.endpoint);
    assert_eq!(back.endpoint.reveal(), None);
    let name = &desired[1].address.name;
    assert_eq!(desired[1].address.to_string().parse::<crate::model::Address>().unwrap().name, *name);
    assert_eq!(name.len(), "baseline-alerts:https:".len() + 12);
    for (protocol, endpoint, seen) in [
        ("https", "https://u:p@example.com/hunter2", "https://example.com/…"),
        (
            "lambda",
            "arn:aws:lambda:eu-west-1:444444444444:function:f",
            "arn:aws:lambda:eu-west-1:444444444444:function:f",
        ),
    ] {
        assert_eq!(shown(protocol, endpoint), seen);
    }
    assert!(!shown("sms", "+15550100").contains("0100"));
}

#[test]
fn waiting_for_a_confirmation_is_no_drift() {
    let desired = whole().desire(Service::Sns, "222222222222", &["eu-west-1"]);
    let Spec::SnsSubscription(mail) = &desired[2].spec else { panic!() };
    let waiting = mail.undelivered().unwrap();
    assert_snapshot!(format!("{}\n{}", waiting.reason, waiting.hint), @"
    ops@example.com is not confirmed: its recipient has not followed the link in SNS's mail
    confirm it; this sends another request: aws sns subscribe --region eu-west-1 --topic-arn arn:aws:sns:eu-west-1:222222222222:baseline-alerts --protocol email --notification-endpoint ops@example.com
    ");
    let mut confirmed = mail.clone();
    confirmed.pending.0 = false;
    assert_eq!(&confirmed, mail);
    assert!(confirmed.undelivered().is_none());
    let owned = whole().desire(Service::Sns, "444444444444", &["eu-west-1"]);
    let Spec::SnsSubscription(function) = &owned[0].spec else { panic!() };
    assert!(function.undelivered().is_none(), "the owner's own subscription needs none");
}

#[test]
fn as_whom_sns_delivers_between_regions() {
    let reach = |protocol, topic: &str, endpoint: &str| match principal(
        Partition::Aws,
        protocol,
        &region(topic),
        &region(endpoint),
    ) {
        Reach::As(names) => names.into_iter().collect::<Vec<_>>().join(" "),
        Reach::Never => "never".to_owned(),
    };
    // Whether Osaka is an opt-in Region for SNS, its documents say both ways.
    let both = "sns.amazonaws.com sns.ap-northeast-3.amazonaws.com";
    let hong_kong = "sns.ap-east-1.amazonaws.com";
    for (topic, endpoint, function, queue) in [
        ("eu-west-1", "eu-west-1", "sns.amazonaws.com", "sns.amazonaws.com"),
        ("eu-west-1", "us-east-1", "sns.amazonaws.com", "sns.amazonaws.com"),
        ("ap-east-1", "ap-east-1", "sns.amazonaws.com", "sns.amazonaws.com"),
        ("ap-east-1", "us-east-1", "sns.ap-east-1.amazonaws.com", "sns.ap-east-1.amazonaws.com"),
        ("us-east-1", "ap-east-1", "never", "sns.ap-east-1.amazonaws.com"),
        ("af-south-1", "ap-east-1", "never", "never"),
        ("ap-northeast-3", "ap-northeast-3", "sns.amazonaws.com", "sns.amazonaws.com"),
        ("ap-northeast-3", "us-east-1", both, both),
        ("us-east-1", "ap-northeast-3", "sns.amazonaws.com", both),
        ("ap-east-1", "ap-northeast-3", hong_kong, hong_kong),
        ("ap-northeast-3", "ap-east-1", "never", hong_kong),
    ] {
        assert_eq!(reach(Protocol::Lambda, topic, endpoint), function, "{topic} {endpoint}");
        assert_eq!(reach(Protocol::Sqs, topic, endpoint), queue, "{topic} {endpoint}");
    }
}

#[test]
fn a_region_of_which_aws_says_both_is_admitted_both_ways() {
    let text = "[notify]\n[[notify.subscription]]\nprotocol = 'lambda'\n\
                endpoint = 'arn:aws:lambda:us-east-1:444444444444:function:chat'\n\
                [[notify.subscription]]\nprotocol = 'sqs'\nendpoint = 'arn:aws:sqs:us-east-1:444444444444:alerts'\n";
    let estate = estate(text, &["ap-northeast-3", "us-east-1"]);
    let desired = estate.desire(Service::Lambda, "444444444444", &["us-east-1"]);
    let Spec::LambdaPermission(wanted) = &desired[0].spec else { panic!("{desired:?}") };
    let sids: Vec<_> = wanted.policy.document.statements.iter().filter_map(|one| one.sid.clone()).collect();
    assert_eq!(sids, ["BaselineTopic-ap-northeast-3", "BaselineTopic-ap-northeast-3-2", "BaselineTopic-us-east-1"]);
    let desired = estate.desire(Service::Sqs, "444444444444", &["us-east-1"]);
    let policy = pretty(&desired[0].spec);
    assert!(
        policy.contains("sns.ap-northeast-3.amazonaws.com") && policy.contains("\"sns.amazonaws.com\""),
        "{policy}"
    );
    // A narrower run leaves both.
    let narrow = self::estate(text, &["us-east-1"]);
    let mut fewer = narrow.desire(Service::Lambda, "444444444444", &["us-east-1"]).remove(0).spec;
    let seen = Spec::LambdaPermission(wanted.clone());
    fewer.adopt(&seen, &Terms::default());
    assert_eq!(fewer, seen);
}

#[test]
fn what_sns_does_not_deliver_is_blocked_with_the_reason() {
    let text = "[notify]\n[[notify.subscription]]\nprotocol = 'lambda'\n\
                endpoint = 'arn:aws:lambda:ap-east-1:444444444444:function:chat'\n";
    let estate = estate(text, &["ap-east-1", "us-east-1"]);
    assert_snapshot!(lines(&estate.desire(Service::Sns, "444444444444", &["ap-east-1", "us-east-1"])), @"
    444444444444/ap-east-1/sns.subscription/baseline-alerts:lambda:arn:aws:lambda:ap-east-1:444444444444:function:chat <- 222222222222/ap-east-1/sns.topic/baseline-alerts 444444444444/ap-east-1/lambda.permission/chat
    444444444444/us-east-1/sns.subscription/baseline-alerts:lambda:arn:aws:lambda:ap-east-1:444444444444:function:chat <- 222222222222/us-east-1/sns.topic/baseline-alerts 444444444444/ap-east-1/lambda.permission/chat BLOCKED SNS does not deliver from us-east-1 to functions in ap-east-1, which is an opt-in Region
    ");
}

fn outside(estate: &Estate, name: &str, confirmed: &[&str]) -> String {
    let hub = Target::new(id("222222222222"), region(name));
    let declared = estate.declared();
    let confirmed: BTreeSet<String> = confirmed.iter().map(|one| (*one).to_owned()).collect();
    let waiting = undelivered(&declared, estate.baseline.notify.as_ref().unwrap(), &hub, &confirmed);
    assert!(waiting.iter().all(|one| one.address.kind == Kind::SnsSubscription && one.address.target == hub));
    waiting.iter().map(|one| format!("{}\n{}\n{}", one.address, one.reason, one.hint)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn an_owner_outside_the_profiles_is_told_what_to_run() {
    let text = "[notify]\n[[notify.subscription]]\nprotocol = 'lambda'\n\
                endpoint = 'arn:aws:lambda:eu-west-1:999999999999:function:chat:live'\n\
                [[notify.subscription]]\nprotocol = 'sqs'\nraw_message_delivery = true\n\
                endpoint = 'arn:aws:sqs:us-east-1:999999999999:alerts'\n";
    let estate = estate(text, &["ap-east-1"]);
    assert_snapshot!(outside(&estate, "ap-east-1", &[]), @r#"
    222222222222/ap-east-1/sns.subscription/baseline-alerts:lambda:arn:aws:lambda:eu-west-1:999999999999:function:chat:live
    arn:aws:lambda:eu-west-1:999999999999:function:chat:live is not subscribed: account 999999999999 gets no baseline, its owner has to do it
    as account 999999999999, run
    aws lambda add-permission --region eu-west-1 --function-name chat --qualifier live --statement-id BaselineTopic-ap-east-1 --action lambda:InvokeFunction --principal sns.ap-east-1.amazonaws.com --source-arn arn:aws:sns:ap-east-1:222222222222:baseline-alerts
    aws sns subscribe --region ap-east-1 --topic-arn arn:aws:sns:ap-east-1:222222222222:baseline-alerts --protocol lambda --notification-endpoint arn:aws:lambda:eu-west-1:999999999999:function:chat:live

    222222222222/ap-east-1/sns.subscription/baseline-alerts:sqs:arn:aws:sqs:us-east-1:999999999999:alerts
    arn:aws:sqs:us-east-1:999999999999:alerts is not subscribed: account 999999999999 gets no baseline, its owner has to do it
    as account 999999999999, run
    aws sqs set-queue-attributes --region us-east-1 --queue-url https://sqs.us-east-1.amazonaws.com/999999999999/alerts --attributes '{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"BaselineTopics\",\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"sns.ap-east-1.amazonaws.com\"},\"Action\":\"sqs:SendMessage\",\"Resource\":\"arn:aws:sqs:us-east-1:999999999999:alerts\",\"Condition\":{\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:sns:*:222222222222:baseline-alerts\"}}}]}"}'  # this replaces the whole policy: where the queue has one, add the statement to that instead
    aws sns subscribe --region ap-east-1 --topic-arn arn:aws:sns:ap-east-1:222222222222:baseline-alerts --protocol sqs --notification-endpoint arn:aws:sqs:us-east-1:999999999999:alerts --attributes RawMessageDelivery=true
    "#);
    // Somebody did it.
    let done =
        ["arn:aws:lambda:eu-west-1:999999999999:function:chat:live", "arn:aws:sqs:us-east-1:999999999999:alerts"];
    assert_eq!(outside(&estate, "ap-east-1", &done), "");
    assert!(!outside(&estate, "ap-east-1", &done[..1]).contains("lambda"));
}

#[test]
fn a_region_that_the_owner_has_not_is_told_of_where_that_is_known() {
    let mut estate = whole();
    estate.baseline.notify.as_mut().unwrap().subscriptions.truncate(1);
    assert_eq!(outside(&estate, "us-east-1", &[]), "", "nothing is known of the account");
    estate.shared.regions.insert(id("444444444444"), vec![region("eu-west-1")]);
    assert_eq!(outside(&estate, "eu-west-1", &[]), "");
    assert_snapshot!(outside(&estate, "us-east-1", &[]), @"
    222222222222/us-east-1/sns.subscription/baseline-alerts:lambda:arn:aws:lambda:eu-west-1:444444444444:function:chat
    arn:aws:lambda:eu-west-1:444444444444:function:chat is not subscribed: only account 444444444444 itself can do it, and us-east-1 is not among its Regions
    enable us-east-1 in account 444444444444 and let its `regions` in profiles.toml take it; or leave us-east-1 out everywhere
    ");
}

#[test]
fn a_subscription_is_not_turned_into_another() {
    let desired = whole().desire(Service::Sns, "222222222222", &["eu-west-1"]);
    let (Spec::SnsSubscription(url), Spec::SnsSubscription(mail)) = (&desired[1].spec, &desired[2].spec) else {
        panic!()
    };
    assert!(mail.refusals(Some(mail), &Terms::default()).is_empty());
    assert_eq!(mail.refusals(Some(url), &Terms::default()).len(), 1);
    let mut raw = mail.clone();
    raw.raw_message_delivery = true;
    assert_eq!(raw.refusals(None, &Terms::default()), ["email does not know raw message delivery"]);
}
