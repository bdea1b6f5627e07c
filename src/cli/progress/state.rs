use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::{AccountId, Region};
use crate::report::human::counted;
use crate::report::{Event, Outcome, Wave};

/// How long AWS is given to notice something, at most; see `aws::call`.
const PATIENCE: Duration = Duration::from_secs(120);
/// From when on the line says that it waits: before, it is the ordinary pace.
const TOLD_AFTER: Duration = Duration::from_secs(3);

/// What the moving line is made of.
#[derive(Default)]
pub(super) struct State {
    accounts: usize,
    accounts_done: usize,
    accounts_failed: usize,
    /// How many Regions the account has in which most were found.
    regions: usize,
    cells_done: usize,
    current: BTreeMap<AccountId, String>,
    changes: usize,
    changes_done: usize,
    failed: usize,
    wave: Option<Wave>,
    since: Option<Instant>,
    waits: BTreeMap<Call, Wait>,
    lock: Option<(String, Instant, Duration)>,
}

type Call = (AccountId, Region, String, String);

/// A call that is tried again and again.
struct Wait {
    since: Instant,
    /// When it is tried again.
    until: Instant,
    code: String,
    settling: bool,
}

/// What AWS has not noticed yet, by what it answers.
pub(super) fn unnoticed(code: &str) -> &'static str {
    match code {
        "InsufficientS3BucketPolicyException" | "InsufficientDeliveryPolicyException" => "the bucket policy",
        "InsufficientEncryptionPolicyException" | "KmsException" => "the key policy",
        "InsufficientSnsTopicPolicyException" => "the topic policy",
        "NoSuchBucket" | "NoSuchBucketException" | "S3BucketDoesNotExistException" => "the bucket",
        "NotFoundException" | "KMSKeyNotFoundException" | "KmsKeyNotFoundException" => "the key",
        code if code.contains("Role") => "the role",
        code if code.contains("Tag") => "the tags",
        _ => "what was just written",
    }
}

/// A wait in whole seconds, or minutes where those are full.
fn short(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 60 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

impl State {
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::ReadingStarted { accounts } => {
                *self = State { accounts: *accounts, since: Some(now), ..State::default() };
            }
            Event::ApplyStarted { changes } => {
                *self = State { changes: *changes, since: Some(now), ..State::default() };
            }
            Event::RegionsListed { regions, .. } => self.regions = self.regions.max(*regions),
            Event::CellStarted { service, target } => {
                self.current.insert(target.account, format!("{service} in {target}"));
            }
            Event::CellRead { service, target, .. } => {
                self.cells_done += 1;
                self.leave(target.account, &format!("{service} in {target}"));
            }
            Event::AccountRead { account } => {
                self.accounts_done += 1;
                self.waits.retain(|(waiting, ..), _| waiting != account);
            }
            Event::AccountFailed { .. } => self.accounts_failed += 1,
            Event::CallRetried { account, region, service, operation, code, wait, settling, .. } => {
                let call = (*account, region.clone(), service.to_string(), operation.to_string());
                let known = self.waits.entry(call).or_insert(Wait {
                    since: now,
                    until: now,
                    code: String::new(),
                    settling: *settling,
                });
                known.until = now + *wait;
                known.code.clone_from(code);
                known.settling = *settling;
            }
            Event::CallEnded { account, region, service, operation, .. }
            | Event::Settled { account, region, service, operation, .. } => {
                self.waits.remove(&(*account, region.clone(), service.to_string(), operation.to_string()));
            }
            Event::LockAwaited { holder, timeout } => match &mut self.lock {
                Some((known, ..)) => known.clone_from(holder),
                None => self.lock = Some((holder.clone(), now, *timeout)),
            },
            Event::LockTaken { .. } | Event::LockLocal { .. } | Event::LockReleased => self.lock = None,
            Event::WaveStarted { wave, .. } => self.wave = Some(*wave),
            Event::ChangeStarted { address } => {
                self.current.insert(address.target.account, address.to_string());
            }
            Event::ChangeEnded { address, outcome } => {
                self.changes_done += 1;
                self.leave(address.target.account, &address.to_string());
                if let Outcome::Failed(_) = outcome {
                    self.failed += 1;
                }
            }
            Event::RunStarted { .. } | Event::Planned { .. } | Event::Halted { .. } | Event::RunEnded { .. } => {}
        }
    }

    fn leave(&mut self, account: AccountId, what: &str) {
        if self.current.get(&account).is_some_and(|current| current == what) {
            self.current.remove(&account);
        }
    }

    /// What was read, said once.
    pub(super) fn finish(&mut self) -> Option<String> {
        let read = self.accounts > 0;
        let done = read.then(|| {
            let accounts = counted(self.accounts, "account");
            format!("read {} of {accounts}, up to {} each", self.accounts_done, counted(self.regions, "Region"))
        });
        *self = State::default();
        done
    }

    /// The line: how far it is, and what it waits for, or else what it does.
    pub(super) fn line(&self, now: Instant) -> String {
        if let Some((holder, since, timeout)) = &self.lock {
            let waited = short(now.saturating_duration_since(*since));
            return format!("waiting for the lock that {holder} holds, {waited} of {}", short(*timeout));
        }
        let done = self.done(now);
        let doing = self.waiting(now).or_else(|| self.current.values().next_back().cloned());
        doing.map_or(done.clone(), |doing| format!("{done}  {doing}"))
    }

    fn done(&self, now: Instant) -> String {
        let elapsed = self.since.map(|since| now.saturating_duration_since(since).as_secs_f64()).unwrap_or_default();
        let rate =
            |done: usize| if elapsed > 0.5 { format!(", {:.0}/s", done as f64 / elapsed) } else { String::new() };
        let failed = |count: usize| if count > 0 { format!(", {count} failed") } else { String::new() };
        if self.changes > 0 {
            let wave = self.wave.map(|wave| format!("{wave}, ")).unwrap_or_default();
            let (done, all) = (self.changes_done, self.changes);
            return format!("{wave}{done}/{all} changes{}{}", rate(done), failed(self.failed));
        }
        format!(
            "{}/{} accounts{}, {} services read{}",
            self.accounts_done,
            self.accounts,
            failed(self.accounts_failed),
            self.cells_done,
            rate(self.cells_done)
        )
    }

    /// The longest wait of those that go on, and how many there are.
    fn waiting(&self, now: Instant) -> Option<String> {
        // One that is long past its next attempt has been answered: reads say nothing then.
        let under_way = |wait: &&Wait| now < wait.until + TOLD_AFTER;
        let long = |wait: &&Wait| now.saturating_duration_since(wait.since) >= TOLD_AFTER || !wait.settling;
        let waits = || self.waits.iter().filter(|(_, wait)| under_way(wait) && long(wait));
        let ((account, region, service, operation), wait) = waits().min_by_key(|(_, wait)| wait.since)?;
        let waited = short(now.saturating_duration_since(wait.since));
        let text = if wait.settling {
            let most = short(PATIENCE);
            format!("waiting for AWS to notice {} in {account}/{region}, {waited} of {most}", unnoticed(&wait.code))
        } else {
            format!("{service}:{operation} in {account}/{region} is held up by {}, {waited}", wait.code)
        };
        Some(match waits().count() {
            1 => text,
            n => format!("{text}, and {} more", n - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::estate::{id, region};

    fn retried(settling: bool, code: &str) -> Event {
        Event::CallRetried {
            account: id("333333333333"),
            region: region("eu-west-1"),
            service: "cloudtrail".into(),
            operation: "CreateTrail".into(),
            attempt: 1,
            code: code.to_owned(),
            wait: Duration::from_secs(2),
            settling,
        }
    }

    fn ended() -> Event {
        Event::CallEnded {
            account: id("333333333333"),
            region: region("eu-west-1"),
            role: String::new(),
            service: "cloudtrail".into(),
            operation: "CreateTrail".into(),
            attempts: 20,
            request_id: None,
            error: None,
        }
    }

    /// The line so many seconds after the first of these events.
    fn line(events: &[(u64, Event)], at: u64) -> String {
        let begin = Instant::now();
        let mut state = State::default();
        for (seconds, event) in events {
            state.take(event, begin + Duration::from_secs(*seconds));
        }
        state.line(begin + Duration::from_secs(at))
    }

    #[test]
    fn it_says_what_aws_has_not_noticed_and_for_how_long() {
        let code = "InsufficientS3BucketPolicyException";
        let mut events = vec![(0, Event::ApplyStarted { changes: 4 })];
        events.extend((0..20).map(|n| (2 * n, retried(true, code))));
        assert_eq!(
            line(&events, 40),
            "0/4 changes, 0/s  waiting for AWS to notice the bucket policy in 333333333333/eu-west-1, 40 s of 2 min"
        );
        assert_eq!(line(&events[..2], 1), "0/4 changes, 0/s", "the ordinary pace");
        events.push((40, ended()));
        assert_eq!(line(&events, 40), "0/4 changes, 0/s");
    }

    #[test]
    fn it_says_who_is_throttled_until_it_is_over() {
        let events = [(0, Event::ReadingStarted { accounts: 2 }), (0, retried(false, "ThrottlingException"))];
        let held_up = "cloudtrail:CreateTrail in 333333333333/eu-west-1 is held up by ThrottlingException";
        assert_eq!(line(&events, 1), format!("0/2 accounts, 0 services read, 0/s  {held_up}, 1 s"));
        assert_eq!(line(&events, 30), "0/2 accounts, 0 services read, 0/s", "its answer is long there");
    }

    #[test]
    fn it_says_whose_lock_it_waits_for_and_which_wave_it_is_in() {
        let awaited = || Event::LockAwaited { holder: "alice@laptop".to_owned(), timeout: Duration::from_secs(600) };
        let events = [(0, awaited()), (8, awaited())];
        assert_eq!(line(&events, 12), "waiting for the lock that alice@laptop holds, 12 s of 10 min");
        let mut events = events.to_vec();
        events.push((20, Event::LockTaken { over_from: None }));
        events.push((20, Event::ApplyStarted { changes: 3 }));
        events.push((20, Event::WaveStarted { wave: Wave::Declared(2), accounts: 1, changes: 3 }));
        assert_eq!(line(&events, 20), "wave 2, 0/3 changes");
    }
}
