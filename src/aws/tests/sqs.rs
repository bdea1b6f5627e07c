//! What each difference of a queue's policy takes.

use super::{Case, other_policy};
use crate::services::Spec;
use crate::services::sqs::QueuePolicy;

/// A queue with [`other_policy`].
pub(super) const ATTRIBUTES: &str = concat!(
    r#"{"Attributes": {"Policy": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"Somebody\", "#,
    r#"\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"example.amazonaws.com\"}, "#,
    r#"\"Action\": \"s3:GetObject\", \"Resource\": \"*\"}}"}}"#,
);

pub(super) fn cases(policy: &QueuePolicy) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut QueuePolicy)| {
        let mut seen = policy.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::SqsQueuePolicy(Box::new(seen))), sends }
    };
    vec![
        case("another policy", &["GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes"], |queue| {
            queue.policy = other_policy();
        }),
        case("AWS's own key", &[], |queue| queue.has_aws_key.0 = true),
        case("no difference", &[], |_| ()),
    ]
}
