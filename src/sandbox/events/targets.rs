//! Targets: put, listed and removed (EventBridge API Reference, `PutTargets` and its kin).

use serde_json::{Value, json};

use super::role::check_role;
use super::rules::refuse_managed;
use super::{
    BusKey, bus_mut, ensure_default, find_bus, invalid, page, parse_bus, refuse, required, rule_mut, transform,
};
use crate::model::Arn;
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{Identity, World};

/// Targets of a rule (EventBridge User Guide, "Quotas").
const TARGETS: usize = 5;
/// Targets of one call (the same).
const ENTRIES: usize = 10;

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let bus = find_bus(world, call, call.text("EventBusName"))?;
    let rule = rule_mut(world, call, "Rule")?;
    refuse_managed(rule)?;
    let (arn, there) = (rule.arn.clone(), rule.targets.clone());
    let entries = call.input.get("Targets").and_then(Value::as_array).cloned().unwrap_or_default();
    if entries.is_empty() || entries.len() > ENTRIES {
        return Err(invalid(format!("PutTargets takes 1 to {ENTRIES} targets, not {}.", entries.len())));
    }
    let mut after = there.clone();
    for mut target in entries {
        // A role that was given once stays when it is left out.
        let id = target["Id"].as_str().unwrap_or_default().to_owned();
        let same = there.get(&id).filter(|old| old["Arn"] == target["Arn"]);
        if let (Some(old), true, Some(members)) = (same, target["RoleArn"].is_null(), target.as_object_mut())
            && let Some(role) = old.get("RoleArn")
        {
            members.insert("RoleArn".to_owned(), role.clone());
        }
        check(world, call, &bus, &arn, &target)?;
        after.insert(id, target);
    }
    if after.len() > TARGETS {
        return Err(refuse("LimitExceededException", "The requested resource exceeds the maximum number allowed."));
    }
    let place = (bus.0, bus.1.clone());
    let mut failed = Vec::new();
    if let Some(at) = world.events.conflicts.iter().position(|conflict| *conflict == place) {
        world.events.conflicts.remove(at);
        let id = call.input["Targets"][0]["Id"].as_str().unwrap_or_default();
        match there.get(id) {
            Some(old) => after.insert(id.to_owned(), old.clone()),
            None => after.remove(id),
        };
        failed.push(json!({
            "TargetId": id, "ErrorCode": "ConcurrentModificationException",
            "ErrorMessage": "There is concurrent modification on a rule, target, archive, or replay.",
        }));
    }
    rule_mut(world, call, "Rule")?.targets = after;
    Ok(json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }))
}

/// Checks one target.
fn check(world: &mut World, call: &Call<'_>, bus: &BusKey, rule: &Arn, target: &Value) -> Result<(), Refusal> {
    let text = |member: &str| target[member].as_str();
    let id = text("Id").unwrap_or_default();
    if id.is_empty() || id.len() > 64 || !id.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{id}' at 'targets.1.member.id' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
        )));
    }
    let wrong = |why: &str| invalid(format!("Parameter {} is not valid. Reason: {why}", target["Arn"]));
    let arn: Arn =
        text("Arn").unwrap_or_default().parse().map_err(|_| wrong("Provided Arn is not in correct format."))?;
    transform::check(target).map_err(invalid)?;
    if let Some(role) = text("RoleArn") {
        check_role(world, role, bus.0, rule)?;
    }
    if arn.service() == "events" && arn.resource().starts_with("event-bus/") {
        let receiver = parse_bus(world, &arn.to_string()).ok_or_else(|| wrong("It is not an event bus."))?;
        return check_bus(world, call, bus, &receiver, target);
    }
    if arn.region() != Some(&bus.1) {
        return Err(wrong("Only an event bus can be a target in another Region."));
    }
    Ok(())
}

/// A bus as a target: needs a role; in another account, that bus's consent, and the event as it is.
fn check_bus(
    world: &mut World,
    call: &Call<'_>,
    bus: &BusKey,
    receiver: &BusKey,
    target: &Value,
) -> Result<(), Refusal> {
    let arn = target["Arn"].as_str().unwrap_or_default();
    if receiver == bus {
        return Err(invalid(format!("The event bus {arn} cannot be a target of its own rules.")));
    }
    if target["RoleArn"].is_null() {
        return Err(invalid(format!("RoleArn is required for target {arn}.")));
    }
    ensure_default(world, receiver.0, &receiver.1);
    let found = world.events.buses.get(receiver);
    if receiver.0 == bus.0 {
        let missing = || refuse("ResourceNotFoundException", format!("Event bus {} does not exist.", receiver.2));
        return found.map(|_| ()).ok_or_else(missing);
    }
    if let Some(member) = ["Input", "InputPath", "InputTransformer"].iter().find(|member| !target[**member].is_null()) {
        return Err(invalid(format!(
            "{member} is not supported for target {arn}: it is an event bus in another account."
        )));
    }
    let sender = role_identity(world, bus, target);
    let allowed = found
        .and_then(|found| found.policy.as_deref())
        .is_some_and(|policy| evaluate(policy, Who::Caller(&sender), "events:PutEvents", arn, &[]) == Verdict::Allowed);
    if allowed {
        Ok(())
    } else {
        let why = "because no resource-based policy allows the events:PutEvents action";
        Err(call.denied("events:PutEvents", arn, why))
    }
}

/// Who will put the events on the receiving bus.
fn role_identity(world: &World, bus: &BusKey, target: &Value) -> Identity {
    let role: Option<Arn> = target["RoleArn"].as_str().and_then(|role| role.parse().ok());
    let name = role.as_ref().and_then(Arn::role_name).unwrap_or_default();
    let arn = Arn::new(world.partition, "sts", None, Some(bus.0), format!("assumed-role/{name}/events"));
    Identity { account: bus.0, arn, role, user_id: String::new(), source_identity: None }
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let targets = rule_mut(world, call, "Rule")?.targets.values().cloned().collect();
    page(call, "Targets", targets)
}

/// What is not there is reported in the entries of an answer that succeeds.
pub(super) fn remove(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let rule = rule_mut(world, call, "Rule")?;
    if call.flag("Force") != Some(true) {
        refuse_managed(rule)?;
    }
    let ids = call.input.get("Ids").and_then(Value::as_array).cloned().unwrap_or_default();
    if ids.is_empty() {
        return Err(invalid("RemoveTargets takes at least one id."));
    }
    let mut failed = Vec::new();
    for id in ids.iter().filter_map(Value::as_str) {
        if rule.targets.remove(id).is_none() {
            failed.push(json!({
                "TargetId": id, "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": format!("Rule {} does not have any targets with id {id}.", rule.name),
            }));
        }
    }
    Ok(json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }))
}

pub(super) fn rules_of(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let target = required(call, "TargetArn", 1600, ":/_-.+=@,$*")?;
    let bus = find_bus(world, call, call.text("EventBusName"))?;
    let rules = bus_mut(world, &bus)?.rules.values();
    let of_target = rules.filter(|rule| rule.targets.values().any(|found| found["Arn"] == target));
    page(call, "RuleNames", of_target.map(|rule| json!(rule.name)).collect())
}
