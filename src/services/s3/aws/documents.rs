//! Documents of the bucket that a write replaces as a whole: read as they are, and written back with nothing lost that
//! this tool does not know.

use aws_sdk_s3 as s3;

use super::{FRESH, Place};
use crate::aws::{Body, found, send_with, sending};
use crate::model::{Arn, OpError, Partition};
use crate::services::Reference;
use crate::services::s3::lifecycle;
use crate::services::s3::spec::{Bucket, Encryption};
use crate::services::s3::xml::Element;
use s3::types::TransitionDefaultMinimumObjectSize;

/// The root of the default encryption's document.
const ENCRYPTION: &str = "ServerSideEncryptionConfiguration";
/// What of a rule of it is ours to decide.
const BY_DEFAULT: &str = "ApplyServerSideEncryptionByDefault";
const BUCKET_KEY: &str = "BucketKeyEnabled";
const ALGORITHM: &str = "SSEAlgorithm";
const KEY: &str = "KMSMasterKeyID";

/// Sends a bucket operation with the expected owner and an interceptor.
macro_rules! whole {
    ($place:ident . $operation:ident $(. $setter:ident ( $($argument:expr),* ))*, $interceptor:expr) => {
        send_with!(
            s3,
            $place.region,
            $place.session.s3().$operation()
                .bucket($place.bucket)
                .expected_bucket_owner(&$place.owner)
                $(.$setter($($argument),*))*,
            $interceptor
        )
    };
}

/// The lifecycle configuration as it is now.
pub(super) struct Lifecycle {
    /// The document.
    pub document: Element,
    /// From which size on objects change their class, which is a header beside the document.
    minimum_size: Option<TransitionDefaultMinimumObjectSize>,
}

impl Place<'_> {
    /// The lifecycle configuration, if there is one.
    pub(super) async fn lifecycle(&self) -> Result<Option<Lifecycle>, OpError> {
        const OPERATION: &str = "GetBucketLifecycleConfiguration";
        let body = Body::default();
        let answer = self
            .session
            .call(self.region, "s3", OPERATION)
            .run(|| whole!(self.get_bucket_lifecycle_configuration, body.keeper()))
            .await;
        let Some(answer) = found(answer, &["NoSuchLifecycleConfiguration"])? else { return Ok(None) };
        let document = self.parse(OPERATION, &body, lifecycle::ROOT)?;
        Ok(Some(Lifecycle { document, minimum_size: answer.transition_default_minimum_object_size }))
    }

    /// The default encryption, if there is one.
    pub(super) async fn encryption(&self) -> Result<Option<Element>, OpError> {
        const OPERATION: &str = "GetBucketEncryption";
        let body = Body::default();
        let answer = self
            .session
            .call(self.region, "s3", OPERATION)
            .run(|| whole!(self.get_bucket_encryption, body.keeper()))
            .await;
        match found(answer, &["ServerSideEncryptionConfigurationNotFoundError"])? {
            Some(_) => self.parse(OPERATION, &body, ENCRYPTION).map(Some),
            None => Ok(None),
        }
    }

    /// The body of an answer as a document with that root.
    pub(super) fn parse(&self, operation: &str, body: &Body, root: &str) -> Result<Element, OpError> {
        Element::parse(&body.bytes(), root)
            .map_err(|why| self.malformed(operation, &format!("the answer cannot be read: {why}")))
    }

    /// Writes our lifecycle rule, beside everybody else's as they are by now.
    pub(super) async fn put_retention(&self, wanted: &Bucket) -> Result<(), OpError> {
        let now = self.lifecycle().await?;
        let document = now.as_ref().map(|now| &now.document);
        let Some(merged) = lifecycle::merged(document, wanted.kept(), &wanted.retention_prefix()) else {
            if document.is_some_and(lifecycle::has_own) {
                self.delete_lifecycle().await?;
            }
            return Ok(());
        };
        let text = merged.document();
        let minimum_size = now.and_then(|now| now.minimum_size);
        self.session
            .call(self.region, "s3", "PutBucketLifecycleConfiguration")
            .settling(FRESH)
            .run(|| {
                whole!(
                    self.put_bucket_lifecycle_configuration
                        .set_transition_default_minimum_object_size(minimum_size.clone()),
                    sending(&text)
                )
            })
            .await?;
        Ok(())
    }

    /// Writes the default encryption; what its rule says besides stays.
    pub(super) async fn put_encryption(&self, wanted: &Encryption) -> Result<(), OpError> {
        let now = self.encryption().await?;
        let text = with_encryption(now, wanted).document();
        self.session
            .call(self.region, "s3", "PutBucketEncryption")
            .settling(FRESH)
            .run(|| whole!(self.put_bucket_encryption, sending(&text)))
            .await?;
        Ok(())
    }
}

fn with_encryption(now: Option<Element>, wanted: &Encryption) -> Element {
    let mut document = now.unwrap_or_else(|| Element::new(ENCRYPTION));
    if document.child("Rule").is_none() {
        document.children.push(Element::new("Rule"));
    }
    if let Some(rule) = document.children.iter_mut().find(|child| child.name == "Rule") {
        let old = rule.child(BY_DEFAULT).cloned().unwrap_or_else(|| Element::new(BY_DEFAULT));
        let others = old.children.into_iter().filter(|child| ![ALGORITHM, KEY].contains(&child.name.as_str()));
        let by_default = Element::new(BY_DEFAULT)
            .with([Element::of(ALGORITHM, &wanted.algorithm)])
            .with(wanted.key.clone().map(|key| Element::of(KEY, String::from(key))))
            .with(others);
        rule.children.retain(|child| ![BY_DEFAULT, BUCKET_KEY].contains(&child.name.as_str()));
        rule.children.insert(0, by_default);
        rule.children.insert(1, Element::of(BUCKET_KEY, wanted.bucket_key));
    }
    document
}

/// The default encryption as a value; buckets from before 2023 may have none.
pub(super) fn project_encryption(document: Option<&Element>, place: &Place<'_>, partition: Partition) -> Encryption {
    let mut rest =
        document.and_then(|document| document.child("Rule")).cloned().unwrap_or_else(|| Element::new("Rule"));
    let by_default = rest.child(BY_DEFAULT).cloned();
    let bucket_key = rest.text_of(BUCKET_KEY).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    rest.children.retain(|child| ![BY_DEFAULT, BUCKET_KEY].contains(&child.name.as_str()));
    let said = by_default.iter().flat_map(|by_default| &by_default.children);
    rest.children.extend(said.filter(|child| ![ALGORITHM, KEY].contains(&child.name.as_str())).cloned());
    let text = |name: &str| by_default.as_ref()?.text_of(name).map(|text| text.trim().to_owned());
    Encryption {
        bucket_key: bucket_key && by_default.is_some(),
        algorithm: text(ALGORITHM).unwrap_or_else(|| "none".to_owned()),
        key: text(KEY).map(|id| {
            // S3 also takes a bare key id or alias, which means the bucket owner's own.
            let own = || {
                let resource = if id.starts_with("alias/") { id.clone() } else { format!("key/{id}") };
                Arn::new(partition, "kms", Some(place.region), place.owner.parse().ok(), resource)
            };
            Reference::Is(id.parse().unwrap_or_else(|_| own()))
        }),
        other: if rest.children.is_empty() { serde_json::Value::Null } else { rest.json() },
    }
}
