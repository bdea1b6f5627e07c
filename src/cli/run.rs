//! What every subcommand that talks to AWS shares: the options that narrow a run, and the way from files to a chain.

use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::files::{Needs, load_files};
use super::mfa;
use super::progress::Progress;
use super::screen::Screen;
use crate::aws::{Aws, Chain, Start};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::engine::Stop;
use crate::model::{AddressGlob, RegionGlob, RunId};
use crate::plan::Selection;
use crate::report::Events;
use crate::services::Service;

/// What narrows a run, and how it talks.
#[derive(Debug, Default, Args)]
pub(super) struct RunArgs {
    /// Only accounts whose id or name matches (repeatable)
    #[arg(short, long = "account", value_name = "GLOB", help_heading = "Selection")]
    accounts: Vec<String>,
    /// Only accounts of this group (repeatable)
    #[arg(short, long = "group", value_name = "GROUP", help_heading = "Selection")]
    groups: Vec<String>,
    /// Only Regions that match (repeatable)
    #[arg(short, long = "region", value_name = "GLOB", help_heading = "Selection")]
    regions: Vec<RegionGlob>,
    /// Only this service: kms, s3 or cloudtrail (repeatable)
    #[arg(short, long = "service", value_name = "SERVICE", help_heading = "Selection")]
    services: Vec<Service>,
    /// Only addresses that match, such as '3333*/us-*/cloudtrail.*' (repeatable)
    #[arg(short, long = "target", value_name = "ADDRESS-GLOB", help_heading = "Selection")]
    targets: Vec<AddressGlob>,
    /// Requests in flight over all accounts
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallelism: u16,
    /// Text for people, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) format: Format,
    /// The six digits of the multi-factor device of the jump role
    #[arg(long, value_name = "CODE")]
    mfa_code: Option<String>,
    /// Never asks anything
    #[arg(long)]
    pub(super) no_input: bool,
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

/// A run that is ready to call AWS.
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) stop: Stop,
    pub(super) loaded: Loaded,
    pub(super) chain: Chain,
    pub(super) events: Events,
    pub(super) progress: Arc<Progress>,
    pub(super) selection: Selection,
}

impl Run {
    /// Reads the files and prepares the way in; nothing is called yet.
    pub(super) async fn start(
        args: &RunArgs,
        needs: Needs,
        common: &CommonArgs,
        screen: &Screen,
    ) -> Result<Run, CliError> {
        let loaded = load_files(needs, common, screen)?;
        let selection = args.selection(&loaded)?;
        let clock = Clock::real();
        let seconds = clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let id = RunId::new(seconds, fastrand::u16(..));
        let progress = Arc::new(Progress::new(screen, common.quiet));
        let events = {
            let progress = progress.clone();
            Events::to(move |event| progress.show(&event))
        };
        let start = Start {
            profile: loaded.profiles.jump.profile.clone(),
            partition: loaded.profiles.partition,
            parallelism: args.parallelism.into(),
            clock,
        };
        let aws = Aws::start(&start, events.clone()).await?;
        let codes = mfa::codes(args.mfa_code.clone(), args.no_input, progress.clone());
        let chain = Chain::new(aws, &loaded.profiles, codes).ok_or(CliError::NoSecurityAccount)?;
        Ok(Run { id, stop: Stop::never(), loaded, chain, events, progress, selection })
    }
}

impl RunArgs {
    /// A run that is narrowed to nothing, and makes few calls.
    pub(super) fn whole(no_input: bool, mfa_code: Option<String>) -> Self {
        RunArgs { no_input, mfa_code, parallelism: 4, ..RunArgs::default() }
    }

    /// The selection, checked against what there is: a filter that matches nothing is a mistake, not an empty run.
    fn selection(&self, loaded: &Loaded) -> Result<Selection, CliError> {
        let selection = Selection::new(
            &self.accounts,
            self.groups.clone(),
            self.regions.clone(),
            self.services.clone(),
            self.targets.clone(),
        )
        .map_err(|e| CliError::Usage(format!("--account: {e}")))?;
        let accounts = &loaded.profiles.accounts;
        if let Some(group) =
            self.groups.iter().find(|group| !accounts.iter().any(|account| account.groups.contains(*group)))
        {
            return Err(CliError::Usage(format!("--group {group}: no account of profiles.toml is in that group")));
        }
        if !accounts.iter().any(|account| selection.takes_account(account)) {
            let given = [self.accounts.as_slice(), self.groups.as_slice()].concat().join(" ");
            return Err(CliError::Usage(format!("{given}: no account of profiles.toml matches")));
        }
        Ok(selection)
    }
}
