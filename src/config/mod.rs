//! The two files, `profiles.toml` (who and where) and `baseline.toml` (what), as checked values.
//!
//! TOML text goes in; either [`Profiles`] and [`Baseline`] come out, or every mistake at once, each with its place.

mod profiles;

pub use profiles::{Account, Duty, ExternalId, Hop, Jump, Mfa, Profiles, RegionChoice, Via};

use std::collections::BTreeMap;

use crate::services::cloudtrail::config::CloudTrail;
use crate::services::kms::config::LogKey;
use crate::services::s3::config::LogBucket;

/// What should be, everywhere: the checked content of `baseline.toml`.
///
/// A section that is `None` was left out: it is neither read nor changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The name of this baseline, shown in plans and put in the `baseline` tag.
    pub name: String,
    /// Tags that every resource gets, besides the tool's own.
    pub tags: BTreeMap<String, String>,
    /// The key that encrypts the logs; present whenever the log bucket is.
    pub log_key: Option<LogKey>,
    /// The bucket that every account's logs go to.
    pub log_bucket: Option<LogBucket>,
    /// The trails.
    pub cloudtrail: Option<CloudTrail>,
}
