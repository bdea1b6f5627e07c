//! `[notify.run]` of `baseline.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{At, Context, Duty, Findings, Section};
use crate::model::{Arn, Region};

/// Who is told of runs that nobody watches: of drift that appears or disappears, and of runs that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyRun {
    /// A topic of the security account, in any Region; it need not be one of this tool's.
    pub topic: Arn,
    /// The topic's Region.
    pub region: Region,
}

/// Who is told of runs that nobody watches: of drift that appears or disappears, and of runs that fail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotifyRun")]
pub(crate) struct RawNotifyRun {
    /// The ARN of a topic of the security account, in any Region. The role of the security account publishes to it, and
    /// only when something has changed since it was last told.
    #[schemars(required, regex(pattern = r"^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"))]
    pub topic: Option<At<String>>,
}

/// Checks the section.
pub(crate) fn check_notify_run(
    raw: &Section<RawNotifyRun>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<NotifyRun> {
    let Some(at) = &raw.topic else {
        if !findings.is_struck("notify.run.topic") {
            findings
                .error(raw.span(), "`topic` is missing in [notify.run]")
                .label("needs `topic`")
                .help("name a topic of the security account: topic = \"arn:aws:sns:REGION:ACCOUNT:NAME\"");
        }
        return None;
    };
    match topic_fault(at, context) {
        Ok((topic, region)) => Some(NotifyRun { topic, region }),
        Err((fault, help)) => {
            findings
                .error(at.span(), format!("`{}` cannot be told of runs", at.as_str()))
                .label(fault)
                .maybe_help(help.map(str::to_owned));
            None
        }
    }
}

const SHAPE: &str = "arn:PARTITION:sns:REGION:ACCOUNT:NAME";

fn topic_fault(text: &str, context: &Context<'_>) -> Result<(Arn, Region), (String, Option<&'static str>)> {
    let shape = || (format!("the ARN of a topic is expected: {SHAPE}"), None);
    if !text.starts_with("arn:") {
        return Err(shape());
    }
    let arn: Arn = text.parse().map_err(|error: crate::model::ArnError| (error.to_string(), None))?;
    if let Some(partition) = context.partition
        && arn.partition() != partition
    {
        return Err((format!("a topic in the partition {partition} is expected: nothing crosses partitions"), None));
    }
    let (Some(region), Some(account)) = (arn.region().cloned(), arn.account()) else { return Err(shape()) };
    let name = arn.resource();
    if arn.service() != "sns" {
        return Err(shape());
    }
    if name.ends_with(".fifo") {
        return Err(("a FIFO topic has no subscribers but queues: name a standard topic".to_owned(), None));
    }
    // SNS API Reference, `CreateTopic`. A subscription's ARN has one part more.
    if name.len() > 256 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        return Err(shape());
    }
    let security = context.accounts.iter().find(|account| account.duty == Duty::Security);
    if let Some(security) = security.filter(|security| security.id != account) {
        return Err((
            format!("it belongs to {account}, and {} is the security account", security.id),
            Some("runs are told by the role of the security account: name a topic there, and subscribe others to it"),
        ));
    }
    Ok((arn, region))
}
