//! `[notify]` of `baseline.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Context, Findings, Section};

/// Who hears of events: a topic in every Region of the security account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The topics' name.
    pub topic: String,
    /// The alias, without `alias/`, of the customer managed key that encrypts the topics, one in every Region; `None`
    /// leaves topics unencrypted.
    pub key_alias: Option<String>,
    /// Whether statements of the topic policies and key policies that this tool does not own are removed.
    pub exclusive: bool,
    /// Who is told.
    pub subscriptions: Vec<NotifySubscription>,
}

/// One endpoint that is subscribed to the topics of all Regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySubscription {
    /// `lambda`, `sqs`, `https` or `email`.
    pub protocol: String,
    /// An ARN, a URL or an address.
    pub endpoint: String,
    /// Whether messages come without SNS's envelope (sqs and https).
    pub raw_message_delivery: bool,
}

/// Who hears of events.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Notify")]
pub(crate) struct RawNotify {}

/// Checks the section.
pub(crate) fn check_notify(
    _raw: &Section<RawNotify>,
    _context: &Context<'_>,
    _findings: &mut Findings,
) -> Option<Notify> {
    Some(Notify { topic: "baseline-alerts".to_owned(), key_alias: None, exclusive: false, subscriptions: Vec::new() })
}
