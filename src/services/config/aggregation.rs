use serde::{Deserialize, Serialize};

use super::section::Config;
use crate::config::Overridable;
use crate::model::{AccountId, Address, Region, Target};
use crate::services::{
    About, Declared, Desired, Kept, Kind, Place, Resource, Spec, Tags, Terms, is_ours, keep_tags, our_tags,
};

/// The leave that an account gives in one Region to aggregate its data. Who has it and where is all that it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The account that may.
    pub account: AccountId,
    /// The Region that its aggregator is in.
    pub region: Region,
    /// Its tags.
    pub tags: Tags,
}

/// What an authorization is called in addresses: AWS gives it no name.
pub(super) fn authorization_name(account: AccountId, region: &Region) -> String {
    format!("{account}:{region}")
}

impl Resource for Authorization {
    const ABOUT: About = About {
        lives: "every account but the security account, every Region",
        without: "the aggregator does not see the account",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        // One that somebody else gave serves as well, and stays theirs.
        match is_ours(&seen.tags) {
            true => keep_tags(&mut self.tags, &seen.tags),
            false => self.tags.clone_from(&seen.tags),
        }
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let other = seen.is_some_and(|seen| (seen.account, &seen.region) != (self.account, &self.region));
        other.then(|| "an authorization is for one account and Region, for ever".to_owned()).into_iter().collect()
    }
}

/// The view over all accounts and Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregator {
    /// Whose data it shows; AWS takes one entry.
    pub sources: Vec<Source>,
    /// Whether it shows an organization's.
    pub organization: bool,
    /// Its tags.
    pub tags: Tags,
}

/// Accounts whose data an aggregator shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The accounts, in order.
    pub accounts: Vec<String>,
    /// Whether it shows every Region, those included that AWS opens later.
    pub all_regions: bool,
    /// The Regions otherwise, in order.
    pub regions: Vec<String>,
}

impl Resource for Aggregator {
    const ABOUT: About =
        About { lives: "the security account, home Region", without: "compliance is looked up account by account" };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        // Accounts that are no longer declared go from the view: that loses no record.
        keep_tags(&mut self.tags, &seen.tags);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        if self.organization {
            refusals.push("the aggregator would show an organization, which this tool never declares".to_owned());
        }
        let accounts: usize = self.sources.iter().map(|source| source.accounts.len()).sum();
        if accounts > MOST_ACCOUNTS {
            refusals.push(format!(
                "an aggregator shows {MOST_ACCOUNTS} accounts at most, and {accounts} are declared: take \
                 [config.aggregator] out"
            ));
        }
        refusals
    }
}

/// AWS Config Developer Guide, "Service Limits": accounts in one aggregator.
const MOST_ACCOUNTS: usize = 10_000;

/// The leave of an account for the aggregator; the security account needs none for itself.
pub(super) fn authorization(declared: &Declared<'_>, config: &Config, target: &Target) -> Option<Desired> {
    let (account, region) = (declared.profiles.security, &declared.profiles.home_region);
    if config.aggregator.is_none() || target.account == account {
        return None;
    }
    let address = Address::new(target.clone(), Kind::ConfigAuthorization, authorization_name(account, region));
    let spec = Authorization { account, region: region.clone(), tags: our_tags(declared.baseline) };
    Some(Desired::new(address, Spec::ConfigAuthorization(Box::new(spec)), Vec::new()))
}

/// The aggregator, in the security account's home Region. It takes accounts that have given no leave yet, and shows them
/// from when they have.
pub(super) fn aggregator(declared: &Declared<'_>, config: &Config, place: &Place<'_>) -> Option<Desired> {
    let name = config.aggregator.clone().filter(|_| place.account.id == declared.profiles.security)?;
    let shown = declared.profiles.baselined().filter(|account| declared.baseline.keeps(account, Overridable::Config));
    let mut accounts: Vec<String> = shown.map(|account| account.id.to_string()).collect();
    accounts.sort();
    let spec = Aggregator {
        sources: vec![Source { accounts, all_regions: true, regions: Vec::new() }],
        organization: false,
        tags: our_tags(declared.baseline),
    };
    let address = Address::new(place.target(&declared.profiles.home_region), Kind::ConfigAggregator, name);
    Some(Desired::new(address, Spec::ConfigAggregator(Box::new(spec)), Vec::new()))
}
