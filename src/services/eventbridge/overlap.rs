//! Whether one event can match two patterns, so that both tell of it.
//!
//! Only what is certain counts as apart: two demands on a field that holds a single value, and no value that meets both.
//! Fields that may hold a list are no help, since each demand may be met by another element.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The fields of an event, and of what CloudTrail, AWS Config and GuardDuty put below `detail`, that hold one value at most
/// (EventBridge User Guide, "Events"; CloudTrail User Guide, "CloudTrail record contents").
const SINGLE: [&str; 14] = [
    "account",
    "detail-type",
    "detail.configRuleName",
    "detail.errorCode",
    "detail.errorMessage",
    "detail.eventName",
    "detail.eventSource",
    "detail.messageType",
    "detail.requestParameters.cidrIp",
    "detail.responseElements.ConsoleLogin",
    "detail.userIdentity.invokedBy",
    "detail.userIdentity.type",
    "region",
    "source",
];

/// How many alternatives are told apart before everything is taken to be possible.
const MOST_BRANCHES: usize = 256;

/// What one way of matching demands: by field, lists of which each has to match.
type Branch<'a> = BTreeMap<String, Vec<&'a Vec<Value>>>;

/// Whether an event can match both; `false` only where that is certain not to be.
pub(super) fn may_both_match(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (branches(one), branches(other)) else { return true };
    one.iter().any(|one| other.iter().any(|other| !are_apart(one, other)))
}

fn are_apart(one: &Branch<'_>, other: &Branch<'_>) -> bool {
    SINGLE.iter().any(|field| {
        let (Some(one), Some(other)) = (one.get(*field), other.get(*field)) else { return false };
        one.iter()
            .any(|one| other.iter().any(|other| !one.iter().any(|test| other.iter().any(|with| agree(test, with)))))
    })
}

/// The ways in which a pattern can match, `$or` multiplied out; `None` where there are too many.
fn branches(pattern: &Value) -> Option<Vec<Branch<'_>>> {
    let Value::Object(fields) = pattern else { return None };
    below(fields, "")
}

fn below<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<Vec<Branch<'a>>> {
    let mut all = vec![Branch::new()];
    for (name, value) in fields {
        let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let more = match value {
            Value::Array(alternatives) if name == "$or" => {
                let mut together = Vec::new();
                for alternative in alternatives {
                    let Value::Object(fields) = alternative else { return None };
                    together.extend(below(fields, path)?);
                }
                together
            }
            Value::Array(tests) => vec![Branch::from([(here, vec![tests])])],
            Value::Object(fields) => below(fields, &here)?,
            _ => return None,
        };
        all = product(&all, &more)?;
    }
    Some(all)
}

fn product<'a>(one: &[Branch<'a>], other: &[Branch<'a>]) -> Option<Vec<Branch<'a>>> {
    if one.len().saturating_mul(other.len()) > MOST_BRANCHES {
        return None;
    }
    let joined = |one: &Branch<'a>, other: &Branch<'a>| {
        let mut joined = one.clone();
        for (field, lists) in other {
            joined.entry(field.clone()).or_default().extend(lists);
        }
        joined
    };
    Some(one.iter().flat_map(|one| other.iter().map(move |other| joined(one, other))).collect())
}

/// Whether one value can meet both tests.
fn agree(one: &Value, other: &Value) -> bool {
    match (test(one), test(other)) {
        (None, None) => one == other,
        (None, Some((operator, operand))) => meets(one, operator, operand),
        (Some((operator, operand)), None) => meets(other, operator, operand),
        (Some(("exists", exists)), Some(("exists", with))) => exists == with,
        // Every other comparison needs a value.
        (Some(("exists", exists)), Some(_)) | (Some(_), Some(("exists", exists))) => *exists != Value::Bool(false),
        (Some(("prefix", one)), Some(("prefix", other))) => match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
            _ => true,
        },
        (Some(("prefix", begins)), Some(("anything-but", but)))
        | (Some(("anything-but", but)), Some(("prefix", begins))) => {
            let begins = begins.as_str().unwrap_or_default();
            !texts(but.get("prefix")).iter().any(|excluded| begins.starts_with(excluded))
        }
        _ => true,
    }
}

/// The one operator of a comparison, and what stands after it.
fn test(value: &Value) -> Option<(&str, &Value)> {
    value.as_object()?.iter().next().map(|(operator, operand)| (operator.as_str(), operand))
}

/// Whether a plain value can meet a comparison.
fn meets(value: &Value, operator: &str, operand: &Value) -> bool {
    let Some(text) = value.as_str() else { return operator != "exists" || *operand != Value::Bool(false) };
    match operator {
        "exists" => *operand != Value::Bool(false),
        "prefix" => operand.as_str().is_none_or(|begins| text.starts_with(begins)),
        "suffix" => operand.as_str().is_none_or(|ends| text.ends_with(ends)),
        "equals-ignore-case" => operand.as_str().is_none_or(|same| text.eq_ignore_ascii_case(same)),
        "anything-but" => match operand {
            Value::Object(but) => {
                !texts(but.get("prefix")).iter().any(|begins| text.starts_with(begins))
                    && !texts(but.get("suffix")).iter().any(|ends| text.ends_with(ends))
            }
            Value::Array(but) => !but.contains(value),
            but => but != value,
        },
        _ => true,
    }
}

fn texts(operand: Option<&Value>) -> Vec<&str> {
    match operand {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_are_apart_where_no_value_of_a_single_field_meets_both() {
        let name = |names: Value| json!({"detail": {"eventName": names}});
        let code = |codes: Value| json!({"detail": {"errorCode": codes}});
        for (one, other, both) in [
            (json!({"source": ["aws.ec2"]}), json!({"source": ["aws.s3"]}), false),
            (json!({"source": ["aws.ec2"]}), json!({"source": [{"prefix": "aws."}]}), true),
            (json!({"source": ["aws.ec2"]}), json!({"region": ["us-east-1"]}), true),
            (name(json!(["A", "B"])), name(json!(["B", "C"])), true),
            (name(json!(["A"])), name(json!([{"anything-but": ["A", "B"]}])), false),
            (
                name(json!([{"prefix": "CreateX"}])),
                name(json!([{"anything-but": {"prefix": ["Create", "Put"]}}])),
                false,
            ),
            (name(json!([{"prefix": "C"}])), name(json!([{"anything-but": {"prefix": "Create"}}])), true),
            (name(json!([{"prefix": "Get"}])), name(json!([{"prefix": "Put"}])), false),
            (name(json!([{"prefix": "Get"}])), name(json!([{"suffix": "Role"}])), true),
            (code(json!([{"exists": false}])), code(json!([{"prefix": "Access"}])), false),
            (code(json!([{"exists": false}])), code(json!(["AccessDenied"])), false),
            (code(json!([{"exists": false}])), code(json!([{"exists": false}, "X"])), true),
            // A list may hold both.
            (json!({"resources": ["a"]}), json!({"resources": ["b"]}), true),
            (json!({"detail": {"tags": ["a"]}}), json!({"detail": {"tags": ["b"]}}), true),
            (
                json!({"$or": [{"source": ["a"]}, {"account": ["1"]}]}),
                json!({"source": ["b"], "account": ["2"]}),
                false,
            ),
            (json!({"$or": [{"source": ["a"]}, {"account": ["1"]}]}), json!({"source": ["b"]}), true),
            (
                json!({"detail": {"userIdentity": {"$or": [
                    {"type": [{"anything-but": ["Root"]}]}, {"invokedBy": [{"exists": true}]}]}}}),
                json!({"detail": {"userIdentity": {"type": ["Root"], "invokedBy": [{"exists": false}]}}}),
                false,
            ),
        ] {
            assert_eq!(may_both_match(&one, &other), both, "{one} {other}");
            assert_eq!(may_both_match(&other, &one), both, "{other} {one}");
        }
    }
}
