//! Events: which are forwarded from every account, and the bus and the rules that receive them.

pub mod config;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{Bus, Rule, cells, desire, receiving_bus};
