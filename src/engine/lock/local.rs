use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::queue::Contender;
use super::record::Record;
use crate::bounded;
use crate::engine::Asked;
use crate::model::AccountId;
use crate::report::{Event, Halt};

/// The pause between two looks at a file that another process has locked.
const LOOK: Duration = Duration::from_millis(250);

/// A lock that holds on this machine, as long as the process lives: the kernel gives it back, whatever happens.
#[derive(Debug)]
pub(super) struct Local {
    file: File,
}

/// The file of an account's lock.
pub(super) fn path(folder: Option<&Path>, security: AccountId) -> Result<PathBuf, Halt> {
    let name = PathBuf::from(format!("lock-{security}"));
    match folder {
        Some(folder) => Ok(folder.join(name)),
        None => Err(Halt::NoLocalLock { file: name, reason: "no folder is known for it".to_owned() }),
    }
}

impl Local {
    /// Takes it, waiting for it where another process has it.
    pub(super) async fn take(path: PathBuf, waiting: &Contender<'_>) -> Result<Self, Halt> {
        let unusable = |error: std::io::Error| Halt::NoLocalLock { file: path.clone(), reason: error.to_string() };
        let mut file = open(&path).map_err(unusable)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
            let holder = holder(&mut file);
            let left = (waiting.began + waiting.timeout).saturating_sub(waiting.clock.elapsed());
            if left.is_zero() {
                return Err(Halt::Locked { holder });
            }
            if !told {
                waiting.events.tell(Event::LockAwaited { holder, timeout: waiting.timeout });
                told = true;
            }
            tokio::select! {
                biased;
                () = waiting.stop.until(Asked::Finish) => return Err(Halt::Interrupted),
                () = waiting.clock.sleep(LOOK.min(left)) => {}
            }
        }
        // For those who wait to read; the lock holds without it.
        let body = waiting.record.bytes();
        let written = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(&body));
        written.map_err(unusable)?;
        Ok(Local { file })
    }

    pub(super) fn release(self) {
        // Closing it releases it as well.
        let _ = self.file.unlock();
    }
}

/// Who has the lock of this file, as far as the file says.
fn holder(file: &mut File) -> String {
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.take(4096).read_to_end(&mut text));
    let record = read.ok().and_then(|_| serde_json::from_slice::<Record>(&text).ok());
    record.map_or_else(|| "another process on this machine".to_owned(), |record| record.to_string())
}

/// Opens the file, for nobody but its owner.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // The folder can be one that others write into, where the machine has no better one.
    bounded::open_plain(&mut options, path)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
