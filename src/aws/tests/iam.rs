//! What each difference of a role takes.

use super::Case;
use crate::policy::{Policy, Statement};
use crate::services::Spec;
use crate::services::iam::{Document, Role, ServiceLinkedRole};

fn other() -> Document {
    Document::Known(Policy::new(vec![Statement::allow("Somebody", ["s3:GetObject"]).on(["*"])]))
}

pub(super) fn linked_cases(role: &ServiceLinkedRole) -> Vec<Case> {
    let seen = Some(Spec::IamServiceLinkedRole(Box::new(role.clone())));
    vec![
        Case { what: "no service-linked role", seen: None, sends: &["CreateServiceLinkedRole"] },
        Case { what: "no difference", seen, sends: &[] },
    ]
}

pub(super) fn cases(role: &Role) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Role)| {
        let mut seen = role.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::IamRole(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no role", seen: None, sends: &["CreateRole", "PutRolePolicy"] },
        case("another trust", &["UpdateAssumeRolePolicy"], |r| r.trust = other()),
        case("a trust that nobody can read", &["UpdateAssumeRolePolicy"], |r| r.trust = Document::seen("{}")),
        case("another permission", &["PutRolePolicy"], |r| {
            r.inline_policies.values_mut().for_each(|document| *document = other());
        }),
        case("no permission", &["PutRolePolicy"], |r| r.inline_policies.clear()),
        case("one permission more", &["DeleteRolePolicy"], |r| {
            r.inline_policies.insert("more".to_owned(), other());
        }),
        case("an attached policy", &["DetachRolePolicy"], |r| {
            r.attached_policies.push("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
        }),
        case("no tags", &["TagRole"], |r| r.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}
