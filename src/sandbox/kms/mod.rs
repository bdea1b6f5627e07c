//! KMS (API version 2014-11-01): keys, aliases and key policies.

use std::collections::BTreeMap;

use super::dispatch::{Call, Service};
use super::wire::{Answer, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

/// The service's line.
pub(super) const SERVICE: Service =
    Service { name: "kms", protocol: Protocol::Json, route: None, resource: |_, _| "*".to_owned(), handle };

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
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    /// Until the moment, in seconds since 1970, at which it goes.
    PendingDeletion(f64),
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

fn handle(_world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    Err(call.not_simulated())
}
