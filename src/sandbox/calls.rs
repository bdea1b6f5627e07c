//! The record of what was called.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::AccountId;

/// How often an operation was called, by whom, where and with what outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    /// The service, as the credential scope names it.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The caller's account; `None` when the key told nothing.
    pub account: Option<AccountId>,
    /// The Region of the credential scope.
    pub region: String,
    /// `ok`, or the error's code.
    pub outcome: String,
    /// Whether the operation changes anything when it succeeds; `AssumeRole` does not count as one.
    pub mutating: bool,
    /// How often.
    pub count: u64,
}

type Key = (String, String, Option<AccountId>, String, String, bool);

/// Counts calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    counts: BTreeMap<Key, u64>,
}

impl Calls {
    /// Counts one call.
    pub fn record(&mut self, service: &str, operation: &str, account: Option<AccountId>, region: &str, outcome: &str) {
        let mutating = is_mutating(operation);
        let key = (service.to_owned(), operation.to_owned(), account, region.to_owned(), outcome.to_owned(), mutating);
        *self.counts.entry(key).or_default() += 1;
    }

    /// Every count, ordered by service, operation, account, Region and outcome.
    pub fn list(&self) -> Vec<CallCount> {
        self.counts
            .iter()
            .map(|((service, operation, account, region, outcome, mutating), count)| CallCount {
                service: service.clone(),
                operation: operation.clone(),
                account: *account,
                region: region.clone(),
                outcome: outcome.clone(),
                mutating: *mutating,
                count: *count,
            })
            .collect()
    }

    /// How many calls asked for a change, refused ones included.
    pub fn mutating(&self) -> u64 {
        self.counts.iter().filter(|(key, _)| key.5).map(|(_, count)| count).sum()
    }

    /// Forgets them.
    pub fn reset(&mut self) {
        self.counts.clear();
    }

    /// As the control endpoint shows them.
    pub fn document(&self) -> Value {
        let calls: Vec<Value> = self
            .list()
            .into_iter()
            .map(|call| {
                json!({
                    "service": call.service, "operation": call.operation,
                    "account": call.account.map(|account| account.to_string()), "region": call.region,
                    "outcome": call.outcome, "mutating": call.mutating, "count": call.count,
                })
            })
            .collect();
        json!({ "calls": calls, "mutating": self.mutating(), "total": self.counts.values().sum::<u64>() })
    }
}

/// Told by the name: AWS names what only reads `Get…`, `List…`, `Describe…`, `Head…`, `Lookup…`, `Test…`. Receiving a
/// message changes no setting.
pub(super) fn is_mutating(operation: &str) -> bool {
    const READS: [&str; 8] = ["Get", "List", "Describe", "Head", "Lookup", "Test", "Receive", "AssumeRole"];
    !operation.is_empty() && !READS.iter().any(|prefix| operation.starts_with(prefix))
}
