//! A plan, and what became of it, for people: what drifts the same way is said once.

mod creations;
mod outcomes;
mod statement;

pub use self::outcomes::{outcome_summary, outcomes, waits};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use owo_colors::OwoColorize;
use serde_json::Value;

use crate::model::{AccountId, Address, Digest, OpError, Region, Target};
use crate::plan::{Action, Blocked, Change, FieldChange, FieldChangeKind, Plan, Unreadable};
use crate::services::Undelivered;

/// How many accounts or Regions are named before the rest is counted.
const NAMED: usize = 6;
/// How many of them are named then.
const FEW: usize = 3;
/// How much of a value is shown before it is cut.
const VALUE_WIDTH: usize = 100;

/// The plan, block by block; colours included, for a stream that strips them where they are not wanted.
pub fn plan(plan: &Plan, details: bool) -> String {
    let mut text = String::new();
    let mut groups = groups(plan);
    if !details && creations::are_many(&groups) {
        creations::list(&mut text, plan, &groups);
        groups.retain(|group| group.first.action != Action::Create);
    }
    for group in groups {
        block(&mut text, plan, &group, details);
    }
    text.push_str(&problems(plan));
    orphans(&mut text, plan);
    notes(&mut text, plan);
    text
}

/// What keeps a plan from being complete.
pub fn problems(plan: &Plan) -> String {
    let mut text = String::new();
    // The cause before what waits for it.
    unreadable(&mut text, plan);
    blocked(&mut text, plan);
    undelivered(&mut text, plan);
    text
}

/// The one line at the end of a plan.
pub fn plan_summary(plan: &Plan) -> String {
    let mut parts = Vec::new();
    for (action, word) in [(Action::Create, "to create"), (Action::Update, "to update"), (Action::Delete, "to delete")]
    {
        match plan.count(action) {
            0 => {}
            n => parts.push(format!("{n} {word}")),
        }
    }
    if parts.is_empty() {
        parts.push("nothing to change".to_owned());
    }
    parts.push(format!("{} in sync", plan.in_sync));
    if !plan.blocked.is_empty() {
        parts.push(format!("{} blocked", plan.blocked.len()));
    }
    if !plan.unreadable.is_empty() {
        parts.push(format!("{} could not be read", plan.unreadable.len()));
    }
    if !plan.undelivered.is_empty() {
        parts.push(format!("{} undelivered", plan.undelivered.len()));
    }
    format!(
        "Plan: {} ({}, {}).",
        parts.join(", "),
        counted(plan.scope.accounts, "account"),
        counted(plan.scope.targets, "Region")
    )
}

/// Changes that differ only in where they are: in their account and Region, also where a value names these.
struct Group<'a> {
    first: &'a Change,
    places: Vec<&'a Address>,
    /// What is changed; with ACCOUNT and REGION for what differs from place to place.
    fields: Cow<'a, [FieldChange]>,
    /// Whether they are said without the place.
    placeless: bool,
}

fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let mut order: Vec<Group<'_>> = Vec::new();
    // By the very same words, or by the same words but for the place: one that is named by chance parts nothing.
    let mut index: BTreeMap<Digest, usize> = BTreeMap::new();
    for change in &plan.changes {
        let Address { target: Target { account, region }, kind, name } = &change.address;
        let fields = change.fields();
        let said = serde_json::to_string(&fields).unwrap_or_default();
        let placeless = anywhere(&said, *account, region);
        let key = |said: &str| Digest::of_bytes(format!("{kind}\n{name}\n{:?}\n{said}", change.action).as_bytes());
        let keys = [key(&said), key(&placeless)];
        let at = match keys.iter().find_map(|key| index.get(key)) {
            Some(at) => {
                let group = &mut order[*at];
                group.places.push(&change.address);
                if !group.placeless && group.fields != fields {
                    group.placeless = true;
                    group.fields = serde_json::from_str(&placeless).map_or(fields, Cow::Owned);
                }
                *at
            }
            None => {
                order.push(Group { first: change, places: vec![&change.address], fields, placeless: false });
                order.len() - 1
            }
        };
        for key in keys {
            index.entry(key).or_insert(at);
        }
    }
    order.sort_by_key(|group| (group.first.depth, group.first.address.kind));
    order
}

fn block(text: &mut String, plan: &Plan, group: &Group<'_>, details: bool) {
    let Change { address, action, reason, .. } = group.first;
    let fields = &group.fields[..];
    let title = format!("{} {}", address.kind, address.name);
    let line = match action {
        Action::Create => format!("{} {}", "+ create".green().bold(), title.bold()),
        Action::Update => format!("{} {}", "~ update".yellow().bold(), title.bold()),
        Action::Delete => format!("{} {}", "- delete".red().bold(), title.bold()),
    };
    let _ = writeln!(text, "{line}  {}", reason.dimmed());
    place_lines(text, plan, group.places.iter().map(|address| &address.target));
    let whole = if details { Vec::new() } else { statement::whole(fields) };
    for statement in &whole {
        if *action != Action::Create {
            let _ = writeln!(text, "    {statement}");
        }
    }
    // What goes is known by its name; that it goes is the news.
    let told = *action != Action::Delete || details;
    for field in fields.iter().filter(|_| told) {
        // A new resource's tags and policy are a screenful each; --verbose shows them.
        let hidden = *action == Action::Create && is_lengthy(field) || is_empty(field);
        if !details && (hidden || whole.iter().any(|statement| statement.holds(field))) {
            continue;
        }
        field_line(text, field);
    }
    if !details && *action == Action::Create && fields.iter().any(is_lengthy) {
        let lengthy: BTreeSet<&str> =
            fields.iter().filter(|f| is_lengthy(f)).filter_map(|f| f.path.first().map(String::as_str)).collect();
        let names: Vec<&str> = lengthy.into_iter().collect();
        let _ = writeln!(text, "    {}", format!("and {} (shown with -v)", names.join(", ")).dimmed());
    }
    if *action == Action::Delete {
        let _ = writeln!(text, "    {}", "what was recorded stays in the log bucket".dimmed());
    }
    text.push('\n');
}

/// Whether it says only that there will be nothing.
fn is_empty(field: &FieldChange) -> bool {
    matches!(&field.kind, FieldChangeKind::Added { after: Value::Array(items) } if items.is_empty())
}

fn is_lengthy(field: &FieldChange) -> bool {
    matches!(field.path.first().map(String::as_str), Some("policy" | "tags")) && field.path.len() > 1
}

/// Where in an account something is, in few words: accounts that share them share a line.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Whereabouts<'a> {
    Every,
    EveryBut(Vec<&'a Region>),
    Only(Vec<&'a Region>),
}

impl<'a> Whereabouts<'a> {
    fn of(regions: Vec<&'a Region>, all: Option<&'a Vec<Region>>) -> Self {
        let Some(all) = all.filter(|_| regions.len() > FEW) else { return Whereabouts::Only(regions) };
        let others: Vec<&Region> = all.iter().filter(|region| !regions.contains(region)).collect();
        match others.len() {
            0 => Whereabouts::Every,
            1..=FEW if others.len() < regions.len() => Whereabouts::EveryBut(others),
            _ => Whereabouts::Only(regions),
        }
    }
}

impl std::fmt::Display for Whereabouts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed = |regions: &[&Region]| named(regions.iter().map(ToString::to_string), regions.len(), "Region");
        match self {
            Whereabouts::Every => f.write_str("every Region"),
            Whereabouts::EveryBut(others) => write!(f, "every Region but {}", listed(others)),
            Whereabouts::Only(regions) => f.write_str(&listed(regions)),
        }
    }
}

fn place_lines<'a>(text: &mut String, plan: &Plan, places: impl Iterator<Item = &'a Target>) {
    let mut regions_of: BTreeMap<AccountId, BTreeSet<&Region>> = BTreeMap::new();
    for target in places {
        regions_of.entry(target.account).or_default().insert(&target.region);
    }
    let mut accounts_of: BTreeMap<Whereabouts<'_>, (Vec<AccountId>, usize)> = BTreeMap::new();
    for (account, regions) in regions_of {
        let count = regions.len();
        let whereabouts = Whereabouts::of(regions.into_iter().collect(), plan.regions.get(&account));
        let line = accounts_of.entry(whereabouts).or_default();
        line.0.push(account);
        line.1 += count;
    }
    let mut lines: Vec<_> = accounts_of.into_iter().collect();
    // The widest first: it says most of what there is to say.
    lines.sort_by_key(|(_, (_, count))| std::cmp::Reverse(*count));
    let shown = if lines.len() > NAMED { FEW } else { lines.len() };
    for (whereabouts, (accounts, count)) in &lines[..shown] {
        let who = named(accounts.iter().map(|id| account_name(plan, *id)), accounts.len(), "account");
        // Where accounts are counted already and each is in one Region, that is the number.
        let is_said = *count == 1 || (*count == accounts.len() && accounts.len() > NAMED);
        let times = if is_said { String::new() } else { format!("{count} in all: ") };
        let _ = writeln!(text, "    {}", format!("{times}{who}, {whereabouts}").cyan());
    }
    if let Some(rest @ [_, ..]) = lines.get(shown..) {
        let accounts = rest.iter().map(|(_, (accounts, _))| accounts.len()).sum();
        let count: usize = rest.iter().map(|(_, (_, count))| count).sum();
        let more = format!("{count} more in {}, in other Regions each", counted(accounts, "account"));
        let _ = writeln!(text, "    {}", more.cyan());
    }
}

fn account_name(plan: &Plan, id: AccountId) -> String {
    match plan.names.get(&id) {
        Some(name) if name != id.as_str() => format!("{name} ({id})"),
        _ => id.to_string(),
    }
}

/// A few names, or how many there are and the first of them.
fn named(names: impl Iterator<Item = String>, count: usize, noun: &str) -> String {
    let mut first: Vec<String> = names.take(NAMED).collect();
    if count > NAMED {
        first.truncate(FEW);
        return format!("{} ({}, …)", counted(count, noun), first.join(", "));
    }
    first.join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

fn field_line(text: &mut String, field: &FieldChange) {
    let path = path(&field.path);
    match &field.kind {
        FieldChangeKind::Added { after } => {
            let _ = writeln!(text, "    {} {path}: {}", "+".green(), shown(after));
        }
        FieldChangeKind::Removed { before } => {
            let _ = writeln!(text, "    {} {path}: {}", "-".red(), shown(before));
        }
        FieldChangeKind::Changed { before: Value::Array(before), after: Value::Array(after) } => {
            items(text, &"-".red().to_string(), &path, before.iter().filter(|item| !after.contains(item)));
            items(text, &"+".green().to_string(), &path, after.iter().filter(|item| !before.contains(item)));
        }
        FieldChangeKind::Changed { before, after } => {
            let _ = writeln!(text, "    {} {path}: {} → {}", "~".yellow(), shown(before), shown(after));
        }
    }
}

/// What one list holds and the other does not.
fn items<'a>(text: &mut String, sign: &str, path: &str, items: impl Iterator<Item = &'a Value>) {
    let items: Vec<&Value> = items.collect();
    let few = if items.len() > NAMED { FEW } else { items.len() };
    for item in &items[..few] {
        let _ = writeln!(text, "    {sign} {path}: {}", shown(item));
    }
    if items.len() > few {
        let _ = writeln!(text, "    {sign} {path}: … and {} more", items.len() - few);
    }
}

/// The way to a field. A segment that is not a plain word is quoted, so that the dots between segments are the only
/// ones.
fn path(segments: &[String]) -> String {
    let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:/*".contains(&b));
    let quoted = segments.iter().map(|s| if plain(s) { s.clone() } else { format!("{:?}", cut(s)) });
    quoted.collect::<Vec<_>>().join(".")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => match text.strip_prefix("ref:") {
            Some(address) => format!("({address}, once it is made)"),
            None => cut(text),
        },
        Value::Array(items) => {
            let all: Vec<String> = items.iter().take(NAMED).map(shown).collect();
            match items.len().saturating_sub(NAMED) {
                0 => format!("[{}]", all.join(", ")),
                more => format!("[{}, … and {more} more]", all.join(", ")),
            }
        }
        other => cut(&other.to_string()),
    }
}

/// As much of a text as a line has room for. Whoever wrote it cannot move the cursor with it.
fn cut(text: &str) -> String {
    let text = one_line(text);
    if text.chars().count() <= VALUE_WIDTH {
        return text;
    }
    text.chars().take(VALUE_WIDTH - 1).chain(['…']).collect()
}

/// A text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// What is said of a place, without the place: the same words are said of others.
fn anywhere(text: &str, account: AccountId, region: &Region) -> String {
    let text = text.replace(account.as_str(), "ACCOUNT");
    if region.is_global() { text } else { text.replace(region.as_str(), "REGION") }
}

fn others<'a>(text: &mut String, plan: &Plan, addresses: impl Iterator<Item = &'a Address>) {
    let others: Vec<&Address> = addresses.collect();
    if !others.is_empty() {
        let _ = writeln!(text, "    and likewise:");
        place_lines(text, plan, others.into_iter().map(|address| &address.target));
    }
}

fn blocked(text: &mut String, plan: &Plan) {
    let mut times: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    for blocked in &plan.blocked {
        *times.entry((&blocked.reason, blocked.hint.as_deref())).or_default() += 1;
    }
    let mut causes: BTreeMap<(String, Option<String>, String), Vec<&Blocked>> = BTreeMap::new();
    for blocked in &plan.blocked {
        let Target { account, region } = &blocked.address.target;
        let title = format!("{} {}", blocked.address.kind, blocked.address.name);
        // What is said of several places in the very same words may name one of them by chance.
        let alone = times.get(&(&blocked.reason, blocked.hint.as_deref())) == Some(&1);
        let said = |text: &str| if alone { anywhere(text, *account, region) } else { text.to_owned() };
        let cause = (said(&blocked.reason), blocked.hint.as_deref().map(said), title);
        causes.entry(cause).or_default().push(blocked);
    }
    for ((reason, hint, title), group) in causes {
        let _ = writeln!(text, "{} {}", "! blocked".magenta().bold(), title.bold());
        place_lines(text, plan, group.iter().map(|blocked| &blocked.address.target));
        // Of one place, or of all in the same words, it is said as it is.
        let is_same = |other: &&Blocked| other.reason == group[0].reason && other.hint == group[0].hint;
        let (reason, hint) = match group.iter().all(is_same) {
            true => (&group[0].reason, group[0].hint.as_ref()),
            false => (&reason, hint.as_ref()),
        };
        let _ = writeln!(text, "    {}", one_line(reason));
        if let Some(hint) = hint {
            let _ = writeln!(text, "    {} {}", "next:".bold(), one_line(hint));
        }
        text.push('\n');
    }
}

/// What waits for somebody else: commands for them, where there are any, are never cut and stand by themselves; what is
/// said on one line is said once for all places.
fn undelivered(text: &mut String, plan: &Plan) {
    let mut causes: BTreeMap<(&str, String, String), Vec<&Undelivered>> = BTreeMap::new();
    for waiting in &plan.undelivered {
        let Target { account, region } = &waiting.address.target;
        let exact = waiting.hint.contains('\n');
        let said = |text: &str| if exact { text.to_owned() } else { anywhere(text, *account, region) };
        let cause = (waiting.address.name.as_str(), said(&waiting.reason), said(&waiting.hint));
        causes.entry(cause).or_default().push(waiting);
    }
    for ((name, reason, hint), group) in causes {
        // Of one place it is said as it is.
        let (reason, hint) = match &group[..] {
            [one] => (&one.reason, &one.hint),
            _ => (&reason, &hint),
        };
        let _ = writeln!(text, "{} {}", "! undelivered".magenta().bold(), one_line(name).bold());
        place_lines(text, plan, group.iter().map(|waiting| &waiting.address.target));
        let _ = writeln!(text, "    {}", one_line(reason));
        for (index, line) in hint.lines().enumerate() {
            let lead = if index == 0 { "next:".bold().to_string() } else { "     ".to_owned() };
            let _ = writeln!(text, "    {lead} {}", one_line(line));
        }
        text.push('\n');
    }
}

/// What failures of the same cause share.
fn cause(error: &OpError) -> String {
    // The account and role differ from place to place; what is said of them does not.
    let role = error.role.as_deref().unwrap_or("ROLE");
    let mut said = anywhere(&error.message.replace(role, "ROLE"), error.account, &error.region);
    if let Some(at) = said.find("assumed-role/") {
        said.truncate(at);
    }
    format!("{:?}{said}", error.signature())
}

fn unreadable(text: &mut String, plan: &Plan) {
    let mut causes: BTreeMap<String, Vec<&Unreadable>> = BTreeMap::new();
    for unreadable in &plan.unreadable {
        causes.entry(cause(&unreadable.error)).or_default().push(unreadable);
    }
    for group in causes.values() {
        let Some(first) = group.first() else { continue };
        let what = match first.service {
            Some(service) => {
                format!("{service} of {}, {}", account_name(plan, first.target.account), first.target.region)
            }
            None => account_name(plan, first.target.account),
        };
        let _ = writeln!(text, "{} {}", "! could not read".red().bold(), what.bold());
        error_lines(text, &first.error);
        if group.len() > 1 {
            let _ = writeln!(text, "    and likewise:");
            let (cells, accounts): (Vec<&Unreadable>, Vec<&Unreadable>) =
                group[1..].iter().partition(|other| other.service.is_some());
            place_lines(text, plan, cells.iter().map(|other| &other.target));
            if !accounts.is_empty() {
                let names = accounts.iter().map(|other| account_name(plan, other.target.account));
                let _ = writeln!(text, "    {}", named(names, accounts.len(), "account").cyan());
            }
        }
        text.push('\n');
    }
}

fn error_lines(text: &mut String, error: &OpError) {
    let _ = writeln!(text, "    call    {}:{} in {}/{}", error.service, error.operation, error.account, error.region);
    if let Some(role) = &error.role {
        let _ = writeln!(text, "    as      {role}");
    }
    let code = error.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    let _ = writeln!(text, "    answer  {code}{}", one_line(&error.message));
    let tries = if error.attempts > 1 { format!("{} attempts", error.attempts) } else { String::new() };
    match (&error.request_id, tries.is_empty()) {
        (Some(id), true) => drop(writeln!(text, "    request {}", id.dimmed())),
        (Some(id), false) => drop(writeln!(text, "    request {} ({tries})", id.dimmed())),
        (None, false) => drop(writeln!(text, "    tried   {tries}")),
        (None, true) => {}
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "    {}    {hint}", "next".bold());
    }
}

fn orphans(text: &mut String, plan: &Plan) {
    let mut fates: BTreeMap<(&str, String), Vec<&Address>> = BTreeMap::new();
    for orphan in plan.orphans.iter().filter(|orphan| orphan.fate != "removed") {
        let title = format!("{} {}", orphan.address.kind, orphan.address.name);
        fates.entry((&orphan.fate, title)).or_default().push(&orphan.address);
    }
    for ((fate, title), addresses) in fates {
        let _ = writeln!(text, "{} {}", "? orphan".blue().bold(), title.bold());
        place_lines(text, plan, addresses.iter().map(|address| &address.target));
        let _ = writeln!(text, "    ours, and no longer declared: {fate}");
        text.push('\n');
    }
}

fn notes(text: &mut String, plan: &Plan) {
    let mut topics: BTreeMap<(&str, &str), Vec<&Target>> = BTreeMap::new();
    for note in &plan.notes {
        topics.entry((&note.topic, &note.text)).or_default().push(&note.target);
    }
    for ((topic, words), places) in topics {
        let _ = writeln!(text, "{} {}", "note".cyan().bold(), topic.bold());
        place_lines(text, plan, places.into_iter());
        let _ = writeln!(text, "    {}", one_line(words));
        text.push('\n');
    }
}

#[cfg(test)]
mod tests;
