//! Who does not answer: an account, a service or a Region of it, an endpoint. What has been silent for long is given up
//! for a while, so that a run waits for it once and not with every call.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::{AccountId, Region};

/// So many calls in a row without an answer, the first of them sent so long ago: as many as an account has in flight
/// anyway when it falls silent.
const CALLS: u32 = 4;
const SILENT_FOR: Duration = Duration::from_secs(30);
/// The same where fewer calls are made at once.
const FEW_CALLS: u32 = 2;
const LONG_SILENT_FOR: Duration = Duration::from_secs(55);
/// STS is asked in other Regions, too, where it does not answer in one: as many calls as there are Regions to ask.
const STS_CALLS: u32 = 3;
/// How long what was given up stays given up.
const GIVEN_UP_FOR: Duration = Duration::from_secs(120);
/// How long an attempt may take in an account of which something was given up, at a service that has not answered yet.
const ON_TRIAL: Duration = Duration::from_secs(10);

/// What can fall silent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Account(AccountId),
    Service(AccountId, &'static str),
    Region(AccountId, Region),
    Endpoint(Region, &'static str),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Account(account) => write!(f, "account {account}"),
            Part::Service(account, service) => write!(f, "{service} of account {account}"),
            Part::Region(account, region) => write!(f, "{region} of account {account}"),
            Part::Endpoint(region, service) => write!(f, "{service} in {region}"),
        }
    }
}

/// Calls in a row that nothing came of.
#[derive(Debug, Clone, Copy)]
struct Streak {
    /// When the first of them was sent.
    since: Duration,
    calls: u32,
    /// Until when it is given up.
    until: Option<Duration>,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub account: AccountId,
    pub region: &'a Region,
    pub service: &'static str,
}

/// How nothing came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// It was sent, and no answer came in time.
    Unanswered,
    /// There was no connection: that says nothing of the account.
    Unconnected,
}

/// What fell silent, and what was given up of it.
#[derive(Debug, Default)]
pub(super) struct Silence {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    streaks: HashMap<Part, Streak>,
    /// The services of each account that have answered.
    heard: HashSet<(AccountId, &'static str)>,
    /// When each account answered last: what was sent before and came to nothing says less of the account.
    last: HashMap<AccountId, Duration>,
    /// Accounts of which something was given up.
    troubled: HashSet<AccountId>,
}

impl Place<'_> {
    fn parts(self, nothing: Nothing) -> Vec<Part> {
        let endpoint = Part::Endpoint(self.region.clone(), self.service);
        match nothing {
            Nothing::Unconnected => vec![endpoint],
            // One service of one account: another Region's STS may answer.
            Nothing::Unanswered if self.service == "sts" => vec![Part::Service(self.account, self.service)],
            Nothing::Unanswered => vec![
                Part::Account(self.account),
                Part::Service(self.account, self.service),
                Part::Region(self.account, self.region.clone()),
                endpoint,
            ],
        }
    }
}

impl Silence {
    /// An answer came, whatever it was.
    pub(super) fn answered(&self, place: Place<'_>, now: Duration) {
        let inner = &mut *self.lock();
        inner.last.insert(place.account, now);
        inner.heard.insert((place.account, place.service));
        if inner.streaks.is_empty() {
            return;
        }
        for part in place.parts(Nothing::Unanswered) {
            inner.streaks.remove(&part);
        }
        if place.service == "sts" {
            inner.streaks.remove(&Part::Endpoint(place.region.clone(), place.service));
        }
    }

    /// Nothing came of a call that was sent at that time.
    pub(super) fn unanswered(&self, place: Place<'_>, nothing: Nothing, sent: Duration, now: Duration) {
        let inner = &mut *self.lock();
        let troubled = inner.troubled.contains(&place.account);
        for part in place.parts(nothing) {
            let is_of_account = !matches!(part, Part::Endpoint(..));
            let sent = match (&part, inner.last.get(&place.account)) {
                (Part::Account(_), Some(last)) => sent.max(*last),
                _ => sent,
            };
            let streak = inner.streaks.entry(part).or_insert(Streak { since: sent, calls: 0, until: None });
            if streak.until.is_some_and(|until| until <= now) {
                *streak = Streak { since: sent, calls: 0, until: None };
            }
            streak.calls += 1;
            let silent_for = now.saturating_sub(streak.since);
            let gone = match (place.service, nothing) {
                ("sts", Nothing::Unanswered) => streak.calls >= STS_CALLS,
                _ if troubled && is_of_account => streak.calls >= FEW_CALLS,
                // An endpoint serves every account: it takes more to give it up.
                _ if !is_of_account => streak.calls >= CALLS * 2 && silent_for >= SILENT_FOR,
                _ => {
                    (streak.calls >= CALLS && silent_for >= SILENT_FOR)
                        || (streak.calls >= FEW_CALLS && silent_for >= LONG_SILENT_FOR)
                }
            };
            if gone && streak.until.is_none() {
                streak.until = Some(now + GIVEN_UP_FOR);
                if is_of_account {
                    inner.troubled.insert(place.account);
                }
            }
        }
    }

    /// What a call need not be sent for: the part that was given up, in words.
    pub(super) fn given_up(&self, place: Place<'_>, now: Duration) -> Option<String> {
        let inner = self.lock();
        if inner.streaks.is_empty() {
            return None;
        }
        let both = [Nothing::Unanswered, Nothing::Unconnected];
        let mut parts = both.into_iter().flat_map(|nothing| place.parts(nothing));
        parts.find_map(|part| {
            let streak = inner.streaks.get(&part)?;
            let calls = streak.calls;
            (streak.until? > now)
                .then(|| format!("{part} did not answer {calls} calls in a row, and is given up for now"))
        })
    }

    /// How long an attempt there may take, where that is less than elsewhere.
    pub(super) fn trial(&self, place: Place<'_>) -> Option<Duration> {
        let inner = self.lock();
        (inner.troubled.contains(&place.account) && !inner.heard.contains(&(place.account, place.service)))
            .then_some(ON_TRIAL)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn at(account: &str, region: &Region, service: &'static str) -> (AccountId, Region, &'static str) {
        (account.parse().unwrap(), region.clone(), service)
    }

    fn place<'a>((account, region, service): &'a (AccountId, Region, &'static str)) -> Place<'a> {
        Place { account: *account, region, service }
    }

    #[test]
    fn an_account_is_given_up_after_four_calls_and_comes_back_after_two_minutes() {
        let region: Region = "us-east-1".parse().unwrap();
        let (dead, alive) = (at("333333333333", &region, "kms"), at("444444444444", &region, "kms"));
        let silence = Silence::default();
        let later = START + Duration::from_secs(30);
        for _ in 0..3 {
            silence.unanswered(place(&dead), Nothing::Unanswered, START, later);
            assert_eq!(silence.given_up(place(&dead), later), None);
        }
        silence.unanswered(place(&dead), Nothing::Unanswered, START, later);
        let other_service = at("333333333333", &region, "config");
        for gone in [&dead, &other_service] {
            let words = silence.given_up(place(gone), later).unwrap();
            assert!(words.starts_with("account 333333333333 did not answer 4 calls"), "{words}");
        }
        assert_eq!(silence.given_up(place(&alive), later), None);
        assert_eq!(silence.given_up(place(&dead), later + GIVEN_UP_FOR), None);
    }

    #[test]
    fn one_service_that_is_silent_takes_no_other_with_it_and_an_answer_ends_the_streak() {
        let region: Region = "us-east-1".parse().unwrap();
        let (dead, alive) = (at("333333333333", &region, "config"), at("333333333333", &region, "kms"));
        let silence = Silence::default();
        let later = START + Duration::from_secs(30);
        for _ in 0..4 {
            silence.unanswered(place(&dead), Nothing::Unanswered, START, later);
            silence.answered(place(&alive), later);
        }
        assert!(silence.given_up(place(&dead), later).unwrap().starts_with("config of account 333333333333"));
        assert_eq!(silence.given_up(place(&alive), later), None);
        // A service that was not heard of yet is waited for less long.
        let new = at("333333333333", &region, "sns");
        assert_eq!(silence.trial(place(&new)), Some(ON_TRIAL));
        assert_eq!(silence.trial(place(&alive)), None);
        silence.answered(place(&dead), later);
        assert_eq!(silence.given_up(place(&dead), later), None);
    }

    #[test]
    fn a_connection_that_cannot_be_made_says_nothing_of_the_account() {
        let region: Region = "us-east-1".parse().unwrap();
        let silence = Silence::default();
        let later = START + Duration::from_secs(40);
        for id in ["333333333333", "444444444444"] {
            for _ in 0..4 {
                silence.unanswered(place(&at(id, &region, "sqs")), Nothing::Unconnected, START, later);
            }
        }
        let words = silence.given_up(place(&at("555555555555", &region, "sqs")), later).unwrap();
        assert!(words.starts_with("sqs in us-east-1 did not answer"), "{words}");
        assert_eq!(silence.given_up(place(&at("333333333333", &region, "kms")), later), None);
    }
}
