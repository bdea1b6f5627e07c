//! EventBridge: buses, rules and targets, and who may put what where.

use super::*;

const REGION: &str = "ap-northeast-1";

pub(super) async fn call(client: &Client, operation: &str, input: Value) -> Answered {
    client.json("events", operation, input).await
}

fn bus(account: &str) -> String {
    format!("arn:aws:events:{REGION}:{account}:event-bus/default")
}

pub(super) fn put_events_on(resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "events:PutEvents", "Resource": resource },
    ] })
}

/// A bus policy for exactly these accounts.
pub(super) fn admit(resource: &str, accounts: &[&str]) -> String {
    let roots: Vec<String> = accounts.iter().map(|id| format!("arn:aws:iam::{id}:root")).collect();
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Senders", "Effect": "Allow", "Principal": { "AWS": roots }, "Action": "events:PutEvents",
          "Resource": resource },
    ] })
    .to_string()
}

/// Makes the role that EventBridge takes on in an account; gives its ARN.
pub(super) async fn sender_role(start: &Client, account: &str, receiver: &str) -> String {
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sts:AssumeRole",
          "Condition": { "StringEquals": { "aws:SourceAccount": account } } },
    ] });
    start.tamper(json!({ "do": "create-role", "account": account, "role": "Send", "policy": trust })).await;
    let policy = put_events_on(receiver);
    let put = json!({ "do": "put-role-policy", "account": account, "role": "Send", "name": "send", "policy": policy });
    assert_eq!(start.tamper(put).await.status, 200);
    format!("arn:aws:iam::{account}:role/Send")
}

pub(super) async fn put_rule(client: &Client, name: &str, pattern: Value) -> Answered {
    call(client, "PutRule", json!({ "Name": name, "EventPattern": pattern.to_string() })).await
}

fn queue_target(id: &str) -> Value {
    json!({ "Id": id, "Arn": format!("arn:aws:sqs:{REGION}:{PROJECT}:{id}") })
}

#[tokio::test]
async fn a_rule_is_replaced_whole_and_keeps_its_tags_and_targets() {
    let sandbox = start().await;
    let client = chain(&sandbox).await.project.at(REGION);
    let tags = json!([{ "Key": "a", "Value": "1" }]);
    let pattern = json!({ "source": ["aws.ec2"] }).to_string();
    let input =
        json!({ "Name": "mine", "EventPattern": pattern, "Description": "first", "State": "DISABLED", "Tags": tags });
    let arn = format!("arn:aws:events:{REGION}:{PROJECT}:rule/mine");
    assert_eq!(call(&client, "PutRule", input).await.json()["RuleArn"], arn);
    let targets = json!({ "Rule": "mine", "Targets": [queue_target("q")] });
    assert_eq!(call(&client, "PutTargets", targets).await.json()["FailedEntryCount"], 0);
    let again = json!({ "Name": "mine", "EventPattern": pattern, "Tags": [{ "Key": "b", "Value": "2" }] });
    assert_eq!(call(&client, "PutRule", again).await.code(), "ok");
    let described = call(&client, "DescribeRule", json!({ "Name": "mine" })).await.json();
    let expected = json!({
        "Name": "mine", "Arn": arn, "EventPattern": pattern, "State": "ENABLED", "EventBusName": "default",
        "CreatedBy": PROJECT,
    });
    assert_eq!(described, expected);
    let listed = call(&client, "ListTagsForResource", json!({ "ResourceARN": arn })).await.json();
    assert_eq!(listed["Tags"], tags);
    let listed = call(&client, "ListTargetsByRule", json!({ "Rule": "mine" })).await.json();
    assert_eq!(listed["Targets"], json!([queue_target("q")]));
    let named = json!({ "TargetArn": queue_target("q")["Arn"] });
    assert_eq!(call(&client, "ListRuleNamesByTarget", named).await.json()["RuleNames"], json!(["mine"]));

    call(&client, "DisableRule", json!({ "Name": "mine" })).await;
    assert_eq!(call(&client, "DescribeRule", json!({ "Name": "mine" })).await.json()["State"], "DISABLED");
    call(&client, "EnableRule", json!({ "Name": "mine" })).await;
    assert_eq!(call(&client, "DescribeRule", json!({ "Name": "mine" })).await.json()["State"], "ENABLED");

    let delete = call(&client, "DeleteRule", json!({ "Name": "mine" })).await;
    assert_eq!(delete.code(), "ValidationException");
    assert!(delete.body.contains("since it has targets"), "{}", delete.body);
    let removed = call(&client, "RemoveTargets", json!({ "Rule": "mine", "Ids": ["q", "none"] })).await.json();
    assert_eq!(removed["FailedEntryCount"], 1);
    assert_eq!(removed["FailedEntries"][0]["ErrorCode"], "ResourceNotFoundException");
    assert_eq!(call(&client, "DeleteRule", json!({ "Name": "mine" })).await.code(), "ok");
    let gone = call(&client, "DescribeRule", json!({ "Name": "mine" })).await;
    assert_eq!(gone.code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn rules_have_limits_and_pages() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let client = chain.project.at(REGION);
    let pattern = json!({ "source": ["aws.ec2"] });
    for (name, pattern, code) in [
        ("bad name", pattern.to_string(), "ValidationException"),
        (&"x".repeat(65), pattern.to_string(), "ValidationException"),
        ("bad", "{}".to_owned(), "InvalidEventPatternException"),
        ("bad", r#"{"source":"aws.ec2"}"#.to_owned(), "InvalidEventPatternException"),
        ("bad", json!({ "source": ["x".repeat(2048)] }).to_string(), "LimitExceededException"),
        ("bad", String::new(), "ValidationException"),
    ] {
        let put = call(&client, "PutRule", json!({ "Name": name, "EventPattern": pattern })).await;
        assert_eq!(put.code(), code, "{name} {}", put.body);
    }
    for n in 0..300 {
        assert_eq!(put_rule(&client, &format!("r{n:03}"), pattern.clone()).await.code(), "ok");
    }
    assert_eq!(put_rule(&client, "r300", pattern.clone()).await.code(), "LimitExceededException");
    assert_eq!(put_rule(&client, "r000", pattern).await.code(), "ok");
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let page = call(&client, "ListRules", json!({ "Limit": 70, "NextToken": token })).await.json();
        names.extend(page["Rules"].as_array().unwrap().iter().map(|rule| rule["Name"].clone()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names.len(), 300);
    let some = call(&client, "ListRules", json!({ "NamePrefix": "r29" })).await.json();
    assert_eq!(some["Rules"].as_array().unwrap().len(), 10);
    let six: Vec<Value> = (0..6).map(|n| queue_target(&format!("q{n}"))).collect();
    let put = call(&client, "PutTargets", json!({ "Rule": "r000", "Targets": six })).await;
    assert_eq!(put.code(), "LimitExceededException");
    let put = call(&client, "PutTargets", json!({ "Rule": "r000", "Targets": six[..5] })).await;
    assert_eq!(put.code(), "ok");
    let page = call(&client, "ListTargetsByRule", json!({ "Rule": "r000", "Limit": 3 })).await.json();
    let rest = json!({ "Rule": "r000", "Limit": 3, "NextToken": page["NextToken"] });
    assert_eq!(call(&client, "ListTargetsByRule", rest).await.json()["Targets"].as_array().unwrap().len(), 2);

    let managed = json!({ "do": "put-managed-rule", "account": PROJECT, "region": REGION, "name": "theirs" });
    chain.start.tamper(managed).await;
    for (operation, input) in [
        ("PutRule", json!({ "Name": "theirs", "EventPattern": r#"{"source":["x"]}"# })),
        ("DisableRule", json!({ "Name": "theirs" })),
        ("DeleteRule", json!({ "Name": "theirs" })),
        ("PutTargets", json!({ "Rule": "theirs", "Targets": [queue_target("q")] })),
        ("RemoveTargets", json!({ "Rule": "theirs", "Ids": ["q"] })),
    ] {
        assert_eq!(call(&client, operation, input).await.code(), "ManagedRuleException", "{operation}");
    }
}

#[tokio::test]
async fn a_bus_policy_is_put_whole_or_by_statement() {
    let sandbox = start().await;
    let client = chain(&sandbox).await.security.at(REGION);
    let arn = bus(SECURITY);
    let describe = async || call(&client, "DescribeEventBus", json!({})).await.json();
    assert_eq!(describe().await["Arn"], arn);
    assert!(describe().await.get("Policy").is_none());
    let whole = admit(&arn, &[PROJECT]);
    assert_eq!(call(&client, "PutPermission", json!({ "Policy": whole })).await.code(), "ok");
    assert_eq!(describe().await["Policy"], whole);
    let one = json!({ "StatementId": "one", "Action": "events:PutEvents", "Principal": OTHER });
    assert_eq!(call(&client, "PutPermission", one.clone()).await.code(), "ok");
    let policy: Value = serde_json::from_str(describe().await["Policy"].as_str().unwrap()).unwrap();
    let added = json!({
        "Sid": "one", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OTHER}:root") },
        "Action": "events:PutEvents", "Resource": arn,
    });
    assert_eq!(policy["Statement"][1], added);
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
    assert_eq!(call(&client, "RemovePermission", json!({ "StatementId": "one" })).await.code(), "ok");
    let gone = call(&client, "RemovePermission", json!({ "StatementId": "one" })).await;
    assert_eq!(gone.code(), "ResourceNotFoundException");
    let long: Vec<String> = (0..320).map(|n| format!("{:012}", 100_000_000_000_u64 + n)).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let too_long = call(&client, "PutPermission", json!({ "Policy": admit(&arn, &long) })).await;
    assert_eq!(too_long.code(), "PolicyLengthExceededException");
    for bad in [
        json!({ "Policy": "no policy" }),
        json!({ "Policy": admit(&bus(PROJECT), &[PROJECT]) }),
        json!({ "Policy": whole, "StatementId": "one" }),
        json!({ "StatementId": "one", "Action": "events:PutEvents", "Principal": "12345" }),
        json!({ "StatementId": "o n e", "Action": "events:PutEvents", "Principal": OTHER }),
        json!({ "StatementId": "one", "Action": "events:PutRule", "Principal": OTHER }),
    ] {
        assert_eq!(call(&client, "PutPermission", bad.clone()).await.code(), "ValidationException", "{bad}");
    }
    assert_eq!(call(&client, "RemovePermission", json!({ "RemoveAllPermissions": true })).await.code(), "ok");
    assert!(describe().await.get("Policy").is_none());
}

#[tokio::test]
async fn buses_are_made_and_removed() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let client = chain.security.at(REGION);
    let made = call(&client, "CreateEventBus", json!({ "Name": "hub", "Tags": [{ "Key": "a", "Value": "1" }] })).await;
    assert_eq!(made.json()["EventBusArn"], format!("arn:aws:events:{REGION}:{SECURITY}:event-bus/hub"));
    let again = call(&client, "CreateEventBus", json!({ "Name": "hub" })).await;
    assert_eq!(again.code(), "ResourceAlreadyExistsException");
    let update = json!({ "Name": "hub", "Description": "theirs" });
    assert_eq!(call(&client, "UpdateEventBus", update).await.code(), "ok");
    let described = call(&client, "DescribeEventBus", json!({ "Name": "hub" })).await.json();
    assert_eq!(described["Description"], "theirs");
    let listed = call(&client, "ListEventBuses", json!({})).await.json();
    let names: Vec<&str> = listed["EventBuses"].as_array().unwrap().iter().filter_map(|b| b["Name"].as_str()).collect();
    assert_eq!(names, ["default", "hub"]);
    let rule = json!({ "Name": "r", "EventBusName": "hub", "EventPattern": r#"{"source":["x"]}"# });
    let arn = format!("arn:aws:events:{REGION}:{SECURITY}:rule/hub/r");
    assert_eq!(call(&client, "PutRule", rule).await.json()["RuleArn"], arn);
    chain.start.tamper(json!({ "do": "untag", "arn": made.json()["EventBusArn"] })).await;
    let tags = call(&client, "ListTagsForResource", json!({ "ResourceARN": made.json()["EventBusArn"] })).await.json();
    assert_eq!(tags["Tags"], json!([]));
    assert_eq!(call(&client, "DeleteEventBus", json!({ "Name": "hub" })).await.code(), "ValidationException");
    call(&client, "DeleteRule", json!({ "Name": "r", "EventBusName": "hub" })).await;
    assert_eq!(call(&client, "DeleteEventBus", json!({ "Name": "hub" })).await.code(), "ok");
    assert_eq!(call(&client, "DeleteEventBus", json!({ "Name": "default" })).await.code(), "ValidationException");
    let gone = call(&client, "DescribeEventBus", json!({ "Name": "hub" })).await;
    assert_eq!(gone.code(), "ResourceNotFoundException");
    let foreign = call(&chain.project.at(REGION), "DescribeEventBus", json!({ "Name": bus(SECURITY) })).await;
    assert_eq!(foreign.code(), "AccessDeniedException");
}

#[tokio::test]
async fn a_bus_of_another_account_is_a_target_only_with_its_consent_and_a_role() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let (hub, project) = (chain.security.at(REGION), chain.project.at(REGION));
    put_rule(&project, "r", json!({ "source": ["x"] })).await;
    let put = async |target: Value| call(&project, "PutTargets", json!({ "Rule": "r", "Targets": [target] })).await;
    let receiver = bus(SECURITY);
    let role = format!("arn:aws:iam::{PROJECT}:role/Send");
    let plain = json!({ "Id": "hub", "Arn": receiver });
    let with_role = json!({ "Id": "hub", "Arn": receiver, "RoleArn": role });
    let answered = put(plain.clone()).await;
    assert!(answered.code() == "ValidationException" && answered.body.contains("RoleArn"), "{}", answered.body);
    let answered = put(with_role.clone()).await;
    assert_eq!(answered.code(), "ValidationException");
    assert!(answered.body.contains("cannot be assumed by principal 'events.amazonaws.com'"), "{}", answered.body);
    sender_role(&chain.start, PROJECT, &receiver).await;
    assert_eq!(put(with_role.clone()).await.code(), "AccessDeniedException");
    let permit = async |accounts: &[&str]| {
        let put = call(&hub, "PutPermission", json!({ "Policy": admit(&receiver, accounts) })).await;
        assert_eq!(put.code(), "ok", "{}", put.body);
    };
    permit(&[OTHER]).await;
    assert_eq!(put(with_role.clone()).await.code(), "AccessDeniedException");
    permit(&[PROJECT]).await;
    assert_eq!(put(with_role.clone()).await.code(), "ok");
    // The role stays when it is left out.
    assert_eq!(put(plain).await.code(), "ok");
    let listed = call(&project, "ListTargetsByRule", json!({ "Rule": "r" })).await.json();
    assert_eq!(listed["Targets"], json!([with_role]));
    for (member, value) in [
        ("Input", json!("{}")),
        ("InputPath", json!("$.detail")),
        ("InputTransformer", json!({ "InputTemplate": "\"x\"" })),
    ] {
        let mut target = with_role.clone();
        target[member] = value;
        let answered = put(target).await;
        assert!(answered.code() == "ValidationException" && answered.body.contains(member), "{}", answered.body);
    }
    let foreign = json!({ "Id": "hub", "Arn": receiver, "RoleArn": format!("arn:aws:iam::{SECURITY}:role/Security") });
    assert_eq!(put(foreign).await.code(), "AccessDeniedException");
    // The role that people take on does not trust EventBridge.
    let people = json!({ "Id": "hub", "Arn": receiver, "RoleArn": format!("arn:aws:iam::{PROJECT}:role/Execution") });
    assert_eq!(put(people).await.code(), "ValidationException");
    let own = json!({ "Id": "own", "Arn": bus(PROJECT), "RoleArn": role });
    assert_eq!(put(own).await.code(), "ValidationException");
    let far = json!({ "Id": "far", "Arn": format!("arn:aws:sqs:us-east-1:{PROJECT}:q") });
    assert_eq!(put(far).await.code(), "ValidationException");
    assert_eq!(put(json!({ "Id": "x y", "Arn": queue_target("q")["Arn"] })).await.code(), "ValidationException");
}

#[tokio::test]
async fn a_target_can_fail_inside_an_answer_that_succeeds() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let client = chain.project.at(REGION);
    put_rule(&client, "r", json!({ "source": ["x"] })).await;
    let conflict = json!({ "do": "conflict-put-targets", "account": PROJECT, "region": REGION });
    assert_eq!(chain.start.tamper(conflict).await.status, 200);
    let put = json!({ "Rule": "r", "Targets": [queue_target("a"), queue_target("b")] });
    let answered = call(&client, "PutTargets", put.clone()).await;
    assert_eq!((answered.status, &answered.json()["FailedEntryCount"]), (200, &json!(1)));
    let failed = &answered.json()["FailedEntries"][0];
    assert_eq!((&failed["TargetId"], &failed["ErrorCode"]), (&json!("a"), &json!("ConcurrentModificationException")));
    let listed = call(&client, "ListTargetsByRule", json!({ "Rule": "r" })).await.json();
    assert_eq!(listed["Targets"], json!([queue_target("b")]));
    assert_eq!(call(&client, "PutTargets", put).await.json()["FailedEntryCount"], 0);
}

#[tokio::test]
async fn nobody_puts_events_in_the_name_of_a_service() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let client = chain.project.at(REGION);
    let entry = |source: &str, detail: &str| json!({ "Source": source, "DetailType": "x", "Detail": detail });
    let entries = [entry("aws.ec2", "{}"), entry("mine", "{"), entry("", "{}"), entry("mine", "{}")];
    let answered = call(&client, "PutEvents", json!({ "Entries": entries })).await.json();
    assert_eq!(answered["FailedEntryCount"], 3);
    let codes: Vec<&str> =
        answered["Entries"].as_array().unwrap().iter().map(|e| e["ErrorCode"].as_str().unwrap_or("ok")).collect();
    assert_eq!(codes, ["NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument", "ok"]);
    let mut foreign = entry("mine", "{}");
    foreign["EventBusName"] = json!(bus(SECURITY));
    let put = async || call(&client, "PutEvents", json!({ "Entries": [foreign] })).await.code();
    assert_eq!(put().await, "AccessDeniedException");
    let policy = json!({ "Policy": admit(&bus(SECURITY), &[PROJECT]) });
    call(&chain.security.at(REGION), "PutPermission", policy).await;
    assert_eq!(put().await, "ok");
    let test = async |event: Value| {
        let input = json!({ "EventPattern": r#"{"source":["mine"]}"#, "Event": event.to_string() });
        call(&client, "TestEventPattern", input).await
    };
    let mut event = json!({
        "id": "1", "account": PROJECT, "source": "mine", "time": "2026-01-01T00:00:00Z", "region": REGION,
        "resources": [], "detail-type": "x", "detail": {},
    });
    assert_eq!(test(event.clone()).await.json()["Result"], true);
    event["source"] = json!("other");
    assert_eq!(test(event).await.json()["Result"], false);
    assert_eq!(test(json!({})).await.code(), "ValidationException");
}
