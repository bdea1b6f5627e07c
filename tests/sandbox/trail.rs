//! Drift of trails, field by field: shown exactly, and repaired.

use serde_json::{Value, json};

use crate::support::estate::{Admin, BASELINE, Estate, HOME, PAYMENTS, PROFILES, SECURITY};

const EAST: &str = "333333333333/us-east-1/cloudtrail.trail/baseline";
const WEST: &str = "333333333333/eu-west-1/cloudtrail.trail/baseline";

fn arn(region: &str) -> String {
    format!("arn:aws:cloudtrail:{region}:{PAYMENTS}:trail/baseline")
}

fn selectors(change: impl Fn(&mut Value)) -> Value {
    let mut selector = json!({
        "ReadWriteType": "All", "IncludeManagementEvents": true,
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
        "DataResources": [{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3"] }],
    });
    change(&mut selector);
    json!({ "TrailName": "baseline", "EventSelectors": [selector] })
}

type Tampering<'a> = (&'a str, Box<dyn Fn() + 'a>, Vec<String>);

/// For each: shown exactly, and repaired.
fn watched_and_repaired(estate: &Estate, cases: Vec<Tampering<'_>>) {
    let mut wrong = Vec::new();
    for (name, tamper, expected) in cases {
        tamper();
        let drift = estate.drift(&[]);
        if drift != expected {
            wrong.push(format!("{name}: {drift:#?}"));
        }
        estate.apply(&[]).ended(0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    estate.assert_clean();
}

/// Every field of a trail, changed by its own API, and what a plan says to it.
#[test]
fn every_field_of_a_trail_is_watched_and_repaired() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(PAYMENTS);
    let update = |region: &str, member: &str, value: Value| {
        let mut input = json!({ "Name": "baseline" });
        input[member] = value;
        admin.cloudtrail(region, "UpdateTrail", input);
    };
    // Another bucket and key that CloudTrail may really use.
    let security = estate.admin(SECURITY);
    let policy = estate.bucket("baseline-logs-222222222222-eu-west-1")["policy"].to_string();
    security.s3(
        "PUT",
        "/elsewhere",
        "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
    );
    security.s3("PUT", "/elsewhere?policy", &policy.replace("baseline-logs-222222222222-eu-west-1", "elsewhere"));
    let prefixed = policy.replace("/AWSLogs/", "/*");
    let other_key = other_key(&estate, &security);

    let cases: Vec<Tampering<'_>> = vec![
        (
            "stopped",
            Box::new(|| drop(admin.cloudtrail("us-east-1", "StopLogging", json!({ "Name": "baseline" })))),
            vec![format!("{EAST} update logging")],
        ),
        (
            "deleted",
            Box::new(|| drop(admin.cloudtrail(HOME, "DeleteTrail", json!({ "Name": "baseline" })))),
            vec![format!("{WEST} create")],
        ),
        (
            "global events off",
            Box::new(|| update("us-east-1", "IncludeGlobalServiceEvents", json!(false))),
            vec![format!("{EAST} update include_global_service_events")],
        ),
        (
            "global events twice",
            Box::new(|| update(HOME, "IncludeGlobalServiceEvents", json!(true))),
            vec![format!("{WEST} update include_global_service_events")],
        ),
        (
            "validation off",
            Box::new(|| update(HOME, "EnableLogFileValidation", json!(false))),
            vec![format!("{WEST} update log_file_validation")],
        ),
        ("no key", Box::new(|| update(HOME, "KmsKeyId", json!(""))), vec![format!("{WEST} update kms_key")]),
        (
            "another key",
            Box::new(|| update(HOME, "KmsKeyId", json!(other_key))),
            vec![format!("{WEST} update kms_key")],
        ),
        (
            "another bucket",
            Box::new(|| update(HOME, "S3BucketName", json!("elsewhere"))),
            vec![format!("{WEST} update s3_bucket")],
        ),
        (
            "a prefix",
            Box::new(|| {
                // The policy of the log bucket would not take it: it is opened for the moment.
                security.s3("PUT", "/baseline-logs-222222222222-eu-west-1?policy", &prefixed);
                update(HOME, "S3KeyPrefix", json!("stray"));
                security.s3("PUT", "/baseline-logs-222222222222-eu-west-1?policy", &policy);
            }),
            vec![format!("{WEST} update s3_key_prefix")],
        ),
        (
            "a tag gone",
            Box::new(|| estate.tamper(json!({ "do": "untag", "arn": arn(HOME), "key": "cost-center" }))),
            vec![format!("{WEST} update tags>cost-center")],
        ),
        (
            "a tag changed",
            Box::new(|| {
                let tags = json!([{ "Key": "cost-center", "Value": "nobody" }, { "Key": "Baseline", "Value": "old" }]);
                admin.cloudtrail(HOME, "AddTags", json!({ "ResourceId": arn(HOME), "TagsList": tags }));
            }),
            vec![format!("{WEST} update tags>Baseline, tags>cost-center")],
        ),
    ];
    watched_and_repaired(&estate, cases);
}

#[test]
fn every_field_of_the_event_selectors_is_watched_and_repaired() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(PAYMENTS);
    let cases: Vec<Tampering<'_>> = vec![
        (
            "write events only",
            Box::new(|| put(&admin, selectors(|s| s["ReadWriteType"] = json!("WriteOnly")))),
            vec![format!("{EAST} update event_selectors>basic>read_write_type")],
        ),
        (
            "no management events",
            Box::new(|| {
                put(
                    &admin,
                    selectors(|s| {
                        s["IncludeManagementEvents"] = json!(false);
                        s["ExcludeManagementEventSources"] = json!([]);
                    }),
                );
            }),
            vec![format!(
                "{EAST} update event_selectors>basic>exclude_management_event_sources, \
                 event_selectors>basic>include_management_events"
            )],
        ),
        (
            "other exclusions",
            Box::new(|| {
                put(&admin, selectors(|s| s["ExcludeManagementEventSources"] = json!(["rdsdata.amazonaws.com"])));
            }),
            vec![format!("{EAST} update event_selectors>basic>exclude_management_event_sources")],
        ),
        (
            "no data events",
            Box::new(|| put(&admin, selectors(|s| s["DataResources"] = json!([])))),
            vec![format!("{EAST} update event_selectors>basic>data_resources")],
        ),
        (
            "two selectors",
            Box::new(|| {
                let mut input = selectors(|_| ());
                let more = selectors(|s| s["ReadWriteType"] = json!("ReadOnly"))["EventSelectors"][0].clone();
                input["EventSelectors"].as_array_mut().unwrap().push(more);
                put(&admin, input);
            }),
            vec![format!(
                "{EAST} update event_selectors>basic>data_resources, \
                 event_selectors>basic>exclude_management_event_sources, \
                 event_selectors>basic>include_management_events, event_selectors>basic>read_write_type, \
                 event_selectors>other"
            )],
        ),
        (
            "advanced selectors",
            Box::new(|| {
                let field = json!({ "Field": "eventCategory", "Equals": ["Management"] });
                let selector = json!({ "Name": "all", "FieldSelectors": [field] });
                put(&admin, json!({ "TrailName": "baseline", "AdvancedEventSelectors": [selector] }));
            }),
            vec![format!(
                "{EAST} update event_selectors>basic>data_resources, \
                 event_selectors>basic>exclude_management_event_sources, \
                 event_selectors>basic>include_management_events, event_selectors>basic>read_write_type, \
                 event_selectors>other>advanced"
            )],
        ),
    ];
    watched_and_repaired(&estate, cases);
}

/// Two trails of one name cannot be seen in one Region, so that one has to be put right before the other can be made.
#[test]
fn a_trail_that_was_made_multi_region_is_put_right_by_the_second_run_at_the_latest() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(PAYMENTS);
    admin.cloudtrail(HOME, "DeleteTrail", json!({ "Name": "baseline" }));
    admin.cloudtrail("us-east-1", "UpdateTrail", json!({ "Name": "baseline", "IsMultiRegionTrail": true }));
    assert_eq!(estate.drift(&[]), [format!("{WEST} create"), format!("{EAST} update multi_region")]);
    let first = estate.apply(&[]);
    assert!(matches!(first.code, Some(0 | 1)), "{first:?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

fn put(admin: &Admin, input: Value) {
    admin.cloudtrail("us-east-1", "PutEventSelectors", input);
}

/// A key with the log key's policy, without our tags.
fn other_key(estate: &Estate, security: &Admin) -> String {
    let policy = estate.state()["keys"][0]["policy"].to_string();
    let made = security.kms(HOME, "CreateKey", json!({ "Policy": policy }));
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

#[test]
fn what_differs_in_many_places_is_said_once() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for account in [SECURITY, PAYMENTS] {
        for region in [HOME, "us-east-1"] {
            estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
        }
    }
    crate::assert_screen!("many_places", estate.plan(&[]).ended(2).out);
}
