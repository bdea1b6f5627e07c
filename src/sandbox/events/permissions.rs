//! A bus's policy: a statement at a time, or the whole document (EventBridge API Reference, `PutPermission`).

use serde_json::{Value, json};

use super::{bus_mut, find_bus, invalid, refuse, required};
use crate::policy::Policy;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// The largest policy of a bus, in characters (EventBridge User Guide, "Quotas").
const POLICY_MAX: usize = 10_240;

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find_bus(world, call, call.text("EventBusName"))?;
    let partition = world.partition;
    let bus = bus_mut(world, &key)?;
    let text = match call.text("Policy") {
        Some(whole) => {
            let alone = ["StatementId", "Action", "Principal", "Condition"];
            if alone.iter().any(|member| call.input.get(*member).is_some_and(|value| !value.is_null())) {
                return Err(invalid(
                    "Policy cannot be used together with StatementId, Action, Principal or Condition.",
                ));
            }
            whole.to_owned()
        }
        None => {
            let statement = statement(call, partition, &bus.arn.to_string())?;
            let mut document = document(bus.policy.as_deref());
            if let Some(statements) = document["Statement"].as_array_mut() {
                statements.retain(|other| other["Sid"] != statement["Sid"]);
                statements.push(statement);
            }
            document.to_string()
        }
    };
    if text.chars().count() > POLICY_MAX {
        return Err(refuse(
            "PolicyLengthExceededException",
            "The policy of the event bus is longer than 10240 characters.",
        ));
    }
    check(&text, &bus.arn.to_string())?;
    bus.policy = Some(text);
    bus.modified = call.now;
    Ok(json!({}))
}

/// The policy as a document whose `Statement` is a list.
fn document(policy: Option<&str>) -> Value {
    let mut document = policy
        // As a policy, which keeps numbers digit by digit.
        .and_then(|text| serde_json::to_value(Policy::parse(text).ok()?).ok())
        .unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    if !document["Statement"].is_array() {
        document["Statement"] = json!([document["Statement"].take()]);
    }
    document
}

/// The statement that the single form asks for.
fn statement(call: &Call<'_>, partition: crate::model::Partition, bus: &str) -> Result<Value, Refusal> {
    let sid = required(call, "StatementId", 64, "-_")?;
    let action = required(call, "Action", 64, ":")?;
    let principal = required(call, "Principal", 12, "*")?;
    if action != "events:PutEvents" {
        return Err(invalid(format!("Provided value in parameter 'action' is not supported: {action}.")));
    }
    let who = match principal {
        "*" => json!("*"),
        id if id.parse::<crate::model::AccountId>().is_ok() => {
            json!({ "AWS": format!("arn:{partition}:iam::{id}:root") })
        }
        _ => return Err(invalid("Provided value in parameter 'principal' is not valid.")),
    };
    let mut out = json!({ "Sid": sid, "Effect": "Allow", "Principal": who, "Action": action, "Resource": bus });
    if let Some(condition) = call.input.get("Condition").filter(|condition| !condition.is_null()) {
        let part = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        if (part("Type"), part("Key")) != ("StringEquals", "aws:PrincipalOrgID") || principal != "*" {
            return Err(invalid("A condition is StringEquals of aws:PrincipalOrgID, and the principal then is *."));
        }
        out["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": part("Value") } });
    }
    Ok(out)
}

/// Every statement says to whom and about what it speaks, and that is this bus or its rules.
fn check(text: &str, bus: &str) -> Result<(), Refusal> {
    let policy = Policy::parse(text)
        .map_err(|error| invalid(format!("This policy contains invalid Json or is malformed: {error}")))?;
    let rules = bus.replacen(":event-bus/", ":rule/", 1);
    let rules = rules.trim_end_matches("/default");
    for statement in &policy.statements {
        if statement.principal.is_none() {
            return Err(invalid("Missing required field Principal in the policy."));
        }
        let resources = statement.resources.as_ref().ok_or_else(|| invalid("Missing required field Resource."))?;
        let about = |arn: &String| arn == bus || arn == "*" || arn.starts_with(rules);
        if let Some(other) = resources.arns().iter().find(|arn| !about(arn)) {
            return Err(invalid(format!("The policy speaks about {other}, which is not the event bus {bus}.")));
        }
        if let Some(other) = statement.actions.names().iter().find(|action| !is_of_events(action)) {
            return Err(invalid(format!("The policy allows {other}, which is no action of EventBridge.")));
        }
    }
    Ok(())
}

fn is_of_events(action: &str) -> bool {
    action == "*" || action.to_ascii_lowercase().starts_with("events:")
}

pub(super) fn remove(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find_bus(world, call, call.text("EventBusName"))?;
    let bus = bus_mut(world, &key)?;
    if call.flag("RemoveAllPermissions") == Some(true) {
        bus.policy = None;
        return Ok(json!({}));
    }
    let missing = |message: &str| refuse("ResourceNotFoundException", message);
    let sid = required(call, "StatementId", 64, "-_")?;
    let policy = bus.policy.as_deref().ok_or_else(|| missing("EventBus does not have a policy."))?;
    let mut document = document(Some(policy));
    let statements = document["Statement"].as_array_mut().ok_or_else(|| missing("EventBus does not have a policy."))?;
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != sid);
    if statements.len() == before {
        return Err(missing("Statement with the provided id does not exist."));
    }
    bus.policy = (!statements.is_empty()).then(|| document.to_string());
    Ok(json!({}))
}
