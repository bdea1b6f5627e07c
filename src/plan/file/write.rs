use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::document::{
    Each, ExemptEntry, ExposedEntry, FORMAT, HeldEntry, NoteEntry, OrphanEntry, Summary, UnreadableEntry,
};
use super::super::{Action, Change, FieldChange, Known, Plan, Scope, Unreadable};
use super::{KIND, Origin};
use crate::model::{AccountId, Address, Arn, Region, Target};
use crate::services::{Kind, Ownership, Spec};

/// Everything of a file but the digest that ends it.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Where the plan comes from.
    pub origin: &'a Origin,
    /// The plan.
    pub plan: &'a Plan,
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Content { origin, plan } = *self;
        let table = RefCell::new(Table::default());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", KIND)?;
        map.serialize_entry("format", &FORMAT)?;
        map.serialize_entry("tool", &origin.tool)?;
        map.serialize_entry("origin", origin)?;
        map.serialize_entry("complete", &plan.complete())?;
        map.serialize_entry("summary", &Summary::of(plan))?;
        map.serialize_entry("changes", &Changes { plan, table: &table })?;
        map.serialize_entry("unreadable", &Each(&plan.unreadable, |place| Unread::new(plan, place)))?;
        map.serialize_entry("blocked", &Each(&plan.blocked, |blocked| HeldEntry::blocked(plan, blocked)))?;
        map.serialize_entry("undelivered", &Each(&plan.undelivered, |waiting| HeldEntry::undelivered(plan, waiting)))?;
        map.serialize_entry("exposed", &Each(&plan.exposed, |exposed| ExposedEntry::new(plan, exposed)))?;
        map.serialize_entry("exempt", &Each(&plan.exempt, |exempt| ExemptEntry::new(plan, exempt)))?;
        map.serialize_entry("orphans", &Each(&plan.orphans, |orphan| OrphanEntry::new(plan, orphan)))?;
        map.serialize_entry("notes", &Each(&plan.notes, |note| NoteEntry::new(plan, note)))?;
        map.serialize_entry("estate", &Estate::of(plan))?;
        map.serialize_entry("specs", &table.into_inner().into_specs().map_err(S::Error::custom)?)?;
        map.end()
    }
}

/// What a plan knows of the estate.
#[derive(Serialize)]
struct Estate<'a> {
    names: &'a BTreeMap<AccountId, String>,
    regions: &'a BTreeMap<AccountId, Vec<Region>>,
    known: &'a Known,
    scope: Scope,
}

impl<'a> Estate<'a> {
    fn of(plan: &'a Plan) -> Self {
        Estate { names: &plan.names, regions: &plan.regions, known: &plan.known, scope: plan.scope }
    }
}

/// An entry of the document, with the place of the call that failed.
#[derive(Serialize)]
struct Unread<'a> {
    #[serde(flatten)]
    entry: UnreadableEntry<'a>,
    called: Target,
}

impl<'a> Unread<'a> {
    fn new(plan: &'a Plan, unreadable: &'a Unreadable) -> Self {
        let error = &unreadable.error;
        let called = Target::new(error.account, error.region.clone());
        Unread { entry: UnreadableEntry::new(plan, unreadable), called }
    }
}

struct Changes<'a> {
    plan: &'a Plan,
    table: &'a RefCell<Table>,
}

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.plan.changes.iter().map(|change| Entry::new(self.plan, change, self.table)))
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    address: &'a Address,
    account: AccountId,
    account_name: std::borrow::Cow<'a, str>,
    region: &'a Region,
    kind: Kind,
    name: &'a str,
    action: Action,
    reason: &'a str,
    #[serde(skip_serializing_if = "<[FieldChange]>::is_empty")]
    fields: &'a [FieldChange],
    requires: &'a [Address],
    depth: u32,
    desired: usize,
    seen: Option<Seen<'a>>,
}

#[derive(Serialize)]
struct Seen<'a> {
    spec: usize,
    arn: &'a Arn,
    ownership: Ownership,
}

impl<'a> Entry<'a> {
    fn new(plan: &'a Plan, change: &'a Change, table: &RefCell<Table>) -> Self {
        let address = &change.address;
        let mut table = table.borrow_mut();
        Entry {
            address,
            account: address.target.account,
            account_name: super::super::document::name(plan, address.target.account),
            region: &address.target.region,
            kind: address.kind,
            name: &address.name,
            action: change.action,
            reason: &change.reason,
            fields: &change.fields,
            requires: &change.requires,
            depth: change.depth,
            desired: table.put(&change.desired, &address.target),
            seen: change.seen.as_ref().map(|found| Seen {
                spec: table.put(&found.spec, &address.target),
                arn: &found.arn,
                ownership: found.ownership,
            }),
        }
    }
}

/// What stands for the account and for the Region of the change at hand.
const PLACE: [&str; 2] = ["{account}", "{region}"];

/// A resource as it is written: with its own place, or with one to be filled in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Template {
    /// Whether the place of the change is to be filled in.
    pub(super) placed: bool,
    /// The resource.
    pub(super) of: Value,
}

impl Template {
    /// The resource in a place.
    pub(super) fn fill(&self, target: &Target) -> Value {
        if self.placed { filled(&self.of, target) } else { self.of.clone() }
    }
}

fn filled(value: &Value, target: &Target) -> Value {
    let text = |text: &str| {
        if !text.contains('{') {
            return text.to_owned();
        }
        text.replace(PLACE[0], &target.account.to_string()).replace(PLACE[1], target.region.as_str())
    };
    match value {
        Value::String(string) => Value::String(text(string)),
        Value::Array(items) => Value::Array(items.iter().map(|item| filled(item, target)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (text(key), filled(value, target))).collect())
        }
        other => other.clone(),
    }
}

/// The resources of a plan, each written once.
#[derive(Default)]
struct Table {
    /// By text: the number, and whether the place is to be filled in.
    numbers: HashMap<(String, bool), usize>,
    /// What could not be written.
    failed: Option<serde_json::Error>,
}

impl Table {
    fn put(&mut self, spec: &Spec, target: &Target) -> usize {
        let text = match serde_json::to_string(spec) {
            Ok(text) => text,
            Err(error) => {
                self.failed.get_or_insert(error);
                return 0;
            }
        };
        let placed = !PLACE.iter().any(|stands| text.contains(stands));
        let text = if placed { lifted(&text, target) } else { text };
        let next = self.numbers.len();
        *self.numbers.entry((text, placed)).or_insert(next)
    }

    fn into_specs(self) -> Result<Vec<Template>, serde_json::Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut texts: Vec<((String, bool), usize)> = self.numbers.into_iter().collect();
        texts.sort_by_key(|(_, number)| *number);
        let template =
            |((text, placed), _): ((String, bool), usize)| Ok(Template { placed, of: serde_json::from_str(&text)? });
        texts.into_iter().map(template).collect()
    }
}

/// A text with the place taken out. `global` is a word of its own in many documents, and no name of a place to look for.
fn lifted(text: &str, target: &Target) -> String {
    let text = text.replace(&target.account.to_string(), PLACE[0]);
    if target.region.is_global() { text } else { text.replace(target.region.as_str(), PLACE[1]) }
}
