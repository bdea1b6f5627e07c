//! What stands around the log bucket: replication, access control lists, Object Lock, public statements, and who else
//! writes there.

use serde_json::{Value, json};

use super::lifecycle::exposed;
use crate::support::estate::{Admin, BASELINE, BUCKET, BUCKET_ADDRESS, Estate, PROFILES, SECURITY, blocked};

fn replication(destination: &str) -> String {
    format!(
        "<ReplicationConfiguration><Role>arn:aws:iam::222222222222:role/copy</Role><Rule><ID>copy</ID><Status>Enabled\
         </Status><Filter><Prefix></Prefix></Filter><Destination><Bucket>arn:aws:s3:::elsewhere</Bucket>{destination}\
         </Destination></Rule></ReplicationConfiguration>"
    )
}

fn owned(admin: &Admin, by: &str) {
    let rule = format!("<OwnershipControls><Rule><ObjectOwnership>{by}</ObjectOwnership></Rule></OwnershipControls>");
    admin.s3("PUT", &format!("/{BUCKET}?ownershipControls"), &rule);
}

fn notes(document: &Value, topic: &str) -> Vec<String> {
    let notes = document["notes"].as_array().unwrap().iter().filter(|note| note["topic"] == topic);
    notes.map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn logs_that_are_copied_to_a_stranger_are_exposed() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    for (destination, expected) in [
        ("<Account>999999999999</Account>", Some("999999999999")),
        ("", Some("does not say whose it is")),
        ("<Account>333333333333</Account>", None),
    ] {
        admin.s3("PUT", &format!("/{BUCKET}?replication"), &replication(destination));
        let (code, document) = estate.plan_json(&[]);
        let told = exposed(&document);
        match expected {
            Some(expected) => {
                assert_eq!(code, Some(3), "{document:#}");
                assert!(
                    told.len() == 1 && told[0].starts_with(BUCKET_ADDRESS) && told[0].contains(expected),
                    "{told:?}"
                );
            }
            None => assert_eq!((code, told), (Some(0), vec![])),
        }
        assert_eq!(document["changes"], json!([]));
    }
}

#[test]
fn a_read_that_is_refused_is_said_and_changes_no_exit_code() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let actions = ["s3:GetReplicationConfiguration", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketAcl"];
    for action in actions {
        estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": action }));
    }
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["complete"]), (Some(0), &json!(true)), "{document:#}");
    let notes = notes(&document, "not-looked-at");
    assert!(actions.iter().all(|action| notes.iter().any(|note| note.contains(action))), "{notes:?}");
    assert_eq!(notes.len(), 3);
}

#[test]
fn grants_of_an_access_control_list_count_until_lists_are_switched_off() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    owned(&admin, "ObjectWriter");
    estate.tamper(json!({ "do": "open-public-access", "bucket": BUCKET }));
    admin.s3_with("PUT", &format!("/{BUCKET}?acl"), &[("x-amz-acl", "public-read")], "");
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let told = exposed(&document);
    assert!(told.len() == 1 && told[0].contains("READ to everyone"), "{told:?}");
    let held = blocked(&document);
    assert!(held.len() == 1 && held[0].contains("BucketOwnerEnforced"), "{held:?}");
    // The block on public access is ours and is repaired; the ownership waits for the list.
    estate.apply(&[]).ended(3);
    let bucket = estate.bucket(BUCKET);
    assert_eq!(
        (&bucket["ownership"], &bucket["public_access_block"]),
        (&json!("ObjectWriter"), &json!([true, true, true, true]))
    );
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, exposed(&document).len()), (Some(3), 0), "public lists are ignored now, and the ownership waits");
    admin.s3_with("PUT", &format!("/{BUCKET}?acl"), &[("x-amz-acl", "private")], "");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_public_statement_and_the_block_on_public_policies_are_said_at_plan() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "create-bucket", "bucket": BUCKET, "account": SECURITY, "region": "eu-west-1" }));
    estate.tamper(json!({ "do": "open-public-access", "bucket": BUCKET }));
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": { "Version": "2012-10-17",
        "Statement": [{ "Sid": "Open", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{BUCKET}/*") }] } }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let held: Vec<String> = blocked(&document).into_iter().filter(|b| b.starts_with(BUCKET_ADDRESS)).collect();
    assert!(held.len() == 1 && held[0].contains("`Open`") && held[0].contains("BlockPublicPolicy"), "{held:?}");
    assert!(!document["blocked"].to_string().contains("allow `s3:PutBucketPolicy`"));
    // All else is set, and nothing was tried that S3 refuses.
    estate.apply(&[]).ended(3);
    assert_eq!(estate.called("PutBucketPolicy", "AccessDenied"), 0);
    assert_eq!(estate.bucket(BUCKET)["public_access_block"], json!([true, true, false, false]));
    assert_eq!(estate.called("CreateTrail", "ok"), 6);
}

#[test]
fn deliveries_that_a_kms_default_would_stop_hold_it_back() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "create-bucket", "bucket": BUCKET, "account": SECURITY, "region": "eu-west-1" }));
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": { "Version": "2012-10-17",
        "Statement": [{ "Sid": "AccessLogs", "Effect": "Allow", "Principal": { "Service": "logging.s3.amazonaws.com" },
            "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{BUCKET}/access/*"),
            "Condition": { "StringEquals": { "aws:SourceAccount": SECURITY } } }] } }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let held = blocked(&document);
    assert!(held.len() == 1 && held[0].contains("logging.s3.amazonaws.com") && held[0].contains("SSE-S3"), "{held:?}");
    estate.apply(&[]).ended(3);
    assert_eq!(estate.bucket(BUCKET)["encryption"]["algorithm"], "AES256");
    assert_eq!(estate.bucket(BUCKET)["versioning"], "Enabled", "all else is as declared");
    assert_eq!(estate.called("CreateTrail", "ok"), 6);
}

#[test]
fn aws_config_and_a_default_retention_of_object_lock_are_said_to_exclude_each_other() {
    let config = format!("{BASELINE}\n[config]\n");
    let estate = Estate::converged(PROFILES, BASELINE);
    let lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>\
                GOVERNANCE</Mode><Years>2</Years></DefaultRetention></Rule></ObjectLockConfiguration>";
    estate.admin(SECURITY).s3("PUT", &format!("/{BUCKET}?object-lock"), lock);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0));
    let told = notes(&document, "object-lock");
    assert!(told.len() == 1 && told[0].contains("2 years"), "{told:?}");
    estate.write_baseline(&config);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    let held = blocked(&document);
    assert!(held.len() == 1 && held[0].contains("AWS Config does not deliver"), "{held:?}");
}
