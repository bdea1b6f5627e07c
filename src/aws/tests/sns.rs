//! What each difference of a topic and of a subscription takes, and what is read of them.

use super::wire::Wire;
use super::{Case, OTHER_KEY, other_policy};
use crate::aws::clients::Access;
use crate::config::{Source, load};
use crate::model::{Fault, OpError, Region, Target};
use crate::services::adapter::Cell;
use crate::services::sns::{Subscription, Topic};
use crate::services::{Declared, Ownership, Place, Reading, Reference, Service, Shared, Spec};

/// A topic with one endpoint of each protocol, those that have an owner in the security account.
pub(super) const NOTIFY: &str = r#"
[notify]
key_alias = "alerts"
[[notify.subscription]]
protocol = "lambda"
endpoint = "arn:aws:lambda:us-east-1:222222222222:function:chat"
[[notify.subscription]]
protocol = "sqs"
endpoint = "arn:aws:sqs:us-east-1:222222222222:alerts"
raw_message_delivery = true
[[notify.subscription]]
protocol = "https"
endpoint = "https://ops:hunter2@hooks.example.com/hunter3"
[[notify.subscription]]
protocol = "email"
endpoint = "ops@example.com"
"#;

pub(super) const CREATED: &str = "<CreateTopicResponse><CreateTopicResult><TopicArn>\
    arn:aws:sns:us-east-1:222222222222:baseline-alerts</TopicArn></CreateTopicResult></CreateTopicResponse>";
pub(super) const SUBSCRIBED: &str = "<SubscribeResponse><SubscribeResult><SubscriptionArn>\
    arn:aws:sns:us-east-1:222222222222:baseline-alerts:1</SubscriptionArn></SubscribeResult></SubscribeResponse>";
pub(super) const NO_POLICY: &str = "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes/>\
    </GetTopicAttributesResult></GetTopicAttributesResponse>";
pub(super) const EMPTY_POLICY: &str = "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>\
    <entry><key>Policy</key><value>{\"Version\": \"2012-10-17\", \"Statement\": []}</value></entry></Attributes>\
    </GetTopicAttributesResult></GetTopicAttributesResponse>";
/// A topic with [`other_policy`], encrypted.
pub(super) const ATTRIBUTES: &str = "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>\
    <entry><key>Policy</key><value>{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"Somebody\", \
    \"Effect\": \"Allow\", \"Principal\": {\"Service\": \"example.amazonaws.com\"}, \"Action\": \"s3:GetObject\", \
    \"Resource\": \"*\"}}</value></entry><entry><key>KmsMasterKeyId</key><value>alias/alerts</value></entry>\
    </Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>";

pub(super) fn topic_cases(topic: &Topic) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Topic)| {
        let mut seen = topic.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::SnsTopic(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no topic", seen: None, sends: &["CreateTopic"] },
        case("another policy", &["GetTopicAttributes", "SetTopicAttributes"], |topic| topic.policy = other_policy()),
        case("another key", &["SetTopicAttributes"], |topic| {
            topic.kms_key = Some(Reference::Is(OTHER_KEY.parse().unwrap()));
        }),
        case("no key", &["SetTopicAttributes"], |topic| topic.kms_key = None),
        case("no tags", &["TagResource"], |topic| topic.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn subscription_cases(subscription: &Subscription) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Subscription)| {
        let mut seen = subscription.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::SnsSubscription(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no subscription", seen: None, sends: &["Subscribe"] },
        case("another delivery", &["SetSubscriptionAttributes"], |one| {
            one.raw_message_delivery = !one.raw_message_delivery;
        }),
        case("waiting", &[], |one| one.pending.0 = true),
        case("no difference", &[], |_| ()),
    ]
}

/// Reads SNS in us-east-1 of an account, with these answers.
async fn read(account: &str, answer: fn(&str) -> (u16, &'static str)) -> (Reading, Vec<String>) {
    let (reading, sent) = read_of(Service::Sns, account, answer).await;
    (reading.unwrap(), sent)
}

/// Reads a service in us-east-1 of an account, with these answers.
pub(super) async fn read_of(
    service: Service,
    account: &str,
    answer: fn(&str) -> (u16, &'static str),
) -> (Result<Reading, OpError>, Vec<String>) {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let profiles = source("profiles.toml", include_str!("../../../profiles.example.toml"));
    let outside = "[[notify.subscription]]\nprotocol = 'sqs'\nendpoint = 'arn:aws:sqs:us-east-1:333333333333:alerts'\n";
    let text = format!("name = 'test'\n{NOTIFY}{outside}");
    let loaded = load(&profiles, Some(&source("baseline.toml", &text))).unwrap();
    let baseline = loaded.baseline.unwrap();
    let region: Region = "us-east-1".parse().unwrap();
    let shared = Shared { hub: vec![region.clone()], ..Shared::default() };
    let declared = Declared { profiles: &loaded.profiles, baseline: &baseline, shared: &shared };
    let regions = [region.clone()];
    let account = loaded.profiles.account(account.parse().unwrap()).unwrap();
    let place = Place { account, regions: &regions };
    let target = Target::new(account.id, region);
    let wire = Wire::new(answer);
    let session = wire.session(Access::Read);
    let reading =
        service.observe(&Cell { session: &session, target: &target, declared: &declared, place: &place }).await;
    (reading, wire.sent())
}

#[tokio::test]
async fn reads_the_topic_and_who_listens() {
    fn answer(asked: &str) -> (u16, &'static str) {
        static PAGES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        match asked {
            "GetTopicAttributes" => (200, ATTRIBUTES),
            "ListTagsForResource" => (
                200,
                "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags><member><Key>ManagedBy</Key>\
                 <Value>baseline</Value></member></Tags></ListTagsForResourceResult></ListTagsForResourceResponse>",
            ),
            "ListSubscriptionsByTopic" if PAGES.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => (
                200,
                "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>\
                 <member><SubscriptionArn>arn:aws:sns:us-east-1:222222222222:baseline-alerts:1</SubscriptionArn>\
                 <Owner>222222222222</Owner><Protocol>https</Protocol>\
                 <Endpoint>https://ops:****@hooks.example.com/hunter3</Endpoint></member>\
                 <member><SubscriptionArn>Deleted</SubscriptionArn><Owner>222222222222</Owner><Protocol>sqs</Protocol>\
                 <Endpoint>arn:aws:sqs:us-east-1:222222222222:alerts</Endpoint></member>\
                 </Subscriptions><NextToken>2</NextToken></ListSubscriptionsByTopicResult>\
                 </ListSubscriptionsByTopicResponse>",
            ),
            "ListSubscriptionsByTopic" => (
                200,
                "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>\
                 <member><SubscriptionArn>PendingConfirmation</SubscriptionArn><Owner>222222222222</Owner>\
                 <Protocol>email</Protocol><Endpoint>ops@example.com</Endpoint></member>\
                 <member><SubscriptionArn>arn:aws:sns:us-east-1:222222222222:baseline-alerts:3</SubscriptionArn>\
                 <Owner>999999999999</Owner><Protocol>https</Protocol><Endpoint>https://example.com/hunter4</Endpoint>\
                 </member></Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>",
            ),
            "GetSubscriptionAttributes" => (
                200,
                "<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes><entry>\
                 <key>RawMessageDelivery</key><value>true</value></entry><entry><key>PendingConfirmation</key>\
                 <value>false</value></entry></Attributes></GetSubscriptionAttributesResult>\
                 </GetSubscriptionAttributesResponse>",
            ),
            other => panic!("{other}"),
        }
    }
    let (reading, sent) = read("222222222222", answer).await;
    let lists = sent.iter().filter(|asked| *asked == "ListSubscriptionsByTopic").count();
    assert_eq!(lists, 2, "both pages: {sent:?}");
    let [topic, https, email] = reading.found.as_slice() else { panic!("{:?}", reading.found) };
    assert_eq!(topic.ownership, Ownership::Ours);
    let Spec::SnsTopic(topic) = &topic.spec else { panic!("{topic:?}") };
    assert!(topic.policy == other_policy());
    let key = topic.kms_key.clone().map(String::from);
    assert_eq!(key.as_deref(), Some("arn:aws:kms:us-east-1:222222222222:alias/alerts"));
    let (Spec::SnsSubscription(https), Spec::SnsSubscription(email)) = (&https.spec, &email.spec) else { panic!() };
    assert!(https.raw_message_delivery && !https.pending.0);
    assert!(email.pending.0);
    assert!(reading.notes.is_empty(), "{:?}", reading.notes);
    let reasons: Vec<&str> = reading.exposed.iter().map(|exposed| exposed.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "https://example.com/… (https, account 999999999999) is subscribed to topic `baseline-alerts` besides what is \
             declared: what the topic is told goes to an endpoint that is in no account"
        ]
    );
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_absent_and_one_that_cannot_be_read_is_not() {
    let absent = |_: &str| (404, "<ErrorResponse><Error><Code>NotFound</Code></Error></ErrorResponse>");
    let (reading, sent) = read("222222222222", absent).await;
    assert!(reading.found.is_empty() && reading.notes.is_empty(), "{reading:?}");
    assert_eq!(sent, ["GetTopicAttributes"]);
    let denied = |_: &str| (403, "<ErrorResponse><Error><Code>AuthorizationError</Code></Error></ErrorResponse>");
    let (reading, _) = read_of(Service::Sns, "222222222222", denied).await;
    assert_eq!(reading.unwrap_err().fault, Fault::Denied);
}

#[tokio::test]
async fn an_owner_reads_what_it_subscribed_itself() {
    fn answer(asked: &str) -> (u16, &'static str) {
        match asked {
            "ListSubscriptions" => (
                200,
                "<ListSubscriptionsResponse><ListSubscriptionsResult><Subscriptions>\
                 <member><SubscriptionArn>arn:aws:sns:us-east-1:222222222222:other:1</SubscriptionArn>\
                 <Owner>333333333333</Owner><Protocol>sqs</Protocol>\
                 <Endpoint>arn:aws:sqs:us-east-1:333333333333:alerts</Endpoint>\
                 <TopicArn>arn:aws:sns:us-east-1:222222222222:other</TopicArn></member>\
                 <member><SubscriptionArn>arn:aws:sns:us-east-1:222222222222:baseline-alerts:2</SubscriptionArn>\
                 <Owner>333333333333</Owner><Protocol>sqs</Protocol>\
                 <Endpoint>arn:aws:sqs:us-east-1:333333333333:alerts</Endpoint>\
                 <TopicArn>arn:aws:sns:us-east-1:222222222222:baseline-alerts</TopicArn></member>\
                 </Subscriptions></ListSubscriptionsResult></ListSubscriptionsResponse>",
            ),
            "GetSubscriptionAttributes" => (
                200,
                "<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes/>\
                 </GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>",
            ),
            other => panic!("{other}"),
        }
    }
    let (reading, sent) = read("333333333333", answer).await;
    assert_eq!(sent, ["ListSubscriptions", "GetSubscriptionAttributes"]);
    let [found] = reading.found.as_slice() else { panic!("{:?}", reading.found) };
    assert_eq!(found.arn.to_string(), "arn:aws:sns:us-east-1:222222222222:baseline-alerts:2");
    assert!(reading.notes.is_empty() && reading.undelivered.is_empty(), "that is the topic's owner's to say");
}
