//! SQS (API version 2012-11-05): standard queues, as far as events are looked at in them.

mod attributes;
mod messages;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::authz::{Verdict, Who, evaluate};
use super::dispatch::{Call, Service};
use super::kms;
use super::wire::{Answer, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "sqs",
    protocol: Protocol::Json10,
    route: None,
    resource: |world, call| {
        let name = call.text("QueueName").or_else(|| call.text("QueueUrl").and_then(|url| url.rsplit('/').next()));
        Arn::new(world.partition, "sqs", Some(call.region), Some(call.account()), name.unwrap_or("*")).to_string()
    },
    handle,
};

/// Queues by account, Region and name.
#[derive(Debug, Default)]
pub(super) struct State {
    queues: BTreeMap<Key, Queue>,
}

type Key = (AccountId, Region, String);

/// A queue.
#[derive(Debug, Clone)]
struct Queue {
    arn: Arn,
    /// As they were set, without `Policy`.
    attributes: BTreeMap<String, String>,
    policy: Option<String>,
    tags: BTreeMap<String, String>,
    messages: VecDeque<Message>,
    created: f64,
    modified: f64,
}

/// A message in a queue.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    body: String,
    sender: String,
    sent: f64,
    received: u64,
    first_received: Option<f64>,
    /// When it can be received, in seconds since 1970.
    visible: f64,
    /// The handle of the last receive.
    receipt: Option<String>,
}

impl Queue {
    /// A numeric attribute, in seconds or bytes.
    fn number(&self, name: &str, default: f64) -> f64 {
        self.attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let output = match call.operation {
        "CreateQueue" => attributes::create(world, call),
        "GetQueueUrl" => url(world, call),
        "ListQueues" => list(world, call),
        "DeleteQueue" => {
            let key = find(world, call)?;
            world.sqs.queues.remove(&key);
            Ok(json!({}))
        }
        "GetQueueAttributes" => attributes::get(world, call),
        "SetQueueAttributes" => attributes::set(world, call),
        "SendMessage" => messages::send(world, call),
        "ReceiveMessage" => messages::receive(world, call),
        "DeleteMessage" => messages::delete(world, call),
        "PurgeQueue" => {
            let key = find(world, call)?;
            queue(world, &key)?.messages.clear();
            Ok(json!({}))
        }
        "TagQueue" => attributes::tag(world, call),
        "UntagQueue" => attributes::untag(world, call),
        "ListQueueTags" => {
            let key = find(world, call)?;
            Ok(json!({ "Tags": queue(world, &key)?.tags }))
        }
        _ => Err(call.not_simulated()),
    };
    output.map(Answer::Json)
}

/// A refusal with the code that the query protocol had for it, which clients still tell errors by.
fn refuse(code: &str, query: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message).header("x-amzn-query-error", format!("{query};Sender"))
}

fn invalid(message: impl Into<String>) -> Refusal {
    refuse("InvalidParameterValueException", "InvalidParameterValue", message)
}

fn missing() -> Refusal {
    refuse("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

/// The address of a queue, on the host that the request came to.
fn address(world: &World, call: &Call<'_>, key: &Key) -> String {
    let base = call.http.header("host").map_or_else(|| world.endpoint.clone(), |host| format!("http://{host}"));
    format!("{base}/{}/{}", key.0, key.2)
}

/// The queue of the call's `QueueUrl`. Another account's has to admit the caller; its own account's may deny.
fn find(world: &World, call: &Call<'_>) -> Result<Key, Refusal> {
    let url = call.text("QueueUrl").unwrap_or_default();
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let account: AccountId = account.parse().map_err(|_| {
        refuse("InvalidAddress", "InvalidAddress", format!("The address {url} is not valid for this endpoint."))
    })?;
    authorize(world, call, (account, call.region.clone(), name.to_owned()))
}

fn authorize(world: &World, call: &Call<'_>, key: Key) -> Result<Key, Refusal> {
    let action = format!("sqs:{}", call.operation);
    let found = world.sqs.queues.get(&key).ok_or_else(missing)?;
    let arn = found.arn.to_string();
    let policy = found.policy.as_deref();
    let verdict =
        policy.map_or(Verdict::Silent, |policy| evaluate(policy, Who::Caller(call.caller), &action, &arn, &[]));
    let denied = |why: String| {
        let refusal = call.denied(&action, &format!("\"{arn}\""), &why);
        refusal.header("x-amzn-query-error", "AccessDenied;Sender")
    };
    match verdict {
        Verdict::Allowed => Ok(key),
        Verdict::Silent if key.0 == call.account() => Ok(key),
        Verdict::Denied => Err(denied("with an explicit deny in a resource-based policy".to_owned())),
        Verdict::Silent => Err(denied(format!("because no resource-based policy allows the {action} action"))),
    }
}

fn queue<'a>(world: &'a mut World, key: &Key) -> Result<&'a mut Queue, Refusal> {
    world.sqs.queues.get_mut(key).ok_or_else(missing)
}

fn url(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let account = match call.text("QueueOwnerAWSAccountId") {
        None => call.account(),
        Some(text) => text.parse().map_err(|_| invalid(format!("Value {text} is not an account id.")))?,
    };
    let name = call.text("QueueName").unwrap_or_default().to_owned();
    let key = authorize(world, call, (account, call.region.clone(), name))?;
    Ok(json!({ "QueueUrl": address(world, call, &key) }))
}

fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let prefix = call.text("QueueNamePrefix").unwrap_or_default();
    let own = |key: &&Key| key.0 == call.account() && key.1 == *call.region && key.2.starts_with(prefix);
    let urls: Vec<String> = world.sqs.queues.keys().filter(own).map(|key| address(world, call, key)).collect();
    let start: usize = match call.text("NextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("Invalid or expired next token."))?,
    };
    let most = call.input.get("MaxResults").and_then(Value::as_u64).map_or(1000, |most| most.clamp(1, 1000) as usize);
    let end = start.saturating_add(most).min(urls.len());
    let mut out = json!({});
    // Without a queue there is no list.
    if start < end {
        out["QueueUrls"] = json!(urls[start..end]);
    }
    if end < urls.len() && call.input.get("MaxResults").is_some() {
        out["NextToken"] = json!(end.to_string());
    }
    Ok(out)
}

/// Puts a message into a queue for an AWS service, if the queue's policy and its key admit that service.
///
/// # Errors
/// Why it does not get there, for a person.
pub(super) fn deliver(world: &mut World, arn: &Arn, service: &str, source_arn: &str, body: &str) -> Result<(), String> {
    let (Some(account), Some(region)) = (arn.account(), arn.region()) else {
        return Err(format!("{arn} is not a queue"));
    };
    let key = (account, region.clone(), arn.resource().to_owned());
    let queue = world.sqs.queues.get(&key).ok_or_else(|| format!("the queue {arn} does not exist"))?;
    let source: Option<Arn> = source_arn.parse().ok();
    let owner = source.as_ref().and_then(Arn::account).map(|account| account.to_string()).unwrap_or_default();
    let context = [("aws:SourceArn", source_arn), ("aws:SourceAccount", owner.as_str())];
    let name = arn.to_string();
    let policy = queue.policy.as_deref();
    let verdict = policy
        .map_or(Verdict::Silent, |policy| evaluate(policy, Who::Service(service), "sqs:SendMessage", &name, &context));
    if verdict != Verdict::Allowed {
        return Err(format!("the policy of the queue {arn} does not let {service} send from {source_arn}"));
    }
    if let Some(key) = queue.attributes.get("KmsMasterKeyId").filter(|key| !key.is_empty()) {
        kms_admits(world, account, region, key, service, &context)
            .map_err(|why| format!("the queue {arn} is encrypted, and {why}"))?;
    }
    let sender = service.to_owned();
    messages::push(world, &key, body, sender, 0.0);
    Ok(())
}

/// Whether a key lets a service encrypt for a queue or a topic (SNS Developer Guide and SQS Developer Guide, "Key
/// management": `GenerateDataKey*` and `Decrypt`).
///
/// # Errors
/// Why not, for a person. The keys that AWS manages admit no other service, and their policies cannot be changed.
pub(super) fn kms_admits(
    world: &World,
    account: AccountId,
    region: &Region,
    key: &str,
    service: &str,
    context: &[(&str, &str)],
) -> Result<(), String> {
    let found = kms::resolve(world, account, region, key)
        .ok_or_else(|| format!("{key} is no customer managed key in {region}, so that {service} may not use it"))?;
    if !found.is_enabled() {
        return Err(format!("the key {} is disabled", found.arn));
    }
    let arn = found.arn.to_string();
    for action in ["kms:GenerateDataKey", "kms:Decrypt"] {
        if evaluate(&found.policy, Who::Service(service), action, &arn, context) != Verdict::Allowed {
            return Err(format!("the policy of the key {arn} does not allow {service} {action}"));
        }
    }
    Ok(())
}

/// What the control endpoint shows.
pub(super) fn state(world: &World) -> Value {
    let queues = world.sqs.queues.values().map(|queue| {
        let policy = queue.policy.as_deref().map(|text| serde_json::from_str::<Value>(text).unwrap_or(json!(text)));
        json!({
            "arn": queue.arn, "policy": policy, "tags": queue.tags, "attributes": queue.attributes,
            "messages": queue.messages.iter().map(|message| &message.body).collect::<Vec<_>>(),
        })
    });
    queues.collect()
}
