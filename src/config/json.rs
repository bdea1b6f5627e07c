//! JSON texts inside the TOML files, read as strictly as policies are: a name that stands twice in one object is
//! refused, because every reader keeps another of the two.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What is wrong with a JSON text, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonFault {
    /// The byte of the text.
    pub at: usize,
    /// What is wrong there, in a few words.
    pub what: String,
    /// Whether a name stands twice; otherwise the text is no JSON.
    pub twice: bool,
}

/// What the message of a name that stands twice begins with.
const TWICE: &str = "the key ";

/// Reads a JSON text.
///
/// # Errors
///
/// The first thing that is wrong with it: it is no JSON, or a name stands twice in one object (RFC 8259, section 4:
/// what readers make of that is unpredictable).
pub(crate) fn read_json(text: &str) -> Result<Value, JsonFault> {
    serde_json::from_str::<Strict>(text).map(|strict| strict.0).map_err(|error| {
        let message = error.to_string();
        // serde_json's message without the place, which is shown in the file.
        let what = message.split(" at line ").next().unwrap_or(&message).to_owned();
        JsonFault { at: offset(text, error.line(), error.column()), twice: what.starts_with(TWICE), what }
    })
}

/// The byte of a text that a line and a column, both from 1, point at.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// A value of which no object has a name twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("{TWICE}`{name}` stands twice")));
            }
            let Strict(value) = object.next_value()?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_refused_where_it_stands_again() {
        let text = "{\"a\": [1,\n {\"b\": 1, \"c\": 2,\n  \"b\": 3}]}";
        let fault = read_json(text).unwrap_err();
        assert!(fault.twice && fault.what == "the key `b` stands twice", "{fault:?}");
        assert!(text[..fault.at].ends_with("\n  \"b"), "{:?}", &text[..fault.at]);
        // Also in another spelling.
        assert!(read_json(r#"{"a": 1, "\u0061": 2}"#).unwrap_err().twice);
        assert!(read_json(r#"{"a": {"b": 1}, "c": {"b": 1}}"#).is_ok());
        let broken = read_json("{\"a\": }").unwrap_err();
        assert!(!broken.twice && broken.at == 6, "{broken:?}");
    }

    #[test]
    fn everything_else_is_read_as_serde_json_reads_it() {
        for text in ["null", "true", "-3", "18446744073709551615", "1.5e3", "\"x\"", "[]", r#"{"a": [{"b": null}]}"#] {
            assert_eq!(read_json(text), Ok(serde_json::from_str(text).unwrap()), "{text}");
        }
    }
}
