//! AWS Config: recorder, delivery channel, rules and aggregation.

pub mod config;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{Aggregator, Authorization, DeliveryChannel, Recorder, Recording, Rule, cells, desire, rule_names};
