use globset::{GlobBuilder, GlobMatcher};

use crate::config::Account;
use crate::model::{AccountId, Address, AddressGlob, GlobError, Region, RegionGlob, Target};
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
        let accounts = accounts
            .iter()
            .map(|glob| {
                GlobBuilder::new(glob)
                    .build()
                    .map(|g| g.compile_matcher())
                    .map_err(|e| GlobError { glob: glob.clone(), reason: e.kind().to_string() })
            })
            .collect::<Result<_, _>>()?;
        Ok(Selection { accounts, only: None, groups, regions, services, targets })
    }

    /// What of it is in this account.
    #[must_use]
    pub fn only(mut self, account: AccountId) -> Self {
        self.only = Some(account);
        self
    }

    /// Whether anything of this account may be selected.
    pub fn takes_account(&self, account: &Account) -> bool {
        let id = account.id.to_string();
        let named = |glob: &GlobMatcher| glob.is_match(&id) || glob.is_match(&account.name);
        self.only.is_none_or(|only| only == account.id)
            && (self.accounts.is_empty() || self.accounts.iter().any(named))
            && (self.groups.is_empty() || self.groups.iter().any(|group| account.groups.contains(group)))
    }

    /// Whether anything of this service in this place may be selected; the account is asked for apart.
    pub fn takes_cell(&self, service: Service, target: &Target) -> bool {
        self.takes_service(service)
            && (target.region.is_global()
                || self.regions.is_empty()
                || self.regions.iter().any(|glob| glob.matches(&target.region)))
            && (self.targets.is_empty() || self.targets.iter().any(|glob| glob.touches(target)))
    }

    /// Whether this very resource is selected; the account is asked for apart.
    pub fn takes(&self, address: &Address) -> bool {
        self.takes_cell(address.kind.service(), &address.target)
            && (self.targets.is_empty() || self.targets.iter().any(|glob| glob.matches(address)))
    }

    /// Whether the run reads or changes anything of a service in a Region, in whichever account.
    pub fn takes_service_in(&self, service: Service, region: &Region) -> bool {
        self.takes_service(service) && (self.regions.is_empty() || self.regions.iter().any(|glob| glob.matches(region)))
    }

    /// Whether anything is left out at all.
    pub fn narrows(&self) -> bool {
        !(self.accounts.is_empty()
            && self.only.is_none()
            && self.groups.is_empty()
            && self.regions.is_empty()
            && self.services.is_empty()
            && self.targets.is_empty())
    }

    fn takes_service(&self, service: Service) -> bool {
        self.services.is_empty() || self.services.contains(&service)
    }
}
