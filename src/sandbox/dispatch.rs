//! From a request to a service: who calls, where, whether it may.

use std::time::Duration;

use serde_json::Value;

use super::calls::is_mutating;
use super::cloud::Fate;
use super::faults::{self, Blow, Struck};
use super::wire::{Answer, Gate, Http, Protocol, Refusal, Reply};
use super::world::{Credential, Identity, World, http_date};
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

/// What the paths of the control endpoint begin with.
const CONTROL: &str = "/_sandbox";

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

/// Whether the simulation has such a service.
pub(super) fn is_service(name: &str) -> bool {
    SERVICES.iter().any(|service| service.name == name)
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

/// A request that was dealt with.
#[derive(Debug)]
pub(super) struct Handled {
    pub reply: Reply,
    pub latency: Duration,
    pub fate: Fate,
}

impl Handled {
    /// The connection is closed, and nothing was done.
    fn dropped(latency: Duration) -> Handled {
        Handled { reply: Reply::none(), latency, fate: Fate::Dropped }
    }
}

impl From<Reply> for Handled {
    fn from(reply: Reply) -> Handled {
        Handled { reply, latency: Duration::ZERO, fate: Fate::Answered }
    }
}

/// Answers one request; the answer is dated by the simulation's clock, and one to `HEAD` has no body.
pub(super) fn dispatch(world: &mut World, http: &Http) -> Handled {
    let mut handled = handle(world, http);
    handled.reply.headers.push(("date".to_owned(), http_date(world.now())));
    if http.method == "HEAD" {
        handled.reply.body.clear();
    }
    if let Some(witness) = &world.witness
        && handled.fate != Fate::Dropped
        && !http.path.starts_with(CONTROL)
    {
        witness.tell(http, handled.reply.status, &handled.reply.headers, &handled.reply.body);
    }
    handled
}

fn handle(world: &mut World, http: &Http) -> Handled {
    if http.path.starts_with(CONTROL) {
        return control::answer(world, http).into();
    }
    let request_id = world.ids.uuid();
    let scope = scope(http);
    if scope.is_none()
        && let Some(reply) = sns::follow(world, http, &request_id)
    {
        return reply.into();
    }
    let found = scope.as_ref().and_then(|scope| SERVICES.iter().find(|service| service.name == scope.service));
    let (Some(service), Some(scope)) = (found, &scope) else {
        let protocol = guess(http, scope.is_some());
        let refusal = match scope {
            None => protocol.refuse(Gate::NoKey, ""),
            Some(scope) => protocol.refuse(
                Gate::NotSimulated,
                &format!("baseline sandbox is a simulation, not AWS: it does not simulate {}", scope.service),
            ),
        };
        world.calls.record("unknown", "", None, "", &refusal.code);
        return protocol.refusal(refusal, &request_id).into();
    };
    // Its endpoint there has no address: a client cannot even connect.
    if world.withdrawn.contains(&(scope.region.to_owned(), service.name.to_owned())) {
        return Handled::dropped(Duration::ZERO);
    }
    let read =
        service.protocol.read(http).map(|(named, input)| (service.route.map_or(named, |route| route(http)), input));
    let operation = read.as_ref().map_or_else(|_| String::new(), |(operation, _)| operation.clone());
    // An ended session still tells whose it was.
    let credential = identify(world, service, scope, http).cloned();
    let called = Struck {
        account: credential.as_ref().ok().map(|credential| credential.identity.account),
        region: scope.region.to_owned(),
        service: service.name.to_owned(),
        operation,
    };
    let strike = world.faults.strike(&called, is_mutating(&called.operation));
    let fate = match strike.blow {
        Some(Blow::Lose) => Fate::Lost,
        Some(Blow::Drop) => Fate::Dropped,
        Some(Blow::Hang) => Fate::Hangs,
        _ => Fate::Answered,
    };
    if fate == Fate::Dropped {
        return Handled::dropped(strike.latency);
    }
    let instead = match &strike.blow {
        Some(Blow::Answer { status, body }) => Some((*status, body.clone())),
        _ => None,
    };
    let result = match strike.blow {
        Some(Blow::Throttle) => Err(faults::throttled(service)),
        Some(Blow::Fail { code, status, message }) => Err(failed(service, code, status, message)),
        _ => read.and_then(|(operation, input)| {
            let credential = credential?;
            if world.suspended.contains(&credential.identity.account) {
                return Err(service.protocol.refuse(Gate::Suspended, ""));
            }
            if credential.expires.is_some_and(|expires| expires <= world.now()) {
                return Err(service.protocol.refuse(Gate::Expired, ""));
            }
            perform(world, service, &operation, &credential.identity, scope.region, &input, http)
        }),
    };
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.clone(), |_| "ok".to_owned());
    world.calls.record(service.name, &called.operation, called.account, scope.region, &outcome);
    let mut reply = match result {
        Ok(answer) => service.protocol.answer(&called.operation, answer, &request_id),
        Err(refusal) => service.protocol.refusal(refusal, &request_id),
    };
    if let Some((status, body)) = instead {
        (reply.status, reply.body) = (status, body.into_bytes());
        reply.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    }
    Handled { reply, latency: strike.latency, fate }
}

/// The error that was asked for; the rest as the service has it when it breaks down.
fn failed(service: &Service, code: Option<String>, status: Option<u16>, message: Option<String>) -> Refusal {
    let own = faults::broken(service);
    let details = if code.is_none() && message.is_none() { own.details } else { Vec::new() };
    Refusal {
        status: status.unwrap_or(own.status),
        code: code.unwrap_or(own.code),
        message: message.unwrap_or(own.message),
        details,
        headers: own.headers,
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
    let call = Call { service, operation, caller, region: &region, input, http, now: world.now() };
    world.rates.charge(service, operation, caller.account, region.as_str(), call.now)?;
    // "No permissions are required to perform this operation" (STS API Reference, GetCallerIdentity).
    if (service.name, operation) != ("sts", "GetCallerIdentity") {
        let action = s3::action(service.name, operation);
        if let Some(why) = world.denials.denied(caller.account, &action, &format!("{}:{operation}", service.name)) {
            let resource = (service.resource)(world, &call);
            return Err(call.denied(&action, &resource, &why));
        }
    }
    (service.handle)(world, &call)
}
