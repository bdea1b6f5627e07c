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
        for note in policy_notes(&declared) {
            line(&mut text, "note", &note.text);
        }
    }
    screen.data(&text)?;
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
