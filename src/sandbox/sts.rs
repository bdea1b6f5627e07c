//! STS: who am I, and role chaining (STS API Reference, 2011-06-15).

use super::authz::{Verdict, Who, evaluate};
use super::dispatch::{Call, Service};
use super::wire::{Answer, Node, Protocol, Refusal};
use super::world::{Credential, Identity, Role, World, iso};
use crate::model::{AccountId, Arn, Partition};

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "sts",
    protocol: Protocol::Query("https://sts.amazonaws.com/doc/2011-06-15/"),
    route: None,
    resource: |_, call| call.text("RoleArn").unwrap_or_default().to_owned(),
    handle,
};

/// The only code that the simulated device shows.
pub(super) const MFA_CODE: &str = "123456";

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    match call.operation {
        "GetCallerIdentity" => Ok(Answer::Xml(vec![
            Node::text("Arn", call.caller.arn.to_string()),
            Node::text("UserId", &call.caller.user_id),
            Node::text("Account", call.account().to_string()),
        ])),
        "AssumeRole" => assume_role(world, call),
        "GetSessionToken" => session_token(world, call),
        _ => Err(call.not_simulated()),
    }
}

fn assume_role(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let request = Request::read(call)?;
    if call.text("Policy").is_some() || call.text("PolicyArns.member.1.arn").is_some() {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with a session policy");
        return Err(refusal);
    }
    // A role that does not exist is not told apart from one that does not trust the caller.
    let denied = |action: &str| call.denied(action, request.role_arn, "");
    let arn: Arn = request.role_arn.parse().map_err(|_| denied("sts:AssumeRole"))?;
    let role = world.role(&arn).cloned().ok_or_else(|| denied("sts:AssumeRole"))?;
    // Told no more than that: aws-samples/aws-security-reference-architecture-examples#218 and
    // CrowdStrike/cloud-resource-estimator#25 show AccessDenied (403) and this sentence for closed accounts.
    if arn.account().is_some_and(|account| world.suspended.contains(&account)) {
        return Err(denied("sts:AssumeRole"));
    }
    let mfa = check_mfa(world, call)?;
    // The keys of `GetSessionToken` are a session's, too, though their caller is the user (seen in
    // mmmorris1975/aws-runas#11 and 99designs/aws-vault#263).
    let chained = call.caller.role.is_some() || is_session(call);
    check_duration(&request, &role, chained)?;
    check_source_identity(call, &request, &denied)?;
    let source_identity = call.caller.source_identity.as_deref().or(request.source_identity);
    check_trust(call, &request, &role, mfa, source_identity).map_err(denied)?;

    let seconds = request.duration.min(world.session_seconds.unwrap_or(u32::MAX));
    let expires = (call.now + f64::from(seconds)).floor();
    let account = role.behind.or(arn.account()).unwrap_or(call.account());
    let mut identity = session_of(world.partition, account, &role, request.session_name);
    identity.source_identity = source_identity.map(str::to_owned);
    let user = Node::new("AssumedRoleUser")
        .with(Node::text("AssumedRoleId", &identity.user_id))
        .with(Node::text("Arn", identity.arn.to_string()));
    let mut members = vec![user, give(world, identity, expires)];
    members.extend(source_identity.map(|text| Node::text("SourceIdentity", text)));
    Ok(Answer::Xml(members))
}

/// Whether the call is signed with the keys of a session.
fn is_session(call: &Call<'_>) -> bool {
    call.http.header("x-amz-security-token").is_some_and(|token| !token.is_empty())
}

/// Keys that end, of the user that asks (STS API Reference, GetSessionToken: 900 to 129,600 seconds, 12 hours unless it is
/// said; "you cannot call" it with the keys of a session).
fn session_token(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    if is_session(call) {
        return Err(Refusal::new(403, "AccessDenied", "Cannot call GetSessionToken with session credentials"));
    }
    check_mfa(world, call)?;
    let duration = match call.text("DurationSeconds") {
        None => 43_200,
        Some(text) => text.parse().map_err(|_| invalid(format!("DurationSeconds {text} is not a number")))?,
    };
    if !(900..=129_600).contains(&duration) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{duration}' at 'durationSeconds' failed to satisfy constraint: Member \
             must have value between 900 and 129600"
        )));
    }
    let expires = (call.now + f64::from(duration)).floor();
    let credentials = give(world, call.caller.clone(), expires);
    Ok(Answer::Xml(vec![credentials]))
}

/// Makes the keys of a session, and the element that tells them.
fn give(world: &mut World, identity: Identity, expires: f64) -> Node {
    let key = world.ids.unique("ASIA", 16);
    let secret = world.ids.unique("simulated", 31);
    let token = world.ids.unique("simulated-session-token/", 64);
    let element = Node::new("Credentials")
        .with(Node::text("AccessKeyId", &key))
        .with(Node::text("SecretAccessKey", &secret))
        .with(Node::text("SessionToken", &token))
        .with(Node::text("Expiration", iso(expires)));
    world.credentials.insert(key, Credential { token: Some(token), expires: Some(expires), identity });
    element
}

/// Who a session of a role is.
pub(super) fn session_of(partition: Partition, account: AccountId, role: &Role, session_name: &str) -> Identity {
    let session = format!("assumed-role/{}/{session_name}", role.arn.role_name().unwrap_or_default());
    Identity {
        account,
        arn: Arn::new(partition, "sts", None, Some(account), session),
        role: Some(Arn::new(partition, "iam", None, Some(account), role.arn.resource())),
        user_id: format!("{}:{session_name}", role.id),
        source_identity: None,
    }
}

/// The checked input of `AssumeRole`.
struct Request<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    external_id: Option<&'a str>,
    source_identity: Option<&'a str>,
    duration: u32,
}

impl<'a> Request<'a> {
    fn read(call: &'a Call<'a>) -> Result<Request<'a>, Refusal> {
        let missing = |name: &str| {
            invalid(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: \
                 Member must not be null"
            ))
        };
        let role_arn = call.text("RoleArn").ok_or_else(|| missing("roleArn"))?;
        if role_arn.parse::<Arn>().is_err() {
            return Err(invalid(format!("{role_arn} is invalid")));
        }
        let session_name = call.text("RoleSessionName").ok_or_else(|| missing("roleSessionName"))?;
        check_text("roleSessionName", session_name, 2, 64, "=,.@-")?;
        let external_id = call.text("ExternalId");
        if let Some(text) = external_id {
            check_text("externalId", text, 2, 1224, "=,.@:/-")?;
        }
        let source_identity = call.text("SourceIdentity");
        if let Some(text) = source_identity {
            check_text("sourceIdentity", text, 2, 64, "=,.@-")?;
            if text.starts_with("aws:") {
                return Err(invalid("The source identity may not start with aws:".to_owned()));
            }
        }
        let duration = match call.text("DurationSeconds") {
            None => 3600,
            Some(text) => text.parse().map_err(|_| invalid(format!("DurationSeconds {text} is not a number")))?,
        };
        let wrong = |bound: &str| {
            invalid(format!(
                "1 validation error detected: Value '{duration}' at 'durationSeconds' failed to satisfy constraint: \
                 Member must have value {bound}"
            ))
        };
        match duration {
            ..900 => Err(wrong("greater than or equal to 900")),
            43201.. => Err(wrong("less than or equal to 43200")),
            _ => Ok(Request { role_arn, session_name, external_id, source_identity, duration }),
        }
    }
}

fn check_duration(request: &Request<'_>, role: &Role, chained: bool) -> Result<(), Refusal> {
    if chained && request.duration > 3600 {
        Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
                .to_owned(),
        ))
    } else if request.duration > role.max_session {
        Err(invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned()))
    } else {
        Ok(())
    }
}

/// Once set, a source identity cannot be changed (STS API Reference, AssumeRole).
fn check_source_identity(
    call: &Call<'_>,
    request: &Request<'_>,
    denied: &impl Fn(&str) -> Refusal,
) -> Result<(), Refusal> {
    match (call.caller.source_identity.as_deref(), request.source_identity) {
        (Some(set), Some(asked)) if set != asked => Err(denied("sts:SetSourceIdentity")),
        _ => Ok(()),
    }
}

/// Whether the caller showed a device; a session cannot.
fn check_mfa(world: &World, call: &Call<'_>) -> Result<bool, Refusal> {
    match (call.text("SerialNumber"), call.text("TokenCode")) {
        (None, None) => Ok(false),
        (Some(serial), Some(code)) => {
            let denied = |message: &str| Err(Refusal::new(403, "AccessDenied", message));
            if call.caller.role.is_some() || world.mfa_serial.as_deref() != Some(serial) {
                denied(
                    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial \
                     number is valid and associated with this user.",
                )
            } else if code != MFA_CODE {
                denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
            } else {
                Ok(true)
            }
        }
        _ => Err(Refusal::new(
            403,
            "AccessDenied",
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
        )),
    }
}

/// The action that the trust policy does not allow, if there is one.
fn check_trust(
    call: &Call<'_>,
    request: &Request<'_>,
    role: &Role,
    mfa: bool,
    source_identity: Option<&str>,
) -> Result<(), &'static str> {
    let mut context = vec![("sts:RoleSessionName", request.session_name)];
    context.extend(request.external_id.map(|text| ("sts:ExternalId", text)));
    context.extend(source_identity.map(|text| ("sts:SourceIdentity", text)));
    context.extend(call.caller.source_identity.as_deref().map(|text| ("aws:SourceIdentity", text)));
    // A long-term key without a device has no such key in its context; `Bool` then does not match.
    context.extend(mfa.then_some(("aws:MultiFactorAuthPresent", "true")));
    let mut actions = vec!["sts:AssumeRole"];
    actions.extend(source_identity.map(|_| "sts:SetSourceIdentity"));
    actions.extend(call.text("Tags.member.1.Key").map(|_| "sts:TagSession"));
    for action in actions {
        if evaluate(&role.trust, Who::Caller(call.caller), action, request.role_arn, &context) != Verdict::Allowed {
            return Err(action);
        }
    }
    Ok(())
}

fn check_text(name: &str, text: &str, least: usize, most: usize, extra: &str) -> Result<(), Refusal> {
    let wrong = |constraint: String| {
        Err(invalid(format!(
            "1 validation error detected: Value '{text}' at '{name}' failed to satisfy constraint: \
             Member must {constraint}"
        )))
    };
    if text.len() < least {
        wrong(format!("have length greater than or equal to {least}"))
    } else if text.len() > most {
        wrong(format!("have length less than or equal to {most}"))
    } else if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '+' || extra.contains(c)) {
        Ok(())
    } else {
        wrong(format!("satisfy regular expression pattern: [\\w+{extra}]*"))
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}
