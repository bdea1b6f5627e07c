//! One folder per AWS service, and the table that ties them in.

pub mod cloudtrail;
pub mod kms;
pub mod s3;

mod kind;

pub use kind::Kind;
