use crate::config::{Profiles, Tolerance};
use crate::model::AccountId;
use crate::report::Wave;

/// In which order accounts are changed, and how many failures end it.
#[derive(Debug, Clone, Default)]
pub struct Rollout {
    /// The account that goes first, alone; the rest follows when it ended well.
    pub canary: Option<AccountId>,
    /// How many accounts of a wave may fail before the next wave is not started any more.
    pub max_failures: Tolerance,
    /// How many accounts of all may.
    pub max_failures_overall: Tolerance,
}

impl Rollout {
    /// When an account's turn is. What all others need comes first, whatever wave its account declares: a project that
    /// went before it would only be skipped.
    pub fn wave(&self, profiles: &Profiles, account: AccountId) -> Wave {
        if account == profiles.security || account == profiles.bucket_owner {
            Wave::Holders
        } else if Some(account) == self.canary {
            Wave::Canary
        } else {
            Wave::Declared(profiles.account(account).map_or(0, |account| account.wave))
        }
    }
}
