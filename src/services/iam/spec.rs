use serde::{Deserialize, Serialize};

use crate::model::{AccountId, Address, Region, Target};
use crate::services::{Declared, Desired, Kept, Kind, Place, Resource, Tags, Terms, keep_tags};

/// The role that AWS Config works with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceLinkedRole {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for ServiceLinkedRole {
    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        keep_tags(&mut self.tags, &seen.tags);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        Vec::new()
    }
}

/// The role that EventBridge forwards events with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Role {
    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        keep_tags(&mut self.tags, &seen.tags);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        Vec::new()
    }
}

/// What an account should hold.
pub fn desire(_declared: &Declared<'_>, _place: &Place<'_>) -> Vec<Desired> {
    Vec::new()
}

/// Where it is read.
pub fn cells(_declared: &Declared<'_>, _place: &Place<'_>) -> Vec<Target> {
    Vec::new()
}

/// The role that EventBridge assumes to put an account's events on the security account's bus, where events are
/// forwarded from that account.
pub fn forwarding_role(declared: &Declared<'_>, account: AccountId) -> Option<Address> {
    let events = declared.baseline.events.as_ref()?;
    if account == declared.profiles.security {
        return None;
    }
    Some(Address::new(Target::new(account, Region::global()), Kind::IamRole, events.role_name.clone()))
}

/// The service-linked role that AWS Config records with, where it is declared.
pub fn config_role(declared: &Declared<'_>, account: AccountId) -> Option<Address> {
    declared.baseline.config.as_ref()?;
    let target = Target::new(account, Region::global());
    Some(Address::new(target, Kind::IamServiceLinkedRole, "config.amazonaws.com"))
}
