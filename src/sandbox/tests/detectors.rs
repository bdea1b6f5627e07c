//! GuardDuty's detectors: one per account and Region, their features, tags and refusals.

use super::*;

const ON: &str = "ENABLED";
const OFF: &str = "DISABLED";

/// Makes a detector without a word about its features; gives its id.
pub(super) async fn detector(client: &Client) -> String {
    let made = client.rest("guardduty", "POST", "/detector", json!({ "enable": true })).await;
    assert_eq!(made.code(), "ok", "{}", made.body);
    made.json()["detectorId"].as_str().unwrap().to_owned()
}

async fn get(client: &Client, id: &str) -> Value {
    client.rest("guardduty", "GET", &format!("/detector/{id}"), Value::Null).await.json()
}

fn status(detector: &Value, name: &str) -> Option<String> {
    let feature = detector["features"].as_array()?.iter().find(|feature| feature["name"] == name)?;
    feature["status"].as_str().map(str::to_owned)
}

fn statuses<'a>(detector: &Value, names: &[&'a str]) -> Vec<(&'a str, String)> {
    names.iter().map(|name| (*name, status(detector, name).unwrap_or_else(|| "absent".to_owned()))).collect()
}

fn features(wanted: &[(&str, &str)]) -> Value {
    wanted.iter().map(|(name, status)| json!({ "name": name, "status": status })).collect()
}

#[tokio::test]
async fn an_account_has_one_detector_a_region_and_is_told_so_in_awss_words() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let list = async |client: &Client| client.rest("guardduty", "GET", "/detector", Value::Null).await.json();
    assert_eq!(list(&chain.project).await, json!({ "detectorIds": [] }));
    let id = detector(&chain.project).await;
    assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    assert_eq!(list(&chain.project).await, json!({ "detectorIds": [id] }));
    assert_eq!(list(&chain.project.at("eu-west-1")).await, json!({ "detectorIds": [] }));

    let second = chain.project.rest("guardduty", "POST", "/detector", json!({ "enable": true })).await;
    assert_eq!((second.status, second.code().as_str()), (400, "BadRequestException"));
    let message = "The request is rejected because a detector already exists for the current account.";
    assert_eq!(
        second.json(),
        json!({ "__type": "InvalidInputException", "type": "InvalidInputException", "message": message })
    );
    assert!(second.header("x-amzn-requestid").is_some());

    let path = format!("/detector/{id}");
    let foreign = "The request is rejected because the input detectorId is not owned by the current account.";
    for client in [&chain.other, &chain.project.at("eu-west-1")] {
        for (method, input) in [("GET", Value::Null), ("POST", json!({ "enable": false })), ("DELETE", Value::Null)] {
            let refused = client.rest("guardduty", method, &path, input).await;
            assert_eq!((refused.code().as_str(), &refused.json()["message"]), ("BadRequestException", &json!(foreign)));
        }
    }
    assert_eq!(get(&chain.project, &id).await["status"], ON);
    assert_eq!(chain.project.rest("guardduty", "DELETE", &path, Value::Null).await.code(), "ok");
    assert_eq!(list(&chain.project).await, json!({ "detectorIds": [] }));
}

#[tokio::test]
async fn a_client_that_asks_again_with_its_token_gets_the_detector_it_made() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let ask = async |token: &str| {
        let input = json!({ "enable": true, "clientToken": token });
        chain.project.rest("guardduty", "POST", "/detector", input).await
    };
    let first = ask("one").await.json();
    assert_eq!(ask("one").await.json(), first);
    assert_eq!(ask("two").await.code(), "BadRequestException");
}

#[tokio::test]
async fn features_left_out_are_switched_on_and_paid_for() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let id = detector(&chain.project).await;
    let found = get(&chain.project, &id).await;
    let on = |name| (name, ON.to_owned());
    assert_eq!(
        statuses(
            &found,
            &[
                "CLOUD_TRAIL",
                "DNS_LOGS",
                "FLOW_LOGS",
                "S3_DATA_EVENTS",
                "EKS_AUDIT_LOGS",
                "EBS_MALWARE_PROTECTION",
                "RDS_LOGIN_EVENTS",
                "LAMBDA_NETWORK_LOGS",
            ]
        ),
        [
            on("CLOUD_TRAIL"),
            on("DNS_LOGS"),
            on("FLOW_LOGS"),
            on("S3_DATA_EVENTS"),
            on("EKS_AUDIT_LOGS"),
            on("EBS_MALWARE_PROTECTION"),
            on("RDS_LOGIN_EVENTS"),
            on("LAMBDA_NETWORK_LOGS"),
        ]
    );
    assert_eq!(status(&found, "RUNTIME_MONITORING").as_deref(), Some(OFF));
    assert_eq!(found["findingPublishingFrequency"], "SIX_HOURS");
    assert_eq!(found["dataSources"]["s3Logs"]["status"], ON);

    // Naming some leaves the others on.
    let input = json!({
        "enable": true, "findingPublishingFrequency": "FIFTEEN_MINUTES", "tags": { "a": "b" },
        "features": features(&[("S3_DATA_EVENTS", OFF), ("RUNTIME_MONITORING", OFF)]),
    });
    let made = chain.other.rest("guardduty", "POST", "/detector", input).await.json();
    let found = get(&chain.other, made["detectorId"].as_str().unwrap()).await;
    let names = ["S3_DATA_EVENTS", "RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING", "RDS_LOGIN_EVENTS"];
    let expected = [OFF, OFF, ON, ON].map(str::to_owned);
    assert_eq!(statuses(&found, &names), names.into_iter().zip(expected).collect::<Vec<_>>());
    assert_eq!(found["findingPublishingFrequency"], "FIFTEEN_MINUTES");
    assert_eq!(found["tags"], json!({ "a": "b" }));
    assert_eq!(
        found["serviceRole"],
        format!("arn:aws:iam::{OTHER}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty")
    );
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let id = detector(&chain.project).await;
    let path = format!("/detector/{id}");
    let update = async |input: Value| chain.project.rest("guardduty", "POST", &path, input).await;
    let before = get(&chain.project, &id).await;
    let only = json!({ "features": features(&[("RDS_LOGIN_EVENTS", OFF)]) });
    assert_eq!(update(only).await.json(), json!({}));
    let after = get(&chain.project, &id).await;
    assert_eq!(status(&after, "RDS_LOGIN_EVENTS").as_deref(), Some(OFF));
    let without = |found: &Value| {
        let list = found["features"].as_array().unwrap().iter();
        list.filter(|feature| feature["name"] != "RDS_LOGIN_EVENTS").cloned().collect::<Vec<_>>()
    };
    assert_eq!(without(&after), without(&before));
    assert_eq!(after["status"], before["status"]);

    let eks = json!({ "features": [{ "name": "EKS_RUNTIME_MONITORING", "status": OFF }] });
    assert_eq!(update(eks).await.code(), "ok");
    let runtime = json!({ "features": [{
        "name": "RUNTIME_MONITORING", "status": ON,
        "additionalConfiguration": [{ "name": "EC2_AGENT_MANAGEMENT", "status": ON }],
    }] });
    assert_eq!(update(runtime).await.code(), "ok");
    let found = get(&chain.project, &id).await;
    let feature = found["features"].as_array().unwrap().iter().find(|f| f["name"] == "RUNTIME_MONITORING").unwrap();
    let additional: Vec<(&str, &str)> = feature["additionalConfiguration"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["status"].as_str().unwrap()))
        .collect();
    let expected = [("EC2_AGENT_MANAGEMENT", ON), ("ECS_FARGATE_AGENT_MANAGEMENT", OFF), ("EKS_ADDON_MANAGEMENT", OFF)];
    assert_eq!(additional, expected);
    assert_eq!(update(json!({ "enable": false, "findingPublishingFrequency": "ONE_HOUR" })).await.code(), "ok");
    let found = get(&chain.project, &id).await;
    assert_eq!((&found["status"], &found["findingPublishingFrequency"]), (&json!(OFF), &json!("ONE_HOUR")));
    let state = &chain.start.state().await["guardduty"]["detectors"][0];
    assert_eq!((&state["enabled"], &state["features"]["RUNTIME_MONITORING"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn what_a_request_may_not_say_is_refused() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let id = detector(&chain.project).await;
    let path = format!("/detector/{id}");
    let invalid =
        "The request is rejected because an invalid or out-of-range value is specified as an input parameter.";
    let both = features(&[("RUNTIME_MONITORING", OFF), ("EKS_RUNTIME_MONITORING", OFF)]);
    let second = "The request is rejected because EKS_RUNTIME_MONITORING and RUNTIME_MONITORING are both specified.";
    for (input, message) in [
        (json!({ "findingPublishingFrequency": "DAILY" }), invalid),
        (json!({ "features": features(&[("FLOW_LOGS", ON)]) }), invalid),
        (json!({ "features": features(&[("S3_DATA_EVENTS", "ON")]) }), invalid),
        (json!({ "features": features(&[("S3_DATA_EVENTS", ON), ("S3_DATA_EVENTS", OFF)]) }), invalid),
        (json!({ "features": "S3_DATA_EVENTS" }), invalid),
        (json!({ "features": both }), second),
    ] {
        let refused = chain.project.rest("guardduty", "POST", &path, input.clone()).await;
        assert_eq!(refused.json()["message"], message, "{input}");
    }
    // One request names one of them; a detector can have both on, while it goes from one to the other.
    let one = json!({ "features": features(&[("RUNTIME_MONITORING", ON)]) });
    assert_eq!(chain.project.rest("guardduty", "POST", &path, one).await.code(), "ok");
    let found = get(&chain.project, &id).await;
    for name in ["EKS_RUNTIME_MONITORING", "RUNTIME_MONITORING"] {
        assert_eq!(status(&found, name).as_deref(), Some(ON), "{name}");
    }
    let old = json!({ "dataSources": { "s3Logs": { "enable": true } } });
    assert_eq!(chain.project.rest("guardduty", "POST", &path, old).await.status, 501);
    let bare = chain.other.rest("guardduty", "POST", "/detector", json!({})).await;
    assert_eq!(bare.code(), "BadRequestException");
    for body in [&b"{"[..], b"[]"] {
        assert_eq!(
            chain.other.send("guardduty", "POST", "/detector", &[], body).await.code(),
            "SerializationException"
        );
    }
    let findings = chain.project.rest("guardduty", "POST", &format!("{path}/findings"), json!({})).await;
    assert_eq!((findings.status, findings.code().as_str()), (501, "UnknownOperationException"));
}

#[tokio::test]
async fn a_region_offers_what_it_offers() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let enable = json!({ "do": "enable-region", "account": PROJECT, "region": "ap-east-2" });
    assert_eq!(chain.start.tamper(enable).await.status, 200);
    let taipei = chain.project.at("ap-east-2");
    let input = json!({ "enable": true, "features": features(&[("RDS_LOGIN_EVENTS", OFF)]) });
    let refused = taipei.rest("guardduty", "POST", "/detector", input).await;
    assert_eq!(refused.code(), "BadRequestException");
    let message = "The request is rejected because the feature RDS_LOGIN_EVENTS is not supported in ap-east-2.";
    assert_eq!(refused.json()["message"], message);
    let id = detector(&taipei).await;
    let found = get(&taipei, &id).await;
    assert_eq!(statuses(&found, &["RDS_LOGIN_EVENTS", "AI_ANALYST"]).iter().filter(|(_, s)| s == "absent").count(), 2);

    let withdraw = json!({ "do": "withdraw-feature", "region": "us-east-1", "feature": "EBS_MALWARE_PROTECTION" });
    assert_eq!(chain.start.tamper(withdraw).await.status, 200);
    let id = detector(&chain.project).await;
    let found = get(&chain.project, &id).await;
    assert_eq!(status(&found, "EBS_MALWARE_PROTECTION"), None);
    let unknown = json!({ "do": "withdraw-feature", "region": "us-east-1", "feature": "MIND_READING" });
    assert_eq!(chain.start.tamper(unknown).await.status, 404);
}

#[tokio::test]
async fn tags_are_those_of_the_arn_in_the_path() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let id = detector(&chain.project).await;
    let arn = format!("arn:aws:guardduty:us-east-1:{PROJECT}:detector/{id}");
    let path = format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
    let list = async || chain.project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(list().await, json!({ "tags": {} }));
    let tags = json!({ "tags": { "ManagedBy": "baseline", "Team": "x", "Cost": "y" } });
    let tagged = chain.project.rest("guardduty", "POST", &path, tags).await;
    assert_eq!((tagged.status, tagged.body.as_str()), (204, ""));
    let untag = format!("{path}?tagKeys=Team&tagKeys=Cost");
    assert_eq!(chain.project.rest("guardduty", "DELETE", &untag, Value::Null).await.status, 204);
    assert_eq!(list().await, json!({ "tags": { "ManagedBy": "baseline" } }));
    assert_eq!(get(&chain.project, &id).await["tags"], json!({ "ManagedBy": "baseline" }));
    // Unencoded slashes mean the same.
    let plain = chain.project.rest("guardduty", "GET", &format!("/tags/{arn}"), Value::Null).await;
    assert_eq!(plain.json(), list().await);

    assert_eq!(chain.other.rest("guardduty", "GET", &path, Value::Null).await.code(), "BadRequestException");
    let reserved = json!({ "tags": { "aws:x": "y" } });
    assert_eq!(chain.project.rest("guardduty", "POST", &path, reserved).await.code(), "BadRequestException");
    let untag = json!({ "do": "untag", "arn": arn, "key": "ManagedBy" });
    assert_eq!(chain.start.tamper(untag).await.status, 200);
    assert_eq!(list().await, json!({ "tags": {} }));
}

#[tokio::test]
async fn a_denied_call_names_the_action_and_the_detector() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let id = detector(&chain.project).await;
    let deny = json!({ "do": "deny", "account": PROJECT, "operation": "guardduty:*" });
    assert_eq!(chain.start.tamper(deny).await.status, 200);
    let detector = format!("arn:aws:guardduty:us-east-1:{PROJECT}:detector");
    for (method, path, action, resource) in [
        ("GET", "/detector".to_owned(), "ListDetectors", format!("{detector}/*")),
        ("GET", format!("/detector/{id}"), "GetDetector", format!("{detector}/{id}")),
        ("POST", format!("/detector/{id}/member/get"), "GetMembers", format!("{detector}/{id}")),
        (
            "GET",
            format!("/detector/{id}/publishingDestination/abc"),
            "DescribePublishingDestination",
            format!("{detector}/{id}/publishingDestination/abc"),
        ),
        ("DELETE", format!("/tags/{detector}%2F{id}?tagKeys=a"), "UntagResource", format!("{detector}/{id}")),
        ("GET", "/invitation".to_owned(), "ListInvitations", "*".to_owned()),
    ] {
        let refused = chain.project.rest("guardduty", method, &path, Value::Null).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "AccessDeniedException"), "{path}");
        let message = format!(
            "User: arn:aws:sts::{PROJECT}:assumed-role/Execution/run is not authorized to perform: guardduty:{action} \
             on resource: {resource} because no identity-based policy allows the guardduty:{action} action"
        );
        assert_eq!(refused.json()["message"], message);
    }
    let nobody = Client { token: Some("wrong".to_owned()), ..chain.project.clone() };
    let refused = nobody.rest("guardduty", "GET", "/detector", Value::Null).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "UnrecognizedClientException"));
    let elsewhere = chain.other.at("ap-east-1").rest("guardduty", "GET", "/detector", Value::Null).await;
    assert_eq!(elsewhere.code(), "UnrecognizedClientException");
    chain.start.tamper(json!({ "do": "expire-sessions" })).await;
    let expired = chain.other.rest("guardduty", "GET", "/detector", Value::Null).await;
    assert_eq!((expired.status, expired.code().as_str()), (403, "ExpiredTokenException"));
}
