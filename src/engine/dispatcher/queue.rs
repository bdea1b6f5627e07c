//! In which order accounts get their turns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::AccountId;

/// How much happens at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Changes in all.
    pub changes: usize,
    /// Changes of one account.
    pub per_account: usize,
    /// Accounts.
    pub accounts: usize,
}

impl Bounds {
    /// What a run is held to.
    ///
    /// Requests in flight are bounded apart, and most changes wait most of the time: CloudTrail takes one write a
    /// second in each account and Region. So an account needs as many changes at once as it has Regions, and AWS has
    /// fewer than 40; 64 leave room for what is not paced. One account that AWS throttles, or that takes two minutes to
    /// notice a new role, then holds an eighth of all turns at most. 128 accounts bound how many hold their clients
    /// (about 17 KB for each service) at once.
    pub(crate) const OF_A_RUN: Bounds = Bounds { changes: 512, per_account: 64, accounts: 128 };
}

/// The changes of a wave that may start.
///
/// The next turn is the account's that has the fewest changes under way; of those with equally many it is one that was
/// entered before, and then the one that comes first in the plan.
#[derive(Debug)]
pub(super) struct Queue {
    bounds: Bounds,
    accounts: BTreeMap<AccountId, Account>,
    /// Accounts with a change that may start, in the order of their turns.
    turns: BTreeSet<Turn>,
    under_way: usize,
    /// Accounts with a change under way.
    active: usize,
}

#[derive(Debug)]
struct Account {
    ready: VecDeque<usize>,
    under_way: usize,
    /// Whether none of its changes was started yet.
    fresh: bool,
    /// Its place in the plan.
    place: usize,
}

type Turn = (usize, bool, usize, AccountId);

impl Account {
    fn turn(&self, id: AccountId) -> Turn {
        (self.under_way, self.fresh, self.place, id)
    }

    fn is_active(&self) -> bool {
        self.under_way > 0
    }
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Queue { bounds, accounts: BTreeMap::new(), turns: BTreeSet::new(), under_way: 0, active: 0 }
    }

    /// A change may start from now on.
    pub(super) fn push(&mut self, id: AccountId, change: usize) {
        self.update(id, change, |account| account.ready.push_back(change));
    }

    /// The next change to start.
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.under_way >= self.bounds.changes {
            return None;
        }
        let no_more = self.active >= self.bounds.accounts;
        let turn = self.turns.iter().find(|(under_way, ..)| !no_more || *under_way > 0);
        let (under_way, _, _, id) = *turn?;
        if under_way >= self.bounds.per_account {
            return None;
        }
        self.under_way += 1;
        let mut next = None;
        self.update(id, 0, |account| {
            next = account.ready.pop_front();
            account.under_way += 1;
            account.fresh = false;
        });
        next
    }

    /// A change that was started has ended.
    pub(super) fn ended(&mut self, id: AccountId) {
        self.under_way -= 1;
        self.update(id, 0, |account| account.under_way -= 1);
    }

    fn update(&mut self, id: AccountId, place: usize, with: impl FnOnce(&mut Account)) {
        let account = self.accounts.entry(id).or_insert_with(|| Account {
            ready: VecDeque::new(),
            under_way: 0,
            fresh: true,
            place,
        });
        self.turns.remove(&account.turn(id));
        let before = account.is_active();
        with(account);
        if !account.ready.is_empty() {
            self.turns.insert(account.turn(id));
        }
        self.active = self.active + usize::from(account.is_active()) - usize::from(before);
    }
}
