//! Aliases.

use serde_json::{Value, json};

use super::{Alias, Key, authorize, find_named, page, refuse};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = check_name(call)?;
    let target = target(world, call)?.id.clone();
    let key = (call.account(), call.region.clone(), name.clone());
    if world.kms.aliases.contains_key(&key) {
        let message = format!("An alias with the name {} already exists", arn(world, call, &name));
        return Err(refuse("AlreadyExistsException", message));
    }
    world.kms.aliases.insert(key, Alias { target, created: call.now, updated: call.now });
    Ok(json!({}))
}

pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = check_name(call)?;
    let target = target(world, call)?.id.clone();
    let missing = refuse("NotFoundException", format!("Alias {} is not found.", arn(world, call, &name)));
    let alias = world.kms.aliases.get_mut(&(call.account(), call.region.clone(), name)).ok_or(missing)?;
    alias.target = target;
    alias.updated = call.now;
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = check_name(call)?;
    let missing = refuse("NotFoundException", format!("Alias {} is not found.", arn(world, call, &name)));
    world.kms.aliases.remove(&(call.account(), call.region.clone(), name)).ok_or(missing)?;
    Ok(json!({}))
}

/// The account's aliases in the Region; with a `KeyId`, those of that key.
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let only = match call.text("KeyId") {
        Some(text) => Some(find_named(world, call, text, true)?.id.clone()),
        None => None,
    };
    let mine = world.kms.aliases.iter().filter(|((owner, region, _), alias)| {
        *owner == call.account() && region == call.region && only.as_ref().is_none_or(|id| *id == alias.target)
    });
    let items = mine
        .map(|((_, _, name), alias)| {
            json!({
                "AliasName": name, "AliasArn": arn(world, call, name), "TargetKeyId": alias.target,
                "CreationDate": alias.created, "LastUpdatedDate": alias.updated,
            })
        })
        .collect();
    page(call, "Aliases", items, 50)
}

fn arn(world: &World, call: &Call<'_>, name: &str) -> Arn {
    Arn::new(world.partition, "kms", Some(call.region), Some(call.account()), name)
}

/// `alias/` and letters, digits, `/`, `_`, `-`; `alias/aws/` is AWS's own.
fn check_name(call: &Call<'_>) -> Result<String, Refusal> {
    let name = call.text("AliasName").unwrap_or_default();
    let rest = name.strip_prefix("alias/").unwrap_or_default();
    if rest.is_empty() || name.len() > 256 {
        return Err(refuse("ValidationException", "An alias starts with alias/ and has at most 256 characters."));
    }
    if !rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-')) {
        return Err(refuse("InvalidAliasNameException", format!("{name} is not a valid alias name")));
    }
    if rest.starts_with("aws/") {
        return Err(refuse("NotAuthorizedException", "alias/aws/ is reserved for AWS managed keys"));
    }
    Ok(name.to_owned())
}

/// The key that the alias is to mean: of the caller's account and Region, with the key's consent.
fn target<'a>(world: &'a World, call: &Call<'_>) -> Result<&'a Key, Refusal> {
    let key = find_named(world, call, call.text("TargetKeyId").unwrap_or_default(), true)?;
    if key.arn.account() != Some(call.account()) {
        return Err(refuse("NotFoundException", format!("Key '{}' does not exist", key.arn)));
    }
    authorize(call, key, &[])?;
    Ok(key)
}
