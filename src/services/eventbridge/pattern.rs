//! Event patterns: how they are compared, how long they may be, and what is wrong with one of somebody's own.
//!
//! Source: EventBridge User Guide, "Creating event patterns" and "Comparison operators for use in event patterns".

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::config::did_you_mean;

/// How many characters a pattern takes by the default quota (EventBridge User Guide, "Quotas": adjustable).
pub(super) const QUOTA_CHARS: usize = 2_048;

/// How many characters a pattern takes at all (EventBridge API Reference, `PutRule`).
pub(super) const MOST_CHARS: usize = 4_096;

/// The fields that every event has, and the two that a pattern may name besides (EventBridge User Guide, "Events").
const FIELDS: [&str; 11] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
    "replay-name",
    "$or",
];

/// The comparison operators.
const OPERATORS: [&str; 8] =
    ["prefix", "suffix", "anything-but", "numeric", "exists", "cidr", "equals-ignore-case", "wildcard"];

/// The operators that `anything-but` can turn round.
const TURNED_ROUND: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// The largest magnitude that `numeric` compares: five billion, either way.
const LARGEST_NUMBER: f64 = 5e9;

/// A pattern as it is sent.
pub(super) fn text(pattern: &Value) -> String {
    pattern.to_string()
}

/// How many characters of the limit a pattern takes.
pub(super) fn length(pattern: &Value) -> usize {
    text(pattern).chars().count()
}

/// The one spelling of everything that means the same: a list holds alternatives, so that neither their order nor
/// their number says anything, except what follows `numeric`.
pub(super) fn canonical(pattern: &Value) -> Value {
    match pattern {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| {
                    let value = if is_comparison(key, value) { value.clone() } else { canonical(value) };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by(by_text);
            items.dedup();
            Value::Array(items)
        }
        leaf => leaf.clone(),
    }
}

fn by_text(one: &Value, other: &Value) -> Ordering {
    one.to_string().cmp(&other.to_string())
}

/// `"numeric": [">", 0, "<", 5]`: an operator before each number.
fn is_comparison(key: &str, value: &Value) -> bool {
    key == "numeric" && value.as_array().is_some_and(|items| items.iter().any(Value::is_number))
}

/// What is wrong with a pattern, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PatternFault {
    /// The keys that lead there.
    pub path: Vec<String>,
    /// What is wrong.
    pub what: String,
    /// How to go on.
    pub help: Option<String>,
}

/// What AWS would refuse in a pattern, or what could match no event; the first such thing.
pub(super) fn fault(pattern: &Value) -> Option<PatternFault> {
    let Value::Object(fields) = pattern else {
        return Some(at(&[], "an object is expected: {\"source\": [\"…\"]}"));
    };
    if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let help = did_you_mean(unknown, FIELDS)
            .unwrap_or_else(|| "what a service says of itself stands below `detail`".to_owned());
        return Some(PatternFault { help: Some(help), ..at(&[unknown], "no event has this field") });
    }
    fields_fault(fields, &mut Vec::new())
}

fn at(path: &[&str], what: impl Into<String>) -> PatternFault {
    PatternFault { path: path.iter().map(|key| (*key).to_owned()).collect(), what: what.into(), help: None }
}

fn here(path: &[String], what: impl Into<String>) -> PatternFault {
    PatternFault { path: path.to_vec(), what: what.into(), help: None }
}

fn fields_fault(fields: &Map<String, Value>, path: &mut Vec<String>) -> Option<PatternFault> {
    if fields.is_empty() {
        return Some(here(path, "no field is named: it would match everything, and AWS refuses it"));
    }
    for (key, value) in fields {
        path.push(key.clone());
        let fault = match value {
            Value::Array(alternatives) if key == "$or" => or_fault(alternatives, path),
            _ if key == "$or" => Some(here(path, "a list of patterns is expected")),
            Value::Object(below) => fields_fault(below, path),
            Value::Array(values) if values.is_empty() => Some(here(path, "the list is empty: nothing would match")),
            Value::Array(values) => values.iter().find_map(|value| value_fault(value, path)),
            _ => Some(PatternFault {
                help: Some(format!("write [{value}]")),
                ..here(path, "values stand in a list, even a single one")
            }),
        };
        if fault.is_some() {
            return fault;
        }
        path.pop();
    }
    None
}

fn or_fault(alternatives: &[Value], path: &mut Vec<String>) -> Option<PatternFault> {
    if alternatives.len() < 2 {
        return Some(here(path, "two patterns or more are expected"));
    }
    alternatives.iter().find_map(|alternative| match alternative {
        Value::Object(fields) => fields_fault(fields, path),
        _ => Some(here(path, "each alternative is a pattern: {\"detail\": {…}}")),
    })
}

fn value_fault(value: &Value, path: &[String]) -> Option<PatternFault> {
    match value {
        Value::Array(_) => Some(here(path, "a list in a list")),
        Value::Object(operation) => operation_fault(operation, path),
        _ => None,
    }
}

fn operation_fault(operation: &Map<String, Value>, path: &[String]) -> Option<PatternFault> {
    let mut entries = operation.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Some(here(path, "one comparison operator is expected in each pair of braces"));
    };
    let is_text = |value: &Value| value.is_string();
    let folded = |value: &Value| {
        value.as_object().is_some_and(|o| o.len() == 1 && o.get("equals-ignore-case").is_some_and(Value::is_string))
    };
    let expected = match operator.as_str() {
        "prefix" | "suffix" => (!is_text(operand) && !folded(operand)).then_some("a text"),
        "equals-ignore-case" => (!is_text(operand)).then_some("a text"),
        "wildcard" => (!operand.as_str().is_some_and(is_wildcard)).then_some(WILDCARD),
        "exists" => (!operand.is_boolean()).then_some("true or false"),
        "cidr" => (!operand.as_str().is_some_and(is_network)).then_some("a network such as \"10.0.0.0/8\""),
        "numeric" => (!is_range(operand)).then_some("a list such as [\">\", 0, \"<=\", 5]"),
        "anything-but" if has_bad_wildcard(operand) => Some(WILDCARD),
        "anything-but" => (!is_excluded(operand)).then_some("a value, a list of values, or one more operator"),
        unknown => {
            let help =
                did_you_mean(unknown, OPERATORS).unwrap_or_else(|| format!("there are {}", OPERATORS.join(", ")));
            let what = format!("`{unknown}` is not a comparison operator");
            return Some(PatternFault { help: Some(help), ..here(path, what) });
        }
    };
    expected.map(|expected| here(path, format!("{expected} is expected after `{operator}`")))
}

/// What is expected after `wildcard`.
const WILDCARD: &str = "a text in which no two stars follow each other and a backslash stands before a star or another \
                        backslash only";

/// Whether a text can stand after `wildcard`: `*` is any text, `\*` and `\\` are those characters themselves (EventBridge
/// User Guide, "Comparison operators", "Wildcard"; AWS's own matcher, event-ruler, reads it so).
fn is_wildcard(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.peek() == Some(&'*') => return false,
            '\\' if !matches!(letters.next(), Some('*' | '\\')) => return false,
            _ => {}
        }
    }
    true
}

/// Whether an operand of `anything-but` is a wildcard that AWS refuses.
fn has_bad_wildcard(operand: &Value) -> bool {
    let texts = match operand.get("wildcard") {
        Some(Value::Array(texts)) => texts.iter().collect(),
        Some(text) => vec![text],
        None => Vec::new(),
    };
    texts.into_iter().filter_map(Value::as_str).any(|text| !is_wildcard(text))
}

fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    match (address.parse::<std::net::IpAddr>(), length.parse::<u8>()) {
        (Ok(address), Ok(length)) => length <= if address.is_ipv4() { 32 } else { 128 },
        _ => false,
    }
}

/// One comparison, or two that hem a number in.
fn is_range(operand: &Value) -> bool {
    let Some(items) = operand.as_array() else { return false };
    let is_pair = |pair: &[Value]| {
        let known = |operator: &str| ["<", "<=", "=", ">", ">="].contains(&operator);
        pair.first().and_then(Value::as_str).is_some_and(known)
            && pair.get(1).and_then(Value::as_f64).is_some_and(|number| number.abs() <= LARGEST_NUMBER)
    };
    matches!(items.len(), 2 | 4) && items.chunks(2).all(is_pair)
}

fn is_excluded(operand: &Value) -> bool {
    let scalar = |value: &Value| value.is_string() || value.is_number();
    match operand {
        Value::Array(values) => !values.is_empty() && values.iter().all(scalar),
        Value::Object(operation) => {
            let texts = |value: &Value| {
                value.is_string()
                    || value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
            };
            operation.len() == 1
                && operation.iter().all(|(operator, value)| TURNED_ROUND.contains(&operator.as_str()) && texts(value))
        }
        value => scalar(value),
    }
}
