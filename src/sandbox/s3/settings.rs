//! Ownership of objects, versioning, default encryption and tags.

use std::collections::BTreeMap;

use super::acl::ENFORCED;
use super::{Bucket, Encryption, Node, Refusal, Reply, body, empty, malformed, xml};
use crate::sandbox::dispatch::Call;

pub(super) fn put_ownership(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "OwnershipControls")?;
    let value = document.child("Rule").and_then(|rule| rule.text_of("ObjectOwnership")).ok_or_else(malformed)?;
    if !["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"].contains(&value) {
        return Err(malformed());
    }
    // "If your bucket ACL grants access to other accounts … the request fails" (S3 User Guide, "Prerequisites for
    // disabling ACLs", with the code and the message).
    if value == ENFORCED && !bucket.grants.is_empty() {
        let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(Refusal::new(400, "InvalidBucketAclWithObjectOwnership", message));
    }
    bucket.ownership = Some(value.to_owned());
    Ok(empty(200))
}

pub(super) fn get_ownership(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    let value = bucket.ownership.as_ref().ok_or_else(|| {
        let message = "The bucket ownership controls were not found";
        Refusal::new(404, "OwnershipControlsNotFoundError", message).detail("BucketName", name)
    })?;
    Ok(xml(Node::new("OwnershipControls").with(Node::new("Rule").with(Node::text("ObjectOwnership", value)))))
}

pub(super) fn delete_ownership(bucket: &mut Bucket) -> Reply {
    bucket.ownership = None;
    empty(204)
}

pub(super) fn put_versioning(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "VersioningConfiguration")?;
    let mfa = call.http.header("x-amz-mfa").is_some();
    let asked = document.text_of("MfaDelete");
    // As S3 says it (reports of cloudposse/terraform-aws-codebuild#76).
    if (bucket.mfa_delete || asked == Some("Enabled")) && !mfa {
        return Err(Refusal::new(403, "AccessDenied", "Mfa Authentication must be used for this request"));
    }
    if asked == Some("Enabled") && !bucket.lifecycle.is_empty() {
        let message = "Mfa Authentication is not supported on a bucket with lifecycle configuration. Delete lifecycle \
                       configuration before enabling Mfa Authentication.";
        return Err(Refusal::new(409, "InvalidBucketState", message));
    }
    let Some(status @ ("Enabled" | "Suspended")) = document.text_of("Status") else {
        return Err(Refusal::new(400, "IllegalVersioningConfigurationException", "Versioning must be specified"));
    };
    // S3 User Guide, "Object Lock considerations": versioning cannot be suspended any more; nor while the bucket is a
    // source of replication ("Additional replication configurations").
    if status == "Suspended" && (bucket.object_lock.is_some() || bucket.replication.is_some()) {
        let what = if bucket.object_lock.is_some() { "An Object Lock" } else { "A replication" };
        let message =
            format!("{what} configuration is present on this bucket, so the versioning state cannot be changed.");
        return Err(Refusal::new(409, "InvalidBucketState", message));
    }
    bucket.versioning = Some(status.to_owned());
    match asked {
        Some("Enabled") => bucket.mfa_delete = true,
        Some("Disabled") => bucket.mfa_delete = false,
        _ => {}
    }
    Ok(empty(200))
}

pub(super) fn get_versioning(bucket: &Bucket) -> Reply {
    let status = bucket.versioning.as_ref().map(|status| Node::text("Status", status));
    let mfa = bucket.mfa_delete.then(|| Node::text("MfaDelete", "Enabled"));
    xml(Node::new("VersioningConfiguration").with_all(status).with_all(mfa))
}

pub(super) fn put_encryption(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "ServerSideEncryptionConfiguration")?;
    let rule = document.child("Rule").ok_or_else(malformed)?;
    let known = ["ApplyServerSideEncryptionByDefault", "BucketKeyEnabled"];
    let mut encryption = Encryption {
        more: rule.children.iter().filter(|child| !known.contains(&child.name.as_str())).cloned().collect(),
        bucket_key: rule.text_of("BucketKeyEnabled").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        ..Encryption::default()
    };
    if let Some(by_default) = rule.child("ApplyServerSideEncryptionByDefault") {
        encryption.algorithm = by_default.text_of("SSEAlgorithm").ok_or_else(malformed)?.to_owned();
        encryption.key = by_default.text_of("KMSMasterKeyID").map(str::to_owned);
    }
    match (encryption.algorithm.as_str(), &encryption.key) {
        ("aws:kms" | "aws:kms:dsse", _) | ("AES256", None) => {}
        ("AES256", Some(_)) => {
            let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or \
                           aws:kms:dsse";
            return Err(Refusal::new(400, "InvalidArgument", message));
        }
        _ => return Err(malformed()),
    }
    bucket.encryption = encryption;
    Ok(empty(200))
}

pub(super) fn get_encryption(bucket: &Bucket) -> Reply {
    let encryption = &bucket.encryption;
    let by_default = Node::new("ApplyServerSideEncryptionByDefault")
        .with(Node::text("SSEAlgorithm", &encryption.algorithm))
        .with_all(encryption.key.as_ref().map(|key| Node::text("KMSMasterKeyID", key)));
    let rule = Node::new("Rule")
        .with(by_default)
        .with(Node::text("BucketKeyEnabled", encryption.bucket_key.to_string()))
        .with_all(encryption.more.iter().cloned());
    xml(Node::new("ServerSideEncryptionConfiguration").with(rule))
}

pub(super) fn delete_encryption(bucket: &mut Bucket) -> Reply {
    bucket.encryption = Encryption::default();
    empty(204)
}

/// Replaces every tag: there is no call that adds one.
pub(super) fn put_tagging(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "Tagging")?;
    let set = document.child("TagSet").ok_or_else(malformed)?;
    let invalid = |message: String| Refusal::new(400, "InvalidTag", message);
    let mut tags = BTreeMap::new();
    for tag in set.all("Tag") {
        let (Some(key), Some(value)) = (tag.text_of("Key"), tag.text_of("Value")) else { return Err(malformed()) };
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(invalid(format!("The tag {key} is not valid")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid("Cannot provide multiple Tags with the same key".to_owned()));
        }
    }
    if tags.len() > 50 {
        return Err(Refusal::new(400, "BadRequest", "Bucket tag count cannot be greater than 50"));
    }
    bucket.tags = tags;
    Ok(empty(204))
}

pub(super) fn get_tagging(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    if bucket.tags.is_empty() {
        return Err(Refusal::new(404, "NoSuchTagSet", "The TagSet does not exist").detail("BucketName", name));
    }
    let tags = bucket
        .tags
        .iter()
        .map(|(key, value)| Node::new("Tag").with(Node::text("Key", key)).with(Node::text("Value", value)));
    Ok(xml(Node::new("Tagging").with(Node::new("TagSet").with_all(tags))))
}

pub(super) fn delete_tagging(bucket: &mut Bucket) -> Reply {
    bucket.tags.clear();
    empty(204)
}
