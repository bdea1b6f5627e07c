use std::fmt;
use std::str::FromStr;

use globset::GlobMatcher;
use serde::{Deserialize, Serialize};

use super::{GlobError, Target, matcher};
use crate::services::Kind;

/// Where a declared resource is: account, Region, kind and the name that was declared for it.
///
/// Stable across runs, ordered, and printed as `333333333333/us-east-1/cloudtrail.trail/baseline`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// Account and Region.
    pub target: Target,
    /// What it is.
    pub kind: Kind,
    /// The declared name; it may contain `/`.
    pub name: String,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address (ACCOUNT/REGION/KIND/NAME): {reason}")]
pub struct AddressError {
    text: String,
    reason: String,
}

impl Address {
    /// Puts the parts together.
    pub fn new(target: Target, kind: Kind, name: impl Into<String>) -> Self {
        Address { target, kind, name: name.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.target, self.kind, self.name)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: String| AddressError { text: text.to_owned(), reason };
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let [account, region, kind, name] = parts[..] else {
            return Err(wrong("four parts separated by `/` are expected".to_owned()));
        };
        if name.is_empty() {
            return Err(wrong("the name is missing".to_owned()));
        }
        Ok(Address {
            target: Target {
                account: account.parse().map_err(|e: super::AccountIdError| wrong(e.to_string()))?,
                region: region.parse().map_err(|e: super::RegionError| wrong(e.to_string()))?,
            },
            kind: kind.parse().map_err(wrong)?,
            name: name.to_owned(),
        })
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

/// A glob over addresses: `*` stays inside a segment, `**` and a missing tail match the rest.
#[derive(Clone)]
pub struct AddressGlob {
    text: String,
    exact: GlobMatcher,
    below: GlobMatcher,
}

impl AddressGlob {
    /// Whether the address matches.
    pub fn matches(&self, address: &Address) -> bool {
        let text = address.to_string();
        self.exact.is_match(&text) || self.below.is_match(&text)
    }

    /// Whether any address in this place could match: what must be read to answer for the glob. Where that cannot be
    /// told by the first two segments, it is so.
    pub fn touches(&self, target: &Target) -> bool {
        let text = target.to_string();
        let head: Vec<&str> = self.text.split('/').take(2).collect();
        if head.iter().any(|segment| segment.contains("**") || has_class_with_separator(segment)) {
            return true;
        }
        // Braces that stand around a separator are cut in two, and what is left is no glob.
        AddressGlob::from_str(&head.join("/")).map_or(true, |g| g.exact.is_match(&text) || g.below.is_match(&text))
    }

    /// The same of a kind in this place.
    pub fn touches_kind(&self, target: &Target, kind: Kind) -> bool {
        let head: Vec<&str> = self.text.split('/').take(3).collect();
        if head.iter().any(|segment| segment.contains("**") || has_class_with_separator(segment)) {
            return true;
        }
        let text = format!("{target}/{kind}");
        AddressGlob::from_str(&head.join("/")).map_or(true, |glob| glob.touches_text(&text))
    }

    /// Whether the glob matches a text, or what the text is below.
    pub(crate) fn touches_text(&self, text: &str) -> bool {
        self.exact.is_match(text) || self.below.is_match(text)
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether a class of characters in a glob may match `/`: unlike `*`, one that is negated does, and so does a range.
fn has_class_with_separator(glob: &str) -> bool {
    glob.split('[').skip(1).any(|rest| {
        let class: Vec<char> = rest.chars().take_while(|c| *c != ']').collect();
        let is_range = |window: &[char]| window[1] == '-' && (window[0]..=window[2]).contains(&'/');
        rest.starts_with(['!', '^', ']']) || class.windows(3).any(is_range)
    })
}

impl FromStr for AddressGlob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let exact = matcher(text, true)?;
        let below =
            matcher(&format!("{text}/**"), true).map_err(|error| GlobError { glob: text.to_owned(), ..error })?;
        Ok(AddressGlob { text: text.to_owned(), exact, below })
    }
}

impl fmt::Debug for AddressGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressGlob({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn glob(text: &str) -> AddressGlob {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn round_trips(
            account in "[0-9]{12}",
            region in prop::sample::select(vec!["us-east-1", "ap-northeast-3", "global"]),
            kind in prop::sample::select(Kind::ALL.to_vec()),
            name in "[A-Za-z0-9._/-]{1,40}",
        ) {
            let text = format!("{account}/{region}/{kind}/{name}");
            let parsed: Address = text.parse().unwrap();
            prop_assert_eq!(parsed.to_string(), text);
            prop_assert_eq!(parsed.name, name);
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = text.parse::<Address>();
            let _ = text.parse::<AddressGlob>();
        }
    }

    #[test]
    fn a_missing_tail_matches_the_rest_and_a_star_stays_inside_its_segment() {
        let trail = address("333333333333/us-east-1/cloudtrail.trail/baseline");
        for yes in ["333333333333", "333*", "*/us-*", "**/baseline", "*/*/cloudtrail.*", "333333333333/**"] {
            assert!(glob(yes).matches(&trail), "{yes}");
        }
        for no in ["444*", "*/baseline", "*/eu-*", "us-east-1"] {
            assert!(!glob(no).matches(&trail), "{no}");
        }
        assert!(glob("*/us-east-1/cloudtrail.*").touches(&trail.target));
        assert!(!glob("*/eu-west-1/cloudtrail.*").touches(&trail.target));
        assert!(glob("**/baseline").touches(&trail.target));
    }

    #[test]
    fn what_matches_is_read_whatever_its_separators_are_hidden_in() {
        let trail = address("333333333333/us-east-1/cloudtrail.trail/baseline");
        for yes in [
            "{333333333333/us-east-1,444444444444/eu-west-1}/cloudtrail.*",
            "{*/us-east-1/cloudtrail.trail/baseline}",
            "333333333333[!a]us-east-1/cloudtrail.*",
            "333333333333[.-0]us-east-1/cloudtrail.*/*",
            "[!4]*/us-east-1/**",
        ] {
            assert!(glob(yes).matches(&trail), "{yes}");
            assert!(glob(yes).touches(&trail.target), "{yes}");
        }
        assert!(!glob("[4-5]*/us-east-1/**").touches(&trail.target));
    }
}
