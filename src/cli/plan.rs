//! `baseline plan`

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::notice::{self, Asked, UnattendedArgs};
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use crate::engine::{Survey, SurveyOptions};
use crate::model::Fault;
use crate::plan::Plan;
use crate::report::notice::End;
use crate::report::{human, json};
use crate::services::Terms;

/// Shows what would change; never writes.
///
/// Exit code 0: in sync. 2: there is drift. 3: something could not be read, or is held back. 1: an account was not the
/// expected one.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) leave: LeaveArgs,
    #[command(flatten)]
    pub(super) unattended: UnattendedArgs,
}

/// What is allowed beyond the ordinary.
#[derive(Debug, Args)]
#[command(next_help_heading = "Destructive changes")]
pub(super) struct LeaveArgs {
    /// Drops accounts that profiles.toml no longer names from the shared policies: their logs stop arriving
    #[arg(long)]
    pub(super) allow_remove_accounts: bool,
    /// Shortens the retention of logs that exist
    #[arg(long)]
    pub(super) allow_data_loss: bool,
    /// Removes what is ours, no longer declared, and replaced
    #[arg(long)]
    pub(super) prune: bool,
}

pub(super) fn run(args: &PlanArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    block_on(async {
        let run = Run::start(&args.run, Needs::Both, common, screen).await?;
        args.unattended.check(&run)?;
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let options = options(&run, &args.leave);
        let plan = Survey::new(&run.chain, &run.loaded.profiles, &run.events).plan(baseline, &options).await;
        run.progress.finish();
        let shown = show(&plan, args.run.format, common, screen);
        let asked = Asked { command: "plan", args: &args.run, common };
        // Also where nobody reads on: who is to be told is somebody else.
        let found = exit(&plan);
        let exit = args.unattended.conclude(&run, asked, &plan, End::Looked, found, screen).await;
        notice::ended(shown, found, exit)
    })
}

/// What a survey is narrowed to and allowed.
pub(super) fn options(run: &Run, leave: &LeaveArgs) -> SurveyOptions {
    SurveyOptions {
        selection: run.selection.clone(),
        terms: Terms {
            allow_remove_accounts: leave.allow_remove_accounts,
            allow_data_loss: leave.allow_data_loss,
            ..Terms::default()
        },
        prune: leave.prune,
    }
}

fn show(plan: &Plan, format: Format, common: &CommonArgs, screen: &mut Screen) -> Result<(), CliError> {
    match format {
        Format::Json => screen.data(&format!("{:#}\n", json::plan_document(plan))),
        Format::Human => {
            let text = human::plan(plan, common.verbose > 0);
            let silent = common.quiet && exit(plan) == Exit::Success;
            if silent { Ok(()) } else { screen.data(&format!("{text}{}\n", human::plan_summary(plan))) }
        }
    }
}

/// An error dominates, then incomplete, then drift.
pub(super) fn exit(plan: &Plan) -> Exit {
    if plan.unreadable.iter().any(|unreadable| unreadable.error.fault == Fault::WrongAccount) {
        Exit::Error
    } else if !plan.complete() {
        Exit::Incomplete
    } else if !plan.changes.is_empty() {
        Exit::Drift
    } else {
        Exit::Success
    }
}
