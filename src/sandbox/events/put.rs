//! `PutEvents` and `TestEventPattern`.

use serde_json::{Value, json};

use super::delivery::{self, Tally};
use super::{BusKey, find_bus, invalid, refuse, required, rules};
use crate::model::{AccountId, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{World, iso};

/// Entries of one call, and their size together in bytes (EventBridge API Reference, `PutEvents`).
const ENTRIES: usize = 10;
const BYTES: usize = 256 * 1024;

/// An event as it stands on a bus, before it has an id.
pub(super) struct Draft<'a> {
    pub source: &'a str,
    pub detail_type: &'a str,
    pub detail: Value,
    pub resources: Vec<String>,
    /// Seconds since 1970.
    pub time: f64,
}

impl Draft<'_> {
    /// The event, with a fresh id.
    pub fn into_event(self, world: &mut World, account: AccountId, region: &Region) -> Value {
        json!({
            "version": "0", "id": world.ids.uuid(), "detail-type": self.detail_type, "source": self.source,
            "account": account, "time": iso(self.time.floor()), "region": region, "resources": self.resources,
            "detail": self.detail,
        })
    }
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let entries = call.input.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
    if entries.is_empty() || entries.len() > ENTRIES {
        return Err(invalid(format!("PutEvents takes 1 to {ENTRIES} entries, not {}.", entries.len())));
    }
    if entries.iter().map(size).sum::<usize>() > BYTES {
        return Err(invalid("Total size of the entries in the request is over the limit."));
    }
    // Whoever may not put events on one of the buses puts none.
    let mut buses = Vec::new();
    for entry in &entries {
        match find_bus(world, call, entry["EventBusName"].as_str()) {
            Ok(key) => buses.push(Ok(key)),
            Err(refusal) if refusal.code == "ResourceNotFoundException" => buses.push(Err(refusal)),
            Err(refusal) => return Err(refusal),
        }
    }
    let results: Vec<Value> = entries.iter().zip(buses).map(|(entry, bus)| put_one(world, call, entry, bus)).collect();
    let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
    Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
}

fn size(entry: &Value) -> usize {
    ["Source", "DetailType", "Detail"].iter().filter_map(|member| entry[*member].as_str()).map(str::len).sum()
}

fn put_one(world: &mut World, call: &Call<'_>, entry: &Value, bus: Result<BusKey, Refusal>) -> Value {
    let error = |code: &str, message: String| json!({ "ErrorCode": code, "ErrorMessage": message });
    let mut texts = Vec::new();
    for member in ["Source", "DetailType", "Detail"] {
        match entry[member].as_str().filter(|text| !text.is_empty()) {
            Some(text) => texts.push(text),
            None => {
                let message = format!("Parameter {member} is not valid. Reason: {member} is a required argument.");
                return error("InvalidArgument", message);
            }
        }
    }
    let [source, detail_type, detail] = texts[..] else { return error("InternalFailure", String::new()) };
    if source.starts_with("aws.") {
        return error("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned());
    }
    let detail = match serde_json::from_str::<Value>(detail) {
        Ok(detail) if detail.is_object() => detail,
        _ => return error("MalformedDetail", "Detail is malformed.".to_owned()),
    };
    let bus = match bus {
        Ok(bus) => bus,
        Err(refusal) => return error("InvalidArgument", refusal.message),
    };
    let resources = entry["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let draft = Draft {
        source,
        detail_type,
        detail,
        resources: resources.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        time: entry["Time"].as_f64().unwrap_or(call.now),
    };
    // An event carries the account that put it and the Region of the bus.
    let event = draft.into_event(world, call.account(), call.region);
    // What a bus receives from another account goes to no third one, whether a rule sent it or a caller.
    let hop = bus.0 != call.account();
    delivery::put(world, &bus, &event, hop, &mut Tally::default());
    json!({ "EventId": event["id"] })
}

/// The fields that an event has to have (EventBridge API Reference, `TestEventPattern`).
const FIELDS: [&str; 7] = ["id", "account", "source", "time", "region", "resources", "detail-type"];

pub(super) fn test(call: &Call<'_>) -> Result<Value, Refusal> {
    let pattern = rules::check_pattern(call.text("EventPattern").unwrap_or_default())?;
    if call.text("Event").is_none_or(str::is_empty) {
        required(call, "Event", usize::MAX, "")?;
    }
    let malformed = |why: String| refuse("ValidationException", format!("Parameter Event is not valid. Reason: {why}"));
    let event: Value =
        serde_json::from_str(call.text("Event").unwrap_or_default()).map_err(|error| malformed(error.to_string()))?;
    if let Some(missing) = FIELDS.iter().find(|field| event.get(**field).is_none()) {
        return Err(malformed(format!("{missing} is a required field.")));
    }
    Ok(json!({ "Result": pattern.matches(&event) }))
}
