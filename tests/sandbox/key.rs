//! Drift of the log key, field by field: shown exactly, and repaired.

use serde_json::{Value, json};

use crate::support::estate::{Admin, BASELINE, Estate, HOME, KEY_ADDRESS, PROFILES, SECURITY, changes};

/// Puts the key's policy after a change, through KMS.
fn edit(estate: &Estate, admin: &Admin, change: impl Fn(&mut Vec<Value>)) {
    let mut policy = estate.state()["keys"][0]["policy"].clone();
    change(policy["Statement"].as_array_mut().unwrap());
    let input = json!({ "KeyId": estate.key_arn(), "PolicyName": "default", "Policy": policy.to_string() });
    admin.kms(HOME, "PutKeyPolicy", input);
}

fn of<'a>(statements: &'a mut [Value], sid: &str) -> &'a mut Value {
    statements.iter_mut().find(|statement| statement["Sid"] == sid).unwrap()
}

#[test]
fn every_field_of_the_key_is_watched_and_repaired() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let key = estate.key_arn();
    let kms = |operation: &str, more: Value| {
        let mut input = json!({ "KeyId": key });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.kms(HOME, operation, input);
    };
    let encrypt = "policy>Statement>BaselineCloudTrailEncrypt";
    type Tampering<'a> = (&'a str, Box<dyn Fn() + 'a>, String);
    let cases: Vec<Tampering<'_>> = vec![
        ("rotation off", Box::new(|| kms("DisableKeyRotation", json!({}))), "rotation".to_owned()),
        ("disabled", Box::new(|| kms("DisableKey", json!({}))), "state".to_owned()),
        (
            "without its alias",
            Box::new(|| drop(admin.kms(HOME, "DeleteAlias", json!({ "AliasName": "alias/baseline-logs" })))),
            "alias".to_owned(),
        ),
        (
            "another description",
            Box::new(|| kms("UpdateKeyDescription", json!({ "Description": "delete me" }))),
            "description".to_owned(),
        ),
        (
            "a tag gone",
            Box::new(|| kms("UntagResource", json!({ "TagKeys": ["BaselineAlias"] }))),
            "tags>BaselineAlias".to_owned(),
        ),
        (
            "a tag changed",
            Box::new(|| kms("TagResource", json!({ "Tags": [{ "TagKey": "cost-center", "TagValue": "none" }] }))),
            "tags>cost-center".to_owned(),
        ),
        (
            "a statement gone",
            Box::new(|| {
                edit(&estate, &admin, |statements| statements.retain(|s| s["Sid"] != "BaselineCloudTrailEncrypt"));
            }),
            [
                "Action",
                "Condition>StringLike>kms:EncryptionContext:aws:cloudtrail:arn",
                "Effect",
                "Principal>Service",
                "Resource",
                "Sid",
            ]
            .map(|field| format!("{encrypt}>{field}"))
            .join(", "),
        ),
        (
            "an account gone",
            Box::new(|| {
                edit(&estate, &admin, |statements| {
                    let condition = &mut of(statements, "BaselineCloudTrailEncrypt")["Condition"]["StringLike"];
                    condition["kms:EncryptionContext:aws:cloudtrail:arn"].as_array_mut().unwrap().pop();
                });
            }),
            format!("{encrypt}>Condition>StringLike>kms:EncryptionContext:aws:cloudtrail:arn"),
        ),
        (
            "a statement widened",
            Box::new(|| {
                edit(&estate, &admin, |statements| {
                    let statement = of(statements, "BaselineCloudTrailUse");
                    statement["Action"] = json!("kms:*");
                    statement.as_object_mut().unwrap().remove("Condition");
                });
            }),
            "policy>Statement>BaselineCloudTrailUse>Action, \
             policy>Statement>BaselineCloudTrailUse>Condition>StringEquals>aws:SourceAccount"
                .to_owned(),
        ),
        (
            "a statement that claims to be ours",
            Box::new(|| {
                edit(&estate, &admin, |statements| {
                    statements.push(json!({
                        "Sid": "BaselineBackdoor", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
                        "Principal": { "AWS": "arn:aws:iam::333333333333:root" },
                    }));
                });
            }),
            ["Action", "Effect", "Principal>AWS", "Resource", "Sid"]
                .map(|field| format!("policy>Statement>BaselineBackdoor>{field}"))
                .join(", "),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, tamper, expected) in cases {
        tamper();
        let drift = estate.drift(&[]);
        if drift != [format!("{KEY_ADDRESS} update {expected}")] {
            wrong.push(format!("{name}: {drift:#?}"));
        }
        estate.apply(&[]).ended(0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    estate.assert_clean();
    assert_eq!(estate.key_arn(), key, "no key was made beside it");
}

/// Before that day, and not after it: drift that is repaired, and no all-clear in the meantime.
#[test]
fn a_key_that_is_to_be_deleted_is_drift_and_not_doing_its_work() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    admin.kms(HOME, "ScheduleKeyDeletion", json!({ "KeyId": estate.key_arn(), "PendingWindowInDays": 7 }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3), "{document:#}");
    // AWS says that a key pending deletion does not rotate, whatever was set.
    assert_eq!(changes(&document), [format!("{KEY_ADDRESS} update rotation, state")]);
    let undelivered = &document["undelivered"];
    assert_eq!((undelivered.as_array().unwrap().len(), &undelivered[0]["address"]), (1, &json!(KEY_ADDRESS)));
    assert!(undelivered[0]["reason"].as_str().unwrap().starts_with("KMS deletes the key at 20"), "{undelivered:#}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_key_without_material_or_key_store_is_reported_and_not_drift() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for (origin, state, store) in
        [("EXTERNAL", "PendingImport", Value::Null), ("AWS_CLOUDHSM", "Unavailable", json!("cks-1"))]
    {
        estate.tamper(json!({
            "do": "set-key-material", "key": estate.key_arn(), "origin": origin, "state": state, "key_store": store,
        }));
        let (code, document) = estate.plan_json(&[]);
        assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
        let first = &document["undelivered"][0];
        assert_eq!(first["address"], KEY_ADDRESS);
        assert!(first["reason"].as_str().unwrap().contains(state), "{document:#}");
        let before = estate.sandbox.mutating_calls();
        estate.apply(&[]).ended(3);
        assert_eq!(estate.sandbox.mutating_calls(), before);
    }
}

/// Before the first trail is made, too: CloudTrail refuses a key that it cannot use.
#[test]
fn nothing_is_made_that_would_need_a_key_without_material() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.apply(&["-s", "kms", "-s", "s3"]).ended(0);
    estate.tamper(json!({
        "do": "set-key-material", "key": estate.key_arn(), "origin": "EXTERNAL", "state": "PendingImport",
    }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let blocked = document["blocked"].as_array().unwrap();
    assert_eq!(blocked.len(), 6, "{document:#}");
    let words = format!("it requires {KEY_ADDRESS}, which cannot be used");
    assert!(blocked.iter().all(|one| one["reason"] == words.as_str()), "{blocked:#?}");
}

#[test]
fn a_rotation_that_cannot_be_had_is_a_note() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for (origin, store, words) in
        [("EXTERNAL", Value::Null, "was imported"), ("EXTERNAL_KEY_STORE", json!("cks-1"), "custom key store")]
    {
        estate.tamper(json!({
            "do": "set-key-material", "key": estate.key_arn(), "origin": origin, "key_store": store,
        }));
        let (code, document) = estate.plan_json(&[]);
        assert_eq!((code, &document["changes"]), (Some(0), &json!([])), "{document:#}");
        let notes: Vec<&str> =
            document["notes"].as_array().unwrap().iter().filter_map(|n| n["text"].as_str()).collect();
        assert!(notes.iter().any(|text| text.contains("does not rotate") && text.contains(words)), "{notes:#?}");
    }
}

#[test]
fn material_that_expires_is_said_before_that_day() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({
        "do": "set-key-material", "key": estate.key_arn(), "origin": "EXTERNAL", "valid_days": 200,
    }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, &document["changes"]), (Some(3), &json!([])), "{document:#}");
    let exposed = &document["exposed"];
    assert_eq!((exposed.as_array().unwrap().len(), &exposed[0]["address"]), (1, &json!(KEY_ADDRESS)), "{document:#}");
    assert!(exposed[0]["reason"].as_str().unwrap().contains("expires at 20"), "{exposed:#}");
}

#[test]
fn a_grant_to_a_stranger_is_exposed_and_one_that_may_not_be_read_is_said() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let grant = |grantee: &str, operations: Value| {
        let input = json!({ "KeyId": estate.key_arn(), "GranteePrincipal": grantee, "Operations": operations });
        admin.kms(HOME, "CreateGrant", input);
    };
    grant("arn:aws:iam::333333333333:role/app", json!(["Decrypt"]));
    estate.assert_clean();
    grant("arn:aws:iam::999999999999:role/copy", json!(["Decrypt", "GenerateDataKey"]));
    let (code, document) = estate.plan_json(&[]);
    let exposed = document["exposed"].as_array().unwrap();
    assert_eq!((code, exposed.len()), (Some(3), 1), "{document:#}");
    assert!(exposed[0]["reason"].as_str().unwrap().contains("arn:aws:iam::999999999999:role/copy"), "{exposed:#?}");

    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "kms:ListGrants" }));
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0), "{document:#}");
    assert!(document["notes"].to_string().contains("lacks kms:ListGrants"), "{document:#}");
}

#[test]
fn rotation_can_be_declared_off() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.write_baseline(&BASELINE.replace("[log_key]", "[log_key]\nrotation = false"));
    assert_eq!(estate.drift(&[]), [format!("{KEY_ADDRESS} update rotation")]);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    assert_eq!(estate.state()["keys"][0]["rotation"], false);
}

/// A policy is compared by what it means: order, case and lists of one do not matter.
#[test]
fn a_key_policy_that_means_the_same_is_left_alone() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    edit(&estate, &admin, |statements| {
        statements.reverse();
        for statement in statements {
            statement["Action"] = match statement["Action"].take() {
                Value::String(one) => json!([one.to_uppercase().replace("KMS:", "kms:")]),
                mut several => {
                    several.as_array_mut().unwrap().reverse();
                    several
                }
            };
        }
    });
    estate.assert_clean();
}
