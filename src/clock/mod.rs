//! Time as a run sees it: the machine's, or a simulated one that jumps from one sleeper to the next.

#[cfg(test)]
mod simulated;
#[cfg(test)]
pub use simulated::Simulated;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A clock; cheap to clone. Whatever waits, paces, renews or expires asks it and no other.
#[derive(Clone)]
pub struct Clock(Arc<dyn Time>);

/// A wait that is under way; dropping it ends it.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Where a [`Clock`] gets its time from.
trait Time: Send + Sync {
    fn elapsed(&self) -> Duration;
    fn wall(&self) -> SystemTime;
    fn sleep(&self, duration: Duration) -> Wait;
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Clock(Arc::new(Real(Instant::now())))
    }

    /// How long ago the clock was made: it never goes back, whatever somebody does to the date.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The date and time, for what is written down or compared with what AWS said.
    pub fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    /// Waits.
    pub fn sleep(&self, duration: Duration) -> Wait {
        self.0.sleep(duration)
    }

    /// Waits until [`Clock::elapsed`] is `moment`.
    pub fn sleep_until(&self, moment: Duration) -> Wait {
        self.sleep(moment.saturating_sub(self.elapsed()))
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({:?})", self.elapsed())
    }
}

struct Real(Instant);

impl Time for Real {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        Box::pin(tokio::time::sleep(duration))
    }
}
