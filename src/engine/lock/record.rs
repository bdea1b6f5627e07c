use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::model::{RunId, printable};

/// What the lock's object says.
///
/// Every write of it differs from every other: S3 tells versions apart by a digest of the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format of the document.
    pub format: u32,
    /// Whether anybody has it.
    pub state: State,
    /// The run that has it, or had it last.
    pub run: RunId,
    /// A user's name and a host's.
    pub owner: String,
    /// The process.
    pub process: u32,
    /// When it was taken.
    pub started: String,
    /// When its holder last said that it is still there.
    pub renewed: String,
    /// How often it did.
    pub renewals: u64,
    /// How long it outlives a holder that says no more.
    pub lease_seconds: u64,
    /// Who released it, where its holder did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_by: Option<String>,
}

/// Whether anybody has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Somebody has.
    Held,
    /// Nobody has.
    Released,
}

const FORMAT: u32 = 1;

impl Record {
    /// A lock that is taken now.
    pub(super) fn new(run: RunId, owner: &str, lease: Duration, now: SystemTime) -> Self {
        Record {
            format: FORMAT,
            state: State::Held,
            run,
            owner: owner.to_owned(),
            process: std::process::id(),
            started: stamp(now),
            renewed: stamp(now),
            renewals: 0,
            lease_seconds: lease.as_secs().max(1),
            released_by: None,
        }
    }

    pub(super) fn taken_at(&self, now: SystemTime) -> Self {
        Record { started: stamp(now), renewed: stamp(now), ..self.clone() }
    }

    pub(super) fn renewed_at(&self, now: SystemTime) -> Self {
        Record { renewed: stamp(now), renewals: self.renewals + 1, ..self.clone() }
    }

    pub(super) fn released(&self, by: Option<String>) -> Self {
        Record { state: State::Released, released_by: by, ..self.clone() }
    }

    /// No longer than `--lock-lease` takes: whoever may write into the bucket may have put any number there.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.clamp(1, 3600))
    }

    /// Whether both are of the same run.
    pub(super) fn same_holder(&self, other: &Record) -> bool {
        (&self.run, &self.owner, self.process) == (&other.run, &other.owner, other.process)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text.into_bytes()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever may write into the bucket decides what is in it, and it goes to a terminal.
        let plain = |text: &str| printable(text.chars().take(100).collect());
        write!(f, "{} (run {}, process {}, since {})", plain(&self.owner), self.run, self.process, plain(&self.started))
    }
}

/// What is where the lock should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A lock that nobody has.
    Free(Record),
    /// A lock that somebody has, unless it died.
    Held(Record),
    /// Nothing that this version can read: it is left alone.
    Strange,
}

impl Content {
    pub(super) fn of(body: &[u8]) -> Self {
        match serde_json::from_slice::<Record>(body) {
            // The same fields may mean something else there.
            Ok(record) if record.format != FORMAT => Content::Strange,
            Ok(record) if record.state == State::Released => Content::Free(record),
            Ok(record) => Content::Held(record),
            Err(_) => Content::Strange,
        }
    }
}

/// A moment for people: nothing is ever computed from it.
fn stamp(moment: SystemTime) -> String {
    OffsetDateTime::from(moment).replace_nanosecond(0).ok().and_then(|m| m.format(&Rfc3339).ok()).unwrap_or_default()
}
