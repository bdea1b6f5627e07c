//! What a policy says about a caller.

use std::collections::BTreeMap;

use super::world::{Identity, Role, World};
use crate::model::Arn;
use crate::policy::{Caller, Decision, Policy, PrincipalType, Request, Who as Names};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who<'a> {
    /// A user or a session.
    Caller(&'a Identity),
    /// An AWS service, such as `cloudtrail.amazonaws.com`.
    Service(&'a str),
}

/// What one resource policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement applies.
    Silent,
}

/// Evaluates one policy document. `context` holds condition keys and their values, one each; that the request came
/// over TLS is added, since loopback stands for AWS's HTTPS endpoints here. A document that cannot be read denies.
pub(super) fn evaluate(
    document: &str,
    who: Who<'_>,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> Verdict {
    let Ok(policy) = Policy::parse(document) else { return Verdict::Denied };
    let arn;
    let principal = match who {
        Who::Caller(caller) => {
            arn = caller.arn.to_string();
            Caller::Aws(&arn)
        }
        Who::Service(name) => Caller::Service(name),
    };
    let mut values: BTreeMap<String, Vec<String>> =
        context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
    values.insert("aws:SecureTransport".to_owned(), vec!["true".to_owned()]);
    if let Who::Caller(caller) = who {
        values.insert("aws:userid".to_owned(), vec![caller.user_id.clone()]);
    }
    let request = Request { principal, action, resource, context: &values };
    match crate::policy::evaluate(&policy, &request) {
        Decision::Allowed { .. } => Verdict::Allowed,
        Decision::Denied { .. } => Verdict::Denied,
        _ => Verdict::Silent,
    }
}

/// Checks that every account, role and user that a resource policy names exists, as S3 and KMS do when it is put.
///
/// # Errors
/// The principal that does not exist.
pub(super) fn check_principals(world: &World, policy: &Policy) -> Result<(), String> {
    let named = policy.statements.iter().filter_map(|statement| statement.principal.as_ref());
    for principals in named {
        let Names::Named(lists) = principals.who() else { continue };
        for name in lists.get(&PrincipalType::Aws).into_iter().flatten() {
            if !exists(world, name) {
                return Err(name.clone());
            }
        }
        for name in lists.get(&PrincipalType::Service).into_iter().flatten() {
            if ![".amazonaws.com", ".amazonaws.com.cn"].iter().any(|suffix| name.ends_with(suffix)) {
                return Err(name.clone());
            }
        }
    }
    Ok(())
}

fn exists(world: &World, name: &str) -> bool {
    if name == "*" {
        return true;
    }
    if let Ok(account) = name.parse() {
        return world.accounts.contains_key(&account);
    }
    let Ok(arn) = name.parse::<Arn>() else { return false };
    let known = arn.account().is_some_and(|account| world.accounts.contains_key(&account));
    known && arn.partition() == world.partition && (arn.role_name().is_none() || world.role(&arn).is_some())
}

/// Whether the inline policies of a role allow its session something, and its permissions boundary, where it has one. What AWS's managed policies say is not known
/// here, so that those attached to the role grant nothing.
pub(super) fn role_allows(
    role: &Role,
    session: &Identity,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> bool {
    let verdicts: Vec<Verdict> = role
        .inline
        .values()
        .map(|document| evaluate(document, Who::Caller(session), action, resource, context))
        .collect();
    let bounded = role.boundary.as_ref().is_none_or(|(_, document)| {
        evaluate(document, Who::Caller(session), action, resource, context) == Verdict::Allowed
    });
    bounded && verdicts.contains(&Verdict::Allowed) && !verdicts.contains(&Verdict::Denied)
}
