//! Which topic reaches which endpoint, and who subscribes it.

use std::collections::BTreeSet;

use super::config::{Notify, NotifySubscription, Protocol};
use crate::model::{AccountId, Arn, Partition, Region};
use crate::services::Declared;

/// The ARN of the topic of a Region.
pub(in crate::services) fn topic_arn(declared: &Declared<'_>, notify: &Notify, region: &Region) -> Arn {
    let profiles = declared.profiles;
    Arn::new(profiles.partition, "sns", Some(region), Some(profiles.security), &notify.topic)
}

/// Who subscribes an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::services) enum Subscriber {
    /// The security account: the endpoint is in no account.
    Security,
    /// The account that owns the endpoint and gets the baseline.
    Owner(AccountId),
    /// Somebody whom this run does not act for.
    Outside(AccountId),
}

/// Who subscribes an endpoint. A subscription that the owner makes needs no confirmation (SNS Developer Guide, "Sending
/// messages to a queue in a different account").
pub(in crate::services) fn subscriber(declared: &Declared<'_>, subscription: &NotifySubscription) -> Subscriber {
    match subscription.arn().and_then(Arn::account) {
        None => Subscriber::Security,
        Some(id) if declared.profiles.baselined().any(|account| account.id == id) => Subscriber::Owner(id),
        Some(id) => Subscriber::Outside(id),
    }
}

/// The endpoints of a protocol that an account subscribes as their owner.
pub(in crate::services) fn subscribed_from<'a>(
    declared: &Declared<'a>,
    account: AccountId,
    protocol: Protocol,
) -> impl Iterator<Item = (&'a NotifySubscription, &'a Arn)> {
    let declared = *declared;
    let listed = declared.baseline.notify.iter().flat_map(|notify| &notify.subscriptions);
    listed
        .filter(move |subscription| subscription.protocol == protocol)
        .filter(move |subscription| subscriber(&declared, subscription) == Subscriber::Owner(account))
        .filter_map(|subscription| Some((subscription, subscription.arn()?)))
}

/// Whether SNS delivers from one Region to another, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::services) enum Reach {
    /// It does, as one of these service principals: more than one only where AWS does not say which.
    As(BTreeSet<String>),
    /// It does not.
    Never,
}

/// Osaka counts among the opt-in Regions on SNS's own page (SNS Developer Guide, "Sending messages to a queue or function
/// in a different Region") and for EC2 does not (`DescribeRegions`: `opt-in-not-required`): both are prepared for.
const EITHER_WAY: &str = "ap-northeast-3";

/// As whom SNS delivers from a topic to a function or a queue.
///
/// Source: SNS Developer Guide, "Sending messages to a queue or function in a different Region" and "Prerequisites for
/// integrating SNS with Lambda functions across Regions". Across Regions the principal names the opt-in Region that takes
/// part; functions in opt-in Regions get nothing from other Regions, and nothing crosses from one opt-in Region to
/// another.
pub(in crate::services) fn principal(
    partition: Partition,
    protocol: Protocol,
    topic: &Region,
    endpoint: &Region,
) -> Reach {
    let either = [topic, endpoint].iter().any(|region| region.as_str() == EITHER_WAY);
    let ways: &[bool] = if either { &[false, true] } else { &[false] };
    let names: BTreeSet<String> =
        ways.iter().filter_map(|opted| principal_if(partition, protocol, topic, endpoint, *opted)).collect();
    if names.is_empty() { Reach::Never } else { Reach::As(names) }
}

/// The names as which SNS delivers; none where it does not.
pub(in crate::services) fn delivers_as(
    partition: Partition,
    protocol: Protocol,
    topic: &Region,
    endpoint: &Region,
) -> BTreeSet<String> {
    match principal(partition, protocol, topic, endpoint) {
        Reach::As(names) => names,
        Reach::Never => BTreeSet::new(),
    }
}

/// The same, where it is known whether the Region of which AWS says both is an opt-in one.
fn principal_if(
    partition: Partition,
    protocol: Protocol,
    topic: &Region,
    endpoint: &Region,
    opted: bool,
) -> Option<String> {
    let opt_in = |region: &Region| match region.as_str() {
        EITHER_WAY => opted,
        name => partition.known_regions().iter().any(|known| known.opt_in && known.name == name),
    };
    let of = |region: &Region| Some(format!("sns.{region}.amazonaws.com"));
    match (opt_in(topic), opt_in(endpoint)) {
        _ if topic == endpoint => Some("sns.amazonaws.com".to_owned()),
        (false, false) => Some("sns.amazonaws.com".to_owned()),
        (true, false) => of(topic),
        (false, true) if protocol == Protocol::Sqs => of(endpoint),
        (false | true, true) => None,
    }
}
