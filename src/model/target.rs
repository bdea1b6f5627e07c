use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountId, Region};

/// One account in one Region: the smallest place that calls are made to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The account.
    pub account: AccountId,
    /// The Region, or `global`.
    pub region: Region,
}

impl Target {
    /// Puts the two together.
    pub fn new(account: AccountId, region: Region) -> Self {
        Target { account, region }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}
