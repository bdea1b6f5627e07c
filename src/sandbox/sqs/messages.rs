//! Messages: sent, received and deleted.

use serde_json::{Value, json};

use super::{Key, Message, find, invalid, queue, refuse};
use crate::sandbox::dispatch::Call;
use crate::sandbox::md5;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Puts a message into a queue that is there; gives its id.
pub(super) fn push(world: &mut World, key: &Key, body: &str, sender: String, delay: f64) -> Option<String> {
    let id = world.ids.uuid();
    let sent = world.now();
    let queue = world.sqs.queues.get_mut(key)?;
    let retention = queue.number("MessageRetentionPeriod", 345_600.0);
    queue.messages.retain(|message| message.sent + retention > sent);
    queue.messages.push_back(Message {
        id: id.clone(),
        body: body.to_owned(),
        sender,
        sent,
        received: 0,
        first_received: None,
        visible: sent + delay,
        receipt: None,
    });
    Some(id)
}

pub(super) fn send(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    let body = call.text("MessageBody").unwrap_or_default();
    if body.is_empty() {
        return Err(refuse(
            "MissingRequiredParameterException",
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ));
    }
    let queue = queue(world, &key)?;
    let most = queue.number("MaximumMessageSize", 1_048_576.0);
    if body.len() as f64 > most {
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )));
    }
    let delay = call.input.get("DelaySeconds").and_then(Value::as_f64).unwrap_or(queue.number("DelaySeconds", 0.0));
    let attributes = call.input.get("MessageAttributes").cloned().unwrap_or_else(|| json!({}));
    if attributes.as_object().is_none_or(|attributes| !attributes.is_empty()) {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with MessageAttributes");
        return Err(refusal);
    }
    let sender = call.caller.user_id.clone();
    let id = push(world, &key, body, sender, delay.clamp(0.0, 900.0));
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5::hex(body.as_bytes()) }))
}

/// What is visible now; it does not wait for more, since nothing else can happen while it would.
pub(super) fn receive(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    let number = |name: &str| call.input.get(name).and_then(Value::as_f64);
    let most = number("MaxNumberOfMessages").unwrap_or(1.0);
    if !(1.0..=10.0).contains(&most) {
        return Err(invalid(format!(
            "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        )));
    }
    let moment = call.now;
    let default = queue(world, &key)?.number("VisibilityTimeout", 30.0);
    let hidden = number("VisibilityTimeout").unwrap_or(default);
    let ready = queue(world, &key)?.messages.iter().filter(|message| message.visible <= moment).count();
    let receipts: Vec<String> =
        (0..ready.min(most as usize)).map(|_| world.ids.unique("simulated-receipt-", 24)).collect();
    let names = |member: &str| call.input.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = [names("AttributeNames"), names("MessageSystemAttributeNames")].concat();
    let queue = queue(world, &key)?;
    let visible = queue.messages.iter_mut().filter(|message| message.visible <= moment);
    let messages: Vec<Value> = visible
        .zip(receipts)
        .map(|(message, receipt)| {
            message.received += 1;
            message.first_received.get_or_insert(moment);
            message.visible = moment + hidden;
            message.receipt = Some(receipt.clone());
            let mut out = json!({
                "MessageId": message.id, "ReceiptHandle": receipt, "Body": message.body,
                "MD5OfBody": md5::hex(message.body.as_bytes()),
            });
            let millis = |seconds: f64| format!("{:.0}", seconds * 1000.0);
            for (name, value) in [
                ("SenderId", message.sender.clone()),
                ("SentTimestamp", millis(message.sent)),
                ("ApproximateReceiveCount", message.received.to_string()),
                ("ApproximateFirstReceiveTimestamp", millis(message.first_received.unwrap_or(moment))),
            ] {
                if wanted.iter().any(|wanted| wanted == "All" || wanted == name) {
                    out["Attributes"][name] = json!(value);
                }
            }
            out
        })
        .collect();
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}

/// A handle of an earlier receive deletes nothing, and says so no more than SQS does.
pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    let handle = call.text("ReceiptHandle").unwrap_or_default();
    if !handle.starts_with("simulated-receipt-") {
        let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
        return Err(refuse("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", message));
    }
    queue(world, &key)?.messages.retain(|message| message.receipt.as_deref() != Some(handle));
    Ok(json!({}))
}
