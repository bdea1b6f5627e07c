//! The attributes of one subscription, as far as somebody decides about them.

use std::collections::BTreeMap;

use aws_sdk_sns as sns;
use serde_json::Value;

use crate::aws::{found, send};
use crate::model::OpError;
use crate::services::adapter::Cell;

/// What SNS says by itself of a subscription (SNS API Reference, `GetSubscriptionAttributes`): nobody decides it.
/// `EffectiveDeliveryPolicy` is what follows from the topic's and the subscription's own.
const TOLD: [&str; 8] = [
    "ConfirmationWasAuthenticated",
    "EffectiveDeliveryPolicy",
    "Endpoint",
    "Owner",
    "Protocol",
    "SubscriptionArn",
    "SubscriptionPrincipal",
    "TopicArn",
];

/// A subscription that is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub raw_message_delivery: bool,
    pub pending: bool,
    /// The ARN of who subscribed: of a session, its role's (SNS Developer Guide, "Message data protection": the
    /// authenticated IAM principal that called `Subscribe`).
    pub principal: Option<String>,
    /// Which messages arrive; `None` where all do.
    pub filter_policy: Option<Value>,
    /// Everything else that somebody set.
    pub others: BTreeMap<String, String>,
}

/// Reads them; `None` where there is no such subscription any more.
pub(super) async fn read(cell: &Cell<'_>, arn: &str) -> Result<Option<Attributes>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "sns", "GetSubscriptionAttributes")
        .run(|| send!(sns, region, session.sns().get_subscription_attributes().subscription_arn(arn)))
        .await;
    let answer = found(answer, super::ABSENT)?;
    Ok(answer.map(|answer| of(answer.attributes.unwrap_or_default().into_iter().collect())))
}

fn of(mut all: BTreeMap<String, String>) -> Attributes {
    let mut take = |name: &str| all.remove(name);
    let says = |value: Option<String>| value.is_some_and(|value| value == "true");
    let mut attributes = Attributes {
        raw_message_delivery: says(take("RawMessageDelivery")),
        pending: says(take("PendingConfirmation")),
        principal: take("SubscriptionPrincipal").filter(|principal| !principal.is_empty()),
        filter_policy: take("FilterPolicy").as_deref().and_then(filter),
        others: BTreeMap::new(),
    };
    all.retain(|name, value| !TOLD.contains(&name.as_str()) && !value.is_empty());
    attributes.others = all;
    attributes
}

/// A filter; none where it is empty, which is how one is taken off (SNS Developer Guide, "Removing a subscription filter
/// policy").
fn filter(text: &str) -> Option<Value> {
    let is_none = |value: &Value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    match serde_json::from_str::<Value>(text) {
        Ok(value) => Some(value).filter(|value| !is_none(value)),
        // What is not JSON is shown as it is.
        Err(_) => Some(text.trim()).filter(|text| !text.is_empty()).map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_kept_and_what_sns_tells_is_left_out() {
        let given = [
            ("RawMessageDelivery", "true"),
            ("PendingConfirmation", "false"),
            ("Owner", "222222222222"),
            ("EffectiveDeliveryPolicy", "{}"),
            ("FilterPolicy", r#"{"store": ["x"]}"#),
            ("FilterPolicyScope", "MessageBody"),
            ("Novelty", "1"),
        ];
        let all = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let attributes = of(all);
        assert!(attributes.raw_message_delivery && !attributes.pending);
        assert_eq!(attributes.filter_policy, Some(serde_json::json!({"store": ["x"]})));
        let kept: Vec<&str> = attributes.others.keys().map(String::as_str).collect();
        assert_eq!(kept, ["FilterPolicyScope", "Novelty"]);
        for none in ["", "{}", " {} ", "null"] {
            assert_eq!(filter(none), None, "{none}");
        }
        assert_eq!(filter("{"), Some(Value::from("{")));
    }
}
