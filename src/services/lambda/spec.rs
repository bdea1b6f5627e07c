use serde::{Deserialize, Serialize};

use crate::model::Target;
use crate::services::{Declared, Desired, Kept, Place, Resource, Tags, Terms, keep_tags};

/// The statements of a function's policy that let our topics invoke it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Permission {
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Permission {
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
