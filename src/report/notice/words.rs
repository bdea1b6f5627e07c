//! The words of a notice: a subject, lines for a phone, and one line of JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Difference, End, Ended, Standing, Wrong};
use crate::model::{AccountId, Address, OpError, for_screen};
use crate::plan::{Action, Plan};
use crate::report::human::counted;
use crate::report::{Outcome, human, json, json_for_screen};
use crate::services::Note;

/// The longest subject: "less than 100 characters", ASCII (SNS API Reference, `Publish`).
pub const SUBJECT_MAX: usize = 99;
/// The largest message, in bytes (SNS API Reference, `Publish`).
pub const MESSAGE_MAX: usize = 256 * 1024;
/// What is left free below that.
const MARGIN: usize = 1024;
/// How many subjects of a kind are named before the rest is counted.
const NAMED: usize = 10;
/// How many causes are told in full.
const CAUSES: usize = 3;
/// How much of a cause is told.
const CAUSE_WIDTH: usize = 400;

/// Subject and message.
pub(super) fn say(
    ended: &Ended<'_>,
    now: &Standing,
    difference: &Difference,
    news: &[&Note],
    again: bool,
) -> (String, String) {
    let headline = headline(ended, now, news, again);
    let text = text(ended, now, difference, news, &headline);
    let document = document(ended, difference, news, MESSAGE_MAX.saturating_sub(text.len() + MARGIN));
    // Whoever reads it on a phone sees nothing that is hidden, in the words and in the document.
    (subject(ended.baseline, &headline), format!("{}\n{}", for_screen(&text), json_for_screen(&document)))
}

fn subject(baseline: &str, headline: &str) -> String {
    let ascii = |text: &str| text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    let (mut name, mut headline): (String, String) = (ascii(baseline), ascii(headline));
    const WORD: &str = "baseline ";
    headline.truncate(SUBJECT_MAX - WORD.len() - 12);
    name.truncate(SUBJECT_MAX - WORD.len() - 2 - headline.len());
    format!("{WORD}{}: {headline}", name.trim_end())
}

/// One line that says it.
fn headline(ended: &Ended<'_>, now: &Standing, news: &[&Note], again: bool) -> String {
    let gaps = news.iter().filter(|note| note.topic == "recording-gap").count();
    let unwatched = news.len() - gaps;
    let gaps = (gaps > 0).then(|| format!("{} in what was recorded", counted(gaps, "gap")));
    let unwatched = (unwatched > 0).then(|| format!("{} no longer watched", counted(unwatched, "place")));
    if now.0.is_empty() {
        let repaired = super::repaired(ended);
        let accounts: BTreeSet<AccountId> = repaired.iter().map(|change| change.address.target.account).collect();
        let state = match (again, repaired.len()) {
            (true, _) => "in sync again".to_owned(),
            (false, 0) => "in sync".to_owned(),
            (false, n) => format!("changed {}, {}", counted(n, "resource"), counted(accounts.len(), "account")),
        };
        return [Some(state), gaps, unwatched].into_iter().flatten().collect::<Vec<_>>().join(", ");
    }
    let mut parts: Vec<String> = gaps.into_iter().chain(unwatched).collect();
    match ended.end {
        End::Applied { halted: Some(halt), .. } if halt.is_error() => {
            parts.push(format!("{} could not run", ended.command));
        }
        End::Applied { halted: Some(_), .. } => parts.push(format!("{} stopped early", ended.command)),
        _ => {}
    }
    let mut say = |wrong: Wrong, words: &dyn Fn(usize) -> String| match now.count(wrong) {
        0 => {}
        number => parts.push(words(number)),
    };
    say(Wrong::Failed, &|n| format!("{} failed", counted(n, "change")));
    say(Wrong::Unreadable, &|n| format!("{} unreadable", counted(n, "place")));
    say(Wrong::Drift, &|n| format!("drift in {}", counted(n, "resource")));
    say(Wrong::Blocked, &|n| format!("{n} blocked"));
    say(Wrong::Undelivered, &|n| format!("{n} undelivered"));
    say(Wrong::Exposed, &|n| format!("{n} exposed"));
    if parts.is_empty() {
        parts.push(format!("{} did not end", ended.command));
    }
    match now.accounts().len() {
        0 => {}
        accounts => parts.push(counted(accounts, "account")),
    }
    parts.join(", ")
}

fn text(ended: &Ended<'_>, now: &Standing, difference: &Difference, news: &[&Note], headline: &str) -> String {
    let mut text = format!("{headline}\n");
    if let End::Applied { outcomes, .. } = ended.end
        && !outcomes.is_empty()
    {
        let _ = writeln!(text, "{}", human::outcome_summary(outcomes));
    }
    let _ = writeln!(text, "{}", human::plan_summary(ended.plan));
    let lists =
        [("New", &difference.new), ("Otherwise than before", &difference.otherwise), ("Gone", &difference.gone)];
    let named: BTreeSet<&str> =
        lists.iter().flat_map(|(_, subjects)| subjects.iter().take(NAMED)).map(String::as_str).collect();
    let words = words(ended.plan, &named);
    for (title, subjects) in lists {
        if subjects.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{title}:");
        for subject in subjects.iter().take(NAMED) {
            let _ = writeln!(text, "  {}", line(ended.plan, now, &words, subject));
        }
        if subjects.len() > NAMED {
            let _ = writeln!(text, "  and {} more", subjects.len() - NAMED);
        }
    }
    let repaired = super::repaired(ended);
    if !repaired.is_empty() {
        let _ = writeln!(text, "\nChanged:");
        for change in repaired.iter().take(NAMED) {
            let Address { target, kind, name } = &change.address;
            let account = ended.plan.names.get(&target.account).map_or(String::new(), |name| format!("{name} "));
            let what = match change.action {
                Action::Create => "it was missing, and was made".to_owned(),
                _ => cut(&human::differences(&change.fields())),
            };
            let _ = writeln!(text, "  {kind} {name}, {account}{target}: {what}");
        }
        if repaired.len() > NAMED {
            let _ = writeln!(text, "  and {} more", repaired.len() - NAMED);
        }
    }
    if !news.is_empty() {
        let _ = writeln!(text, "\nTo know:");
        for Note { target, text: said, .. } in news.iter().take(NAMED) {
            let account = ended.plan.names.get(&target.account).map_or(String::new(), |name| format!("{name} "));
            let _ = writeln!(text, "  {account}{target}: {}", cut(said));
        }
        if news.len() > NAMED {
            let _ = writeln!(text, "  and {} more", news.len() - NAMED);
        }
    }
    if difference.as_before > 0 {
        let _ = writeln!(text, "\nAs before: {}", difference.as_before);
    }
    if difference.is_partial {
        let _ = writeln!(text, "\nMore was told than is remembered by name: some of what is new here was told before.");
    }
    let causes = causes(ended);
    if !causes.is_empty() {
        let _ = writeln!(text, "\nWhy:");
        for cause in causes {
            let _ = writeln!(text, "  {cause}");
        }
    }
    let _ = writeln!(text, "\nExit code {}, baseline {}, run {}", ended.exit, ended.command, ended.run);
    let _ = writeln!(text, "Security account {}, baseline {}", ended.security, ended.baseline);
    let mut look = match now.accounts().into_iter().collect::<Vec<_>>().as_slice() {
        [only] if ended.narrowed.is_empty() => format!("baseline plan -a {only}"),
        _ => "baseline plan".to_owned(),
    };
    if !ended.narrowed.is_empty() {
        let _ = write!(look, " {}", ended.narrowed);
    }
    let _ = writeln!(text, "To look: {look}");
    text
}

/// What would be done to these.
fn words(plan: &Plan, named: &BTreeSet<&str>) -> BTreeMap<String, &'static str> {
    let all = plan.changes.iter().map(|change| {
        let word = match change.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        };
        (change.address.to_string(), word)
    });
    all.filter(|(address, _)| named.contains(address.as_str())).collect()
}

/// What a subject is about, with its account's name.
fn line(plan: &Plan, now: &Standing, words: &BTreeMap<String, &'static str>, subject: &str) -> String {
    let ways: Vec<&str> = now
        .0
        .get(subject)
        .into_iter()
        .flat_map(BTreeMap::keys)
        .map(|wrong| match wrong {
            Wrong::Drift => words.get(subject).copied().unwrap_or("drift"),
            Wrong::Failed => "failed",
            Wrong::Unreadable => "cannot read",
            Wrong::Blocked => "blocked",
            Wrong::Undelivered => "undelivered",
            Wrong::Exposed => "exposed",
            Wrong::Halted => "stopped",
        })
        .collect();
    let what = match subject.parse::<Address>() {
        Ok(Address { target, kind, name }) => {
            format!("{kind} {name}, {} {target}", plan.names.get(&target.account).map_or("", String::as_str))
        }
        Err(_) => {
            let account = subject.split('/').next().and_then(|id| id.parse().ok());
            match account.and_then(|id| plan.names.get(&id)) {
                Some(name) => format!("{name} {subject}"),
                None => subject.to_owned(),
            }
        }
    };
    let what = what.replace(",  ", ", ");
    if ways.is_empty() { what } else { format!("{} {what}", ways.join(", ")) }
}

/// The first failure of each kind.
fn causes(ended: &Ended<'_>) -> Vec<String> {
    let outcomes = match ended.end {
        End::Applied { outcomes, .. } => outcomes,
        End::Looked => &[],
    };
    let failed = outcomes.iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Failed(error) => Some(error),
        _ => None,
    });
    let errors = failed.chain(ended.plan.unreadable.iter().map(|unreadable| &unreadable.error));
    let mut first: Vec<&OpError> = Vec::new();
    for error in errors {
        if first.len() < CAUSES && !first.iter().any(|known| known.signature() == error.signature()) {
            first.push(error);
        }
    }
    let mut causes = Vec::new();
    if let End::Applied { halted: Some(halt), .. } = ended.end {
        causes.push(cut(&halt.to_string()));
    }
    for error in first {
        causes.push(cut(&error.to_string()));
        causes.extend(error.hint.as_ref().map(|hint| format!("next: {}", cut(hint))));
    }
    // What waits for something else is no cause of its own.
    let own = ended.plan.blocked.iter().filter(|blocked| blocked.waits_for.is_none());
    let held = own.map(|blocked| &blocked.reason);
    // What is exposed first: of what stands here, only that harms while nobody looks.
    let exposed = ended.plan.exposed.iter().map(|exposed| &exposed.reason);
    let undelivered = ended.plan.undelivered.iter().map(|undelivered| &undelivered.reason);
    let reasons = exposed.chain(held).chain(undelivered);
    for reason in reasons {
        let reason = cut(reason);
        if causes.len() < 2 * CAUSES && !causes.contains(&reason) {
            causes.push(reason);
        }
    }
    causes
}

fn cut(text: &str) -> String {
    let line = text.replace('\n', " ");
    match line.char_indices().nth(CAUSE_WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The document in one line, no longer than that: what does not fit is left out, and it says so.
fn document(ended: &Ended<'_>, difference: &Difference, news: &[&Note], most: usize) -> String {
    let plan = ended.plan;
    // Each change is made when there is room for it.
    let rest = plan.without_changes();
    let outcomes = match ended.end {
        End::Applied { outcomes, .. } => outcomes,
        End::Looked => &[],
    };
    let mut document = match ended.end {
        End::Applied { halted, .. } => json::apply_value(&rest, &json::Ended { outcomes, halted, waits: &[] }),
        End::Looked => json::plan_value(&rest),
    };
    for (action, key) in [(Action::Create, "create"), (Action::Update, "update"), (Action::Delete, "delete")] {
        document["summary"][key] = json!(plan.count(action));
    }
    document["run"] = json!(ended.run);
    document["command"] = json!(ended.command);
    document["baseline"] = json!(ended.baseline);
    document["security_account"] = json!(ended.security);
    document["exit"] = json!(ended.exit);
    document["narrowed"] = json!(ended.narrowed);
    let mut lists: Vec<(&str, Vec<Value>)> = Vec::new();
    for (key, subjects) in [("new", &difference.new), ("otherwise", &difference.otherwise), ("gone", &difference.gone)]
    {
        document[key] = json!([]);
        lists.push((key, subjects.iter().map(|subject| json!(subject)).collect()));
    }
    let repaired =
        super::repaired(ended).into_iter().map(|change| json::change_value(plan, change)).collect::<Vec<_>>();
    document["repaired"] = json!([]);
    lists.push(("repaired", repaired));
    document["news"] = json!([]);
    let news = news.iter().map(|note| (*note).clone()).collect();
    let mut news = json::plan_value(&Plan { notes: news, names: plan.names.clone(), ..Plan::default() });
    if let Some(Value::Array(list)) = news.get_mut("notes").map(Value::take) {
        lists.push(("news", list));
    }
    for key in ["unreadable", "exposed", "blocked", "undelivered", "exempt", "outcomes", "orphans", "notes"] {
        if let Some(Value::Array(list)) = document.get_mut(key).map(Value::take) {
            document[key] = json!([]);
            lists.push((key, list));
        }
    }
    document["changes"] = json!([]);

    let mut room = Room { left: most.saturating_sub(document.to_string().len() + MARGIN), left_out: Vec::new() };
    for (key, list) in lists {
        let of = list.len();
        document[key] = room.fill(key, of, list.into_iter());
    }
    let changes = plan.changes.iter().map(|change| json::change_value(plan, change));
    document["changes"] = room.fill("changes", plan.changes.len(), changes);
    if !room.left_out.is_empty() {
        document["cut"] = json!(format!(
            "a message holds 256 KiB: left out are {}; `baseline plan --format json` shows all",
            room.left_out.join(", ")
        ));
    }
    document.to_string()
}

/// The room that is left in a message.
struct Room {
    left: usize,
    left_out: Vec<String>,
}

impl Room {
    /// As many of these as there is room for.
    fn fill(&mut self, key: &str, of: usize, values: impl Iterator<Item = Value>) -> Value {
        let mut taken = Vec::new();
        for value in values {
            let size = value.to_string().len() + 1;
            if size > self.left {
                break;
            }
            self.left -= size;
            taken.push(value);
        }
        if taken.len() < of {
            self.left_out.push(format!("{} of {of} {key}", of - taken.len()));
        }
        Value::Array(taken)
    }
}
