//! Resources as somebody may have left them.

use proptest::prelude::*;
use serde_json::json;

use super::{arn, key_arn};
use crate::policy::{Policy, Statement};
use crate::services::estate::{Estate, region};
use crate::services::kms::{Key, KeyState};
use crate::services::s3::{Bucket, Encryption, PublicAccessBlock, Versioning};
use crate::services::{Reference, Service, SharedPolicy, Spec, Tags, cloudtrail};

fn tags() -> impl Strategy<Value = Tags> {
    let key = prop::sample::select(vec!["ManagedBy", "Baseline", "BaselineAlias", "Owner", "team"]);
    prop::collection::btree_map(key.prop_map(str::to_owned), "[a-c]{0,2}|baseline|test", 0..4)
}

/// Our statements, some of them gone or tampered with, among other people's.
fn policies(ours: Policy) -> impl Strategy<Value = Policy> {
    let statement = |sid: &str| Statement::allow(sid, ["s3:GetObject"]).on(["*"]);
    let mut others = vec![
        statement("Theirs").for_arns(["arn:aws:iam::888888888888:root"]),
        statement("Public").for_everyone(),
        Statement::deny("TheirDeny", ["s3:DeleteObject"]).for_everyone().on(["arn:aws:s3:::logs/*"]),
        statement("BaselineOld").for_services(["x.amazonaws.com"]).when("Bool", "a:b", ["true"]),
    ];
    let mut nameless = others[0].clone();
    nameless.sid = None;
    others.push(nameless);
    let all: Vec<Statement> = ours.statements.into_iter().chain(others).collect();
    let most = all.len();
    (prop::sample::subsequence(all, 0..=most), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(mut statements, reversed, tampered, named)| {
            if reversed {
                statements.reverse();
            }
            if let (true, Some(first)) = (tampered, statements.first_mut()) {
                *first = first.clone().when("StringEquals", "aws:SourceAccount", ["999999999999"]);
            }
            Policy { id: named.then(|| "Id".to_owned()), ..Policy::new(statements) }
        },
    )
}

fn reference() -> impl Strategy<Value = Option<Reference>> {
    prop_oneof![
        Just(None),
        Just(Some(Reference::Is(key_arn()))),
        Just(Some(Reference::Is(arn("arn:aws:kms:eu-west-1:222222222222:key/2")))),
    ]
}

pub(super) fn keys() -> impl Strategy<Value = Spec> {
    let Spec::KmsKey(ours) = Estate::small().one(Service::Kms).spec else { panic!() };
    let states = prop::sample::select(vec![KeyState::Enabled, KeyState::Disabled, KeyState::PendingDeletion]);
    let alias = prop::option::of(Just("alias/baseline-logs".to_owned()));
    (alias, "[a-b]?", states, any::<bool>(), policies(ours.policy.document.clone()), tags()).prop_map(
        move |(alias, description, state, rotation, document, tags)| {
            let policy = SharedPolicy::seen(document);
            let key = Key { alias, description, state, rotation, tags, ..(*ours).clone() };
            Spec::KmsKey(Box::new(Key { policy, ..key }))
        },
    )
}

pub(super) fn buckets() -> impl Strategy<Value = Spec> {
    let Spec::S3Bucket(ours) = Estate::small().one(Service::S3).spec else { panic!() };
    let versioning = prop::sample::select(vec![Versioning::Enabled, Versioning::Suspended, Versioning::Off]);
    let ownership = prop::option::of(prop::sample::select(vec!["BucketOwnerEnforced", "ObjectWriter"]));
    let days = prop::option::of(prop::sample::select(vec![30_u32, 400]));
    let flags = any::<[bool; 6]>();
    let encryption = (prop::sample::select(vec!["aws:kms", "AES256"]), reference());
    (policies(ours.policy.document), versioning, ownership, (days.clone(), days), flags, encryption, tags()).prop_map(
        |(document, versioning, ownership, (retention_days, noncurrent_days), flags, (algorithm, key), tags)| {
            Spec::S3Bucket(Box::new(Bucket {
                region: region("eu-west-1"),
                public_access_block: PublicAccessBlock {
                    block_public_acls: flags[0],
                    ignore_public_acls: flags[1],
                    block_public_policy: flags[2],
                    restrict_public_buckets: flags[3],
                },
                object_ownership: ownership.map(str::to_owned),
                versioning,
                encryption: Encryption {
                    algorithm: algorithm.to_owned(),
                    key,
                    bucket_key: flags[4],
                    other: serde_json::Value::Null,
                },
                policy: SharedPolicy::seen(document),
                retention_days,
                noncurrent_days,
                lifecycle_rule: std::collections::BTreeMap::new(),
                folder: None,
                tags,
                holds_data: crate::services::Aside(flags[5]),
                surroundings: crate::services::Aside::default(),
                receives_config: crate::services::Aside(false),
                keeps_encryption: crate::services::Aside(false),
                key_admits: crate::services::Aside::default(),
            }))
        },
    )
}

pub(super) fn trails() -> impl Strategy<Value = Spec> {
    let selectors = prop_oneof![
        Just(cloudtrail::Selectors::Basic(cloudtrail::BasicSelectors::default())),
        Just(cloudtrail::Selectors::Other(json!([]))),
        Just(cloudtrail::Selectors::Advanced(Vec::new())),
        "[a-b]{0,2}".prop_map(|source| cloudtrail::Selectors::Basic(cloudtrail::BasicSelectors {
            exclude_management_event_sources: vec![source],
            include_management_events: false,
            ..Default::default()
        })),
    ];
    let bucket = prop::sample::select(vec!["baseline-logs-222222222222-eu-west-1", "other"]);
    (any::<[bool; 4]>(), bucket, prop::option::of("[a-b]{1,2}"), reference(), selectors, tags()).prop_map(
        |(flags, bucket, s3_key_prefix, kms_key, event_selectors, tags)| {
            Spec::CloudtrailTrail(Box::new(cloudtrail::Trail {
                multi_region: flags[0],
                include_global_service_events: flags[1],
                s3_bucket: bucket.to_owned(),
                s3_key_prefix,
                kms_key,
                log_file_validation: flags[2],
                event_selectors,
                logging: flags[3],
                tags,
                rest: Default::default(),
            }))
        },
    )
}
