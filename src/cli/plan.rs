//! `baseline plan`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::news;
use super::notice::{self, Asked, UnattendedArgs};
use super::plan_out::Destination;
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use super::show;
use crate::engine::{Survey, SurveyOptions};
use crate::model::{Digest, Fault};
use crate::plan::Plan;
use crate::plan::file::{Allowed, Origin};
use crate::report::notice::End;
use crate::report::{Event, human, saved};

/// Shows what would change; never writes.
///
/// Exit code 0: in sync. 2: there is drift. 3: something could not be read, is held back, undelivered or exposed. 1: an account was not the
/// expected one.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    // Before the groups: what follows one of them would stand under its heading.
    /// Saves the plan, also where it is empty, for `baseline show` and `baseline apply`
    ///
    /// A plan that was saved there before is replaced; any other file is left alone, and no plan is made. (The record of
    /// --events is of one run, and never replaces another.)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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

impl LeaveArgs {
    /// The same as a value.
    pub(super) fn allowed(&self) -> Allowed {
        Allowed { remove_accounts: self.allow_remove_accounts, data_loss: self.allow_data_loss, prune: self.prune }
    }
}

pub(super) fn run(args: &PlanArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let out = args.out.as_deref().map(Destination::new).transpose()?;
    block_on(async {
        let run = Run::start(&args.run, Needs::Both, common, screen).await?;
        args.unattended.check(&run)?;
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let options = options(&run, args.leave.allowed());
        let planned =
            Survey::new(&run.chain, &run.loaded.profiles, &run.events).plan_selected(baseline, &options).await;
        run.looked();
        run.progress.finish();
        let plan = Arc::new(planned?);
        run.events.tell(Event::Planned { plan: plan.clone() });
        let saved = match &out {
            Some(out) => out.write(|file| saved::write(&origin(&run, args), &plan, file)),
            None => Ok(()),
        };
        let found = exit(&plan);
        let shown = saved.and_then(|()| show(&run, &plan, args.run.format, common, screen));
        // Where nobody looks and all is well, one line is enough.
        let silent = common.quiet || (screen.is_unattended() && found == Exit::Success);
        if let (Some(path), true, false) = (&args.out, shown.is_ok(), silent) {
            screen.note(&format!("saved to {}", path.display()));
        }
        let asked = Asked { command: "plan", args: &args.run, common };
        // Also where nobody reads on: who is to be told is somebody else.
        let exit = args.unattended.conclude(&run, asked, &plan, End::Looked, found, screen).await;
        notice::ended(shown, exit, screen)
    })
}

/// Where a plan of this run comes from.
fn origin(run: &Run, args: &PlanArgs) -> Origin {
    Origin {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.id.clone(),
        // Both files were read.
        baseline: run.loaded.baseline_digest.clone().unwrap_or_else(|| Digest::of_bytes(b"")),
        profiles: run.loaded.profiles_digest.clone(),
        selection: args.run.words(),
        allowed: args.leave.allowed(),
    }
}

/// What a survey is narrowed to and allowed.
pub(super) fn options(run: &Run, allowed: Allowed) -> SurveyOptions {
    SurveyOptions { selection: run.selection.clone(), terms: allowed.terms(), prune: allowed.prune, day: run.id.date() }
}

fn show(run: &Run, plan: &Plan, format: Format, common: &CommonArgs, screen: &mut Screen) -> Result<(), CliError> {
    if common.quiet && exit(plan) == Exit::Success {
        let gaps = news::gaps(run, plan);
        return match format {
            _ if gaps.is_empty() => Ok(()),
            Format::Human => screen.text(&gaps),
            Format::Json => show::plan(plan, format, common.verbose > 0, screen),
        };
    }
    match format {
        Format::Json => show::plan(plan, format, common.verbose > 0, screen),
        Format::Human => {
            let text = in_words(plan, exit(plan), common, screen);
            screen.text(&format!("{text}\n"))
        }
    }
}

/// A plan for people. Where nobody looks and nothing is amiss it is one line: what is worth knowing besides is counted
/// there, and told to whoever asks for more.
pub(super) fn in_words(plan: &Plan, exit: Exit, common: &CommonArgs, screen: &Screen) -> String {
    let summary = human::plan_summary(plan);
    let in_sync = exit == Exit::Success && plan.changes.is_empty();
    if !in_sync || common.verbose > 0 || !screen.is_unattended() {
        return format!("{}{summary}", human::plan(plan, common.verbose > 0));
    }
    let summary = format!("{}{summary}", human::notes_to_show(plan));
    match human::remarks(plan) {
        0 => summary,
        1 => format!("{summary} There is a note: -v shows it."),
        n => format!("{summary} There are {n} notes: -v shows them."),
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
