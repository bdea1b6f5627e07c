use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::GlobError;

/// An AWS Region's name, such as `ap-northeast-1`, or `global` for what lives in no Region (IAM and the like).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Arc<str>);

/// Why a text is not a Region's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an AWS Region: a name such as `ap-northeast-1` is expected")]
pub struct RegionError {
    text: String,
}

impl Region {
    /// The place of resources that live in no Region.
    pub fn global() -> Self {
        Region("global".into())
    }

    /// Whether this is the place of resources that live in no Region.
    pub fn is_global(&self) -> bool {
        &*self.0 == "global"
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the shape only (`xx-word-1`): new Regions appear faster than releases of this tool.
fn well_formed(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [head, middle @ .., last] = parts.as_slice() else { return false };
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase());
    (2..=4).contains(&head.len())
        && word(head)
        && !middle.is_empty()
        && middle.iter().all(|w| word(w))
        && (1..=2).contains(&last.len())
        && last.bytes().all(|b| b.is_ascii_digit())
}

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "global" || well_formed(text) {
            Ok(Region(text.into()))
        } else {
            Err(RegionError { text: text.to_owned() })
        }
    }
}

impl TryFrom<String> for Region {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> String {
        region.0.to_string()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({})", self.0)
    }
}

/// A glob over Region names, such as `us-*` or `{eu,me}-*`.
#[derive(Clone)]
pub struct RegionGlob {
    text: String,
    matcher: GlobMatcher,
}

impl RegionGlob {
    /// Whether the Region's name matches.
    pub fn matches(&self, region: &Region) -> bool {
        self.matcher.is_match(region.as_str())
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for RegionGlob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(|e| GlobError::new(text, &e))?;
        Ok(RegionGlob { text: text.to_owned(), matcher: glob.compile_matcher() })
    }
}

impl fmt::Debug for RegionGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionGlob({})", self.text)
    }
}

impl PartialEq for RegionGlob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RegionGlob {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_region_by_its_shape() {
        for good in ["us-east-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-7", "global"] {
            assert_eq!(good.parse::<Region>().unwrap().as_str(), good);
        }
        for bad in ["", "us-east", "useast1", "US-EAST-1", "us-east-1a", "us--1", "-us-east-1", "us-east-123"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }

    #[test]
    fn globs_match_whole_names() {
        let glob: RegionGlob = "us-*".parse().unwrap();
        assert!(glob.matches(&"us-east-1".parse().unwrap()));
        assert!(!glob.matches(&"eu-west-1".parse().unwrap()));
        assert!("us-[".parse::<RegionGlob>().is_err());
    }
}
