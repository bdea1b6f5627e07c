//! Topics: created, their attributes and tags.

use std::collections::BTreeMap;

use serde_json::Value;

use super::access::{default_policy, find, find_own};
use super::{Key, Topic, arn, entries, form, invalid, not_found, page};
use crate::policy::Policy;
use crate::sandbox::authz::check_principals;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::World;

/// The largest policy of a topic, in bytes (SNS API Reference gives no number; the quota is 30 KB).
const POLICY_MAX: usize = 30 * 1024;
/// What can be set besides `Policy` (SNS API Reference, `SetTopicAttributes`).
const SETTABLE: [&str; 5] = ["DisplayName", "KmsMasterKeyId", "DeliveryPolicy", "SignatureVersion", "TracingConfig"];

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let name = call.text("Name").unwrap_or_default();
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if name.is_empty() || name.len() > 256 || !valid {
        return Err(invalid("Topic Name"));
    }
    let key: Key = (call.account(), call.region.clone(), name.to_owned());
    let topic_arn = arn(world, key.0, &key.1, name);
    let mut fresh = Topic {
        arn: topic_arn.clone(),
        policy: default_policy(world, key.0, &key.1, name),
        attributes: BTreeMap::new(),
        tags: read_tags(call)?,
        deleted: 0,
    };
    let attributes = form::map(call, "Attributes");
    for (name, value) in &attributes {
        apply(world, &mut fresh, name, value)?;
    }
    match world.sns.topics.get(&key) {
        None => {
            world.sns.topics.insert(key, fresh);
        }
        Some(there) => {
            let same = |name: &String| match name.as_str() {
                "Policy" => equivalent(&there.policy, &fresh.policy),
                name => there.attributes.get(name) == fresh.attributes.get(name),
            };
            if !attributes.keys().all(same) {
                return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
            }
            if form::has(call, "Tags") && there.tags != fresh.tags {
                return Err(invalid("Tags Reason: Topic already exists with different tags"));
            }
        }
    }
    Ok(vec![Node::text("TopicArn", topic_arn.to_string())])
}

fn equivalent(one: &str, other: &str) -> bool {
    one == other || matches!((Policy::parse(one), Policy::parse(other)), (Ok(one), Ok(other)) if one.equivalent(&other))
}

/// Sets one attribute. An empty text takes a key or a display name off, and brings the first policy back.
fn apply(world: &World, topic: &mut Topic, name: &str, value: &str) -> Result<(), Refusal> {
    if name == "Policy" {
        topic.policy = if value.is_empty() {
            let (account, region) = (topic.arn.account(), topic.arn.region());
            let (Some(account), Some(region)) = (account, region) else { return Err(invalid("TopicArn")) };
            default_policy(world, account, region, topic.arn.resource())
        } else {
            check_policy(world, topic, value)?;
            value.to_owned()
        };
    } else if !SETTABLE.contains(&name) {
        return Err(invalid(format!("AttributeName Reason: {name} is not simulated or does not exist")));
    } else if name == "DisplayName" && value.chars().count() > 100 {
        return Err(invalid("DisplayName Reason: At most 100 characters"));
    } else if value.is_empty() {
        topic.attributes.remove(name);
    } else {
        topic.attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

/// A topic policy speaks about its topic, to principals that exist, of actions of SNS.
fn check_policy(world: &World, topic: &Topic, text: &str) -> Result<(), Refusal> {
    if text.len() > POLICY_MAX {
        return Err(invalid("Policy Reason: Policy too large"));
    }
    let policy = Policy::parse(text).map_err(|error| invalid(format!("Policy Error: null ({error})")))?;
    let arn = topic.arn.to_string();
    for statement in &policy.statements {
        if statement.principal.is_none() {
            return Err(invalid("Policy statement must have a principal!"));
        }
        let about = statement
            .resources
            .as_ref()
            .is_some_and(|resources| resources.arns().iter().all(|resource| *resource == arn || resource == "*"));
        if !about {
            return Err(invalid("Policy Reason: Invalid parameter: Policy statement resource must match topic"));
        }
        let ours = |action: &String| action == "*" || action.to_ascii_lowercase().starts_with("sns:");
        if !statement.actions.names().iter().all(ours) {
            return Err(invalid("Policy statement action out of service scope!"));
        }
    }
    check_principals(world, &policy).map_err(|who| invalid(format!("Policy Error: PrincipalNotFound ({who})")))
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let key = find(world, call, "TopicArn")?;
    let topic = world.sns.topics.get(&key).ok_or_else(|| not_found("Topic"))?;
    let mut all = topic.attributes.clone();
    let pending = world.sns.of_topic(&key).filter(|subscription| subscription.token.is_some()).count();
    let confirmed = world.sns.of_topic(&key).count() - pending;
    for (name, value) in [
        ("TopicArn", topic.arn.to_string()),
        ("Owner", key.0.to_string()),
        ("Policy", topic.policy.clone()),
        ("SubscriptionsPending", pending.to_string()),
        ("SubscriptionsConfirmed", confirmed.to_string()),
        ("SubscriptionsDeleted", topic.deleted.to_string()),
        ("EffectiveDeliveryPolicy", EFFECTIVE_DELIVERY_POLICY.to_owned()),
    ] {
        all.insert(name.to_owned(), value);
    }
    all.entry("DisplayName".to_owned()).or_default();
    Ok(vec![entries("Attributes", &all)])
}

/// How SNS retries HTTP endpoints where nobody said otherwise (SNS Developer Guide, "Message delivery retries").
const EFFECTIVE_DELIVERY_POLICY: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false}}"#;

pub(super) fn set(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let key = find(world, call, "TopicArn")?;
    let mut topic = world.sns.topics.get(&key).cloned().ok_or_else(|| not_found("Topic"))?;
    let name = call.text("AttributeName").unwrap_or_default();
    apply(world, &mut topic, name, call.text("AttributeValue").unwrap_or_default())?;
    world.sns.topics.insert(key, topic);
    Ok(Vec::new())
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let own = world.sns.topics.iter().filter(|(key, _)| key.0 == call.account() && key.1 == *call.region);
    let items = own.map(|(_, topic)| Node::new("member").with(Node::text("TopicArn", topic.arn.to_string())));
    page(call, "Topics", items.collect())
}

/// Deleting a topic that is not there succeeds; its subscriptions go with it.
pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    match find(world, call, "TopicArn") {
        Ok(key) => {
            world.sns.topics.remove(&key);
            world.sns.subscriptions.retain(|_, subscription| subscription.topic != key);
            Ok(Vec::new())
        }
        Err(refusal) if refusal.code == "NotFound" => Ok(Vec::new()),
        Err(refusal) => Err(refusal),
    }
}

/// Reads `Tags`: at most 50, each key once, never `aws:…`.
fn read_tags(call: &Call<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for (key, value) in form::tags(call) {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(invalid(format!("Tags Reason: The tag {key} is not valid")));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("Tags Reason: Duplicated keys are not allowed: {key}")));
        }
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::new(
            400,
            "TagLimitExceeded",
            "Could not complete request: tag quota of per resource exceeded",
        ));
    }
    Ok(())
}

/// The topic whose tags a call is about.
fn tagged<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut Topic, Refusal> {
    let missing = || Refusal::new(404, "ResourceNotFound", "Resource does not exist");
    let key = find_own(world, call, "ResourceArn")
        .map_err(|refusal| if refusal.code == "NotFound" { missing() } else { refusal })?;
    world.sns.topics.get_mut(&key).ok_or_else(missing)
}

pub(super) fn tag(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let tags = read_tags(call)?;
    let topic = tagged(world, call)?;
    let mut all = topic.tags.clone();
    all.extend(tags);
    check_count(&all)?;
    topic.tags = all;
    Ok(Vec::new())
}

pub(super) fn untag(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let keys = form::list(call, "TagKeys");
    tagged(world, call)?.tags.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(Vec::new())
}

pub(super) fn tags(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let tags = tagged(world, call)?.tags.iter();
    let items =
        tags.map(|(key, value)| Node::new("member").with(Node::text("Key", key)).with(Node::text("Value", value)));
    Ok(vec![Node::new("Tags").with_all(items)])
}

/// Whether a delivery policy or another attribute is JSON.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}
