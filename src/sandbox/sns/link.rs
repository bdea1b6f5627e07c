//! The links in SNS's messages, which anybody may follow: to confirm a subscription, and to end one.

use super::{NAMESPACE, invalid, not_found, subscriptions};
use crate::sandbox::wire::{Answer, Http, Node, Protocol, Refusal, Reply};
use crate::sandbox::world::World;

/// Answers a request without a signature that is such a link; `None` for any other.
pub(in crate::sandbox) fn follow(world: &mut World, http: &Http, request_id: &str) -> Option<Reply> {
    if http.method != "GET" || http.path != "/" {
        return None;
    }
    let operation = http.parameter("Action")?;
    let result = match operation {
        "ConfirmSubscription" => confirm(world, http),
        "Unsubscribe" => unsubscribe(world, http),
        _ => return None,
    };
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.clone(), |_| "ok".to_owned());
    world.calls.record("sns", operation, None, "", &outcome);
    let protocol = Protocol::Query(NAMESPACE);
    Some(match result {
        Ok(members) => protocol.answer(operation, Answer::Xml(members), request_id),
        Err(refusal) => protocol.refusal(refusal, request_id),
    })
}

fn confirm(world: &mut World, http: &Http) -> Result<Vec<Node>, Refusal> {
    let topic = http.parameter("TopicArn").unwrap_or_default();
    let arn = subscriptions::confirm_by_token(world, topic, http.parameter("Token").unwrap_or_default())?;
    Ok(vec![Node::text("SubscriptionArn", arn.to_string())])
}

fn unsubscribe(world: &mut World, http: &Http) -> Result<Vec<Node>, Refusal> {
    let arn = http.parameter("SubscriptionArn").ok_or_else(|| invalid("SubscriptionArn"))?;
    if !world.sns.subscriptions.contains_key(arn) {
        return Err(not_found("Subscription"));
    }
    subscriptions::remove(world, arn);
    Ok(Vec::new())
}
