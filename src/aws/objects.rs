//! The tool's own objects in the log bucket, written only where nobody else was faster.

use std::sync::Arc;

use aws_sdk_s3 as s3;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_types::request_id::RequestId;
use s3::operation::get_object::{GetObjectError, GetObjectOutput};
use s3::primitives::ByteStream;
use s3::types::ServerSideEncryption;

use super::{Session, found};
use crate::model::{Address, Fault, OpError, Partition};

/// A bucket that was just made is not known everywhere at once, and takes one change at a time.
const FRESH: &[&str] = &["NoSuchBucket", "OperationAborted"];
/// What S3 answers where somebody else was faster (S3 User Guide, "How to prevent object overwrites with conditional
/// writes"): the condition does not hold, another conditional write is under way, or the object is gone.
const BEATEN: &[&str] = &["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];
/// The bytes of an object of ours at most: whatever is larger is somebody else's.
const MAX_BYTES: usize = 64 * 1024;

/// What S3 calls one state of an object (its ETag): as long as it is the same, nobody has written.
///
/// It is a digest of the content, so that whoever compares must never write the same content twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// A version by its name.
    pub fn new(name: impl Into<String>) -> Self {
        Version(name.into())
    }
}

/// What an object of the tool's own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// To keep two applies apart.
    Lock,
    /// To keep the record of a run.
    Record,
}

/// One object of the tool's own.
#[derive(Debug, Clone)]
pub struct OwnObject {
    session: Arc<Session>,
    bucket: Address,
    key: String,
    owner: String,
    own: Own,
}

impl OwnObject {
    /// An object in a bucket; the session has to be one of the bucket's account.
    pub fn new(session: Arc<Session>, bucket: Address, key: String, own: Own) -> Self {
        let owner = bucket.target.account.to_string();
        OwnObject { session, bucket, key, owner, own }
    }

    /// Where it is, as people find it.
    pub fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket.name, self.key)
    }

    /// What is in it, if it is there.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, OpError> {
        self.read_up_to(MAX_BYTES).await
    }

    /// The same; of an object that is larger than this, no byte.
    async fn read_up_to(&self, bytes: usize) -> Result<Option<(Vec<u8>, Version)>, OpError> {
        let region = &self.bucket.target.region;
        let answer = self
            .session
            .call(region, "s3", "GetObject")
            .settling(FRESH)
            .run(|| async {
                let get = self.session.s3().get_object();
                let get = get.bucket(&self.bucket.name).key(&self.key).expected_bucket_owner(&self.owner);
                let answer = super::send!(s3, region, get).await?;
                // In here, so that the body is waited for no longer than the headers, and asked for again as they are.
                Content::of(answer, bytes).await.map_err(unread)
            })
            .await;
        let found = found(answer, &["NoSuchKey"]).map_err(|error| self.explained(error, "GetObject"))?;
        Ok(found.map(|content| (content.body, content.version)))
    }

    /// Puts it where nothing is; whether it is there then, and nothing else.
    ///
    /// An attempt whose answer was lost may have put it there: what is in the way is read then.
    ///
    /// # Errors
    ///
    /// A call failed.
    pub async fn put(&self, body: &[u8]) -> Result<bool, OpError> {
        if self.write(body, None).await?.is_some() {
            return Ok(true);
        }
        Ok(self.read_up_to(body.len()).await?.is_some_and(|(there, _)| there == body))
    }

    /// Writes it over this version, or where there is none over nothing; `None` where somebody else was faster.
    ///
    /// An attempt whose answer was lost counts as somebody else, too: whoever has to know reads it then.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn write(&self, body: &[u8], over: Option<&Version>) -> Result<Option<Version>, OpError> {
        let region = &self.bucket.target.region;
        let written = self
            .session
            .call(region, "s3", "PutObject")
            .settling(FRESH)
            .run(|| {
                let put = self.session.s3().put_object();
                let put = put.bucket(&self.bucket.name).key(&self.key).expected_bucket_owner(&self.owner);
                let put = match over {
                    Some(Version(etag)) => put.if_match(etag),
                    None => put.if_none_match("*"),
                };
                // Not with the bucket's key, which may be another account's: what is in here is no credential.
                let put = put.server_side_encryption(ServerSideEncryption::Aes256);
                let put = put.content_type(self.own.content_type()).body(ByteStream::from(body.to_vec()));
                super::send!(s3, region, put)
            })
            .await;
        match found(written, BEATEN).map_err(|error| self.explained(error, "PutObject"))? {
            Some(answer) => Ok(Some(Version::new(answer.e_tag().unwrap_or_default()))),
            None => Ok(None),
        }
    }

    /// A denial of one of these calls names the one object that it takes to be allowed.
    fn explained(&self, mut error: OpError, operation: &str) -> OpError {
        if error.fault == Fault::Denied {
            let partition = Partition::of_region(&self.bucket.target.region).unwrap_or_default();
            let or = match operation {
                "PutObject" => {
                    "; a bucket policy that insists on a KMS key refuses it, too: it is encrypted with AES256"
                }
                _ => "",
            };
            error.hint = Some(format!(
                "{} on arn:{partition}:s3:::{}/{}: allow that to {}{or}",
                self.own.takes(),
                self.bucket.name,
                self.key,
                self.session.role
            ));
        }
        error
    }
}

/// A body that broke off is a connection that did.
fn unread(error: BoxError) -> SdkError<GetObjectError, HttpResponse> {
    SdkError::dispatch_failure(ConnectorError::io(error))
}

/// What a `GetObject` brought.
struct Content {
    body: Vec<u8>,
    version: Version,
    request_id: Option<String>,
}

impl Content {
    /// Reads the body, and no byte of one that turns out to be larger than this: not every answer says how long it is.
    async fn of(answer: GetObjectOutput, bytes: usize) -> Result<Self, BoxError> {
        let version = Version::new(answer.e_tag().unwrap_or_default());
        let request_id = answer.request_id().map(str::to_owned);
        let says_more = answer.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|l| l > bytes));
        let mut body = Vec::new();
        let mut rest = answer.body;
        while let Some(piece) = if says_more { None } else { rest.try_next().await? } {
            if body.len() + piece.len() > bytes {
                body.clear();
                break;
            }
            body.extend_from_slice(&piece);
        }
        Ok(Content { body, version, request_id })
    }
}

impl RequestId for Content {
    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl Own {
    const fn content_type(self) -> &'static str {
        match self {
            Own::Lock => "application/json",
            Own::Record => "application/x-ndjson",
        }
    }

    /// What it has to be allowed.
    const fn takes(self) -> &'static str {
        match self {
            Own::Lock => "the lock that keeps two applies apart takes `s3:GetObject` and `s3:PutObject`",
            Own::Record => "the copy of the record takes `s3:PutObject`, and `s3:GetObject` where an answer got lost,",
        }
    }
}
