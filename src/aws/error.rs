use std::borrow::Cow;
use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::call::Call;
use super::clients::Refused;
use crate::model::{Fault, OpError};

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
];
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];
/// The codes that mean a rate, as the SDK's own classifier lists them, without `LimitExceededException`, which in most
/// services is a quota that no waiting helps.
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "TransactionInProgressException",
    "ConcurrentModificationException",
];
const QUOTA: &[&str] = &[
    "LimitExceeded",
    "LimitExceededException",
    "MaxNumberOfConfigRulesExceededException",
    "MaxNumberOfConfigurationRecordersExceededException",
    "MaxNumberOfDeliveryChannelsExceededException",
    "MaximumNumberOfTrailsExceededException",
    "PolicyLengthExceededException",
    "SubscriptionLimitExceeded",
    "TagLimitExceeded",
    "TooManyBuckets",
    "TopicLimitExceeded",
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

/// What GuardDuty says of a bucket or key whose policy does not admit it. It has one code, `BadRequestException`, for
/// everything that is wrong with a request, so that only the message tells.
const GUARDDUTY_MAY_NOT: &str = "does not have permission";

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
    let refused = source_of::<Refused>(failed);
    // The SDK takes a lack of credentials for a failure of the connection.
    let lacking = source_of::<CredentialsError>(failed);
    let message = match (refused, lacking, failed.message()) {
        (Some(refused), _, _) => refused.to_string(),
        (None, Some(CredentialsError::CredentialsNotLoaded(_)), _) => {
            "no credentials to start from: none in the environment, in a profile, of a web identity, a container or an \
             instance"
                .to_owned()
        }
        (None, Some(lacking), _) => chain(lacking),
        (None, None, Some(message)) => message.to_owned(),
        (None, None, None) => match (failed, status) {
            (SdkError::ServiceError(_), Some(status)) => format!("HTTP status {status} without an explanation"),
            _ => chain(failed),
        },
    };
    let fault = match failed {
        _ if refused.is_some() => Fault::Refused,
        _ if lacking.is_some() => Fault::Credentials,
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
        code,
        message,
        request_id: failed.request_id().map(str::to_owned),
        attempts,
        hint: None,
    };
    error.hint = hint(&error);
    error
}

/// A HEAD request's answer has no body to carry a code.
fn bodiless_code(service: &str, status: Option<u16>) -> Option<&'static str> {
    match (service, status?) {
        ("s3", 404) => Some("NotFound"),
        ("s3", 403) => Some("AccessDenied"),
        ("s3", 301) => Some("PermanentRedirect"),
        _ => None,
    }
}

fn classify(code: Option<&str>, message: &str, status: Option<u16>, call: &Call<'_>) -> Fault {
    let is = |codes: &[&str]| code.is_some_and(|code| codes.contains(&code));
    if is(DENIED) {
        if message.contains("service control policy") {
            Fault::DeniedByScp
        } else if call.operation() == "AssumeRole" {
            Fault::AssumeRefused
        } else {
            Fault::Denied
        }
    } else if is(NOT_ACCEPTED) {
        if call.session().confirmed() { Fault::RegionDisabled } else { Fault::Credentials }
    } else if is(EXPIRED) {
        Fault::Credentials
    } else if is(THROTTLED) {
        Fault::Throttled
    } else if is(QUOTA) {
        Fault::Quota
    } else if is(UNSETTLED) || (call.service() == "guardduty" && message.contains(GUARDDUTY_MAY_NOT)) {
        Fault::Unsettled
    } else if status.is_some_and(|status| status >= 500) {
        Fault::Unreachable
    } else {
        Fault::Other
    }
}

/// The next step, in one sentence.
fn hint(error: &OpError) -> Option<String> {
    let role = error.role.as_deref().unwrap_or("the caller");
    let action = iam_action(&error.service, &error.operation);
    let text = match error.fault {
        Fault::AssumeRefused if error.message.contains("MultiFactorAuthentication") => {
            "give the code that the device shows now, since each works once; if it was right, check `mfa_serial` in \
             profiles.toml"
                .to_owned()
        }
        Fault::AssumeRefused => format!(
            "check that the role exists, that its trust policy names {role}, that `external_id` in profiles.toml is the \
             one it asks for, and that {role} may call sts:AssumeRole on it"
        ),
        Fault::Denied => format!(
            "allow `{action}` to {role} (identity policy, permissions boundary and the resource's own policy all count){or}, \
             then run again",
            or = match action.as_ref() {
                "ec2:DescribeRegions" => ", or list the account's Regions with `regions.list` in profiles.toml",
                _ => "",
            }
        ),
        Fault::DeniedByScp => format!(
            "a service control policy of the organization that owns {} forbids `{action}`: ask its administrator for an \
             exception, or leave the region or account out in profiles.toml",
            error.account
        ),
        Fault::RegionDisabled => format!(
            "enable {region} in account {account}, or leave it out of its `regions` in profiles.toml",
            region = error.region,
            account = error.account
        ),
        Fault::Credentials if error.code.is_none() => {
            "sign in, or name credentials to start from (`profile` under [jump], AWS_PROFILE, keys, the role of the \
             machine); `aws sts get-caller-identity` shows what there is"
                .to_owned()
        }
        Fault::Credentials => {
            "check the starting credentials (`aws sts get-caller-identity`), and sign in again if they expired"
                .to_owned()
        }
        Fault::Throttled => "run again later, or with a smaller --parallelism".to_owned(),
        Fault::Quota => format!("raise the quota in account {}, or remove what uses it up", error.account),
        Fault::Unreachable => {
            "check the network, the proxy settings and any AWS_ENDPOINT_URL, then run again".to_owned()
        }
        Fault::Unsettled => {
            "AWS did not accept the policy within two minutes: compare it with `baseline plan`, then run again"
                .to_owned()
        }
        Fault::Other if error.service == "guardduty" => return guardduty_hint(error),
        Fault::AccountClosed
        | Fault::NotOffered
        | Fault::Interrupted
        | Fault::WrongAccount
        | Fault::Refused
        | Fault::Other => return None,
    };
    Some(text)
}

/// The next step after a request that GuardDuty refused (AWS.md, section 5: one code, told apart by its message).
fn guardduty_hint(error: &OpError) -> Option<String> {
    let (region, account) = (&error.region, error.account);
    let said = |text: &str| error.message.contains(text);
    if said("detector already exists") {
        Some(format!(
            "somebody made a detector in {account}/{region} after the plan was made: run again, and it is taken as it is"
        ))
    } else if said("not owned by the current account") {
        Some(format!("the detector in {account}/{region} was deleted or replaced after the plan was made: run again"))
    } else if said("publishing destination") && said("already exists") {
        Some("somebody made an export after the plan was made: run again, and it is taken as it is".to_owned())
    } else {
        None
    }
}

/// The IAM action that an operation needs, where it is not spelt the same.
///
/// Source: Service Authorization Reference, "Actions, resources, and condition keys" of Amazon S3 and EventBridge.
pub fn iam_action<'a>(service: &'a str, operation: &'a str) -> Cow<'a, str> {
    let action = match (service, operation) {
        ("s3", "HeadBucket" | "ListObjectsV2") => "ListBucket",
        ("s3", "GetBucketEncryption") => "GetEncryptionConfiguration",
        ("s3", "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("s3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "GetBucketLifecycleConfiguration") => "GetLifecycleConfiguration",
        ("s3", "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle") => "PutLifecycleConfiguration",
        (_, operation) => operation,
    };
    let prefix = if service == "eventbridge" { "events" } else { service };
    Cow::Owned(format!("{prefix}:{action}"))
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
