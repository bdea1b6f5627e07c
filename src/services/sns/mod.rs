//! The topic in every Region of the security account, and who hears of it.

pub mod config;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{Subscription, Topic, cells, desire, topic};
