//! `baseline schema`

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::exit::Exit;
use super::screen::Screen;
use crate::config::{baseline_schema, profiles_schema};

/// Prints the JSON Schema of a file, for editors.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Which of the two files
    #[arg(value_enum)]
    file: File,
}

/// The two files.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum File {
    /// profiles.toml: who and where
    Profiles,
    /// baseline.toml: what
    Baseline,
}

pub(super) fn run(args: &SchemaArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    screen.data(&match args.file {
        File::Profiles => profiles_schema(),
        File::Baseline => baseline_schema(),
    })?;
    Ok(Exit::Success)
}
