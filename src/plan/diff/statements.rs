//! How the statements of two policies are paired, so that a diff says which of them differ and in what.
//!
//! A statement is known by its `Sid`. Neither AWS nor this tool makes that a name: a statement of somebody else may have
//! none, or one that another statement has, too.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Children, Parts};

/// What stands for the name of a statement without a `Sid`; what the statement says follows.
pub(super) const NO_SID: &str = "(no Sid) ";

/// The items of two lists by their names, if each has one: a `Sid`, or what it says where it is a statement without.
/// Of items with the same name those that are the same are paired first; the name of each further one ends in a number.
pub(super) fn parts<'a>(old: &'a [Value], new: &'a [Value]) -> Option<Parts<'a>> {
    let name =
        |items: &'a [Value]| items.iter().map(|item| Some((name(item)?, item))).collect::<Option<Children<'a>>>();
    let (mut old, new) = (name(old)?, name(new)?);
    // What a statement says may be spelt otherwise, and is then the same.
    for (name, item) in old.iter_mut().filter(|(name, _)| name.starts_with(NO_SID)) {
        if let Some((other, _)) = new.iter().find(|(other, twin)| other.starts_with(NO_SID) && is_same(item, twin)) {
            name.clone_from(other);
        }
    }
    let mut parts = Parts { old: Vec::new(), new: Vec::new() };
    let names: BTreeSet<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    for name in names {
        let of =
            |side: &Children<'a>| side.iter().filter(|(n, _)| n == name).map(|(_, item)| *item).collect::<Vec<_>>();
        let (mut before, mut after) = (of(&old), of(&new));
        let mut pairs = Vec::new();
        before.retain(|item| match after.iter().position(|other| is_same(item, other)) {
            Some(at) => {
                pairs.push((*item, after.remove(at)));
                false
            }
            None => true,
        });
        let numbered = |number: usize| if number == 0 { name.clone() } else { format!("{name} ({})", number + 1) };
        parts.old.extend(pairs.iter().map(|(item, _)| *item).chain(before).enumerate().map(|(n, i)| (numbered(n), i)));
        parts.new.extend(pairs.iter().map(|(_, item)| *item).chain(after).enumerate().map(|(n, i)| (numbered(n), i)));
    }
    let unique = |side: &Children<'_>| side.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len() == side.len();
    (unique(&parts.old) && unique(&parts.new)).then_some(parts)
}

fn name(item: &Value) -> Option<String> {
    match item.get("Sid").and_then(Value::as_str) {
        Some(sid) if !sid.is_empty() => Some(sid.to_owned()),
        _ => item.get("Effect").map(|_| format!("{NO_SID}{item}")),
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    super::diff(one, other).is_empty()
}

/// Whether a path leads to the actions of a statement.
pub(super) fn names_actions(path: &[String]) -> bool {
    path.last().is_some_and(|last| last == "Action" || last == "NotAction")
}

/// Whether two lists of actions are the same: AWS compares them without regard to case (IAM User Guide, "IAM JSON policy
/// elements: Action").
pub(super) fn same_actions(before: &Value, after: &Value) -> bool {
    let lower = |value: &Value| value.to_string().to_ascii_lowercase();
    lower(before) == lower(after)
}

/// Whether the fields at a path are condition keys, which AWS compares without regard to case (IAM User Guide, "IAM JSON
/// policy elements: Condition").
pub(super) fn holds_condition_keys(path: &[String]) -> bool {
    path.len() >= 2 && path[path.len() - 2] == "Condition"
}

/// Gives each field the name that the same field has on the other side.
pub(super) fn respell(old: &mut Children<'_>, new: &Children<'_>) {
    for at in 0..old.len() {
        let name = &old[at].0;
        if new.iter().any(|(other, _)| other == name) {
            continue;
        }
        let other = new.iter().map(|(other, _)| other).find(|other| other.eq_ignore_ascii_case(name));
        if let Some(other) = other.filter(|other| old.iter().all(|(taken, _)| taken != *other)) {
            old[at].0 = other.clone();
        }
    }
}
