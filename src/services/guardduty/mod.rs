//! Threat detection in every Region, its export to the log bucket, and membership by invitation.

pub mod config;
mod destination;
mod features;
mod members;
mod spec;

#[cfg(feature = "aws")]
pub(super) mod aws;
#[cfg(test)]
mod tests;

pub use destination::PublishingDestination;
pub use features::Features;
pub use members::{Member, Members, Membership, Standing, troubled};
pub use spec::{
    Administrator, Bounds, Detector, administrator_sees_findings, administrator_sees_findings_of, cells, desire,
    detector,
};
