//! Whether logs still arrive: what other people's statements, a key or AWS itself have to say, and what a run answers.

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, BUCKET, Estate, HOME, KEY_ADDRESS, PAYMENTS, PROFILES, SECURITY};

/// Somebody's statement that admits their organization alone.
fn of_an_organization() -> Value {
    json!({
        "Sid": "OnlyUs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/AWSLogs/*"),
        "Condition": { "StringNotEquals": { "aws:PrincipalOrgID": "o-example" } },
    })
}

/// Adds a statement to the policy of the bucket.
fn deny_in_bucket(estate: &Estate, statement: &Value) {
    let mut policy = match estate.bucket(BUCKET)["policy"].take() {
        Value::Null => json!({ "Version": "2012-10-17", "Statement": [] }),
        policy => policy,
    };
    policy["Statement"].as_array_mut().unwrap().push(statement.clone());
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": policy }));
}

fn allow_in_bucket(estate: &Estate) {
    let mut policy = estate.bucket(BUCKET)["policy"].clone();
    policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "OnlyUs");
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": policy }));
}

/// `ADDRESS: REASON` of everything that is not delivered.
fn undelivered(document: &Value) -> Vec<String> {
    let list = document["undelivered"].as_array().unwrap().iter();
    list.map(|one| format!("{}: {}", one["address"].as_str().unwrap(), one["reason"].as_str().unwrap())).collect()
}

fn notes(document: &Value, words: &str) -> Vec<String> {
    let list = document["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap().to_owned());
    list.filter(|text| text.contains(words)).collect()
}

#[test]
fn a_statement_that_keeps_logs_out_is_named_before_the_first_apply_and_after_it() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "create-bucket", "bucket": BUCKET, "account": SECURITY, "region": HOME }));
    deny_in_bucket(&estate, &of_an_organization());
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3), "{document:#}");
    let said = undelivered(&document);
    assert!(said.len() == 1 && said[0].contains(&format!("s3.bucket/{BUCKET}: statement `OnlyUs`")), "{said:#?}");
    assert!(said[0].contains("cloudtrail.amazonaws.com for every account"), "{said:#?}");

    allow_in_bucket(&estate);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    deny_in_bucket(&estate, &of_an_organization());
    // At once, long before a delivery fails.
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, document["complete"].clone()), (Some(3), json!(false)), "{document:#}");
    assert_eq!(document["changes"], json!([]));
    assert_eq!(undelivered(&document), said);
    // The trails have delivered a moment ago.
    assert_eq!(notes(&document, "AccessDenied").len(), 6, "{document:#}");

    estate.tamper(json!({ "do": "age-deliveries", "minutes": 31 }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let said = undelivered(&document);
    assert_eq!(said.len(), 7, "{said:#?}");
    assert!(
        said[1].contains("cannot deliver log files") && said[1].contains("AccessDenied; the last good"),
        "{said:#?}"
    );
    // A run for one account says it of that account, and what is in the way.
    let (code, document) = estate.plan_json(&["-a", PAYMENTS]);
    assert_eq!((code, undelivered(&document).len()), (Some(3), 3), "{document:#}");
    let quiet = estate.run(&["plan", "--quiet"]).ended(3);
    assert!(quiet.out.contains("OnlyUs"), "{quiet:?}");

    allow_in_bucket(&estate);
    estate.assert_clean();
}

#[test]
fn what_cannot_be_told_is_a_note_and_what_spares_aws_services_is_none() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let mut statement = of_an_organization();
    statement["Condition"] = json!({ "NotIpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
    // The simulation takes a key that it does not know for absent; AWS knows it.
    statement["Condition"]["BoolIfExists"] = json!({ "aws:PrincipalIsAWSService": "true" });
    deny_in_bucket(&estate, &statement);
    let (_, document) = estate.plan_json(&[]);
    assert_eq!(undelivered(&document), [""; 0]);
    let said = notes(&document, "aws:SourceIp");
    assert!(said.len() == 1 && said[0].contains("statement `OnlyUs`") && said[0].contains("may deny"), "{document:#}");

    allow_in_bucket(&estate);
    statement["Condition"] = json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-example" },
        "BoolIfExists": { "aws:PrincipalIsAWSService": "false" } });
    deny_in_bucket(&estate, &statement);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, notes(&document, "OnlyUs").len()), (Some(0), 0), "{document:#}");
}

#[test]
fn a_statement_of_the_key_policy_is_named_as_well() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let mut policy = estate.state()["keys"][0]["policy"].clone();
    policy["Statement"].as_array_mut().unwrap().push(json!({
        "Sid": "Locked", "Effect": "Deny", "Action": "kms:GenerateDataKey*", "Resource": "*",
        "Principal": { "Service": "cloudtrail.amazonaws.com" },
    }));
    estate.tamper(json!({ "do": "put-key-policy", "key": estate.key_arn(), "policy": policy }));
    let (code, document) = estate.plan_json(&[]);
    let said = undelivered(&document);
    assert_eq!((code, said.len()), (Some(3), 1), "{document:#}");
    assert!(said[0].starts_with(&format!("{KEY_ADDRESS}: statement `Locked` of the key policy")), "{said:#?}");
}

#[test]
fn what_a_run_repairs_waits_for_aws_and_is_no_alarm() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "disable-key", "key": estate.key_arn() }));
    estate.tamper(json!({ "do": "age-deliveries", "minutes": 45 }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, undelivered(&document).len()), (Some(3), 6), "{document:#}");
    assert!(undelivered(&document)[0].contains("KMS.DisabledException"), "{document:#}");
    let ran = estate.run(&["apply", "--yes", "--format", "json"]).ended(0);
    let document = ran.json();
    assert_eq!((undelivered(&document).len(), document["complete"].clone()), (0, json!(true)), "{document:#}");
    assert_eq!(notes(&document, "waiting for AWS's next attempt").len(), 6, "{document:#}");
    estate.assert_clean();
}

#[test]
fn a_trail_that_delivers_nothing_for_an_hour_is_not_doing_its_work() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let silent = |minutes: u32| {
        estate.tamper(json!({ "do": "forget-deliveries" }));
        estate.tamper(json!({ "do": "age-deliveries", "minutes": minutes }));
    };
    silent(10);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, notes(&document, "delivered nothing yet").len()), (Some(0), 6), "{document:#}");
    silent(60);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, undelivered(&document).len()), (Some(3), 6), "{document:#}");
    assert!(undelivered(&document)[0].contains("nothing was delivered"), "{document:#}");
}

#[test]
fn a_gap_in_the_recording_is_said_from_when_to_when() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(PAYMENTS);
    let gaps = || notes(&estate.plan_json(&[]).1, "recorded nothing from");
    assert_eq!(gaps(), [""; 0]);
    admin.cloudtrail("us-east-1", "StopLogging", json!({ "Name": "baseline" }));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    admin.cloudtrail("us-east-1", "StartLogging", json!({ "Name": "baseline" }));
    estate.assert_clean();
    assert_eq!(gaps().len(), 1, "{:#?}", gaps());
    // A run that is quiet says it, too: nothing else is left of what happened.
    let state = |name: &str| estate.directory.path().join(name).to_str().unwrap().to_owned();
    for (index, command) in [&["plan", "-q"][..], &["apply", "--yes", "-q"]].into_iter().enumerate() {
        let said = state(&format!("said-{index}"));
        let night = |more: &[&str], state: &str| {
            estate.run_with(&[command, more].concat(), &[("STATE_DIRECTORY", state)]).ended(0).out
        };
        // A narrowed run says nothing of other accounts, and keeps what it has said.
        assert_eq!(night(&["-a", "ledger"], &said), "");
        let out = night(&[], &said);
        assert!(out.starts_with("note recording-gap\n") && out.contains("recorded nothing from"), "{out}");
        assert_eq!(night(&[], &said), "", "once");
        assert_eq!(night(&["-a", "payments"], &said), "");
        let document = night(&["--format", "json"], &state(&format!("json-{index}")));
        let document = serde_json::from_str(&document).unwrap();
        assert_eq!(notes(&document, "recorded nothing from").len(), 1, "{document:#}");
        // Where nothing can be remembered it is said each time.
        assert!(night(&[], "/dev/null").contains("recorded nothing") && night(&[], "/dev/null").contains("nothing"));
        let broken = std::fs::read_dir(&said).unwrap().next().unwrap().unwrap().path();
        std::fs::write(broken, "{").unwrap();
        assert!(night(&[], &said).contains("recorded nothing"));
    }
    estate.tamper(json!({ "do": "age-deliveries", "minutes": 60 * 24 * 8 }));
    assert_eq!(gaps(), [""; 0]);
    assert_eq!(estate.run(&["plan", "-q"]).ended(0).out, "");
}

#[test]
fn a_gap_in_the_recording_of_aws_config_is_said_too() {
    let estate = Estate::converged(PROFILES, &format!("{BASELINE}\n[config]\n"));
    let admin = estate.admin(PAYMENTS);
    let name = json!({ "ConfigurationRecorderName": "default" });
    admin.config(HOME, "StopConfigurationRecorder", name.clone());
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    admin.config(HOME, "StartConfigurationRecorder", name);
    let said = notes(&estate.plan_json(&[]).1, "recorded nothing from");
    assert!(said.len() == 1 && said[0].starts_with("recorder `default` was stopped"), "{said:#?}");
}

#[test]
fn a_multi_region_trail_is_asked_in_every_region() {
    let multi = BASELINE.replace("[cloudtrail]", "[cloudtrail]\nmode = 'multi-region'");
    let estate = Estate::converged(PROFILES, &multi);
    estate.assert_clean();
    deny_in_bucket(&estate, &of_an_organization());
    estate.tamper(json!({ "do": "age-deliveries", "minutes": 31 }));
    let said = undelivered(&estate.plan_json(&["-a", PAYMENTS]).1);
    let of_trail = |region: &str| {
        let start = format!("{PAYMENTS}/{region}/cloudtrail.trail/baseline-multi-region: ");
        said.iter().any(|one| one.starts_with(&start) && one.contains(&format!(" from {region}: AccessDenied")))
    };
    assert!(of_trail(HOME) && of_trail("us-east-1"), "{said:#?}");
}

#[test]
fn a_delivery_channel_that_fails_is_told_with_its_next_attempt() {
    let estate = Estate::converged(PROFILES, &format!("{BASELINE}\n[config]\n"));
    estate.assert_clean();
    let mut statement = of_an_organization();
    statement["Principal"] = json!({ "Service": "config.amazonaws.com" });
    statement.as_object_mut().unwrap().remove("Condition");
    deny_in_bucket(&estate, &statement);
    let (code, document) = estate.plan_json(&["-a", PAYMENTS]);
    let said = undelivered(&document);
    assert_eq!(code, Some(3), "{document:#}");
    assert!(said[0].contains("denies s3:PutObject to config.amazonaws.com"), "{said:#?}");
    let channel = format!("{PAYMENTS}/{HOME}/config.delivery_channel/default: AWS Config cannot deliver");
    let of_channel = said.iter().find(|one| one.starts_with(&channel)).unwrap_or_else(|| panic!("{said:#?}"));
    assert!(of_channel.contains("AccessDenied") && of_channel.contains("next attempt is due at"), "{said:#?}");
    assert!(!said.iter().any(|one| one.contains("cloudtrail")), "{said:#?}");
}

#[test]
fn a_statement_about_the_names_of_log_files_keeps_them_out() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let mut statement = of_an_organization();
    statement["Resource"] = json!(format!("arn:aws:s3:::{BUCKET}/*_CloudTrail_*"));
    statement.as_object_mut().unwrap().remove("Condition");
    deny_in_bucket(&estate, &statement);
    let (code, document) = estate.plan_json(&[]);
    let said = undelivered(&document);
    assert!(code == Some(3) && said.len() == 1 && said[0].contains("statement `OnlyUs`"), "{document:#}");
    assert_eq!(notes(&document, "AccessDenied").len(), 6, "AWS says it, too: {document:#}");
}
