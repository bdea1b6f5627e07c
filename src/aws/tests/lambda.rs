//! What each difference of a function's permissions takes.

use super::Case;
use crate::policy::Statement;
use crate::services::Spec;
use crate::services::lambda::Permission;

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
