//! What stands in a role: its trust policy, its inline policies and the managed policies attached to it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{find, limit, modifiable, name, page, required};
use crate::model::{AccountId, Arn};
use crate::policy::Policy;
use crate::sandbox::authz::check_principals;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::World;

/// Characters of a trust policy, blanks not counted (IAM User Guide, "IAM and STS quotas"; the default).
const TRUST_MAX: usize = 2048;
/// Characters of all inline policies of a role together, blanks not counted (the same; fixed).
const INLINE_MAX: usize = 10_240;
/// Managed policies attached to a role (the same; the default).
const ATTACHED_MAX: usize = 10;

/// What RFC 3986 leaves as it is; policies in answers "are URL-encoded compliant with RFC 3986" (IAM API Reference).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as answers carry it.
pub(super) fn encode(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

pub(super) fn put_trust(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    modifiable(world, call)?;
    let document = required(call, "PolicyDocument")?;
    check_trust(world, document)?;
    modifiable(world, call)?.trust = document.to_owned();
    Ok(Vec::new())
}

/// Checks a trust policy: every statement names a principal that exists, allows or denies actions of STS alone, and
/// has no resource.
pub(super) fn check_trust(world: &World, document: &str) -> Result<(), Refusal> {
    let policy = parse(document)?;
    for statement in &policy.statements {
        if statement.principal.is_none() {
            return Err(malformed("Missing required field Principal"));
        }
        if statement.resources.is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        let of_sts = |action: &String| action == "*" || action.to_ascii_lowercase().starts_with("sts:");
        if !statement.actions.names().iter().all(of_sts) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
    }
    check_principals(world, &policy).map_err(|principal| {
        let aws = principal.starts_with("arn:") || principal.parse::<AccountId>().is_ok();
        let kind = if aws { "AWS" } else { "SERVICE" };
        malformed(format!("Invalid principal in policy: \"{kind}\":\"{principal}\""))
    })?;
    if size(document) > TRUST_MAX {
        return Err(limit(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_MAX}")));
    }
    Ok(())
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = modifiable(world, call)?;
    let policy_name = name(call, "PolicyName", 128)?;
    let document = required(call, "PolicyDocument")?;
    for statement in &parse(document)?.statements {
        if statement.principal.is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.resources.is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    let others = role.inline.iter().filter(|(other, _)| *other != policy_name);
    let total = others.map(|(_, text)| size(text)).sum::<usize>() + size(document);
    if total > INLINE_MAX {
        let role_name = role.arn.role_name().unwrap_or_default();
        return Err(limit(format!("Maximum policy size of {INLINE_MAX} bytes exceeded for role {role_name}")));
    }
    role.inline.insert(policy_name.to_owned(), document.to_owned());
    Ok(Vec::new())
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = find(world, call)?;
    let policy_name = name(call, "PolicyName", 128)?;
    let document = role.inline.get(policy_name).ok_or_else(|| no_policy(policy_name))?;
    Ok(vec![
        Node::text("RoleName", role.arn.role_name().unwrap_or_default()),
        Node::text("PolicyName", policy_name),
        Node::text("PolicyDocument", encode(document)),
    ])
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let names = find(world, call)?.inline.keys().map(|name| Node::text("member", name)).collect();
    page(call, "PolicyNames", names)
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = modifiable(world, call)?;
    let policy_name = name(call, "PolicyName", 128)?;
    role.inline.remove(policy_name).ok_or_else(|| no_policy(policy_name))?;
    Ok(Vec::new())
}

/// Attaches one of AWS's managed policies; accounts have none of their own here.
pub(super) fn attach(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let partition = world.partition;
    let role = modifiable(world, call)?;
    let text = required(call, "PolicyArn")?;
    let policy = managed(text)?;
    let prefix = format!("arn:{partition}:iam::aws:policy/");
    if !text.starts_with(&prefix) || policy.is_empty() {
        let message = format!("Policy {text} does not exist or is not attachable.");
        return Err(Refusal::new(404, "NoSuchEntity", message));
    }
    if !role.attached.contains(text) && role.attached.len() >= ATTACHED_MAX {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}")));
    }
    role.attached.insert(text.to_owned());
    Ok(Vec::new())
}

pub(super) fn detach(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = modifiable(world, call)?;
    let text = required(call, "PolicyArn")?;
    managed(text)?;
    if !role.attached.remove(text) {
        return Err(Refusal::new(404, "NoSuchEntity", format!("Policy {text} was not found.")));
    }
    Ok(Vec::new())
}

pub(super) fn list_attached(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = find(world, call)?;
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let members = role.attached.iter().filter_map(|arn| {
        let path = arn.split_once(":policy").map(|(_, path)| path).filter(|path| path.starts_with(prefix))?;
        let plain = path.rsplit('/').next().unwrap_or(path);
        Some(Node::new("member").with(Node::text("PolicyName", plain)).with(Node::text("PolicyArn", arn)))
    });
    page(call, "AttachedPolicies", members.collect())
}

/// What follows `policy/` in the ARN of a managed policy. The owner of AWS's own is `aws`, which is no account id, so
/// that these ARNs are not [`Arn`]s.
fn managed(text: &str) -> Result<&str, Refusal> {
    let owned = text.parse::<Arn>().is_ok() || text.split(':').nth(4) == Some("aws");
    match text.split_once(":policy/") {
        Some((start, policy)) if owned && start.starts_with("arn:") => Ok(policy),
        _ => Err(Refusal::new(400, "InvalidInput", format!("ARN {text} is not valid."))),
    }
}

pub(super) fn parse(document: &str) -> Result<Policy, Refusal> {
    if serde_json::from_str::<Value>(document).is_err() {
        return Err(malformed("This policy contains invalid Json"));
    }
    Policy::parse(document).map_err(|error| malformed(format!("Syntax errors in policy. {error}")))
}

/// The size that counts against quotas: "IAM doesn't count white space".
fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

fn no_policy(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The role policy with name {name} cannot be found."))
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "MalformedPolicyDocument", message)
}
