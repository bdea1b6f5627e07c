use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{FORMAT, tame};
use crate::model::{AccountId, Address, Digest, OpError, Region, RunId};
use crate::plan::Plan;
use crate::report::{self, Event, Halt, Outcome};

/// What a record tells of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Which run it was.
    pub header: Header,
    /// The plan, where it got that far.
    pub plan: Option<Arc<Plan>>,
    /// Whether changing began, or would have next.
    pub applying: bool,
    /// How the changes ended, in the order of the plan: those that ended, and those that a halt kept from starting.
    pub outcomes: Vec<(Address, Outcome)>,
    /// Changes that were under way when the record stops: whether AWS took them is not known.
    pub unknown: Vec<Address>,
    /// Changes that had not begun when the record stops.
    pub not_begun: Vec<Address>,
    /// The calls that changed something, in their order.
    pub calls: Vec<MutatingCall>,
    /// What was waited for.
    pub waits: Vec<Wait>,
    /// Accounts that could not be entered.
    pub failures: Vec<OpError>,
    /// How many accounts were read, and of how many.
    pub accounts: (usize, usize),
    /// Why nothing new was started from some point on.
    pub halted: Option<Halt>,
    /// How it ended; `None` for a run that was killed.
    pub ended: Option<Ended>,
    /// When the last line was written.
    pub last: String,
    /// Whether the last line is half a line.
    pub torn: bool,
    /// Events of a later version of the tool, which are not shown, and how many of each.
    pub skipped: BTreeMap<String, usize>,
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which run.
    pub run: RunId,
    /// When it started.
    pub started: String,
    /// The version of the tool that ran.
    pub tool: String,
    /// The subcommand.
    pub command: String,
    /// The baseline's name.
    pub baseline: Option<String>,
    /// The digest of `baseline.toml`.
    pub baseline_digest: Option<Digest>,
    /// The digest of `profiles.toml`.
    pub profiles_digest: Option<Digest>,
    /// What it was narrowed to.
    pub selection: Option<String>,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub time: String,
    /// The exit code, or 128 and the signal's number.
    pub exit: u8,
    /// Why it could not do what it was asked.
    pub error: Option<String>,
}

/// A call that changed something, or was to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutatingCall {
    /// When it was over.
    pub time: String,
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// The role in use.
    pub role: String,
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// How often it was sent.
    pub attempts: u32,
    /// AWS's id of the last answer.
    pub request_id: Option<String>,
    /// What it failed with.
    pub error: Option<OpError>,
}

impl Record {
    /// Where AWS needed long to notice what was written.
    pub fn settled(&self) -> Vec<report::Wait> {
        let settled = self.waits.iter().filter_map(|wait| match &wait.what {
            Waited::Settling(settled) => Some(settled.clone()),
            Waited::Lock { .. } => None,
        });
        settled.collect()
    }
}

/// Something that was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When the line was written.
    pub time: String,
    /// What.
    pub what: Waited,
}

/// What was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// That AWS notices something that was just written.
    Settling(report::Wait),
    /// Somebody else's lock.
    Lock {
        /// Who, since when, from where.
        holder: String,
        /// How long it would have been waited for.
        timeout: Duration,
    },
}

/// Why a text is not the record of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is not one whole line.
    #[error("it has not one whole line: the run was killed before it began, or the file is no record of a run")]
    Empty,
    /// The first line is none of a record.
    #[error("line 1 does not begin a record of a run")]
    Foreign,
    /// A later version of the format.
    #[error("it is a record of format {found}, and this version of baseline reads format {FORMAT}")]
    Format {
        /// The format.
        found: u32,
    },
    /// A line is wrong.
    #[error("line {line}: {reason}")]
    Line {
        /// Which.
        line: usize,
        /// Why.
        reason: String,
    },
}

/// What every record begins with.
const BEGIN: &[u8] = b"{\"record\":";

/// Whether a text means to be the record of a run: every record begins with its format.
pub fn is_record(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGIN)
}

/// What every line has.
#[derive(Deserialize)]
struct Head {
    seq: u64,
    time: String,
    run: RunId,
    event: String,
}

#[derive(Deserialize)]
struct Format {
    record: u32,
}

/// A plan in its line; read apart from the other events, since what is read by its tag is held twice meanwhile.
#[derive(Deserialize)]
struct PlanLine {
    plan: Plan,
}

/// Reads a record; a last line that is torn and an end that is missing are what a killed run leaves behind, and no
/// mistake.
///
/// # Errors
///
/// Why it is no record, with the line.
pub fn read(bytes: &[u8]) -> Result<Record, RecordError> {
    let (whole, rest) = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => bytes.split_at(end + 1),
        None => (&bytes[..0], bytes),
    };
    let mut lines: Vec<&[u8]> = whole.strip_suffix(b"\n").map_or_else(Vec::new, |whole| whole.split(is_end).collect());
    // Without its end a line may still be whole: the run was killed between the two.
    let torn = !rest.is_empty() && serde_json::from_slice::<Head>(rest).is_err();
    if !rest.is_empty() && !torn {
        lines.push(rest);
    }
    let Some(first) = lines.first() else {
        let begun = is_record(rest) || BEGIN.starts_with(rest);
        return Err(if begun { RecordError::Empty } else { RecordError::Foreign });
    };
    let Format { record } = serde_json::from_slice(first).map_err(|_| RecordError::Foreign)?;
    if record != FORMAT {
        return Err(RecordError::Format { found: record });
    }
    let mut fold: Option<Fold> = None;
    for (index, line) in lines.iter().enumerate() {
        let wrong = |reason: String| RecordError::Line { line: index + 1, reason };
        let head: Head = serde_json::from_slice(line).map_err(|error| wrong(said(&error)))?;
        if head.seq != index as u64 + 1 {
            return Err(wrong(format!("it bears the number {}: lines are missing, or were moved", head.seq)));
        }
        let event = event(&head, line).map_err(|error| wrong(said(&error)))?;
        fold = Some(match (fold, event) {
            (None, Some(event)) => Fold::begin(head, event).map_err(wrong)?,
            (None, None) => return Err(wrong(format!("a record begins with run_started, not with {}", head.event))),
            (Some(mut fold), event) => {
                fold.take(head, event).map_err(wrong)?;
                fold
            }
        });
    }
    let fold = fold.ok_or(RecordError::Empty)?;
    Ok(fold.finish(torn))
}

fn is_end(byte: &u8) -> bool {
    *byte == b'\n'
}

/// What was wrong with a line, without the line's number in itself, which is always 1.
fn said(error: &serde_json::Error) -> String {
    let text = crate::model::printable(error.to_string());
    text.split_once(" at line ").map_or(text.clone(), |(what, _)| format!("{what} at column {}", error.column()))
}

/// The event of a line; `None` for one of a later version.
fn event(head: &Head, line: &[u8]) -> Result<Option<Event>, serde_json::Error> {
    match head.event.as_str() {
        "planned" => {
            serde_json::from_slice(line).map(|PlanLine { plan }| Some(Event::Planned { plan: Arc::new(plan) }))
        }
        name if Event::NAMES.contains(&name) => serde_json::from_slice(line).map(Some),
        _ => Ok(None),
    }
}

/// A record that is being read.
struct Fold {
    record: Record,
    under_way: BTreeSet<Address>,
    ended: BTreeMap<Address, Outcome>,
}

impl Fold {
    fn begin(head: Head, event: Event) -> Result<Fold, String> {
        let Event::RunStarted { run, tool, command, baseline, baseline_digest, profiles_digest, selection } = event
        else {
            return Err(format!("a record begins with run_started, not with {}", head.event));
        };
        let header = Header {
            run,
            started: head.time.clone(),
            tool: tool.into_owned(),
            command: command.into_owned(),
            baseline,
            baseline_digest,
            profiles_digest,
            selection,
        };
        let record = Record {
            header,
            plan: None,
            applying: false,
            outcomes: Vec::new(),
            unknown: Vec::new(),
            not_begun: Vec::new(),
            calls: Vec::new(),
            waits: Vec::new(),
            failures: Vec::new(),
            accounts: (0, 0),
            halted: None,
            ended: None,
            last: head.time,
            torn: false,
            skipped: BTreeMap::new(),
        };
        Ok(Fold { record, under_way: BTreeSet::new(), ended: BTreeMap::new() })
    }

    fn take(&mut self, head: Head, event: Option<Event>) -> Result<(), String> {
        let record = &mut self.record;
        if head.run != record.header.run {
            return Err(format!("it is of run {}, and the record of run {}", head.run, record.header.run));
        }
        if record.ended.is_some() {
            return Err("the run was over by then".to_owned());
        }
        let time = head.time;
        record.last.clone_from(&time);
        let Some(event) = event else {
            *record.skipped.entry(head.event).or_default() += 1;
            return Ok(());
        };
        match event {
            Event::RunStarted { .. } => return Err("the run had started by then".to_owned()),
            Event::ReadingStarted { accounts } => record.accounts = (0, accounts),
            Event::AccountRead { .. } => record.accounts.0 += 1,
            Event::AccountFailed { error } => record.failures.push(error),
            Event::Planned { plan } => record.plan = Some(plan),
            Event::CallEnded { account, region, role, service, operation, attempts, request_id, error } => {
                let (service, operation) = (service.into_owned(), operation.into_owned());
                let call =
                    MutatingCall { time, account, region, role, service, operation, attempts, request_id, error };
                record.calls.push(call);
            }
            settled @ Event::Settled { .. } => {
                let wait = report::Wait::of(&settled);
                record.waits.extend(wait.map(|wait| Wait { time, what: Waited::Settling(wait) }));
            }
            Event::LockAwaited { holder, timeout } => {
                record.waits.push(Wait { time, what: Waited::Lock { holder, timeout } });
            }
            Event::ApplyStarted { .. } => record.applying = true,
            Event::ChangeStarted { address } => {
                record.applying = true;
                if self.ended.contains_key(&address) {
                    return Err(format!("{address} had ended by then"));
                }
                self.under_way.insert(address);
            }
            Event::ChangeEnded { address, outcome } => {
                record.applying = true;
                self.under_way.remove(&address);
                if self.ended.contains_key(&address) {
                    return Err(format!("{address} had ended by then"));
                }
                self.ended.insert(address, outcome);
            }
            Event::Halted { why } => {
                record.applying = true;
                record.halted = Some(why);
            }
            Event::RunEnded { exit, error } => record.ended = Some(Ended { time, exit, error }),
            Event::RegionsListed { .. }
            | Event::CellStarted { .. }
            | Event::CellRead { .. }
            | Event::CallRetried { .. }
            | Event::LockTaken { .. }
            | Event::LockLocal { .. }
            | Event::LockReleased
            | Event::WaveStarted { .. } => {}
        }
        Ok(())
    }

    fn finish(mut self, torn: bool) -> Record {
        let mut record = self.record;
        record.torn = torn;
        let planned = record.plan.iter().flat_map(|plan| &plan.changes).map(|change| &change.address);
        // One that stops between the plan and the first change, while it takes the lock, has begun none of them.
        record.applying |= record.plan.is_some() && record.ended.is_none() && record.header.command == "apply";
        let (mut outcomes, mut unknown, mut not_begun) = (Vec::new(), Vec::new(), Vec::new());
        for address in planned.filter(|_| record.applying) {
            if let Some(outcome) = self.ended.remove(address) {
                outcomes.push((address.clone(), outcome));
            } else if self.under_way.remove(address) {
                unknown.push(address.clone());
            } else if let Some(why) = &record.halted {
                outcomes.push((address.clone(), Outcome::NotStarted { why: why.clone() }));
            } else {
                not_begun.push(address.clone());
            }
        }
        // What no plan names is told all the same.
        outcomes.extend(self.ended);
        unknown.extend(self.under_way);
        (record.outcomes, record.unknown, record.not_begun) = (outcomes, unknown, not_begun);
        tame::record(&mut record);
        record
    }
}
