//! Invocations by other services, under the function's policy.

use serde_json::Value;

use super::Received;
use crate::model::Arn;
use crate::sandbox::world::World;

/// Invokes a function, as a service does for one of its resources: SNS for a topic.
///
/// `service` is the service's principal (`sns.amazonaws.com`; `sns.REGION.amazonaws.com` from a Region that accounts
/// must opt in to), `source` the ARN of the resource. The ARN of a version or an alias is judged by its own policy.
///
/// # Errors
/// There is no such function, or its policy does not let the service in; in words for a person.
pub(in crate::sandbox) fn invoke(
    world: &mut World,
    function: &Arn,
    service: &str,
    source: &Arn,
    payload: Value,
) -> Result<(), String> {
    let missing = || format!("there is no function {function}");
    let (Some(account), Some(region)) = (function.account(), function.region()) else { return Err(missing()) };
    let named = function.resource().strip_prefix("function:").filter(|_| function.service() == "lambda");
    let (name, qualifier) = named.map(|text| text.split_once(':').unwrap_or((text, ""))).ok_or_else(missing)?;
    let key = (account, region.clone(), name.to_owned());
    let found = world.lambda.functions.get_mut(&key).ok_or_else(missing)?;
    if !qualifier.is_empty() && !found.qualifiers.contains(qualifier) {
        return Err(missing());
    }
    let (arn, source_arn) = (function.to_string(), source.to_string());
    let owner = source.account().map(|account| account.to_string());
    let mut context = vec![("aws:SourceArn", source_arn.as_str())];
    context.extend(owner.as_deref().map(|owner| ("aws:SourceAccount", owner)));
    let policy = found.policies.get(qualifier);
    if !policy.is_some_and(|policy| policy.admits_service(service, &arn, &context)) {
        return Err(format!("the policy of {function} does not allow {service} to invoke it for {source}"));
    }
    found.received.push(Received {
        qualifier: qualifier.to_owned(),
        service: service.to_owned(),
        source: source_arn,
        payload,
    });
    Ok(())
}
