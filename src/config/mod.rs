//! The two files, `profiles.toml` (who and where) and `baseline.toml` (what), as checked values.
//!
//! TOML text goes in; either [`Profiles`] and [`Baseline`] come out, or every mistake at once, each with its place.

mod at;
mod check;
mod exception;
mod json;
mod overrides;
mod problem;
mod profiles;
mod raw;
mod read;
mod rollout;
mod schema;
mod secret;
mod suggest;

pub use exception::{Exception, TrustedAccount};
pub use overrides::{Overridable, Override, Whose};
pub use problem::{Document, Label, Problem, Problems, Severity, Source};
pub use profiles::{Account, Duty, ExternalId, Hop, Jump, Mfa, Profiles, RegionChoice, Via};
pub use rollout::{Limits, Tolerance, ToleranceError};
pub use schema::{baseline_schema, profiles_schema};

pub(crate) use at::{At, Section};
pub(crate) use check::{Context, check_region};
pub(crate) use json::{JsonFault, read_json};
pub(crate) use problem::Findings;
pub(crate) use read::table_name;
pub(crate) use suggest::{closest, did_you_mean};

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::check::{CheckedProfiles, check_baseline, check_profiles};
use self::raw::{RawAccount, RawBaseline, RawProfiles};
use crate::model::Digest;
use crate::services::cloudtrail::config::CloudTrail;
use crate::services::config::section::Config;
use crate::services::eventbridge::config::Events;
use crate::services::guardduty::config::GuardDuty;
use crate::services::kms::config::LogKey;
use crate::services::s3::config::LogBucket;
use crate::services::sns::config::Notify;
use crate::services::sns::run_section::NotifyRun;

/// What should be, everywhere: the checked content of `baseline.toml`.
///
/// A section that is `None` was left out: it is neither read nor changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The name of this baseline, shown in plans and put in the `baseline` tag.
    pub name: String,
    /// Tags that every resource gets, besides the tool's own.
    pub tags: BTreeMap<String, String>,
    /// The key that encrypts the logs; present whenever the log bucket is.
    pub log_key: Option<LogKey>,
    /// The bucket that every account's logs go to.
    pub log_bucket: Option<LogBucket>,
    /// The trails.
    pub cloudtrail: Option<CloudTrail>,
    /// AWS Config.
    pub config: Option<Config>,
    /// Threat detection.
    pub guardduty: Option<GuardDuty>,
    /// Which events are forwarded.
    pub events: Option<Events>,
    /// Who hears of them.
    pub notify: Option<Notify>,
    /// Who is told of runs.
    pub notify_run: Option<NotifyRun>,
    /// What some accounts have otherwise.
    pub overrides: Vec<Override>,
    /// What is exposed and accepted, by whom and until when.
    pub exceptions: Vec<Exception>,
}

/// The two files, checked.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Who and where.
    pub profiles: Profiles,
    /// What; `None` where no baseline was asked for.
    pub baseline: Option<Baseline>,
    /// What somebody should know, though the files are accepted.
    pub warnings: Problems,
    /// The digest of `profiles.toml` as it is.
    pub profiles_digest: Digest,
    /// The digest of `baseline.toml` as it is.
    pub baseline_digest: Option<Digest>,
}

/// Reads the two files' texts.
///
/// # Errors
///
/// Every mistake in both files, and the warnings with them.
pub fn load(profiles: &Source, baseline: Option<&Source>) -> Result<Loaded, Problems> {
    let mut found = Findings::new(Document::Profiles);
    let who = load_profiles(&profiles.text, &mut found);
    let mut found_in_baseline = Findings::new(Document::Baseline);
    let what = baseline.and_then(|source| load_baseline(&source.text, &who, &mut found_in_baseline));

    let failed = found.has_errors() || found_in_baseline.has_errors();
    let mut list = found.into_list();
    list.extend(found_in_baseline.into_list());
    let masked = |source: &Source| Source { path: source.path.clone(), text: secret::mask(&source.text) };
    let problems = Problems { list, profiles: masked(profiles), baseline: baseline.map(masked) };
    match who.profiles {
        Some(who) if !failed && what.is_some() == baseline.is_some() => Ok(Loaded {
            profiles: who,
            baseline: what,
            warnings: problems,
            profiles_digest: Digest::of_bytes(profiles.text.as_bytes()),
            baseline_digest: baseline.map(|source| Digest::of_bytes(source.text.as_bytes())),
        }),
        _ => Err(problems),
    }
}

fn load_profiles(text: &str, findings: &mut Findings) -> CheckedProfiles {
    let mut table = read::parse(text, findings);
    if findings.has_errors() {
        // What a broken line leaves behind would only be called incomplete.
        return CheckedProfiles { partition: None, home_region: None, accounts: Vec::new(), profiles: None };
    }
    // Account by account, so that a mistake in one does not have the others read again.
    let listed = take_accounts(table.get_mut(), findings);
    let raw: RawProfiles = read::read(whole(table), "", findings).unwrap_or_default();
    match &raw.account {
        // Only a misspelt `account` can still be there.
        Some(_) => {
            let mut raw = raw;
            let misspelt = raw.account.take().unwrap_or_default().into_iter().map(Some).collect::<Vec<_>>();
            check_profiles(&raw, &misspelt, findings)
        }
        None => check_profiles(&raw, &listed, findings),
    }
}

fn take_accounts(table: &mut DeTable<'_>, findings: &mut Findings) -> Vec<Option<Section<RawAccount>>> {
    match table.get("account").map(|value| value.get_ref()) {
        Some(DeValue::Array(_)) => {}
        _ => return Vec::new(),
    }
    let Some(DeValue::Array(array)) = table.remove("account").map(Spanned::into_inner) else { return Vec::new() };
    let accounts = array.into_iter().enumerate();
    accounts.map(|(index, value)| read::read(value, &format!("account.{index}"), findings)).collect()
}

fn load_baseline(text: &str, who: &CheckedProfiles, findings: &mut Findings) -> Option<Baseline> {
    let table = read::parse(text, findings);
    if findings.has_errors() {
        return None;
    }
    let raw: RawBaseline = read::read(whole(table), "", findings).unwrap_or_default();
    check_baseline(&raw, who, findings)
}

fn whole(table: Spanned<DeTable<'_>>) -> Spanned<DeValue<'_>> {
    let span = table.span();
    Spanned::new(span, DeValue::Table(table.into_inner()))
}

#[cfg(test)]
mod tests;
