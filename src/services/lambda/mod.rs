//! The permissions that let a topic invoke a function.

mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub(super) use spec::statement_id;
pub use spec::{FUNCTION_POLICY_MAX_BYTES, Permission, cells, desire};
