//! One diff for every kind: two documents, field by field.

mod statements;

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
    if before == after || (statements::names_actions(path) && statements::same_actions(before, after)) {
        return;
    }
    match parts(before, after, path) {
        Some(Parts { old, new }) => descend(&old, &new, path, changes),
        None => changes.extend(leaf(before, after).map(|kind| FieldChange { path: path.clone(), kind })),
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

/// The parts of a value, by their names.
type Children<'a> = Vec<(String, &'a Value)>;

/// The parts of two values that are compared part by part.
struct Parts<'a> {
    old: Children<'a>,
    new: Children<'a>,
}

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

/// What two values are made of, if both have parts that can be named: an object's fields, or a list's items that each
/// carry a name of their own. Other lists are compared whole. A missing value has the parts of the other one, none of
/// them there.
fn parts<'a>(before: &'a Value, after: &'a Value, path: &[String]) -> Option<Parts<'a>> {
    let filled = |value: &&Value| match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let fields = |fields: &'a serde_json::Map<String, Value>| {
                fields.iter().map(|(key, value)| (key.clone(), value)).collect::<Children<'a>>()
            };
            let (mut old, new) = (fields(old), fields(new));
            if statements::holds_condition_keys(path) {
                statements::respell(&mut old, &new);
            }
            Some(Parts { old, new })
        }
        (Value::Object(old), Value::Null) if filled(&before) => {
            Some(Parts { old: old.iter().map(|(key, value)| (key.clone(), value)).collect(), new: Vec::new() })
        }
        (Value::Null, Value::Object(new)) if filled(&after) => {
            Some(Parts { old: Vec::new(), new: new.iter().map(|(key, value)| (key.clone(), value)).collect() })
        }
        (Value::Array(old), Value::Array(new)) if filled(&before) && filled(&after) => statements::parts(old, new),
        (Value::Array(old), Value::Null) if filled(&before) => statements::parts(old, &[]),
        (Value::Null, Value::Array(new)) if filled(&after) => statements::parts(&[], new),
        _ => None,
    }
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
    fn a_statement_without_a_sid_or_with_a_sid_twice_is_told_apart_from_the_others() {
        let named = |sid: &str, action: &str| json!({"Sid": sid, "Effect": "Allow", "Action": action});
        let nameless = |action: &str| json!({"Effect": "Allow", "Action": action});
        let policy = |statements: Vec<Value>| json!({"policy": {"Statement": statements}});
        let told = |before: Vec<Value>, after: Vec<Value>| {
            let changes = diff(&policy(before), &policy(after));
            changes.iter().map(|change| change.path[2..].join(" / ")).collect::<Vec<_>>()
        };
        // The same Sid twice, of which one is changed.
        let before = vec![named("A", "s3:Get*"), named("A", "s3:Put*"), named("B", "s3:List*")];
        let after = vec![named("A", "s3:Put*"), named("A", "s3:Delete*"), named("B", "s3:List*")];
        assert_eq!(told(before.clone(), after), ["A (2) / Action"]);
        // One of them goes, and the other is as it was.
        let after = vec![named("A", "s3:Put*"), named("B", "s3:List*")];
        assert_eq!(told(before, after), ["A (2) / Action", "A (2) / Effect", "A (2) / Sid"]);
        // Without a Sid, also twice the same, beside ones that have one.
        let before = vec![nameless("s3:Get*"), nameless("s3:Get*"), named("B", "s3:List*")];
        let after = vec![nameless("s3:Get*"), named("B", "s3:Put*")];
        let gone = "(no Sid) {\"Action\":\"s3:Get*\",\"Effect\":\"Allow\"} (2)";
        assert_eq!(
            told(before, after),
            [format!("{gone} / Action"), format!("{gone} / Effect"), "B / Action".to_owned()]
        );
        // A Sid that is empty is none.
        let empty = json!({"Sid": "", "Effect": "Allow", "Action": "s3:Get*"});
        assert_eq!(told(vec![empty.clone(), empty.clone()], vec![empty.clone(), empty]), [""; 0]);
    }

    #[test]
    fn actions_and_condition_keys_that_are_spelt_otherwise_do_not_differ() {
        let statement = |action: &str, key: &str, account: &str| {
            json!({"Statement": [{"Sid": "A", "Effect": "Allow", "Action": [action],
                "Condition": {"StringEquals": {key: account}}}]})
        };
        let one = statement("s3:PutObject", "aws:SourceAccount", "1");
        assert!(diff(&one, &statement("S3:putobject", "AWS:SourceAccount", "1")).is_empty());
        let changes = diff(&one, &statement("s3:putObject", "aws:sourceaccount", "2"));
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].path.last().unwrap(), "aws:sourceaccount");
        let changes = diff(&one, &statement("s3:GetObject", "aws:SourceAccount", "1"));
        assert_eq!(changes.len(), 1, "{changes:?}");
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
