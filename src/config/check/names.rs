//! Names that AWS would refuse.

use crate::config::at::At;
use crate::config::problem::Findings;
use crate::model::Partition;

/// `\w` as AWS means it, and the punctuation that IAM allows in names.
fn is_iam_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// What is wrong with a role's name, with its path where it has one (IAM API Reference, `CreateRole`).
pub(super) fn role_name_fault(text: &str) -> Option<&'static str> {
    let (path, name) = text.rsplit_once('/').map_or(("", text), |(path, name)| (path, name));
    if name.is_empty() {
        Some("the name is empty")
    } else if name.len() > 64 {
        Some("a role's name has 64 characters at most")
    } else if !name.chars().all(is_iam_char) {
        Some("a role's name consists of letters, digits and _+=,.@-")
    } else if path.len() + 2 > 512 {
        Some("a role's path has 512 characters at most")
    } else if text.starts_with('/') || text.contains("//") {
        Some("a path stands before the name without a leading slash: team/Name")
    } else if !path.chars().all(|c| c.is_ascii_graphic()) {
        Some("a role's path consists of printable ASCII characters")
    } else {
        None
    }
}

/// Checks a role session name or a source identity (STS API Reference, `AssumeRole`).
pub(super) fn check_session_text(at: &At<String>, key: &str, findings: &mut Findings) -> bool {
    let fault = if !(2..=64).contains(&at.chars().count()) {
        "between 2 and 64 characters are needed"
    } else if key == "source_identity" && at.starts_with("aws:") {
        "it must not start with `aws:`"
    } else if !at.chars().all(is_iam_char) {
        "letters, digits and _+=,.@- are allowed"
    } else {
        return true;
    };
    findings.error(at.span(), format!("AWS would refuse this {key}")).label(fault);
    false
}

/// Checks an external id without ever repeating it (STS API Reference, `AssumeRole`).
pub(super) fn check_external_id(at: &At<String>, findings: &mut Findings) -> bool {
    let fault = if !(2..=1224).contains(&at.chars().count()) {
        "between 2 and 1224 characters are needed"
    } else if !at.chars().all(|c| is_iam_char(c) || ":/".contains(c)) {
        "letters, digits and _+=,.@:/- are allowed"
    } else {
        return true;
    };
    findings.error(at.span(), "AWS would refuse this external_id").label(fault).help(match at.is_empty() {
        true => "nothing stands between the quotation marks: give the external id, or take the key out",
        false => "the value is a secret and is not shown",
    });
    false
}

/// Checks the serial number of an MFA device (STS API Reference, `AssumeRole`).
pub(super) fn check_mfa_serial(at: &At<String>, partition: Option<Partition>, findings: &mut Findings) -> bool {
    let arn = at.starts_with("arn:").then(|| at.parse::<crate::model::Arn>());
    let fault = match arn {
        Some(Err(error)) => error.to_string(),
        Some(Ok(arn)) if arn.service() != "iam" || !arn.resource().starts_with("mfa/") => {
            "an MFA device's ARN reads arn:aws:iam::ACCOUNT:mfa/NAME".to_owned()
        }
        Some(Ok(arn)) if partition.is_some_and(|p| p != arn.partition()) => {
            format!("this ARN is of the partition {}", arn.partition())
        }
        _ if !(9..=256).contains(&at.len()) => "between 9 and 256 characters are needed".to_owned(),
        _ if !at.chars().all(|c| is_iam_char(c) || ":/".contains(c)) => {
            "letters, digits and _+=/:,.@- are allowed".to_owned()
        }
        _ => return true,
    };
    findings.error(at.span(), "AWS would refuse this mfa_serial").label(fault);
    false
}

/// Whether a text can stand in a line of a report: not empty, no control characters, no blanks around it.
pub(crate) fn is_one_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// What is wrong with a tag's value (Tagging AWS Resources, "Tag naming limits and requirements").
pub(crate) fn check_tag_value(text: &str) -> Option<&'static str> {
    if text.chars().count() > 256 {
        Some("a tag's value has 256 characters at most")
    } else if !text.chars().all(is_tag_char) {
        Some("a tag's value consists of letters, digits, spaces and _.:/=+-@")
    } else {
        None
    }
}

/// What is wrong with a tag's key (Tagging AWS Resources, "Tag naming limits and requirements").
pub(super) fn tag_key_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("a tag's key cannot be empty")
    } else if text.chars().count() > 128 {
        Some("a tag's key has 128 characters at most")
    } else if text.to_lowercase().starts_with("aws:") {
        Some("keys that start with `aws:` belong to AWS")
    } else if !text.chars().all(is_tag_char) {
        Some("a tag's key consists of letters, digits, spaces and _.:/=+-@")
    } else {
        None
    }
}
