//! `[config]` of `baseline.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

pub use super::managed_rules::Trigger;
pub use super::rule_section::ConfigRule;
use super::rule_section::Frequency;
pub(crate) use super::rule_section::{RawConfigRule, check_rules};
use crate::config::{At, Context, Duty, Findings, Overridable, Section, check_region, did_you_mean};
use crate::model::{Partition, Region, is_resource_type, resource_types};
use crate::services::cloudtrail::config::Mode;

/// AWS Config in every Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The recorder's name, where there is none yet.
    pub recorder_name: String,
    /// The delivery channel's name, where there is none yet.
    pub channel_name: String,
    /// The one Region that records global resource types.
    pub global_resources_region: Region,
    /// How often changes are recorded; `None` leaves it to whoever made the recorder, and is continuous for a new one.
    pub recording_frequency: Option<RecordingFrequency>,
    /// Resource types that are not recorded, in order.
    pub exclude_resource_types: Vec<String>,
    /// How often whole snapshots are delivered, such as `TwentyFour_Hours`; `None` leaves it to whoever set it.
    pub snapshot_frequency: Option<String>,
    /// The rules.
    pub rules: Vec<ConfigRule>,
    /// The aggregator's name, if there is one.
    pub aggregator: Option<String>,
}

/// How often changes are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingFrequency {
    /// As they happen.
    Continuous,
    /// Once a day, if anything changed.
    Daily,
}

/// AWS Config in every Region of every account: all resource types are recorded and delivered to the log bucket.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Config")]
pub(crate) struct RawConfig {
    /// What a new recorder is called; one that is there keeps its name. Default: default.
    #[schemars(length(min = 1, max = 256))]
    pub recorder_name: Option<At<String>>,
    /// What a new delivery channel is called; one that is there keeps its name. Default: default.
    #[schemars(length(min = 1, max = 256))]
    pub channel_name: Option<At<String>>,
    /// The one Region that records IAM users, groups, roles and policies, which are the same in every Region. Default:
    /// the partition's global Region, which in the partition aws is us-east-1.
    pub global_resources_region: Option<At<String>>,
    /// Whether changes are recorded as they happen, or once a day. Default: continuous for a new recorder; one that
    /// somebody else made stays as it is.
    pub recording_frequency: Option<At<RecordingFrequency>>,
    /// Resource types that are not recorded, such as AWS::EC2::NetworkInterface. Default: none.
    pub exclude_resource_types: Option<At<Vec<At<String>>>>,
    /// How often whole snapshots are delivered besides the changes. Default: as it is; never for a new channel.
    pub snapshot_frequency: Option<At<Frequency>>,
    /// The managed rules.
    pub rule: Option<Vec<Section<RawConfigRule>>>,
    /// A view over all accounts and Regions, in the security account's home Region. Default: none.
    pub aggregator: Option<Section<RawAggregator>>,
}

/// A view over all accounts and Regions, in the security account's home Region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Aggregator")]
pub(crate) struct RawAggregator {
    /// Its name. Default: baseline.
    #[schemars(regex(pattern = r"^[\w-]{1,256}$"))]
    pub name: Option<At<String>>,
}

/// The Regions of the partition aws that record IAM types: those in which AWS Config was there before February 2022 (AWS
/// Config API Reference, `RecordingGroup`, and AWS Config Developer Guide, "Recording AWS Resources": Hyderabad,
/// Melbourne, Calgary, Spain, Zurich, Tel Aviv and UAE cannot; what was opened since is taken not to).
const RECORD_IAM_TYPES: [&str; 22] = [
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Whether IAM users, groups, roles and policies can be recorded in a Region.
pub(super) fn records_iam_types(region: &Region) -> bool {
    Partition::of_region(region) != Some(Partition::Aws) || RECORD_IAM_TYPES.contains(&region.as_str())
}

/// Checks the section.
pub(crate) fn check_config(raw: &Section<RawConfig>, context: &Context<'_>, findings: &mut Findings) -> Option<Config> {
    if context.raw.log_bucket.is_none() && !findings.is_struck("log_bucket") {
        findings
            .error(raw.span(), "[config] needs [log_bucket]")
            .label("what it records has nowhere to go")
            .help("add the table [log_bucket]; it can be empty");
    }
    let recorder_name = check_name(raw.recorder_name.as_ref(), "recorder", findings);
    let channel_name = check_name(raw.channel_name.as_ref(), "delivery channel", findings);
    let region = check_global_region(raw, context, findings);
    let exclude = check_excluded(raw.exclude_resource_types.as_ref(), findings);
    let trails = context.raw.cloudtrail.as_ref().map(|at| at.mode.as_ref().map_or(Mode::PerRegion, |mode| **mode));
    let rules = check_rules(raw.rule.as_deref().unwrap_or_default(), "config.rule", trails, findings);
    let aggregator = match &raw.aggregator {
        Some(at) => check_aggregator(at, context, findings).map(Some),
        None => Some(None),
    };
    Some(Config {
        recorder_name: recorder_name?,
        channel_name: channel_name?,
        global_resources_region: region?,
        recording_frequency: raw.recording_frequency.as_ref().map(|at| **at),
        exclude_resource_types: exclude?,
        snapshot_frequency: raw.snapshot_frequency.as_ref().map(|at| at.as_str().to_owned()),
        rules: rules?,
        aggregator: aggregator?,
    })
}

/// Checks the name of a recorder or channel (AWS Config API Reference: 1 to 256 characters).
fn check_name(at: Option<&At<String>>, what: &str, findings: &mut Findings) -> Option<String> {
    let Some(at) = at else { return Some("default".to_owned()) };
    let fault = if !(1..=256).contains(&at.chars().count()) {
        "1 to 256 characters are needed"
    } else if at.trim() != at.as_str() || at.chars().any(char::is_control) {
        "a text on one line is needed, without blanks around it"
    } else if at.starts_with(SERVICE_LINKED) {
        "AWS keeps names that begin like this for its services"
    } else {
        return Some(at.to_string());
    };
    findings.error(at.span(), format!("`{}` cannot be the name of a {what}", at.as_str())).label(fault);
    None
}

/// What the names of service-linked recorders begin with (AWS Config API Reference, `ConfigurationRecorder`).
pub(super) const SERVICE_LINKED: &str = "AWSConfigurationRecorderFor";

/// The Region has to be able to record global types, and to count in every account that gets the baseline.
fn check_global_region(raw: &Section<RawConfig>, context: &Context<'_>, findings: &mut Findings) -> Option<Region> {
    let Some(at) = &raw.global_resources_region else {
        let region = context.partition?.global_region();
        if let Some(names) = context.leaving_out(Overridable::Config, &region) {
            findings
                .error(raw.span(), format!("{region} is left out by the `regions` of {names}"))
                .label(format!("`global_resources_region` is {region} by default: {LOST}"))
                .help(format!("{WAY_OUT}; {region} is the `global_resources_region`"));
        }
        return Some(region);
    };
    let region = check_region(at, context.partition, findings)?;
    if !records_iam_types(&region) {
        findings
            .error(at.span(), format!("`{region}` cannot record global resource types"))
            .label("AWS Config records IAM only where it was before February 2022")
            .help(format!("an older Region can, such as {}", Partition::Aws.global_region()));
        return None;
    }
    if let Some(names) = context.leaving_out(Overridable::Config, &region) {
        findings
            .error(at.span(), format!("{region} is left out by the `regions` of {names}"))
            .label(LOST)
            .help(format!("{WAY_OUT}; {region} is the `global_resources_region`"));
    }
    Some(region)
}

const LOST: &str = "nothing would record IAM there";
const WAY_OUT: &str = "include it in their `regions`, or choose another `global_resources_region`";

/// What is wrong with the name of a resource type.
pub(super) fn type_name_fault(name: &str) -> Option<&'static str> {
    let parts: Vec<&str> = name.split("::").collect();
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    let well_formed = parts.len() == 3 && parts.iter().all(word);
    (!well_formed).then_some("a name such as `AWS::EC2::Instance` is expected")
}

fn check_excluded(at: Option<&At<Vec<At<String>>>>, findings: &mut Findings) -> Option<Vec<String>> {
    let Some(at) = at else { return Some(Vec::new()) };
    let mut list: Vec<String> = Vec::new();
    let mut whole = true;
    for one in at.iter() {
        if let Some(fault) = type_name_fault(one) {
            findings.error(one.span(), format!("`{}` is not a resource type", one.as_str())).label(fault);
            whole = false;
        } else if list.contains(one) {
            findings.error(one.span(), format!("`{}` is listed twice", one.as_str())).label("again");
            whole = false;
        }
        if whole && !is_resource_type(one) {
            findings
                .warning(one.span(), format!("`{}` is not a resource type that this release knows", one.as_str()))
                .label("AWS refuses the recorder of every Region for a type that it does not know either")
                .maybe_help(did_you_mean(one, resource_types()));
        }
        list.push(one.to_string());
    }
    list.sort();
    whole.then_some(list)
}

/// Checks the name (AWS Config API Reference, `PutConfigurationAggregator`: `[\w\-]+`, 256 characters), and that there is
/// somewhere to put it.
fn check_aggregator(at: &Section<RawAggregator>, context: &Context<'_>, findings: &mut Findings) -> Option<String> {
    if let Some(security) = context.accounts.iter().find(|account| account.duty == Duty::Security && !account.baseline)
    {
        findings
            .error(at.span(), "[config.aggregator] needs a security account that gets the baseline")
            .label(format!("{} says `baseline = false`", security.id))
            .help(
                "the aggregator is in the security account: take this table out, or `baseline = false` from [security]",
            );
    }
    let Some(name) = &at.name else { return Some("baseline".to_owned()) };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=256).contains(&name.chars().count()) && name.chars().all(word) {
        return Some(name.to_string());
    }
    findings
        .error(name.span(), format!("`{}` cannot be the name of an aggregator", name.as_str()))
        .label("1 to 256 letters, digits and _- are needed");
    None
}
