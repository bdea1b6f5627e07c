//! The rules for trail names and key prefixes (CloudTrail API Reference, CreateTrail).

use crate::sandbox::wire::Refusal;

/// 3 to 128 letters, digits, `.`, `_`, `-`; starts and ends with a letter or a digit; no two of `._-` in a row; not an
/// IP address.
pub(super) fn check(name: &str) -> Result<(), Refusal> {
    let mark = |c: char| matches!(c, '.' | '_' | '-');
    let reason = if name.len() < 3 {
        "Trail name too short. Minimum allowed length: 3 characters."
    } else if name.len() > 128 {
        "Trail name too long. Maximum allowed length: 128 characters."
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "Trail name must starts with a letter or number."
    } else if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        "Trail name must ends with a letter or number."
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || mark(c)) {
        "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), \
         and underscores (_)."
    } else if name.as_bytes().windows(2).any(|pair| mark(pair[0].into()) && mark(pair[1].into())) {
        "Trail name cannot have adjacent periods, underscores or hyphens."
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "Trail name cannot be in IP address format."
    } else {
        return Ok(());
    };
    Err(Refusal::new(400, "InvalidTrailNameException", reason))
}

/// At most 200 characters, without `AWSLogs/`, which CloudTrail adds itself.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Refusal> {
    if prefix.len() > 200 || prefix.starts_with("AWSLogs/") || prefix.contains("/AWSLogs/") || prefix.starts_with('/') {
        let message = format!("The S3 key prefix {prefix} is not valid.");
        return Err(Refusal::new(400, "InvalidS3PrefixException", message));
    }
    Ok(())
}
