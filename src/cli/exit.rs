//! Exit codes: a promise to cron jobs and pipelines, never changed.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// In sync; or everything applied.
    Success,
    /// An error: a change failed, or an identity was not the expected one.
    Error,
    /// `plan`: complete, and there is drift.
    Drift,
    /// A target unreachable or unreadable, a change not made, or something undelivered or exposed.
    Incomplete,
    /// The command line is wrong.
    Usage,
    /// A file is wrong: baseline, profiles or saved plan.
    Data,
    /// A signal ended it: the process ends by the same one, so that whoever started it sees that.
    Signal(i32),
}

impl Exit {
    /// The exit code; for a signal, what a shell shows: 128 and its number.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Error => 1,
            Exit::Drift => 2,
            Exit::Incomplete => 3,
            Exit::Usage => 64,
            Exit::Data => 65,
            Exit::Signal(number) => 128 + (number & 0x7f) as u8,
        }
    }

    /// Ends the process: by the signal, where one ended the run, and else with the code that is answered.
    pub fn leave(self) -> ExitCode {
        if let Exit::Signal(number) = self {
            die_of(number);
        }
        ExitCode::from(self.code())
    }
}

/// Has a file that grows too large (RLIMIT_FSIZE) be an error of the write, as a full disk is, and not the end of the
/// process (getrlimit(2), SIGXFSZ): it is said then, and no temporary file is left behind.
pub(super) fn survive_file_size() {
    // A handler, of which programs that are started inherit nothing; without one it is as it was.
    let _ = signal_hook::flag::register(libc::SIGXFSZ, std::sync::Arc::default());
}

/// Does what the signal does to a program that does not handle it.
pub(super) fn die_of(signal: i32) {
    use std::io::Write as _;
    // Nobody is left to tell when this cannot be written.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    // It fails for a signal that is not known only, and these are; the exit code says the same then.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Prints what clap has to say. Its own code for a wrong command line is 2, which would read as drift.
pub(super) fn of_clap(error: &clap::Error) -> Exit {
    // Nobody is left to tell when even this cannot be written.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Success }
}
