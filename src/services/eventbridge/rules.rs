//! Which bus and which rules each account should have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::apart;
use super::config::{Events, Forward, Preset, Selected};
use super::pattern::{QUOTA_CHARS, canonical, length};
use super::policy::{self, address, senders};
use super::read_only;
use super::spec::{Bus, Rule, RuleTarget, rule_address_name};
use super::{BUS_TARGET, DEFAULT_BUS, RULE_PREFIX, TOPIC_TARGET};
use crate::config::Overridable;
use crate::model::{AccountId, Address, Arn, Region, Target};
use crate::services::{
    Declared, Desired, Kept, Kind, Note, Place, Reference, SharedPolicy, Spec, Tags, config, iam, our_tags, sns,
};

/// The Regions in which the security account receives.
pub(super) fn receiving_regions<'a>(declared: &Declared<'a>) -> &'a [Region] {
    &declared.shared.hub
}

/// The bus that receives the events of a Region: the security account's in the same Region, or in the fallback Region
/// where it has not enabled that one.
pub fn receiving_bus(declared: &Declared<'_>, region: &Region) -> Option<Address> {
    let events = declared.baseline.events.as_ref()?;
    let region = match (receiving_regions(declared).contains(region), &events.fallback_region) {
        (false, Some(fallback)) => fallback,
        _ => region,
    };
    Some(address(declared, region))
}

/// What an account should hold.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(events) = &declared.baseline.events else { return Vec::new() };
    let scene = Scene { declared, events };
    if place.account.id == declared.profiles.security {
        scene.receiving(place)
    } else if place.account.baseline {
        scene.sending(place)
    } else {
        Vec::new()
    }
}

/// Every Region of the account: a rule of ours can be in any of them; in the security account, those besides in which
/// it receives.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    if declared.baseline.events.is_none() {
        return Vec::new();
    }
    let mut regions: BTreeSet<&Region> = place.regions.iter().collect();
    if place.account.id == declared.profiles.security {
        regions.extend(receiving_regions(declared));
    }
    regions.into_iter().map(|region| place.target(region)).collect()
}

/// One note for each rule that cannot name the accounts whose events it matches, because its pattern would be too long.
pub fn pattern_notes(declared: &Declared<'_>) -> Vec<Note> {
    let Some(events) = &declared.baseline.events else { return Vec::new() };
    let scene = Scene { declared, events };
    let mut notes = Vec::new();
    for bus in policy::bus_addresses(declared) {
        for forward in declared.baseline.forwards() {
            let on = On { bus: &bus.name, region: &bus.target.region };
            let Some(Choice::Fits { pinned: false, .. }) = scene.hub_pattern(forward, &on) else { continue };
            notes.push(Note {
                target: bus.target.clone(),
                topic: "rule-pattern".to_owned(),
                text: format!(
                    "rule {RULE_PREFIX}{} of the receiving bus does not name the accounts whose events it matches: for \
                     {} accounts, its pattern would take more than the {QUOTA_CHARS} characters that AWS takes; the \
                     bus policy still admits these accounts only",
                    forward.name,
                    scene.senders_of(forward).len()
                ),
            });
        }
    }
    notes
}

/// Where a rule of the security account is.
struct On<'a> {
    bus: &'a str,
    region: &'a Region,
}

/// The pattern of a rule, as far as it can be written.
enum Choice {
    /// It can.
    Fits {
        /// The pattern.
        pattern: Value,
        /// Whether it names the accounts, or need not.
        pinned: bool,
    },
    /// Not even this, which is the shortest.
    TooLong(Value),
}

struct Scene<'a> {
    declared: &'a Declared<'a>,
    events: &'a Events,
}

impl Scene<'_> {
    /// Whether the security account's own bus sees the findings of all its members, so that these need not send them
    /// (GuardDuty User Guide, "EventBridge rules for multi-account environments"). Only where it has enabled the Region
    /// can it administer anybody.
    fn sees_findings(&self) -> bool {
        self.declared.baseline.guardduty.as_ref().is_some_and(|guardduty| guardduty.membership)
    }

    /// The accounts that send these events, whether or not this run could enter them: all but those for which an override
    /// leaves them out, or that no override that adds them holds for. One that the profiles do not name any more sends
    /// what all do.
    fn senders_of(&self, forward: &Forward) -> BTreeSet<AccountId> {
        let baseline = self.declared.baseline;
        let mut senders = senders(self.declared);
        senders.retain(|id| match self.declared.profiles.account(*id) {
            Some(account) => baseline.is_forwarded_by(account, forward),
            None => self.events.forward.contains(forward),
        });
        senders
    }

    /// Whether the security account sees the findings of an account in a Region: no override leaves its detector out.
    fn sees_findings_of(&self, id: AccountId, region: &Region) -> bool {
        let baseline = self.declared.baseline;
        let account = self.declared.profiles.account(id);
        self.sees_findings() && account.is_none_or(|account| baseline.keeps_in(account, Overridable::Guardduty, region))
    }

    fn is_forwarded_by_security(&self, forward: &Forward) -> bool {
        let security = self.declared.profiles.account(self.security());
        security.is_some_and(|account| self.declared.baseline.is_forwarded_by(account, forward))
    }

    /// Whether the security account's own events of this sort are told of in a Region.
    fn tells_own(&self, forward: &Forward, region: &Region) -> bool {
        let security = self.declared.profiles.account(self.security()).filter(|account| account.baseline);
        self.is_forwarded_by_security(forward)
            && security.is_some_and(|it| self.declared.baseline.keeps_in(it, Overridable::Events, region))
    }

    fn is_fallback(&self, region: &Region) -> bool {
        self.events.fallback_region.as_ref() == Some(region)
    }

    fn security(&self) -> AccountId {
        self.declared.profiles.security
    }

    /// The security account: bus and rules in every Region in which it receives, and the rules for its own events.
    fn receiving(&self, place: &Place<'_>) -> Vec<Desired> {
        let mut desired = Vec::new();
        for region in receiving_regions(self.declared) {
            let bus = address(self.declared, region);
            desired.push(Desired::shared(bus.clone(), self.bus(&bus), Vec::new()));
            let on = On { bus: &bus.name, region };
            for forward in self.declared.baseline.forwards() {
                if let Some(choice) = self.hub_pattern(forward, &on) {
                    let description = format!("Tells of {} that accounts forward", forward.name);
                    let rule = self.telling(forward, &on, choice, description, vec![bus.clone()]);
                    desired.push(Desired { shared: true, ..rule });
                }
            }
        }
        if self.events.bus != DEFAULT_BUS {
            desired.extend(self.own(place));
        }
        desired
    }

    /// The rules for the security account's own events, where the receiving bus is not the one that sees them.
    fn own(&self, place: &Place<'_>) -> Vec<Desired> {
        let mut regions: BTreeSet<&Region> = BTreeSet::new();
        if place.account.baseline {
            regions.extend(place.regions);
        }
        // As their administrator it sees the findings of all members, whatever it says of `baseline`.
        if self.sees_findings() {
            regions.extend(receiving_regions(self.declared));
        }
        let rules = regions.into_iter().flat_map(|region| {
            let on = On { bus: DEFAULT_BUS, region };
            self.declared.baseline.forwards().into_iter().filter_map(move |forward| {
                let of_members = self.sees_findings() && is_findings(forward);
                let here = place.regions.contains(region) && self.tells_own(forward, region);
                if !here && !of_members {
                    return None;
                }
                let choice = self.hub_pattern(forward, &on)?;
                let description = format!("Tells of {} in this account", forward.name);
                let rule = self.telling(forward, &on, choice, description, Vec::new());
                // Other accounts depend on it where it tells of their findings.
                let shared = of_members && receiving_regions(self.declared).contains(region);
                Some(Desired { shared, ..rule })
            })
        });
        rules.collect()
    }

    fn bus(&self, bus: &Address) -> Spec {
        let statements = policy::statements(self.declared, bus);
        let tags = if bus.name == DEFAULT_BUS { Tags::new() } else { our_tags(self.declared.baseline) };
        Spec::EventbridgeBus(Box::new(Bus {
            policy: SharedPolicy::ours(statements, self.events.exclusive),
            kms_key: None,
            tags,
        }))
    }

    /// A rule of the security account, which tells the topic where there is one.
    fn telling(
        &self,
        forward: &Forward,
        on: &On<'_>,
        choice: Choice,
        description: String,
        mut requires: Vec<Address>,
    ) -> Desired {
        let topic = sns::topic(self.declared, on.region);
        let partition = self.declared.profiles.partition;
        let target = topic.as_ref().and_then(|topic| {
            let Target { account, region } = &topic.target;
            let arn: Arn = format!("arn:{partition}:sns:{region}:{account}:{}", topic.name).parse().ok()?;
            Some(RuleTarget::new(Reference::Is(arn), None, forward.transform.clone()))
        });
        requires.extend(topic);
        let targets = target.map(|target| (TOPIC_TARGET.to_owned(), target)).into_iter().collect();
        let place = Target::new(self.security(), on.region.clone());
        self.rule(
            forward,
            Address::new(place, Kind::EventbridgeRule, name(on.bus, forward)),
            choice,
            Written { description, targets, requires },
        )
    }

    /// Any other account: a rule per forward on the default bus, which sends to the receiving bus.
    fn sending(&self, place: &Place<'_>) -> Vec<Desired> {
        let mut desired = Vec::new();
        for region in place.regions {
            let Some(bus) = receiving_bus(self.declared, region) else { continue };
            let Some(role) = iam::forwarding_role(self.declared, place.account.id) else { continue };
            let received = receiving_regions(self.declared).contains(&bus.target.region);
            for forward in &self.events.forward {
                let Some(choice) = self.sent_pattern(forward, &place.target(region)) else { continue };
                let Ok(arn) = policy::arn(self.declared, &bus).parse::<Arn>() else { continue };
                let target = RuleTarget::new(Reference::Is(arn), Some(Reference::To(role.clone())), None);
                let written = Written {
                    description: format!("Forwards {} to the security account", forward.name),
                    targets: BTreeMap::from([(BUS_TARGET.to_owned(), target)]),
                    requires: vec![bus.clone(), role.clone()],
                };
                let rule = Address::new(place.target(region), Kind::EventbridgeRule, name(DEFAULT_BUS, forward));
                let mut rule = self.rule(forward, rule, choice, written);
                if !received {
                    rule.obstacle = Some(self.nowhere(region, &bus.target.region));
                }
                desired.push(rule);
            }
        }
        desired
    }

    /// Why the events of a Region have nowhere to go.
    fn nowhere(&self, region: &Region, receiving: &Region) -> Kept {
        let security = self.security();
        let way_out = format!("or leave {region} out of this account's `regions` in profiles.toml");
        if region == receiving {
            Kept {
                reason: format!(
                    "the security account {security} has not enabled {region}: events from there cannot be received"
                ),
                hint: format!(
                    "enable {region} in account {security}, or declare `fallback_region` under [events] in \
                     baseline.toml, {way_out}"
                ),
            }
        } else {
            Kept {
                reason: format!(
                    "the security account {security} has enabled neither {region} nor the `fallback_region` {receiving}"
                ),
                hint: format!("enable one of them in account {security}, {way_out}"),
            }
        }
    }

    fn rule(&self, forward: &Forward, address: Address, choice: Choice, written: Written) -> Desired {
        let Written { description, targets, requires } = written;
        let (pattern, obstacle) = match choice {
            Choice::Fits { pattern, .. } => (pattern, None),
            Choice::TooLong(pattern) => {
                let chars = length(&pattern);
                let obstacle = Kept {
                    reason: format!(
                        "its event pattern would take {chars} characters at least, and AWS takes {QUOTA_CHARS}"
                    ),
                    hint: format!(
                        "let the names of [[config.rule]] begin with the same word, or declare fewer rules: \
                         `{}` names them all",
                        forward.name
                    ),
                };
                (pattern, Some(obstacle))
            }
        };
        let rule = Rule {
            pattern: canonical(&pattern),
            schedule: None,
            state: read_only::state(forward.read_only_events).to_owned(),
            description: Some(description),
            role: None,
            targets,
            other_targets: BTreeMap::new(),
            managed_by: None,
            tags: our_tags(self.declared.baseline),
        };
        Desired { obstacle, ..Desired::new(address, Spec::EventbridgeRule(Box::new(rule)), requires) }
    }

    /// What a rule of an account that sends selects; `None` where there is nothing for it to select.
    fn sent_pattern(&self, forward: &Forward, target: &Target) -> Option<Choice> {
        if let Selected::Preset { preset, .. } = &forward.what {
            let elsewhere = preset.is_global() && target.region != self.declared.profiles.partition.global_region();
            // Findings are forwarded once: from where the administrator sees them.
            let seen = *preset == Preset::GuarddutyFindings
                && self.sees_findings_of(target.account, &target.region)
                && receiving_regions(self.declared).contains(&target.region);
            if elsewhere || seen {
                return None;
            }
        }
        if preset_of(forward) == Some(Preset::SecurityGroupOpenToWorld) && self.sends(Preset::SecurityGroupChanges) {
            // These are among the changes, which are forwarded already.
            return None;
        }
        let patterns = selected(forward, || config::rule_names(self.declared, target).into_iter().collect())?;
        let root = self.sends(Preset::RootLogin);
        let apart = patterns.into_iter().map(|pattern| match preset_of(forward) {
            Some(preset) if root => (apart::sent_without_root(preset, pattern), true),
            _ => (pattern, true),
        });
        Some(as_warned(forward, first_of(apart.collect())))
    }

    /// Whether a preset is among what the account at hand forwards.
    fn sends(&self, preset: Preset) -> bool {
        self.events.forward.iter().any(|forward| preset_of(forward) == Some(preset))
    }

    /// The accounts whose events a rule of the security account hears: those that send them, and on the default bus its
    /// own.
    fn hears(&self, forward: &Forward, on: &On<'_>) -> BTreeSet<AccountId> {
        let mut accounts = if on.bus == self.events.bus { self.senders_of(forward) } else { BTreeSet::new() };
        if on.bus == DEFAULT_BUS && self.tells_own(forward, on.region) {
            accounts.insert(self.security());
        }
        accounts
    }

    /// Whether a preset is told of for all of these accounts.
    fn tells(&self, preset: Preset, accounts: &BTreeSet<AccountId>, on: &On<'_>) -> bool {
        let mut told =
            self.declared.baseline.forwards().into_iter().filter(|forward| preset_of(forward) == Some(preset));
        told.any(|forward| accounts.is_subset(&self.hears(forward, on)))
    }

    /// What a rule of the security account matches: what is forwarded, from the declared accounts, and on the default
    /// bus its own events, too.
    fn hub_pattern(&self, forward: &Forward, on: &On<'_>) -> Option<Choice> {
        let global = self.declared.profiles.partition.global_region();
        let findings = self.sees_findings() && is_findings(forward);
        let receives = on.bus == self.events.bus;
        if let Selected::Preset { preset, .. } = &forward.what
            && preset.is_global()
            && *on.region != global
            // Whatever this run knows of Regions: the rule must not come and go with what it is narrowed to.
            && !(receives && self.is_fallback(on.region))
        {
            return None;
        }
        let mut accounts = self.hears(forward, on);
        // As their administrator it sees its own findings, too, whatever it says of `baseline`.
        let administers = findings && self.is_forwarded_by_security(forward);
        if on.bus == DEFAULT_BUS && administers {
            accounts.insert(self.security());
        }
        if findings {
            if on.bus == DEFAULT_BUS {
                accounts.extend(self.senders_of(forward));
            } else if !self.is_fallback(on.region) {
                // The others send none: theirs are seen on the default bus.
                accounts.retain(|id| !self.sees_findings_of(*id, on.region));
            }
        }
        if accounts.is_empty() {
            // Nobody sends, and nothing of its own counts: a list without accounts would be no pattern at all.
            return None;
        }
        let mut patterns = selected(forward, || self.rule_names(&accounts, on))?;
        if let Some(preset) = preset_of(forward) {
            // What several rules match is forwarded once, and told of once.
            let tells = |other: Preset| other != preset && self.tells(other, &accounts, on);
            let (root, open) = (tells(Preset::RootLogin), tells(Preset::SecurityGroupOpenToWorld));
            patterns = patterns.into_iter().map(|pattern| apart::told(preset, pattern, root, open)).collect();
        }
        let ids: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        // In the administrator's account the event says its own id, and the finding whose it is.
        let pin = |pattern: &Value| match (findings && on.bus == DEFAULT_BUS, pattern.get("account")) {
            (true, _) => {
                let mut pinned = pattern.clone();
                pinned["detail"]["accountId"] = json!(ids);
                pinned
            }
            (false, None) => {
                let mut pinned = pattern.clone();
                pinned["account"] = json!(ids);
                pinned
            }
            // A pattern of somebody's own says which accounts it means.
            (false, Some(_)) => pattern.clone(),
        };
        let pinned = patterns.iter().map(|pattern| (pin(pattern), true));
        let unpinned = patterns.iter().map(|pattern| (pattern.clone(), false));
        Some(as_warned(forward, first_of(pinned.chain(unpinned).collect())))
    }

    /// The names of the Config rules whose compliance these accounts may report to a Region.
    fn rule_names(&self, accounts: &BTreeSet<AccountId>, on: &On<'_>) -> BTreeSet<String> {
        let mut regions = BTreeSet::from([on.region.clone()]);
        if on.bus == self.events.bus && self.is_fallback(on.region) {
            let known = self.declared.profiles.partition.known_regions().iter();
            regions.extend(known.filter_map(|region| region.name.parse().ok()));
        }
        regions.iter().flat_map(|region| config::rule_names_of(self.declared, accounts, region)).collect()
    }
}

/// What a rule says besides its pattern.
struct Written {
    description: String,
    targets: BTreeMap<String, RuleTarget>,
    requires: Vec<Address>,
}

/// The preset of a selection, if it is one.
fn preset_of(forward: &Forward) -> Option<Preset> {
    match &forward.what {
        Selected::Preset { preset, .. } => Some(*preset),
        Selected::Pattern(_) => None,
    }
}

fn is_findings(forward: &Forward) -> bool {
    matches!(forward.what, Selected::Preset { preset: Preset::GuarddutyFindings, .. })
}

fn name(bus: &str, forward: &Forward) -> String {
    rule_address_name(bus, &format!("{RULE_PREFIX}{}", forward.name))
}

/// The patterns that select what is forwarded, the most exact first; `None` where there is nothing to select, because no
/// Config rule is declared.
fn selected(forward: &Forward, rules: impl FnOnce() -> BTreeSet<String>) -> Option<Vec<Value>> {
    match &forward.what {
        Selected::Pattern(pattern) => Some(vec![pattern.clone()]),
        Selected::Preset { preset: Preset::ConfigCompliance, .. } => {
            let names = rules();
            if names.is_empty() {
                return None;
            }
            let mut patterns = vec![Preset::ConfigCompliance.pattern(None, &json!(names))];
            patterns.extend(
                common_prefix(&names)
                    .map(|prefix| Preset::ConfigCompliance.pattern(None, &json!([{"prefix": prefix}]))),
            );
            Some(patterns)
        }
        Selected::Preset { preset, minimum_severity } => Some(vec![preset.pattern(*minimum_severity, &Value::Null)]),
    }
}

/// What all names begin with, up to a hyphen: a word of its own, which other people's rules hardly begin with by chance.
fn common_prefix(names: &BTreeSet<String>) -> Option<&str> {
    // In order, so that what the first and the last begin with, all do.
    let (first, last) = (names.first()?, names.last()?);
    let same = first.char_indices().zip(last.chars()).find(|((_, a), b)| a != b).map_or(first.len(), |((at, _), _)| at);
    let word = first.get(..same.min(last.len()))?;
    let end = word.rfind('-')?;
    (end > 2).then(|| &word[..=end])
}

/// The same, but for a pattern of somebody's own that is longer by itself: that was warned of, and is tried as it is.
fn as_warned(forward: &Forward, choice: Choice) -> Choice {
    match choice {
        Choice::TooLong(pattern) if matches!(forward.what, Selected::Pattern(_)) => {
            Choice::Fits { pattern, pinned: false }
        }
        choice => choice,
    }
}

/// The first pattern that the quota lets through.
fn first_of(mut patterns: Vec<(Value, bool)>) -> Choice {
    if let Some(fits) = patterns.iter().position(|(pattern, _)| length(pattern) <= QUOTA_CHARS) {
        let (pattern, pinned) = patterns.swap_remove(fits);
        return Choice::Fits { pattern, pinned };
    }
    let shortest = patterns.into_iter().map(|(pattern, _)| pattern).min_by_key(length).unwrap_or_default();
    Choice::TooLong(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn compliance() -> Forward {
        let what = Selected::Preset { preset: Preset::ConfigCompliance, minimum_severity: None };
        Forward { name: "config-compliance".to_owned(), what, transform: None, read_only_events: false }
    }

    #[test]
    fn what_names_begin_with_is_a_word_of_its_own() {
        for (given, prefix) in [
            (&["baseline-a", "baseline-b"][..], Some("baseline-")),
            (&["baseline-cloud-trail", "baseline-cloud-watch"], Some("baseline-cloud-")),
            (&["baseline-a"], Some("baseline-")),
            (&["baseline", "baseline-a"], None),
            (&["cloudtrail", "cloudwatch"], None),
            (&["a-x", "a-y"], None),
            (&["ä-one", "ö-two"], None),
            (&[], None),
        ] {
            assert_eq!(common_prefix(&names(given)), prefix, "{given:?}");
        }
    }

    #[test]
    fn compliance_is_selected_by_the_names_of_rules_then_by_what_these_begin_with() {
        assert!(selected(&compliance(), BTreeSet::new).is_none(), "no rule, nothing to forward");
        let few = names(&["baseline-a", "baseline-b"]);
        let patterns = selected(&compliance(), || few.clone()).unwrap();
        assert_eq!(patterns[0]["detail"]["configRuleName"], json!(few));
        assert_eq!(patterns[1]["detail"]["configRuleName"], json!([{"prefix": "baseline-"}]));

        let all = |patterns: Vec<Value>| first_of(patterns.into_iter().map(|pattern| (pattern, true)).collect());
        let many = |word: &str| (0..100).map(|n| format!("{word}{n}-some-long-name-of-a-rule")).collect();
        let Choice::Fits { pattern, .. } = all(selected(&compliance(), || many("baseline-")).unwrap()) else {
            panic!("the prefix fits")
        };
        assert_eq!(pattern["detail"]["configRuleName"], json!([{"prefix": "baseline-"}]));
        assert!(
            matches!(all(selected(&compliance(), || many("")).unwrap()), Choice::TooLong(shortest) if length(&shortest) > 3_000)
        );
    }
}
