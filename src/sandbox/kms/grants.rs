//! Grants on keys (AWS KMS API Reference, `CreateGrant`, `ListGrants`, `RevokeGrant`).

use serde_json::{Value, json};

use super::{Reach, find, key_mut, living, page, refuse};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Any)?;
    let grantee =
        call.text("GranteePrincipal").ok_or_else(|| refuse("ValidationException", "GranteePrincipal is null"))?;
    let operations =
        call.input.get("Operations").cloned().filter(|list| list.as_array().is_some_and(|l| !l.is_empty()));
    let operations = operations.ok_or_else(|| refuse("ValidationException", "Operations is empty"))?;
    let id = world.ids.uuid();
    let mut grant = json!({
        "GrantId": id, "GranteePrincipal": grantee, "Operations": operations, "CreationDate": call.now,
        "IssuingAccount": format!("arn:{}:iam::{}:root", world.partition, call.account()),
    });
    for member in ["Name", "RetiringPrincipal", "Constraints"] {
        if let Some(value) = call.input.get(member) {
            grant[member] = value.clone();
        }
    }
    let key = living(world, &name)?;
    grant["KeyId"] = json!(key.arn);
    key.grants.push(grant);
    Ok(json!({ "GrantId": id, "GrantToken": "simulated" }))
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Any)?;
    let grants = key_mut(world, &name)?.grants.clone();
    page(call, "Grants", grants, 50)
}

pub(super) fn revoke(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Any)?;
    let id = call.text("GrantId").unwrap_or_default();
    let grants = &mut living(world, &name)?.grants;
    let before = grants.len();
    grants.retain(|grant| grant["GrantId"] != id);
    if grants.len() == before {
        return Err(refuse("NotFoundException", format!("Grant ID {id} not found")));
    }
    Ok(json!({}))
}
