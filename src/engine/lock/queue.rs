use std::time::Duration;

use super::keeper::Held;
use super::record::{Content, Record};
use super::shelf::Shelf;
use super::{Stop, not_asked};
use crate::aws::{Moment, Version};
use crate::clock::Clock;
use crate::engine::Asked;
use crate::report::{Event, Events, Halt};

/// The pauses between two looks at a lock that somebody else has.
const SHORTEST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// How often a write may come too late before whoever does not wait gives up.
const BEATEN_AT_MOST: u32 = 5;

/// Somebody who wants the lock.
pub(super) struct Contender<'a> {
    pub record: Record,
    /// How long somebody else's lock is waited for.
    pub timeout: Duration,
    /// When the waiting began, by [`Clock::elapsed`].
    pub began: Duration,
    pub clock: &'a Clock,
    pub stop: &'a Stop,
    pub events: &'a Events,
}

/// Somebody else's lock, as long as it does not change.
struct Watched {
    version: Version,
    /// When it was first seen like this: after the answer, so that the lease is never taken for shorter than it is.
    since: Duration,
}

impl Contender<'_> {
    /// Waits until the lock is free or its holder's lease has run out, and takes it.
    ///
    /// No clocks are compared: a lease has run out when the object has not changed for that long while we watched it.
    pub(super) async fn take<S: Shelf>(&self, shelf: &S) -> Result<Held, Halt> {
        let mut watched: Option<Watched> = None;
        let mut told: Option<String> = None;
        let mut sent: Option<Moment> = None;
        let mut beaten = 0;
        loop {
            let seen = self.unless_stopped(shelf.read()).await?.map_err(not_asked)?;
            let now = self.clock.elapsed();
            let (over, whose) = match seen {
                None => (None, None),
                Some((body, version)) => match (Content::of(&body), sent) {
                    (Content::Free(_), _) => (Some(version), None),
                    // The write whose answer said that somebody was faster was the second attempt of one that was.
                    (Content::Held(record), Some(sent)) if record.same_holder(&self.record) => {
                        self.events.tell(Event::LockTaken { over_from: None });
                        return Ok(Held { record, version, sent });
                    }
                    (content, _) => {
                        let (holder, lease) = match content {
                            Content::Held(record) => (record.to_string(), Some(record.lease())),
                            _ => ("something that this version cannot read".to_owned(), None),
                        };
                        if watched.as_ref().is_none_or(|watched| watched.version != version) {
                            watched = Some(Watched { version: version.clone(), since: now });
                        }
                        let since = watched.as_ref().map_or(now, |watched| watched.since);
                        let left = lease.map(|lease| (since + lease).saturating_sub(now));
                        if left.is_some_and(|left| left.is_zero()) {
                            (Some(version), Some(holder))
                        } else {
                            self.wait(holder, &mut told, lease, left, now).await?;
                            continue;
                        }
                    }
                },
            };
            let moment = Moment::now(self.clock);
            let record = self.record.taken_at(moment.wall());
            sent = Some(moment);
            // Not given up half-way: whether it is ours has to be known.
            if let Some(version) = shelf.write(&record.bytes(), over.as_ref()).await.map_err(not_asked)? {
                self.events.tell(Event::LockTaken { over_from: whose });
                return Ok(Held { record, version, sent: moment });
            }
            beaten += 1;
            if beaten >= BEATEN_AT_MOST && self.left(self.clock.elapsed()).is_zero() {
                return Err(Halt::Locked { holder: "somebody who is always faster".to_owned() });
            }
            self.pause(SHORTEST_LOOK).await?;
        }
    }

    /// Waits until it is worth to look again; a lock that is not waited for any longer is an error.
    async fn wait(
        &self,
        holder: String,
        told: &mut Option<String>,
        lease: Option<Duration>,
        until_expiry: Option<Duration>,
        now: Duration,
    ) -> Result<(), Halt> {
        let left = self.left(now);
        if left.is_zero() {
            return Err(Halt::Locked { holder });
        }
        if told.as_ref() != Some(&holder) {
            self.events.tell(Event::LockAwaited { holder: holder.clone(), timeout: self.timeout });
            *told = Some(holder);
        }
        let look = lease.map_or(LONGEST_LOOK, |lease| (lease / 20).clamp(SHORTEST_LOOK, LONGEST_LOOK));
        self.pause(look.min(left).min(until_expiry.unwrap_or(look))).await
    }

    fn left(&self, now: Duration) -> Duration {
        (self.began + self.timeout).saturating_sub(now)
    }

    /// Sleeps for the pause or a little longer, so that those who wait do not all look at once.
    async fn pause(&self, pause: Duration) -> Result<(), Halt> {
        self.unless_stopped(self.clock.sleep(pause.mul_f64(1.0 + fastrand::f64() / 4.0))).await
    }

    pub(super) async fn unless_stopped<T>(&self, what: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stop.until(Asked::Finish) => Err(Halt::Interrupted),
            answer = what => Ok(answer),
        }
    }
}
