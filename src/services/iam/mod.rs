//! The roles that AWS Config and EventBridge work with, in every account.

#[cfg(any(feature = "aws", test))]
mod boundary;
mod document;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use document::Document;
pub use spec::{Role, ServiceLinkedRole, cells, config_role, desire, forwarding_role};
