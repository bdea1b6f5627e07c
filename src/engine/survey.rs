use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use crate::aws::{Access, Chain, Session, enabled_regions};
use crate::config::{Account, Baseline, Profiles};
use crate::model::{AccountId, OpError, Region, Target};
use crate::plan::{AccountView, Blocked, Fact, Facts, Plan, Scope, Selection, Unreadable, plan_account, shared_of};
use crate::report::{Event, Events};
use crate::services::adapter::Cell;
use crate::services::{Declared, Desired, Found, Place, Reading, Service, Shared, Terms, policy_notes};

/// Accounts that are read at the same time. Requests in flight are bounded apart; this bounds what is held in memory.
const ACCOUNTS_AT_ONCE: usize = 24;
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

/// An account that was entered and read.
struct AccountReading {
    /// The account's Regions, whatever the run is narrowed to.
    regions: Vec<Region>,
    /// How many of them were read.
    regions_read: usize,
    readings: Readings,
}

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
                            enabled.iter().filter(|r| account.regions.holds(r)).cloned().collect();
                        let others = enabled.len() - chosen.len();
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
        let selection = &options.selection;
        let targets: Vec<&Account> = self.profiles.baselined().filter(|a| selection.takes_account(a)).collect();
        self.events.tell(Event::ReadingStarted { accounts: targets.len() });
        let nothing = Shared::default();
        let before = Declared { profiles: self.profiles, baseline, shared: &nothing };

        // The holders of what all accounts share come first: the others are planned with what is known of it.
        let mut plan = Plan::default();
        let mut holders: BTreeMap<AccountId, Result<AccountReading, OpError>> = BTreeMap::new();
        for id in Service::SHARED.iter().filter_map(|service| service.holder(self.profiles)) {
            if let (false, Some(account)) = (holders.contains_key(&id), self.profiles.account(id)) {
                holders.insert(id, self.read(account, &before, options).await);
            }
        }
        let shared = {
            let readings = holders.values().filter_map(|held| held.as_ref().ok()).flat_map(|a| a.readings.values());
            let found: Vec<&Found> =
                readings.filter_map(|reading| reading.as_ref().ok()).flat_map(|reading| &reading.found).collect();
            shared_of(found, self.profiles, &options.terms)
        };
        let declared = Declared { shared: &shared, ..before };
        let facts = self.plan_shared(&declared, &holders, options, &mut plan);
        self.block_removals(&declared, &mut plan);
        plan.notes.extend(policy_notes(&declared));

        let mut plans: Vec<(usize, Plan)> = stream::iter(targets.into_iter().enumerate())
            .map(|(index, account)| {
                let held = holders.get(&account.id);
                let (declared, facts) = (&declared, &facts);
                async move {
                    let plan = match held {
                        Some(held) => self.plan_own(account, declared, held, facts, options),
                        None => {
                            let read = self.read(account, declared, options).await;
                            self.plan_own(account, declared, &read, facts, options)
                        }
                    };
                    self.events.tell(Event::AccountRead { account: account.id });
                    (index, plan)
                }
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .collect()
            .await;
        plans.sort_by_key(|(index, _)| *index);
        for (_, account_plan) in plans {
            plan.extend(account_plan);
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
        plan.notes.sort();
        plan.notes.dedup();
        crate::plan::check(plan, self.profiles, &options.terms)
    }

    /// Plans key and bucket, each in its holder's account, in the order in which they require each other.
    fn plan_shared(
        &self,
        declared: &Declared<'_>,
        holders: &BTreeMap<AccountId, Result<AccountReading, OpError>>,
        options: &SurveyOptions,
        plan: &mut Plan,
    ) -> Facts {
        let mut facts = Facts::new();
        for service in Service::SHARED {
            let Some(account) = service.holder(self.profiles).and_then(|id| self.profiles.account(id)) else {
                continue;
            };
            let Some(held) = holders.get(&account.id) else { continue };
            let regions = held.as_ref().map_or(&[][..], |read| &read.regions);
            let desired = service.desire(declared, &Place { account, regions });
            match held {
                Ok(read) => {
                    let (part, own) = plan_part(account, &desired, &read.readings, &[*service], &facts, options);
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
        read: &Result<AccountReading, OpError>,
        facts: &Facts,
        options: &SurveyOptions,
    ) -> Plan {
        match read {
            Ok(read) => {
                let place = Place { account, regions: &read.regions };
                let services: Vec<Service> = own_services().collect();
                let desired: Vec<Desired> = services.iter().flat_map(|s| s.desire(declared, &place)).collect();
                let (mut plan, _) = plan_part(account, &desired, &read.readings, &services, facts, options);
                plan.regions.insert(account.id, read.regions.clone());
                plan.scope = Scope { accounts: 1, targets: read.regions_read };
                plan
            }
            Err(error) => Plan { unreadable: vec![unreadable_account(account.id, error)], ..Plan::default() },
        }
    }

    /// Accounts that our statements admit and the profiles no longer name.
    fn block_removals(&self, declared: &Declared<'_>, plan: &mut Plan) {
        if declared.shared.retained.is_empty() {
            return;
        }
        let ids: Vec<String> = declared.shared.retained.iter().map(ToString::to_string).collect();
        for address in declared.shared.foreign_bytes.keys() {
            plan.blocked.push(Blocked {
                address: address.clone(),
                reason: format!(
                    "its policy admits {}, which get no baseline by profiles.toml: dropping an account loses its logs",
                    ids.join(", ")
                ),
                hint: Some("name it in profiles.toml again, or say --allow-remove-accounts".to_owned()),
            });
        }
    }

    async fn enter(&self, account: &Account) -> Result<(Session, Vec<Region>), OpError> {
        let entered = async {
            let session = self.chain.enter(account, Access::Read).await?;
            let regions = match &account.regions.list {
                Some(list) => list.clone(),
                None => enabled_regions(&session, self.profiles.partition).await?,
            };
            Ok((session, regions))
        }
        .await;
        if let Err(error) = &entered {
            self.events.tell(Event::AccountFailed { error: OpError::clone(error) });
        }
        entered
    }

    /// Enters an account and reads every selected cell there.
    async fn read(
        &self,
        account: &Account,
        declared: &Declared<'_>,
        options: &SurveyOptions,
    ) -> Result<AccountReading, OpError> {
        let (session, enabled) = self.enter(account).await?;
        let regions: Vec<Region> = enabled.into_iter().filter(|r| account.regions.holds(r)).collect();
        let place = Place { account, regions: &regions };
        let selected = account.baseline && options.selection.takes_account(account);
        let mut cells: Vec<(Service, Target)> = Vec::new();
        for service in Service::ALL {
            let shared = service.holder(self.profiles) == Some(account.id);
            let targets = service.cells(declared, &place).into_iter();
            cells.extend(
                targets
                    .filter(|target| shared || (selected && options.selection.takes_cell(*service, target)))
                    .map(|target| (*service, target)),
            );
        }
        let regions_read = cells.iter().map(|(_, target)| &target.region).collect::<BTreeSet<_>>().len();
        self.events.tell(Event::RegionsListed { account: account.id, regions: regions_read });
        let readings = stream::iter(cells)
            .map(|(service, target)| {
                let (session, place) = (&session, &place);
                async move {
                    self.events.tell(Event::CellStarted { service, target: target.clone() });
                    let reading = service.observe(&Cell { session, target: &target, declared, place }).await;
                    self.events.tell(Event::CellRead { service, target: target.clone(), readable: reading.is_ok() });
                    ((service, target), reading)
                }
            })
            .buffer_unordered(CELLS_AT_ONCE)
            .collect()
            .await;
        Ok(AccountReading { regions, regions_read, readings })
    }
}

/// The services that each account holds for itself.
fn own_services() -> impl Iterator<Item = Service> {
    Service::ALL.iter().copied().filter(|service| !Service::SHARED.contains(service))
}

/// Plans some services of an account.
fn plan_part(
    account: &Account,
    desired: &[Desired],
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
        desired,
        readings: &readings,
        facts,
        selection: &options.selection,
        terms: &options.terms,
        prune: options.prune,
    })
}

fn unreadable_account(account: AccountId, error: &OpError) -> Unreadable {
    Unreadable { target: Target::new(account, error.region.clone()), service: None, error: error.clone() }
}
