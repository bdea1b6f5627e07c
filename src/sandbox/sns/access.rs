//! Who may do what with a topic.

use super::{Key, Topic, arn, invalid, not_found};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::authz::{Verdict, Who, evaluate};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// The policy that a topic has until somebody sets another: its own account may do everything that a topic policy can
/// allow (SNS Developer Guide, "Overview of managing access").
pub(super) fn default_policy(world: &World, account: AccountId, region: &Region, name: &str) -> String {
    let arn = arn(world, account, region, name);
    serde_json::json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": [
                "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
                "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
            ],
            "Resource": arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } },
        }],
    })
    .to_string()
}

/// The topic that a member names, which has to be in the Region of the call, and whose policy has to let the caller in
/// if it is of another account.
pub(super) fn find(world: &World, call: &Call<'_>, member: &str) -> Result<Key, Refusal> {
    let named = call.text(member).unwrap_or_default();
    let wrong = || invalid(format!("{member} Reason: An ARN of a topic in {} is expected, not {named}", call.region));
    let parsed: Arn = named.parse().map_err(|_| wrong())?;
    let account = parsed.account().ok_or_else(wrong)?;
    if parsed.service() != "sns"
        || parsed.partition() != world.partition
        || parsed.region() != Some(call.region)
        || parsed.resource().contains(':')
    {
        return Err(wrong());
    }
    let key = (account, call.region.clone(), parsed.resource().to_owned());
    match world.sns.topics.get(&key) {
        Some(topic) => authorize(call, topic, account).map(|()| key),
        None if account == call.account() => Err(not_found("Topic")),
        None => Err(denied(call, named, "because no resource-based policy allows the action")),
    }
}

fn authorize(call: &Call<'_>, topic: &Topic, owner: AccountId) -> Result<(), Refusal> {
    let action = format!("SNS:{}", call.operation);
    let arn = topic.arn.to_string();
    let account = call.account().to_string();
    let mut context = vec![("aws:SourceOwner", account.as_str()), ("aws:SourceAccount", account.as_str())];
    context.extend(call.text("Protocol").map(|protocol| ("sns:Protocol", protocol)));
    context.extend(call.text("Endpoint").map(|endpoint| ("sns:Endpoint", endpoint)));
    match evaluate(&topic.policy, Who::Caller(call.caller), &action, &arn, &context) {
        Verdict::Allowed => Ok(()),
        Verdict::Silent if owner == call.account() => Ok(()),
        Verdict::Denied => Err(denied(call, &arn, "with an explicit deny in a resource-based policy")),
        Verdict::Silent => {
            Err(denied(call, &arn, &format!("because no resource-based policy allows the {action} action")))
        }
    }
}

/// SNS's own word for what it refuses.
pub(super) fn denied(call: &Call<'_>, resource: &str, why: &str) -> Refusal {
    let refusal = call.denied(&format!("SNS:{}", call.operation), resource, why);
    Refusal { code: "AuthorizationError".to_owned(), ..refusal }
}

/// A topic of the caller's own account: what its policy cannot give to others.
pub(super) fn find_own(world: &World, call: &Call<'_>, member: &str) -> Result<Key, Refusal> {
    let named = call.text(member).unwrap_or_default();
    let foreign = named.parse::<Arn>().is_ok_and(|arn| arn.account().is_some_and(|owner| owner != call.account()));
    if foreign {
        return Err(denied(call, named, "because no resource-based policy allows the action"));
    }
    find(world, call, member)
}
