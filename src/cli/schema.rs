//! `baseline schema`

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::exit::Exit;
use super::screen::Screen;
use crate::config::{baseline_schema, profiles_schema};
use crate::report::json::PLAN_SCHEMA;

/// Prints the JSON Schema of a file, for editors and other tools.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Which file
    #[arg(value_enum)]
    file: File,
}

/// The two files that people write, and the one that this tool writes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum File {
    /// profiles.toml: who and where
    Profiles,
    /// baseline.toml: what
    Baseline,
    /// What `plan` prints with --format json and writes with --out
    Plan,
}

pub(super) fn run(args: &SchemaArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    screen.data(&match args.file {
        File::Profiles => profiles_schema(),
        File::Baseline => baseline_schema(),
        File::Plan => PLAN_SCHEMA.to_owned(),
    })?;
    Ok(Exit::Success)
}
