//! A record that was read, made fit to be shown: it is a file, and whoever may write it decides what is in it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Ended, Header, MutatingCall, Record, Waited};
use crate::model::{Address, OpError, printable};
use crate::plan::file;
use crate::report::event::Trouble;
use crate::report::{Halt, Outcome};

/// Spells out what a terminal would obey in every text of a record, as in those of a saved plan.
pub(super) fn record(record: &mut Record) {
    let Header { started, tool, command, baseline, selection, .. } = &mut record.header;
    [started, tool, command].into_iter().for_each(text);
    [baseline, selection].into_iter().flatten().for_each(text);
    if let Some(plan) = &mut record.plan {
        file::tame(Arc::make_mut(plan));
    }
    for (address, outcome) in &mut record.outcomes {
        name(address);
        match outcome {
            Outcome::Applied | Outcome::AlreadySame => {}
            Outcome::Stale { reason } => text(reason),
            Outcome::Failed(error) => error.tame(),
            Outcome::Skipped { because } => name(because),
            Outcome::NotStarted { why } => halt(why),
        }
    }
    record.unknown.iter_mut().chain(&mut record.not_begun).for_each(name);
    for MutatingCall { time, role, service, operation, request_id, error, .. } in &mut record.calls {
        [time, role, service, operation].into_iter().chain(request_id).for_each(text);
        error.iter_mut().for_each(OpError::tame);
    }
    for wait in &mut record.waits {
        text(&mut wait.time);
        match &mut wait.what {
            Waited::Settling(settled) => {
                text(&mut settled.code);
                text(settled.service.to_mut());
                text(settled.operation.to_mut());
            }
            Waited::Lock { holder, .. } => text(holder),
        }
    }
    record.failures.iter_mut().for_each(OpError::tame);
    record.halted.iter_mut().for_each(halt);
    if let Some(Ended { time, error, .. }) = &mut record.ended {
        text(time);
        error.iter_mut().for_each(text);
    }
    text(&mut record.last);
    let skipped = std::mem::take(&mut record.skipped);
    record.skipped = skipped.into_iter().map(|(name, times)| (printable(name), times)).collect();
}

fn text(text: &mut String) {
    *text = printable(std::mem::take(text));
}

fn name(address: &mut Address) {
    text(&mut address.name);
}

fn halt(halt: &mut Halt) {
    match halt {
        Halt::Interrupted | Halt::TooManyFailures { .. } | Halt::LockLost | Halt::NoRecord => {}
        Halt::Canary { trouble, .. } => match trouble {
            Trouble::Unread | Trouble::Change => {}
            Trouble::Found(what) => text(what),
        },
        Halt::Locked { holder } => text(holder),
        Halt::NoLock { error } => error.tame(),
        Halt::NoLocalLock { file, reason } => {
            *file = PathBuf::from(printable(file.display().to_string()));
            text(reason);
        }
    }
}
