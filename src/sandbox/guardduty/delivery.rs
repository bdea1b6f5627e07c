//! Whether GuardDuty could export findings: the destination's bucket and key policies, really evaluated.
//!
//! What the service principal needs is what the GuardDuty User Guide says ("Exporting generated GuardDuty findings to
//! Amazon S3 buckets"); in a Region that an account must opt in to, it is `guardduty.REGION.amazonaws.com`.

use super::{Destination, arn, rejected};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::kms;
use crate::sandbox::s3::Bucket;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// A destination, taken apart: the bucket's name and the prefix, which ends with a slash unless it is empty.
pub(super) struct Place {
    pub bucket: String,
    pub prefix: String,
}

impl Place {
    /// Reads `arn:aws:s3:::bucket[/prefix[/]]`.
    ///
    /// # Errors
    /// It is no such ARN.
    pub fn of(world: &World, destination: &str) -> Result<Place, Refusal> {
        let malformed = || {
            rejected("The request failed because the value specified for the destinationArn parameter is not valid.")
        };
        let arn: Arn = destination.parse().map_err(|_| malformed())?;
        let plain = arn.service() == "s3" && arn.region().is_none() && arn.account().is_none();
        if !plain || arn.partition() != world.partition {
            return Err(malformed());
        }
        let (bucket, prefix) = arn.resource().split_once('/').unwrap_or((arn.resource(), ""));
        if bucket.is_empty() || prefix.starts_with('/') {
            return Err(malformed());
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Place { bucket: bucket.to_owned(), prefix })
    }
}

/// Checks what can be checked only when a destination is set: the prefix's folder, and that the caller may see it.
///
/// That the caller needs `s3:ListBucket` and `s3:GetObject` where there is a prefix is told by GuardDuty's own error
/// (awslabs/landing-zone-accelerator-on-aws#255); that the folder's object must be there, by aws/aws-cli#10483.
///
/// # Errors
/// The refusal that `CreatePublishingDestination` and `UpdatePublishingDestination` answer.
pub(super) fn check_folder(world: &World, call: &Call<'_>, destination: &Destination) -> Result<(), Refusal> {
    let place = Place::of(world, &destination.arn)?;
    let bucket = find_bucket(world, &place.bucket)?;
    if place.prefix.is_empty() {
        return Ok(());
    }
    let arn = format!("arn:{}:s3:::{}", world.partition, place.bucket);
    let may = |action: &str, resource: &str| {
        let context = [("s3:prefix", place.prefix.as_str())];
        let verdict = match &bucket.policy {
            Some(policy) => evaluate(policy, Who::Caller(call.caller), action, resource, &context),
            None => Verdict::Silent,
        };
        verdict == Verdict::Allowed || verdict == Verdict::Silent && bucket.owner == call.account()
    };
    if !may("s3:ListBucket", &arn) || !may("s3:GetObject", &format!("{arn}/{}", place.prefix)) {
        return Err(rejected(
            "The request failed because you do not have the required permissions for the s3:GetObject or \
             s3:ListBucket actions.",
        ));
    }
    if bucket.objects.contains_key(&place.prefix) {
        Ok(())
    } else {
        Err(rejected(
            "The request failed because the resource folder specified in the destinationArn parameter does not exist.",
        ))
    }
}

/// Checks bucket and key for a detector of the account, as they are now.
///
/// # Errors
/// The refusal that `CreatePublishingDestination` and `UpdatePublishingDestination` answer.
pub(super) fn check(
    world: &World,
    account: AccountId,
    region: &Region,
    destination: &Destination,
) -> Result<(), Refusal> {
    let place = Place::of(world, &destination.arn)?;
    let bucket = find_bucket(world, &place.bucket)?;
    // "You can't export these findings to an S3 bucket in an opt-in Region" that is not the detector's own.
    if bucket.region != *region && world.must_opt_in(&bucket.region) {
        return Err(rejected(
            "The request failed because the destination bucket cannot be in a different opt-in Region.",
        ));
    }
    let invalid_key =
        || rejected("The request failed because the value specified for the kmsKeyArn parameter is not valid.");
    let key = destination.key.parse::<Arn>().ok().filter(|key| key.resource().starts_with("key/"));
    // Of the bucket's Region: `resolve` finds no other.
    let key = key.and_then(|_| kms::resolve(world, account, &bucket.region, &destination.key));
    let key = key.ok_or_else(invalid_key)?;

    let service = principal(world, region);
    let who = Who::Service(&service);
    let (source, account) = (source_arn(world, account, region), account.to_string());
    let context = [("aws:SourceAccount", account.as_str()), ("aws:SourceArn", source.as_str())];
    let arn = format!("arn:{}:s3:::{}", world.partition, place.bucket);
    let object = format!("{arn}/{}AWSLogs/{account}/GuardDuty/{region}/2026/01/01/findings.jsonl.gz", place.prefix);
    let mut put = context.to_vec();
    put.push(("s3:x-amz-server-side-encryption", "aws:kms"));
    put.push(("s3:x-amz-server-side-encryption-aws-kms-key-id", destination.key.as_str()));
    let policy = bucket.policy.as_deref();
    let by_bucket = |action: &str, resource: &str, context: &[(&str, &str)]| {
        policy.is_some_and(|policy| evaluate(policy, who, action, resource, context) == Verdict::Allowed)
    };
    let allowed = by_bucket("s3:GetBucketLocation", &arn, &context)
        && by_bucket("s3:PutObject", &object, &put)
        && key.is_enabled()
        && evaluate(&key.policy, who, "kms:GenerateDataKey", &destination.key, &context) == Verdict::Allowed;
    if allowed {
        Ok(())
    } else {
        Err(rejected(
            "The request failed because the GuardDuty service principal does not have permission to the KMS key or \
             the resource specified by the destinationArn parameter. Refer to \
             https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html",
        ))
    }
}

fn find_bucket<'a>(world: &'a World, name: &str) -> Result<&'a Bucket, Refusal> {
    world.s3.buckets.get(name).ok_or_else(|| {
        rejected("The request failed because the resource specified in the destinationArn parameter does not exist.")
    })
}

fn principal(world: &World, region: &Region) -> String {
    if world.must_opt_in(region) {
        format!("guardduty.{region}.amazonaws.com")
    } else {
        "guardduty.amazonaws.com".to_owned()
    }
}

/// The detector's ARN.
fn source_arn(world: &World, account: AccountId, region: &Region) -> String {
    let detector = world.guardduty.detectors.get(&(account, region.clone()));
    arn(world, account, region, detector.map_or("", |detector| &detector.id)).to_string()
}
