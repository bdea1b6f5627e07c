//! AWS Config (API version 2014-11-12): recorders, delivery channels, managed rules, aggregation.

mod aggregation;
mod channels;
mod delivery;
mod managed;
mod recorders;
mod recording;
mod rules;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::dispatch::{Call, Service};
use super::wire::{Answer, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

pub(super) use aggregation::{Aggregator, Authorization};
pub(super) use channels::Channel;
pub(super) use recorders::{Recorder, link as link_recorder};
pub(super) use rules::Rule;
pub(super) use tags::of as tags_of;

/// The principal that delivers, and that a recorder's role has to trust.
const PRINCIPAL: &str = "config.amazonaws.com";

/// The service's line.
pub(super) const SERVICE: Service = Service { name: "config", protocol: Protocol::Json, route: None, resource, handle };

/// By the Service Authorization Reference; `*` where an operation takes no resource, or one that is not there yet.
fn resource(world: &World, call: &Call<'_>) -> String {
    let key = |name: &str| (call.account(), call.region.clone(), name.to_owned());
    let rule = |name: &str| world.config.rules.get(&key(name)).map(|rule| &rule.arn);
    let nested = |member: &str, name: &str| call.input.get(member)?.get(name)?.as_str();
    let found = match call.operation {
        "PutConfigRule" => nested("ConfigRule", "ConfigRuleName").and_then(rule),
        "DeleteConfigRule" => call.text("ConfigRuleName").and_then(rule),
        "PutConfigurationRecorder" => {
            let name = nested("ConfigurationRecorder", "name").unwrap_or("default");
            world.config.recorders.get(&key(name)).map(|recorder| &recorder.arn)
        }
        "StartConfigurationRecorder" | "StopConfigurationRecorder" | "DeleteConfigurationRecorder" => {
            let name = call.text("ConfigurationRecorderName").unwrap_or_default();
            world.config.recorders.get(&key(name)).map(|recorder| &recorder.arn)
        }
        "PutConfigurationAggregator" | "DeleteConfigurationAggregator" => {
            let name = call.text("ConfigurationAggregatorName").unwrap_or_default();
            world.config.aggregators.get(&key(name)).map(|aggregator| &aggregator.arn)
        }
        "PutAggregationAuthorization" | "DeleteAggregationAuthorization" => {
            let (to, there) = (call.text("AuthorizedAccountId"), call.text("AuthorizedAwsRegion"));
            let resource =
                format!("aggregation-authorization/{}/{}", to.unwrap_or_default(), there.unwrap_or_default());
            return arn(world, call.account(), call.region, resource).to_string();
        }
        _ => None,
    };
    let tagged = call.text("ResourceArn").map(str::to_owned);
    found.map(Arn::to_string).or(tagged).unwrap_or_else(|| "*".to_owned())
}

/// An account, a Region and a name.
type Key = (AccountId, Region, String);

/// Everything of AWS Config, by account, Region and name.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The customer managed one and those that services own.
    pub recorders: BTreeMap<Key, Recorder>,
    pub channels: BTreeMap<Key, Channel>,
    pub rules: BTreeMap<Key, Rule>,
    pub aggregators: BTreeMap<Key, Aggregator>,
    /// By account and Region, and the account and Region that may collect.
    pub authorizations: BTreeMap<(AccountId, Region, AccountId, Region), Authorization>,
    /// Managed rules that a Region does not offer besides those of AWS's documents, by Region and identifier.
    pub withdrawn_rules: BTreeSet<(Region, String)>,
    /// Accounts and Regions whose data no aggregator gets, whatever leave was given.
    pub withheld: BTreeSet<(AccountId, Region)>,
}

impl State {
    /// Whether the account has a rule of that name in the Region which is not being deleted.
    pub fn has_rule(&self, account: AccountId, region: &Region, name: &str) -> bool {
        self.rules.get(&(account, region.clone(), name.to_owned())).is_some_and(|rule| rule.deleting.is_none())
    }

    /// Moves what channels delivered so far into the past.
    pub fn age_deliveries(&mut self, seconds: f64) {
        self.channels.values_mut().flat_map(|channel| &mut channel.delivered).for_each(|moment| *moment -= seconds);
    }

    /// Whether the account's own recorder records in the Region.
    pub fn is_recording(&self, account: AccountId, region: &Region) -> bool {
        self.recorder(account, region).is_some_and(|recorder| recorder.recording)
    }

    /// The account's own recorder in the Region: there is one at most.
    fn recorder(&self, account: AccountId, region: &Region) -> Option<&Recorder> {
        own(&self.recorders, account, region).find(|recorder| recorder.service.is_none())
    }

    /// The account's delivery channel in the Region: there is one at most.
    fn channel(&self, account: AccountId, region: &Region) -> Option<&Channel> {
        own(&self.channels, account, region).next()
    }
}

/// What of a map is the account's in the Region, by name.
fn own<'a, T>(map: &'a BTreeMap<Key, T>, account: AccountId, region: &Region) -> impl Iterator<Item = &'a T> {
    map.iter().filter(move |((owner, here, _), _)| *owner == account && here == region).map(|(_, item)| item)
}

fn arn(world: &World, account: AccountId, region: &Region, resource: String) -> Arn {
    Arn::new(world.partition, "config", Some(region), Some(account), resource)
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    rules::settle(world, call.now);
    let output = match call.operation {
        "PutConfigurationRecorder" => recorders::put(world, call),
        "DescribeConfigurationRecorders" => recorders::describe(world, call),
        "DescribeConfigurationRecorderStatus" => recorders::status(world, call),
        "StartConfigurationRecorder" => recorders::start(world, call),
        "StopConfigurationRecorder" => recorders::stop(world, call),
        "DeleteConfigurationRecorder" => recorders::delete(world, call),
        "PutDeliveryChannel" => channels::put(world, call),
        "DescribeDeliveryChannels" => channels::describe(world, call),
        "DescribeDeliveryChannelStatus" => channels::status(world, call),
        "DeleteDeliveryChannel" => channels::delete(world, call),
        "PutConfigRule" => rules::put(world, call),
        "DescribeConfigRules" => rules::describe(world, call),
        "DescribeComplianceByConfigRule" => rules::compliance(world, call),
        "DeleteConfigRule" => rules::delete(world, call),
        "PutAggregationAuthorization" => aggregation::authorize(world, call),
        "DescribeAggregationAuthorizations" => aggregation::authorizations(world, call),
        "DeleteAggregationAuthorization" => aggregation::revoke(world, call),
        "PutConfigurationAggregator" => aggregation::put(world, call),
        "DescribeConfigurationAggregators" => aggregation::describe(world, call),
        "DescribeConfigurationAggregatorSourcesStatus" => aggregation::sources_status(world, call),
        "DeleteConfigurationAggregator" => aggregation::delete(world, call),
        "TagResource" => tags::tag(world, call),
        "UntagResource" => tags::untag(world, call),
        "ListTagsForResource" => tags::list(world, call),
        _ => Err(call.not_simulated()),
    };
    output.map(Answer::Json)
}

/// How often a rule is evaluated, or a snapshot delivered.
const FREQUENCIES: [&str; 5] = ["One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours"];

/// Checks a member that takes one of a few values.
fn one_of(value: &str, member: &str, values: &[&str]) -> Result<(), Refusal> {
    if values.contains(&value) {
        return Ok(());
    }
    Err(validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         enum value set: [{}]",
        values.join(", ")
    )))
}

/// A structure of the input that has to be there.
fn structure<'a>(call: &'a Call<'_>, member: &str, spelt: &str) -> Result<&'a Value, Refusal> {
    call.input.get(member).filter(|value| value.is_object()).ok_or_else(|| null(spelt))
}

fn null(spelt: &str) -> Refusal {
    validation(format!(
        "1 validation error detected: Value null at '{spelt}' failed to satisfy constraint: Member must not be null"
    ))
}

/// A text member of a structure.
fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

/// The texts of a list.
fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// One page of a list: `NextToken` says where it starts.
fn page(call: &Call<'_>, member: &str, items: Vec<Value>, size: usize) -> Result<Value, Refusal> {
    let start: usize = match call.text("NextToken") {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| Refusal::new(400, "InvalidNextTokenException", "The nextToken provided is invalid"))?,
    };
    let end = start.saturating_add(size).min(items.len());
    let mut out = json!({});
    if end < items.len() {
        out["NextToken"] = json!(end.to_string());
    }
    out[member] = items.into_iter().skip(start).take(size).collect();
    Ok(out)
}

/// The page size that a request asks for: 100 at most, and unless it says otherwise.
fn limit(call: &Call<'_>) -> Result<usize, Refusal> {
    match call.input.get("Limit").map(Value::as_u64) {
        None | Some(Some(0)) => Ok(100),
        Some(Some(limit @ 1..=100)) => Ok(usize::try_from(limit).unwrap_or(100)),
        Some(_) => Err(Refusal::new(
            400,
            "InvalidLimitException",
            "The specified limit is outside the allowable range of 0 to 100.",
        )),
    }
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

fn invalid_parameter(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValueException", message)
}
