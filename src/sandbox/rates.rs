//! How often AWS lets an account call: the rates that its documents name, as token buckets.
//!
//! What no document names is not limited here: IAM, AWS Config, GuardDuty and the settings of S3's buckets are
//! throttled by AWS too, at rates that it does not tell.

use std::collections::HashMap;

use super::dispatch::Service;
use super::faults::throttled;
use super::wire::Refusal;
use crate::model::AccountId;

/// A documented rate, for each account in each Region; the caller's account is charged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The service, as the credential scope names it.
    pub service: &'static str,
    /// The operations, `*` at the end of a name standing for any rest.
    pub operations: &'static [&'static str],
    /// Where it holds; none is everywhere where no row before says otherwise.
    pub regions: &'static [&'static str],
    /// Whether the operations share one bucket, rather than having one each.
    pub shared: bool,
    /// How many calls a second.
    pub per_second: f64,
    /// How many calls at once, after a rest.
    pub burst: f64,
    /// Who says so.
    pub source: &'static str,
}

const CLOUDTRAIL: &str = "CloudTrail User Guide, \"Quotas in AWS CloudTrail\"; fixed";
const EC2: &str = "EC2 Developer Guide, \"Request throttling\", non-mutating actions; second-hand";
const EVENTS: &str = "EventBridge User Guide, \"Amazon EventBridge quotas\"";
const KMS: &str = "KMS Developer Guide, \"Request quotas\"";
const LAMBDA: &str = "Lambda Developer Guide, \"Lambda quotas\"; fixed";
const SNS: &str = "AWS General Reference, \"Amazon SNS endpoints and quotas\"";
const STS: &str = "IAM User Guide, \"IAM and AWS STS quotas\"; second-hand";

/// SNS operations whose rate depends on the Region.
const SNS_OTHERS: &[&str] = &[
    "ConfirmSubscription",
    "CreateTopic",
    "DeleteTopic",
    "GetSubscriptionAttributes",
    "GetTopicAttributes",
    "SetSubscriptionAttributes",
    "SetTopicAttributes",
];
/// The Regions where SNS is faster than in most.
const SNS_LARGE: &[&str] = &["us-west-2", "eu-west-1"];
const SNS_MIDDLE: &[&str] = &[
    "us-east-2",
    "us-west-1",
    "ap-south-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "eu-central-1",
];

/// A rate whose bucket holds one second's calls, each operation with a bucket of its own.
const fn each(
    service: &'static str,
    operations: &'static [&'static str],
    regions: &'static [&'static str],
    per_second: f64,
    source: &'static str,
) -> Rate {
    Rate { service, operations, regions, shared: false, per_second, burst: per_second, source }
}

/// The same with one bucket for all of them.
const fn together(
    service: &'static str,
    operations: &'static [&'static str],
    regions: &'static [&'static str],
    per_second: f64,
    source: &'static str,
) -> Rate {
    Rate { shared: true, ..each(service, operations, regions, per_second, source) }
}

/// Every documented rate of what is simulated; of several rows about a call the first holds.
pub const RATES: &[Rate] = &[
    each("cloudtrail", &["LookupEvents"], &[], 2.0, CLOUDTRAIL),
    together("cloudtrail", &["Describe*", "Get*", "List*"], &[], 10.0, CLOUDTRAIL),
    together("cloudtrail", &["*"], &[], 1.0, CLOUDTRAIL),
    Rate { burst: 100.0, ..each("ec2", &["DescribeRegions"], &[], 20.0, EC2) },
    each("events", &["PutEvents"], &["us-east-1", "us-west-2", "eu-west-1"], 10_000.0, EVENTS),
    each("events", &["PutEvents"], &["us-east-2", "eu-central-1", "eu-south-2"], 2_400.0, EVENTS),
    each(
        "events",
        &["PutEvents"],
        &["us-west-1", "ap-northeast-1", "ap-southeast-1", "ap-southeast-2", "eu-west-2"],
        1_200.0,
        EVENTS,
    ),
    each(
        "events",
        &["PutEvents"],
        &["ap-east-1", "ap-northeast-2", "ap-south-1", "ca-central-1", "eu-north-1", "eu-west-3", "sa-east-1"],
        600.0,
        EVENTS,
    ),
    each("events", &["PutEvents"], &[], 400.0, EVENTS),
    // "Maximum number of requests per second for EventBridge control plane API operations": one for all.
    together("events", &["*"], &[], 50.0, EVENTS),
    each("kms", &["DescribeKey", "ListResourceTags"], &[], 2_000.0, KMS),
    each("kms", &["GetKeyPolicy", "GetKeyRotationStatus"], &[], 1_000.0, KMS),
    each("kms", &["ListAliases", "ListKeys"], &[], 500.0, KMS),
    each("kms", &["ListKeyPolicies"], &[], 100.0, KMS),
    each("kms", &["DeleteAlias", "EnableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion"], &[], 15.0, KMS),
    each("kms", &["TagResource"], &[], 10.0, KMS),
    each(
        "kms",
        &[
            "CancelKeyDeletion",
            "CreateAlias",
            "CreateKey",
            "DisableKey",
            "DisableKeyRotation",
            "EnableKey",
            "UntagResource",
            "UpdateAlias",
            "UpdateKeyDescription",
        ],
        &[],
        5.0,
        KMS,
    ),
    each("lambda", &["GetFunction"], &[], 100.0, LAMBDA),
    each("lambda", &["GetPolicy"], &[], 15.0, LAMBDA),
    together("lambda", &["*"], &[], 15.0, LAMBDA),
    each("sns", &["Subscribe", "Unsubscribe"], &[], 100.0, SNS),
    each("sns", &["ListSubscriptions", "ListSubscriptionsByTopic", "ListTopics"], &[], 30.0, SNS),
    each("sns", &["ListTagsForResource", "TagResource", "UntagResource"], &[], 10.0, SNS),
    each("sns", &["Publish"], &["us-east-1"], 30_000.0, SNS),
    each("sns", &["Publish"], SNS_LARGE, 9_000.0, SNS),
    each("sns", &["Publish"], SNS_MIDDLE, 1_500.0, SNS),
    each("sns", &["Publish"], &[], 300.0, SNS),
    each("sns", SNS_OTHERS, &["us-east-1"], 3_000.0, SNS),
    each("sns", SNS_OTHERS, SNS_LARGE, 900.0, SNS),
    each("sns", SNS_OTHERS, SNS_MIDDLE, 150.0, SNS),
    each("sns", SNS_OTHERS, &[], 30.0, SNS),
    together("sts", &["*"], &[], 600.0, STS),
];

impl Rate {
    fn is_about(&self, service: &str, operation: &str, region: &str) -> bool {
        let named = |name: &&str| match name.strip_suffix('*') {
            Some(start) => operation.starts_with(start),
            None => **name == *operation,
        };
        self.service == service
            && (self.regions.is_empty() || self.regions.contains(&region))
            && self.operations.iter().any(named)
    }
}

/// Whether calls are throttled, and what is left in the buckets.
#[derive(Debug, Default)]
pub(super) struct Rates {
    on: bool,
    buckets: HashMap<Key, Bucket>,
}

/// Account, Region, row, and the operation where it has a bucket of its own.
type Key = (AccountId, String, usize, Option<String>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    /// When that was so, in seconds since 1970.
    at: f64,
}

impl Rates {
    /// Switches throttling on or off; buckets are full afterwards.
    pub fn switch(&mut self, on: bool) {
        *self = Rates { on, buckets: HashMap::new() };
    }

    /// Whether calls are throttled.
    pub fn are_on(&self) -> bool {
        self.on
    }

    /// Takes a call out of its bucket.
    ///
    /// # Errors
    /// The service's throttling error, where the bucket is empty.
    pub fn charge(
        &mut self,
        service: &Service,
        operation: &str,
        account: AccountId,
        region: &str,
        now: f64,
    ) -> Result<(), Refusal> {
        let row =
            if self.on { RATES.iter().position(|rate| rate.is_about(service.name, operation, region)) } else { None };
        let Some((row, rate)) = row.and_then(|row| Some((row, RATES.get(row)?))) else { return Ok(()) };
        let own = (!rate.shared).then(|| operation.to_owned());
        let full = Bucket { left: rate.burst, at: now };
        let bucket = self.buckets.entry((account, region.to_owned(), row, own)).or_insert(full);
        let since = (now - bucket.at).max(0.0);
        bucket.left = (bucket.left + since * rate.per_second).min(rate.burst);
        bucket.at = now;
        // Milliseconds are not exact in binary: a call that waited its whole second is not one too many.
        if bucket.left + 1e-6 < 1.0 {
            return Err(throttled(service));
        }
        bucket.left = (bucket.left - 1.0).max(0.0);
        Ok(())
    }
}
