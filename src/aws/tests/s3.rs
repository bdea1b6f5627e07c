//! What each difference of a bucket takes.

use super::{Case, OTHER_KEY, other_policy};
use crate::services::s3::{Bucket, PublicAccessBlock, Versioning};
use crate::services::{Reference, Spec};

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
                "PUT encryption",
                "GET lifecycle",
                "PUT lifecycle",
                "PUT policy",
                "PUT object",
                "PUT tagging",
            ],
        },
        case("open access", &["PUT publicAccessBlock"], |b| b.public_access_block = PublicAccessBlock::default()),
        case("other ownership", &["PUT ownershipControls"], |b| b.object_ownership = None),
        case("suspended versioning", &["PUT versioning"], |b| b.versioning = Versioning::Suspended),
        case("another key", &["PUT encryption"], |b| {
            b.encryption.key = Some(Reference::Is(OTHER_KEY.parse().unwrap()));
        }),
        case("no retention", &["GET lifecycle", "PUT lifecycle"], |b| b.retention_days = None),
        case("another policy", &["GET policy", "PUT policy"], |b| b.policy = other_policy()),
        case("no folder", &["PUT object"], |b| b.folder = None),
        case("no tags", &["PUT tagging"], |b| b.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}
