//! `[guardduty]` of `baseline.toml`.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use super::features::{
    ADDITIONAL, DETECTOR_FEATURES, EKS_RUNTIME_MONITORING, FOUNDATIONAL, RUNTIME_MONITORING, is_eks_alone, parent,
};
use crate::config::{Account, At, Context, Duty, Findings, Overridable, Section, closest};
use crate::model::Region;

/// Threat detection in every Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardDuty {
    /// How often repeated findings are published: `FIFTEEN_MINUTES`, `ONE_HOUR` or `SIX_HOURS`.
    pub finding_publishing_frequency: String,
    /// Optional features by name, and whether each is on. On creation every feature that is not named here is sent as
    /// off; on an existing detector only these are changed.
    pub features: BTreeMap<String, bool>,
    /// Whether findings are exported to the log bucket; `false` neither reads nor changes the export.
    pub publish: bool,
    /// Whether a feature that is on may be switched off.
    pub allow_disable: bool,
    /// Whether the security account administers the others' detectors, by invitation.
    pub membership: bool,
    /// Whether members whose address could not be verified are invited again with the same one.
    pub invite_again: bool,
}

/// Threat detection in every Region of every account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardDuty")]
pub(crate) struct RawGuardDuty {
    /// How often findings that occur again are published; a new one is within five minutes. Default: FIFTEEN_MINUTES.
    pub finding_publishing_frequency: Option<At<Frequency>>,
    /// Optional features by GuardDuty's name, such as S3_DATA_EVENTS, and whether each is on; each is billed. A new
    /// detector gets the others switched off; on an existing one they stay as they are. Default: none.
    #[schemars(with = "Option<BTreeMap<String, bool>>")]
    pub features: Option<At<BTreeMap<At<String>, At<bool>>>>,
    /// Whether `features` may name what this release does not know. Default: false.
    pub unlisted_features: Option<At<bool>>,
    /// Whether findings are exported to the log bucket; false neither reads nor changes the export. Default: true where
    /// there is a [log_bucket].
    pub publish: Option<At<bool>>,
    /// Whether a feature that is on may be switched off. Default: false.
    pub allow_disable: Option<At<bool>>,
    /// Whether the security account administers the other accounts' detectors, by invitation; each account needs its
    /// `email` in profiles.toml. Default: false.
    pub membership: Option<At<bool>>,
    /// Whether an account whose e-mail address GuardDuty could not verify is invited again with the address as it is, in
    /// every run until it is verified: for when the account's own address was the wrong one. Default: false.
    pub invite_again: Option<At<bool>>,
}

/// How often findings that occur again are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Frequency {
    /// Every 15 minutes.
    FifteenMinutes,
    /// Every hour.
    OneHour,
    /// Every six hours.
    SixHours,
}

impl Frequency {
    const fn as_str(self) -> &'static str {
        match self {
            Frequency::FifteenMinutes => "FIFTEEN_MINUTES",
            Frequency::OneHour => "ONE_HOUR",
            Frequency::SixHours => "SIX_HOURS",
        }
    }
}

/// How many accounts a message names before it counts the rest.
const NAMED_IN_MESSAGE: usize = 5;

/// Checks the section.
pub(crate) fn check_guardduty(
    raw: &Section<RawGuardDuty>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<GuardDuty> {
    let features = check_features(raw.features.as_ref(), Some(raw), findings);
    let has_bucket = context.raw.log_bucket.is_some() || findings.is_struck("log_bucket");
    let publish = raw.publish.as_ref().map_or(has_bucket, |at| **at);
    let span = raw.publish.as_ref().map_or(raw.span(), At::span);
    let mut whole = true;
    if publish && !has_bucket {
        findings
            .error(span.clone(), "`publish = true` needs [log_bucket]")
            .label("findings have nowhere to go")
            .help("add the table [log_bucket], which can be empty, or say `publish = false`");
        whole = false;
    }
    if publish {
        whole &= check_bucket_region(&span, context, findings);
    }
    let membership = raw.membership.as_ref().is_some_and(|at| **at);
    if let Some(at) = raw.membership.as_ref().filter(|at| ***at) {
        whole &= check_emails(at, context, findings);
    }
    let features = features?;
    whole.then(|| GuardDuty {
        finding_publishing_frequency: raw
            .finding_publishing_frequency
            .as_ref()
            .map_or(Frequency::FifteenMinutes, |at| **at)
            .as_str()
            .to_owned(),
        features,
        publish,
        allow_disable: raw.allow_disable.as_ref().is_some_and(|at| **at),
        membership,
        invite_again: raw.invite_again.as_ref().is_some_and(|at| **at),
    })
}

/// Features as they are written.
type RawFeatures = At<BTreeMap<At<String>, At<bool>>>;

/// Checks a table of features: the section's own, or one that is laid over it for some accounts.
pub(crate) fn check_features(
    table: Option<&RawFeatures>,
    section: Option<&Section<RawGuardDuty>>,
    findings: &mut Findings,
) -> Option<BTreeMap<String, bool>> {
    let Some(table) = table else { return Some(BTreeMap::new()) };
    let unlisted = section.and_then(|raw| raw.unlisted_features.as_ref()).is_some_and(|at| **at);
    let below = section.and_then(|raw| raw.features.as_ref());
    let known = || DETECTOR_FEATURES.iter().chain(&ADDITIONAL).copied();
    let mut whole = true;
    for (name, _) in table.iter() {
        if FOUNDATIONAL.contains(&name.as_str()) {
            findings
                .error(name.span(), format!("`{}` is no optional feature", name.as_str()))
                .label("every detector has it, and it cannot be switched")
                .help("take this line out");
            whole = false;
        } else if !unlisted && !known().any(|one| one == name.as_str()) {
            let way_out = "`unlisted_features = true` accepts a feature newer than this release";
            let help = match closest(name, known()) {
                Some(meant) => format!("did you mean `{meant}`? {way_out}"),
                None => format!("known are {}; {way_out}", known().collect::<Vec<_>>().join(", ")),
            };
            findings
                .error(
                    name.span(),
                    format!("`{}` is not a feature of GuardDuty that this release knows", name.as_str()),
                )
                .label("no feature has this name")
                .help(help);
            whole = false;
        }
    }
    let given = |wanted: &str| {
        let is_wanted = |(name, _): &(&At<String>, &At<bool>)| name.as_str() == wanted;
        table.iter().find(is_wanted).or_else(|| below.and_then(|below| below.iter().find(is_wanted)))
    };
    // GuardDuty API Reference, `DetectorFeatureConfiguration`: one of the two, never both. One of them off is no matter:
    // a request that would name both is sent in two.
    let on = |name: &str| given(name).filter(|(_, on)| ***on);
    if let (Some((eks, _)), Some((all, _))) = (on(EKS_RUNTIME_MONITORING), on(RUNTIME_MONITORING)) {
        findings
            .error(eks.span(), format!("`{EKS_RUNTIME_MONITORING}` and `{RUNTIME_MONITORING}` exclude each other"))
            .label("GuardDuty refuses both together")
            .also(all.span(), "this one covers EKS too")
            .help(format!("keep `{RUNTIME_MONITORING}`"));
        whole = false;
    } else {
        for name in ADDITIONAL {
            let Some((at, on)) = given(name) else { continue };
            let whole_table: BTreeMap<String, bool> = [EKS_RUNTIME_MONITORING, RUNTIME_MONITORING]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), **given(name)?.1)))
                .collect();
            let needed = parent(name, is_eks_alone(&whole_table));
            let parent = given(needed);
            if **on && !parent.is_some_and(|(_, parent)| **parent) {
                let needed = if needed == EKS_RUNTIME_MONITORING { RUNTIME_MONITORING } else { needed };
                let problem = findings
                    .error(at.span(), format!("`{name}` has no effect without `{needed}`"))
                    .label("it is part of a feature that is not declared on")
                    .help(format!("add `{needed} = true`, or take this line out"));
                if let Some((parent, _)) = parent {
                    problem.also(parent.span(), "off here");
                }
                whole = false;
            }
        }
    }
    whole.then(|| table.iter().map(|(name, on)| (name.to_string(), **on)).collect())
}

/// Two declared features that GuardDuty refuses together, the one that the other covers first.
pub(crate) fn features_exclude_each_other(features: &BTreeMap<String, bool>) -> Option<(&'static str, &'static str)> {
    let on = |name: &str| features.get(name) == Some(&true);
    let both = on(EKS_RUNTIME_MONITORING) && on(RUNTIME_MONITORING);
    both.then_some((EKS_RUNTIME_MONITORING, RUNTIME_MONITORING))
}

/// GuardDuty User Guide, "Exporting findings": from a Region that needs no opt-in findings cannot be exported to a bucket
/// in one that does, and from one that does only to a bucket in that very Region, or in one that needs none.
fn check_bucket_region(span: &Range<usize>, context: &Context<'_>, findings: &mut Findings) -> bool {
    let (Some(partition), Some(home)) = (context.partition, context.home_region) else { return true };
    let known = partition.known_regions();
    if !known.iter().any(|region| region.opt_in && region.name == home.as_str()) {
        return true;
    }
    let elsewhere = |account: &&Account| {
        let others = known.iter().filter(|region| region.name != home.as_str());
        others.filter_map(|region| region.name.parse::<Region>().ok()).any(|region| account.regions.holds(&region))
    };
    let stuck: Vec<&Account> = context.having(Overridable::Guardduty).filter(elsewhere).collect();
    if stuck.is_empty() {
        return true;
    }
    findings
        .error(span.clone(), format!("findings cannot be exported to a bucket in {home}"))
        .label(format!("{} get the baseline in other Regions too", named(&stuck)))
        .help(format!(
            "accounts have to opt in to {home}, and GuardDuty exports to a bucket there from {home} alone: choose a \
             `home_region` that needs no opt-in, or say `publish = false`"
        ));
    false
}

/// GuardDuty API Reference, `CreateMembers`: an invitation takes the e-mail address of the account's root user.
fn check_emails(at: &At<bool>, context: &Context<'_>, findings: &mut Findings) -> bool {
    let lacks = |account: &&Account| account.duty != Duty::Security && account.email.is_none();
    let without: Vec<&Account> = context.having(Overridable::Guardduty).filter(lacks).collect();
    if without.is_empty() {
        return true;
    }
    findings
        .error(at.span(), "`membership = true` needs the e-mail address of every account's root user")
        .label(format!("missing for {}", named(&without)))
        .help("add `email = \"…\"` to their tables in profiles.toml: GuardDuty invites by it and checks it");
    false
}

fn named(accounts: &[&Account]) -> String {
    let mut names: Vec<String> =
        accounts.iter().take(NAMED_IN_MESSAGE).map(|account| format!("{} ({})", account.id, account.name)).collect();
    if accounts.len() > NAMED_IN_MESSAGE {
        names.push(format!("{} more", accounts.len() - NAMED_IN_MESSAGE));
    }
    names.join(", ")
}
