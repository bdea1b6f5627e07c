//! Lambda: the policies of functions, and invocations under them.

use super::*;

const ARN: &str = "arn:aws:lambda:us-east-1:333333333333:function:chat";
const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:baseline";

async fn estate() -> (Sandbox, Chain) {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let made = json!({
        "do": "create-function", "account": PROJECT, "region": "us-east-1", "name": "chat", "qualifiers": ["live"],
    });
    assert_eq!(chain.start.tamper(made).await.status, 200);
    (sandbox, chain)
}

fn path(name: &str, rest: &str) -> String {
    format!("/2015-03-31/functions/{name}{rest}")
}

async fn get(client: &Client, name: &str, rest: &str) -> Answered {
    client.rest("lambda", "GET", &path(name, rest), Value::Null).await
}

async fn add(client: &Client, name: &str, input: Value) -> Answered {
    client.rest("lambda", "POST", &path(name, "/policy"), input).await
}

fn permission(sid: &str) -> Value {
    json!({
        "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com", "SourceArn": TOPIC,
    })
}

async fn statements(client: &Client, name: &str, rest: &str) -> Value {
    let found = get(client, name, &format!("/policy{rest}")).await.json();
    let policy: Value = serde_json::from_str(found["Policy"].as_str().unwrap()).unwrap();
    assert_eq!((&policy["Version"], &policy["Id"]), (&json!("2012-10-17"), &json!("default")));
    policy["Statement"].clone()
}

async fn invoke(client: &Client, function: &str, service: &str, source: &str) -> u16 {
    let what = json!({
        "do": "invoke-function", "function": function, "service": service, "source": source,
        "payload": { "Records": [1] },
    });
    client.tamper(what).await.status
}

#[tokio::test]
async fn a_function_is_found_by_every_form_of_its_name() {
    let (_sandbox, chain) = estate().await;
    let encoded = ARN.replace(':', "%3A");
    for name in ["chat", &format!("{PROJECT}:function:chat"), ARN, &encoded] {
        let found = get(&chain.project, name, "").await;
        assert_eq!(found.json()["Configuration"]["FunctionArn"], ARN, "{name}");
        let alone = get(&chain.project, name, "/configuration").await;
        assert_eq!(alone.json(), found.json()["Configuration"], "{name}");
    }
    for name in ["chat:live", "chat:live?Qualifier=live"] {
        assert_eq!(get(&chain.project, name, "").await.json()["Configuration"]["Version"], "$LATEST", "{name}");
    }
    let versions = json!({
        "do": "create-function", "account": PROJECT, "region": "us-east-1", "name": "chat", "qualifiers": ["1", "2", "10"],
    });
    assert_eq!(chain.start.tamper(versions).await.status, 200);
    for (qualifier, version) in [("live", "10"), ("2", "2"), ("$LATEST", "$LATEST")] {
        let found = get(&chain.project, "chat", &format!("/configuration?Qualifier={qualifier}")).await.json();
        assert_eq!(found["Version"], version, "an alias is a version's other name");
        assert_eq!(found["FunctionArn"], format!("{ARN}:{qualifier}"));
    }
    for (name, code) in [
        ("none", "ResourceNotFoundException"),
        ("chat:gone", "ResourceNotFoundException"),
        ("chat:live?Qualifier=other", "InvalidParameterValueException"),
        ("a%20b", "ValidationException"),
        ("arn:aws:lambda:eu-west-1:333333333333:function:chat", "ResourceNotFoundException"),
    ] {
        assert_eq!(get(&chain.project, name, "").await.code(), code, "{name}");
    }
    assert_eq!(get(&chain.project, "none", "/configuration").await.code(), "ResourceNotFoundException");
    let missing = get(&chain.project, "none", "").await;
    assert_eq!(missing.status, 404);
    let message = "Function not found: arn:aws:lambda:us-east-1:333333333333:function:none";
    assert_eq!(missing.json(), json!({ "Type": "User", "Message": message }));
    let create = chain.project.rest("lambda", "POST", "/2015-03-31/functions", json!({})).await;
    assert_eq!(create.status, 501);
    assert!(create.json()["message"].as_str().unwrap().contains("does not simulate CreateFunction of lambda"));
}

#[tokio::test]
async fn permissions_are_added_and_removed_by_statement() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let none = get(project, "chat", "/policy").await;
    assert_eq!((none.status, none.code().as_str()), (404, "ResourceNotFoundException"));
    let mut input = permission("sns");
    input["SourceAccount"] = json!(SECURITY);
    let added = add(project, "chat", input).await;
    assert_eq!(added.status, 201);
    let statement = json!({
        "Sid": "sns", "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "lambda:InvokeFunction", "Resource": ARN,
        "Condition": {
            "ArnLike": { "AWS:SourceArn": TOPIC }, "StringEquals": { "AWS:SourceAccount": SECURITY },
        },
    });
    let answered: Value = serde_json::from_str(added.json()["Statement"].as_str().unwrap()).unwrap();
    assert_eq!(answered, statement);
    assert_eq!(statements(project, "chat", "").await, json!([statement]));
    let twice = add(project, "chat", permission("sns")).await;
    assert_eq!((twice.status, twice.code().as_str()), (409, "ResourceConflictException"));
    let message = "The statement id (sns) provided already exists. Please provide a new statement id, or remove the \
                   existing statement.";
    assert_eq!(twice.json(), json!({ "Type": "User", "message": message }));

    // The alias has a policy of its own.
    let alias = chain.project.rest("lambda", "POST", &path("chat", "/policy?Qualifier=live"), permission("sns")).await;
    assert_eq!(alias.status, 201);
    assert_eq!(statements(project, "chat", "?Qualifier=live").await[0]["Resource"], format!("{ARN}:live"));
    let remove = async |rest: &str| {
        project.rest("lambda", "DELETE", &path("chat", &format!("/policy/{rest}")), Value::Null).await
    };
    assert_eq!(remove("other").await.code(), "ResourceNotFoundException");
    let removed = remove("sns").await;
    assert_eq!((removed.status, removed.body.as_str()), (204, ""));
    assert_eq!(get(project, "chat", "/policy").await.status, 404);
    assert_eq!(statements(project, "chat", "?Qualifier=live").await.as_array().unwrap().len(), 1);
    assert_eq!(remove("sns?Qualifier=live").await.status, 204);
    assert_eq!(remove("sns?Qualifier=live").await.status, 404);
}

#[tokio::test]
async fn what_a_permission_may_not_say_is_refused() {
    let (_sandbox, chain) = estate().await;
    let with = |member: &str, value: &str| {
        let mut input = permission("sid");
        input[member] = json!(value);
        input
    };
    for (name, input, code) in [
        ("chat", with("StatementId", "a b"), "ValidationException"),
        ("chat", with("StatementId", ""), "ValidationException"),
        ("chat", with("Action", "sns:Publish"), "ValidationException"),
        ("chat", with("Action", "lambda:"), "ValidationException"),
        ("chat", with("Principal", "somebody"), "InvalidParameterValueException"),
        ("chat", with("RevisionId", "old"), "PreconditionFailedException"),
        ("chat:$LATEST", permission("sid"), "InvalidParameterValueException"),
        ("none", permission("sid"), "ResourceNotFoundException"),
        (
            "chat",
            with("SourceArn", &format!("arn:aws:sns:us-east-1::{}", "x".repeat(20480))),
            "PolicyLengthExceededException",
        ),
        ("chat", with("Principal", SECURITY), "ok"),
    ] {
        assert_eq!(add(&chain.project, name, input.clone()).await.code(), code, "{name} {input}");
    }
    let found = get(&chain.project, "chat", "/policy").await.json();
    let mut input = permission("second");
    input["RevisionId"] = found["RevisionId"].clone();
    assert_eq!(add(&chain.project, "chat", input.clone()).await.code(), "ok");
    input["StatementId"] = json!("third");
    assert_eq!(add(&chain.project, "chat", input).await.code(), "PreconditionFailedException");
    let first = &statements(&chain.project, "chat", "").await[0];
    assert_eq!(first["Principal"], json!({ "AWS": format!("arn:aws:iam::{SECURITY}:root") }));
}

#[tokio::test]
async fn another_accounts_function_shows_to_those_whom_its_policy_lets() {
    let (_sandbox, chain) = estate().await;
    let refused = get(&chain.other, ARN, "/policy").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "AccessDeniedException"));
    let message = format!(
        "User: arn:aws:sts::{OTHER}:assumed-role/Execution/run is not authorized to perform: lambda:GetPolicy on \
         resource: {ARN} because no resource-based policy allows the lambda:GetPolicy action"
    );
    assert_eq!(refused.json()["message"], message);
    let input = json!({ "StatementId": "see", "Action": "lambda:GetPolicy", "Principal": OTHER });
    assert_eq!(add(&chain.project, "chat", input).await.status, 201);
    assert_eq!(get(&chain.other, ARN, "/policy").await.status, 200);
    assert_eq!(add(&chain.other, ARN, permission("sns")).await.status, 403);

    let deny = json!({ "do": "deny", "account": PROJECT, "operation": "lambda:AddPermission", "scp": true });
    chain.start.tamper(deny).await;
    let denied = add(&chain.project, "chat:live", permission("sns")).await;
    let message = format!(
        "User: arn:aws:sts::{PROJECT}:assumed-role/Execution/run is not authorized to perform: lambda:AddPermission on \
         resource: {ARN}:live with an explicit deny in a service control policy"
    );
    assert_eq!((denied.code().as_str(), &denied.json()["message"]), ("AccessDeniedException", &json!(message)));
}

#[tokio::test]
async fn a_service_invokes_what_its_policy_lets_it_invoke() {
    let (_sandbox, chain) = estate().await;
    let start = &chain.start;
    let sns = "sns.amazonaws.com";
    assert_eq!(invoke(start, ARN, sns, TOPIC).await, 404);
    let mut input = permission("sns");
    input["SourceAccount"] = json!(SECURITY);
    assert_eq!(add(&chain.project, "chat", input).await.status, 201);
    assert_eq!(invoke(start, ARN, sns, TOPIC).await, 200);
    for (function, service, source) in [
        (ARN, "sns.ap-east-1.amazonaws.com", TOPIC),
        (ARN, sns, "arn:aws:sns:us-east-1:222222222222:other"),
        (ARN, sns, "arn:aws:sns:eu-west-1:222222222222:baseline"),
        // The alias is judged by its own policy, which it has not.
        (&format!("{ARN}:live"), sns, TOPIC),
        (&format!("{ARN}:gone"), sns, TOPIC),
        ("arn:aws:lambda:us-east-1:333333333333:function:none", sns, TOPIC),
        ("arn:aws:sqs:us-east-1:333333333333:chat", sns, TOPIC),
    ] {
        assert_eq!(invoke(start, function, service, source).await, 404, "{function} {service} {source}");
    }
    let alias = path("chat", "/policy?Qualifier=live");
    assert_eq!(chain.project.rest("lambda", "POST", &alias, permission("sns")).await.status, 201);
    assert_eq!(invoke(start, &format!("{ARN}:live"), sns, TOPIC).await, 200);
    // Somebody else's account behind the same topic name.
    let mut other = permission("other");
    other["SourceArn"] = json!("arn:aws:sns:*:*:baseline");
    other["SourceAccount"] = json!(SECURITY);
    assert_eq!(add(&chain.project, "chat", other).await.status, 201);
    assert_eq!(invoke(start, ARN, sns, "arn:aws:sns:us-east-1:444444444444:baseline").await, 404);

    let functions = start.state().await["functions"].clone();
    assert_eq!((&functions[0]["arn"], &functions[0]["invocations"]), (&json!(ARN), &json!(2)));
    let received = &functions[0]["received"];
    let one = json!({ "qualifier": "", "service": sns, "source": TOPIC, "payload": { "Records": [1] } });
    assert_eq!((&received[0], &received[1]["qualifier"]), (&one, &json!("live")));
}
