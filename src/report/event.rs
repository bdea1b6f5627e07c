//! The contract between the engine and everyone who watches it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AccountId, Address, OpError, Region, Target};
use crate::services::Service;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Reading starts; the number of accounts is known.
    ReadingStarted {
        /// Accounts that will be entered.
        accounts: usize,
    },
    /// An account's Regions are known.
    RegionsListed {
        /// The account.
        account: AccountId,
        /// How many Regions will be read there.
        regions: usize,
    },
    /// A cell is being read.
    CellStarted {
        /// The service.
        service: Service,
        /// Where.
        target: Target,
    },
    /// A cell was read, or could not be.
    CellRead {
        /// The service.
        service: Service,
        /// Where.
        target: Target,
        /// Whether it could be read.
        readable: bool,
    },
    /// Everything of an account was read.
    AccountRead {
        /// The account.
        account: AccountId,
    },
    /// An account could not be entered.
    AccountFailed {
        /// Why.
        error: OpError,
    },
    /// A call will be tried again.
    CallRetried {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// The service.
        service: &'static str,
        /// The operation.
        operation: &'static str,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        code: String,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// Changing starts.
    ApplyStarted {
        /// How many changes there are.
        changes: usize,
    },
    /// A change has started.
    ChangeStarted {
        /// What.
        address: Address,
    },
    /// A change has ended.
    ChangeEnded {
        /// What.
        address: Address,
        /// How.
        outcome: Outcome,
    },
}

/// How a change ended; every change of a run ends in exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// AWS took it.
    Applied,
    /// A call failed.
    Failed(OpError),
    /// Something it requires did not end well.
    Skipped {
        /// What.
        because: Address,
    },
    /// The run stopped before its turn.
    NotStarted,
}

/// Where events go; cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Sends every event to `sink`.
    pub fn to(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Events(Arc::new(sink))
    }

    /// Nobody watches.
    pub fn nowhere() -> Self {
        Events::to(|_| ())
    }

    /// Tells what happened.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}
