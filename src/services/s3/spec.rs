use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conflicts::Surroundings;
use super::{conflicts, policy};
use crate::model::{Address, Partition, Region, Target};
use crate::policy::BUCKET_POLICY_MAX_BYTES;
use crate::services::shared_policy::{SharedPolicy, Survival};
use crate::services::{
    About, Aside, Declared, Desired, Kept, Kind, Place, Reference, Resource, Spec, Tags, Terms, keep_tags, kms,
    our_tags,
};

/// What the keys of the locks begin with that keep two applies apart: the tool's own objects, and nobody's data.
pub const LOCKS: &str = "baseline/lock-";

/// What AWS puts between the prefix and an account's id in the keys of logs.
#[cfg(any(feature = "aws", test))]
pub(super) const LOGS: &str = "AWSLogs/";

/// A bucket for logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Where it is; that cannot be changed.
    pub region: Region,
    /// Which kinds of public access are blocked.
    pub public_access_block: PublicAccessBlock,
    /// Who owns the objects that others put; `BucketOwnerEnforced` switches ACLs off.
    pub object_ownership: Option<String>,
    /// Whether overwritten and deleted logs are kept.
    pub versioning: Versioning,
    /// What new objects are encrypted with.
    pub encryption: Encryption,
    /// Who may do what.
    pub policy: SharedPolicy,
    /// Days after which logs expire by our rule; `None` keeps them for ever.
    pub retention_days: Option<u32>,
    /// Days after which versions that were overwritten or deleted go by our rule; `None` keeps them for ever.
    pub noncurrent_days: Option<u32>,
    /// What of our lifecycle rule is not as this tool writes it besides its days, by element; null where one is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lifecycle_rule: BTreeMap<String, Value>,
    /// The folder, an empty object whose name ends with a slash, that GuardDuty asks for before it exports below a prefix to
    /// another account's bucket (GuardDuty User Guide, "Exporting generated GuardDuty findings to Amazon S3 buckets");
    /// `None` where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Whether there is anything in it: an empty bucket loses nothing by a shorter retention.
    #[serde(skip)]
    pub holds_data: Aside<bool>,
    /// What else was seen there that limits what can be set.
    #[serde(skip)]
    pub surroundings: Aside<Surroundings>,
    /// Whether AWS Config is declared to deliver to it.
    #[serde(skip)]
    pub receives_config: Aside<bool>,
    /// Whether its default encryption is declared to stay as it is.
    #[serde(skip)]
    pub keeps_encryption: Aside<bool>,
    /// Services that other people's statements of the log key's policy let use the key.
    #[serde(skip)]
    pub key_admits: Aside<BTreeSet<String>>,
}

/// How long logs are kept: days until they expire and days until old versions go; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetimes {
    /// Days until a log expires.
    pub current: Option<u32>,
    /// Days that an overwritten or deleted version stays.
    pub noncurrent: Option<u32>,
}

/// S3 Block Public Access.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// New public ACLs are refused.
    pub block_public_acls: bool,
    /// Public ACLs have no effect.
    pub ignore_public_acls: bool,
    /// Public policies are refused.
    pub block_public_policy: bool,
    /// Public policies have no effect for others.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All of it.
    pub const ALL: PublicAccessBlock = PublicAccessBlock {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// Whether a bucket keeps old versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Versioning {
    /// It does.
    Enabled,
    /// It did, until somebody suspended it.
    Suspended,
    /// It never did.
    Off,
}

/// Default encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `aws:kms` or `AES256`.
    pub algorithm: String,
    /// The key, for `aws:kms`.
    pub key: Option<Reference>,
    /// Whether one data key serves many objects, which saves requests to KMS.
    pub bucket_key: bool,
    /// What the rule says besides, such as `BlockedEncryptionTypes`: kept and written back.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub other: Value,
}

/// The declared name, or one made from the owner's id and the home Region.
pub fn bucket_name(declared: &Declared<'_>) -> Option<String> {
    let bucket = declared.baseline.log_bucket.as_ref()?;
    let profiles = declared.profiles;
    Some(match &bucket.name {
        Some(name) => name.clone(),
        None => format!("baseline-logs-{}-{}", profiles.bucket_owner, profiles.home_region),
    })
}

/// The folder that has to be there before GuardDuty exports.
pub fn folder(declared: &Declared<'_>) -> Option<String> {
    let prefix = declared.baseline.log_bucket.as_ref()?.prefix.as_deref()?;
    declared.baseline.guardduty.as_ref().filter(|guardduty| guardduty.publish).map(|_| format!("{prefix}/"))
}

/// Where the log bucket is, if one is declared.
pub fn address(declared: &Declared<'_>) -> Option<Address> {
    Some(Address::new(target(declared), Kind::S3Bucket, bucket_name(declared)?))
}

fn target(declared: &Declared<'_>) -> Target {
    Target::new(declared.profiles.bucket_owner, declared.profiles.home_region.clone())
}

/// The log bucket, in the account that owns it.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let (Some(bucket), Some(address)) = (&declared.baseline.log_bucket, address(declared)) else { return Vec::new() };
    if place.account.id != address.target.account {
        return Vec::new();
    }
    let key = kms::address(declared);
    let spec = Bucket {
        region: declared.profiles.home_region.clone(),
        public_access_block: PublicAccessBlock::ALL,
        object_ownership: Some("BucketOwnerEnforced".to_owned()),
        versioning: Versioning::Enabled,
        encryption: Encryption {
            algorithm: "aws:kms".to_owned(),
            key: key.clone().map(Reference::To),
            bucket_key: true,
            other: Value::Null,
        },
        policy: SharedPolicy::ours(policy::statements(declared, &address.name), bucket.exclusive),
        retention_days: bucket.retention_days,
        noncurrent_days: bucket.retention_days,
        lifecycle_rule: BTreeMap::new(),
        folder: folder(declared),
        tags: our_tags(declared.baseline),
        holds_data: Aside(false),
        surroundings: Aside(Surroundings::default()),
        receives_config: Aside(declared.baseline.config.is_some()),
        keeps_encryption: Aside(bucket.keep_default_encryption),
        key_admits: Aside(declared.shared.key_admits.clone()),
    };
    vec![Desired::shared(address, Spec::S3Bucket(Box::new(spec)), key.into_iter().collect())]
}

/// The home Region of the account that owns the bucket.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let wanted = declared.baseline.log_bucket.is_some() && place.account.id == declared.profiles.bucket_owner;
    wanted.then(|| target(declared)).into_iter().collect()
}

/// Whether `new` keeps logs for less time than `old`.
fn shorter(new: Option<u32>, old: Option<u32>) -> bool {
    match (new, old) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(new), Some(old)) => new < old,
    }
}

impl Bucket {
    /// Whether there is no more to it than [`make_closed`](super::make_closed) leaves: closed, empty, and otherwise as S3
    /// makes a bucket, which by itself encrypts with keys of its own (S3 User Guide, "Setting default server-side
    /// encryption behavior for Amazon S3 buckets"). Whatever is more, somebody put there.
    pub fn is_bare(&self) -> bool {
        let Bucket {
            region: _,
            public_access_block,
            object_ownership,
            versioning,
            encryption: Encryption { algorithm, key, bucket_key: _, other: _ },
            policy,
            retention_days,
            noncurrent_days,
            lifecycle_rule,
            folder,
            tags,
            holds_data: Aside(holds_data),
            surroundings: _,
            receives_config: _,
            keeps_encryption: _,
            key_admits: _,
        } = self;
        *public_access_block == PublicAccessBlock::ALL
            && object_ownership.as_deref().is_none_or(|ownership| ownership == "BucketOwnerEnforced")
            && *versioning == Versioning::Off
            && matches!(algorithm.as_str(), "AES256" | "none")
            && key.is_none()
            && policy.document.statements.is_empty()
            && retention_days.or(*noncurrent_days).is_none()
            && lifecycle_rule.is_empty()
            && folder.is_none()
            && tags.is_empty()
            && !holds_data
    }

    /// How long our rule keeps logs.
    pub(super) fn kept(&self) -> Lifetimes {
        Lifetimes { current: self.retention_days, noncurrent: self.noncurrent_days }
    }

    /// What our rule is limited to: everything, or what is below the folder where there is one. The folder is an object
    /// itself and must not expire, since GuardDuty asks for it again and again.
    #[cfg(any(feature = "aws", test))]
    pub(super) fn retention_prefix(&self) -> String {
        lifecycle_prefix(self.folder.as_deref())
    }

    /// Whether writing this would shorten the life of logs that exist, without leave to do so.
    fn risks_data(&self, seen: &Self, terms: &Terms) -> bool {
        let shortened =
            shorter(self.retention_days, seen.retention_days) || shorter(self.noncurrent_days, seen.noncurrent_days);
        seen.holds_data.0 && !terms.allow_data_loss && shortened
    }
}

/// What our lifecycle rule is limited to, where that folder is wanted.
#[cfg(any(feature = "aws", test))]
pub(super) fn lifecycle_prefix(folder: Option<&str>) -> String {
    folder.map(|folder| format!("{folder}{LOGS}")).unwrap_or_default()
}

/// How long a bucket keeps logs, in words.
fn lifetime(bucket: &Bucket) -> String {
    let days = |days: Option<u32>| days.map_or_else(|| "for ever".to_owned(), |days| format!("for {days} days"));
    let (current, old) = (days(bucket.retention_days), days(bucket.noncurrent_days));
    if current == old { current } else { format!("{current} (old versions {old})") }
}

impl Resource for Bucket {
    const ABOUT: About = About {
        lives: "the log archive account, or else the security account; home Region",
        without: "there is nowhere for the logs to go: no trail, no AWS Config delivery, no export of findings",
    };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.encryption.key.iter_mut().collect()
    }

    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept> {
        self.policy.adopt(&seen.policy);
        keep_tags(&mut self.tags, &seen.tags);
        // Nobody takes a folder away that is there.
        self.folder = self.folder.take().or_else(|| seen.folder.clone());
        let mut kept = Vec::new();
        if self.risks_data(seen, terms) {
            let unshortened = Kept {
                reason: format!(
                    "logs are kept {} and would be kept {}: retention is not shortened",
                    lifetime(seen),
                    lifetime(self)
                ),
                hint: "raise `retention_days`, or say --allow-data-loss".to_owned(),
            };
            self.retention_days = seen.retention_days;
            self.noncurrent_days = seen.noncurrent_days;
            self.lifecycle_rule.clone_from(&seen.lifecycle_rule);
            kept.push(unshortened);
        }
        kept.extend(conflicts::held_back(self, seen));
        kept
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn shared_policy(&self) -> Option<&SharedPolicy> {
        Some(&self.policy)
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let name = terms.address.as_ref().map_or("*", |address| &address.name);
        let partition = Partition::of_region(&self.region).unwrap_or_default();
        let resource = format!("arn:{partition}:s3:::{name}");
        let survival = Survival { actions: &["s3:PutBucketPolicy", "s3:GetBucketPolicy"], resource: &resource };
        let mut refusals =
            self.policy.refusals(seen.map(|s| &s.policy), terms, "bucket policy", BUCKET_POLICY_MAX_BYTES, &survival);
        if self.versioning != Versioning::Enabled && !conflicts::versioning_is_held(self, seen) {
            refusals.push("versioning would be off: overwritten logs would be lost".to_owned());
        }
        if let Some(seen) = seen {
            refusals.extend(conflicts::unwritable_policy(self, seen));
            if seen.region != self.region {
                refusals.push(format!(
                    "the bucket is in {} and {} is declared: a bucket cannot move; set `home_region` to where it is, or \
                     declare another `name`",
                    seen.region, self.region
                ));
            }
            if self.risks_data(seen, terms) {
                refusals.push(format!(
                    "logs kept {} would be kept {}: say --allow-data-loss",
                    lifetime(seen),
                    lifetime(self)
                ));
            }
        }
        refusals
    }
}
