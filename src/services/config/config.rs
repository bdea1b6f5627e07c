//! `[config]` of `baseline.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Context, Findings, Section};
use crate::model::Region;

/// AWS Config in every Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The recorder's name, where there is none yet.
    pub recorder_name: String,
    /// The delivery channel's name, where there is none yet.
    pub channel_name: String,
    /// The one Region that records global resource types.
    pub global_resources_region: Region,
    /// How often changes are recorded.
    pub recording_frequency: RecordingFrequency,
    /// Resource types that are not recorded.
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

/// A managed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRule {
    /// Its name.
    pub name: String,
    /// The managed rule's identifier, such as `CLOUD_TRAIL_ENABLED`.
    pub identifier: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// How often it is evaluated, where it is periodic, such as `One_Hour`.
    pub frequency: Option<String>,
    /// The resource types it is limited to.
    pub resource_types: Vec<String>,
    /// The tag key, and if given the value, that it is limited to.
    pub tag: Option<(String, Option<String>)>,
    /// Whether it is only in the Region that records global resource types.
    pub home_only: bool,
}

/// AWS Config in every Region of every account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Config")]
pub(crate) struct RawConfig {}

/// Checks the section.
pub(crate) fn check_config(
    _raw: &Section<RawConfig>,
    context: &Context<'_>,
    _findings: &mut Findings,
) -> Option<Config> {
    Some(Config {
        recorder_name: "default".to_owned(),
        channel_name: "default".to_owned(),
        global_resources_region: context.partition?.global_region(),
        recording_frequency: RecordingFrequency::Continuous,
        exclude_resource_types: Vec::new(),
        snapshot_frequency: None,
        rules: Vec::new(),
        aggregator: None,
    })
}
