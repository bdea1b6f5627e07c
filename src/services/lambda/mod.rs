//! The permissions that let a topic invoke a function.

mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{Permission, cells, desire};
