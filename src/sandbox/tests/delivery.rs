//! Events on their way: from an account's bus to the hub's, to a topic, to a queue and to an endpoint.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::events::{admit, call, put_rule, sender_role};
use super::topics::{create_topic, sns, subscribe};
use super::*;
use crate::sandbox::{Raise, Raised};

const REGION: &str = "ap-northeast-1";
const QUEUE_REGION: &str = "us-west-2";

fn bus(account: &str) -> String {
    format!("arn:aws:events:{REGION}:{account}:event-bus/default")
}

pub(super) async fn sqs(client: &Client, operation: &str, input: Value) -> Answered {
    client.json("sqs", operation, input).await
}

/// Makes a queue that lets a service send from a source; gives its URL.
pub(super) async fn queue(client: &Client, name: &str, account: &str, service: &str, source: &str) -> String {
    let arn = format!("arn:aws:sqs:{}:{account}:{name}", client.region);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sqs:SendMessage", "Resource": arn,
          "Condition": { "ArnEquals": { "aws:SourceArn": source } } },
    ] });
    let made = sqs(client, "CreateQueue", json!({ "QueueName": name, "Attributes": { "Policy": policy.to_string() } }));
    let made = made.await;
    assert_eq!(made.code(), "ok", "{}", made.body);
    made.json()["QueueUrl"].as_str().unwrap().to_owned()
}

pub(super) async fn bodies(client: &Client, url: &str) -> Vec<Value> {
    let got = sqs(client, "ReceiveMessage", json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 })).await;
    assert_eq!(got.code(), "ok", "{}", got.body);
    let messages = got.json()["Messages"].as_array().cloned().unwrap_or_default();
    for message in &messages {
        let delete = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
        assert_eq!(sqs(client, "DeleteMessage", delete).await.code(), "ok");
    }
    messages.iter().map(|m| serde_json::from_str(m["Body"].as_str().unwrap()).unwrap_or(m["Body"].clone())).collect()
}

fn topic_policy(arn: &str, condition: bool) -> Value {
    let mut statement = json!({
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sns:Publish", "Resource": arn,
    });
    if condition {
        // One that would hold.
        statement["Condition"] = json!({ "Bool": { "aws:SecureTransport": "true" } });
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

async fn set_topic(client: &Client, topic: &str, name: &str, value: &str) {
    let input = [("TopicArn", topic), ("AttributeName", name), ("AttributeValue", value)];
    let set = sns(client, "SetTopicAttributes", &input).await;
    assert_eq!(set.code(), "ok", "{}", set.body);
}

/// The hub of the tests: a bus that lets the project in, a rule, a topic, and a queue in another Region.
struct Hub {
    topic: String,
    queue: String,
    reader: Client,
}

async fn hub(chain: &Chain) -> Hub {
    let security = chain.security.at(REGION);
    let policy = json!({ "Policy": admit(&bus(SECURITY), &[PROJECT]) });
    assert_eq!(call(&security, "PutPermission", policy).await.code(), "ok");
    let topic = create_topic(&security, "alerts").await;
    set_topic(&security, &topic, "Policy", &topic_policy(&topic, false).to_string()).await;
    put_rule(&security, "forwarded", json!({ "source": [{ "prefix": "" }] })).await;
    let targets = json!({ "Rule": "forwarded", "Targets": [{ "Id": "topic", "Arn": topic }] });
    assert_eq!(call(&security, "PutTargets", targets).await.code(), "ok");
    let reader = chain.security.at(QUEUE_REGION);
    let url = queue(&reader, "alerts", SECURITY, "sns.amazonaws.com", &topic).await;
    let endpoint = format!("arn:aws:sqs:{QUEUE_REGION}:{SECURITY}:alerts");
    let subscription = subscribe(&security, &topic, "sqs", &endpoint).await;
    assert!(subscription.starts_with(&topic), "{subscription}");
    Hub { topic, queue: url, reader }
}

/// Forwards everything of an account in the Region to the hub.
async fn spoke(chain: &Chain, client: &Client, account: &str) -> Answered {
    let role = sender_role(&chain.start, account, &bus(SECURITY)).await;
    let client = client.at(REGION);
    put_rule(&client, "forward", json!({ "source": [{ "prefix": "" }] })).await;
    let target = json!({ "Id": "hub", "Arn": bus(SECURITY), "RoleArn": role });
    call(&client, "PutTargets", json!({ "Rule": "forward", "Targets": [target] })).await
}

fn raise(account: &str, region: &str, event: Raised) -> Raise {
    Raise {
        account: account.parse().unwrap(),
        region: region.parse().unwrap(),
        event: Some(event),
        source: None,
        detail_type: None,
        detail: None,
        resources: Vec::new(),
    }
}

async fn record(chain: &Chain, account: &str, region: &str) {
    let trail = json!({
        "do": "put-foreign-trail", "account": account, "region": region, "name": "trail", "bucket": "b",
        "multi_region": true,
    });
    assert_eq!(chain.start.tamper(trail).await.status, 200);
}

#[tokio::test]
async fn an_event_of_a_project_reaches_the_queue_behind_the_hubs_topic() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let hub = hub(&chain).await;
    assert_eq!(spoke(&chain, &chain.project, PROJECT).await.code(), "ok");
    assert_eq!(spoke(&chain, &chain.other, OTHER).await.code(), "AccessDeniedException");
    record(&chain, PROJECT, REGION).await;
    let outcome = sandbox.raise(raise(PROJECT, REGION, Raised::SecurityGroup)).unwrap();
    assert_eq!((outcome.matched, outcome.forwarded, outcome.deliveries), (2, 1, 1), "{outcome:?}");
    let got = bodies(&hub.reader, &hub.queue).await;
    assert_eq!(got.len(), 1);
    assert_eq!((&got[0]["Type"], &got[0]["TopicArn"]), (&json!("Notification"), &json!(hub.topic)));
    let event: Value = serde_json::from_str(got[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&event["account"], &event["region"]), (&json!(PROJECT), &json!(REGION)));
    assert_eq!(event["id"], outcome.event_id);
    assert_eq!((&event["source"], &event["version"]), (&json!("aws.ec2"), &json!("0")));
    assert_eq!(event["detail"]["eventName"], "AuthorizeSecurityGroupIngress");
    assert_eq!(event["detail"]["recipientAccountId"], PROJECT);
    assert_eq!(event["time"], event["detail"]["eventTime"]);

    // Consent that is withdrawn later keeps the event out, and the failure shows.
    let policy = json!({ "Policy": admit(&bus(SECURITY), &[OTHER]) });
    call(&chain.security.at(REGION), "PutPermission", policy).await;
    let outcome = sandbox.raise(raise(PROJECT, REGION, Raised::SecurityGroup)).unwrap();
    assert_eq!((outcome.matched, outcome.forwarded, outcome.deliveries), (1, 0, 0));
    assert!(outcome.undelivered[0].contains("does not admit account"), "{outcome:?}");
    assert!(bodies(&hub.reader, &hub.queue).await.is_empty());
    let state = chain.start.state().await;
    assert_eq!(state["undelivered"]["events"][0]["event"], outcome.event_id);
    let of_project = |bus: &&Value| bus["arn"] == self::bus(PROJECT);
    let shown = state["event_buses"].as_array().unwrap().iter().find(of_project).unwrap();
    assert_eq!(shown["rules"][0]["failed_invocations"], 1);
}

#[tokio::test]
async fn the_role_is_asked_each_time() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let hub = hub(&chain).await;
    assert_eq!(spoke(&chain, &chain.project, PROJECT).await.code(), "ok");
    let own = async || {
        let entry = json!({ "Source": "mine", "DetailType": "x", "Detail": "{}" });
        call(&chain.project.at(REGION), "PutEvents", json!({ "Entries": [entry] })).await;
        bodies(&hub.reader, &hub.queue).await.len()
    };
    assert_eq!(own().await, 1);
    let elsewhere = super::events::put_events_on(&bus(OTHER));
    for (policy, trust) in [(Some(elsewhere), None), (None, None), (None, Some(json!({ "Statement": [] })))] {
        let put =
            json!({ "do": "put-role-policy", "account": PROJECT, "role": "Send", "name": "send", "policy": policy });
        assert_eq!(chain.start.tamper(put).await.status, 200);
        if let Some(trust) = trust {
            let put = super::events::put_events_on(&bus(SECURITY));
            let put =
                json!({ "do": "put-role-policy", "account": PROJECT, "role": "Send", "name": "send", "policy": put });
            chain.start.tamper(put).await;
            let set = json!({ "do": "set-trust", "account": PROJECT, "role": "Send", "policy": trust });
            assert_eq!(chain.start.tamper(set).await.status, 200);
        }
        assert_eq!(own().await, 0);
    }
    sender_role(&chain.start, PROJECT, &bus(SECURITY)).await;
    assert_eq!(own().await, 1);
}

#[tokio::test]
async fn an_event_takes_one_hop_only() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    hub(&chain).await;
    assert_eq!(spoke(&chain, &chain.project, PROJECT).await.code(), "ok");
    // The hub sends everything on to the other project, which would let it.
    let third = bus(OTHER);
    call(&chain.other.at(REGION), "PutPermission", json!({ "Policy": admit(&third, &[SECURITY]) })).await;
    let role = sender_role(&chain.start, SECURITY, &third).await;
    let target = json!({ "Id": "third", "Arn": third, "RoleArn": role });
    let put = call(&chain.security.at(REGION), "PutTargets", json!({ "Rule": "forwarded", "Targets": [target] })).await;
    assert_eq!(put.code(), "ok", "{}", put.body);
    let reader = chain.other.at(REGION);
    let rule = format!("arn:aws:events:{REGION}:{OTHER}:rule/all");
    let url = queue(&reader, "third", OTHER, "events.amazonaws.com", &rule).await;
    put_rule(&reader, "all", json!({ "source": [{ "prefix": "" }] })).await;
    let target = json!({ "Id": "q", "Arn": format!("arn:aws:sqs:{REGION}:{OTHER}:third"), "InputPath": "$.account" });
    assert_eq!(call(&reader, "PutTargets", json!({ "Rule": "all", "Targets": [target] })).await.code(), "ok");
    let free = |account: &str| Raise {
        event: None,
        source: Some("aws.test".to_owned()),
        detail_type: Some("Test".to_owned()),
        ..raise(account, REGION, Raised::SecurityGroup)
    };
    let outcome = sandbox.raise(free(PROJECT)).unwrap();
    assert_eq!((outcome.forwarded, outcome.deliveries), (1, 1));
    assert!(outcome.undelivered.iter().any(|why| why.contains("not sent on to a third")), "{outcome:?}");
    assert!(bodies(&reader, &url).await.is_empty());
    // The hub's own event goes there: it is its first hop.
    assert_eq!(sandbox.raise(free(SECURITY)).unwrap().forwarded, 1);
    assert_eq!(bodies(&reader, &url).await, [json!(SECURITY)]);
}

#[tokio::test]
async fn a_topic_gets_events_under_its_policy_and_its_keys() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let hub = hub(&chain).await;
    let security = chain.security.at(REGION);
    let raise = || {
        let free = Raise {
            event: None,
            source: Some("aws.test".to_owned()),
            detail_type: Some("Test".to_owned()),
            ..raise(SECURITY, REGION, Raised::SecurityGroup)
        };
        sandbox.raise(free).unwrap()
    };
    assert_eq!(raise().deliveries, 1);
    // EventBridge shows no key that a condition could look at.
    set_topic(&security, &hub.topic, "Policy", &topic_policy(&hub.topic, true).to_string()).await;
    let outcome = raise();
    assert_eq!(outcome.deliveries, 0);
    assert!(outcome.undelivered[0].contains("without a condition"), "{outcome:?}");
    set_topic(&security, &hub.topic, "Policy", "").await;
    assert_eq!(raise().deliveries, 0);
    set_topic(&security, &hub.topic, "Policy", &topic_policy(&hub.topic, false).to_string()).await;
    assert_eq!(raise().deliveries, 1);

    set_topic(&security, &hub.topic, "KmsMasterKeyId", "alias/aws/sns").await;
    assert!(raise().undelivered[0].contains("no customer managed key"));
    let key = log_key(&security, None).await;
    set_topic(&security, &hub.topic, "KmsMasterKeyId", &key).await;
    assert!(raise().undelivered[0].contains("does not allow events.amazonaws.com kms:GenerateDataKey"));
    let policy = |actions: Value, condition: Value| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{SECURITY}:root") }, "Action": "kms:*",
              "Resource": "*" },
            { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": actions, "Resource": "*",
              "Condition": condition },
        ] })
    };
    let both = json!(["kms:GenerateDataKey*", "kms:Decrypt"]);
    for (policy, deliveries) in [
        (policy(json!("kms:GenerateDataKey*"), json!({})), 0),
        (policy(both.clone(), json!({ "StringEquals": { "aws:SourceAccount": SECURITY } })), 0),
        (policy(both, json!({})), 1),
    ] {
        chain.start.tamper(json!({ "do": "put-key-policy", "key": key, "policy": policy })).await;
        assert_eq!(raise().deliveries, deliveries, "{policy}");
    }
    // The queue's own policy is asked too.
    let attributes = json!({ "Policy": "" });
    sqs(&hub.reader, "SetQueueAttributes", json!({ "QueueUrl": hub.queue, "Attributes": attributes })).await;
    let outcome = raise();
    assert_eq!(outcome.deliveries, 0);
    assert!(outcome.undelivered[0].contains("sns.amazonaws.com"), "{outcome:?}");
    assert_eq!(chain.start.state().await["undelivered"]["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_transformed_event_reads_well() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let hub = hub(&chain).await;
    let transformer = json!({
        "InputPathsMap": { "account": "$.account", "name": "$.detail.eventName" },
        "InputTemplate": "\"<name> in <account>\"",
    });
    let target = json!({ "Id": "topic", "Arn": hub.topic, "InputTransformer": transformer });
    let put = json!({ "Rule": "forwarded", "Targets": [target] });
    assert_eq!(call(&chain.security.at(REGION), "PutTargets", put).await.code(), "ok");
    record(&chain, SECURITY, REGION).await;
    let event = Raise {
        detail: Some(json!({ "requestParameters": { "name": "arn" }, "eventName": "DeleteTrail" })),
        ..raise(SECURITY, REGION, Raised::TrailTampering)
    };
    sandbox.raise(event).unwrap();
    assert_eq!(bodies(&hub.reader, &hub.queue).await[0]["Message"], format!("\"DeleteTrail in {SECURITY}\""));
}

#[tokio::test]
async fn services_raise_only_what_could_happen() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let raise_at = |region: &str, event: Raised| sandbox.raise(raise(PROJECT, region, event));
    assert!(raise_at(REGION, Raised::SecurityGroup).unwrap_err().contains("no trail"));
    record(&chain, PROJECT, REGION).await;
    assert!(raise_at("eu-west-1", Raised::GuarddutyFinding).unwrap_err().contains("GuardDuty is not on"));
    super::detectors::detector(&chain.project.at("eu-west-1")).await;
    assert!(raise_at("eu-west-1", Raised::ConfigCompliance).unwrap_err().contains("no AWS Config rule"));
    let rule = json!({ "ConfigRule": { "ConfigRuleName": "simulated-rule",
        "Source": { "Owner": "AWS", "SourceIdentifier": "CLOUD_TRAIL_ENABLED" } } });
    assert_eq!(chain.project.at("eu-west-1").config("PutConfigRule", rule).await.code(), "ok");
    for event in [
        Raised::SecurityGroup,
        Raised::SecurityGroupOpenToWorld,
        Raised::ConsoleLogin,
        Raised::TrailTampering,
        Raised::GuarddutyFinding,
        Raised::ConfigCompliance,
    ] {
        assert_eq!(raise_at("eu-west-1", event).unwrap().matched, 0, "{event:?}");
    }
    for event in [Raised::IamChange, Raised::RootLogin] {
        assert!(raise_at(REGION, event).unwrap_err().contains("us-east-1"));
        assert_eq!(raise_at("us-east-1", event).unwrap().deliveries, 0);
    }
    assert!(raise_at("af-south-1", Raised::SecurityGroup).unwrap_err().contains("enabled"));
    chain.start.tamper(json!({ "do": "stop-logging", "account": PROJECT, "region": REGION })).await;
    assert!(raise_at(REGION, Raised::SecurityGroup).unwrap_err().contains("no trail"));
    let post =
        async |what: Value| chain.start.send("", "POST", "/_sandbox/raise", &[], what.to_string().as_bytes()).await;
    let place = json!({ "account": PROJECT, "region": REGION });
    let with = |more: Value| {
        let mut what = place.clone();
        what.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        what
    };
    let free = json!({ "source": "aws.x", "detail-type": "X", "detail": { "a": 1 } });
    let raised = post(with(free)).await;
    assert_eq!((raised.status, &raised.json()["deliveries"]), (200, &json!(0)));
    let finding = json!({ "event": "guardduty-finding", "region": "eu-west-1", "detail": { "severity": 2 } });
    assert_eq!(post(with(finding)).await.status, 200);
    assert_eq!(post(with(json!({ "event": "security-group" }))).await.status, 409);
    assert_eq!(post(place.clone()).await.status, 409);
    assert_eq!(post(with(json!({ "event": "weather" }))).await.status, 400);
}

/// Takes one request on a socket and answers it; gives head and body.
async fn take(listener: &TcpListener, status: u16) -> (String, Value) {
    let accepted = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await;
    let (mut stream, _) = accepted.unwrap().unwrap();
    let mut request = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.unwrap();
        request.extend(&some[..count]);
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse::<usize>().unwrap() {
            stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
            return (head.to_owned(), serde_json::from_str(body).unwrap());
        }
    }
}

#[tokio::test]
async fn an_endpoint_on_loopback_confirms_and_then_gets_messages() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let hub = hub(&chain).await;
    let security = chain.security.at(REGION);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    assert_eq!(subscribe(&security, &hub.topic, "http", &endpoint).await, "pending confirmation");
    let (head, body) = take(&listener, 200).await;
    assert!(head.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nx-amz-sns-message-type: SubscriptionConfirmation\r\n"), "{head}");
    assert_eq!(body["Type"], "SubscriptionConfirmation");
    let free = Raise {
        event: None,
        source: Some("aws.test".to_owned()),
        detail_type: Some("Test".to_owned()),
        ..raise(SECURITY, REGION, Raised::SecurityGroup)
    };
    assert_eq!(sandbox.raise(free.clone()).unwrap().deliveries, 1);
    // Whoever has the link may follow it.
    let link = body["SubscribeURL"].as_str().unwrap().strip_prefix(&sandbox.endpoint()).unwrap();
    let wrong = chain.start.send("", "GET", &format!("{link}x"), &[], b"").await;
    assert_eq!(wrong.code(), "InvalidParameter");
    assert_eq!(chain.start.send("", "GET", link, &[], b"").await.code(), "ok");
    let outcome = sandbox.raise(free).unwrap();
    assert_eq!(outcome.deliveries, 2);
    // It is offered again when the endpoint fails.
    take(&listener, 500).await;
    let (head, body) = take(&listener, 200).await;
    assert!(head.contains("\r\nx-amz-sns-message-type: Notification\r\n"), "{head}");
    assert!(head.contains("\r\nx-amz-sns-subscription-arn: "), "{head}");
    let event: Value = serde_json::from_str(body["Message"].as_str().unwrap()).unwrap();
    assert_eq!(event["id"], outcome.event_id);
    let link = body["UnsubscribeURL"].as_str().unwrap().strip_prefix(&sandbox.endpoint()).unwrap();
    assert_eq!(chain.start.send("", "GET", link, &[], b"").await.code(), "ok");
    let listed = sns(&security, "ListSubscriptionsByTopic", &[("TopicArn", &hub.topic)]).await;
    // What was removed stays in the list for a while, and can be told by its ARN (SNS FAQ, on deleted subscriptions).
    let hook = listed.body.split("<member>").find(|member| member.contains("/hook")).unwrap_or_default();
    assert!(hook.is_empty() || hook.contains("<SubscriptionArn>Deleted</SubscriptionArn>"), "{}", listed.body);
}
