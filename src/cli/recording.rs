//! The record of a run: written while it goes on, shown afterwards.

#[cfg(feature = "aws")]
mod copy;
#[cfg(feature = "aws")]
mod recorder;

#[cfg(feature = "aws")]
pub(super) use copy::CopyArgs;
#[cfg(feature = "aws")]
pub(super) use recorder::{EventArgs, Recorder};

use std::fmt::Write as _;

use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::error::CliError;
use super::screen::Screen;
use super::show::{self, Format};
use crate::report::json::Ended;
use crate::report::record::{self, Record, Waited};
use crate::report::{Wait, human, json};

/// Shows a record as the run itself showed its end; `verbose`, with every call that changed something.
pub(super) fn show(record: &Record, format: Format, verbose: bool, screen: &mut Screen) -> Result<(), CliError> {
    for (name, times) in &record.skipped {
        screen.warn(&format!(
            "warning: a later version of baseline wrote this: {times} × {name} cannot be shown by this one"
        ));
    }
    match format {
        Format::Json => match &record.plan {
            Some(plan) if !verbose && record.ended.is_some() => match is_apply(record) {
                true => screen.document(|out| json::write_apply(plan, &ended(record, &record.settled()), out)),
                false => show::plan(plan, format, verbose, screen),
            },
            _ => screen.document(|out| writeln!(out, "{:#}", document(record, verbose))),
        },
        Format::Human => {
            screen.note(&header(record));
            screen.text(&text(record, verbose))
        }
    }
}

/// Which run it was, and how it ended.
fn header(record: &Record) -> String {
    let head = &record.header;
    let mut text = format!("run {} of baseline {} {}", head.run, head.tool, head.command);
    if let Some(baseline) = &head.baseline {
        let _ = write!(text, ", baseline {baseline}");
    }
    if let Some(selection) = &head.selection {
        let _ = write!(text, ", narrowed by {selection}");
    }
    let _ = write!(text, "\nstarted {}, ", head.started);
    match &record.ended {
        Some(ended) => {
            let _ = write!(text, "ended {} with exit code {}", ended.time, ended.exit);
            if let Some(error) = &ended.error {
                let _ = write!(text, "\nerror: {error}");
            }
        }
        None => {
            let _ = write!(text, "and never ended: it was killed, or goes on; the last line is of {}", record.last);
            if record.torn {
                text.push_str(", and half a line follows");
            }
        }
    }
    text
}

fn text(record: &Record, verbose: bool) -> String {
    let mut text = String::new();
    if let Some(plan) = &record.plan {
        text.push_str(&human::plan(plan, verbose));
        let _ = writeln!(text, "{}", human::plan_summary(plan));
        if record.applying {
            let _ = write!(text, "\n{}", human::outcomes(plan, &record.outcomes));
            match &record.unknown[..] {
                [] => {}
                [one] => {
                    let _ = writeln!(text, "{} {}", "unknown".red().bold(), one.bold());
                    text.push_str(
                        "    the record stops while it was being changed: whether AWS took it, the next plan tells\n\n",
                    );
                }
                several => {
                    let count = format!("{} changes", several.len());
                    let _ = writeln!(text, "{} {}", "unknown".red().bold(), count.bold());
                    text.push_str(
                        "    the record stops while they were being changed: whether AWS took them, the next plan tells\n",
                    );
                    for address in several {
                        let _ = writeln!(text, "    {}", address.cyan());
                    }
                    text.push('\n');
                }
            }
            if let Some(first) = record.not_begun.first() {
                let _ = writeln!(text, "{} {}", "not begun".yellow().bold(), first.bold());
                let _ = match record.not_begun.len() {
                    1 => writeln!(text, "    the record stops before it\n"),
                    n => writeln!(text, "    the record stops before it and {} more\n", n - 1),
                };
            }
            text.push_str(&human::waits(plan, &record.settled()));
            let _ = writeln!(text, "{}", human::outcome_summary(&record.outcomes));
        }
    } else {
        for error in &record.failures {
            let _ = writeln!(text, "{error}");
            if let Some(hint) = &error.hint {
                let _ = writeln!(text, "  next: {hint}");
            }
        }
        let (read, all) = record.accounts;
        let _ = writeln!(text, "{read} of {all} accounts read, {} could not be entered.", record.failures.len());
    }
    if verbose {
        text.push_str(&audit_trail(record));
    }
    text
}

/// Every call that changed something, in the order in which they ended.
fn audit_trail(record: &Record) -> String {
    let mut text = format!("\n{}\n", format!("{} calls that change something", record.calls.len()).bold());
    for call in &record.calls {
        let outcome = match &call.error {
            None => "ok".to_owned(),
            Some(error) => error.code.clone().unwrap_or_else(|| error.message.clone()),
        };
        let _ = write!(
            text,
            "{} {}/{} {}:{} {outcome}",
            call.time, call.account, call.region, call.service, call.operation
        );
        if let Some(id) = &call.request_id {
            let _ = write!(text, ", request {id}");
        }
        if call.attempts > 1 {
            let _ = write!(text, ", {} attempts", call.attempts);
        }
        let _ = writeln!(text, ", as {}", call.role);
    }
    text
}

/// The document that the run printed, or would have; a run that did not end says so in members of its own.
fn document(record: &Record, verbose: bool) -> Value {
    let mut text = Vec::new();
    let written = record.plan.as_ref().map(|plan| match is_apply(record) {
        true => json::write_apply(plan, &ended(record, &record.settled()), &mut text),
        false => json::write_plan(plan, &mut text),
    });
    // Nothing that goes into memory fails.
    let written = written.and_then(Result::ok).and_then(|()| serde_json::from_slice(&text).ok());
    let mut document = written.unwrap_or_else(|| json!({ "format": 1, "errors": record.failures }));
    if record.ended.is_none() || record.plan.is_none() {
        document["run"] = json!({
            "id": record.header.run,
            "command": record.header.command,
            "started": record.header.started,
            "last": record.last,
            "exit": record.ended.as_ref().map(|ended| ended.exit),
            "error": record.ended.as_ref().and_then(|ended| ended.error.as_ref()),
        });
    }
    if record.ended.is_none() && record.applying {
        document["unknown"] = json!(record.unknown);
        document["not_begun"] = json!(record.not_begun);
    }
    if verbose {
        document["calls"] = record.calls.iter().map(call_document).collect();
        document["waited"] = record.waits.iter().map(wait_document).collect();
    }
    document
}

fn ended<'a>(record: &'a Record, waits: &'a [Wait]) -> Ended<'a> {
    Ended { outcomes: &record.outcomes, halted: record.halted.as_ref(), waits }
}

/// Whether the run told of outcomes.
fn is_apply(record: &Record) -> bool {
    record.applying || record.header.command == "apply"
}

fn call_document(call: &record::MutatingCall) -> Value {
    json!({
        "time": call.time,
        "account": call.account,
        "region": call.region,
        "role": call.role,
        "service": call.service,
        "operation": call.operation,
        "attempts": call.attempts,
        "request_id": call.request_id,
        "error": call.error,
    })
}

fn wait_document(wait: &record::Wait) -> Value {
    match &wait.what {
        Waited::Settling(settled) => json!({
            "time": wait.time,
            "for": "settling",
            "account": settled.account,
            "region": settled.region,
            "service": settled.service,
            "operation": settled.operation,
            "code": settled.code,
            "seconds": settled.waited.as_secs_f64(),
            "given_up": settled.given_up,
        }),
        Waited::Lock { holder, timeout } => json!({
            "time": wait.time, "for": "lock", "holder": holder, "at_most_seconds": timeout.as_secs_f64(),
        }),
    }
}
