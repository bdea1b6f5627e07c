use std::cmp::Ordering;
use std::net::IpAddr;

use super::Conditions;
use super::pattern::Pattern;

/// What is known about a match. `Unknown` keeps an `Allow` from matching and makes a `Deny` match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    Unknown,
}

impl From<bool> for Match {
    fn from(value: bool) -> Self {
        if value { Match::Yes } else { Match::No }
    }
}

impl Match {
    pub(super) fn not(self) -> Match {
        match self {
            Match::Yes => Match::No,
            Match::No => Match::Yes,
            Match::Unknown => Match::Unknown,
        }
    }

    pub(super) fn any(matches: impl IntoIterator<Item = Match>) -> Match {
        let mut answer = Match::No;
        for one in matches {
            match one {
                Match::Yes => return Match::Yes,
                Match::Unknown => answer = Match::Unknown,
                Match::No => {}
            }
        }
        answer
    }

    pub(super) fn all(matches: impl IntoIterator<Item = Match>) -> Match {
        Match::any(matches.into_iter().map(Match::not)).not()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    One,
    All,
    Any,
}

#[derive(Debug, Clone, Copy)]
enum Test {
    Text,
    TextIgnoringCase,
    Like,
    Arn,
    Bool,
    Number(fn(Ordering) -> bool),
    Ip,
}

/// A condition operator, such as `ForAnyValue:StringNotLike` or `ArnLikeIfExists`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operator {
    quantifier: Quantifier,
    test: Test,
    negated: bool,
    if_exists: bool,
}

impl Operator {
    /// Reads an operator's name; `None` for those that this module does not evaluate (dates, binary, `Null`).
    pub(super) fn parse(name: &str) -> Option<Operator> {
        let (quantifier, name) = if let Some(rest) = name.strip_prefix("ForAllValues:") {
            (Quantifier::All, rest)
        } else if let Some(rest) = name.strip_prefix("ForAnyValue:") {
            (Quantifier::Any, rest)
        } else {
            (Quantifier::One, name)
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let (test, negated) = match name {
            "StringEquals" => (Test::Text, false),
            "StringNotEquals" => (Test::Text, true),
            "StringEqualsIgnoreCase" => (Test::TextIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Test::TextIgnoringCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            "ArnEquals" | "ArnLike" => (Test::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
            "Bool" => (Test::Bool, false),
            "NumericEquals" => (Test::Number(Ordering::is_eq), false),
            "NumericNotEquals" => (Test::Number(Ordering::is_eq), true),
            "NumericLessThan" => (Test::Number(Ordering::is_lt), false),
            "NumericLessThanEquals" => (Test::Number(Ordering::is_le), false),
            "NumericGreaterThan" => (Test::Number(Ordering::is_gt), false),
            "NumericGreaterThanEquals" => (Test::Number(Ordering::is_ge), false),
            "IpAddress" => (Test::Ip, false),
            "NotIpAddress" => (Test::Ip, true),
            _ => return None,
        };
        Some(Operator { quantifier, test, negated, if_exists })
    }

    /// Whether a request that lacks the key, or has another value for it, is kept out.
    fn requires_a_value(self) -> bool {
        !self.negated && !self.if_exists && self.quantifier != Quantifier::All
    }

    /// The same, of an operator by which a text, an ARN or an address can be told from all others: that an account's id is
    /// greater than another one says nothing about whose it is.
    pub(super) fn tells_who(self) -> bool {
        let tells = matches!(self.test, Test::Text | Test::TextIgnoringCase | Test::Like | Test::Arn | Test::Ip);
        tells && self.requires_a_value()
    }

    /// Whether it compares ARNs part by part, so that a wildcard does not reach beyond a colon.
    pub(super) fn is_by_part(self) -> bool {
        matches!(self.test, Test::Arn)
    }

    /// Whether `*` and `?` in its values are wildcards.
    pub(super) fn has_wildcards(self) -> bool {
        matches!(self.test, Test::Like | Test::Arn)
    }

    fn holds<'c>(self, actual: &[String], wanted: &[String], scope: &impl Scope<'c>) -> Match {
        let one = |value: &String| {
            let found = Match::any(wanted.iter().map(|text| self.test.matches(value, text, scope)));
            if self.negated { found.not() } else { found }
        };
        match self.quantifier {
            Quantifier::All => Match::all(actual.iter().map(one)),
            Quantifier::Any => Match::any(actual.iter().map(one)),
            Quantifier::One => match actual {
                [] => Match::from(self.negated || self.if_exists),
                [value] => one(value),
                // AWS leaves open what a plain operator makes of a key with several values.
                _ => Match::Unknown,
            },
        }
    }
}

/// What conditions are evaluated against.
pub(super) trait Scope<'c> {
    /// The values of a condition key, whatever its case; none when the request lacks it.
    fn values(&self, key: &str) -> &'c [String];
    /// The version of the policy language.
    fn version(&self) -> &str;

    /// Whether nobody here can tell if the request carries the key, and with which value.
    fn is_untold(&self, _key: &str) -> bool {
        false
    }

    /// Reads a text of the policy.
    fn pattern(&self, text: &str, wildcards: bool) -> Option<Pattern> {
        Pattern::new(text, self.version(), wildcards, |key| match self.values(key) {
            [value] => Some(value.as_str()),
            _ => None,
        })
    }
}

impl Test {
    fn matches<'c>(self, actual: &str, wanted: &str, scope: &impl Scope<'c>) -> Match {
        let wildcards = matches!(self, Test::Like | Test::Arn);
        let Some(pattern) = scope.pattern(wanted, wildcards) else { return Match::Unknown };
        match self {
            Test::Text | Test::Like => pattern.matches(actual).into(),
            Test::TextIgnoringCase | Test::Bool => pattern.matches_ignoring_case(actual).into(),
            Test::Arn if pattern.is_anything() => Match::Yes,
            Test::Arn => pattern.matches_arn(actual).map_or(Match::Unknown, Match::from),
            Test::Number(holds) => match (number(actual), number(wanted)) {
                (Some(a), Some(b)) => a.partial_cmp(&b).is_some_and(holds).into(),
                _ => Match::Unknown,
            },
            Test::Ip => match (actual.parse::<IpAddr>(), range(wanted)) {
                (Ok(address), Some(range)) => range.contains(address).into(),
                _ => Match::Unknown,
            },
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    network: IpAddr,
    pub(super) prefix: u32,
}

/// Reads `192.0.2.0/24` or a single address.
pub(super) fn range(text: &str) -> Option<Range> {
    let (network, prefix) = match text.split_once('/') {
        Some((network, prefix)) => (network.parse::<IpAddr>().ok()?, Some(prefix.parse::<u32>().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let longest = if network.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    (prefix <= longest).then_some(Range { network, prefix })
}

impl Range {
    pub(super) fn is_ipv4(self) -> bool {
        self.network.is_ipv4()
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether all conditions hold.
pub(super) fn hold<'c>(conditions: &Conditions, scope: &impl Scope<'c>) -> Match {
    Match::all(each(conditions, scope).map(|(_, held)| held))
}

/// The keys of those conditions of which it cannot be told whether they hold.
pub(super) fn untold<'c, 'p>(conditions: &'p Conditions, scope: &impl Scope<'c>) -> Vec<&'p str> {
    each(conditions, scope).filter(|(_, held)| *held == Match::Unknown).map(|(key, _)| key).collect()
}

fn each<'c, 'p>(conditions: &'p Conditions, scope: &impl Scope<'c>) -> impl Iterator<Item = (&'p str, Match)> {
    conditions.iter().flat_map(move |(name, keys)| {
        let operator = Operator::parse(name);
        keys.iter().map(move |(key, wanted)| {
            let held = match operator {
                _ if scope.is_untold(key) => Match::Unknown,
                Some(operator) => operator.holds(scope.values(key), wanted, scope),
                None if name == "Null" => is_null(scope.values(key), wanted),
                None => Match::Unknown,
            };
            (key.as_str(), held)
        })
    })
}

fn is_null(actual: &[String], wanted: &[String]) -> Match {
    Match::any(wanted.iter().map(|text| match text.to_ascii_lowercase().as_str() {
        "true" => actual.is_empty().into(),
        "false" => (!actual.is_empty()).into(),
        _ => Match::Unknown,
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::VERSION_2012;
    use super::*;

    struct Values(BTreeMap<&'static str, Vec<String>>);

    impl<'c> Scope<'c> for &'c Values {
        fn values(&self, key: &str) -> &'c [String] {
            self.0.get(key).map(Vec::as_slice).unwrap_or_default()
        }

        fn version(&self) -> &str {
            VERSION_2012
        }
    }

    fn holds(operator: &str, actual: &[&str], wanted: &[&str]) -> Match {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let values = Values(BTreeMap::from([("key", owned(actual))]));
        let keys = BTreeMap::from([("key".to_owned(), owned(wanted))]);
        hold(&Conditions::from([(operator.to_owned(), keys)]), &&values)
    }

    #[test]
    fn operators_compare_as_the_user_guide_says() {
        use Match::{No, Unknown, Yes};
        for (operator, actual, wanted, expected) in [
            ("StringEquals", "a", &["b", "a"][..], Yes),
            ("StringEquals", "A", &["a"], No),
            ("StringEquals", "ab", &["a*"], No),
            ("StringNotEquals", "a", &["b", "a"], No),
            ("StringNotEquals", "c", &["b", "a"], Yes),
            ("StringEqualsIgnoreCase", "A", &["a"], Yes),
            ("StringNotEqualsIgnoreCase", "A", &["a"], No),
            ("StringLike", "ab", &["a*"], Yes),
            ("StringNotLike", "ab", &["a?"], No),
            ("ArnEquals", "arn:aws:s3:::b", &["arn:aws:s3:::?"], Yes),
            ("ArnLike", "arn:aws:x:r:1:t/a", &["arn:aws:x:*:1:t/*"], Yes),
            ("ArnLike", "arn:aws:x:r:2:t/a:1:t/b", &["arn:aws:x:*:1:t/*"], No),
            ("ArnLike", "arn:aws:x:r:2:t", &["*"], Yes),
            ("ArnLike", "arn:aws:x:r:2:t", &["arn:aws:x:*"], Unknown),
            ("ArnNotLike", "arn:aws:x:r:2:t", &["arn:aws:x:*:1:*"], Yes),
            ("Bool", "true", &["TRUE"], Yes),
            ("Bool", "false", &["true"], No),
            ("NumericLessThan", "9", &["10"], Yes),
            ("NumericLessThanEquals", "10", &["10.0"], Yes),
            ("NumericGreaterThan", "10", &["10"], No),
            ("NumericGreaterThanEquals", "10", &["10"], Yes),
            ("NumericEquals", "1e1", &["10"], Yes),
            ("NumericNotEquals", "10", &["10"], No),
            ("NumericEquals", "many", &["10"], Unknown),
            ("IpAddress", "10.1.2.3", &["10.0.0.0/8"], Yes),
            ("IpAddress", "11.1.2.3", &["10.0.0.0/8", "11.1.2.3"], Yes),
            ("IpAddress", "11.1.2.3", &["10.0.0.0/8", "::/0"], No),
            ("IpAddress", "11.1.2.3", &["0.0.0.0/0"], Yes),
            ("IpAddress", "2001:db8::1", &["2001:db8::/32"], Yes),
            ("NotIpAddress", "10.1.2.3", &["10.0.0.0/8"], No),
            ("IpAddress", "10.1.2.3", &["10.0.0.0/33"], Unknown),
            ("Null", "a", &["true"], No),
            ("Null", "a", &["False"], Yes),
            ("DateGreaterThan", "2026-01-01T00:00:00Z", &["2025-01-01T00:00:00Z"], Unknown),
            ("StringEquals", "a", &["${nowhere}"], Unknown),
            ("StringNotEquals", "a", &["${nowhere}"], Unknown),
            ("StringEquals", "a", &["${nowhere}", "a"], Yes),
            ("StringEquals", "a", &[], No),
        ] {
            assert_eq!(holds(operator, &[actual], wanted), expected, "{operator} {actual} {wanted:?}");
        }
    }

    #[test]
    fn a_missing_key_fails_unless_negated_or_if_exists() {
        use Match::{No, Yes};
        for (operator, expected) in [
            ("StringEquals", No),
            ("StringEqualsIfExists", Yes),
            ("StringNotEquals", Yes),
            ("ArnNotLike", Yes),
            ("Bool", No),
            ("BoolIfExists", Yes),
            ("ForAllValues:StringEquals", Yes),
            ("ForAllValues:StringNotEquals", Yes),
            ("ForAnyValue:StringEquals", No),
            ("ForAnyValue:StringNotEquals", No),
            ("ForAnyValue:StringEqualsIfExists", No),
        ] {
            assert_eq!(holds(operator, &[], &["a"]), expected, "{operator}");
        }
        assert_eq!(holds("Null", &[], &["true"]), Yes);
        assert_eq!(holds("Null", &[], &["false"]), No);
    }

    #[test]
    fn several_values_take_a_quantifier() {
        use Match::{No, Unknown, Yes};
        for (operator, actual, expected) in [
            ("ForAllValues:StringEquals", ["a", "b"], Yes),
            ("ForAllValues:StringEquals", ["a", "x"], No),
            ("ForAllValues:StringNotEquals", ["a", "x"], No),
            ("ForAllValues:StringNotEquals", ["x", "y"], Yes),
            ("ForAnyValue:StringEquals", ["a", "x"], Yes),
            ("ForAnyValue:StringEquals", ["x", "y"], No),
            ("ForAnyValue:StringNotEquals", ["a", "x"], Yes),
            ("ForAnyValue:StringNotEquals", ["a", "b"], No),
            ("StringEquals", ["a", "b"], Unknown),
        ] {
            assert_eq!(holds(operator, &actual, &["a", "b"]), expected, "{operator} {actual:?}");
        }
    }

    #[test]
    fn all_operators_and_keys_must_hold() {
        let values = Values(BTreeMap::from([("a", vec!["1".to_owned()]), ("b", vec!["2".to_owned()])]));
        let block = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), vec![value.to_owned()])]);
        let conditions = |first: &str, second: &str| {
            let like = ("StringLike".to_owned(), block("b", second));
            Conditions::from([("StringEquals".to_owned(), block("a", first)), like])
        };
        assert_eq!(hold(&conditions("1", "2"), &&values), Match::Yes);
        assert_eq!(hold(&conditions("1", "3"), &&values), Match::No);
        assert_eq!(hold(&conditions("3", "2"), &&values), Match::No);
        // One that fails decides, whatever is not known about the other.
        assert_eq!(hold(&conditions("3", "${nowhere}"), &&values), Match::No);
        assert_eq!(hold(&conditions("1", "${nowhere}"), &&values), Match::Unknown);
        assert_eq!(hold(&Conditions::new(), &&values), Match::Yes);
    }
}
