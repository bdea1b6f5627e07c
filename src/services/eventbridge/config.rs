//! `[events]` of `baseline.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::config::{Context, Findings, Section};
use crate::model::Region;

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
    /// What a person gets to read instead of the event.
    pub transform: Option<Transform>,
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
    /// Ingress from everywhere.
    SecurityGroupOpenToWorld,
    /// GuardDuty findings.
    GuarddutyFindings,
    /// Compliance changes of the declared rules.
    ConfigCompliance,
    /// The root user signs in or calls.
    RootLogin,
    /// Somebody signs in to the console without a second factor.
    ConsoleLoginWithoutMfa,
    /// Somebody changes or stops a trail.
    CloudtrailTampering,
    /// IAM is changed; only us-east-1's bus sees that.
    IamChanges,
}

/// An input transformer: what a message says instead of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transform {
    /// Names for parts of the event, such as `account = "$.account"`.
    pub paths: BTreeMap<String, String>,
    /// The text, with `<name>` for each of them.
    pub template: String,
}

/// Which events are forwarded to the security account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Events")]
pub(crate) struct RawEvents {}

/// Checks the section.
pub(crate) fn check_events(
    _raw: &Section<RawEvents>,
    _context: &Context<'_>,
    _findings: &mut Findings,
) -> Option<Events> {
    Some(Events {
        bus: "default".to_owned(),
        fallback_region: None,
        role_name: "baseline-event-forwarding".to_owned(),
        exclusive: false,
        forward: Vec::new(),
    })
}
