//! What keeps a plan from being complete, a block for each cause: what could not be read, what is held back, and in one
//! line what waits for either.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use owo_colors::OwoColorize;

use super::{account_name, anywhere, counted, error_lines, named, one_line, place_lines};
use crate::model::{AccountId, Address, OpError, Target};
use crate::plan::{Blocked, Plan, Unreadable};
use crate::services::Kind;

/// Why a change is held back: by itself, or by what it waits for in the end.
enum Root<'a> {
    /// Something could not be read, by the cause of its failure.
    Unread(String),
    /// Something else is held back for a reason of its own.
    Held(&'a Address),
    /// Something is not there, and is left out.
    Absent(&'a Address),
}

/// The blocks, the cause before what waits for it.
pub(super) fn show(text: &mut String, plan: &Plan, details: bool) {
    let mut own: Vec<&Blocked> = Vec::new();
    let mut behind_unread: BTreeMap<String, Vec<&Blocked>> = BTreeMap::new();
    let mut behind_held: BTreeMap<&Address, Vec<&Blocked>> = BTreeMap::new();
    let mut behind_absent: BTreeMap<&Address, Vec<&Blocked>> = BTreeMap::new();
    let held: HashMap<&Address, &Blocked> = plan.blocked.iter().map(|blocked| (&blocked.address, blocked)).collect();
    for blocked in &plan.blocked {
        match blocked.waits_for.as_ref().map(|first| root(plan, &held, first)) {
            None => own.push(blocked),
            Some(Root::Unread(cause)) => behind_unread.entry(cause).or_default().push(blocked),
            Some(Root::Held(address)) => behind_held.entry(address).or_default().push(blocked),
            Some(Root::Absent(address)) => behind_absent.entry(address).or_default().push(blocked),
        }
    }
    unreadable(text, plan, &behind_unread, details);
    blocked(text, plan, &own, &behind_held, details);
    absent(text, plan, &behind_absent, details);
}

/// What the first in a chain of changes waits for in the end.
fn root<'a>(plan: &'a Plan, held: &HashMap<&'a Address, &'a Blocked>, first: &'a Address) -> Root<'a> {
    let mut last = first;
    // Only what waits for itself would go round.
    for _ in 0..held.len() {
        match held.get(last).and_then(|blocked| blocked.waits_for.as_ref()) {
            Some(next) => last = next,
            None => break,
        }
    }
    if held.contains_key(last) {
        return Root::Held(last);
    }
    let is_there = |unreadable: &&Unreadable| match unreadable.service {
        Some(service) => unreadable.target == last.target && service == last.kind.service(),
        None => unreadable.target.account == last.target.account,
    };
    match plan.unreadable.iter().find(is_there) {
        Some(unreadable) => Root::Unread(cause(&unreadable.error)),
        None => Root::Absent(last),
    }
}

/// How many wait for a cause, in one line; where they are, for whoever wants to know more.
fn waiting(text: &mut String, plan: &Plan, what: &str, behind: Option<&Vec<&Blocked>>, details: bool) {
    let Some(behind) = behind.filter(|behind| !behind.is_empty()) else { return };
    // A resource may be held back for more than one reason.
    let addresses: BTreeSet<&Address> = behind.iter().map(|blocked| &blocked.address).collect();
    let verb = if addresses.len() == 1 { "waits" } else { "wait" };
    let line = format!("{} {verb} for {what}", counted(addresses.len(), "resource"));
    let _ = writeln!(text, "    {}", line.magenta());
    if details {
        kinds(text, &addresses);
        place_lines(text, plan, "resource", addresses.iter().map(|address| &address.target));
    }
}

/// Several resources by their kinds.
fn kinds(text: &mut String, addresses: &BTreeSet<&Address>) {
    let mut kinds: BTreeMap<Kind, BTreeSet<&str>> = BTreeMap::new();
    for address in addresses {
        kinds.entry(address.kind).or_default().insert(&address.name);
    }
    let width = kinds.keys().map(|kind| kind.as_str().len()).max().unwrap_or(0);
    for (kind, names) in kinds {
        let shown = named(names.iter().map(|name| one_line(name)), names.len(), "name");
        let _ = writeln!(text, "    {kind:width$}  {shown}");
    }
}

/// What failures of the same cause share.
pub(super) fn cause(error: &OpError) -> String {
    // The account and role differ from place to place; what is said of them does not.
    let role = error.role.as_deref().unwrap_or("ROLE");
    let mut said = anywhere(&error.message.replace(role, "ROLE"), error.account, &error.region);
    if let Some(at) = said.find("assumed-role/") {
        said.truncate(at);
    }
    format!("{:?}{said}", error.signature())
}

/// Whether two failures have the same cause, so that one message says both.
pub fn is_same_cause(one: &OpError, other: &OpError) -> bool {
    cause(one) == cause(other)
}

fn unreadable(text: &mut String, plan: &Plan, behind: &BTreeMap<String, Vec<&Blocked>>, details: bool) {
    let mut causes: BTreeMap<String, Vec<&Unreadable>> = BTreeMap::new();
    for unreadable in &plan.unreadable {
        causes.entry(cause(&unreadable.error)).or_default().push(unreadable);
    }
    for (cause, group) in &causes {
        let Some(first) = group.first() else { continue };
        let way = way_in(group);
        let what = match (way, first.service) {
            (Some(way), _) => account_name(plan, way),
            (None, Some(service)) => {
                format!("{service} of {}, {}", account_name(plan, first.target.account), first.target.region)
            }
            (None, None) => account_name(plan, first.target.account),
        };
        let _ = writeln!(text, "{} {}", "! could not read".red().bold(), what.bold());
        error_lines(text, &first.error);
        if let Some(way) = way {
            let others: Vec<&&Unreadable> = group.iter().filter(|other| other.target.account != way).collect();
            if !others.is_empty() {
                let names =
                    named(others.iter().map(|other| account_name(plan, other.target.account)), others.len(), "account");
                let _ = writeln!(text, "    so that {} cannot be entered", names.cyan());
            }
        } else if group.len() > 1 {
            let _ = writeln!(text, "    and likewise:");
            let (cells, accounts): (Vec<&Unreadable>, Vec<&Unreadable>) =
                group[1..].iter().partition(|other| other.service.is_some());
            services(text, plan, &cells);
            if !accounts.is_empty() {
                let names = accounts.iter().map(|other| account_name(plan, other.target.account));
                let _ = writeln!(text, "    {}", named(names, accounts.len(), "account").cyan());
            }
        }
        let whole = match (way, first.service, group.len()) {
            (Some(way), ..) => plan.name(way),
            (None, Some(service), 1) => format!("{service} of {}", plan.name(first.target.account)),
            _ => "these".to_owned(),
        };
        waiting(text, plan, &whole, behind.get(cause), details);
        text.push('\n');
    }
}

/// The account in which the way into all of these ends, where that is one: others are entered through it.
fn way_in(group: &[&Unreadable]) -> Option<AccountId> {
    let first = group.first()?.error.account;
    let is_one = group.iter().all(|unreadable| unreadable.service.is_none() && unreadable.error.account == first);
    is_one.then_some(first)
}

/// Where services could not be read, those that are in the same places on one line.
fn services(text: &mut String, plan: &Plan, cells: &[&Unreadable]) {
    let targets: BTreeSet<&Target> = cells.iter().map(|cell| &cell.target).collect();
    place_lines(text, plan, "", targets.into_iter());
    let names: BTreeSet<&str> = cells.iter().filter_map(|cell| cell.service).map(|service| service.as_str()).collect();
    if names.len() > 1 {
        let _ = writeln!(text, "    in {}", names.into_iter().collect::<Vec<_>>().join(", "));
    }
}

/// What is said of a resource without its place and its name: the same words are said of others.
fn of_any(said: &str, address: &Address) -> String {
    let mut said = anywhere(said, address.target.account, &address.target.region);
    for mark in ['/', ':', '`'] {
        said = said.replace(&format!("{mark}{}", address.name), &format!("{mark}NAME"));
    }
    said
}

fn blocked(
    text: &mut String,
    plan: &Plan,
    own: &[&Blocked],
    behind: &BTreeMap<&Address, Vec<&Blocked>>,
    details: bool,
) {
    let mut times: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    for blocked in own {
        *times.entry((&blocked.reason, blocked.hint.as_deref())).or_default() += 1;
    }
    let mut causes: BTreeMap<(String, Option<String>), Vec<&Blocked>> = BTreeMap::new();
    for blocked in own {
        // What is said of several places in the very same words may name one of them by chance.
        let alone = times.get(&(&blocked.reason, blocked.hint.as_deref())) == Some(&1);
        let said = |text: &str| if alone { of_any(text, &blocked.address) } else { text.to_owned() };
        causes.entry((said(&blocked.reason), blocked.hint.as_deref().map(said))).or_default().push(blocked);
    }
    for ((reason, hint), group) in causes {
        let addresses: BTreeSet<&Address> = group.iter().map(|blocked| &blocked.address).collect();
        title(text, plan, &addresses);
        // Of one place, or of all in the same words, it is said as it is.
        let is_same = |other: &&Blocked| other.reason == group[0].reason && other.hint == group[0].hint;
        let Address { target: Target { account, region }, name, .. } = &group[0].address;
        let placeless = |text: &str| anywhere(text, *account, region);
        let (reason, hint) = if group.iter().all(is_same) {
            (group[0].reason.clone(), group[0].hint.clone())
        } else if addresses.iter().all(|address| address.name == *name) {
            // The title says the name.
            (placeless(&group[0].reason), group[0].hint.as_deref().map(placeless))
        } else {
            (reason, hint)
        };
        said(text, &reason, hint.as_ref());
        let waiters: Vec<&Blocked> =
            addresses.iter().filter_map(|address| behind.get(*address)).flatten().copied().collect();
        let what = if addresses.len() == 1 { "it" } else { "these" };
        waiting(text, plan, what, Some(&waiters), details);
        text.push('\n');
    }
}

/// What waits for something that is neither there nor selected.
fn absent(text: &mut String, plan: &Plan, behind: &BTreeMap<&Address, Vec<&Blocked>>, details: bool) {
    for (root, group) in behind {
        let addresses: BTreeSet<&Address> = group.iter().map(|blocked| &blocked.address).collect();
        title(text, plan, &addresses);
        if details && addresses.len() > 1 {
            kinds(text, &addresses);
        }
        // The first in a chain says what is to be done.
        let direct = group.iter().find(|blocked| blocked.waits_for.as_ref() == Some(*root));
        match (direct, addresses.len()) {
            (Some(direct), 1) => said(text, &direct.reason, direct.hint.as_ref()),
            (Some(direct), _) => {
                let reason = match direct.reason.strip_prefix("it requires ") {
                    Some(rest) => format!("they require {rest}"),
                    None => direct.reason.clone(),
                };
                said(text, &reason, direct.hint.as_ref());
            }
            (None, _) => said(text, &format!("waiting for {root}"), None),
        }
        text.push('\n');
    }
}

/// Which resources are held back, and where.
fn title(text: &mut String, plan: &Plan, addresses: &BTreeSet<&Address>) {
    let names: BTreeSet<(Kind, &str)> = addresses.iter().map(|address| (address.kind, &*address.name)).collect();
    let what = match names.first() {
        Some((kind, name)) if names.len() == 1 => format!("{kind} {}", one_line(name)),
        _ => counted(addresses.len(), "resource"),
    };
    let _ = writeln!(text, "{} {}", "! blocked".magenta().bold(), what.bold());
    let several = if names.len() == 1 { "resource" } else { "" };
    place_lines(text, plan, several, addresses.iter().map(|address| &address.target));
    if names.len() > 1 {
        kinds(text, addresses);
    }
}

fn said(text: &mut String, reason: &str, hint: Option<&String>) {
    let _ = writeln!(text, "    {}", one_line(reason));
    if let Some(hint) = hint {
        let _ = writeln!(text, "    {} {}", "next:".bold(), one_line(hint));
    }
}
