use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::managed_rules::managed_rule;
use super::section::{Config, ConfigRule};
use super::spec::{recorder, recording};
use crate::model::{AccountId, Address, Region, Target, offers_rule};
use crate::services::{
    About, Declared, Desired, Kept, Kind, Resource, Spec, Tags, Terms, cloudtrail, guardduty, keep_tags, our_tags,
};

/// A managed rule. Its description and its evaluation modes stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Whose code evaluates it: `AWS` for a managed rule.
    pub owner: String,
    /// The managed rule's identifier.
    pub identifier: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// How often it is evaluated, where it is periodic.
    pub frequency: Option<String>,
    /// What it is limited to.
    pub scope: Scope,
    /// What somebody wrote about it; never declared.
    pub description: Option<String>,
    /// `DETECTIVE`, `PROACTIVE` or both; never declared.
    pub evaluation_modes: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What a rule is limited to; nothing where it evaluates all that it can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Resource types, in order.
    pub resource_types: Vec<String>,
    /// One resource of the one type.
    pub resource_id: Option<String>,
    /// Resources with this tag.
    pub tag_key: Option<String>,
    /// And this value of it.
    pub tag_value: Option<String>,
}

impl Resource for Rule {
    const ABOUT: About = About {
        lives: "every account; every Region, or the one that records global resources",
        without: "drift from the rule is not noticed",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        keep_tags(&mut self.tags, &seen.tags);
        self.description.clone_from(&seen.description);
        self.evaluation_modes.clone_from(&seen.evaluation_modes);
        if self.frequency.is_none() {
            self.frequency.clone_from(&seen.frequency);
        }
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let custom = self.owner != MANAGED;
        custom.then(|| format!("the rule would run code of {}, not a managed rule", self.owner)).into_iter().collect()
    }
}

/// Whose code evaluates a managed rule (AWS Config API Reference, `Source`).
const MANAGED: &str = "AWS";

/// What a declared rule is limited to, as it is read: what is spelt out and limits nothing would otherwise differ for ever.
fn scope_of(rule: &ConfigRule) -> Scope {
    let types = rule.resource_types.clone();
    let resource_types = match managed_rule(&rule.identifier) {
        Some(known) => known.limited_to(types),
        None => types,
    };
    let (tag_key, tag_value) = rule.tag.clone().map_or((None, None), |(key, value)| (Some(key), value));
    Scope { resource_types, resource_id: None, tag_key, tag_value }
}

impl Rule {
    fn declared(rule: &ConfigRule, tags: Tags) -> Self {
        Rule {
            owner: MANAGED.to_owned(),
            identifier: rule.identifier.clone(),
            parameters: rule.parameters.clone(),
            frequency: rule.frequency.clone(),
            scope: scope_of(rule),
            description: None,
            evaluation_modes: Vec::new(),
            tags,
        }
    }
}

/// The rules that are declared for a Region, whether or not AWS offers them there.
fn declared_in<'a>(config: &'a Config, region: &'a Region) -> impl Iterator<Item = &'a ConfigRule> {
    let home = *region == config.global_resources_region;
    config.rules.iter().filter(move |rule| (home || !rule.home_only) && !rule.except_regions.contains(region))
}

/// The rules that a Region gets: those that are declared for it and that AWS offers there.
fn rules_of<'a>(config: &'a Config, region: &'a Region) -> impl Iterator<Item = &'a ConfigRule> {
    declared_in(config, region).filter(|rule| offers_rule(region, &rule.identifier))
}

/// The rules that are declared for a Region and that AWS does not offer there.
#[cfg(any(feature = "aws", test))]
pub(super) fn not_offered<'a>(config: &'a Config, region: &'a Region) -> impl Iterator<Item = &'a ConfigRule> {
    declared_in(config, region).filter(|rule| !offers_rule(region, &rule.identifier))
}

/// The declared rule that a rule of somebody else does once more: the same managed rule over the same resources.
#[cfg(any(feature = "aws", test))]
pub(super) fn once_more<'a>(config: &'a Config, region: &'a Region, theirs: &Rule) -> Option<&'a ConfigRule> {
    let same = |ours: &&ConfigRule| ours.identifier == theirs.identifier && scope_of(ours) == theirs.scope;
    rules_of(config, region).find(same).filter(|_| theirs.owner == MANAGED)
}

/// The names of the rules that an account has in a Region.
pub fn rule_names(declared: &Declared<'_>, target: &Target) -> Vec<String> {
    let Some(config) = &declared.baseline.config else { return Vec::new() };
    rules_of(config, &target.region).map(|rule| rule.name.clone()).collect()
}

/// The names of the rules that any of the accounts has in a Region; one that the profiles do not name any more has those
/// that all have.
pub fn rule_names_of(declared: &Declared<'_>, accounts: &BTreeSet<AccountId>, region: &Region) -> BTreeSet<String> {
    let Some(config) = &declared.baseline.config else { return BTreeSet::new() };
    let home = *region == config.global_resources_region;
    let anywhere = |rule: &ConfigRule| {
        accounts.iter().any(|id| match declared.profiles.account(*id) {
            Some(account) => declared.baseline.has_rule(account, rule, region),
            None => config.rules.contains(rule),
        })
    };
    let rules = declared.baseline.config_rules().into_iter();
    rules.filter(|rule| (home || !rule.home_only) && anywhere(rule)).map(|rule| rule.name.clone()).collect()
}

/// The rules of an account in a Region, each after what it watches: its first evaluation comes at once, and would report
/// everything that is not there yet.
pub(super) fn desired(declared: &Declared<'_>, config: &Config, target: &Target) -> Vec<Desired> {
    let rules = rules_of(config, &target.region);
    rules
        .map(|rule| {
            let recorded = match rule.trigger.runs_unrecorded() {
                // AWS takes no rule at all where there is no recorder (AWS Config API Reference, `PutConfigRule`).
                true => recorder(config, target),
                false => recording(config, target),
            };
            let requires = [recorded].into_iter().chain(watched(declared, &rule.identifier, target)).collect();
            let address = Address::new(target.clone(), Kind::ConfigRule, rule.name.clone());
            let spec = Rule::declared(rule, our_tags(declared.baseline));
            Desired::new(address, Spec::ConfigRule(Box::new(spec)), requires)
        })
        .collect()
}

/// What of this baseline a rule watches.
fn watched(declared: &Declared<'_>, identifier: &str, target: &Target) -> Option<Address> {
    if ["CLOUD_TRAIL_", "CLOUDTRAIL_", "MULTI_REGION_CLOUD_TRAIL_"].iter().any(|start| identifier.starts_with(start)) {
        cloudtrail::covering(declared, target)
    } else if identifier.starts_with("GUARDDUTY_") {
        guardduty::detector(declared, target)
    } else {
        None
    }
}
