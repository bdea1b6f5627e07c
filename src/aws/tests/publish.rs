//! Who may tell somebody of a run, and what else such a session may do.

use super::wire::Wire;
use crate::aws::clients::Access;
use crate::aws::publish;
use crate::model::{Arn, Fault, Region};

const PUBLISHED: &str =
    "<PublishResponse><PublishResult><MessageId>94f20ce6</MessageId></PublishResult></PublishResponse>";

fn topic() -> (Region, Arn) {
    ("us-east-1".parse().unwrap(), "arn:aws:sns:us-east-1:222222222222:runs".parse().unwrap())
}

#[tokio::test]
async fn an_own_session_publishes_and_does_nothing_else() {
    let (region, topic) = topic();
    let wire = Wire::new(|_| (200, PUBLISHED));
    let session = wire.session(Access::Own);
    assert_eq!(publish(&session, &region, &topic, "subject", "message").await.unwrap(), "94f20ce6");
    assert_eq!(wire.sent(), ["Publish"]);
    // Counted apart: nothing that is managed was changed.
    let ledger = session.aws.ledger();
    assert_eq!((ledger.own(), ledger.mutating(), ledger.total()), (1, 0, 1));

    // Neither what writes nor what reads, whatever the caller says it is.
    let subscribe =
        || super::super::send!(aws_sdk_sns, region, session.sns().subscribe().topic_arn("x").protocol("sqs"));
    let error = session.call(&region, "sns", "Publish").run(subscribe).await.unwrap_err();
    assert_eq!(error.fault, Fault::Refused);
    assert!(error.message.contains("sns:Subscribe"), "{error}");
    let list = || super::super::send!(aws_sdk_sns, region, session.sns().list_topics());
    assert_eq!(session.call(&region, "sns", "ListTopics").run(list).await.unwrap_err().fault, Fault::Refused);
    assert_eq!(wire.sent(), [""; 0]);
}

#[tokio::test]
async fn only_an_own_session_publishes() {
    let (region, topic) = topic();
    for access in [Access::Read, Access::Write] {
        let wire = Wire::new(|_| (200, PUBLISHED));
        let session = wire.session(access);
        let error = publish(&session, &region, &topic, "subject", "message").await.unwrap_err();
        assert_eq!(error.fault, Fault::Refused, "{access:?}");
        assert_eq!(wire.sent(), [""; 0], "{access:?}");
    }
}

#[tokio::test]
async fn a_topic_that_takes_nothing_says_what_to_do() {
    let (region, topic) = topic();
    type Answer = fn(&str) -> (u16, &'static str);
    let answers: [(Answer, &str); 2] = [
        (
            |_| (404, "<ErrorResponse><Error><Code>NotFound</Code></Error></ErrorResponse>"),
            "make the topic arn:aws:sns",
        ),
        (
            |_| (400, "<ErrorResponse><Error><Code>KMSAccessDenied</Code></Error></ErrorResponse>"),
            "let role use the key of arn:aws:sns:us-east-1:222222222222:runs: kms:GenerateDataKey and kms:Decrypt",
        ),
    ];
    for (answer, said) in answers {
        let session = Wire::new(answer).session(Access::Own);
        let error = publish(&session, &region, &topic, "subject", "message").await.unwrap_err();
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains(said)), "{error:?}");
    }
}
