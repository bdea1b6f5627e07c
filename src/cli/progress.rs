//! What is going on right now: a moving line on a terminal, a few plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::screen::Screen;
use crate::model::AccountId;
use crate::report::{Event, Outcome};

/// Waits shorter than this are not worth a line off a terminal.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// Shows events as they come.
pub(super) struct Progress {
    bar: ProgressBar,
    moving: bool,
    quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: usize,
    accounts_done: usize,
    accounts_failed: usize,
    regions: usize,
    cells_done: usize,
    current: BTreeMap<AccountId, String>,
    changes: usize,
    changes_done: usize,
    failed: usize,
    since: Option<Instant>,
}

impl Progress {
    pub(super) fn new(screen: &Screen, quiet: bool) -> Self {
        let moving = screen.is_terminal() && !quiet;
        let target = if moving { ProgressDrawTarget::stderr_with_hz(12) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if moving {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Progress { bar, moving, quiet, state: Mutex::default() }
    }

    /// Shows one event.
    pub(super) fn show(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::ReadingStarted { accounts } => {
                *state = State { accounts: *accounts, since: Some(Instant::now()), ..State::default() };
                self.bar.reset();
                self.bar.set_length(*accounts as u64);
                self.style("{spinner} reading  [{bar:24}] {wide_msg}");
                self.say(&format!("reading {accounts} accounts"));
            }
            Event::RegionsListed { regions, .. } => state.regions += regions,
            Event::CellStarted { service, target } => {
                state.current.insert(target.account, format!("{service} in {target}"));
            }
            Event::CellRead { target, .. } => {
                state.cells_done += 1;
                let done = format!("{target}");
                if state.current.get(&target.account).is_some_and(|current| current.ends_with(&done)) {
                    state.current.remove(&target.account);
                }
            }
            Event::AccountRead { .. } => {
                state.accounts_done += 1;
                self.bar.set_position(state.accounts_done as u64);
            }
            // The report names it, once for every account that has the same cause.
            Event::AccountFailed { .. } => state.accounts_failed += 1,
            Event::CallRetried { account, region, service, operation, code, wait, attempt, .. } => {
                let text = format!(
                    "{service}:{operation} in {account}/{region}: {code}, attempt {attempt}, waiting {wait:.0?}"
                );
                if self.moving {
                    state.current.insert(*account, text);
                } else if *wait >= LONG_WAIT {
                    self.say(&text);
                }
            }
            Event::LockAwaited { holder, timeout } => {
                self.say(&format!("waiting at most {timeout:.0?} for the lock that {holder} holds"));
            }
            Event::LockTaken { over_from: Some(holder) } => {
                self.say(&format!("took over the lock that {holder} left behind"));
            }
            Event::LockLocal { file } => self.say(&format!(
                "there is no log bucket to lock: only {} keeps other runs apart, and only on this machine",
                file.display()
            )),
            Event::Halted { why } => self.say(&format!("nothing new is started: {why}")),
            Event::RunStarted { .. }
            | Event::Planned { .. }
            | Event::CallEnded { .. }
            | Event::Settled { .. }
            | Event::LockTaken { over_from: None }
            | Event::LockReleased
            | Event::WaveStarted { .. }
            | Event::RunEnded { .. } => {}
            Event::ApplyStarted { changes } => {
                *state = State { changes: *changes, since: Some(Instant::now()), ..State::default() };
                self.bar.reset();
                self.bar.set_length(*changes as u64);
                self.style("{spinner} applying [{bar:24}] {wide_msg}");
                self.say(&format!("applying {changes} changes"));
            }
            Event::ChangeStarted { address } => {
                state.current.insert(address.target.account, address.to_string());
            }
            Event::ChangeEnded { address, outcome } => {
                state.changes_done += 1;
                if state.current.get(&address.target.account).is_some_and(|current| *current == address.to_string()) {
                    state.current.remove(&address.target.account);
                }
                self.bar.set_position(state.changes_done as u64);
                if let Outcome::Failed(error) = outcome {
                    state.failed += 1;
                    self.say(&format!("failed {address}: {error}"));
                }
            }
        }
        if self.moving {
            self.bar.set_message(state.line());
        }
    }

    /// Clears the moving line and says what was done; further events start it again.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.moving && state.accounts > 0 && state.changes == 0 {
            self.say(&format!(
                "read {} of {} accounts, {} Regions",
                state.accounts_done, state.accounts, state.regions
            ));
        }
    }

    /// Lets something else have the terminal.
    pub(super) fn suspend<T>(&self, with: impl FnOnce() -> T) -> T {
        self.bar.suspend(with)
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
    }

    /// A plain line, off a terminal only: on one, the report says it at the end.
    fn say(&self, line: &str) {
        use std::io::Write as _;
        if !self.moving && !self.quiet {
            // With stderr gone there is nobody to tell.
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }
}

impl State {
    fn line(&self) -> String {
        let elapsed = self.since.map(|since| since.elapsed().as_secs_f64()).unwrap_or_default();
        let rate =
            |done: usize| if elapsed > 0.5 { format!(", {:.0}/s", done as f64 / elapsed) } else { String::new() };
        let done = if self.changes > 0 {
            let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
            format!("{}/{} changes{}{failed}", self.changes_done, self.changes, rate(self.changes_done))
        } else {
            format!(
                "{}/{} accounts, {} Regions read{}",
                self.accounts_done,
                self.accounts,
                self.cells_done,
                rate(self.cells_done)
            )
        };
        match self.current.values().next_back() {
            Some(current) => format!("{done}  {current}"),
            None => done,
        }
    }
}
