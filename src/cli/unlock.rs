//! `baseline unlock`

use std::time::SystemTime;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::locking;
use super::run::{Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use crate::engine::{Content, Record, Standing};
use crate::model::printable;

/// Shows who holds the lock that keeps two applies apart, and releases it.
///
/// A run that was killed leaves its lock behind; it is free by itself when the run's --lock-lease is over. A run that
/// is alive stops where it is when its lock is released.
///
/// Without a terminal to ask on, and without --yes, it only shows the lock.
///
/// Exit code 0: nobody holds it. 3: it is still held.
#[derive(Debug, Args)]
pub(super) struct UnlockArgs {
    /// Does not ask
    #[arg(long)]
    yes: bool,
    /// Never asks anything
    #[arg(long)]
    no_input: bool,
    /// The six digits of the multi-factor device of the jump role; `-` reads them from stdin
    ///
    /// On the command line everybody on this machine can see them in the list of processes: `-`, `mfa_command` in
    /// profiles.toml and the question on the terminal keep them to yourself.
    #[arg(long, value_name = "CODE")]
    mfa_code: Option<String>,
}

pub(super) fn run(args: &UnlockArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let can_ask = !args.no_input && screen.can_ask();
    let whole = RunArgs::whole(args.no_input, args.mfa_code.clone());
    block_on(async {
        let run = Run::start(&whole, Needs::Both, common, screen).await?;
        let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
        let looked = Standing::look(&run.chain, &run.loaded.profiles, baseline).await;
        run.progress.finish();
        let standing = looked.map_err(|error| CliError::Unlock(Box::new(error)))?;
        let Some(standing) = standing else {
            return nothing(common, screen, "there is no lock: there is no log bucket that could hold it");
        };
        let now = run.chain.aws().clock().wall();
        match standing.content() {
            None => return nothing(common, screen, "nobody holds the lock, and nobody ever did"),
            Some(Content::Free(record)) => {
                let by = record.released_by.as_ref().map(|by| format!(", and {by} released it"));
                let text = format!("nobody holds the lock; the last to hold it was {record}{}", by.unwrap_or_default());
                return nothing(common, screen, &plain(&text));
            }
            Some(Content::Held(record)) => describe(record, &standing.place(), now, screen),
            Some(Content::Strange) => screen.note(&format!(
                "{} is nothing that this version can read: a newer version wrote it, or somebody else did",
                standing.place()
            )),
        }
        if !args.yes && !can_ask {
            screen.note("nothing was changed: there is no terminal to ask on, and --yes takes the lock away unasked");
            return Ok(Exit::Incomplete);
        }
        if !args.yes && !screen.agreed("Take the lock away?")? {
            screen.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        run.signals.writing();
        let released = standing.break_open(&run.id, &locking::owner(), now).await;
        let released = released.map_err(|error| CliError::Unlock(Box::new(error)))?;
        if released {
            if !common.quiet {
                screen.note("the lock is released");
            }
            Ok(run.signals.exit(Exit::Success))
        } else {
            screen.note(
                "the lock was renewed, released or taken meanwhile, and nothing was changed: look again with \
                 `baseline unlock`",
            );
            Ok(run.signals.exit(Exit::Incomplete))
        }
    })
}

fn nothing(common: &CommonArgs, screen: &Screen, why: &str) -> Result<Exit, CliError> {
    if !common.quiet {
        screen.note(why);
    }
    Ok(Exit::Success)
}

/// Whose it is, and whether the run seems to be alive. What is said of time is by two machines' clocks, and only said.
fn describe(record: &Record, place: &str, now: SystemTime, screen: &Screen) {
    screen.note(&format!("{record} holds the lock {place}"));
    screen.note(&plain(&format!(
        "  last renewed {}, {} times; free by itself {} after the last renewal",
        record.renewed,
        record.renewals,
        seconds(record.lease_seconds)
    )));
    let renewed = OffsetDateTime::parse(&record.renewed, &Rfc3339).ok();
    let ago = renewed.map(|renewed| OffsetDateTime::from(now) - renewed);
    if ago.is_some_and(|ago| ago.whole_seconds() < i64::try_from(record.lease_seconds).unwrap_or(i64::MAX)) {
        let ago = ago.map_or(0, |ago| ago.whole_seconds().max(0).unsigned_abs());
        screen.note(&format!(
            "WARNING: that was {} ago: this run is most likely alive and writing. Released now, it stops where it is, and \
             until it notices somebody else may write at the same time. Ask its owner first.",
            seconds(ago)
        ));
    }
}

fn seconds(seconds: u64) -> String {
    if seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") }
}

/// What others wrote into the bucket goes to a terminal.
fn plain(text: &str) -> String {
    printable(text.to_owned())
}
