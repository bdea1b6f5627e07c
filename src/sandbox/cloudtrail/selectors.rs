//! Event selectors, basic and advanced (CloudTrail API Reference, PutEventSelectors).

use serde_json::{Value, json};

use super::{Purpose, find};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// What a trail records: one form or the other, never both.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Selectors {
    Basic(Value),
    Advanced(Value),
}

impl Selectors {
    /// Whether they differ from what a trail has before the first `PutEventSelectors`.
    pub fn custom(selectors: Option<&Selectors>) -> bool {
        selectors.is_some_and(|selectors| *selectors != Selectors::Basic(default()))
    }
}

/// All management events, read and write; no data events.
fn default() -> Value {
    json!([{
        "ReadWriteType": "All",
        "IncludeManagementEvents": true,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    }])
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("TrailName").unwrap_or_default(), Purpose::Write)?;
    let given = |name: &str| call.input.get(name).filter(|value| value.as_array().is_some_and(|list| !list.is_empty()));
    let selectors = match (given("EventSelectors"), given("AdvancedEventSelectors")) {
        (Some(basic), None) => Selectors::Basic(check_basic(basic)?),
        (None, Some(advanced)) => Selectors::Advanced(check_advanced(advanced)?),
        (Some(_), Some(_)) => {
            return Err(invalid("A trail can have event selectors or advanced event selectors, but not both."));
        }
        (None, None) => return Err(invalid("The event selectors are missing.")),
    };
    let trail = world.cloudtrail.trails.get_mut(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    trail.selectors = Some(selectors);
    Ok(document(&trail.arn.to_string(), trail.selectors.as_ref()))
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("TrailName").unwrap_or_default(), Purpose::Read)?;
    let trail = world.cloudtrail.trails.get(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    Ok(document(&trail.arn.to_string(), trail.selectors.as_ref()))
}

fn document(arn: &str, selectors: Option<&Selectors>) -> Value {
    match selectors {
        Some(Selectors::Advanced(list)) => json!({ "TrailARN": arn, "AdvancedEventSelectors": list }),
        Some(Selectors::Basic(list)) => json!({ "TrailARN": arn, "EventSelectors": list }),
        None => json!({ "TrailARN": arn, "EventSelectors": default() }),
    }
}

/// Checks basic selectors and fills in the defaults.
fn check_basic(list: &Value) -> Result<Value, Refusal> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if list.len() > 5 {
        return Err(invalid("A trail can have at most 5 event selectors."));
    }
    let mut resources = 0;
    let mut out = Vec::new();
    for selector in list {
        let kind = selector.get("ReadWriteType").and_then(Value::as_str).unwrap_or("All");
        if !["All", "ReadOnly", "WriteOnly"].contains(&kind) {
            return Err(invalid("ReadWriteType is All, ReadOnly or WriteOnly."));
        }
        let management = selector.get("IncludeManagementEvents").and_then(Value::as_bool).unwrap_or(true);
        let data = selector.get("DataResources").cloned().unwrap_or_else(|| json!([]));
        for resource in data.as_array().map(Vec::as_slice).unwrap_or_default() {
            let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
            if !["AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"].contains(&kind) {
                return Err(invalid(&format!("{kind} is not a valid data resource type for event selectors.")));
            }
            resources += resource.get("Values").and_then(Value::as_array).map_or(0, Vec::len);
        }
        let excluded = selector.get("ExcludeManagementEventSources").cloned().unwrap_or_else(|| json!([]));
        let sources = excluded.as_array().map(Vec::as_slice).unwrap_or_default();
        let known = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];
        if sources.iter().any(|source| !source.as_str().is_some_and(|source| known.contains(&source))) {
            return Err(invalid("ExcludeManagementEventSources takes kms.amazonaws.com and rdsdata.amazonaws.com."));
        }
        if !management && (!sources.is_empty() || data.as_array().is_none_or(Vec::is_empty)) {
            return Err(invalid("An event selector without management events takes data resources and no exclusion."));
        }
        out.push(json!({
            "ReadWriteType": kind,
            "IncludeManagementEvents": management,
            "DataResources": data,
            "ExcludeManagementEventSources": excluded,
        }));
    }
    if resources > 250 {
        return Err(invalid("A trail can have at most 250 data resources."));
    }
    Ok(Value::Array(out))
}

/// Checks that each advanced selector names one event category, and the total of 500 values.
fn check_advanced(list: &Value) -> Result<Value, Refusal> {
    let mut values = 0;
    for selector in list.as_array().map(Vec::as_slice).unwrap_or_default() {
        let fields = selector.get("FieldSelectors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let category = fields.iter().find(|field| field["Field"] == "eventCategory");
        if category.and_then(|field| field["Equals"].as_array()).is_none_or(|equals| equals.len() != 1) {
            return Err(invalid("An advanced event selector takes one eventCategory with Equals."));
        }
        values += fields
            .iter()
            .filter_map(Value::as_object)
            .flat_map(|field| field.values())
            .filter_map(Value::as_array)
            .map(Vec::len)
            .sum::<usize>();
    }
    if values > 500 {
        return Err(invalid("A trail can have at most 500 values in its advanced event selectors."));
    }
    Ok(list.clone())
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidEventSelectorsException", message)
}
