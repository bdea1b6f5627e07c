//! A plan, and what became of it, for people: what drifts the same way is said once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use owo_colors::OwoColorize;
use serde_json::Value;

use super::Outcome;
use crate::model::{AccountId, Address, OpError, Region};
use crate::plan::{Action, Change, FieldChange, FieldChangeKind, Plan};

/// How many accounts or Regions are named before the rest is counted.
const NAMED: usize = 6;
/// How much of a value is shown before it is cut.
const VALUE_WIDTH: usize = 100;

/// The plan, block by block; colours included, for a stream that strips them where they are not wanted.
pub fn plan(plan: &Plan, details: bool) -> String {
    let mut text = String::new();
    for group in groups(plan) {
        block(&mut text, plan, &group, details);
    }
    // The cause before what waits for it.
    unreadable(&mut text, plan);
    blocked(&mut text, plan);
    orphans(&mut text, plan);
    notes(&mut text, plan);
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
    format!(
        "Plan: {} ({}, {}).",
        parts.join(", "),
        counted(plan.scope.accounts, "account"),
        counted(plan.scope.targets, "Region")
    )
}

/// What became of the changes: every one that did not end well, then one line.
pub fn outcomes(plan: &Plan, outcomes: &[(Address, Outcome)]) -> String {
    let mut text = String::new();
    let mut failures: BTreeMap<String, Vec<(&Address, &OpError)>> = BTreeMap::new();
    let mut skipped: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (address, outcome) in outcomes {
        match outcome {
            Outcome::Failed(error) => {
                failures.entry(cause(error)).or_default().push((address, error));
            }
            Outcome::Skipped { because } => skipped.entry(because).or_default().push(address),
            Outcome::Applied | Outcome::NotStarted => {}
        }
    }
    for failed in failures.values() {
        let Some((address, error)) = failed.first() else { continue };
        let _ = writeln!(text, "{} {}", "failed".red().bold(), address.bold());
        error_lines(&mut text, error);
        others(&mut text, plan, failed.iter().skip(1).map(|(address, _)| *address));
        text.push('\n');
    }
    for (because, addresses) in skipped {
        let Some(first) = addresses.first() else { continue };
        let _ = writeln!(text, "{} {}", "skipped".yellow().bold(), first.bold());
        let _ = writeln!(text, "    because {because} did not end well");
        others(&mut text, plan, addresses.iter().skip(1).copied());
        text.push('\n');
    }
    text
}

/// The one line at the end of an apply.
pub fn outcome_summary(outcomes: &[(Address, Outcome)]) -> String {
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count();
    let mut parts = vec![format!("{} applied", count(|o| *o == Outcome::Applied))];
    for (number, word) in [
        (count(|o| matches!(o, Outcome::Failed(_))), "failed"),
        (count(|o| matches!(o, Outcome::Skipped { .. })), "skipped"),
        (count(|o| *o == Outcome::NotStarted), "not started"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    format!("Apply: {}.", parts.join(", "))
}

/// Changes that differ only in where they are.
struct Group<'a> {
    first: &'a Change,
    places: Vec<&'a Address>,
}

fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let mut order: Vec<Group<'_>> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for change in &plan.changes {
        let fields = serde_json::to_string(&change.fields).unwrap_or_default();
        let key = format!("{}\n{}\n{:?}\n{fields}", change.address.kind, change.address.name, change.action);
        match index.get(&key) {
            Some(at) => order[*at].places.push(&change.address),
            None => {
                index.insert(key, order.len());
                order.push(Group { first: change, places: vec![&change.address] });
            }
        }
    }
    order.sort_by_key(|group| (group.first.depth, group.first.address.kind));
    order
}

fn block(text: &mut String, plan: &Plan, group: &Group<'_>, details: bool) {
    let Change { address, action, reason, fields, .. } = group.first;
    let title = format!("{} {}", address.kind, address.name);
    let line = match action {
        Action::Create => format!("{} {}", "+ create".green().bold(), title.bold()),
        Action::Update => format!("{} {}", "~ update".yellow().bold(), title.bold()),
        Action::Delete => format!("{} {}", "- delete".red().bold(), title.bold()),
    };
    let _ = writeln!(text, "{line}  {}", reason.dimmed());
    place_lines(text, plan, &group.places);
    // What goes is known by its name; that it goes is the news.
    let told = *action != Action::Delete || details;
    for field in fields.iter().filter(|_| told) {
        // A new resource's tags and policy are a screenful each; --verbose shows them.
        if !details && *action == Action::Create && is_lengthy(field) {
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

fn is_lengthy(field: &FieldChange) -> bool {
    matches!(field.path.first().map(String::as_str), Some("policy" | "tags")) && field.path.len() > 1
}

fn place_lines(text: &mut String, plan: &Plan, places: &[&Address]) {
    let mut regions_of: BTreeMap<AccountId, BTreeSet<&Region>> = BTreeMap::new();
    for address in places {
        regions_of.entry(address.target.account).or_default().insert(&address.target.region);
    }
    // Accounts in the same Regions share a line.
    let mut accounts_of: BTreeMap<Vec<&Region>, Vec<AccountId>> = BTreeMap::new();
    for (account, regions) in regions_of {
        accounts_of.entry(regions.into_iter().collect()).or_default().push(account);
    }
    for (regions, accounts) in accounts_of {
        let who = named(accounts.iter().map(|id| format!("{} ({id})", plan.name(*id))), accounts.len(), "account");
        let wher = named(regions.iter().map(ToString::to_string), regions.len(), "Region");
        let times = match accounts.len() * regions.len() {
            1 => String::new(),
            n => format!("{n} in all: "),
        };
        let _ = writeln!(text, "    {}", format!("{times}{who}, {wher}").cyan());
    }
}

/// A few names, or how many there are and the first of them.
fn named(names: impl Iterator<Item = String>, count: usize, noun: &str) -> String {
    let mut first: Vec<String> = names.take(NAMED).collect();
    if count > NAMED {
        first.truncate(3);
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
            for gone in before.iter().filter(|item| !after.contains(item)) {
                let _ = writeln!(text, "    {} {path}: {}", "-".red(), shown(gone));
            }
            for new in after.iter().filter(|item| !before.contains(item)) {
                let _ = writeln!(text, "    {} {path}: {}", "+".green(), shown(new));
            }
        }
        FieldChangeKind::Changed { before, after } => {
            let _ = writeln!(text, "    {} {path}: {} → {}", "~".yellow(), shown(before), shown(after));
        }
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

fn cut(text: &str) -> String {
    if text.chars().count() <= VALUE_WIDTH {
        return text.to_owned();
    }
    text.chars().take(VALUE_WIDTH - 1).chain(['…']).collect()
}

fn others<'a>(text: &mut String, plan: &Plan, addresses: impl Iterator<Item = &'a Address>) {
    let others: Vec<&Address> = addresses.collect();
    if !others.is_empty() {
        let _ = writeln!(text, "    and likewise:");
        place_lines(text, plan, &others);
    }
}

fn blocked(text: &mut String, plan: &Plan) {
    let mut causes: BTreeMap<(&str, Option<&str>, String), Vec<&Address>> = BTreeMap::new();
    for blocked in &plan.blocked {
        let title = format!("{} {}", blocked.address.kind, blocked.address.name);
        causes.entry((&blocked.reason, blocked.hint.as_deref(), title)).or_default().push(&blocked.address);
    }
    for ((reason, hint, title), addresses) in causes {
        let _ = writeln!(text, "{} {}", "! blocked".magenta().bold(), title.bold());
        place_lines(text, plan, &addresses);
        let _ = writeln!(text, "    {reason}");
        if let Some(hint) = hint {
            let _ = writeln!(text, "    {} {hint}", "next:".bold());
        }
        text.push('\n');
    }
}

fn unreadable(text: &mut String, plan: &Plan) {
    let mut causes: BTreeMap<String, Vec<&crate::plan::Unreadable>> = BTreeMap::new();
    for unreadable in &plan.unreadable {
        causes.entry(cause(&unreadable.error)).or_default().push(unreadable);
    }
    for group in causes.values() {
        let Some(first) = group.first() else { continue };
        let what = match first.service {
            Some(service) => format!("{service} in {}", first.target),
            None => format!("account {} {}", first.target.account, plan.name(first.target.account)),
        };
        let _ = writeln!(text, "{} {}", "! could not read".red().bold(), what.bold());
        error_lines(text, &first.error);
        if group.len() > 1 {
            let rest: Vec<String> = group
                .iter()
                .skip(1)
                .map(|other| match other.service {
                    Some(service) => format!("{service} in {}", other.target),
                    None => format!("{} ({})", plan.name(other.target.account), other.target.account),
                })
                .collect();
            let _ = writeln!(text, "    likewise: {}", named(rest.iter().cloned(), rest.len(), "other place"));
        }
        text.push('\n');
    }
}

/// What failures with the same cause share. Account, Region and role differ from place to place; what is said of them
/// does not.
fn cause(error: &OpError) -> String {
    let mut said = error.message.replace(error.account.as_str(), "ACCOUNT").replace(error.region.as_str(), "REGION");
    if let Some(role) = &error.role {
        said = said.replace(role.as_str(), "ROLE");
    }
    if let Some(at) = said.find("assumed-role/") {
        said.truncate(at);
    }
    format!("{:?}{said}", error.signature())
}

fn error_lines(text: &mut String, error: &OpError) {
    let _ = writeln!(text, "    call    {}:{} in {}/{}", error.service, error.operation, error.account, error.region);
    if let Some(role) = &error.role {
        let _ = writeln!(text, "    as      {role}");
    }
    let code = error.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    let _ = writeln!(text, "    answer  {code}{}", error.message);
    if let Some(id) = &error.request_id {
        let _ = writeln!(text, "    request {}", id.dimmed());
    }
    if error.attempts > 1 {
        let _ = writeln!(text, "    tried   {} times", error.attempts);
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
        place_lines(text, plan, &addresses);
        let _ = writeln!(text, "    ours, and no longer declared: {fate}");
        text.push('\n');
    }
}

fn notes(text: &mut String, plan: &Plan) {
    let mut topics: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for note in &plan.notes {
        let place = format!("{} ({})/{}", plan.name(note.target.account), note.target.account, note.target.region);
        topics.entry((&note.topic, &note.text)).or_default().push(place);
    }
    for ((topic, words), places) in topics {
        let _ = writeln!(text, "{} {}", "note".cyan().bold(), topic.bold());
        let _ = writeln!(text, "    {}", named(places.iter().cloned(), places.len(), "place").cyan());
        let _ = writeln!(text, "    {words}");
        text.push('\n');
    }
}
