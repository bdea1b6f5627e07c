//! Operations that an account is denied, because somebody asked for it.

use globset::Glob;

use crate::model::AccountId;

/// An operation that callers of an account are denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    pub account: AccountId,
    /// An IAM action, `*` allowed: `cloudtrail:CreateTrail`, `kms:*`.
    pub action: String,
    /// Whether a service control policy denies it, rather than no identity policy allowing it.
    pub scp: bool,
}

/// What is denied so far.
#[derive(Debug, Default)]
pub(super) struct Denials(pub Vec<Denial>);

impl Denials {
    /// The end of AWS's sentence, when the account's callers are denied the action, or the operation that needs it.
    pub fn denied(&self, account: AccountId, action: &str, operation: &str) -> Option<String> {
        let denial = self.0.iter().filter(|denial| denial.account == account).find(|denial| {
            Glob::new(&denial.action).is_ok_and(|glob| {
                let matcher = glob.compile_matcher();
                matcher.is_match(action) || matcher.is_match(operation)
            })
        })?;
        Some(if denial.scp {
            "with an explicit deny in a service control policy".to_owned()
        } else {
            format!("because no identity-based policy allows the {action} action")
        })
    }
}
