use serde::{Deserialize, Serialize};

use super::{policy, topic_policy};
use crate::model::{AccountId, Address, Region, Target};
use crate::policy::{Actions, Effect, KEY_POLICY_MAX_BYTES, PrincipalType, Principals, Statement, Who};
use crate::services::shared_policy::{SharedPolicy, Survival};
use crate::services::{
    About, Aside, Declared, Desired, Kept, Kind, Place, Resource, Spec, Tags, Terms, keep_tags, our_tags,
};

/// A customer managed key with its alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The alias, with its `alias/` prefix; `None` while the key has none yet.
    pub alias: Option<String>,
    /// What it is for.
    pub description: String,
    /// Whether it can be used.
    pub state: KeyState,
    /// Whether KMS rotates its material every year.
    pub rotation: bool,
    /// Who may use it for what.
    pub policy: SharedPolicy,
    /// Its tags.
    pub tags: Tags,
    /// Where its material comes from, in AWS's word: `AWS_KMS` where KMS made it.
    #[serde(default = "made_by_kms", skip_serializing_if = "is_made_by_kms")]
    pub origin: String,
    /// The custom key store that holds its material; never declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_store: Option<String>,
    /// When its imported material expires; never declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Seen: when KMS deletes it.
    #[serde(skip)]
    pub dies: Aside<Option<String>>,
    /// Seen: whether it is the replica of a multi-Region key, whose rotation is its primary's.
    #[serde(skip)]
    pub replica: Aside<bool>,
    /// Whether it encrypts logs, so that its policy admits the accounts that send them.
    #[serde(skip)]
    pub holds_logs: Aside<bool>,
}

/// The origin of a key whose material KMS made (KMS API Reference, `KeyMetadata`).
const MADE_BY_KMS: &str = "AWS_KMS";

fn made_by_kms() -> String {
    MADE_BY_KMS.to_owned()
}

fn is_made_by_kms(origin: &str) -> bool {
    origin == MADE_BY_KMS
}

/// Whether a key can be used (KMS Developer Guide, "Key states of AWS KMS keys").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It can.
    Enabled,
    /// Somebody switched it off: logs cannot be written.
    Disabled,
    /// Somebody scheduled its deletion: with it, every log it encrypted becomes unreadable.
    PendingDeletion,
    /// It has no material: none was imported yet, or what was expired or was deleted.
    PendingImport,
    /// Its custom key store is disconnected, or its material cannot be reached there.
    Unavailable,
    /// KMS is making it.
    Creating,
    /// KMS is changing its primary Region; it can be used meanwhile.
    Updating,
    /// What KMS calls it, where this version does not know what that means.
    Other(String),
}

impl KeyState {
    /// Whether this tool can make it usable.
    fn is_repairable(&self) -> bool {
        matches!(self, KeyState::Enabled | KeyState::Disabled | KeyState::PendingDeletion)
    }
}

/// The tag that finds a key again whose alias was not made yet.
pub const ALIAS_TAG: &str = "BaselineAlias";

/// Where the log key is, if one is declared.
pub fn address(declared: &Declared<'_>) -> Option<Address> {
    let key = declared.baseline.log_key.as_ref()?;
    Some(Address::new(target(declared), Kind::KmsKey, key.alias.clone()))
}

/// The key that encrypts the topic of a Region, where topics are encrypted.
pub fn topic_key(declared: &Declared<'_>, region: &Region) -> Option<Address> {
    let alias = declared.baseline.notify.as_ref()?.key_alias.clone()?;
    Some(Address::new(Target::new(declared.profiles.security, region.clone()), Kind::KmsKey, alias))
}

fn target(declared: &Declared<'_>) -> Target {
    Target::new(declared.profiles.security, declared.profiles.home_region.clone())
}

/// The keys that are declared in a Region of the security account.
pub fn declared_keys(declared: &Declared<'_>, region: &Region) -> Vec<Address> {
    let log_key = address(declared).filter(|address| address.target.region == *region);
    let topic_key = topic_key(declared, region).filter(|_| declared.shared.hub.contains(region));
    log_key.into_iter().chain(topic_key).collect()
}

/// The log key and the topics' keys, in the security account.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    if place.account.id != declared.profiles.security {
        return Vec::new();
    }
    let baseline = declared.baseline;
    let key = |address: Address, key: Key| {
        let mut tags = our_tags(baseline);
        tags.insert(ALIAS_TAG.to_owned(), address.name.clone());
        let alias = Some(format!("alias/{}", address.name));
        Desired::shared(address, Spec::KmsKey(Box::new(Key { alias, tags, ..key })), Vec::new())
    };
    let log_key = baseline.log_key.iter().zip(address(declared)).map(|(log_key, address)| {
        let policy = SharedPolicy::ours(policy::statements(declared), log_key.exclusive);
        let description = "Encrypts the logs of every account";
        key(address, Key { rotation: log_key.rotation, ..Key::new(description, policy, true) })
    });
    let topic_keys = baseline.notify.iter().flat_map(|notify| {
        let addresses = declared.shared.hub.iter().filter_map(|region| topic_key(declared, region));
        addresses.map(|address| {
            let policy = SharedPolicy::ours(topic_policy::statements(declared), notify.exclusive);
            key(address, Key::new("Encrypts what the topic says", policy, false))
        })
    });
    log_key.chain(topic_keys).collect()
}

/// The security account's home Region, and every Region whose topic is encrypted.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let mut cells: Vec<Target> = Vec::new();
    for desired in desire(declared, place) {
        if !cells.contains(&desired.address.target) {
            cells.push(desired.address.target);
        }
    }
    cells
}

impl Key {
    fn new(description: &str, policy: SharedPolicy, holds_logs: bool) -> Self {
        Key {
            alias: None,
            description: description.to_owned(),
            state: KeyState::Enabled,
            rotation: true,
            policy,
            tags: Tags::new(),
            origin: made_by_kms(),
            key_store: None,
            expires: None,
            dies: Aside(None),
            replica: Aside(false),
            holds_logs: Aside(holds_logs),
        }
    }
}

impl Key {
    /// Why KMS would not rotate it by itself, if it would not (KMS API Reference, `EnableKeyRotation`).
    pub(super) fn cannot_rotate(&self) -> Option<String> {
        if self.key_store.is_some() {
            return Some("it is in a custom key store".to_owned());
        }
        if self.origin == "EXTERNAL" {
            return Some("its material was imported".to_owned());
        }
        if !is_made_by_kms(&self.origin) {
            return Some(format!("the origin of its material is {}", self.origin));
        }
        self.replica.0.then(|| "it is the replica of a multi-Region key, and its primary decides".to_owned())
    }
}

/// Whether a statement leaves everything about the key to its owner's own policies.
fn keeps_owner(statement: &Statement, owner: Option<AccountId>) -> bool {
    let Actions::Action(actions) = &statement.actions else { return false };
    let Some(Principals::Principal(Who::Named(lists))) = &statement.principal else { return false };
    let names = lists.get(&PrincipalType::Aws).map_or(&[][..], Vec::as_slice);
    statement.effect == Effect::Allow
        && statement.conditions.is_empty()
        && actions.iter().any(|action| action.eq_ignore_ascii_case("kms:*"))
        // An account's id and the ARN of its root mean the same (IAM User Guide, "AWS account principals").
        && names.iter().any(|name| {
            let is = |id: AccountId| name == id.as_str() || name.ends_with(&format!(":iam::{id}:root"));
            owner.is_none_or(is)
        })
}

impl Resource for Key {
    const ABOUT: About = About {
        lives: "log key: the security account, home Region; topic keys: the security account, every Region in which \
            it receives events",
        without: "trails and findings cannot be encrypted with a key of one's own; topics are not encrypted",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        self.policy.adopt(&seen.policy);
        keep_tags(&mut self.tags, &seen.tags);
        self.origin.clone_from(&seen.origin);
        self.key_store.clone_from(&seen.key_store);
        self.expires.clone_from(&seen.expires);
        if seen.cannot_rotate().is_some() {
            self.rotation = seen.rotation;
        }
        if !seen.state.is_repairable() {
            self.state = seen.state.clone();
        }
        Vec::new()
    }

    fn is_unusable(&self) -> bool {
        !self.state.is_repairable() && self.state != KeyState::Updating
    }

    fn undelivered(&self) -> Option<Kept> {
        let kept = |reason: String, hint: &str| Some(Kept { reason, hint: hint.to_owned() });
        let lost = if self.holds_logs.0 { "logs cannot be encrypted" } else { "nothing can be encrypted" };
        match &self.state {
            KeyState::Enabled | KeyState::Updating | KeyState::Disabled => None,
            KeyState::PendingDeletion => {
                let day = match &self.dies.0 {
                    Some(day) => format!("KMS deletes the key at {day}"),
                    None => "KMS deletes the key when its replicas are gone".to_owned(),
                };
                kept(
                    format!("{day}, and with it everything that it encrypted becomes unreadable; until then {lost}"),
                    "apply takes the deletion back; ask who scheduled it",
                )
            }
            KeyState::PendingImport => kept(
                format!("the key has no key material (PendingImport): {lost}"),
                "import its key material again: only those who hold it can",
            ),
            KeyState::Unavailable => kept(
                format!("the key's custom key store cannot be reached (Unavailable): {lost}"),
                "connect the custom key store again, or look at the key that its external key manager holds",
            ),
            KeyState::Creating => kept(format!("KMS is making the key (Creating): {lost}"), "run again in a minute"),
            KeyState::Other(state) => kept(
                format!("the key's state is {state}, which this version of baseline does not know"),
                "look the state up in the KMS Developer Guide, \"Key states of AWS KMS keys\"",
            ),
        }
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn shared_policy(&self) -> Option<&SharedPolicy> {
        self.holds_logs.0.then_some(&self.policy)
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let survival = Survival { actions: &["kms:PutKeyPolicy", "kms:GetKeyPolicy"], resource: "*" };
        let mut refusals =
            self.policy.refusals(seen.map(|s| &s.policy), terms, "key policy", KEY_POLICY_MAX_BYTES, &survival);
        let owner = terms.address.as_ref().map(|address| address.target.account);
        if !self.policy.document.statements.iter().any(|statement| keeps_owner(statement, owner)) {
            refusals.push(
                "the key policy would leave out the owner account's root: nobody could change the key any more"
                    .to_owned(),
            );
        }
        let unchanged = seen.is_some_and(|seen| seen.state == self.state && !seen.state.is_repairable());
        if self.state != KeyState::Enabled && !unchanged {
            let lost = if self.holds_logs.0 { "logged" } else { "encrypted with it" };
            refusals.push(format!("the key would be disabled: nothing could be {lost} any more"));
        }
        if let (Some(alias), Some(Some(seen))) = (&self.alias, seen.map(|s| &s.alias))
            && alias != seen
        {
            refusals.push(format!("{seen} would be retargeted to {alias}"));
        }
        refusals
    }
}
