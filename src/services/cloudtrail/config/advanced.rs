//! `[[cloudtrail.advanced_selectors]]` of `baseline.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::RawCloudTrail;
use crate::config::{At, Findings, Section};
use crate::services::cloudtrail::spec::{AdvancedSelector, FieldSelector, Operator};

/// One advanced event selector: an event that meets all of its fields is recorded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdvancedSelector")]
pub(crate) struct RawAdvancedSelector {
    /// What it is called; without effect. Default: none.
    pub name: Option<At<String>>,
    /// The conditions, one of them on eventCategory.
    #[schemars(required)]
    pub fields: Option<Vec<Section<RawFieldSelector>>>,
}

/// A condition on one field of an event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FieldSelector")]
pub(crate) struct RawFieldSelector {
    /// The field, such as eventCategory, eventSource, readOnly, resources.type or resources.ARN.
    #[schemars(required)]
    pub field: Option<At<String>>,
    /// The value is one of these.
    pub equals: Option<At<Vec<At<String>>>>,
    /// It is none of these.
    pub not_equals: Option<At<Vec<At<String>>>>,
    /// It begins with one of these.
    pub starts_with: Option<At<Vec<At<String>>>>,
    /// It begins with none of these.
    pub not_starts_with: Option<At<Vec<At<String>>>>,
    /// It ends with one of these.
    pub ends_with: Option<At<Vec<At<String>>>>,
    /// It ends with none of these.
    pub not_ends_with: Option<At<Vec<At<String>>>>,
}

/// How many values all advanced selectors of a trail hold together (CloudTrail API Reference, `PutEventSelectors`).
const MOST_VALUES: usize = 500;
/// What a trail's selectors select (CloudTrail API Reference, `AdvancedFieldSelector`, `eventCategory`).
const CATEGORIES: [&str; 3] = ["Management", "Data", "NetworkActivity"];
/// The fields that take `equals` alone (the same).
const EQUALS_ONLY: [&str; 3] = ["readOnly", "eventCategory", "resources.type"];

/// Checks the selectors; none where none are declared.
pub(super) fn check(raw: &Section<RawCloudTrail>, findings: &mut Findings) -> Option<Vec<AdvancedSelector>> {
    let list = raw.advanced_selectors.as_deref().unwrap_or_default();
    let Some(first) = list.first() else { return Some(Vec::new()) };
    let besides = [
        ("management_events", raw.management_events.as_ref().map(|at| at.span())),
        ("exclude_kms_events", raw.exclude_kms_events.as_ref().map(|at| at.span())),
        ("data_events", raw.data_events.as_ref().and_then(|events| events.first()).map(|at| at.span())),
    ];
    let mut whole = true;
    for (key, span) in besides {
        if let Some(span) = span {
            findings
                .error(span, format!("`{key}` has no effect beside advanced selectors"))
                .label("a trail has one form of selectors or the other")
                .also(first.span(), "an advanced selector")
                .help("say it with an advanced selector, or take those out");
            whole = false;
        }
    }
    let mut selectors = Vec::new();
    let mut values = 0;
    for (index, at) in list.iter().enumerate() {
        let path = format!("cloudtrail.advanced_selectors.{index}");
        let mut fields = Vec::new();
        for (place, field) in at.fields.as_deref().unwrap_or_default().iter().enumerate() {
            match check_field(field, &format!("{path}.fields.{place}"), findings) {
                Some(field) => fields.push(field),
                None => whole = false,
            }
        }
        values += fields.iter().flat_map(|field| field.operators.values()).map(Vec::len).sum::<usize>();
        let selector = AdvancedSelector { name: at.name.as_ref().map(|name| name.to_string()), fields };
        if !selector.category().is_some_and(|category| CATEGORIES.contains(&category)) {
            if whole && !findings.is_struck(&path) {
                findings
                    .error(at.span(), "an advanced selector says of which category the events are")
                    .label("needs a field eventCategory")
                    .help("fields = [{ field = \"eventCategory\", equals = [\"Management\"] }]; or Data, or NetworkActivity");
            }
            whole = false;
        }
        selectors.push(selector);
    }
    if values > MOST_VALUES {
        findings
            .error(first.span(), format!("{values} values are more than the advanced selectors of a trail hold"))
            .label(format!("{MOST_VALUES} at most, all together"));
        whole = false;
    }
    if whole && selectors.iter().all(|selector| selector.category() != Some("Management")) {
        findings
            .warning(first.span(), "no advanced selector records management events")
            .label("nobody could tell who changed what, and events would not be raised")
            .help("add one with eventCategory Management");
    }
    whole.then_some(selectors)
}

fn check_field(raw: &Section<RawFieldSelector>, path: &str, findings: &mut Findings) -> Option<FieldSelector> {
    let Some(field) = &raw.field else {
        if !findings.is_struck(&format!("{path}.field")) {
            findings.error(raw.span(), "`field` is missing in a field selector").label("needs `field`");
        }
        return None;
    };
    let given = [
        (Operator::Equals, &raw.equals),
        (Operator::NotEquals, &raw.not_equals),
        (Operator::StartsWith, &raw.starts_with),
        (Operator::NotStartsWith, &raw.not_starts_with),
        (Operator::EndsWith, &raw.ends_with),
        (Operator::NotEndsWith, &raw.not_ends_with),
    ];
    let mut selector = FieldSelector { field: field.to_string(), ..FieldSelector::default() };
    for (operator, values) in given {
        let Some(values) = values else { continue };
        if operator != Operator::Equals && EQUALS_ONLY.contains(&field.as_str()) {
            findings
                .error(values.span(), format!("`{}` takes `equals` alone", field.as_str()))
                .label("AWS refuses any other operator here");
            return None;
        }
        if values.is_empty() {
            findings.error(values.span(), "an operator without values").label("no value here");
            return None;
        }
        selector.operators.insert(operator, values.iter().map(|value| value.to_string()).collect());
    }
    if selector.operators.is_empty() {
        findings
            .error(raw.span(), format!("`{}` is held against nothing", field.as_str()))
            .label("needs an operator")
            .help("equals, not_equals, starts_with, not_starts_with, ends_with or not_ends_with");
        return None;
    }
    Some(selector)
}
