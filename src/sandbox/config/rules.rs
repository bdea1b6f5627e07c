//! AWS Config rules: managed ones, put whole, and deleted with a delay.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::managed::{self, Managed, Trigger};
use super::{FREQUENCIES, Key, arn, invalid_parameter, one_of, own, page, structure, tags, text, texts, validation};
use crate::model::{Arn, offers_rule};
use crate::sandbox::dispatch::Call;
use crate::sandbox::quotas::Quota;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Rules per account and Region (AWS Config Developer Guide, "Service Limits"; fixed).
const RULES_PER_REGION: usize = 1000;
/// Rules on a page, and names in a request, of `DescribeConfigRules`.
const PAGE: usize = 25;
/// How long a rule is seen in `DELETING`, in seconds: an hour and more at AWS, a moment here.
const DELETION: f64 = 0.5;

/// A rule.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Rule {
    pub arn: Arn,
    pub name: String,
    id: String,
    /// The members that `PutConfigRule` took, each as it was put.
    pub declared: Map<String, Value>,
    /// The principal of the service that owns it.
    pub created_by: Option<String>,
    /// When it is gone, in seconds since 1970, once it is being deleted.
    pub deleting: Option<f64>,
    pub tags: BTreeMap<String, String>,
}

/// Removes the rules whose deletion is complete.
pub(super) fn settle(world: &mut World, now: f64) {
    world.config.rules.retain(|_, rule| rule.deleting.is_none_or(|gone| gone > now));
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let input = structure(call, "ConfigRule", "configRule")?;
    let before = target(world, call, input)?;
    let tags = tags::read(call.input.get("Tags"))?;
    let most = world.quotas.limit(call.account(), call.region, Quota::ConfigRules).unwrap_or(RULES_PER_REGION);
    if let Some(rule) = &before {
        changeable(rule)?;
    } else if own(&world.config.rules, call.account(), call.region).count() >= most {
        let message =
            format!("Failed to put config rule because the maximum number of config rules: {most} is reached.");
        return Err(Refusal::new(400, "MaxNumberOfConfigRulesExceededException", message));
    }
    let (declared, needs_recorder) = read(world, call, input)?;
    if needs_recorder && world.config.recorder(call.account(), call.region).is_none() {
        let message = "You must create a configuration recorder before you can create or update a Config rule.";
        return Err(Refusal::new(400, "NoAvailableConfigurationRecorderException", message));
    }
    let rule = match before {
        // What is not sent is gone, but for the tags, which are taken at creation only.
        Some(rule) => Rule { declared, ..rule },
        None => {
            let id = format!("config-rule-{}", world.ids.unique("", 6).to_ascii_lowercase());
            Rule {
                arn: arn(world, call.account(), call.region, format!("config-rule/{id}")),
                name: text(input, "ConfigRuleName").unwrap_or_default().to_owned(),
                id,
                declared,
                created_by: None,
                deleting: None,
                tags,
            }
        }
    };
    world.config.rules.insert((call.account(), call.region.clone(), rule.name.clone()), rule);
    Ok(json!({}))
}

/// The rule that exists and is meant, by name, id or ARN; `None` when it is to be made.
fn target(world: &World, call: &Call<'_>, input: &Value) -> Result<Option<Rule>, Refusal> {
    let (name, id, by_arn) = (text(input, "ConfigRuleName"), text(input, "ConfigRuleId"), text(input, "ConfigRuleArn"));
    if let Some(name) = name {
        check_name(name)?;
    }
    let mut mine = own(&world.config.rules, call.account(), call.region);
    let found = mine.find(|rule| match name {
        Some(name) => rule.name == name,
        None => id == Some(rule.id.as_str()) || by_arn.is_some_and(|by_arn| rule.arn.to_string() == by_arn),
    });
    let differs =
        |rule: &Rule| id.is_some_and(|id| id != rule.id) || by_arn.is_some_and(|by_arn| rule.arn.to_string() != by_arn);
    match found {
        Some(rule) if differs(rule) => {
            Err(invalid_parameter("ConfigRule Arn and Id do not belong to the rule that the name is of."))
        }
        Some(rule) => Ok(Some(rule.clone())),
        None if id.is_some() || by_arn.is_some() => Err(invalid_parameter(
            "ConfigRule Arn and Id can not be specified when creating a new ConfigRule. ConfigRule Arn and Id should \
             be specified only for updating an existing ConfigRule.",
        )),
        None if name.is_none() => {
            Err(invalid_parameter("One or more identifiers needs to be provided. Provide Name or Id or Arn"))
        }
        None => Ok(None),
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > 128 {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'configRule.configRuleName' failed to satisfy constraint: \
             Member must have length between 1 and 128 and satisfy regular expression pattern: .*\\S.*"
        )));
    }
    Ok(())
}

/// Refuses a rule that its service owns, or that is going.
fn changeable(rule: &Rule) -> Result<(), Refusal> {
    if rule.created_by.is_some() {
        let message = "An AWS service owns ServiceLinkedConfigRule. You do not have permissions to take action on this \
                       rule.";
        return Err(Refusal::new(400, "AccessDeniedException", message));
    }
    if rule.deleting.is_some() {
        let message = format!("The rule {} is currently being deleted.  Please retry after some time.", rule.name);
        return Err(Refusal::new(400, "ResourceInUseException", message));
    }
    Ok(())
}

/// The members of a rule, checked, and whether it takes a recorder.
fn read(world: &World, call: &Call<'_>, input: &Value) -> Result<(Map<String, Value>, bool), Refusal> {
    let owner = input.pointer("/Source/Owner").and_then(Value::as_str).ok_or_else(|| {
        super::null(if input.get("Source").is_some() { "configRule.source.owner" } else { "configRule.source" })
    })?;
    one_of(owner, "configRule.source.owner", &["CUSTOM_LAMBDA", "AWS", "CUSTOM_POLICY"])?;
    if owner != "AWS" {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with a custom rule");
        return Err(refusal);
    }
    let identifier = input.pointer("/Source/SourceIdentifier").and_then(Value::as_str).unwrap_or_default();
    // A Region that has not got a rule answers as if nobody had it (niaid/terraform-aws-managed-config-rules#46).
    let withdrawn = world.config.withdrawn_rules.contains(&(call.region.clone(), identifier.to_owned()));
    if !managed::is_identifier(identifier) || withdrawn || !offers_rule(call.region, identifier) {
        return Err(invalid_parameter(format!(
            "The sourceIdentifier {identifier} is invalid.  Please refer to the documentation for a list of valid \
             sourceIdentifiers that can be used when AWS is the Owner."
        )));
    }
    if input.pointer("/Source/SourceDetails").and_then(Value::as_array).is_some_and(|details| !details.is_empty()) {
        return Err(invalid_parameter("SourceDetails should be null/empty if the owner is AWS."));
    }
    if let Some(state) = text(input, "ConfigRuleState").filter(|state| *state != "ACTIVE") {
        return Err(invalid_parameter(format!(
            "The ConfigRuleState {state} is invalid.  Only the following values are permitted: ACTIVE"
        )));
    }
    if text(input, "CreatedBy").is_some() {
        return Err(invalid_parameter("AWS Config populates the CreatedBy field for ServiceLinkedConfigRule."));
    }
    if text(input, "Description").is_some_and(|text| text.chars().count() > 256) {
        return Err(validation("The description of a rule has at most 256 characters."));
    }
    let known = managed::find(identifier);
    check_parameters(text(input, "InputParameters"), known)?;
    check_scope(input.get("Scope"))?;
    let frequency = text(input, "MaximumExecutionFrequency");
    if let Some(frequency) = frequency {
        one_of(frequency, "configRule.maximumExecutionFrequency", &FREQUENCIES)?;
    }
    // A rule that is not known here is periodic if it is given a frequency.
    let guess = if frequency.is_some() { Trigger::Periodic } else { Trigger::Change };
    let trigger = known.map_or(guess, |known| known.trigger);
    if trigger == Trigger::Change && frequency.is_some() {
        return Err(invalid_parameter(
            "A maximum execution frequency for this rule is not allowed because only a change in resources triggers \
             this managed rule.",
        ));
    }
    let mut declared = Map::new();
    declared.insert("Source".to_owned(), json!({ "Owner": "AWS", "SourceIdentifier": identifier }));
    let modes = json!([{ "Mode": "DETECTIVE" }]);
    let given = input.get("EvaluationModes").filter(|modes| modes.as_array().is_some_and(|modes| !modes.is_empty()));
    declared.insert("EvaluationModes".to_owned(), given.cloned().unwrap_or(modes));
    for member in ["Description", "Scope", "InputParameters", "MaximumExecutionFrequency"] {
        if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
            declared.insert(member.to_owned(), value.clone());
        }
    }
    Ok((declared, trigger != Trigger::Periodic))
}

/// Parameters are a JSON object, as text; a rule that is known takes those that it has, and needs those without a
/// default.
fn check_parameters(given: Option<&str>, known: Option<&Managed>) -> Result<(), Refusal> {
    if given.is_some_and(|text| text.chars().count() > 1024) {
        return Err(validation("The input parameters of a rule have at most 1024 characters."));
    }
    let parameters = match given {
        None => Map::new(),
        Some(text) => serde_json::from_str::<Map<String, Value>>(text)
            .map_err(|_| invalid_parameter(format!("Invalid json {text} passed in the InputParameters field")))?,
    };
    let Some(known) = known else { return Ok(()) };
    let unknown: Vec<&str> = parameters
        .keys()
        .map(String::as_str)
        .filter(|name| !known.required.contains(name) && !known.optional.contains(name))
        .collect();
    if !unknown.is_empty() {
        let message = format!("Unknown parameters provided in the inputParameters: {}", unknown.join(", "));
        return Err(invalid_parameter(message));
    }
    match known.required.iter().find(|name| !parameters.contains_key(**name)) {
        Some(name) => {
            Err(invalid_parameter(format!("The required parameter [{name}] is not present in the inputParameters")))
        }
        None => Ok(()),
    }
}

/// One or more types, one type and one id, or a tag (AWS Config API Reference, `Scope`).
fn check_scope(scope: Option<&Value>) -> Result<(), Refusal> {
    let Some(scope) = scope.filter(|scope| !scope.is_null()) else { return Ok(()) };
    let types = texts(scope.get("ComplianceResourceTypes"));
    if types.len() > 100 {
        return Err(validation("The scope of a rule has at most 100 resource types."));
    }
    if text(scope, "ComplianceResourceId").is_some() && types.len() != 1 {
        return Err(invalid_parameter("If you specify a ComplianceResourceId, specify one ComplianceResourceType."));
    }
    if text(scope, "TagValue").is_some() && text(scope, "TagKey").is_none() {
        return Err(invalid_parameter("If you specify a TagValue, you must also specify a TagKey."));
    }
    if text(scope, "TagKey").is_some() && !types.is_empty() {
        return Err(invalid_parameter("Scope cannot be applied to both resource types and tags."));
    }
    Ok(())
}

pub(super) fn describe(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let mode = call.input.pointer("/Filters/EvaluationMode");
    let matches = |rule: &&Rule| {
        let modes = rule.declared.get("EvaluationModes").and_then(Value::as_array);
        mode.is_none_or(|mode| modes.is_some_and(|modes| modes.iter().any(|one| one.get("Mode") == Some(mode))))
    };
    let items = asked(world, call)?.into_iter().filter(matches).map(document).collect();
    page(call, "ConfigRules", items, PAGE)
}

/// Nothing is evaluated here: "if AWS Config has no current evaluation results for the rule, it returns
/// INSUFFICIENT_DATA".
pub(super) fn compliance(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let types = texts(call.input.get("ComplianceTypes"));
    for one in &types {
        let values = ["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA"];
        one_of(one, "complianceTypes", &values)?;
    }
    let rules = asked(world, call)?.into_iter().filter(|_| types.is_empty() || types.contains(&"INSUFFICIENT_DATA"));
    let items = rules
        .map(|rule| json!({ "ConfigRuleName": rule.name, "Compliance": { "ComplianceType": "INSUFFICIENT_DATA" } }))
        .collect();
    page(call, "ComplianceByConfigRules", items, PAGE)
}

/// The rules that a request names, or all.
fn asked<'a>(world: &'a World, call: &Call<'_>) -> Result<Vec<&'a Rule>, Refusal> {
    let names = texts(call.input.get("ConfigRuleNames"));
    if names.len() > PAGE {
        return Err(validation(format!(
            "1 validation error detected: Value at 'configRuleNames' failed to satisfy constraint: Member must have \
             length less than or equal to {PAGE}"
        )));
    }
    if names.is_empty() {
        return Ok(own(&world.config.rules, call.account(), call.region).collect());
    }
    let find = |name: &str| world.config.rules.get(&(call.account(), call.region.clone(), name.to_owned()));
    names.into_iter().map(|name| find(name).ok_or_else(|| missing(name))).collect()
}

fn document(rule: &Rule) -> Value {
    let mut out = Value::Object(rule.declared.clone());
    out["ConfigRuleName"] = json!(rule.name);
    out["ConfigRuleArn"] = json!(rule.arn);
    out["ConfigRuleId"] = json!(rule.id);
    out["ConfigRuleState"] = json!(if rule.deleting.is_some() { "DELETING" } else { "ACTIVE" });
    if let Some(service) = &rule.created_by {
        out["CreatedBy"] = json!(service);
    }
    out
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("ConfigRuleName").ok_or_else(|| super::null("configRuleName"))?;
    let key: Key = (call.account(), call.region.clone(), name.to_owned());
    let rule = world.config.rules.get_mut(&key).ok_or_else(|| missing(name))?;
    changeable(rule)?;
    rule.deleting = Some(call.now + DELETION);
    Ok(json!({}))
}

fn missing(name: &str) -> Refusal {
    let message =
        format!("The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name.");
    Refusal::new(400, "NoSuchConfigRuleException", message)
}
