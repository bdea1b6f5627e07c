//! Where a plan is saved.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::draft::{Draft, Readers};
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
        Draft::beside(&self.path, Readers::Owner).map_err(|source| self.unwritable(source))
    }

    /// Puts the plan there in one step: whoever looks sees the old file or the new one, never a part.
    pub(super) fn write(&self, content: impl FnOnce(&File) -> io::Result<()>) -> Result<(), CliError> {
        let draft = self.draft()?;
        draft.fill(content).map_err(|source| self.unwritable(source))?;
        self.vacant()?;
        draft.replace(&self.path).map_err(|source| self.unwritable(source))
    }
}
