//! The trails: one per Region, or one for all.

pub mod config;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use spec::{BasicSelectors, DataResource, Selectors, Trail, cells, covering, desire};
