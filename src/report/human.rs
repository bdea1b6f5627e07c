//! A plan, and what became of it, for people: what drifts the same way is said once.

mod causes;
mod creations;
mod outcomes;
mod repairs;
mod statement;
mod values;
mod wrap;

pub use self::causes::is_same_cause;
pub use self::outcomes::{outcome_summary, outcomes, waits};
pub use self::repairs::{differences, repaired, repairs};
pub use self::wrap::wrapped;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use owo_colors::OwoColorize;
use serde_json::Value;

use self::causes::cause;
use self::values::{field_line, one_line};
use crate::model::{AccountId, Address, Digest, OpError, Region, Target};
use crate::plan::{Action, Change, FieldChange, FieldChangeKind, Plan, Scope};
use crate::services::{Exposed, Note, Undelivered};

/// How many accounts or Regions are named before the rest is counted.
const NAMED: usize = 6;
/// How many of them are named then.
const FEW: usize = 3;
/// The topics of notes that nobody can act on: they are shown with `-v`.
const BACKGROUND: [&str; 3] = ["not-looked-for", "policy-form", "rule-pattern"];

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
    text.push_str(&told_problems(plan, details));
    orphans(&mut text, plan);
    notes(&mut text, plan, details);
    text
}

/// What keeps a plan from being complete.
pub fn problems(plan: &Plan) -> String {
    told_problems(plan, false)
}

fn told_problems(plan: &Plan, details: bool) -> String {
    let mut text = String::new();
    causes::show(&mut text, plan, details);
    undelivered(&mut text, plan);
    exposed(&mut text, plan);
    text
}

/// What waits for somebody else.
pub fn waiting(plan: &Plan) -> String {
    let mut text = String::new();
    undelivered(&mut text, plan);
    text
}

/// Whether a note is shown to whoever does not ask for more.
pub fn is_shown(note: &Note) -> bool {
    !BACKGROUND.contains(&note.topic.as_str())
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
    if !plan.exposed.is_empty() {
        parts.push(format!("{} exposed", plan.exposed.len()));
    }
    if !plan.exempt.is_empty() {
        parts.push(format!("{} accepted", plan.exempt.len()));
    }
    format!("Plan: {} ({}).", parts.join(", "), reach(plan.scope))
}

/// How much was read, in words: `24 accounts, 17 Regions each`.
fn reach(scope: Scope) -> String {
    let Scope { accounts, targets, most } = scope;
    let accounts_read = counted(accounts, "account");
    match accounts {
        0 | 1 => format!("{accounts_read}, {}", counted(targets, "Region")),
        // A plan that was saved before this was counted does not say.
        _ if most == 0 && targets > 0 => accounts_read,
        _ if most * accounts == targets => format!("{accounts_read}, {} each", counted(most, "Region")),
        _ => format!("{accounts_read}, up to {} each", counted(most, "Region")),
    }
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
    let fields = &statement::each(&group.fields)[..];
    let title = format!("{} {}", address.kind, address.name);
    let line = match action {
        Action::Create => format!("{} {}", "+ create".green().bold(), title.bold()),
        Action::Update => format!("{} {}", "~ update".yellow().bold(), title.bold()),
        Action::Delete => format!("{} {}", "- delete".red().bold(), title.bold()),
    };
    let _ = writeln!(text, "{line}  {}", reason.dimmed());
    place_lines(text, plan, "resource", group.places.iter().map(|address| &address.target));
    let whole = if details { Vec::new() } else { statement::whole(fields) };
    if *action != Action::Create {
        statement::lines(text, &whole);
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

/// Where it is; where several are meant, how many of what.
fn place_lines<'a>(text: &mut String, plan: &Plan, noun: &str, places: impl Iterator<Item = &'a Target>) {
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
        let is_said = *count == 1 || (*count == accounts.len() && accounts.len() > NAMED) || noun.is_empty();
        let times = if is_said { String::new() } else { format!("{}: ", counted(*count, noun)) };
        let _ = writeln!(text, "    {}", format!("{times}{who}, {whereabouts}").cyan());
    }
    if let Some(rest @ [_, ..]) = lines.get(shown..) {
        let accounts = rest.iter().map(|(_, (accounts, _))| accounts.len()).sum();
        let count: usize = rest.iter().map(|(_, (_, count))| count).sum();
        let more = match noun {
            "" => format!("and {}, each in other Regions", counted(accounts, "account")),
            _ => format!("{} more in {}, each in other Regions", counted(count, noun), counted(accounts, "account")),
        };
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
pub fn named(names: impl Iterator<Item = String>, count: usize, noun: &str) -> String {
    let mut first: Vec<String> = names.take(NAMED).collect();
    if count > NAMED {
        first.truncate(FEW);
        return format!("{} ({}, …)", counted(count, noun), first.join(", "));
    }
    first.join(", ")
}

/// A number with its noun: `1 account`, `3 accounts`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// What is said of a place, without the place: the same words are said of others.
fn anywhere(text: &str, account: AccountId, region: &Region) -> String {
    let text = replace_word(text, account.as_str(), "ACCOUNT");
    if region.is_global() { text } else { replace_word(&text, region.as_str(), "REGION") }
}

/// A text with a word replaced wherever it is no part of a longer name: the Region in an ARN, and not the one in the name
/// of a bucket, which is the same in every Region.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let joins = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        let after = &from[word.len()..];
        let is_part = before.chars().next_back().or(out.chars().next_back()).is_some_and(joins)
            || after.chars().next().is_some_and(joins);
        out.push_str(before);
        out.push_str(if is_part { word } else { with });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A text with every moment (`2026-11-30T21:34:25Z`) replaced: what differs in nothing but when is said once.
fn at_any_time(text: &str) -> String {
    const MOMENT: &str = "0000-00-00T00:00:00Z";
    let is_moment = |part: &str| {
        part.len() == MOMENT.len()
            && part
                .bytes()
                .zip(MOMENT.bytes())
                .all(|(is, form)| if form == b'0' { is.is_ascii_digit() } else { is == form })
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match rest.get(..MOMENT.len()).filter(|part| is_moment(part)) {
            Some(part) => {
                out.push_str("TIME");
                rest = &rest[part.len()..];
            }
            None => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out
}

fn others<'a>(text: &mut String, plan: &Plan, addresses: impl Iterator<Item = &'a Address>) {
    let others: Vec<&Address> = addresses.collect();
    if !others.is_empty() {
        let _ = writeln!(text, "    and likewise:");
        place_lines(text, plan, "resource", others.into_iter().map(|address| &address.target));
    }
}

/// What waits for somebody else: commands for them, where there are any, are never cut and stand by themselves; what is
/// said on one line is said once for all places.
fn undelivered(text: &mut String, plan: &Plan) {
    let mut causes: BTreeMap<(&str, String, String), Vec<&Undelivered>> = BTreeMap::new();
    for waiting in &plan.undelivered {
        let Target { account, region } = &waiting.address.target;
        let exact = waiting.hint.contains('\n');
        let said = |text: &str| if exact { text.to_owned() } else { at_any_time(&anywhere(text, *account, region)) };
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
        place_lines(text, plan, "resource", group.iter().map(|waiting| &waiting.address.target));
        let _ = writeln!(text, "    {}", one_line(reason));
        for (index, line) in hint.lines().enumerate() {
            let lead = if index == 0 { "next:".bold().to_string() } else { "     ".to_owned() };
            let _ = writeln!(text, "    {lead} {}", one_line(line));
        }
        text.push('\n');
    }
}

/// What somebody else opens, blocks, expires or reroutes: said once for all places where it is the same.
fn exposed(text: &mut String, plan: &Plan) {
    let mut causes: BTreeMap<(String, String, String, &str), Vec<&Exposed>> = BTreeMap::new();
    for exposed in &plan.exposed {
        let Address { target: Target { account, region }, kind, name } = &exposed.address;
        let said = |text: &str| anywhere(text, *account, region);
        let cause =
            (format!("{kind} {}", one_line(name)), said(&exposed.reason), said(&exposed.hint), &*exposed.digest);
        causes.entry(cause).or_default().push(exposed);
    }
    for ((title, reason, hint, digest), group) in causes {
        // Of one place it is said as it is.
        let (reason, hint) = match &group[..] {
            [one] => (&one.reason, &one.hint),
            _ => (&reason, &hint),
        };
        let _ = writeln!(text, "{} {}", "! exposed".red().bold(), title.bold());
        place_lines(text, plan, "resource", group.iter().map(|exposed| &exposed.address.target));
        let _ = writeln!(text, "    {}", one_line(reason));
        let _ = writeln!(text, "    {} {}", "next:".bold(), one_line(hint));
        let _ =
            writeln!(text, "    {}", format!("to accept it for a while: [[exception]] with digest {digest}").dimmed());
        text.push('\n');
    }
}

fn error_lines(text: &mut String, error: &OpError) {
    let _ = writeln!(text, "    call    {}:{} in {}/{}", error.service, error.operation, error.account, error.region);
    if let Some(role) = &error.role {
        let _ = writeln!(text, "    as      {}", one_line(role));
    }
    let code = error.code.as_ref().map(|code| format!("{}: ", one_line(code))).unwrap_or_default();
    let _ = writeln!(text, "    answer  {code}{}", one_line(&error.message));
    let tries = if error.attempts > 1 { format!("{} attempts", error.attempts) } else { String::new() };
    match (&error.request_id, tries.is_empty()) {
        (Some(id), true) => drop(writeln!(text, "    request {}", one_line(id).dimmed())),
        (Some(id), false) => drop(writeln!(text, "    request {} ({tries})", one_line(id).dimmed())),
        (None, false) => drop(writeln!(text, "    tried   {tries}")),
        (None, true) => {}
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "    {}    {hint}", "next".bold());
    }
}

/// The topics of notes that are shown whatever else there is to show: something was not recorded, or is not watched.
const NEVER_COUNTED: [&str; 2] = ["no-longer-watched", GAP];
/// The topic of notes of a time in which something that records was off.
pub const GAP: &str = "recording-gap";

/// The notes that are not only counted where nothing is amiss.
pub fn notes_to_show(plan: &Plan) -> String {
    let notes = plan.notes.iter().filter(|note| NEVER_COUNTED.contains(&note.topic.as_str())).cloned().collect();
    let mut text = String::new();
    self::notes(&mut text, &Plan { notes, names: plan.names.clone(), ..Plan::default() }, false);
    text
}

/// How many blocks there are of what is worth knowing besides: other notes, and orphans.
pub fn remarks(plan: &Plan) -> usize {
    let notes = notes_by_text(plan, false).into_keys().filter(|(topic, _)| !NEVER_COUNTED.contains(topic));
    notes.count() + orphans_by_fate(plan).len()
}

fn orphans_by_fate(plan: &Plan) -> BTreeMap<(&str, String), Vec<&Address>> {
    let mut fates: BTreeMap<(&str, String), Vec<&Address>> = BTreeMap::new();
    for orphan in plan.orphans.iter().filter(|orphan| orphan.fate != "removed") {
        let title = format!("{} {}", orphan.address.kind, orphan.address.name);
        fates.entry((&orphan.fate, title)).or_default().push(&orphan.address);
    }
    fates
}

fn orphans(text: &mut String, plan: &Plan) {
    for ((fate, title), addresses) in orphans_by_fate(plan) {
        let _ = writeln!(text, "{} {}", "? orphan".blue().bold(), title.bold());
        place_lines(text, plan, "resource", addresses.iter().map(|address| &address.target));
        let _ = writeln!(text, "    ours, and no longer declared: {fate}");
        text.push('\n');
    }
}

fn notes_by_text(plan: &Plan, details: bool) -> BTreeMap<(&str, &str), Vec<&Target>> {
    let mut topics: BTreeMap<(&str, &str), Vec<&Target>> = BTreeMap::new();
    for note in plan.notes.iter().filter(|note| details || is_shown(note)) {
        topics.entry((&note.topic, &note.text)).or_default().push(&note.target);
    }
    topics
}

fn notes(text: &mut String, plan: &Plan, details: bool) {
    for ((topic, words), places) in notes_by_text(plan, details) {
        let _ = writeln!(text, "{} {}", "note".cyan().bold(), topic.bold());
        place_lines(text, plan, "", places.into_iter());
        let _ = writeln!(text, "    {}", one_line(words));
        text.push('\n');
    }
}

#[cfg(test)]
mod tests;
