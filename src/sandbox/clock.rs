//! The simulation's time: the machine's, or whatever a test says.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the simulation the time. Sessions end, buckets of rates refill and documents are dated by it.
///
/// The default is the machine's clock; with one of its own, a test lets hours pass in no time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Clock {
    /// A clock that tells seconds since 1970.
    pub fn new(seconds: impl Fn() -> f64 + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(seconds))
    }

    /// Seconds since 1970, to the millisecond.
    pub fn now(&self) -> f64 {
        ((self.0)() * 1000.0).floor() / 1000.0
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
