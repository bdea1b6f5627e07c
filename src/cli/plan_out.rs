//! Where a plan is saved.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::plan::file::SavedPlan;

/// The place of a plan that will be saved.
pub(super) struct Destination {
    path: PathBuf,
}

impl Destination {
    /// Makes sure, before an estate is read for minutes, that a plan can be put there and nothing is lost by it: there is
    /// no file yet, or an empty one, or an older plan.
    pub(super) fn new(path: &Path) -> Result<Self, CliError> {
        let destination = Destination { path: path.to_owned() };
        destination.vacant()?;
        drop(destination.draft()?);
        Ok(destination)
    }

    fn vacant(&self) -> Result<(), CliError> {
        let occupied = |by: &'static str| CliError::Occupied { path: self.path.clone(), by };
        match self.path.symlink_metadata() {
            // Its target would stay as it is, and the link go away: neither is what anybody means.
            Ok(found) if found.is_symlink() => Err(occupied("a symbolic link")),
            Ok(found) if !found.is_file() => Err(occupied("no ordinary file")),
            Ok(found) if found.len() == 0 => Ok(()),
            Ok(_) => {
                let mut begin = Vec::new();
                let opened = File::open(&self.path).and_then(|file| file.take(256).read_to_end(&mut begin));
                match opened {
                    Ok(_) if SavedPlan::is_begun_by(&begin) => Ok(()),
                    Ok(_) => Err(occupied("there already and no saved plan")),
                    Err(source) => Err(self.unwritable(source)),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(self.unwritable(source)),
        }
    }

    fn unwritable(&self, source: io::Error) -> CliError {
        CliError::Unwritable { path: self.path.clone(), source }
    }

    fn draft(&self) -> Result<Draft, CliError> {
        let Some(name) = self.path.file_name() else {
            return Err(self.unwritable(io::Error::from(io::ErrorKind::InvalidInput)));
        };
        loop {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{:08x}.tmp", fastrand::u32(..)));
            let path = self.path.with_file_name(hidden);
            match private(&path) {
                Ok(file) => return Ok(Draft { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(self.unwritable(source)),
            }
        }
    }

    /// Puts the plan there in one step: whoever looks sees the old file or the new one, never a part.
    pub(super) fn write(&self, content: impl FnOnce(&File) -> io::Result<()>) -> Result<(), CliError> {
        let draft = self.draft()?;
        content(&draft.file).and_then(|()| draft.file.sync_all()).map_err(|source| self.unwritable(source))?;
        self.vacant()?;
        fs::rename(&draft.path, &self.path).map_err(|source| self.unwritable(source))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The name has to last, too; some file systems cannot say so of a folder.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// A new file that nobody else can read: a plan tells of every account.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A file under a temporary name, gone when dropped.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}
