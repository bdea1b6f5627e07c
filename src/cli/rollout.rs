//! In which order an apply goes through the accounts, and what ends it.

use clap::Args;

use super::error::CliError;
use crate::config::Profiles;
use crate::engine::Rollout;

/// In which order, and how many failures are tolerated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rollout")]
pub(super) struct RolloutArgs {}

impl RolloutArgs {
    /// What holds for this run.
    pub(super) fn rollout(&self, _profiles: &Profiles) -> Result<Rollout, CliError> {
        Ok(Rollout::default())
    }
}
