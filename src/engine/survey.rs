//! Reading the estate and planning what would change: account by account, what all others depend on first.

mod arrival;
mod behind;
mod cells;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future;
use futures::stream::{self, StreamExt};

use self::cells::{desired_of, is_needed, referred};
use crate::aws::{Access, Chain, EnabledRegions, Session, enabled_regions};
use crate::config::{Account, Baseline, Profiles};
use crate::model::{AccountId, Address, OpError, Region, Target};
use crate::plan::{
    AccountView, Blocked, Fact, Facts, Known, Orphans, Plan, Scope, Selection, Unreadable, plan_account, shared_of,
};
use crate::report::{Event, Events};
use crate::services::adapter::Cell;
use crate::services::{
    Declared, Desired, Found, Kind, Note, Place, Reading, Service, Shared, Terms, expose, gone_principals, mute,
    policy_notes,
};

/// Accounts that are read at the same time. Requests in flight are bounded apart; this bounds what is held in memory.
/// Far more than the requests in flight keep busy: an account that waits, because it is throttled or does not answer,
/// takes one of these places and costs nobody else anything.
const ACCOUNTS_AT_ONCE: usize = 96;
/// Cells of one account that are read at the same time.
const CELLS_AT_ONCE: usize = 40;

/// What a survey is narrowed to and allowed.
#[derive(Debug, Clone, Default)]
pub struct SurveyOptions {
    /// What to read and change.
    pub selection: Selection,
    /// What is allowed.
    pub terms: Terms,
    /// Whether orphans are removed.
    pub prune: bool,
    /// The day of the run (UTC), by which exceptions end: `YYYY-MM-DD`.
    pub day: String,
}

/// A reading of the estate.
pub struct Survey<'a> {
    chain: &'a Chain,
    profiles: &'a Profiles,
    events: &'a Events,
}

/// One account of the estate, as `baseline accounts` shows it.
#[derive(Debug, Clone)]
pub struct EstateAccount {
    /// The account.
    pub id: AccountId,
    /// The Regions that get the baseline, and how many more are enabled; or why it cannot be entered.
    pub regions: Result<(Vec<Region>, usize), OpError>,
}

type Readings = BTreeMap<(Service, Target), Result<Reading, OpError>>;

/// An account that was entered.
struct WayIn {
    session: Session,
    /// Every Region that is enabled there.
    enabled: EnabledRegions,
    /// Those that get the baseline.
    regions: Vec<Region>,
}

/// Whose declaration says what a cell is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sake {
    /// The account's own, with the overrides that hold for it.
    Own,
    /// What all others depend on.
    Others,
}

/// An account that was entered and read.
struct AccountReading {
    /// The account's Regions, whatever the run is narrowed to.
    regions: Vec<Region>,
    /// How many of them were read.
    regions_read: usize,
    readings: Readings,
    /// What stays behind where nothing is watched any more.
    notes: Vec<Note>,
}

/// What an account holds for itself, planned.
struct OwnPlan {
    plan: Plan,
    /// What is known of its resources that the selection asks for by name.
    named: Facts,
    /// Every resource that is declared or was found, where single ones are selected.
    addresses: Vec<Address>,
}

/// What a look at the estate came to.
struct Look {
    plan: Plan,
    named: Facts,
    addresses: Vec<Address>,
}

/// The accounts that were entered, or why not.
type Entered = BTreeMap<AccountId, Result<WayIn, OpError>>;

impl<'a> Survey<'a> {
    /// Prepares a survey; nothing is called yet.
    pub fn new(chain: &'a Chain, profiles: &'a Profiles, events: &'a Events) -> Self {
        Survey { chain, profiles, events }
    }

    /// Enters every selected account and lists its Regions.
    pub async fn estate(&self, selection: &Selection) -> Vec<EstateAccount> {
        let accounts: Vec<&Account> = self.profiles.accounts.iter().filter(|a| selection.takes_account(a)).collect();
        self.events.tell(Event::ReadingStarted { accounts: accounts.len() });
        let mut estate: Vec<(usize, EstateAccount)> = stream::iter(accounts.into_iter().enumerate())
            .map(|(index, account)| async move {
                let regions = match self.enter(account).await {
                    Ok((_, enabled)) => {
                        let chosen: Vec<Region> =
                            enabled.all.iter().filter(|r| account.regions.holds(r)).cloned().collect();
                        let others = enabled.all.len() - chosen.len();
                        Ok((chosen, others))
                    }
                    Err(error) => Err(error),
                };
                self.events.tell(Event::AccountRead { account: account.id });
                (index, EstateAccount { id: account.id, regions })
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .collect()
            .await;
        estate.sort_by_key(|(index, _)| *index);
        estate.into_iter().map(|(_, account)| account).collect()
    }

    /// Reads everything that is selected and plans what would change.
    pub async fn plan(&self, baseline: &Baseline, options: &SurveyOptions) -> Plan {
        let (plan, _) = self.look(baseline, options, None).await;
        self.concluded(plan, baseline, options)
    }

    /// A plan with what the exceptions accept taken out of what is exposed, and checked.
    fn concluded(&self, mut plan: Plan, baseline: &Baseline, options: &SurveyOptions) -> Plan {
        let home = Target::new(self.profiles.security, self.profiles.home_region.clone());
        plan.accept(&baseline.exceptions, &options.day, !options.selection.narrows(), &home);
        crate::plan::check(plan, self.profiles, &options.terms)
    }

    /// The selected accounts that get the baseline.
    fn selected<'s>(&'s self, selection: &'s Selection) -> impl Iterator<Item = &'s Account> {
        self.profiles.baselined().filter(move |account| selection.takes_account(account))
    }

    /// The same, not checked, and what is known of the resources that the selection asks for by name. Where Regions are
    /// `known`, they are not asked for, and what should be is what it was then.
    pub(super) async fn look(
        &self,
        baseline: &Baseline,
        options: &SurveyOptions,
        known: Option<&Known>,
    ) -> (Plan, Facts) {
        let entered = self.enter_selected(&options.selection, known).await;
        let Look { plan, named, .. } = self.look_from(entered, baseline, options, known).await;
        (plan, named)
    }

    /// Enters the selected accounts and those that hold something for others. Which Regions there are comes before
    /// anything else: what one account holds for the others depends on it.
    async fn enter_selected(&self, selection: &Selection, known: Option<&Known>) -> Entered {
        let targets: Vec<&Account> = self.selected(selection).collect();
        self.events.tell(Event::ReadingStarted { accounts: targets.len() });
        let mut to_enter = targets.clone();
        for id in holders(self.profiles) {
            if let (true, Some(account)) = (targets.iter().all(|a| a.id != id), self.profiles.account(id)) {
                to_enter.push(account);
            }
        }
        self.enter_all(&to_enter, known).await
    }

    /// Reads and plans what is selected of the accounts that were entered.
    async fn look_from(
        &self,
        mut entered: Entered,
        baseline: &Baseline,
        options: &SurveyOptions,
        known: Option<&Known>,
    ) -> Look {
        let selection = &options.selection;
        let targets: Vec<&Account> = self.selected(selection).collect();
        let holding = holders(self.profiles);
        let known = known.cloned().unwrap_or_else(|| self.regions_of(&entered, baseline));
        let mut plan = Plan { known, ..Plan::default() };
        let mut shared = self.shared(&plan.known);

        // The holders of what all accounts share come next: the others are planned with what is known of it.
        let mut holders: BTreeMap<AccountId, Result<AccountReading, OpError>> = BTreeMap::new();
        let before = Declared { profiles: self.profiles, baseline, shared: &shared };
        for id in &holding {
            if let (Some(account), Some(way_in)) = (self.profiles.account(*id), entered.remove(id)) {
                let reading = match way_in {
                    Ok(way_in) => Ok(self.read(account, way_in, &before, options).await),
                    Err(error) => Err(error),
                };
                holders.insert(*id, reading);
            }
        }
        let Shared { retained, key_admits, foreign_bytes, members, opt_in, .. } = {
            let readings = holders.values().filter_map(|held| held.as_ref().ok()).flat_map(|a| a.readings.values());
            let found: Vec<&Found> =
                readings.filter_map(|reading| reading.as_ref().ok()).flat_map(|reading| &reading.found).collect();
            shared_of(found, self.profiles, &options.terms)
        };
        (shared.retained, shared.foreign_bytes, shared.members) = (retained, foreign_bytes, members);
        shared.key_admits = key_admits;
        shared.opt_in.extend(opt_in);
        if let Some(Ok(security)) = holders.get(&self.profiles.security) {
            let counts = |region: &Region| shared.hub.contains(region);
            shared.left = behind::regions_left(&security.notes).filter(|region| !counts(region)).collect();
        }
        let declared = Declared { profiles: self.profiles, baseline, shared: &shared };
        let facts = self.plan_shared(&declared, &holders, options, &mut plan);
        self.block_removals(&declared, &mut plan);
        plan.notes.extend(policy_notes(&declared));
        self.look_at_delivery(&declared, &holders, selection, &mut plan);

        let ways_in: Vec<_> = targets
            .into_iter()
            .enumerate()
            .map(|(index, account)| (index, account, entered.remove(&account.id)))
            .collect();
        let mut plans: Vec<(usize, OwnPlan)> = stream::iter(ways_in)
            .map(|(index, account, way_in)| {
                let held = holders.get(&account.id);
                let (declared, facts) = (&declared, &facts);
                async move {
                    let nothing = |plan: Plan| OwnPlan { plan, named: Facts::new(), addresses: Vec::new() };
                    let unreadable = |error: &OpError| {
                        let unreadable = vec![unreadable_account(account.id, error)];
                        nothing(Plan { unreadable, ..Plan::default() })
                    };
                    let plan = match (held, way_in) {
                        (Some(Ok(held)), _) => self.plan_own(account, declared, held, facts, options),
                        (Some(Err(error)), _) => unreadable(error),
                        (None, Some(Ok(way_in))) => {
                            let read = self.read(account, way_in, declared, options).await;
                            self.plan_own(account, declared, &read, facts, options)
                        }
                        (None, Some(Err(error))) => unreadable(&error),
                        (None, None) => nothing(Plan::default()),
                    };
                    self.events.tell(Event::AccountRead { account: account.id });
                    (index, plan)
                }
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .collect()
            .await;
        plans.sort_by_key(|(index, _)| *index);
        let mut addresses: Vec<Address> = match selection.names_targets() {
            true => facts.keys().cloned().collect(),
            false => Vec::new(),
        };
        let mut named: Facts = facts.into_iter().filter(|(address, _)| selection.names(address)).collect();
        for (_, own) in plans {
            plan.extend(own.plan);
            named.extend(own.named);
            addresses.extend(own.addresses);
        }
        for (id, held) in &holders {
            let planned = self.profiles.account(*id).is_some_and(|a| a.baseline && selection.takes_account(a));
            if let (Err(error), false) = (held, planned) {
                plan.unreadable.push(unreadable_account(*id, error));
            }
        }
        for account in &self.profiles.accounts {
            plan.names.insert(account.id, account.name.clone());
        }
        // A cell that holds both what is shared and what is not was planned twice.
        let mut cells = BTreeSet::new();
        plan.unreadable.retain(|unreadable| cells.insert((unreadable.target.clone(), unreadable.service)));
        // Leave that is given in this run has not had the time to do its work.
        let given: BTreeSet<&Address> = plan.changes.iter().map(|change| &change.address).collect();
        plan.undelivered.retain(|one| one.address.kind != Kind::ConfigAuthorization || !given.contains(&one.address));
        plan.undelivered.sort();
        plan.undelivered.dedup();
        plan.exposed.sort();
        plan.exposed.dedup();
        plan.notes.sort();
        plan.notes.dedup();
        Look { plan, named, addresses }
    }

    /// Who and where.
    pub(super) fn profiles(&self) -> &Profiles {
        self.profiles
    }

    /// Enters accounts and lists their Regions.
    async fn enter_all(&self, accounts: &[&Account], known: Option<&Known>) -> Entered {
        stream::iter(accounts.to_vec())
            .map(|account| async move {
                if let Some(regions) = known.and_then(|known| known.regions.get(&account.id)) {
                    let entered = self.chain.enter(account, Access::Read).await.inspect_err(|error| {
                        self.events.tell(Event::AccountFailed { error: error.clone() });
                    });
                    let enabled = EnabledRegions { all: regions.clone(), ..EnabledRegions::default() };
                    let regions = regions.clone();
                    return (account.id, entered.map(|session| WayIn { session, enabled, regions }));
                }
                let way_in = self.enter(account).await.map(|(session, enabled)| {
                    let regions = enabled.all.iter().filter(|region| account.regions.holds(region)).cloned().collect();
                    WayIn { session, enabled, regions }
                });
                (account.id, way_in)
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .collect()
            .await
    }

    /// What is known of Regions by now.
    fn regions_of(&self, entered: &Entered, baseline: &Baseline) -> Known {
        let regions: BTreeMap<AccountId, Vec<Region>> =
            entered.iter().filter_map(|(id, way_in)| Some((*id, way_in.as_ref().ok()?.regions.clone()))).collect();
        let counted = regions.iter().filter(|(id, _)| self.gets_baseline(**id));
        let mut hub: BTreeSet<Region> = counted.flat_map(|(_, regions)| regions).cloned().collect();
        // Where the security account could not be entered, what depends on it there is reported by its own name.
        if let Some(Ok(security)) = entered.get(&self.profiles.security) {
            // What comes from elsewhere is received, too.
            let fallback = baseline.events.as_ref().and_then(|events| events.fallback_region.clone());
            if hub.iter().any(|region| !security.enabled.all.contains(region)) {
                hub.extend(fallback);
            }
            hub.retain(|region| security.enabled.all.contains(region));
        }
        let entered = entered.values().filter_map(|way_in| way_in.as_ref().ok());
        let opt_in = entered.flat_map(|way_in| &way_in.enabled.opt_in).cloned().collect();
        Known { regions, hub: hub.into_iter().collect(), opt_in }
    }

    fn gets_baseline(&self, id: AccountId) -> bool {
        self.profiles.account(id).is_some_and(|account| account.baseline)
    }

    /// The same, as services take it.
    fn shared(&self, known: &Known) -> Shared {
        let counted = known.regions.iter().filter(|(id, _)| self.gets_baseline(**id));
        let regions = counted.map(|(id, regions)| (*id, regions.clone())).collect();
        Shared { regions, hub: known.hub.clone(), opt_in: known.opt_in.clone(), ..Shared::default() }
    }

    /// Plans what other accounts depend on, each thing in its holder's account, in the order of the table.
    fn plan_shared(
        &self,
        declared: &Declared<'_>,
        holders: &BTreeMap<AccountId, Result<AccountReading, OpError>>,
        options: &SurveyOptions,
        plan: &mut Plan,
    ) -> Facts {
        let mut facts = Facts::new();
        for service in Service::ALL {
            let Some(account) = service.holder(self.profiles).and_then(|id| self.profiles.account(id)) else {
                continue;
            };
            let Some(held) = holders.get(&account.id) else { continue };
            let regions = held.as_ref().map_or(&[][..], |read| &read.regions);
            let mut desired = service.desire(declared, &Place { account, regions });
            desired.retain(|desired| desired.shared);
            match held {
                Ok(read) => {
                    let part = Part { desired: &desired, besides: &BTreeSet::new(), orphans: Orphans::Ignored };
                    let (part, own) = plan_part(account, &part, &read.readings, &[*service], &facts, options);
                    plan.extend(part);
                    facts.extend(own);
                }
                Err(_) => facts.extend(desired.into_iter().map(|d| (d.address, Fact::Unreadable))),
            }
        }
        facts
    }

    /// Plans what an account holds for itself.
    fn plan_own(
        &self,
        account: &Account,
        declared: &Declared<'_>,
        read: &AccountReading,
        facts: &Facts,
        options: &SurveyOptions,
    ) -> OwnPlan {
        let place = Place { account, regions: &read.regions };
        // Only a holder has any: the others are spared working it out.
        let held = Service::ALL.iter().filter(|service| service.holder(self.profiles) == Some(account.id));
        let all = held.flat_map(|service| service.desire(declared, &place));
        let besides: BTreeSet<Address> = all.filter(|desired| desired.shared).map(|desired| desired.address).collect();
        let desired = desired_of(account, declared, &read.regions, &besides);
        let orphans = if options.prune { Orphans::Removed } else { Orphans::Shown };
        let part = Part { desired: &desired, besides: &besides, orphans };
        let (mut plan, mut own) = plan_part(account, &part, &read.readings, Service::ALL, facts, options);
        for one in declared.baseline.overrides_of(account) {
            let target = Target::new(account.id, Region::global());
            plan.notes.push(Note { target, topic: "override".to_owned(), text: one.words() });
        }
        plan.regions.insert(account.id, read.regions.clone());
        plan.scope = Scope { accounts: 1, targets: read.regions_read, most: read.regions_read };
        plan.notes.extend(read.notes.iter().cloned());
        let mut addresses = Vec::new();
        if options.selection.names_targets() {
            let found = read.readings.values().filter_map(|reading| reading.as_ref().ok()).flat_map(|r| &r.found);
            addresses.extend(own.keys().cloned().chain(found.map(|found| found.address.clone())));
        }
        own.retain(|address, _| options.selection.names(address));
        OwnPlan { plan, named: own, addresses }
    }

    /// Accounts that our statements admit and the profiles no longer name.
    fn block_removals(&self, declared: &Declared<'_>, plan: &mut Plan) {
        if declared.shared.retained.is_empty() {
            return;
        }
        let ids: Vec<String> = declared.shared.retained.iter().map(ToString::to_string).collect();
        for address in declared.shared.foreign_bytes.keys() {
            let reason = format!(
                "its policy admits {}, to which profiles.toml gives no baseline: dropping an account loses its logs",
                ids.join(", ")
            );
            let hint = "name it in profiles.toml again, or say --allow-remove-accounts".to_owned();
            plan.blocked.push(Blocked::new(address.clone(), reason, Some(hint)));
        }
    }

    async fn enter(&self, account: &Account) -> Result<(Session, EnabledRegions), OpError> {
        let entered = async {
            let session = self.chain.enter(account, Access::Read).await?;
            let regions = match &account.regions.list {
                Some(list) => EnabledRegions { all: list.clone(), ..EnabledRegions::default() },
                None => enabled_regions(&session, self.profiles.partition, self.chain.homes()).await?,
            };
            Ok((session, regions))
        }
        .await;
        if let Err(error) = &entered {
            self.events.tell(Event::AccountFailed { error: OpError::clone(error) });
        }
        entered
    }

    /// Reads every selected cell of an account.
    async fn read(
        &self,
        account: &Account,
        way_in: WayIn,
        declared: &Declared<'_>,
        options: &SurveyOptions,
    ) -> AccountReading {
        let WayIn { session, regions, .. } = &way_in;
        let place = Place { account, regions };
        let selected = account.baseline && options.selection.takes_account(account);
        let mut cells: Vec<(Service, Target, Sake)> = Vec::new();
        let own_baseline = declared.baseline.of(account);
        let own = Declared { baseline: &own_baseline, ..*declared };
        for service in Service::ALL {
            let own_regions = declared.baseline.regions_of(account, *service, regions);
            let mut targets = service.cells(&own, &Place { account, regions: &own_regions });
            targets.retain(|target| selected && options.selection.takes_cell(*service, target));
            let mut shared = Vec::new();
            if service.holder(self.profiles) == Some(account.id) {
                let desired = service.desire(declared, &place);
                // What an override leaves out in the holder's account is read for the sake of others alone.
                let is_shared = |target: &Target| desired.iter().any(|d| d.shared && d.address.target == *target);
                shared = service.cells(declared, &place);
                shared.retain(|target| {
                    !targets.contains(target)
                        && is_shared(target)
                        && ((selected && options.selection.takes_cell(*service, target))
                            || is_needed(*service, target, declared, &options.selection)
                            || options.selection.demands(*service, target))
                });
            }
            cells.extend(targets.into_iter().map(|target| (*service, target, Sake::Own)));
            cells.extend(shared.into_iter().map(|target| (*service, target, Sake::Others)));
        }
        // A run that leaves nothing out reads all of them anyway.
        if selected && options.selection.narrows() {
            let known: BTreeSet<(Service, Target)> = cells.iter().map(|(s, target, _)| (*s, target.clone())).collect();
            let referred = referred(account, declared, &place, &options.selection);
            let more = referred.into_iter().filter(|cell| !known.contains(cell));
            cells.extend(more.map(|(service, target)| (service, target, Sake::Own)));
        }
        let count = |(_, target, _): &(Service, Target, Sake)| !target.region.is_global();
        let regions_read =
            cells.iter().filter(|cell| count(cell)).map(|(_, target, _)| &target.region).collect::<BTreeSet<_>>().len();
        self.events.tell(Event::RegionsListed { account: account.id, regions: regions_read });
        let readings = stream::iter(cells)
            .map(|(service, target, sake)| {
                let own = &own;
                async move {
                    self.events.tell(Event::CellStarted { service, target: target.clone() });
                    let (declared, regions) = match sake {
                        Sake::Own => (own, own.baseline.regions_of(account, service, regions)),
                        Sake::Others => (declared, regions.clone()),
                    };
                    let place = &Place { account, regions: &regions };
                    let mut reading = observe(service, &Cell { session, target: &target, declared, place }).await;
                    if let Ok(reading) = &mut reading {
                        expose(reading, declared);
                        mute(reading, declared);
                    }
                    self.events.tell(Event::CellRead { service, target: target.clone(), readable: reading.is_ok() });
                    ((service, target), reading)
                }
            })
            .buffer_unordered(CELLS_AT_ONCE)
            .collect();
        let behind = behind::left_behind(account, &way_in, declared, options);
        let (readings, notes) = future::join(readings, behind).await;
        AccountReading { regions: way_in.regions, regions_read, readings, notes }
    }
}

/// How long a role that was made a moment ago is given to be shown by its ARN.
const NEW_ROLE: Duration = Duration::from_secs(5);

/// Reads a cell; a second time where a policy seems to name somebody who is gone, since a new role reads so, too.
async fn observe(service: Service, cell: &Cell<'_>) -> Result<Reading, OpError> {
    let mut reading = service.observe(cell).await?;
    if !gone_principals(&reading.found, cell.target).is_empty() {
        cell.session.clock().sleep(NEW_ROLE).await;
        reading = service.observe(cell).await?;
        let gone = gone_principals(&reading.found, cell.target);
        reading.notes.extend(gone);
    }
    Ok(reading)
}

/// The accounts that hold something for all the others, each once.
fn holders(profiles: &Profiles) -> Vec<AccountId> {
    let mut ids = Vec::new();
    for id in Service::ALL.iter().filter_map(|service| service.holder(profiles)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Part of what an account should hold.
struct Part<'a> {
    desired: &'a [Desired],
    besides: &'a BTreeSet<Address>,
    orphans: Orphans,
}

/// Plans some services of an account.
fn plan_part(
    account: &Account,
    part: &Part<'_>,
    readings: &Readings,
    services: &[Service],
    facts: &Facts,
    options: &SurveyOptions,
) -> (Plan, Facts) {
    let readings: Readings = readings
        .iter()
        .filter(|((service, _), _)| services.contains(service))
        .map(|(cell, reading)| (cell.clone(), reading.clone()))
        .collect();
    plan_account(&AccountView {
        account,
        desired: part.desired,
        declared_besides: part.besides,
        readings: &readings,
        facts,
        selection: &options.selection,
        terms: &options.terms,
        orphans: part.orphans,
    })
}

fn unreadable_account(account: AccountId, error: &OpError) -> Unreadable {
    Unreadable { target: Target::new(account, error.region.clone()), service: None, error: error.clone() }
}
