use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;
use crate::model::{AccountId, Region};

/// Bounds what is under way: requests in flight over all accounts, and the pace of CloudTrail's writes.
#[derive(Debug)]
pub(super) struct Limits {
    in_flight: Semaphore,
    clock: Clock,
    /// When the next write may be sent, by [`Clock::elapsed`].
    next_write: Mutex<HashMap<(AccountId, Region), Duration>>,
}

/// CloudTrail takes one write a second per account and Region, fixed (CloudTrail User Guide, "Quotas"); a little more
/// than a second between two, since the rate is measured at the other end of the road.
const CLOUDTRAIL_WRITE_SPACING: Duration = Duration::from_millis(1100);

impl Limits {
    pub(super) fn new(parallelism: usize, clock: Clock) -> Self {
        Limits { in_flight: Semaphore::new(parallelism.max(1)), clock, next_write: Mutex::default() }
    }

    /// Waits until one more request may be in flight. `None` cannot happen: the semaphore is never closed.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.in_flight.acquire().await.ok()
    }

    /// Waits for this write's turn.
    pub(super) async fn pace(&self, account: AccountId, region: &Region, service: &str) {
        if service != "cloudtrail" {
            return;
        }
        let turn = {
            let mut next = self.next_write.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = next.entry((account, region.clone())).or_default();
            let turn = (*slot).max(self.clock.elapsed());
            *slot = turn + CLOUDTRAIL_WRITE_SPACING;
            turn
        };
        self.clock.sleep_until(turn).await;
    }
}
