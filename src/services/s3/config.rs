//! `[log_bucket]` of `baseline.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{At, Findings};

/// The bucket that receives every account's logs, in the home Region of the account that owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBucket {
    /// Its name; `None` makes one from the partition, the owning account's id and the home Region.
    pub name: Option<String>,
    /// A prefix for every log, without leading or trailing slash.
    pub prefix: Option<String>,
    /// Whether plain HTTP is denied.
    pub require_tls: bool,
    /// Days after which logs expire; `None` keeps them for ever.
    pub retention_days: Option<u32>,
    /// Whether statements of the bucket policy that this tool does not own are removed.
    pub exclusive: bool,
    /// Whether the default encryption of a bucket that is there stays as it is.
    pub keep_default_encryption: bool,
}

/// The bucket that every account's logs go to. It lives in the security account's home Region, in the log archive
/// account if there is one, else in the security account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogBucket")]
pub(crate) struct RawLogBucket {
    /// Its name, unique in the world. Default: one made from its account's id and the home Region.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub name: Option<At<String>>,
    /// A prefix for every log, without leading or trailing slash. Default: none.
    #[schemars(length(min = 1, max = 200))]
    pub prefix: Option<At<String>>,
    /// Whether plain HTTP is denied. Default: true.
    pub require_tls: Option<At<bool>>,
    /// Days after which logs expire. Default: they are kept for ever.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub retention_days: Option<At<i64>>,
    /// Whether statements of the bucket policy that this tool does not own are removed. Default: false.
    pub exclusive: Option<At<bool>>,
    /// Whether the default encryption of a bucket that exists stays as it is: for one that others write to who need it.
    /// The logs of this baseline are encrypted with its key all the same, which their services name themselves. Default:
    /// false.
    pub keep_default_encryption: Option<At<bool>>,
}

/// Checks the section.
pub(crate) fn check_log_bucket(raw: &RawLogBucket, findings: &mut Findings) -> Option<LogBucket> {
    let name = checked(raw.name.as_ref(), |at| match bucket_name_fault(at) {
        Some(fault) => {
            findings.error(at.span(), format!("`{}` cannot be the name of a bucket", at.as_str())).label(fault);
            None
        }
        None => Some(at.to_string()),
    });
    let prefix = checked(raw.prefix.as_ref(), |at| match prefix_fault(at) {
        Some((fault, help)) => {
            findings
                .error(at.span(), format!("`{}` cannot be a prefix for logs", at.as_str()))
                .label(fault)
                .maybe_help(help);
            None
        }
        None => Some(at.to_string()),
    });
    let retention_days = checked(raw.retention_days.as_ref(), |at| {
        // A lifecycle rule holds its days in 31 bits (S3 API Reference, `LifecycleExpiration`).
        u32::try_from(**at).ok().filter(|days| (1..=i32::MAX as u32).contains(days)).or_else(|| {
            findings
                .error(at.span(), format!("logs cannot be kept for {} days", **at))
                .label("1 or more days are expected")
                .help("leave `retention_days` out to keep logs for ever");
            None
        })
    });
    Some(LogBucket {
        name: name?,
        prefix: prefix?,
        require_tls: raw.require_tls.as_ref().is_none_or(|at| **at),
        retention_days: retention_days?,
        exclusive: raw.exclusive.as_ref().is_some_and(|at| **at),
        keep_default_encryption: raw.keep_default_encryption.as_ref().is_some_and(|at| **at),
    })
}

/// `Some(None)` where nothing is given, `None` where it is wrong.
fn checked<T, U>(at: Option<&At<T>>, check: impl FnOnce(&At<T>) -> Option<U>) -> Option<Option<U>> {
    match at {
        Some(at) => check(at).map(Some),
        None => Some(None),
    }
}

/// What is wrong with a bucket's name (S3 User Guide, "General purpose bucket naming rules").
fn bucket_name_fault(name: &str) -> Option<&'static str> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_ip = name.split('.').count() == 4 && name.split('.').all(|part| part.parse::<u8>().is_ok());
    if !(3..=63).contains(&name.chars().count()) {
        Some("between 3 and 63 characters are needed")
    } else if name.chars().any(|c| c.is_ascii_uppercase()) {
        Some("capital letters are not allowed")
    } else if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c)) {
        Some("lowercase letters, digits, dots and hyphens are allowed")
    } else if !edge(name.chars().next()) || !edge(name.chars().last()) {
        Some("it has to begin and end with a letter or digit")
    } else if name.contains("..") {
        Some("two dots in a row are not allowed")
    } else if is_ip {
        Some("it must not look like an IP address")
    } else if ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix)) {
        Some("S3 keeps names that begin like this for itself")
    } else if ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an"].iter().any(|end| name.ends_with(end)) {
        Some("S3 keeps names that end like this for itself")
    } else {
        None
    }
}

/// What is wrong with a prefix (CloudTrail API Reference, `CreateTrail`: 200 characters; CloudTrail User Guide: not
/// `AWSLogs/`), and how to go on.
fn prefix_fault(prefix: &str) -> Option<(&'static str, Option<String>)> {
    let trimmed = prefix.trim_matches('/');
    if trimmed.is_empty() {
        Some(("it is empty", Some("leave `prefix` out to have none".to_owned())))
    } else if trimmed != prefix {
        Some(("it must not begin or end with a slash", Some(format!("write \"{trimmed}\""))))
    } else if prefix.chars().count() > 200 {
        Some(("200 characters at most", None))
    } else if prefix.contains("AWSLogs") {
        Some(("`AWSLogs` is put after it by AWS", Some("leave that part out".to_owned())))
    } else if prefix.contains("//") {
        Some(("two slashes in a row", None))
    } else if !prefix.chars().all(|c| c.is_ascii_alphanumeric() || "!-_.'()/".contains(c)) {
        // `*`, `?` and `$` would mean something else in the bucket policy, where the prefix stands too.
        Some(("letters, digits and !-_.'()/ are allowed", None))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_that_s3_refuses() {
        for good in ["abc", "logs.example.com", "baseline-logs-111111111111", &"a".repeat(63)] {
            assert_eq!(bucket_name_fault(good), None, "{good}");
        }
        for bad in [
            "ab",
            &"a".repeat(64),
            "Logs",
            "lo_gs",
            "-logs",
            "logs-",
            "lo..gs",
            "192.168.5.4",
            "xn--logs",
            "sthree-logs",
            "logs-s3alias",
            "logs--ol-s3",
            "logs.mrap",
            "logs--x-s3",
            "logs-an",
            "ログ-ログ",
        ] {
            assert!(bucket_name_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn knows_the_prefixes_that_cannot_be() {
        for good in ["logs", "org/audit", &"p".repeat(200)] {
            assert_eq!(prefix_fault(good), None, "{good}");
        }
        for bad in ["", "/", "/logs", "logs/", "a//b", "AWSLogs", "x/AWSLogs", "a*", "${aws:x}", &"p".repeat(201)] {
            assert!(prefix_fault(bad).is_some(), "{bad}");
        }
    }
}
