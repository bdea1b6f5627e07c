//! `[guardduty]` of `baseline.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Context, Findings, Section};

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
}

/// Threat detection in every Region of every account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardDuty")]
pub(crate) struct RawGuardDuty {}

/// Checks the section.
pub(crate) fn check_guardduty(
    _raw: &Section<RawGuardDuty>,
    _context: &Context<'_>,
    _findings: &mut Findings,
) -> Option<GuardDuty> {
    Some(GuardDuty {
        finding_publishing_frequency: "FIFTEEN_MINUTES".to_owned(),
        features: BTreeMap::new(),
        publish: true,
        allow_disable: false,
        membership: false,
    })
}
