use serde::{Deserialize, Serialize};

use crate::model::{Address, Region, Target};
use crate::services::{Declared, Desired, Kept, Kind, Place, Resource, Tags, Terms, keep_tags};

/// The bus that receives what other accounts forward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Bus {
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

/// A rule with its targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Rule {
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

/// The bus that receives the events of a Region: the security account's in the same Region, or in the fallback Region
/// where it has not enabled that one.
pub fn receiving_bus(declared: &Declared<'_>, region: &Region) -> Option<Address> {
    let events = declared.baseline.events.as_ref()?;
    let region = match (declared.shared.hub.contains(region), &events.fallback_region) {
        (false, Some(fallback)) => fallback,
        _ => region,
    };
    let target = Target::new(declared.profiles.security, region.clone());
    Some(Address::new(target, Kind::EventbridgeBus, events.bus.clone()))
}
