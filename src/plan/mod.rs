//! Plans: what would change, worked out from what should be and what is. Values in, values out.

mod check;
mod diff;
pub mod document;
mod exempt;
mod facts;
pub mod file;
mod planner;
mod selection;
pub mod stale;
mod waiting;

pub use check::check;
pub use diff::{FieldChange, FieldChangeKind, diff};
pub use facts::{Fact, Facts};
pub use planner::{AccountView, Orphans, plan_account, shared_of};
pub use selection::{Again, Offer, Selection, Unmatched};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Profiles;
use crate::model::{AccountId, Address, OpError, Region, Target};
use crate::services::{Exposed, Found, Note, Service, Spec, Undelivered};

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
                (differs(&fields), fields)
            }
            Action::Delete => {
                let fields = diff(&before(seen.or(Some(desired))), &serde_json::Value::Null);
                ("it is ours and no longer declared".to_owned(), fields)
            }
        }
    }
}

/// How much differs, in the units in which it is shown: a policy statement that comes or goes as a whole is one thing and
/// not as many as it has members.
fn differs(fields: &[FieldChange]) -> String {
    if let Some(lost) = lost_document(fields) {
        return lost;
    }
    let whole = whole_statements(fields);
    let single = fields.iter().filter(|field| !whole.iter().any(|statement| field.path.starts_with(statement))).count();
    let counted = |count: usize, noun: &str| match count {
        1 => format!("one {noun}"),
        n => format!("{n} {noun}s"),
    };
    let verb = if whole.len() + single == 1 { "differs" } else { "differ" };
    match (whole.len(), single) {
        (0, fields) => format!("{} {verb}", counted(fields, "field")),
        (statements, 0) => format!("{} {verb}", counted(statements, "policy statement")),
        (statements, fields) => {
            format!("{} and {} {verb}", counted(statements, "policy statement"), counted(fields, "field"))
        }
    }
}

/// That a whole policy is missing, or is there and should not be, where nothing else differs.
fn lost_document(fields: &[FieldChange]) -> Option<String> {
    let name = fields.first()?.path.first()?;
    let all = |wanted: fn(&FieldChangeKind) -> bool| {
        fields.iter().all(|field| field.path.first() == Some(name) && wanted(&field.kind))
            && fields.iter().any(|field| field.path.get(1).is_some_and(|part| part == "Version"))
    };
    if all(|kind| matches!(kind, FieldChangeKind::Added { .. })) {
        Some(format!("the whole {name} is missing"))
    } else if all(|kind| matches!(kind, FieldChangeKind::Removed { .. })) {
        Some(format!("a {name} is there and should not be"))
    } else {
        None
    }
}

/// The paths of the policy statements that come or go as a whole. Every statement has an effect: one whose effect neither
/// comes nor goes was there and stays.
pub fn whole_statements(fields: &[FieldChange]) -> BTreeSet<&[String]> {
    let effects = fields.iter().filter(|field| !matches!(field.kind, FieldChangeKind::Changed { .. }));
    let statements = effects.filter_map(|field| match &field.path[..] {
        [.., list, _, effect] if list == "Statement" && effect == "Effect" => Some(&field.path[..field.path.len() - 1]),
        _ => None,
    });
    statements.collect()
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
    /// What it waits for, where that alone is the reason: something that could not be read, is blocked itself, or is left
    /// out and not there.
    #[serde(default)]
    pub waits_for: Option<Address>,
}

impl Blocked {
    /// A change that is held back for a reason of its own.
    pub fn new(address: Address, reason: impl Into<String>, hint: Option<String>) -> Self {
        Blocked { address, reason: reason.into(), hint, waits_for: None }
    }

    /// The same change, held back by nothing but another resource.
    #[must_use]
    pub fn waiting_for(self, other: Address) -> Self {
        Blocked { waits_for: Some(other), ..self }
    }
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

/// Something that is exposed and that an `[[exception]]` of the baseline file accepts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exempt {
    /// The resource that is exposed.
    pub address: Address,
    /// The digest that the exception names.
    pub digest: String,
    /// What is accepted: the reason that would be shown as exposed.
    pub exposed: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who accepted it.
    pub owner: String,
    /// The last day on which it is accepted: `YYYY-MM-DD`.
    pub until: String,
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
    /// What somebody else opens, blocks, expires or reroutes, and nobody accepted.
    #[serde(default)]
    pub exposed: Vec<Exposed>,
    /// What is exposed and accepted by an `[[exception]]`.
    #[serde(default)]
    pub exempt: Vec<Exempt>,
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
    /// Those that accounts opt in to, of all that are enabled in an account that was entered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub opt_in: BTreeSet<Region>,
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Accounts that could be entered.
    pub accounts: usize,
    /// Account and Region pairs.
    pub targets: usize,
    /// How many Regions were read in the account in which most were.
    #[serde(default)]
    pub most: usize,
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
            exposed: self.exposed.clone(),
            exempt: self.exempt.clone(),
            in_sync: self.in_sync,
            orphans: self.orphans.clone(),
            notes: self.notes.clone(),
            names: self.names.clone(),
            regions: self.regions.clone(),
            scope: self.scope,
            known: self.known.clone(),
        }
    }

    /// Whether everything that was to be read was read, nothing is held back, nothing waits for somebody else, and nobody
    /// else opens, blocks, expires or reroutes what is relied on: then no changes are an all-clear.
    pub fn complete(&self) -> bool {
        self.unreadable.is_empty() && self.blocked.is_empty() && self.undelivered.is_empty() && self.exposed.is_empty()
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
        self.exposed.extend(other.exposed);
        self.exempt.extend(other.exempt);
        self.in_sync += other.in_sync;
        self.orphans.extend(other.orphans);
        self.notes.extend(other.notes);
        self.names.extend(other.names);
        self.regions.extend(other.regions);
        self.scope.accounts += other.scope.accounts;
        self.scope.targets += other.scope.targets;
        self.scope.most = self.scope.most.max(other.scope.most);
    }

    /// Leaves out what a selection does not take. Whether what is left requires something that is left out and not there
    /// is for whoever looks again to see.
    pub fn narrow(&mut self, selection: &Selection, profiles: &Profiles) {
        let account = |id: AccountId| profiles.account(id).is_some_and(|account| selection.takes_account(account));
        let takes = |address: &Address| account(address.target.account) && selection.takes(address);
        self.changes.retain(|change| takes(&change.address));
        self.blocked.retain(|blocked| takes(&blocked.address));
        self.undelivered.retain(|waiting| takes(&waiting.address));
        self.exposed.retain(|exposed| takes(&exposed.address));
        self.exempt.retain(|exempt| takes(&exempt.address));
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn how_much_differs_is_said_in_what_is_shown() {
        let statement =
            |sid: &str| json!({"Sid": sid, "Effect": "Allow", "Action": "s3:*", "Principal": {"Service": "x"}});
        let policy = |sids: &[&str]| {
            let statements: Vec<Value> = sids.iter().map(|sid| statement(sid)).collect();
            json!({"policy": {"Version": "2012-10-17", "Statement": statements}, "kept": 1})
        };
        let said = |before: Value, after: Value| differs(&diff(&before, &after));
        assert_eq!(said(policy(&["A"]), policy(&["A", "B"])), "one policy statement differs");
        assert_eq!(said(policy(&["A", "B", "C"]), policy(&["A"])), "2 policy statements differ");
        assert_eq!(said(json!({"kept": 1}), policy(&["A", "B"])), "the whole policy is missing");
        assert_eq!(said(policy(&["A", "B"]), json!({"kept": 1})), "a policy is there and should not be");
        assert_eq!(said(json!({"a": 1}), json!({"a": 2})), "one field differs");
        assert_eq!(said(json!({"a": 1, "b": 1}), json!({"a": 2, "b": 2})), "2 fields differ");
        let mut otherwise = policy(&["A", "B"]);
        otherwise["kept"] = json!(2);
        assert_eq!(said(policy(&["A"]), otherwise), "one policy statement and one field differ");
    }
}
