use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts every request that leaves the process, by what the SDK says it is.
#[derive(Debug, Default)]
pub struct Ledger {
    counts: Mutex<BTreeMap<(&'static str, String, Purpose), u64>>,
}

/// What a request is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// To read.
    Read,
    /// To bring an account to the baseline.
    Write,
    /// To write down something of the tool's own: its lock, its record, its notice.
    Own,
}

impl Ledger {
    pub(super) fn count(&self, service: &'static str, operation: &str, purpose: Purpose) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((service, operation.to_owned(), purpose)).or_default() += 1;
    }

    /// Requests of one operation, attempts included.
    pub fn of(&self, service: &str, operation: &str) -> u64 {
        self.sum(|s, o, _| s == service && o == operation)
    }

    /// All requests, attempts included.
    pub fn total(&self) -> u64 {
        self.sum(|_, _, _| true)
    }

    /// Requests that change an account, attempts included; the tool's [own](Ledger::own) writes are not among them.
    pub fn mutating(&self) -> u64 {
        self.sum(|_, _, purpose| purpose == Purpose::Write)
    }

    /// Requests that write the tool's own lock, record and notices, attempts included.
    pub fn own(&self) -> u64 {
        self.sum(|_, _, purpose| purpose == Purpose::Own)
    }

    fn sum(&self, wanted: impl Fn(&str, &str, Purpose) -> bool) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|((s, o, purpose), _)| wanted(s, o, *purpose)).map(|(_, requests)| requests).sum()
    }
}
