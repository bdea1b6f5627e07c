//! What runs leave in files, read back.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::CliError;
use crate::plan::file::{MOST_BYTES, SavedPlan};
use crate::report::record::{self, Record};

/// How much of a file tells whether it is one of a run.
const BEGINNING: u64 = 4096;

/// What a file of a run holds.
pub(super) enum Kept {
    /// A plan that somebody saved.
    Plan(Box<SavedPlan>),
    /// What a run wrote down as it went on.
    Record(Box<Record>),
}

/// Reads a file that a run left, whatever it holds.
pub(super) fn read(path: &Path) -> Result<Kept, CliError> {
    let bytes = bytes(path)?;
    if record::is_record(&bytes) {
        let record = record::read(&bytes).map_err(|source| CliError::Record { path: path.to_owned(), source })?;
        return Ok(Kept::Record(Box::new(record)));
    }
    plan(path, &bytes).map(|plan| Kept::Plan(Box::new(plan)))
}

/// Reads a saved plan.
#[cfg(feature = "aws")]
pub(super) fn read_plan(path: &Path) -> Result<SavedPlan, CliError> {
    plan(path, &bytes(path)?)
}

fn plan(path: &Path, bytes: &[u8]) -> Result<SavedPlan, CliError> {
    SavedPlan::read(bytes).map_err(|source| CliError::Plan { path: path.to_owned(), source: Box::new(source) })
}

fn bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    let unreadable = |source| CliError::PlanUnreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    (&mut file).take(BEGINNING).read_to_end(&mut bytes).map_err(unreadable)?;
    // A device never ends, and what begins otherwise need not be read to be refused.
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        // One byte more than is taken says that it is too much.
        file.take(MOST_BYTES as u64 + 1 - BEGINNING).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    Ok(bytes)
}
