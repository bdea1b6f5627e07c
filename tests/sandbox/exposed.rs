//! What somebody else opens: no run calls it well until it is gone, a reader is declared, or somebody accepted it.

use std::fs;

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, BUCKET, BUCKET_ADDRESS, Estate, HOME, PROFILES, SECURITY, standard};

const STRANGER: &str = "999999999999";

fn statement(actions: &[&str], resource: &str) -> Value {
    json!({ "Sid": "Siem", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{STRANGER}:root") },
        "Action": actions, "Resource": resource })
}

/// Adds a statement of somebody to the bucket policy, in the place of the one that was there before.
fn open_bucket(estate: &Estate, actions: &[&str]) {
    let mut policy = estate.bucket(BUCKET)["policy"].clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|statement| statement["Sid"] != "Siem");
    statements.push(statement(actions, &format!("arn:aws:s3:::{BUCKET}/*")));
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": policy }));
}

fn exposed(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = document["exposed"].as_array().unwrap();
    list.iter().map(|one| (text(&one["address"]), text(&one["reason"]))).collect()
}

#[test]
fn a_reader_that_nobody_declared_keeps_every_run_from_an_all_clear() {
    let estate = Estate::converged(PROFILES, BASELINE);
    open_bucket(&estate, &["s3:GetObject"]);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["complete"], &document["changes"]), (Some(3), &json!(false), &json!([])));
    let reason = format!(
        "statement Siem of the bucket policy allows s3:GetObject to account {STRANGER}, which profiles.toml does not name"
    );
    assert_eq!(exposed(&document), [(BUCKET_ADDRESS.to_owned(), reason.clone())]);

    // Quiet runs, and those that apply, say it as well; nothing of it is changed.
    for arguments in [&["plan", "--quiet"][..], &["apply", "--yes", "--quiet"], &["apply", "--yes"]] {
        let ran = estate.run(arguments).ended(3);
        assert!(ran.out.contains(&reason) && ran.out.contains("1 exposed"), "{arguments:?}: {ran:?}");
    }
    assert!(estate.bucket(BUCKET)["policy"].to_string().contains("Siem"), "it is left alone");
    // A run that does not look there says nothing of it.
    estate.plan(&["-a", "payments"]).ended(0);
}

#[test]
fn a_trusted_account_reads_and_an_exception_accepts_no_more_than_it_names() {
    let estate = Estate::converged(PROFILES, BASELINE);
    open_bucket(&estate, &["s3:GetObject"]);
    let trusted =
        format!("{PROFILES}\n[[trusted_account]]\nid = \"{STRANGER}\"\nreason = \"SIEM\"\naccess = \"read\"\n");
    estate.write_profiles(&trusted);
    estate.assert_clean();
    open_bucket(&estate, &["s3:GetObject", "s3:DeleteObject"]);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, exposed(&document).len()), (Some(3), 1), "{document:#}");

    let digest = document["exposed"][0]["digest"].as_str().unwrap();
    let exception = |until: &str| {
        format!(
            "{BASELINE}\n[[exception]]\naddress = \"{BUCKET_ADDRESS}\"\ndigest = \"{digest}\"\nreason = \"moving out\"\n\
             owner = \"security@example.com\"\nuntil = {until}\n"
        )
    };
    estate.write_baseline(&exception("2999-12-31"));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["complete"], &document["exposed"]), (Some(0), &json!(true), &json!([])));
    assert_eq!(document["exempt"][0]["owner"], "security@example.com");
    assert_eq!(document["summary"]["exempt"], 1);
    // Under another name it is the same; what is wider is not.
    open_bucket(&estate, &["s3:GetObject", "s3:DeleteObject", "s3:PutObject"]);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, exposed(&document).len()), (Some(3), 1));
    assert!(document["notes"].to_string().contains("accepts nothing that is exposed now"), "{document:#}");
    // Past its date it is exposed again.
    open_bucket(&estate, &["s3:GetObject", "s3:DeleteObject"]);
    estate.write_baseline(&exception("2020-01-31"));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["exempt"]), (Some(3), &json!([])));
    assert!(document["exposed"][0]["hint"].as_str().unwrap().contains("ended on 2020-01-31"), "{document:#}");
}

#[test]
fn every_policy_that_is_relied_on_is_looked_at() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.apply(&[]);
    let (_, before) = estate.plan_json(&[]);
    assert_eq!(exposed(&before), [], "{before:#}");
    let owner = estate.admin(SECURITY);
    let state = estate.state();
    let key = state["keys"].as_array().unwrap().iter().find(|key| key["alias"] == "alias/baseline-logs");
    let key = key.unwrap_or(&state["keys"][0]);
    let mut policy = key["policy"].clone();
    policy["Statement"].as_array_mut().unwrap().push(statement(&["kms:Decrypt"], "*"));
    estate.tamper(json!({ "do": "put-key-policy", "key": key["arn"], "policy": policy }));
    let topic = "arn:aws:sns:eu-west-1:222222222222:baseline-alerts";
    let topics = state["topics"].as_array().unwrap();
    let mut policy = topics.iter().find(|one| one["arn"] == topic).unwrap()["policy"].clone();
    // AWS takes the names of accounts that exist alone; a condition may hold any.
    let mut conditioned = statement(&["sns:Subscribe"], topic);
    conditioned["Principal"] = json!("*");
    conditioned["Condition"] = json!({ "StringEquals": { "aws:PrincipalAccount": STRANGER } });
    policy["Statement"].as_array_mut().unwrap().push(conditioned);
    let (name, value) = ("Policy", policy.to_string());
    owner.sns(HOME, "SetTopicAttributes", &[("TopicArn", topic), ("AttributeName", name), ("AttributeValue", &value)]);
    let put = json!({ "StatementId": "Siem", "Action": "events:PutEvents", "Principal": "*" });
    owner.events(HOME, "PutPermission", put);
    let (code, document) = estate.plan_json(&[]);
    let found: Vec<String> = exposed(&document).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(code, Some(3), "{document:#}");
    let stranger = format!("account {STRANGER}");
    for (what, action, who) in [
        ("key policy", "kms:Decrypt", stranger.as_str()),
        ("topic policy", "sns:Subscribe", stranger.as_str()),
        ("bus policy", "events:PutEvents", "everyone"),
    ] {
        let reason = format!("statement Siem of the {what} allows {action} to {who}");
        assert!(found.iter().any(|one| one.starts_with(&reason)), "{what}: {found:#?}");
    }
    assert_eq!(found.len(), 3, "{found:#?}");
}

#[test]
fn a_record_a_saved_plan_and_a_command_hold_what_is_exposed() {
    let estate = Estate::converged(PROFILES, BASELINE);
    open_bucket(&estate, &["s3:*"]);
    let read = |name: &str| fs::read_to_string(estate.directory.path().join(name)).unwrap();
    let path = [("PATH", "/usr/bin:/bin")];
    let hook = ["plan", "--out", "saved.json", "--events", "run.jsonl", "--on-drift", "cat > got.json"];
    estate.run_with(&hook, &path).ended(3);
    let got: Value = serde_json::from_str(&read("got.json")).unwrap();
    assert_eq!(exposed(&got).len(), 1);
    for file in ["saved.json", "run.jsonl"] {
        let shown = estate.run(&["show", file]);
        assert!(
            shown.out.contains("! exposed s3.bucket") && shown.out.contains("allows s3:* to account"),
            "{file}: {shown:?}"
        );
    }
    // It goes by the plan, and is no all-clear either.
    estate.run(&["apply", "saved.json", "--yes"]).ended(3);
}

#[test]
fn what_bears_a_name_of_ours_and_admits_everyone_is_taken_away_whatever_accounts_it_names() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let mut policy = estate.bucket(BUCKET)["policy"].take();
    policy["Statement"].as_array_mut().unwrap().push(json!({
        "Sid": format!("BaselineCloudTrailWrite{STRANGER}"), "Effect": "Allow", "Principal": "*", "Action": "s3:*",
        "Resource": [format!("arn:aws:s3:::{BUCKET}/*"), format!("arn:aws:s3:::{BUCKET}/AWSLogs/{STRANGER}/*")],
    }));
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": policy }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["blocked"]), (Some(2), &json!([])), "{document:#}");
    assert!(document["changes"].to_string().contains(&format!("BaselineCloudTrailWrite{STRANGER}")), "{document:#}");
    estate.apply(&[]).ended(0);
    assert!(!estate.bucket(BUCKET)["policy"].to_string().contains(STRANGER));
    estate.assert_clean();
}

#[test]
fn a_delivery_channel_that_tells_a_strangers_topic_is_exposed() {
    let estate = Estate::converged(PROFILES, &format!("{BASELINE}\n[config]\n"));
    let admin = estate.admin("333333333333");
    let mut channel = admin.config("eu-west-1", "DescribeDeliveryChannels", json!({}))["DeliveryChannels"][0].clone();
    for (account, told) in [(STRANGER, 1), ("444444444444", 0)] {
        channel["snsTopicARN"] = json!(format!("arn:aws:sns:eu-west-1:{account}:t"));
        admin.config("eu-west-1", "PutDeliveryChannel", json!({ "DeliveryChannel": channel }));
        let (code, document) = estate.plan_json(&[]);
        assert_eq!((code, exposed(&document).len()), (Some(3 * told), told as usize), "{document:#}");
    }
}
