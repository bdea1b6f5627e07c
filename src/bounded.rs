//! Files that are read: never more of them than they may have, and none that only seems to be one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Reads a file that somebody named: a pipe is as good as a file (`-p <(…)`), and one without end is none.
///
/// # Errors
///
/// What the system says, and a file of more `bytes` than this.
pub fn read(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    all(File::open(path)?, bytes)
}

/// The same for a text.
///
/// # Errors
///
/// As of [`read`], and a file that is not UTF-8.
pub fn read_text(path: &Path, bytes: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, bytes)?);
    text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Reads a file that this tool keeps for itself, in a folder that others may write into, too: no link is followed, and
/// nothing is waited for that somebody put there instead, such as a pipe.
///
/// # Errors
///
/// What the system says, anything but a plain file, and one of more `bytes` than this.
pub fn read_own(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = open_plain(&mut options, path)?;
    all(file, bytes)
}

/// Opens a plain file, and nothing that a link leads to: with a pipe it does not wait for whoever writes into it.
///
/// # Errors
///
/// What the system says, and anything but a plain file.
pub fn open_plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path).map_err(|error| {
        let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        if is_link { io::Error::new(ErrorKind::AlreadyExists, "it is a symbolic link") } else { error }
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it is no plain file"));
    }
    Ok(file)
}

/// What is left of something that is read, if it is not more than this.
///
/// # Errors
///
/// What reading says, and more `bytes` than this.
pub fn all(from: impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(bytes.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > bytes {
        let size = if bytes >= 1 << 20 { format!("{} MB", bytes >> 20) } else { format!("{bytes} bytes") };
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {size}, and was not read")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let error = read(Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1 MB, and was not read");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "four").unwrap();
        assert_eq!(read(&file, 4).unwrap(), b"four");
        assert_eq!(read_own(&file, 4).unwrap(), b"four");
        assert!(read(&file, 3).unwrap_err().to_string().contains("larger than 3 bytes"));
    }

    #[test]
    fn what_only_seems_to_be_a_file_of_ours_is_neither_followed_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
        fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read_own(&link, 10).unwrap_err().to_string(), "it is a symbolic link");
        assert_eq!(read_own(&pipe, 10).unwrap_err().to_string(), "it is no plain file");
        assert_eq!(read_own(&folder.path().join("none"), 10).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
