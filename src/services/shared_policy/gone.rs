//! Principals that are gone: AWS shows the id of a role or user that was deleted where its ARN stood, and takes no
//! document in which one stands (IAM User Guide, "Principal", "IAM role principals").

use super::super::{Found, Note, SharedPolicy, Spec};
use crate::model::Target;
use crate::policy::{PrincipalType, Principals, Statement, Who};

/// The sort of note that tells of them.
pub const GONE_PRINCIPAL: &str = "gone-principal";

/// What the ids of roles and users begin with (IAM User Guide, "IAM identifiers", "Unique identifiers").
const IDS: [(&str, &str); 2] = [("AROA", "role"), ("AIDA", "user")];

/// Other people's statements that name somebody who is gone, in every policy that was found. A role that was made a
/// moment ago is shown by its id, too: whoever tells of it looks again before.
pub fn gone_principals(found: &[Found], target: &Target) -> Vec<Note> {
    let mut notes = Vec::new();
    for found in found {
        let Some(policy) = policy_of(&found.spec) else { continue };
        for statement in policy.document.foreign() {
            for (id, what) in gone(statement) {
                notes.push(Note {
                    target: target.clone(),
                    topic: GONE_PRINCIPAL.to_owned(),
                    text: format!(
                        "statement {} of the policy of {} {} names {id}, a {what} that is gone: it lets nobody in, and AWS \
                         refuses every policy that names it, so that nothing can be written there; have the statement's \
                         owner name somebody else, or remove it",
                        super::sid(statement),
                        found.address.kind,
                        found.address.name,
                    ),
                });
            }
        }
    }
    notes
}

/// The policy that other people write into, too.
fn policy_of(spec: &Spec) -> Option<&SharedPolicy> {
    match spec {
        Spec::SnsTopic(topic) => Some(&topic.policy),
        Spec::SqsQueuePolicy(queue) => Some(&queue.policy),
        Spec::LambdaPermission(permission) => Some(&permission.policy),
        other => other.shared_policy(),
    }
}

/// The ids that a statement names, and what each is of.
fn gone(statement: &Statement) -> Vec<(&str, &'static str)> {
    let Some(Principals::Principal(Who::Named(lists)) | Principals::NotPrincipal(Who::Named(lists))) =
        &statement.principal
    else {
        return Vec::new();
    };
    let named = lists.get(&PrincipalType::Aws).into_iter().flatten();
    named.filter_map(|name| Some((name.as_str(), kind_of(name)?))).collect()
}

fn kind_of(name: &str) -> Option<&'static str> {
    let is_id = name.len() >= 16 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    IDS.into_iter().find_map(|(beginning, what)| (is_id && name.starts_with(beginning)).then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn ids_of_roles_and_users_are_told_from_arns_accounts_and_sessions() {
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Old", "Effect": "Allow", "Action": "s3:GetObject",
            "Resource": "*", "Principal": {"AWS": ["AROAEXAMPLEEXAMPLE01", "arn:aws:iam::333333333333:role/AROA",
            "333333333333", "AIDAEXAMPLEEXAMPLE01", "AROAshort"]}}]}"#;
        let policy = Policy::parse(policy).unwrap();
        let said = gone(&policy.statements[0]);
        assert_eq!(said, [("AROAEXAMPLEEXAMPLE01", "role"), ("AIDAEXAMPLEEXAMPLE01", "user")]);
    }
}
