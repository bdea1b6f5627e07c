//! Other people's things: left as they are, told of, or taken over where that is declared.

use baseline::policy::Policy;
use serde_json::{Value, json};

use super::bucket::lifecycle;
use crate::support::estate::{
    BASELINE, BUCKET, BUCKET_ADDRESS, Estate, HOME, KEY_ADDRESS, LEDGER, PAYMENTS, PROFILES, SECURITY, blocked, changes,
};

/// The statements of a document that are not ours, in canonical form.
fn foreign(document: &Value) -> Policy {
    let policy = Policy::parse(&document.to_string()).unwrap();
    Policy::new(policy.foreign().cloned().collect()).canonical()
}

#[test]
fn foreign_statements_survive_every_apply() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let allow = |resource: Value| {
        json!({
            "Sid": "Auditors", "Effect": "Allow", "Resource": resource,
            "Principal": { "AWS": ["arn:aws:iam::333333333333:root", "arn:aws:iam::444444444444:root"] },
            "Action": ["s3:GetObject", "kms:Decrypt"],
            "Condition": { "StringLike": { "aws:PrincipalArn": ["arn:aws:iam::*:role/Auditor", "arn:aws:iam::*:role/Chief"] },
                "Bool": { "aws:MultiFactorAuthPresent": true } },
        })
    };
    let deny = |resource: Value| {
        json!({
            "Effect": "Deny", "Resource": resource, "NotPrincipal": { "AWS": "arn:aws:iam::222222222222:root" },
            "Action": ["s3:DeleteObject", "kms:ScheduleKeyDeletion"],
            "Condition": { "NumericLessThan": { "aws:MultiFactorAuthAge": 3600 } },
        })
    };

    let mut bucket_policy = estate.bucket(BUCKET)["policy"].clone();
    let objects = json!(format!("arn:aws:s3:::{BUCKET}/*"));
    let statements = bucket_policy["Statement"].as_array_mut().unwrap();
    let only_s3 = |mut statement: Value| {
        statement["Action"] = json!([statement["Action"][0]]);
        statement
    };
    statements.insert(0, only_s3(deny(objects.clone())));
    statements.push(only_s3(allow(objects)));
    admin.s3("PUT", &format!("/{BUCKET}?policy"), &bucket_policy.to_string());
    let mut key_policy = estate.state()["keys"][0]["policy"].clone();
    let statements = key_policy["Statement"].as_array_mut().unwrap();
    statements.insert(0, deny(json!("*")));
    statements.push(allow(json!("*")));
    let key = estate.key_arn();
    let put = json!({ "KeyId": key, "PolicyName": "default", "Policy": key_policy.to_string() });
    admin.kms(HOME, "PutKeyPolicy", put);
    let (in_bucket, in_key) = (foreign(&bucket_policy), foreign(&key_policy));
    assert_eq!((in_bucket.statements.len(), in_key.statements.len()), (2, 2));

    // Beside them everything is as it should be.
    estate.assert_clean();

    // A change of ours, one account more, is written around them; so is a repair.
    let third = "[[account]]\nid = \"666666666666\"\nname = \"third\"\n";
    estate.write_profiles(&format!("{PROFILES}{third}"));
    let (code, document) = estate.plan_json(&["-a", "security"]);
    assert_eq!(code, Some(2), "{document:#}");
    assert_eq!(changes(&document).len(), 2, "{document:#}");
    estate.apply(&["-a", "security"]).ended(0);
    for (now, before) in
        [(estate.bucket(BUCKET)["policy"].clone(), &in_bucket), (estate.state()["keys"][0]["policy"].clone(), &in_key)]
    {
        assert!(now.to_string().contains("666666666666"), "{now}");
        assert_eq!(foreign(&now), *before, "kept in meaning");
    }
}

#[test]
fn a_number_without_quotation_marks_is_kept_digit_by_digit() {
    const NUMBERS: [&str; 4] = ["1.2", "1.10", "1.5e3", "18446744073709551617"];
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let with_numbers = |policy: &Value, actions: &str, resource: &str| {
        let mut text = policy.to_string();
        let first = text.find("\"Statement\":[").unwrap() + "\"Statement\":[".len();
        let numbers = NUMBERS.join(", ");
        let theirs = format!(
            r#"{{"Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "{actions}", "Resource": "{resource}",
                "Condition": {{"NumericEquals": {{"s3:TlsVersion": [{numbers}]}}, "StringEquals": {{"aws:username": "x"}}}}}},"#
        );
        text.insert_str(first, &theirs);
        text
    };
    let objects = format!("arn:aws:s3:::{BUCKET}/*");
    let bucket_policy = with_numbers(&estate.bucket(BUCKET)["policy"], "s3:GetObject", &objects);
    admin.s3("PUT", &format!("/{BUCKET}?policy"), &bucket_policy);
    let key_policy = with_numbers(&estate.state()["keys"][0]["policy"], "kms:Encrypt", "*");
    let put = json!({ "KeyId": estate.key_arn(), "PolicyName": "default", "Policy": key_policy });
    admin.kms(HOME, "PutKeyPolicy", put);
    estate.assert_clean();

    estate.write_profiles(&format!("{PROFILES}[[account]]\nid = \"666666666666\"\nname = \"third\"\n"));
    estate.apply(&["-a", "security"]).ended(0);
    for now in [estate.bucket(BUCKET)["policy"].clone(), estate.state()["keys"][0]["policy"].clone()] {
        assert!(now.to_string().contains("666666666666"), "it was written: {now}");
        let theirs = now["Statement"].as_array().unwrap().iter().find(|statement| statement["Sid"] == "Tls").unwrap();
        let values = theirs["Condition"]["NumericEquals"]["s3:TlsVersion"].as_array().unwrap();
        let values: Vec<&str> = values.iter().map(|value| value.as_str().unwrap()).collect();
        assert!(NUMBERS.iter().all(|number| values.contains(number)) && values.len() == NUMBERS.len(), "{values:?}");
    }
    estate.sandbox.reset_calls();
    estate.apply(&["-a", "security"]).ended(0);
    assert_eq!(estate.all_writes(), [""; 0]);
}

#[test]
fn foreign_statements_go_where_the_whole_document_is_declared_ours() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "widen-bucket-policy", "bucket": BUCKET }));
    // Left alone, and no all-clear.
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]), "{document:#}");
    assert_eq!(document["exposed"].as_array().unwrap().len(), 1, "{document:#}");
    estate.write_baseline(&BASELINE.replace("[log_bucket]", "[log_bucket]\nexclusive = true"));
    let drift = estate.drift(&[]);
    assert_eq!(drift.len(), 1, "{drift:?}");
    assert!(drift[0].contains("policy>Statement>Widened>Effect"), "{drift:?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    assert!(!estate.bucket(BUCKET)["policy"].to_string().contains("Widened"));
}

#[test]
fn foreign_tags_and_lifecycle_rules_survive() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let theirs = "<Rule><ID>glacier</ID><Filter><Prefix>old/</Prefix></Filter><Status>Enabled</Status><Transition><Days>30\
                  </Days><StorageClass>GLACIER</StorageClass></Transition></Rule>";
    admin.s3("PUT", &format!("/{BUCKET}?lifecycle"), &lifecycle("Enabled", 7, 7, theirs));
    let tags = "<Tagging><TagSet><Tag><Key>team/owner</Key><Value>audit</Value></Tag></TagSet></Tagging>";
    admin.s3("PUT", &format!("/{BUCKET}?tagging"), tags);
    admin.kms(HOME, "TagResource", json!({ "KeyId": estate.key_arn(), "Tags": [{ "TagKey": "x", "TagValue": "y" }] }));
    estate.tamper(json!({ "do": "untag", "arn": estate.key_arn(), "key": "cost-center" }));
    let payments = estate.admin(PAYMENTS);
    let arn = format!("arn:aws:cloudtrail:{HOME}:{PAYMENTS}:trail/baseline");
    let tag = json!({ "ResourceId": arn, "TagsList": [{ "Key": "theirs", "Value": "1" }] });
    payments.cloudtrail(HOME, "AddTags", tag);
    estate.tamper(json!({ "do": "untag", "arn": arn, "key": "cost-center" }));

    estate.apply(&[]).ended(0);
    estate.assert_clean();
    let rules = admin.s3("GET", &format!("/{BUCKET}?lifecycle"), "");
    assert!(rules.contains("<ID>glacier</ID>") && rules.contains("<StorageClass>GLACIER</StorageClass>"), "{rules}");
    assert!(rules.contains("<Days>400</Days>"), "{rules}");
    assert_eq!(estate.bucket(BUCKET)["tags"]["team/owner"], "audit");
    let state = estate.state();
    assert_eq!(state["keys"][0]["tags"]["x"], "y");
    let trails = state["trails"].as_array().unwrap();
    assert_eq!(trails.iter().find(|trail| trail["arn"] == arn).unwrap()["tags"]["theirs"], "1");
}

#[test]
fn a_foreign_trail_is_told_of_and_never_touched() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(LEDGER);
    estate.tamper(json!({
        "do": "put-foreign-trail", "account": LEDGER, "region": HOME, "name": "audit", "bucket": "somebody-elses",
    }));
    let before = admin.cloudtrail(HOME, "GetTrail", json!({ "Name": "audit" }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0), "a foreign trail is no drift");
    let notes = document["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert_eq!((&notes[0]["topic"], &notes[0]["account"]), (&json!("foreign-trail"), &json!(LEDGER)));
    let text = notes[0]["text"].as_str().unwrap();
    assert!(text.contains("`audit`") && text.contains("billed"), "{text}");
    crate::assert_screen!("foreign_trail", estate.plan(&[]).ended(0).out);
    estate.apply(&["--prune"]).ended(0);
    assert_eq!(admin.cloudtrail(HOME, "GetTrail", json!({ "Name": "audit" })), before);

    // One that records nothing, or no management events, costs nothing.
    admin.cloudtrail(HOME, "StopLogging", json!({ "Name": "audit" }));
    assert_eq!(estate.plan_json(&[]).1["notes"], json!([]));
}

/// Its home is in a Region that is not looked at: its shadow tells of it.
#[test]
fn a_foreign_multi_region_trail_from_elsewhere_is_told_of_too() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({
        "do": "put-foreign-trail", "account": PAYMENTS, "region": "us-west-2", "name": "audit", "bucket": "theirs",
        "multi_region": true,
    }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0), "{document:#}");
    let places: Vec<&Value> = document["notes"].as_array().unwrap().iter().map(|note| &note["region"]).collect();
    assert_eq!(places, [HOME, "us-east-1"], "{document:#}");
}

#[test]
fn a_trail_of_our_name_without_our_tag_blocks_until_it_is_taken_over() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let arn = format!("arn:aws:cloudtrail:{HOME}:{PAYMENTS}:trail/baseline");
    estate.tamper(json!({ "do": "untag", "arn": arn, "key": null }));
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]));
    let reasons = blocked(&document);
    assert_eq!(reasons.len(), 1, "{reasons:#?}");
    assert!(reasons[0].contains(&arn) && reasons[0].contains("a name is not ownership"), "{reasons:#?}");
    crate::assert_screen!("unmarked_trail", estate.plan(&[]).ended(3).out);
    let before = estate.sandbox.mutating_calls();
    estate.apply(&["--prune"]).ended(3);
    assert_eq!(estate.sandbox.mutating_calls(), before);

    // Of another service, it does not help.
    let taking = |service: &str| PROFILES.replace("groups = [\"prod\"]", &format!("take_over = [\"{service}\"]"));
    estate.write_profiles(&taking("kms"));
    assert_eq!(estate.plan_json(&[]).0, Some(3));
    estate.write_profiles(&taking("cloudtrail"));
    let drift = estate.drift(&[]);
    let expected = "update logging, tags>Baseline, tags>ManagedBy, tags>cost-center";
    assert_eq!(drift, [format!("{PAYMENTS}/{HOME}/cloudtrail.trail/baseline {expected}")]);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_key_of_our_alias_without_our_tag_blocks_it_and_what_requires_it() {
    let estate = Estate::new(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let made = admin.kms(HOME, "CreateKey", json!({ "Description": "theirs" }));
    let key = &made["KeyMetadata"]["KeyId"];
    admin.kms(HOME, "CreateAlias", json!({ "AliasName": "alias/baseline-logs", "TargetKeyId": key }));
    estate.sandbox.reset_calls();
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]), "{document:#}");
    let reasons = blocked(&document);
    assert_eq!(reasons.len(), 8, "key, bucket and trails: {reasons:#?}");
    assert!(reasons[0].starts_with(KEY_ADDRESS) && reasons[0].contains("a name is not ownership"), "{reasons:#?}");
    assert!(reasons[1].starts_with(BUCKET_ADDRESS) && reasons[1].contains("which is blocked"), "{reasons:#?}");
    crate::assert_screen!("unmarked_key", estate.plan(&[]).ended(3).out);
    estate.apply(&[]).ended(3);
    assert_eq!(estate.sandbox.mutating_calls(), 0);

    let taking = PROFILES.replace("home_region", "take_over = [\"kms\"]\nhome_region");
    estate.write_profiles(&taking);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    assert!(estate.key_arn().ends_with(key.as_str().unwrap()));
}

#[test]
fn a_bucket_of_another_account_is_refused() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "create-bucket", "bucket": BUCKET, "account": PAYMENTS, "region": HOME }));
    // Not even where its policy would let us.
    let open = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*",
        "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
        "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")] }] });
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": open }));
    let plan = estate.plan(&[]).ended(3);
    crate::assert_screen!("bucket_of_another_account", plan.out);
    // What could be changed without the bucket is not: nothing keeps another run away from it.
    let ran = estate.apply(&[]).ended(1);
    assert!(ran.out.contains("the lock that keeps two runs apart could not be taken"), "{}", ran.out);
    assert_eq!(estate.state()["keys"], json!([]));
    let bucket = estate.bucket(BUCKET);
    assert_eq!((&bucket["policy"], &bucket["tags"]), (&open, &json!({})), "untouched");
}

#[test]
fn an_account_that_is_no_longer_named_keeps_its_access_until_that_is_allowed() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let (without, _) = PROFILES.rsplit_once("[[account]]").unwrap();
    estate.write_profiles(without);
    let policies = || format!("{}{}", estate.bucket(BUCKET)["policy"], estate.state()["keys"][0]["policy"]);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, changes(&document)), (Some(3), vec![]), "{document:#}");
    let reasons = blocked(&document);
    assert_eq!(reasons.len(), 2, "{reasons:#?}");
    assert!(reasons.iter().all(|reason| reason.contains(LEDGER)), "{reasons:#?}");
    crate::assert_screen!("account_removed", estate.plan(&[]).ended(3).out);
    estate.apply(&[]).ended(3);
    assert!(policies().contains(LEDGER));

    // What else there is to do is done, with the access kept.
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": null }));
    estate.apply(&[]).ended(3);
    assert!(!estate.bucket(BUCKET)["policy"].is_null());

    let drift = estate.drift(&["--allow-remove-accounts"]);
    assert!(drift.iter().any(|change| change.starts_with(KEY_ADDRESS)), "{drift:#?}");
    estate.apply(&["--allow-remove-accounts"]).ended(0);
    assert!(!policies().contains(LEDGER), "{}", policies());
    estate.assert_clean();
}
