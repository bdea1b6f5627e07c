//! Rules (EventBridge API Reference, `PutRule` and its kin).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pattern::Pattern;
use super::role::check_role;
use super::{DEFAULT, Rule, bus_mut, find_bus, invalid, page, refuse, required, rule_mut, tags};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::quotas::Quota;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Rules of a bus (EventBridge User Guide, "Quotas").
const RULES: usize = 300;
/// The largest pattern, in characters: the quota, below the API's 4,096.
const PATTERN_MAX: usize = 2048;
const STATES: [&str; 3] = ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"];

/// The ARN of a rule; the default bus is not named in it.
pub(super) fn arn(world: &World, account: AccountId, region: &Region, bus: &str, name: &str) -> Arn {
    let resource = if bus == DEFAULT { format!("rule/{name}") } else { format!("rule/{bus}/{name}") };
    Arn::new(world.partition, "events", Some(region), Some(account), resource)
}

/// An enabled rule that matches nothing yet.
pub(super) fn blank(arn: Arn, name: &str, account: AccountId) -> Rule {
    Rule {
        arn,
        name: name.to_owned(),
        pattern: None,
        schedule: None,
        state: "ENABLED".to_owned(),
        description: None,
        role: None,
        managed_by: None,
        created_by: account,
        tags: BTreeMap::new(),
        targets: BTreeMap::new(),
        matched: 0,
        failed: 0,
    }
}

/// Creates a rule, or replaces one: what the request leaves out is gone. The tags and the targets of one that is there
/// stay as they are.
pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = required(call, "Name", 64, ".-_")?;
    let key = find_bus(world, call, call.text("EventBusName"))?;
    let text = |member: &str| call.text(member).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut rule = Rule {
        pattern: text("EventPattern"),
        schedule: text("ScheduleExpression"),
        description: text("Description"),
        role: text("RoleArn"),
        tags: tags::read(call.input.get("Tags"))?,
        ..blank(arn(world, key.0, &key.1, &key.2, name), name, call.account())
    };
    if let Some(state) = call.text("State") {
        if !STATES.contains(&state) {
            return Err(invalid(format!("Value '{state}' at 'state' must be one of {}.", STATES.join(", "))));
        }
        rule.state = state.to_owned();
    }
    if rule.description.as_ref().is_some_and(|text| text.chars().count() > 512) {
        return Err(invalid(
            "Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 512",
        ));
    }
    if rule.pattern.is_none() && rule.schedule.is_none() {
        return Err(invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if rule.schedule.is_some() && key.2 != DEFAULT {
        return Err(invalid("ScheduleExpression is supported only on the default event bus."));
    }
    if let Some(pattern) = &rule.pattern {
        check_pattern(pattern)?;
    }
    if let Some(role) = &rule.role {
        check_role(world, role, key.0, &rule.arn)?;
    }
    let most = world.quotas.limit(key.0, &key.1, Quota::BusRules).unwrap_or(RULES);
    let bus = bus_mut(world, &key)?;
    match bus.rules.get(name) {
        Some(there) => {
            refuse_managed(there)?;
            rule.tags.clone_from(&there.tags);
            rule.targets.clone_from(&there.targets);
            (rule.matched, rule.failed, rule.created_by) = (there.matched, there.failed, there.created_by);
        }
        None if bus.rules.len() >= most => {
            return Err(refuse("LimitExceededException", "The requested resource exceeds the maximum number allowed."));
        }
        None => {}
    }
    let out = json!({ "RuleArn": rule.arn });
    bus.rules.insert(name.to_owned(), rule);
    Ok(out)
}

/// Refuses what is no pattern or too long.
pub(super) fn check_pattern(text: &str) -> Result<Pattern, Refusal> {
    let length = text.chars().count();
    if length > PATTERN_MAX {
        let message = format!("Event pattern is {length} characters long, and the quota is {PATTERN_MAX}.");
        return Err(refuse("LimitExceededException", message));
    }
    Pattern::parse(text).map_err(|reason| {
        refuse("InvalidEventPatternException", format!("Event pattern is not valid. Reason: {reason}"))
    })
}

/// A rule that a service made is changed by that service only.
pub(super) fn refuse_managed(rule: &Rule) -> Result<(), Refusal> {
    match &rule.managed_by {
        None => Ok(()),
        Some(service) => {
            let message = format!("Rule {} is managed by {service} and can't be modified.", rule.name);
            Err(refuse("ManagedRuleException", message))
        }
    }
}

fn document(rule: &Rule, bus: &str) -> Value {
    let mut out = json!({ "Name": rule.name, "Arn": rule.arn, "State": rule.state, "EventBusName": bus });
    let optional = [
        ("EventPattern", &rule.pattern),
        ("ScheduleExpression", &rule.schedule),
        ("Description", &rule.description),
        ("RoleArn", &rule.role),
        ("ManagedBy", &rule.managed_by),
    ];
    for (member, text) in optional {
        if let Some(text) = text {
            out[member] = json!(text);
        }
    }
    out
}

pub(super) fn describe(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let bus = find_bus(world, call, call.text("EventBusName"))?.2;
    let rule = rule_mut(world, call, "Name")?;
    let mut out = document(rule, &bus);
    out["CreatedBy"] = json!(rule.created_by);
    Ok(out)
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find_bus(world, call, call.text("EventBusName"))?;
    let prefix = call.text("NamePrefix").unwrap_or_default();
    let rules = bus_mut(world, &key)?.rules.values().filter(|rule| rule.name.starts_with(prefix));
    page(call, "Rules", rules.map(|rule| document(rule, &key.2)).collect())
}

pub(super) fn switch(world: &mut World, call: &Call<'_>, state: &str) -> Result<Value, Refusal> {
    let rule = rule_mut(world, call, "Name")?;
    refuse_managed(rule)?;
    rule.state = state.to_owned();
    Ok(json!({}))
}

/// Refused while it has targets; a rule that is not there is deleted already.
pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = required(call, "Name", 64, ".-_")?;
    let key = find_bus(world, call, call.text("EventBusName"))?;
    let bus = bus_mut(world, &key)?;
    if let Some(rule) = bus.rules.get(name) {
        if call.flag("Force") != Some(true) {
            refuse_managed(rule)?;
        }
        if !rule.targets.is_empty() {
            return Err(invalid("Rule can't be deleted since it has targets."));
        }
    }
    bus.rules.remove(name);
    Ok(json!({}))
}
