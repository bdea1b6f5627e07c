//! Object Lock of a bucket: kept and shown; that objects cannot be deleted then is not simulated (S3 API Reference,
//! GetObjectLockConfiguration, PutObjectLockConfiguration).

use super::{Bucket, Node, Refusal, Reply, body, empty, malformed, xml};
use crate::sandbox::dispatch::Call;

/// Object Lock without a default retention.
pub(super) fn enabled() -> Node {
    Node::new("ObjectLockConfiguration").with(Node::text("ObjectLockEnabled", "Enabled"))
}

pub(super) fn get(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    let lock = bucket.object_lock.clone().ok_or_else(|| {
        let message = "Object Lock configuration does not exist for this bucket";
        Refusal::new(404, "ObjectLockConfigurationNotFoundError", message).detail("BucketName", name)
    })?;
    Ok(xml(lock))
}

/// "You must first enable versioning" (S3 User Guide, "Object Lock considerations").
pub(super) fn put(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "ObjectLockConfiguration")?;
    if bucket.versioning.as_deref() != Some("Enabled") {
        let message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
        return Err(Refusal::new(409, "InvalidBucketState", message));
    }
    if document.text_of("ObjectLockEnabled") != Some("Enabled") {
        return Err(malformed());
    }
    if let Some(rule) = document.child("Rule") {
        let retention = rule.child("DefaultRetention").ok_or_else(malformed)?;
        let mode = retention.text_of("Mode").is_some_and(|mode| ["GOVERNANCE", "COMPLIANCE"].contains(&mode));
        // Days or years, not both.
        if !mode || retention.child("Days").is_some() == retention.child("Years").is_some() {
            return Err(malformed());
        }
    }
    bucket.object_lock = Some(document);
    Ok(empty(200))
}
