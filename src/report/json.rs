//! The documents that `--format json` prints, written as they are walked through.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use super::Outcome;
use crate::model::{AccountId, Address, Region};
use crate::plan::Plan;
use crate::plan::document::{ErrorEntry, PlanDocument, name};
use crate::services::Kind;

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
pub fn write_apply(plan: &Plan, outcomes: &[(Address, Outcome)], out: impl Write) -> io::Result<()> {
    write(&ApplyDocument { plan, outcomes }, out)
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
    outcomes: &'a [(Address, Outcome)],
}

impl Serialize for ApplyDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plan = PlanDocument(self.plan);
        let mut map = serializer.serialize_map(None)?;
        plan.head(&mut map)?;
        map.serialize_entry("outcomes", &Outcomes(self))?;
        map.serialize_entry("result", &Tally::of(self.outcomes))?;
        plan.tail(&mut map)?;
        map.end()
    }
}

struct Outcomes<'a>(&'a ApplyDocument<'a>);

impl Serialize for Outcomes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ApplyDocument { plan, outcomes } = self.0;
        let mut list = serializer.serialize_seq(Some(outcomes.len()))?;
        for (address, outcome) in *outcomes {
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
