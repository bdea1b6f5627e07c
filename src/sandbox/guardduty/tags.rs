//! Tags of detectors and publishing destinations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{invalid, not_owned, rejected};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Refusal, segments};
use crate::sandbox::world::World;

pub(super) fn tag(world: &mut World, call: &Call<'_>) -> Result<(), Refusal> {
    let tags = read(call.input.get("tags"))?;
    if tags.is_empty() {
        return Err(invalid());
    }
    let found = find(world, call)?;
    let mut all = found.clone();
    all.extend(tags);
    limit(&all)?;
    *found = all;
    Ok(())
}

pub(super) fn untag(world: &mut World, call: &Call<'_>) -> Result<(), Refusal> {
    let keys: Vec<&str> =
        call.http.query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.as_str()).collect();
    if keys.is_empty() {
        return Err(invalid());
    }
    find(world, call)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(())
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    find(world, call).map(|tags| json!({ "tags": tags }))
}

/// The resource of the path's ARN, which must be the caller's and of this Region.
fn find<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut BTreeMap<String, String>, Refusal> {
    // Some clients leave the ARN's slashes as they are.
    let text = segments(call.http).get(1..).unwrap_or_default().join("/");
    let arn: Arn = text.parse().map_err(|_| invalid())?;
    if arn.service() != "guardduty" || arn.partition() != world.partition {
        return Err(invalid());
    }
    if arn.account() != Some(call.account()) || arn.region() != Some(call.region) {
        return Err(not_owned());
    }
    world
        .guardduty
        .tags_mut(&arn)
        .ok_or_else(|| rejected("The request is rejected because the specified resource does not exist."))
}

/// Reads a map of tags; keys are at most 128 characters and never `aws:…`, values at most 256.
pub(super) fn read(map: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    match map {
        None | Some(Value::Null) => {}
        Some(Value::Object(members)) => {
            for (key, value) in members {
                let value = value.as_str().ok_or_else(invalid)?;
                let long = key.chars().count() > 128 || value.chars().count() > 256;
                if key.is_empty() || long || key.starts_with("aws:") {
                    return Err(invalid());
                }
                tags.insert(key.clone(), value.to_owned());
            }
        }
        Some(_) => return Err(invalid()),
    }
    limit(&tags)?;
    Ok(tags)
}

/// "A limit of 50 tags per resource" (GuardDuty API Reference, `ListTagsForResource`).
fn limit(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > 50 { Err(invalid()) } else { Ok(()) }
}
