use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::Policy;

/// A policy document of a role, compared by what it means.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Document {
    /// One that this tool can read.
    Known(Policy),
    /// One that it cannot, as AWS holds it: it differs from every other.
    Other(String),
}

impl Document {
    /// A document as AWS holds it.
    pub fn seen(text: &str) -> Self {
        Policy::parse(text).map_or_else(|_| Document::Other(text.to_owned()), Document::Known)
    }

    /// It as it is sent to AWS.
    pub fn to_json(&self) -> String {
        match self {
            Document::Known(policy) => policy.to_json(),
            Document::Other(text) => text.clone(),
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Document::Known(one), Document::Known(other)) => one.equivalent(other),
            (Document::Other(one), Document::Other(other)) => one == other,
            _ => false,
        }
    }
}

impl From<Document> for Value {
    /// In one order, so that a diff shows differences in meaning only.
    fn from(document: Document) -> Value {
        match document {
            // Strings and lists of strings: the failures that serde_json knows cannot happen.
            Document::Known(policy) => serde_json::to_value(policy.readable()).unwrap_or_default(),
            Document::Other(text) => Value::String(text),
        }
    }
}

impl TryFrom<Value> for Document {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        match value {
            Value::String(text) => Ok(Document::Other(text)),
            value => serde_json::from_value(value).map(Document::Known),
        }
    }
}
