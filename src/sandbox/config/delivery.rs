//! Whether AWS Config could deliver: role, bucket policy and key policy, really evaluated.
//!
//! What is needed is what the AWS Config Developer Guide says ("Permissions for the Amazon S3 Bucket for the AWS Config
//! Delivery Channel", "Permissions for the KMS Key"): `s3:GetBucketAcl` and `s3:ListBucket` on the bucket,
//! `s3:PutObject` under `[prefix/]AWSLogs/ACCOUNT/Config/`, `kms:GenerateDataKey` and `kms:Decrypt` on the key. AWS
//! Config tries with the recorder's role first and then as the service principal.

use super::{Channel, PRINCIPAL};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::authz::{Verdict, Who, evaluate, role_allows};
use crate::sandbox::kms;
use crate::sandbox::s3::Bucket;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{Identity, Role, World};

/// Whether AWS Config may assume the role for the account's recorder in the Region.
pub(super) fn assumable(world: &World, account: AccountId, region: &Region, role: &Role) -> bool {
    let source = Source::new(world, account, region);
    let verdict =
        evaluate(&role.trust, Who::Service(PRINCIPAL), "sts:AssumeRole", &role.arn.to_string(), &source.context());
    verdict == Verdict::Allowed
}

/// For whom AWS Config acts: what it tells as `aws:SourceAccount` and `aws:SourceArn`.
struct Source {
    account: String,
    arn: String,
}

impl Source {
    fn new(world: &World, account: AccountId, region: &Region) -> Source {
        let recorder = world.config.recorder(account, region);
        let arn = recorder.map_or_else(
            || super::arn(world, account, region, "configuration-recorder/default".to_owned()),
            |recorder| recorder.arn.clone(),
        );
        Source { account: account.to_string(), arn: arn.to_string() }
    }

    fn context(&self) -> Vec<(&str, &str)> {
        vec![("aws:SourceAccount", &self.account), ("aws:SourceArn", &self.arn)]
    }
}

/// Checks the destination of a channel, and the recorder's role, as they are now.
///
/// # Errors
/// The refusal that `PutDeliveryChannel` answers.
pub(super) fn check(world: &World, account: AccountId, region: &Region, channel: &Channel) -> Result<(), Refusal> {
    let bucket = world.s3.buckets.get(&channel.bucket).ok_or_else(|| {
        let message = format!("Cannot find a S3 bucket with the name '{}'.", channel.bucket);
        Refusal::new(400, "NoSuchBucketException", message)
    })?;
    let key = key(world, account, channel, bucket)?;
    let refused = |why: &str| {
        let message = format!("Insufficient delivery policy to s3 bucket: {}, {why}.", channel.bucket);
        Refusal::new(400, "InsufficientDeliveryPolicyException", message)
    };
    let role = match world.config.recorder(account, region) {
        Some(recorder) => {
            let role = world.role(&recorder.role).filter(|role| assumable(world, account, region, role));
            Some(role.ok_or_else(|| refused(&format!("unable to assume role: {}", recorder.role)))?)
        }
        None => None,
    };
    let session = role.map(|role| session(world, account, role));
    let own = role.zip(session.as_ref()).map(|(role, session)| Writer::Role(role, session));
    let source = Source::new(world, account, region);
    let delivery = Delivery { world, account, region, channel, bucket, key, source };
    let mut outcome = Ok(());
    for writer in own.into_iter().chain([Writer::Service]) {
        outcome = delivery.attempt(writer);
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map_err(|why| refused(&why))
}

/// The key that objects are encrypted with: the channel's, or else the bucket's own.
fn key<'a>(
    world: &'a World,
    account: AccountId,
    channel: &Channel,
    bucket: &Bucket,
) -> Result<Option<&'a kms::Key>, Refusal> {
    let Some(arn) = &channel.key else {
        let default = bucket.encryption.key.as_deref();
        return Ok(default.and_then(|key| kms::resolve(world, bucket.owner, &bucket.region, key)));
    };
    let invalid = |message: String| Refusal::new(400, "InvalidS3KmsKeyArnException", message);
    if !arn.starts_with("arn:") || !kms::looks_like_key(arn) {
        return Err(invalid(format!("The arn '{arn}' is not a valid kms key or alias arn.")));
    }
    // "Must belong to the same Region as the destination S3 bucket."
    kms::resolve(world, account, &bucket.region, arn).map(Some).ok_or_else(|| {
        invalid(format!(
            "The kms key '{arn}' does not exist, or is not in the region of the bucket, {}.",
            bucket.region
        ))
    })
}

/// The session in which AWS Config uses a recorder's role.
fn session(world: &World, account: AccountId, role: &Role) -> Identity {
    let name = format!("assumed-role/{}/AWSConfig-BucketConfigCheck", role.arn.role_name().unwrap_or_default());
    Identity {
        account,
        arn: Arn::new(world.partition, "sts", None, Some(account), name),
        role: Some(role.arn.clone()),
        user_id: format!("{}:AWSConfig-BucketConfigCheck", role.id),
        source_identity: None,
    }
}

/// As whom AWS Config writes.
#[derive(Clone, Copy)]
enum Writer<'a> {
    Role(&'a Role, &'a Identity),
    Service,
}

/// One delivery, to be attempted by one writer or another.
struct Delivery<'a> {
    world: &'a World,
    account: AccountId,
    region: &'a Region,
    channel: &'a Channel,
    bucket: &'a Bucket,
    key: Option<&'a kms::Key>,
    source: Source,
}

impl Delivery<'_> {
    /// Tries everything that a delivery takes; gives what fails first, in AWS's words.
    fn attempt(&self, writer: Writer<'_>) -> Result<(), String> {
        let arn = format!("arn:{}:s3:::{}", self.world.partition, self.channel.bucket);
        let context = self.source.context();
        if !self.bucket_allows(writer, "s3:GetBucketAcl", &arn, &context) {
            return Err("unable to get s3 bucket acl".to_owned());
        }
        if !self.bucket_allows(writer, "s3:ListBucket", &arn, &context) {
            return Err("unable to list s3 bucket".to_owned());
        }
        let mut context = context;
        context.push(("s3:x-amz-acl", "bucket-owner-full-control"));
        let key = self.key.map(|key| key.arn.to_string());
        if let (Some(key), Some(_)) = (&key, &self.channel.key) {
            context.push(("s3:x-amz-server-side-encryption", "aws:kms"));
            context.push(("s3:x-amz-server-side-encryption-aws-kms-key-id", key));
        }
        let prefix = self.channel.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
        let folder = format!("{arn}/{prefix}AWSLogs/{}/Config", self.account);
        let objects =
            [format!("{folder}/ConfigWritabilityCheckFile"), format!("{folder}/{}/ConfigHistory.json.gz", self.region)];
        let written = objects.iter().all(|object| self.bucket_allows(writer, "s3:PutObject", object, &context));
        if written && self.key_allows(writer) {
            return Ok(());
        }
        let or_null = |text: Option<&str>| text.unwrap_or("null").to_owned();
        Err(format!(
            "unable to write to bucket, provided s3 key prefix is '{}', provided kms key is '{}'",
            or_null(self.channel.prefix.as_deref()),
            or_null(self.channel.key.as_deref())
        ))
    }

    /// A service needs the bucket's policy to let it in. A role needs its own policies to, and the bucket's policy too
    /// where the bucket is another account's.
    fn bucket_allows(&self, writer: Writer<'_>, action: &str, resource: &str, context: &[(&str, &str)]) -> bool {
        let policy = self.bucket.policy.as_deref();
        let verdict =
            |who: Who<'_>| policy.map_or(Verdict::Silent, |text| evaluate(text, who, action, resource, context));
        match writer {
            Writer::Service => verdict(Who::Service(PRINCIPAL)) == Verdict::Allowed,
            Writer::Role(role, session) => {
                let let_in = match verdict(Who::Caller(session)) {
                    Verdict::Allowed => true,
                    Verdict::Denied => false,
                    Verdict::Silent => self.bucket.owner == self.account,
                };
                let_in && role_allows(role, session, action, resource, context)
            }
        }
    }

    fn key_allows(&self, writer: Writer<'_>) -> bool {
        let Some(key) = self.key else { return true };
        let arn = key.arn.to_string();
        let context = self.source.context();
        key.is_enabled()
            && ["kms:GenerateDataKey", "kms:Decrypt"].iter().all(|action| {
                let verdict = |who: Who<'_>| evaluate(&key.policy, who, action, &arn, &context);
                match writer {
                    Writer::Service => verdict(Who::Service(PRINCIPAL)) == Verdict::Allowed,
                    Writer::Role(role, session) => {
                        verdict(Who::Caller(session)) == Verdict::Allowed
                            && role_allows(role, session, action, &arn, &context)
                    }
                }
            })
    }
}
