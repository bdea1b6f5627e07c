//! Key policies (KMS API Reference, PutKeyPolicy).

use serde_json::{Value, json};

use super::{Reach, authorize, find, key_mut, living, refuse};
use crate::model::{AccountId, Partition};
use crate::policy::{KEY_POLICY_MAX_BYTES, Policy};
use crate::sandbox::authz::{Verdict, Who, check_principals, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// What a key gets that is made without a policy.
pub(super) fn default(partition: Partition, account: AccountId) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{partition}:iam::{account}:root") },
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

/// Checks a policy that is to be put; gives its text.
pub(super) fn check(world: &World, call: &Call<'_>, text: &str, key: &str) -> Result<String, Refusal> {
    let malformed = |message: &str| refuse("MalformedPolicyDocumentException", message);
    if text.len() > KEY_POLICY_MAX_BYTES {
        return Err(refuse("LimitExceededException", "The key policy is larger than 32 KiB."));
    }
    let policy = Policy::parse(text).map_err(|error| malformed(&error.to_string()))?;
    if policy.statements.iter().any(|statement| statement.principal.is_none()) {
        return Err(malformed("Policy contains a statement with no principal."));
    }
    check_principals(world, &policy)
        .map_err(|_| malformed("Policy contains a statement with one or more invalid principals."))?;
    if call.flag("BypassPolicyLockoutSafetyCheck") != Some(true) {
        let verdict = evaluate(text, Who::Caller(call.caller), "kms:PutKeyPolicy", key, &[]);
        if verdict != Verdict::Allowed {
            return Err(malformed("The new key policy will not allow you to update the key policy in the future."));
        }
    }
    Ok(text.to_owned())
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    check_name(call)?;
    key_mut(world, &name).map(|key| json!({ "Policy": key.policy, "PolicyName": "default" }))
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = find(world, call, Reach::Own)?;
    check_name(call)?;
    let bypass = if call.flag("BypassPolicyLockoutSafetyCheck") == Some(true) { "true" } else { "false" };
    authorize(call, living(world, &name)?, &[("kms:BypassPolicyLockoutSafetyCheck", bypass)])?;
    let arn = living(world, &name)?.arn.to_string();
    let text = check(world, call, call.text("Policy").unwrap_or_default(), &arn)?;
    living(world, &name)?.policy = text;
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    find(world, call, Reach::Own)?;
    Ok(json!({ "PolicyNames": ["default"], "Truncated": false }))
}

/// A key has one policy.
fn check_name(call: &Call<'_>) -> Result<(), Refusal> {
    match call.text("PolicyName") {
        None | Some("default") => Ok(()),
        Some(other) => Err(refuse("NotFoundException", format!("No such policy exists: {other}"))),
    }
}
