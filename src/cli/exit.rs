//! Exit codes: a promise to cron jobs and pipelines, never changed.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// In sync; or everything applied.
    Success = 0,
    /// An error: a change failed, or an identity was not the expected one.
    Error = 1,
    /// `plan`: complete, and there is drift.
    Drift = 2,
    /// A target unreachable or unreadable, or a change not made.
    Incomplete = 3,
    /// The command line is wrong.
    Usage = 64,
    /// A file is wrong: baseline, profiles or saved plan.
    Data = 65,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Prints what clap has to say. Its own code for a wrong command line is 2, which would read as drift.
pub(super) fn of_clap(error: &clap::Error) -> Exit {
    // Nobody is left to tell when even this cannot be written.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Success }
}
