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
        Fault::AssumeRefused if error.message.contains("MultiFactorAuthentication") => {
            "give the code that the device shows now, since each works once; if it was right, check `mfa_serial` in \
             profiles.toml"
                .to_owned()
        }
        Fault::AssumeRefused => format!(
            "check that the role exists, that its trust policy names {role}, that `external_id` in profiles.toml is the \
             one it asks for, and that {role} may call sts:AssumeRole on it; AWS answers the same when account {account} \
             is suspended or closed"
        ),
        Fault::Denied => denied(error, role, &action),
        Fault::DeniedByScp => {
            let kind = if error.message.contains("resource control policy") { "resource" } else { "service" };
            format!(
                "a {kind} control policy of the organization that owns {account} forbids `{action}`: ask its \
                 administrator for an exception, or leave the region or account out in profiles.toml"
            )
        }
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
        Fault::Unreachable => {
            "check the network, the proxy settings and any AWS_ENDPOINT_URL, then run again".to_owned()
        }
        Fault::Unsettled => match waited {
            Some(patience) => format!(
                "AWS did not accept the policy within {} seconds: compare it with `baseline plan`, then run again",
                patience.as_secs()
            ),
            // Where it could have been a matter of time, the call would have waited.
            None => "AWS does not take the policy as it is: see with `baseline plan` what is in it, and whether a statement \
                     of somebody else's names a role, user or account that is gone; then run again"
                .to_owned(),
        },
        Fault::Interrupted => unknown(error),
        Fault::Other if error.service == "guardduty" => return guardduty(error),
        Fault::WrongAccount | Fault::Refused | Fault::Other => return None,
    };
    Some(text)
}

/// What a denial says of the policy that is behind it (IAM User Guide, "Troubleshoot access denied error messages").
fn denied(error: &OpError, role: &str, action: &str) -> String {
    let says = |text: &str| error.message.contains(text);
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
        "ec2:DescribeRegions" => ", or list the account's Regions with `regions.list` in profiles.toml",
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
