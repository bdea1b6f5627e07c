//! One diff for every kind: two documents, field by field.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The way to it, one segment per step: keys of tags may contain any separator.
    pub path: Vec<String>,
    /// How it differs.
    #[serde(flatten)]
    pub kind: FieldChangeKind,
}

/// How a field differs. An enum and not two optional values: JSON cannot tell "none" from "null".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum FieldChangeKind {
    /// There was none.
    Added {
        /// What will be.
        after: Value,
    },
    /// There will be none.
    Removed {
        /// What was.
        before: Value,
    },
    /// There is another.
    Changed {
        /// What was.
        before: Value,
        /// What will be.
        after: Value,
    },
}

/// The fields in which two documents differ, in the order of their paths. `null` and a missing key mean the same: no
/// value.
pub fn diff(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk(before, after, &mut Vec::new(), &mut changes);
    changes
}

fn walk(before: &Value, after: &Value, path: &mut Vec<String>, changes: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    match (children(before), children(after)) {
        (Some(old), Some(new)) => descend(&old, &new, path, changes),
        (Some(old), None) if after.is_null() && !old.is_empty() => descend(&old, &[], path, changes),
        (None, Some(new)) if before.is_null() && !new.is_empty() => descend(&[], &new, path, changes),
        _ => changes.extend(leaf(before, after).map(|kind| FieldChange { path: path.clone(), kind })),
    }
}

fn leaf(before: &Value, after: &Value) -> Option<FieldChangeKind> {
    match (before, after) {
        (Value::Null, Value::Null) => None,
        (Value::Null, after) => Some(FieldChangeKind::Added { after: after.clone() }),
        (before, Value::Null) => Some(FieldChangeKind::Removed { before: before.clone() }),
        (before, after) => Some(FieldChangeKind::Changed { before: before.clone(), after: after.clone() }),
    }
}

type Children<'a> = Vec<(String, &'a Value)>;

fn descend(old: &[(String, &Value)], new: &[(String, &Value)], path: &mut Vec<String>, changes: &mut Vec<FieldChange>) {
    let keys: BTreeSet<&String> = old.iter().chain(new).map(|(key, _)| key).collect();
    let value = |side: &[(String, &Value)], key: &String| {
        side.iter().find(|(k, _)| k == key).map_or(Value::Null, |(_, v)| (*v).clone())
    };
    for key in keys {
        path.push(key.clone());
        walk(&value(old, key), &value(new, key), path, changes);
        path.pop();
    }
}

/// What a value is made of, if it has parts that can be named: an object's fields, or a list's items that each carry a
/// name of their own. Other lists are compared whole.
fn children(value: &Value) -> Option<Children<'_>> {
    match value {
        Value::Object(fields) => Some(fields.iter().map(|(key, value)| (key.clone(), value)).collect()),
        Value::Array(items) if !items.is_empty() => {
            let named: Children<'_> = items
                .iter()
                .map(|item| Some((item.get("Sid").and_then(Value::as_str)?.to_owned(), item)))
                .collect::<Option<_>>()
                .or_else(|| statements(items))?;
            let names: BTreeSet<&String> = named.iter().map(|(name, _)| name).collect();
            (names.len() == named.len()).then_some(named)
        }
        _ => None,
    }
}

/// Policy statements of which some have no name: those go by what they say.
fn statements(items: &[Value]) -> Option<Children<'_>> {
    items
        .iter()
        .map(|item| {
            item.get("Effect")?;
            let name = match item.get("Sid").and_then(Value::as_str) {
                Some(sid) => sid.to_owned(),
                None => format!("(no Sid) {item}"),
            };
            Some((name, item))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Makes `after` of `before` by the changes alone.
    fn patch(document: &mut Value, changes: &[FieldChange]) {
        for change in changes {
            let (last, parents) = change.path.split_last().unwrap();
            let mut at = &mut *document;
            for step in parents {
                if at.is_null() {
                    *at = json!({});
                }
                at = at.as_object_mut().unwrap().entry(step.clone()).or_insert(Value::Null);
            }
            if at.is_null() {
                *at = json!({});
            }
            let fields = at.as_object_mut().unwrap();
            match &change.kind {
                FieldChangeKind::Added { after } | FieldChangeKind::Changed { after, .. } => {
                    fields.insert(last.clone(), after.clone());
                }
                FieldChangeKind::Removed { .. } => {
                    fields.remove(last);
                }
            }
        }
    }

    /// Takes away the objects in which nothing is left; no document of ours has one to begin with.
    fn prune(document: &mut Value) {
        if let Some(fields) = document.as_object_mut() {
            fields.values_mut().for_each(prune);
            fields.retain(|_, value| value.as_object().is_none_or(|fields| !fields.is_empty()));
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0..9i64).prop_map(Value::from),
            "[a-c]{1,2}".prop_map(Value::from),
            prop::collection::vec("[a-c]", 0..3).prop_map(|list| json!(list)),
        ];
        let object = leaf.prop_recursive(3, 24, 4, |inner| {
            prop::collection::btree_map("[a-d/.]{1,2}", inner, 1..4).prop_map(|fields| json!(fields))
        });
        prop::collection::btree_map("[a-d]", object, 1..4).prop_map(|fields| json!(fields))
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself(document in documents()) {
            prop_assert!(diff(&document, &document).is_empty());
        }

        #[test]
        fn the_changes_alone_make_one_of_the_other(before in documents(), after in documents()) {
            let mut patched = before.clone();
            let changes = diff(&before, &after);
            prop_assert_eq!(changes.is_empty(), before == after);
            patch(&mut patched, &changes);
            // A whole object that went away leaves an empty one behind: no field of it is left.
            prune(&mut patched);
            prop_assert!(diff(&patched, &after).is_empty(), "{} {}", patched, after);
        }

        #[test]
        fn the_other_way_round_is_the_mirror(before in documents(), after in documents()) {
            let paths = |changes: &[FieldChange]| changes.iter().map(|c| c.path.clone()).collect::<Vec<_>>();
            prop_assert_eq!(paths(&diff(&before, &after)), paths(&diff(&after, &before)));
        }
    }

    #[test]
    fn a_policy_is_compared_statement_by_statement() {
        let statement = |sid: &str, action: &str| json!({"Sid": sid, "Effect": "Allow", "Action": action});
        let before = json!({"policy": {"Statement": [statement("A", "s3:Get"), statement("B", "s3:Put")]}});
        let after = json!({"policy": {"Statement": [statement("B", "s3:List"), statement("A", "s3:Get")]}});
        let changes = diff(&before, &after);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].path, ["policy", "Statement", "B", "Action"]);
    }

    #[test]
    fn null_is_no_value() {
        assert!(diff(&json!({"a": null}), &json!({})).is_empty());
        let added = diff(&json!({}), &json!({"a": {"b": 1, "c": null}}));
        assert_eq!(
            added,
            [FieldChange {
                path: vec!["a".to_owned(), "b".to_owned()],
                kind: FieldChangeKind::Added { after: json!(1) }
            }]
        );
        let line = serde_json::to_string(&added[0]).unwrap();
        assert_eq!(line, r#"{"path":["a","b"],"change":"added","after":1}"#);
    }
}
