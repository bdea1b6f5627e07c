//! `baseline apply`

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::locking::LockArgs;
use super::notice::{self, Asked, UnattendedArgs};
use super::plan::{self, LeaveArgs};
use super::rollout::RolloutArgs;
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use crate::config::Baseline;
use crate::engine::{Applied, Enforce, Survey, SurveyOptions};
use crate::plan::Plan;
use crate::report::notice::End;
use crate::report::{Outcome, human, json};

/// Plans, shows the plan, asks, and makes the changes.
///
/// Exit code 0: everything applied. 1: a change failed. 3: something was not read, held back or not started.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    leave: LeaveArgs,
    #[command(flatten)]
    rollout: RolloutArgs,
    #[command(flatten)]
    locking: LockArgs,
    #[command(flatten)]
    unattended: UnattendedArgs,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &ApplyArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let can_ask = !args.run.no_input && std::io::stdin().is_terminal();
    if !args.yes && !can_ask {
        return Err(CliError::Usage(
            "apply asks before it writes, and there is no terminal to ask on: say --yes, or look first with `baseline \
             plan`"
                .to_owned(),
        ));
    }
    block_on(async {
        let run = Run::start(&args.run, Needs::Both, common, screen).await?;
        args.unattended.check(&run)?;
        let asked = Asked { command: "apply", args: &args.run, common };
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let options = plan::options(&run, &args.leave);
        let plan = Survey::new(&run.chain, &run.loaded.profiles, &run.events).plan(baseline, &options).await;
        run.progress.finish();
        // Where nobody is asked and nothing is to be said of what ends well, the plan waits for the end.
        let late = common.quiet && args.yes;
        if !late {
            present(&plan, args.run.format, common, screen)?;
        }
        if !args.yes && !plan.changes.is_empty() && !agreed(&plan)? {
            screen.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let applied = match enforced(args, &run, baseline, &options, &plan).await {
            Ok(applied) => applied,
            Err(error) => {
                if late {
                    // Whether or not somebody reads it, the error is what counts.
                    let _ = present(&plan, args.run.format, common, screen);
                }
                let why = error.chain();
                let exit = error.exit();
                args.unattended.conclude(&run, asked, &plan, End::Broken { why: &why }, exit, screen).await;
                return Err(error);
            }
        };
        run.progress.finish();
        let ledger = run.chain.aws().ledger();
        tracing::info!(requests = ledger.total(), mutating = ledger.mutating(), "requests sent");
        let found = exit(&plan, &applied);
        let first =
            if late && found != Exit::Success { present(&plan, args.run.format, common, screen) } else { Ok(()) };
        let shown = first.and_then(|()| report(&plan, &applied, found, args.run.format, common, screen));
        // Also where nobody reads on: who is to be told is somebody else.
        let exit = args.unattended.conclude(&run, asked, &plan, notice::applied(&applied), found, screen).await;
        notice::ended(shown, found, exit)
    })
}

/// Makes the changes, if there are any.
async fn enforced(
    args: &ApplyArgs,
    run: &Run,
    baseline: &Baseline,
    options: &SurveyOptions,
    plan: &Plan,
) -> Result<Applied, CliError> {
    if plan.changes.is_empty() {
        return Ok(Applied::default());
    }
    let enforce = Enforce {
        chain: &run.chain,
        profiles: &run.loaded.profiles,
        baseline,
        options,
        rollout: &args.rollout.rollout(&run.loaded.profiles)?,
        lock: &args.locking.terms(run)?,
        stop: &run.stop,
        events: &run.events,
    };
    Ok(enforce.run(plan).await?)
}

/// Shows the plan before anything is written; on stderr where stdout is for JSON.
fn present(plan: &Plan, format: Format, common: &CommonArgs, screen: &mut Screen) -> Result<(), CliError> {
    if common.quiet && plan.changes.is_empty() && plan.complete() {
        return Ok(());
    }
    let text = format!("{}{}", human::plan(plan, common.verbose > 0), human::plan_summary(plan));
    match format {
        Format::Human => screen.data(&format!("{text}\n")),
        Format::Json => {
            screen.note(&text);
            Ok(())
        }
    }
}

fn agreed(plan: &Plan) -> Result<bool, CliError> {
    let mut stderr = anstream::stderr();
    let question = format!("\nMake these {} changes? Only `yes` goes on: ", plan.changes.len());
    stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).map_err(CliError::Stdout)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(CliError::Stdin)?;
    Ok(answer.trim() == "yes")
}

fn report(
    plan: &Plan,
    applied: &Applied,
    found: Exit,
    format: Format,
    common: &CommonArgs,
    screen: &mut Screen,
) -> Result<(), CliError> {
    match format {
        Format::Json => screen.data(&format!("{:#}\n", json::apply_document(plan, &applied.outcomes))),
        Format::Human if applied.outcomes.is_empty() => Ok(()),
        Format::Human => {
            if common.quiet && found == Exit::Success {
                return Ok(());
            }
            let problems = human::outcomes(plan, &applied.outcomes);
            screen.data(&format!("\n{problems}{}\n", human::outcome_summary(&applied.outcomes)))
        }
    }
}

/// An error dominates, then incomplete.
fn exit(plan: &Plan, applied: &Applied) -> Exit {
    let failed = applied.count(|outcome| matches!(outcome, Outcome::Failed(_))) > 0;
    let unfinished = applied.count(|outcome| !outcome.is_well()) > 0;
    match plan::exit(plan) {
        Exit::Error => Exit::Error,
        _ if failed => Exit::Error,
        _ if unfinished || !plan.complete() => Exit::Incomplete,
        _ => Exit::Success,
    }
}
