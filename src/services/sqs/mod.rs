//! The policies that let a topic send to a queue.

mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{QueuePolicy, cells, desire};
