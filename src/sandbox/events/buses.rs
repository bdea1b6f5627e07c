//! Event buses: created, described, changed and deleted.

use serde_json::{Value, json};

use super::{Bus, BusKey, DEFAULT, bus_arn, bus_mut, find_bus, invalid, page, refuse, required, tags};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Buses of an account in a Region (EventBridge User Guide, "Quotas").
const BUSES: usize = 100;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = required(call, "Name", 256, "/.-_")?;
    if name.contains('/') {
        return Err(invalid("Event bus name must not contain '/'."));
    }
    if call.text("EventSourceName").is_some() {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with EventSourceName");
        return Err(refusal);
    }
    let tags = tags::read(call.input.get("Tags"))?;
    let key: BusKey = (call.account(), call.region.clone(), name.to_owned());
    if world.events.buses.contains_key(&key) {
        return Err(refuse("ResourceAlreadyExistsException", format!("Event bus {name} already exists.")));
    }
    let here = world.events.buses.keys().filter(|(account, region, _)| (account, region) == (&key.0, &key.1)).count();
    if here >= BUSES {
        return Err(refuse("LimitExceededException", "The requested resource exceeds the maximum number allowed."));
    }
    let mut bus = Bus { tags, ..Bus::new(bus_arn(world, key.0, call.region, name), name, call.now) };
    settings(call, &mut bus);
    let mut out = json!({ "EventBusArn": bus.arn });
    describe_settings(&bus, &mut out);
    world.events.buses.insert(key, bus);
    Ok(out)
}

fn settings(call: &Call<'_>, bus: &mut Bus) {
    let text = |member: &str| call.text(member).filter(|text| !text.is_empty()).map(str::to_owned);
    bus.description = text("Description");
    bus.kms_key = text("KmsKeyIdentifier");
    bus.dead_letters = call.input.get("DeadLetterConfig").filter(|config| config.is_object()).cloned();
}

fn describe_settings(bus: &Bus, out: &mut Value) {
    let texts = [("Description", &bus.description), ("KmsKeyIdentifier", &bus.kms_key)];
    for (member, text) in texts {
        if let Some(text) = text {
            out[member] = json!(text);
        }
    }
    if let Some(config) = &bus.dead_letters {
        out["DeadLetterConfig"] = config.clone();
    }
}

fn document(bus: &Bus) -> Value {
    let mut out =
        json!({ "Name": bus.name, "Arn": bus.arn, "CreationTime": bus.created, "LastModifiedTime": bus.modified });
    if let Some(description) = &bus.description {
        out["Description"] = json!(description);
    }
    if let Some(policy) = &bus.policy {
        out["Policy"] = json!(policy);
    }
    out
}

pub(super) fn describe(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find_bus(world, call, call.text("Name"))?;
    let bus = bus_mut(world, &key)?;
    let mut out = document(bus);
    describe_settings(bus, &mut out);
    Ok(out)
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let prefix = call.text("NamePrefix").unwrap_or_default();
    let own = |(account, region, name): &BusKey| {
        *account == call.account() && region == call.region && name.starts_with(prefix)
    };
    let buses = world.events.buses.iter().filter(|(key, _)| own(key)).map(|(_, bus)| document(bus));
    page(call, "EventBuses", buses.collect())
}

/// `UpdateEventBus` replaces what it may set; an absent member is cleared.
pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find_bus(world, call, call.text("Name"))?;
    let bus = bus_mut(world, &key)?;
    settings(call, bus);
    bus.modified = call.now;
    let mut out = json!({ "Arn": bus.arn, "Name": bus.name });
    describe_settings(bus, &mut out);
    Ok(out)
}

/// Deleting a bus that is not there succeeds; one that has rules, and the default bus, cannot be deleted.
pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = required(call, "Name", 256, "/.-_")?;
    if name == DEFAULT {
        return Err(invalid("Cannot delete event bus default."));
    }
    let key = (call.account(), call.region.clone(), name.to_owned());
    if world.events.buses.get(&key).is_some_and(|bus| !bus.rules.is_empty()) {
        return Err(invalid(format!("Cannot delete event bus {name} since it has rules.")));
    }
    world.events.buses.remove(&key);
    Ok(json!({}))
}
