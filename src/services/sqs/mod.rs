//! The policies that let a topic send to a queue.

mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use spec::{QUEUE_POLICY_MAX_BYTES, QueuePolicy, cells, desire};
pub(super) use spec::{principals, statement};
