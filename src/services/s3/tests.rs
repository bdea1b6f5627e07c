//! Tests of the declarations.

mod folder;
mod full;

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::*;
use crate::model::Target;
use crate::policy::{BUCKET_POLICY_MAX_BYTES, Decision, Policy, Statement};
use crate::services::estate::{BASELINE, Estate, PROFILES, id, last_of, pretty, region, trail_asks};
use crate::services::{Desired, Place, Service, Spec, policy_notes};

fn bucket(desired: &Desired) -> &Bucket {
    let Spec::S3Bucket(bucket) = &desired.spec else { panic!("{desired:?}") };
    bucket
}

fn policy(estate: &Estate) -> Policy {
    bucket(&estate.one(Service::S3)).policy.document.clone()
}

const TLS_OFF: &str = "name = 'test'\n[log_key]\n[log_bucket]\nrequire_tls = false\n[cloudtrail]\n";

/// Estates that share one reading of a large profiles file.
struct Crowd(Estate);

impl Crowd {
    fn new() -> Self {
        Crowd(Estate::of(1600, TLS_OFF))
    }

    /// The first so many senders, beside so many bytes of other people's.
    fn of(&self, senders: usize, foreign_bytes: usize) -> Estate {
        let mut profiles = self.0.profiles.clone();
        // The jump account is listed and sends nothing.
        profiles.accounts.truncate(senders + 1);
        let baseline = self.0.baseline.clone();
        let mut estate = Estate { profiles, baseline, shared: crate::services::Shared::default() };
        let address = address(&estate.declared()).unwrap();
        estate.shared.foreign_bytes.insert(address, foreign_bytes);
        estate
    }
}

fn form(estate: &Estate) -> usize {
    policy_form(&estate.declared()).map_or(usize::MAX, |(form, _, _)| form)
}

fn put(policy: &Policy, sender: &str, path: &str) -> Decision {
    let resource = format!("arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/{path}/CloudTrail/x.json.gz");
    trail_asks(policy, sender, "s3:PutObject", &resource, &[("s3:x-amz-acl", "bucket-owner-full-control")])
}

fn check(policy: &Policy, sender: &str) -> Decision {
    trail_asks(policy, sender, "s3:GetBucketAcl", "arn:aws:s3:::baseline-logs-222222222222-eu-west-1", &[])
}

fn is_allowed(decision: &Decision) -> bool {
    matches!(decision, Decision::Allowed { .. })
}

#[test]
fn a_bucket_in_full() {
    let desired = Estate::small().one(Service::S3);
    assert_snapshot!(format!("{}\n{:?}\n{}", desired.address, desired.requires, pretty(&desired.spec)), @r#"
    222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    [Address { target: Target { account: AccountId(222222222222), region: Region(eu-west-1) }, kind: KmsKey, name: "baseline-logs" }]
    {
      "encryption": {
        "algorithm": "aws:kms",
        "bucket_key": true,
        "key": "ref:222222222222/eu-west-1/kms.key/baseline-logs"
      },
      "noncurrent_days": null,
      "object_ownership": "BucketOwnerEnforced",
      "policy": {
        "Statement": [
          {
            "Action": "s3:GetBucketAcl",
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
            "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1",
            "Sid": "BaselineCloudTrailCheck"
          },
          {
            "Action": "s3:PutObject",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:cloudtrail:*:111111111111:trail/baseline*"
              },
              "StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "cloudtrail.amazonaws.com"
            },
            "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/111111111111/*",
            "Sid": "BaselineCloudTrailWrite111111111111"
          },
          {
            "Action": "s3:PutObject",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:cloudtrail:*:222222222222:trail/baseline*"
              },
              "StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "cloudtrail.amazonaws.com"
            },
            "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/222222222222/*",
            "Sid": "BaselineCloudTrailWrite222222222222"
          },
          {
            "Action": "s3:PutObject",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:cloudtrail:*:333333333333:trail/baseline*"
              },
              "StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "cloudtrail.amazonaws.com"
            },
            "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/333333333333/*",
            "Sid": "BaselineCloudTrailWrite333333333333"
          },
          {
            "Action": "s3:PutObject",
            "Condition": {
              "ArnLike": {
                "aws:SourceArn": "arn:aws:cloudtrail:*:444444444444:trail/baseline*"
              },
              "StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control"
              }
            },
            "Effect": "Allow",
            "Principal": {
              "Service": "cloudtrail.amazonaws.com"
            },
            "Resource": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/444444444444/*",
            "Sid": "BaselineCloudTrailWrite444444444444"
          },
          {
            "Action": "s3:*",
            "Condition": {
              "Bool": {
                "aws:SecureTransport": "false"
              }
            },
            "Effect": "Deny",
            "Principal": "*",
            "Resource": [
              "arn:aws:s3:::baseline-logs-222222222222-eu-west-1",
              "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/*"
            ],
            "Sid": "BaselineDenyInsecureTransport"
          }
        ],
        "Version": "2012-10-17"
      },
      "public_access_block": {
        "block_public_acls": true,
        "block_public_policy": true,
        "ignore_public_acls": true,
        "restrict_public_buckets": true
      },
      "region": "eu-west-1",
      "retention_days": null,
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      },
      "versioning": "enabled"
    }
    "#);
}

#[test]
fn the_log_archive_account_holds_the_bucket_and_the_security_account_the_key() {
    let profiles =
        PROFILES.replace("defaults =", "log_archive = { account = '555555555555', role = 'Archive' }\ndefaults =");
    let estate = Estate::new(&profiles, &BASELINE.replace("[log_bucket]", "[log_bucket]\nprefix = 'org'"));
    let desired = estate.one(Service::S3);
    assert_eq!(desired.address.to_string(), "555555555555/eu-west-1/s3.bucket/baseline-logs-555555555555-eu-west-1");
    assert_eq!(desired.requires[0].to_string(), "222222222222/eu-west-1/kms.key/baseline-logs");
    assert!(estate.desire(Service::S3, "222222222222", &["eu-west-1"]).is_empty());
    let resource = "arn:aws:s3:::baseline-logs-555555555555-eu-west-1/org/AWSLogs/333333333333/x";
    let acl = [("s3:x-amz-acl", "bucket-owner-full-control")];
    let policy = policy(&estate);
    assert!(is_allowed(&trail_asks(&policy, "333333333333", "s3:PutObject", resource, &acl)));
    let elsewhere = resource.replace("/org/", "/");
    assert_eq!(trail_asks(&policy, "333333333333", "s3:PutObject", &elsewhere, &acl), Decision::NoMatch);
}

#[test]
fn the_bucket_is_read_in_its_owners_home_region_alone() {
    let estate = Estate::small();
    let regions = [region("us-east-1")];
    let read = |account: &str| {
        let place = Place { account: estate.account(account), regions: &regions };
        cells(&estate.declared(), &place).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(read("222222222222"), ["222222222222/eu-west-1"]);
    assert!(read("333333333333").is_empty());
}

#[test]
fn each_partition_has_arns_of_its_own() {
    for (partition, home) in [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-eusc", "eusc-de-east-1")]
    {
        let profiles = format!("partition = '{partition}'\n{PROFILES}")
            .replace("eu-west-1", home)
            .replace("arn:aws:", &format!("arn:{partition}:"));
        let text = policy(&Estate::new(&profiles, BASELINE)).to_json();
        assert!(!text.contains("arn:aws:"), "{text}");
        assert!(text.contains(&format!("arn:{partition}:s3:::baseline-logs-222222222222-{home}")), "{text}");
        assert!(text.contains(&format!("arn:{partition}:cloudtrail:*:333333333333:trail/baseline*")), "{text}");
    }
}

/// For each form the tightest counts of accounts with it, and what it lets through.
#[test]
fn every_form_is_used_up_to_its_last_account_and_nothing_is_over_the_limit() {
    let crowd = Crowd::new();
    let lasts: Vec<usize> = (1..=4).map(|n| last_of(1, 1599, |senders| form(&crowd.of(senders, 0)) <= n)).collect();
    // AWS.md's arithmetic, for these documents: one statement per account, paths, the whole path, merged.
    assert_snapshot!(format!("{lasts:?}"), @"[51, 190, 663, 1336]");
    for (index, last) in lasts.iter().enumerate() {
        let at_most = crowd.of(*last, 0);
        assert_eq!(form(&at_most), index + 1);
        assert!(policy(&at_most).size() <= BUCKET_POLICY_MAX_BYTES, "{}", policy(&at_most).size());
        assert_eq!(form(&crowd.of(last + 1, 0)), if index == 3 { usize::MAX } else { index + 2 });
        assert_admits(&at_most, index + 1);
    }
    // Past the last form there is still a document, which `plan::check` refuses by its size.
    assert!(policy(&crowd.of(lasts[3] + 1, 0)).size() > BUCKET_POLICY_MAX_BYTES);
}

/// What a form lets through, and what not.
fn assert_admits(estate: &Estate, form: usize) {
    let policy = policy(estate);
    let (last, stranger) = (estate.profiles.accounts.last().unwrap().id.to_string(), "999999999999");
    for sender in ["222222222222", &last] {
        assert!(is_allowed(&put(&policy, sender, sender)), "form {form}: {sender} writes its own logs");
        assert!(is_allowed(&check(&policy, sender)), "form {form}: {sender} looks at the bucket");
    }
    for path in [stranger, &last] {
        assert_eq!(put(&policy, stranger, path), Decision::NoMatch, "form {form}: {path}");
    }
    assert_eq!(check(&policy, stranger), Decision::NoMatch, "form {form}");
    let bucket = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1";
    let own = format!("{bucket}/AWSLogs/{last}/x");
    assert_eq!(trail_asks(&policy, &last, "s3:PutObject", &own, &[("s3:x-amz-acl", "private")]), Decision::NoMatch);
    let outside = format!("{bucket}/elsewhere/x");
    let acl = [("s3:x-amz-acl", "bucket-owner-full-control")];
    assert_eq!(trail_asks(&policy, &last, "s3:PutObject", &outside, &acl), Decision::NoMatch);
    assert_eq!(trail_asks(&policy, &last, "s3:GetObject", &own, &acl), Decision::NoMatch);
    assert!(policy.statements.iter().all(|statement| statement.is_owned() && !statement.is_open_to_world()));

    // What each step down gives away: from the second form on a declared account can write below another declared
    // account's path, from the third on below any path.
    assert_eq!(is_allowed(&put(&policy, &last, "222222222222")), form >= 2, "form {form}");
    assert_eq!(is_allowed(&put(&policy, &last, stranger)), form >= 3, "form {form}");
    // And only the first is bound to trails that bear our name.
    let theirs = format!("arn:aws:cloudtrail:us-east-1:{last}:trail/theirs");
    let other = [("s3:x-amz-acl", "bucket-owner-full-control"), ("aws:SourceArn", &theirs)];
    assert_eq!(is_allowed(&trail_asks(&policy, &last, "s3:PutObject", &own, &other)), form >= 2, "form {form}");
}

#[test]
fn both_modes_trails_may_write_while_one_replaces_the_other() {
    let policy = policy(&Estate::small());
    let own = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/333333333333/x";
    for trail in ["baseline", "baseline-multi-region"] {
        let arn = format!("arn:aws:cloudtrail:eu-west-1:333333333333:trail/{trail}");
        let context = [("s3:x-amz-acl", "bucket-owner-full-control"), ("aws:SourceArn", &arn)];
        assert!(is_allowed(&trail_asks(&policy, "333333333333", "s3:PutObject", own, &context)), "{trail}");
    }
}

#[test]
fn other_peoples_statements_take_room() {
    let crowd = Crowd::new();
    let last = last_of(1, 1599, |senders| form(&crowd.of(senders, 0)) == 1);
    for foreign in [500, 4_000, 10_000, 19_000] {
        let switch = last_of(1, last + 1, |senders| form(&crowd.of(senders, foreign)) == 1);
        assert!(switch < last, "{foreign}");
        for senders in [switch, switch + 1, last] {
            let estate = crowd.of(senders, foreign);
            if form(&estate) < usize::MAX {
                assert!(policy(&estate).size() + foreign <= BUCKET_POLICY_MAX_BYTES);
            }
        }
    }
    let mut estate = crowd.of(last, 10_000);
    assert_ne!(form(&estate), 1);
    // They go away, so that they take none: the next run would find them gone and write the policy again.
    estate.baseline.log_bucket.as_mut().unwrap().exclusive = true;
    assert_eq!(form(&estate), 1);
}

#[test]
fn plain_http_is_denied_where_that_is_declared_and_only_there() {
    let ask = |baseline: &str, tls: &str| {
        let policy = policy(&Estate::new(PROFILES, baseline));
        let resource = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/333333333333/x";
        let context = [("s3:x-amz-acl", "bucket-owner-full-control"), ("aws:SecureTransport", tls)];
        trail_asks(&policy, "333333333333", "s3:PutObject", resource, &context)
    };
    assert!(is_allowed(&ask(BASELINE, "true")));
    assert_eq!(ask(BASELINE, "false"), Decision::Denied { sid: Some("BaselineDenyInsecureTransport".to_owned()) });
    assert!(is_allowed(&ask(TLS_OFF, "false")));
    // In every form.
    for senders in [150, 400, 600, 1200] {
        let estate = Estate::of(senders, BASELINE);
        let statements = policy(&estate).statements;
        assert!(statements.iter().any(|s| s.sid.as_deref() == Some("BaselineDenyInsecureTransport")), "{senders}");
    }
}

#[test]
fn retained_accounts_stay_admitted() {
    let mut estate = Estate::small();
    estate.shared.retained = BTreeSet::from([id("777777777777")]);
    let policy = policy(&estate);
    assert!(is_allowed(&put(&policy, "777777777777", "777777777777")));
    assert!(is_allowed(&check(&policy, "777777777777")));
    assert!(!is_allowed(&put(&policy, "888888888888", "888888888888")));
}

#[test]
fn an_account_without_baseline_is_not_admitted() {
    let profiles = PROFILES.replace("name = \"search\"", "name = \"search\"\nbaseline = false");
    let policy = policy(&Estate::new(&profiles, BASELINE));
    assert!(is_allowed(&put(&policy, "333333333333", "333333333333")));
    assert!(!is_allowed(&put(&policy, "444444444444", "444444444444")));
}

#[test]
fn somebody_hears_of_a_looser_form_and_of_none_at_all() {
    let crowd = Crowd::new();
    let notes = |senders, foreign| {
        let notes = policy_notes(&crowd.of(senders, foreign).declared());
        notes.iter().map(|note| format!("{} {}: {}\n", note.target, note.topic, note.text)).collect::<String>()
    };
    assert_eq!(notes(20, 0), "");
    assert_snapshot!(notes(300, 0), @"222222222222/eu-west-1 policy-form: the bucket policy takes form 3 of 4, one statement for all accounts and the whole log path: for 300 accounts, a tighter one is larger than the 20480 bytes that AWS takes, other people's statements included");
    assert_snapshot!(notes(20, 20_300), @"222222222222/eu-west-1 policy-size: the bucket policy is refused: for 20 accounts, its smallest form is larger than the 20480 bytes that AWS takes, other people's statements included; split the accounts over two profiles files with a security account each, or remove other people's statements");
}

#[test]
fn an_open_statement_of_somebody_else_is_reported_and_ours_is_not_there() {
    let target = Target::new(id("222222222222"), region("eu-west-1"));
    let mut seen = bucket(&Estate::small().one(Service::S3)).policy.clone();
    assert!(seen.open_notes(&target, "bucket policy").is_empty());
    seen.document.statements.push(Statement::allow("PublicRead", ["s3:GetObject"]).for_everyone().on(["*"]));
    let mut nameless = Statement::allow("", ["s3:ListBucket"]).for_everyone().on(["*"]);
    nameless.sid = None;
    seen.document.statements.push(nameless);
    let notes = seen.open_notes(&target, "bucket policy");
    let texts: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
    assert_snapshot!(texts.join("\n"), @"
    statement PublicRead of the bucket policy admits everyone; it is not ours and is left as it is: constrain it by account, or remove it
    statement without a Sid of the bucket policy admits everyone; it is not ours and is left as it is: constrain it by account, or remove it
    ");
    assert!(notes.iter().all(|note| note.topic == "open-policy"));
}
