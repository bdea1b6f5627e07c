use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use clap::Args;

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::log::{Level, Log, Place};
use super::super::screen::Screen;
use crate::model::RunId;
use crate::report::Event;
use crate::report::record::Lines;

/// Where the record of the run goes.
#[derive(Debug, Default, Args)]
pub(in super::super) struct EventArgs {
    /// Records the whole run as it happens, a JSON object a line; `baseline show FILE` shows it
    ///
    /// The file must not be there yet, unless it is empty, a pipe or a device. Each line is written at once, so that
    /// what a killed run leaves behind can be read.
    #[arg(long, value_name = "FILE")]
    pub(in super::super) events: Option<PathBuf>,
}

/// Writes the record; cheap to clone.
#[derive(Debug, Clone)]
pub(in super::super) struct Recorder(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    path: PathBuf,
    log: Log,
    lines: Lines,
    /// `None` once writing failed: a record has no gaps.
    file: Option<BufWriter<File>>,
    failed: bool,
}

impl Recorder {
    /// Begins a record; nothing is written yet.
    ///
    /// # Errors
    ///
    /// Something is there already, or it cannot be written.
    pub(in super::super) fn create(path: &Path, run: RunId, log: &Log) -> Result<Self, CliError> {
        let file = open(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => CliError::Recorded { path: path.to_owned() },
            _ => CliError::Unwritable { path: path.to_owned(), source },
        })?;
        Ok(Recorder(Arc::new(Mutex::new(State {
            path: path.to_owned(),
            log: log.clone(),
            lines: Lines::new(run),
            file: Some(BufWriter::new(file)),
            failed: false,
        }))))
    }

    /// Writes an event; when this returns it is with the operating system, whatever becomes of this process.
    pub(in super::super) fn write(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { lines, file: Some(file), .. } = &mut *state else { return };
        if let Err(error) = lines.write(event, SystemTime::now(), file).and_then(|()| file.flush()) {
            state.fail(&error);
        }
    }

    /// Whether what was written can be read again: a pipe or a device keeps nothing.
    pub(in super::super) fn is_file(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.file.as_ref().is_some_and(|file| file.get_ref().metadata().is_ok_and(|found| found.is_file()))
    }

    /// The record so far, with this as its end.
    ///
    /// # Errors
    ///
    /// It is not whole, or cannot be read.
    pub(in super::super) fn ended(&self, exit: Exit, error: Option<String>) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed {
            return Err(io::Error::other("the record is not whole"));
        }
        let mut record = std::fs::read(&state.path)?;
        let end = Event::RunEnded { exit: exit.code(), error };
        state.lines.clone().write(&end, SystemTime::now(), &mut record)?;
        Ok(record)
    }

    /// Writes the end; a record that could not be written makes it an error.
    pub(in super::super) fn end(&self, exit: Exit, error: Option<String>, screen: &Screen) -> Exit {
        self.write(&Event::RunEnded { exit: exit.code(), error });
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let synced = state.file.as_ref().map_or(Ok(()), |file| sync(file.get_ref()));
        if let Err(error) = synced {
            state.fail(&error);
        }
        if !state.failed {
            return exit;
        }
        screen.error(&format!("error: the record in {} is not whole", state.path.display()));
        // Only the codes that say less than an error does: a signal's stays what it is.
        match exit {
            Exit::Success | Exit::Drift | Exit::Incomplete => Exit::Error,
            other => other,
        }
    }
}

impl State {
    /// Says it, once, and writes no more. The run goes on: to stop between two changes would be worse.
    fn fail(&mut self, error: &io::Error) {
        if let Some(file) = self.file.take() {
            // What it still holds is not tried again.
            drop(file.into_parts());
        }
        self.failed = true;
        let path = self.path.display().to_string();
        let text = format!(
            "error: cannot go on with the record in {path}: {error}\n  the run itself goes on, unrecorded, and will \
             end with exit code 1"
        );
        self.log.say_of(Level::Error, &text, Place::of([("file", path)]));
    }
}

/// Opens a file that is not there yet, an empty one, a pipe or a device.
fn open(path: &Path) -> io::Result<File> {
    match options(OpenOptions::new().append(true).create_new(true)).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if found.is_file() && found.len() > 0 {
        return Err(ErrorKind::AlreadyExists.into());
    }
    OpenOptions::new().append(true).open(path)
}

/// Readable for its owner alone: a record names every account and role.
fn options(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Some file systems say only now that there was no room; pipes and devices have nothing to say.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(_) if file.metadata().is_ok_and(|found| !found.is_file()) => Ok(()),
        other => other,
    }
}
