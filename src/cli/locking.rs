//! The lock that keeps two applies apart.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::run::Run;
use crate::engine::LockTerms;

/// How long a lock is waited for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Locking")]
pub(super) struct LockArgs {}

impl LockArgs {
    /// What holds for this run.
    pub(super) fn terms(&self, run: &Run) -> Result<LockTerms, CliError> {
        Ok(LockTerms {
            run: run.id.clone(),
            owner: String::new(),
            timeout: Duration::from_secs(600),
            lease: Duration::from_secs(120),
            folder: PathBuf::new(),
        })
    }
}
