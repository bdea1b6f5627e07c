//! `baseline apply`

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::locking::LockArgs;
use super::plan::{self, LeaveArgs};
use super::plan_file;
use super::rollout::{RolloutArgs, warn_of_idle_canary};
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use super::show;
use crate::engine::{Applied, Enforce, Revised, Survey};
use crate::model::Address;
use crate::plan::file::SavedPlan;
use crate::plan::{Plan, check};
use crate::report::{Event, Outcome, human, json};
use crate::services::Terms;

/// Plans, shows the plan, asks, and makes the changes; or makes those of a plan that was saved.
///
/// Of a saved plan, a change is made only where everything is still as it was when it was planned: what is as it should
/// be already is left alone, and so is what somebody changed since. The options that select narrow it further.
///
/// Exit code 0: everything applied. 1: a change failed. 3: something was not read, held back, stale or not started.
/// 65: the saved plan is not to be gone by.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// What `baseline plan --out` wrote: makes these changes and no others
    #[arg(value_name = "FILE", conflicts_with_all = ["allow_remove_accounts", "allow_data_loss", "prune"])]
    file: Option<PathBuf>,
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
    let saved = args.file.as_deref().map(plan_file::read_plan).transpose()?;
    let (plan, applied, signals) = block_on(async {
        let run = Run::start(&args.run, Needs::Both, common, screen).await?;
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let rollout = args.rollout.rollout(&run.loaded.profiles, &run.selection)?;
        let survey = Survey::new(&run.chain, &run.loaded.profiles, &run.events);
        let (plan, options, looked) = match saved {
            None => {
                let options = plan::options(&run, args.leave.allowed());
                let plan = Arc::new(survey.plan(baseline, &options).await);
                run.progress.finish();
                run.events.tell(Event::Planned { plan: plan.clone() });
                present(&plan, args, common, screen)?;
                (plan, options, None)
            }
            Some(saved) => {
                let options = plan::options(&run, saved.origin.allowed);
                let plan = Arc::new(to_go_by(saved, &run, args, common, screen)?);
                run.events.tell(Event::Planned { plan: plan.clone() });
                present(&plan, args, common, screen)?;
                // What can be told before anybody is asked, and before a lock is taken for nothing.
                let looked = survey.revise(baseline, &options, &plan, None).await;
                run.progress.finish();
                for (address, outcome) in &looked.settled {
                    run.events.tell(Event::ChangeEnded { address: address.clone(), outcome: outcome.clone() });
                }
                (plan, options, Some(looked))
            }
        };
        let (to_make, settled) = match &looked {
            None => (&*plan, &[][..]),
            Some(Revised { plan, settled }) => (plan, &settled[..]),
        };
        if to_make.changes.is_empty() {
            let outcomes = settled.to_vec();
            return Ok((plan, Some(Applied { outcomes, ..Applied::default() }), run.signals));
        }
        warn_of_idle_canary(&rollout, to_make, screen);
        if !settled.is_empty() && !common.quiet {
            screen.note(&so_far(settled));
        }
        if !args.yes && !agreed(to_make)? {
            return Ok((plan, None, run.signals));
        }
        run.signals.writing();
        let enforce = Enforce {
            chain: &run.chain,
            profiles: &run.loaded.profiles,
            baseline,
            options: &options,
            rollout: &rollout,
            lock: &args.locking.terms(&run)?,
            stop: &run.stop,
            events: &run.events,
        };
        let mut applied = match enforce.run(to_make).await {
            Ok(applied) => applied,
            Err(error) => return Err(run.signals.error(error.into())),
        };
        applied.outcomes = in_order(&plan, settled, applied.outcomes);
        applied.waits = run.waits();
        run.progress.finish();
        tracing::info!(
            requests = run.chain.aws().ledger().total(),
            mutating = run.chain.aws().ledger().mutating(),
            "requests sent"
        );
        Ok((plan, Some(applied), run.signals))
    })?;
    let Some(applied) = applied else {
        screen.note("nothing was changed");
        return Ok(Exit::Incomplete);
    };
    report(&plan, &applied, args.run.format, common, screen)?;
    Ok(signals.exit(exit(&plan, &applied)))
}

/// A saved plan, as far as it may be gone by here and now: made from these two files, narrowed, and free of whatever must
/// never be written.
fn to_go_by(
    saved: SavedPlan,
    run: &Run,
    args: &ApplyArgs,
    common: &CommonArgs,
    screen: &Screen,
) -> Result<Plan, CliError> {
    let loaded = &run.loaded;
    saved
        .is_of(loaded.baseline_digest.as_ref(), &loaded.profiles_digest)
        .map_err(|source| CliError::Plan { path: args.file.clone().unwrap_or_default(), source: Box::new(source) })?;
    if !common.quiet {
        screen.note(&show::origin(&saved.origin));
    }
    let SavedPlan { origin, mut plan } = saved;
    if run.selection.narrows() {
        plan.narrow(&run.selection, &loaded.profiles);
    }
    let terms = Terms { from_file: true, ..origin.allowed.terms() };
    Ok(check(plan, &loaded.profiles, &terms))
}

/// What a look at AWS says of a saved plan, in a line.
fn so_far(settled: &[(Address, Outcome)]) -> String {
    let same = settled.iter().filter(|(_, outcome)| outcome.is_well()).count();
    let left = settled.len() - same;
    format!("of these, {same} are as they should be by now, and {left} are left alone: they are not as they were")
}

/// One outcome per change, in the order of the plan.
fn in_order(plan: &Plan, settled: &[(Address, Outcome)], made: Vec<(Address, Outcome)>) -> Vec<(Address, Outcome)> {
    let mut outcomes: BTreeMap<Address, Outcome> = settled.iter().cloned().chain(made).collect();
    plan.changes.iter().filter_map(|change| outcomes.remove_entry(&change.address)).collect()
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
        Format::Json => screen.document(|out| json::write_apply(plan, &applied.ended(), out)),
        Format::Human if common.quiet => {
            let mut text = human::problems(plan);
            if applied.outcomes.is_empty() {
                text.push_str(&human::plan_summary(plan));
            } else {
                text.push_str(&human::outcomes(plan, &applied.outcomes));
                text.push_str(&human::waits(plan, &applied.waits));
                text.push_str(&human::outcome_summary(&applied.outcomes));
            }
            screen.data(&format!("{text}\n"))
        }
        Format::Human if applied.outcomes.is_empty() => Ok(()),
        Format::Human => {
            let problems = human::outcomes(plan, &applied.outcomes);
            let waits = human::waits(plan, &applied.waits);
            screen.data(&format!("\n{problems}{waits}{}\n", human::outcome_summary(&applied.outcomes)))
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
