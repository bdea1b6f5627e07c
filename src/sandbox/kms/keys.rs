//! Keys: created, described, rotated, disabled, given up.

use serde_json::{Value, json};

use super::{Key, KeyState, Material, Reach, find, key_mut, living, page, policy, refuse, tags};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

const DAY: f64 = 86400.0;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let other = |member: &str, usual: &str| call.text(member).is_some_and(|text| text != usual);
    if call.flag("MultiRegion") == Some(true)
        || other("KeySpec", "SYMMETRIC_DEFAULT")
        || other("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT")
        || other("KeyUsage", "ENCRYPT_DECRYPT")
        || other("Origin", "AWS_KMS")
    {
        return Err(call.not_simulated());
    }
    let account = call.account();
    let id = world.ids.uuid();
    let arn = Arn::new(world.partition, "kms", Some(call.region), Some(account), format!("key/{id}"));
    let document = match call.text("Policy") {
        Some(text) => policy::check(world, call, text, &arn.to_string())?,
        None => policy::default(world.partition, account),
    };
    let tags = tags::read(call.input.get("Tags"))?;
    let key = Key {
        arn,
        id: id.clone(),
        policy: document,
        description: call.text("Description").unwrap_or_default().to_owned(),
        state: KeyState::Enabled,
        rotation: None,
        created: call.now,
        tags,
        material: Material::default(),
        grants: Vec::new(),
    };
    let out = json!({ "KeyMetadata": metadata(&key) });
    world.kms.keys.insert((account, call.region.clone(), id), key);
    Ok(out)
}

fn metadata(key: &Key) -> Value {
    let state = match key.state {
        KeyState::Enabled => "Enabled",
        KeyState::Disabled => "Disabled",
        KeyState::PendingDeletion(_) => "PendingDeletion",
        KeyState::PendingImport => "PendingImport",
        KeyState::Unavailable => "Unavailable",
    };
    let mut out = json!({
        "AWSAccountId": key.arn.account(),
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": key.is_enabled(),
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": state,
        "Origin": key.material.origin,
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if let KeyState::PendingDeletion(date) = key.state {
        out["DeletionDate"] = json!(date);
    }
    if let Some(store) = &key.material.store {
        out["CustomKeyStoreId"] = json!(store);
    }
    if key.material.origin == "EXTERNAL" {
        let expires = key.material.valid_to.filter(|_| key.state != KeyState::PendingImport);
        out["ExpirationModel"] =
            json!(if expires.is_some() { "KEY_MATERIAL_EXPIRES" } else { "KEY_MATERIAL_DOES_NOT_EXPIRE" });
        if let Some(date) = expires {
            out["ValidTo"] = json!(date);
        }
    }
    out
}

pub(super) fn describe(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::AnyByAlias)?;
    key_mut(world, &name).map(|key| json!({ "KeyMetadata": metadata(key) }))
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let mine =
        world.kms.keys.iter().filter(|((owner, region, _), _)| *owner == call.account() && region == call.region);
    let items = mine.map(|(_, key)| json!({ "KeyId": key.id, "KeyArn": key.arn })).collect();
    page(call, "Keys", items, 100)
}

pub(super) fn update_description(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    living(world, &name)?.description = call.text("Description").unwrap_or_default().to_owned();
    Ok(json!({}))
}

pub(super) fn set_state(world: &mut World, call: &Call<'_>, state: KeyState) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let key = living(world, &name)?;
    if !matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
        // Developer Guide, "Key states of AWS KMS keys": neither can be enabled nor disabled.
        return Err(refuse("KMSInvalidStateException", format!("{} is pending import or unavailable.", key.arn)));
    }
    key.state = state;
    Ok(json!({}))
}

pub(super) fn schedule_deletion(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let days = call.input.get("PendingWindowInDays").and_then(Value::as_u64).unwrap_or(30);
    let Some(days) = u32::try_from(days).ok().filter(|days| (7..=30).contains(days)) else {
        return Err(refuse("ValidationException", "PendingWindowInDays is between 7 and 30."));
    };
    let key = living(world, &name)?;
    let date = call.now + f64::from(days) * DAY;
    key.state = KeyState::PendingDeletion(date);
    Ok(json!({
        "KeyId": key.arn, "DeletionDate": date, "KeyState": "PendingDeletion", "PendingWindowInDays": days,
    }))
}

pub(super) fn cancel_deletion(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let key = key_mut(world, &name)?;
    if !matches!(key.state, KeyState::PendingDeletion(_)) {
        return Err(refuse("KMSInvalidStateException", format!("{} is not pending deletion.", key.arn)));
    }
    key.state = KeyState::Disabled;
    Ok(json!({ "KeyId": key.arn }))
}

pub(super) fn enable_rotation(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    let days = call.input.get("RotationPeriodInDays").and_then(Value::as_u64);
    let days = days.map_or(Some(365), |days| u32::try_from(days).ok()).filter(|days| (90..=2560).contains(days));
    let days = days.ok_or_else(|| refuse("ValidationException", "RotationPeriodInDays is between 90 and 2560."))?;
    usable(living(world, &name)?)?.rotation = Some(days);
    Ok(json!({}))
}

pub(super) fn disable_rotation(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    usable(living(world, &name)?)?.rotation = None;
    Ok(json!({}))
}

fn usable(key: &mut Key) -> Result<&mut Key, Refusal> {
    if key.material.origin != "AWS_KMS" {
        // "You cannot enable automatic rotation of … KMS keys with imported key material, or KMS keys in a custom key
        // store" (API Reference, `EnableKeyRotation`).
        return Err(refuse("UnsupportedOperationException", format!("{} cannot be rotated.", key.arn)));
    }
    if key.is_enabled() { Ok(key) } else { Err(refuse("DisabledException", format!("{} is disabled.", key.arn))) }
}

pub(super) fn rotation_status(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Any)?;
    let key = key_mut(world, &name)?;
    if key.material.store.is_some() {
        let message = format!("{} is in a custom key store.", key.arn);
        return Err(refuse("UnsupportedOperationException", message));
    }
    let days = key.rotation.filter(|_| !matches!(key.state, KeyState::PendingDeletion(_)));
    let mut out = json!({ "KeyRotationEnabled": days.is_some(), "KeyId": key.arn });
    if let Some(days) = days {
        out["RotationPeriodInDays"] = json!(days);
        out["NextRotationDate"] = json!(key.created + f64::from(days) * DAY);
    }
    Ok(out)
}
