//! Lambda (API version 2015-03-31): only what a subscription asks of a function, its policy and being invoked.

mod functions;
mod invoke;
mod permissions;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::dispatch::{Call, Service};
use super::wire::{Answer, Http, Protocol, Refusal, Reply, segments};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

pub(super) use invoke::invoke;

/// The service's line.
pub(super) const SERVICE: Service =
    Service { name: "lambda", protocol: Protocol::RestJson, route: Some(route), resource, handle };

/// Functions by account, Region and name.
#[derive(Debug, Default)]
pub(super) struct State {
    functions: BTreeMap<(AccountId, Region, String), Function>,
}

/// A function, without its code.
#[derive(Debug, Clone)]
struct Function {
    arn: Arn,
    /// Versions and aliases, besides `$LATEST`.
    qualifiers: BTreeSet<String>,
    /// The function's policy under an empty qualifier, those of versions and aliases under theirs.
    policies: BTreeMap<String, permissions::Resource>,
    revision: String,
    created: f64,
    /// What it was invoked with, oldest first.
    received: Vec<Received>,
}

impl Function {
    /// The version behind a qualifier. An alias is a pointer to one (Lambda Developer Guide, "Create an alias for a Lambda
    /// function"), and `Version` of a configuration is a number or `$LATEST` (Lambda's model, `Version`): here the newest
    /// that there is.
    fn version(&self, qualifier: &str) -> String {
        let number = |text: &str| text.parse::<u64>().ok();
        let newest = || self.qualifiers.iter().filter_map(|text| number(text)).max();
        let found =
            if qualifier.is_empty() || qualifier == "$LATEST" { None } else { number(qualifier).or_else(newest) };
        found.map_or_else(|| "$LATEST".to_owned(), |version| version.to_string())
    }
}

/// One invocation.
#[derive(Debug, Clone)]
struct Received {
    qualifier: String,
    service: String,
    source: String,
    payload: Value,
}

impl State {
    /// Makes a function, with versions and aliases; it is not an error that it is there already.
    pub fn put(world: &mut World, account: AccountId, region: Region, name: String, qualifiers: Vec<String>) {
        let arn = Arn::new(world.partition, "lambda", Some(&region), Some(account), format!("function:{name}"));
        let (revision, created) = (world.ids.uuid(), world.now());
        let function = world.lambda.functions.entry((account, region, name)).or_insert_with(|| Function {
            arn,
            qualifiers: BTreeSet::new(),
            policies: BTreeMap::new(),
            revision,
            created,
            received: Vec::new(),
        });
        function.qualifiers.extend(qualifiers);
    }

    /// What the control endpoint shows.
    pub fn document(&self) -> Value {
        let functions = self.functions.values().map(|function| {
            let policies: BTreeMap<&str, Value> =
                function.policies.iter().map(|(qualifier, policy)| (qualifier.as_str(), policy.document())).collect();
            let received: Vec<Value> = function
                .received
                .iter()
                .map(|one| {
                    json!({
                        "qualifier": one.qualifier, "service": one.service, "source": one.source,
                        "payload": one.payload,
                    })
                })
                .collect();
            json!({
                "arn": function.arn, "qualifiers": function.qualifiers, "policies": policies,
                "invocations": function.received.len(), "received": received,
            })
        });
        functions.collect()
    }
}

/// Paths and methods are those of the API's model. Operations that are not simulated but likely to be tried have their
/// names here, so that the refusal says them.
fn route(http: &Http) -> String {
    let path = segments(http);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let name = match (http.method.as_str(), &path[..]) {
        ("GET", ["2015-03-31", "functions", _]) => "GetFunction",
        ("GET", ["2015-03-31", "functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("GET", ["2015-03-31", "functions", _, "policy"]) => "GetPolicy",
        ("POST", ["2015-03-31", "functions", _, "policy"]) => "AddPermission",
        ("DELETE", ["2015-03-31", "functions", _, "policy", _]) => "RemovePermission",
        ("GET", ["2015-03-31", "functions"]) => "ListFunctions",
        ("POST", ["2015-03-31", "functions"]) => "CreateFunction",
        ("DELETE", ["2015-03-31", "functions", _]) => "DeleteFunction",
        ("POST", ["2015-03-31", "functions", _, "invocations"]) => "Invoke",
        _ => "",
    };
    name.to_owned()
}

fn resource(world: &World, call: &Call<'_>) -> String {
    functions::named(call).map_or_else(|_| "*".to_owned(), |named| functions::arn(world, &named).to_string())
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    match call.operation {
        "GetFunction" => functions::get(world, call).map(Answer::Json),
        "GetFunctionConfiguration" => functions::configuration(world, call).map(Answer::Json),
        "GetPolicy" => permissions::get(world, call).map(Answer::Json),
        "AddPermission" => permissions::add(world, call).map(|out| Answer::Http(Reply::json(201, &out))),
        "RemovePermission" => permissions::remove(world, call)
            .map(|()| Answer::Http(Reply { status: 204, headers: Vec::new(), body: Vec::new() })),
        _ => Err(call.not_simulated()),
    }
}

/// An error whose model spells the message `Message`: only `ResourceNotFoundException` does.
fn not_found(message: impl Into<String>) -> Refusal {
    let message = message.into();
    Refusal::new(404, "ResourceNotFoundException", message.clone()).detail("Type", "User").detail("Message", message)
}

fn refused(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(status, code, message).detail("Type", "User")
}

/// What an input is refused with that does not satisfy a constraint of the model.
fn constraint(value: &str, member: &str, pattern: &str) -> Refusal {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: {pattern}"
    );
    Refusal::new(400, "ValidationException", message)
}
