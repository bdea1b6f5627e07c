//! What the permissions boundary of the forwarding role leaves of its permission.

use std::collections::BTreeMap;

use super::document::Document;
use super::spec::Role;
use crate::model::Address;
use crate::policy::{Actions, Caller, Decision, Policy, Request, Resources, evaluate};

/// The action that the role is for.
const ACTION: &str = "events:PutEvents";

/// The first of the buses that the boundary keeps the role from, of those that the role may put events on; `None` where it
/// admits all of them (IAM User Guide, "Permissions boundaries for IAM entities": what both allow is allowed).
pub(super) fn shut_out(boundary: &Policy, role: &Role, address: &Address) -> Option<String> {
    let account = address.target.account;
    let partition = crate::model::Partition::of_region(&address.target.region).unwrap_or_default();
    // EventBridge names its sessions itself; no boundary can be written for one.
    let session = format!("arn:{partition}:sts::{account}:assumed-role/{}/events", address.name);
    let context = BTreeMap::from([("aws:SecureTransport".to_owned(), vec!["true".to_owned()])]);
    buses(role).into_iter().find(|bus| {
        let request = Request { principal: Caller::Aws(&session), action: ACTION, resource: bus, context: &context };
        !matches!(evaluate(boundary, &request), Decision::Allowed { .. })
    })
}

/// The ARNs of the buses that the role may put events on.
fn buses(role: &Role) -> Vec<String> {
    let mut buses = Vec::new();
    for document in role.inline_policies.values() {
        let Document::Known(policy) = document else { continue };
        for statement in &policy.statements {
            let puts = matches!(&statement.actions, Actions::Action(names) if names.iter().any(|n| n.eq_ignore_ascii_case(ACTION)));
            if let (true, Some(Resources::Resource(arns))) = (puts, &statement.resources) {
                buses.extend(arns.iter().cloned());
            }
        }
    }
    buses
}
