use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use clap::Args;

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::log::{Level, Log, Place};
use super::super::screen::Screen;
use crate::bounded;
use crate::model::RunId;
use crate::report::Event;
use crate::report::record::Lines;

/// Where the record of the run goes.
#[derive(Debug, Default, Args)]
pub(in super::super) struct EventArgs {
    /// Records the whole run as it happens, a JSON object a line; `baseline show FILE` shows it
    ///
    /// The file must not be there yet, unless it is empty, a pipe or a device; nobody but you can read it. Each line is
    /// written at once, so that what a killed run leaves behind can be read. Where it cannot be written, nothing is
    /// changed.
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
    /// Whether it says that a change began.
    changing: bool,
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
            changing: false,
        }))))
    }

    /// Writes an event; when this returns it is with the operating system, whatever becomes of this process.
    pub(in super::super) fn write(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { lines, file: Some(file), .. } = &mut *state else { return };
        if let Err(error) = lines.write(event, SystemTime::now(), file).and_then(|()| file.flush()) {
            state.fail(&error);
        } else if matches!(event, Event::ChangeStarted { .. }) {
            state.changing = true;
        }
    }

    /// Whether a change may be begun: once one was, the record may fail, and the run goes on.
    pub(in super::super) fn may_change(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.changing || !state.failed
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
        let Some(file) = &state.file else { return Err(io::Error::other("the record is not whole")) };
        // Its own file, whatever has its name by now.
        let mut file = file.get_ref();
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(0))?;
        let mut record = bounded::all(file, length)?;
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
    /// Says it, once, and writes no more. A run that has begun to change something goes on: to stop between two changes
    /// would be worse.
    fn fail(&mut self, error: &io::Error) {
        if let Some(file) = self.file.take() {
            // What it still holds is not tried again.
            drop(file.into_parts());
        }
        self.failed = true;
        let path = self.path.display().to_string();
        let then = match self.changing {
            true => "the run itself goes on, unrecorded, and will end with exit code 1",
            false => "nothing will be changed, and the run will end with exit code 1",
        };
        let text = format!("error: cannot go on with the record in {path}: {error}\n  {then}");
        self.log.say_of(Level::Error, &text, Place::of([("file", path)]));
    }
}

/// Opens a file that is not there yet, an empty one, a pipe or a device.
fn open(path: &Path) -> io::Result<File> {
    match options(OpenOptions::new().read(true).append(true).create_new(true)).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        other => return other,
    }
    // `/dev/stdout`, and what a shell makes of `>(…)`, are links that the system made.
    let of_system = ["/dev/", "/proc/"].iter().any(|folder| path.starts_with(folder));
    if !of_system && std::fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a symbolic link: name the file itself"));
    }
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !found.is_file() || of_system {
        return OpenOptions::new().append(true).open(path);
    }
    let file = bounded::open_plain(OpenOptions::new().read(true).append(true), path)?;
    if file.metadata()?.len() > 0 {
        return Err(ErrorKind::AlreadyExists.into());
    }
    // Whoever made it did not know what would be in it.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
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
