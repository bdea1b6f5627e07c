//! SNS and SQS by themselves: topics, subscriptions and their consent, queues.

use super::client::find;
use super::delivery::{bodies, queue, sqs};
use super::*;

pub(super) async fn sns(client: &Client, operation: &str, input: &[(&str, &str)]) -> Answered {
    client.query("sns", operation, input).await
}

/// Makes a topic; gives its ARN.
pub(super) async fn create_topic(client: &Client, name: &str) -> String {
    let made = sns(client, "CreateTopic", &[("Name", name)]).await;
    assert_eq!(made.code(), "ok", "{}", made.body);
    find(&made.xml(), "TopicArn").unwrap()
}

/// Subscribes; gives what is answered as the ARN.
pub(super) async fn subscribe(client: &Client, topic: &str, protocol: &str, endpoint: &str) -> String {
    let input = [("TopicArn", topic), ("Protocol", protocol), ("Endpoint", endpoint)];
    let made = sns(client, "Subscribe", &input).await;
    assert_eq!(made.code(), "ok", "{}", made.body);
    find(&made.xml(), "SubscriptionArn").unwrap()
}

fn attribute(answered: &Answered, name: &str) -> Option<String> {
    let xml = answered.xml();
    let attributes = xml.children.iter().find_map(|result| result.child("Attributes"))?;
    let entry = attributes.children.iter().find(|entry| entry.text_of("key") == Some(name))?;
    entry.text_of("value").map(str::to_owned)
}

#[tokio::test]
async fn a_topic_is_created_once_and_keeps_what_it_was_given() {
    let sandbox = start().await;
    let client = chain(&sandbox).await.security;
    let topic = create_topic(&client, "alerts").await;
    assert_eq!(topic, format!("arn:aws:sns:us-east-1:{SECURITY}:alerts"));
    assert_eq!(create_topic(&client, "alerts").await, topic);
    let got = sns(&client, "GetTopicAttributes", &[("TopicArn", &topic)]).await;
    assert!(attribute(&got, "Policy").unwrap().contains("__default_policy_ID"));
    assert_eq!(attribute(&got, "Owner").unwrap(), SECURITY);
    assert_eq!(attribute(&got, "SubscriptionsConfirmed").unwrap(), "0");
    let name = ("Name", "alerts");
    let other = [name, ("Attributes.entry.1.key", "DisplayName"), ("Attributes.entry.1.value", "Alerts")];
    assert_eq!(sns(&client, "CreateTopic", &other).await.code(), "InvalidParameter");
    let tagged = [name, ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "1")];
    assert_eq!(sns(&client, "CreateTopic", &tagged).await.code(), "InvalidParameter");
    let tag = [("ResourceArn", topic.as_str()), ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "1")];
    assert_eq!(sns(&client, "TagResource", &tag).await.code(), "ok");
    assert_eq!(sns(&client, "CreateTopic", &tagged).await.code(), "ok");
    let listed = sns(&client, "ListTagsForResource", &[("ResourceArn", &topic)]).await;
    assert_eq!(find(&listed.xml(), "Value").unwrap(), "1");
    let untag = [("ResourceArn", topic.as_str()), ("TagKeys.member.1", "a")];
    assert_eq!(sns(&client, "UntagResource", &untag).await.code(), "ok");
    let listed = sns(&client, "ListTagsForResource", &[("ResourceArn", &topic)]).await;
    assert_eq!(find(&listed.xml(), "Value"), None);

    let set = async |name: &str, value: &str| {
        let input = [("TopicArn", topic.as_str()), ("AttributeName", name), ("AttributeValue", value)];
        sns(&client, "SetTopicAttributes", &input).await.code()
    };
    assert_eq!(set("DisplayName", "Alerts").await, "ok");
    let policy = |principal: &str, resource: &str, action: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": principal }, "Action": action, "Resource": resource },
        ] })
        .to_string()
    };
    assert_eq!(set("Policy", &policy(PROJECT, &topic, "sns:Publish")).await, "ok");
    for (value, why) in [
        ("{".to_owned(), "no JSON"),
        (policy("555555555555", &topic, "sns:Publish"), "an account that is not there"),
        (policy(PROJECT, "arn:aws:sns:us-east-1:222222222222:other", "sns:Publish"), "another topic"),
        (policy(PROJECT, &topic, "sqs:SendMessage"), "another service"),
    ] {
        assert_eq!(set("Policy", &value).await, "InvalidParameter", "{why}");
    }
    assert_eq!(set("Unknown", "x").await, "InvalidParameter");
    let got = sns(&client, "GetTopicAttributes", &[("TopicArn", &topic)]).await;
    assert_eq!(attribute(&got, "DisplayName").unwrap(), "Alerts");
    let missing = format!("{topic}2");
    assert_eq!(sns(&client, "GetTopicAttributes", &[("TopicArn", &missing)]).await.code(), "NotFound");
    let elsewhere = client.at("eu-west-1");
    assert_eq!(sns(&elsewhere, "GetTopicAttributes", &[("TopicArn", &topic)]).await.code(), "InvalidParameter");
    assert_eq!(sns(&elsewhere, "ListTopics", &[]).await.body.matches("<TopicArn>").count(), 0);
    for n in 0..100 {
        create_topic(&client, &format!("t{n}")).await;
    }
    let page = sns(&client, "ListTopics", &[]).await;
    assert_eq!(page.body.matches("<TopicArn>").count(), 100);
    let token = find(&page.xml(), "NextToken").unwrap();
    assert_eq!(sns(&client, "ListTopics", &[("NextToken", &token)]).await.body.matches("<TopicArn>").count(), 1);
    assert_eq!(sns(&client, "DeleteTopic", &[("TopicArn", &topic)]).await.code(), "ok");
    assert_eq!(sns(&client, "DeleteTopic", &[("TopicArn", &topic)]).await.code(), "ok");
    assert_eq!(sns(&client, "GetTopicAttributes", &[("TopicArn", &topic)]).await.code(), "NotFound");
}

#[tokio::test]
async fn only_the_owner_of_an_endpoint_subscribes_it_without_being_asked() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let (owner, project) = (&chain.security, &chain.project);
    let topic = create_topic(owner, "alerts").await;
    let url = queue(project, "inbox", PROJECT, "sns.amazonaws.com", &topic).await;
    let endpoint = format!("arn:aws:sqs:us-east-1:{PROJECT}:inbox");
    // The topic's owner has to ask the queue's.
    assert_eq!(subscribe(owner, &topic, "sqs", &endpoint).await, "pending confirmation");
    let asked = bodies(project, &url).await;
    assert_eq!(asked[0]["Type"], "SubscriptionConfirmation");
    let publish = async || {
        let sent = sns(owner, "Publish", &[("TopicArn", &topic), ("Message", "hello"), ("Subject", "greeting")]).await;
        assert_eq!(sent.code(), "ok", "{}", sent.body);
        bodies(project, &url).await
    };
    assert!(publish().await.is_empty());
    let by_topic = sns(owner, "ListSubscriptionsByTopic", &[("TopicArn", &topic)]).await;
    assert_eq!(find(&by_topic.xml(), "SubscriptionArn").unwrap(), "PendingConfirmation");
    let confirm =
        async |token: &str| sns(project, "ConfirmSubscription", &[("TopicArn", &topic), ("Token", token)]).await;
    assert_eq!(confirm("wrong").await.code(), "InvalidParameter");
    let confirmed = confirm(asked[0]["Token"].as_str().unwrap()).await;
    let arn = find(&confirmed.xml(), "SubscriptionArn").unwrap();
    let got = publish().await;
    assert_eq!((&got[0]["Message"], &got[0]["Subject"]), (&json!("hello"), &json!("greeting")));
    assert_eq!(sns(owner, "Unsubscribe", &[("SubscriptionArn", &arn)]).await.code(), "ok");
    assert!(publish().await.is_empty());

    // The queue's owner needs the topic's consent, and is then not asked.
    let input = [("TopicArn", topic.as_str()), ("Protocol", "sqs"), ("Endpoint", endpoint.as_str())];
    assert_eq!(sns(project, "Subscribe", &input).await.code(), "AuthorizationError");
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{PROJECT}:root") }, "Action": "sns:Subscribe",
          "Resource": topic, "Condition": { "StringEquals": { "sns:Protocol": "sqs" } } },
    ] })
    .to_string();
    let set = [("TopicArn", topic.as_str()), ("AttributeName", "Policy"), ("AttributeValue", &policy)];
    assert_eq!(sns(owner, "SetTopicAttributes", &set).await.code(), "ok");
    let mail = [("TopicArn", topic.as_str()), ("Protocol", "email"), ("Endpoint", "a@example.com")];
    assert_eq!(sns(project, "Subscribe", &mail).await.code(), "AuthorizationError");
    let arn = subscribe(project, &topic, "sqs", &endpoint).await;
    assert!(arn.starts_with(&topic), "{arn}");
    assert_eq!(subscribe(project, &topic, "sqs", &endpoint).await, arn);
    assert_eq!(publish().await.len(), 1);
    assert!(sns(project, "ListSubscriptions", &[]).await.body.contains(&arn));
    assert!(!sns(owner, "ListSubscriptions", &[]).await.body.contains(&arn));
    let got = sns(project, "GetSubscriptionAttributes", &[("SubscriptionArn", &arn)]).await;
    assert_eq!(attribute(&got, "PendingConfirmation").unwrap(), "false");
    assert_eq!(attribute(&got, "Owner").unwrap(), PROJECT);
    let raw = [("SubscriptionArn", arn.as_str()), ("AttributeName", "RawMessageDelivery"), ("AttributeValue", "true")];
    assert_eq!(sns(project, "SetSubscriptionAttributes", &raw).await.code(), "ok");
    assert_eq!(publish().await, [json!("hello")]);
    assert_eq!(sns(&chain.other, "Unsubscribe", &[("SubscriptionArn", &arn)]).await.code(), "AuthorizationError");
    let gone = format!("{arn}0");
    assert_eq!(sns(project, "GetSubscriptionAttributes", &[("SubscriptionArn", &gone)]).await.code(), "NotFound");
}

#[tokio::test]
async fn mail_waits_for_its_reader_and_a_function_gets_a_record() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let client = &chain.security;
    let topic = create_topic(client, "alerts").await;
    assert_eq!(subscribe(client, &topic, "email", "a@example.com").await, "pending confirmation");
    let input = [
        ("TopicArn", topic.as_str()),
        ("Protocol", "email"),
        ("Endpoint", "a@example.com"),
        ("ReturnSubscriptionArn", "true"),
    ];
    let arn = find(&sns(client, "Subscribe", &input).await.xml(), "SubscriptionArn").unwrap();
    let unsubscribe = sns(client, "Unsubscribe", &[("SubscriptionArn", &arn)]).await;
    assert!(unsubscribe.code() == "InvalidParameter" && unsubscribe.body.contains("pending"), "{}", unsubscribe.body);
    let function = format!("arn:aws:lambda:us-east-1:{SECURITY}:function:chat");
    let made = json!({ "do": "create-function", "account": SECURITY, "region": "us-east-1", "name": "chat" });
    assert_eq!(chain.start.tamper(made).await.status, 200);
    assert!(subscribe(client, &topic, "lambda", &function).await.starts_with(&topic));
    let publish = async || sns(client, "Publish", &[("TopicArn", &topic), ("Message", "hello")]).await;
    let sent = async |protocol: &str, outcome: &str| {
        let state = chain.start.state().await;
        let outbox = state["outbox"].as_array().unwrap().clone();
        let matching =
            |sent: &&Value| sent["protocol"] == protocol && sent["outcome"].as_str().unwrap().starts_with(outcome);
        outbox.iter().filter(matching).cloned().collect::<Vec<_>>()
    };
    publish().await;
    assert!(sent("email", "sent").await.is_empty());
    let permission = json!({ "StatementId": "topics", "Action": "lambda:InvokeFunction",
        "Principal": "sns.amazonaws.com", "SourceArn": topic });
    let path = "/2015-03-31/functions/chat/policy";
    assert_eq!(client.rest("lambda", "POST", path, permission).await.code(), "ok");
    let confirm = json!({ "do": "confirm-subscription", "subscription": "a@example.com" });
    assert_eq!(chain.start.tamper(confirm).await.status, 200);
    publish().await;
    assert_eq!(sent("email", "sent").await[0]["body"], "hello");
    // Only what came after the function's policy let SNS in.
    let functions = chain.start.state().await["functions"].clone();
    assert_eq!(
        (&functions[0]["invocations"], &functions[0]["received"][0]["service"]),
        (&json!(1), &json!("sns.amazonaws.com"))
    );
    let payload = &functions[0]["received"][0]["payload"];
    assert_eq!(payload["Records"][0]["EventSource"], "aws:sns");
    assert_eq!(payload["Records"][0]["Sns"]["Message"], "hello");
    let nobody = json!({ "do": "confirm-subscription", "subscription": "b@example.com" });
    assert_eq!(chain.start.tamper(nobody).await.status, 404);
    for (protocol, endpoint) in [
        ("http", "http://example.com/"),
        ("http", "https://127.0.0.1/"),
        ("http", "http://localhost:1/"),
        ("sqs", "inbox"),
        ("email", "nobody"),
        ("pigeon", "x"),
        ("lambda", "arn:aws:sqs:us-east-1:222222222222:q"),
    ] {
        let input = [("TopicArn", topic.as_str()), ("Protocol", protocol), ("Endpoint", endpoint)];
        assert_eq!(sns(client, "Subscribe", &input).await.code(), "InvalidParameter", "{protocol} {endpoint}");
    }
}

#[tokio::test]
async fn an_opt_in_regions_sns_delivers_under_its_own_name() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let far = chain.project.at("ap-east-1");
    let near = &chain.project;
    for (topic_at, queue_at, service, arrives) in [
        (&far, near, "sns.ap-east-1.amazonaws.com", 1),
        (&far, near, "sns.amazonaws.com", 0),
        (near, &far, "sns.ap-east-1.amazonaws.com", 1),
        (&far, &far, "sns.amazonaws.com", 1),
        (near, near, "sns.ap-east-1.amazonaws.com", 0),
    ] {
        let name = format!("t-{}-{}-{}", topic_at.region, queue_at.region, service.replace('.', "-"));
        let topic = create_topic(topic_at, &name).await;
        let url = queue(queue_at, &name, PROJECT, service, &topic).await;
        let endpoint = format!("arn:aws:sqs:{}:{PROJECT}:{name}", queue_at.region);
        subscribe(topic_at, &topic, "sqs", &endpoint).await;
        sns(topic_at, "Publish", &[("TopicArn", &topic), ("Message", "hello")]).await;
        assert_eq!(bodies(queue_at, &url).await.len(), arrives, "{name}");
    }
}

#[tokio::test]
async fn a_queue_keeps_messages_until_they_are_deleted() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let client = &chain.project;
    let create = async |attributes: Value| {
        sqs(client, "CreateQueue", json!({ "QueueName": "q", "Attributes": attributes, "tags": { "a": "1" } })).await
    };
    let made = create(json!({ "VisibilityTimeout": "60" })).await;
    assert_eq!(made.header("content-type").unwrap(), "application/x-amz-json-1.0");
    let url = made.json()["QueueUrl"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("{}/{PROJECT}/q", sandbox.endpoint()));
    assert_eq!(create(json!({ "VisibilityTimeout": "60" })).await.code(), "ok");
    assert_eq!(create(json!({ "VisibilityTimeout": "61" })).await.code(), "QueueNameExists");
    assert_eq!(create(json!({ "VisibilityTimeout": "43201" })).await.code(), "InvalidAttributeValue");
    let found = sqs(client, "GetQueueUrl", json!({ "QueueName": "q" })).await.json();
    assert_eq!(found["QueueUrl"], url);
    let missing = sqs(client, "GetQueueUrl", json!({ "QueueName": "none" })).await;
    assert_eq!(missing.code(), "QueueDoesNotExist");
    let query = missing.header("x-amzn-query-error").unwrap();
    assert_eq!(query, "AWS.SimpleQueueService.NonExistentQueue;Sender");
    let sent = sqs(client, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "hello" })).await.json();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let receive = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let got = sqs(client, "ReceiveMessage", receive.clone()).await.json();
    assert_eq!(got["Messages"][0]["Body"], "hello");
    assert_eq!(got["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "1");
    // It is hidden, not gone.
    assert_eq!(sqs(client, "ReceiveMessage", receive).await.json(), json!({}));
    let attributes = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let got_attributes = sqs(client, "GetQueueAttributes", attributes.clone()).await.json();
    assert_eq!(got_attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1");
    assert_eq!(got_attributes["Attributes"]["QueueArn"], format!("arn:aws:sqs:us-east-1:{PROJECT}:q"));
    let delete = |handle: &Value| json!({ "QueueUrl": url, "ReceiptHandle": handle });
    assert_eq!(sqs(client, "DeleteMessage", delete(&json!("x"))).await.code(), "ReceiptHandleIsInvalid");
    assert_eq!(sqs(client, "DeleteMessage", delete(&got["Messages"][0]["ReceiptHandle"])).await.code(), "ok");
    let got_attributes = sqs(client, "GetQueueAttributes", attributes).await.json();
    assert_eq!(got_attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "0");
    sqs(client, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "again" })).await;
    assert_eq!(sqs(client, "PurgeQueue", json!({ "QueueUrl": url })).await.code(), "ok");
    assert!(bodies(client, &url).await.is_empty());

    // Another account needs the policy's consent.
    let foreign = async || sqs(&chain.other, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" })).await;
    let refused = foreign().await;
    assert_eq!(refused.code(), "AccessDeniedException");
    assert_eq!(refused.header("x-amzn-query-error").unwrap(), "AccessDenied;Sender");
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": OTHER }, "Action": "sqs:SendMessage", "Resource": "*" },
    ] });
    let set = json!({ "QueueUrl": url, "Attributes": { "Policy": policy.to_string() } });
    assert_eq!(sqs(client, "SetQueueAttributes", set).await.code(), "ok");
    assert_eq!(foreign().await.code(), "ok");
    let nobody = policy.to_string().replace(OTHER, "555555555555");
    let set = json!({ "QueueUrl": url, "Attributes": { "Policy": nobody } });
    assert_eq!(sqs(client, "SetQueueAttributes", set).await.code(), "InvalidAttributeValue");
    let tag = json!({ "QueueUrl": url, "Tags": { "b": "2" } });
    assert_eq!(sqs(client, "TagQueue", tag).await.code(), "ok");
    let untag = json!({ "QueueUrl": url, "TagKeys": ["a"] });
    assert_eq!(sqs(client, "UntagQueue", untag).await.code(), "ok");
    let tags = sqs(client, "ListQueueTags", json!({ "QueueUrl": url })).await.json();
    assert_eq!(tags["Tags"], json!({ "b": "2" }));
    assert_eq!(sqs(client, "ListQueues", json!({})).await.json()["QueueUrls"], json!([url]));
    assert_eq!(sqs(client, "DeleteQueue", json!({ "QueueUrl": url })).await.code(), "ok");
    assert_eq!(sqs(client, "ListQueues", json!({})).await.json(), json!({}));
}

#[tokio::test]
async fn what_a_topics_own_account_publishes_is_seen_without_a_subscription() {
    let sandbox = start().await;
    let client = chain(&sandbox).await.security.at("ap-northeast-1");
    let topic = create_topic(&client, "alerts").await;
    let input = [("TopicArn", topic.as_str()), ("Subject", "Drift in 2 accounts"), ("Message", "{\"drift\": 2}")];
    assert_eq!(sns(&client, "Publish", &input).await.code(), "ok");
    let state = client.state().await;
    let published = state["published"].as_array().unwrap();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["topic"], topic.as_str());
    assert_eq!(published[0]["subject"], "Drift in 2 accounts");
    assert_eq!(published[0]["message"], "{\"drift\": 2}");
    // A topic of somebody else is not his to publish to, and one that is not there is none.
    let other = create_topic(&chain(&sandbox).await.other.at("ap-northeast-1"), "theirs").await;
    for (arn, code) in [(other.as_str(), "AuthorizationError"), (&topic.replace("alerts", "gone"), "NotFound")] {
        assert_eq!(sns(&client, "Publish", &[("TopicArn", arn), ("Message", "x")]).await.code(), code);
    }
    assert_eq!(client.state().await["published"].as_array().unwrap().len(), 1);
}
