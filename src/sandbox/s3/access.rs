//! Whether the bucket is there, in this Region, and lets the caller in.

use super::route::{Path, action};
use super::{Bucket, policy};
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Headers of object operations that policies may ask for, by their condition keys (Service Authorization Reference,
/// "Condition keys for Amazon S3").
const HEADERS: [(&str, &str); 5] = [
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
];

/// Checks existence, Region, expected owner and the bucket's policy, in this order.
pub(super) fn check(world: &World, call: &Call<'_>, path: &Path) -> Result<(), Refusal> {
    let bucket = world.s3.buckets.get(&path.bucket).ok_or_else(|| no_bucket(&path.bucket))?;
    region(call, bucket, &path.bucket)?;
    let expected = call.http.header("x-amz-expected-bucket-owner");
    if expected.is_some_and(|owner| owner != bucket.owner.as_str()) {
        return Err(denied("Access Denied", bucket));
    }
    let action = action("s3", call.operation);
    let arn = format!("arn:{}:s3:::{}", world.partition, path.resource());
    let mut context = vec![("s3:prefix", call.http.parameter("prefix").unwrap_or_default())];
    context.extend(HEADERS.iter().filter_map(|(header, key)| Some((*key, call.http.header(header)?))));
    let verdict = match &bucket.policy {
        Some(document) => evaluate(document, Who::Caller(call.caller), &action, &arn, &context),
        None => Verdict::Silent,
    };
    let own = bucket.owner == call.account();
    let refuse = |why: &str| Err(denied(&call.denied(&action, &format!("\"{arn}\""), why).message, bucket));
    match verdict {
        Verdict::Denied => refuse("with an explicit deny in a resource-based policy"),
        Verdict::Silent if !own => refuse(&format!("because no resource-based policy allows the {action} action")),
        // "Restricts access to … only AWS service principals and authorized users within the bucket owner's account".
        Verdict::Allowed if !own && policy::is_restricted(bucket) => {
            refuse("because public access is blocked by the RestrictPublicBuckets block public access setting")
        }
        // "If you have [the permission], but you're not using an identity that belongs to the bucket owner's account,
        // Amazon S3 returns a 405 Method Not Allowed error" (S3 API Reference, PutBucketPolicy).
        Verdict::Allowed if !own && call.operation.ends_with("BucketPolicy") => {
            let message = "The specified method is not allowed against this resource.";
            Err(Refusal::new(405, "MethodNotAllowed", message))
        }
        Verdict::Allowed | Verdict::Silent => Ok(()),
    }
}

/// A bucket is served by its Region; the others answer where it is. `us-east-1`, which every old client calls, tells
/// by the signature's Region; any other redirects. Where a bucket is, `us-east-1` tells of every bucket.
fn region(call: &Call<'_>, bucket: &Bucket, name: &str) -> Result<(), Refusal> {
    if bucket.region == *call.region {
        return Ok(());
    }
    let here = call.region.as_str();
    let there = bucket.region.as_str();
    if here == "us-east-1" {
        if call.operation == "GetBucketLocation" {
            return Ok(());
        }
        let message =
            format!("The authorization header is malformed; the region '{here}' is wrong; expecting '{there}'");
        return Err(Refusal::new(400, "AuthorizationHeaderMalformed", message)
            .detail("Region", there)
            .header("x-amz-bucket-region", there));
    }
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                   send all future requests to this endpoint.";
    Err(Refusal::new(301, "PermanentRedirect", message)
        .detail("Endpoint", format!("{name}.s3.{there}.amazonaws.com"))
        .detail("Bucket", name)
        .header("x-amz-bucket-region", there))
}

pub(super) fn no_bucket(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist").detail("BucketName", name)
}

fn denied(message: &str, bucket: &Bucket) -> Refusal {
    Refusal::new(403, "AccessDenied", message).header("x-amz-bucket-region", bucket.region.as_str())
}
