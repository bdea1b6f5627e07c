//! The bucket that every account's logs go to, in the home Region.

pub mod config;
mod conflicts;
mod policy;
mod spec;

#[cfg(any(feature = "aws", test))]
mod lifecycle;
#[cfg(any(feature = "aws", test))]
mod surroundings;
#[cfg(any(feature = "aws", test))]
mod xml;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

#[cfg(feature = "aws")]
pub use aws::{exists, make_closed};
pub use conflicts::{Retention, Surroundings};
pub use policy::policy_form;
pub(super) use policy::relied_on;
pub use spec::LOCKS;
pub use spec::{Bucket, Encryption, PublicAccessBlock, Versioning, address, bucket_name, cells, desire, folder};
