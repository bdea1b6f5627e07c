//! Events on their way: matched on a bus, sent to the targets of the rules that match.
//!
//! An event that came from another bus goes to no third one (EventBridge User Guide, "Sending and receiving events
//! between AWS accounts" and "Sending and receiving events between event buses").

use serde_json::Value;

use super::pattern::Pattern;
use super::role::take_on;
use super::{BusKey, PRINCIPAL, REMEMBERED, Rule, Undelivered, ensure_default, parse_bus, transform};
use crate::model::Arn;
use crate::sandbox::authz::{Verdict, Who, evaluate, role_allows};
use crate::sandbox::world::World;
use crate::sandbox::{lambda, sns, sqs};

/// What became of an event.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rules that matched.
    pub matched: usize,
    /// Buses that it was sent on to.
    pub forwarded: usize,
    /// Queues, endpoints, functions and mailboxes that got it, or to which it is on its way.
    pub delivered: usize,
    /// Why others did not.
    pub undelivered: Vec<String>,
}

/// Matches an event on a bus and sends it on. `hopped`: another bus sent it, or another account.
pub(super) fn put(world: &mut World, key: &BusKey, event: &Value, hopped: bool, tally: &mut Tally) {
    if let Err(reason) = key_admits(world, key) {
        tally.undelivered.push(reason);
        return;
    }
    let Some(bus) = world.events.buses.get_mut(key) else { return };
    let mut invocations: Vec<(Arn, Vec<Value>)> = Vec::new();
    for rule in bus.rules.values_mut().filter(|rule| selects(rule, event)) {
        rule.matched += 1;
        invocations.push((rule.arn.clone(), rule.targets.values().cloned().collect()));
    }
    tally.matched += invocations.len();
    for (rule, targets) in invocations {
        for target in targets {
            if let Err(reason) = invoke(world, key, &rule, &target, event, hopped, tally) {
                tally.undelivered.push(format!("{rule}, target {}: {reason}", target["Arn"]));
                remember(world, key, &rule, &target, event, reason);
            }
        }
    }
}

/// Whether EventBridge may use the bus's key: patterns and targets of its rules are encrypted with it (EventBridge User
/// Guide, "Encrypting EventBridge event buses with AWS KMS keys").
fn key_admits(world: &World, (account, region, name): &BusKey) -> Result<(), String> {
    let bus = world.events.buses.get(&(*account, region.clone(), name.clone()));
    let Some(bus) = bus else { return Ok(()) };
    let Some(key) = &bus.kms_key else { return Ok(()) };
    let arn = bus.arn.to_string();
    let context = [("aws:SourceArn", arn.as_str()), ("kms:EncryptionContext:aws:events:event-bus:arn", arn.as_str())];
    sqs::kms_admits(world, *account, region, key, PRINCIPAL, &context)
        .map_err(|why| format!("the bus {arn} is encrypted, and {why}"))
}

/// Whether a rule is enabled and its pattern matches. What CloudTrail records of reading calls reaches only rules that
/// ask for it (EventBridge API Reference, `PutRule`).
fn selects(rule: &Rule, event: &Value) -> bool {
    // "change events, even though they start with the verb Get" (EventBridge User Guide, "Receiving read-only management
    // events from AWS services").
    let sts = event["detail"]["eventSource"] == "sts.amazonaws.com";
    let counts_as_change = |name: &str| sts && ["GetFederationToken", "GetSessionToken"].contains(&name);
    let reads =
        |name: &str| ["List", "Get", "Describe"].iter().any(|verb| name.starts_with(verb)) && !counts_as_change(name);
    let read_only = event["detail-type"] == "AWS API Call via CloudTrail"
        && event["detail"]["eventName"].as_str().is_some_and(reads);
    let open = match rule.state.as_str() {
        "ENABLED" => !read_only,
        "DISABLED" => false,
        _ => true,
    };
    let pattern = rule.pattern.as_deref().and_then(|text| Pattern::parse(text).ok());
    open && pattern.is_some_and(|pattern| pattern.matches(event))
}

fn remember(world: &mut World, key: &BusKey, rule: &Arn, target: &Value, event: &Value, reason: String) {
    if let Some(bus) = world.events.buses.get_mut(key)
        && let Some(rule) = bus.rules.values_mut().find(|found| found.arn == *rule)
    {
        rule.failed += 1;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let undelivered =
        Undelivered { rule: rule.clone(), target: text(&target["Arn"]), event: text(&event["id"]), reason };
    world.events.undelivered.push_back(undelivered);
    if world.events.undelivered.len() > REMEMBERED {
        world.events.undelivered.pop_front();
    }
}

/// Sends an event to one target.
///
/// # Errors
/// Why it did not get there, for a person.
fn invoke(
    world: &mut World,
    key: &BusKey,
    rule: &Arn,
    target: &Value,
    event: &Value,
    hopped: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    let text = target["Arn"].as_str().unwrap_or_default();
    let arn: Arn = text.parse().map_err(|_| format!("{text} is not an ARN"))?;
    if arn.service() == "events" {
        return forward(world, key, rule, target, event, hopped, tally);
    }
    let payload = transform::payload(target, event, &rule.to_string())?;
    match arn.service() {
        "sns" => {
            let sent = sns::publish_for_events(world, &arn, &payload)?;
            tally.delivered += sent.delivered;
            tally.undelivered.extend(sent.undelivered);
            Ok(())
        }
        "sqs" => {
            sqs::deliver(world, &arn, PRINCIPAL, &rule.to_string(), &payload)?;
            tally.delivered += 1;
            Ok(())
        }
        "lambda" => {
            let payload = serde_json::from_str(&payload).unwrap_or(Value::String(payload));
            lambda::invoke(world, &arn, PRINCIPAL, rule, payload)?;
            tally.delivered += 1;
            Ok(())
        }
        other => Err(format!("this simulation does not deliver to targets of {other}")),
    }
}

/// Puts an event on another bus as it is.
fn forward(
    world: &mut World,
    key: &BusKey,
    rule: &Arn,
    target: &Value,
    event: &Value,
    hopped: bool,
    tally: &mut Tally,
) -> Result<(), String> {
    if hopped {
        return Err("an event that came from another event bus is not sent on to a third".to_owned());
    }
    let arn = target["Arn"].as_str().unwrap_or_default();
    let receiver = parse_bus(world, arn).ok_or_else(|| format!("{arn} is not an event bus"))?;
    let role = target["RoleArn"].as_str().ok_or("the target has no role")?;
    let (role, sender) = take_on(world, role, rule)?;
    if !role_allows(role, &sender, "events:PutEvents", arn, &[]) {
        return Err(format!("no policy of the role {} allows events:PutEvents on {arn}", role.arn));
    }
    if !world.is_enabled(receiver.0, &receiver.1) {
        return Err(format!("account {} has not enabled {}", receiver.0, receiver.1));
    }
    ensure_default(world, receiver.0, &receiver.1);
    let bus = world.events.buses.get(&receiver).ok_or_else(|| format!("{arn} does not exist"))?;
    let context = [
        ("events:source", event["source"].as_str().unwrap_or_default()),
        ("events:detail-type", event["detail-type"].as_str().unwrap_or_default()),
    ];
    let policy = bus.policy.as_deref();
    let verdict = policy
        .map_or(Verdict::Silent, |policy| evaluate(policy, Who::Caller(&sender), "events:PutEvents", arn, &context));
    match verdict {
        Verdict::Allowed => {}
        Verdict::Silent if receiver.0 == key.0 => {}
        Verdict::Silent => return Err(format!("the policy of {arn} does not admit account {}", key.0)),
        Verdict::Denied => return Err(format!("the policy of {arn} denies account {}", key.0)),
    }
    tally.forwarded += 1;
    put(world, &receiver, event, true, tally);
    Ok(())
}
