//! The folder that GuardDuty looks for with its caller's own permissions: who may look, and that it never expires.

use std::collections::BTreeMap;

use super::*;
use crate::policy::{Caller, Request, evaluate};

const PREFIXED: &str = "name = 'test'\n[log_key]\n[log_bucket]\nprefix = 'org/logs'\nrequire_tls = false\n\
                        retention_days = 400\n[cloudtrail]\n[guardduty]\npublish = true\n";
const BUCKET: &str = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1";

fn asks(policy: &Policy, account: &str, role: &str, action: &str, resource: &str, prefix: Option<&str>) -> bool {
    let session = format!("arn:aws:sts::{account}:assumed-role/{role}/run");
    let mut context = BTreeMap::from([
        ("aws:PrincipalArn".to_owned(), vec![format!("arn:aws:iam::{account}:role/{role}")]),
        ("aws:PrincipalAccount".to_owned(), vec![account.to_owned()]),
    ]);
    context.extend(prefix.map(|prefix| ("s3:prefix".to_owned(), vec![prefix.to_owned()])));
    let request = Request { principal: Caller::Aws(&session), action, resource, context: &context };
    is_allowed(&evaluate(policy, &request))
}

#[test]
fn the_roles_that_set_up_an_export_may_look_for_the_folder_and_nothing_else() {
    for senders in [3, 40, 150, 600] {
        let estate = Estate::of(senders, PREFIXED);
        let form = form(&estate);
        let policy = policy(&estate);
        let caller = "900000000001";
        let may = |account: &str, role: &str, action: &str, key: &str, prefix: Option<&str>| {
            asks(&policy, account, role, action, &format!("{BUCKET}{key}"), prefix)
        };
        for prefix in ["org/logs", "org/logs/"] {
            assert!(may(caller, "Execution", "s3:ListBucket", "", Some(prefix)), "form {form}: {prefix}");
        }
        for prefix in [None, Some(""), Some("org/"), Some("org/logs/AWSLogs/")] {
            assert!(!may(caller, "Execution", "s3:ListBucket", "", prefix), "form {form}: {prefix:?}");
        }
        assert!(may(caller, "Execution", "s3:GetObject", "/org/logs/", None), "form {form}");
        assert!(!may(caller, "Execution", "s3:GetObject", "/org/logs/AWSLogs/900000000001/x", None), "form {form}");
        assert!(!may(caller, "Other", "s3:GetObject", "/org/logs/", None), "form {form}: another role");
        assert!(!may("999999999999", "Execution", "s3:GetObject", "/org/logs/", None), "form {form}: a stranger");
        assert!(policy.statements.iter().all(|s| s.is_owned() && !s.is_open_to_world()), "form {form}");
    }
}

#[test]
fn without_a_folder_nobody_looks_for_one() {
    for text in [PREFIXED.replace("prefix = 'org/logs'\n", ""), PREFIXED.replace("publish = true", "publish = false")] {
        let policy = policy(&Estate::of(3, &text));
        assert!(!policy.to_json().contains("Folder"), "{}", policy.to_json());
    }
}

#[test]
fn our_lifecycle_rule_leaves_the_folder_alone() {
    let prefix = |text: &str| bucket(&Estate::of(3, text).one(Service::S3)).retention_prefix();
    assert_eq!(prefix(PREFIXED), "org/logs/AWSLogs/");
    assert_eq!(prefix(&PREFIXED.replace("publish = true", "publish = false")), "");
    assert_eq!(prefix(&PREFIXED.replace("prefix = 'org/logs'\n", "")), "");
}
