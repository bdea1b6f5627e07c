//! Tests of what other people's statements do to deliveries.

use super::*;
use crate::model::Arn;
use crate::policy::Statement;
use crate::services::estate::{BASELINE, Estate, PROFILES, id, region};
use crate::services::{Ownership, Spec};

const ALL: &str = "[config]\n[guardduty]\n";

/// The bucket and the key of the estate, with a statement of somebody's in each.
fn found(estate: &Estate, to_bucket: Option<Statement>, to_key: Option<Statement>) -> Vec<Found> {
    let arns = ["arn:aws:kms:eu-west-1:222222222222:key/1", "arn:aws:s3:::baseline-logs-222222222222-eu-west-1"];
    let services = [(Service::Kms, to_key), (Service::S3, to_bucket)];
    let mut found = Vec::new();
    for ((service, statement), arn) in services.into_iter().zip(arns) {
        let mut desired = estate.one(service);
        let policy = match &mut desired.spec {
            Spec::KmsKey(key) => &mut key.policy,
            Spec::S3Bucket(bucket) => &mut bucket.policy,
            other => panic!("{other:?}"),
        };
        policy.document.statements.extend(statement);
        let arn: Arn = arn.parse().unwrap();
        found.push(Found { address: desired.address, spec: desired.spec, arn, ownership: Ownership::Ours });
    }
    found
}

fn estate(more: &str) -> Estate {
    let mut estate = Estate::new(PROFILES, &format!("{BASELINE}{more}"));
    for account in ["222222222222", "333333333333", "444444444444"] {
        estate.shared.regions.insert(id(account), vec![region("eu-west-1"), region("us-east-1")]);
    }
    estate
}

fn deny(actions: &[&str]) -> Statement {
    Statement::deny("Siem", actions.iter().copied())
        .for_everyone()
        .on(["arn:aws:s3:::baseline-logs-222222222222-eu-west-1/*"])
}

/// The reason, or the note with `?` before it, or nothing.
fn to_bucket(more: &str, statement: Statement) -> String {
    let estate = estate(more);
    said_of(&stopped(&estate.declared(), &found(&estate, Some(statement), None)))
}

fn to_key(more: &str, statement: Statement) -> String {
    let estate = estate(more);
    said_of(&stopped(&estate.declared(), &found(&estate, None, Some(statement))))
}

fn said_of(stopped: &Stopped) -> String {
    let certain = stopped.undelivered.iter().map(|(one, _)| one.reason.clone());
    let untold = stopped.notes.iter().map(|note| format!("? {}", note.text));
    certain.chain(untold).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_statement_that_wants_an_organization_keeps_out_every_service_that_writes() {
    let statement = deny(&["s3:PutObject"]).when("StringNotEquals", "aws:PrincipalOrgID", ["o-example"]);
    assert_eq!(
        to_bucket(ALL, statement),
        "statement `Siem` of the bucket policy, which is not ours, denies s3:PutObject to cloudtrail.amazonaws.com, \
         config.amazonaws.com and guardduty.amazonaws.com for every account: logs do not arrive"
    );
}

#[test]
fn what_spares_aws_services_or_names_none_of_them_keeps_nobody_out() {
    for (operator, key, value) in [
        ("BoolIfExists", "aws:PrincipalIsAWSService", "false"),
        ("Bool", "aws:SecureTransport", "false"),
        ("StringEquals", "aws:PrincipalOrgID", "o-example"),
        ("StringNotEquals", "s3:x-amz-server-side-encryption", "aws:kms"),
        (
            "StringNotEqualsIfExists",
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
            "arn:aws:kms:eu-west-1:222222222222:key/1",
        ),
        ("StringEquals", "aws:SourceAccount", "999999999999"),
        ("StringEquals", "aws:PrincipalServiceName", "delivery.logs.amazonaws.com"),
        ("StringNotEquals", "aws:RequestedRegion", "eu-west-1"),
    ] {
        let statement = deny(&["s3:PutObject"]).when(operator, key, [value]);
        assert_eq!(to_bucket(ALL, statement), "", "{operator} {key} {value}");
    }
    assert_eq!(to_bucket(ALL, deny(&["s3:DeleteObject", "s3:PutObjectAcl"])), "");
    let role = Statement::deny("Siem", ["s3:*"]).for_arns(["arn:aws:iam::222222222222:role/x"]).on(["*"]);
    assert_eq!(to_bucket(ALL, role), "");
    let elsewhere = deny(&["s3:*"]).on(["arn:aws:s3:::baseline-logs-222222222222-eu-west-1/other/*"]);
    assert_eq!(to_bucket(ALL, elsewhere), "");
}

#[test]
fn who_is_kept_out_is_told_apart() {
    let cases = [
        deny(&["s3:Put*"]).when("StringEquals", "aws:SourceAccount", ["333333333333"]),
        deny(&["s3:*"]).when("ArnLike", "aws:SourceArn", ["arn:aws:cloudtrail:us-east-1:*:trail/*"]),
        deny(&["s3:PutObject"]).when("StringNotEquals", "s3:x-amz-acl", ["bucket-owner-full-control"]),
        Statement::deny("Siem", ["s3:*"]).for_services(["config.amazonaws.com"]).on(["*"]),
        deny(&["s3:PutObject"]).on(["arn:aws:s3:::baseline-logs-222222222222-eu-west-1/AWSLogs/*/CloudTrail-Digest/*"]),
        deny(&["s3:PutObject"]).when("NotIpAddress", "aws:SourceIp", ["192.0.2.0/24"]),
        deny(&["s3:PutObject"]).when("StringNotEquals", "aws:SourceOrgID", ["o-example"]),
        Statement { sid: None, ..deny(&["s3:PutObject"]) },
    ];
    insta::assert_snapshot!(cases.map(|statement| to_bucket(ALL, statement)).join("\n\n"), @"
    statement `Siem` of the bucket policy, which is not ours, denies s3:PutObject to cloudtrail.amazonaws.com, config.amazonaws.com and guardduty.amazonaws.com for account 333333333333: logs do not arrive
    
    statement `Siem` of the bucket policy, which is not ours, denies s3:PutObject to cloudtrail.amazonaws.com for accounts 222222222222, 333333333333, 444444444444: logs do not arrive
    
    ? statement `Siem` of the bucket policy may deny s3:PutObject to guardduty.amazonaws.com for every account: that hangs on s3:x-amz-acl, which cannot be told in advance
    
    statement `Siem` of the bucket policy, which is not ours, denies s3:GetBucketAcl and s3:PutObject to config.amazonaws.com for every account: logs do not arrive
    
    statement `Siem` of the bucket policy, which is not ours, denies s3:PutObject to cloudtrail.amazonaws.com for every account: logs do not arrive
    
    ? statement `Siem` of the bucket policy may deny s3:PutObject to cloudtrail.amazonaws.com, config.amazonaws.com and guardduty.amazonaws.com for every account: that hangs on aws:SourceIp, which cannot be told in advance
    
    ? statement `Siem` of the bucket policy may deny s3:PutObject to cloudtrail.amazonaws.com, config.amazonaws.com and guardduty.amazonaws.com for every account: that hangs on aws:SourceOrgID, which cannot be told in advance
    
    statement 17 (without a Sid) of the bucket policy, which is not ours, denies s3:PutObject to cloudtrail.amazonaws.com, config.amazonaws.com and guardduty.amazonaws.com for every account: logs do not arrive
    ");
}

#[test]
fn a_statement_of_the_key_policy_keeps_out_whoever_encrypts() {
    let cases = [
        Statement::deny("Lock", ["kms:*"]).for_services(["cloudtrail.amazonaws.com"]).on(["*"]),
        Statement::deny("Lock", ["kms:GenerateDataKey*"]).for_everyone().on(["*"]),
        Statement::deny("Lock", ["kms:*"]).for_everyone().on(["*"]).when(
            "StringNotEquals",
            "kms:CallerAccount",
            ["222222222222"],
        ),
        Statement::deny("Lock", ["kms:ScheduleKeyDeletion"]).for_everyone().on(["*"]),
        Statement::deny("Lock", ["kms:*"]).for_everyone().on(["*"]).when(
            "StringLike",
            "kms:EncryptionContext:aws:cloudtrail:arn",
            ["arn:aws:cloudtrail:*:333333333333:trail/*"],
        ),
    ];
    insta::assert_snapshot!(cases.map(|statement| to_key(ALL, statement)).join("\n\n"), @"
    statement `Lock` of the key policy, which is not ours, denies kms:Decrypt, kms:DescribeKey and kms:GenerateDataKey to cloudtrail.amazonaws.com for every account: logs do not arrive
    
    statement `Lock` of the key policy, which is not ours, denies kms:GenerateDataKey to cloudtrail.amazonaws.com, config.amazonaws.com and guardduty.amazonaws.com for every account: logs do not arrive
    
    ? statement `Lock` of the key policy may deny kms:Decrypt, kms:DescribeKey and kms:GenerateDataKey to cloudtrail.amazonaws.com for every account; kms:Decrypt and kms:GenerateDataKey to config.amazonaws.com for every account; kms:GenerateDataKey to guardduty.amazonaws.com for every account: that hangs on kms:CallerAccount, which cannot be told in advance
    
    
    
    statement `Lock` of the key policy, which is not ours, denies kms:Decrypt, kms:DescribeKey and kms:GenerateDataKey to cloudtrail.amazonaws.com for account 333333333333: logs do not arrive
    ? statement `Lock` of the key policy may deny kms:Decrypt and kms:GenerateDataKey to config.amazonaws.com for every account; kms:GenerateDataKey to guardduty.amazonaws.com for every account: that hangs on kms:EncryptionContext:aws:cloudtrail:arn, which cannot be told in advance
    ");
}

#[test]
fn what_the_next_apply_removes_keeps_nobody_out() {
    let mut statement = deny(&["s3:PutObject"]);
    let estate = estate("");
    let mut exclusive = Estate::new(PROFILES, &BASELINE.replace("[log_bucket]", "[log_bucket]\nexclusive = true"));
    exclusive.shared.regions.clone_from(&estate.shared.regions);
    assert_eq!(stopped(&exclusive.declared(), &found(&exclusive, Some(statement.clone()), None)), Stopped::default());
    statement.sid = Some("BaselineLock".to_owned());
    assert_eq!(stopped(&estate.declared(), &found(&estate, Some(statement), None)), Stopped::default());
}

#[test]
fn an_account_without_trails_is_not_missed() {
    let more = "[[override]]\naccounts = [\"search\"]\nwithout = [\"cloudtrail\"]\n";
    let estate = Estate::new(PROFILES, &format!("{BASELINE}{more}"));
    let found_of = |estate: &Estate, statement| found(estate, Some(statement), None);
    let said = said_of(&stopped(&estate.declared(), &found_of(&estate, deny(&["s3:PutObject"]))));
    // Every one of those that have a trail.
    assert!(said.contains("cloudtrail.amazonaws.com for every account"), "{said}");
    let only_there = deny(&["s3:PutObject"]).when("StringEquals", "aws:SourceAccount", ["444444444444"]);
    assert_eq!(said_of(&stopped(&estate.declared(), &found_of(&estate, only_there))), "");
}

#[test]
fn the_names_of_objects_are_those_that_the_services_give_them() {
    let on = |resource: &str| {
        let bucket = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1";
        let statement = Statement::deny("Siem", ["s3:PutObject"]).for_everyone().on([format!("{bucket}{resource}")]);
        to_bucket(ALL, statement)
    };
    for (resource, service) in [
        ("/*_CloudTrail_*", "cloudtrail.amazonaws.com"),
        ("/*_CloudTrail-Digest_*", "cloudtrail.amazonaws.com"),
        ("/*_ConfigHistory_*", "config.amazonaws.com"),
        ("/*.jsonl.gz", "guardduty.amazonaws.com"),
    ] {
        let said = on(resource);
        assert!(said.contains(&format!("denies s3:PutObject to {service} for every account")), "{resource}: {said}");
    }
    for year in ["/AWSLogs/*/CloudTrail/*/2027/*", "*/2030/*"] {
        let said = on(year);
        assert!(said.starts_with("? ") && said.contains("the day in the names of the objects"), "{year}: {said}");
    }
    assert_eq!(on("/elsewhere/*"), "");
}
