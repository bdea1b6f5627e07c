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
