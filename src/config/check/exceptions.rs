//! `[[trusted_account]]` and `[[exception]]`: what is accepted, by whom, and until when.

use std::collections::BTreeMap;

use super::accounts::check_id;
use super::names::is_one_line;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::{RawException, RawTrustedAccount};
use crate::config::{Duty, Exception, TrustedAccount};
use crate::model::{AccountId, AddressGlob};

/// The hexadecimal digits of a digest, as a plan prints it.
const DIGEST_DIGITS: usize = 32;

/// Checks the accounts that are trusted; `duty` tells what the file already says of an account.
pub(super) fn check_trusted(
    raw: &[Section<RawTrustedAccount>],
    duty: impl Fn(AccountId) -> Option<Duty>,
    findings: &mut Findings,
) -> Vec<TrustedAccount> {
    let mut trusted = BTreeMap::new();
    for (index, at) in raw.iter().enumerate() {
        let table = Table { path: format!("trusted_account.{index}"), shown: "[[trusted_account]]" };
        let id = table.needed(at.span(), "id", at.id.as_ref(), findings);
        let place = id.map_or(at.span(), At::span);
        let id = id.and_then(|id| check_id(id, findings));
        let reason = table.text(at.span(), "reason", at.reason.as_ref(), findings);
        let access = table.needed(at.span(), "access", at.access.as_ref(), findings);
        if let Some(access) = access.filter(|access| *access.as_str() != *"read") {
            findings
                .error(access.span(), format!("`{}` is not what an account can be trusted with", access.as_str()))
                .label("only \"read\" is")
                .help("accept writing, deleting or a change of policy one by one, with [[exception]] in baseline.toml");
        }
        let Some(id) = id else { continue };
        if duty(id).is_some() {
            findings
                .error(place, format!("account {id} belongs to the estate already"))
                .label("named elsewhere in this file")
                .help("take this [[trusted_account]] out: accounts of the estate are not strangers");
            continue;
        }
        if let Some(reason) = reason
            && trusted.insert(id, TrustedAccount { id, reason }).is_some()
        {
            findings.error(place, format!("account {id} is trusted twice")).label("again").help("keep one of them");
        }
    }
    trusted.into_values().collect()
}

/// Checks the exceptions of the baseline file.
pub(super) fn check_exceptions(raw: &[Section<RawException>], findings: &mut Findings) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for (index, at) in raw.iter().enumerate() {
        let table = Table { path: format!("exception.{index}"), shown: "[[exception]]" };
        let address = table.needed(at.span(), "address", at.address.as_ref(), findings);
        let address = address.and_then(|address| check_address(address, findings));
        let digest = table.needed(at.span(), "digest", at.digest.as_ref(), findings);
        let digest = digest.and_then(|digest| check_digest(digest, findings));
        let reason = table.text(at.span(), "reason", at.reason.as_ref(), findings);
        let owner = table.text(at.span(), "owner", at.owner.as_ref(), findings);
        let until = table.needed(at.span(), "until", at.until.as_ref(), findings);
        let until = until.and_then(|until| check_day(until, findings));
        if let (Some(address), Some(digest), Some(reason), Some(owner), Some(until)) =
            (address, digest, reason, owner, until)
        {
            let exception = Exception { address, digest, reason, owner, until };
            let same = |other: &Exception| {
                other.address.as_str() == exception.address.as_str() && other.digest == exception.digest
            };
            if exceptions.iter().any(same) {
                findings
                    .error(at.span(), "this exception is there twice")
                    .label("the same address and digest")
                    .help("keep one of them");
                continue;
            }
            exceptions.push(exception);
        }
    }
    exceptions
}

/// One table of a list, to speak of.
struct Table {
    path: String,
    shown: &'static str,
}

impl Table {
    fn needed<'t, T>(
        &self,
        span: std::ops::Range<usize>,
        key: &str,
        value: Option<&'t At<T>>,
        findings: &mut Findings,
    ) -> Option<&'t At<T>> {
        if value.is_none() && !findings.is_struck(&format!("{}.{key}", self.path)) {
            findings.error(span, format!("`{key}` is missing in {}", self.shown)).label(format!("needs `{key}`"));
        }
        value
    }

    /// A text for people, on one line.
    fn text(
        &self,
        span: std::ops::Range<usize>,
        key: &str,
        value: Option<&At<String>>,
        findings: &mut Findings,
    ) -> Option<String> {
        let at = self.needed(span, key, value, findings)?;
        if !is_one_line(at) {
            findings
                .error(at.span(), format!("`{key}` of {} cannot be this", self.shown))
                .label("a text on one line is needed, without blanks around it");
            return None;
        }
        Some(at.to_string())
    }
}

fn check_address(at: &At<String>, findings: &mut Findings) -> Option<AddressGlob> {
    let glob = at.parse().inspect_err(|error: &crate::model::GlobError| {
        findings
            .error(at.span(), format!("`{}` is not an address", at.as_str()))
            .label(error.reason.clone())
            .help("a plan prints addresses: 222222222222/ap-northeast-1/s3.bucket/NAME; * stands for one part of it");
    });
    glob.ok()
}

fn check_digest(at: &At<String>, findings: &mut Findings) -> Option<String> {
    let digits = at.len() == DIGEST_DIGITS && at.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !digits {
        findings
            .error(at.span(), format!("`{}` is not a digest", at.as_str()))
            .label(format!("{DIGEST_DIGITS} hexadecimal digits are needed, in small letters"))
            .help("`baseline plan` prints the digest beside what it calls exposed: copy it from there");
        return None;
    }
    Some(at.to_string())
}

/// A day, as TOML writes one without quotation marks.
fn check_day(at: &At<toml::value::Datetime>, findings: &mut Findings) -> Option<String> {
    match (at.date, at.time, at.offset) {
        (Some(date), None, None) => Some(date.to_string()),
        _ => {
            findings
                .error(at.span(), "`until` names a day, without a time")
                .label("such as 2027-03-31")
                .help("an exception holds to the end of that day, in UTC");
            None
        }
    }
}
