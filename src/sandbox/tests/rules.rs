//! AWS Config: rules, their tags, aggregation, denials.

use super::*;

fn rule(name: &str, identifier: &str, more: Value) -> Value {
    let mut rule = json!({ "ConfigRuleName": name, "Source": { "Owner": "AWS", "SourceIdentifier": identifier } });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "ConfigRule": rule })
}

async fn estate() -> (Sandbox, Chain) {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    (sandbox, chain)
}

/// Gives the project account a recorder.
async fn record(client: &Client) {
    client.iam("CreateServiceLinkedRole", &[("AWSServiceName", "config.amazonaws.com")]).await;
    let role = "arn:aws:iam::333333333333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
    let put = client.config("PutConfigurationRecorder", json!({ "ConfigurationRecorder": { "roleARN": role } })).await;
    assert_eq!(put.code(), "ok");
}

#[tokio::test]
async fn a_rule_is_put_whole_and_read_back() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let describe = async || project.config("DescribeConfigRules", json!({})).await.json()["ConfigRules"].clone();
    let full = json!({ "Description": "d", "InputParameters": "{\"s3BucketName\":\"b\"}",
        "MaximumExecutionFrequency": "One_Hour" });
    let mut input = rule("trail", "CLOUD_TRAIL_ENABLED", full);
    input["Tags"] = json!([{ "Key": "ManagedBy", "Value": "baseline" }]);
    assert_eq!(project.config("PutConfigRule", input.clone()).await.code(), "ok");
    let mut read = describe().await[0].clone();
    let arn = read["ConfigRuleArn"].take().as_str().unwrap().to_owned();
    let id = read["ConfigRuleId"].take().as_str().unwrap().to_owned();
    assert_eq!(arn, format!("arn:aws:config:us-east-1:333333333333:config-rule/{id}"));
    assert_eq!(
        read,
        json!({
            "ConfigRuleName": "trail", "ConfigRuleArn": null, "ConfigRuleId": null, "ConfigRuleState": "ACTIVE",
            "Description": "d", "InputParameters": "{\"s3BucketName\":\"b\"}", "MaximumExecutionFrequency": "One_Hour",
            "Source": { "Owner": "AWS", "SourceIdentifier": "CLOUD_TRAIL_ENABLED" },
            "EvaluationModes": [{ "Mode": "DETECTIVE" }],
        })
    );
    let compliance = project.config("DescribeComplianceByConfigRule", json!({})).await.json();
    let expected = json!([{ "ConfigRuleName": "trail", "Compliance": { "ComplianceType": "INSUFFICIENT_DATA" } }]);
    assert_eq!(compliance["ComplianceByConfigRules"], expected);
    // By its id, everything that is not sent is gone, and the tags stay.
    let by_id = json!({ "ConfigRule": { "ConfigRuleId": id,
        "Source": { "Owner": "AWS", "SourceIdentifier": "CLOUD_TRAIL_ENABLED" } },
        "Tags": [{ "Key": "other", "Value": "x" }] });
    assert_eq!(project.config("PutConfigRule", by_id).await.code(), "ok");
    let read = describe().await;
    assert_eq!(read.as_array().unwrap().len(), 1);
    assert_eq!((&read[0]["ConfigRuleArn"], read[0].get("Description")), (&json!(arn), None));
    assert!(read[0].get("MaximumExecutionFrequency").is_none() && read[0].get("InputParameters").is_none());
    let tags = project.config("ListTagsForResource", json!({ "ResourceArn": arn })).await.json();
    assert_eq!(tags, json!({ "Tags": [{ "Key": "ManagedBy", "Value": "baseline" }] }));
    let state = chain.start.state().await["config"]["rules"].clone();
    assert_eq!((&state[0]["name"], &state[0]["tags"]), (&json!("trail"), &json!({ "ManagedBy": "baseline" })));
}

#[tokio::test]
async fn rules_are_checked() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let put = async |input: Value| project.config("PutConfigRule", input).await;
    let invalid = "InvalidParameterValueException";
    let with = |identifier: &str, more: Value| rule("r", identifier, more);
    let hourly = json!({ "MaximumExecutionFrequency": "One_Hour" });
    for (input, code) in [
        (json!({}), "ValidationException"),
        (json!({ "ConfigRule": { "ConfigRuleName": "r" } }), "ValidationException"),
        (json!({ "ConfigRule": { "Source": { "Owner": "AWS", "SourceIdentifier": "X" } } }), invalid),
        (rule(" ", "CLOUD_TRAIL_ENABLED", json!({})), "ValidationException"),
        (rule(&"x".repeat(129), "CLOUD_TRAIL_ENABLED", json!({})), "ValidationException"),
        (with("cloud trail", json!({})), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "ConfigRuleId": "config-rule-none" })), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "ConfigRuleState": "DELETING" })), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "CreatedBy": "x.amazonaws.com" })), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "InputParameters": "s3BucketName" })), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "InputParameters": "{\"bucket\":\"b\"}" })), invalid),
        (with("ACCESS_KEYS_ROTATED", json!({})), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "MaximumExecutionFrequency": "Hourly" })), "ValidationException"),
        (with("CLOUD_TRAIL_ENABLED", json!({ "Scope": { "TagValue": "v" } })), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "Scope": { "ComplianceResourceId": "i" } })), invalid),
        (with("CLOUD_TRAIL_ENABLED", json!({ "Description": "x".repeat(257) })), "ValidationException"),
        (with("VPC_DEFAULT_SECURITY_GROUP_CLOSED", hourly.clone()), invalid),
        // Change-triggered rules take a recorder, periodic ones do not.
        (with("VPC_DEFAULT_SECURITY_GROUP_CLOSED", json!({})), "NoAvailableConfigurationRecorderException"),
        (with("S3_BUCKET_PUBLIC_READ_PROHIBITED", hourly.clone()), "NoAvailableConfigurationRecorderException"),
        (with("A_NEWER_RULE", json!({})), "NoAvailableConfigurationRecorderException"),
        (with("A_NEWER_RULE", hourly.clone()), "ok"),
        (with("ACCESS_KEYS_ROTATED", json!({ "InputParameters": "{\"maxAccessKeyAge\":\"90\"}" })), "ok"),
    ] {
        assert_eq!(put(input.clone()).await.code(), code, "{input}");
    }
    let mut custom = with("CLOUD_TRAIL_ENABLED", json!({}));
    custom["ConfigRule"]["Source"]["Owner"] = json!("CUSTOM_LAMBDA");
    assert_eq!(put(custom).await.code(), "UnknownOperationException");
    record(project).await;
    let refused = put(with("VPC_DEFAULT_SECURITY_GROUP_CLOSED", hourly)).await;
    assert_eq!(
        refused.json()["message"],
        "A maximum execution frequency for this rule is not allowed because only a change in resources triggers this \
         managed rule."
    );
    let scoped = json!({ "Scope": { "ComplianceResourceTypes": ["AWS::EC2::SecurityGroup"] } });
    assert_eq!(put(with("VPC_DEFAULT_SECURITY_GROUP_CLOSED", scoped)).await.code(), "ok");
}

#[tokio::test]
async fn rules_come_in_pages_and_by_name_and_there_is_a_limit() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    for n in 0..1000 {
        let put = rule(&format!("rule-{n:04}"), "CLOUD_TRAIL_ENABLED", json!({}));
        assert_eq!(project.config("PutConfigRule", put).await.code(), "ok");
    }
    let full = project.config("PutConfigRule", rule("more", "CLOUD_TRAIL_ENABLED", json!({}))).await;
    assert_eq!(full.code(), "MaxNumberOfConfigRulesExceededException");
    // One that is there can still be changed.
    let again = rule("rule-0000", "CLOUD_TRAIL_ENABLED", json!({ "Description": "d" }));
    assert_eq!(project.config("PutConfigRule", again).await.code(), "ok");
    let describe = async |input: Value| project.config("DescribeConfigRules", input).await;
    let first = describe(json!({})).await.json();
    assert_eq!(first["ConfigRules"].as_array().unwrap().len(), 25);
    let second = describe(json!({ "NextToken": first["NextToken"] })).await.json();
    assert_eq!(second["ConfigRules"][0]["ConfigRuleName"], "rule-0025");
    let last = describe(json!({ "NextToken": "975" })).await.json();
    assert_eq!((last["ConfigRules"].as_array().unwrap().len(), last.get("NextToken")), (25, None));
    assert_eq!(describe(json!({ "NextToken": "x" })).await.code(), "InvalidNextTokenException");
    let named = describe(json!({ "ConfigRuleNames": ["rule-0500"] })).await.json();
    assert_eq!(named["ConfigRules"].as_array().unwrap().len(), 1);
    let unknown = describe(json!({ "ConfigRuleNames": ["none"] })).await;
    assert_eq!(unknown.code(), "NoSuchConfigRuleException");
    assert_eq!(
        unknown.json()["message"],
        "The ConfigRule 'none' provided in the request is invalid. Please check the configRule name."
    );
    let many: Vec<String> = (0..26).map(|n| format!("rule-{n:04}")).collect();
    assert_eq!(describe(json!({ "ConfigRuleNames": many })).await.code(), "ValidationException");
    let proactive = json!({ "Filters": { "EvaluationMode": "PROACTIVE" } });
    assert_eq!(describe(proactive).await.json()["ConfigRules"], json!([]));
}

#[tokio::test]
async fn a_rule_that_is_deleted_is_in_use_until_it_is_gone() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let input = rule("trail", "CLOUD_TRAIL_ENABLED", json!({}));
    let named = json!({ "ConfigRuleName": "trail" });
    project.config("PutConfigRule", input.clone()).await;
    assert_eq!(project.config("DeleteConfigRule", named.clone()).await.code(), "ok");
    let read = project.config("DescribeConfigRules", json!({})).await.json();
    assert_eq!(read["ConfigRules"][0]["ConfigRuleState"], "DELETING");
    assert_eq!(chain.start.state().await["config"]["rules"], json!([]));
    assert_eq!(project.config("PutConfigRule", input.clone()).await.code(), "ResourceInUseException");
    assert_eq!(project.config("DeleteConfigRule", named.clone()).await.code(), "ResourceInUseException");
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if project.config("DescribeConfigRules", json!({})).await.json()["ConfigRules"] == json!([]) {
            break;
        }
    }
    assert_eq!(project.config("DeleteConfigRule", named).await.code(), "NoSuchConfigRuleException");
    assert_eq!(project.config("PutConfigRule", input).await.code(), "ok");
}

#[tokio::test]
async fn a_services_rule_cannot_be_changed() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let input = rule("securityhub-trail", "CLOUD_TRAIL_ENABLED", json!({}));
    project.config("PutConfigRule", input.clone()).await;
    let linked = json!({ "do": "link-config-rule", "account": PROJECT, "region": "us-east-1",
        "rule": "securityhub-trail", "service": "securityhub.amazonaws.com" });
    assert_eq!(chain.start.tamper(linked).await.status, 200);
    let read = project.config("DescribeConfigRules", json!({})).await.json();
    assert_eq!(read["ConfigRules"][0]["CreatedBy"], "securityhub.amazonaws.com");
    let named = json!({ "ConfigRuleName": "securityhub-trail" });
    for (operation, input) in [("PutConfigRule", input), ("DeleteConfigRule", named)] {
        let refused = project.config(operation, input).await;
        assert_eq!(refused.code(), "AccessDeniedException", "{operation}");
        assert_eq!(
            refused.json()["message"],
            "An AWS service owns ServiceLinkedConfigRule. You do not have permissions to take action on this rule."
        );
    }
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    record(project).await;
    project.config("PutConfigRule", rule("trail", "CLOUD_TRAIL_ENABLED", json!({}))).await;
    let to = json!({ "AuthorizedAccountId": SECURITY, "AuthorizedAwsRegion": "ap-northeast-1" });
    let permit = project.config("PutAggregationAuthorization", to).await.json();
    let aggregator = json!({ "ConfigurationAggregatorName": "all",
        "AccountAggregationSources": [{ "AccountIds": [PROJECT], "AllAwsRegions": true }] });
    let made = project.config("PutConfigurationAggregator", aggregator).await.json();
    let recorders = project.config("DescribeConfigurationRecorders", json!({})).await.json();
    let rules = project.config("DescribeConfigRules", json!({})).await.json();
    for arn in [
        &recorders["ConfigurationRecorders"][0]["arn"],
        &rules["ConfigRules"][0]["ConfigRuleArn"],
        &permit["AggregationAuthorization"]["AggregationAuthorizationArn"],
        &made["ConfigurationAggregator"]["ConfigurationAggregatorArn"],
    ] {
        let list =
            async || project.config("ListTagsForResource", json!({ "ResourceArn": arn })).await.json()["Tags"].clone();
        let add = json!({ "ResourceArn": arn, "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] });
        assert_eq!(project.config("TagResource", add).await.code(), "ok", "{arn}");
        let remove = json!({ "ResourceArn": arn, "TagKeys": ["a"] });
        assert_eq!(project.config("UntagResource", remove).await.code(), "ok", "{arn}");
        assert_eq!(list().await, json!([{ "Key": "b", "Value": "2" }]));
        assert_eq!(chain.start.tamper(json!({ "do": "untag", "arn": arn })).await.status, 200);
        assert_eq!(list().await, json!([]));
        // Not from another Region, nor from another account.
        for client in [project.at("eu-west-1"), chain.other.clone()] {
            let refused = client.config("ListTagsForResource", json!({ "ResourceArn": arn })).await;
            assert_eq!(refused.code(), "ResourceNotFoundException");
        }
    }
    let arn = &rules["ConfigRules"][0]["ConfigRuleArn"];
    let many: Vec<Value> = (0..51).map(|n| json!({ "Key": n.to_string(), "Value": "" })).collect();
    let many = project.config("TagResource", json!({ "ResourceArn": arn, "Tags": many })).await;
    assert_eq!(many.code(), "TooManyTagsException");
    let reserved = json!({ "ResourceArn": arn, "Tags": [{ "Key": "aws:x", "Value": "" }] });
    assert_eq!(project.config("TagResource", reserved).await.code(), "ValidationException");
}

#[tokio::test]
async fn authorizations_and_aggregators_there_and_back() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    let to = json!({ "AuthorizedAccountId": SECURITY, "AuthorizedAwsRegion": "ap-northeast-1" });
    let first = project.config("PutAggregationAuthorization", to.clone()).await.json();
    let again = project.config("PutAggregationAuthorization", to.clone()).await.json();
    assert_eq!(first, again);
    assert_eq!(
        first["AggregationAuthorization"]["AggregationAuthorizationArn"],
        "arn:aws:config:us-east-1:333333333333:aggregation-authorization/222222222222/ap-northeast-1"
    );
    let list = async |client: &Client| {
        let read = client.config("DescribeAggregationAuthorizations", json!({})).await.json();
        read["AggregationAuthorizations"].as_array().unwrap().len()
    };
    assert_eq!((list(project).await, list(&project.at("eu-west-1")).await), (1, 0));
    let bad = json!({ "AuthorizedAccountId": "42", "AuthorizedAwsRegion": "ap-northeast-1" });
    assert_eq!(project.config("PutAggregationAuthorization", bad).await.code(), "ValidationException");
    assert_eq!(project.config("DeleteAggregationAuthorization", to).await.code(), "ok");
    assert_eq!(list(project).await, 0);

    let security = chain.security.at("ap-northeast-1");
    let put = async |name: &str, source: Value| {
        let input = json!({ "ConfigurationAggregatorName": name, "AccountAggregationSources": [source] });
        security.config("PutConfigurationAggregator", input).await
    };
    for (source, code) in [
        (json!({ "AccountIds": [], "AllAwsRegions": true }), "ValidationException"),
        (json!({ "AccountIds": ["42"], "AllAwsRegions": true }), "ValidationException"),
        (json!({ "AccountIds": [PROJECT] }), "InvalidParameterValueException"),
        (
            json!({ "AccountIds": [PROJECT], "AllAwsRegions": true, "AwsRegions": ["us-east-1"] }),
            "InvalidParameterValueException",
        ),
    ] {
        assert_eq!(put("all", source.clone()).await.code(), code, "{source}");
    }
    assert_eq!(
        put("a b", json!({ "AccountIds": [PROJECT], "AllAwsRegions": true })).await.code(),
        "ValidationException"
    );
    let made = put("all", json!({ "AccountIds": [PROJECT], "AllAwsRegions": true })).await.json();
    // The accounts are replaced, not added to.
    let regions = json!({ "AccountIds": [OTHER], "AllAwsRegions": false, "AwsRegions": ["us-east-1"] });
    assert_eq!(put("all", regions.clone()).await.code(), "ok");
    let read = security.config("DescribeConfigurationAggregators", json!({})).await.json();
    let one = &read["ConfigurationAggregators"][0];
    assert_eq!(one["AccountAggregationSources"], json!([regions]));
    let arn = &made["ConfigurationAggregator"]["ConfigurationAggregatorArn"];
    assert_eq!(&one["ConfigurationAggregatorArn"], arn);
    let organization = json!({ "ConfigurationAggregatorName": "org",
        "OrganizationAggregationSource": { "RoleArn": "arn:aws:iam::222222222222:role/x", "AllAwsRegions": true } });
    let refused = security.config("PutConfigurationAggregator", organization).await;
    assert_eq!(refused.code(), "NoAvailableOrganizationException");
    let named = json!({ "ConfigurationAggregatorName": "all" });
    assert_eq!(security.config("DeleteConfigurationAggregator", named.clone()).await.code(), "ok");
    let gone = "NoSuchConfigurationAggregatorException";
    assert_eq!(security.config("DeleteConfigurationAggregator", named).await.code(), gone);
    let asked = json!({ "ConfigurationAggregatorNames": ["all"] });
    assert_eq!(security.config("DescribeConfigurationAggregators", asked).await.code(), gone);
}

#[tokio::test]
async fn denials_name_the_resource() {
    let (_sandbox, chain) = estate().await;
    let project = &chain.project;
    project.config("PutConfigRule", rule("trail", "CLOUD_TRAIL_ENABLED", json!({}))).await;
    let read = project.config("DescribeConfigRules", json!({})).await.json();
    let arn = read["ConfigRules"][0]["ConfigRuleArn"].as_str().unwrap();
    chain.start.tamper(json!({ "do": "deny", "account": PROJECT, "operation": "config:*", "scp": true })).await;
    let permit = "arn:aws:config:us-east-1:333333333333:aggregation-authorization/222222222222/us-east-1";
    let to = json!({ "AuthorizedAccountId": SECURITY, "AuthorizedAwsRegion": "us-east-1" });
    for (operation, input, resource) in [
        ("DescribeConfigurationRecorders", json!({}), "*"),
        ("PutConfigRule", rule("new", "CLOUD_TRAIL_ENABLED", json!({})), "*"),
        ("PutConfigRule", rule("trail", "CLOUD_TRAIL_ENABLED", json!({})), arn),
        ("DeleteConfigRule", json!({ "ConfigRuleName": "trail" }), arn),
        ("ListTagsForResource", json!({ "ResourceArn": arn }), arn),
        ("PutAggregationAuthorization", to, permit),
    ] {
        let denied = project.config(operation, input).await;
        assert_eq!((denied.status, denied.code().as_str()), (400, "AccessDeniedException"));
        let message = format!(
            "User: arn:aws:sts::333333333333:assumed-role/Execution/run is not authorized to perform: \
             config:{operation} on resource: {resource} with an explicit deny in a service control policy"
        );
        assert_eq!(denied.json()["message"], message.as_str());
    }
    assert_eq!(chain.other.config("DescribeConfigRules", json!({})).await.code(), "ok");
}
