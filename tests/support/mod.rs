//! The program as a process in an environment that holds nothing.

#[cfg(feature = "aws")]
pub mod estate;
#[cfg(feature = "aws")]
pub mod moto;
#[cfg(feature = "aws")]
pub mod proxy;
pub mod python;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// Fails unless a page of the repository is this text; with `UPDATE_DOCS` in the environment it is written first.
#[cfg(feature = "aws")]
#[track_caller]
pub fn page_is_up_to_date(page: &str, text: &str) {
    let path = file(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let is_same = std::fs::read_to_string(&path).unwrap_or_default() == text;
    assert!(is_same, "{page} is out of date: run the tests with UPDATE_DOCS=1");
}

/// The program.
pub fn baseline_path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_baseline"))
}

/// `baseline`, started in this directory.
pub fn baseline(directory: &Path) -> Command {
    let mut command = Command::new(baseline_path());
    command.env_clear().env("NO_COLOR", "1").current_dir(directory);
    command
}

/// What a finished process wrote to stderr.
pub fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a finished process wrote to stdout.
pub fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
