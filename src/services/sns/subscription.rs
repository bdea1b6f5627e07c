use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::{Notify, NotifySubscription, Protocol};
use super::endpoint::Endpoint;
use super::reach::topic_arn;
use crate::model::{Address, Arn, Region, Target};
use crate::services::{About, Aside, Declared, Kept, Kind, Resource, Tags, Terms};

/// A subscription to a topic. Redrive and delivery policies are its owner's and stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// What is subscribed to.
    pub topic: Arn,
    /// How the endpoint is reached.
    pub protocol: Protocol,
    /// Where messages go.
    pub endpoint: Endpoint,
    /// Whether messages come without SNS's envelope.
    pub raw_message_delivery: bool,
    /// Which messages arrive: ours have no such filter, so that all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_policy: Option<Value>,
    /// What else somebody set, by the names of its attributes: nothing that this tool decides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_attributes: BTreeMap<String, String>,
    /// Whether nobody has confirmed it: until then SNS delivers nothing.
    #[serde(skip)]
    pub pending: Aside<bool>,
}

/// Subscriptions have no tags.
static NO_TAGS: Tags = Tags::new();

/// What should be, for one declared endpoint and the topic of one Region.
pub(super) fn spec(
    declared: &Declared<'_>,
    notify: &Notify,
    subscription: &NotifySubscription,
    region: &Region,
) -> Subscription {
    Subscription {
        topic: topic_arn(declared, notify, region),
        protocol: subscription.protocol,
        endpoint: subscription.endpoint.clone(),
        raw_message_delivery: subscription.raw_message_delivery,
        filter_policy: None,
        other_attributes: BTreeMap::new(),
        pending: Aside(subscription.arn().is_none()),
    }
}

/// Where a subscription is: in the account that makes it, in its topic's Region.
pub(super) fn address(target: &Target, notify: &Notify, subscription: &NotifySubscription) -> Address {
    let name = format!("{}:{}:{}", notify.topic, subscription.protocol, subscription.endpoint.tag());
    Address::new(target.clone(), Kind::SnsSubscription, name)
}

impl Resource for Subscription {
    const ABOUT: About = About {
        lives: "a function's or queue's account, else the security account; every Region with a topic",
        without: "nobody hears",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        self.other_attributes.clone_from(&seen.other_attributes);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn undelivered(&self) -> Option<Kept> {
        if !self.pending.0 {
            return None;
        }
        let Subscription { topic, protocol, endpoint, .. } = self;
        let region = topic.region().map_or("", Region::as_str);
        let (who, what) = match protocol {
            Protocol::Email => ("its recipient has not followed the link in SNS's mail", endpoint.shown()),
            _ => ("whoever listens there has not confirmed it", "URL"),
        };
        Some(Kept {
            reason: format!("{endpoint} is not confirmed: {who}"),
            hint: format!(
                "confirm it; this sends another request: aws sns subscribe --region {region} --topic-arn {topic} \
                 --protocol {protocol} --notification-endpoint {what}"
            ),
        })
    }

    fn refusals(&self, seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        if let Some(seen) = seen
            && (seen.topic != self.topic || seen.endpoint != self.endpoint || seen.protocol != self.protocol)
        {
            refusals.push(format!("a subscription of {} would be turned into another", seen.endpoint));
        }
        if self.raw_message_delivery && !matches!(self.protocol, Protocol::Sqs | Protocol::Https) {
            refusals.push(format!("{} does not know raw message delivery", self.protocol));
        }
        refusals
    }
}
