//! `[log_key]` of `baseline.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{At, Findings};

/// The customer managed key that encrypts the logs, in the security account's home Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// Its alias without the `alias/` prefix.
    pub alias: String,
    /// Whether KMS rotates its material every year.
    pub rotation: bool,
    /// Whether statements of the key policy that this tool does not own are removed.
    pub exclusive: bool,
}

impl Default for LogKey {
    fn default() -> Self {
        LogKey { alias: "baseline-logs".to_owned(), rotation: true, exclusive: false }
    }
}

/// The key that encrypts the logs. It lives in the security account's home Region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogKey")]
pub(crate) struct RawLogKey {
    /// Its alias. Default: baseline-logs.
    #[schemars(regex(pattern = r"^(alias/)?[a-zA-Z0-9/_-]{1,250}$"))]
    pub alias: Option<At<String>>,
    /// Whether KMS rotates its material every year. Default: true.
    pub rotation: Option<At<bool>>,
    /// Whether statements of the key policy that this tool does not own are removed. Default: false.
    pub exclusive: Option<At<bool>>,
}

/// Checks the section.
pub(crate) fn check_log_key(raw: &RawLogKey, findings: &mut Findings) -> Option<LogKey> {
    let defaults = LogKey::default();
    let alias = match &raw.alias {
        Some(at) => check_alias(at, findings),
        None => Some(defaults.alias),
    };
    Some(LogKey {
        alias: alias?,
        rotation: raw.rotation.as_ref().map_or(defaults.rotation, |at| **at),
        exclusive: raw.exclusive.as_ref().map_or(defaults.exclusive, |at| **at),
    })
}

/// Checks an alias.
fn check_alias(at: &At<String>, findings: &mut Findings) -> Option<String> {
    let name = at.strip_prefix("alias/").unwrap_or(at);
    let Some(fault) = alias_fault(name) else { return Some(name.to_owned()) };
    findings.error(at.span(), format!("`{}` cannot be the alias of a key", at.as_str())).label(fault);
    None
}

/// What is wrong with an alias, given without its `alias/` (KMS API Reference, `CreateAlias`: 256 characters with it).
pub(crate) fn alias_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 250 {
        Some("250 characters at most, besides `alias/`")
    } else if name == "aws" || name.starts_with("aws/") {
        Some("aliases that start with `alias/aws/` belong to AWS")
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c)) {
        Some("letters, digits and /_- are allowed")
    } else {
        None
    }
}
