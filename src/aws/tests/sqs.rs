//! What each difference of a queue's policy takes.

use super::sns::read_of;
use super::{Case, other_policy};
use crate::services::sqs::QueuePolicy;
use crate::services::{Reading, Service, Spec};

/// A queue with [`other_policy`].
pub(super) const ATTRIBUTES: &str = concat!(
    r#"{"Attributes": {"Policy": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"Somebody\", "#,
    r#"\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"example.amazonaws.com\"}, "#,
    r#"\"Action\": \"s3:GetObject\", \"Resource\": \"*\"}}", "QueueArn": "arn:aws:sqs:us-east-1:222222222222:alerts"}}"#,
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

fn seen(reading: Reading) -> QueuePolicy {
    let [found] = reading.found.as_slice() else { panic!("{:?}", reading.found) };
    assert_eq!(found.address.to_string(), "222222222222/us-east-1/sqs.queue_policy/alerts");
    let Spec::SqsQueuePolicy(policy) = &found.spec else { panic!("{found:?}") };
    (**policy).clone()
}

#[tokio::test]
async fn reads_a_queues_policy_and_its_key_and_tells_a_queue_that_is_not_there() {
    fn answer(asked: &str) -> (u16, &'static str) {
        match asked {
            "GetQueueUrl" => (200, r#"{"QueueUrl": "https://sqs.us-east-1.amazonaws.com/222222222222/alerts"}"#),
            "GetQueueAttributes" => (200, ATTRIBUTES),
            other => panic!("{other}"),
        }
    }
    fn with_key(asked: &str) -> (u16, &'static str) {
        match asked {
            "GetQueueAttributes" => {
                (200, r#"{"Attributes": {"KmsMasterKeyId": "alias/aws/sqs", "QueueArn": "arn:aws:sqs:us-east-1:2:a"}}"#)
            }
            asked => answer(asked),
        }
    }
    let (reading, sent) = read_of(Service::Sqs, "222222222222", answer).await;
    assert_eq!(sent, ["GetQueueUrl", "GetQueueAttributes"]);
    let queue = seen(reading.unwrap());
    assert!(queue.policy == other_policy() && !queue.has_aws_key.0 && !queue.missing.0);
    let (reading, _) = read_of(Service::Sqs, "222222222222", with_key).await;
    let queue = seen(reading.unwrap());
    assert!(queue.has_aws_key.0 && queue.policy.document.statements.is_empty());
    let none = |_: &str| (400, r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"}"#);
    let (reading, _) = read_of(Service::Sqs, "222222222222", none).await;
    assert!(seen(reading.unwrap()).missing.0);
}
