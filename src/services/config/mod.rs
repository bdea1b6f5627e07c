//! AWS Config: recorder, delivery channel, rules and aggregation.

mod aggregation;
mod managed_rules;
mod rule;
mod rule_section;
pub mod section;
mod spec;
mod status;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use aggregation::{Aggregator, Authorization, Source};
pub use rule::{Rule, Scope, rule_names, rule_names_of};
pub use spec::{
    DeliveryChannel, FrequencyOverride, Recorder, Recording, RecordingGroup, RecordingMode, cells, channels, desire,
};
pub use status::{Attempt, Status};
