//! KMS (API version 2014-11-01): keys, aliases and key policies.

mod aliases;
mod grants;
mod keys;
mod policy;
mod tags;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::authz::{Verdict, Who, evaluate};
use super::dispatch::{Call, Service};
use super::wire::{Answer, Protocol, Refusal};
use super::world::{Identity, World};
use crate::model::{AccountId, Arn, Region};

/// The service's line.
pub(super) const SERVICE: Service = Service { name: "kms", protocol: Protocol::Json, route: None, resource, handle };

fn resource(world: &World, call: &Call<'_>) -> String {
    let named = call.text("KeyId").map(|text| resolve(world, call.account(), call.region, text));
    named.flatten().map_or_else(|| "*".to_owned(), |key| key.arn.to_string())
}

/// Keys and aliases.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By account, Region and key id.
    pub keys: BTreeMap<(AccountId, Region, String), Key>,
    /// By account, Region and name (`alias/…`).
    pub aliases: BTreeMap<(AccountId, Region, String), Alias>,
}

/// A key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub arn: Arn,
    pub id: String,
    pub policy: String,
    pub description: String,
    pub state: KeyState,
    pub rotation: Option<u32>,
    pub created: f64,
    pub tags: BTreeMap<String, String>,
    pub material: Material,
    /// As `ListGrants` shows them.
    pub grants: Vec<Value>,
}

/// Where a key's material comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Material {
    /// `AWS_KMS`, `EXTERNAL`, `AWS_CLOUDHSM` or `EXTERNAL_KEY_STORE`.
    pub origin: String,
    /// When imported material expires, in seconds since 1970.
    pub valid_to: Option<f64>,
    /// The custom key store that holds it.
    pub store: Option<String>,
}

impl Default for Material {
    fn default() -> Self {
        Material { origin: "AWS_KMS".to_owned(), valid_to: None, store: None }
    }
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    /// Until the moment, in seconds since 1970, at which it goes.
    PendingDeletion(f64),
    /// It has no key material: none was imported yet, or it expired.
    PendingImport,
    /// Its key store cannot be reached.
    Unavailable,
}

/// Another name for a key.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    pub target: String,
    pub created: f64,
    pub updated: f64,
}

impl Key {
    /// Whether it can be used.
    pub fn is_enabled(&self) -> bool {
        self.state == KeyState::Enabled
    }
}

/// Whether a text has the form of a key id, an alias or the ARN of one.
pub(super) fn looks_like_key(text: &str) -> bool {
    if text.starts_with("arn:") {
        let arn = text.parse::<Arn>();
        return arn.is_ok_and(|arn| {
            arn.service() == "kms" && (arn.resource().starts_with("key/") || arn.resource().starts_with("alias/"))
        });
    }
    text.starts_with("alias/")
        || text.starts_with("mrk-")
        || (text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
}

/// The key that an id, an ARN, an alias or an alias's ARN means in a Region; ids and aliases are of the account.
pub(super) fn resolve<'a>(world: &'a World, account: AccountId, region: &Region, text: &str) -> Option<&'a Key> {
    let (account, name) = if text.starts_with("arn:") {
        let arn: Arn = text.parse().ok()?;
        if arn.service() != "kms" || arn.region() != Some(region) || arn.partition() != world.partition {
            return None;
        }
        (arn.account()?, arn.resource().to_owned())
    } else {
        (account, text.to_owned())
    };
    let id = if name.starts_with("alias/") {
        world.kms.aliases.get(&(account, region.clone(), name))?.target.clone()
    } else {
        name.strip_prefix("key/").unwrap_or(&name).to_owned()
    };
    world.kms.keys.get(&(account, region.clone(), id))
}

/// What a caller must be to act on a key of another account, and how the key is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// By key id or key ARN, in the caller's account.
    Own,
    /// By key id or key ARN, in any account that the key policy lets in.
    Any,
    /// The same, and an alias will do.
    AnyByAlias,
}

type KeyName = (AccountId, Region, String);

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let output = match call.operation {
        "CreateKey" => keys::create(world, call),
        "DescribeKey" => keys::describe(world, call),
        "ListKeys" => keys::list(world, call),
        "UpdateKeyDescription" => keys::update_description(world, call),
        "EnableKey" => keys::set_state(world, call, KeyState::Enabled),
        "DisableKey" => keys::set_state(world, call, KeyState::Disabled),
        "ScheduleKeyDeletion" => keys::schedule_deletion(world, call),
        "CancelKeyDeletion" => keys::cancel_deletion(world, call),
        "EnableKeyRotation" => keys::enable_rotation(world, call),
        "DisableKeyRotation" => keys::disable_rotation(world, call),
        "GetKeyRotationStatus" => keys::rotation_status(world, call),
        "CreateGrant" => grants::create(world, call),
        "ListGrants" => grants::list(world, call),
        "RevokeGrant" => grants::revoke(world, call),
        "GetKeyPolicy" => policy::get(world, call),
        "PutKeyPolicy" => policy::put(world, call),
        "ListKeyPolicies" => policy::list(world, call),
        "CreateAlias" => aliases::create(world, call),
        "UpdateAlias" => aliases::update(world, call),
        "DeleteAlias" => aliases::delete(world, call),
        "ListAliases" => aliases::list(world, call),
        "TagResource" => tags::tag(world, call),
        "UntagResource" => tags::untag(world, call),
        "ListResourceTags" => tags::list(world, call),
        _ => Err(call.not_simulated()),
    };
    output.map(Answer::Json)
}

fn refuse(code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message)
}

/// Finds the key of the call's `KeyId` and asks its policy, which alone decides who may use it: the account's own
/// callers too need a statement that admits them or their account (KMS Developer Guide, "Key policies").
fn find(world: &World, call: &Call<'_>, reach: Reach) -> Result<KeyName, Refusal> {
    let text = call.text("KeyId").unwrap_or_default();
    let key = find_named(world, call, text, reach != Reach::AnyByAlias)?;
    let owner = key.arn.account().unwrap_or(call.account());
    if owner != call.account() && reach == Reach::Own {
        let action = format!("kms:{}", call.operation);
        return Err(call.denied(&action, &key.arn.to_string(), "because no resource-based policy allows the action"));
    }
    authorize(call, key, &[])?;
    Ok((owner, call.region.clone(), key.id.clone()))
}

fn find_named<'a>(world: &'a World, call: &Call<'_>, text: &str, no_alias: bool) -> Result<&'a Key, Refusal> {
    let not_found = |message: String| refuse("NotFoundException", message);
    if let Ok(arn) = text.parse::<Arn>() {
        if arn.region() != Some(call.region) {
            return Err(not_found(format!("Invalid arn {}", arn.region().map_or("", Region::as_str))));
        }
    } else if text.starts_with("arn:") {
        return Err(refuse("InvalidArnException", format!("Invalid arn {text}")));
    }
    let alias = text.contains("alias/");
    if !looks_like_key(text) || (alias && no_alias) {
        return Err(not_found(format!("Invalid keyId '{text}'")));
    }
    resolve(world, call.account(), call.region, text).ok_or_else(|| {
        let mut arn = text.to_owned();
        if !arn.starts_with("arn:") {
            let resource = if alias { text.to_owned() } else { format!("key/{text}") };
            arn = Arn::new(world.partition, "kms", Some(call.region), Some(call.account()), resource).to_string();
        }
        not_found(if alias { format!("Alias {arn} is not found.") } else { format!("Key '{arn}' does not exist") })
    })
}

/// Asks the key's policy.
fn authorize(call: &Call<'_>, key: &Key, context: &[(&str, &str)]) -> Result<(), Refusal> {
    let action = format!("kms:{}", call.operation);
    let arn = key.arn.to_string();
    match evaluate(&key.policy, Who::Caller(call.caller), &action, &arn, context) {
        Verdict::Allowed => Ok(()),
        Verdict::Denied => Err(call.denied(&action, &arn, "with an explicit deny in a resource-based policy")),
        Verdict::Silent => {
            let why = format!("because no resource-based policy allows the {action} action");
            Err(call.denied(&action, &arn, &why))
        }
    }
}

/// Whether a caller may use the key for an action, as S3 asks on the caller's behalf.
pub(super) fn allows(key: &Key, caller: &Identity, action: &str) -> bool {
    evaluate(&key.policy, Who::Caller(caller), action, &key.arn.to_string(), &[]) == Verdict::Allowed
}

/// The key, to be changed.
fn key_mut<'a>(world: &'a mut World, name: &KeyName) -> Result<&'a mut Key, Refusal> {
    let missing = || refuse("NotFoundException", format!("Key '{}' does not exist", name.2));
    world.kms.keys.get_mut(name).ok_or_else(missing)
}

/// The key, to be changed, unless it is to be deleted.
fn living<'a>(world: &'a mut World, name: &KeyName) -> Result<&'a mut Key, Refusal> {
    let key = key_mut(world, name)?;
    match key.state {
        KeyState::PendingDeletion(_) => {
            Err(refuse("KMSInvalidStateException", format!("{} is pending deletion.", key.arn)))
        }
        _ => Ok(key),
    }
}

/// One page of a list: `Marker` says where it starts, `Limit` how long it is.
fn page(call: &Call<'_>, member: &str, items: Vec<Value>, default: usize) -> Result<Value, Refusal> {
    let start: usize = match call.text("Marker") {
        None => 0,
        Some(marker) => marker.parse().map_err(|_| refuse("InvalidMarkerException", "the marker is not valid"))?,
    };
    let limit = call.input.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(default);
    let end = start.saturating_add(limit).min(items.len());
    let mut out = json!({ "Truncated": end < items.len() });
    if end < items.len() {
        out["NextMarker"] = json!(end.to_string());
    }
    out[member] = Value::Array(items.into_iter().skip(start).take(limit).collect());
    Ok(out)
}
