//! Tests of the declarations.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::*;
use crate::policy::{Caller, Decision, KEY_POLICY_MAX_BYTES, Policy, Request, evaluate};
use crate::services::estate::{BASELINE, Estate, PROFILES, id, last_of, pretty, trail_asks};
use crate::services::{Desired, Service, Shared, Spec, policy_notes};

fn key(desired: &Desired) -> &Key {
    let Spec::KmsKey(key) = &desired.spec else { panic!("{desired:?}") };
    key
}

fn policy(estate: &Estate) -> Policy {
    key(&estate.one(Service::Kms)).policy.document.clone()
}

fn form(estate: &Estate) -> usize {
    policy_form(&estate.declared()).map_or(usize::MAX, |(form, _, _)| form)
}

fn is_allowed(decision: &Decision) -> bool {
    matches!(decision, Decision::Allowed { .. })
}

const KEY: &str = "arn:aws:kms:eu-west-1:222222222222:key/1";

/// What CloudTrail asks of the key for an account: to encrypt, and to look at it.
fn may(policy: &Policy, sender: &str) -> [bool; 3] {
    let trail = format!("arn:aws:cloudtrail:us-east-1:{sender}:trail/baseline");
    let context = [("kms:EncryptionContext:aws:cloudtrail:arn", trail.as_str())];
    ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"]
        .map(|action| is_allowed(&trail_asks(policy, sender, action, KEY, &context)))
}

fn of(all: &Estate, senders: usize, foreign_bytes: usize) -> Estate {
    let mut profiles = all.profiles.clone();
    profiles.accounts.truncate(senders + 1);
    let mut estate = Estate { profiles, baseline: all.baseline.clone(), shared: Shared::default() };
    let address = address(&estate.declared()).unwrap();
    estate.shared.foreign_bytes.insert(address, foreign_bytes);
    estate
}

#[test]
fn a_key_in_full() {
    let desired = Estate::small().one(Service::Kms);
    assert_snapshot!(format!("{}\n{:?}\n{}", desired.address, desired.requires, pretty(&desired.spec)), @r#"
    222222222222/eu-west-1/kms.key/baseline-logs
    []
    {
      "alias": "alias/baseline-logs",
      "description": "Encrypts the logs of every account",
      "policy": {
        "Statement": [
          {
            "Action": "kms:GenerateDataKey*",
            "Condition": {
              "StringLike": {
                "kms:EncryptionContext:aws:cloudtrail:arn": [
                  "arn:aws:cloudtrail:*:111111111111:trail/*",
                  "arn:aws:cloudtrail:*:222222222222:trail/*",
                  "arn:aws:cloudtrail:*:333333333333:trail/*",
                  "arn:aws:cloudtrail:*:444444444444:trail/*"
                ]
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "cloudtrail.amazonaws.com"
            },
            "Resource": "*",
            "Sid": "BaselineCloudTrailEncrypt"
          },
          {
            "Action": [
              "kms:Decrypt",
              "kms:DescribeKey"
            ],
            "Condition": {
              "StringEquals": {
                "aws:SourceAccount": [
                  "111111111111",
                  "222222222222",
                  "333333333333",
                  "444444444444"
                ]
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "cloudtrail.amazonaws.com"
            },
            "Resource": "*",
            "Sid": "BaselineCloudTrailUse"
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
        "BaselineAlias": "baseline-logs",
        "ManagedBy": "baseline"
      }
    }
    "#);
}

#[test]
fn only_the_security_account_holds_the_key() {
    let estate = Estate::small();
    assert!(estate.desire(Service::Kms, "333333333333", &["eu-west-1"]).is_empty());
    let mut without = estate;
    without.baseline.log_key = None;
    assert!(without.desire(Service::Kms, "222222222222", &["eu-west-1"]).is_empty());
    assert!(address(&without.declared()).is_none());
}

#[test]
fn the_log_archive_account_may_read_what_its_bucket_holds_and_only_through_s3() {
    for (partition, home, s3) in [
        ("aws", "eu-west-1", "s3.eu-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
        ("aws-eusc", "eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu"),
    ] {
        let profiles = format!("partition = '{partition}'\n{PROFILES}")
            .replace("defaults =", "log_archive = { account = '555555555555', role = 'Archive' }\ndefaults =")
            .replace("eu-west-1", home)
            .replace("arn:aws:", &format!("arn:{partition}:"));
        let policy = policy(&Estate::new(&profiles, BASELINE));
        let ask = |caller: &str, via: &str| {
            let context = [("kms:ViaService".to_owned(), vec![via.to_owned()])].into();
            let request =
                Request { principal: Caller::Aws(caller), action: "kms:Decrypt", resource: KEY, context: &context };
            is_allowed(&evaluate(&policy, &request))
        };
        let reader = format!("arn:{partition}:iam::555555555555:role/Reader");
        assert!(ask(&reader, s3), "{partition}");
        assert!(!ask(&reader, "ec2.amazonaws.com"), "{partition}");
        assert!(!ask(&reader.replace("555555555555", "333333333333"), s3), "{partition}");
        assert!(ask(&format!("arn:{partition}:iam::222222222222:role/Admin"), "none"), "{partition}");
    }
}

#[test]
fn both_forms_are_used_up_to_their_last_account_and_nothing_is_over_the_limit() {
    let all = Estate::of(2600, BASELINE);
    let lasts: Vec<usize> = (1..=2).map(|n| last_of(1, 2599, |senders| form(&of(&all, senders, 0)) <= n)).collect();
    assert_snapshot!(format!("{lasts:?}"), @"[545, 2158]");
    for (index, last) in lasts.iter().enumerate() {
        let estate = of(&all, *last, 0);
        let policy = policy(&estate);
        assert_eq!(form(&estate), index + 1);
        assert!(policy.size() <= KEY_POLICY_MAX_BYTES);
        let declared = estate.profiles.accounts.last().unwrap().id.to_string();
        assert_eq!(may(&policy, &declared), [true; 3]);
        assert_eq!(may(&policy, "999999999999"), [false; 3]);
        assert!(policy.statements.iter().all(|statement| statement.is_owned() && !statement.is_open_to_world()));
        // Only the tighter form asks for a trail's encryption context; the looser one lets CloudTrail encrypt whatever
        // it does for the account.
        let other = [("kms:EncryptionContext:aws:cloudtrail:arn", "arn:aws:cloudtrail:*:999999999999:trail/x")];
        let encrypts = is_allowed(&trail_asks(&policy, &declared, "kms:GenerateDataKey", KEY, &other));
        assert_eq!(encrypts, index == 1);
    }
    let beyond = of(&all, lasts[1] + 1, 0);
    assert_eq!(form(&beyond), usize::MAX);
    assert!(policy(&beyond).size() > KEY_POLICY_MAX_BYTES);
    // Other people's statements take room.
    assert_eq!(form(&of(&all, lasts[0], 500)), 2);
    let mut exclusive = of(&all, lasts[0], 500);
    exclusive.baseline.log_key.as_mut().unwrap().exclusive = true;
    assert_eq!(form(&exclusive), 1);

    let note = |estate: &Estate| policy_notes(&estate.declared()).pop().map(|note| note.text).unwrap_or_default();
    assert_snapshot!(note(&of(&all, lasts[0] + 1, 0)), @"the key policy takes form 2 of 2, the accounts by their id in one statement, without their trails' ARNs: for 546 accounts, a tighter one is larger than the 32768 bytes that AWS takes, other people's statements included");
    assert_snapshot!(note(&beyond), @"the key policy is refused: for 2159 accounts, its smallest form is larger than the 32768 bytes that AWS takes, other people's statements included; split the accounts over two profiles files with a security account each, or remove other people's statements");
}

#[test]
fn retained_accounts_may_still_encrypt() {
    let mut estate = Estate::small();
    assert_eq!(may(&policy(&estate), "777777777777"), [false; 3]);
    estate.shared.retained = BTreeSet::from([id("777777777777")]);
    assert_eq!(may(&policy(&estate), "777777777777"), [true; 3]);
}

const FULL: &str = "[config]\n[guardduty]\n";

/// What a service asks of the key for an account, on behalf of something of its own.
fn service_may(policy: &Policy, service: &str, action: &str, account: &str, source: &str) -> bool {
    let context = [
        ("aws:SourceAccount".to_owned(), vec![account.to_owned()]),
        ("aws:SourceArn".to_owned(), vec![source.to_owned()]),
    ];
    let request =
        Request { principal: Caller::Service(service), action, resource: KEY, context: &context.into_iter().collect() };
    is_allowed(&evaluate(policy, &request))
}

#[test]
fn the_whole_baselines_services_may_encrypt_for_declared_accounts_in_both_forms() {
    let all = Estate::of(2600, &format!("{BASELINE}{FULL}"));
    let lasts: Vec<usize> = (1..=2).map(|n| last_of(1, 2599, |senders| form(&of(&all, senders, 0)) <= n)).collect();
    assert_snapshot!(format!("{lasts:?}"), @"[348, 2102]");
    for (index, last) in lasts.iter().enumerate() {
        let estate = of(&all, *last, 0);
        let policy = policy(&estate);
        assert_eq!(form(&estate), index + 1);
        assert!(policy.size() <= KEY_POLICY_MAX_BYTES);
        assert!(policy.statements.iter().all(|statement| statement.is_owned() && !statement.is_open_to_world()));
        let declared = estate.profiles.accounts.last().unwrap().id.to_string();
        assert_eq!(may(&policy, &declared), [true; 3]);
        for (account, admitted) in [(&*declared, true), ("999999999999", false)] {
            let recorder = format!("arn:aws:config:eu-west-1:{account}:*");
            for action in ["kms:GenerateDataKey", "kms:Decrypt"] {
                let config = service_may(&policy, "config.amazonaws.com", action, account, &recorder);
                assert_eq!(config, admitted, "form {}: {action} for {account}", index + 1);
            }
            let detector = format!("arn:aws:guardduty:me-south-1:{account}:detector/1");
            for principal in ["guardduty.amazonaws.com", "guardduty.me-south-1.amazonaws.com"] {
                let encrypts = service_may(&policy, principal, "kms:GenerateDataKey", account, &detector);
                assert_eq!(encrypts, admitted, "form {}: {principal} for {account}", index + 1);
                // Reading is granted where the services share a statement.
                let reads = service_may(&policy, principal, "kms:Decrypt", account, &detector);
                assert_eq!(reads, admitted && index == 1, "form {}: {principal} for {account}", index + 1);
            }
            let other = format!("arn:aws:guardduty:me-south-1:{account}:malware-protection-plan/1");
            let encrypts = service_may(&policy, "guardduty.amazonaws.com", "kms:GenerateDataKey", account, &other);
            assert!(!encrypts, "form {}: on behalf of something else than a detector", index + 1);
        }
    }
    assert_eq!(form(&of(&all, lasts[1] + 1, 0)), usize::MAX);
}

#[test]
fn a_section_that_is_not_declared_adds_nothing_to_the_key_policy() {
    let sids = |more: &str| {
        let statements = policy(&Estate::new(PROFILES, &format!("{BASELINE}{more}"))).statements;
        statements.into_iter().filter_map(|statement| statement.sid).collect::<Vec<_>>().join(" ")
    };
    assert_snapshot!(sids(""), @"BaselineKeyOwner BaselineCloudTrailEncrypt BaselineCloudTrailUse");
    assert_snapshot!(sids("[config]\n"), @"BaselineKeyOwner BaselineCloudTrailEncrypt BaselineCloudTrailUse BaselineConfig");
    assert_snapshot!(sids("[guardduty]\n"), @"BaselineKeyOwner BaselineCloudTrailEncrypt BaselineCloudTrailUse BaselineGuardDuty");
    assert_eq!(sids("[guardduty]\npublish = false\n"), sids(""));
    let full = policy(&Estate::new(PROFILES, &format!("{BASELINE}{FULL}")));
    assert!(full.foreign().next().is_none());
}
