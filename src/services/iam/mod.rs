//! The roles that AWS Config and EventBridge work with, in every account.

mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{Role, ServiceLinkedRole, cells, config_role, desire, forwarding_role};
