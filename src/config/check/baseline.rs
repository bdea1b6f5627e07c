//! `baseline.toml` as a whole, and what it says together with `profiles.toml`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::exceptions::check_exceptions;
use super::names::{check_tag_value, is_one_line, tag_key_fault};
use super::overrides::{Reach, Sections, check_overrides, check_reach, check_together};
use super::profiles::CheckedProfiles;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::RawBaseline;
use crate::config::{Account, Baseline, Overridable};
use crate::model::{Partition, Region};
use crate::services::cloudtrail::config::{Mode, RawCloudTrail, check_cloudtrail};
use crate::services::config::section::check_config;
use crate::services::eventbridge::config::check_events;
use crate::services::guardduty::config::check_guardduty;
use crate::services::kms::config::{LogKey, check_log_key};
use crate::services::s3::config::check_log_bucket;
use crate::services::sns::config::check_notify;
use crate::services::sns::run_section::check_notify_run;

/// Tag keys that the tool sets itself.
const OWN_TAGS: [&str; 2] = ["ManagedBy", "Baseline"];

/// How many tags of one's own fit besides them: a resource has 50 at most (Tagging AWS Resources).
const MOST_TAGS: usize = 50 - OWN_TAGS.len();

/// How many accounts a message names before it counts the rest.
const NAMED_IN_MESSAGE: usize = 5;

/// What a section's check may ask of the rest.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// `None` where it is wrong.
    pub partition: Option<Partition>,
    /// The security account's; `None` where it is wrong or missing.
    pub home_region: Option<&'a Region>,
    /// The accounts that nothing is wrong with, those without a baseline included.
    pub accounts: &'a [Account],
    /// The file's sections, as they are written.
    pub raw: &'a RawBaseline,
    /// What overrides leave out, and for whom.
    pub reach: &'a [Option<Reach>],
}

impl<'a> Context<'a> {
    /// The accounts that get the baseline.
    pub fn baselined(&self) -> impl Iterator<Item = &'a Account> {
        self.accounts.iter().filter(|account| account.baseline)
    }

    /// Those of them for which no override leaves a section out.
    pub fn having(&self, section: Overridable) -> impl Iterator<Item = &'a Account> {
        let reach = self.reach;
        self.baselined().filter(move |account| {
            !reach.iter().flatten().any(|one| one.without.contains(&section) && one.whose.holds(account))
        })
    }

    /// The accounts with a section in which a Region does not count, as a message names them; `None` where it does in
    /// all.
    pub fn leaving_out(&self, section: Overridable, region: &Region) -> Option<String> {
        let without: Vec<&Account> = self.having(section).filter(|account| !account.regions.holds(region)).collect();
        (!without.is_empty()).then(|| named(&without))
    }
}

/// The first few accounts by id and name, and how many more there are.
pub(super) fn named(accounts: &[&Account]) -> String {
    let first = accounts.iter().take(NAMED_IN_MESSAGE);
    let mut names: Vec<String> = first.map(|account| format!("{} ({})", account.id, account.name)).collect();
    if accounts.len() > NAMED_IN_MESSAGE {
        names.push(format!("{} more", accounts.len() - NAMED_IN_MESSAGE));
    }
    names.join(", ")
}

/// Checks the file as a whole, and against the accounts where those are known.
pub(crate) fn check_baseline(
    raw: &RawBaseline,
    profiles: &CheckedProfiles,
    findings: &mut Findings,
) -> Option<Baseline> {
    let name = check_name(raw.name.as_ref(), findings);
    let tags = check_tags(raw.tags.as_ref(), findings);
    let log_key = raw.log_key.as_ref().map(|at| check_log_key(at, findings));
    let log_bucket = raw.log_bucket.as_ref().map(|at| check_log_bucket(at, findings));
    let raw_overrides = raw.overrides.as_deref().unwrap_or_default();
    let reach = check_reach(raw_overrides, profiles, findings);
    let context = Context {
        partition: profiles.partition,
        home_region: profiles.home_region.as_ref(),
        accounts: &profiles.accounts,
        raw,
        reach: &reach,
    };
    let cloudtrail = raw.cloudtrail.as_ref().map(|at| {
        if raw.log_bucket.is_none() && !findings.is_struck("log_bucket") {
            findings
                .error(at.span(), "[cloudtrail] needs [log_bucket]")
                .label("its log files have nowhere to go")
                .help("add the table [log_bucket]; it can be empty");
        }
        let checked = check_cloudtrail(at, profiles.partition, profiles.home_region.as_ref(), findings);
        if let Some(checked) = &checked {
            check_trail_region(at, checked, context.having(Overridable::Cloudtrail), findings);
        }
        checked
    });
    let config = raw.config.as_ref().map(|at| check_config(at, &context, findings));
    let guardduty = raw.guardduty.as_ref().map(|at| check_guardduty(at, &context, findings));
    let events = raw.events.as_ref().map(|at| check_events(at, &context, findings));
    let notify = raw.notify.as_ref().map(|at| check_notify(at, &context, findings));
    let raw_run = raw.notify.as_ref().and_then(|at| at.run.as_ref());
    let notify_run = raw_run.map(|at| check_notify_run(at, &context, findings));
    let checked = Sections {
        cloudtrail: cloudtrail.as_ref().and_then(Option::as_ref),
        config: config.as_ref().and_then(Option::as_ref),
        guardduty: guardduty.as_ref().and_then(Option::as_ref),
        events: events.as_ref().and_then(Option::as_ref),
    };
    let overrides = check_overrides(raw_overrides, &reach, &context, &checked, findings);
    let exceptions = check_exceptions(raw.exception.as_deref().unwrap_or_default(), findings);
    let sections = ["log_key", "log_bucket", "cloudtrail", "config", "guardduty", "events", "notify"];
    if log_key.is_none()
        && log_bucket.is_none()
        && cloudtrail.is_none()
        && config.is_none()
        && guardduty.is_none()
        && events.is_none()
        && matches!(notify, None | Some(Some(None)))
        && !sections.iter().any(|section| findings.is_struck(section))
    {
        findings
            .error_in_file("this baseline asks for nothing")
            .help("add a section, such as [log_bucket] and [cloudtrail]; `baseline init` writes a file to start from");
    }

    // Nothing is put together from half a file.
    let log_bucket = flip(log_bucket)?;
    let log_key = flip(log_key)?.or_else(|| log_bucket.as_ref().map(|_| LogKey::default()));
    let baseline = Baseline {
        name: name?,
        tags: tags?,
        log_key,
        log_bucket,
        cloudtrail: flip(cloudtrail)?,
        config: flip(config)?,
        guardduty: flip(guardduty)?,
        events: flip(events)?,
        notify: flip(notify)?.flatten(),
        notify_run: flip(notify_run)?,
        overrides: overrides?,
        exceptions,
    };
    check_together(raw_overrides, &baseline, &profiles.accounts, findings);
    Some(baseline)
}

/// `Some(None)` is a section that is there and wrong.
fn flip<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        Some(None) => None,
        Some(Some(checked)) => Some(Some(checked)),
        None => Some(None),
    }
}

fn check_name(at: Option<&At<String>>, findings: &mut Findings) -> Option<String> {
    let Some(at) = at else {
        if !findings.is_struck("name") {
            findings
                .error_in_file("`name` is missing")
                .help("add `name = \"…\"` at the top: what this baseline is called in plans and tags");
        }
        return None;
    };
    let fault = if at.chars().count() > 64 {
        Some("64 characters at most")
    } else if !is_one_line(at) {
        Some("a text on one line is needed, without blanks around it")
    } else {
        check_tag_value(at)
    };
    if let Some(fault) = fault {
        findings.error(at.span(), "a baseline cannot have this name").label(fault).help("the name is put in a tag");
        return None;
    }
    Some(at.to_string())
}

fn check_tags(
    raw: Option<&BTreeMap<At<String>, At<String>>>,
    findings: &mut Findings,
) -> Option<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    let mut whole = true;
    for (key, value) in raw.into_iter().flatten() {
        let own = OWN_TAGS.iter().find(|own| own.eq_ignore_ascii_case(key));
        if let Some(own) = own {
            findings
                .error(key.span(), format!("the tag `{own}` is set by this tool"))
                .label("not yours to set")
                .help("it tells what is managed here; use another key");
            whole = false;
        } else if let Some(fault) = tag_key_fault(key) {
            findings.error(key.span(), "AWS would refuse this tag").label(fault);
            whole = false;
        }
        if let Some(fault) = check_tag_value(value) {
            findings.error(value.span(), "AWS would refuse this tag").label(fault);
            whole = false;
        }
        tags.insert(key.to_string(), value.to_string());
        if tags.len() == MOST_TAGS + 1 {
            findings
                .error(key.span(), format!("more than {MOST_TAGS} tags"))
                .label("one too many")
                .help(format!("a resource has 50 tags at most, and {} are this tool's own", OWN_TAGS.len()));
            whole = false;
        }
    }
    whole.then_some(tags)
}

/// The Region that the mode depends on has to count in every account that gets the baseline.
fn check_trail_region<'a>(
    at: &Section<RawCloudTrail>,
    checked: &crate::services::cloudtrail::config::CloudTrail,
    accounts: impl Iterator<Item = &'a Account>,
    findings: &mut Findings,
) {
    let (region, given, key): (&Region, Option<Range<usize>>, &str) = match checked.mode {
        Mode::PerRegion if checked.include_global_service_events => {
            (&checked.global_events_region, at.global_events_region.as_ref().map(At::span), "global_events_region")
        }
        Mode::PerRegion => return,
        Mode::MultiRegion => (&checked.home_region, at.home_region.as_ref().map(At::span), "home_region"),
    };
    let without: Vec<&Account> = accounts.filter(|account| !account.regions.holds(region)).collect();
    if without.is_empty() {
        return;
    }
    let names = named(&without);
    let (lost, way_out) = match checked.mode {
        Mode::PerRegion => (
            "nothing would record its global service events there",
            "include it in their `regions`, or say `include_global_service_events = false`",
        ),
        Mode::MultiRegion => {
            ("its one trail could not be made there", "include it in their `regions`, or choose another `home_region`")
        }
    };
    let label = if given.is_some() { lost.to_owned() } else { format!("`{key}` is {region} by default: {lost}") };
    findings
        .error(given.unwrap_or(at.span()), format!("{region} is left out by the `regions` of {names}"))
        .label(label)
        .help(format!("{way_out}; {region} is the `{key}`"));
}
