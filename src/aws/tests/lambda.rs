//! What each difference of a function's permissions takes.

use super::Case;
use super::sns::read_of;
use crate::policy::Statement;
use crate::services::lambda::Permission;
use crate::services::{Service, Spec};

pub(super) fn cases(permission: &Permission) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Permission)| {
        let mut seen = permission.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::LambdaPermission(Box::new(seen))), sends }
    };
    vec![
        case("no policy", &["POST policy"], |p| p.policy.document.statements.clear()),
        case("another principal", &["DELETE policy", "POST policy"], |p| {
            let ours = &mut p.policy.document.statements[0];
            *ours = ours.clone().for_services(["s3.amazonaws.com"]);
        }),
        case("a statement that is not wanted", &["DELETE policy"], |p| {
            let old = Statement::allow("BaselineOld", ["lambda:InvokeFunction"]).for_services(["s3.amazonaws.com"]);
            p.policy.document.statements.push(old);
        }),
        case("somebody's statement", &[], |p| {
            let theirs = Statement::allow("api", ["lambda:InvokeFunction"]).for_services(["s3.amazonaws.com"]);
            p.policy.document.statements.push(theirs);
        }),
        case("no difference", &[], |_| ()),
    ]
}

fn seen(reading: crate::services::Reading) -> Permission {
    let [found] = reading.found.as_slice() else { panic!("{:?}", reading.found) };
    assert_eq!(found.address.to_string(), "222222222222/us-east-1/lambda.permission/chat");
    assert_eq!(found.arn.to_string(), "arn:aws:lambda:us-east-1:222222222222:function:chat");
    let Spec::LambdaPermission(permission) = &found.spec else { panic!("{found:?}") };
    (**permission).clone()
}

const NONE: (u16, &str) = (404, r#"{"__type": "ResourceNotFoundException", "Message": "none"}"#);

#[tokio::test]
async fn a_function_without_a_policy_is_told_from_none_at_all() {
    fn bare(asked: &str) -> (u16, &'static str) {
        if asked == "GET configuration" { (200, r#"{"FunctionName": "chat"}"#) } else { NONE }
    }
    let (reading, sent) = read_of(Service::Lambda, "222222222222", bare).await;
    let permission = seen(reading.unwrap());
    assert!(!permission.missing.0 && permission.policy.document.statements.is_empty());
    assert_eq!(sent, ["GET policy", "GET configuration"]);

    let (reading, _) = read_of(Service::Lambda, "222222222222", |_| NONE).await;
    assert!(seen(reading.unwrap()).missing.0);
    let (reading, _) =
        read_of(Service::Lambda, "222222222222", |_| (403, r#"{"__type": "AccessDeniedException"}"#)).await;
    assert!(reading.is_err(), "what cannot be read is not absent");
}

#[tokio::test]
async fn reads_a_functions_policy() {
    fn answer(_: &str) -> (u16, &'static str) {
        (
            200,
            concat!(
                r#"{"Policy": "{\"Version\": \"2012-10-17\", \"Id\": \"default\", \"Statement\": [{\"Sid\": "#,
                r#"\"BaselineTopic-us-east-1\", \"Effect\": \"Allow\", \"Principal\": {\"Service\": "#,
                r#"\"sns.amazonaws.com\"}, \"Action\": \"lambda:InvokeFunction\", \"Resource\": "#,
                r#"\"arn:aws:lambda:us-east-1:222222222222:function:chat\", \"Condition\": {\"ArnLike\": "#,
                r#"{\"AWS:SourceArn\": \"arn:aws:sns:us-east-1:222222222222:baseline-alerts\"}}}]}"}"#,
            ),
        )
    }
    let (reading, sent) = read_of(Service::Lambda, "222222222222", answer).await;
    assert_eq!(sent, ["GET policy"]);
    let seen = seen(reading.unwrap());
    let (_, declared) = super::declared_specs().into_iter().find(|(a, _)| a.name == "chat").unwrap();
    let Spec::LambdaPermission(mut declared) = declared else { panic!("{declared:?}") };
    crate::services::Resource::adopt(&mut *declared, &seen, &crate::services::Terms::default());
    assert_eq!(*declared, seen, "as AddPermission leaves it, it is in sync");
}
