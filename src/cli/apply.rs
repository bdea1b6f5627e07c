//! `baseline apply`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::locking::LockArgs;
use super::news;
use super::notice::{self, Asked, UnattendedArgs};
use super::plan::{self, LeaveArgs};
use super::plan_file;
use super::recording::CopyArgs;
use super::rollout::{RolloutArgs, warn_of_idle_canary};
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use super::show;
use crate::config::Baseline;
use crate::engine::{self, Applied, Enforce, Revised, Rollout, Survey, SurveyOptions};
use crate::model::Address;
use crate::plan::file::SavedPlan;
use crate::plan::{Action, Plan, Selection, check};
use crate::report::{Event, Halt, Outcome, human, json};
use crate::services::{Kept, Terms, Undelivered};

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
    #[command(flatten)]
    unattended: UnattendedArgs,
    #[command(flatten)]
    copying: CopyArgs,
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
    block_on(async {
        let run = Run::start(&args.run, Needs::Both, common, screen).await?;
        args.unattended.check(&run)?;
        args.copying.check(&run, screen)?;
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let rollout = args.rollout.rollout(&run.loaded.profiles, &run.selection)?;
        let mut agreed = Agreed::plan(args, &run, baseline, saved, common, screen).await?;
        if !agreed.to_make().changes.is_empty() {
            warn_of_idle_canary(&rollout, agreed.to_make(), screen);
            if !agreed.settled.is_empty() && !common.quiet {
                screen.note(&so_far(&agreed.settled));
            }
            if !args.yes && !screen.agreed(&question(agreed.to_make().changes.len()))? {
                screen.note("nothing was changed");
                return Ok(match plan::exit(&agreed.plan) {
                    Exit::Error => Exit::Error,
                    _ => Exit::Incomplete,
                });
            }
        }
        let asked = Asked { command: "apply", args: &args.run, common };
        let applied = agreed.enforce(args, &run, baseline, &rollout).await;
        let made = waiting(&agreed.plan, &applied);
        let plan = if made.is_empty() { agreed.plan.clone() } else { Arc::new(with(&agreed.plan, &made)) };
        let plan = as_it_stands(plan, &applied);
        run.progress.finish();
        let ledger = run.chain.aws().ledger();
        tracing::info!(requests = ledger.total(), mutating = ledger.mutating(), own = ledger.own(), "requests sent");
        let found = run.signals.exit(exit(&plan, &applied));
        let shown = report(&run, &plan, &made, &applied, args.run.format, common, screen);
        // Whoever does not even wait for what is under way does not wait for this either.
        if run.stop.asked() == engine::Asked::Leave {
            let ended = notice::ended(shown, found, screen);
            return args.copying.copy(&run, ended, common, screen).await;
        }
        // Also where nobody reads on: who is to be told is somebody else.
        let end = notice::applied(&applied, args.file.is_some());
        let exit = args.unattended.conclude(&run, asked, &plan, end, found, screen).await;
        let ended = notice::ended(shown, run.signals.exit(exit), screen);
        args.copying.copy(&run, ended, common, screen).await
    })
}

/// What somebody is asked about, and agrees to.
struct Agreed {
    plan: Arc<Plan>,
    options: SurveyOptions,
    /// Of a saved plan: what of it is left to make by now.
    left: Option<Plan>,
    /// And what is not.
    settled: Vec<(Address, Outcome)>,
}

impl Agreed {
    /// Plans, or looks what is left of a plan that was saved; shows it.
    async fn plan(
        args: &ApplyArgs,
        run: &Run,
        baseline: &Baseline,
        saved: Option<SavedPlan>,
        common: &CommonArgs,
        screen: &mut Screen,
    ) -> Result<Self, CliError> {
        let survey = Survey::new(&run.chain, &run.loaded.profiles, &run.events);
        let Some(saved) = saved else {
            let options = plan::options(run, args.leave.allowed());
            let planned = Box::pin(survey.plan_selected(baseline, &options)).await;
            run.looked();
            run.progress.finish();
            let plan = Arc::new(planned?);
            run.events.tell(Event::Planned { plan: plan.clone() });
            present(&plan, args, common, screen)?;
            return Ok(Agreed { plan, options, left: None, settled: Vec::new() });
        };
        let options = plan::options(run, saved.origin.allowed);
        let plan = Arc::new(to_go_by(saved, run, args, common, screen)?);
        // What is looked at is what the plan is about, whatever it was narrowed to.
        let options = SurveyOptions { selection: Selection::again(&plan.changes), ..options };
        run.events.tell(Event::Planned { plan: plan.clone() });
        present(&plan, args, common, screen)?;
        // What can be told before anybody is asked, and before a lock is taken for nothing.
        let Revised { plan: left, settled } = survey.revise(baseline, &options, &plan, None).await;
        run.looked();
        run.progress.finish();
        for (address, outcome) in &settled {
            run.events.tell(Event::ChangeEnded { address: address.clone(), outcome: outcome.clone() });
        }
        let left = Plan { changes: left.changes, ..plan.without_changes() };
        Ok(Agreed { plan, options, left: Some(left), settled })
    }

    /// The changes to make.
    fn to_make(&self) -> &Plan {
        self.left.as_ref().unwrap_or(&self.plan)
    }

    /// Makes them, if there are any.
    async fn enforce(&mut self, args: &ApplyArgs, run: &Run, baseline: &Baseline, rollout: &Rollout) -> Applied {
        let settled = std::mem::take(&mut self.settled);
        if self.to_make().changes.is_empty() {
            return Applied { outcomes: settled, ..Applied::default() };
        }
        run.signals.writing();
        let enforce = Enforce {
            chain: &run.chain,
            profiles: &run.loaded.profiles,
            baseline,
            options: &self.options,
            rollout,
            lock: &args.locking.terms(run),
            stop: &run.stop,
            events: &run.events,
        };
        let mut applied = run.in_time(enforce.run(self.to_make(), &settled)).await;
        applied.outcomes = in_order(&self.plan, settled, applied.outcomes);
        applied.waits = run.waits();
        applied
    }
}

/// The plan after its changes: what was not delivered, and whose cause was repaired, waits for AWS.
fn as_it_stands(plan: Arc<Plan>, applied: &Applied) -> Arc<Plan> {
    let well: BTreeSet<&Address> =
        applied.outcomes.iter().filter(|(_, outcome)| outcome.is_well()).map(|(address, _)| address).collect();
    plan.waiting(|address| well.contains(address)).map_or(plan, Arc::new)
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
        run.selection.unmatched_in(&plan, &loaded.profiles).map_or(Ok(()), Err)?;
        plan.narrow(&run.selection, &loaded.profiles);
    }
    plan.lapse(&run.id.date());
    let terms = Terms { from_file: true, ..origin.allowed.terms() };
    Ok(check(plan, &loaded.profiles, &terms))
}

fn question(changes: usize) -> String {
    match changes {
        1 => "Make this change?".to_owned(),
        n => format!("Make these {n} changes?"),
    }
}

/// What a look at AWS says of a saved plan, in a line.
fn so_far(settled: &[(Address, Outcome)]) -> String {
    let same = settled.iter().filter(|(_, outcome)| outcome.is_well()).count();
    let left = settled.len() - same;
    let are = |count: usize| if count == 1 { "is" } else { "are" };
    let they = |count: usize| if count == 1 { "it is" } else { "they are" };
    let mut parts = Vec::new();
    if same > 0 {
        parts.push(format!("{same} {} as {} supposed to be by now", are(same), they(same)));
    }
    if left > 0 {
        parts.push(format!("{left} {} left alone, because {} no longer as planned", are(left), they(left)));
    }
    format!("of these changes, {}", parts.join(", and "))
}

/// One outcome per change, in the order of the plan.
fn in_order(plan: &Plan, settled: Vec<(Address, Outcome)>, made: Vec<(Address, Outcome)>) -> Vec<(Address, Outcome)> {
    let mut outcomes: BTreeMap<Address, Outcome> = settled.into_iter().chain(made).collect();
    plan.changes.iter().filter_map(|change| outcomes.remove_entry(&change.address)).collect()
}

/// Shows the plan before anything is written; on stderr where stdout is for JSON. Quiet, only to ask about it.
fn present(plan: &Plan, args: &ApplyArgs, common: &CommonArgs, screen: &mut Screen) -> Result<(), CliError> {
    if common.quiet && (args.yes || plan.changes.is_empty()) {
        return Ok(());
    }
    let text = plan::in_words(plan, plan::exit(plan), common, screen);
    match args.run.format {
        Format::Human => screen.text(&format!("{text}\n")),
        Format::Json if screen.is_unattended() && plan.changes.is_empty() => Ok(()),
        Format::Json => {
            screen.note(&text);
            Ok(())
        }
    }
}

/// What was made and waits for somebody now, such as a subscription for its recipient.
fn waiting(plan: &Plan, applied: &Applied) -> Vec<Undelivered> {
    let made: BTreeSet<&Address> = applied
        .outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Applied))
        .map(|(address, _)| address)
        .collect();
    let created = plan.changes.iter().filter(|change| change.action == Action::Create);
    created
        .filter(|change| made.contains(&change.address))
        .filter_map(|change| {
            let Kept { reason, hint } = change.desired.undelivered()?;
            Some(Undelivered { address: change.address.clone(), reason, hint })
        })
        .collect()
}

/// The plan, with what waits now besides.
fn with(plan: &Plan, made: &[Undelivered]) -> Plan {
    let mut plan = plan.clone();
    plan.undelivered.extend_from_slice(made);
    plan.undelivered.sort();
    plan
}

fn report(
    run: &Run,
    plan: &Plan,
    made: &[Undelivered],
    applied: &Applied,
    format: Format,
    common: &CommonArgs,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let all_is_well = exit(plan, applied) == Exit::Success;
    if common.quiet && all_is_well {
        // What somebody broke is news, also where it is repaired by now; so is what was not recorded meanwhile, and what
        // AWS turned down.
        let repairs = human::repairs(plan, &applied.outcomes);
        let news = format!("{repairs}{}{}", human::outcomes(plan, &applied.outcomes), news::gaps(run, plan));
        return match format {
            _ if news.is_empty() => Ok(()),
            Format::Human => screen.text(&news),
            Format::Json => screen.document(|out| json::write_apply(plan, &applied.ended(), out)),
        };
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
            screen.text(&format!("{text}\n"))
        }
        Format::Human if applied.outcomes.is_empty() => Ok(()),
        Format::Human => {
            let problems = human::outcomes(plan, &applied.outcomes);
            let waits = human::waits(plan, &applied.waits);
            // The plan was shown before.
            let made = Plan { undelivered: made.to_vec(), ..plan.without_changes() };
            let made = human::waiting(&made);
            screen.text(&format!("\n{problems}{waits}{made}{}\n", human::outcome_summary(&applied.outcomes)))
        }
    }
}

/// An error dominates, then incomplete.
fn exit(plan: &Plan, applied: &Applied) -> Exit {
    let failed = applied.count(Outcome::is_error) > 0 || applied.halted.as_ref().is_some_and(Halt::is_error);
    let unfinished = applied.count(|outcome| !outcome.is_well() && !outcome.is_not_offered()) > 0;
    match plan::exit(plan) {
        Exit::Error => Exit::Error,
        _ if failed => Exit::Error,
        _ if unfinished || !plan.complete() => Exit::Incomplete,
        _ => Exit::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_right_words() {
        assert_eq!(question(1), "Make this change?");
        assert_eq!(question(2), "Make these 2 changes?");
        let address = |n: usize| -> Address { format!("333333333333/us-east-1/cloudtrail.trail/{n}").parse().unwrap() };
        let settled = |same: usize, left: usize| -> Vec<(Address, Outcome)> {
            let well = (0..same).map(|n| (address(n), Outcome::AlreadySame));
            let stale = (0..left).map(|n| (address(n), Outcome::Stale { reason: String::new() }));
            well.chain(stale).collect()
        };
        let one = so_far(&settled(1, 0));
        assert_eq!(one, "of these changes, 1 is as it is supposed to be by now");
        let both = so_far(&settled(2, 1));
        assert!(both.contains("2 are as they are") && both.contains("1 is left alone, because it is"), "{both}");
    }
}
