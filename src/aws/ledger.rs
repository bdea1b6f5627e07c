use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts every request that leaves the process, by what the SDK says it is.
#[derive(Debug, Default)]
pub struct Ledger {
    counts: Mutex<BTreeMap<(&'static str, String), Count>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    requests: u64,
    does: Does,
}

/// What a request does to the estate.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// It looks.
    #[default]
    Reads,
    /// It changes what is managed.
    Writes,
    /// It serves this tool itself, such as telling somebody of a run.
    Own,
}

impl Ledger {
    pub(super) fn count(&self, service: &'static str, operation: &str, does: Does) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counts.entry((service, operation.to_owned())).or_default();
        entry.requests += 1;
        entry.does = does;
    }

    /// Requests of one operation, attempts included.
    pub fn of(&self, service: &str, operation: &str) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|((s, o), _)| *s == service && o == operation).map(|(_, c)| c.requests).sum()
    }

    /// All requests, attempts included.
    pub fn total(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().map(|c| c.requests).sum()
    }

    /// Requests that change what is managed, attempts included.
    pub fn mutating(&self) -> u64 {
        self.doing(Does::Writes)
    }

    /// Requests that serve this tool itself, attempts included.
    pub fn own(&self) -> u64 {
        self.doing(Does::Own)
    }

    fn doing(&self, does: Does) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.values().filter(|c| c.does == does).map(|c| c.requests).sum()
    }
}
