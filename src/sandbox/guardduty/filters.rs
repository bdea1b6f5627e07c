//! Filters of findings, as they are kept (GuardDuty API Reference, `CreateFilter`, `GetFilter`, `ListFilters`). There are
//! no findings here that one could archive.

use serde_json::{Value, json};

use super::{invalid, own, own_mut, page, rejected, required};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Refusal, segments};
use crate::sandbox::world::World;

/// Filters per detector (GuardDuty User Guide, "Quotas").
const MOST: usize = 100;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    let name = call.text("name").ok_or_else(required)?.to_owned();
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !(3..=64).contains(&name.len()) || !name.chars().all(named) {
        return Err(invalid());
    }
    let action = call.text("action").unwrap_or("NOOP");
    if !["NOOP", "ARCHIVE"].contains(&action) {
        return Err(invalid());
    }
    let criteria = call.input.get("findingCriteria").filter(|criteria| criteria.is_object()).ok_or_else(required)?;
    let filter = json!({ "name": name, "action": action, "rank": 1, "findingCriteria": criteria });
    let detector = own_mut(world, call)?;
    if detector.filters.contains_key(&name) {
        return Err(rejected("The request is rejected since a filter with the given name already exists."));
    }
    if detector.filters.len() >= MOST {
        return Err(rejected("The request is rejected because the maximum number of filters is reached."));
    }
    detector.filters.insert(name.clone(), filter);
    Ok(json!({ "name": name }))
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let names = own(world, call)?.filters.keys().map(|name| json!(name)).collect();
    page(call, "filterNames", names)
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let path = segments(call.http);
    let found = path.get(3).and_then(|name| own(world, call).ok()?.filters.get(name));
    found.cloned().ok_or_else(missing)
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = segments(call.http).get(3).cloned().unwrap_or_default();
    own_mut(world, call)?.filters.remove(&name).map(|_| json!({})).ok_or_else(missing)
}

fn missing() -> Refusal {
    rejected("The request is rejected since no such resource found.")
}
