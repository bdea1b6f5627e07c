use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::rates::{self, Rate, Rates};
use crate::clock::Clock;
use crate::model::{AccountId, Region};

/// An account may take this part of all slots: a call that hangs holds its slot for half a minute, and it takes several
/// accounts that hang to hold up the others. A quarter of the default is still more than the documented rates of one
/// account and Region use.
const SHARE: usize = 4;
/// Where there are few slots, an account may take so many.
const LEAST_SHARE: usize = 4;

/// The rate after the first throttle. Which rate AWS had in mind is not known: the cuts find it from above.
const FIRST_RATE: f64 = 10.0;
/// What a throttle leaves of the rate: that of the SDK's adaptive mode.
const CUT: f64 = 0.7;
/// What each second adds to the rate.
const GROWTH: f64 = 1.0;
/// The slowest.
const LEAST_RATE: f64 = 0.5;
/// A rate that has grown to this is forgotten.
const FREE_RATE: f64 = 50.0;
/// Throttles so close to each other tell of the same jam.
const ONE_JAM: Duration = Duration::from_secs(1);
/// Lines that nobody stands in are dropped once there are so many.
const MANY_LINES: usize = 8192;

/// Bounds what is under way: requests in flight over all accounts and in each, and the pace of each class of operations
/// in each account and Region.
///
/// Who waits for a turn holds no slot, and who waits for a slot stands in no line: a throttled account delays itself.
#[derive(Debug)]
pub(super) struct Limits {
    clock: Clock,
    rates: Rates,
    in_flight: Semaphore,
    share: usize,
    accounts: Mutex<HashMap<AccountId, Arc<Semaphore>>>,
    lines: Mutex<HashMap<Place, Arc<Line>>>,
    #[cfg(test)]
    unadaptive: bool,
}

/// What has a pace of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    account: AccountId,
    region: Region,
    service: &'static str,
    class: &'static str,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    _of_account: Option<OwnedSemaphorePermit>,
    _of_all: Option<SemaphorePermit<'a>>,
}

impl Slot<'_> {
    /// A slot beside those that are counted, for what must not wait behind the run's own calls.
    pub(super) fn beside() -> Self {
        Slot { _of_account: None, _of_all: None }
    }
}

impl Limits {
    pub(super) fn new(parallelism: usize, rates: Rates, clock: Clock) -> Self {
        let slots = parallelism.max(1);
        Limits {
            clock,
            rates,
            in_flight: Semaphore::new(slots),
            share: (slots / SHARE).max(LEAST_SHARE).min(slots),
            accounts: Mutex::default(),
            lines: Mutex::default(),
            #[cfg(test)]
            unadaptive: false,
        }
    }

    /// Whether throttles slow lines down, for the comparison.
    #[cfg(test)]
    pub(super) fn set_adaptive(&mut self, adaptive: bool) {
        self.unadaptive = !adaptive;
    }

    /// Waits until one more request of the account may be in flight.
    pub(super) async fn slot(&self, account: AccountId) -> Slot<'_> {
        let own = {
            let mut accounts = lock(&self.accounts);
            accounts.entry(account).or_insert_with(|| Arc::new(Semaphore::new(self.share))).clone()
        };
        // First its own: one that waits here takes nothing from the others. Semaphores that are never closed always
        // give a permit in the end.
        let of_account = own.acquire_owned().await.ok();
        Slot { _of_account: of_account, _of_all: self.in_flight.acquire().await.ok() }
    }

    /// Where requests of this operation line up.
    pub(super) fn line(
        &self,
        account: AccountId,
        region: &Region,
        service: &'static str,
        operation: &'static str,
    ) -> Arc<Line> {
        let (class, rate) = match self.rates {
            Rates::Aws => rates::of(service, operation),
            Rates::Off => (rates::of(service, operation).0, None),
        };
        let place = Place { account, region: region.clone(), service, class };
        let mut lines = lock(&self.lines);
        if lines.len() >= MANY_LINES {
            let now = self.clock.elapsed();
            lines.retain(|_, line| Arc::strong_count(line) > 1 || !lock(&line.pace).is_free(now));
        }
        lines.entry(place).or_insert_with(|| Arc::new(Line::new(rate))).clone()
    }

    /// Waits for a turn, at the pace that the line then has.
    pub(super) async fn turn(&self, line: &Line) -> Cuts {
        line.turn(&self.clock).await;
        lock(&line.pace).cuts
    }

    /// AWS has throttled a request of the line.
    pub(super) fn throttled(&self, line: &Line) {
        #[cfg(test)]
        if self.unadaptive {
            return;
        }
        lock(&line.pace).cut(self.clock.elapsed());
    }
}

/// How often a line was slowed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cuts(u32);

/// Requests of one place, in the order in which they came.
#[derive(Debug)]
pub(super) struct Line {
    head: AsyncMutex<()>,
    pace: Mutex<Pace>,
}

impl Line {
    fn new(documented: Option<Rate>) -> Self {
        Line {
            head: AsyncMutex::default(),
            pace: Mutex::new(Pace { documented, next: Duration::ZERO, slowed: None, cuts: Cuts::default() }),
        }
    }

    /// Whether a turn still counts: once the line is slowed down, those who had theirs at the old pace and did not get
    /// away take another.
    pub(super) fn is_paced(&self, turn: Cuts) -> bool {
        lock(&self.pace).cuts == turn
    }

    async fn turn(&self, clock: &Clock) {
        if !lock(&self.pace).counts(clock.elapsed()) {
            return;
        }
        // One at a time: who is behind goes by the rate of then, not by that of now.
        let _head = self.head.lock().await;
        loop {
            let due = {
                let (mut pace, now) = (lock(&self.pace), clock.elapsed());
                let due = pace.due(now);
                if due <= now {
                    pace.take(now);
                    return;
                }
                due
            };
            clock.sleep_until(due).await;
        }
    }
}

/// How fast a line moves.
#[derive(Debug)]
struct Pace {
    documented: Option<Rate>,
    /// When the next request would be sent if all were sent evenly.
    next: Duration,
    slowed: Option<Slowed>,
    cuts: Cuts,
}

/// The rate that AWS's throttling has taught: cut by what is throttled, and growing with time (additive increase,
/// multiplicative decrease).
#[derive(Debug, Clone, Copy)]
struct Slowed {
    per_second: f64,
    since: Duration,
}

impl Slowed {
    fn rate(&self, now: Duration) -> f64 {
        self.per_second + GROWTH * now.saturating_sub(self.since).as_secs_f64()
    }
}

impl Pace {
    /// The rate of now; `None` is no limit.
    fn rate(&mut self, now: Duration) -> Option<Rate> {
        self.slowed = self.slowed.filter(|slowed| slowed.rate(now) < FREE_RATE);
        match (self.slowed, self.documented) {
            (Some(slowed), Some(documented)) if slowed.rate(now) >= documented.per_second => Some(documented),
            (Some(slowed), _) => Some(Rate { burst: 1, per_second: slowed.rate(now) }),
            (None, documented) => documented,
        }
    }

    fn counts(&mut self, now: Duration) -> bool {
        self.rate(now).is_some()
    }

    fn is_free(&mut self, now: Duration) -> bool {
        self.next <= now && self.rate(now) == self.documented && self.slowed.is_none()
    }

    fn due(&mut self, now: Duration) -> Duration {
        match self.rate(now) {
            Some(rate) => self.next.saturating_sub(spacing(rate) * rate.burst.saturating_sub(1)),
            None => now,
        }
    }

    fn take(&mut self, now: Duration) {
        if let Some(rate) = self.rate(now) {
            self.next = self.next.max(now) + spacing(rate);
        }
    }

    fn cut(&mut self, now: Duration) {
        let (rate, old_enough) = match &self.slowed {
            Some(slowed) => (slowed.rate(now), now.saturating_sub(slowed.since) >= ONE_JAM),
            None => (self.documented.map_or(FIRST_RATE / CUT, |rate| rate.per_second.min(FIRST_RATE / CUT)), true),
        };
        if old_enough {
            self.cuts.0 += 1;
            self.slowed = Some(Slowed { per_second: (rate * CUT).max(LEAST_RATE), since: now });
        }
    }
}

fn spacing(rate: Rate) -> Duration {
    Duration::from_secs_f64(1.0 / rate.per_second.max(f64::MIN_POSITIVE))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
