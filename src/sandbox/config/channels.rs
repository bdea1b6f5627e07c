//! Delivery channels: one per account and Region.

use serde_json::{Value, json};

use super::{FREQUENCIES, Key, delivery, one_of, structure, text, texts, validation};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// A delivery channel.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Channel {
    pub name: String,
    pub bucket: String,
    pub prefix: Option<String>,
    /// The key's ARN, or its alias's.
    pub key: Option<String>,
    /// The topic's ARN; nothing is published to it here.
    pub topic: Option<String>,
    /// How often snapshots are delivered, where anything was said.
    pub frequency: Option<String>,
    /// When history was last delivered.
    pub delivered: Option<f64>,
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let input = structure(call, "DeliveryChannel", "deliveryChannel")?;
    let (account, region) = (call.account(), call.region);
    let mut channel = read(input)?;
    if world.config.recorder(account, region).is_none() {
        let message = "Configuration recorder is not available to put delivery channel.";
        return Err(Refusal::new(400, "NoAvailableConfigurationRecorderException", message));
    }
    let name = &channel.name;
    if world.config.channel(account, region).is_some_and(|other| other.name != *name) {
        let message = format!(
            "Failed to put delivery channel '{name}' because the maximum number of delivery channels: 1 is reached."
        );
        return Err(Refusal::new(400, "MaxNumberOfDeliveryChannelsExceededException", message));
    }
    delivery::check(world, account, region, &channel)?;
    channel.delivered = world.config.channel(account, region).and_then(|before| before.delivered);
    world.config.channels.insert((account, region.clone(), channel.name.clone()), channel);
    Ok(json!({}))
}

/// Reads a channel; an empty text is refused wherever one may be left out.
fn read(input: &Value) -> Result<Channel, Refusal> {
    let refuse = |code: &str, message: String| Err(Refusal::new(400, code, message));
    let name = text(input, "name").unwrap_or("default");
    if name.trim().is_empty() {
        let message = format!("The delivery channel name '{name}' is not valid, blank string.");
        return refuse("InvalidDeliveryChannelNameException", message);
    }
    if name.chars().count() > 256 {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'deliveryChannel.name' failed to satisfy constraint: \
             Member must have length less than or equal to 256"
        )));
    }
    let bucket = text(input, "s3BucketName").unwrap_or_default();
    if bucket.is_empty() {
        let message = "Cannot find a S3 bucket with an empty bucket name.".to_owned();
        return refuse("NoSuchBucketException", message);
    }
    let prefix = text(input, "s3KeyPrefix");
    if prefix == Some("") {
        let message = "The s3 key prefix '' is not valid, empty s3 key prefix.".to_owned();
        return refuse("InvalidS3KeyPrefixException", message);
    }
    let key = text(input, "s3KmsKeyArn");
    if key == Some("") {
        let message = "The arn '' is not a valid kms key or alias arn.".to_owned();
        return refuse("InvalidS3KmsKeyArnException", message);
    }
    let topic = text(input, "snsTopicARN");
    let is_topic = |text: &str| text.parse::<Arn>().is_ok_and(|arn| arn.service() == "sns" && arn.region().is_some());
    if let Some(topic) = topic.filter(|topic| !is_topic(topic)) {
        return refuse("InvalidSNSTopicARNException", format!("The sns topic arn '{topic}' is not valid."));
    }
    let frequency = input.pointer("/configSnapshotDeliveryProperties/deliveryFrequency").and_then(Value::as_str);
    if let Some(frequency) = frequency {
        one_of(frequency, "deliveryChannel.configSnapshotDeliveryProperties.deliveryFrequency", &FREQUENCIES)?;
    }
    Ok(Channel {
        name: name.to_owned(),
        bucket: bucket.to_owned(),
        prefix: prefix.map(str::to_owned),
        key: key.map(str::to_owned),
        topic: topic.map(str::to_owned),
        frequency: frequency.map(str::to_owned),
        delivered: None,
    })
}

fn asked<'a>(world: &'a World, call: &Call<'_>) -> Result<Vec<&'a Channel>, Refusal> {
    let mine = || super::own(&world.config.channels, call.account(), call.region);
    let names = texts(call.input.get("DeliveryChannelNames"));
    if names.is_empty() {
        return Ok(mine().collect());
    }
    names.into_iter().map(|name| mine().find(|channel| channel.name == name).ok_or_else(|| missing(name))).collect()
}

pub(super) fn describe(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let list: Vec<Value> = asked(world, call)?.into_iter().map(document).collect();
    Ok(json!({ "DeliveryChannels": list }))
}

fn document(channel: &Channel) -> Value {
    let mut out = json!({ "name": channel.name, "s3BucketName": channel.bucket });
    for (member, value) in
        [("s3KeyPrefix", &channel.prefix), ("s3KmsKeyArn", &channel.key), ("snsTopicARN", &channel.topic)]
    {
        if let Some(value) = value {
            out[member] = json!(value);
        }
    }
    if let Some(frequency) = &channel.frequency {
        out["configSnapshotDeliveryProperties"] = json!({ "deliveryFrequency": frequency });
    }
    out
}

/// How often history is delivered (AWS Config Developer Guide, "Configuration History": every six hours).
const HISTORY_SECONDS: f64 = 6.0 * 3600.0;

/// Told from the policies as they are now: a destination that was spoilt later shows here.
pub(super) fn status(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let recording = world.config.is_recording(call.account(), call.region);
    let names: Vec<String> = asked(world, call)?.into_iter().map(|channel| channel.name.clone()).collect();
    for name in names.into_iter().filter(|_| recording) {
        let key: Key = (call.account(), call.region.clone(), name);
        let Some(channel) = world.config.channels.get(&key) else { continue };
        if delivery::check(world, call.account(), call.region, channel).is_ok()
            && let Some(channel) = world.config.channels.get_mut(&key)
        {
            channel.delivered = Some(call.now);
        }
    }
    let list: Vec<Value> = asked(world, call)?
        .into_iter()
        .map(|channel| {
            let mut history = json!({});
            if recording {
                history["lastAttemptTime"] = json!(call.now);
                history["nextDeliveryTime"] = json!(call.now + HISTORY_SECONDS);
                if let Some(delivered) = channel.delivered {
                    history["lastSuccessfulTime"] = json!(delivered);
                }
                match delivery::check(world, call.account(), call.region, channel) {
                    Ok(()) => {
                        history["lastStatus"] = json!("Success");
                    }
                    Err(refusal) => {
                        let gone = refusal.code == "NoSuchBucketException";
                        history["lastStatus"] = json!("Failure");
                        history["lastErrorCode"] = json!(if gone { "NoSuchBucket" } else { "AccessDenied" });
                        history["lastErrorMessage"] = json!(refusal.message);
                    }
                }
            }
            json!({
                "name": channel.name, "configHistoryDeliveryInfo": history, "configSnapshotDeliveryInfo": {},
                "configStreamDeliveryInfo": { "lastStatus": "Not_Applicable" },
            })
        })
        .collect();
    Ok(json!({ "DeliveryChannelsStatus": list }))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("DeliveryChannelName").ok_or_else(|| super::null("deliveryChannelName"))?;
    let key: Key = (call.account(), call.region.clone(), name.to_owned());
    if !world.config.channels.contains_key(&key) {
        return Err(missing(name));
    }
    if world.config.is_recording(call.account(), call.region) {
        let message = format!(
            "Failed to delete last specified delivery channel with name '{name}', because there, because there is a \
             running configuration recorder."
        );
        return Err(Refusal::new(400, "LastDeliveryChannelDeleteFailedException", message));
    }
    world.config.channels.remove(&key);
    Ok(json!({}))
}

fn missing(name: &str) -> Refusal {
    let message = format!("Cannot find delivery channel with specified name '{name}'.");
    Refusal::new(400, "NoSuchDeliveryChannelException", message)
}
