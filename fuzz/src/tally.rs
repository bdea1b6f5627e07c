//! How many inputs a target has tried.

use std::time::{Duration, Instant};

/// Counts inputs, those that were accepted, and remembers the one that took longest; says so when it is dropped.
#[derive(Debug)]
pub struct Tally {
    target: &'static str,
    tried: u64,
    accepted: u64,
    slowest: Duration,
    slowest_size: usize,
}

impl Tally {
    /// Starts at nothing.
    pub fn new(target: &'static str) -> Self {
        Tally { target, tried: 0, accepted: 0, slowest: Duration::ZERO, slowest_size: 0 }
    }

    /// Tries one input of so many bytes; `property` answers whether it was accepted, and panics where it does not hold.
    pub fn count(&mut self, size: usize, property: impl FnOnce() -> bool) {
        let start = Instant::now();
        let accepted = property();
        let took = start.elapsed();
        self.tried += 1;
        self.accepted += u64::from(accepted);
        if took > self.slowest {
            (self.slowest, self.slowest_size) = (took, size);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let Tally { target, tried, accepted, slowest, slowest_size } = self;
        eprintln!(
            "fuzzed {target}: {tried} inputs, {accepted} of them accepted; the slowest, of {slowest_size} bytes, took \
             {slowest:.1?}"
        );
    }
}
