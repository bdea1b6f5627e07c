//! What is going on right now: a moving line on a terminal, a few plain lines elsewhere.

mod state;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::state::State;
use super::CommonArgs;
use super::log::{Level, Log, Place};
use super::screen::Screen;
use crate::report::human::counted;
use crate::report::{Event, Outcome};

/// Waits shorter than this are not worth a line off a terminal.
const LONG_WAIT: Duration = Duration::from_secs(5);
/// How often the moving line is drawn anew: what it says of waits counts seconds.
const REDRAWN: Duration = Duration::from_millis(200);

/// Shows events as they come.
pub(super) struct Progress {
    shared: Arc<Shared>,
    log: Log,
    /// Whether what is going on is said off a terminal, too.
    talking: bool,
}

struct Shared {
    bar: ProgressBar,
    state: Mutex<State>,
}

impl Progress {
    pub(super) fn new(screen: &Screen, common: &CommonArgs) -> Self {
        let moving = screen.is_terminal() && !common.quiet;
        let target = if moving { ProgressDrawTarget::stderr_with_hz(12) } else { ProgressDrawTarget::hidden() };
        let shared =
            Arc::new(Shared { bar: ProgressBar::with_draw_target(None, target), state: Mutex::new(State::default()) });
        if moving {
            screen.log().write_above(&shared.bar);
            keep_drawing(Arc::downgrade(&shared));
        }
        Progress { shared, log: screen.log().clone(), talking: common.verbose > 0 && !moving }
    }

    /// Shows one event.
    pub(super) fn show(&self, event: &Event) {
        let Shared { bar, state } = &*self.shared;
        state.lock().unwrap_or_else(PoisonError::into_inner).take(event, Instant::now());
        match event {
            Event::ReadingStarted { accounts } => {
                self.begin("reading", *accounts);
                self.talk(&format!("reading {}", counted(*accounts, "account")), Place::default());
            }
            Event::ApplyStarted { changes } => {
                self.begin("applying", *changes);
                self.talk(&format!("applying {}", counted(*changes, "change")), Place::default());
            }
            Event::AccountRead { .. } | Event::ChangeEnded { .. } => bar.inc(1),
            _ => {}
        }
        self.tell(event);
        self.shared.draw();
    }

    /// What is said in lines.
    fn tell(&self, event: &Event) {
        match event {
            // On a terminal the report names it, once for every account that has the same cause.
            Event::AccountFailed { error } => {
                self.fail(&format!("cannot enter {}: {error}", error.account), Place::of_error(error));
            }
            Event::ChangeEnded { address, outcome: Outcome::Failed(error) } => {
                self.fail(&format!("failed {address}: {error}"), Place::of_error(error));
            }
            Event::CallRetried { account, region, service, operation, code, wait, attempt, .. }
                if *wait >= LONG_WAIT =>
            {
                let text = format!(
                    "{service}:{operation} in {account}/{region}: {code}, attempt {attempt}, waiting {wait:.0?}"
                );
                self.talk(&text, call(account, region, service, operation));
            }
            Event::Settled { account, region, service, operation, waited, code, given_up } => {
                let end = if *given_up { "in vain" } else { "in the end it did" };
                let text = format!(
                    "{service}:{operation} in {account}/{region}: waited {waited:.0?} for AWS to notice {}, {end}",
                    state::unnoticed(code)
                );
                self.talk(&text, call(account, region, service, operation));
            }
            Event::WaveStarted { wave, accounts, changes } => {
                let (changes, accounts) = (counted(*changes, "change"), counted(*accounts, "account"));
                self.talk(&format!("{wave}: {changes} in {accounts}"), Place::default());
            }
            Event::LockAwaited { holder, timeout } => {
                self.warn(&format!("waiting at most {timeout:.0?} for the lock that {holder} holds"));
            }
            Event::LockTaken { over_from: Some(holder) } => {
                self.warn(&format!("took over the lock that {holder} left behind"));
            }
            Event::LockLocal { file } => self.warn(&format!(
                "there is no log bucket to lock: only {} keeps other runs apart, and only on this machine",
                file.display()
            )),
            Event::Halted { why } => self.warn(&format!("nothing new is started: {why}; {}", why.hint())),
            _ => {}
        }
    }

    /// Clears the moving line and says what was done; further events start it again.
    pub(super) fn finish(&self) {
        self.shared.bar.finish_and_clear();
        let done = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).finish();
        if let Some(done) = done {
            self.talk(&done, Place::default());
        }
    }

    /// Says something that nobody may miss, beside the moving line.
    pub(super) fn interject(&self, line: &str) {
        self.log.release(false);
        self.log.say(Level::Warn, line);
    }

    /// Says the last thing of all, in place of the moving line.
    pub(super) fn interrupt(&self, line: &str) {
        self.shared.bar.finish_and_clear();
        self.log.release(false);
        // A terminal shows `^C`, or a question, where the line would begin.
        let start = if self.log.is_text() && self.log.is_terminal() { "\n" } else { "" };
        self.log.say(Level::Warn, &format!("{start}{line}"));
    }

    /// Lets something else have the terminal.
    pub(super) fn suspend<T>(&self, with: impl FnOnce() -> T) -> T {
        self.shared.bar.suspend(with)
    }

    fn begin(&self, what: &str, length: usize) {
        let bar = &self.shared.bar;
        bar.reset();
        bar.set_length(length as u64);
        if let Ok(style) = ProgressStyle::with_template(&format!("{{spinner}} {what:8} [{{bar:24}}] {{wide_msg}}")) {
            bar.set_style(style.progress_chars("=> "));
        }
    }

    /// What goes on as it should: said off a terminal where `-v` asks for it.
    fn talk(&self, line: &str, place: Place) {
        if self.talking {
            self.log.say_of(Level::Info, line, place);
        }
    }

    /// A failure that the report will tell, too: said as it happens to whoever reads lines by their fields, and to
    /// whoever asked for more.
    fn fail(&self, line: &str, place: Place) {
        if self.talking || !self.log.is_text() {
            self.log.say_of(Level::Error, line, place);
        }
    }

    /// Something that a person should know of although it is no failure.
    fn warn(&self, line: &str) {
        self.log.say(Level::Warn, line);
    }
}

fn call(account: &crate::model::AccountId, region: &crate::model::Region, service: &str, operation: &str) -> Place {
    Place::of([
        ("account", account.to_string()),
        ("region", region.to_string()),
        ("service", service.to_owned()),
        ("operation", operation.to_owned()),
    ])
}

impl Shared {
    fn draw(&self) {
        if !self.bar.is_hidden() && !self.bar.is_finished() {
            let line = self.state.lock().unwrap_or_else(PoisonError::into_inner).line(Instant::now());
            self.bar.set_message(line);
        }
    }
}

/// Draws the line anew as long as there is one.
fn keep_drawing(shared: Weak<Shared>) {
    std::thread::spawn(move || {
        while let Some(shared) = shared.upgrade() {
            if !shared.bar.is_finished() {
                shared.draw();
                shared.bar.tick();
            }
            drop(shared);
            std::thread::sleep(REDRAWN);
        }
    });
}
