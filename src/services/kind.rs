//! The closed list of kinds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a resource is, as addresses and JSON spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A customer managed key.
    #[serde(rename = "kms.key")]
    KmsKey,
    /// A bucket.
    #[serde(rename = "s3.bucket")]
    S3Bucket,
    /// A trail.
    #[serde(rename = "cloudtrail.trail")]
    CloudtrailTrail,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::KmsKey, Kind::S3Bucket, Kind::CloudtrailTrail];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::KmsKey => "kms.key",
            Kind::S3Bucket => "s3.bucket",
            Kind::CloudtrailTrail => "cloudtrail.trail",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL.into_iter().find(|k| k.as_str() == text).ok_or_else(|| format!("`{text}` is not a kind"))
    }
}
