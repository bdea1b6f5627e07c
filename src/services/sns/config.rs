//! `[notify]` of `baseline.toml`.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::run_section::RawNotifyRun;
use crate::config::{At, Context, Findings, Overridable, Section};
use crate::model::{Arn, Partition, Region};
use crate::services::kms::config::{LogKey, alias_fault};

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
    /// How it is reached.
    pub protocol: Protocol,
    /// An ARN, a URL or an address.
    pub endpoint: Endpoint,
    /// Whether messages come without SNS's envelope (sqs and https).
    pub raw_message_delivery: bool,
}

impl NotifySubscription {
    /// The function or the queue; `None` for endpoints that are in no account.
    pub fn arn(&self) -> Option<&Arn> {
        self.endpoint.arn()
    }
}

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A function is invoked.
    Lambda,
    /// A queue receives a message.
    Sqs,
    /// A POST to a URL; whoever listens there has to confirm once.
    Https,
    /// A mail; its recipient has to confirm once.
    Email,
}

impl Protocol {
    /// The name, as SNS spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Lambda => "lambda",
            Protocol::Sqs => "sqs",
            Protocol::Https => "https",
            Protocol::Email => "email",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who hears of events: a topic in every Region of the security account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Notify")]
pub(crate) struct RawNotify {
    /// The topics' name. Default: baseline-alerts.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,256}$"))]
    pub topic: Option<At<String>>,
    /// The alias of the key that encrypts the topics; it is made in every Region. Default: topics are not encrypted.
    #[schemars(regex(pattern = r"^(alias/)?[a-zA-Z0-9/_-]{1,250}$"))]
    pub key_alias: Option<At<String>>,
    /// Whether statements of the topics' and the keys' policies that this tool does not own are removed. Default: false.
    pub exclusive: Option<At<bool>>,
    /// Who is told. Default: nobody, which is warned of on every run.
    pub subscription: Option<Vec<Section<RawNotifySubscription>>>,
    /// Who is told of runs that nobody watches. Where [notify] holds nothing else and there is no [events], it declares
    /// no topics.
    pub run: Option<Section<RawNotifyRun>>,
}

impl RawNotify {
    /// Whether topics are declared: a file that asks for word of its runs and forwards no events wants none.
    fn declares_topics(&self, has_events: bool) -> bool {
        let RawNotify { topic, key_alias, exclusive, subscription, run } = self;
        has_events
            || run.is_none()
            || topic.is_some()
            || key_alias.is_some()
            || exclusive.is_some()
            || subscription.is_some()
    }
}

/// One endpoint that is subscribed to the topics of all Regions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotifySubscription")]
pub(crate) struct RawNotifySubscription {
    /// How the endpoint is reached.
    #[schemars(required)]
    pub protocol: Option<At<Protocol>>,
    /// The ARN of a function or of a queue, in any Region and account; a URL; or an e-mail address.
    #[schemars(required)]
    pub endpoint: Option<At<String>>,
    /// Whether messages come as they are, without SNS's envelope; for sqs and https only. Default: false.
    pub raw_message_delivery: Option<At<bool>>,
}

/// The topics' name where none is declared.
const TOPIC: &str = "baseline-alerts";

/// Checks the section; `Some(None)` where it declares no topics.
pub(crate) fn check_notify(
    raw: &Section<RawNotify>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Option<Notify>> {
    let events_struck = findings.is_struck("events");
    if !raw.declares_topics(context.raw.events.is_some() || events_struck) {
        return Some(None);
    }
    if context.raw.events.is_none() && !events_struck {
        findings
            .warning(raw.span(), "nothing is published to the topics of [notify]")
            .label("there is no [events]")
            .help("add [events] with what is to be forwarded; or take [notify] out");
    }
    let topic = match &raw.topic {
        Some(at) => check_topic(at, findings),
        None => Some(TOPIC.to_owned()),
    };
    let key_alias = match &raw.key_alias {
        Some(at) => check_key_alias(at, context, findings).map(Some),
        None => Some(None),
    };
    let listed = raw.subscription.as_deref().unwrap_or_default();
    let subscriptions = check_subscriptions(listed, context.partition, findings);
    warn_of_mails(listed, context, findings);
    Some(Some(Notify {
        topic: topic?,
        key_alias: key_alias?,
        exclusive: raw.exclusive.as_ref().is_some_and(|at| **at),
        subscriptions: subscriptions?,
    }))
}

/// Checks a topic's name (SNS API Reference, `CreateTopic`).
fn check_topic(at: &At<String>, findings: &mut Findings) -> Option<String> {
    let fault = if at.is_empty() {
        "it is empty"
    } else if at.len() > 256 {
        "256 characters at most"
    } else if at.ends_with(".fifo") {
        "only queues can be subscribed to a FIFO topic: no function, URL or address"
    } else if !at.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        "letters, digits and _- are allowed"
    } else {
        return Some(at.to_string());
    };
    findings.error(at.span(), format!("`{}` cannot be the name of the topics", at.as_str())).label(fault);
    None
}

/// Checks the alias of the topics' key. AWS's own keys are told apart because they would pass unnoticed: SNS takes
/// them, and EventBridge's messages are dropped (SNS Developer Guide, "Key management": a service that publishes to an
/// encrypted topic needs a customer managed key).
fn check_key_alias(at: &At<String>, context: &Context<'_>, findings: &mut Findings) -> Option<String> {
    let name = at.strip_prefix("alias/").unwrap_or(at);
    if name == "aws" || name.starts_with("aws/") {
        findings
            .error(at.span(), format!("`{}` cannot encrypt the topics", at.as_str()))
            .label("AWS's own key: its policy cannot be changed")
            .help(
                "EventBridge could never use it, and every message would be silently dropped; name an alias of your \
                 own, such as \"baseline-alerts\", and the key is made",
            );
        return None;
    }
    if let Some(fault) = alias_fault(name) {
        findings.error(at.span(), format!("`{}` cannot be the alias of a key", at.as_str())).label(fault);
        return None;
    }
    let log_key = context.raw.log_key.as_ref();
    let log_alias = match log_key.map(|key| key.alias.as_ref()) {
        Some(Some(alias)) => Some((alias.strip_prefix("alias/").unwrap_or(alias).to_owned(), Some(alias.span()))),
        Some(None) => Some((LogKey::default().alias, None)),
        None => context.raw.log_bucket.as_ref().map(|_| (LogKey::default().alias, None)),
    };
    if let Some((_, span)) = log_alias.filter(|(alias, _)| alias == name) {
        let problem = findings
            .error(at.span(), "the topics' key and the log key would be one")
            .label("the alias of the log key")
            .help("their policies admit different services: give this one another alias");
        if let Some(span) = span {
            problem.also(span, "declared here");
        }
        return None;
    }
    Some(name.to_owned())
}

fn check_subscriptions(
    listed: &[Section<RawNotifySubscription>],
    partition: Option<Partition>,
    findings: &mut Findings,
) -> Option<Vec<NotifySubscription>> {
    let mut all: Vec<(NotifySubscription, &At<String>)> = Vec::new();
    let mut whole = true;
    for (index, at) in listed.iter().enumerate() {
        let path = format!("notify.subscription.{index}");
        for (key, missing) in [("protocol", at.protocol.is_none()), ("endpoint", at.endpoint.is_none())] {
            if missing {
                if !findings.is_struck(&format!("{path}.{key}")) {
                    findings
                        .error(at.span(), format!("`{key}` is missing in [[notify.subscription]]"))
                        .label(format!("needs `{key}`"));
                }
                whole = false;
            }
        }
        let (Some(protocol), Some(endpoint)) = (&at.protocol, &at.endpoint) else { continue };
        let raw_message_delivery = at.raw_message_delivery.as_ref().is_some_and(|at| **at);
        if let (Some(raw), Protocol::Lambda | Protocol::Email) = (&at.raw_message_delivery, **protocol)
            && **raw
        {
            findings
                .error(raw.span(), format!("`raw_message_delivery` does not work with {}", **protocol))
                .label("SNS refuses this")
                .help("take this line out: only sqs and https can do without SNS's envelope");
            whole = false;
        }
        let Some(checked) = check_endpoint(endpoint, **protocol, partition, findings) else {
            whole = false;
            continue;
        };
        if let Some((_, first)) = all.iter().find(|(other, _)| other.endpoint == checked) {
            findings
                .error(endpoint.span(), "this endpoint is subscribed twice")
                .label("again")
                .also(first.span(), "first here")
                .help("take one of the two out");
            whole = false;
            continue;
        }
        all.push((NotifySubscription { protocol: **protocol, endpoint: checked, raw_message_delivery }, endpoint));
    }
    whole.then(|| all.into_iter().map(|(subscription, _)| subscription).collect())
}

/// Warns of an address that has to confirm in many Regions.
fn warn_of_mails(listed: &[Section<RawNotifySubscription>], context: &Context<'_>, findings: &mut Findings) {
    let mails = listed.iter().filter(|at| at.protocol.as_ref().is_some_and(|protocol| **protocol == Protocol::Email));
    let regions = topic_regions(context);
    for endpoint in mails.filter_map(|at| at.endpoint.as_ref()).filter(|_| regions > 1) {
        findings
            .warning(endpoint.span(), format!("{} gets {regions} mails to confirm, one a Region", endpoint.as_str()))
            .label("every Region that gets the baseline has a topic, and each asks by itself")
            .help(
                "subscribe a function or a queue instead, in one Region and for all topics: it needs no confirmation, and \
                 can pass on to people; or narrow `regions` in profiles.toml",
            );
    }
}

/// In how many Regions there is a topic, as far as the files tell: those that are enabled by default, and those that are
/// listed.
fn topic_regions(context: &Context<'_>) -> usize {
    let Some(partition) = context.partition else { return 0 };
    let known = partition.known_regions().iter();
    let mut regions: BTreeSet<Region> =
        known.filter(|known| !known.opt_in).filter_map(|known| known.name.parse().ok()).collect();
    let listed = context.baselined().filter_map(|account| account.regions.list.as_ref()).flatten();
    regions.extend(listed.cloned());
    regions.retain(|region| context.having(Overridable::Events).any(|account| account.regions.holds(region)));
    regions.len()
}

/// Checks an endpoint, without ever repeating a URL: it may carry a secret.
fn check_endpoint(
    at: &At<String>,
    protocol: Protocol,
    partition: Option<Partition>,
    findings: &mut Findings,
) -> Option<Endpoint> {
    let (what, fault, help) = match protocol {
        Protocol::Lambda | Protocol::Sqs => match resource_fault(at, protocol, partition) {
            Ok(arn) => return Some(Endpoint::of_arn(protocol, arn)),
            // Whatever looks like a URL may be a secret, here too.
            Err(fault) if at.contains("://") => (format!("this is no endpoint of {protocol}"), fault, None),
            Err(fault) => (format!("`{}` is no endpoint of {protocol}", at.as_str()), fault, None),
        },
        Protocol::Https => match url_fault(at) {
            None => return Some(Endpoint::of_url(at)),
            Some((fault, help)) => ("this is no endpoint of https".to_owned(), fault.to_owned(), help),
        },
        Protocol::Email if is_mail_address(at) => return Some(Endpoint::of_mail(at)),
        Protocol::Email => {
            ("this is no endpoint of email".to_owned(), "an address is expected: name@example.com".to_owned(), None)
        }
    };
    findings.error(at.span(), what).label(fault).maybe_help(help.map(str::to_owned));
    None
}

fn resource_fault(text: &str, protocol: Protocol, partition: Option<Partition>) -> Result<Arn, String> {
    let shape = match protocol {
        Protocol::Lambda => "arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME",
        _ => "arn:PARTITION:sqs:REGION:ACCOUNT:NAME",
    };
    if !text.starts_with("arn:") {
        return Err(format!("an ARN is expected: {shape}"));
    }
    let arn: Arn = text.parse().map_err(|error: crate::model::ArnError| error.to_string())?;
    if let Some(partition) = partition
        && arn.partition() != partition
    {
        return Err(format!("an ARN of the partition {partition} is expected: nothing crosses partitions"));
    }
    if arn.service() != protocol.as_str() || arn.region().is_none() || arn.account().is_none() {
        return Err(format!("an ARN of this shape is expected: {shape}"));
    }
    let word = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    match (protocol, arn.resource().split(':').collect::<Vec<_>>().as_slice()) {
        // AWS Lambda API Reference, `AddPermission`.
        (Protocol::Lambda, ["function", name]) if word(name, 140) => Ok(arn),
        (Protocol::Lambda, ["function", _, "$LATEST"]) => {
            Err("`$LATEST` is what the ARN without it means: leave it out".to_owned())
        }
        (Protocol::Lambda, ["function", name, qualifier]) if word(name, 140) && word(qualifier, 128) => Ok(arn),
        (Protocol::Lambda, _) => Err(format!("an ARN of this shape is expected: {shape}")),
        // SQS API Reference, `CreateQueue`; SNS Developer Guide, "Message delivery for FIFO topics".
        (_, [name]) if name.ends_with(".fifo") => {
            Err("a standard topic does not deliver to a FIFO queue: name a standard queue".to_owned())
        }
        (_, [name]) if word(name, 80) => Ok(arn),
        _ => Err(format!("an ARN of this shape is expected: {shape}")),
    }
}

fn url_fault(text: &str) -> Option<(&'static str, Option<&'static str>)> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http") => Some((
            "http is not taken",
            Some("what happens in the accounts would cross the network readable and forgeable: say https://"),
        )),
        Some("https") if Endpoint::host(text).is_some() && text.chars().all(|c| c.is_ascii_graphic()) => None,
        _ => Some(("a URL is expected: https://host/path", None)),
    }
}

fn is_mail_address(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    !name.is_empty()
        && text.len() <= 254
        && name.chars().all(|c| c.is_ascii_graphic() && !"@/\"(),:;<>[]\\".contains(c))
        && domain.contains('.')
        && domain.split('.').all(part)
}
