//! SIGINT, which Ctrl-C sends, SIGTERM, which schedulers send, and SIGHUP, which a connection that breaks sends.
//!
//! As long as nothing can have been written, the first one ends the run at once. While changes are made, the first one
//! asks for nothing new and for what is in flight to be finished; the second one does not wait for that; the third one
//! ends the process where it is. Whatever is answered, the process dies of the first signal, by its default action: its
//! parent, a shell loop or a scheduler, then knows that it was interrupted and not that it failed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator;

use super::exit::{Exit, die_of};
use super::progress::Progress;
use crate::engine::{Asked, Stop, Stopper};
use crate::report::{Event, Events};

/// How long last words may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the signals of a run come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Whether a command that we started hears of signals first.
    left: bool,
    /// The first signal.
    first: Option<i32>,
    count: usize,
}

/// What a signal would interrupt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing can have been written yet.
    #[default]
    Looking,
    /// Changes are made.
    Writing,
    /// All is done, and others are told.
    Telling,
}

impl Signals {
    /// Handles these signals from now on; what is asked for by them is heard at the [`Stop`].
    ///
    /// # Errors
    ///
    /// The handlers could not be installed.
    pub(super) fn handle(progress: &Arc<Progress>, events: &Events) -> io::Result<(Signals, Stop, Arc<Stopper>)> {
        let (stopper, stop) = Stop::new();
        let stopper = Arc::new(stopper);
        let asks = stopper.clone();
        let signals = Signals::default();
        let hangup = hears_hangup().then_some(SIGHUP);
        let mut coming = iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
        let thread = {
            let (signals, progress, events) = (signals.clone(), progress.clone(), events.clone());
            move || {
                for signal in coming.forever() {
                    signals.take(signal, &asks, &progress, &events);
                }
            }
        };
        // Not a task: the runtime's threads may all be busy, and a question on the terminal blocks one.
        std::thread::Builder::new().name("signals".to_owned()).spawn(thread)?;
        Ok((signals, stop, stopper))
    }

    /// Says that from now on something may be written, so that a signal no longer ends the process at once.
    pub(super) fn writing(&self) {
        self.state().phase = Phase::Writing;
    }

    /// Says that whatever was written has ended.
    pub(super) fn telling(&self) {
        self.state().phase = Phase::Telling;
    }

    /// Leaves signals to something that listens for them itself, until it has ended.
    pub(super) async fn left_to<T>(&self, listener: impl Future<Output = T>) -> T {
        self.state().left = true;
        let ended = listener.await;
        self.state().left = false;
        ended
    }

    /// How the run ends: by the first signal, if there was any.
    pub(super) fn exit(&self, otherwise: Exit) -> Exit {
        self.state().first.map_or(otherwise, Exit::Signal)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, signal: i32, stopper: &Stopper, progress: &Arc<Progress>, events: &Events) {
        // Held to the end: whoever wants to begin writing waits, and the process is gone before.
        let mut state = self.state();
        let first = *state.first.get_or_insert(signal);
        if state.left {
            return;
        }
        state.count += 1;
        let name = name_of(signal);
        match (state.phase, state.count) {
            (Phase::Looking | Phase::Telling, _) => {
                let (progress, events) = (progress.clone(), events.clone());
                let exit = Exit::Signal(first).code();
                let last = match state.phase {
                    Phase::Looking => "stopped; nothing was written",
                    _ => "stopped before everybody was told",
                };
                let said = in_time(move || {
                    progress.interrupt(&format!("{name}: {last}"));
                    events.tell(Event::RunEnded { exit, error: None });
                });
                if !said {
                    // A question for a code has the terminal, and does not show what is typed.
                    restore_terminal();
                }
                die_of(first);
            }
            (Phase::Writing, 1) => {
                stopper.ask(Asked::Finish);
                let progress = progress.clone();
                in_time(move || {
                    progress.interject(&format!(
                        "{name}: nothing new is started, and the changes under way are finished; once more stops \
                         waiting for them"
                    ));
                });
            }
            (Phase::Writing, 2) => {
                stopper.ask(Asked::Leave);
                let progress = progress.clone();
                in_time(move || {
                    progress.interject(&format!(
                        "{name}: the changes under way are left as they are, and the lock is given back; once more \
                         exits at once"
                    ));
                });
            }
            (Phase::Writing, _) => {
                let clone = progress.clone();
                let said = in_time(move || {
                    clone.interrupt(&format!(
                        "{name}: exiting at once; what was under way is not known, and the next run finds out"
                    ));
                });
                if !said {
                    restore_terminal();
                }
                die_of(first);
            }
        }
    }
}

/// Does something that may have to wait for whoever has the terminal, and does not wait long for it; answers whether it
/// was done.
fn in_time(what: impl FnOnce() + Send + 'static) -> bool {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        what();
        // Nobody is left to hear it after the time is over.
        let _ = done.send(());
    });
    ended.recv_timeout(LAST_WORDS).is_ok()
}

/// Whether SIGHUP ends this process: `nohup` has it ignored, and a handler would undo that. Where the kernel does not
/// say, it is left as it is.
pub(super) fn hears_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| !ignores(&status, SIGHUP))
}

/// Whether the kernel's account of a process has it ignore a signal (proc_pid_status(5), `SigIgn`).
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Lets the terminal show again what is typed.
fn restore_terminal() {
    if let Ok(terminal) = std::fs::File::open("/dev/tty") {
        // Without `stty` it stays as it is: there is nobody to ask.
        let _ = std::process::Command::new("stty").arg("sane").stdin(terminal).status();
    }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        SIGHUP => "SIGHUP",
        _ => "signal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stays_ignored() {
        let status = |mask: &str| format!("Name:\tbaseline\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t1\n");
        assert!(ignores(&status("0000000000001001"), SIGHUP));
        assert!(!ignores(&status("0000000000001000"), SIGHUP));
        assert!(ignores(&status("0000000000001000"), 13));
        assert!(ignores("Name:\tbaseline\n", SIGHUP), "not known");
    }
}
