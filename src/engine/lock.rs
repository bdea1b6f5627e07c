//! One apply at a time per security account.

mod keeper;
mod local;
mod queue;
mod record;
mod shelf;
#[cfg(test)]
mod tests;

pub use record::{Content, Record};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::keeper::Kept;
use self::local::Local;
use self::queue::Contender;
use super::Stop;
use crate::aws::{Access, Chain, Own, OwnObject, Session, Version};
use crate::config::{Baseline, Profiles};
use crate::model::{AccountId, Address, OpError, RunId};
use crate::plan::{Action, Plan};
use crate::report::{Event, Events, Halt};
use crate::services::s3::{self, LOCKS};
use crate::services::{Declared, Shared};

/// How a lock is taken.
#[derive(Debug, Clone)]
pub struct LockTerms {
    /// The run that takes it.
    pub run: RunId,
    /// Who takes it, for whoever has to wait: a user's name and a host's.
    pub owner: String,
    /// How long somebody else's is waited for.
    pub timeout: Duration,
    /// How long it outlives a run that was killed.
    pub lease: Duration,
    /// The folder of the lock that holds on this machine alone; `None` where there is none that is the user's own: in
    /// one that everybody may write, the lock's file could be a link to any other.
    pub folder: Option<PathBuf>,
}

/// A lock that is held.
pub struct Lock {
    hold: Hold,
    bucket: PlannedBucket,
    events: Events,
}

/// The bucket that the lock lies in, as far as making it is a change of the plan.
#[derive(Debug, Clone, Default)]
pub struct PlannedBucket {
    /// The bucket, where the plan saw none and makes it: by now it is there, and bare.
    pub made: Option<Address>,
    /// Whether taking the lock began that change.
    pub begun: bool,
}

/// Why there is no lock.
#[derive(Debug)]
pub struct NoLock {
    /// Why nothing is started.
    pub why: Halt,
    /// The change that was begun all the same: that of the bucket to put the lock into.
    pub begun: Option<Address>,
}

impl From<Halt> for NoLock {
    fn from(why: Halt) -> Self {
        NoLock { why, begun: None }
    }
}

fn not_asked(error: OpError) -> Halt {
    Halt::NoLock { error: Box::new(error) }
}

enum Hold {
    /// In the log bucket.
    Bucket(Kept),
    /// On this machine alone: there is no bucket, and this plan makes none.
    Machine(Local),
}

/// The object of an account's lock, beside the logs and below a prefix that nobody delivers to.
fn key(security: AccountId) -> String {
    format!("{LOCKS}{security}.json")
}

/// Where the lock is, if a bucket is declared.
pub(super) fn bucket(profiles: &Profiles, baseline: &Baseline) -> Option<Address> {
    s3::address(&Declared { profiles, baseline, shared: &Shared::default() })
}

/// Enters the account that the bucket is in, for the tool's own calls.
pub(super) async fn enter(
    chain: &Chain,
    profiles: &Profiles,
    bucket: &Address,
) -> Result<Option<Arc<Session>>, OpError> {
    let Some(account) = profiles.account(bucket.target.account) else { return Ok(None) };
    chain.enter(account, Access::Own).await.map(|session| Some(Arc::new(session)))
}

/// Makes the bucket, closed to the public.
async fn make(chain: &Chain, profiles: &Profiles, bucket: &Address) -> Result<(), OpError> {
    let Some(account) = profiles.account(bucket.target.account) else { return Ok(()) };
    s3::make_closed(&chain.enter(account, Access::Write).await?, bucket).await
}

impl Lock {
    /// Takes the lock, waiting for it where somebody else has it.
    ///
    /// It is an object in the log bucket. Where the plan makes the bucket, that is done here first, closed to the public
    /// and with nothing else set, while a lock on this machine keeps a second run here from doing the same; a second run
    /// elsewhere may, and only one of them gets the lock that is put into it.
    ///
    /// # Errors
    ///
    /// Why it is not ours, and whether the bucket was begun; nothing else was written then.
    pub async fn take(
        chain: &Chain,
        profiles: &Profiles,
        baseline: &Baseline,
        plan: &Plan,
        terms: &LockTerms,
        stop: &Stop,
        events: &Events,
    ) -> Result<Lock, NoLock> {
        let clock = chain.aws().clock();
        let record = Record::new(terms.run.clone(), &terms.owner, terms.lease, clock.wall());
        let contender = Contender { record, timeout: terms.timeout, began: clock.elapsed(), clock, stop, events };
        let place = match bucket(profiles, baseline) {
            Some(bucket) => {
                let entered = contender.unless_stopped(enter(chain, profiles, &bucket)).await?;
                entered.map_err(not_asked)?.map(|session| (bucket, session))
            }
            None => None,
        };
        let there = match &place {
            Some((bucket, session)) => {
                contender.unless_stopped(s3::exists(session, bucket)).await?.map_err(not_asked)?
            }
            None => false,
        };
        // By this run just now, by one that was killed, or by one elsewhere that comes after us: it is bare, or finished.
        let made = place.as_ref().filter(|(bucket, _)| makes(plan, bucket)).map(|(bucket, _)| bucket.clone());
        let mut bucket_of_lock = PlannedBucket { made, begun: false };
        let mut local = None;
        if !there {
            let path = local::path(terms.folder.as_deref(), profiles.security)?;
            let held = Local::take(path.clone(), &contender).await?;
            let (Some((bucket, session)), Some(_)) = (&place, &bucket_of_lock.made) else {
                events.tell(Event::LockLocal { file: path });
                return Ok(Lock { hold: Hold::Machine(held), bucket: bucket_of_lock, events: events.clone() });
            };
            // Whoever had the local lock before may have made it.
            if !contender.unless_stopped(s3::exists(session, bucket)).await?.map_err(not_asked)? {
                // Last of all: what comes now is finished.
                contender.unless_stopped(std::future::ready(())).await?;
                // A change of the plan, and not one of the tool's own calls.
                events.tell(Event::ChangeStarted { address: bucket.clone() });
                if !events.may_change() {
                    return Err(Halt::NoRecord.into());
                }
                bucket_of_lock.begun = true;
                let made = make(chain, profiles, bucket).await;
                made.map_err(|error| NoLock { why: not_asked(error), begun: Some(bucket.clone()) })?;
            }
            local = Some(held);
        }
        let Some((bucket, session)) = place else { return Err(Halt::Interrupted.into()) };
        let begun = bucket_of_lock.begun.then(|| bucket.clone());
        let object = Arc::new(OwnObject::new(session, bucket, key(profiles.security), Own::Lock));
        let held = contender.take(&*object).await.map_err(|why| NoLock { why, begun })?;
        if let Some(local) = local {
            local.release();
        }
        let kept = Kept::start(object, clock.clone(), chain.aws().fence().clone(), held);
        Ok(Lock { hold: Hold::Bucket(kept), bucket: bucket_of_lock, events: events.clone() })
    }

    /// The bucket that it is in, as far as the plan makes it.
    pub fn bucket(&self) -> &PlannedBucket {
        &self.bucket
    }

    /// Waits until the lock is lost, so that somebody else may be writing; for ever, as long as it is ours.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let lost = match &self.hold {
            Hold::Bucket(kept) => Some(kept.watch_loss()),
            Hold::Machine(_) => None,
        };
        async move {
            match lost {
                // Also where whoever renews it is gone without a word.
                Some(mut lost) => drop(lost.wait_for(|lost| *lost).await),
                None => std::future::pending().await,
            }
        }
    }

    /// Gives it back. What cannot be given back is free when its lease has run out.
    pub async fn release(self) {
        let released = match self.hold {
            Hold::Bucket(kept) => kept.let_go().await,
            Hold::Machine(local) => {
                local.release();
                Ok(true)
            }
        };
        match released {
            Ok(true) => self.events.tell(Event::LockReleased),
            Ok(false) => tracing::warn!("the lock was no longer ours to release"),
            Err(error) => {
                tracing::warn!(%error, "the lock could not be released: it is free when its lease has run out")
            }
        }
    }
}

/// Whether the plan makes the bucket.
fn makes(plan: &Plan, bucket: &Address) -> bool {
    plan.changes.iter().any(|change| change.address == *bucket && change.action == Action::Create)
}

/// The lock as somebody sees it who does not have it.
#[derive(Debug)]
pub struct Standing {
    object: OwnObject,
    seen: Option<(Content, Version)>,
}

impl Standing {
    /// Looks at the lock; `None` where there is no bucket that could hold it. Nothing is written.
    ///
    /// # Errors
    ///
    /// The bucket or the object could not be read.
    pub async fn look(chain: &Chain, profiles: &Profiles, baseline: &Baseline) -> Result<Option<Self>, OpError> {
        let Some(bucket) = bucket(profiles, baseline) else { return Ok(None) };
        let Some(session) = enter(chain, profiles, &bucket).await? else { return Ok(None) };
        if !s3::exists(&session, &bucket).await? {
            return Ok(None);
        }
        let object = OwnObject::new(session, bucket, key(profiles.security), Own::Lock);
        let seen = object.read().await?.map(|(body, version)| (Content::of(&body), version));
        Ok(Some(Standing { object, seen }))
    }

    /// Where it is.
    pub fn place(&self) -> String {
        self.object.place()
    }

    /// What is there.
    pub fn content(&self) -> Option<&Content> {
        self.seen.as_ref().map(|(content, _)| content)
    }

    /// Releases it for whoever holds it, unless something has changed since it was looked at: whether it did not.
    ///
    /// # Errors
    ///
    /// The object could not be written.
    pub async fn break_open(&self, run: &RunId, owner: &str, now: SystemTime) -> Result<bool, OpError> {
        let Some((content, version)) = &self.seen else { return Ok(false) };
        let record = match content {
            Content::Held(record) | Content::Free(record) => record.clone(),
            Content::Strange => Record::new(run.clone(), owner, Duration::ZERO, now),
        };
        let by = format!("{owner} (run {run})");
        let body = record.released(Some(by)).bytes();
        if self.object.write(&body, Some(version)).await?.is_some() {
            return Ok(true);
        }
        // Released by an attempt whose answer was lost, or renewed, released or taken by somebody else.
        Ok(self.object.read().await?.is_some_and(|(now, _)| now == body))
    }
}
