use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use super::{Clock, Time, Wait};

/// A clock that stands still while anything can go on, and jumps to the next sleeper's time when nothing can.
///
/// tokio's own paused clock is a feature that would have the whole SDK built a second time; this one needs only to be
/// told when the runtime is idle, see [`Simulated::runtime`].
#[derive(Debug, Clone, Default)]
pub struct Simulated(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Duration,
    /// How long the machine slept: the date went on, and nothing else.
    slept: Duration,
    next_sleeper: u64,
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
}

impl Simulated {
    /// The clock to hand to what is tested.
    pub fn clock(&self) -> Clock {
        Clock(Arc::new(self.clone()))
    }

    /// A runtime of one thread that lets the time jump whenever it has nothing left to do.
    pub fn runtime(&self) -> tokio::runtime::Runtime {
        let time = self.clone();
        tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(move || time.jump()).build().unwrap()
    }

    /// Seconds since 1970, for a simulation that shares this clock.
    pub fn unix_seconds(&self) -> f64 {
        self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// Closes the machine's lid for a while.
    pub fn suspend(&self, duration: Duration) {
        self.lock().slept += duration;
    }

    fn jump(&self) {
        let mut state = self.lock();
        // One that was woken and not polled yet has nothing to be woken again for.
        let Some(((moment, _), _)) = state.sleepers.iter().find(|(_, waker)| waker.is_some()) else { return };
        let moment = *moment;
        state.now = state.now.max(moment);
        let due: Vec<Waker> =
            state.sleepers.range_mut(..=(moment, u64::MAX)).filter_map(|(_, waker)| waker.take()).collect();
        drop(state);
        due.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time for Simulated {
    fn elapsed(&self) -> Duration {
        self.lock().now
    }

    fn wall(&self) -> SystemTime {
        // Some day of 2026: what matters is that it is the same on every run.
        let state = self.lock();
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000) + state.now + state.slept
    }

    fn sleep(&self, duration: Duration) -> Wait {
        let mut state = self.lock();
        let key = (state.now + duration, state.next_sleeper);
        state.next_sleeper += 1;
        Box::pin(Sleeper { time: self.clone(), key })
    }
}

struct Sleeper {
    time: Simulated,
    key: (Duration, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.time.lock();
        if state.now >= self.key.0 {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.time.lock().sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures::StreamExt;
    use futures::stream::FuturesUnordered;

    use super::*;

    #[test]
    fn hours_pass_in_no_time_and_in_order() {
        let time = Simulated::default();
        let clock = time.clock();
        let began = Instant::now();
        let order = time.runtime().block_on(async {
            let mut sleeping: FuturesUnordered<_> = [7200, 1, 3600, 1]
                .into_iter()
                .map(|seconds| {
                    let clock = clock.clone();
                    async move {
                        clock.sleep(Duration::from_secs(seconds)).await;
                        (seconds, clock.elapsed().as_secs())
                    }
                })
                .collect();
            let mut order = Vec::new();
            while let Some(woken) = sleeping.next().await {
                order.push(woken);
            }
            order
        });
        assert_eq!(order, [(1, 1), (1, 1), (3600, 3600), (7200, 7200)]);
        assert!(began.elapsed() < Duration::from_secs(3600));
    }

    #[test]
    fn a_sleeper_that_was_given_up_holds_nobody_up() {
        let time = Simulated::default();
        let clock = time.clock();
        time.runtime().block_on(async {
            let given_up = clock.sleep(Duration::from_secs(5));
            let slept = clock.sleep(Duration::from_secs(1));
            futures::pin_mut!(given_up, slept);
            futures::future::select(given_up, slept).await;
            clock.sleep(Duration::from_secs(9)).await;
        });
        assert_eq!(clock.elapsed(), Duration::from_secs(10));
    }
}
