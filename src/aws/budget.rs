use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::AccountId;

/// What an account has for retries, and what a retry costs: the figures of the SDK's own retry quota, which is one for
/// the whole process, so that one throttled account would starve the rest.
const CAPACITY: u32 = 500;
/// The cost of a retry after a throttle.
pub(super) const THROTTLED: u32 = 5;
/// The cost of a retry after an answer that did not come: it was waited for, too.
pub(super) const UNREACHABLE: u32 = 10;
/// What an answer at the first attempt brings back.
const REWARD: u32 = 1;

/// The retries that each account has left. One that AWS throttles without end gives up soon, call by call, and costs
/// the others nothing.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    /// What is spent, of the accounts that have spent anything.
    spent: Mutex<HashMap<AccountId, u32>>,
}

impl Budgets {
    /// Pays for a retry, if there is enough left.
    pub(super) fn spend(&self, account: AccountId, cost: u32) -> bool {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.entry(account).or_default();
        let affordable = *spent + cost <= CAPACITY;
        if affordable {
            *spent += cost;
        }
        affordable
    }

    /// A call was answered: what its retries cost comes back, or a little where it took none.
    pub(super) fn answered(&self, account: AccountId, cost: Option<u32>) {
        let mut all = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spent) = all.get_mut(&account) {
            *spent = spent.saturating_sub(cost.unwrap_or(REWARD));
            if *spent == 0 {
                all.remove(&account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_hundred_retries_and_takes_none_of_another() {
        let [one, other] = ["111111111111", "222222222222"].map(|id| id.parse::<AccountId>().unwrap());
        let budgets = Budgets::default();
        let retries = (0..1000).filter(|_| budgets.spend(one, THROTTLED)).count();
        assert_eq!(retries, 100);
        assert!(budgets.spend(other, THROTTLED));
        budgets.answered(one, Some(THROTTLED));
        assert!(budgets.spend(one, THROTTLED), "what worked in the end is given back");
        assert!(!budgets.spend(one, THROTTLED));
        for _ in 0..5 {
            budgets.answered(one, None);
        }
        assert!(budgets.spend(one, THROTTLED), "what works at once brings a little");
    }
}
