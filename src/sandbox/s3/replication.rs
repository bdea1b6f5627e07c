//! Replication of a bucket: kept and shown; nothing is copied (S3 API Reference, PutBucketReplication).

use super::{Bucket, Node, Refusal, Reply, body, empty, malformed, xml};
use crate::sandbox::dispatch::Call;

pub(super) fn get(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    let replication = bucket.replication.clone().ok_or_else(|| {
        let message = "The replication configuration was not found";
        Refusal::new(404, "ReplicationConfigurationNotFoundError", message).detail("BucketName", name)
    })?;
    Ok(xml(replication))
}

pub(super) fn put(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "ReplicationConfiguration")?;
    if bucket.versioning.as_deref() != Some("Enabled") {
        let message = "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    let complete = |rule: &Node| {
        matches!(rule.text_of("Status"), Some("Enabled" | "Disabled"))
            && rule.child("Destination").is_some_and(|destination| destination.text_of("Bucket").is_some())
    };
    let rules: Vec<&Node> = document.all("Rule").collect();
    if document.text_of("Role").is_none() || rules.is_empty() || !rules.into_iter().all(complete) {
        return Err(malformed());
    }
    bucket.replication = Some(document);
    Ok(empty(200))
}

pub(super) fn delete(bucket: &mut Bucket) -> Reply {
    bucket.replication = None;
    empty(204)
}
