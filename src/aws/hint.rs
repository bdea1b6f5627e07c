//! The next step after a failure, in one sentence.

use std::borrow::Cow;
use std::time::Duration;

use super::error::{BUSY, is_wrong_key, is_wrong_time};
use crate::model::{Fault, OpError};

/// What to do about it; `waited` is how long it was given to pass by itself, if it was.
pub(super) fn next_step(error: &OpError, waited: Option<Duration>) -> Option<String> {
    let role = error.role.as_deref().unwrap_or("the caller");
    let (account, region) = (error.account, &error.region);
    let action = iam_action(&error.service, &error.operation);
    let text = match error.fault {
        Fault::AssumeRefused if error.says(&["MultiFactorAuthentication", "MFA code"]) => {
            "give the code that the device shows now, since each works once; if it was right, check `mfa_serial` in \
             profiles.toml"
                .to_owned()
        }
        Fault::AssumeRefused if error.says(&["sts:SetSourceIdentity"]) => both_ends(
            role,
            "sts:SetSourceIdentity",
            "a source identity is declared (`source_identity` in profiles.toml), or the starting session has one, and it \
             stays with every session that follows",
        ),
        Fault::AssumeRefused if error.says(&["sts:TagSession"]) => both_ends(
            role,
            "sts:TagSession",
            "the starting session has tags that stay with every session that follows, as IAM Identity Center and identity \
             providers set them",
        ),
        Fault::AssumeRefused => format!(
            "check that the role exists, that its trust policy names {role}, that `external_id` in profiles.toml is the \
             one it asks for, and that {role} may call sts:AssumeRole on it; AWS answers the same when account {account} \
             is suspended or closed"
        ),
        Fault::Denied => denied(error, role, &action),
        Fault::DeniedByScp => {
            let kind = if error.says(&["resource control policy"]) { "resource" } else { "service" };
            if action == "ec2:DescribeRegions" {
                return Some(format!(
                    "a {kind} control policy of the organization that owns {account} forbids `{action}`: list the \
                     account's Regions in profiles.toml (`regions = {{ list = [\"{region}\"] }}`, with every Region that \
                     it uses), or ask the organization's administrator for an exception"
                ));
            }
            format!(
                "a {kind} control policy of the organization that owns {account} forbids `{action}`: ask its \
                 administrator for an exception, or leave the region or account out in profiles.toml"
            )
        }
        Fault::RegionDisabled if error.service == "sts" => format!(
            "switch AWS STS on in {region} for the account of {role} (account settings of the IAM console), or name \
             another Region (`sts_region` under [jump] in profiles.toml)"
        ),
        Fault::RegionDisabled => {
            format!("enable {region} in account {account}, or leave it out of its `regions` in profiles.toml")
        }
        Fault::NotOffered => format!(
            "AWS does not seem to offer {} in {region}: leave the Region out of the account's `regions` in profiles.toml, \
             or the service with --service; if it does, check the name resolution and any AWS_ENDPOINT_URL",
            error.service
        ),
        Fault::AccountClosed => format!(
            "AWS holds account {account} back, as it does with accounts that are suspended, closed or not verified yet: \
             see what AWS wrote to its root user, or take the account out of profiles.toml"
        ),
        Fault::Credentials if is_wrong_time(error) => {
            "set the clock of this machine: AWS takes requests that are a few minutes off and no others".to_owned()
        }
        Fault::Credentials if error.code.is_none() => {
            "sign in, or name credentials to start from (`profile` under [jump], AWS_PROFILE, keys, the role of the \
             machine); `aws sts get-caller-identity` shows what there is"
                .to_owned()
        }
        Fault::Credentials if is_wrong_key(error) => {
            "check the secret key that belongs to the starting credentials' access key, and the clock of this machine; a \
             proxy that rewrites requests breaks their signatures, too"
                .to_owned()
        }
        Fault::Credentials => {
            "check the starting credentials (`aws sts get-caller-identity`), and sign in again if they expired"
                .to_owned()
        }
        Fault::Throttled if error.has_code(BUSY) => {
            "something else was writing it all the time: see what that is, and run again when it is done".to_owned()
        }
        Fault::Throttled => "run again later, or with a smaller --parallelism".to_owned(),
        Fault::Quota => format!("raise the quota in account {account}, or remove what uses it up"),
        Fault::Unreachable if error.code.is_some() => {
            "AWS itself was in trouble: see health.aws.amazon.com, and run again later".to_owned()
        }
        Fault::Unreachable if error.service == "sts" => format!(
            "check the network, the proxy settings and any AWS_ENDPOINT_URL, then run again; in a network that reaches \
             another Region's STS than that of {region}, name that one (`sts_region` under [jump] in profiles.toml)"
        ),
        Fault::Unreachable => {
            "check the network, the proxy settings and any AWS_ENDPOINT_URL, then run again".to_owned()
        }
        Fault::Unsettled => match waited {
            Some(patience) => format!(
                "AWS did not accept the policy within {} seconds: `baseline plan` shows what is in it, and names each \
                 statement of somebody else's whose role or user is gone; then run again",
                patience.as_secs()
            ),
            // Where it could have been a matter of time, the call would have waited.
            None => "AWS does not take the policy as it is: `baseline plan` shows what is in it, and names each statement \
                     of somebody else's whose role or user is gone; have that one changed, then run again"
                .to_owned(),
        },
        Fault::Interrupted => unknown(error),
        Fault::Other if error.service == "guardduty" => return guardduty(error),
        Fault::Other if error.operation == "AssumeRole" => return not_assumable(error),
        Fault::Other if error.has_code(&["PermanentRedirect"]) => {
            "set `home_region` in profiles.toml to the bucket's Region, or declare another `name` under [log_bucket]"
                .to_owned()
        }
        // HEAD has no body to say more in.
        Fault::Other if error.service == "s3" && error.code.is_none() && error.operation == "HeadBucket" => format!(
            "S3 answers so where {region} is not enabled in account {account}, or does not take the session's token: \
             enable the Region there, or set another `home_region` in profiles.toml"
        ),
        Fault::WrongAccount | Fault::Refused | Fault::Partial | Fault::Other => return None,
    };
    Some(text)
}

/// What has to be allowed on both sides of a hop (IAM User Guide, "Monitor and control actions taken with assumed roles",
/// "Permissions required to set a source identity", and "Pass session tags in AWS STS"). AWS names the action that was
/// not allowed, and not which of the two policies lacks it: noqdev/iambic#357, MaterializeInc/materialize#37427.
fn both_ends(role: &str, action: &str, why: &str) -> String {
    format!(
        "allow {action} at both ends of this hop: in the identity policy of {role}, and in the trust policy of the role \
         that it assumes; {why}"
    )
}

/// What an `AssumeRole` was refused for that STS takes for malformed, and the setting that it comes from. One code is
/// all there is (`ValidationError`, "Common errors" of the STS API Reference); its words were seen in
/// mmmorris1975/aws-runas#11 (chaining), and in the API Reference's `MaxSessionDuration`; what names a parameter is
/// botocore's and STS's form, "Value … at 'durationSeconds' failed to satisfy constraint".
fn not_assumable(error: &OpError) -> Option<String> {
    let said = |words: &[&str]| error.says(words);
    let text = match error.code.as_deref() {
        Some("PackedPolicyTooLarge" | "PackedPolicyTooLargeException") => {
            "the starting session carries more tags than STS hands on: start from credentials with fewer session tags"
        }
        Some("ValidationError" | "ValidationException" | "InvalidParameterValue") => {
            if said(&["chaining", "1 hour session limit"]) {
                "leave out `duration_seconds` under [jump], or set it to 3600 at most: what starts from temporary keys (a \
                 role, GetSessionToken, IAM Identity Center) lasts an hour at most; for longer sessions start from a \
                 user's own keys"
            } else if said(&["MaxSessionDuration", "maximum session duration"]) {
                "lower `duration_seconds` under [jump], or raise the role's maximum session duration (`aws iam update-role \
                 --role-name … --max-session-duration …`, an hour unless it was raised)"
            } else if said(&["durationSeconds"]) {
                "set `duration_seconds` under [jump] from 900 to the role's maximum session duration, 43200 at most"
            } else if said(&["externalId"]) {
                "correct the `external_id` of this hop in profiles.toml: 2 to 1224 characters, letters, digits and _+=,.@:/-"
            } else if said(&["roleSessionName"]) {
                "correct the `session_name` of this hop in profiles.toml: 2 to 64 characters, letters, digits and _+=,.@-"
            } else if said(&["sourceIdentity"]) {
                "correct the `source_identity` of this hop in profiles.toml: 2 to 64 characters, letters, digits and \
                 _+=,.@-, not beginning with aws:"
            } else if said(&["serialNumber", "tokenCode"]) {
                "correct `mfa_serial` under [jump], and give the six digits that the device shows now"
            } else if said(&["roleArn", "is invalid"]) {
                "correct the `role` of this hop in profiles.toml: the ARN of a role, or its name with the right account id"
            } else {
                "compare the settings of this hop in profiles.toml (`role`, `external_id`, `session_name`, \
                 `source_identity`, and under [jump] `duration_seconds` and `mfa_serial`) with what the message names"
            }
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What a denial says of the policy that is behind it (IAM User Guide, "Troubleshoot access denied error messages").
fn denied(error: &OpError, role: &str, action: &str) -> String {
    let says = |text: &str| error.says(&[text]);
    let explicit = says("explicit deny");
    let policy = [
        ("permissions boundary", "its permissions boundary"),
        ("session policy", "the policy of its session"),
        ("VPC endpoint policy", "the policy of the VPC endpoint that the call went through"),
        ("identity-based policy", "an identity policy"),
        ("resource-based policy", "the policy of the resource itself"),
    ]
    .into_iter()
    .find_map(|(said, whose)| says(said).then_some(whose));
    let or = match action {
        "ec2:DescribeRegions" => {
            ", or list the account's Regions in profiles.toml (`regions = { list = [\"us-east-1\"] }`)"
        }
        _ => "",
    };
    match policy {
        Some(policy) if explicit => {
            format!(
                "{policy} denies {role} `{action}`, and no other policy can allow it: change that one{or}, then run again"
            )
        }
        Some("its permissions boundary") => format!(
            "the permissions boundary of {role} does not allow `{action}`, whatever its policies allow: widen it{or}, \
             then run again"
        ),
        _ => format!(
            "allow `{action}` to {role} (identity policy, permissions boundary and the resource's own policy all \
             count){or}, then run again"
        ),
    }
}

/// The next step where a second attempt could have made a second resource.
pub(super) fn unknown(error: &OpError) -> String {
    format!(
        "whether AWS took it is not known, and sending {} again could make a second one: run again, and the next run goes \
         on from what is there",
        error.operation
    )
}

/// The next step where something was given up that did not answer.
pub(super) const GIVEN_UP: &str = "run again later; see health.aws.amazon.com, and whether the network reaches that account and Region (VPC endpoints, \
     proxies, AWS_ENDPOINT_URL); the other accounts are not affected";
/// The next step where the run's time was over.
pub(super) const OUT_OF_RUN: &str = "give the run more time (--timeout), or narrow it (--account, --region, --service)";

/// It took too long.
pub(super) fn out_of_time(error: &mut OpError) {
    error.message.push_str("; given up after three minutes");
}

/// The account has used up its retries.
pub(super) fn out_of_budget(error: &mut OpError) {
    error.message.push_str("; not tried again, since the account's retries are used up");
    error.hint = Some(format!(
        "so many calls to account {} were throttled or lost that this run tries none of its calls twice any more: see \
         what else is calling AWS there, then run again",
        error.account
    ));
}

/// The next step after a request that GuardDuty refused (AWS.md, section 5: one code, told apart by its message).
fn guardduty(error: &OpError) -> Option<String> {
    let (region, account) = (&error.region, error.account);
    let said = |text: &str| error.says(&[text]);
    if said("detector") && (said("already exists") || said("already has")) && !said("publishing") {
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
        ("s3", "GetBucketReplication") => "GetReplicationConfiguration",
        ("s3", "GetObjectLockConfiguration") => "GetBucketObjectLockConfiguration",
        (_, operation) => operation,
    };
    let prefix = if service == "eventbridge" { "events" } else { service };
    Cow::Owned(format!("{prefix}:{action}"))
}
