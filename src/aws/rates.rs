//! The rates that AWS documents, per account, Region and class of operation. What is not here is not documented, and
//! goes as fast as it can until AWS throttles it.

/// Whether AWS's documented rates are kept to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rates {
    /// Requests are spaced so that no documented rate is exceeded.
    #[default]
    Aws,
    /// Nothing is spaced before it is throttled: for simulations that have no rates.
    Off,
}

/// So many at once, and so many more in each second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    pub burst: u32,
    pub per_second: f64,
}

impl Rate {
    /// Half at once and half in each second: whichever second AWS counts, it sees no more than it allows, and the few
    /// requests that one look at a Region takes do not wait for each other.
    const fn within(per_second: u32) -> Self {
        let burst = if per_second < 2 { 1 } else { per_second / 2 };
        Rate { burst, per_second: (per_second - burst) as f64 }
    }
}

/// The operations that share one rate.
struct Row {
    service: &'static str,
    /// Names, or beginnings of names that end with `*`.
    operations: &'static [&'static str],
    shared: Shared,
    rate: Rate,
}

/// Who has a rate in common.
enum Shared {
    /// All operations of the row together.
    Together(&'static str),
    /// Each operation has it to itself.
    Each,
}

use Shared::{Each, Together};

/// CloudTrail takes one write a second, fixed; a little more than a second between two, since the rate is measured at
/// the other end of the road.
const ONE_WRITE: Rate = Rate { burst: 1, per_second: 1.0 / 1.1 };

/// The first row that fits counts.
const ROWS: &[Row] = &[
    // IAM User Guide, "IAM and AWS STS quotas", STS request quotas: shared, and charged to the caller's account.
    Row {
        service: "sts",
        operations: &["AssumeRole", "GetCallerIdentity"],
        shared: Together("calls"),
        rate: Rate::within(600),
    },
    // EC2 Developer Guide, "Request throttling", non-mutating actions: a bucket of 100, refilled with 20 a second.
    Row {
        service: "ec2",
        operations: &["Describe*"],
        shared: Together("reads"),
        rate: Rate { burst: 100, per_second: 20.0 },
    },
    // CloudTrail User Guide, "Quotas in AWS CloudTrail": fixed.
    Row { service: "cloudtrail", operations: &["LookupEvents"], shared: Each, rate: Rate::within(2) },
    Row {
        service: "cloudtrail",
        operations: &["Describe*", "Get*", "List*"],
        shared: Together("reads"),
        rate: Rate::within(10),
    },
    Row { service: "cloudtrail", operations: &["*"], shared: Together("writes"), rate: ONE_WRITE },
    // EventBridge User Guide, "EventBridge quotas", throttle limit of everything but PutEvents.
    Row { service: "eventbridge", operations: &["PutEvents"], shared: Each, rate: Rate::within(1200) },
    Row { service: "eventbridge", operations: &["*"], shared: Together("calls"), rate: Rate::within(50) },
    // SNS API Reference, of each action: "throttled at … transactions per second".
    Row {
        service: "sns",
        operations: &["ListTopics", "ListSubscriptions", "ListSubscriptionsByTopic"],
        shared: Each,
        rate: Rate::within(30),
    },
    Row { service: "sns", operations: &["Subscribe", "Unsubscribe"], shared: Each, rate: Rate::within(100) },
    Row { service: "sns", operations: &["TagResource"], shared: Each, rate: Rate::within(10) },
    // KMS Developer Guide, "Request quotas": each operation has its own.
    Row {
        service: "kms",
        operations: &["CreateKey", "CreateAlias", "UpdateAlias", "UpdateKeyDescription"],
        shared: Each,
        rate: Rate::within(5),
    },
    Row {
        service: "kms",
        operations: &["PutKeyPolicy", "EnableKeyRotation", "ScheduleKeyDeletion"],
        shared: Each,
        rate: Rate::within(15),
    },
    Row { service: "kms", operations: &["TagResource"], shared: Each, rate: Rate::within(10) },
    Row { service: "kms", operations: &["ListAliases", "ListKeys"], shared: Each, rate: Rate::within(500) },
    Row {
        service: "kms",
        operations: &["GetKeyPolicy", "GetKeyRotationStatus"],
        shared: Each,
        rate: Rate::within(1000),
    },
    Row { service: "kms", operations: &["DescribeKey"], shared: Each, rate: Rate::within(2000) },
];

/// The class that an operation belongs to, and its documented rate; without one, the class is the whole service.
pub(super) fn of(service: &str, operation: &'static str) -> (&'static str, Option<Rate>) {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => operation.starts_with(beginning),
        None => operation == pattern,
    };
    match ROWS.iter().find(|row| row.service == service && row.operations.iter().any(|one| fits(one))) {
        Some(Row { shared: Together(class), rate, .. }) => (class, Some(*rate)),
        Some(Row { shared: Each, rate, .. }) => (operation, Some(*rate)),
        None => ("", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_sees_more_than_is_documented() {
        for (service, operation, allowed) in [
            ("cloudtrail", "CreateTrail", 1.0),
            ("cloudtrail", "GetTrailStatus", 10.0),
            ("cloudtrail", "LookupEvents", 2.0),
            ("eventbridge", "PutRule", 50.0),
            ("kms", "CreateKey", 5.0),
            ("kms", "PutKeyPolicy", 15.0),
            ("kms", "TagResource", 10.0),
            ("sns", "ListSubscriptions", 30.0),
            ("sns", "Subscribe", 100.0),
            ("sts", "AssumeRole", 600.0),
        ] {
            let (_, rate) = of(service, operation);
            let rate = rate.unwrap_or_else(|| panic!("{service}:{operation} has no rate"));
            // The last of the burst and the first of the refill fall into the same second.
            let in_a_second = f64::from(rate.burst) + (rate.per_second - 1.0).max(0.0).floor();
            assert!(in_a_second <= allowed, "{service}:{operation}: {rate:?}");
            assert!(f64::from(rate.burst) + rate.per_second >= allowed * 0.9, "{service}:{operation}: {rate:?}");
        }
    }

    #[test]
    fn operations_share_a_rate_where_aws_says_so_and_no_other() {
        let class = |service, operation| of(service, operation).0;
        assert_eq!(class("cloudtrail", "CreateTrail"), class("cloudtrail", "AddTags"));
        assert_ne!(class("cloudtrail", "CreateTrail"), class("cloudtrail", "DescribeTrails"));
        assert_eq!(class("sts", "AssumeRole"), class("sts", "GetCallerIdentity"));
        assert_ne!(class("kms", "CreateKey"), class("kms", "CreateAlias"));
        for undocumented in [("config", "PutConfigRule"), ("guardduty", "CreateDetector"), ("s3", "PutBucketPolicy")] {
            assert_eq!(of(undocumented.0, undocumented.1), ("", None));
        }
    }
}
