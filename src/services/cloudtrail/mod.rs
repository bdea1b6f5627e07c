//! The trails: one per Region, or one for all.

pub mod config;
mod spec;
mod status;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use spec::{
    AdvancedSelector, BasicSelectors, DataResource, FieldSelector, Operator, Selectors, Trail, cells, covering, desire,
};
pub use status::{Delivery, Status};
