//! A run, written down as it happens, one event a line; and read back.
//!
//! Every line is a JSON object: `seq`, which counts from 1 without a gap, `time`, `run`, and the event with its fields
//! next to them. The first line is [`Event::RunStarted`] and begins with `record`, the version of this format; the
//! last is [`Event::RunEnded`]. A run that was killed has no last line, or half of one.
//!
//! The version counts up when something that is there changes its meaning. Events that are only new leave it: a reader
//! that does not know one skips it and says so.
//!
//! What is left out: that a cell is being read, that it could be read (the plan says what could not), and the first
//! two retries of a call while the estate is read, whose number the third one tells. A thousand accounts with seventeen
//! Regions each are read with a few thousand lines that way, not with a quarter of a million. Whatever concerns a
//! change is there.

mod reader;
mod tame;

use std::io::{self, Write};
use std::time::SystemTime;

use serde::Serialize;

use super::{Event, JsonForScreen};
use crate::model::RunId;

pub use reader::{Ended, Header, MutatingCall, Record, RecordError, Wait, Waited, is_record, read};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// While the estate is read, a retry is written down from this attempt on.
const ATTEMPT_WHILE_READING: u32 = 3;

/// The lines of one run; a clone goes on from the same line.
#[derive(Debug, Clone)]
pub struct Lines {
    run: RunId,
    written: u64,
    reading: bool,
    over: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u32>,
    seq: u64,
    time: String,
    /// The first event says it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a RunId>,
    #[serde(flatten)]
    event: &'a Event,
}

impl Lines {
    /// Nothing was written yet.
    pub fn new(run: RunId) -> Self {
        Lines { run, written: 0, reading: false, over: false }
    }

    /// Writes an event that happened at this time, unless it is one of those that are left out.
    ///
    /// # Errors
    ///
    /// What writing said.
    pub fn write(&mut self, event: &Event, time: SystemTime, into: &mut impl Write) -> io::Result<()> {
        match event {
            Event::ReadingStarted { .. } => self.reading = true,
            Event::Planned { .. } | Event::ApplyStarted { .. } => self.reading = false,
            _ => {}
        }
        if self.over || self.is_left_out(event) {
            return Ok(());
        }
        self.over = matches!(event, Event::RunEnded { .. });
        self.written += 1;
        let line = Line {
            record: (self.written == 1).then_some(FORMAT),
            seq: self.written,
            time: rfc3339(time),
            run: (!matches!(event, Event::RunStarted { .. })).then_some(&self.run),
            event,
        };
        // Who looks at the file with `less` or `grep` is shown nothing hidden either.
        serde_json::to_writer(JsonForScreen::new(&mut *into), &line)?;
        into.write_all(b"\n")
    }

    fn is_left_out(&self, event: &Event) -> bool {
        match event {
            Event::CellStarted { .. } => true,
            Event::CellRead { readable, .. } => *readable,
            Event::CallRetried { attempt, .. } => self.reading && *attempt < ATTEMPT_WHILE_READING,
            _ => false,
        }
    }
}

/// A time with its milliseconds, such as `2026-11-22T20:53:00.042Z`.
pub fn rfc3339(time: SystemTime) -> String {
    let time = time::OffsetDateTime::from(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests;
