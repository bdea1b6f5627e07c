//! Queues: created, their attributes and tags.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{Key, Queue, address, find, invalid, queue, refuse};
use crate::model::Arn;
use crate::policy::Policy;
use crate::sandbox::authz::check_principals;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// What can be set, with its least and greatest value where it is a number and its default (SQS API Reference,
/// `SetQueueAttributes`).
const NUMBERS: [(&str, u64, u64, u64); 6] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
];
const TEXTS: [&str; 4] = ["KmsMasterKeyId", "SqsManagedSseEnabled", "RedrivePolicy", "RedriveAllowPolicy"];

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("QueueName").unwrap_or_default();
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if name.is_empty() || name.len() > 80 || !valid {
        return Err(invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"));
    }
    let key: Key = (call.account(), call.region.clone(), name.to_owned());
    let mut fresh = Queue {
        arn: Arn::new(world.partition, "sqs", Some(call.region), Some(call.account()), name),
        attributes: BTreeMap::new(),
        policy: None,
        tags: read_tags(call.input.get("tags").or_else(|| call.input.get("Tags"))),
        messages: VecDeque::new(),
        created: call.now,
        modified: call.now,
    };
    apply(world, &mut fresh, call)?;
    match world.sqs.queues.get(&key) {
        // The same again is the same queue; one with other attributes is not.
        Some(there) => {
            let same = fresh.attributes.iter().all(|(name, value)| {
                let default = NUMBERS.iter().find(|number| number.0 == name).map(|number| number.3.to_string());
                there.attributes.get(name).or(default.as_ref()) == Some(value)
            });
            if !same || (fresh.policy.is_some() && fresh.policy != there.policy) {
                let message = "A queue already exists with the same name and a different value for attributes.";
                return Err(refuse("QueueNameExists", "QueueAlreadyExists", message));
            }
        }
        None => {
            world.sqs.queues.insert(key.clone(), fresh);
        }
    }
    Ok(json!({ "QueueUrl": address(world, call, &key) }))
}

/// Sets the attributes of a request; an empty text removes one that is a text.
fn apply(world: &World, queue: &mut Queue, call: &Call<'_>) -> Result<(), Refusal> {
    let wrong = |name: &str| {
        refuse("InvalidAttributeValue", "InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
    };
    for (name, value) in call.input.get("Attributes").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| wrong(name))?;
        if name == "Policy" {
            if !value.is_empty() {
                let policy = Policy::parse(value).map_err(|_| wrong(name))?;
                check_principals(world, &policy).map_err(|_| wrong(name))?;
            }
            queue.policy = (!value.is_empty()).then(|| value.to_owned());
        } else if let Some((_, least, most, _)) = NUMBERS.iter().find(|number| number.0 == name) {
            if !value.parse::<u64>().is_ok_and(|number| (*least..=*most).contains(&number)) {
                return Err(wrong(name));
            }
            queue.attributes.insert(name.clone(), value.to_owned());
        } else if TEXTS.contains(&name.as_str()) {
            if value.is_empty() {
                queue.attributes.remove(name);
            } else {
                queue.attributes.insert(name.clone(), value.to_owned());
            }
        } else {
            let message = format!("Unknown Attribute {name}.");
            return Err(refuse("InvalidAttributeName", "InvalidAttributeName", message));
        }
    }
    Ok(())
}

pub(super) fn set(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    let mut changed = queue(world, &key)?.clone();
    apply(world, &mut changed, call)?;
    changed.modified = call.now;
    *queue(world, &key)? = changed;
    Ok(json!({}))
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    let queue = queue(world, &key)?;
    let mut all = queue.attributes.clone();
    for (name, _, _, default) in NUMBERS {
        if name != "KmsDataKeyReusePeriodSeconds" || queue.attributes.contains_key("KmsMasterKeyId") {
            all.entry(name.to_owned()).or_insert_with(|| default.to_string());
        }
    }
    all.extend(queue.policy.clone().map(|policy| ("Policy".to_owned(), policy)));
    let moment = call.now;
    let count = |test: &dyn Fn(&super::Message) -> bool| queue.messages.iter().filter(|m| test(m)).count().to_string();
    let visible = count(&|message| message.visible <= moment);
    let delayed = count(&|message| message.visible > moment && message.received == 0);
    let in_flight = count(&|message| message.visible > moment && message.received > 0);
    // Encryption with SQS's own key is the default where no KMS key is set.
    let managed = (!queue.attributes.contains_key("KmsMasterKeyId")).to_string();
    for (name, value) in [
        ("QueueArn", queue.arn.to_string()),
        ("ApproximateNumberOfMessages", visible),
        ("ApproximateNumberOfMessagesDelayed", delayed),
        ("ApproximateNumberOfMessagesNotVisible", in_flight),
        ("CreatedTimestamp", format!("{:.0}", queue.created.floor())),
        ("LastModifiedTimestamp", format!("{:.0}", queue.modified.floor())),
    ] {
        all.insert(name.to_owned(), value);
    }
    all.entry("SqsManagedSseEnabled".to_owned()).or_insert(managed);
    let wanted: Vec<&str> = call
        .input
        .get("AttributeNames")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let known = |name: &str| all.contains_key(name) || name == "All" || name == "Policy" || TEXTS.contains(&name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name) && !NUMBERS.iter().any(|number| number.0 == **name)) {
        return Err(refuse("InvalidAttributeName", "InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    all.retain(|name, _| wanted.contains(&"All") || wanted.contains(&name.as_str()));
    Ok(if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) })
}

fn read_tags(tags: Option<&Value>) -> BTreeMap<String, String> {
    let tags = tags.and_then(Value::as_object).into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

pub(super) fn tag(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    queue(world, &key)?.tags.extend(read_tags(call.input.get("Tags")));
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call)?;
    let keys = call.input.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    queue(world, &key)?.tags.retain(|tag, _| !keys.iter().any(|key| key.as_str() == Some(tag)));
    Ok(json!({}))
}
