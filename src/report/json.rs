//! The documents that `--format json` prints, written as they are walked through.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::{Halt, Outcome, Wait, Wave};
use crate::model::{AccountId, Address, Region};
use crate::plan::document::{ChangeEntry, ErrorEntry, PlanDocument, name};
use crate::plan::{Change, Plan};
use crate::services::Kind;

/// The JSON Schema of a plan, printed or saved.
pub const PLAN_SCHEMA: &str = include_str!("../../schema/plan.schema.json");

/// Writes a plan.
///
/// # Errors
///
/// `out` takes no more.
pub fn write_plan(plan: &Plan, out: impl Write) -> io::Result<()> {
    write(&PlanDocument(plan), out)
}

/// Writes a plan and what became of it.
///
/// # Errors
///
/// `out` takes no more.
pub fn write_apply(plan: &Plan, ended: &Ended<'_>, out: impl Write) -> io::Result<()> {
    write(&ApplyDocument { plan, ended }, out)
}

/// A plan as a value, for whoever puts more into it or cuts it short.
pub fn plan_value(plan: &Plan) -> Value {
    value(&PlanDocument(plan))
}

/// A plan and what became of it, as a value.
pub fn apply_value(plan: &Plan, ended: &Ended<'_>) -> Value {
    value(&ApplyDocument { plan, ended })
}

/// One change of a plan, as a value.
pub(super) fn change_value(plan: &Plan, change: &Change) -> Value {
    value(&ChangeEntry::new(plan, change))
}

fn value(document: &impl Serialize) -> Value {
    // Documents are made of text keys alone: the only failures serde_json knows cannot happen.
    serde_json::to_value(document).unwrap_or_default()
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ended<'a> {
    /// How each change ended.
    pub outcomes: &'a [(Address, Outcome)],
    /// Why nothing new was started from some point on.
    pub halted: Option<&'a Halt>,
    /// Where AWS needed long to notice what was written.
    pub waits: &'a [Wait],
}

fn write(document: &impl Serialize, out: impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A plan and what became of it.
struct ApplyDocument<'a> {
    plan: &'a Plan,
    ended: &'a Ended<'a>,
}

impl Serialize for ApplyDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plan = PlanDocument(self.plan);
        let mut map = serializer.serialize_map(None)?;
        plan.head(&mut map)?;
        map.serialize_entry("halted", &self.ended.halted.map(HaltEntry::new))?;
        map.serialize_entry("outcomes", &Outcomes(self))?;
        map.serialize_entry("result", &Tally::of(self.ended.outcomes))?;
        map.serialize_entry("waits", &Waits(self))?;
        plan.tail(&mut map)?;
        map.end()
    }
}

/// Why nothing new was started.
#[derive(Serialize)]
struct HaltEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<usize>,
    hint: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    overall: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wave: Option<&'a Wave>,
}

impl<'a> HaltEntry<'a> {
    fn new(halt: &'a Halt) -> Self {
        let mut entry = HaltEntry {
            account: None,
            cause: halt.as_str(),
            failed: None,
            hint: halt.hint(),
            message: halt.to_string(),
            overall: None,
            tolerated: None,
            wave: None,
        };
        match halt {
            Halt::TooManyFailures { wave, failed, tolerated, overall, .. } => {
                entry.wave = Some(wave);
                entry.failed = Some(*failed);
                entry.tolerated = Some(*tolerated);
                entry.overall = Some(*overall);
            }
            Halt::Canary { account, .. } => entry.account = Some(*account),
            Halt::NoLock { error } => entry.account = Some(error.account),
            Halt::Interrupted | Halt::Locked { .. } | Halt::LockLost | Halt::NoRecord | Halt::NoLocalLock { .. } => {}
        }
        entry
    }
}

struct Waits<'a>(&'a ApplyDocument<'a>);

impl Serialize for Waits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ApplyDocument { plan, ended } = self.0;
        serializer.collect_seq(ended.waits.iter().map(|wait| WaitEntry {
            account: wait.account,
            account_name: name(plan, wait.account),
            code: &wait.code,
            given_up: wait.given_up,
            operation: &wait.operation,
            region: &wait.region,
            seconds: wait.waited.as_secs(),
            service: &wait.service,
        }))
    }
}

#[derive(Serialize)]
struct WaitEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    code: &'a str,
    given_up: bool,
    operation: &'a str,
    region: &'a Region,
    seconds: u64,
    service: &'a str,
}

struct Outcomes<'a>(&'a ApplyDocument<'a>);

impl Serialize for Outcomes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ApplyDocument { plan, ended } = self.0;
        let mut list = serializer.serialize_seq(Some(ended.outcomes.len()))?;
        for (address, outcome) in ended.outcomes {
            let (error, because) = match outcome {
                Outcome::Applied | Outcome::AlreadySame => (None, None),
                Outcome::Stale { reason } => (None, Some(Cow::Borrowed(&**reason))),
                Outcome::Failed(error) => (Some(ErrorEntry::new(error)), None),
                Outcome::Skipped { because } => (None, Some(because.to_string().into())),
                Outcome::NotStarted { why } => (None, Some(why.to_string().into())),
            };
            list.serialize_element(&OutcomeEntry {
                account: address.target.account,
                account_name: name(plan, address.target.account),
                address,
                because,
                error,
                kind: address.kind,
                name: &address.name,
                outcome: outcome.as_str(),
                region: &address.target.region,
            })?;
        }
        list.end()
    }
}

#[derive(Serialize)]
struct OutcomeEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    address: &'a Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorEntry<'a>>,
    kind: Kind,
    name: &'a str,
    outcome: &'static str,
    region: &'a Region,
}

/// How many changes ended in each way.
#[derive(Serialize)]
struct Tally {
    already_same: usize,
    applied: usize,
    failed: usize,
    not_started: usize,
    skipped: usize,
    stale: usize,
}

impl Tally {
    fn of(outcomes: &[(Address, Outcome)]) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count();
        Tally {
            already_same: count(|o| *o == Outcome::AlreadySame),
            applied: count(|o| *o == Outcome::Applied),
            failed: count(|o| matches!(o, Outcome::Failed(_))),
            not_started: count(|o| matches!(o, Outcome::NotStarted { .. })),
            skipped: count(|o| matches!(o, Outcome::Skipped { .. })),
            stale: count(|o| matches!(o, Outcome::Stale { .. })),
        }
    }
}

#[cfg(test)]
mod tests;
