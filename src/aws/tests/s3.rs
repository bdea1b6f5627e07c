//! What each difference of a bucket takes.

use super::wire::Wire;
use super::{Case, OTHER_KEY, other_policy};
use crate::aws::clients::Access;
use crate::model::{OpError, Target};
use crate::services::adapter::Cell;
use crate::services::estate::{BASELINE, Estate, PROFILES, region};
use crate::services::s3::{Bucket, PublicAccessBlock, Versioning};
use crate::services::{Place, Reading, Reference, Service, Spec};

pub(super) fn cases(bucket: &Bucket) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Bucket)| {
        let mut seen = bucket.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::S3Bucket(Box::new(seen))), sends }
    };
    vec![
        Case {
            what: "no bucket",
            seen: None,
            sends: &[
                "PUT ",
                "PUT publicAccessBlock",
                "PUT ownershipControls",
                "PUT versioning",
                "GET encryption",
                "PUT encryption",
                "PUT policy",
                "PUT object",
                "GET lifecycle",
                "PUT lifecycle",
                "PUT tagging",
            ],
        },
        case("open access", &["PUT publicAccessBlock"], |b| b.public_access_block = PublicAccessBlock::default()),
        case("other ownership", &["PUT ownershipControls"], |b| b.object_ownership = None),
        case("suspended versioning", &["PUT versioning"], |b| b.versioning = Versioning::Suspended),
        case("another key", &["GET encryption", "PUT encryption"], |b| {
            b.encryption.key = Some(Reference::Is(OTHER_KEY.parse().unwrap()));
        }),
        case("no retention", &["GET lifecycle", "PUT lifecycle"], |b| b.retention_days = None),
        case("a rule of ours with a transition", &["GET lifecycle", "PUT lifecycle"], |b| {
            b.lifecycle_rule.insert("Transition".to_owned(), serde_json::json!({ "Days": 1 }));
        }),
        case("another policy", &["GET policy", "PUT policy"], |b| b.policy = other_policy()),
        case("no folder", &["PUT object"], |b| b.folder = None),
        case("no tags", &["PUT tagging"], |b| b.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}

/// A bucket in which nothing is set.
fn bare(asked: &str) -> (u16, &'static str) {
    macro_rules! absent {
        ($code:literal) => {
            (404, concat!("<Error><Code>", $code, "</Code><Message>none</Message></Error>"))
        };
    }
    match asked.split(['&', '=']).next().unwrap_or_default() {
        "HEAD " => (200, ""),
        "GET acl" => (200, "<AccessControlPolicy><Owner><ID>me</ID></Owner><AccessControlList/></AccessControlPolicy>"),
        "GET encryption" => absent!("ServerSideEncryptionConfigurationNotFoundError"),
        "GET lifecycle" => absent!("NoSuchLifecycleConfiguration"),
        "GET list-type" => (200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
        "GET object-lock" => absent!("ObjectLockConfigurationNotFoundError"),
        "GET ownershipControls" => absent!("OwnershipControlsNotFoundError"),
        "GET policy" => absent!("NoSuchBucketPolicy"),
        "GET publicAccessBlock" => absent!("NoSuchPublicAccessBlockConfiguration"),
        "GET replication" => absent!("ReplicationConfigurationNotFoundError"),
        "GET tagging" => absent!("NoSuchTagSet"),
        "GET versioning" => (200, "<VersioningConfiguration></VersioningConfiguration>"),
        other => panic!("{other}"),
    }
}

async fn read(answer: fn(&str) -> (u16, &'static str)) -> (Result<Reading, OpError>, Vec<String>) {
    let estate = Estate::new(PROFILES, BASELINE);
    let wire = Wire::new(answer);
    let session = wire.session(Access::Read);
    let regions = [region("eu-west-1")];
    let account = estate.account("222222222222");
    let (place, target) = (Place { account, regions: &regions }, Target::new(account.id, region("eu-west-1")));
    let declared = estate.declared();
    let cell = Cell { session: &session, target: &target, declared: &declared, place: &place };
    (Service::S3.observe(&cell).await, wire.sent())
}

#[tokio::test]
async fn each_setting_of_the_bucket_is_read_once() {
    let (reading, sent) = read(bare).await;
    let reading = reading.unwrap();
    assert_eq!((reading.found.len(), reading.exposed.len(), reading.notes.len()), (1, 0, 0));
    assert_eq!(sent.len(), 12, "{sent:?}");
    for once in ["GET replication", "GET object-lock", "GET acl"] {
        assert_eq!(sent.iter().filter(|asked| asked.starts_with(once)).count(), 1, "{once}");
    }
}

#[tokio::test]
async fn a_success_without_its_document_is_no_bucket_without_that_setting() {
    fn policy(asked: &str) -> (u16, &'static str) {
        if asked == "GET policy" { (200, "") } else { bare(asked) }
    }
    fn lifecycle(asked: &str) -> (u16, &'static str) {
        if asked == "GET lifecycle" { (200, "") } else { bare(asked) }
    }
    fn encryption(asked: &str) -> (u16, &'static str) {
        if asked == "GET encryption" { (200, "") } else { bare(asked) }
    }
    fn another(asked: &str) -> (u16, &'static str) {
        if asked == "GET lifecycle" { (200, "<html><body>sign in</body></html>") } else { bare(asked) }
    }
    fn half(asked: &str) -> (u16, &'static str) {
        if asked == "GET lifecycle" { (200, "<LifecycleConfiguration><Rule>") } else { bare(asked) }
    }
    for answer in [policy, lifecycle, encryption, another, half] {
        let (reading, sent) = read(answer).await;
        assert!(reading.is_err(), "{sent:?}");
    }
}
