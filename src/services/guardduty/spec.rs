use serde::{Deserialize, Serialize};

use crate::model::{Address, Target};
use crate::services::{Declared, Desired, Kept, Kind, Place, Resource, Tags, Terms, keep_tags};

/// A detector: one per account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Detector {
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

/// Where a detector exports its findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishingDestination {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for PublishingDestination {
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

/// The accounts that the security account administers in a Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Members {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Members {
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

/// An account that the security account administers in a Region, from its own side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Membership {
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

/// The detector of an account in a Region, where detectors are declared.
pub fn detector(declared: &Declared<'_>, target: &Target) -> Option<Address> {
    declared.baseline.guardduty.as_ref()?;
    Some(Address::new(target.clone(), Kind::GuarddutyDetector, "detector"))
}
