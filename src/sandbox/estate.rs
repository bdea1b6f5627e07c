//! The estate of a profiles file: its accounts, and roles that admit only what the chain says.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::sts;
use super::world::{Credential, Identity, World};
use crate::config::{Hop, Profiles, Via};
use crate::model::{AccountId, Arn};

/// Where the starting user lives when the profiles file names no jump account.
const OUTSIDE: &str = "999999999999";
/// The starting user's name.
const USER: &str = "sandbox";
/// The starting user's access key. It opens nothing but this simulation.
pub(super) const START_KEY: &str = "AKIASANDBOXSIMULATED";
/// Its secret: signatures are not verified.
pub(super) const START_SECRET: &str = "simulated-secret-that-opens-nothing";
/// The starting user's keys.
pub(super) const START: Keys = Keys { key: Cow::Borrowed(START_KEY), secret: Cow::Borrowed(START_SECRET), token: None };

/// An access key as a client has it.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub key: Cow<'static, str>,
    pub secret: Cow<'static, str>,
    /// Of a session.
    pub token: Option<String>,
}

/// A session of the jump role as if the code that its device shows had been typed. It does not end: nobody is there to
/// type another. `None` where no device guards the role.
pub(super) fn open_jump(world: &mut World, profiles: &Profiles, session_name: &str) -> Option<Keys> {
    profiles.jump.mfa.as_ref()?;
    let hop = profiles.jump.hop.as_ref()?;
    let identity = sts::session_of(world.partition, hop.role.account()?, world.role(&hop.role)?, session_name);
    let (key, token) = (world.ids.unique("ASIA", 16), world.ids.unique("simulated-session-token/", 64));
    let secret = world.ids.unique("simulated", 31);
    world.credentials.insert(key.clone(), Credential { token: Some(token.clone()), expires: None, identity });
    Some(Keys { key: key.into(), secret: secret.into(), token: Some(token) })
}

/// Fills a world from a profiles file; gives the starting user.
pub(super) fn build(world: &mut World, profiles: &Profiles) -> Option<Identity> {
    let account: AccountId = match profiles.jump.account {
        Some(account) => account,
        None => OUTSIDE.parse().ok()?,
    };
    world.add_account(account);
    let arn = Arn::new(profiles.partition, "iam", None, Some(account), format!("user/{USER}"));
    let user_id = world.ids.unique("AIDA", 17);
    let user = Identity { account, arn, role: None, user_id, source_identity: None };
    let credential = Credential { token: None, expires: None, identity: user.clone() };
    world.credentials.insert(START_KEY.to_owned(), credential);
    world.mfa_serial = profiles.jump.mfa.as_ref().map(|mfa| mfa.serial.clone());

    // A source identity stays for the whole chain, so every role after the one that sets it has to allow it.
    let hops = profiles.jump.hop.iter().chain(profiles.accounts.iter().filter_map(|account| account.hop.as_ref()));
    let sourced = hops.clone().any(|hop| hop.source_identity.is_some());
    let jump_role = profiles.jump.hop.as_ref().map(|hop| &hop.role);
    let starting_account = Arn::new(profiles.partition, "iam", None, Some(account), "root");
    if let Some(hop) = &profiles.jump.hop {
        let trust = trust(&user.arn, hop, sourced, profiles.jump.mfa.is_some());
        let longest = profiles.jump.duration_seconds.unwrap_or(3600).max(3600);
        world.add_role(&hop.role, trust, longest);
    }
    let security_role =
        profiles.account(profiles.security).and_then(|account| account.hop.as_ref()).map(|hop| &hop.role);
    for account in &profiles.accounts {
        world.add_account(account.id).email.clone_from(&account.email);
        let Some(hop) = &account.hop else { continue };
        if Some(&hop.role) == jump_role {
            continue;
        }
        let trusted = match account.via {
            Via::Security => security_role.unwrap_or(&starting_account),
            Via::Jump => jump_role.unwrap_or(&starting_account),
        };
        world.add_role(&hop.role, trust(trusted, hop, sourced, false), 3600);
    }
    Some(user)
}

/// A trust policy that admits one principal with the hop's external id.
fn trust(principal: &Arn, hop: &Hop, sourced: bool, mfa: bool) -> String {
    let mut condition = serde_json::Map::new();
    if let Some(external_id) = &hop.external_id {
        condition.insert("StringEquals".to_owned(), json!({ "sts:ExternalId": external_id.reveal() }));
    }
    if mfa {
        condition.insert("Bool".to_owned(), json!({ "aws:MultiFactorAuthPresent": "true" }));
    }
    let actions: &[&str] = if sourced { &["sts:AssumeRole", "sts:SetSourceIdentity"] } else { &["sts:AssumeRole"] };
    let mut statement = json!({ "Effect": "Allow", "Principal": { "AWS": principal.to_string() }, "Action": actions });
    if !condition.is_empty() {
        statement["Condition"] = Value::Object(condition);
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}
