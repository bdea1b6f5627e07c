use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;

/// How often a call that may not be sent looks whether it may.
const LOOK: Duration = Duration::from_millis(250);

/// Keeps what changes something from being sent where somebody else may be writing: as long as the lock that a run took
/// is good, everything passes; a call that comes later waits until the lock was renewed, or is known to be lost.
///
/// Without a lock nothing is held back: what is written then, is written to get one.
#[derive(Debug, Default)]
pub struct Fence(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    Good {
        since: Moment,
        lasts: Duration,
    },
    Lost,
}

/// A moment by both clocks: the one that never goes back, and the one that goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    elapsed: Duration,
    wall: SystemTime,
}

/// Somebody else may be writing.
#[derive(Debug)]
pub struct Lost;

impl Moment {
    /// This one.
    pub fn now(clock: &Clock) -> Self {
        Moment { elapsed: clock.elapsed(), wall: clock.wall() }
    }

    /// What the wall's clock said.
    pub const fn wall(&self) -> SystemTime {
        self.wall
    }

    /// How long ago it was, by the clock that says longer.
    pub fn age(&self, clock: &Clock) -> Duration {
        let wall = clock.wall().duration_since(self.wall).unwrap_or_default();
        wall.max(clock.elapsed().saturating_sub(self.elapsed))
    }
}

impl Fence {
    /// The lock is ours, and nobody takes it over before so much time has passed `since` then.
    pub fn renewed(&self, since: Moment, lasts: Duration) {
        self.set(State::Good { since, lasts });
    }

    /// It is not ours any more.
    pub fn lost(&self) {
        self.set(State::Lost);
    }

    /// There is no lock, and nothing that it protects.
    pub fn lift(&self) {
        self.set(State::None);
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Whether something may be sent now; `None` where that is not known yet.
    pub fn is_open(&self, clock: &Clock) -> Option<bool> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::None => Some(true),
            State::Good { since, lasts } => (since.age(clock) < *lasts).then_some(true),
            State::Lost => Some(false),
        }
    }

    /// Waits until something may be sent.
    ///
    /// # Errors
    ///
    /// It may not, and will not.
    pub async fn pass(&self, clock: &Clock) -> Result<(), Lost> {
        loop {
            match self.is_open(clock) {
                Some(true) => return Ok(()),
                Some(false) => return Err(Lost),
                None => clock.sleep(LOOK).await,
            }
        }
    }
}
