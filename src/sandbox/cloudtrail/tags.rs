//! Tags of trails.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Purpose, find};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

pub(super) fn add(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("ResourceId").unwrap_or_default(), Purpose::Tag)?;
    let tags = read(call.input.get("TagsList"))?;
    let trail = world.cloudtrail.trails.get_mut(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    let mut all = trail.tags.clone();
    all.extend(tags);
    limit(&all)?;
    trail.tags = all;
    Ok(json!({}))
}

pub(super) fn remove(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("ResourceId").unwrap_or_default(), Purpose::Tag)?;
    let tags = read(call.input.get("TagsList"))?;
    let trail = world.cloudtrail.trails.get_mut(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    trail.tags.retain(|name, _| !tags.contains_key(name));
    Ok(json!({}))
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let ids = call.input.get("ResourceIdList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if ids.len() > 20 {
        let message = "At most 20 resources can be listed at once.";
        return Err(Refusal::new(400, "InvalidParameterException", message));
    }
    let mut out = Vec::new();
    for id in ids.iter().filter_map(Value::as_str) {
        let key = find(world, call, id, Purpose::Tag)?;
        let trail = world.cloudtrail.trails.get(&key).ok_or_else(|| super::not_found(call, &key.2))?;
        let tags: Vec<Value> = trail.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        out.push(json!({ "ResourceId": id, "TagsList": tags }));
    }
    Ok(json!({ "ResourceTagList": out }))
}

/// Reads a `TagsList`; keys are unique, at most 128 characters and never `aws:…`, values at most 256.
pub(super) fn read(list: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let invalid = |message: String| Refusal::new(400, "InvalidTagParameterException", message);
    let mut tags = BTreeMap::new();
    for tag in list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let key = tag.get("Key").and_then(Value::as_str).unwrap_or_default();
        let value = tag.get("Value").and_then(Value::as_str).unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(invalid(format!("The tag {key} is not valid.")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid(format!("The tag {key} is given twice.")));
        }
    }
    limit(&tags)?;
    Ok(tags)
}

fn limit(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::new(400, "TagsLimitExceededException", "A trail can have at most 50 tags."));
    }
    Ok(())
}
