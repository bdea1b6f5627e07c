//! Service-linked roles: one per service, its name, its trust and its policy the service's own.

use serde_json::json;

use super::{document, limit, required, roles};
use crate::model::{AccountId, Arn};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::{Role, World};

/// Under which service-linked roles live, and no others.
pub(super) const PATH: &str = "/aws-service-role/";

/// Service, the role's name and the managed policy that is attached to it, as the services' guides tell them.
const KNOWN: [(&str, &str, &str); 4] = [
    ("cloudtrail.amazonaws.com", "AWSServiceRoleForCloudTrail", "CloudTrailServiceRolePolicy"),
    ("config.amazonaws.com", "AWSServiceRoleForConfig", "AWSConfigServiceRolePolicy"),
    ("guardduty.amazonaws.com", "AWSServiceRoleForAmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy"),
    (
        "malware-protection.guardduty.amazonaws.com",
        "AWSServiceRoleForAmazonGuardDutyMalwareProtection",
        "AmazonGuardDutyMalwareProtectionServiceRolePolicy",
    ),
];

/// Whether only its service may change the role.
pub(super) fn is_linked(role: &Role) -> bool {
    roles::path(role).starts_with(PATH)
}

/// The ARN that the service's role has, or would have, in the account; `None` for a service that this simulation does
/// not know to have one.
pub(in crate::sandbox) fn arn(world: &World, account: AccountId, service: &str) -> Option<Arn> {
    let (_, name, _) = KNOWN.iter().find(|(known, _, _)| *known == service)?;
    Some(Arn::role(world.partition, account, &format!("{}{service}/{name}", PATH.trim_start_matches('/'))))
}

/// Makes the service's role in the account, as `CreateServiceLinkedRole` does and as services do of themselves; gives
/// it whether or not it was there. `None` as in [`arn`].
pub(in crate::sandbox) fn ensure<'a>(world: &'a mut World, account: AccountId, service: &str) -> Option<&'a mut Role> {
    let arn = arn(world, account, service)?;
    let (_, _, policy) = KNOWN.iter().find(|(known, _, _)| *known == service)?;
    if world.role(&arn).is_none() {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }] });
        let policy = format!("arn:{}:iam::aws:policy/aws-service-role/{policy}", world.partition);
        world.add_role(&arn, trust.to_string(), 3600)?.attached.insert(policy);
    }
    world.accounts.get_mut(&account)?.roles.get_mut(arn.role_name()?)
}

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let service = required(call, "AWSServiceName")?;
    let invalid = |message: String| Refusal::new(400, "InvalidInput", message);
    let Some(arn) = arn(world, call.account(), service) else {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(&format!(" for {service}"));
        return Err(refusal);
    };
    if call.text("CustomSuffix").is_some() {
        return Err(invalid(format!("Custom suffix is not allowed for {service}")));
    }
    let description = call.text("Description").map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > 1000) {
        return Err(super::invalid("The description has more than 1000 characters."));
    }
    let name = arn.role_name().unwrap_or_default();
    let taken = world.accounts.get(&call.account()).is_some_and(|account| account.roles.contains_key(name));
    if taken {
        return Err(invalid(format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        )));
    }
    let role = ensure(world, call.account(), service).ok_or_else(|| limit("No role can be made in this account."))?;
    role.description = description;
    Ok(vec![document(role, true)])
}
