//! `[[config.rule]]` of `baseline.toml`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::managed_rules::{ManagedRule, Trigger, identifiers, managed_rule};
use super::section::type_name_fault;
use crate::config::{At, Findings, Section, did_you_mean, table_name};
use crate::model::Region;
use crate::services::cloudtrail::config::Mode;

/// A managed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRule {
    /// Its name.
    pub name: String,
    /// The managed rule's identifier, such as `CLOUD_TRAIL_ENABLED`.
    pub identifier: String,
    /// When it is evaluated.
    pub trigger: Trigger,
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
    /// Regions that go without it.
    pub except_regions: Vec<Region>,
}

/// A managed rule, in every account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConfigRule")]
pub(crate) struct RawConfigRule {
    /// The managed rule's identifier, such as CLOUD_TRAIL_ENABLED: see the List of AWS Config Managed Rules.
    #[schemars(required)]
    pub identifier: Option<At<String>>,
    /// Its name. Default: baseline- and the identifier, such as baseline-cloud-trail-enabled.
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<At<String>>,
    /// Its parameters. AWS's defaults are those of its console alone: what is not said here is not set.
    #[schemars(with = "Option<BTreeMap<String, ParameterValue>>")]
    pub parameters: Option<BTreeMap<At<String>, At<ParameterValue>>>,
    /// How often it is evaluated, where it is not only triggered by changes. Default: One_Hour for CLOUD_TRAIL_ENABLED
    /// and GUARDDUTY_ENABLED_CENTRALIZED, TwentyFour_Hours for others.
    pub frequency: Option<At<Frequency>>,
    /// The resource types that it is limited to. Default: all that it can evaluate.
    pub resource_types: Option<At<Vec<At<String>>>>,
    /// The tag that it is limited to; not together with resource_types. Default: none.
    pub tag: Option<Section<RawScopeTag>>,
    /// Where it is. Default: all, but home for rules about IAM and the root user, which are the same everywhere.
    pub regions: Option<At<RuleRegions>>,
    /// Regions that go without it, such as ap-southeast-6: those in which AWS does not offer it and that this release
    /// does not know of. Default: none.
    pub except_regions: Option<At<Vec<At<String>>>>,
    /// Whether the rule is newer than this release, so that its identifier and parameters cannot be checked.
    /// Default: false.
    pub unlisted: Option<At<bool>>,
}

/// The tag that a rule is limited to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScopeTag")]
pub(crate) struct RawScopeTag {
    /// The tag's key.
    #[schemars(required, length(min = 1, max = 128))]
    pub key: Option<At<String>>,
    /// The tag's value. Default: any.
    #[schemars(length(min = 1, max = 256))]
    pub value: Option<At<String>>,
}

/// How often something is done (AWS Config API Reference, `MaximumExecutionFrequency`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Frequency {
    /// Every hour.
    #[serde(rename = "One_Hour")]
    OneHour,
    /// Every three hours.
    #[serde(rename = "Three_Hours")]
    ThreeHours,
    /// Every six hours.
    #[serde(rename = "Six_Hours")]
    SixHours,
    /// Every twelve hours.
    #[serde(rename = "Twelve_Hours")]
    TwelveHours,
    /// Every day.
    #[serde(rename = "TwentyFour_Hours")]
    TwentyFourHours,
}

impl Frequency {
    pub const fn as_str(self) -> &'static str {
        match self {
            Frequency::OneHour => "One_Hour",
            Frequency::ThreeHours => "Three_Hours",
            Frequency::SixHours => "Six_Hours",
            Frequency::TwelveHours => "Twelve_Hours",
            Frequency::TwentyFourHours => "TwentyFour_Hours",
        }
    }
}

/// Where a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuleRegions {
    /// In every Region.
    All,
    /// In the Region that records global resource types.
    Home,
}

/// A parameter's value as AWS takes it: a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParameterValue(String);

impl<'de> Deserialize<'de> for ParameterValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Plain;

        impl Visitor<'_> for Plain {
            type Value = ParameterValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number or a boolean")
            }

            fn visit_str<E>(self, text: &str) -> Result<ParameterValue, E> {
                Ok(ParameterValue(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<ParameterValue, E> {
                Ok(ParameterValue(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<ParameterValue, E> {
                Ok(ParameterValue(number.to_string()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<ParameterValue, E> {
                Ok(ParameterValue(value.to_string()))
            }
        }

        deserializer.deserialize_any(Plain)
    }
}

impl JsonSchema for ParameterValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ParameterValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// The rules that watch the baseline itself: an hour is how long their subject may be off without anybody knowing.
const HOURLY: [&str; 2] = ["CLOUD_TRAIL_ENABLED", "GUARDDUTY_ENABLED_CENTRALIZED"];

/// How many resource types a rule's scope holds (AWS Config API Reference, `Scope`).
const MOST_RESOURCE_TYPES: usize = 100;

/// Checks every rule of a list, whose place among the keys is `path`; `trails` is the declared mode of the trails.
pub(crate) fn check_rules(
    raw: &[Section<RawConfigRule>],
    path: &str,
    trails: Option<Mode>,
    findings: &mut Findings,
) -> Option<Vec<ConfigRule>> {
    let mut rules: Vec<(ConfigRule, &Section<RawConfigRule>)> = Vec::new();
    let mut whole = true;
    for (index, at) in raw.iter().enumerate() {
        let Some(rule) = check_rule(at, &format!("{path}.{index}"), trails, findings) else {
            whole = false;
            continue;
        };
        if let Some((_, first)) = rules.iter().find(|(other, _)| other.name == rule.name) {
            let span =
                |at: &Section<RawConfigRule>| at.name.as_ref().or(at.identifier.as_ref()).map_or(at.span(), At::span);
            findings
                .error(span(at), format!("two rules are called `{}`", rule.name))
                .label("again")
                .also(span(first), "first here")
                .help("give one of them a `name` of its own");
            whole = false;
        }
        rules.push((rule, at));
    }
    whole.then(|| rules.into_iter().map(|(rule, _)| rule).collect())
}

fn check_rule(
    at: &Section<RawConfigRule>,
    path: &str,
    trails: Option<Mode>,
    findings: &mut Findings,
) -> Option<ConfigRule> {
    let Some(identifier) = &at.identifier else {
        if !findings.is_struck(&format!("{path}.identifier")) {
            findings
                .error(at.span(), format!("`identifier` is missing in {}", table_name(path)))
                .label("needs `identifier`")
                .help("the managed rule's identifier, such as \"CLOUD_TRAIL_ENABLED\"");
        }
        return None;
    };
    let known = check_identifier(identifier, at.unlisted.as_ref(), findings)?;
    let trigger = known.map_or(Trigger::Unknown, |rule| rule.trigger);
    let name = check_rule_name(at.name.as_ref(), identifier, findings);
    let parameters = check_parameters(at, identifier, known, findings);
    let frequency = check_frequency(at, identifier, trigger, findings);
    let resource_types = check_scope_types(at, known, findings);
    let tag = check_scope_tag(at, path, findings);
    let is_global = known.is_some_and(ManagedRule::is_global);
    if let Some(regions) = at.regions.as_ref().filter(|regions| ***regions == RuleRegions::All && is_global) {
        findings
            .warning(regions.span(), format!("{} says the same in every Region", identifier.as_str()))
            .label("evaluated, and billed, once in each of them")
            .help("leave `regions` out: it is then only in the Region that records global resource types");
    }
    if identifier.as_str() == "MULTI_REGION_CLOUD_TRAIL_ENABLED" && trails == Some(Mode::PerRegion) {
        findings
            .warning(identifier.span(), "MULTI_REGION_CLOUD_TRAIL_ENABLED will call every account non-compliant")
            .label("asks for a multi-Region trail")
            .help("[cloudtrail] has one trail in each Region; CLOUD_TRAIL_ENABLED asks for those");
    }
    let except_regions = check_except(at.except_regions.as_ref(), findings);
    Some(ConfigRule {
        name: name?,
        identifier: identifier.to_string(),
        trigger,
        parameters: parameters?,
        frequency: frequency?,
        resource_types: resource_types?,
        tag: tag?,
        home_only: at.regions.as_ref().map_or(is_global, |regions| **regions == RuleRegions::Home),
        except_regions: except_regions?,
    })
}

/// Checks the Regions that go without a rule: names, and no patterns of names.
fn check_except(at: Option<&At<Vec<At<String>>>>, findings: &mut Findings) -> Option<Vec<Region>> {
    let Some(at) = at else { return Some(Vec::new()) };
    let mut whole = true;
    let mut regions = Vec::new();
    for one in at.iter() {
        match one.parse::<Region>() {
            Ok(region) if !region.is_global() => regions.push(region),
            _ => {
                findings
                    .error(one.span(), format!("`{}` is not an AWS Region", one.as_str()))
                    .label("a name such as `ap-southeast-6` is expected");
                whole = false;
            }
        }
    }
    whole.then_some(regions)
}

/// `Some(None)` is an identifier that the table does not have and that is declared to be newer.
fn check_identifier(
    at: &At<String>,
    unlisted: Option<&At<bool>>,
    findings: &mut Findings,
) -> Option<Option<&'static ManagedRule>> {
    if let Some(known) = managed_rule(at) {
        if let Some(unlisted) = unlisted.filter(|unlisted| ***unlisted) {
            findings
                .warning(unlisted.span(), format!("{} is known by now", at.as_str()))
                .label("checked all the same")
                .help("take this line out");
        }
        return Some(Some(known));
    }
    let spelt = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if unlisted.is_some_and(|unlisted| **unlisted) && !at.is_empty() && at.chars().all(spelt) {
        return Some(None);
    }
    findings
        .error(at.span(), format!("`{}` is not a managed rule that this release knows", at.as_str()))
        .label("no rule has this identifier")
        .help(did_you_mean(at, identifiers()).unwrap_or_else(|| {
            "if it is newer than this release, say `unlisted = true`; identifiers are in capitals, such as \
             CLOUD_TRAIL_ENABLED"
                .to_owned()
        }));
    None
}

/// Checks a name (AWS Config API Reference, `ConfigRule`: 128 characters).
fn check_rule_name(at: Option<&At<String>>, identifier: &str, findings: &mut Findings) -> Option<String> {
    let Some(at) = at else {
        let made = format!("baseline-{}", identifier.to_ascii_lowercase().replace('_', "-"));
        return Some(made.chars().take(128).collect());
    };
    let fault = if at.chars().count() > 128 {
        "128 characters at most"
    } else if at.trim().is_empty() || at.trim() != at.as_str() || at.chars().any(char::is_control) {
        "a text on one line is needed, without blanks around it"
    } else {
        return Some(at.to_string());
    };
    findings.error(at.span(), format!("`{}` cannot be the name of a rule", at.as_str())).label(fault);
    None
}

fn check_parameters(
    at: &Section<RawConfigRule>,
    identifier: &At<String>,
    known: Option<&ManagedRule>,
    findings: &mut Findings,
) -> Option<BTreeMap<String, String>> {
    let given = || at.parameters.iter().flatten();
    let mut whole = true;
    if let Some(rule) = known {
        for (key, value) in given() {
            let Some(parameter) = rule.parameters.iter().find(|parameter| parameter.name == key.as_str()) else {
                let names: Vec<&str> = rule.parameters.iter().map(|parameter| parameter.name).collect();
                findings
                    .error(key.span(), format!("{} has no parameter `{}`", identifier.as_str(), key.as_str()))
                    .label("not known")
                    .help(did_you_mean(key, names.iter().copied()).unwrap_or_else(|| match names.as_slice() {
                        [] => "it has no parameters at all".to_owned(),
                        names => format!("its parameters are {}", names.join(", ")),
                    }));
                whole = false;
                continue;
            };
            if let Some(fault) = parameter.fault(&value.0) {
                findings.error(value.span(), format!("`{}` cannot be `{}`", parameter.name, value.0)).label(fault);
                whole = false;
            }
        }
        for missing in rule.parameters.iter().filter(|p| p.required && !given().any(|(key, _)| key.as_str() == p.name))
        {
            let example = missing.suggested.unwrap_or("…");
            findings
                .error(identifier.span(), format!("{} needs the parameter `{}`", identifier.as_str(), missing.name))
                .label("cannot be evaluated without it")
                .help(format!("add `parameters = {{ {} = \"{example}\" }}`", missing.name));
            whole = false;
        }
    }
    whole.then(|| given().map(|(key, value)| (key.to_string(), value.0.clone())).collect())
}

fn check_frequency(
    at: &Section<RawConfigRule>,
    identifier: &At<String>,
    trigger: Trigger,
    findings: &mut Findings,
) -> Option<Option<String>> {
    match &at.frequency {
        Some(frequency) if !trigger.has_frequency() => {
            findings
                .error(frequency.span(), format!("{} has no frequency", identifier.as_str()))
                .label("AWS refuses this")
                .help("take this line out: only a change of a resource triggers this rule");
            None
        }
        Some(frequency) => Some(Some(frequency.as_str().to_owned())),
        None if HOURLY.contains(&identifier.as_str()) => Some(Some(Frequency::OneHour.as_str().to_owned())),
        // What AWS does where nothing is said (AWS Config API Reference, `ConfigRule`).
        None if trigger == Trigger::Periodic => Some(Some(Frequency::TwentyFourHours.as_str().to_owned())),
        None => Some(None),
    }
}

fn check_scope_types(
    at: &Section<RawConfigRule>,
    known: Option<&ManagedRule>,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let Some(types) = &at.resource_types else { return Some(Vec::new()) };
    let mut whole = true;
    let mut fail = |span, message: String, label: &str, help: Option<String>| {
        findings.error(span, message).label(label).maybe_help(help);
        whole = false;
    };
    if types.is_empty() {
        let help = "leave `resource_types` out to have all that the rule can evaluate".to_owned();
        fail(types.span(), "`resource_types` is empty".to_owned(), "nothing would be evaluated", Some(help));
    }
    if types.len() > MOST_RESOURCE_TYPES {
        fail(types.span(), "too many resource types".to_owned(), "100 at most", None);
    }
    for (index, one) in types.iter().enumerate() {
        if let Some(fault) = type_name_fault(one) {
            fail(one.span(), format!("`{}` is not a resource type", one.as_str()), fault, None);
        } else if types[..index].iter().any(|other| other.as_str() == one.as_str()) {
            fail(one.span(), format!("`{}` is listed twice", one.as_str()), "again", None);
        } else if let Some(rule) = known.filter(|rule| !rule.resource_types.is_empty())
            && !rule.resource_types.contains(&one.as_str())
        {
            let help = did_you_mean(one, rule.resource_types.iter().copied())
                .unwrap_or_else(|| format!("it evaluates {}", rule.resource_types.join(", ")));
            let message = format!("{} does not evaluate `{}`", rule.identifier, one.as_str());
            fail(one.span(), message, "would never be evaluated", Some(help));
        }
    }
    let mut list: Vec<String> = types.iter().map(|one| one.to_string()).collect();
    list.sort();
    whole.then_some(list)
}

/// Checks the tag (AWS Config API Reference, `Scope`: resource types, or a tag; 128 and 256 characters).
fn check_scope_tag(
    at: &Section<RawConfigRule>,
    path: &str,
    findings: &mut Findings,
) -> Option<Option<(String, Option<String>)>> {
    let Some(tag) = &at.tag else { return Some(None) };
    if let Some(types) = &at.resource_types {
        findings
            .error(tag.span(), "a rule cannot be limited to a tag and to resource types")
            .label("AWS takes one of them")
            .also(types.span(), "and the other is here");
        return None;
    }
    let Some(key) = &tag.key else {
        if !findings.is_struck(&format!("{path}.tag.key")) {
            findings.error(tag.span(), "`key` is missing in `tag`").label("needs `key`");
        }
        return None;
    };
    let mut whole = true;
    for (text, most) in [Some((key, 128)), tag.value.as_ref().map(|value| (value, 256))].into_iter().flatten() {
        if text.is_empty() || text.chars().count() > most {
            findings
                .error(text.span(), "AWS would refuse this tag")
                .label(format!("1 to {most} characters are needed"));
            whole = false;
        }
    }
    whole.then(|| Some((key.to_string(), tag.value.as_ref().map(|value| value.to_string()))))
}
