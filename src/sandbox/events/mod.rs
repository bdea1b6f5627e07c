//! EventBridge (API version 2015-10-07): buses, rules, targets, and events on their way.

mod buses;
mod delivery;
mod documents;
mod pattern;
mod permissions;
mod put;
mod raise;
mod role;
mod rules;
mod tags;
mod targets;
mod transform;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::authz::{Verdict, Who, evaluate};
use super::dispatch::{Call, Service};
use super::wire::{Answer, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

pub(super) use pattern::Pattern;
pub(super) use raise::raise;
pub use raise::{Raise, RaiseOutcome, Raised};

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "events",
    protocol: Protocol::Json,
    route: None,
    resource: |world, call| {
        let named = ["EventBusName", "Name"].iter().find_map(|member| call.text(member)).unwrap_or(DEFAULT);
        if named.starts_with("arn:") {
            named.to_owned()
        } else {
            bus_arn(world, call.account(), call.region, named).to_string()
        }
    },
    handle,
};

/// The service principal that EventBridge is to other services.
pub(super) const PRINCIPAL: &str = "events.amazonaws.com";
/// The bus that every account has in every Region, and where services put their events.
const DEFAULT: &str = "default";
/// How many undelivered events are remembered.
const REMEMBERED: usize = 1000;

/// Buses, and what could not be delivered.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By account, Region and name. The default buses are made when they are first looked at.
    buses: BTreeMap<BusKey, Bus>,
    /// The latest failed invocations of targets.
    undelivered: VecDeque<Undelivered>,
    /// Where the next `PutTargets` fails for its first entry.
    conflicts: Vec<(AccountId, Region)>,
}

type BusKey = (AccountId, Region, String);

/// An event bus.
#[derive(Debug, Clone)]
struct Bus {
    arn: Arn,
    name: String,
    policy: Option<String>,
    description: Option<String>,
    kms_key: Option<String>,
    dead_letters: Option<Value>,
    tags: BTreeMap<String, String>,
    rules: BTreeMap<String, Rule>,
    created: f64,
    modified: f64,
}

/// A rule, with its targets by their ids, each as it was put.
#[derive(Debug, Clone)]
struct Rule {
    arn: Arn,
    name: String,
    pattern: Option<String>,
    schedule: Option<String>,
    state: String,
    description: Option<String>,
    role: Option<String>,
    /// The service that made it and alone may change it.
    managed_by: Option<String>,
    created_by: AccountId,
    tags: BTreeMap<String, String>,
    targets: BTreeMap<String, Value>,
    /// How often it matched, and how often a target could not be invoked.
    matched: u64,
    failed: u64,
}

/// An event that a target did not get.
#[derive(Debug, Clone)]
struct Undelivered {
    rule: Arn,
    target: String,
    event: String,
    reason: String,
}

impl Bus {
    fn new(arn: Arn, name: &str, created: f64) -> Bus {
        Bus {
            arn,
            name: name.to_owned(),
            policy: None,
            description: None,
            kms_key: None,
            dead_letters: None,
            tags: BTreeMap::new(),
            rules: BTreeMap::new(),
            created,
            modified: created,
        }
    }
}

fn bus_arn(world: &World, account: AccountId, region: &Region, name: &str) -> Arn {
    Arn::new(world.partition, "events", Some(region), Some(account), format!("event-bus/{name}"))
}

/// Makes the default bus of an account that has enabled the Region.
fn ensure_default(world: &mut World, account: AccountId, region: &Region) {
    let key = (account, region.clone(), DEFAULT.to_owned());
    if world.is_enabled(account, region) && !world.events.buses.contains_key(&key) {
        let bus = Bus::new(bus_arn(world, account, region, DEFAULT), DEFAULT, world.now());
        world.events.buses.insert(key, bus);
    }
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    ensure_default(world, call.account(), call.region);
    let output = match call.operation {
        "CreateEventBus" => buses::create(world, call),
        "DescribeEventBus" => buses::describe(world, call),
        "ListEventBuses" => buses::list(world, call),
        "UpdateEventBus" => buses::update(world, call),
        "DeleteEventBus" => buses::delete(world, call),
        "PutPermission" => permissions::put(world, call),
        "RemovePermission" => permissions::remove(world, call),
        "PutRule" => rules::put(world, call),
        "DescribeRule" => rules::describe(world, call),
        "ListRules" => rules::list(world, call),
        "EnableRule" => rules::switch(world, call, "ENABLED"),
        "DisableRule" => rules::switch(world, call, "DISABLED"),
        "DeleteRule" => rules::delete(world, call),
        "PutTargets" => targets::put(world, call),
        "ListTargetsByRule" => targets::list(world, call),
        "RemoveTargets" => targets::remove(world, call),
        "ListRuleNamesByTarget" => targets::rules_of(world, call),
        "TagResource" => tags::add(world, call),
        "UntagResource" => tags::remove(world, call),
        "ListTagsForResource" => tags::list(world, call),
        "PutEvents" => put::put(world, call),
        "TestEventPattern" => put::test(call),
        _ => Err(call.not_simulated()),
    };
    output.map(Answer::Json)
}

/// Whether an event pattern matches an event.
///
/// # Errors
/// What is wrong with the pattern.
#[cfg(all(test, feature = "aws"))]
pub(crate) fn event_matches(pattern: &str, event: &Value) -> Result<bool, String> {
    Pattern::parse(pattern).map(|pattern| pattern.matches(event))
}

fn refuse(code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message)
}

fn invalid(message: impl Into<String>) -> Refusal {
    refuse("ValidationException", message)
}

/// A member that the model requires, with its longest length and the marks that it may have besides letters and digits.
fn required<'a>(call: &'a Call<'_>, member: &str, longest: usize, marks: &str) -> Result<&'a str, Refusal> {
    let mut name = member.to_owned();
    name[..1].make_ascii_lowercase();
    let wrong = |value: &str, must: String| {
        Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must {must}"
        )))
    };
    let Some(text) = call.text(member) else {
        return Err(invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        )));
    };
    if text.is_empty() {
        wrong(text, "have length greater than or equal to 1".to_owned())
    } else if text.chars().count() > longest {
        wrong(text, format!("have length less than or equal to {longest}"))
    } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c)) {
        wrong(text, format!("satisfy regular expression pattern: [{marks}A-Za-z0-9]+"))
    } else {
        Ok(text)
    }
}

/// The bus that a member names, by name or ARN; the default bus when it is absent. A bus of another account has to
/// admit the caller for the action.
fn find_bus(world: &World, call: &Call<'_>, named: Option<&str>) -> Result<BusKey, Refusal> {
    let named = named.unwrap_or(DEFAULT);
    let missing = |name: &str| refuse("ResourceNotFoundException", format!("Event bus {name} does not exist."));
    if !named.starts_with("arn:") {
        let key = (call.account(), call.region.clone(), named.to_owned());
        return if world.events.buses.contains_key(&key) { Ok(key) } else { Err(missing(named)) };
    }
    let key = parse_bus(world, named).ok_or_else(|| invalid(format!("Parameter {named} is not valid.")))?;
    if key.1 != *call.region {
        return Err(invalid(format!("{named} is not in the Region {}.", call.region)));
    }
    if key.0 == call.account() {
        return if world.events.buses.contains_key(&key) { Ok(key) } else { Err(missing(&key.2)) };
    }
    // An account is not told which buses another one has.
    let action = format!("events:{}", call.operation);
    let policy = world.events.buses.get(&key).and_then(|bus| bus.policy.as_deref());
    match policy.map(|policy| evaluate(policy, Who::Caller(call.caller), &action, named, &[])) {
        Some(Verdict::Allowed) => Ok(key),
        _ => Err(call.denied(&action, named, &format!("because no resource-based policy allows the {action} action"))),
    }
}

/// The place in the state that the ARN of a bus means.
fn parse_bus(world: &World, arn: &str) -> Option<BusKey> {
    let arn: Arn = arn.parse().ok()?;
    let name = arn.resource().strip_prefix("event-bus/")?;
    let known = arn.service() == "events" && arn.partition() == world.partition;
    known.then_some((arn.account()?, arn.region()?.clone(), name.to_owned()))
}

fn bus_mut<'a>(world: &'a mut World, key: &BusKey) -> Result<&'a mut Bus, Refusal> {
    let missing = || refuse("ResourceNotFoundException", format!("Event bus {} does not exist.", key.2));
    world.events.buses.get_mut(key).ok_or_else(missing)
}

/// The rule that the call names on the bus that it names.
fn rule_mut<'a>(world: &'a mut World, call: &Call<'_>, member: &str) -> Result<&'a mut Rule, Refusal> {
    let name = required(call, member, 64, ".-_")?;
    let key = find_bus(world, call, call.text("EventBusName"))?;
    let missing = || refuse("ResourceNotFoundException", format!("Rule {name} does not exist on EventBus {}.", key.2));
    bus_mut(world, &key)?.rules.get_mut(name).ok_or_else(missing)
}

/// One page of a list: `NextToken` says where it starts, `Limit` (at most 100) how long it is.
fn page(call: &Call<'_>, member: &str, items: Vec<Value>) -> Result<Value, Refusal> {
    let start: usize = match call.text("NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("simulated-page-")
            .and_then(|start| start.parse().ok())
            .ok_or_else(|| invalid("Parameter NextToken is not valid."))?,
    };
    let limit = match call.input.get("Limit").and_then(Value::as_u64) {
        None => 100,
        Some(limit @ 1..=100) => limit as usize,
        Some(limit) => {
            return Err(invalid(format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must \
                 have value between 1 and 100"
            )));
        }
    };
    let end = start.saturating_add(limit).min(items.len());
    let mut out = json!({});
    if end < items.len() {
        out["NextToken"] = json!(format!("simulated-page-{end}"));
    }
    out[member] = Value::Array(items.into_iter().skip(start).take(limit).collect());
    Ok(out)
}

/// Makes the next `PutTargets` there fail for its first entry.
pub(super) fn put_conflict(world: &mut World, account: AccountId, region: Region) {
    world.events.conflicts.push((account, region));
}

/// Makes a rule on the default bus that a service manages.
pub(super) fn put_managed_rule(world: &mut World, account: AccountId, region: &Region, name: &str) {
    ensure_default(world, account, region);
    let arn = rules::arn(world, account, region, DEFAULT, name);
    let rule = Rule {
        pattern: Some(json!({ "source": ["aws.securityhub"] }).to_string()),
        managed_by: Some("securityhub.amazonaws.com".to_owned()),
        ..rules::blank(arn, name, account)
    };
    if let Some(bus) = world.events.buses.get_mut(&(account, region.clone(), DEFAULT.to_owned())) {
        bus.rules.insert(name.to_owned(), rule);
    }
}

/// The tags of a bus or a rule.
pub(super) fn tags_of<'a>(world: &'a mut World, arn: &Arn) -> Option<&'a mut BTreeMap<String, String>> {
    let buses = world.events.buses.values_mut();
    for bus in buses {
        if bus.arn == *arn {
            return Some(&mut bus.tags);
        }
        if let Some(rule) = bus.rules.values_mut().find(|rule| rule.arn == *arn) {
            return Some(&mut rule.tags);
        }
    }
    None
}

/// What the control endpoint shows: the buses that somebody did something with, and what was not delivered.
pub(super) fn state(world: &World) -> (Value, Value) {
    let text = |text: &Option<String>| {
        text.as_deref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
    };
    let rule = |rule: &Rule| {
        json!({
            "arn": rule.arn, "pattern": text(&rule.pattern), "state": rule.state, "tags": rule.tags,
            "managed_by": rule.managed_by, "targets": rule.targets.values().collect::<Vec<_>>(),
            "matched": rule.matched, "failed_invocations": rule.failed,
        })
    };
    let touched = |bus: &&Bus| bus.name != DEFAULT || bus.policy.is_some() || !bus.rules.is_empty();
    let buses = world.events.buses.values().filter(touched).map(|bus| {
        json!({
            "arn": bus.arn, "policy": text(&bus.policy), "tags": bus.tags,
            "rules": bus.rules.values().map(rule).collect::<Vec<_>>(),
        })
    });
    let undelivered = world.events.undelivered.iter().map(|failure| {
        json!({
            "rule": failure.rule, "target": failure.target, "event": failure.event, "reason": failure.reason,
        })
    });
    (buses.collect(), undelivered.collect())
}
