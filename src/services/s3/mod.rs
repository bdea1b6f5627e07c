//! The bucket that every account's logs go to, in the home Region.

pub mod config;
mod policy;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

#[cfg(feature = "aws")]
pub use aws::{exists, make_closed};
pub use policy::policy_form;
pub use spec::LOCKS;
pub use spec::{Bucket, Encryption, PublicAccessBlock, Versioning, address, bucket_name, cells, desire};
