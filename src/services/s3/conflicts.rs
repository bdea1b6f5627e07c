//! Settings of a bucket that S3 or other AWS services make exclude what somebody else has there: what is held back then,
//! and why.

use super::spec::{Bucket, Versioning};
use crate::policy::{Effect, Policy, PrincipalType, Principals, Statement, Who};
use crate::services::Kept;

/// Encryption with two layers of KMS keys: stronger than what is declared.
const DSSE: &str = "aws:kms:dsse";
/// The ownership under which access control lists have no effect.
pub(super) const ENFORCED: &str = "BucketOwnerEnforced";
/// Log deliveries that only write to a bucket whose default encryption is S3's own keys: S3 User Guide, "Enabling Amazon
/// S3 server access logging"; User Guide for Application Load Balancers, "Access logs for your Application Load Balancer".
const PLAIN_SERVICES: [&str; 2] = ["logging.s3.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"];
/// The delivery of many services' logs, which uses a KMS key whose policy lets it (CloudWatch Logs User Guide, "Enabling
/// logging from AWS services").
const DELIVERY: &str = "delivery.logs.amazonaws.com";
/// The accounts that Elastic Load Balancing delivers logs from in Regions from before August 2022 (User Guide for
/// Application Load Balancers, "Access logs for your Application Load Balancer").
const LOAD_BALANCERS: [&str; 26] = [
    "127311923021", // us-east-1
    "033677994240", // us-east-2
    "027434742980", // us-west-1
    "797873946194", // us-west-2
    "098369216593", // af-south-1
    "754344448648", // ap-east-1
    "589379963580", // ap-southeast-3
    "718504428378", // ap-south-1
    "383597477331", // ap-northeast-3
    "600734575887", // ap-northeast-2
    "114774131450", // ap-southeast-1
    "783225319266", // ap-southeast-2
    "582318560864", // ap-northeast-1
    "985666609251", // ca-central-1
    "054676820928", // eu-central-1
    "156460612806", // eu-west-1
    "652711504416", // eu-west-2
    "635631232127", // eu-south-1
    "009996457667", // eu-west-3
    "897822967062", // eu-north-1
    "076674570225", // me-south-1
    "507241528517", // sa-east-1
    "048591011584", // us-gov-west-1
    "190560391635", // us-gov-east-1
    "638102146993", // cn-north-1
    "037604701340", // cn-northwest-1
];

/// The canonical user that CloudFront's standard logs (legacy) are delivered as: `awslogsdelivery` (CloudFront Developer
/// Guide, "Permissions required to configure standard logging").
pub(super) const CLOUDFRONT: [&str; 2] = [
    "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0",
    // In China.
    "a52cb28745c0c06e84ec548334e44bfa7fc2a85c54af20cd59e4969344b7af56",
];

/// What was read around the bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// Whether MFA Delete is on.
    pub mfa_delete: bool,
    /// Who the access control list grants something besides the owner, in words.
    pub granted: Vec<String>,
    /// Services that only write with a default encryption of S3's own keys, and that the list lets write.
    pub plain_writers: Vec<String>,
    /// The default retention of Object Lock.
    pub default_retention: Option<Retention>,
}

/// How long Object Lock keeps a new object by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// How long, in words.
    pub time: String,
    /// The same in days.
    pub days: u64,
}

/// Takes back from `wanted` what cannot be set over what was `seen`, and says so.
pub(super) fn held_back(wanted: &mut Bucket, seen: &Bucket) -> Vec<Kept> {
    let checks = [public_policy, encryption, ownership, mfa_delete, object_lock];
    checks.into_iter().filter_map(|check| check(wanted, seen)).collect()
}

/// BlockPublicPolicy makes S3 refuse every policy that holds a public statement, whoever wrote that one; a policy that is
/// there stays (S3 API Reference, `PublicAccessBlockConfiguration`). RestrictPublicBuckets would close such a bucket to
/// every other account.
fn public_policy(wanted: &mut Bucket, seen: &Bucket) -> Option<Kept> {
    let (block, was) = (&mut wanted.public_access_block, seen.public_access_block);
    let open = public_statements(&wanted.policy.document);
    let to_be_set = (block.block_public_policy && !was.block_public_policy)
        || (block.restrict_public_buckets && !was.restrict_public_buckets);
    if open.is_empty() || !to_be_set {
        return None;
    }
    block.block_public_policy = was.block_public_policy;
    block.restrict_public_buckets = was.restrict_public_buckets;
    Some(Kept {
        reason: format!(
            "{open} of the bucket policy is public and not ours, and BlockPublicPolicy and RestrictPublicBuckets are to \
             be set: with the first S3 refuses every policy that holds such a statement, and the second closes the bucket \
             to all other accounts"
        ),
        hint:
            "limit that statement to accounts, or remove it, then run again; these two settings stay as they are until \
               then"
                .to_owned(),
    })
}

/// Why a policy that differs cannot be written over one with a public statement, where BlockPublicPolicy is on already.
pub(super) fn unwritable_policy(wanted: &Bucket, seen: &Bucket) -> Option<String> {
    let open = public_statements(&wanted.policy.document);
    let refused = seen.public_access_block.block_public_policy && wanted.policy != seen.policy && !open.is_empty();
    refused.then(|| {
        format!(
            "{open} of the bucket policy is public and not ours, and BlockPublicPolicy is on, so that S3 refuses every \
             policy that holds it: limit that statement to accounts, or remove it, then run again"
        )
    })
}

/// Names other people's statements that S3 calls public; empty where there are none.
fn public_statements(policy: &Policy) -> String {
    let open: Vec<String> = policy.foreign().filter(|statement| statement.is_open_to_world()).map(named).collect();
    match open.len() {
        0 => String::new(),
        _ => format!("statement {}", open.join(", ")),
    }
}

fn named(statement: &Statement) -> String {
    statement.sid.as_ref().map_or_else(|| "without a Sid".to_owned(), |sid| format!("`{sid}`"))
}

/// A default encryption with KMS stops deliveries that only know S3's own keys.
fn encryption(wanted: &mut Bucket, seen: &Bucket) -> Option<Kept> {
    // A bucket that is no more than made is one of ours whose creation has not ended: nobody chose its encryption.
    if wanted.keeps_encryption.0 && !seen.is_bare() {
        wanted.encryption = seen.encryption.clone();
        return None;
    }
    wanted.encryption.other.clone_from(&seen.encryption.other);
    if seen.encryption.algorithm == DSSE && wanted.encryption.algorithm == "aws:kms" {
        // Bucket keys are not for it (S3 User Guide, "Using dual-layer server-side encryption with AWS KMS keys").
        DSSE.clone_into(&mut wanted.encryption.algorithm);
        wanted.encryption.bucket_key = seen.encryption.bucket_key;
    }
    let turns_to_kms =
        wanted.encryption.algorithm.starts_with("aws:kms") && !seen.encryption.algorithm.starts_with("aws:kms");
    if !turns_to_kms {
        return None;
    }
    let plain: Vec<String> = plain_writers(&wanted.policy.document)
        .into_iter()
        .chain(seen.surroundings.0.plain_writers.iter().map(|who| format!("{who} (access control list)")))
        .collect();
    let hint = "say `keep_default_encryption = true` under [log_bucket]: our services name the key themselves, whatever \
                the default is; or have the other logs delivered to a bucket of their own. The default encryption stays \
                as it is until then";
    let reason = if !plain.is_empty() {
        format!(
            "{} write to this bucket, and AWS delivers these logs only where the default encryption is S3's own keys \
             (SSE-S3); aws:kms is declared",
            plain.join(", ")
        )
    } else {
        let delivery = delivering(&wanted.policy.document);
        if delivery.is_empty() || wanted.key_admits.0.contains(DELIVERY) {
            return None;
        }
        format!(
            "{} lets {DELIVERY} write to this bucket, and the log key's policy does not let it use the key: with aws:kms \
             as the default encryption its logs are no longer delivered",
            delivery.join(", ")
        )
    };
    wanted.encryption = seen.encryption.clone();
    let admit =
        format!("admit {DELIVERY} in the log key's policy (kms:GenerateDataKey*, kms:Decrypt), then run again; or ");
    Some(Kept { hint: if plain.is_empty() { admit + hint } else { hint.to_owned() }, reason })
}

/// Other people's statements that let somebody write who only writes with S3's own keys.
fn plain_writers(policy: &Policy) -> Vec<String> {
    let mut found = Vec::new();
    for statement in policy.foreign().filter(|statement| lets_put(statement)) {
        for (kind, names) in principals(statement) {
            let plain = names.iter().find_map(|name| match kind {
                PrincipalType::Service if PLAIN_SERVICES.contains(&name.as_str()) => Some(name.clone()),
                PrincipalType::Aws => {
                    let account = name.split(':').find(|part| LOAD_BALANCERS.contains(part))?;
                    Some(format!("Elastic Load Balancing's account {account}"))
                }
                PrincipalType::CanonicalUser if CLOUDFRONT.contains(&name.as_str()) => {
                    Some("CloudFront's log delivery".to_owned())
                }
                _ => None,
            });
            found.extend(plain.map(|who| format!("{who} (statement {})", named(statement))));
        }
    }
    found
}

/// Other people's statements that let the delivery of logs write.
fn delivering(policy: &Policy) -> Vec<String> {
    let delivers = |statement: &&Statement| {
        let services = principals(statement).filter(|(kind, _)| **kind == PrincipalType::Service);
        services.flat_map(|(_, names)| names).any(|name| name == DELIVERY)
    };
    let statements = policy.foreign().filter(|statement| lets_put(statement)).filter(delivers);
    statements.map(|statement| format!("statement {}", named(statement))).collect()
}

fn principals(statement: &Statement) -> impl Iterator<Item = (&PrincipalType, &Vec<String>)> {
    let lists = match &statement.principal {
        Some(Principals::Principal(Who::Named(lists))) => Some(lists),
        _ => None,
    };
    lists.into_iter().flatten()
}

fn lets_put(statement: &Statement) -> bool {
    statement.effect == Effect::Allow && statement.actions.hold("s3:PutObject")
}

/// S3 refuses to switch lists off that grant something to others (S3 User Guide, "Prerequisites for disabling ACLs").
fn ownership(wanted: &mut Bucket, seen: &Bucket) -> Option<Kept> {
    let granted = &seen.surroundings.0.granted;
    let to_be_set =
        wanted.object_ownership.as_deref() == Some(ENFORCED) && seen.object_ownership != wanted.object_ownership;
    if granted.is_empty() || !to_be_set {
        return None;
    }
    wanted.object_ownership.clone_from(&seen.object_ownership);
    Some(Kept {
        reason: format!(
            "the bucket's access control list grants something to {}, and {ENFORCED} is declared: S3 refuses to switch \
             lists off that grant something to others",
            granted.join(", ")
        ),
        hint: "say in the bucket policy what of that is meant, take the grants back (`aws s3api put-bucket-acl --acl \
               private`), then run again; the ownership of objects stays as it is until then"
            .to_owned(),
    })
}

/// "You cannot use MFA delete with lifecycle configurations", and versioning is changed with a code of the root user's
/// device only (S3 User Guide, "Configuring MFA delete").
fn mfa_delete(wanted: &mut Bucket, seen: &Bucket) -> Option<Kept> {
    if !seen.surroundings.0.mfa_delete {
        return None;
    }
    let rule = wanted.kept() != seen.kept() || wanted.lifecycle_rule != seen.lifecycle_rule;
    let versioning = wanted.versioning != seen.versioning;
    let off = "have the root user of the bucket's account switch MFA Delete off";
    let (what, hint) = match (rule, versioning) {
        (false, false) => return None,
        (true, _) => (
            "S3 takes no lifecycle configuration with it: logs cannot expire as declared",
            format!("leave `retention_days` out to keep logs for ever, or {off}, then run again"),
        ),
        (false, true) => {
            ("versioning cannot be switched on without a code of its device", format!("{off}, then run again"))
        }
    };
    wanted.retention_days = seen.retention_days;
    wanted.noncurrent_days = seen.noncurrent_days;
    wanted.lifecycle_rule.clone_from(&seen.lifecycle_rule);
    wanted.versioning = seen.versioning;
    Some(Kept { reason: format!("MFA Delete is on for this bucket, and {what}"), hint })
}

/// Whether versioning stays as it is only since MFA Delete forbids to change it.
pub(super) fn versioning_is_held(wanted: &Bucket, seen: Option<&Bucket>) -> bool {
    seen.is_some_and(|seen| seen.surroundings.0.mfa_delete && seen.versioning == wanted.versioning)
        && wanted.versioning != Versioning::Enabled
}

/// "AWS Config does not support the delivery channel to an Amazon S3 bucket where object lock is enabled with default
/// retention enabled" (AWS Config Developer Guide, "Permissions for the Amazon S3 Bucket").
fn object_lock(wanted: &mut Bucket, seen: &Bucket) -> Option<Kept> {
    let retention = seen.surroundings.0.default_retention.as_ref().filter(|_| wanted.receives_config.0)?;
    Some(Kept {
        reason: format!(
            "Object Lock keeps each new object of this bucket for {} by default ({}), and AWS Config does not deliver to \
             such a bucket",
            retention.time, retention.mode
        ),
        hint: "take the default retention away (Object Lock itself may stay), declare another bucket's `name` under \
               [log_bucket], or leave [config] out, then run again"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests;
