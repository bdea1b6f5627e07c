//! Plans: what would change, worked out from what should be and what is. Values in, values out.

mod check;
mod diff;
pub mod document;
mod facts;
pub mod file;
mod planner;
mod selection;
pub mod stale;

pub use check::check;
pub use diff::{FieldChange, FieldChangeKind, diff};
pub use facts::{Fact, Facts};
pub use planner::{AccountView, Orphans, plan_account, shared_of};
pub use selection::{Again, Selection};

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Profiles;
use crate::model::{AccountId, Address, OpError, Region, Target};
use crate::services::{Found, Note, Service, Spec, Undelivered};

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is removed: only what is ours, no longer declared, and holds no data.
    Delete,
}

/// One change, with everything a person needs to judge it and the engine to make it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub address: Address,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// What differs, field by field; empty for a creation, whose fields are [made when they are asked for](Change::fields):
    /// a thousand accounts that lack everything would hold a quarter of a million copies of them.
    pub fields: Vec<FieldChange>,
    /// What has to end well first, among the changes of this plan or already.
    pub requires: Vec<Address>,
    /// How long the chain of requirements before it is; only sorts what is shown.
    pub depth: u32,
    /// What there should be; for [`Action::Delete`] what there is.
    pub desired: Spec,
    /// What was seen there.
    pub seen: Option<Found>,
}

impl Change {
    /// What differs, field by field.
    pub fn fields(&self) -> Cow<'_, [FieldChange]> {
        match self.action {
            Action::Create if self.fields.is_empty() => {
                Cow::Owned(diff(&serde_json::Value::Null, &self.desired.document()))
            }
            _ => Cow::Borrowed(&self.fields),
        }
    }

    /// Why a change is made and what differs by it, as far as that is kept: both follow from what is done, what was seen
    /// and what there should be. Nothing else says them, so that no plan shows less than it does.
    pub(crate) fn follows(action: Action, seen: Option<&Spec>, desired: &Spec) -> (String, Vec<FieldChange>) {
        let before = |spec: Option<&Spec>| spec.map_or(serde_json::Value::Null, Spec::document);
        match action {
            Action::Create => ("it does not exist".to_owned(), Vec::new()),
            Action::Update => {
                let fields = diff(&before(seen), &desired.document());
                let reason = match fields.len() {
                    1 => "one field differs".to_owned(),
                    n => format!("{n} fields differ"),
                };
                (reason, fields)
            }
            Action::Delete => {
                let fields = diff(&before(seen.or(Some(desired))), &serde_json::Value::Null);
                ("it is ours and no longer declared".to_owned(), fields)
            }
        }
    }
}

/// A change that is not made, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Where.
    pub address: Address,
    /// Why.
    pub reason: String,
    /// How to go on.
    pub hint: Option<String>,
}

/// A place that could not be read: a state, never an absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Where.
    pub target: Target,
    /// What; `None` means everything in the account.
    pub service: Option<Service>,
    /// Why.
    pub error: OpError,
}

/// A resource of ours that is no longer declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// Where.
    pub address: Address,
    /// What becomes of it.
    pub fate: String,
}

/// What would change, and what cannot be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The changes, in the order of their accounts.
    pub changes: Vec<Change>,
    /// What is not changed although it should be.
    pub blocked: Vec<Blocked>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What waits for somebody else.
    pub undelivered: Vec<Undelivered>,
    /// How many resources are as they should be.
    pub in_sync: usize,
    /// Ours, and no longer declared.
    pub orphans: Vec<Orphan>,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
    /// The accounts' names, for people.
    pub names: BTreeMap<AccountId, String>,
    /// The Regions that count in each account, to say "all but one" of them.
    pub regions: BTreeMap<AccountId, Vec<Region>>,
    /// How many accounts and Regions were read.
    pub scope: Scope,
    /// What was declared depends on it, and a second look has to start from the same.
    pub known: Known,
}

/// The Regions that a survey found: what should be somewhere depends on which there are elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Those that count in each account that was entered, whether or not anything was planned there.
    pub regions: BTreeMap<AccountId, Vec<Region>>,
    /// Those in which the security account receives what others send.
    pub hub: Vec<Region>,
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Accounts that could be entered.
    pub accounts: usize,
    /// Account and Region pairs.
    pub targets: usize,
}

impl Plan {
    /// All of it but the changes, which are as many as the estate is large.
    #[must_use]
    pub fn without_changes(&self) -> Plan {
        Plan {
            changes: Vec::new(),
            blocked: self.blocked.clone(),
            unreadable: self.unreadable.clone(),
            undelivered: self.undelivered.clone(),
            in_sync: self.in_sync,
            orphans: self.orphans.clone(),
            notes: self.notes.clone(),
            names: self.names.clone(),
            regions: self.regions.clone(),
            scope: self.scope,
            known: self.known.clone(),
        }
    }

    /// Whether everything that was to be read was read, nothing is held back, and nothing waits for somebody else.
    pub fn complete(&self) -> bool {
        self.unreadable.is_empty() && self.blocked.is_empty() && self.undelivered.is_empty()
    }

    /// How many changes do this.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Puts another account's plan behind this one.
    pub fn extend(&mut self, other: Plan) {
        self.changes.extend(other.changes);
        self.blocked.extend(other.blocked);
        self.unreadable.extend(other.unreadable);
        self.undelivered.extend(other.undelivered);
        self.in_sync += other.in_sync;
        self.orphans.extend(other.orphans);
        self.notes.extend(other.notes);
        self.names.extend(other.names);
        self.regions.extend(other.regions);
        self.scope.accounts += other.scope.accounts;
        self.scope.targets += other.scope.targets;
    }

    /// Leaves out what a selection does not take. Whether what is left requires something that is left out and not there
    /// is for whoever looks again to see.
    pub fn narrow(&mut self, selection: &Selection, profiles: &Profiles) {
        let account = |id: AccountId| profiles.account(id).is_some_and(|account| selection.takes_account(account));
        let takes = |address: &Address| account(address.target.account) && selection.takes(address);
        self.changes.retain(|change| takes(&change.address));
        self.blocked.retain(|blocked| takes(&blocked.address));
        self.undelivered.retain(|waiting| takes(&waiting.address));
        self.orphans.retain(|orphan| takes(&orphan.address));
        self.notes.retain(|note| account(note.target.account));
        self.unreadable.retain(|unreadable| {
            account(unreadable.target.account)
                && unreadable.service.is_none_or(|service| selection.takes_cell(service, &unreadable.target))
        });
    }

    /// An account's name for people, or its id.
    pub fn name(&self, account: AccountId) -> String {
        self.names.get(&account).cloned().unwrap_or_else(|| account.to_string())
    }
}
