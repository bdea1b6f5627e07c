//! Subscriptions: made, confirmed, listed and removed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::access::{denied, find};
use super::{Key, Subscription, entries, form, invalid, not_found, page, publish, topics};
use crate::model::{AccountId, Arn};
use crate::sandbox::dispatch::Call;
use crate::sandbox::events::Pattern;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::World;

/// What can be set (SNS API Reference, `SetSubscriptionAttributes`), without what is not simulated.
const SETTABLE: [&str; 5] =
    ["RawMessageDelivery", "DeliveryPolicy", "RedrivePolicy", "FilterPolicy", "FilterPolicyScope"];

pub(super) fn subscribe(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let topic = find(world, call, "TopicArn")?;
    let protocol = call.text("Protocol").unwrap_or_default();
    let endpoint = call.text("Endpoint").unwrap_or_default();
    let owner = check_endpoint(world, protocol, endpoint)?;
    let mut attributes = BTreeMap::new();
    for (name, value) in form::map(call, "Attributes") {
        apply(&mut attributes, protocol, &name, &value)?;
    }
    // Whoever owns the endpoint need not be asked (SNS Developer Guide, "Sending Amazon SNS messages to an Amazon SQS
    // queue in a different account").
    let confirmed = owner == Some(call.account());
    let there = world
        .sns
        .of_topic(&topic)
        .find(|other| other.protocol == protocol && other.endpoint == endpoint && other.owner == call.account());
    let arn = match there {
        Some(there) => {
            if attributes.iter().any(|(name, value)| there.attributes.get(name) != Some(value)) {
                return Err(invalid("Attributes Reason: Subscription already exists with different attributes"));
            }
            there.arn.clone()
        }
        None => {
            let resource = format!("{}:{}", topic.2, world.ids.uuid());
            let arn = Arn::new(world.partition, "sns", Some(call.region), Some(topic.0), resource);
            let subscription = Subscription {
                arn: arn.clone(),
                topic: topic.clone(),
                owner: call.account(),
                principal: call.caller.role.clone().unwrap_or_else(|| call.caller.arn.clone()),
                protocol: protocol.to_owned(),
                endpoint: endpoint.to_owned(),
                token: (!confirmed).then(|| world.ids.unique("simulated", 32)),
                authenticated: confirmed,
                attributes,
            };
            world.sns.subscriptions.insert(arn.to_string(), subscription);
            arn
        }
    };
    let pending = world.sns.subscriptions.get(&arn.to_string()).is_some_and(|made| made.token.is_some());
    if pending {
        // Subscribing again asks again.
        publish::ask(world, &arn);
    }
    let shown = if pending && call.text("ReturnSubscriptionArn") != Some("true") {
        "pending confirmation".to_owned()
    } else {
        arn.to_string()
    };
    Ok(vec![Node::text("SubscriptionArn", shown)])
}

/// Checks a protocol's endpoint; gives the account that owns it, where an ARN says so.
fn check_endpoint(world: &World, protocol: &str, endpoint: &str) -> Result<Option<AccountId>, Refusal> {
    let wrong = |why: &str| invalid(format!("Endpoint Reason: {why}: {endpoint}"));
    match protocol {
        "sqs" | "lambda" => {
            let arn: Arn = endpoint.parse().map_err(|_| wrong("not an ARN"))?;
            let plain = arn.service() == protocol && arn.partition() == world.partition && arn.region().is_some();
            if !plain || arn.account().is_none() {
                return Err(wrong(if protocol == "sqs" { "SQS endpoint ARN" } else { "Lambda endpoint ARN" }));
            }
            Ok(arn.account())
        }
        "email" | "email-json" => match endpoint.split_once('@') {
            Some((name, host)) if !name.is_empty() && !host.is_empty() => Ok(None),
            _ => Err(invalid("Email address")),
        },
        "https" if endpoint.starts_with("https://") => Ok(None),
        "http" if endpoint.starts_with("http://") => match loopback(endpoint) {
            Some(_) => Ok(None),
            None => Err(wrong("this simulation sends over http to an address of loopback with a port only")),
        },
        "http" | "https" => Err(invalid("Endpoint must match the specified protocol")),
        other => Err(invalid(format!("Does not support this protocol string: {other}"))),
    }
}

/// The address of a URL on loopback: an IP address, since a name could lead anywhere.
pub(super) fn loopback(url: &str) -> Option<SocketAddr> {
    let rest = url.strip_prefix("http://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let address: SocketAddr = match host.parse() {
        Ok(address) => address,
        Err(_) => SocketAddr::new(host.parse::<IpAddr>().ok()?, 80),
    };
    address.ip().is_loopback().then_some(address)
}

/// Sets one attribute.
fn apply(attributes: &mut BTreeMap<String, String>, protocol: &str, name: &str, value: &str) -> Result<(), Refusal> {
    if !SETTABLE.contains(&name) {
        return Err(invalid("AttributeName"));
    }
    let valid = match name {
        "RawMessageDelivery" => {
            ["true", "false"].contains(&value) && (value == "false" || ["sqs", "http", "https"].contains(&protocol))
        }
        "FilterPolicyScope" => ["MessageAttributes", "MessageBody"].contains(&value),
        // An empty object takes a filter off (SNS Developer Guide, "Removing a subscription filter policy").
        "FilterPolicy" => value == "{}" || Pattern::parse(value).is_ok(),
        _ => value.is_empty() || topics::is_json(value),
    };
    if !valid {
        return Err(invalid(format!("Attributes Reason: {name}: {value}")));
    }
    if value.is_empty() || (name == "FilterPolicy" && value == "{}") {
        attributes.remove(name);
    } else {
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

pub(super) fn confirm(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let token = call.text("Token").unwrap_or_default();
    let arn = confirm_by_token(world, call.text("TopicArn").unwrap_or_default(), token)?;
    Ok(vec![Node::text("SubscriptionArn", arn.to_string())])
}

/// Confirms the subscription of a topic that has the token.
pub(super) fn confirm_by_token(world: &mut World, topic: &str, token: &str) -> Result<Arn, Refusal> {
    let topic: Arn = topic.parse().map_err(|_| invalid("TopicArn"))?;
    let of_topic = |found: &&mut Subscription| {
        let (account, region, name) = &found.topic;
        topic.account() == Some(*account) && topic.region() == Some(region) && topic.resource() == name
    };
    let found = world.sns.subscriptions.values_mut().filter(|found| of_topic(found));
    let mut found = found.filter(|found| found.token.as_deref() == Some(token));
    let subscription = found.next().ok_or_else(|| invalid("Token"))?;
    subscription.token = None;
    Ok(subscription.arn.clone())
}

/// Confirms a subscription as the reader of a mailbox would. By its ARN or its endpoint.
pub(in crate::sandbox) fn confirm_from_outside(world: &mut World, subscription: &str) -> Result<(), String> {
    let mut done = false;
    for found in world.sns.subscriptions.values_mut() {
        if found.endpoint == subscription || found.arn.to_string() == subscription {
            found.token = None;
            done = true;
        }
    }
    done.then_some(()).ok_or_else(|| format!("there is no subscription with the ARN or the endpoint {subscription}"))
}

/// The subscription that a call names, of the caller or of a topic of the caller's.
fn named<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut Subscription, Refusal> {
    let arn = call.text("SubscriptionArn").unwrap_or_default();
    if arn.parse::<Arn>().is_err() {
        return Err(invalid("SubscriptionArn Reason: An ARN is expected"));
    }
    let found = world.sns.subscriptions.get_mut(arn).filter(|found| found.topic.1 == *call.region);
    let found = found.ok_or_else(|| not_found("Subscription"))?;
    if found.owner == call.account() || found.topic.0 == call.account() {
        Ok(found)
    } else {
        Err(denied(call, arn, "because no identity-based policy allows the action"))
    }
}

pub(super) fn unsubscribe(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let arn = match named(world, call) {
        Ok(found) if found.token.is_some() => {
            return Err(invalid(
                "SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation",
            ));
        }
        Ok(found) => found.arn.to_string(),
        // What is not there is unsubscribed.
        Err(refusal) if refusal.code == "NotFound" => return Ok(Vec::new()),
        Err(refusal) => return Err(refusal),
    };
    remove(world, &arn);
    Ok(Vec::new())
}

/// Removes a subscription; its topic counts it, and lists it as deleted from then on, as SNS does for some days.
pub(super) fn remove(world: &mut World, arn: &str) {
    if let Some(gone) = world.sns.subscriptions.remove(arn)
        && let Some(topic) = world.sns.topics.get_mut(&gone.topic)
    {
        topic.deleted += 1;
        world.sns.removed.push(gone);
    }
}

fn member(world: &World, subscription: &Subscription) -> Node {
    let arn = match subscription.token {
        Some(_) => "PendingConfirmation".to_owned(),
        None => subscription.arn.to_string(),
    };
    shown(world, subscription, arn)
}

fn shown(world: &World, subscription: &Subscription, arn: String) -> Node {
    let topic = |key: &Key| world.sns.topics.get(key).map(|topic| topic.arn.to_string()).unwrap_or_default();
    Node::new("member")
        .with(Node::text("TopicArn", topic(&subscription.topic)))
        .with(Node::text("Protocol", &subscription.protocol))
        .with(Node::text("SubscriptionArn", arn))
        .with(Node::text("Owner", subscription.owner.to_string()))
        .with(Node::text("Endpoint", &subscription.endpoint))
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let own =
        world.sns.subscriptions.values().filter(|found| found.owner == call.account() && found.topic.1 == *call.region);
    page(call, "Subscriptions", own.map(|found| member(world, found)).collect())
}

pub(super) fn list_by_topic(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let topic = find(world, call, "TopicArn")?;
    // What was removed goes first: whoever looks for the first one of an endpoint finds that.
    let removed = world.sns.removed.iter().filter(|gone| gone.topic == topic);
    let items = removed.map(|gone| shown(world, gone, "Deleted".to_owned()));
    let items = items.chain(world.sns.of_topic(&topic).map(|found| member(world, found))).collect();
    page(call, "Subscriptions", items)
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let found = named(world, call)?.clone();
    let topic = world.sns.topics.get(&found.topic).map(|topic| topic.arn.to_string()).unwrap_or_default();
    let mut all = found.attributes.clone();
    for (name, value) in [
        ("SubscriptionArn", found.arn.to_string()),
        ("TopicArn", topic),
        ("Owner", found.owner.to_string()),
        ("Protocol", found.protocol.clone()),
        ("Endpoint", found.endpoint.clone()),
        ("PendingConfirmation", found.token.is_some().to_string()),
        ("ConfirmationWasAuthenticated", found.authenticated.to_string()),
        ("RawMessageDelivery", found.is_raw().to_string()),
        ("SubscriptionPrincipal", found.principal.to_string()),
    ] {
        all.insert(name.to_owned(), value);
    }
    Ok(vec![entries("Attributes", &all)])
}

pub(super) fn set(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let found = named(world, call)?;
    let name = call.text("AttributeName").unwrap_or_default();
    let value = call.text("AttributeValue").unwrap_or_default();
    let protocol = found.protocol.clone();
    apply(&mut found.attributes, &protocol, name, value)?;
    Ok(Vec::new())
}
