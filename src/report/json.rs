//! The document that `--format json` prints: its shape is a promise, versioned by `format`.

use serde_json::{Value, json};

use super::Outcome;
use crate::model::{Address, OpError};
use crate::plan::{Action, Change, Plan, Unreadable};

/// The version of the document's shape.
pub const FORMAT: u32 = 1;

/// A plan as a document.
pub fn plan_document(plan: &Plan) -> Value {
    json!({
        "format": FORMAT,
        "complete": plan.complete(),
        "summary": {
            "create": plan.count(Action::Create),
            "update": plan.count(Action::Update),
            "delete": plan.count(Action::Delete),
            "in_sync": plan.in_sync,
            "exempt": 0,
            "unreadable": plan.unreadable.len(),
        },
        "changes": plan.changes.iter().map(|change| change_document(plan, change)).collect::<Vec<_>>(),
        "unreadable": plan.unreadable.iter().map(|unreadable| unreadable_document(plan, unreadable)).collect::<Vec<_>>(),
        "blocked": plan.blocked.iter().map(|blocked| {
            let mut document = address_document(plan, &blocked.address);
            document["reason"] = json!(blocked.reason);
            document["hint"] = json!(blocked.hint);
            document
        }).collect::<Vec<_>>(),
        "undelivered": plan.undelivered.iter().map(|waiting| {
            let mut document = address_document(plan, &waiting.address);
            document["reason"] = json!(waiting.reason);
            document["hint"] = json!(waiting.hint);
            document
        }).collect::<Vec<_>>(),
        "exempt": [],
        "orphans": plan.orphans.iter().map(|orphan| {
            let mut document = address_document(plan, &orphan.address);
            document["fate"] = json!(orphan.fate);
            document
        }).collect::<Vec<_>>(),
        "notes": plan.notes.iter().map(|note| json!({
            "account": note.target.account,
            "account_name": plan.name(note.target.account),
            "region": note.target.region,
            "topic": note.topic,
            "text": note.text,
        })).collect::<Vec<_>>(),
    })
}

/// A plan and what became of it.
pub fn apply_document(plan: &Plan, outcomes: &[(Address, Outcome)]) -> Value {
    let mut document = plan_document(plan);
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count();
    document["outcomes"] = outcomes
        .iter()
        .map(|(address, outcome)| {
            let mut document = address_document(plan, address);
            let (error, because) = match outcome {
                Outcome::Applied | Outcome::AlreadySame => (None, None),
                Outcome::Stale { reason } => (None, Some(reason.clone())),
                Outcome::Failed(error) => (Some(error_document(error)), None),
                Outcome::Skipped { because } => (None, Some(because.to_string())),
                Outcome::NotStarted { why } => (None, Some(why.to_string())),
            };
            document["outcome"] = json!(outcome.as_str());
            if let Some(error) = error {
                document["error"] = error;
            }
            if let Some(because) = because {
                document["because"] = json!(because);
            }
            document
        })
        .collect();
    document["result"] = json!({
        "applied": count(|o| *o == Outcome::Applied),
        "failed": count(|o| matches!(o, Outcome::Failed(_))),
        "skipped": count(|o| matches!(o, Outcome::Skipped { .. })),
        "already_same": count(|o| *o == Outcome::AlreadySame),
        "stale": count(|o| matches!(o, Outcome::Stale { .. })),
        "not_started": count(|o| matches!(o, Outcome::NotStarted { .. })),
    });
    document
}

fn address_document(plan: &Plan, address: &Address) -> Value {
    json!({
        "address": address,
        "account": address.target.account,
        "account_name": plan.name(address.target.account),
        "region": address.target.region,
        "kind": address.kind,
        "name": address.name,
    })
}

pub(super) fn change_document(plan: &Plan, change: &Change) -> Value {
    let mut document = address_document(plan, &change.address);
    document["action"] = json!(change.action);
    document["reason"] = json!(change.reason);
    document["fields"] = json!(change.fields());
    document["requires"] = json!(change.requires);
    document
}

fn unreadable_document(plan: &Plan, unreadable: &Unreadable) -> Value {
    let mut document = error_document(&unreadable.error);
    document["account"] = json!(unreadable.target.account);
    document["account_name"] = json!(plan.name(unreadable.target.account));
    document["region"] = json!(unreadable.target.region);
    document["cell"] = json!(unreadable.service);
    document
}

fn error_document(error: &OpError) -> Value {
    json!({
        "role": error.role,
        "service": error.service,
        "operation": error.operation,
        "fault": error.fault,
        "code": error.code,
        "message": error.message,
        "request_id": error.request_id,
        "attempts": error.attempts,
        "hint": error.hint,
    })
}

#[cfg(test)]
mod tests;
