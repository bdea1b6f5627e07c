//! Which function a request is about, and who may be told of it.

use serde_json::{Value, json};

use super::{Function, constraint, not_found, refused};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Gate, Refusal, segments};
use crate::sandbox::world::{World, iso};

/// A function as a request names it, in the Region of the call.
pub(super) struct Named {
    pub account: AccountId,
    pub region: Region,
    pub name: String,
    /// A version or an alias; empty for the function as such.
    pub qualifier: String,
}

impl Named {
    pub fn key(&self) -> (AccountId, Region, String) {
        (self.account, self.region.clone(), self.name.clone())
    }
}

/// Reads the name of the path: `name`, `account:function:name` or an ARN, each with a `:qualifier` perhaps, and the
/// qualifier of the query.
pub(super) fn named(call: &Call<'_>) -> Result<Named, Refusal> {
    let path = segments(call.http);
    let text = path.get(2).map(String::as_str).unwrap_or_default();
    let malformed = || {
        let pattern = "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?\
                       (\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
        constraint(text, "functionName", pattern)
    };
    let (account, rest) = if text.starts_with("arn:") {
        let arn: Arn = text.parse().map_err(|_| malformed())?;
        let (Some(account), Some(region)) = (arn.account(), arn.region()) else { return Err(malformed()) };
        if arn.service() != "lambda" {
            return Err(malformed());
        }
        if region != call.region {
            let message = format!("Functions from '{region}' are not reachable in this region ('{}')", call.region);
            return Err(not_found(message));
        }
        (account, arn.resource().strip_prefix("function:").ok_or_else(malformed)?.to_owned())
    } else if let Some((account, rest)) = text.split_once(":function:") {
        (account.parse().map_err(|_| malformed())?, rest.to_owned())
    } else {
        (call.account(), text.strip_prefix("function:").unwrap_or(text).to_owned())
    };
    let (name, own) = rest.split_once(':').unwrap_or((&rest, ""));
    let fits = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if name.is_empty() || name.len() > 64 || !fits(name) {
        return Err(malformed());
    }
    let asked = call.http.parameter("Qualifier").unwrap_or_default();
    if !own.is_empty() && !asked.is_empty() && own != asked {
        let message = "The derived qualifier from the function name does not match the specified qualifier.";
        return Err(refused(400, "InvalidParameterValueException", message));
    }
    let qualifier = if asked.is_empty() { own } else { asked };
    Ok(Named { account, region: call.region.clone(), name: name.to_owned(), qualifier: qualifier.to_owned() })
}

/// The ARN of what is named, with its qualifier.
pub(super) fn arn(world: &World, named: &Named) -> Arn {
    let mut resource = format!("function:{}", named.name);
    if !named.qualifier.is_empty() {
        resource.push_str(&format!(":{}", named.qualifier));
    }
    Arn::new(world.partition, "lambda", Some(&named.region), Some(named.account), resource)
}

/// The function that a request names; one of another account only where its policy lets the caller.
pub(super) fn find<'a>(world: &'a World, call: &Call<'_>, named: &Named) -> Result<&'a Function, Refusal> {
    let function = world.lambda.functions.get(&named.key());
    let arn = arn(world, named).to_string();
    if named.account != call.account() {
        let action = format!("lambda:{}", call.operation);
        let policy = function.and_then(|function| function.policies.get(&named.qualifier));
        if !policy.is_some_and(|policy| policy.admits(call.caller, &action, &arn)) {
            let why = format!("because no resource-based policy allows the {action} action");
            return Err(call.service.protocol.refuse(Gate::Denied, &call.denied(&action, &arn, &why).message));
        }
    }
    let known = |function: &&Function| {
        named.qualifier.is_empty() || named.qualifier == "$LATEST" || function.qualifiers.contains(&named.qualifier)
    };
    function.filter(known).ok_or_else(|| not_found(format!("Function not found: {arn}")))
}

/// `GetFunction`: of what it says, the configuration.
pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "Configuration": configuration(world, call)? }))
}

/// `GetFunctionConfiguration`.
pub(super) fn configuration(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let named = named(call)?;
    let function = find(world, call, &named)?;
    Ok(json!({
        "FunctionName": named.name,
        "FunctionArn": arn(world, &named),
        "LastModified": iso(function.created),
        "Version": function.version(&named.qualifier),
        "RevisionId": function.revision,
        "PackageType": "Zip",
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }))
}
