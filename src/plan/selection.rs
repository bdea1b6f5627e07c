//! What a run is narrowed to: by the options of the command line, or to what a plan is about.

mod unmatched;

pub use unmatched::{Offer, Unmatched};

use std::collections::BTreeSet;
use std::sync::Arc;

use globset::GlobMatcher;

use super::{Action, Change};
use crate::config::Account;
use crate::model::{AccountId, Address, AddressGlob, GlobError, Region, RegionGlob, Target, matcher};
use crate::services::Service;

/// What a run is narrowed to. It narrows what is read and changed, never what is desired.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    accounts: Vec<GlobMatcher>,
    only: Option<AccountId>,
    groups: Vec<String>,
    regions: Vec<RegionGlob>,
    services: Vec<Service>,
    targets: Vec<AddressGlob>,
    /// Where a plan is looked at again: what is in it, and nothing else.
    again: Option<Arc<Again>>,
}

/// What a plan changes, and what has to be read to say whether it still should.
#[derive(Debug, Default)]
pub struct Again {
    accounts: BTreeSet<AccountId>,
    changes: BTreeSet<Address>,
    /// What is changed, and what that requires or names.
    named: BTreeSet<Address>,
    cells: BTreeSet<(Service, Target)>,
    /// What is removed goes only when all else of its service is as it should be: that is looked at whole.
    whole: BTreeSet<(AccountId, Service)>,
}

impl Again {
    fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut again = Again::default();
        for change in changes {
            let address = &change.address;
            again.accounts.insert(address.target.account);
            again.changes.insert(address.clone());
            if change.action == Action::Delete {
                again.whole.insert((address.target.account, address.kind.service()));
            }
            for named in change.requires.iter().chain([address]) {
                if again.named.insert(named.clone()) {
                    again.cells.insert((named.kind.service(), named.target.clone()));
                }
            }
        }
        again
    }

    fn takes(&self, address: &Address) -> bool {
        self.changes.contains(address) || self.whole.contains(&(address.target.account, address.kind.service()))
    }

    fn takes_cell(&self, service: Service, target: &Target) -> bool {
        self.cells.contains(&(service, target.clone())) || self.whole.contains(&(target.account, service))
    }
}

impl Selection {
    /// Everything of these; an empty list leaves its dimension open. Account globs match ids and names.
    ///
    /// # Errors
    ///
    /// An account glob that is not a glob.
    pub fn new(
        accounts: &[String],
        groups: Vec<String>,
        regions: Vec<RegionGlob>,
        services: Vec<Service>,
        targets: Vec<AddressGlob>,
    ) -> Result<Self, GlobError> {
        let accounts = accounts.iter().map(|glob| matcher(glob, false)).collect::<Result<_, _>>()?;
        Ok(Selection { accounts, groups, regions, services, targets, only: None, again: None })
    }

    /// What these changes are about, and nothing else.
    pub fn again<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        Selection { again: Some(Arc::new(Again::of(changes))), ..Selection::default() }
    }

    /// Whether a cell is read whatever its account says: something that is looked at again is in it.
    pub fn demands(&self, service: Service, target: &Target) -> bool {
        self.again.as_ref().is_some_and(|again| again.takes_cell(service, target))
    }

    /// Whether somebody who looks again wants to know what is at this address.
    pub fn names(&self, address: &Address) -> bool {
        self.again.as_ref().is_some_and(|again| again.named.contains(address))
    }

    /// What of it is in this account.
    #[must_use]
    pub fn only(mut self, account: AccountId) -> Self {
        self.only = Some(account);
        self
    }

    /// Whether anything of this account may be selected.
    pub fn takes_account(&self, account: &Account) -> bool {
        if self.again.as_ref().is_some_and(|again| !again.accounts.contains(&account.id)) {
            return false;
        }
        let id = account.id.to_string();
        let named = |glob: &GlobMatcher| glob.is_match(&id) || glob.is_match(&account.name);
        self.only.is_none_or(|only| only == account.id)
            && (self.accounts.is_empty() || self.accounts.iter().any(named))
            && (self.groups.is_empty() || self.groups.iter().any(|group| account.groups.contains(group)))
    }

    /// Whether anything of this service in this place may be selected; the account is asked for apart.
    pub fn takes_cell(&self, service: Service, target: &Target) -> bool {
        self.again.as_ref().is_none_or(|again| again.takes_cell(service, target))
            && self.takes_service(service)
            && (target.region.is_global()
                || self.regions.is_empty()
                || self.regions.iter().any(|glob| glob.matches(&target.region)))
            && (self.targets.is_empty() || self.targets.iter().any(|glob| glob.touches(target)))
    }

    /// Whether this very resource is selected; the account is asked for apart.
    pub fn takes(&self, address: &Address) -> bool {
        self.again.as_ref().is_none_or(|again| again.takes(address))
            && self.takes_cell(address.kind.service(), &address.target)
            && (self.targets.is_empty() || self.targets.iter().any(|glob| glob.matches(address)))
    }

    /// Whether the run reads or changes anything of a service in a Region, in whichever account, so that what it depends
    /// on has to be looked for. A second look knows that by name.
    pub fn takes_service_in(&self, service: Service, region: &Region) -> bool {
        self.again.is_none()
            && self.takes_service(service)
            && (self.regions.is_empty() || self.regions.iter().any(|glob| glob.matches(region)))
    }

    /// Whether a plan is looked at again, and nothing else.
    pub fn looks_again(&self) -> bool {
        self.again.is_some()
    }

    /// Whether single resources are chosen by their addresses.
    pub fn names_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Whether less than whole accounts is chosen.
    pub fn narrows_accounts(&self) -> bool {
        !(self.regions.is_empty() && self.services.is_empty() && self.targets.is_empty())
    }

    /// Whether anything is left out at all.
    pub fn narrows(&self) -> bool {
        !(self.again.is_none()
            && self.only.is_none()
            && self.accounts.is_empty()
            && self.groups.is_empty()
            && self.regions.is_empty()
            && self.services.is_empty()
            && self.targets.is_empty())
    }

    fn takes_service(&self, service: Service) -> bool {
        self.services.is_empty() || self.services.contains(&service)
    }
}
