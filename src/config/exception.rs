//! What the two files accept: accounts outside the estate that are meant to read, and exposures that somebody answers for.

use crate::model::{AccountId, AddressGlob};

/// An account outside the estate that is meant to read what this baseline relies on, such as a SIEM's.
///
/// It covers reading alone: whatever lets the account write, delete or change a policy is exposed all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedAccount {
    /// The account's id.
    pub id: AccountId,
    /// Why it is trusted, for people.
    pub reason: String,
}

/// An exposure that somebody accepts until a day: bound to a resource and to the digest of what exposes it.
#[derive(Debug, Clone)]
pub struct Exception {
    /// Which resources it is about.
    pub address: AddressGlob,
    /// The digest of what exposes them, as a plan prints it.
    pub digest: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day (UTC) on which it holds: `YYYY-MM-DD`.
    pub until: String,
}

impl PartialEq for Exception {
    fn eq(&self, other: &Self) -> bool {
        self.address.as_str() == other.address.as_str()
            && self.digest == other.digest
            && self.reason == other.reason
            && self.owner == other.owner
            && self.until == other.until
    }
}

impl Exception {
    /// Whether it still holds on a day (`YYYY-MM-DD`); on its last day it does.
    pub fn holds_on(&self, day: &str) -> bool {
        // Both are written with as many digits: the order of the texts is that of the days.
        day <= self.until.as_str()
    }
}
