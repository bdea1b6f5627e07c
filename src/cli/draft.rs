//! A file as it is being written: under a name of its own, so that whoever looks sees all of it or nothing.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file under a temporary name beside the one that it is for; gone when dropped.
pub(super) struct Draft {
    path: PathBuf,
    file: File,
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Readers {
    /// Nobody but the owner: it tells of every account.
    #[cfg(feature = "aws")]
    Owner,
    /// Whoever the umask lets.
    Others,
}

impl Draft {
    /// An empty one beside `target`.
    ///
    /// # Errors
    ///
    /// Nothing can be made there, or `target` names no file.
    pub(super) fn beside(target: &Path, readers: Readers) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        loop {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{:08x}.tmp", fastrand::u32(..)));
            let path = target.with_file_name(hidden);
            match open(&path, readers) {
                Ok(file) => return Ok(Draft { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Fills it; what `content` wrote outlives a loss of power afterwards.
    ///
    /// # Errors
    ///
    /// Those of `content`, and of the disk.
    pub(super) fn fill(&self, content: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        content(&self.file)?;
        self.file.sync_all()
    }

    /// Gives the file its name, in place of the file that had it.
    ///
    /// # Errors
    ///
    /// The name cannot be given.
    #[cfg(feature = "aws")]
    pub(super) fn replace(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The name has to last, too; some file systems cannot say so of a folder.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// Gives the file its name, unless somebody else took that meanwhile: a link, unlike a rename, never replaces.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, or the name cannot be given.
    pub(super) fn place(&self, target: &Path) -> io::Result<()> {
        fs::hard_link(&self.path, target).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // A file system without links: the name is taken first, then given away.
            _ => File::create_new(target).and_then(|_| {
                fs::rename(&self.path, target).inspect_err(|_| {
                    // Empty, and this run's own.
                    let _ = fs::remove_file(target);
                })
            }),
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    match readers {
        #[cfg(feature = "aws")]
        Readers::Owner => {
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        Readers::Others => {}
    }
    options.open(path)
}
