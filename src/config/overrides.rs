//! What holds for some accounts instead of for all: the checked content of `[[override]]` in `baseline.toml`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use globset::GlobMatcher;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Account, Baseline, RegionChoice};
use crate::model::{GlobError, Region, matcher};
use crate::services::Service;
use crate::services::config::section::ConfigRule;
use crate::services::eventbridge::config::Forward;

/// What some accounts have otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The accounts it holds for.
    pub whose: Whose,
    /// Sections that are left out there.
    pub without: BTreeSet<Overridable>,
    /// Regions that count for a section there, among those that count for the account.
    pub regions: BTreeMap<Overridable, RegionChoice>,
    /// GuardDuty features that are on or off there.
    pub features: BTreeMap<String, bool>,
    /// AWS Config rules that are there besides.
    pub rules: Vec<ConfigRule>,
    /// Events that are forwarded from there besides.
    pub forward: Vec<Forward>,
}

/// The sections that can be said otherwise for some accounts: those that each account has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overridable {
    /// `[cloudtrail]`.
    Cloudtrail,
    /// `[config]`.
    Config,
    /// `[guardduty]`.
    Guardduty,
    /// `[events]`: what is forwarded, not what the security account receives.
    Events,
}

impl Overridable {
    /// All of them.
    pub const ALL: [Overridable; 4] =
        [Overridable::Cloudtrail, Overridable::Config, Overridable::Guardduty, Overridable::Events];

    /// The section's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Overridable::Cloudtrail => "cloudtrail",
            Overridable::Config => "config",
            Overridable::Guardduty => "guardduty",
            Overridable::Events => "events",
        }
    }

    /// The section that a service is declared by, where it can be overridden.
    fn of(service: Service) -> Option<Self> {
        match service {
            Service::Cloudtrail => Some(Overridable::Cloudtrail),
            Service::Config => Some(Overridable::Config),
            Service::Guardduty => Some(Overridable::Guardduty),
            Service::Eventbridge => Some(Overridable::Events),
            Service::Kms | Service::S3 | Service::Iam | Service::Lambda | Service::Sqs | Service::Sns => None,
        }
    }
}

/// Which accounts are meant: those in one of the groups, and those whose id or name one of the globs matches.
#[derive(Debug, Clone)]
pub struct Whose {
    groups: BTreeSet<String>,
    globs: Vec<(String, GlobMatcher)>,
}

impl PartialEq for Whose {
    fn eq(&self, other: &Self) -> bool {
        let texts = |whose: &Whose| whose.globs.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
        self.groups == other.groups && texts(self) == texts(other)
    }
}

impl Whose {
    /// Takes globs over ids and names, as `--account` does, and groups' names.
    ///
    /// # Errors
    ///
    /// A glob that cannot be read.
    pub fn new(groups: BTreeSet<String>, globs: &[String]) -> Result<Self, GlobError> {
        let read = |text: &String| Ok((text.clone(), matcher(text, false)?));
        Ok(Whose { groups, globs: globs.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Whether an account is meant.
    pub fn holds(&self, account: &Account) -> bool {
        account.groups.iter().any(|group| self.groups.contains(group))
            || self.globs.iter().any(|(_, glob)| glob.is_match(account.id.as_str()) || glob.is_match(&account.name))
    }

    /// It as a plan shows it.
    fn words(&self) -> String {
        let groups = self.groups.iter().map(|group| format!("group {group}"));
        let globs = self.globs.iter().map(|(text, _)| format!("account {text}"));
        groups.chain(globs).collect::<Vec<_>>().join(", ")
    }
}

impl Override {
    /// It in one line, as a plan shows it.
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        for section in &self.without {
            parts.push(format!("without {}", section.as_str()));
        }
        for (section, regions) in &self.regions {
            parts.push(format!("{} only in {regions}", section.as_str()));
        }
        for (feature, on) in &self.features {
            parts.push(format!("GuardDuty feature {feature} {}", if *on { "on" } else { "off" }));
        }
        for rule in &self.rules {
            parts.push(format!("AWS Config rule {} besides", rule.name));
        }
        for forward in &self.forward {
            parts.push(format!("{} forwarded besides", forward.name));
        }
        format!("by the override for {}: {}", self.whose.words(), parts.join("; "))
    }
}

impl Baseline {
    /// The overrides that hold for an account, in the order of the file.
    pub fn overrides_of<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = &'a Override> {
        self.overrides.iter().filter(|one| one.whose.holds(account))
    }

    /// What should be in one account. What the security account holds for all others is declared by the baseline itself.
    pub fn of<'a>(&'a self, account: &Account) -> Cow<'a, Baseline> {
        let mut own = Cow::Borrowed(self);
        for one in self.overrides.iter().filter(|one| one.whose.holds(account)) {
            let own = own.to_mut();
            for section in &one.without {
                match section {
                    Overridable::Cloudtrail => own.cloudtrail = None,
                    Overridable::Config => own.config = None,
                    Overridable::Guardduty => own.guardduty = None,
                    Overridable::Events => own.events = None,
                }
            }
            if let Some(guardduty) = &mut own.guardduty {
                guardduty.features.extend(one.features.iter().map(|(feature, on)| (feature.clone(), *on)));
            }
            // Two overrides that hold for the same account may say the same.
            if let Some(config) = &mut own.config {
                for rule in &one.rules {
                    if config.rules.iter().all(|other| other.name != rule.name) {
                        config.rules.push(rule.clone());
                    }
                }
            }
            if let Some(events) = &mut own.events {
                for forward in &one.forward {
                    if events.forward.iter().all(|other| other.name != forward.name) {
                        events.forward.push(forward.clone());
                    }
                }
            }
        }
        own
    }

    /// Those of an account's Regions that count for a service there.
    pub fn regions_of(&self, account: &Account, service: Service, regions: &[Region]) -> Vec<Region> {
        let section = Overridable::of(service);
        let choices: Vec<&RegionChoice> =
            self.overrides_of(account).filter_map(|one| one.regions.get(&section?)).collect();
        regions.iter().filter(|region| choices.iter().all(|choice| choice.holds(region))).cloned().collect()
    }

    /// Whether no override leaves a section out for an account; whether the baseline has it at all is another question.
    pub fn keeps(&self, account: &Account, section: Overridable) -> bool {
        !self.overrides_of(account).any(|one| one.without.contains(&section))
    }

    /// The same in one of the account's Regions.
    pub fn keeps_in(&self, account: &Account, section: Overridable, region: &Region) -> bool {
        let lets_through = |one: &Override| one.regions.get(&section).is_none_or(|choice| choice.holds(region));
        self.keeps(account, section) && self.overrides_of(account).all(lets_through)
    }

    /// Whether an account forwards these events: what overrides add comes only from the accounts that these hold for.
    pub fn is_forwarded_by(&self, account: &Account, forward: &Forward) -> bool {
        let adds = |one: &&Override| one.forward.iter().any(|added| added.name == forward.name);
        let everywhere = !self.overrides.iter().any(|one| adds(&one));
        self.keeps(account, Overridable::Events) && (everywhere || self.overrides_of(account).any(|one| adds(&one)))
    }

    /// Whether an account has an AWS Config rule in a Region where it is declared for: as [`Baseline::is_forwarded_by`].
    pub fn has_rule(&self, account: &Account, rule: &ConfigRule, region: &Region) -> bool {
        let adds = |one: &&Override| one.rules.iter().any(|added| added.name == rule.name);
        let everywhere = !self.overrides.iter().any(|one| adds(&one));
        self.keeps_in(account, Overridable::Config, region)
            && (everywhere || self.overrides_of(account).any(|one| adds(&one)))
    }

    /// Every selection of events that any account forwards, each once by its name.
    pub fn forwards(&self) -> Vec<&Forward> {
        let besides = self.overrides.iter().flat_map(|one| &one.forward);
        let mut all: Vec<&Forward> = Vec::new();
        for forward in self.events.iter().flat_map(|events| &events.forward).chain(besides) {
            if all.iter().all(|other| other.name != forward.name) {
                all.push(forward);
            }
        }
        all
    }

    /// Every AWS Config rule that any account has, each once by its name.
    pub fn config_rules(&self) -> Vec<&ConfigRule> {
        let besides = self.overrides.iter().flat_map(|one| &one.rules);
        let mut all: Vec<&ConfigRule> = Vec::new();
        for rule in self.config.iter().flat_map(|config| &config.rules).chain(besides) {
            if all.iter().all(|other| other.name != rule.name) {
                all.push(rule);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
