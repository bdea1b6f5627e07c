//! How many failures a rollout tolerates: the checked content of `[rollout]` in `profiles.toml`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// How many failures a rollout tolerates, in accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// In one wave.
    pub max_failures: Tolerance,
    /// In all.
    pub max_failures_overall: Tolerance,
}

/// A number of accounts that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// This many.
    Accounts(usize),
    /// This many of a hundred of those that are changed, rounded down, as StackSets does (CloudFormation API Reference,
    /// `StackSetOperationPreferences`, `FailureTolerancePercentage`).
    Percent(u8),
}

impl Default for Tolerance {
    /// A tenth. Of fewer than ten accounts it tolerates none: somebody should look before the next wave.
    fn default() -> Self {
        Tolerance::Percent(10)
    }
}

impl Tolerance {
    /// How many of this many accounts may fail.
    pub const fn of(self, accounts: usize) -> usize {
        match self {
            Tolerance::Accounts(count) => count,
            Tolerance::Percent(percent) => accounts * percent as usize / 100,
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tolerance::Accounts(count) => count.fmt(f),
            Tolerance::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Why a text is no [`Tolerance`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToleranceError {
    /// It is neither a number nor one with a percent sign.
    #[error("`{0}` is neither a number of accounts nor a percentage: 3, or 10%, is expected")]
    Malformed(String),
    /// More than all.
    #[error("{0} is more than all accounts: 0% to 100% is expected")]
    MoreThanAll(String),
}

impl FromStr for Tolerance {
    type Err = ToleranceError;

    fn from_str(text: &str) -> Result<Self, ToleranceError> {
        let malformed = || ToleranceError::Malformed(text.to_owned());
        let (number, percent) = match text.strip_suffix('%') {
            Some(number) => (number, true),
            None => (text, false),
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        if !percent {
            return number.parse().map(Tolerance::Accounts).map_err(|_| malformed());
        }
        match number.parse() {
            Ok(percent @ 0..=100) => Ok(Tolerance::Percent(percent)),
            _ => Err(ToleranceError::MoreThanAll(text.to_owned())),
        }
    }
}

/// A [`Tolerance`] as it is written: a number, or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawTolerance {
    /// Without quotation marks.
    Number(i64),
    /// With them.
    Text(String),
}

impl<'de> Deserialize<'de> for RawTolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = RawTolerance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of accounts or a percentage (3 or \"10%\")")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<RawTolerance, E> {
                Ok(RawTolerance::Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RawTolerance, E> {
                Ok(RawTolerance::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for RawTolerance {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tolerance".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^([0-9]|[1-9][0-9]|100)%$" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_down() {
        for (tolerance, accounts, tolerated) in [
            (Tolerance::default(), 9, 0),
            (Tolerance::default(), 10, 1),
            (Tolerance::default(), 19, 1),
            (Tolerance::Percent(100), 7, 7),
            (Tolerance::Percent(0), 1000, 0),
            (Tolerance::Accounts(3), 1, 3),
        ] {
            assert_eq!(tolerance.of(accounts), tolerated, "{tolerance} of {accounts}");
        }
    }

    #[test]
    fn a_tolerance_is_read_as_it_is_shown() {
        for text in ["0", "3", "0%", "10%", "100%"] {
            assert_eq!(text.parse::<Tolerance>().unwrap().to_string(), text);
        }
        for text in ["", "%", "-1", "+1", "1.5%", "ten", "101%", "99999999999999999999", "1000%", "10 %"] {
            assert!(text.parse::<Tolerance>().is_err(), "{text}");
        }
    }
}
