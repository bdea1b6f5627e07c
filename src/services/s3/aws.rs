//! Reading and writing the log bucket. Every call names the owner it expects.

use aws_sdk_s3 as s3;
use s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, MfaDeleteStatus, Object,
    ObjectOwnership, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    Tag, Tagging, VersioningConfiguration,
};

use super::conflicts::Surroundings;
use super::lifecycle;
use super::spec::{Bucket, LOCKS, PublicAccessBlock, Versioning, address, folder, lifecycle_prefix};
use super::xml::Element;
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, Fault, OpError, Partition, Region, Target};
use crate::policy::Policy;
use crate::services::adapter::{Cell, Order, Write, failure};
use crate::services::{Aside, Found, Ownership, Reading, SharedPolicy, Spec, Tags};

/// The operations that reading takes.
pub const READS: &[&str] = &[
    "GetBucketAcl",
    "GetBucketEncryption",
    "GetBucketLifecycleConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketReplication",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetObjectLockConfiguration",
    "GetPublicAccessBlock",
    "HeadBucket",
    "ListObjectsV2",
];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &[
    "CreateBucket",
    "DeleteBucketLifecycle",
    "PutBucketEncryption",
    "PutBucketLifecycleConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutObject",
    "PutPublicAccessBlock",
];

/// A bucket that was just made is not known everywhere at once, and takes one configuration change at a time.
const FRESH: &[&str] = &["NoSuchBucket", "OperationAborted"];
/// One bucket, and the account that must own it.
struct Place<'a> {
    session: &'a Session,
    target: &'a Target,
    region: &'a Region,
    bucket: &'a str,
    owner: String,
}

/// Sends a bucket operation with the expected owner.
macro_rules! on {
    ($place:ident . $operation:ident $(. $setter:ident ( $($argument:expr),* ))*) => {
        send!(
            s3,
            $place.region,
            $place.session.s3().$operation()
                .bucket($place.bucket)
                .expected_bucket_owner(&$place.owner)
                $(.$setter($($argument),*))*
        )
    };
}

mod around;
mod documents;

use documents::project_encryption;

/// Reads the bucket, if it is there and its owner is the account it is declared in.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let Some(address) = address(cell.declared) else { return Ok(Reading::default()) };
    let place = Place::of(cell.session, &address);
    let Some(region) = place.head().await? else { return Ok(Reading::default()) };
    let partition = cell.declared.profiles.partition;
    let mut reading = Reading::default();
    let rules = place.lifecycle().await?.map(|lifecycle| lifecycle.document.children).unwrap_or_default();
    let mut spec = place.project(cell, region, partition, &rules).await?;
    let around = place.around(cell, &mut reading).await?;
    around::look(cell, &address, &mut spec, &rules, around, &mut reading);
    let arn = Arn::new(partition, "s3", None, None, &address.name);
    reading.found.push(Found { address, spec: Spec::S3Bucket(Box::new(spec)), arn, ownership: Ownership::Ours });
    Ok(reading)
}

/// Whether a bucket is there; one that its address' account does not own is an error.
///
/// # Errors
///
/// It belongs to somebody else, is in another Region, or cannot be asked for.
pub async fn exists(session: &Session, address: &Address) -> Result<bool, OpError> {
    Ok(Place::of(session, address).head().await?.is_some())
}

/// Makes a bucket, closed to the public and with nothing else set: for an object that has to be in it before all the
/// rest is. That it is not there has to be known: in us-east-1 S3 makes one's own bucket again.
///
/// # Errors
///
/// The call that failed.
pub async fn make_closed(session: &Session, address: &Address) -> Result<(), OpError> {
    let place = Place::of(session, address);
    place.create(&address.target.region).await?;
    place.put_access(PublicAccessBlock::ALL).await
}

impl<'a> Place<'a> {
    fn of(session: &'a Session, address: &'a Address) -> Self {
        Place {
            session,
            target: &address.target,
            region: &address.target.region,
            bucket: &address.name,
            owner: address.target.account.to_string(),
        }
    }
}

impl Place<'_> {
    async fn head(&self) -> Result<Option<Region>, OpError> {
        let head = self.session.call(self.region, "s3", "HeadBucket").run(|| on!(self.head_bucket)).await;
        match found(head, &["NotFound", "NoSuchBucket"]) {
            Ok(Some(head)) => {
                let region = head.bucket_region().and_then(|r| r.parse().ok());
                Ok(Some(region.unwrap_or_else(|| self.region.clone())))
            }
            Ok(None) => Ok(None),
            Err(mut error) => {
                if error.has_code(&["PermanentRedirect"]) {
                    error.message = format!("bucket {} exists in another Region: {}", self.bucket, error.message);
                    error.hint = Some("set `home_region` to the bucket's Region, or declare another `name`".to_owned());
                } else if error.fault == Fault::Denied {
                    error.message = format!(
                        "bucket {} belongs to another account than {}, or is closed to it",
                        self.bucket, self.owner
                    );
                    error.hint = Some(format!(
                        "if another account owns it, declare another `name` under [log_bucket]; if {} does, allow \
                         s3:ListBucket on it to {}",
                        self.owner,
                        error.role.as_deref().unwrap_or("the role in use")
                    ));
                }
                Err(error)
            }
        }
    }

    async fn project(
        &self,
        cell: &Cell<'_>,
        region: Region,
        partition: Partition,
        rules: &[Element],
    ) -> Result<Bucket, OpError> {
        let call = |operation| self.session.call(self.region, "s3", operation);
        let document = match self.policy().await? {
            Some(text) => Policy::parse(&text).map_err(|e| {
                cell.malformed("s3", "GetBucketPolicy", &format!("the bucket policy cannot be read: {e}"))
            })?,
            None => Policy::new(Vec::new()),
        };
        let access = found(
            call("GetPublicAccessBlock").run(|| on!(self.get_public_access_block)).await,
            &["NoSuchPublicAccessBlockConfiguration"],
        )?;
        let access = access.and_then(|a| a.public_access_block_configuration).map_or_else(Default::default, |c| {
            PublicAccessBlock {
                block_public_acls: c.block_public_acls().unwrap_or_default(),
                ignore_public_acls: c.ignore_public_acls().unwrap_or_default(),
                block_public_policy: c.block_public_policy().unwrap_or_default(),
                restrict_public_buckets: c.restrict_public_buckets().unwrap_or_default(),
            }
        });
        let ownership = found(
            call("GetBucketOwnershipControls").run(|| on!(self.get_bucket_ownership_controls)).await,
            &["OwnershipControlsNotFoundError"],
        )?;
        let versioning = call("GetBucketVersioning").run(|| on!(self.get_bucket_versioning)).await?;
        let encryption = self.encryption().await?;
        let tags = found(call("GetBucketTagging").run(|| on!(self.get_bucket_tagging)).await, &["NoSuchTagSet"])?;
        let wanted = folder(cell.declared);
        let own = lifecycle::own(rules, &lifecycle_prefix(wanted.as_deref()));
        let folder = match &wanted {
            Some(folder) => self.folder(folder).await?,
            None => None,
        };
        // More than one, since some of them can be the folder or locks, which are no data.
        let objects = call("ListObjectsV2").run(|| on!(self.list_objects_v2.max_keys(4))).await?;
        let is_lock = |object: &Object| object.key().is_some_and(|key| key.starts_with(LOCKS));
        let is_folder = |object: &Object| wanted.is_some() && object.key() == wanted.as_deref();
        let holds_data = objects.is_truncated().unwrap_or_default()
            || objects.contents().iter().any(|object| !is_lock(object) && !is_folder(object));
        Ok(Bucket {
            region,
            public_access_block: access,
            object_ownership: ownership
                .and_then(|o| o.ownership_controls)
                .and_then(|o| o.rules.into_iter().next())
                .map(|rule| rule.object_ownership.as_str().to_owned()),
            versioning: match versioning.status() {
                Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
                Some(_) => Versioning::Suspended,
                None => Versioning::Off,
            },
            encryption: project_encryption(encryption.as_ref(), self, partition),
            policy: SharedPolicy::seen(document),
            retention_days: own.kept.current,
            noncurrent_days: own.kept.noncurrent,
            lifecycle_rule: own.rest,
            tags: tags
                .map(|t| t.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect::<Tags>())
                .unwrap_or_default(),
            folder,
            holds_data: Aside(holds_data),
            surroundings: Aside(Surroundings {
                mfa_delete: versioning.mfa_delete().is_some_and(|mfa| *mfa == MfaDeleteStatus::Enabled),
                ..Surroundings::default()
            }),
            receives_config: Aside(false),
            keeps_encryption: Aside(false),
            key_admits: Aside::default(),
        })
    }

    /// The policy as it is now, if there is one.
    async fn policy(&self) -> Result<Option<String>, OpError> {
        let call = self.session.call(self.region, "s3", "GetBucketPolicy");
        let answer = found(call.run(|| on!(self.get_bucket_policy)).await, &["NoSuchBucketPolicy"])?;
        // A bucket without a policy has an error of its own: an answer without one is none (S3 API Reference,
        // GetBucketPolicy).
        answer
            .map(|answer| answer.policy.filter(|policy| !policy.trim().is_empty()))
            .map(|policy| policy.ok_or_else(|| self.malformed("GetBucketPolicy", "the answer holds no policy")))
            .transpose()
    }

    /// The folder, if it is there: nothing that is in it sorts before it.
    async fn folder(&self, name: &str) -> Result<Option<String>, OpError> {
        let answer = self
            .session
            .call(self.region, "s3", "ListObjectsV2")
            .run(|| on!(self.list_objects_v2.prefix(name).max_keys(1)))
            .await?;
        Ok(answer.contents().first().and_then(Object::key).filter(|key| *key == name).map(str::to_owned))
    }

    /// An answer that AWS gave and that cannot be made sense of.
    fn malformed(&self, operation: &str, message: &str) -> OpError {
        failure(self.session, self.target, "s3", operation, Fault::Other, message)
    }
}

/// The calls for settings that nothing else waits for, in [`Bucket::apply`].
const BESIDES: &[&str] = &[
    "DeleteBucketLifecycle",
    "GetBucketEncryption",
    "GetBucketLifecycleConfiguration",
    "PutBucketEncryption",
    "PutBucketLifecycleConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketTagging",
    "PutBucketVersioning",
];

/// The parts of a bucket, none of which waits for another: what fails does not stop the rest.
#[derive(Default)]
struct Parts {
    /// The first failure of a part that others wait for.
    needed: Option<OpError>,
    /// The first failure of another part.
    besides: Option<OpError>,
}

impl Parts {
    /// Takes in how a part ended.
    ///
    /// # Errors
    ///
    /// A failure that the other parts would share: of the way to AWS, of the session, of the whole account.
    fn take(&mut self, ended: Result<(), OpError>) -> Result<(), OpError> {
        let Err(error) = ended else { return Ok(()) };
        match error.fault {
            Fault::Denied | Fault::DeniedByScp | Fault::Other | Fault::Quota | Fault::Refused | Fault::Unsettled => {
                let besides = BESIDES.contains(&error.operation.as_str());
                let first = if besides { &mut self.besides } else { &mut self.needed };
                first.get_or_insert(error);
                Ok(())
            }
            _ => Err(error),
        }
    }

    fn end(self) -> Result<(), OpError> {
        self.needed.or(self.besides).map_or(Ok(()), Err)
    }
}

impl Write for Bucket {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let partition = Partition::of_region(&self.region).unwrap_or_default();
        let place = Place::of(order.session, order.address);
        if seen.is_none() {
            place.create(&self.region).await?;
        }
        let differs = |different: fn(&Bucket, &Bucket) -> bool| seen.is_none_or(|seen| different(self, seen));
        // Closed before it is opened: no moment in which a log could land unprotected.
        if differs(|a, b| a.public_access_block != b.public_access_block) {
            place.put_access(self.public_access_block).await?;
        }
        let mut parts = Parts::default();
        if differs(|a, b| a.object_ownership != b.object_ownership)
            && let Some(ownership) = &self.object_ownership
        {
            parts.take(place.put_ownership(ownership, order).await)?;
        }
        if differs(|a, b| a.versioning != b.versioning) {
            parts.take(place.put_versioning().await)?;
        }
        if differs(|a, b| a.encryption != b.encryption) {
            parts.take(place.put_encryption(&self.encryption).await)?;
        }
        // What others wait for comes before what they do without.
        if differs(|a, b| a.policy != b.policy) {
            parts.take(place.put_policy(self, seen, order).await)?;
        }
        if differs(|a, b| a.folder != b.folder)
            && let Some(folder) = &self.folder
        {
            parts.take(place.put_folder(folder).await)?;
        }
        if differs(|a, b| (a.kept(), &a.lifecycle_rule) != (b.kept(), &b.lifecycle_rule)) {
            parts.take(place.put_retention(self).await)?;
        }
        if differs(|a, b| a.tags != b.tags) {
            parts.take(place.put_tags(&self.tags, order).await)?;
        }
        parts.end()?;
        Ok(Arn::new(partition, "s3", None, None, place.bucket))
    }

    /// Others need the bucket, its policy and its folder, and none of the settings that may have failed besides.
    fn serves(&self, address: &Address, error: &OpError) -> Option<Arn> {
        let partition = Partition::of_region(&self.region).unwrap_or_default();
        let arn = Arn::new(partition, "s3", None, None, &address.name);
        BESIDES.contains(&error.operation.as_str()).then_some(arn)
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteBucket", "a log bucket is never deleted"))
    }
}

impl Place<'_> {
    async fn create(&self, region: &Region) -> Result<(), OpError> {
        // us-east-1 is the default and may not be named (S3 API Reference, CreateBucket).
        let location = (region.as_str() != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region.as_str()))
                .build()
        });
        let created = self
            .session
            .call(self.region, "s3", "CreateBucket")
            .run(|| {
                let create = self
                    .session
                    .s3()
                    .create_bucket()
                    .bucket(self.bucket)
                    .object_ownership(ObjectOwnership::BucketOwnerEnforced)
                    .set_create_bucket_configuration(location.clone());
                send!(s3, self.region, create)
            })
            .await;
        match created {
            Ok(_) => Ok(()),
            // Answered when an earlier attempt got through and its answer was lost.
            Err(error) if error.has_code(&["BucketAlreadyOwnedByYou"]) => Ok(()),
            Err(mut error) => {
                if error.has_code(&["BucketAlreadyExists"]) {
                    error.hint = Some(
                        "another account owns a bucket of this name, and names are unique world-wide: declare another \
                         `name` under [log_bucket]"
                            .to_owned(),
                    );
                }
                Err(error)
            }
        }
    }

    async fn put_access(&self, access: PublicAccessBlock) -> Result<(), OpError> {
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(access.block_public_acls)
            .ignore_public_acls(access.ignore_public_acls)
            .block_public_policy(access.block_public_policy)
            .restrict_public_buckets(access.restrict_public_buckets)
            .build();
        self.session
            .call(self.region, "s3", "PutPublicAccessBlock")
            .settling(FRESH)
            .run(|| on!(self.put_public_access_block.public_access_block_configuration(block.clone())))
            .await?;
        Ok(())
    }

    async fn put_ownership(&self, ownership: &str, order: &Order<'_>) -> Result<(), OpError> {
        let rule = OwnershipControlsRule::builder()
            .object_ownership(ObjectOwnership::from(ownership))
            .build()
            .map_err(|e| order.malformed("PutBucketOwnershipControls", &e.to_string()))?;
        let controls = OwnershipControls::builder()
            .rules(rule)
            .build()
            .map_err(|e| order.malformed("PutBucketOwnershipControls", &e.to_string()))?;
        self.session
            .call(self.region, "s3", "PutBucketOwnershipControls")
            .settling(FRESH)
            .run(|| on!(self.put_bucket_ownership_controls.ownership_controls(controls.clone())))
            .await?;
        Ok(())
    }

    /// Writes the policy, if it is still as it was seen.
    async fn put_policy(&self, wanted: &Bucket, seen: Option<&Bucket>, order: &Order<'_>) -> Result<(), OpError> {
        if let Some(seen) = seen {
            order.unchanged("PutBucketPolicy", &seen.policy, self.policy().await?.as_deref())?;
        }
        let policy = wanted.policy.document.to_json();
        self.session
            .call(self.region, "s3", "PutBucketPolicy")
            .settling(FRESH)
            .run(|| on!(self.put_bucket_policy.policy(&policy)))
            .await?;
        Ok(())
    }

    async fn put_versioning(&self) -> Result<(), OpError> {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        self.session
            .call(self.region, "s3", "PutBucketVersioning")
            .settling(FRESH)
            .run(|| on!(self.put_bucket_versioning.versioning_configuration(enabled.clone())))
            .await?;
        Ok(())
    }

    async fn delete_lifecycle(&self) -> Result<(), OpError> {
        self.session.call(self.region, "s3", "DeleteBucketLifecycle").run(|| on!(self.delete_bucket_lifecycle)).await?;
        Ok(())
    }

    /// Makes the folder. It holds nothing, so that it does without the key, which the bucket's owner may not encrypt with
    /// where the key is another account's.
    async fn put_folder(&self, name: &str) -> Result<(), OpError> {
        self.session
            .call(self.region, "s3", "PutObject")
            .settling(FRESH)
            .run(|| on!(self.put_object.key(name).server_side_encryption(ServerSideEncryption::Aes256)))
            .await?;
        Ok(())
    }

    async fn put_tags(&self, tags: &Tags, order: &Order<'_>) -> Result<(), OpError> {
        let wrong = |e: s3::error::BuildError| order.malformed("PutBucketTagging", &e.to_string());
        let mut tagging = Tagging::builder();
        for (key, value) in tags {
            tagging = tagging.tag_set(Tag::builder().key(key).value(value).build().map_err(wrong)?);
        }
        let tagging = tagging.build().map_err(wrong)?;
        self.session
            .call(self.region, "s3", "PutBucketTagging")
            .settling(FRESH)
            .run(|| on!(self.put_bucket_tagging.tagging(tagging.clone())))
            .await?;
        Ok(())
    }
}
