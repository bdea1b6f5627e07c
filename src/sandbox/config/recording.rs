//! What a recorder records and how often: which combinations are one (AWS Config API Reference, `RecordingGroup`,
//! `RecordingStrategy`, `RecordingMode`).

use serde_json::{Value, json};

use super::{one_of, text, texts, validation};
use crate::model::is_resource_type;
use crate::sandbox::wire::Refusal;

const ALL: &str = "ALL_SUPPORTED_RESOURCE_TYPES";
const INCLUSION: &str = "INCLUSION_BY_RESOURCE_TYPES";
const EXCLUSION: &str = "EXCLUSION_BY_RESOURCE_TYPES";

/// "Daily recording cannot be specified for the following resource types": of the three that the page lists, those that
/// the API's model has as a `ResourceType`.
const NEVER_DAILY: [&str; 2] = ["AWS::Config::ResourceCompliance", "AWS::Config::ConformancePackCompliance"];

/// The recording group that a request asks for, complete as it is read back.
///
/// # Errors
/// `InvalidRecordingGroupException`, or `ValidationException` for a type that the API does not know.
pub(super) fn group(input: Option<&Value>) -> Result<Value, Refusal> {
    let invalid = || Refusal::new(400, "InvalidRecordingGroupException", "The recording group provided is not valid");
    let default = json!({ "allSupported": true });
    let input = input.filter(|group| !group.is_null()).unwrap_or(&default);
    let flag = |name: &str| input.get(name).and_then(Value::as_bool).unwrap_or(false);
    let (all, global) = (flag("allSupported"), flag("includeGlobalResourceTypes"));
    let included = texts(input.get("resourceTypes"));
    let excluded = texts(input.pointer("/exclusionByResourceTypes/resourceTypes"));
    refuse_unknown(&included, "configurationRecorder.recordingGroup.resourceTypes")?;
    refuse_unknown(&excluded, "configurationRecorder.recordingGroup.exclusionByResourceTypes.resourceTypes")?;
    // Optional, but for exclusions; "every parameter is either null, false, or empty" is no group.
    let strategy = match input.pointer("/recordingStrategy/useOnly").and_then(Value::as_str) {
        Some(strategy) => strategy,
        None if all => ALL,
        None if !included.is_empty() => INCLUSION,
        None => return Err(invalid()),
    };
    let valid = match strategy {
        ALL => all && included.is_empty() && excluded.is_empty(),
        // The flag is for `allSupported`; with exclusions it "has no impact".
        INCLUSION => !all && !global && !included.is_empty() && excluded.is_empty(),
        EXCLUSION => !all && included.is_empty() && !excluded.is_empty(),
        _ => false,
    };
    if !valid {
        return Err(invalid());
    }
    Ok(json!({
        "allSupported": all,
        "includeGlobalResourceTypes": global,
        "resourceTypes": included,
        "exclusionByResourceTypes": { "resourceTypes": excluded },
        "recordingStrategy": { "useOnly": strategy },
    }))
}

/// The recording mode that a request asks for, complete as it is read back.
///
/// # Errors
/// `ValidationException`: a frequency that does not exist, more than one override, or a type that cannot be recorded
/// daily.
pub(super) fn mode(input: Option<&Value>, group: &Value) -> Result<Value, Refusal> {
    let Some(input) = input.filter(|mode| !mode.is_null()) else {
        return Ok(json!({ "recordingFrequency": "CONTINUOUS", "recordingModeOverrides": [] }));
    };
    let frequency = frequency(input, "configurationRecorder.recordingMode.recordingFrequency")?;
    let member = "configurationRecorder.recordingMode.recordingModeOverrides";
    let overrides = input.get("recordingModeOverrides").and_then(Value::as_array).map(Vec::as_slice);
    let overrides = overrides.unwrap_or_default();
    if overrides.len() > 1 {
        return Err(validation(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length \
             less than or equal to 1"
        )));
    }
    let mut overridden = Vec::new();
    for one in overrides {
        let types = texts(one.get("resourceTypes"));
        if types.is_empty() {
            return Err(validation(format!("The resource types of '{member}' are not valid.")));
        }
        refuse_unknown(&types, &format!("{member}.1.member.resourceTypes"))?;
        if self::frequency(one, &format!("{member}.1.member.recordingFrequency"))? == "DAILY" {
            refuse_daily(&types)?;
        }
        if text(one, "description").is_some_and(|text| text.is_empty() || text.chars().count() > 256) {
            return Err(validation(format!("The description of '{member}' has 1 to 256 characters.")));
        }
        overridden.extend(types);
    }
    if frequency == "DAILY" {
        // Where everything is recorded, AWS leaves these types continuous by itself; where they are named it cannot.
        let mut named = texts(group.get("resourceTypes"));
        named.retain(|name| !overridden.contains(name));
        refuse_daily(&named)?;
    }
    Ok(json!({ "recordingFrequency": frequency, "recordingModeOverrides": overrides }))
}

fn frequency<'a>(input: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    let frequency = text(input, "recordingFrequency").ok_or_else(|| super::null(member))?;
    one_of(frequency, member, &["CONTINUOUS", "DAILY"])?;
    Ok(frequency)
}

fn refuse_daily(types: &[&str]) -> Result<(), Refusal> {
    match types.iter().find(|name| NEVER_DAILY.contains(name)) {
        Some(name) => Err(validation(format!("Daily recording cannot be specified for the resource type {name}."))),
        None => Ok(()),
    }
}

/// A resource type is one of the values that the API's model lists; anything else is refused before it is looked at.
fn refuse_unknown(types: &[&str], member: &str) -> Result<(), Refusal> {
    match types.iter().find(|name| !is_resource_type(name)) {
        None => Ok(()),
        Some(_) => Err(validation(format!(
            "1 validation error detected: Value '[{}]' at '{member}' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must satisfy enum value set]",
            types.join(", ")
        ))),
    }
}
