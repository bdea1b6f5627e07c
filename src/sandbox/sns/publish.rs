//! Messages: published, put into their envelopes, and handed to each subscription.

use serde_json::{Value, json};

use super::access::find;
use super::{Key, Post, Published, REMEMBERED, Subscription, Topic, form, invalid, not_found};
use crate::model::{Arn, Region};
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::{World, iso};
use crate::sandbox::{kms, lambda, sqs};

/// The largest message, in bytes (SNS API Reference, `Publish`).
const MESSAGE_MAX: usize = 256 * 1024;

/// What became of a message.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Fanout {
    /// Subscriptions that got it, or to which it is on its way.
    pub delivered: usize,
    /// Why others did not.
    pub undelivered: Vec<String>,
}

/// A message before it goes into envelopes.
struct Message<'a> {
    text: &'a str,
    subject: Option<&'a str>,
    /// Whether the text holds a message for each protocol.
    structured: bool,
}

pub(super) fn publish(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let member = if call.text("TargetArn").is_some() { "TargetArn" } else { "TopicArn" };
    let key = find(world, call, member)?;
    let text = call.text("Message").unwrap_or_default();
    if text.is_empty() {
        return Err(invalid("Empty message"));
    }
    if text.len() > MESSAGE_MAX {
        return Err(invalid("Message too long"));
    }
    if form::has(call, "MessageAttributes") {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with MessageAttributes");
        return Err(refusal);
    }
    let subject = call.text("Subject");
    if subject.is_some_and(|subject| subject.is_empty() || subject.chars().count() > 100 || subject.contains('\n')) {
        return Err(invalid("Subject"));
    }
    let structured = match call.text("MessageStructure") {
        None => false,
        Some("json") => true,
        Some(other) => return Err(invalid(format!("MessageStructure Reason: {other}"))),
    };
    let default = || serde_json::from_str::<Value>(text).is_ok_and(|parts| parts["default"].is_string());
    if structured && !default() {
        return Err(invalid("Message Structure - No default entry in JSON message body"));
    }
    let topic = world.sns.topics.get(&key).ok_or_else(|| not_found("Topic"))?;
    if let Some(name) = topic.attributes.get("KmsMasterKeyId").filter(|name| *name != "alias/aws/sns") {
        let key = kms::resolve(world, key.0, &key.1, name)
            .ok_or_else(|| Refusal::new(400, "KMSNotFound", format!("the key {name} of the topic does not exist")))?;
        if !["kms:GenerateDataKey", "kms:Decrypt"].iter().all(|action| kms::allows(key, call.caller, action)) {
            return Err(Refusal::new(400, "KMSAccessDenied", format!("the key {} does not admit the caller", key.arn)));
        }
    }
    let (id, _) = fan_out(world, &key, &Message { text, subject, structured });
    Ok(vec![Node::text("MessageId", id)])
}

/// Publishes for EventBridge, which acts under the topic's policy.
///
/// A statement with a condition admits EventBridge to no topic (EventBridge User Guide, "Using resource-based
/// policies": conditions cannot be used there); one that denies keeps it out with or without.
///
/// # Errors
/// Why the topic does not get the message, for a person.
pub(in crate::sandbox) fn publish_for_events(world: &mut World, arn: &Arn, text: &str) -> Result<Fanout, String> {
    const EVENTS: &str = crate::sandbox::events::PRINCIPAL;
    let (Some(account), Some(region)) = (arn.account(), arn.region()) else {
        return Err(format!("{arn} is not a topic"));
    };
    let key = (account, region.clone(), arn.resource().to_owned());
    let topic = world.sns.topics.get(&key).ok_or_else(|| format!("the topic {arn} does not exist"))?;
    let name = arn.to_string();
    if evaluate(&unconditional(&topic.policy), Who::Service(EVENTS), "sns:Publish", &name, &[]) != Verdict::Allowed {
        return Err(format!("the policy of the topic {arn} does not let {EVENTS} publish without a condition"));
    }
    if let Some(key) = topic.attributes.get("KmsMasterKeyId") {
        sqs::kms_admits(world, account, region, key, EVENTS, &[])
            .map_err(|why| format!("the topic {arn} is encrypted, and {why}"))?;
    }
    Ok(fan_out(world, &key, &Message { text, subject: None, structured: false }).1)
}

/// The policy without the statements that allow under a condition.
fn unconditional(policy: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(policy) else { return policy.to_owned() };
    let conditional = |statement: &Value| {
        statement["Effect"] == "Allow" && statement["Condition"].as_object().is_some_and(|members| !members.is_empty())
    };
    match &mut document["Statement"] {
        Value::Array(statements) => statements.retain(|statement| !conditional(statement)),
        single if conditional(single) => *single = json!([]),
        _ => {}
    }
    document.to_string()
}

/// Hands a message to every confirmed subscription; gives its id.
fn fan_out(world: &mut World, key: &Key, message: &Message<'_>) -> (String, Fanout) {
    let id = world.ids.uuid();
    let subscriptions: Vec<Subscription> =
        world.sns.of_topic(key).filter(|one| one.token.is_none() && one.takes(message.text)).cloned().collect();
    let mut fanout = Fanout::default();
    let Some(topic) = world.sns.topics.get(key).cloned() else { return (id, fanout) };
    world.sns.published.push_back(Published {
        id: id.clone(),
        topic: topic.arn.clone(),
        subject: message.subject.map(str::to_owned),
        message: message.text.to_owned(),
        at: world.now(),
    });
    if world.sns.published.len() > REMEMBERED {
        world.sns.published.pop_front();
    }
    for subscription in subscriptions {
        match deliver(world, &topic, &subscription, message, &id) {
            Ok(()) => fanout.delivered += 1,
            Err(reason) => {
                world.sns.regret(&subscription.arn.to_string(), &subscription.endpoint, &reason);
                fanout.undelivered.push(reason);
            }
        }
    }
    (id, fanout)
}

fn deliver(
    world: &mut World,
    topic: &Topic,
    subscription: &Subscription,
    message: &Message<'_>,
    id: &str,
) -> Result<(), String> {
    let protocol = subscription.protocol.as_str();
    let parts: Option<Value> = if message.structured { serde_json::from_str(message.text).ok() } else { None };
    let part = |name: &str| parts.as_ref().and_then(|parts| parts[name].as_str());
    let text = part(protocol).or_else(|| part("default")).unwrap_or(message.text);
    let mut envelope = envelope(world, topic, "Notification", id, text);
    if let Some(subject) = message.subject {
        envelope["Subject"] = json!(subject);
    }
    let link = format!("{}/?Action=Unsubscribe&SubscriptionArn={}", world.endpoint, subscription.arn);
    envelope["UnsubscribeURL"] = json!(link);
    let body = if subscription.is_raw() { text.to_owned() } else { envelope.to_string() };
    match protocol {
        "sqs" | "lambda" => {
            let arn: Arn =
                subscription.endpoint.parse().map_err(|_| format!("{} is not an ARN", subscription.endpoint))?;
            let service = principal(world, topic, &arn)?;
            let source = topic.arn.to_string();
            if protocol == "sqs" {
                return sqs::deliver(world, &arn, &service, &source, &body);
            }
            let record = json!({
                "EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": subscription.arn,
                "Sns": lambda_message(envelope),
            });
            lambda::invoke(world, &arn, &service, &topic.arn.clone(), json!({ "Records": [record] }))
        }
        "http" => {
            post(world, topic, subscription, "Notification", id, body);
            Ok(())
        }
        "https" => {
            world.sns.record(protocol, &subscription.endpoint, &body, "not sent: this simulation has no TLS");
            Ok(())
        }
        "email-json" => {
            world.sns.record(protocol, &subscription.endpoint, &body, "sent");
            Ok(())
        }
        _ => {
            world.sns.record(protocol, &subscription.endpoint, text, "sent");
            Ok(())
        }
    }
}

/// As which service SNS delivers to a resource in another Region (SNS Developer Guide, "Sending Amazon SNS messages to
/// an Amazon SQS queue or AWS Lambda function in a different Region"): where one of the two Regions is an opt-in one,
/// as the SNS of that Region.
fn principal(world: &World, topic: &Topic, endpoint: &Arn) -> Result<String, String> {
    let (Some(from), Some(to)) = (topic.arn.region(), endpoint.region()) else {
        return Err(format!("{endpoint} is in no Region"));
    };
    let opt_in = |region: &Region| {
        world.partition.known_regions().iter().any(|known| known.opt_in && known.name == region.as_str())
    };
    let regional = |region: &Region| format!("sns.{region}.amazonaws.com");
    match (opt_in(from), opt_in(to)) {
        _ if from == to => Ok("sns.amazonaws.com".to_owned()),
        (false, false) => Ok("sns.amazonaws.com".to_owned()),
        (true, false) => Ok(regional(from)),
        (false, true) if endpoint.service() == "sqs" => Ok(regional(to)),
        (false, true) => Err(format!("SNS does not deliver from {from} to functions in the opt-in Region {to}")),
        (true, true) => Err(format!("SNS does not deliver from the opt-in Region {from} to the opt-in Region {to}")),
    }
}

/// What SNS's messages have in common (SNS Developer Guide, "Parsing message formats"). The signature is none.
fn envelope(world: &World, topic: &Topic, kind: &str, id: &str, text: &str) -> Value {
    let moment = iso(world.now());
    let timestamp = match moment.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{:0<3.3}Z", fraction.trim_end_matches('Z')),
        None => format!("{}.000Z", moment.trim_end_matches('Z')),
    };
    json!({
        "Type": kind, "MessageId": id, "TopicArn": topic.arn, "Message": text, "Timestamp": timestamp,
        "SignatureVersion": topic.attributes.get("SignatureVersion").map_or("1", String::as_str),
        "Signature": "c2ltdWxhdGVk",
        "SigningCertURL": format!("{}/SimpleNotificationService-simulated.pem", world.endpoint),
    })
}

/// A function's record spells some members otherwise, and has them all (AWS Lambda Developer Guide, "Using Lambda with
/// Amazon SNS").
fn lambda_message(mut envelope: Value) -> Value {
    for (from, to) in [("SigningCertURL", "SigningCertUrl"), ("UnsubscribeURL", "UnsubscribeUrl")] {
        let value = envelope[from].take();
        envelope[to] = value;
        if let Some(members) = envelope.as_object_mut() {
            members.remove(from);
        }
    }
    envelope["MessageAttributes"] = json!({});
    if envelope["Subject"].is_null() {
        envelope["Subject"] = Value::Null;
    }
    envelope
}

/// Asks an endpoint to confirm its subscription.
pub(super) fn ask(world: &mut World, arn: &Arn) {
    let Some(subscription) = world.sns.subscriptions.get(&arn.to_string()).cloned() else { return };
    let (Some(topic), Some(token)) = (world.sns.topics.get(&subscription.topic).cloned(), &subscription.token) else {
        return;
    };
    let id = world.ids.uuid();
    let text = format!(
        "You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit the SubscribeURL included \
         in this message.",
        topic.arn
    );
    let mut envelope = envelope(world, &topic, "SubscriptionConfirmation", &id, &text);
    envelope["Token"] = json!(token);
    envelope["SubscribeURL"] =
        json!(format!("{}/?Action=ConfirmSubscription&TopicArn={}&Token={token}", world.endpoint, topic.arn));
    let body = envelope.to_string();
    match subscription.protocol.as_str() {
        "http" => post(world, &topic, &subscription, "SubscriptionConfirmation", &id, body),
        "sqs" => {
            let queue: Result<Arn, _> = subscription.endpoint.parse();
            let sent = queue.map_err(|error| error.to_string()).and_then(|queue| {
                let service = principal(world, &topic, &queue)?;
                sqs::deliver(world, &queue, &service, &topic.arn.to_string(), &body)
            });
            if let Err(reason) = sent {
                world.sns.regret(&arn.to_string(), &subscription.endpoint, &reason);
            }
        }
        protocol => world.sns.record(protocol, &subscription.endpoint, &body, "waits for a confirmation"),
    }
}

/// Queues a request to an endpoint; it is sent once the world is unlocked.
fn post(world: &mut World, topic: &Topic, subscription: &Subscription, kind: &str, id: &str, body: String) {
    if !world.sns.has_courier {
        let outcome = "not sent: this simulation runs without a server";
        world.sns.record("http", &subscription.endpoint, &body, outcome);
        return;
    }
    let mut headers = vec![
        ("x-amz-sns-message-type".to_owned(), kind.to_owned()),
        ("x-amz-sns-message-id".to_owned(), id.to_owned()),
        ("x-amz-sns-topic-arn".to_owned(), topic.arn.to_string()),
    ];
    if kind == "Notification" {
        headers.push(("x-amz-sns-subscription-arn".to_owned(), subscription.arn.to_string()));
        if subscription.is_raw() {
            headers.push(("x-amz-sns-rawdelivery".to_owned(), "true".to_owned()));
        }
    }
    let post = Post { subscription: subscription.arn.to_string(), url: subscription.endpoint.clone(), headers, body };
    world.sns.posts.push_back(post);
    world.sns.waiting.notify_one();
}
