use serde::{Deserialize, Serialize};

use crate::model::{Address, Region, Target};
use crate::services::{Declared, Desired, Kept, Kind, Place, Resource, Tags, Terms, keep_tags};

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Topic {
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

/// A subscription to a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Subscription {
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

/// The topic of a Region, if topics are declared.
pub fn topic(declared: &Declared<'_>, region: &Region) -> Option<Address> {
    let notify = declared.baseline.notify.as_ref()?;
    Some(Address::new(Target::new(declared.profiles.security, region.clone()), Kind::SnsTopic, notify.topic.clone()))
}
