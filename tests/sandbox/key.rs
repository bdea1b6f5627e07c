//! Drift of the log key, field by field: shown exactly, and repaired.

use serde_json::{Value, json};

use crate::support::estate::{Admin, BASELINE, Estate, HOME, KEY_ADDRESS, PROFILES, SECURITY};

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
            "to be deleted",
            Box::new(|| kms("ScheduleKeyDeletion", json!({ "PendingWindowInDays": 7 }))),
            // AWS says that a key pending deletion does not rotate, whatever was set.
            "rotation, state".to_owned(),
        ),
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
                "Condition>StringLike>kms:encryptioncontext:aws:cloudtrail:arn",
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
            format!("{encrypt}>Condition>StringLike>kms:encryptioncontext:aws:cloudtrail:arn"),
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
             policy>Statement>BaselineCloudTrailUse>Condition>StringEquals>aws:sourceaccount"
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
