//! S3 (API version 2006-03-01), path style: buckets and their settings, and a few operations on objects.

mod access;
mod acl;
mod buckets;
mod lifecycle;
mod lock;
mod objects;
mod policy;
mod replication;
mod route;
mod settings;

use std::collections::BTreeMap;

use super::dispatch::{Call, Service};
use super::wire::{Answer, Node, Protocol, Refusal, Reply};
use super::world::World;
use crate::model::{AccountId, Region};

pub(super) use route::action;

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "s3",
    protocol: Protocol::RestXml,
    route: Some(route::operation),
    resource: |world, call| {
        let path = route::Path::of(call.http);
        if path.bucket.is_empty() {
            String::new()
        } else {
            format!("\"arn:{}:s3:::{}\"", world.partition, path.resource())
        }
    },
    handle,
};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Buckets by name: one namespace for everybody.
#[derive(Debug, Default)]
pub(super) struct State {
    pub buckets: BTreeMap<String, Bucket>,
}

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub owner: AccountId,
    pub region: Region,
    pub created: f64,
    /// As it was put, as JSON text.
    pub policy: Option<String>,
    /// `BlockPublicAcls`, `IgnorePublicAcls`, `BlockPublicPolicy`, `RestrictPublicBuckets`.
    pub public_access: Option<[bool; 4]>,
    pub ownership: Option<String>,
    /// Grants of the access control list besides the owner's own, as they were put.
    pub grants: Vec<Node>,
    /// `Enabled` or `Suspended`, once it was either.
    pub versioning: Option<String>,
    /// Whether MFA Delete is on.
    pub mfa_delete: bool,
    pub encryption: Encryption,
    /// The rules as they were put, each with an id.
    pub lifecycle: Vec<Node>,
    /// The `TransitionDefaultMinimumObjectSize` that was put with them.
    pub minimum_size: Option<String>,
    /// `ObjectLockConfiguration` as it was put, once Object Lock is on.
    pub object_lock: Option<Node>,
    /// `ReplicationConfiguration` as it was put.
    pub replication: Option<Node>,
    pub tags: BTreeMap<String, String>,
    pub objects: BTreeMap<String, Object>,
}

/// The default encryption of new objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    pub key: Option<String>,
    pub bucket_key: bool,
    /// What the rule holds besides, such as `BlockedEncryptionTypes`, as it was put.
    pub more: Vec<Node>,
}

/// What every bucket has since January 2023 (Amazon S3 User Guide, "Default encryption FAQ").
impl Default for Encryption {
    fn default() -> Self {
        Encryption { algorithm: "AES256".to_owned(), key: None, bucket_key: false, more: Vec::new() }
    }
}

/// An object: its bytes, whole.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub body: Vec<u8>,
    /// With its quotes.
    pub etag: String,
    pub content_type: String,
    pub modified: f64,
    /// How it is encrypted, with which KMS key (its ARN), and whether by way of a bucket key.
    pub algorithm: String,
    pub key: Option<String>,
    pub bucket_key: bool,
}

impl Bucket {
    /// A bucket as it is since April 2023: public access blocked, ACLs off (Amazon S3 User Guide).
    pub fn new(owner: AccountId, region: Region, created: f64) -> Bucket {
        Bucket {
            owner,
            region,
            created,
            policy: None,
            public_access: Some([true; 4]),
            ownership: Some("BucketOwnerEnforced".to_owned()),
            grants: Vec::new(),
            versioning: None,
            mfa_delete: false,
            encryption: Encryption::default(),
            lifecycle: Vec::new(),
            minimum_size: None,
            object_lock: None,
            replication: None,
            tags: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Whether objects are encrypted with a bucket key.
    pub fn uses_bucket_key(&self) -> bool {
        self.encryption.bucket_key && self.encryption.algorithm == "aws:kms"
    }
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let path = route::Path::of(call.http);
    let operation = call.operation;
    let reply = match operation {
        "ListBuckets" => Ok(buckets::list(world, call)),
        "CreateBucket" => buckets::create(world, call, &path.bucket),
        "" => Err(call.not_simulated()),
        _ => {
            access::check(world, call, &path)?;
            let bucket = world.s3.buckets.get_mut(&path.bucket).ok_or_else(|| access::no_bucket(&path.bucket))?;
            match operation {
                "HeadBucket" => Ok(buckets::head(bucket)),
                "GetBucketLocation" => Ok(buckets::location(bucket)),
                "GetBucketAcl" => Ok(acl::get(bucket)),
                "PutBucketAcl" => acl::put(bucket, call),
                "GetObjectLockConfiguration" => lock::get(bucket, &path.bucket),
                "PutObjectLockConfiguration" => lock::put(bucket, call),
                "GetBucketReplication" => replication::get(bucket, &path.bucket),
                "PutBucketReplication" => replication::put(bucket, call),
                "DeleteBucketReplication" => Ok(replication::delete(bucket)),
                "GetBucketPolicy" => policy::get(bucket, &path.bucket),
                "GetBucketPolicyStatus" => policy::status(bucket, &path.bucket),
                "PutPublicAccessBlock" => policy::put_public_access(bucket, call),
                "GetPublicAccessBlock" => policy::get_public_access(bucket, &path.bucket),
                "DeletePublicAccessBlock" => Ok(policy::delete_public_access(bucket)),
                "DeleteBucketPolicy" => Ok(policy::delete(bucket)),
                "PutBucketOwnershipControls" => settings::put_ownership(bucket, call),
                "GetBucketOwnershipControls" => settings::get_ownership(bucket, &path.bucket),
                "DeleteBucketOwnershipControls" => Ok(settings::delete_ownership(bucket)),
                "PutBucketVersioning" => settings::put_versioning(bucket, call),
                "GetBucketVersioning" => Ok(settings::get_versioning(bucket)),
                "PutBucketEncryption" => settings::put_encryption(bucket, call),
                "GetBucketEncryption" => Ok(settings::get_encryption(bucket)),
                "DeleteBucketEncryption" => Ok(settings::delete_encryption(bucket)),
                "PutBucketTagging" => settings::put_tagging(bucket, call),
                "GetBucketTagging" => settings::get_tagging(bucket, &path.bucket),
                "DeleteBucketTagging" => Ok(settings::delete_tagging(bucket)),
                "PutBucketLifecycleConfiguration" => lifecycle::put(bucket, call),
                "GetBucketLifecycleConfiguration" => lifecycle::get(bucket, &path.bucket),
                "DeleteBucketLifecycle" => Ok(lifecycle::delete(bucket)),
                "PutBucketPolicy" => policy::put(world, call, &path.bucket),
                "DeleteBucket" => buckets::delete(world, &path.bucket),
                "PutObject" => objects::put(world, call, &path),
                "GetObject" | "HeadObject" => objects::get(world, call, &path),
                "DeleteObject" => objects::delete(bucket, call, &path),
                "ListObjectsV2" => Ok(objects::list(bucket, call, &path.bucket)),
                _ => Err(call.not_simulated()),
            }
        }
    };
    reply.map(Answer::Http)
}

/// A reply with an XML body.
fn xml(root: Node) -> Reply {
    let root = root.attribute("xmlns", NAMESPACE);
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Reply { status: 200, headers, body: root.document().into_bytes() }
}

/// A reply without a body.
fn empty(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

/// Reads a request's body, whose root must have that name.
fn body(call: &Call<'_>, root: &str) -> Result<Node, Refusal> {
    let text = objects::payload(call.http)?;
    Node::parse(&text).ok().filter(|node| node.name == root).ok_or_else(malformed)
}

fn malformed() -> Refusal {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    Refusal::new(400, "MalformedXML", message)
}
