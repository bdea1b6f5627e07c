//! What follows a run that nobody watches: whoever should know is told, once, and a command gets what drifts.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::CommonArgs;
use super::draft::{Draft, Readers};
use super::error::{self, CliError};
use super::exit::Exit;
use super::hook::{self, Hook};
use super::run::{Run, RunArgs};
use super::screen::Screen;
use super::state;
use crate::aws::{Access, publish};
use crate::bounded;
use crate::engine::Applied;
use crate::model::{AccountId, Digest};
use crate::plan::Plan;
use crate::report::json;
use crate::report::notice::{End, Ended, Memory, Told, notice};
use crate::services::sns::run_section::NotifyRun;

/// Who hears of a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Unattended")]
pub(super) struct UnattendedArgs {
    /// When the topic of [notify.run] is told that something has changed
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    notify: When,
    /// When there is drift, or something is undelivered or exposed, runs this by `sh -c` with the JSON document on stdin
    #[arg(long, value_name = "COMMAND")]
    on_drift: Option<String>,
    /// How long that command may take before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..), requires = "on_drift")]
    on_drift_timeout: u64,
}

/// When the topic is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum When {
    /// Of whole runs whose stderr is no terminal: nobody watches them
    #[default]
    Auto,
    /// Also of runs that somebody watches or narrowed; each selection is remembered apart
    Always,
    /// Not of this run
    Never,
}

/// How much is read of what was told: a line for each of a hundred thousand things that are wrong.
pub(super) const MOST_TOLD: u64 = 64 << 20;

/// A run's subcommand, as it was asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) command: &'a str,
    pub(super) args: &'a RunArgs,
    pub(super) common: &'a CommonArgs,
}

impl UnattendedArgs {
    /// Refuses what could not be done, before anything is.
    pub(super) fn check(&self, run: &Run) -> Result<(), CliError> {
        if self.notify == When::Always && target(run).is_none() {
            return Err(CliError::Usage("--notify always: baseline.toml has no [notify.run]".to_owned()));
        }
        Ok(())
    }

    /// Tells whoever should know, and answers the exit code: a run whose alarm failed has failed.
    pub(super) async fn conclude(
        &self,
        run: &Run,
        asked: Asked<'_>,
        plan: &Plan,
        end: End<'_>,
        exit: Exit,
        screen: &Screen,
    ) -> Exit {
        let mut failed = false;
        run.signals.telling();
        if let Some(target) = target(run).filter(|_| self.tells(asked.args, screen)) {
            let told = tell(run, target, asked, plan, end, exit).await;
            match told {
                Ok(Some(subject)) if !asked.common.quiet => {
                    screen.note(&format!("told {}: {subject}", target.topic));
                }
                Ok(_) => {}
                Err(error) => {
                    super::error::say(&error, screen);
                    failed = true;
                }
            }
        }
        if let Some(command) = self.on_drift.as_deref().filter(|_| needs_somebody(plan)) {
            let hook = Hook {
                command,
                document: document(plan, end),
                run: &run.id,
                exit: exit.code(),
                patience: Duration::from_secs(self.on_drift_timeout),
            };
            match run.signals.left_to(hook::run(hook)).await {
                Ok(Some(signal)) => return Exit::Signal(signal),
                Ok(None) => {}
                Err(error) => {
                    super::error::say(&error, screen);
                    failed = true;
                }
            }
        }
        if failed { Exit::Error } else { exit }
    }

    fn tells(&self, args: &RunArgs, screen: &Screen) -> bool {
        match self.notify {
            When::Auto => !screen.is_terminal() && args.narrowed().is_empty(),
            When::Always => true,
            When::Never => false,
        }
    }
}

/// What an apply came to, for those who were not there; `saved` is whether it went by a saved plan.
pub(super) fn applied(applied: &Applied, saved: bool) -> End<'_> {
    End::Applied { outcomes: &applied.outcomes, halted: applied.halted.as_ref(), saved }
}

/// How a run ends whose report may not have been written: that is an error, unless a signal ended the run.
pub(super) fn ended(shown: Result<(), CliError>, exit: Exit, screen: &Screen) -> Result<Exit, CliError> {
    match (shown, exit) {
        (Err(error), Exit::Signal(_)) => {
            error::say(&error, screen);
            Ok(exit)
        }
        (shown, _) => shown.map(|()| exit),
    }
}

fn target(run: &Run) -> Option<&NotifyRun> {
    run.loaded.baseline.as_ref().and_then(|baseline| baseline.notify_run.as_ref())
}

fn document(plan: &Plan, end: End<'_>) -> Value {
    match end {
        End::Applied { outcomes, halted, .. } => json::apply_value(plan, &json::Ended { outcomes, halted, waits: &[] }),
        End::Looked => json::plan_value(plan),
    }
}

/// Whether a plan is about anything that somebody has to do: drift, and what is undelivered or exposed.
fn needs_somebody(plan: &Plan) -> bool {
    !(plan.changes.is_empty() && plan.undelivered.is_empty() && plan.exposed.is_empty())
}

/// Tells the topic what has changed since it was last told; gives the subject, if there was anything to tell.
async fn tell(
    run: &Run,
    target: &NotifyRun,
    asked: Asked<'_>,
    plan: &Plan,
    end: End<'_>,
    exit: Exit,
) -> Result<Option<String>, CliError> {
    let profiles = &run.loaded.profiles;
    let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
    let Some(account) = profiles.account(profiles.security) else { return Err(CliError::NoSecurityAccount) };
    let narrowed = asked.args.narrowed();
    let path = state::folder().ok_or(CliError::NoStateFolder)?.join(file_name(
        "told",
        profiles.security,
        &baseline.name,
        &narrowed,
    ));
    let kept = read(&path);
    let memory = match &kept {
        Kept::Nothing => Memory::Nothing,
        Kept::Lost => Memory::Lost,
        Kept::Told(told) => Memory::Told(told),
    };
    let ended = Ended {
        run: &run.id,
        command: asked.command,
        baseline: &baseline.name,
        security: profiles.security,
        narrowed: &narrowed,
        plan,
        end,
        exit: exit.code(),
    };
    let Some(notice) = notice(&ended, memory) else { return Ok(None) };
    let silent = |source| CliError::Silent { topic: target.topic.to_string(), source: Box::new(source) };
    let session = run.chain.enter(account, Access::Own).await.map_err(silent)?;
    publish(&session, &target.region, &target.topic, &notice.subject, &notice.message).await.map_err(silent)?;
    write(&path, &notice.told.to_text()).map_err(|source| CliError::Forgetful { path, source })?;
    Ok(Some(notice.subject))
}

/// One file per security account, baseline and selection. plan and apply share it: what one found, the other repairs.
/// `what` is the first word of the name: what is kept there.
pub(super) fn file_name(what: &str, security: AccountId, baseline: &str, narrowed: &str) -> String {
    let readable: String = baseline
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(32)
        .collect();
    let digest = Digest::of_bytes(format!("{baseline}\n{narrowed}").as_bytes());
    let short = digest.as_str().get(..8).unwrap_or_default();
    format!("{what}-{security}-{readable}-{short}.json")
}

/// What is kept of what was told.
enum Kept {
    Nothing,
    Lost,
    Told(Told),
}

/// A file that cannot be read, whatever the reason, is no reason to be silent.
fn read(path: &Path) -> Kept {
    match bounded::read_own(path, MOST_TOLD) {
        Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(Told::parse).map_or(Kept::Lost, Kept::Told),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::Nothing,
        Err(_) => Kept::Lost,
    }
}

/// Replaces the file as a whole: whoever is killed meanwhile leaves the old one or the new one.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let draft = Draft::beside(path, Readers::Owner)?;
    draft.fill(|mut file| file.write_all(text.as_bytes()))?;
    draft.replace(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_one_baseline_is_not_taken_for_what_is_told_of_another() {
        let name = |account: &str, baseline, narrowed| file_name("told", account.parse().unwrap(), baseline, narrowed);
        let names = [
            name("222222222222", "standard", ""),
            name("333333333333", "standard", ""),
            name("222222222222", "Standard", ""),
            name("222222222222", "../stand/ard", ""),
            name("222222222222", "standard", "-a payments"),
            name("222222222222", &"x".repeat(64), ""),
            name("222222222222", &"基".repeat(64), ""),
        ];
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for name in &names {
            assert!(name.len() < 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)), "{name}");
            assert!(!name.contains(".."), "{name}");
        }
    }
}
