//! Event patterns (EventBridge User Guide, "Creating event patterns" and "Comparison operators for use in event
//! patterns").
//!
//! A field that is a list in the event matches where any of its elements does; a field of a pattern that is an object
//! goes down into the event, through lists too, all of its fields below the same element.

use std::net::IpAddr;

use serde_json::{Map, Number, Value};

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Pattern(Fields);

/// Every one of them has to match.
#[derive(Debug, Clone, PartialEq, Default)]
struct Fields {
    fields: Vec<(String, Field)>,
    /// The `$or`s: of each, one alternative has to match.
    alternatives: Vec<Vec<Fields>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Below(Fields),
    /// One of them has to match.
    Any(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(Value),
    Exists(bool),
    Text(Text),
    /// Matches what none of these does.
    NotText(Vec<Text>),
    NotEquals(Vec<Value>),
    Numeric(Vec<(Order, f64)>),
    Cidr(IpAddr, u8),
}

#[derive(Debug, Clone, PartialEq)]
enum Text {
    Prefix(String),
    Suffix(String),
    PrefixIgnoreCase(String),
    SuffixIgnoreCase(String),
    EqualsIgnoreCase(String),
    /// The literal pieces between the asterisks.
    Wildcard(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Deeper than any pattern of 4,096 characters has reason to be, and shallow enough for the stack.
const DEPTH: usize = 100;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The reason, as `InvalidEventPatternException` gives it.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match value {
            Value::Object(members) => read_fields(&members, DEPTH).map(Pattern),
            _ => Err("Filter is not an object".to_owned()),
        }
    }

    /// Whether an event matches.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.match_value(Some(event))
    }
}

fn read_fields(members: &Map<String, Value>, depth: usize) -> Result<Fields, String> {
    if members.is_empty() {
        return Err("Empty objects are not allowed".to_owned());
    }
    if depth == 0 {
        return Err("the pattern is nested too deeply".to_owned());
    }
    let mut out = Fields::default();
    for (name, value) in members {
        match value {
            Value::Array(choices) if name == "$or" => {
                if choices.len() < 2 {
                    return Err("There must have at least 2 Objects in $or relationship.".to_owned());
                }
                let read = |choice: &Value| match choice {
                    Value::Object(members) => read_fields(members, depth - 1),
                    _ => Err("Only objects are allowed in array of $or relationship".to_owned()),
                };
                out.alternatives.push(choices.iter().map(read).collect::<Result<_, _>>()?);
            }
            _ if name == "$or" => return Err("\"$or\" must be an array".to_owned()),
            Value::Object(below) => out.fields.push((name.clone(), Field::Below(read_fields(below, depth - 1)?))),
            Value::Array(tests) if tests.is_empty() => return Err("Empty arrays are not allowed".to_owned()),
            Value::Array(tests) => {
                let tests = tests.iter().map(read_test).collect::<Result<_, _>>()?;
                out.fields.push((name.clone(), Field::Any(tests)));
            }
            _ => return Err(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(out)
}

fn read_test(value: &Value) -> Result<Test, String> {
    let members = match value {
        Value::Object(members) => members,
        Value::Array(_) => return Err("Match value must be String, number, true, false, or null".to_owned()),
        scalar => return Ok(Test::Equals(scalar.clone())),
    };
    let mut entries = members.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err("Only one key allowed in match expression".to_owned());
    };
    match operator.as_str() {
        "exists" => {
            operand.as_bool().map(Test::Exists).ok_or("exists match pattern must be either true or false.".into())
        }
        "anything-but" => read_anything_but(operand),
        "numeric" => read_numeric(operand),
        "cidr" => read_cidr(operand),
        _ => read_text(operator, operand).map(Test::Text),
    }
}

fn read_text(operator: &str, operand: &Value) -> Result<Text, String> {
    let ignoring_case = operand.get("equals-ignore-case").filter(|_| operand.as_object().is_some_and(|o| o.len() == 1));
    let string = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(format!("{operator} match pattern must be a string")),
    };
    match (operator, ignoring_case) {
        ("prefix", Some(text)) => string(text).map(|text| Text::PrefixIgnoreCase(text.to_lowercase())),
        ("suffix", Some(text)) => string(text).map(|text| Text::SuffixIgnoreCase(text.to_lowercase())),
        ("prefix", None) => string(operand).map(Text::Prefix),
        ("suffix", None) => string(operand).map(Text::Suffix),
        ("equals-ignore-case", _) => string(operand).map(|text| Text::EqualsIgnoreCase(text.to_lowercase())),
        ("wildcard", _) => read_wildcard(&string(operand)?),
        _ => Err(format!("Unrecognized match type {operator}")),
    }
}

/// `*` stands for any text, `\*` and `\\` for themselves.
fn read_wildcard(text: &str) -> Result<Text, String> {
    let mut pieces = vec![String::new()];
    let mut letters = text.chars();
    let mut after_star = false;
    while let Some(letter) = letters.next() {
        let literal = match letter {
            '*' if after_star => return Err("Consecutive wildcard characters are not allowed".to_owned()),
            '*' => {
                pieces.push(String::new());
                after_star = true;
                continue;
            }
            '\\' => match letters.next() {
                Some(escaped @ ('*' | '\\')) => escaped,
                _ => return Err("Invalid escape character in wildcard pattern".to_owned()),
            },
            other => other,
        };
        after_star = false;
        if let Some(piece) = pieces.last_mut() {
            piece.push(literal);
        }
    }
    Ok(Text::Wildcard(pieces))
}

fn read_anything_but(operand: &Value) -> Result<Test, String> {
    let scalar = |value: &Value| match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(value.clone()),
        _ => Err("Value of anything-but must be an array or single string/number value.".to_owned()),
    };
    match operand {
        Value::Array(values) if values.is_empty() => Err("Empty arrays are not allowed".to_owned()),
        Value::Array(values) => values.iter().map(scalar).collect::<Result<_, _>>().map(Test::NotEquals),
        Value::Object(members) => {
            let mut entries = members.iter();
            let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
                return Err("Only one key allowed in match expression".to_owned());
            };
            let texts = match operand {
                Value::Array(values) if values.is_empty() => return Err("Empty arrays are not allowed".to_owned()),
                Value::Array(values) => values.iter().map(|value| read_text(operator, value)).collect::<Result<_, _>>(),
                single => read_text(operator, single).map(|text| vec![text]),
            };
            texts.map(Test::NotText)
        }
        single => scalar(single).map(|value| Test::NotEquals(vec![value])),
    }
}

fn read_numeric(operand: &Value) -> Result<Test, String> {
    let invalid = || "Value of numeric must be an array of comparisons, such as [\">\", 0, \"<=\", 5].".to_owned();
    let Value::Array(parts) = operand else { return Err(invalid()) };
    if parts.is_empty() || parts.len() % 2 != 0 || parts.len() > 4 {
        return Err(invalid());
    }
    let mut tests = Vec::new();
    for pair in parts.chunks_exact(2) {
        let order = match pair[0].as_str() {
            Some("=") => Order::Equal,
            Some("<") => Order::Less,
            Some("<=") => Order::LessOrEqual,
            Some(">") => Order::Greater,
            Some(">=") => Order::GreaterOrEqual,
            _ => return Err(format!("Unrecognized numeric range operator: {}", pair[0])),
        };
        let number = pair[1].as_f64().ok_or_else(invalid)?;
        if number.abs() > 5e9 {
            return Err("Value must be between -5.0E9 and 5.0E9, inclusive".to_owned());
        }
        tests.push((order, number));
    }
    Ok(Test::Numeric(tests))
}

fn read_cidr(operand: &Value) -> Result<Test, String> {
    let text = operand.as_str().ok_or("cidr match pattern must be a string")?;
    let malformed = || format!("Malformed CIDR, one '/' required: {text}");
    let (address, bits) = text.split_once('/').ok_or_else(malformed)?;
    let address: IpAddr = address.parse().map_err(|_| format!("Nonstandard IP address: {address}"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(malformed)?;
    Ok(Test::Cidr(address, bits))
}

impl Fields {
    /// `None` stands for a field that the event has not: what asks for an absence may still match.
    fn match_value(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.match_value(Some(element)))
            }
            Some(Value::Object(members)) => self.match_members(|name| members.get(name)),
            _ => self.match_members(|_| None),
        }
    }

    fn match_members<'a>(&self, member: impl Fn(&str) -> Option<&'a Value> + Copy) -> bool {
        self.fields.iter().all(|(name, field)| match field {
            Field::Below(fields) => fields.match_value(member(name)),
            Field::Any(tests) => tests.iter().any(|test| test.matches(member(name))),
        }) && self.alternatives.iter().all(|choices| choices.iter().any(|choice| choice.match_members(member)))
    }
}

impl Test {
    fn matches(&self, value: Option<&Value>) -> bool {
        let leaves = leaves(value);
        match self {
            // Only leaves exist: an object or an empty list does not.
            Test::Exists(wanted) => leaves.is_empty() != *wanted,
            _ => leaves.into_iter().any(|leaf| self.matches_leaf(leaf)),
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> bool {
        match self {
            Test::Equals(wanted) => equal(wanted, leaf),
            Test::Exists(wanted) => *wanted,
            Test::Text(text) => leaf.as_str().is_some_and(|leaf| text.matches(leaf)),
            Test::NotText(texts) => leaf.as_str().is_none_or(|leaf| !texts.iter().any(|text| text.matches(leaf))),
            Test::NotEquals(values) => !values.iter().any(|value| equal(value, leaf)),
            Test::Numeric(tests) => leaf.as_f64().is_some_and(|number| tests.iter().all(|test| holds(*test, number))),
            Test::Cidr(network, bits) => {
                let address = leaf.as_str().and_then(|text| text.parse().ok());
                address.is_some_and(|address| inside(address, *network, *bits))
            }
        }
    }
}

/// The value itself, or what its lists hold; objects are no leaves.
fn leaves(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Object(_)) => Vec::new(),
        Some(Value::Array(elements)) => elements.iter().flat_map(|element| leaves(Some(element))).collect(),
        Some(leaf) => vec![leaf],
    }
}

/// Numbers are compared as they are written: `300` and `300.0` differ.
fn equal(wanted: &Value, leaf: &Value) -> bool {
    match (wanted, leaf) {
        (Value::Number(wanted), Value::Number(leaf)) => written(wanted) == written(leaf),
        _ => wanted == leaf,
    }
}

fn written(number: &Number) -> String {
    number.to_string()
}

fn holds((order, bound): (Order, f64), number: f64) -> bool {
    match order {
        Order::Equal => number == bound,
        Order::Less => number < bound,
        Order::LessOrEqual => number <= bound,
        Order::Greater => number > bound,
        Order::GreaterOrEqual => number >= bound,
    }
}

fn inside(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let wide = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    address.is_ipv4() == network.is_ipv4()
        && (bits == 0 || (wide(address) ^ wide(network)) >> (128 - u32::from(bits)) == 0)
}

impl Text {
    fn matches(&self, text: &str) -> bool {
        match self {
            Text::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Text::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Text::PrefixIgnoreCase(prefix) => text.to_lowercase().starts_with(prefix.as_str()),
            Text::SuffixIgnoreCase(suffix) => text.to_lowercase().ends_with(suffix.as_str()),
            Text::EqualsIgnoreCase(wanted) => text.to_lowercase() == *wanted,
            Text::Wildcard(pieces) => wildcard(pieces, text),
        }
    }
}

/// The first piece leads, the last one ends, and those between follow each other.
fn wildcard(pieces: &[String], text: &str) -> bool {
    let [first, between @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in between {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn matches(pattern: &Value, event: &Value) -> bool {
        Pattern::parse(&pattern.to_string()).unwrap_or_else(|error| panic!("{error}: {pattern}")).matches(event)
    }

    /// Pattern of the field `f`, value of it, whether they match; `None` leaves the field out of the event.
    fn table(pattern: Value, cases: &[(Option<Value>, bool)]) {
        for (value, expected) in cases {
            let event = value.as_ref().map_or_else(|| json!({ "x": 1 }), |value| json!({ "f": value, "x": 1 }));
            assert_eq!(matches(&json!({ "f": pattern }), &event), *expected, "{pattern} {event}");
        }
    }

    #[test]
    fn every_operator_matches_what_the_user_guide_says() {
        let some = |value: Value| Some(value);
        table(
            json!(["a", 1, true, null]),
            &[
                (some(json!("a")), true),
                (some(json!("A")), false),
                (some(json!(1)), true),
                (some(json!(1.0)), false),
                (some(json!("1")), false),
                (some(json!(true)), true),
                (some(json!(false)), false),
                (some(json!(null)), true),
                (some(json!(["z", "a"])), true),
                (some(json!(["z"])), false),
                (None, false),
                (some(json!({ "a": 1 })), false),
                (some(json!([])), false),
            ],
        );
        table(json!([""]), &[(some(json!("")), true), (some(json!(null)), false), (None, false)]);
        table(json!([{ "prefix": "us-" }]), &[(some(json!("us-east-1")), true), (some(json!("eu-us-")), false)]);
        table(
            json!([{ "prefix": { "equals-ignore-case": "EventB" } }]),
            &[(some(json!("EVENTBridge")), true), (some(json!("Event")), false)],
        );
        table(json!([{ "suffix": ".png" }]), &[(some(json!("a.png")), true), (some(json!("a.PNG")), false)]);
        table(json!([{ "suffix": { "equals-ignore-case": ".png" } }]), &[(some(json!("a.PNG")), true)]);
        table(json!([{ "equals-ignore-case": "alice" }]), &[(some(json!("ALICE")), true), (some(json!("bob")), false)]);
        table(
            json!([{ "anything-but": "init" }]),
            &[
                (some(json!("run")), true),
                (some(json!("init")), false),
                (None, false),
                (some(json!(3)), true),
                (some(json!(["init", "run"])), true),
            ],
        );
        table(
            json!([{ "anything-but": [100, "a"] }]),
            &[(some(json!(100)), false), (some(json!("a")), false), (some(json!(101)), true)],
        );
        for (operand, no, yes) in [
            (json!({ "prefix": "init" }), "initial", "running"),
            (json!({ "prefix": ["init", "error"] }), "error-1", "running"),
            (json!({ "suffix": ".png" }), "a.png", "a.jpg"),
            (json!({ "equals-ignore-case": ["init"] }), "INIT", "run"),
            (json!({ "wildcard": "*/lib/*" }), "a/lib/b", "a/bin/b"),
        ] {
            table(json!([{ "anything-but": operand }]), &[(some(json!(no)), false), (some(json!(yes)), true)]);
        }
        table(
            json!([{ "numeric": [">", 0, "<=", 5] }]),
            &[
                (some(json!(0)), false),
                (some(json!(0.1)), true),
                (some(json!(5)), true),
                (some(json!(5.5)), false),
                (some(json!("3")), false),
                (None, false),
            ],
        );
        table(json!([{ "numeric": ["=", 3.018e2] }]), &[(some(json!(301.8)), true)]);
        table(json!([{ "numeric": [">=", 7] }]), &[(some(json!(7)), true), (some(json!(6.9)), false)]);
        table(json!([{ "numeric": ["<", 7] }]), &[(some(json!(7)), false), (some(json!(6.9)), true)]);
        table(
            json!([{ "exists": true }]),
            &[(some(json!(null)), true), (some(json!("")), true), (None, false), (some(json!({ "a": 1 })), false)],
        );
        table(json!([{ "exists": false }]), &[(some(json!(1)), false), (None, true), (some(json!([])), true)]);
        table(
            json!([{ "cidr": "10.0.0.0/24" }]),
            &[
                (some(json!("10.0.0.255")), true),
                (some(json!("10.0.1.0")), false),
                (some(json!("x")), false),
                (some(json!("::a00:1")), false),
            ],
        );
        table(
            json!([{ "cidr": "2001:db8::/32" }]),
            &[(some(json!("2001:db8:1::1")), true), (some(json!("2001:db9::1")), false)],
        );
        table(json!([{ "cidr": "0.0.0.0/0" }]), &[(some(json!("203.0.113.9")), true), (some(json!("::1")), false)]);
        table(
            json!([{ "wildcard": "arn:*:role/*/x" }]),
            &[(some(json!("arn:aws:role/a/b/x")), true), (some(json!("arn:aws:role/x")), false)],
        );
        table(json!([{ "wildcard": "a\\*b*" }]), &[(some(json!("a*bc")), true), (some(json!("axbc")), false)]);
        table(json!([{ "wildcard": "ab*ba" }]), &[(some(json!("aba")), false), (some(json!("abba")), true)]);
    }

    #[test]
    fn every_field_has_to_match_and_one_alternative_of_or() {
        let pattern = json!({ "source": ["aws.ec2"], "detail": { "state": ["on"], "$or": [
            { "c-count": [{ "numeric": [">", 0] }] }, { "x-limit": { "y": ["z"] } },
        ] } });
        let event = |detail: Value| json!({ "source": "aws.ec2", "detail": detail });
        assert!(matches(&pattern, &event(json!({ "state": "on", "c-count": 1 }))));
        assert!(matches(&pattern, &event(json!({ "state": "on", "x-limit": { "y": "z" } }))));
        assert!(!matches(&pattern, &event(json!({ "state": "on" }))));
        assert!(!matches(&pattern, &event(json!({ "state": "off", "c-count": 1 }))));
        assert!(!matches(&pattern, &json!({ "source": "aws.s3", "detail": { "state": "on", "c-count": 1 } })));
        // The element of a list that matches has to do so alone.
        let pattern = json!({ "items": { "a": [1], "b": [2] } });
        assert!(matches(&pattern, &json!({ "items": [{ "a": 9 }, { "a": 1, "b": 2 }] })));
        assert!(!matches(&pattern, &json!({ "items": [{ "a": 1 }, { "b": 2 }] })));
        // What is absent below an absence is absent.
        assert!(matches(&json!({ "a": { "b": [{ "exists": false }] } }), &json!({})));
        assert!(!matches(&json!({ "a": { "b": [{ "exists": false }] } }), &json!({ "a": { "b": 0 } })));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (bad, reason) in [
            ("", "EOF"),
            ("[]", "not an object"),
            ("{}", "Empty objects"),
            (r#"{"a":"b"}"#, "must be an object or an"),
            (r#"{"a":[]}"#, "Empty arrays"),
            (r#"{"a":{}}"#, "Empty objects"),
            (r#"{"a":[["b"]]}"#, "Match value"),
            (r#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "Only one key"),
            (r#"{"a":[{"contains":"x"}]}"#, "contains"),
            (r#"{"a":[{"prefix":1}]}"#, "string"),
            (r#"{"a":[{"exists":"yes"}]}"#, "exists"),
            (r#"{"a":[{"numeric":[">"]}]}"#, "numeric"),
            (r#"{"a":[{"numeric":["~",1]}]}"#, "operator"),
            (r#"{"a":[{"numeric":[">","1"]}]}"#, "numeric"),
            (r#"{"a":[{"cidr":"10.0.0.0"}]}"#, "CIDR"),
            (r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "CIDR"),
            (r#"{"a":[{"cidr":"ten/8"}]}"#, "IP"),
            (r#"{"a":[{"wildcard":"a**b"}]}"#, "Consecutive"),
            (r#"{"a":[{"wildcard":"a\\b"}]}"#, "escape"),
            (r#"{"$or":[{"a":[1]}]}"#, "at least 2"),
            (r#"{"$or":[1,2]}"#, "objects"),
            (r#"{"$or":{"a":[1]}}"#, "array"),
            (r#"{"a":[{"anything-but":[]}]}"#, "Empty arrays"),
            (r#"{"a":[{"anything-but":{"exists":true}}]}"#, "exists"),
            (r#"{"a":[{"anything-but":{"prefix":[]}}]}"#, "Empty arrays"),
        ] {
            let error = Pattern::parse(bad).unwrap_err();
            assert!(error.contains(reason), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_wildcard_matches_as_a_glob_does(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            prop_assume!(!pattern.contains("**"));
            let event = json!({ "f": text });
            let glob = globset::GlobBuilder::new(&pattern).build().unwrap().compile_matcher();
            prop_assert_eq!(matches(&json!({ "f": [{ "wildcard": pattern }] }), &event), glob.is_match(&text));
        }

        #[test]
        fn anything_but_is_the_opposite_for_one_text(wanted in "[ab]{0,3}", text in "[ab]{0,3}") {
            let event = json!({ "f": text });
            for operator in ["prefix", "suffix", "equals-ignore-case"] {
                let plain = matches(&json!({ "f": [{ operator: wanted }] }), &event);
                let opposite = matches(&json!({ "f": [{ "anything-but": { operator: wanted } }] }), &event);
                prop_assert_ne!(plain, opposite);
            }
        }

        #[test]
        fn nothing_that_is_sent_makes_it_panic(text in r#"[{}\[\]":,a$or*\\0-9]{0,40}"#) {
            if let Ok(pattern) = Pattern::parse(&text) {
                pattern.matches(&json!({ "a": [1, "x", { "a": null }] }));
            }
        }
    }
}
