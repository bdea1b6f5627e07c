//! `baseline show`

use std::path::PathBuf;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::recording;
use super::run::Format;
use super::screen::Screen;

/// Shows the record of a run as the run itself did.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// What `--events` wrote
    file: PathBuf,
    /// Text for people, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &ShowArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let bytes = std::fs::read(&args.file).map_err(|source| CliError::CannotRead { path: args.file.clone(), source })?;
    recording::show_file(&args.file, &bytes, args.format, common.verbose > 0, screen)
}
