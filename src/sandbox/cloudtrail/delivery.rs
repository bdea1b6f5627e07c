//! Whether CloudTrail could deliver: the destination's bucket and key policies, really evaluated.
//!
//! What the service principal needs is what the CloudTrail User Guide says ("Amazon S3 bucket policy for CloudTrail",
//! "Configure AWS KMS key policies for CloudTrail").

use super::Trail;
use crate::model::AccountId;
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::kms;
use crate::sandbox::s3::Bucket;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

const SERVICE: &str = "cloudtrail.amazonaws.com";

/// Resolves a key as `CreateTrail` takes it: a key id, an ARN, an alias or an alias's ARN, in the bucket's Region.
///
/// # Errors
/// `InvalidKmsKeyIdException`, `KmsKeyNotFoundException`, or the bucket's own refusals.
pub(super) fn resolve_key(world: &World, account: AccountId, bucket: &str, key: &str) -> Result<String, Refusal> {
    let region = &find_bucket(world, bucket)?.region;
    if !kms::looks_like_key(key) {
        let message = format!("KMS key id {key} is not valid.");
        return Err(Refusal::new(400, "InvalidKmsKeyIdException", message));
    }
    let found = kms::resolve(world, account, region, key).map(|found| found.arn.to_string());
    found.ok_or_else(|| {
        let message = format!("KMS key {key} does not exist, or it is not in the region of the S3 bucket, {region}.");
        Refusal::new(400, "KmsKeyNotFoundException", message)
    })
}

/// Checks bucket and key for a trail of the account.
///
/// # Errors
/// The refusal that `CreateTrail` and `UpdateTrail` answer.
pub(super) fn check(world: &World, account: AccountId, trail: &Trail) -> Result<(), Refusal> {
    let bucket = find_bucket(world, &trail.bucket)?;
    check_bucket(world, account, trail, bucket)?;
    match &trail.kms_key {
        Some(key) => check_key(world, account, trail, bucket, key),
        None => Ok(()),
    }
}

fn find_bucket<'a>(world: &'a World, name: &str) -> Result<&'a Bucket, Refusal> {
    world
        .s3
        .buckets
        .get(name)
        .ok_or_else(|| Refusal::new(400, "S3BucketDoesNotExistException", format!("S3 bucket {name} does not exist!")))
}

fn check_bucket(world: &World, account: AccountId, trail: &Trail, bucket: &Bucket) -> Result<(), Refusal> {
    let refused = || {
        let message = format!("Incorrect S3 bucket policy is detected for bucket: {}", trail.bucket);
        Refusal::new(400, "InsufficientS3BucketPolicyException", message)
    };
    let policy = bucket.policy.as_deref().ok_or_else(refused)?;
    let (trail_arn, account) = (trail.arn.to_string(), account.to_string());
    let mut context = vec![("aws:SourceArn", trail_arn.as_str()), ("aws:SourceAccount", account.as_str())];
    let arn = format!("arn:{}:s3:::{}", world.partition, trail.bucket);
    let allowed = |action: &str, resource: &str, context: &[(&str, &str)]| {
        evaluate(policy, Who::Service(SERVICE), action, resource, context) == Verdict::Allowed
    };
    if !allowed("s3:GetBucketAcl", &arn, &context) {
        return Err(refused());
    }
    context.push(("s3:x-amz-acl", "bucket-owner-full-control"));
    if let Some(key) = &trail.kms_key {
        context.push(("s3:x-amz-server-side-encryption", "aws:kms"));
        context.push(("s3:x-amz-server-side-encryption-aws-kms-key-id", key));
    }
    let prefix = trail.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    // CloudTrail User Guide, "CloudTrail log file examples", "Log file name format".
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    let now = time::OffsetDateTime::from_unix_timestamp(world.now() as i64).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    for folder in ["CloudTrail", "CloudTrail-Digest"] {
        let home = &trail.home;
        let name = format!("{account}_{folder}_{home}_{year}{month:02}{day:02}T0010Z_Ab3dEf5hIj7lMn9p.json.gz");
        let object = format!("{arn}/{prefix}AWSLogs/{account}/{folder}/{home}/{year}/{month:02}/{day:02}/{name}");
        if !allowed("s3:PutObject", &object, &context) {
            return Err(refused());
        }
    }
    Ok(())
}

fn check_key(world: &World, account: AccountId, trail: &Trail, bucket: &Bucket, key: &str) -> Result<(), Refusal> {
    let key = kms::resolve(world, account, &bucket.region, key)
        .ok_or_else(|| Refusal::new(400, "KmsKeyNotFoundException", format!("KMS key {key} does not exist.")))?;
    if !key.is_enabled() {
        let message = format!("KMS key {} is disabled.", key.arn);
        return Err(Refusal::new(400, "KmsKeyDisabledException", message));
    }
    let (trail_arn, account) = (trail.arn.to_string(), account.to_string());
    let mut context = vec![("aws:SourceArn", trail_arn.as_str()), ("aws:SourceAccount", account.as_str())];
    let arn = key.arn.to_string();
    let mut allowed = |action: &str, with_context: bool| {
        context.truncate(2);
        if with_context {
            context.push(("kms:EncryptionContext:aws:cloudtrail:arn", trail_arn.as_str()));
        }
        evaluate(&key.policy, Who::Service(SERVICE), action, &arn, &context) == Verdict::Allowed
    };
    // An S3 bucket key makes CloudTrail decrypt it before each use.
    let decrypts = !bucket.uses_bucket_key() || allowed("kms:Decrypt", false) || allowed("kms:Decrypt", true);
    if allowed("kms:DescribeKey", false) && allowed("kms:GenerateDataKey", true) && decrypts {
        Ok(())
    } else {
        let message = format!("Insufficient permissions to access S3 bucket {} or KMS key {}.", trail.bucket, key.arn);
        Err(Refusal::new(400, "InsufficientEncryptionPolicyException", message))
    }
}
