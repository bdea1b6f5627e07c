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
                "{EAST} update event_selectors>advanced, event_selectors>basic>data_resources, \
                 event_selectors>basic>exclude_management_event_sources, \
                 event_selectors>basic>include_management_events, event_selectors>basic>read_write_type"
            )],
        ),
    ];
    watched_and_repaired(&estate, cases);
}

/// Two trails of one name cannot be seen in one Region, so that one has to be put right before the other can be made.
#[test]
fn a_trail_that_was_made_multi_region_is_put_right_in_one_run() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(PAYMENTS);
    admin.cloudtrail(HOME, "DeleteTrail", json!({ "Name": "baseline" }));
    admin.cloudtrail("us-east-1", "UpdateTrail", json!({ "Name": "baseline", "IsMultiRegionTrail": true }));
    assert_eq!(estate.drift(&[]), [format!("{EAST} update multi_region"), format!("{WEST} create")]);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

/// Somebody's trail of our name that records every Region from us-east-1.
fn somebodys_trail(estate: &Estate, region: &str, name: &str) {
    estate.tamper(json!({
        "do": "put-foreign-trail", "account": PAYMENTS, "region": region, "name": name,
        "bucket": "baseline-logs-222222222222-eu-west-1", "multi_region": true,
    }));
}

#[test]
fn a_name_that_somebodys_trail_holds_everywhere_blocks_every_region() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.apply(&["-a", SECURITY]).ended(0);
    somebodys_trail(&estate, "us-east-1", "baseline");
    let blocked = |arguments: &[&str]| {
        let (code, document) = estate.plan_json(arguments);
        assert_eq!(code, Some(3), "{document:#}");
        let list = document["blocked"].as_array().unwrap().clone();
        let of_trails = list.into_iter().filter(|one| one["kind"] == "cloudtrail.trail");
        let said = |one: Value| format!("{} {} {}", one["region"], one["reason"], one["hint"]);
        of_trails.map(said).collect::<Vec<_>>().join("\n")
    };
    let all = blocked(&["-a", PAYMENTS]);
    assert!(all.contains("\"us-east-1\" \"arn:aws:cloudtrail:us-east-1:333333333333:trail/baseline bears"), "{all}");
    assert!(all.contains("\"eu-west-1\" \"the name is taken here by a trail"), "{all}");
    assert!(all.contains("take_over = "), "{all}");
    let before = estate.state()["trails"].clone();
    estate.apply(&["-a", PAYMENTS, "-s", "cloudtrail"]).ended(3);
    assert_eq!(estate.state()["trails"], before);

    // Taken over, and with its own Region left out, there is nothing that frees the name.
    let taken_over = PROFILES.replace("name = \"payments\"", "name = \"payments\"\ntake_over = [\"cloudtrail\"]");
    estate.write_profiles(&taken_over);
    let narrowed = blocked(&["-a", PAYMENTS, "-r", HOME]);
    assert!(narrowed.contains("select us-east-1 too"), "{narrowed}");
    // In one apply, and the Region that is freed comes first.
    let (code, document) = estate.plan_json(&["-a", PAYMENTS]);
    assert_eq!(code, Some(2), "{document:#}");
    estate.apply(&["-a", PAYMENTS]).ended(0);
    let (code, document) = estate.plan_json(&["-a", PAYMENTS]);
    assert_eq!((code, &document["changes"]), (Some(0), &json!([])), "{document:#}");
    let state = estate.state();
    let mine = state["trails"].as_array().unwrap().iter().filter(|trail| trail["arn"].to_string().contains(PAYMENTS));
    assert_eq!(mine.map(|trail| trail["multi_region"].clone()).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn a_name_is_also_taken_from_a_region_that_does_not_count() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.apply(&["-a", SECURITY]).ended(0);
    somebodys_trail(&estate, "ap-northeast-1", "baseline");
    let (code, document) = estate.plan_json(&["-a", PAYMENTS, "-s", "cloudtrail"]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let blocked = document["blocked"].as_array().unwrap();
    assert_eq!(blocked.len(), 2, "{document:#}");
    let says = |one: &Value, words: &str| one.to_string().contains(words);
    assert!(blocked.iter().all(|one| says(one, "ap-northeast-1 is not among the Regions")), "{document:#}");
}

/// One advanced selector that leaves something out, by each of the operators.
fn advanced(operator: &str, value: &str) -> Value {
    let mut field = json!({ "Field": "eventSource" });
    field[operator] = json!([value]);
    let fields = json!([{ "Field": "eventCategory", "Equals": ["Management"] }, field]);
    json!({ "TrailName": "baseline", "AdvancedEventSelectors": [{ "Name": "x", "FieldSelectors": fields }] })
}

#[test]
fn every_operator_of_advanced_selectors_is_shown_and_makes_a_saved_plan_stale() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(PAYMENTS);
    let operators = ["NotEquals", "StartsWith", "NotStartsWith", "EndsWith", "NotEndsWith"];
    for operator in operators {
        put(&admin, advanced(operator, "kms.amazonaws.com"));
        let (_, document) = estate.plan_json(&[]);
        let fields = document["changes"][0]["fields"].to_string();
        let name: String = operator.chars().fold(String::new(), |mut name, c| {
            if c.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
            name
        });
        assert!(fields.contains(&format!("\"{name}\":[\"kms.amazonaws.com\"]")), "{operator}: {fields}");
    }
    estate.plan(&["--out", "plan.json"]).ended(2);
    put(&admin, advanced("NotEndsWith", "sts.amazonaws.com"));
    let ran = estate.apply(&["plan.json"]).ended(3);
    assert!(ran.out.contains("stale"), "{ran:?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn advanced_selectors_can_be_declared() {
    let declared = r#"
[[cloudtrail.advanced_selectors]]
name = "all but KMS"
fields = [
    { field = "eventSource", not_equals = ["kms.amazonaws.com", "rdsdata.amazonaws.com"] },
    { field = "eventCategory", equals = ["Management"] },
]
[[cloudtrail.advanced_selectors]]
fields = [
    { field = "eventCategory", equals = ["Data"] },
    { field = "resources.type", equals = ["AWS::S3::Object"] },
    { field = "resources.ARN", starts_with = ["arn:aws:s3:::payments/"], not_ends_with = [".tmp"] },
]
"#;
    let plain = BASELINE.split("[cloudtrail]").next().unwrap();
    let estate = Estate::converged(PROFILES, &format!("{plain}[cloudtrail]\n{declared}"));
    estate.assert_clean();
    let admin = estate.admin(PAYMENTS);
    let seen = admin.cloudtrail("us-east-1", "GetEventSelectors", json!({ "TrailName": "baseline" }));
    assert!(seen["AdvancedEventSelectors"].to_string().contains("\"NotEndsWith\":[\".tmp\"]"), "{seen:#}");
    put(&admin, advanced("NotEquals", "kms.amazonaws.com"));
    assert_eq!(estate.drift(&[]), [format!("{EAST} update event_selectors>advanced")]);
    estate.apply(&[]).ended(0);
    // The order of selectors, fields and values means nothing.
    let mut again = seen["AdvancedEventSelectors"].clone();
    again.as_array_mut().unwrap().reverse();
    for selector in again.as_array_mut().unwrap() {
        selector["FieldSelectors"].as_array_mut().unwrap().reverse();
    }
    put(&admin, json!({ "TrailName": "baseline", "AdvancedEventSelectors": again }));
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
