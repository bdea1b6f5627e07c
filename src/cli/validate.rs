//! `baseline validate`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::{Needs, load_files};
use super::screen::Screen;
use crate::config::{Baseline, Profiles};
use crate::report::human;
use crate::services::cloudtrail::config::Mode;
use crate::services::{Declared, Shared, policy_notes};

/// Checks both files without touching the network.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {}

pub(super) fn run(_: &ValidateArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let loaded = load_files(Needs::Both, common, screen)?;
    if common.quiet {
        return Ok(Exit::Success);
    }
    let mut text = format!("{} is valid\n", common.profiles.display());
    describe_profiles(&loaded.profiles, &mut text);
    if let Some(baseline) = &loaded.baseline {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} is valid", common.baseline.display());
        describe_baseline(baseline, &loaded.profiles, &mut text);
        let nothing = Shared::default();
        let declared = Declared { profiles: &loaded.profiles, baseline, shared: &nothing };
        for note in policy_notes(&declared).iter().filter(|note| common.verbose > 0 || human::is_shown(note)) {
            line(&mut text, "note", &note.text);
        }
    }
    screen.text(&text)?;
    Ok(Exit::Success)
}

fn describe_profiles(profiles: &Profiles, text: &mut String) {
    let baselined = profiles.baselined().count();
    let total = profiles.accounts.len();
    line(text, "partition", profiles.partition.as_str());
    line(
        text,
        "accounts",
        &if baselined == total {
            format!("{total}, all of them get the baseline")
        } else {
            format!("{total}, of which {baselined} get the baseline")
        },
    );
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waves: BTreeMap<u32, usize> = BTreeMap::new();
    for account in profiles.baselined() {
        *waves.entry(account.wave).or_default() += 1;
        for group in &account.groups {
            *groups.entry(group).or_default() += 1;
        }
    }
    line(text, "groups", &counted(&groups));
    line(text, "waves", &counted(&waves));
    line(text, "security", &format!("{} in {}", profiles.security, profiles.home_region));
}

fn describe_baseline(baseline: &Baseline, profiles: &Profiles, text: &mut String) {
    line(text, "name", &baseline.name);
    if let Some(bucket) = &baseline.log_bucket {
        let kept = bucket.retention_days.map_or("kept for ever".to_owned(), |days| format!("kept for {days} days"));
        line(text, "log_bucket", &format!("in account {}, logs {kept}", profiles.bucket_owner));
    }
    if let Some(key) = &baseline.log_key {
        line(text, "log_key", &format!("alias/{} in account {}", key.alias, profiles.security));
    }
    if let Some(trail) = &baseline.cloudtrail {
        line(
            text,
            "cloudtrail",
            &match trail.mode {
                Mode::PerRegion if trail.include_global_service_events => {
                    format!("one trail per Region, global service events in {}", trail.global_events_region)
                }
                Mode::PerRegion => "one trail per Region, without global service events".to_owned(),
                Mode::MultiRegion => format!("one trail for all Regions, from {}", trail.home_region),
            },
        );
    }
    if let Some(config) = &baseline.config {
        let rules = match config.rules.len() {
            1 => "1 rule".to_owned(),
            n => format!("{n} rules"),
        };
        let aggregator = if config.aggregator.is_some() { ", an aggregator" } else { "" };
        let global = &config.global_resources_region;
        line(text, "config", &format!("every Region, global resource types in {global}; {rules}{aggregator}"));
    }
    if let Some(guardduty) = &baseline.guardduty {
        let on: Vec<&str> = guardduty.features.iter().filter(|(_, on)| **on).map(|(name, _)| name.as_str()).collect();
        let features = if on.is_empty() { "no optional feature".to_owned() } else { on.join(", ") };
        let publish = if guardduty.publish { ", findings to the log bucket" } else { "" };
        let members = if guardduty.membership { ", administered by the security account" } else { "" };
        line(text, "guardduty", &format!("every Region, {features}{publish}{members}"));
    }
    if let Some(events) = &baseline.events {
        let names: Vec<&str> = baseline.forwards().iter().map(|forward| forward.name.as_str()).collect();
        line(
            text,
            "events",
            &format!("to the bus {} of account {}: {}", events.bus, profiles.security, names.join(", ")),
        );
    }
    if let Some(notify) = &baseline.notify {
        let key = notify.key_alias.as_ref().map_or(String::new(), |alias| format!(", encrypted with alias/{alias}"));
        let told = match notify.subscriptions.len() {
            0 => "nobody is subscribed".to_owned(),
            1 => "1 subscription".to_owned(),
            n => format!("{n} subscriptions"),
        };
        line(text, "notify", &format!("topic {} in every Region{key}; {told}", notify.topic));
    }
    for one in &baseline.overrides {
        line(text, "override", &one.words());
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "  {name:<12}{value}");
}

fn counted<K: std::fmt::Display>(counts: &BTreeMap<K, usize>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let all: Vec<String> = counts.iter().map(|(key, count)| format!("{key} ({count})")).collect();
    all.join(", ")
}
