//! Tags of buses and rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{invalid, refuse, tags_of};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Tags of a resource.
const TAGS: usize = 50;

/// Reads `Tags`; keys are unique and never `aws:…`.
pub(super) fn read(list: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for tag in list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let part = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default();
        let (key, value) = (part("Key"), part("Value"));
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(invalid(format!("The tag {key} is not valid.")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid(format!("Duplicate tag key: {key}")));
        }
    }
    if tags.len() > TAGS {
        return Err(invalid(format!("A resource can have at most {TAGS} tags.")));
    }
    Ok(tags)
}

fn find<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut BTreeMap<String, String>, Refusal> {
    let name = call.text("ResourceARN").unwrap_or_default();
    let arn: Arn = name.parse().map_err(|_| invalid(format!("Parameter ResourceARN is not valid: {name}")))?;
    let own = arn.account() == Some(call.account()) && arn.region() == Some(call.region);
    let found = if own { tags_of(world, &arn) } else { None };
    found.ok_or_else(|| refuse("ResourceNotFoundException", format!("{name} does not exist.")))
}

pub(super) fn add(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let tags = read(call.input.get("Tags"))?;
    let there = find(world, call)?;
    let mut all = there.clone();
    all.extend(tags);
    if all.len() > TAGS {
        return Err(invalid(format!("A resource can have at most {TAGS} tags.")));
    }
    *there = all;
    Ok(json!({}))
}

pub(super) fn remove(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let keys = call.input.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    find(world, call)?.retain(|tag, _| !keys.iter().any(|key| key.as_str() == Some(tag)));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let tags: Vec<Value> =
        find(world, call)?.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "Tags": tags }))
}
