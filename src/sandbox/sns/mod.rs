//! SNS (API version 2010-03-31): standard topics, subscriptions, and messages on their way.

mod access;
mod courier;
mod form;
mod link;
mod publish;
mod subscriptions;
mod topics;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::dispatch::{Call, Service};
use super::wire::{Answer, Node, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

pub(super) use courier::{Courier, Post};
pub(super) use link::follow;
pub(super) use publish::publish_for_events;
pub(super) use subscriptions::confirm_from_outside;

/// The namespace of its answers.
pub(super) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "sns",
    protocol: Protocol::Query(NAMESPACE),
    route: None,
    resource: |world, call| {
        let named = ["TopicArn", "ResourceArn", "SubscriptionArn", "TargetArn"].iter().find_map(|m| call.text(m));
        named.map_or_else(
            || arn(world, call.account(), call.region, call.text("Name").unwrap_or("*")).to_string(),
            str::to_owned,
        )
    },
    handle,
};

/// How many messages that went nowhere, or out of the simulation, are remembered.
const REMEMBERED: usize = 1000;

/// Topics, subscriptions, and messages that left them.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By account, Region and name.
    topics: BTreeMap<Key, Topic>,
    /// By ARN.
    subscriptions: BTreeMap<String, Subscription>,
    /// Those that were removed, and are listed still.
    removed: Vec<Subscription>,
    /// Requests that wait to be sent, once the world is unlocked.
    pub posts: VecDeque<Post>,
    /// Whether somebody sends them: nobody does without a server.
    pub has_courier: bool,
    /// Tells whoever sends them.
    pub waiting: Arc<Notify>,
    /// The latest messages that callers and services published, whether or not anybody subscribes.
    published: VecDeque<Published>,
    /// The latest messages that left the simulation: to mailboxes, functions and endpoints.
    outbox: VecDeque<Sent>,
    /// The latest that a subscription did not get.
    undelivered: VecDeque<Undelivered>,
}

type Key = (AccountId, Region, String);

/// A topic.
#[derive(Debug, Clone)]
struct Topic {
    arn: Arn,
    policy: String,
    /// As they were set, without `Policy`.
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    /// How many subscriptions were deleted.
    deleted: usize,
}

/// A subscription.
#[derive(Debug, Clone)]
struct Subscription {
    arn: Arn,
    topic: Key,
    owner: AccountId,
    /// The ARN of who subscribed.
    principal: Arn,
    protocol: String,
    endpoint: String,
    /// What confirms it, until it is.
    token: Option<String>,
    /// Whether the subscriber is the endpoint's owner.
    authenticated: bool,
    attributes: BTreeMap<String, String>,
}

impl Subscription {
    /// Whether its filter lets a message through (SNS Developer Guide, "Message filtering"): by the attributes of the
    /// message, of which those that are simulated have none, or by its body.
    fn takes(&self, text: &str) -> bool {
        let Some(filter) = self.attributes.get("FilterPolicy") else { return true };
        let body = self.attributes.get("FilterPolicyScope").is_some_and(|scope| scope == "MessageBody");
        let looked_at = if body { serde_json::from_str(text).unwrap_or(Value::Null) } else { json!({}) };
        looked_at.is_object() && super::events::Pattern::parse(filter).is_ok_and(|filter| filter.matches(&looked_at))
    }

    fn is_raw(&self) -> bool {
        self.attributes.get("RawMessageDelivery").is_some_and(|text| text == "true")
    }
}

/// A message that a topic got.
#[derive(Debug, Clone)]
struct Published {
    id: String,
    topic: Arn,
    subject: Option<String>,
    message: String,
    /// In seconds since 1970.
    at: f64,
}

/// A message that left the simulation.
#[derive(Debug, Clone)]
struct Sent {
    protocol: String,
    endpoint: String,
    body: String,
    /// `sent`, `refused: …`, or why it stays in the simulation.
    outcome: String,
}

/// A message that a subscription did not get.
#[derive(Debug, Clone)]
struct Undelivered {
    subscription: String,
    endpoint: String,
    reason: String,
}

impl State {
    /// Remembers what left.
    fn record(&mut self, protocol: &str, endpoint: &str, body: &str, outcome: &str) {
        let (protocol, endpoint) = (protocol.to_owned(), endpoint.to_owned());
        self.outbox.push_back(Sent { protocol, endpoint, body: body.to_owned(), outcome: outcome.to_owned() });
        if self.outbox.len() > REMEMBERED {
            self.outbox.pop_front();
        }
    }

    /// Remembers what did not arrive.
    fn regret(&mut self, subscription: &str, endpoint: &str, reason: &str) {
        self.undelivered.push_back(Undelivered {
            subscription: subscription.to_owned(),
            endpoint: endpoint.to_owned(),
            reason: reason.to_owned(),
        });
        if self.undelivered.len() > REMEMBERED {
            self.undelivered.pop_front();
        }
    }

    /// The subscriptions of a topic.
    fn of_topic<'a>(&'a self, topic: &'a Key) -> impl Iterator<Item = &'a Subscription> {
        self.subscriptions.values().filter(move |subscription| subscription.topic == *topic)
    }
}

/// The ARN of a topic.
fn arn(world: &World, account: AccountId, region: &Region, name: &str) -> Arn {
    Arn::new(world.partition, "sns", Some(region), Some(account), name)
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let members = match call.operation {
        "CreateTopic" => topics::create(world, call),
        "GetTopicAttributes" => topics::get(world, call),
        "SetTopicAttributes" => topics::set(world, call),
        "ListTopics" => topics::list(world, call),
        "DeleteTopic" => topics::delete(world, call),
        "TagResource" => topics::tag(world, call),
        "UntagResource" => topics::untag(world, call),
        "ListTagsForResource" => topics::tags(world, call),
        "Subscribe" => subscriptions::subscribe(world, call),
        "ConfirmSubscription" => subscriptions::confirm(world, call),
        "Unsubscribe" => subscriptions::unsubscribe(world, call),
        "ListSubscriptions" => subscriptions::list(world, call),
        "ListSubscriptionsByTopic" => subscriptions::list_by_topic(world, call),
        "GetSubscriptionAttributes" => subscriptions::get(world, call),
        "SetSubscriptionAttributes" => subscriptions::set(world, call),
        "Publish" => publish::publish(world, call),
        _ => Err(call.not_simulated()),
    };
    members.map(Answer::Xml)
}

fn invalid(message: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, "InvalidParameter", format!("Invalid parameter: {message}"))
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(404, "NotFound", format!("{what} does not exist"))
}

/// A map as query answers carry it.
fn entries(name: &str, map: &BTreeMap<String, String>) -> Node {
    Node::new(name).with_all(
        map.iter().map(|(key, value)| Node::new("entry").with(Node::text("key", key)).with(Node::text("value", value))),
    )
}

/// One page of a list, of 100 (SNS API Reference).
fn page(call: &Call<'_>, member: &str, items: Vec<Node>) -> Result<Vec<Node>, Refusal> {
    let start: usize = match call.text("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("NextToken"))?,
    };
    let end = start.saturating_add(100).min(items.len());
    let mut out = Vec::new();
    if end < items.len() {
        out.push(Node::text("NextToken", end.to_string()));
    }
    out.insert(0, Node::new(member).with_all(items.into_iter().skip(start).take(100)));
    Ok(out)
}

/// The tags of a topic.
pub(super) fn tags_of<'a>(world: &'a mut World, arn: &Arn) -> Option<&'a mut BTreeMap<String, String>> {
    world.sns.topics.values_mut().find(|topic| topic.arn == *arn).map(|topic| &mut topic.tags)
}

/// What the control endpoint shows: topics, subscriptions, what was published, what left, what did not arrive.
pub(super) fn state(world: &World) -> [Value; 5] {
    let document = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let state = &world.sns;
    let topics = state.topics.values().map(|topic| {
        json!({
            "arn": topic.arn, "policy": document(&topic.policy), "attributes": topic.attributes, "tags": topic.tags,
        })
    });
    let subscriptions = state.subscriptions.values().map(|subscription| {
        json!({
            "arn": subscription.arn, "owner": subscription.owner, "protocol": subscription.protocol,
            "endpoint": subscription.endpoint, "confirmed": subscription.token.is_none(),
            "attributes": subscription.attributes,
        })
    });
    let published = state.published.iter().map(|one| {
        json!({
            "id": one.id, "topic": one.topic, "subject": one.subject, "message": one.message,
            "at": super::world::iso(one.at),
        })
    });
    let outbox = state.outbox.iter().map(|sent| {
        json!({
            "protocol": sent.protocol, "endpoint": sent.endpoint, "body": sent.body, "outcome": sent.outcome,
        })
    });
    let undelivered = state
        .undelivered
        .iter()
        .map(|lost| json!({ "subscription": lost.subscription, "endpoint": lost.endpoint, "reason": lost.reason }));
    [topics.collect(), subscriptions.collect(), published.collect(), outbox.collect(), undelivered.collect()]
}
