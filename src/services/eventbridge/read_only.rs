//! Read-only management events: what EventBridge keeps from a rule unless its state asks for it, and what of a pattern is
//! about such events.
//!
//! Source: EventBridge User Guide, "Receiving read-only management events from AWS services": a rule in state `ENABLED`
//! gets everything but the management events that CloudTrail delivers and whose names begin with `Describe`, `Get` or
//! `List`; STS's `GetFederationToken` and `GetSessionToken` count as changes. A sign-in has another detail type, and
//! arrives.

use serde_json::{Map, Value};

/// The detail type of what CloudTrail delivers of calls.
pub(super) const API_CALL: &str = "AWS API Call via CloudTrail";

/// What the names of the events that are kept back begin with.
const VERBS: [&str; 3] = ["Describe", "Get", "List"];

/// Those of STS that begin so and arrive.
const ARRIVING: [&str; 2] = ["GetFederationToken", "GetSessionToken"];

/// The state of a rule that gets everything but these events.
pub(super) const ENABLED: &str = "ENABLED";

/// The state of a rule that gets these events, too (EventBridge API Reference, `PutRule`).
pub(super) const ENABLED_WITH_ALL: &str = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

/// The state of a rule of ours.
pub(super) const fn state(read_only_events: bool) -> &'static str {
    if read_only_events { ENABLED_WITH_ALL } else { ENABLED }
}

/// What of a pattern is about read-only management events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Share {
    /// Nothing: it can match none of them.
    Nothing,
    /// It can match some, and other events.
    Some {
        /// What it names of them: an event in full, or what several begin with.
        named: Vec<String>,
    },
    /// It can match nothing else.
    All,
}

/// What of a pattern is about read-only management events.
pub(super) fn share(pattern: &Value) -> Share {
    let types = constraint(pattern, &["detail-type"]);
    let names = constraint(pattern, &["detail", "eventName"]);
    let sts = [(&["source"][..], "aws.sts"), (&["detail", "eventSource"], "sts.amazonaws.com")].iter().all(
        |(path, value)| {
            constraint(pattern, path).alternatives().is_none_or(|list| list.iter().any(|one| may_equal(one, value)))
        },
    );
    let calls_only = types.only(is_call_type);
    let may_call = types.alternatives().is_none_or(|list| list.iter().any(|one| may_equal(one, API_CALL)));
    let may_read = names.alternatives().is_none_or(|list| list.iter().any(may_read));
    if !may_call || !may_read {
        return Share::Nothing;
    }
    if calls_only && names.only(|one| only_reads(one, sts)) {
        return Share::All;
    }
    let listed = names.alternatives().into_iter().flatten().filter(|one| only_reads(one, sts));
    let mut named: Vec<String> = listed
        .filter_map(|one| Some(format!("{}{}", beginning(one)?, if one.is_string() { "" } else { "…" })))
        .collect();
    let read_only = constraint(pattern, &["detail", "readOnly"]);
    if named.is_empty() && read_only.only(|one| *one == Value::Bool(true)) {
        named.push("most of what is read-only".to_owned());
    }
    Share::Some { named }
}

/// What a pattern demands of one field: every list has to match.
struct Constraint<'a>(Vec<Vec<&'a Value>>);

impl<'a> Constraint<'a> {
    /// Whether what it lets through has a property: one of the lists has it in every alternative.
    fn only(&self, holds: impl Fn(&Value) -> bool) -> bool {
        self.0.iter().any(|list| list.iter().all(|one| holds(one)))
    }

    /// The alternatives of the first list; `None` where anything goes.
    fn alternatives(&self) -> Option<&[&'a Value]> {
        self.0.first().map(Vec::as_slice)
    }
}

/// What a pattern demands of a field, `$or` on the way included where each of its alternatives demands something.
fn constraint<'a>(pattern: &'a Value, path: &[&str]) -> Constraint<'a> {
    let mut lists = Vec::new();
    if let Value::Object(fields) = pattern {
        collect(fields, path, &mut lists);
    }
    Constraint(lists)
}

fn collect<'a>(fields: &'a Map<String, Value>, path: &[&str], lists: &mut Vec<Vec<&'a Value>>) {
    let Some((first, rest)) = path.split_first() else { return };
    match fields.get(*first) {
        Some(Value::Array(list)) if rest.is_empty() => lists.push(list.iter().collect()),
        Some(Value::Object(below)) => collect(below, rest, lists),
        _ => {}
    }
    let Some(Value::Array(alternatives)) = fields.get("$or") else { return };
    let mut together = Vec::new();
    for alternative in alternatives {
        let mut own = Vec::new();
        if let Value::Object(fields) = alternative {
            collect(fields, path, &mut own);
        }
        match own.into_iter().next() {
            Some(list) => together.extend(list),
            // One that demands nothing lets everything through.
            None => return,
        }
    }
    lists.push(together);
}

/// Whether a test can match this very text.
fn may_equal(test: &Value, text: &str) -> bool {
    match test {
        Value::String(exact) => exact == text,
        Value::Object(operation) => match operation.iter().next() {
            Some((operator, Value::String(operand))) => match operator.as_str() {
                "prefix" => text.starts_with(operand.as_str()),
                "suffix" => text.ends_with(operand.as_str()),
                "equals-ignore-case" => text.eq_ignore_ascii_case(operand),
                "anything-but" => text != operand,
                _ => true,
            },
            _ => true,
        },
        _ => false,
    }
}

fn is_call_type(test: &Value) -> bool {
    match test {
        Value::Object(operation) => ["prefix", "equals-ignore-case"]
            .iter()
            .find_map(|operator| operation.get(*operator)?.as_str())
            .is_some_and(|text| text.to_ascii_lowercase().starts_with("aws api call")),
        exact => exact == API_CALL,
    }
}

/// What every text that a test matches begins with; `None` where that cannot be told.
fn beginning(test: &Value) -> Option<&str> {
    match test {
        Value::String(exact) => Some(exact),
        Value::Object(operation) => {
            let text = |operator: &str| operation.get(operator).and_then(Value::as_str);
            text("prefix").or_else(|| text("wildcard").map(|text| text.split(['*', '\\']).next().unwrap_or(text)))
        }
        _ => None,
    }
}

/// Whether a test of the name can match a read-only event.
fn may_read(test: &&Value) -> bool {
    let Some(begins) = beginning(test) else { return test.is_object() };
    let begins_so = VERBS.iter().any(|verb| begins.starts_with(verb));
    begins_so || (test.is_object() && VERBS.iter().any(|verb| verb.starts_with(begins)))
}

/// Whether a test of the name can match nothing but read-only events that are kept back.
fn only_reads(test: &Value, sts: bool) -> bool {
    let Some(begins) = beginning(test) else { return false };
    let arrives = |name: &str| if test.is_string() { name == begins } else { name.starts_with(begins) };
    VERBS.iter().any(|verb| begins.starts_with(verb)) && !(sts && ARRIVING.iter().any(|name| arrives(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls(names: Value) -> Value {
        json!({"detail-type": [API_CALL], "detail": {"eventName": names}})
    }

    #[test]
    fn tells_what_of_a_pattern_is_about_read_only_events() {
        let some = |names: &[&str]| Share::Some { named: names.iter().map(|name| (*name).to_owned()).collect() };
        for (pattern, expected) in [
            (calls(json!(["GetSecretValue", "DescribeInstances"])), Share::All),
            (calls(json!([{"prefix": "List"}, {"wildcard": "Describe*Value"}])), Share::All),
            (calls(json!(["GetSecretValue", "PutSecretValue"])), some(&["GetSecretValue"])),
            (calls(json!(["PutSecretValue", {"prefix": "Delete"}])), Share::Nothing),
            (calls(json!(["PutSecretValue", {"prefix": "Describe"}])), some(&["Describe…"])),
            (json!({"detail-type": [API_CALL], "detail": {"readOnly": [true]}}), some(&["most of what is read-only"])),
            (calls(json!([{"anything-but": "x"}])), some(&[])),
            (calls(json!([{"prefix": "G"}])), some(&[])),
            (json!({"detail-type": [API_CALL], "source": ["aws.ec2"]}), some(&[])),
            // A sign-in arrives, whatever else is read.
            (json!({"detail-type": ["AWS Console Sign In via CloudTrail"]}), Share::Nothing),
            (json!({"detail": {"eventName": ["GetObject"]}}), some(&["GetObject"])),
            (
                json!({"detail-type": [API_CALL, "AWS Service Event via CloudTrail"], "detail": {"eventName": ["GetX"]}}),
                some(&["GetX"]),
            ),
            // STS's two arrive.
            (calls(json!(["GetSessionToken"])), some(&[])),
            (calls(json!([{"prefix": "GetS"}])), some(&[])),
            (
                json!({"source": ["aws.iam"], "detail-type": [API_CALL], "detail": {"eventName": ["GetSessionToken"]}}),
                Share::All,
            ),
            (
                json!({"detail-type": [API_CALL], "detail": {"$or": [
                    {"eventName": ["GetRole"]}, {"eventName": [{"prefix": "List"}], "errorCode": ["x"]}]}}),
                Share::All,
            ),
            (
                json!({"detail-type": [API_CALL], "detail": {"$or": [{"eventName": ["GetRole"]}, {"errorCode": ["x"]}]}}),
                some(&[]),
            ),
        ] {
            assert_eq!(share(&pattern), expected, "{pattern}");
        }
    }
}
