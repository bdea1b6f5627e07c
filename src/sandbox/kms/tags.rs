//! Tags of keys.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Reach, find, key_mut, living, page, refuse};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

pub(super) fn tag(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let tags = read(call.input.get("Tags"))?;
    let key = living(world, &name)?;
    let mut all = key.tags.clone();
    all.extend(tags);
    if all.len() > 50 {
        return Err(refuse("LimitExceededException", "A key can have at most 50 tags."));
    }
    key.tags = all;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let keys = call.input.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    living(world, &name)?.tags.retain(|tag, _| !keys.iter().any(|key| key.as_str() == Some(tag)));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let key = key_mut(world, &name)?;
    let items = key.tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
    page(call, "Tags", items, 50)
}

/// Reads `Tags`; keys are unique and never `aws:…`.
pub(super) fn read(list: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for tag in list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let key = tag.get("TagKey").and_then(Value::as_str).unwrap_or_default();
        let value = tag.get("TagValue").and_then(Value::as_str).unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(refuse("TagException", format!("The tag {key} is not valid.")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(refuse("TagException", format!("Duplicate tag key: {key}")));
        }
    }
    Ok(tags)
}
