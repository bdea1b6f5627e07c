//! Answers that say nothing: a success without its content is never taken for "there is none", and nothing is written
//! over what could not be read.

use std::collections::BTreeSet;

use super::estate::{Estate, PROFILES, STANDARD, TRAILS};
use crate::sandbox::{Effect, Fault, Tamper};

fn answer(body: &str) -> Effect {
    Effect::Answer { status: 200, body: body.to_owned() }
}

/// What a second run reads, as the sandbox names it.
fn reads(estate: &mut Estate) -> BTreeSet<String> {
    estate.run();
    estate.cloud.reset_calls();
    let ran = estate.run();
    assert!(ran.plan.changes.is_empty() && ran.plan.unreadable.is_empty(), "{:#?}", ran.plan);
    let reads = estate.cloud.calls().into_iter().filter(|call| !call.mutating);
    reads.map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

/// With this answered to an operation, nothing is planned that would need to know better.
fn assert_says_nothing(estate: &mut Estate, operation: &str, body: &str) {
    estate.cloud.tamper(Tamper::ClearFaults {}).unwrap();
    estate.fault(Fault { operation: Some(operation.to_owned()), ..Fault::of(answer(body)) });
    let before = estate.cloud.mutating_calls();
    let ran = estate.run();
    assert!(
        !ran.plan.unreadable.is_empty(),
        "{operation} answered {body:?}: taken for an answer; {:#?}",
        ran.plan.changes
    );
    assert!(!ran.plan.complete(), "{operation}: {body:?}");
    assert_eq!(estate.cloud.mutating_calls(), before, "{operation} answered {body:?}: {:#?}", ran.plan.changes);
}

#[test]
fn an_empty_body_is_an_answer_to_no_read_and_nothing_is_written_after_it() {
    let mut estate = Estate::new(PROFILES, STANDARD);
    let reads = reads(&mut estate);
    assert!(reads.len() > 25, "{reads:?}");
    for read in reads.iter().filter(|read| *read != "s3:HeadBucket") {
        // Nothing, and what a portal or a proxy that wants somebody to sign in answers.
        for body in ["", "<html><head><title>Sign in</title></head><body/></html>"] {
            assert_says_nothing(&mut estate, read, body);
        }
    }
}

/// What a write replaces as a whole, and what the answers have even where there is little to say.
#[test]
fn an_answer_without_what_it_always_has_is_not_taken_for_a_resource_that_lacks_it() {
    let mut estate = Estate::new(PROFILES, STANDARD);
    estate.run();
    let topic = |attributes: &str| {
        format!(
            "<GetTopicAttributesResponse><GetTopicAttributesResult>{attributes}</GetTopicAttributesResult>\
             </GetTopicAttributesResponse>"
        )
    };
    for (operation, body) in [
        ("s3:GetBucketTagging", "<Tagging/>".to_owned()),
        ("s3:GetBucketLifecycleConfiguration", "<LifecycleConfiguration/>".to_owned()),
        ("s3:GetBucketEncryption", "<ServerSideEncryptionConfiguration/>".to_owned()),
        ("s3:GetBucketOwnershipControls", "<OwnershipControls/>".to_owned()),
        ("s3:GetBucketPolicy", " \n".to_owned()),
        ("s3:GetBucketPolicy", "null".to_owned()),
        ("sns:GetTopicAttributes", topic("")),
        ("sns:GetTopicAttributes", topic("<Attributes/>")),
        ("sns:GetTopicAttributes", topic("<Attributes><entry><key>Policy</key><value></value></entry></Attributes>")),
        ("kms:GetKeyPolicy", "{}".to_owned()),
        ("kms:GetKeyPolicy", r#"{"Policy": ""}"#.to_owned()),
        ("kms:DescribeKey", r#"{"KeyMetadata": null}"#.to_owned()),
        ("cloudtrail:GetTrailStatus", "{}".to_owned()),
        ("cloudtrail:GetEventSelectors", "{}".to_owned()),
        ("cloudtrail:DescribeTrails", r#"{"trailList": [{}]}"#.to_owned()),
        ("config:DescribeConfigurationRecorders", r#"{"ConfigurationRecorders": [{}]}"#.to_owned()),
        ("config:DescribeConfigRules", r#"{"ConfigRules": [{}]}"#.to_owned()),
        ("guardduty:GetDetector", "{}".to_owned()),
        ("events:DescribeEventBus", "{}".to_owned()),
        ("events:ListRules", r#"{"Rules": [{}]}"#.to_owned()),
    ] {
        assert_says_nothing(&mut estate, operation, &body);
    }
}

/// A list that turns in circles is as long as the quotas allow and no longer.
#[test]
fn a_list_without_an_end_could_not_be_read() {
    let mut estate = Estate::new(PROFILES, STANDARD);
    estate.run();
    for (operation, body) in [
        ("cloudtrail:ListTags", r#"{"ResourceTagList": [], "NextToken": "again"}"#),
        ("config:DescribeConfigRules", r#"{"ConfigRules": [], "NextToken": "again"}"#),
        ("config:ListTagsForResource", r#"{"Tags": [], "NextToken": "again"}"#),
        ("guardduty:ListDetectors", r#"{"detectorIds": [], "nextToken": "again"}"#),
        ("events:ListRules", r#"{"Rules": [], "NextToken": "again"}"#),
        ("events:ListTargetsByRule", r#"{"Targets": [], "NextToken": "again"}"#),
        ("kms:ListResourceTags", r#"{"Tags": [], "Truncated": true, "NextMarker": "again"}"#),
        ("kms:ListResourceTags", r#"{"Tags": [], "Truncated": true}"#),
        (
            "iam:ListRoles",
            "<ListRolesResponse><ListRolesResult><Roles/><IsTruncated>true</IsTruncated><Marker>again</Marker>\
             </ListRolesResult></ListRolesResponse>",
        ),
        (
            "sns:ListSubscriptionsByTopic",
            "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions/>\
             <NextToken>again</NextToken></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>",
        ),
    ] {
        estate.cloud.reset_calls();
        assert_says_nothing(&mut estate, operation, body);
        let asked: u64 = estate.cloud.calls().iter().map(|call| call.count).max().unwrap_or_default();
        assert!(asked < 1000, "{operation}: {asked} calls");
    }
}

/// A Region that is not listed any more would be taken out of what all accounts share.
#[test]
fn regions_that_cannot_be_read_are_no_regions_less() {
    // The Regions are asked for where none are listed in the file.
    let profiles = PROFILES.replace("regions = { list = [\"us-east-1\", \"eu-west-1\"] }", "");
    let mut estate = Estate::new(&profiles, TRAILS);
    estate.run();
    let regions =
        |items: &str| format!("<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>");
    let item = |name: &str, status: &str| {
        format!("<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>")
    };
    let good = item("us-east-1", "opt-in-not-required");
    for body in [
        regions(""),
        regions(&format!("{good}{}", item("eu west 1", "opt-in-not-required"))),
        regions(&format!("{good}{}", item("", "opt-in-not-required"))),
        regions(&format!("{good}<item><optInStatus>opted-in</optInStatus></item>")),
        regions(&item("us-east-1", "not-opted-in")),
        regions(&item("cn-north-1", "opt-in-not-required")),
    ] {
        assert_says_nothing(&mut estate, "ec2:DescribeRegions", &body);
    }
}

/// What stays of a role or user that somebody deleted, and what a role that was made a moment ago looks like.
#[test]
fn somebody_who_is_gone_is_told_of_in_the_plan_and_a_new_role_is_not() {
    let mut estate = Estate::new(PROFILES, TRAILS);
    estate.run();
    let bucket = estate.cloud.state()["buckets"][0]["name"].as_str().unwrap().to_owned();
    let policy = estate.cloud.state()["buckets"][0]["policy"].clone();
    let mut with_gone = policy.clone();
    with_gone["Statement"].as_array_mut().unwrap().push(serde_json::json!({
        "Sid": "Siem", "Effect": "Allow", "Principal": { "AWS": "AROAEXAMPLEEXAMPLE01" }, "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{bucket}/*") }));
    let answered = |times| Fault {
        operation: Some("s3:GetBucketPolicy".to_owned()),
        times,
        ..Fault::of(answer(&with_gone.to_string()))
    };
    let notes = |estate: &mut Estate| -> Vec<String> {
        let ran = estate.run();
        assert!(ran.plan.unreadable.is_empty() && ran.plan.changes.is_empty(), "{:#?}", ran.plan);
        ran.plan.notes.iter().filter(|note| note.topic == "gone-principal").map(|note| note.text.clone()).collect()
    };
    estate.fault(answered(Some(1)));
    assert_eq!(notes(&mut estate), [""; 0], "it was a new role");
    estate.fault(answered(None));
    let said = notes(&mut estate);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("statement Siem") && said[0].contains("AROAEXAMPLEEXAMPLE01"), "{said:?}");
}
