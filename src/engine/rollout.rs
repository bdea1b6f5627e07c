use crate::model::AccountId;

/// In which order accounts are changed, and how many failures end it.
#[derive(Debug, Clone, Default)]
pub struct Rollout {
    /// The account that goes first, alone; the rest follows when it ended well.
    pub canary: Option<AccountId>,
}
