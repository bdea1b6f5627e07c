use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountId, Region};

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
    /// Whether the answer's code is one of these.
    pub fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// What two failures share when they have the same cause: everything but the place and the request.
    pub fn signature(&self) -> (Fault, &str, &str, Option<&str>) {
        (self.fault, &self.service, &self.operation, self.code.as_deref())
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} in {}/{}", self.service, self.operation, self.account, self.region)?;
        if let Some(role) = &self.role {
            write!(f, " as {role}")?;
        }
        match &self.code {
            Some(code) => write!(f, ": {code}: {}", self.message)?,
            None => write!(f, ": {}", self.message)?,
        }
        if self.attempts > 1 {
            write!(f, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}

impl std::error::Error for OpError {}
