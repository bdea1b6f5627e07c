//! In which order an apply goes through the accounts, and what ends it.

use clap::Args;

use super::error::CliError;
use super::screen::Screen;
use crate::config::{Profiles, Tolerance};
use crate::engine::Rollout;
use crate::model::AccountId;
use crate::plan::{Plan, Selection};

/// In which order, and how many failures are tolerated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rollout")]
pub(super) struct RolloutArgs {
    /// Changes this account first, by id or name, after security and log archive; the rest follows when it was read
    /// again and is as it should be
    #[arg(long, value_name = "ACCOUNT")]
    canary: Option<String>,
    /// How many accounts may fail, in a wave and in all, before the next wave is not started any more [default: what
    /// profiles.toml says, or 10%]
    #[arg(long, value_name = "N|N%")]
    max_failures: Option<Tolerance>,
}

impl RolloutArgs {
    /// What holds for this run.
    ///
    /// # Errors
    ///
    /// The canary is no account that this run changes: nobody would go first.
    pub(super) fn rollout(&self, profiles: &Profiles, selection: &Selection) -> Result<Rollout, CliError> {
        Ok(Rollout {
            canary: self.canary(profiles, selection)?,
            max_failures: self.max_failures.unwrap_or(profiles.rollout.max_failures),
            max_failures_overall: self.max_failures.unwrap_or(profiles.rollout.max_failures_overall),
        })
    }

    fn canary(&self, profiles: &Profiles, selection: &Selection) -> Result<Option<AccountId>, CliError> {
        let Some(given) = &self.canary else { return Ok(None) };
        let wrong = |what: &str| Err(CliError::Usage(format!("--canary {given}: {what}")));
        let by_id = profiles.accounts.iter().find(|account| account.id.as_str() == given);
        let account = match by_id {
            Some(account) => account,
            None => {
                let named: Vec<_> = profiles.accounts.iter().filter(|account| account.name == *given).collect();
                match named[..] {
                    [account] => account,
                    [] => return wrong("no account of profiles.toml has this id or name"),
                    _ => return wrong("several accounts of profiles.toml have this name: give the id"),
                }
            }
        };
        if !account.baseline {
            return wrong("this account gets no baseline (`baseline = false` in profiles.toml), so it cannot go first");
        }
        if !selection.takes_account(account) {
            return wrong("the account is left out by --account or --group, so it cannot go first");
        }
        Ok(Some(account.id))
    }
}

/// Says that the canary goes first in name only, where there is nothing to change in it.
pub(super) fn warn_of_idle_canary(rollout: &Rollout, plan: &Plan, screen: &Screen) {
    let Some(canary) = rollout.canary else { return };
    let name = plan.name(canary);
    if plan.unreadable.iter().any(|unreadable| unreadable.target.account == canary) {
        screen.note(&format!("note: the canary {name} could not be read: nothing follows the holders' accounts"));
    } else if !plan.changes.iter().any(|change| change.address.target.account == canary) {
        screen.note(&format!("note: there is nothing to change in the canary {name}: the rest follows at once"));
    }
}
