//! `[events]` of `baseline.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::DEFAULT_BUS;
pub(crate) use super::forward::check_forwards;
use crate::config::{At, Context, Duty, Findings, Section, check_region};
use crate::model::{Partition, Region};

/// Which events are forwarded to the security account.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// The security account's bus that receives them; `default` is the one that every account has.
    pub bus: String,
    /// Where the events of Regions go that the security account has not enabled; `None` blocks them.
    pub fallback_region: Option<Region>,
    /// The name of the role that EventBridge forwards with, in every account.
    pub role_name: String,
    /// Whether statements of the bus policies that this tool does not own are removed.
    pub exclusive: bool,
    /// What is forwarded.
    pub forward: Vec<Forward>,
}

/// One selection of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// Its name: the rules' names are made from it.
    pub name: String,
    /// What is selected.
    pub what: Selected,
    /// What a person gets to read instead of the event; `None` passes the event on as it is.
    pub transform: Option<Transform>,
    /// Whether the rules get AWS's read-only management events, too.
    pub read_only_events: bool,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// One of the selections that this tool knows.
    Preset {
        /// Which.
        preset: Preset,
        /// `guardduty-findings`: the least severity that is forwarded, in tenths.
        minimum_severity: Option<u32>,
    },
    /// An event pattern of one's own.
    Pattern(Value),
}

/// The selections that this tool knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Security groups that are created, changed or deleted.
    SecurityGroupChanges,
    /// Security groups that let in the whole world: 0.0.0.0/0 or ::/0.
    SecurityGroupOpenToWorld,
    /// GuardDuty findings.
    GuarddutyFindings,
    /// Compliance changes, both ways, of the declared Config rules and no others.
    ConfigCompliance,
    /// The root user signs in, or calls what changes something. What it only reads (calls that begin with Get, List or
    /// Describe) is heard with `read_only_events` alone.
    RootLogin,
    /// A user signs in to the console without a second factor.
    ConsoleLoginWithoutMfa,
    /// Somebody changes or stops a trail.
    CloudtrailTampering,
    /// IAM is changed; only us-east-1's bus sees that.
    IamChanges,
}

/// An input transformer: what a message says instead of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// Names for parts of the event, such as `account = "$.account"`.
    pub paths: BTreeMap<String, String>,
    /// The text, in quotation marks, or a JSON object; with `<name>` for each of them.
    pub template: String,
}

/// Which events are forwarded to the security account, in the same Region, and told from there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Events")]
pub(crate) struct RawEvents {
    /// The security account's bus that receives them; one that is not there is created. Default: default.
    #[schemars(regex(pattern = r"^[.\-_A-Za-z0-9]{1,256}$"))]
    pub bus: Option<At<String>>,
    /// The Region to which events go from Regions that the security account has not enabled. Default: none, and what
    /// happens there is not forwarded but reported as blocked.
    pub fallback_region: Option<At<String>>,
    /// The name of the role that EventBridge forwards with, in every account. Default: baseline-event-forwarding.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{1,64}$"))]
    pub role_name: Option<At<String>>,
    /// Whether statements of the bus policies that this tool does not own are removed. Default: false.
    pub exclusive: Option<At<bool>>,
    /// What is forwarded.
    pub forward: Option<Vec<Section<RawForward>>>,
}

/// One selection of events: a preset, or a pattern of one's own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Forward")]
pub(crate) struct RawForward {
    /// Its name; the rules are called baseline- and this. Default: the preset's name.
    #[schemars(regex(pattern = r"^[.\-_A-Za-z0-9]{1,55}$"))]
    pub name: Option<At<String>>,
    /// A selection that this tool knows.
    pub preset: Option<At<Preset>>,
    /// Preset guardduty-findings: the least severity that is forwarded, such as 4 or 6.5. Default: all are.
    #[schemars(range(min = 0, max = 10))]
    pub minimum_severity: Option<At<f64>>,
    /// An event pattern of one's own, as JSON.
    pub pattern: Option<At<String>>,
    /// Whether AWS's read-only management events reach the rules, too: calls whose names begin with Get, List or
    /// Describe. EventBridge keeps them from a rule otherwise; they are many. Default: false.
    pub read_only_events: Option<At<bool>>,
    /// What a message says instead of the event. Default: the preset's own line; for a pattern, the event as it is.
    pub transform: Option<Section<RawTransform>>,
    /// Whether messages carry the event as it is, where a preset would make a line of it. Default: false.
    pub raw: Option<At<bool>>,
}

/// What a message says instead of the event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transform")]
pub(crate) struct RawTransform {
    /// Names for parts of the event, such as account = "$.account".
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub paths: Option<BTreeMap<At<String>, At<String>>>,
    /// The text in quotation marks, each line of it, or a JSON object; <account> stands for the part named account.
    #[schemars(required, length(min = 1, max = 8192))]
    pub template: Option<At<String>>,
}

/// The role's name where nothing is said.
const ROLE_NAME: &str = "baseline-event-forwarding";

/// Checks the section.
pub(crate) fn check_events(raw: &Section<RawEvents>, context: &Context<'_>, findings: &mut Findings) -> Option<Events> {
    let bus = match &raw.bus {
        Some(at) => check_bus(at, findings),
        None => Some(DEFAULT_BUS.to_owned()),
    };
    let fallback_region = match &raw.fallback_region {
        Some(at) => check_fallback(at, context, findings).map(Some),
        None => Some(None),
    };
    let role_name = match &raw.role_name {
        Some(at) => check_role_name(at, findings),
        None => Some(ROLE_NAME.to_owned()),
    };
    if context.raw.notify.is_none() && !findings.is_struck("notify") {
        findings
            .warning(raw.span(), "[events] without [notify]: events are received, and nobody hears of them")
            .label("they reach the security account's bus and go no further")
            .help("add the table [notify], or targets of your own to the rules there");
    }
    let listed = raw.forward.as_deref().unwrap_or_default();
    let besides = context.raw.overrides.iter().flatten().filter_map(|one| one.events.as_ref()?.forward.as_ref());
    if listed.is_empty() && besides.count() == 0 && !findings.is_struck("events.forward") {
        findings
            .warning(raw.span(), "[events] forwards nothing")
            .label("no [[events.forward]]")
            .help("add one, such as `preset = \"security-group-changes\"`");
    }
    let forward = check_forwards(listed, "events.forward", context, findings);
    Some(Events {
        bus: bus?,
        fallback_region: fallback_region?,
        role_name: role_name?,
        exclusive: raw.exclusive.as_ref().is_some_and(|at| **at),
        forward: forward?,
    })
}

/// Whether a text has only the characters that names of buses and rules may have.
pub(super) fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
}

/// Checks a bus's name (EventBridge API Reference, `CreateEventBus`).
fn check_bus(at: &At<String>, findings: &mut Findings) -> Option<String> {
    let fault = if !(1..=256).contains(&at.chars().count()) {
        "between 1 and 256 characters are needed"
    } else if at.contains('/') {
        "only the buses of partners have a slash in their names, and those receive nothing from other accounts"
    } else if !is_name(at) {
        "letters, digits and .-_ are allowed"
    } else {
        return Some(at.to_string());
    };
    findings.error(at.span(), format!("`{}` cannot be the name of a bus", at.as_str())).label(fault);
    None
}

/// Checks the role's name (IAM API Reference, `CreateRole`); it has no path.
fn check_role_name(at: &At<String>, findings: &mut Findings) -> Option<String> {
    let fault = if !(1..=64).contains(&at.chars().count()) {
        "between 1 and 64 characters are needed"
    } else if !at.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
        "letters, digits and _+=,.@- are allowed"
    } else {
        return Some(at.to_string());
    };
    findings.error(at.span(), format!("`{}` cannot be the name of a role", at.as_str())).label(fault);
    None
}

/// Checks the Region that stands in for others.
fn check_fallback(at: &At<String>, context: &Context<'_>, findings: &mut Findings) -> Option<Region> {
    let region = check_region(at, context.partition, findings)?;
    if context.partition == Some(Partition::AwsCn) {
        findings
            .error(at.span(), "EventBridge sends no events from one Region to another in the partition aws-cn")
            .label("a Region of China cannot receive them")
            .help("leave `fallback_region` out, and enable the Regions in the security account");
        return None;
    }
    let security = context.accounts.iter().find(|account| account.duty == Duty::Security);
    if let Some(list) = security.and_then(|account| account.regions.list.as_ref())
        && !list.contains(&region)
    {
        findings
            .error(at.span(), format!("the security account does not have {region}"))
            .label("not in its `regions.list`")
            .help("choose a Region of that list, or add this one to it");
        return None;
    }
    Some(region)
}
