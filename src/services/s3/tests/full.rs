//! The bucket of the whole baseline: CloudTrail, Config and GuardDuty.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::policy::{Caller, Request, evaluate};
use crate::services::estate::region;
use crate::services::{Kept, Resource, Shared, Terms};

const FULL: &str = "name = 'test'\n[log_key]\n[log_bucket]\nrequire_tls = false\n[cloudtrail]\n[config]\n[guardduty]\n";
const BUCKET: &str = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1";

/// The first so many of a crowd's accounts.
fn of(all: &Estate, senders: usize) -> Estate {
    let mut profiles = all.profiles.clone();
    profiles.accounts.truncate(senders + 1);
    Estate { profiles, baseline: all.baseline.clone(), shared: Shared::default() }
}

/// What a service asks for an account, and on behalf of what.
fn asks(policy: &Policy, service: &str, account: &str, source: &str, action: &str, resource: &str) -> bool {
    let mut given = vec![("aws:SourceAccount", account), ("aws:SourceArn", source), ("aws:SecureTransport", "true")];
    // GuardDuty sends no ACL.
    if action == "s3:PutObject" && !service.starts_with("guardduty") {
        given.push(("s3:x-amz-acl", "bucket-owner-full-control"));
    }
    let context: BTreeMap<String, Vec<String>> =
        given.into_iter().map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).collect();
    is_allowed(&evaluate(policy, &Request { principal: Caller::Service(service), action, resource, context: &context }))
}

/// A service: its principal, its folder, what it looks at, and on behalf of what it asks for an account.
type Sender = (&'static str, &'static str, &'static [&'static str], fn(&str) -> String);

/// Every service, GuardDuty twice: as itself, and as a Region's own.
fn services() -> [Sender; 4] {
    let detector = |account: &str| format!("arn:aws:guardduty:eu-west-1:{account}:detector/12abc");
    [
        ("cloudtrail.amazonaws.com", "CloudTrail", &["s3:GetBucketAcl"], |account| {
            format!("arn:aws:cloudtrail:us-east-1:{account}:trail/baseline")
        }),
        ("config.amazonaws.com", "Config", &["s3:GetBucketAcl", "s3:ListBucket"], |account| {
            format!("arn:aws:config:us-east-1:{account}:*")
        }),
        ("guardduty.amazonaws.com", "GuardDuty", &["s3:GetBucketLocation"], detector),
        ("guardduty.me-south-1.amazonaws.com", "GuardDuty", &["s3:GetBucketLocation"], detector),
    ]
}

fn writes(policy: &Policy, (service, folder, _, source): &Sender, account: &str, below: &str) -> bool {
    let object = format!("{BUCKET}/AWSLogs/{below}/{folder}/eu-west-1/x.gz");
    asks(policy, service, account, &source(account), "s3:PutObject", &object)
}

/// What every form lets through and what none does; and what each step down gives away.
fn assert_admits_all(estate: &Estate, form: usize) {
    let policy = policy(estate);
    let last = estate.profiles.accounts.last().unwrap().id.to_string();
    let (own, other, stranger) = ("222222222222", last.as_str(), "999999999999");
    for service in &services() {
        let (name, _, checks, source) = service;
        for account in [own, other] {
            assert!(writes(&policy, service, account, account), "form {form}: {name} for {account}");
            for check in *checks {
                assert!(asks(&policy, name, account, &source(account), check, BUCKET), "form {form}: {name} {check}");
            }
        }
        for path in [stranger, other] {
            assert!(!writes(&policy, service, stranger, path), "form {form}: {name} for a stranger below {path}");
        }
        for check in *checks {
            assert!(!asks(&policy, name, stranger, &source(stranger), check, BUCKET), "form {form}: {name} {check}");
        }
        for action in ["s3:GetObject", "s3:DeleteObject", "s3:PutBucketPolicy"] {
            let object = format!("{BUCKET}/AWSLogs/{own}/x");
            assert!(!asks(&policy, name, own, &source(own), action, &object), "form {form}: {name} {action}");
        }
        let outside = format!("{BUCKET}/elsewhere/x");
        assert!(!asks(&policy, name, own, &source(own), "s3:PutObject", &outside), "form {form}: {name}");
        assert_eq!(writes(&policy, service, other, own), form >= 2, "form {form}: {name} below another's path");
        assert_eq!(writes(&policy, service, other, stranger), form >= 3, "form {form}: {name} below any path");
    }
    // On behalf of nothing but a detector, in every form.
    let object = format!("{BUCKET}/AWSLogs/{own}/GuardDuty/x");
    let plan = format!("arn:aws:guardduty:eu-west-1:{own}:malware-protection-plan/1");
    assert!(!asks(&policy, "guardduty.amazonaws.com", own, &plan, "s3:PutObject", &object), "form {form}");
    // Each into its own folder, in the tightest.
    let config = format!("{BUCKET}/AWSLogs/{own}/CloudTrail/x");
    let source = format!("arn:aws:config:us-east-1:{own}:*");
    assert_eq!(asks(&policy, "config.amazonaws.com", own, &source, "s3:PutObject", &config), form >= 2, "form {form}");
    assert!(policy.statements.iter().all(|statement| statement.is_owned() && !statement.is_open_to_world()));
}

#[test]
fn every_form_of_the_whole_baseline_is_used_up_to_its_last_account() {
    let all = Estate::of(1600, FULL);
    let lasts: Vec<usize> = [40, 400, 1000, 1500]
        .into_iter()
        .zip(1..)
        .map(|(high, n)| last_of(1, high, |senders| form(&of(&all, senders)) <= n))
        .collect();
    assert_snapshot!(format!("{lasts:?}"), @"[10, 173, 606, 1279]");
    for (index, last) in lasts.iter().enumerate() {
        let at_most = of(&all, *last);
        assert_eq!(form(&at_most), index + 1);
        assert!(policy(&at_most).size() <= BUCKET_POLICY_MAX_BYTES, "{}", policy(&at_most).size());
        assert_eq!(form(&of(&all, last + 1)), if index == 3 { usize::MAX } else { index + 2 });
        assert_admits_all(&at_most, index + 1);
    }
    assert!(policy(&of(&all, lasts[3] + 1)).size() > BUCKET_POLICY_MAX_BYTES);
}

#[test]
fn the_statements_of_one_account_in_the_tightest_form() {
    let profiles =
        PROFILES.replace("defaults = {", "defaults = { regions = { include = ['eu-*', 'us-east-1', 'me-south-1'] },");
    let estate = Estate::new(&profiles, FULL);
    let ours = policy(&estate).statements.into_iter().filter(|statement| {
        statement.sid.as_deref().is_some_and(|sid| sid.ends_with("333333333333") || sid.ends_with("Check"))
    });
    assert_snapshot!(serde_json::to_string_pretty(&Policy::new(ours.collect())).unwrap(), @r#"
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "BaselineCloudTrailCheck",
          "Effect": "Allow",
          "Principal": {
            "Service": "cloudtrail.amazonaws.com"
          },
          "Action": "s3:GetBucketAcl",
          "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1",
          "Condition": {
            "StringEquals": {
              "aws:SourceAccount": [
                "111111111111",
                "222222222222",
                "333333333333",
                "444444444444"
              ]
            }
          }
        },
        {
          "Sid": "BaselineConfigCheck",
          "Effect": "Allow",
          "Principal": {
            "Service": "config.amazonaws.com"
          },
          "Action": [
            "s3:GetBucketAcl",
            "s3:ListBucket"
          ],
          "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1",
          "Condition": {
            "StringEquals": {
              "aws:SourceAccount": [
                "111111111111",
                "222222222222",
                "333333333333",
                "444444444444"
              ]
            }
          }
        },
        {
          "Sid": "BaselineGuardDutyCheck",
          "Effect": "Allow",
          "Principal": {
            "Service": [
              "guardduty.amazonaws.com",
              "guardduty.eu-central-2.amazonaws.com",
              "guardduty.eu-south-1.amazonaws.com",
              "guardduty.eu-south-2.amazonaws.com",
              "guardduty.me-south-1.amazonaws.com"
            ]
          },
          "Action": "s3:GetBucketLocation",
          "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1",
          "Condition": {
            "ArnLike": {
              "aws:SourceArn": "arn:aws:guardduty:*:*:detector/*"
            },
            "StringEquals": {
              "aws:SourceAccount": [
                "111111111111",
                "222222222222",
                "333333333333",
                "444444444444"
              ]
            }
          }
        },
        {
          "Sid": "BaselineCloudTrailWrite333333333333",
          "Effect": "Allow",
          "Principal": {
            "Service": "cloudtrail.amazonaws.com"
          },
          "Action": "s3:PutObject",
          "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/333333333333/*",
          "Condition": {
            "ArnLike": {
              "aws:SourceArn": "arn:aws:cloudtrail:*:333333333333:trail/baseline*"
            },
            "StringEquals": {
              "s3:x-amz-acl": "bucket-owner-full-control"
            }
          }
        },
        {
          "Sid": "BaselineConfigWrite333333333333",
          "Effect": "Allow",
          "Principal": {
            "Service": "config.amazonaws.com"
          },
          "Action": "s3:PutObject",
          "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/333333333333/Config/*",
          "Condition": {
            "StringEquals": {
              "aws:SourceAccount": "333333333333",
              "s3:x-amz-acl": "bucket-owner-full-control"
            }
          }
        },
        {
          "Sid": "BaselineGuardDutyWrite333333333333",
          "Effect": "Allow",
          "Principal": {
            "Service": [
              "guardduty.amazonaws.com",
              "guardduty.eu-central-2.amazonaws.com",
              "guardduty.eu-south-1.amazonaws.com",
              "guardduty.eu-south-2.amazonaws.com",
              "guardduty.me-south-1.amazonaws.com"
            ]
          },
          "Action": "s3:PutObject",
          "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/333333333333/*",
          "Condition": {
            "ArnLike": {
              "aws:SourceArn": "arn:aws:guardduty:*:333333333333:detector/*"
            },
            "StringEquals": {
              "aws:SourceAccount": "333333333333"
            }
          }
        }
      ]
    }
    "#);
}

#[test]
fn a_section_that_is_not_declared_adds_nothing() {
    let sids = |baseline: &str| {
        let statements = policy(&Estate::of(2, baseline)).statements;
        statements.into_iter().filter_map(|statement| statement.sid).collect::<Vec<_>>().join(" ")
    };
    assert_snapshot!(sids(TLS_OFF), @"BaselineCloudTrailCheck BaselineCloudTrailWrite222222222222 BaselineCloudTrailWrite900000000001");
    assert_snapshot!(sids(&format!("{TLS_OFF}[config]\n")), @"BaselineCloudTrailCheck BaselineConfigCheck BaselineCloudTrailWrite222222222222 BaselineCloudTrailWrite900000000001 BaselineConfigWrite222222222222 BaselineConfigWrite900000000001");
    assert_snapshot!(sids(&format!("{TLS_OFF}[guardduty]\n")), @"BaselineCloudTrailCheck BaselineGuardDutyCheck BaselineCloudTrailWrite222222222222 BaselineCloudTrailWrite900000000001 BaselineGuardDutyWrite222222222222 BaselineGuardDutyWrite900000000001");
    assert_eq!(sids(&format!("{TLS_OFF}[guardduty]\npublish = false\n")), sids(TLS_OFF));
}

#[test]
fn the_principals_follow_the_declared_regions_and_nothing_that_a_run_learns() {
    let principals = |regions: &str| {
        let profiles = PROFILES.replace("defaults = {", &format!("defaults = {{ regions = {regions},"));
        let mut estate = Estate::new(&profiles, FULL);
        let before = policy(&estate).to_json();
        estate.shared.regions.insert(id("333333333333"), vec![region("me-south-1"), region("af-south-1")]);
        estate.shared.hub = vec![region("me-south-1")];
        assert_eq!(policy(&estate).to_json(), before);
        let mut found: Vec<&str> = before.split('"').filter(|word| word.starts_with("guardduty.")).collect();
        found.sort_unstable();
        found.dedup();
        found.join(" ")
    };
    assert_eq!(principals("{ include = ['eu-west-*', 'us-*'] }"), "guardduty.amazonaws.com");
    assert_snapshot!(principals("{ list = ['eu-west-1', 'us-east-1', 'me-south-1'] }"), @"guardduty.amazonaws.com guardduty.me-south-1.amazonaws.com");
    assert_eq!(principals("{ include = ['*'] }").split(' ').count(), 18);
}

#[test]
fn an_accounts_own_regions_decide_as_whom_guardduty_may_write_for_it() {
    let profiles = PROFILES.replace("name = \"search\"", "name = \"search\"\nregions = { include = ['us-*'] }");
    let policy = policy(&Estate::new(&profiles, FULL));
    let regional = &services()[3];
    assert!(writes(&policy, regional, "333333333333", "333333333333"));
    assert!(!writes(&policy, regional, "444444444444", "444444444444"));
    assert!(writes(&policy, &services()[2], "444444444444", "444444444444"));
}

#[test]
fn the_administrators_export_may_write_its_members_findings_and_no_member_anothers() {
    let emails = PROFILES
        .replace("name = \"payments\"", "name = \"payments\"\nemail = 'payments@example.com'")
        .replace("name = \"search\"", "name = \"search\"\nemail = 'search@example.com'")
        .replace("jump = {", "jump = { email = 'jump@example.com',");
    let policy = policy(&Estate::new(&emails, &format!("{FULL}membership = true\n")));
    let guardduty = &services()[2];
    assert!(writes(&policy, guardduty, "222222222222", "333333333333"));
    assert!(writes(&policy, guardduty, "333333333333", "333333333333"));
    assert!(!writes(&policy, guardduty, "333333333333", "444444444444"));
    assert!(!writes(&policy, guardduty, "333333333333", "222222222222"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is declared, for however many accounts, beside whatever others wrote: nobody who is not declared gets in,
    /// and nothing is granted for a section that is not there.
    #[test]
    fn nobody_who_is_not_declared_gets_in(
        senders in 2_usize..250,
        foreign in 0_usize..15_000,
        (config, guardduty) in any::<(bool, bool)>(),
    ) {
        let sections = [(config, "[config]\n"), (guardduty, "[guardduty]\n")];
        let text: String = sections.iter().filter(|(on, _)| *on).map(|(_, text)| *text).collect();
        let mut estate = Estate::of(senders, &format!("{TLS_OFF}{text}"));
        let address = address(&estate.declared()).unwrap();
        estate.shared.foreign_bytes.insert(address, foreign);
        let policy = policy(&estate);
        if form(&estate) < usize::MAX {
            prop_assert!(policy.size() + foreign <= BUCKET_POLICY_MAX_BYTES);
        }
        let declared = [true, config, guardduty, guardduty];
        let last = estate.profiles.accounts.last().unwrap().id.to_string();
        for (service, declared) in services().iter().zip(declared) {
            prop_assert_eq!(writes(&policy, service, &last, &last), declared);
            prop_assert!(!writes(&policy, service, "999999999999", "999999999999"));
            prop_assert!(!writes(&policy, service, "999999999999", &last));
        }
    }
}

#[test]
fn the_folder_is_wanted_where_guardduty_exports_below_a_prefix() {
    let folder = |bucket: &str, rest: &str| {
        let estate = Estate::new(PROFILES, &format!("name = 'test'\n[log_bucket]\n{bucket}[cloudtrail]\n{rest}"));
        super::bucket(&estate.one(Service::S3)).folder.clone()
    };
    assert_eq!(folder("prefix = 'org/logs'\n", "[guardduty]\n").as_deref(), Some("org/logs/"));
    assert_eq!(folder("prefix = 'org/logs'\n", "[guardduty]\npublish = false\n"), None);
    assert_eq!(folder("prefix = 'org/logs'\n", ""), None);
    assert_eq!(folder("", "[guardduty]\n"), None);
}

#[test]
fn a_folder_that_is_there_stays() {
    let mut without = super::bucket(&Estate::small().one(Service::S3)).clone();
    let mut seen = without.clone();
    seen.folder = Some("org/".to_owned());
    let kept: Vec<Kept> = without.adopt(&seen, &Terms::default());
    assert!(kept.is_empty());
    assert_eq!(without, seen);
    let mut wanted = seen.clone();
    seen.folder = None;
    wanted.adopt(&seen, &Terms::default());
    assert_eq!(wanted.folder.as_deref(), Some("org/"));
}
