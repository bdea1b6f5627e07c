//! Raw tables -> checked values: what the types alone cannot say.

mod accounts;
mod baseline;
mod exceptions;
mod hops;
mod jump;
mod names;
mod overrides;
mod profiles;
mod regions;
mod rollout;

pub(crate) use baseline::Context;
pub(super) use baseline::check_baseline;
pub(super) use profiles::{CheckedProfiles, check_profiles};
pub(crate) use regions::check_region;
