//! A plan as the document that other people's tools read: its shape is a promise, versioned by [`FORMAT`]. It is written
//! as it is walked through: a plan for a thousand accounts is never held twice.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::{Action, Blocked, Change, Exempt, FieldChange, FieldChangeKind, Orphan, Plan, Unreadable};
use crate::model::{AccountId, Address, Fault, OpError, Region};
use crate::services::{Exposed, Kind, Note, Service, Undelivered};

/// The version of the document's shape.
pub const FORMAT: u32 = 1;

/// A plan, as `--format json` prints it.
#[derive(Debug, Clone, Copy)]
pub struct PlanDocument<'a>(pub &'a Plan);

impl Serialize for PlanDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.head(&mut map)?;
        self.tail(&mut map)?;
        map.end()
    }
}

impl PlanDocument<'_> {
    /// The members that stand before those of an apply.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn head<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let plan = self.0;
        map.serialize_entry("blocked", &Each(&plan.blocked, |blocked| HeldEntry::blocked(plan, blocked)))?;
        map.serialize_entry("changes", &Each(&plan.changes, |change| ChangeEntry::new(plan, change)))?;
        map.serialize_entry("complete", &plan.complete())?;
        map.serialize_entry("exempt", &Each(&plan.exempt, |exempt| ExemptEntry::new(plan, exempt)))?;
        map.serialize_entry("exposed", &Each(&plan.exposed, |exposed| ExposedEntry::new(plan, exposed)))?;
        map.serialize_entry("format", &FORMAT)?;
        map.serialize_entry("notes", &Each(&plan.notes, |note| NoteEntry::new(plan, note)))?;
        map.serialize_entry("orphans", &Each(&plan.orphans, |orphan| OrphanEntry::new(plan, orphan)))
    }

    /// The members that stand behind those of an apply.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn tail<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let plan = self.0;
        map.serialize_entry("summary", &Summary::of(plan))?;
        map.serialize_entry("undelivered", &Each(&plan.undelivered, |waiting| HeldEntry::undelivered(plan, waiting)))?;
        map.serialize_entry("unreadable", &Each(&plan.unreadable, |place| UnreadableEntry::new(plan, place)))
    }
}

/// A list whose items are made as they are written.
pub(super) struct Each<'a, T, F>(pub(super) &'a [T], pub(super) F);

impl<'a, T, E: Serialize, F: Fn(&'a T) -> E> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

/// How many of each.
#[derive(Serialize)]
pub(super) struct Summary {
    create: usize,
    delete: usize,
    exempt: usize,
    in_sync: usize,
    unreadable: usize,
    update: usize,
}

impl Summary {
    pub(super) fn of(plan: &Plan) -> Self {
        Summary {
            create: plan.count(Action::Create),
            delete: plan.count(Action::Delete),
            exempt: plan.exempt.len(),
            in_sync: plan.in_sync,
            unreadable: plan.unreadable.len(),
            update: plan.count(Action::Update),
        }
    }
}

/// A change, as documents show it.
#[derive(Serialize)]
pub struct ChangeEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    action: Action,
    address: &'a Address,
    fields: Fields<'a>,
    kind: Kind,
    name: &'a str,
    reason: &'a str,
    region: &'a Region,
    requires: &'a [Address],
}

impl<'a> ChangeEntry<'a> {
    /// A change of a plan.
    pub fn new(plan: &'a Plan, change: &'a Change) -> Self {
        let address = &change.address;
        ChangeEntry {
            account: address.target.account,
            account_name: name(plan, address.target.account),
            action: change.action,
            address,
            fields: Fields(change.fields()),
            kind: address.kind,
            name: &address.name,
            reason: &change.reason,
            region: &address.target.region,
            requires: &change.requires,
        }
    }
}

struct Fields<'a>(Cow<'a, [FieldChange]>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(FieldEntry::new))
    }
}

#[derive(Serialize)]
struct FieldEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Value>,
    change: &'static str,
    path: &'a [String],
}

impl<'a> FieldEntry<'a> {
    fn new(field: &'a FieldChange) -> Self {
        let (change, before, after) = match &field.kind {
            FieldChangeKind::Added { after } => ("added", None, Some(after)),
            FieldChangeKind::Removed { before } => ("removed", Some(before), None),
            FieldChangeKind::Changed { before, after } => ("changed", Some(before), Some(after)),
        };
        FieldEntry { after, before, change, path: &field.path }
    }
}

/// Something that is not changed, or does not do its work.
#[derive(Serialize)]
pub(super) struct HeldEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    address: &'a Address,
    hint: Option<&'a str>,
    kind: Kind,
    name: &'a str,
    reason: &'a str,
    region: &'a Region,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<&'a Address>,
}

impl<'a> HeldEntry<'a> {
    fn new(plan: &'a Plan, address: &'a Address, reason: &'a str, hint: Option<&'a str>) -> Self {
        HeldEntry {
            account: address.target.account,
            account_name: name(plan, address.target.account),
            address,
            hint,
            kind: address.kind,
            name: &address.name,
            reason,
            region: &address.target.region,
            waits_for: None,
        }
    }

    pub(super) fn blocked(plan: &'a Plan, blocked: &'a Blocked) -> Self {
        let entry = HeldEntry::new(plan, &blocked.address, &blocked.reason, blocked.hint.as_deref());
        HeldEntry { waits_for: blocked.waits_for.as_ref(), ..entry }
    }

    pub(super) fn undelivered(plan: &'a Plan, waiting: &'a Undelivered) -> Self {
        HeldEntry::new(plan, &waiting.address, &waiting.reason, Some(&waiting.hint))
    }
}

/// Something that somebody else opens, blocks, expires or reroutes.
#[derive(Serialize)]
pub(super) struct ExposedEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    address: &'a Address,
    digest: &'a str,
    hint: &'a str,
    kind: Kind,
    name: &'a str,
    reason: &'a str,
    region: &'a Region,
}

impl<'a> ExposedEntry<'a> {
    pub(super) fn new(plan: &'a Plan, exposed: &'a Exposed) -> Self {
        let Exposed { address, reason, hint, digest } = exposed;
        ExposedEntry {
            account: address.target.account,
            account_name: name(plan, address.target.account),
            address,
            digest,
            hint,
            kind: address.kind,
            name: &address.name,
            reason,
            region: &address.target.region,
        }
    }
}

/// Something that is exposed, and that somebody accepted for a while.
#[derive(Serialize)]
pub(super) struct ExemptEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    address: &'a Address,
    digest: &'a str,
    exposed: &'a str,
    kind: Kind,
    name: &'a str,
    owner: &'a str,
    reason: &'a str,
    region: &'a Region,
    until: &'a str,
}

impl<'a> ExemptEntry<'a> {
    pub(super) fn new(plan: &'a Plan, exempt: &'a Exempt) -> Self {
        let Exempt { address, digest, exposed, reason, owner, until } = exempt;
        ExemptEntry {
            account: address.target.account,
            account_name: name(plan, address.target.account),
            address,
            digest,
            exposed,
            kind: address.kind,
            name: &address.name,
            owner,
            reason,
            region: &address.target.region,
            until,
        }
    }
}

#[derive(Serialize)]
pub(super) struct OrphanEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    address: &'a Address,
    fate: &'a str,
    kind: Kind,
    name: &'a str,
    region: &'a Region,
}

impl<'a> OrphanEntry<'a> {
    pub(super) fn new(plan: &'a Plan, orphan: &'a Orphan) -> Self {
        let address = &orphan.address;
        OrphanEntry {
            account: address.target.account,
            account_name: name(plan, address.target.account),
            address,
            fate: &orphan.fate,
            kind: address.kind,
            name: &address.name,
            region: &address.target.region,
        }
    }
}

#[derive(Serialize)]
pub(super) struct NoteEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    region: &'a Region,
    text: &'a str,
    topic: &'a str,
}

impl<'a> NoteEntry<'a> {
    pub(super) fn new(plan: &'a Plan, note: &'a Note) -> Self {
        NoteEntry {
            account: note.target.account,
            account_name: name(plan, note.target.account),
            region: &note.target.region,
            text: &note.text,
            topic: &note.topic,
        }
    }
}

#[derive(Serialize)]
pub(super) struct UnreadableEntry<'a> {
    account: AccountId,
    account_name: Cow<'a, str>,
    attempts: u32,
    cell: Option<Service>,
    code: Option<&'a str>,
    fault: Fault,
    hint: Option<&'a str>,
    message: &'a str,
    operation: &'a str,
    region: &'a Region,
    request_id: Option<&'a str>,
    role: Option<&'a str>,
    service: &'a str,
}

impl<'a> UnreadableEntry<'a> {
    pub(super) fn new(plan: &'a Plan, unreadable: &'a Unreadable) -> Self {
        let error = &unreadable.error;
        UnreadableEntry {
            account: unreadable.target.account,
            account_name: name(plan, unreadable.target.account),
            attempts: error.attempts,
            cell: unreadable.service,
            code: error.code.as_deref(),
            fault: error.fault,
            hint: error.hint.as_deref(),
            message: &error.message,
            operation: &error.operation,
            region: &unreadable.target.region,
            request_id: error.request_id.as_deref(),
            role: error.role.as_deref(),
            service: &error.service,
        }
    }
}

/// A call that failed.
#[derive(Debug, Serialize)]
pub struct ErrorEntry<'a> {
    attempts: u32,
    code: Option<&'a str>,
    fault: Fault,
    hint: Option<&'a str>,
    message: &'a str,
    operation: &'a str,
    request_id: Option<&'a str>,
    role: Option<&'a str>,
    service: &'a str,
}

impl<'a> ErrorEntry<'a> {
    /// What a document says of it.
    pub fn new(error: &'a OpError) -> Self {
        ErrorEntry {
            attempts: error.attempts,
            code: error.code.as_deref(),
            fault: error.fault,
            hint: error.hint.as_deref(),
            message: &error.message,
            operation: &error.operation,
            request_id: error.request_id.as_deref(),
            role: error.role.as_deref(),
            service: &error.service,
        }
    }
}

/// An account's name, or its id.
pub fn name(plan: &Plan, account: AccountId) -> Cow<'_, str> {
    plan.names.get(&account).map_or_else(|| Cow::Owned(account.to_string()), |name| Cow::Borrowed(name.as_str()))
}
