//! `[cloudtrail]` of `baseline.toml`.

mod advanced;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use advanced::RawAdvancedSelector;

use super::spec::AdvancedSelector;
use crate::config::{At, Findings, Section, check_region};
use crate::model::{Partition, Region};

/// How each account is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudTrail {
    /// The declared name; the multi-Region trail's physical name derives from it.
    pub name: String,
    /// One trail per Region, or one for all.
    pub mode: Mode,
    /// Whether events of global services are recorded at all.
    pub include_global_service_events: bool,
    /// Per-Region mode: the one Region whose trail records global service events.
    pub global_events_region: Region,
    /// Multi-Region mode: the trail's home Region.
    pub home_region: Region,
    /// Whether digest files are delivered.
    pub log_file_validation: bool,
    /// Which management events are recorded.
    pub management_events: ManagementEvents,
    /// Whether KMS events, which are numerous, are left out.
    pub exclude_kms_events: bool,
    /// Data events, which are billed.
    pub data_events: Vec<DataEvents>,
    /// Advanced event selectors, in the place of all that the four members before say; none where those count.
    pub advanced_selectors: Vec<AdvancedSelector>,
}

/// Where trails live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One single-Region trail in every enabled Region.
    PerRegion,
    /// One trail that covers every enabled Region.
    MultiRegion,
}

/// Which management events a trail records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ManagementEvents {
    /// Reads and writes.
    All,
    /// Reads only.
    Read,
    /// Writes only.
    Write,
}

/// One kind of resource whose data events are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataEvents {
    /// The resource type: `AWS::S3::Object`, `AWS::Lambda::Function` or `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// ARNs or ARN prefixes, such as `arn:aws:s3` for every bucket.
    pub values: Vec<String>,
}

/// How each account is recorded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudTrail")]
pub(crate) struct RawCloudTrail {
    /// The trails' name. Default: baseline.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]$"))]
    pub name: Option<At<String>>,
    /// One trail in every Region, or one trail for all. Default: per-region.
    pub mode: Option<At<Mode>>,
    /// Whether events of global services (IAM, STS, CloudFront) are recorded. Default: true.
    pub include_global_service_events: Option<At<bool>>,
    /// Mode per-region: the one Region whose trail records them. Default: the partition's global Region, which in the
    /// partition aws is us-east-1.
    pub global_events_region: Option<At<String>>,
    /// Mode multi-region: the Region that the trail belongs to. Default: the security account's home Region.
    pub home_region: Option<At<String>>,
    /// Whether digest files are delivered, which show later that no log file was changed. Default: true.
    pub log_file_validation: Option<At<bool>>,
    /// Which management events are recorded. Default: all.
    pub management_events: Option<At<ManagementEvents>>,
    /// Whether KMS events, which are numerous, are left out. Default: false.
    pub exclude_kms_events: Option<At<bool>>,
    /// Data events, which are billed. Default: none.
    pub data_events: Option<Vec<Section<RawDataEvents>>>,
    /// Advanced event selectors, in the place of management_events, exclude_kms_events and data_events. Default: none.
    pub advanced_selectors: Option<Vec<Section<RawAdvancedSelector>>>,
}

/// One kind of resource whose data events are recorded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DataEvents")]
pub(crate) struct RawDataEvents {
    /// The resource type.
    #[schemars(required, with = "ResourceType")]
    pub resource_type: Option<At<ResourceType>>,
    /// ARNs or ARN prefixes, such as arn:aws:s3 for every bucket.
    #[schemars(required)]
    pub values: Option<At<Vec<At<String>>>>,
}

/// What basic event selectors can record the data events of (CloudTrail API Reference, `DataResource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum ResourceType {
    /// Objects in buckets.
    #[serde(rename = "AWS::S3::Object")]
    S3Object,
    /// Functions.
    #[serde(rename = "AWS::Lambda::Function")]
    LambdaFunction,
    /// Tables.
    #[serde(rename = "AWS::DynamoDB::Table")]
    DynamoDbTable,
}

impl ResourceType {
    const fn as_str(self) -> &'static str {
        match self {
            ResourceType::S3Object => "AWS::S3::Object",
            ResourceType::LambdaFunction => "AWS::Lambda::Function",
            ResourceType::DynamoDbTable => "AWS::DynamoDB::Table",
        }
    }

    const fn service(self) -> &'static str {
        match self {
            ResourceType::S3Object => "s3",
            ResourceType::LambdaFunction => "lambda",
            ResourceType::DynamoDbTable => "dynamodb",
        }
    }
}

/// What the multi-Region trail's name gets added, so that it never collides with a shadow trail.
const MULTI_REGION_SUFFIX: &str = "-multi-region";

/// How many data resources all event selectors of a trail hold together (CloudTrail API Reference, `DataResource`).
const MOST_DATA_RESOURCES: usize = 250;

/// Checks the section; `None` also where the partition or the home Region is not known.
pub(crate) fn check_cloudtrail(
    raw: &Section<RawCloudTrail>,
    partition: Option<Partition>,
    security_home: Option<&Region>,
    findings: &mut Findings,
) -> Option<CloudTrail> {
    let mode = raw.mode.as_ref().map_or(Mode::PerRegion, |at| **at);
    let name = match &raw.name {
        Some(at) => match trail_name_fault(at, mode) {
            Some(fault) => {
                findings.error(at.span(), format!("`{}` cannot be the name of a trail", at.as_str())).label(fault);
                None
            }
            None => Some(at.to_string()),
        },
        None => Some("baseline".to_owned()),
    };
    let include_global = raw.include_global_service_events.as_ref().is_none_or(|at| **at);
    // A mode that could not be read says nothing about the keys that depend on it.
    let mode_known = !findings.is_struck("cloudtrail.mode");
    match mode {
        Mode::MultiRegion if mode_known => {
            if let Some(at) = raw.include_global_service_events.as_ref().filter(|at| !***at) {
                findings
                    .error(at.span(), "a multi-Region trail has to include global service events")
                    .label("AWS refuses this")
                    .help("take this line out, or say `mode = \"per-region\"`");
            }
            if let Some(at) = &raw.global_events_region {
                findings
                    .error(at.span(), "`global_events_region` has no effect in the mode multi-region")
                    .label("a multi-Region trail records global service events wherever it is")
                    .help("take this line out, or say `mode = \"per-region\"`");
            }
        }
        Mode::PerRegion if mode_known => {
            if let Some(at) = &raw.home_region {
                findings
                    .error(at.span(), "`home_region` has no effect in the mode per-region")
                    .label("every Region has a trail of its own")
                    .help("take this line out, or say `mode = \"multi-region\"`");
            }
            if let Some(at) = raw.global_events_region.as_ref().filter(|_| !include_global) {
                findings
                    .error(at.span(), "`global_events_region` has no effect without global service events")
                    .label("no trail records them")
                    .help("take this line out, or `include_global_service_events = false`");
            }
        }
        _ => {}
    }
    let global = partition.map(Partition::global_region);
    let global_events_region = match &raw.global_events_region {
        Some(at) => {
            let region = check_region(at, partition, findings);
            if mode == Mode::PerRegion
                && include_global
                && let (Some(region), Some(global)) = (&region, &global)
                && region != global
            {
                warn_of_loss(at, region, global, findings);
            }
            region
        }
        None => global,
    };
    let home_region = match &raw.home_region {
        Some(at) => check_region(at, partition, findings),
        None => security_home.cloned(),
    };
    let advanced_selectors = advanced::check(raw, findings);
    let data_events = check_data_events(raw.data_events.as_deref().unwrap_or_default(), partition, findings);
    Some(CloudTrail {
        name: name?,
        mode,
        include_global_service_events: include_global,
        global_events_region: global_events_region?,
        home_region: home_region?,
        log_file_validation: raw.log_file_validation.as_ref().is_none_or(|at| **at),
        management_events: raw.management_events.as_ref().map_or(ManagementEvents::All, |at| **at),
        exclude_kms_events: raw.exclude_kms_events.as_ref().is_some_and(|at| **at),
        data_events: data_events?,
        advanced_selectors: advanced_selectors?,
    })
}

/// CloudTrail User Guide, "Global service events".
fn warn_of_loss(at: &At<String>, region: &Region, global: &Region, findings: &mut Findings) {
    let lost = if global.as_str() == "us-east-1" {
        format!(
            "since 22 November 2021 events of IAM, STS (global endpoint) and CloudFront are recorded in {global} only: \
             a trail in {region} gets none of them"
        )
    } else {
        format!(
            "events of IAM and other global services are recorded in {global} only: a trail in {region} gets none of them"
        )
    };
    findings
        .warning(at.span(), "global service events would be lost")
        .label(format!("they are recorded in {global}"))
        .help(format!("{lost}; leave this line out for {global}"));
}

/// What is wrong with a trail's name (CloudTrail API Reference, `CreateTrail`).
fn trail_name_fault(name: &str, mode: Mode) -> Option<&'static str> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_mark = |c: char| "._-".contains(c);
    let marks = |pair: &[char]| pair.iter().all(|c| is_mark(*c));
    let chars: Vec<char> = name.chars().collect();
    if !(3..=128).contains(&chars.len()) {
        Some("between 3 and 128 characters are needed")
    } else if !chars.iter().all(|c| c.is_ascii_alphanumeric() || is_mark(*c)) {
        Some("letters, digits and ._- are allowed")
    } else if !edge(name.chars().next()) || !edge(name.chars().last()) {
        Some("it has to begin and end with a letter or digit")
    } else if chars.windows(2).any(marks) {
        Some("two of ._- in a row are not allowed")
    } else if mode == Mode::MultiRegion && chars.len() + MULTI_REGION_SUFFIX.len() > 128 {
        Some("115 characters at most: `-multi-region` is added to it")
    } else if name.split('.').count() == 4 && name.split('.').all(|part| part.parse::<u8>().is_ok()) {
        Some("it must not look like an IP address")
    } else {
        None
    }
}

fn check_data_events(
    raw: &[Section<RawDataEvents>],
    partition: Option<Partition>,
    findings: &mut Findings,
) -> Option<Vec<DataEvents>> {
    let mut all: Vec<(DataEvents, &Section<RawDataEvents>)> = Vec::new();
    let mut whole = true;
    let mut count = 0;
    for (index, at) in raw.iter().enumerate() {
        let path = format!("cloudtrail.data_events.{index}");
        for (key, missing) in [("resource_type", at.resource_type.is_none()), ("values", at.values.is_none())] {
            if missing {
                if !findings.is_struck(&format!("{path}.{key}")) {
                    findings
                        .error(at.span(), format!("`{key}` is missing in [[cloudtrail.data_events]]"))
                        .label(format!("needs `{key}`"));
                }
                whole = false;
            }
        }
        if let (Some(resource), Some(values)) = (&at.resource_type, &at.values) {
            if values.is_empty() {
                findings
                    .error(values.span(), "`values` is empty, so nothing would be recorded")
                    .label("no ARN here")
                    .help(format!("\"arn:{}:{}\" stands for all", partition.unwrap_or_default(), resource.service()));
                whole = false;
            }
            if let Some((_, first)) = all.iter().find(|(events, _)| events.resource_type == resource.as_str()) {
                findings
                    .error(resource.span(), format!("`{}` is listed twice", resource.as_str()))
                    .label("again")
                    .also(first.span(), "first here")
                    .help("put all values under one [[cloudtrail.data_events]]");
                whole = false;
            }
            for value in values.iter() {
                whole &= check_data_value(value, **resource, partition, findings);
            }
            let room = MOST_DATA_RESOURCES.saturating_sub(count);
            count += values.len();
            if let Some(first_too_many) = values.get(room) {
                findings
                    .error(first_too_many.span(), format!("{count} data resources are more than a trail holds"))
                    .label(format!("{MOST_DATA_RESOURCES} at most, all together: one too many from here on"))
                    .help("a prefix covers many resources at once");
                whole = false;
            }
            let values = values.iter().map(|value| value.to_string()).collect();
            all.push((DataEvents { resource_type: resource.as_str().to_owned(), values }, at));
        }
    }
    whole.then(|| all.into_iter().map(|(events, _)| events).collect())
}

/// Checks one value (CloudTrail API Reference, `DataResource`).
fn check_data_value(
    at: &At<String>,
    resource: ResourceType,
    partition: Option<Partition>,
    findings: &mut Findings,
) -> bool {
    let service = resource.service();
    let parts: Vec<&str> = at.splitn(6, ':').collect();
    let shown = partition.unwrap_or_default();
    let fault = match parts.as_slice() {
        ["arn", of, ..] if partition.is_some_and(|p| p.as_str() != *of) => {
            format!("an ARN of the partition {shown} is expected")
        }
        ["arn", _, of, ..] if *of != service => format!("an ARN of {service} is expected"),
        ["arn", _, _] => return true,
        ["arn", _, "s3", "", "", ""] => return true,
        ["arn", _, "s3", "", "", object] if object.contains('/') => return true,
        ["arn", _, "s3", "", "", _] => "a slash after the bucket's name is needed: all objects in it".to_owned(),
        ["arn", _, "lambda", _, _, what] if what.starts_with("function:") => return true,
        ["arn", _, "dynamodb", _, _, what] if what.starts_with("table/") => return true,
        _ => "an ARN is expected".to_owned(),
    };
    findings
        .error(at.span(), format!("`{}` has no data events of {}", at.as_str(), resource.as_str()))
        .label(fault)
        .help(format!("\"arn:{shown}:{service}\" stands for all of them"));
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_that_cloudtrail_refuses() {
        for good in ["abc", "baseline", "a.b-c_d", &"t".repeat(128)] {
            assert_eq!(trail_name_fault(good, Mode::PerRegion), None, "{good}");
        }
        for bad in ["ab", &"t".repeat(129), "-trail", "trail-", "a--b", "a._b", "tra il", "tr/ail", "192.168.5.4"] {
            assert!(trail_name_fault(bad, Mode::PerRegion).is_some(), "{bad}");
        }
        assert_eq!(trail_name_fault(&"t".repeat(115), Mode::MultiRegion), None);
        assert!(trail_name_fault(&"t".repeat(116), Mode::MultiRegion).is_some());
    }
}
