//! Tags of rules, recorders, aggregators and authorizations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{State, limit, page, validation};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// The tags of the resource of that ARN.
pub(in crate::sandbox) fn of<'a>(state: &'a mut State, arn: &Arn) -> Option<&'a mut BTreeMap<String, String>> {
    let recorders = state.recorders.values_mut().map(|one| (&one.arn, &mut one.tags));
    let rules = state.rules.values_mut().map(|one| (&one.arn, &mut one.tags));
    let aggregators = state.aggregators.values_mut().map(|one| (&one.arn, &mut one.tags));
    let authorizations = state.authorizations.values_mut().map(|one| (&one.arn, &mut one.tags));
    let mut all = recorders.chain(rules).chain(aggregators).chain(authorizations);
    all.find(|(found, _)| *found == arn).map(|(_, tags)| tags)
}

/// The tags that the request is about: of a resource of this account and Region.
fn asked<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut BTreeMap<String, String>, Refusal> {
    let text = call.text("ResourceArn").ok_or_else(|| super::null("resourceArn"))?;
    let arn = text.parse::<Arn>().map_err(|_| validation(format!("{text} is not a valid ARN.")))?;
    let here = arn.account() == Some(call.account()) && arn.region() == Some(call.region);
    let found = if here { of(&mut world.config, &arn) } else { None };
    found.ok_or_else(|| Refusal::new(400, "ResourceNotFoundException", format!("ResourceArn '{text}' does not exist")))
}

pub(super) fn tag(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let new = read(call.input.get("Tags"))?;
    let tags = asked(world, call)?;
    let mut all = tags.clone();
    all.extend(new);
    quota(&all)?;
    *tags = all;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let keys = super::texts(call.input.get("TagKeys"));
    asked(world, call)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let tags = asked(world, call)?;
    let items = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    page(call, "Tags", items, limit(call)?.min(50))
}

/// Reads a list of tags; keys are unique and never `aws:…`.
pub(super) fn read(list: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for tag in list.and_then(Value::as_array).into_iter().flatten() {
        let key = super::text(tag, "Key").unwrap_or_default();
        let value = super::text(tag, "Value").unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(validation(format!("The tag {key} is not valid.")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(validation(format!("Duplicate tag keys found: {key}")));
        }
    }
    quota(&tags)?;
    Ok(tags)
}

fn quota(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::new(400, "TooManyTagsException", "A resource can have at most 50 tags."));
    }
    Ok(())
}
