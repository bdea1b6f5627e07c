//! `[[override]]` of `baseline.toml`: for whom it is, and what it says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::baseline::{Context, named};
use super::profiles::CheckedProfiles;
use super::regions::check_regions;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::{RawOverride, RawRegions};
use crate::config::suggest::did_you_mean;
use crate::config::{Account, Baseline, Duty, Overridable, Override, RegionChoice, Whose};
use crate::model::Region;
use crate::services::cloudtrail::config::{CloudTrail, Mode};
use crate::services::config::section::{Config, ConfigRule, check_rules};
use crate::services::eventbridge::config::{Events, Forward, Preset, Selected, check_forwards};
use crate::services::guardduty::config::{GuardDuty, check_features, features_exclude_each_other};

/// An override as far as it is read before the sections, whose checks ask whom they are for.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The accounts it holds for.
    pub whose: Whose,
    /// What it leaves out there.
    pub without: BTreeSet<Overridable>,
}

/// The sections, each `None` where it is wrong or left out.
pub(super) struct Sections<'a> {
    pub cloudtrail: Option<&'a CloudTrail>,
    pub config: Option<&'a Config>,
    pub guardduty: Option<&'a GuardDuty>,
    pub events: Option<&'a Events>,
}

/// Checks for whom each override is and what it leaves out; `None` for one that is wrong in this.
pub(super) fn check_reach(
    raw: &[Section<RawOverride>],
    profiles: &CheckedProfiles,
    findings: &mut Findings,
) -> Vec<Option<Reach>> {
    let mut all = Vec::new();
    for (index, at) in raw.iter().enumerate() {
        let whose = check_whose(at, &format!("override.{index}"), profiles, findings);
        let without = check_without(at, findings);
        all.push(whose.zip(without).map(|(whose, without)| Reach { whose, without }));
    }
    all
}

fn check_whose(
    at: &Section<RawOverride>,
    path: &str,
    profiles: &CheckedProfiles,
    findings: &mut Findings,
) -> Option<Whose> {
    let groups = || at.groups.iter().flat_map(|list| list.iter());
    let globs = || at.accounts.iter().flat_map(|list| list.iter());
    if groups().next().is_none() && globs().next().is_none() {
        if !findings.is_struck(&format!("{path}.groups")) && !findings.is_struck(&format!("{path}.accounts")) {
            findings
                .error(at.span(), "this [[override]] is for nobody")
                .label("needs `groups` or `accounts`")
                .help("what holds for every account is said in the sections themselves");
        }
        return None;
    }
    // Where the other file is wrong, what is missing there may only be misread.
    let accounts = profiles.profiles.is_some().then_some(&profiles.accounts);
    let mut whole = true;
    for group in groups() {
        let Some(accounts) = accounts else { break };
        let known: BTreeSet<&str> = accounts.iter().flat_map(|a| a.groups.iter().map(String::as_str)).collect();
        if !known.contains(group.as_str()) {
            findings
                .error(group.span(), format!("no account is in the group `{}`", group.as_str()))
                .label("no `groups` in profiles.toml has it")
                .help(did_you_mean(group, known.iter().copied()).unwrap_or_else(|| match known.is_empty() {
                    true => "no account there is in any group".to_owned(),
                    false => format!("groups there are {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
                }));
            whole = false;
        }
    }
    for glob in globs() {
        let alone = match Whose::new(BTreeSet::new(), &[glob.to_string()]) {
            Ok(alone) => alone,
            Err(error) => {
                findings
                    .error(glob.span(), format!("`{}` is not a glob", glob.as_str()))
                    .label(error.reason)
                    .help("* matches any text, ? one character, {a,b} either, [ab] one of these characters");
                whole = false;
                continue;
            }
        };
        if let Some(accounts) = accounts
            && !accounts.iter().any(|account| alone.holds(account))
        {
            let ids: Vec<String> = accounts.iter().map(|account| account.id.to_string()).collect();
            let known = ids.iter().map(String::as_str).chain(accounts.iter().map(|account| account.name.as_str()));
            findings
                .error(glob.span(), format!("no account's id or name matches `{}`", glob.as_str()))
                .label("matches none of profiles.toml")
                .maybe_help(did_you_mean(glob, known));
            whole = false;
        }
    }
    if !whole {
        return None;
    }
    let globs: Vec<String> = globs().map(|glob| glob.to_string()).collect();
    let whose = Whose::new(groups().map(|group| group.to_string()).collect(), &globs).ok()?;
    if accounts.is_some_and(|accounts| !accounts.iter().any(|account| account.baseline && whose.holds(account))) {
        findings
            .warning(at.span(), "this [[override]] has no effect")
            .label("none of its accounts gets the baseline")
            .help("profiles.toml says `baseline = false` for them");
    }
    Some(whose)
}

fn check_without(at: &Section<RawOverride>, findings: &mut Findings) -> Option<BTreeSet<Overridable>> {
    let mut without = BTreeSet::new();
    let mut whole = true;
    for one in at.without.iter().flat_map(|list| list.iter()) {
        if !without.insert(**one) {
            findings.error(one.span(), format!("`{}` is listed twice", one.as_str())).label("again");
            whole = false;
        }
        if let Some(table) = table_of(at, **one) {
            findings
                .error(table, format!("[override.{0}] has no effect where {0} is left out", one.as_str()))
                .label("says it otherwise")
                .also(one.span(), "and this leaves it out")
                .help("take one of them out");
            whole = false;
        }
    }
    whole.then_some(without)
}

/// Where an override says something of a section.
fn table_of(at: &RawOverride, section: Overridable) -> Option<Range<usize>> {
    match section {
        Overridable::Cloudtrail => at.cloudtrail.as_ref().map(At::span),
        Overridable::Config => at.config.as_ref().map(At::span),
        Overridable::Guardduty => at.guardduty.as_ref().map(At::span),
        Overridable::Events => at.events.as_ref().map(At::span),
    }
}

/// Where an override chooses a section's Regions.
fn regions_in(at: &RawOverride, section: Overridable) -> Option<&Section<RawRegions>> {
    match section {
        Overridable::Cloudtrail => at.cloudtrail.as_ref().and_then(|table| table.regions.as_ref()),
        Overridable::Config => at.config.as_ref().and_then(|table| table.regions.as_ref()),
        Overridable::Guardduty => at.guardduty.as_ref().and_then(|table| table.regions.as_ref()),
        Overridable::Events => at.events.as_ref().and_then(|table| table.regions.as_ref()),
    }
}

/// Checks what each override says, against the sections that it changes.
pub(super) fn check_overrides(
    raw: &[Section<RawOverride>],
    reach: &[Option<Reach>],
    context: &Context<'_>,
    sections: &Sections<'_>,
    findings: &mut Findings,
) -> Option<Vec<Override>> {
    let mut all = Vec::new();
    let mut whole = true;
    let mut named = Named::default();
    for (index, (at, reach)) in raw.iter().zip(reach).enumerate() {
        let theirs: Vec<Account> = match reach {
            Some(reach) => context.baselined().filter(|account| reach.whose.holds(account)).cloned().collect(),
            None => Vec::new(),
        };
        let one = One {
            at,
            path: format!("override.{index}"),
            theirs: &theirs,
            context: &Context { accounts: &theirs, ..*context },
            sections,
        };
        let checked = one.check(reach.as_ref(), &mut named, findings);
        whole &= checked.is_some();
        all.extend(checked);
    }
    whole.then_some(all)
}

/// What overrides add under which name, and where.
#[derive(Default)]
struct Named {
    rules: BTreeMap<String, (ConfigRule, Range<usize>)>,
    forwards: BTreeMap<String, (Forward, Range<usize>)>,
}

/// One override, and what its check may ask.
struct One<'a> {
    at: &'a Section<RawOverride>,
    path: String,
    /// The accounts it holds for that get the baseline.
    theirs: &'a [Account],
    /// The rest of the file, with these accounts alone.
    context: &'a Context<'a>,
    sections: &'a Sections<'a>,
}

impl One<'_> {
    fn check(&self, reach: Option<&Reach>, named: &mut Named, findings: &mut Findings) -> Option<Override> {
        let mut whole = self.check_declared(findings);
        self.warn_of_nothing(findings);
        whole &= self.check_security(findings);
        self.warn_of_trails(findings);
        let mut regions = BTreeMap::new();
        for section in Overridable::ALL {
            let Some(at) = regions_in(self.at, section) else { continue };
            match check_regions(at, self.context.partition, findings) {
                Some(choice) => {
                    whole &= self.check_needed_region(section, at, &choice, findings);
                    regions.insert(section, choice);
                }
                None => whole = false,
            }
        }
        let features = self.features(findings);
        let rules = self.rules(named, findings);
        let forward = self.forward(named, findings);
        let reach = reach?;
        let checked = Override {
            whose: reach.whose.clone(),
            without: reach.without.clone(),
            regions,
            features: features?,
            rules: rules?,
            forward: forward?,
        };
        whole.then_some(checked)
    }

    /// The places that say something of a section.
    fn said(&self, section: Overridable) -> Option<Range<usize>> {
        let mut left_out = self.at.without.iter().flat_map(|list| list.iter());
        left_out.find(|one| ***one == section).map(At::span).or_else(|| table_of(self.at, section))
    }

    /// What is not declared cannot be otherwise.
    fn check_declared(&self, findings: &mut Findings) -> bool {
        let raw = self.context.raw;
        let mut whole = true;
        for section in Overridable::ALL {
            let declared = match section {
                Overridable::Cloudtrail => raw.cloudtrail.is_some(),
                Overridable::Config => raw.config.is_some(),
                Overridable::Guardduty => raw.guardduty.is_some(),
                Overridable::Events => raw.events.is_some(),
            };
            let name = section.as_str();
            if let (Some(span), false) = (self.said(section), declared || findings.is_struck(name)) {
                findings
                    .error(span, format!("this baseline has no [{name}] that could be otherwise for some accounts"))
                    .label("not declared for any account")
                    .help(format!(
                        "add the table [{name}], and leave it out by `without` where it shall not be; or take this out"
                    ));
                whole = false;
            }
        }
        whole
    }

    fn warn_of_nothing(&self, findings: &mut Findings) {
        let at = self.at;
        let empty = [
            at.cloudtrail.as_ref().filter(|table| table.regions.is_none()).map(At::span),
            at.config.as_ref().filter(|table| table.regions.is_none() && table.rule.is_none()).map(At::span),
            at.guardduty.as_ref().filter(|table| table.regions.is_none() && table.features.is_none()).map(At::span),
            at.events.as_ref().filter(|table| table.regions.is_none() && table.forward.is_none()).map(At::span),
        ];
        // What could not be read was meant to say something.
        let keys = ["without", "cloudtrail", "config", "guardduty", "events"];
        let misread = keys.iter().any(|key| findings.is_struck_below(&format!("{}.{key}", self.path)));
        let says_nothing = !misread
            && at.without.as_ref().is_none_or(|list| list.is_empty())
            && Overridable::ALL.iter().all(|section| table_of(at, *section).is_none());
        let places = empty.into_iter().flatten().chain(says_nothing.then(|| at.span()));
        for span in places {
            findings
                .warning(span, "this says nothing otherwise")
                .label("has no effect")
                .help("leave a section out by `without`, or say under [override.…] what is otherwise");
        }
    }

    /// What the security account holds for the others cannot be otherwise there.
    fn check_security(&self, findings: &mut Findings) -> bool {
        let Some(security) = self.theirs.iter().find(|account| account.duty == Duty::Security) else { return true };
        let mut whole = true;
        let mut refuse = |span: Range<usize>, what: &str, way_out: &str| {
            findings
                .error(span, format!("{} ({}) {what}", security.id, security.name))
                .label("this override is for the security account, too")
                .help(format!("let the override be for other accounts alone, or {way_out}"));
            whole = false;
        };
        let membership = self.sections.guardduty.is_some_and(|guardduty| guardduty.membership);
        if let Some(span) = self.said(Overridable::Guardduty).filter(|_| membership) {
            refuse(
                span,
                "administers the detectors of all others: its own are as [guardduty] says",
                "take `membership = true` out of [guardduty]",
            );
        }
        let aggregator = self.sections.config.is_some_and(|config| config.aggregator.is_some());
        let left_out = self.at.without.iter().flat_map(|list| list.iter());
        let config = left_out.filter(|one| ***one == Overridable::Config).map(At::span).next();
        if let Some(span) = config.filter(|_| aggregator) {
            refuse(span, "has the aggregator of AWS Config", "take [config.aggregator] out");
        }
        whole
    }

    /// Presets that hear nothing where no trail records.
    fn warn_of_trails(&self, findings: &mut Findings) {
        let left_out = || self.at.without.iter().flat_map(|list| list.iter());
        let without_events = left_out().any(|one| **one == Overridable::Events);
        let Some(trail) = left_out().find(|one| ***one == Overridable::Cloudtrail).filter(|_| !without_events) else {
            return;
        };
        let forwards = self.sections.events.iter().flat_map(|events| &events.forward);
        let deaf: Vec<&str> = forwards.filter_map(preset).filter(|p| p.needs_trail()).map(Preset::as_str).collect();
        if let [first, ..] = deaf.as_slice() {
            let all = deaf.join(", ");
            findings
                .warning(trail.span(), format!("`{first}` needs a trail that is recording, and none is declared there"))
                .label("its events come through CloudTrail")
                .help(format!("unless these accounts have another trail, nothing is heard from there of {all}"));
        }
    }

    /// The Region that a section depends on has to count wherever the section does.
    fn check_needed_region(
        &self,
        section: Overridable,
        at: &Section<RawRegions>,
        choice: &RegionChoice,
        findings: &mut Findings,
    ) -> bool {
        let (region, key, lost): (&Region, &str, &str) = match section {
            Overridable::Cloudtrail => match self.sections.cloudtrail {
                Some(trail) if trail.mode == Mode::MultiRegion => {
                    findings
                        .error(at.span(), "a multi-Region trail records every Region")
                        .label("no Region can be left out for some accounts")
                        .help("take this out, or say `mode = \"per-region\"` under [cloudtrail]");
                    return false;
                }
                Some(trail) if trail.include_global_service_events => {
                    let lost = "nothing would record its global service events there";
                    (&trail.global_events_region, "global_events_region", lost)
                }
                _ => return true,
            },
            Overridable::Config => match self.sections.config {
                Some(config) => {
                    (&config.global_resources_region, "global_resources_region", "nothing would record IAM there")
                }
                None => return true,
            },
            Overridable::Events => {
                self.warn_of_global_events(at, choice, findings);
                return true;
            }
            Overridable::Guardduty => return true,
        };
        if choice.holds(region) || self.theirs.is_empty() {
            return true;
        }
        let theirs: Vec<&Account> = self.theirs.iter().collect();
        findings
            .error(at.span(), format!("{region} is left out for {}", named(&theirs)))
            .label(lost)
            .help(format!("include {region}, which is the `{key}`, or leave {} out by `without`", section.as_str()));
        false
    }

    /// A Region that is left out although events happen only there.
    fn warn_of_global_events(&self, at: &Section<RawRegions>, choice: &RegionChoice, findings: &mut Findings) {
        let Some(partition) = self.context.partition else { return };
        let global = partition.global_region();
        let losing: Vec<&Account> = self.theirs.iter().filter(|account| account.regions.holds(&global)).collect();
        if choice.holds(&global) || losing.is_empty() {
            return;
        }
        let forwards = self.sections.events.iter().flat_map(|events| &events.forward);
        let deaf: Vec<&str> = forwards
            .filter_map(preset)
            .filter(|preset| preset.needs_global_region(partition))
            .map(Preset::as_str)
            .collect();
        if !deaf.is_empty() {
            findings
                .warning(at.span(), format!("{global} is left out for {}", named(&losing)))
                .label(format!("only {global} sees the events of {}", deaf.join(", ")))
                .help(format!("include {global}: nothing is heard of them from there otherwise"));
        }
    }

    fn features(&self, findings: &mut Findings) -> Option<BTreeMap<String, bool>> {
        let features = self.at.guardduty.as_ref().and_then(|table| table.features.as_ref());
        let section = self.context.raw.guardduty.as_ref();
        check_features(features, section, findings)
    }

    fn rules(&self, named: &mut Named, findings: &mut Findings) -> Option<Vec<ConfigRule>> {
        let raw = self.at.config.as_ref().and_then(|table| table.rule.as_deref()).unwrap_or_default();
        let trails = self.context.raw.cloudtrail.as_ref();
        let trails = trails.map(|at| at.mode.as_ref().map_or(Mode::PerRegion, |mode| **mode));
        let rules = check_rules(raw, &format!("{}.config.rule", self.path), trails, findings)?;
        let declared = self.sections.config.map_or(&[][..], |config| &config.rules);
        let mut whole = true;
        let mut besides = Vec::new();
        for (rule, at) in rules.into_iter().zip(raw) {
            let span = at.name.as_ref().or(at.identifier.as_ref()).map_or(at.span(), At::span);
            let same = declared.iter().find(|other| other.name == rule.name).map(|other| *other == rule);
            match check_name("rule", &rule.name, span.clone(), same, findings) {
                Standing::New => {}
                Standing::There => continue,
                Standing::Taken => whole = false,
            }
            match named.rules.get(&rule.name) {
                Some((other, first)) if *other != rule => {
                    taken_by_another("rule", &rule.name, span, first.clone(), findings);
                    whole = false;
                }
                Some(_) => {}
                None => {
                    named.rules.insert(rule.name.clone(), (rule.clone(), span));
                }
            }
            besides.push(rule);
        }
        whole.then_some(besides)
    }

    fn forward(&self, named: &mut Named, findings: &mut Findings) -> Option<Vec<Forward>> {
        let raw = self.at.events.as_ref().and_then(|table| table.forward.as_deref()).unwrap_or_default();
        let forwards = check_forwards(raw, &format!("{}.events.forward", self.path), self.context, findings)?;
        let declared = self.sections.events.map_or(&[][..], |events| &events.forward);
        let mut whole = true;
        let mut besides = Vec::new();
        for (forward, at) in forwards.into_iter().zip(raw) {
            let preset = at.preset.as_ref().map(At::span);
            let span = at.name.as_ref().map(At::span).or(preset).unwrap_or_else(|| at.span());
            let same = declared.iter().find(|other| other.name == forward.name).map(|other| *other == forward);
            match check_name("selection", &forward.name, span.clone(), same, findings) {
                Standing::New => {}
                Standing::There => continue,
                Standing::Taken => whole = false,
            }
            match named.forwards.get(&forward.name) {
                Some((other, first)) if *other != forward => {
                    taken_by_another("selection", &forward.name, span, first.clone(), findings);
                    whole = false;
                }
                Some(_) => {}
                None => {
                    named.forwards.insert(forward.name.clone(), (forward.clone(), span));
                }
            }
            besides.push(forward);
        }
        whole.then_some(besides)
    }
}

fn preset(forward: &Forward) -> Option<Preset> {
    match forward.what {
        Selected::Preset { preset, .. } => Some(preset),
        Selected::Pattern(_) => None,
    }
}

/// How a name that an override adds stands to those that the section declares.
enum Standing {
    New,
    /// The very same is declared for every account.
    There,
    /// Another one is.
    Taken,
}

/// Compares with the section's own; `same` says of one with this name whether it is the same altogether.
fn check_name(what: &str, name: &str, span: Range<usize>, same: Option<bool>, findings: &mut Findings) -> Standing {
    match same {
        None => Standing::New,
        Some(true) => {
            findings
                .warning(span, format!("the {what} `{name}` is declared for every account already"))
                .label("has no effect")
                .help("take it out here");
            Standing::There
        }
        Some(false) => {
            findings
                .error(span, format!("another {what} called `{name}` is declared for every account"))
                .label("would be added to it, under the same name")
                .help(
                    "an override adds to what is declared and does not replace it: give this one a `name` of its own",
                );
            Standing::Taken
        }
    }
}

fn taken_by_another(what: &str, name: &str, span: Range<usize>, first: Range<usize>, findings: &mut Findings) {
    findings
        .error(span, format!("two overrides add another {what} called `{name}`"))
        .label("again, and otherwise")
        .also(first, "first here")
        .help("an account can have both overrides: give one of them a `name` of its own, or make them the same");
}

/// Checks what several overrides together make of an account.
pub(super) fn check_together(
    raw: &[Section<RawOverride>],
    baseline: &Baseline,
    accounts: &[Account],
    findings: &mut Findings,
) {
    for account in accounts.iter().filter(|account| account.baseline) {
        let switching: Vec<&Section<RawOverride>> = raw
            .iter()
            .zip(&baseline.overrides)
            .filter(|(_, one)| one.whose.holds(account) && !one.features.is_empty())
            .map(|(at, _)| at)
            .collect();
        let [first, .., last] = switching.as_slice() else { continue };
        let own = baseline.of(account);
        if let Some((one, other)) = own.guardduty.as_ref().and_then(|it| features_exclude_each_other(&it.features)) {
            findings
                .error(last.span(), format!("`{one}` and `{other}` exclude each other, and an account would have both"))
                .label(format!("holds for {} ({}), too", account.id, account.name))
                .also(first.span(), "and so does this one")
                .help(format!("name `{other}` alone in both: it covers what `{one}` does"));
            return;
        }
    }
}
