//! Which operation a request is: method, path and sub-resource say it.

use percent_encoding::percent_decode_str;

use crate::sandbox::wire::Http;

/// `/bucket/key`, decoded; either may be empty.
#[derive(Debug)]
pub(super) struct Path {
    pub bucket: String,
    pub key: String,
}

impl Path {
    /// Takes the path apart.
    pub fn of(http: &Http) -> Path {
        let path = http.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Path { bucket: decode(bucket), key: decode(key) }
    }

    /// What follows `arn:aws:s3:::`.
    pub fn resource(&self) -> String {
        if self.key.is_empty() { self.bucket.clone() } else { format!("{}/{}", self.bucket, self.key) }
    }
}

/// Sub-resources of buckets with what `GET`, `PUT` and `DELETE` of them are.
const SUBRESOURCES: &[(&str, [&str; 3])] = &[
    ("location", ["GetBucketLocation", "", ""]),
    ("policy", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"]),
    ("policyStatus", ["GetBucketPolicyStatus", "", ""]),
    ("publicAccessBlock", ["GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"]),
    (
        "ownershipControls",
        ["GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"],
    ),
    ("versioning", ["GetBucketVersioning", "PutBucketVersioning", ""]),
    ("encryption", ["GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"]),
    ("lifecycle", ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"]),
    ("tagging", ["GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"]),
    ("acl", ["GetBucketAcl", "PutBucketAcl", ""]),
    ("logging", ["GetBucketLogging", "PutBucketLogging", ""]),
    ("notification", ["GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration", ""]),
    ("object-lock", ["GetObjectLockConfiguration", "PutObjectLockConfiguration", ""]),
    ("replication", ["GetBucketReplication", "PutBucketReplication", "DeleteBucketReplication"]),
    ("versions", ["ListObjectVersions", "", ""]),
    ("uploads", ["ListMultipartUploads", "", ""]),
];

/// Query parameters that make a request on an object something other than its plain bytes.
const OBJECT_SUBRESOURCES: [&str; 8] =
    ["acl", "tagging", "uploads", "uploadId", "versionId", "retention", "legal-hold", "attributes"];

/// The operation's name, empty when the simulation has none for it.
pub(super) fn operation(http: &Http) -> String {
    let path = Path::of(http);
    let name = if path.bucket.is_empty() {
        if http.method == "GET" { "ListBuckets" } else { "" }
    } else if path.key.is_empty() {
        of_bucket(http)
    } else if OBJECT_SUBRESOURCES.iter().any(|name| http.parameter(name).is_some()) {
        ""
    } else {
        match http.method.as_str() {
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" if http.header("x-amz-copy-source").is_none() => "PutObject",
            "DELETE" => "DeleteObject",
            _ => "",
        }
    };
    name.to_owned()
}

fn of_bucket(http: &Http) -> &'static str {
    if let Some((_, [get, put, delete])) = SUBRESOURCES.iter().find(|(name, _)| http.parameter(name).is_some()) {
        return match http.method.as_str() {
            "GET" => get,
            "PUT" => put,
            "DELETE" => delete,
            _ => "",
        };
    }
    match http.method.as_str() {
        "HEAD" => "HeadBucket",
        "PUT" => "CreateBucket",
        "DELETE" => "DeleteBucket",
        "GET" if http.parameter("list-type") == Some("2") => "ListObjectsV2",
        "GET" => "ListObjects",
        _ => "",
    }
}

/// The IAM action of an operation: S3 is the service where the two names differ.
pub(in crate::sandbox) fn action(service: &str, operation: &str) -> String {
    let name = match (service, operation) {
        ("s3", "HeadBucket" | "ListObjectsV2" | "ListObjects") => "ListBucket",
        ("s3", "ListBuckets") => "ListAllMyBuckets",
        ("s3", "HeadObject") => "GetObject",
        ("s3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("s3", "PutPublicAccessBlock" | "DeletePublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "DeleteBucketOwnershipControls") => "PutBucketOwnershipControls",
        ("s3", "GetBucketEncryption") => "GetEncryptionConfiguration",
        ("s3", "PutBucketEncryption" | "DeleteBucketEncryption") => "PutEncryptionConfiguration",
        ("s3", "GetBucketLifecycleConfiguration") => "GetLifecycleConfiguration",
        ("s3", "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle") => "PutLifecycleConfiguration",
        ("s3", "DeleteBucketTagging") => "PutBucketTagging",
        ("s3", "GetObjectLockConfiguration") => "GetBucketObjectLockConfiguration",
        ("s3", "PutObjectLockConfiguration") => "PutBucketObjectLockConfiguration",
        ("s3", "GetBucketReplication") => "GetReplicationConfiguration",
        ("s3", "PutBucketReplication" | "DeleteBucketReplication") => "PutReplicationConfiguration",
        (_, other) => other,
    };
    format!("{service}:{name}")
}
