use serde::{Deserialize, Serialize};

use crate::model::Target;
use crate::services::{Declared, Desired, Kept, Place, Resource, Tags, Terms, keep_tags};

/// A configuration recorder: what is recorded, and with which role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorder {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Recorder {
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

/// Where configuration goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryChannel {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for DeliveryChannel {
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

/// Whether the recorder is recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Recording {
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

/// A managed rule.
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

/// The leave that an account gives the security account to aggregate its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Authorization {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Authorization {
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

/// The view over all accounts in the security account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregator {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Aggregator {
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

/// The names of the rules that an account has in a Region.
pub fn rule_names(_declared: &Declared<'_>, _target: &Target) -> Vec<String> {
    Vec::new()
}
