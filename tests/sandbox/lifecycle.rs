//! Lifecycle rules of the log bucket that are not ours: what they take away is said, and what they say is kept.

use serde_json::{Value, json};

use super::bucket::lifecycle;
use crate::support::estate::{BASELINE, BUCKET, BUCKET_ADDRESS, Estate, PROFILES, SECURITY, blocked};

/// The exposed resources of a plan, with why.
pub fn exposed(document: &Value) -> Vec<String> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let list = document["exposed"].as_array().unwrap();
    list.iter().map(|entry| format!("{}: {}", text(entry, "address"), text(entry, "reason"))).collect()
}

fn rule(id: &str, filter: &str, actions: &str) -> String {
    format!("<Rule><ID>{id}</ID>{filter}<Status>Enabled</Status>{actions}</Rule>")
}

const ONE_DAY: &str = "<Expiration><Days>1</Days></Expiration>";

#[test]
fn a_rule_of_somebody_that_takes_our_logs_away_sooner_is_exposed_and_left_alone() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let put = |others: &str| {
        admin.s3("PUT", &format!("/{BUCKET}?lifecycle"), &lifecycle("Enabled", 400, 400, others));
    };
    put(&rule("tidy", "<Filter><Prefix>AWSLogs/</Prefix></Filter>", ONE_DAY));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["complete"], &document["changes"]), (Some(3), &json!(false), &json!([])));
    let told = exposed(&document);
    assert!(told.len() == 1 && told[0].starts_with(&format!("{BUCKET_ADDRESS}: lifecycle rule `tidy`")), "{told:?}");
    assert!(told[0].contains("versioning is on") && told[0].contains("after 1 day"), "{told:?}");
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(3);
    assert_eq!(estate.writes(), [""; 0]);

    for harmless in [
        rule("tidy", "<Filter><Prefix>tmp/</Prefix></Filter>", ONE_DAY),
        rule("tidy", "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>", ONE_DAY),
        rule("tidy", "<Filter/>", "<Expiration><Days>400</Days></Expiration>"),
        rule(
            "tidy",
            "<Filter/>",
            "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
        ),
        rule("tidy", "<Filter/>", ONE_DAY).replace("Enabled", "Disabled"),
    ] {
        put(&harmless);
        let (code, document) = estate.plan_json(&[]);
        assert_eq!((code, exposed(&document)), (Some(0), vec![]), "{harmless}");
    }
}

#[test]
fn other_peoples_rules_survive_a_repair_in_the_form_that_s3_takes_and_with_their_sizes() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let path = format!("/{BUCKET}?lifecycle");
    let old = "<Prefix>tmp/</Prefix>";
    let theirs = rule("old", old, "<Expiration><Days>3</Days></Expiration><Novelty><Hours>2</Hours></Novelty>");
    let sizes = [("x-amz-transition-default-minimum-object-size", "varies_by_storage_class")];
    admin.s3_with("PUT", &path, &sizes, &format!("<LifecycleConfiguration>{theirs}</LifecycleConfiguration>"));
    let drift = estate.drift(&[]);
    assert_eq!(drift, [format!("{BUCKET_ADDRESS} update noncurrent_days, retention_days")]);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let now = admin.s3("GET", &path, "");
    let new = rule(
        "old",
        "<Filter><Prefix>tmp/</Prefix></Filter>",
        "<Expiration><Days>3</Days></Expiration>\
                   <Novelty><Hours>2</Hours></Novelty>",
    );
    assert!(now.contains(&new) && now.contains("BaselineRetention"), "{now}");
    assert_eq!(estate.bucket(BUCKET)["transition_default_minimum_object_size"], "varies_by_storage_class");
}

#[test]
fn a_block_on_customer_keys_survives_a_repair_of_the_default_encryption() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let path = format!("/{BUCKET}?encryption");
    let blocked = "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>";
    let now = admin.s3("GET", &path, "");
    let (_, rule) = now.split_once("<Rule>").unwrap();
    let body = format!("<ServerSideEncryptionConfiguration><Rule>{blocked}{rule}");
    admin.s3("PUT", &path, &body);
    estate.assert_clean();
    admin.s3("PUT", &path, &body.replace("<BucketKeyEnabled>true", "<BucketKeyEnabled>false"));
    assert_eq!(estate.drift(&[]), [format!("{BUCKET_ADDRESS} update encryption>bucket_key")]);
    estate.apply(&[]).ended(0);
    let now = admin.s3("GET", &path, "");
    assert!(now.contains(blocked) && now.contains("<BucketKeyEnabled>true"), "{now}");
}

/// Whoever waits for the policy does not wait for the retention, and what failed is told.
#[test]
fn a_lifecycle_that_is_refused_keeps_neither_the_policy_nor_the_trails_back() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "s3:PutLifecycleConfiguration" }));
    let ran = estate.apply(&[]).ended(1);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("s3:PutBucketLifecycleConfiguration"), "{said}");
    assert_ne!(estate.bucket(BUCKET)["policy"], Value::Null);
    assert_eq!(estate.bucket(BUCKET)["tags"]["ManagedBy"], "baseline");
    let trails = estate.state()["trails"].as_array().unwrap().len();
    assert_eq!(trails, 6, "three accounts with two Regions each");
    assert_eq!(estate.called("CreateTrail", "ok"), 6);
    estate.tamper(json!({ "do": "permit", "account": SECURITY }));
    assert_eq!(estate.drift(&[]), [format!("{BUCKET_ADDRESS} update noncurrent_days, retention_days")]);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn mfa_delete_is_said_at_plan_and_what_it_excludes_is_not_tried() {
    let without = BASELINE.replace("retention_days = 400", "");
    let estate = Estate::converged(PROFILES, &without);
    let admin = estate.admin(SECURITY);
    let on =
        "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>";
    let mfa = [("x-amz-mfa", "arn:aws:iam::222222222222:mfa/root 123456")];
    admin.s3_with("PUT", &format!("/{BUCKET}?versioning"), &mfa, on);
    estate.assert_clean();
    estate.write_baseline(BASELINE);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])));
    let blocked = blocked(&document);
    assert!(blocked.len() == 1 && blocked[0].contains("MFA Delete"), "{blocked:?}");
    estate.sandbox.reset_calls();
    estate.apply(&[]).ended(3);
    assert_eq!(estate.writes(), [""; 0]);
}
