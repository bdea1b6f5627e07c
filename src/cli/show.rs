//! `baseline show`, and how a plan is shown anywhere.

use std::path::PathBuf;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::plan_file::{self, Kept};
use super::recording;
use super::screen::Screen;
use crate::plan::Plan;
use crate::plan::file::Origin;
use crate::report::{human, json};

/// Shows a saved plan again, as `baseline plan` did, or the record of a run, as the run did; needs neither the network nor the two files.
///
/// Exit code 0: it was shown. 65: it is not what was written.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// What `baseline plan --out` or `--events` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Text for people, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// How the result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON document
    Json,
}

pub(super) fn run(args: &ShowArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    match plan_file::read(&args.file)? {
        Kept::Plan(saved) => {
            if !common.quiet {
                screen.note(&origin(&saved.origin));
            }
            plan(&saved.plan, args.format, common.verbose > 0, screen)?;
        }
        Kept::Record(record) => recording::show(&record, args.format, common.verbose > 0, screen)?,
    }
    Ok(Exit::Success)
}

/// A plan on stdout.
pub(super) fn plan(plan: &Plan, format: Format, details: bool, screen: &mut Screen) -> Result<(), CliError> {
    match format {
        Format::Json => screen.document(|out| json::write_plan(plan, out)),
        Format::Human => screen.text(&format!("{}{}\n", human::plan(plan, details), human::plan_summary(plan))),
    }
}

/// Where a plan comes from, in a line.
pub(super) fn origin(origin: &Origin) -> String {
    let mut line = format!("saved by run {} of baseline {}", origin.run, origin.tool);
    if !origin.selection.is_empty() {
        line.push_str(&format!(", narrowed to {}", origin.selection.join(" ")));
    }
    let allowed = origin.allowed.words();
    if !allowed.is_empty() {
        line.push_str(&format!(", made with {}", allowed.join(" ")));
    }
    line
}
