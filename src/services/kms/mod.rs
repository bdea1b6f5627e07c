//! The key that encrypts the logs, in the security account's home Region.

pub mod config;
mod policy;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use policy::policy_form;
pub use spec::{Key, KeyState, address, cells, desire, topic_key};
