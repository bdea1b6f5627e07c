use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountId, Region, printable, shown};

/// What went wrong with a call, as far as the next step depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// `AssumeRole` was refused: trust policy, external id, or the caller's permission.
    AssumeRefused,
    /// The account is closed or suspended.
    AccountClosed,
    /// The role led into another account than the one declared.
    WrongAccount,
    /// The action is not allowed by the role's policies.
    Denied,
    /// A service control policy of the account's organization forbids the action.
    DeniedByScp,
    /// The account has not enabled the Region, or its session is not accepted there.
    RegionDisabled,
    /// AWS does not offer the service in the Region.
    NotOffered,
    /// The credentials ran out or are not valid.
    Credentials,
    /// AWS limits the rate, and went on doing so through every retry.
    Throttled,
    /// A quota of the account is used up.
    Quota,
    /// No answer: name resolution, connection, TLS or time.
    Unreachable,
    /// A policy or key that AWS checked is not (yet) as the call needs it.
    Unsettled,
    /// The run was left before the answer came: whether AWS took the call is not known.
    Interrupted,
    /// The tool refused the call itself: nothing was sent.
    Refused,
    /// AWS made the change but for a part of it.
    Partial,
    /// Anything else AWS answered.
    Other,
}

/// A call that failed, with everything a person needs to know where and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpError {
    /// The account the call was for.
    pub account: AccountId,
    /// The Region it went to.
    pub region: Region,
    /// The role in use, or who the starting credentials are; `None` while nobody is known yet.
    pub role: Option<String>,
    /// The service, as IAM actions spell it (`cloudtrail`).
    pub service: String,
    /// The operation (`DescribeTrails`).
    pub operation: String,
    /// What kind of failure it is.
    pub fault: Fault,
    /// AWS's error code, where one was answered.
    pub code: Option<String>,
    /// What AWS, or the road to it, said.
    pub message: String,
    /// The request id AWS answered with.
    pub request_id: Option<String>,
    /// How many times it was tried.
    pub attempts: u32,
    /// What to do next.
    pub hint: Option<String>,
}

impl OpError {
    /// Whether the answer's code is one of these, with or without `Exception` at its end: services and their protocols
    /// differ in that.
    pub fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| is_code(code, codes))
    }

    /// Whether the message says one of these, whatever its case, spaces and punctuation. Only where the code does not
    /// tell: AWS's messages are written for people, and differ from those that are documented.
    pub fn says(&self, texts: &[&str]) -> bool {
        is_said(&self.message, texts)
    }

    /// Spells out what a terminal would obey in every text of an error that was read from a file.
    pub(crate) fn tame(&mut self) {
        let OpError { role, service, operation, code, message, request_id, hint, .. } = self;
        let texts = [service, operation, message].into_iter();
        for text in texts.chain([role, code, request_id, hint].into_iter().flatten()) {
            *text = printable(std::mem::take(text));
        }
    }

    /// Whether AWS itself answered that the Region has not got what was asked for. A name that does not resolve is not
    /// enough: that can be the network.
    pub fn is_not_offered(&self) -> bool {
        self.fault == Fault::NotOffered && self.code.is_some()
    }

    /// What two failures share when they have the same cause: everything but the place and the request.
    pub fn signature(&self) -> (Fault, &str, &str, Option<&str>) {
        (self.fault, &self.service, &self.operation, self.code.as_deref())
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of an answer, or of a file that somebody made look like one: nothing in it moves a cursor.
        let (service, operation, message) = (shown(&self.service), shown(&self.operation), shown(&self.message));
        write!(f, "{service}:{operation} in {}/{}", self.account, self.region)?;
        if let Some(role) = &self.role {
            write!(f, " as {}", shown(role))?;
        }
        match &self.code {
            Some(code) => write!(f, ": {}: {message}", shown(code))?,
            None => write!(f, ": {message}")?,
        }
        if self.attempts > 1 {
            write!(f, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}

impl std::error::Error for OpError {}

/// Whether a code is one of these, with or without `Exception` at its end.
pub(crate) fn is_code(code: &str, codes: &[&str]) -> bool {
    fn plain(code: &str) -> &str {
        code.strip_suffix("Exception").unwrap_or(code)
    }
    codes.iter().any(|one| plain(one) == plain(code))
}

/// Whether a message says one of these, see [`OpError::says`].
pub(crate) fn is_said(message: &str, texts: &[&str]) -> bool {
    let plain =
        |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    let message = plain(message);
    texts.iter().any(|text| message.contains(&plain(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_are_told_by_what_they_mean_and_not_by_how_they_are_spelt() {
        assert!(is_code("NotFound", &["NotFoundException"]) && is_code("NotFoundException", &["NotFound"]));
        assert!(!is_code("NotFound", &["NoSuchEntity"]));
        assert!(is_said("a publishingDestination already exists", &["publishing destination"]));
        assert!(is_said("Explicit deny in a Service-Control Policy", &["service control policy"]));
        assert!(!is_said("a detector", &["publishing destination"]));
    }
}
