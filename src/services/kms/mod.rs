//! The keys of the security account: the log key in its home Region, and the topics' keys in every Region that has one.

pub mod config;
#[cfg(any(feature = "aws", test))]
mod grants;
mod policy;
mod spec;
mod topic_policy;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use policy::policy_form;
pub use spec::{Key, KeyState, address, cells, declared_keys, desire, topic_key};
