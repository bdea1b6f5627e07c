//! The topic in every Region of the security account, and who hears of it.

pub mod config;
mod endpoint;
#[cfg(any(feature = "aws", test))]
mod listener;
mod outside;
mod policy;
mod reach;
pub mod run_section;
mod spec;
mod subscription;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use config::Protocol;
pub use endpoint::{Endpoint, shown};
pub use outside::undelivered;
pub(super) use reach::{Reach, delivers_as, principal, subscribed_from, topic_arn};
pub use spec::{AWS_KEY_IN_USE, TOPIC_POLICY_MAX_BYTES, Topic, cells, desire, topic};
pub use subscription::Subscription;
