use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::RawValue;

use super::{Actions, Effect, Policy, Principals, Resources, Statement, Who};

/// A JSON value that still holds what a map would drop: the order of members, and those that stand twice.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// As it is written, digit by digit: `1.10` and `1.1` are the same number and other texts.
    Number(String),
    /// One whose digits are gone: it was read by something that knows numbers, and not texts.
    Fraction,
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number(_) | Node::Fraction => "a number",
            Node::Text(_) => "a string",
            Node::List(_) => "a list",
            Node::Object(_) => "an object",
        }
    }
}

/// How deep a document may be: a policy has seven levels, and whatever reads it uses the stack.
const DEEPEST: usize = 32;

impl Node {
    /// Reads a text, and keeps its numbers as they are written.
    pub(super) fn of_text(text: &str) -> Result<Node, serde_json::Error> {
        Node::of_raw(serde_json::from_str(text)?, 0)
    }

    fn of_raw(raw: &RawValue, depth: usize) -> Result<Node, serde_json::Error> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{' | b'[') if depth == DEEPEST => {
                Err(serde::de::Error::custom(format!("more than {DEEPEST} lists and objects are in each other")))
            }
            Some(b'{') => {
                let Members(members) = serde_json::from_str(text)?;
                let members = members.into_iter().map(|(name, raw)| Ok((name, Node::of_raw(raw, depth + 1)?)));
                members.collect::<Result<_, _>>().map(Node::Object)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                items.into_iter().map(|raw| Node::of_raw(raw, depth + 1)).collect::<Result<_, _>>().map(Node::List)
            }
            Some(b'-' | b'0'..=b'9') => Ok(Node::Number(text.to_owned())),
            _ => serde_json::from_str(text),
        }
    }
}

/// An object's members, in their order, and those that stand twice, too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry()? {
            all.push(member);
        }
        Ok(Members(all))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy document")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Fraction)
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Node::Object(object))
    }
}

/// A list that is written as a plain string when it holds one.
struct OneOrMany<'a>(&'a [String]);

impl Serialize for OneOrMany<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => serializer.serialize_str(one),
            many => serializer.collect_seq(many),
        }
    }
}

struct Block<'a>(&'a std::collections::BTreeMap<String, Vec<String>>);

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, values)| (key, OneOrMany(values))))
    }
}

struct ConditionBlock<'a>(&'a super::Conditions);

impl Serialize for ConditionBlock<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(operator, keys)| (operator, Block(keys))))
    }
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Who::Everyone => serializer.serialize_str("*"),
            Who::Named(lists) => {
                serializer.collect_map(lists.iter().map(|(kind, names)| (kind.as_str(), OneOrMany(names))))
            }
        }
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(sid) = &self.sid {
            map.serialize_entry("Sid", sid)?;
        }
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        map.serialize_entry("Effect", effect)?;
        match &self.principal {
            Some(Principals::Principal(who)) => map.serialize_entry("Principal", who)?,
            Some(Principals::NotPrincipal(who)) => map.serialize_entry("NotPrincipal", who)?,
            None => {}
        }
        match &self.actions {
            Actions::Action(names) => map.serialize_entry("Action", &OneOrMany(names))?,
            Actions::NotAction(names) => map.serialize_entry("NotAction", &OneOrMany(names))?,
        }
        match &self.resources {
            Some(Resources::Resource(arns)) => map.serialize_entry("Resource", &OneOrMany(arns))?,
            Some(Resources::NotResource(arns)) => map.serialize_entry("NotResource", &OneOrMany(arns))?,
            None => {}
        }
        if !self.conditions.is_empty() {
            map.serialize_entry("Condition", &ConditionBlock(&self.conditions))?;
        }
        map.end()
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Version", &self.version)?;
        if let Some(id) = &self.id {
            map.serialize_entry("Id", id)?;
        }
        map.serialize_entry("Statement", &self.statements)?;
        map.end()
    }
}

impl Policy {
    /// The document as it is sent to AWS: without white space, in a fixed order of members, lists of one as strings.
    pub fn to_json(&self) -> String {
        // Strings and lists into a String cannot fail; an empty document would be refused by AWS, not obeyed.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The size of [`Policy::to_json`] in bytes: what AWS holds against its limits.
    pub fn size(&self) -> usize {
        self.to_json().len()
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Node::deserialize(deserializer)?;
        Policy::from_node(node).map_err(serde::de::Error::custom)
    }
}
