//! Events: which are forwarded from every account, and the bus and the rules that receive them.
//!
//! Every account has a rule per forward on its default bus, whose target is the security account's bus in the same
//! Region; there, a rule of the same name on that bus tells the topic. EventBridge forwards an event once only
//! (EventBridge User Guide, "Sending and receiving events between AWS accounts"), so that nothing comes in between. The
//! security account's own events are matched where they happen, on its default bus, and are sent nowhere.

mod apart;
pub mod config;
mod forward;
mod overlap;
mod pattern;
mod policy;
mod preset;
mod read_only;
mod rules;
mod spec;
#[cfg(any(feature = "aws", test))]
mod stranger;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use rules::{cells, desire, pattern_notes, receiving_bus};
pub use spec::{Bus, Rule, RuleTarget};

pub(super) use policy::{bus_addresses, policy_form, senders};

/// The bus that every account has in every Region.
pub(super) const DEFAULT_BUS: &str = "default";

/// What the names of our rules begin with.
pub(super) const RULE_PREFIX: &str = "baseline-";

/// The id of the target that tells the topic.
pub(super) const TOPIC_TARGET: &str = "baseline-topic";

/// The id of the target that sends to the receiving bus. Targets of any other id on our rules are somebody's, whatever
/// they are called, and stay.
pub(super) const BUS_TARGET: &str = "baseline-bus";
