//! What every subcommand that talks to AWS shares: the options that narrow a run, and the way from files to a chain.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::CommonArgs;
use super::error::CliError;
use super::files::{Needs, load_files};
use super::locking;
use super::mfa;
use super::progress::Progress;
use super::recording::{EventArgs, Recorder};
use super::screen::Screen;
pub(super) use super::show::Format;
use super::signals::Signals;
use crate::aws::{self, Aws, Chain, Rates, Start};
use crate::clock::Clock;
use crate::config::{Account, Loaded, Profiles};
use crate::engine::{Asked, Stop, Stopper};
use crate::model::{AddressGlob, RegionGlob, RunId, Secrets};
use crate::plan::Selection;
use crate::report::{Event, Events, Wait};
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
    /// Only this service (repeatable)
    #[arg(short, long = "service", value_name = "SERVICE", help_heading = "Selection", value_parser = of_the_table())]
    services: Vec<Service>,
    /// Only addresses that match, such as '3333*/us-*/cloudtrail.*' (repeatable)
    #[arg(short, long = "target", value_name = "ADDRESS-GLOB", help_heading = "Selection")]
    targets: Vec<AddressGlob>,
    /// Requests in flight over all accounts
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallelism: u16,
    /// Ends the run after so long: what is not read by then is reported as unreadable, and no change is started
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Text for people, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) format: Format,
    /// The six digits of the multi-factor device of the jump role; `-` reads them from stdin
    ///
    /// On the command line everybody on this machine can see them in the list of processes: `-`, `mfa_command` in
    /// profiles.toml and the question on the terminal keep them to yourself.
    #[arg(long, value_name = "CODE")]
    mfa_code: Option<String>,
    /// Never asks anything
    #[arg(long)]
    pub(super) no_input: bool,
    #[command(flatten)]
    pub(super) events: EventArgs,
}

/// How long a run may take.
fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = locking::duration(text)?;
    (!timeout.is_zero())
        .then_some(timeout)
        .ok_or_else(|| "a run takes some time: 90s, 10m or 1h is expected".to_owned())
}

/// Every service there is, for the help and for what is typed.
fn of_the_table() -> impl TypedValueParser<Value = Service> {
    PossibleValuesParser::new(Service::ALL.iter().map(|service| service.as_str()))
        .try_map(|name| name.parse::<Service>())
}

/// A run that is ready to call AWS.
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) stop: Stop,
    pub(super) signals: Signals,
    waits: Arc<Mutex<Vec<Wait>>>,
    pub(super) loaded: Loaded,
    pub(super) chain: Chain,
    pub(super) events: Events,
    pub(super) progress: Arc<Progress>,
    pub(super) selection: Selection,
    stopper: Arc<Stopper>,
    /// When the run's time is over, on the clock that runs from the start.
    end: Option<Duration>,
}

impl Run {
    /// Begins the record, reads the files and prepares the way in; nothing is called yet.
    pub(super) async fn start(
        args: &RunArgs,
        needs: Needs,
        common: &CommonArgs,
        screen: &Screen,
    ) -> Result<Run, CliError> {
        let id = screen.log().run().clone();
        let progress = Arc::new(Progress::new(screen, common));
        let events = args.events(&id, &progress, screen)?;
        let loaded = load_files(needs, common, screen);
        events.tell(started(&id, args, loaded.as_ref().ok(), screen));
        let loaded = loaded?;
        let secrets = screen.log().secrets();
        known(secrets, args, &loaded.profiles);
        let selection = args.selection(&loaded)?;
        let waits = Arc::new(Mutex::new(Vec::new()));
        let events = {
            let waits = waits.clone();
            events.through(move |event| {
                waits.lock().unwrap_or_else(PoisonError::into_inner).extend(Wait::of(event));
            })
        };
        let (signals, stop, stopper) = Signals::handle(&progress, &events).map_err(CliError::Runtime)?;
        let start = Start {
            profile: loaded.profiles.jump.profile.clone(),
            partition: loaded.profiles.partition,
            parallelism: args.parallelism.into(),
            rates: Rates::Aws,
            clock: Clock::real(),
            secrets: secrets.clone(),
        };
        let aws = Aws::start(&start, events.clone()).await?;
        let end = args.timeout.map(|timeout| aws.clock().elapsed() + timeout);
        aws.read_until(end);
        let codes = mfa::codes(args.mfa_code.clone(), args.no_input || !screen.can_ask(), progress.clone());
        let chain = Chain::new(aws, &loaded.profiles, codes).ok_or(CliError::NoSecurityAccount)?;
        Ok(Run { id, stop, signals, waits, loaded, chain, events, progress, selection, stopper, end })
    }
}

impl Run {
    /// Says that what there is to read was read: what follows (the lock, the record, whoever is told) has all the time
    /// that it takes.
    pub(super) fn looked(&self) {
        self.chain.aws().read_until(None);
    }

    /// Does something that stops where the run's time is over: nothing new is started then.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(end) = self.end else { return work.await };
        let over = async {
            self.chain.aws().clock().sleep_until(end).await;
            self.stopper.ask(Asked::Finish);
            self.progress.interject(
                "--timeout: the time of the run is over; nothing new is started, and the changes under way are finished",
            );
            std::future::pending::<std::convert::Infallible>().await
        };
        tokio::select! {
            done = work => done,
            never = over => match never {},
        }
    }

    /// Where AWS needed long to notice what was written.
    pub(super) fn waits(&self) -> Vec<Wait> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Notes what nobody may read, before anything from outside could repeat it.
fn known(secrets: &Secrets, args: &RunArgs, profiles: &Profiles) {
    aws::environment(
        secrets,
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    );
    if let Some(code) = &args.mfa_code {
        secrets.know(code, "(a code)");
    }
    let hops = profiles.accounts.iter().filter_map(|account| account.hop.as_ref()).chain(&profiles.jump.hop);
    for id in hops.filter_map(|hop| hop.external_id.as_ref()) {
        secrets.know(id.reveal(), "(an external id)");
    }
}

/// What the record begins with; nothing of the environment.
fn started(run: &RunId, args: &RunArgs, loaded: Option<&Loaded>, screen: &Screen) -> Event {
    Event::RunStarted {
        run: run.clone(),
        tool: env!("CARGO_PKG_VERSION").into(),
        command: screen.command().to_owned().into(),
        baseline: loaded.and_then(|loaded| loaded.baseline.as_ref()).map(|baseline| baseline.name.clone()),
        baseline_digest: loaded.and_then(|loaded| loaded.baseline_digest.clone()),
        profiles_digest: loaded.map(|loaded| loaded.profiles_digest.clone()),
        selection: Some(args.words()).filter(|words| !words.is_empty()).map(|words| words.join(" ")),
    }
}

impl RunArgs {
    /// Where events go: to the terminal, and into the record where one is wanted.
    fn events(&self, run: &RunId, progress: &Arc<Progress>, screen: &Screen) -> Result<Events, CliError> {
        let progress = progress.clone();
        let Some(path) = &self.events.events else { return Ok(Events::to(move |event| progress.show(&event))) };
        let recorder = Recorder::create(path, run.clone(), screen.log())?;
        screen.record_to(recorder.clone());
        let asked = recorder.clone();
        let events = Events::to(move |event| {
            recorder.write(&event);
            progress.show(&event);
        });
        Ok(events.recorded(move || asked.may_change()))
    }

    /// What narrows the run, as on the command line.
    pub(super) fn words(&self) -> Vec<String> {
        let accounts = self.accounts.iter().map(|glob| format!("--account={glob}"));
        let groups = self.groups.iter().map(|group| format!("--group={group}"));
        let regions = self.regions.iter().map(|glob| format!("--region={}", glob.as_str()));
        let services = self.services.iter().map(|service| format!("--service={service}"));
        let targets = self.targets.iter().map(|glob| format!("--target={}", glob.as_str()));
        accounts.chain(groups).chain(regions).chain(services).chain(targets).collect()
    }

    /// What the run is narrowed to, as one would type it; empty where it is not.
    pub(super) fn narrowed(&self) -> String {
        let typed = |option: &str, values: Vec<String>| {
            let quoted = move |value: String| {
                let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
                if plain { format!("{option} {value}") } else { format!("{option} '{value}'") }
            };
            values.into_iter().map(quoted).collect::<Vec<_>>()
        };
        [
            typed("-a", self.accounts.clone()),
            typed("-g", self.groups.clone()),
            typed("-r", self.regions.iter().map(|glob| glob.as_str().to_owned()).collect()),
            typed("-s", self.services.iter().map(ToString::to_string).collect()),
            typed("-t", self.targets.iter().map(|glob| glob.as_str().to_owned()).collect()),
        ]
        .concat()
        .join(" ")
    }

    /// An option that narrows to less than whole accounts, if one was given.
    pub(super) fn within_accounts(&self) -> Option<&'static str> {
        [
            ("--region", self.regions.is_empty()),
            ("--service", self.services.is_empty()),
            ("--target", self.targets.is_empty()),
        ]
        .into_iter()
        .find_map(|(option, absent)| (!absent).then_some(option))
    }

    /// A run that is narrowed to nothing, and makes few calls.
    pub(super) fn whole(no_input: bool, mfa_code: Option<String>) -> Self {
        RunArgs { no_input, mfa_code, parallelism: 4, ..RunArgs::default() }
    }

    /// Why accounts and groups that each match select nothing together.
    fn disjoint(&self, accounts: &[Account]) -> String {
        let option = |name: &str, values: &[String]| {
            values.iter().map(|value| format!("--{name} {value}")).collect::<Vec<_>>().join(" ")
        };
        let named = Selection::new(&self.accounts, Vec::new(), Vec::new(), Vec::new(), Vec::new()).unwrap_or_default();
        let groups: BTreeSet<&str> = accounts
            .iter()
            .filter(|account| named.takes_account(account))
            .flat_map(|account| account.groups.iter().map(String::as_str))
            .collect();
        let theirs = match groups.len() {
            0 => "those of --account are in no group".to_owned(),
            1 => format!("those of --account are in the group {}", groups.into_iter().collect::<String>()),
            _ => format!("those of --account are in the groups {}", groups.into_iter().collect::<Vec<_>>().join(", ")),
        };
        let given = format!("{} {}", option("account", &self.accounts), option("group", &self.groups));
        format!("{given}: no account of profiles.toml matches both; {theirs}")
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
        for given in &self.accounts {
            let one = Selection::new(std::slice::from_ref(given), Vec::new(), Vec::new(), Vec::new(), Vec::new());
            if one.is_ok_and(|one| !accounts.iter().any(|account| one.takes_account(account))) {
                return Err(CliError::Usage(format!("--account {given}: no account of profiles.toml matches")));
            }
        }
        if !accounts.iter().any(|account| selection.takes_account(account)) {
            return Err(CliError::Usage(self.disjoint(accounts)));
        }
        Ok(selection)
    }
}
