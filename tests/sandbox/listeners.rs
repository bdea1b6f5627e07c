//! Who hears, and who should not: other people's subscriptions and targets, filters, keys and boundaries in the way.

use serde_json::{Value, json};

use crate::support::estate::{Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECURITY, changes, standard};

/// Two presets, and an address.
const BASELINE: &str = "name = \"test\"\n[log_bucket]\n[cloudtrail]\n[events]\n[[events.forward]]\npreset = \
                        \"security-group-changes\"\n[notify]\n[[notify.subscription]]\nprotocol = \"email\"\nendpoint = \
                        \"ops@example.com\"\n";

const RULE: &str = "baseline-security-group-changes";

fn topic(region: &str) -> String {
    format!("arn:aws:sns:{region}:{SECURITY}:baseline-alerts")
}

/// An estate that is as its files say, with its address confirmed.
fn heard() -> Estate {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.apply(&[]).ended(3);
    estate.tamper(json!({ "do": "confirm-subscription", "subscription": "ops@example.com" }));
    estate.assert_clean();
    estate.sandbox.reset_calls();
    estate
}

/// The entries of a list of a document: `ADDRESS: REASON`.
fn reasons(document: &Value, list: &str) -> Vec<String> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let all = document[list].as_array().unwrap().iter();
    all.map(|entry| format!("{}: {}", text(entry, "address"), text(entry, "reason"))).collect()
}

fn raise(estate: &Estate, account: &str) -> Value {
    let body = json!({ "account": account, "region": HOME, "event": "security-group" }).to_string();
    let endpoint = estate.sandbox.endpoint();
    let (status, answer) = crate::support::estate::request(&endpoint, "POST", "/_sandbox/raise", &[], &body);
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_first_plan_with_an_address_says_what_is_created_and_nothing_of_whom_it_waits_for() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = estate.plan(&[]).ended(2);
    for untrue in ["not confirmed", "has not followed", "declare a [[notify", "undelivered"] {
        assert!(!ran.out.contains(untrue), "{untrue}: {}", ran.out);
    }
    assert!(ran.out.contains("baseline-alerts:email:ops@example.com"), "{}", ran.out);
    // Made, it waits for its recipient, and apply says so.
    let ran = estate.apply(&[]).ended(3);
    assert!(ran.out.contains("ops@example.com is not confirmed"), "{}", ran.out);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    assert_eq!(document["undelivered"].as_array().unwrap().len(), 2, "one a Region: {document:#}");
}

#[test]
fn nobody_is_subscribed_again_because_of_an_entry_of_what_was_removed() {
    let estate = heard();
    let admin = estate.admin(SECURITY);
    // Somebody removes it, and it is made again: SNS lists both.
    let state = estate.state();
    let all = state["subscriptions"].as_array().unwrap();
    let here = all.iter().find(|one| one["arn"].to_string().contains(HOME)).unwrap();
    admin.sns(HOME, "Unsubscribe", &[("SubscriptionArn", here["arn"].as_str().unwrap())]);
    assert_eq!(estate.drift(&[]).len(), 1);
    estate.apply(&[]).ended(3);
    estate.tamper(json!({ "do": "confirm-subscription", "subscription": "ops@example.com" }));
    estate.assert_clean();
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(0);
    assert_eq!(estate.called("Subscribe", "ok"), 0);
}

#[test]
fn a_filter_that_nobody_declared_silences_and_is_taken_off() {
    let estate = heard();
    let all = estate.state();
    let one =
        all["subscriptions"].as_array().unwrap().iter().find(|one| one["arn"].to_string().contains(HOME)).unwrap();
    let arn = one["arn"].as_str().unwrap();
    let set =
        [("SubscriptionArn", arn), ("AttributeName", "FilterPolicy"), ("AttributeValue", "{\"store\":[\"none\"]}")];
    estate.admin(SECURITY).sns(HOME, "SetSubscriptionAttributes", &set);
    assert_eq!(raise(&estate, PAYMENTS)["deliveries"], 0, "it is silent");
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(2), "{document:#}");
    let changed = changes(&document);
    assert!(changed.len() == 1 && changed[0].contains("filter_policy"), "{changed:?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    assert_eq!(raise(&estate, PAYMENTS)["deliveries"], 1);
}

#[test]
fn whoever_subscribed_besides_is_exposed_and_stays() {
    let estate = heard();
    let admin = estate.admin(SECURITY);
    let topic = topic(HOME);
    let subscribe = |protocol: &str, endpoint: &str| {
        admin.sns(HOME, "Subscribe", &[("TopicArn", &topic), ("Protocol", protocol), ("Endpoint", endpoint)]);
    };
    subscribe("email", "eve@example.org");
    // Nothing is delivered before it is confirmed.
    assert_eq!(estate.plan(&[]).code, Some(0));
    estate.tamper(json!({ "do": "confirm-subscription", "subscription": "eve@example.org" }));
    admin.sqs(HOME, "CreateQueue", json!({ "QueueName": "inside" }));
    subscribe("sqs", &format!("arn:aws:sqs:{HOME}:{SECURITY}:inside"));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3), "{document:#}");
    let exposed = reasons(&document, "exposed");
    assert_eq!(exposed.len(), 1, "{exposed:?}");
    assert!(exposed[0].contains("eve@example.org (email, account 222222222222) is subscribed"), "{exposed:?}");
    assert_eq!(document["complete"], false);
    assert!(document["notes"].to_string().contains(":inside (sqs, account 222222222222)"), "{document:#}");
    // Nothing of it is changed.
    estate.apply(&[]).ended(3);
    assert!(estate.state()["subscriptions"].to_string().contains("eve@example.org"));
}

#[test]
fn a_subscription_of_this_tools_that_is_no_longer_declared_is_an_orphan_that_prune_removes() {
    let estate = heard();
    let (kept, _) = BASELINE.split_once("[[notify.subscription]]").unwrap();
    estate.write_baseline(kept);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0), "{document:#}");
    let orphans = document["orphans"].to_string();
    assert!(
        orphans.contains(&format!("{SECURITY}/{HOME}/sns.subscription/baseline-alerts:email:ops@example.com")),
        "{orphans}"
    );
    estate.apply(&["--prune"]).ended(0);
    assert_eq!(estate.called("Unsubscribe", "ok"), 2);
    assert_eq!(estate.state()["subscriptions"], json!([]));
    let (_, document) = estate.plan_json(&[]);
    assert_eq!(document["orphans"], json!([]), "what was removed is listed by SNS, and is nobody's");
}

#[test]
fn a_target_of_somebody_on_our_rule_stays_whatever_its_id() {
    let estate = heard();
    let admin = estate.admin(PAYMENTS);
    let role = format!("arn:aws:iam::{PAYMENTS}:role/baseline/baseline-event-forwarding");
    admin.sqs(HOME, "CreateQueue", json!({ "QueueName": "siem" }));
    let put = |id: &str, arn: &str| {
        let target = json!({ "Id": id, "Arn": arn, "RoleArn": role });
        admin.events(HOME, "PutTargets", json!({ "Rule": RULE, "Targets": [target] }));
    };
    put("baseline-queue", &format!("arn:aws:sqs:{HOME}:{PAYMENTS}:siem"));
    assert_eq!(estate.plan(&[]).code, Some(0));
    put("baseline-siem", &format!("arn:aws:sqs:{HOME}:999999999999:siem"));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let exposed = reasons(&document, "exposed");
    assert_eq!(exposed.len(), 1, "{exposed:?}");
    assert!(
        exposed[0].contains(&format!("{PAYMENTS}/{HOME}/eventbridge.rule/{RULE}: target `baseline-siem`")),
        "{exposed:?}"
    );
    estate.apply(&[]).ended(3);
    assert!(estate.state()["event_buses"].to_string().contains("baseline-siem"));
}

#[test]
fn a_rule_that_a_service_manages_under_our_name_blocks_in_the_plan() {
    let profiles = PROFILES.replace("name = \"payments\"", "name = \"payments\"\ntake_over = [\"eventbridge\"]");
    let estate = Estate::new(&profiles, BASELINE);
    for account in [PAYMENTS, LEDGER] {
        estate.tamper(json!({ "do": "put-managed-rule", "account": account, "region": HOME, "name": RULE }));
    }
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3), "{document:#}");
    let blocked = crate::support::estate::blocked(&document);
    assert_eq!(blocked.len(), 2, "{blocked:?}");
    for one in blocked {
        assert!(
            one.ends_with("securityhub.amazonaws.com made and manages a rule of this name: nobody else may change it"),
            "{one}"
        );
    }
    estate.apply(&[]).ended(3);
    assert_eq!(estate.called("PutRule", "ManagedRuleException"), 0);
}

#[test]
fn a_boundary_that_keeps_the_role_from_forwarding_is_undelivered() {
    let estate = heard();
    let admin = estate.admin(PAYMENTS);
    let set = |arn: &str| {
        let input = [("RoleName", "baseline-event-forwarding"), ("PermissionsBoundary", arn)];
        admin.iam("PutRolePermissionsBoundary", &input);
    };
    set("arn:aws:iam::aws:policy/AdministratorAccess");
    estate.assert_clean();
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } ] })
    .to_string();
    admin.iam("CreatePolicy", &[("PolicyName", "narrow"), ("PolicyDocument", &policy)]);
    set(&format!("arn:aws:iam::{PAYMENTS}:policy/narrow"));
    assert_eq!(raise(&estate, PAYMENTS)["forwarded"], 0);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let undelivered = reasons(&document, "undelivered");
    assert_eq!(undelivered.len(), 1, "{undelivered:?}");
    assert!(
        undelivered[0].contains("policy/narrow, which does not let it call events:PutEvents on arn:aws:events:"),
        "{undelivered:?}"
    );
    // Where it may not be looked at, that is said and is no finding.
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "iam:GetPolicy" }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0), "{document:#}");
    assert!(document["notes"].to_string().contains("was not looked at: iam:GetPolicy is denied"), "{document:#}");
}

#[test]
fn a_receiving_bus_whose_key_cannot_be_used_is_undelivered() {
    let estate = heard();
    let admin = estate.admin(SECURITY);
    let root = json!({ "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{SECURITY}:root") },
        "Action": "kms:*", "Resource": "*" });
    let events = json!({ "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*" });
    let policy = |statements: &[&Value]| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = admin.kms(HOME, "CreateKey", json!({ "Policy": policy(&[&root, &events]) }));
    let key = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    admin.events(HOME, "UpdateEventBus", json!({ "Name": "default", "KmsKeyIdentifier": key }));
    estate.assert_clean();
    assert_eq!(raise(&estate, PAYMENTS)["deliveries"], 1);

    let told = |estate: &Estate| {
        let (code, document) = estate.plan_json(&[]);
        assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
        let undelivered = reasons(&document, "undelivered");
        assert_eq!(undelivered.len(), 1, "{undelivered:?}");
        undelivered[0].clone()
    };
    let put = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy(&[&root]) });
    admin.kms(HOME, "PutKeyPolicy", put);
    assert_eq!(raise(&estate, PAYMENTS)["deliveries"], 0);
    let reason = told(&estate);
    assert!(reason.contains("whose policy does not let events.amazonaws.com call kms:GenerateDataKey"), "{reason}");
    estate.tamper(json!({ "do": "disable-key", "key": key }));
    let reason = told(&estate);
    assert!(
        reason.contains(&format!("{SECURITY}/{HOME}/eventbridge.bus/default")) && reason.contains("which is Disabled"),
        "{reason}"
    );
}

#[test]
fn a_refused_reading_call_is_heard_where_the_rule_asks_for_it() {
    let baseline = BASELINE.replace(
        "[notify]",
        "[[events.forward]]\nname = \"reads\"\nread_only_events = true\npattern = '{\"detail-type\": [\"AWS API Call via \
         CloudTrail\"], \"detail\": {\"eventName\": [\"GetSecretValue\"]}}'\n[[events.forward]]\nname = \"deaf\"\npattern = \
         '{\"detail-type\": [\"AWS API Call via CloudTrail\"], \"detail\": {\"eventName\": [\"GetRole\", \
         \"GetSessionToken\"]}}'\n[notify]",
    );
    let estate = Estate::new(PROFILES, &baseline);
    estate.apply(&[]).ended(3);
    estate.tamper(json!({ "do": "confirm-subscription", "subscription": "ops@example.com" }));
    let call = |service: &str, name: &str| {
        let body = json!({
            "account": PAYMENTS, "region": HOME, "source": format!("aws.{service}"),
            "detail-type": "AWS API Call via CloudTrail",
            "detail": { "eventName": name, "eventSource": format!("{service}.amazonaws.com") },
        });
        let endpoint = estate.sandbox.endpoint();
        let (_, answer) = crate::support::estate::request(&endpoint, "POST", "/_sandbox/raise", &[], &body.to_string());
        serde_json::from_str::<Value>(&answer).unwrap()["deliveries"].clone()
    };
    assert_eq!(call("secretsmanager", "GetSecretValue"), 1);
    assert_eq!(call("iam", "GetRole"), 0);
    assert_eq!(call("sts", "GetSessionToken"), 1, "STS's two count as changes");
    // Switched off by somebody, it is drift.
    estate.admin(SECURITY).events(HOME, "EnableRule", json!({ "Name": "baseline-reads" }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(2), "{document:#}");
    assert_eq!(changes(&document), [format!("{SECURITY}/{HOME}/eventbridge.rule/baseline-reads update state")]);
}

/// A filter on a subscription that somebody outside made is theirs to take off.
#[test]
fn a_filter_of_somebody_outside_is_undelivered() {
    let baseline = standard().replace(LEDGER, "777777777777");
    let profiles = format!("{PROFILES}\n[[account]]\nid = \"777777777777\"\nname = \"partner\"\n");
    // The account is one of the cloud, and no longer of the profiles.
    let estate = Estate::new(&profiles, &baseline);
    estate.write_profiles(PROFILES);
    let partner = estate.admin("777777777777");
    partner.sqs(HOME, "CreateQueue", json!({ "QueueName": "alerts" }));
    estate.apply(&[]).ended(3);
    let (topic, queue) = (topic(HOME), format!("arn:aws:sqs:{HOME}:777777777777:alerts"));
    let made = partner.sns(HOME, "Subscribe", &[("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &queue)]);
    let arn = made.split("<SubscriptionArn>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let set =
        [("SubscriptionArn", arn.as_str()), ("AttributeName", "FilterPolicy"), ("AttributeValue", "{\"a\":[\"b\"]}")];
    partner.sns(HOME, "SetSubscriptionAttributes", &set);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3), "{document:#}");
    let undelivered = reasons(&document, "undelivered");
    assert!(undelivered.iter().any(|one| one.contains("gets only what its filter lets through")), "{undelivered:#?}");
}

#[test]
fn a_topic_that_somebody_encrypted_with_a_key_of_no_use_is_undelivered() {
    let estate = heard();
    let admin = estate.admin(SECURITY);
    let root = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": format!("arn:aws:iam::{SECURITY}:root") } }] });
    let made = admin.kms(HOME, "CreateKey", json!({ "Policy": root.to_string() }));
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    admin.kms(HOME, "CreateAlias", json!({ "AliasName": "alias/theirs", "TargetKeyId": id }));
    let topic = topic(HOME);
    let set = [("TopicArn", topic.as_str()), ("AttributeName", "KmsMasterKeyId"), ("AttributeValue", "alias/theirs")];
    admin.sns(HOME, "SetTopicAttributes", &set);
    assert_eq!(raise(&estate, PAYMENTS)["deliveries"], 0);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let undelivered = reasons(&document, "undelivered");
    assert_eq!(undelivered.len(), 1, "{undelivered:?}");
    let expected = "alias/theirs, whose policy does not let events.amazonaws.com call kms:GenerateDataKey: every event is \
                    silently dropped";
    assert!(undelivered[0].ends_with(expected), "{undelivered:?}");
}

#[test]
fn a_topic_under_awss_own_key_is_repaired_and_no_alarm_after_it() {
    let keyed = BASELINE.replace("[notify]\n", "[notify]\nkey_alias = \"baseline-alerts\"\n");
    let estate = Estate::new(PROFILES, &keyed);
    estate.apply(&[]).ended(3);
    estate.tamper(json!({ "do": "confirm-subscription", "subscription": "ops@example.com" }));
    estate.assert_clean();
    let topic = topic(HOME);
    let set = |name: &str, value: &str| {
        let attributes = [("TopicArn", &*topic), ("AttributeName", name), ("AttributeValue", value)];
        estate.admin(SECURITY).sns(HOME, "SetTopicAttributes", &attributes);
    };
    set("KmsMasterKeyId", "alias/aws/sns");
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, document["undelivered"].as_array().unwrap().len()), (Some(3), 1), "{document:#}");
    // What else keeps the topic from being told is not repaired by its key.
    let policy = estate.admin(SECURITY).sns(HOME, "GetTopicAttributes", &[("TopicArn", &topic)]);
    let policy = policy.split("<key>Policy</key><value>").nth(1).unwrap().split("</value>").next().unwrap();
    let kept = policy.replace("&quot;", "\"");
    let mut denied: Value = serde_json::from_str(&kept).unwrap();
    denied["Statement"].as_array_mut().unwrap().push(json!({
        "Sid": "NotHere", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic,
    }));
    set("Policy", &denied.to_string());
    estate.apply(&[]).ended(3);
    set("Policy", &kept);
    set("KmsMasterKeyId", "alias/aws/sns");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_statement_that_denies_events_or_messages_is_undelivered_and_stays() {
    let queue = format!("arn:aws:sqs:{HOME}:{PAYMENTS}:alerts");
    let (kept, _) = BASELINE.split_once("[[notify.subscription]]").unwrap();
    let subscribed = format!("{kept}[[notify.subscription]]\nprotocol = \"sqs\"\nendpoint = \"{queue}\"\n");
    let estate = Estate::new(PROFILES, &subscribed);
    estate.admin(PAYMENTS).sqs(HOME, "CreateQueue", json!({ "QueueName": "alerts" }));
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let deny = |action: &str, resource: &str, condition: Value| {
        let mut statement = json!({
            "Sid": "NotHere", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource,
        });
        if condition != json!({}) {
            statement["Condition"] = condition;
        }
        statement
    };
    let with = |policy: &Value, more: Value| {
        let text = policy.as_str().unwrap_or(r#"{"Version":"2012-10-17","Statement":[]}"#);
        let mut policy: Value = serde_json::from_str(text).unwrap();
        policy["Statement"].as_array_mut().unwrap().push(more);
        policy.to_string()
    };
    let (security, payments) = (estate.admin(SECURITY), estate.admin(PAYMENTS));
    let bus = format!("arn:aws:events:{HOME}:{SECURITY}:event-bus/default");
    let topic = topic(HOME);
    let url = payments.sqs(HOME, "GetQueueUrl", json!({ "QueueName": "alerts" }))["QueueUrl"].clone();
    let bus_policy = security.events(HOME, "DescribeEventBus", json!({ "Name": "default" }))["Policy"].clone();
    let put_bus = |condition: Value| {
        let policy = with(&bus_policy, deny("events:PutEvents", &bus, condition));
        security.events(HOME, "PutPermission", json!({ "EventBusName": "default", "Policy": policy }));
    };
    let topic_policy = security.sns(HOME, "GetTopicAttributes", &[("TopicArn", &topic)]);
    let topic_policy = topic_policy.split("<key>Policy</key><value>").nth(1).unwrap().split("</value>").next().unwrap();
    let topic_policy = Value::from(topic_policy.replace("&quot;", "\""));
    let queue_policy = payments.sqs(
        HOME,
        "GetQueueAttributes",
        json!({ "QueueUrl": url, "AttributeNames": ["Policy"] }),
    )["Attributes"]["Policy"]
        .clone();

    // The bus: who forwards is kept out.
    put_bus(json!({}));
    let (code, document) = estate.plan_json(&[]);
    let told = reasons(&document, "undelivered");
    assert_eq!((code, told.len()), (Some(3), 1), "{document:#}");
    for part in [
        "/eventbridge.bus/default: statement `NotHere`",
        "account 333333333333, account 444444444444",
        "events do not arrive",
    ] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    assert!(!raise(&estate, PAYMENTS).to_string().contains("\"sent\""), "the simulation keeps it out, too");
    for quiet in [&["plan", "--quiet"][..], &["apply", "--yes", "--quiet"]] {
        assert!(estate.run(quiet).ended(3).out.contains("NotHere"));
    }
    // One account alone; what cannot be told is a note, and what spares them is nothing.
    put_bus(json!({ "StringEquals": { "aws:PrincipalAccount": PAYMENTS } }));
    let told = reasons(&estate.plan_json(&[]).1, "undelivered");
    assert!(told.len() == 1 && told[0].contains("to account 333333333333: events"), "{told:?}");
    put_bus(json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-abcdefghij" } }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0), "{document:#}");
    assert!(document["notes"].to_string().contains("may deny events:PutEvents"), "{document:#}");
    put_bus(json!({ "StringNotEquals": { "aws:PrincipalAccount": [PAYMENTS, LEDGER, SECURITY] } }));
    let (code, document) = estate.plan_json(&[]);
    assert!(code == Some(0) && !document["notes"].to_string().contains("may deny"), "{document:#}");

    // The topic: EventBridge is kept out.
    let put_topic = |condition: Value| {
        let policy = with(&topic_policy, deny("sns:Publish", &topic, condition));
        let attributes = [("TopicArn", &*topic), ("AttributeName", "Policy"), ("AttributeValue", &*policy)];
        security.sns(HOME, "SetTopicAttributes", &attributes);
    };
    put_topic(json!({ "Bool": { "aws:PrincipalIsAWSService": "true" } }));
    let (code, document) = estate.plan_json(&[]);
    let told = reasons(&document, "undelivered");
    assert!(
        code == Some(3) && told.len() == 1 && told[0].contains("denies sns:Publish to events.amazonaws.com"),
        "{told:?}"
    );
    put_topic(json!({ "Bool": { "aws:SecureTransport": "false" } }));
    estate.assert_clean();

    // The queue: SNS is kept out.
    let put_queue = |condition: Value| {
        let policy = with(&queue_policy, deny("sqs:SendMessage", &queue, condition));
        payments.sqs(HOME, "SetQueueAttributes", json!({ "QueueUrl": url, "Attributes": { "Policy": policy } }));
    };
    put_queue(json!({ "ArnNotLike": { "aws:SourceArn": format!("arn:aws:sns:us-east-1:{SECURITY}:*") } }));
    let (code, document) = estate.plan_json(&[]);
    let told = reasons(&document, "undelivered");
    assert!(
        code == Some(3) && told.len() == 1 && told[0].contains("sns.amazonaws.com for the topic of eu-west-1"),
        "{told:?}"
    );
    put_queue(json!({ "ArnNotLike": { "aws:SourceArn": format!("arn:aws:sns:*:{SECURITY}:*") } }));
    estate.assert_clean();
}
