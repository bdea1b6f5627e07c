//! What is held back over what somebody has in the bucket, and what not.

use super::*;
use crate::services::estate::Estate;
use crate::services::s3::{Encryption, PublicAccessBlock};
use crate::services::{Aside, Reference, Resource, Service, Spec, Terms};

/// The declared bucket, with its key.
fn wanted() -> Bucket {
    let Spec::S3Bucket(mut bucket) = Estate::small().one(Service::S3).spec else { panic!() };
    bucket.encryption.key = Some(Reference::Is(KEY.parse().unwrap()));
    *bucket
}

const KEY: &str = "arn:aws:kms:eu-west-1:222222222222:key/1";

/// What is planned over a bucket that is as declared but for what is altered, and what is held back.
fn planned(alter: impl FnOnce(&mut Bucket)) -> (Bucket, Vec<String>, Bucket) {
    let mut seen = wanted();
    alter(&mut seen);
    let mut planned = wanted();
    let kept = planned.adopt(&seen, &Terms::default());
    (planned, kept.into_iter().map(|kept| format!("{} | {}", kept.reason, kept.hint)).collect(), seen)
}

fn plain() -> Encryption {
    Encryption { algorithm: "AES256".to_owned(), key: None, bucket_key: false, other: serde_json::Value::Null }
}

fn lets(seen: &mut Bucket, statement: Statement) {
    seen.policy.document.statements.push(statement);
}

fn writer(sid: &str) -> Statement {
    Statement::allow(sid, ["s3:PutObject"]).on(["arn:aws:s3:::logs/*"])
}

#[test]
fn a_default_encryption_that_stops_somebodys_deliveries_is_held_back() {
    let balancer = |account: &str| writer("Elb").for_arns([format!("arn:aws:iam::{account}:root")]);
    let mut canonical = writer("CloudFront");
    canonical.principal = Some(Principals::Principal(Who::Named(
        [(PrincipalType::CanonicalUser, vec![CLOUDFRONT[0].to_owned()])].into(),
    )));
    let writers = [
        writer("AccessLogs").for_services(["logging.s3.amazonaws.com"]),
        writer("Alb").for_services(["logdelivery.elasticloadbalancing.amazonaws.com"]),
        balancer("156460612806"),
        writer("Bare").for_arns(["582318560864"]),
        Statement::allow("All", ["s3:Put*"]).for_services(["logging.s3.amazonaws.com"]).on(["*"]),
        canonical,
        writer("Flow").for_services(["delivery.logs.amazonaws.com"]),
    ];
    for statement in writers {
        let sid = statement.sid.clone().unwrap();
        let (plan, kept, _) = planned(|seen| {
            lets(seen, statement.clone());
            seen.encryption = plain();
        });
        assert_eq!(plan.encryption, plain(), "{sid}");
        assert!(kept.len() == 1 && kept[0].contains(&format!("`{sid}`")), "{sid}: {kept:?}");
        assert!(kept[0].contains("our services name the key themselves"), "{kept:?}");
        // With KMS there already, nothing is lost that was not lost before.
        let (plan, kept, seen) = planned(|seen| {
            lets(seen, statement);
            seen.encryption.key = None;
        });
        assert!(kept.is_empty() && plan.encryption != seen.encryption, "{sid}: {kept:?}");
    }
    let (plan, kept, _) = planned(|seen| {
        seen.encryption = plain();
        seen.surroundings.0.plain_writers = vec!["S3's log delivery group (WRITE)".to_owned()];
    });
    assert!(plan.encryption == plain() && kept.len() == 1 && kept[0].contains("log delivery group"), "{kept:?}");

    for harmless in [
        writer("Reader").for_arns(["arn:aws:iam::333333333333:role/r"]),
        Statement::allow("Get", ["s3:GetObject"]).for_services(["logging.s3.amazonaws.com"]).on(["*"]),
        Statement::deny("No", ["s3:PutObject"]).for_services(["logging.s3.amazonaws.com"]).on(["*"]),
    ] {
        let (plan, kept, _) = planned(|seen| {
            lets(seen, harmless);
            seen.encryption = plain();
        });
        assert!(kept.is_empty() && plan.encryption.algorithm == "aws:kms", "{kept:?}");
    }
}

#[test]
fn a_default_encryption_that_is_declared_to_stay_stays_and_is_no_difference() {
    let mut seen = wanted();
    lets(&mut seen, writer("AccessLogs").for_services(["logging.s3.amazonaws.com"]));
    seen.encryption = plain();
    let mut keeps = wanted();
    keeps.keeps_encryption = Aside(true);
    assert!(keeps.adopt(&seen, &Terms::default()).is_empty());
    assert_eq!(keeps, seen);

    // Of a bucket that this tool has only begun to make, S3's own choice is nobody's.
    let mut begun = Bucket {
        versioning: Versioning::Off,
        encryption: plain(),
        retention_days: None,
        noncurrent_days: None,
        lifecycle_rule: Default::default(),
        folder: None,
        tags: Default::default(),
        ..wanted()
    };
    begun.policy.document.statements.clear();
    assert!(begun.is_bare(), "{begun:#?}");
    let mut keeps = wanted();
    keeps.keeps_encryption = Aside(true);
    assert!(keeps.adopt(&begun, &Terms::default()).is_empty());
    assert_eq!(keeps.encryption, wanted().encryption);
}

#[test]
fn the_delivery_of_logs_uses_the_key_where_the_keys_policy_lets_it() {
    let mut seen = wanted();
    lets(&mut seen, writer("Flow").for_services(["delivery.logs.amazonaws.com"]));
    seen.encryption = plain();
    let mut admits = wanted();
    admits.key_admits = Aside([DELIVERY.to_owned()].into());
    assert!(admits.adopt(&seen, &Terms::default()).is_empty());
    assert_eq!(admits.encryption.algorithm, "aws:kms");
}

#[test]
fn a_stronger_encryption_is_not_weakened_and_blocked_kinds_of_encryption_stay_blocked() {
    let blocked = serde_json::json!({ "BlockedEncryptionTypes": { "EncryptionType": "SSE-C" } });
    let (plan, kept, seen) = planned(|seen| {
        seen.encryption.algorithm = DSSE.to_owned();
        seen.encryption.bucket_key = false;
        seen.encryption.other = blocked.clone();
    });
    assert!(kept.is_empty() && plan == seen, "{kept:?}");
    let (plan, _, _) = planned(|seen| seen.encryption = Encryption { other: blocked.clone(), ..plain() });
    assert_eq!((plan.encryption.other, plan.encryption.algorithm.as_str()), (blocked, "aws:kms"));
    let (plan, _, _) = planned(|seen| {
        seen.encryption.algorithm = DSSE.to_owned();
        seen.encryption.key = None;
    });
    assert_eq!((plan.encryption.algorithm.as_str(), plan.encryption.key), (DSSE, wanted().encryption.key));
}

#[test]
fn a_public_statement_and_the_block_on_public_policies_exclude_each_other() {
    let public = || Statement::allow("Open", ["s3:GetObject"]).for_arns(["*"]).on(["arn:aws:s3:::logs/*"]);
    let (plan, kept, seen) = planned(|seen| {
        lets(seen, public());
        seen.public_access_block = PublicAccessBlock::default();
    });
    let block = plan.public_access_block;
    assert!(block.block_public_acls && block.ignore_public_acls && !block.block_public_policy, "{block:?}");
    assert!(kept.len() == 1 && kept[0].contains("`Open`") && kept[0].contains("BlockPublicPolicy"), "{kept:?}");
    assert!(!kept[0].contains("s3:PutBucketPolicy"), "{kept:?}");
    assert_eq!(unwritable_policy(&plan, &seen), None);

    // The block is on: what is there can stay, and cannot be changed.
    let (plan, kept, seen) = planned(|seen| lets(seen, public()));
    assert!(kept.is_empty() && unwritable_policy(&plan, &seen).is_none(), "{kept:?}");
    let (plan, _, seen) = planned(|seen| {
        lets(seen, public());
        seen.policy.document.statements.remove(0);
    });
    let refusals = plan.refusals(Some(&seen), &Terms::default());
    assert!(refusals.iter().any(|r| r.contains("`Open`") && r.contains("BlockPublicPolicy")), "{refusals:?}");
    // A statement that is pinned to somebody is none.
    let (plan, kept, _) = planned(|seen| {
        lets(seen, public().when("StringEquals", "aws:PrincipalOrgID", ["o-example"]));
        seen.public_access_block = PublicAccessBlock::default();
    });
    assert!(kept.is_empty() && plan.public_access_block == PublicAccessBlock::ALL, "{kept:?}");
}

#[test]
fn grants_of_a_list_hold_the_enforced_ownership_back() {
    let (plan, kept, _) = planned(|seen| {
        seen.object_ownership = Some("ObjectWriter".to_owned());
        seen.surroundings.0.granted = vec!["everyone (READ)".to_owned()];
    });
    assert_eq!(plan.object_ownership.as_deref(), Some("ObjectWriter"));
    assert!(kept.len() == 1 && kept[0].contains("everyone (READ)") && kept[0].contains(ENFORCED), "{kept:?}");
    let (plan, kept, _) = planned(|seen| seen.object_ownership = Some("ObjectWriter".to_owned()));
    assert!(kept.is_empty() && plan.object_ownership.as_deref() == Some(ENFORCED), "{kept:?}");
}

#[test]
fn mfa_delete_holds_the_lifecycle_and_the_versioning_back() {
    let planned_with_days = |alter: fn(&mut Bucket)| {
        let mut seen = wanted();
        alter(&mut seen);
        let mut planned = Bucket { retention_days: Some(400), noncurrent_days: Some(400), ..wanted() };
        let kept = planned.adopt(&seen, &Terms { allow_data_loss: true, ..Terms::default() });
        (planned, kept, seen)
    };
    let (plan, kept, seen) = planned_with_days(|seen| seen.surroundings.0.mfa_delete = true);
    assert_eq!(plan, seen);
    assert!(
        kept.len() == 1 && kept[0].reason.contains("MFA Delete") && kept[0].hint.contains("retention_days"),
        "{kept:?}"
    );
    let (plan, kept, seen) = planned(|seen| {
        seen.surroundings.0.mfa_delete = true;
        seen.versioning = Versioning::Suspended;
    });
    assert!(kept.len() == 1 && kept[0].contains("versioning"), "{kept:?}");
    assert_eq!(plan.refusals(Some(&seen), &Terms::default()), [""; 0]);
    let (_, kept, _) = planned(|seen| seen.surroundings.0.mfa_delete = true);
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn object_lock_with_a_default_retention_keeps_aws_config_away() {
    let retention = || Retention { mode: "GOVERNANCE".to_owned(), time: "30 days".to_owned(), days: 30 };
    let adopt = |config: bool| {
        let mut seen = wanted();
        seen.surroundings.0.default_retention = Some(retention());
        let mut planned = Bucket { receives_config: Aside(config), ..wanted() };
        planned.adopt(&seen, &Terms::default())
    };
    let kept = adopt(true);
    assert!(kept.len() == 1 && kept[0].reason.contains("30 days") && kept[0].reason.contains("AWS Config"), "{kept:?}");
    assert!(adopt(false).is_empty());
}
