//! The role that EventBridge takes on to put events on another bus.

use super::{PRINCIPAL, invalid, refuse};
use crate::model::{AccountId, Arn};
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{Identity, Role, World};

/// Checks the role of a rule or a target as it is put: of the rule's account, there, and trusting EventBridge.
///
/// # Errors
/// `AccessDeniedException` for another account's role, `ValidationException` for one that cannot be assumed.
pub(super) fn check_role(world: &World, role: &str, account: AccountId, rule: &Arn) -> Result<(), Refusal> {
    let parsed: Arn = role.parse().map_err(|_| invalid(format!("Parameter RoleArn is not valid: {role}")))?;
    if parsed.account() != Some(account) {
        return Err(refuse("AccessDeniedException", "Cross-account pass role is not allowed."));
    }
    match world.role(&parsed).filter(|found| trusts_events(found, account, rule)) {
        Some(_) => Ok(()),
        None => {
            let message = format!("Provided role '{role}' cannot be assumed by principal '{PRINCIPAL}'.");
            Err(invalid(message))
        }
    }
}

/// Whether the role's trust policy lets EventBridge take it on for the rule.
fn trusts_events(role: &Role, account: AccountId, rule: &Arn) -> bool {
    let (account, rule) = (account.to_string(), rule.to_string());
    let context = [("aws:SourceAccount", account.as_str()), ("aws:SourceArn", rule.as_str())];
    let arn = role.arn.to_string();
    evaluate(&role.trust, Who::Service(PRINCIPAL), "sts:AssumeRole", &arn, &context) == Verdict::Allowed
}

/// The session in which EventBridge acts for a rule.
///
/// # Errors
/// Why it cannot act, for a person.
pub(super) fn take_on<'a>(world: &'a World, role: &str, rule: &Arn) -> Result<(&'a Role, Identity), String> {
    let arn: Arn = role.parse().map_err(|_| format!("{role} is not the ARN of a role"))?;
    let found = world.role(&arn).ok_or_else(|| format!("the role {role} does not exist"))?;
    let account = arn.account().ok_or_else(|| format!("{role} is of no account"))?;
    if !trusts_events(found, account, rule) {
        return Err(format!("the role {role} does not trust {PRINCIPAL}"));
    }
    let session = format!("assumed-role/{}/events", arn.role_name().unwrap_or_default());
    let identity = Identity {
        account,
        arn: Arn::new(world.partition, "sts", None, Some(account), session),
        user_id: format!("{}:events", found.id),
        role: Some(arn),
        source_identity: None,
    };
    Ok((found, identity))
}
