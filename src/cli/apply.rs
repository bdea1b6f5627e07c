//! `baseline apply`

use std::io::{BufRead, Write};
use std::sync::Arc;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::locking::LockArgs;
use super::plan::{self, LeaveArgs};
use super::rollout::RolloutArgs;
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use crate::engine::{Applied, Enforce, Survey};
use crate::plan::Plan;
use crate::report::{Event, Outcome, human, json};

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
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &ApplyArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let can_ask = !args.run.no_input && screen.can_ask();
    if !args.yes && !can_ask {
        return Err(CliError::Usage(
            "apply asks before it writes, and there is no terminal to ask on: say --yes, or look first with `baseline \
             plan`"
                .to_owned(),
        ));
    }
    let (plan, applied) = block_on(async {
        let run = Run::start(&args.run, Needs::Both, common, screen).await?;
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let options = plan::options(&run, &args.leave);
        let plan = Survey::new(&run.chain, &run.loaded.profiles, &run.events).plan(baseline, &options).await;
        run.progress.finish();
        let plan = Arc::new(plan);
        run.events.tell(Event::Planned { plan: plan.clone() });
        present(&plan, args, common, screen)?;
        if plan.changes.is_empty() {
            return Ok((plan, Some(Applied::default())));
        }
        if !args.yes && !agreed(&plan)? {
            return Ok((plan, None));
        }
        let enforce = Enforce {
            chain: &run.chain,
            profiles: &run.loaded.profiles,
            baseline,
            options: &options,
            rollout: &args.rollout.rollout(&run.loaded.profiles)?,
            lock: &args.locking.terms(&run)?,
            stop: &run.stop,
            events: &run.events,
        };
        let applied = enforce.run(&plan).await?;
        run.progress.finish();
        tracing::info!(
            requests = run.chain.aws().ledger().total(),
            mutating = run.chain.aws().ledger().mutating(),
            "requests sent"
        );
        Ok((plan, Some(applied)))
    })?;
    let Some(applied) = applied else {
        screen.note("nothing was changed");
        return Ok(Exit::Incomplete);
    };
    report(&plan, &applied, args.run.format, common, screen)?;
    Ok(exit(&plan, &applied))
}

/// Shows the plan before anything is written; on stderr where stdout is for JSON. Quiet, only to ask about it.
fn present(plan: &Plan, args: &ApplyArgs, common: &CommonArgs, screen: &mut Screen) -> Result<(), CliError> {
    if common.quiet && (args.yes || plan.changes.is_empty()) {
        return Ok(());
    }
    let text = plan::in_words(plan, plan::exit(plan), common, screen);
    match args.run.format {
        Format::Human => screen.data(&format!("{text}\n")),
        Format::Json if screen.is_unattended() && plan.changes.is_empty() => Ok(()),
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
    format: Format,
    common: &CommonArgs,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let all_is_well = exit(plan, applied) == Exit::Success;
    if common.quiet && all_is_well {
        return Ok(());
    }
    match format {
        Format::Json => screen.data(&format!("{:#}\n", json::apply_document(plan, &applied.outcomes))),
        Format::Human if common.quiet => {
            let mut text = human::problems(plan);
            if applied.outcomes.is_empty() {
                text.push_str(&human::plan_summary(plan));
            } else {
                text.push_str(&human::outcomes(plan, &applied.outcomes));
                text.push_str(&human::outcome_summary(&applied.outcomes));
            }
            screen.data(&format!("{text}\n"))
        }
        Format::Human if applied.outcomes.is_empty() => Ok(()),
        Format::Human => {
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
