//! What a target gets of an event: all of it, a part, a constant, or a text made of its parts (EventBridge User Guide,
//! "Amazon EventBridge input transformation").

use serde_json::{Value, json};

/// The largest template, in characters, and the most paths (EventBridge API Reference, `InputTransformer`).
const TEMPLATE_MAX: usize = 8192;
const PATHS_MAX: usize = 100;

/// Checks `Input`, `InputPath` and `InputTransformer` of a target as it is put.
///
/// # Errors
/// What is wrong, in words for a person.
pub(super) fn check(target: &Value) -> Result<(), String> {
    let id = target["Id"].as_str().unwrap_or_default();
    let given = ["Input", "InputPath", "InputTransformer"].iter().filter(|member| !target[**member].is_null()).count();
    if given > 1 {
        return Err(format!("Only one of Input, InputPath, or InputTransformer must be provided for target {id}."));
    }
    if let Some(input) = target["Input"].as_str() {
        serde_json::from_str::<Value>(input)
            .map_err(|e| format!("JSON syntax error in input for target {id} : {e}"))?;
    }
    if let Some(path) = target["InputPath"].as_str() {
        steps(path).ok_or_else(|| format!("Invalid InputPath for target {id} : {path}"))?;
    }
    let transformer = &target["InputTransformer"];
    if transformer.is_null() {
        return Ok(());
    }
    let template = transformer["InputTemplate"].as_str().unwrap_or_default();
    if template.is_empty() || template.chars().count() > TEMPLATE_MAX {
        return Err(format!("InputTemplate of target {id} must have 1 to {TEMPLATE_MAX} characters."));
    }
    let paths = transformer["InputPathsMap"].as_object();
    if paths.is_some_and(|paths| paths.len() > PATHS_MAX) {
        return Err(format!("InputPathsMap of target {id} has more than {PATHS_MAX} paths."));
    }
    for (name, path) in paths.into_iter().flatten() {
        let valid = !name.is_empty()
            && name.len() <= 256
            && !name.to_ascii_lowercase().starts_with("aws.")
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !valid {
            return Err(format!("InputPathsMap of target {id} has the key {name}, which is not valid."));
        }
        path.as_str().and_then(steps).ok_or_else(|| format!("Invalid InputPath for target {id} : {path}"))?;
    }
    let known = |name: &str| predefined(name) || paths.is_some_and(|paths| paths.contains_key(name));
    if let Some(unknown) = placeholders(template).find(|name| !known(name)) {
        return Err(format!("InputTemplate for target {id} contains invalid placeholder <{unknown}>."));
    }
    let sample = fill(template, |_| json!(0));
    let texts = || sample.lines().filter(|line| !line.trim().is_empty()).all(is_text);
    if serde_json::from_str::<Value>(&sample).is_err() && !texts() {
        return Err(format!("Invalid InputTemplate for target {id} : it is neither JSON nor quoted text."));
    }
    Ok(())
}

fn is_text(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_string())
}

/// What the target gets.
///
/// # Errors
/// The `InputPath` selects nothing.
pub(super) fn payload(target: &Value, event: &Value, rule: &str) -> Result<String, String> {
    if let Some(input) = target["Input"].as_str() {
        return Ok(input.to_owned());
    }
    if let Some(path) = target["InputPath"].as_str() {
        let selected = select(path, event);
        return selected.map(|value| value.to_string()).ok_or_else(|| format!("the InputPath {path} selects nothing"));
    }
    let transformer = &target["InputTransformer"];
    let Some(template) = transformer["InputTemplate"].as_str() else { return Ok(event.to_string()) };
    Ok(fill(template, |name| match name {
        "aws.events.rule-arn" => json!(rule),
        "aws.events.rule-name" => json!(rule.rsplit('/').next().unwrap_or_default()),
        "aws.events.event.ingestion-time" => event["time"].clone(),
        "aws.events.event.json" => event.clone(),
        "aws.events.event" => {
            let mut event = event.clone();
            if let Some(members) = event.as_object_mut() {
                members.remove("detail");
            }
            event
        }
        _ => {
            let path = transformer["InputPathsMap"][name].as_str();
            path.and_then(|path| select(path, event)).unwrap_or_else(|| json!(""))
        }
    }))
}

fn predefined(name: &str) -> bool {
    let names = ["rule-arn", "rule-name", "event", "event.json", "event.ingestion-time"];
    name.strip_prefix("aws.events.").is_some_and(|name| names.contains(&name))
}

/// The name of a placeholder at the start of a text: `<name>`.
fn placeholder(text: &str) -> Option<&str> {
    let name = &text.strip_prefix('<')?[..text.find('>')?.checked_sub(1)?];
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    plain.then_some(name)
}

fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template.match_indices('<').filter_map(|(at, _)| placeholder(&template[at..]))
}

/// Puts values in: between quotation marks as text, elsewhere as JSON.
fn fill(template: &str, value: impl Fn(&str) -> Value) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut escaped = false;
    let mut rest = template;
    while let Some(letter) = rest.chars().next() {
        if let Some(name) = placeholder(rest) {
            let json = value(name);
            match &json {
                Value::String(text) if quoted => out.push_str(&inner(text)),
                other if quoted => out.push_str(&inner(&other.to_string())),
                other => out.push_str(&other.to_string()),
            }
            rest = &rest[name.len() + 2..];
            continue;
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        out.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    out
}

/// A text as it stands between the quotation marks of JSON.
fn inner(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

enum Step<'a> {
    Member(&'a str),
    Element(usize),
    /// Every member, or every element.
    Each,
}

/// Reads `$`, `$.detail.list[0]`, `$.resources[*]`, `$.detail.*`, `$['detail-type']` (EventBridge User Guide, "Amazon
/// EventBridge input transformation": dot notation, dashes, underscores, alphanumeric characters, array indices,
/// wildcards and forward slashes are supported).
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut out = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            if name.is_empty() || name.contains([' ', ']']) || (name != "*" && name.contains('*')) {
                return None;
            }
            out.push(if name == "*" { Step::Each } else { Step::Member(name) });
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            let name = inside.strip_prefix('\'').and_then(|name| name.strip_suffix('\''));
            out.push(match name {
                Some(name) => Step::Member(name),
                None if inside == "*" => Step::Each,
                None => Step::Element(inside.parse().ok()?),
            });
            rest = after;
        }
    }
    Some(out)
}

/// What a path selects; a list of all that it does where it has a wildcard.
fn select(path: &str, event: &Value) -> Option<Value> {
    let steps = steps(path)?;
    let several = steps.iter().any(|step| matches!(step, Step::Each));
    let mut found = vec![event];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| match (&step, value) {
                (Step::Member(name), _) => value.get(*name).into_iter().collect(),
                (Step::Element(index), _) => value.get(*index).into_iter().collect::<Vec<_>>(),
                (Step::Each, Value::Array(elements)) => elements.iter().collect(),
                (Step::Each, Value::Object(members)) => members.values().collect(),
                (Step::Each, _) => Vec::new(),
            })
            .collect();
    }
    if several { Some(found.into_iter().cloned().collect()) } else { found.first().map(|one| (*one).clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transformed(template: &str) -> String {
        let paths = json!({
            "name": "$.detail.name", "list": "$.detail.list", "first": "$.resources[0]", "kind": "$['detail-type']",
            "none": "$.detail.none", "all": "$.detail.list[*]", "every": "$.detail.*",
        });
        let target = json!({ "Id": "t", "InputTransformer": { "InputPathsMap": paths, "InputTemplate": template } });
        check(&target).unwrap_or_else(|error| panic!("{error}"));
        let event = json!({
            "detail-type": "K", "resources": ["r"], "time": "T", "detail": { "name": "a \"b\"", "list": [1, 2] },
        });
        payload(&target, &event, "arn:aws:events:us-east-1:111111111111:rule/mine").unwrap()
    }

    #[test]
    fn a_template_gets_text_between_quotation_marks_and_json_elsewhere() {
        assert_eq!(transformed(r#""<name> of <kind>""#), r#""a \"b\" of K""#);
        assert_eq!(
            transformed(r#"{"n": <name>, "l": <list>, "t": "<list>"}"#),
            r#"{"n": "a \"b\"", "l": [1,2], "t": "[1,2]"}"#
        );
        assert_eq!(transformed(r#"{"a": <all>, "e": <every>}"#), r#"{"a": [1,2], "e": [[1,2],"a \"b\""]}"#);
        assert_eq!(transformed(r#""at <first><none>, 1 < 2""#), r#""at r, 1 < 2""#);
        assert_eq!(transformed("\"<aws.events.rule-name>\"\n\"<aws.events.event.ingestion-time>\""), "\"mine\"\n\"T\"");
        let whole: Value = serde_json::from_str(&transformed(r#"{"e": <aws.events.event>}"#)).unwrap();
        assert_eq!(whole["e"], json!({ "detail-type": "K", "resources": ["r"], "time": "T" }));
    }

    #[test]
    fn a_part_or_a_constant_replaces_the_event() {
        let event = json!({ "detail": { "a": [{ "b": 1 }] } });
        let get = |target: Value| payload(&target, &event, "");
        assert_eq!(get(json!({})).unwrap(), event.to_string());
        assert_eq!(get(json!({ "InputPath": "$.detail.a[0]" })).unwrap(), r#"{"b":1}"#);
        assert_eq!(get(json!({ "Input": "\"x\"" })).unwrap(), "\"x\"");
        assert!(get(json!({ "InputPath": "$.none" })).unwrap_err().contains("selects nothing"));
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        let transformer = |paths: Value, template: &str| json!({ "Id": "t", "InputTransformer": { "InputPathsMap": paths, "InputTemplate": template } });
        let many: serde_json::Map<String, Value> = (0..101).map(|n| (format!("p{n}"), json!("$.a"))).collect();
        for (target, reason) in [
            (json!({ "Id": "t", "Input": "{}", "InputPath": "$.a" }), "Only one of"),
            (json!({ "Id": "t", "Input": "{" }), "JSON syntax"),
            (json!({ "Id": "t", "InputPath": "detail" }), "Invalid InputPath"),
            (transformer(json!({ "a": "$.a[?(@.b)]" }), "\"<a>\""), "Invalid InputPath"),
            (transformer(json!({ "a": "$.a[-1]" }), "\"<a>\""), "Invalid InputPath"),
            (transformer(json!({ "a": "$..a" }), "\"<a>\""), "Invalid InputPath"),
            (transformer(json!({ "AWS.a": "$.a" }), "\"x\""), "not valid"),
            (transformer(json!({ "a": "$.a" }), "\"<b>\""), "<b>"),
            (transformer(json!({ "a": "$.a" }), "<a> is unquoted"), "neither JSON nor"),
            (transformer(json!({ "a": "$.a" }), ""), "1 to 8192"),
            (transformer(json!({}), &format!("\"{}\"", "x".repeat(8191))), "1 to 8192"),
            (transformer(Value::Object(many), "\"x\""), "more than 100"),
        ] {
            let error = check(&target).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
