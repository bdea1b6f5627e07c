//! Threat detection in every Region, its export to the log bucket, and membership by invitation.

pub mod config;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;

pub use spec::{Detector, Members, Membership, PublishingDestination, cells, desire, detector};
