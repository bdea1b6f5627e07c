use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::call::Call;
use super::clients::{NOT_AWS, Refused};
use super::content::NoContent;
use super::hint;
use super::http::TooLarge;
use crate::model::{Fault, OpError, is_code, is_said};

const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"];
/// What services answer when a Region does not know the account, and also when credentials are simply wrong
/// (AWS.md, section 2): told apart by whether `GetCallerIdentity` has succeeded.
const NOT_ACCEPTED: &[&str] = &[
    "AuthFailure",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "OptInRequired",
    "RegionDisabledException",
    // S3's word for it, where the Region is off (S3 API Reference, "Error responses": "The provided token is malformed or
    // otherwise not valid"): the token is one of another Region's STS.
    "InvalidToken",
];
/// The header in which S3 tells where a bucket is.
const BUCKET_REGION: &str = "x-amz-bucket-region";
/// What S3 answers where the bucket is in another Region (S3 API Reference, "Error responses"): the first by status 301,
/// the second by 307, the last two by 400 from us-east-1 and from CreateBucket.
const ELSEWHERE: &[&str] =
    &["PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];
/// What an account that AWS holds back is answered: S3 API Reference, "Error responses" (the first three); EC2 API
/// Reference, "Error codes" (`Blocked`, `PendingVerification`); the others' is what AWS's "Common errors" call a missing
/// subscription. Most often such an account is not reached at all, and all there is to see is an `AssumeRole` denied.
const HELD_BACK: &[&str] = &[
    "AccountProblem",
    "AllAccessDisabled",
    "NotSignedUp",
    "Blocked",
    "PendingVerification",
    "SubscriptionRequiredException",
];
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
/// The date of a request was not AWS's ("Common errors" of every API Reference; S3 API Reference, "Error responses").
const WRONG_TIME: &[&str] = &["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"];
/// The signature is not the one AWS expects: the secret key is wrong, or, as the message says then, the date. STS and
/// other query services answer the first code, S3 too, and the JSON services the second: seen in reports of both (such as
/// convox/rack#235 and aws/aws-sdk-js#2565), since only S3's reference lists its own.
const WRONG_SIGNATURE: &[&str] = &["SignatureDoesNotMatch", "InvalidSignatureException"];
/// What is said of the date then, of one that is late and of one that is early.
const WRONG_TIME_SAID: &[&str] = &["Signature expired", "Signature not yet current"];
/// The codes that mean a rate, as the SDK's own classifier lists them (aws-runtime, `THROTTLING_ERRORS`), with
/// `Throttled` and `KmsThrottled` of SNS and SQS, and without `LimitExceededException`: in every service that is called
/// here it is a quota (API References of AWS Config, EventBridge, IAM, KMS), that no waiting helps.
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttled",
    "KMSThrottling",
    "KMSThrottlingException",
    "KMS.ThrottlingException",
    "KmsThrottled",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];
/// Somebody writes the same thing at this moment: EventBridge and SNS API References (the first two), IAM API Reference
/// (`ConcurrentModification`, `EntityTemporarilyUnmodifiable`), S3 API Reference (`OperationAborted`).
pub(super) const BUSY: &[&str] = &[
    "ConcurrentModificationException",
    "ConcurrentAccess",
    "ConcurrentAccessException",
    "ConcurrentModification",
    "EntityTemporarilyUnmodifiable",
    "EntityTemporarilyUnmodifiableException",
    "OperationAborted",
    "TransactionInProgressException",
];
/// AWS waited for the rest of the request (S3 API Reference, "Error responses"; aws-runtime, `TRANSIENT_ERRORS`).
const TRANSIENT: &[&str] = &["RequestTimeout", "RequestTimeoutException"];
const QUOTA: &[&str] = &[
    "LimitExceeded",
    "LimitExceededException",
    "MaxNumberOfConfigRulesExceededException",
    "MaxNumberOfConfigurationRecordersExceededException",
    "MaxNumberOfDeliveryChannelsExceededException",
    "MaxNumberOfRetentionConfigurationsExceededException",
    "MaximumNumberOfTrailsExceededException",
    "OverLimit",
    "PolicyLengthExceededException",
    "SubscriptionLimitExceeded",
    "SubscriptionLimitExceededException",
    "TagLimitExceeded",
    "TagLimitExceededException",
    "TagsLimitExceededException",
    "TooManyBuckets",
    "TooManyTagsException",
    "TopicLimitExceeded",
    "TopicLimitExceededException",
];
const UNSETTLED: &[&str] = &[
    "InsufficientS3BucketPolicyException",
    "InsufficientEncryptionPolicyException",
    "InsufficientDeliveryPolicyException",
    "InvalidS3KmsKeyArnException",
    "MalformedPolicyDocumentException",
    "MalformedPolicy",
    "KmsKeyNotFoundException",
    "S3BucketDoesNotExistException",
];
/// The service does not know the operation: what the JSON protocols answer where a Region has not got it (Smithy, "AWS
/// JSON 1.1 protocol", `UnknownOperationException`).
const UNKNOWN_OPERATION: &str = "UnknownOperationException";

/// What GuardDuty says of a bucket or key whose policy does not admit it. It has one code, `BadRequestException`, for
/// everything that is wrong with a request, so that only the message tells: "the GuardDuty service principal does not have
/// permission to the KMS key or the resource" of its own principal, and "you do not have the required permissions for the
/// s3:GetObject or s3:ListBucket actions" of the caller (awslabs/landing-zone-accelerator-on-aws#255), and what they may
/// as well be.
const GUARDDUTY_MAY_NOT: &[&str] = &[
    "does not have permission",
    "does not have the required permission",
    "does not have sufficient permission",
    "do not have permission",
    "do not have the required permission",
    "doesn't have permission",
    "insufficient permission",
    "not have permissions",
];

/// What hyper says when a connection was never made, so that nothing was sent.
const NOT_CONNECTED: &str = "client error (Connect)";
/// What resolvers say when there is no such name, as opposed to when they cannot tell (`EAI_NONAME` and `EAI_NODATA` of
/// Linux and macOS).
const NO_SUCH_NAME: &[&str] =
    &["Name or service not known", "No address associated with hostname", "nodename nor servname provided"];

/// Makes an [`OpError`] of what the SDK answered.
pub(super) fn translate<E>(failed: &SdkError<E, HttpResponse>, call: &Call<'_>, attempts: u32) -> OpError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    // A hop that failed while it was renewed inside a call knows better than we do what went wrong.
    if let Some(inner) = source_of::<OpError>(failed) {
        return inner.clone();
    }
    let status = failed.raw_response().map(|response| response.status().as_u16());
    let code = failed.code().map(str::to_owned).or_else(|| bodiless_code(call.service(), status).map(str::to_owned));
    let elsewhere = elsewhere(failed, code.as_deref(), call);
    let code = if elsewhere.is_some() { Some("PermanentRedirect".to_owned()) } else { code };
    let refused = source_of::<Refused>(failed);
    let contentless = source_of::<NoContent>(failed);
    // The SDK takes a lack of credentials for a failure of the connection.
    let lacking = source_of::<CredentialsError>(failed);
    let too_large = source_of::<TooLarge>(failed);
    let secrets = &call.session().aws.secrets;
    let message = match (refused, lacking, failed.message()) {
        (Some(refused), _, _) => refused.to_string(),
        _ if too_large.is_some() => too_large.map(ToString::to_string).unwrap_or_default(),
        (None, Some(CredentialsError::CredentialsNotLoaded(_)), _) => {
            "no credentials to start from: none in the environment, in a profile, of a web identity, a container or an \
             instance"
                .to_owned()
        }
        (None, Some(lacking), _) => without_helper(&chain(lacking)),
        (None, None, None) if contentless.is_some() => contentless.map(ToString::to_string).unwrap_or_default(),
        (None, None, _) if elsewhere.is_some() => {
            format!("the bucket is in {}, and this call went to {}", elsewhere.unwrap_or_default(), call.region())
        }
        (None, None, Some(message)) => message.to_owned(),
        (None, None, None) => match (failed, status) {
            (SdkError::ServiceError(_), Some(status)) if status < 400 => {
                format!("the answer is none that AWS gives and could not be read (HTTP status {status})")
            }
            (SdkError::ServiceError(_), Some(status)) => format!("HTTP status {status} without an explanation"),
            _ => chain(failed),
        },
    };
    // Here, and before anybody is told: nothing else of this tool sees what came from outside.
    let message = secrets.clean(&message);
    let fault = match failed {
        _ if refused.is_some() => Fault::Refused,
        _ if too_large.is_some() => Fault::Other,
        _ if lacking.is_some() => Fault::Credentials,
        // Where STS has answered, names do resolve.
        SdkError::DispatchFailure(_) if call.session().confirmed() && says_any(&message, NO_SUCH_NAME) => {
            Fault::NotOffered
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Fault::Unreachable,
        SdkError::ResponseError(_) => Fault::Unreachable,
        SdkError::ConstructionFailure(_) => Fault::Credentials,
        _ => classify(code.as_deref(), &message, status, call),
    };
    let mut error = OpError {
        account: call.session().account,
        region: call.region().clone(),
        role: Some(call.session().role.clone()).filter(|role| !role.is_empty()),
        service: call.service().to_owned(),
        operation: call.operation().to_owned(),
        fault,
        code: code.map(|code| secrets.clean(&code)),
        message,
        request_id: failed.request_id().map(|id| secrets.clean(id)),
        attempts,
        hint: None,
    };
    error.hint = match contentless {
        Some(_) => Some(NOT_AWS.to_owned()),
        None => hint::next_step(&error, call.patience(&error)),
    };
    error
}

/// What a credential helper said on its stderr is left out: it may be anything, and the helper can be asked again.
fn without_helper(said: &str) -> String {
    // aws-config's `credential_process`.
    const STDERR: &str = "Stderr: ";
    match said.split_once(STDERR) {
        Some((before, what)) if !what.trim().is_empty() => {
            format!(
                "{before}what it said is not shown here: run the `credential_process` of the profile by hand to see it"
            )
        }
        _ => said.to_owned(),
    }
}

/// Whether AWS answered success without the content that this answer has.
pub(super) fn is_contentless<E>(failed: &SdkError<E, HttpResponse>) -> bool
where
    E: Error + Send + Sync + 'static,
{
    source_of::<NoContent>(failed).is_some()
}

fn says_any(message: &str, texts: &[&str]) -> bool {
    texts.iter().any(|text| message.contains(text))
}

/// Whether AWS may have done what it was asked, although it did not say so: the answer was lost, or was that of a server
/// that had failed midway.
pub(super) fn may_be_done<E>(failed: &SdkError<E, HttpResponse>, error: &OpError) -> bool
where
    E: Error + Send + Sync + 'static,
{
    match failed {
        SdkError::ConstructionFailure(_) => false,
        SdkError::DispatchFailure(_) => error.fault == Fault::Unreachable && !error.message.contains(NOT_CONNECTED),
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        _ => error.fault == Fault::Unreachable,
    }
}

/// Whether there was no connection.
pub(super) fn is_unconnected<E>(failed: &SdkError<E, HttpResponse>) -> bool
where
    E: Error + Send + Sync + 'static,
{
    source_of::<CredentialsError>(failed).is_none() && chain(failed).contains(NOT_CONNECTED)
}

/// Whether a call certainly did not get through.
pub(super) fn is_unsent(error: &OpError) -> bool {
    error.fault == Fault::NotOffered || error.message.contains(NOT_CONNECTED)
}

/// Whether the session has ended: AWS knew it once and takes it no longer.
pub(super) fn is_expired(error: &OpError) -> bool {
    error.has_code(EXPIRED)
}

/// Whether AWS says that the clock here is wrong.
pub(super) fn is_wrong_time(error: &OpError) -> bool {
    error.has_code(WRONG_TIME) || (error.has_code(WRONG_SIGNATURE) && says_any(&error.message, WRONG_TIME_SAID))
}

/// Whether the key that signed is not the one AWS knows.
pub(super) fn is_wrong_key(error: &OpError) -> bool {
    error.has_code(WRONG_SIGNATURE) && !is_wrong_time(error)
}

/// The pause that the answer asks for: `Retry-After` in seconds (RFC 9110), `x-amz-retry-after` in milliseconds (the
/// SDK's retry behaviour of 2026).
pub(super) fn asked_pause<E>(failed: &SdkError<E, HttpResponse>) -> Option<Duration> {
    let headers = failed.raw_response()?.headers();
    let number = |name: &str| headers.get(name)?.trim().parse::<u64>().ok();
    let milliseconds = number("x-amz-retry-after").map(Duration::from_millis);
    milliseconds.or_else(|| number("retry-after").map(Duration::from_secs))
}

/// The Region that a bucket is in, where S3 says that it is not in this one. A HEAD request's answer has nothing but its
/// status and that header.
fn elsewhere<'f, E>(failed: &'f SdkError<E, HttpResponse>, code: Option<&str>, call: &Call<'_>) -> Option<&'f str> {
    let response = failed.raw_response().filter(|_| call.service() == "s3")?;
    let there = response.headers().get(BUCKET_REGION)?;
    let redirects = matches!(response.status().as_u16(), 301 | 307 | 400);
    let says_so = code.is_none_or(|code| ELSEWHERE.contains(&code));
    (redirects && says_so && there != call.region().as_str()).then_some(there)
}

/// A HEAD request's answer has no body to carry a code.
fn bodiless_code(service: &str, status: Option<u16>) -> Option<&'static str> {
    match (service, status?) {
        ("s3", 404) => Some("NotFound"),
        ("s3", 403) => Some("AccessDenied"),
        ("s3", 301) => Some("PermanentRedirect"),
        ("s3", 503) => Some("SlowDown"),
        _ => None,
    }
}

fn classify(code: Option<&str>, message: &str, status: Option<u16>, call: &Call<'_>) -> Fault {
    let is = |codes: &[&str]| code.is_some_and(|code| is_code(code, codes));
    if is(DENIED) {
        if is_said(message, &["service control policy", "resource control policy"]) {
            Fault::DeniedByScp
        } else if call.operation() == "AssumeRole" {
            Fault::AssumeRefused
        } else {
            Fault::Denied
        }
    } else if is(HELD_BACK) || (is(&["OptInRequired"]) && call.service() == "ec2" && call.session().confirmed()) {
        // EC2 is asked only for the Regions, in one that every account has.
        Fault::AccountClosed
    } else if is(NOT_ACCEPTED) {
        if call.session().confirmed() { Fault::RegionDisabled } else { Fault::Credentials }
    } else if is(EXPIRED) || is(WRONG_TIME) || is(WRONG_SIGNATURE) {
        Fault::Credentials
    } else if is(THROTTLED) || is(BUSY) || (code.is_none() && status == Some(429)) {
        Fault::Throttled
    } else if is(QUOTA) {
        Fault::Quota
    } else if is(UNSETTLED) || (call.service() == "guardduty" && is_said(message, GUARDDUTY_MAY_NOT)) {
        Fault::Unsettled
    } else if is(&[UNKNOWN_OPERATION]) {
        Fault::NotOffered
    } else if is(TRANSIENT) || status.is_some_and(|status| status >= 500) {
        Fault::Unreachable
    } else {
        Fault::Other
    }
}

/// Walks an error's sources for one of a type.
pub(super) fn source_of<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

/// An error with everything that caused it, on one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}
