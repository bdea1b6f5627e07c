use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::record::{Content, Record};
use super::shelf::Shelf;
use crate::aws::{Fence, Moment, Version};
use crate::clock::Clock;
use crate::model::OpError;

/// How often the keeper looks at the time at least: a machine that slept notices it this soon after it woke up.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// How often a write of ours is looked for that came too late by its answer.
const ATTEMPTS: u32 = 4;

/// A lock that is ours.
#[derive(Debug)]
pub(super) struct Held {
    pub record: Record,
    pub version: Version,
    /// When the last write that succeeded was sent: whoever waits saw it later than that.
    pub sent: Moment,
}

/// What was found out about a lock that should be ours.
enum Still {
    Ours,
    Lost,
}

/// Renews a lock as long as the run goes on.
struct Keeper<S> {
    shelf: Arc<S>,
    clock: Clock,
    fence: Arc<Fence>,
    held: Held,
}

/// The end of a keeper that the run holds.
#[derive(Debug)]
pub(super) struct Kept {
    lost: watch::Receiver<bool>,
    let_go: oneshot::Sender<()>,
    task: JoinHandle<Result<bool, OpError>>,
}

impl Kept {
    /// Starts to renew.
    pub(super) fn start<S: Shelf>(shelf: Arc<S>, clock: Clock, fence: Arc<Fence>, held: Held) -> Self {
        let (tell_lost, lost) = watch::channel(false);
        let (let_go, asked) = oneshot::channel();
        let keeper = Keeper { shelf, clock, fence, held };
        keeper.renewed();
        let task = tokio::spawn(keeper.keep(asked, tell_lost));
        Kept { lost, let_go, task }
    }

    /// Tells when it is lost.
    pub(super) fn watch_loss(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }

    /// Ends like a process that is killed.
    #[cfg(test)]
    pub(super) fn die(self) {
        self.task.abort();
    }

    /// Gives it back: whether it was still ours to give.
    pub(super) async fn let_go(self) -> Result<bool, OpError> {
        // A keeper that has lost it has ended and hears nothing.
        let _ = self.let_go.send(());
        self.task.await.unwrap_or(Ok(false))
    }
}

impl<S: Shelf> Keeper<S> {
    /// Renews every third of the lease. What could not be renewed for three quarters of it is lost, and nothing is sent by
    /// then: the last quarter is for the answers under way, which come, or are given up, before anybody may take the lock
    /// over, unless the lease is shorter than two minutes.
    async fn keep(mut self, mut asked: oneshot::Receiver<()>, lost: watch::Sender<bool>) -> Result<bool, OpError> {
        let lease = self.held.record.lease();
        let (due, last_chance, patience) = (lease / 3, self.good_for(), lease / 6);
        let clock = self.clock.clone();
        loop {
            let rest = due.saturating_sub(self.held.sent.age(&clock));
            let pause = if rest.is_zero() { lease / 24 } else { rest };
            tokio::select! {
                biased;
                // Also when the run is gone without a word. After a whole lease the lock is free anyway.
                _ = &mut asked => {
                    let released = tokio::select! {
                        released = self.release() => released,
                        () = clock.sleep(lease) => Ok(false),
                    };
                    self.fence.lift();
                    return released;
                }
                () = clock.sleep(pause.min(LONGEST_TICK)) => {}
            }
            let age = self.held.sent.age(&self.clock);
            if age < due {
                continue;
            }
            let patience = last_chance.saturating_sub(age).max(patience);
            let still = tokio::select! {
                biased;
                still = self.renew() => still,
                () = clock.sleep(patience) => Ok(Still::Ours),
            };
            match still {
                Ok(Still::Lost) => break,
                Ok(Still::Ours) => {}
                Err(error) => tracing::warn!(%error, "the lock could not be renewed"),
            }
            if self.held.sent.age(&self.clock) >= last_chance {
                break;
            }
        }
        self.fence.lost();
        lost.send_replace(true);
        Ok(false)
    }

    /// How long after a renewal the lock is good for writing.
    fn good_for(&self) -> Duration {
        self.held.record.lease() * 3 / 4
    }

    fn renewed(&self) {
        self.fence.renewed(self.held.sent, self.good_for());
    }

    /// Says that we are still there.
    async fn renew(&mut self) -> Result<Still, OpError> {
        for _ in 0..ATTEMPTS {
            let sent = Moment::now(&self.clock);
            let record = self.held.record.renewed_at(sent.wall());
            // Counted before it is sent, so that no two writes are the same even where an answer is lost.
            self.held.record.renewals = record.renewals;
            if let Some(version) = self.shelf.write(&record.bytes(), Some(&self.held.version)).await? {
                self.held = Held { record, version, sent };
                self.renewed();
                return Ok(Still::Ours);
            }
            let Some(version) = self.ours().await? else { return Ok(Still::Lost) };
            self.held.version = version;
        }
        Ok(Still::Ours)
    }

    /// The version that is there now, where it is ours: of a write whose answer was lost.
    async fn ours(&self) -> Result<Option<Version>, OpError> {
        let Some((body, version)) = self.shelf.read().await? else { return Ok(None) };
        match Content::of(&body) {
            Content::Held(record) if record.same_holder(&self.held.record) => Ok(Some(version)),
            _ => Ok(None),
        }
    }

    async fn release(&mut self) -> Result<bool, OpError> {
        let body = self.held.record.released(None).bytes();
        for _ in 0..ATTEMPTS {
            if self.shelf.write(&body, Some(&self.held.version)).await?.is_some() {
                return Ok(true);
            }
            let Some(version) = self.ours().await? else { break };
            self.held.version = version;
        }
        // Released by an attempt whose answer was lost, or not ours any more.
        Ok(self.shelf.read().await?.is_some_and(|(now, _)| now == body))
    }
}
