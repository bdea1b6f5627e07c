//! From a request to a service: who calls, where, whether it may.

use serde_json::Value;

use super::wire::{Answer, Gate, Http, Protocol, Refusal, Reply};
use super::world::{Credential, Identity, World, now};
use super::{cloudtrail, config, control, ec2, events, guardduty, iam, kms, lambda, s3, sns, sqs, sts};
use crate::model::{AccountId, Region};

/// A service of the simulation.
#[derive(Debug)]
pub(super) struct Service {
    /// As the credential scope names it; also the prefix of its IAM actions.
    pub name: &'static str,
    pub protocol: Protocol,
    /// The operation of a request, where the protocol does not say it.
    pub route: Option<fn(&Http) -> String>,
    /// The ARN that the operation is about, for the authorization message.
    pub resource: fn(&World, &Call<'_>) -> String,
    pub handle: fn(&mut World, &Call<'_>) -> Result<Answer, Refusal>,
}

/// Every service: one line each.
const SERVICES: &[&Service] = &[
    &cloudtrail::SERVICE,
    &config::SERVICE,
    &ec2::SERVICE,
    &events::SERVICE,
    &guardduty::SERVICE,
    &iam::SERVICE,
    &kms::SERVICE,
    &lambda::SERVICE,
    &s3::SERVICE,
    &sns::SERVICE,
    &sqs::SERVICE,
    &sts::SERVICE,
];

/// A request after its caller was told.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub service: &'static Service,
    pub operation: &'a str,
    pub caller: &'a Identity,
    pub region: &'a Region,
    /// The form or the JSON body; null for REST with XML.
    pub input: &'a Value,
    pub http: &'a Http,
    /// Seconds since 1970.
    pub now: f64,
}

impl Call<'_> {
    /// The caller's account.
    pub fn account(&self) -> AccountId {
        self.caller.account
    }

    /// A text member of the input.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    /// A boolean member of the input.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.input.get(name).and_then(Value::as_bool)
    }

    /// The refusal of an operation that the service has and this simulation has not.
    pub fn not_simulated(&self) -> Refusal {
        let message = format!(
            "baseline sandbox is a simulation, not AWS: it does not simulate {} of {}",
            self.operation, self.service.name
        );
        self.service.protocol.refuse(Gate::NotSimulated, &message)
    }

    /// The refusal of a caller without permission, in AWS's words; `why` ends the sentence.
    pub fn denied(&self, action: &str, resource: &str, why: &str) -> Refusal {
        let mut message = format!("User: {} is not authorized to perform: {action}", self.caller.arn);
        if !resource.is_empty() {
            message.push_str(&format!(" on resource: {resource}"));
        }
        if !why.is_empty() {
            message.push_str(&format!(" {why}"));
        }
        if matches!(self.service.protocol, Protocol::Ec2Query(_)) {
            message.insert_str(0, "You are not authorized to perform this operation. ");
        }
        self.service.protocol.refuse(Gate::Denied, &message)
    }
}

/// `Credential=KEY/DATE/REGION/SERVICE/aws4_request` of a Signature Version 4 header.
struct Scope<'a> {
    key: &'a str,
    region: &'a str,
    service: &'a str,
}

fn scope(http: &Http) -> Option<Scope<'_>> {
    let header = http.header("authorization")?.strip_prefix("AWS4-HMAC-SHA256")?;
    let credential = header.split(',').find_map(|part| part.trim().strip_prefix("Credential="))?;
    match credential.split('/').collect::<Vec<_>>()[..] {
        [key, _date, region, service, "aws4_request"] => Some(Scope { key, region, service }),
        _ => None,
    }
}

/// Answers one request.
pub(super) fn dispatch(world: &mut World, http: &Http) -> Reply {
    if http.path.starts_with("/_sandbox") {
        return control::answer(world, http);
    }
    let request_id = world.ids.uuid();
    let scope = scope(http);
    if scope.is_none()
        && let Some(reply) = sns::follow(world, http, &request_id)
    {
        return reply;
    }
    let found = scope.as_ref().and_then(|scope| SERVICES.iter().find(|service| service.name == scope.service));
    let Some(service) = found else {
        let protocol = guess(http, scope.is_some());
        let refusal = match scope {
            None => protocol.refuse(Gate::NoKey, ""),
            Some(scope) => protocol.refuse(
                Gate::NotSimulated,
                &format!("baseline sandbox is a simulation, not AWS: it does not simulate {}", scope.service),
            ),
        };
        world.calls.record("unknown", "", None, "", &refusal.code);
        return protocol.refusal(refusal, &request_id);
    };
    let region = scope.as_ref().map_or("", |scope| scope.region);
    let mut operation = String::new();
    let mut account = None;
    let result = service.protocol.read(http).and_then(|(named, input)| {
        operation = service.route.map_or(named, |route| route(http));
        let scope = scope.as_ref().ok_or_else(|| service.protocol.refuse(Gate::NoKey, ""))?;
        let credential = identify(world, service, scope, http)?;
        // An ended session still tells whose it was.
        account = Some(credential.identity.account);
        if credential.expires.is_some_and(|expires| expires <= now()) {
            return Err(service.protocol.refuse(Gate::Expired, ""));
        }
        let caller = credential.identity.clone();
        perform(world, service, &operation, &caller, region, &input, http)
    });
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.clone(), |_| "ok".to_owned());
    world.calls.record(service.name, &operation, account, region, &outcome);
    match result {
        Ok(answer) => service.protocol.answer(&operation, answer, &request_id),
        Err(refusal) => service.protocol.refusal(refusal, &request_id),
    }
}

/// The protocol to refuse a request in whose service is not in the table, told by its looks.
fn guess(http: &Http, signed: bool) -> Protocol {
    let form = http.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if form {
        Protocol::Query("")
    } else if signed || http.header("x-amz-target").is_some() {
        // REST with JSON is refused in the same words as JSON.
        Protocol::Json
    } else {
        Protocol::RestXml
    }
}

/// The key that was given out, if the request shows its session token too.
fn identify<'a>(
    world: &'a World,
    service: &Service,
    scope: &Scope<'_>,
    http: &Http,
) -> Result<&'a Credential, Refusal> {
    let token = http.header("x-amz-security-token").filter(|token| !token.is_empty());
    let credential = world.credentials.get(scope.key).filter(|credential| credential.token.as_deref() == token);
    credential.ok_or_else(|| service.protocol.refuse(Gate::UnknownKey, ""))
}

fn perform(
    world: &mut World,
    service: &'static Service,
    operation: &str,
    caller: &Identity,
    region: &str,
    input: &Value,
    http: &Http,
) -> Result<Answer, Refusal> {
    let disabled = Gate::RegionDisabled { session: caller.role.is_some() };
    let region: Region = region.parse().map_err(|_| service.protocol.refuse(disabled, ""))?;
    if !world.is_enabled(caller.account, &region) {
        return Err(service.protocol.refuse(disabled, ""));
    }
    let call = Call { service, operation, caller, region: &region, input, http, now: now() };
    // "No permissions are required to perform this operation" (STS API Reference, GetCallerIdentity).
    if (service.name, operation) != ("sts", "GetCallerIdentity") {
        let action = s3::action(service.name, operation);
        if let Some(why) = world.faults.denied(caller.account, &action, &format!("{}:{operation}", service.name)) {
            let resource = (service.resource)(world, &call);
            return Err(call.denied(&action, &resource, &why));
        }
    }
    (service.handle)(world, &call)
}
