//! Values of a plan on a line: cut where they are too long, and never before they differ from what they are held against.

use std::fmt::Write as _;

use owo_colors::OwoColorize;
use serde_json::Value;

use super::{FEW, NAMED, counted};
use crate::plan::{FieldChange, FieldChangeKind};

/// How much of a value is shown before it is cut, in characters.
const VALUE_WIDTH: usize = 100;
/// How much of what two values have in common is shown beside the place where they differ, in characters.
const CONTEXT: usize = 24;

/// What differs in a field: a line, or one for each item of a list.
pub(super) fn field_line(text: &mut String, field: &FieldChange) {
    let path = path(&field.path);
    match &field.kind {
        FieldChangeKind::Added { after } => {
            let _ = writeln!(text, "    {} {path}: {}", "+".green(), shown(after));
        }
        FieldChangeKind::Removed { before } => {
            let _ = writeln!(text, "    {} {path}: {}", "-".red(), shown(before));
        }
        FieldChangeKind::Changed { before, after } => changed(text, &path, before, after),
    }
}

/// What differs in a field, in few words for a line of several: `logging: false → true`.
pub(super) fn phrase(field: &FieldChange) -> String {
    let path = path(&field.path);
    match &field.kind {
        FieldChangeKind::Added { after } => format!("{path} was missing ({})", shown(after)),
        FieldChangeKind::Removed { before } => format!("{path} was {} and is gone", shown(before)),
        FieldChangeKind::Changed { before, after } => {
            let (before, after) = contrasted(&whole(before), &whole(after));
            format!("{path}: {before} → {after}")
        }
    }
}

/// How two values differ: lists by their items, tables by their fields, texts where they do.
fn changed(text: &mut String, path: &str, before: &Value, after: &Value) {
    match (before, after) {
        // The only item of both: there is no other that it could be taken for.
        (Value::Array(before), Value::Array(after))
            if matches!((&before[..], &after[..]), ([Value::Object(_)], [Value::Object(_)])) =>
        {
            changed(text, path, &before[0], &after[0]);
        }
        (Value::Array(before), Value::Array(after)) => lists(text, path, before, after),
        // A list of one is written without brackets, too (IAM User Guide, "IAM JSON policy elements reference").
        (Value::Array(before), Value::String(_)) => lists(text, path, before, std::slice::from_ref(after)),
        (Value::String(_), Value::Array(after)) => lists(text, path, std::slice::from_ref(before), after),
        (Value::Object(_), Value::Object(_)) => {
            for field in crate::plan::diff(before, after) {
                let way = format!("{path}.{}", self::path(&field.path));
                match &field.kind {
                    FieldChangeKind::Changed { before, after } => changed(text, &way, before, after),
                    FieldChangeKind::Added { after } => {
                        let _ = writeln!(text, "    {} {way}: {}", "+".green(), shown(after));
                    }
                    FieldChangeKind::Removed { before } => {
                        let _ = writeln!(text, "    {} {way}: {}", "-".red(), shown(before));
                    }
                }
            }
        }
        _ => {
            let (before, after) = contrasted(&whole(before), &whole(after));
            let _ = writeln!(text, "    {} {path}: {before} → {after}", "~".yellow());
        }
    }
}

/// What one list holds and the other does not. Actions are the same however they are spelt.
fn lists(text: &mut String, path: &str, before: &[Value], after: &[Value]) {
    let folded = path.ends_with("Action");
    let is_same = |one: &Value, other: &Value| match (one, other) {
        (Value::String(one), Value::String(other)) if folded => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    };
    let only = |these: &[Value], those: &[Value]| {
        these.iter().filter(|item| !those.iter().any(|other| is_same(item, other))).map(whole).collect::<Vec<_>>()
    };
    let (gone, new) = (only(before, after), only(after, before));
    if gone.is_empty() && new.is_empty() {
        let words = match before.len() == after.len() {
            true => "the same items in another order".to_owned(),
            false => format!("{} → {}, with an item more than once", before.len(), counted(after.len(), "item")),
        };
        let _ = writeln!(text, "    {} {path}: {words}", "~".yellow());
        return;
    }
    // One that was there and one that takes its place are held against each other, each with the one it is most like.
    let mut new: Vec<Option<String>> = new.into_iter().map(Some).collect();
    let mut pairs = Vec::new();
    for item in gone {
        let like = |other: &Option<String>| other.as_ref().map_or(0, |other| in_common(&item, other));
        let best = (0..new.len()).filter(|at| new[*at].is_some()).max_by_key(|at| like(&new[*at]));
        let twin = best.filter(|at| like(&new[*at]) * 2 > item.chars().count()).and_then(|at| new[at].take());
        match twin {
            Some(twin) => {
                let (item, twin) = contrasted(&item, &twin);
                pairs.push((Some(item), Some(twin)));
            }
            None => pairs.push((Some(cut(&item)), None)),
        }
    }
    pairs.extend(new.into_iter().flatten().map(|item| (None, Some(cut(&item)))));
    let (gone, new): (Vec<Option<String>>, Vec<Option<String>>) = pairs.into_iter().unzip();
    items(text, &"-".red().to_string(), path, &gone.into_iter().flatten().collect::<Vec<_>>());
    items(text, &"+".green().to_string(), path, &new.into_iter().flatten().collect::<Vec<_>>());
}

fn items(text: &mut String, sign: &str, path: &str, items: &[String]) {
    let few = if items.len() > NAMED { FEW } else { items.len() };
    for item in &items[..few] {
        let _ = writeln!(text, "    {sign} {path}: {item}");
    }
    if items.len() > few {
        let _ = writeln!(text, "    {sign} {path}: … and {} more", items.len() - few);
    }
}

/// The way to a field. A segment that is not a plain word is quoted, so that the dots between segments are the only
/// ones; a statement without a Sid is not repeated in the way to it.
pub(super) fn path(segments: &[String]) -> String {
    let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:/*".contains(&b));
    let said = |s: &String| match s {
        s if plain(s) => s.clone(),
        s if s.starts_with("(no Sid) ") => "(no Sid)".to_owned(),
        // A second statement with the same Sid.
        s if s.rsplit_once(" (").is_some_and(|(sid, number)| plain(sid) && number.ends_with(')')) => s.clone(),
        s => format!("{:?}", cut(s)),
    };
    segments.iter().map(said).collect::<Vec<_>>().join(".")
}

/// A value on a line, cut where it is too long.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let all: Vec<String> = items.iter().take(NAMED).map(shown).collect();
            match items.len().saturating_sub(NAMED) {
                0 => format!("[{}]", all.join(", ")),
                more => format!("[{}, … and {more} more]", all.join(", ")),
            }
        }
        other => cut(&whole(other)),
    }
}

/// A value on a line, however long.
fn whole(value: &Value) -> String {
    match value {
        Value::String(text) => match text.strip_prefix("ref:") {
            Some(address) => format!("({}, once it is made)", one_line(address)),
            None => one_line(text),
        },
        Value::Array(items) => format!("[{}]", items.iter().map(whole).collect::<Vec<_>>().join(", ")),
        other => one_line(&other.to_string()),
    }
}

/// As much of a text as a line has room for. Whoever wrote it cannot move the cursor with it.
pub(super) fn cut(text: &str) -> String {
    let text = one_line(text);
    if text.chars().count() <= VALUE_WIDTH {
        return text;
    }
    text.chars().take(VALUE_WIDTH - 1).chain(['…']).collect()
}

/// How many characters two texts have in common at their beginnings and ends.
fn in_common(one: &str, other: &str) -> usize {
    let start = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let most = one.chars().count().min(other.chars().count()) - start;
    start + one.chars().rev().zip(other.chars().rev()).take(most).take_while(|(a, b)| a == b).count()
}

/// Two texts that differ, each so much of it that the difference is in what is shown: what they have in common is left
/// out first, at their beginnings, at their ends, and between the first difference and the last.
fn contrasted(before: &str, after: &str) -> (String, String) {
    let (old, new): (Vec<char>, Vec<char>) = (one_line(before).chars().collect(), one_line(after).chars().collect());
    if old.len() <= VALUE_WIDTH && new.len() <= VALUE_WIDTH {
        return (old.iter().collect(), new.iter().collect());
    }
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let window = |text: &[char]| {
        let from = start.saturating_sub(CONTEXT);
        let to = (text.len() - end + CONTEXT).min(text.len());
        let mut shown: Vec<char> = text[from..to].to_vec();
        if shown.len() > VALUE_WIDTH {
            // The beginning and the end of what differs.
            let half = VALUE_WIDTH / 2;
            shown = shown[..half].iter().chain(&['…']).chain(&shown[shown.len() - half..]).copied().collect();
        }
        let lead = (from > 0).then_some('…');
        let tail = (to < text.len()).then_some('…');
        lead.into_iter().chain(shown).chain(tail).collect::<String>()
    };
    // The first difference is at most that much behind the beginning of what is shown.
    (window(&old), window(&new))
}

/// A text without line breaks and whatever else a terminal obeys.
pub(super) fn one_line(text: &str) -> String {
    crate::model::printable(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn what_differs_is_in_what_is_shown(start in "[ab]{0,150}", old in "[a-d]{0,150}", new in "[a-d]{0,150}", end in "[ab]{0,150}") {
            let (before, after) = (format!("{start}{old}{end}"), format!("{start}{new}{end}"));
            let (was, is) = contrasted(&before, &after);
            prop_assert_eq!(before == after, was == is, "{} {}", was, is);
            prop_assert!(was.chars().count() <= VALUE_WIDTH + 3 && is.chars().count() <= VALUE_WIDTH + 3);
        }
    }

    fn lines(before: Value, after: Value) -> String {
        let mut text = String::new();
        changed(&mut text, "field", &before, &after);
        super::super::wrap::strip(&text)
    }

    #[test]
    fn two_texts_that_are_cut_differ_in_what_is_shown() {
        let text = |word: &str| format!("{}{word}{}", "a".repeat(150), "z".repeat(150));
        let shown = lines(json!(text("-before-")), json!(text("-after-")));
        assert!(shown.contains("-before-z") && shown.contains("-after-z"), "{shown}");
        assert!(shown.chars().count() < 200, "{shown}");
    }

    #[test]
    fn items_of_a_list_are_held_against_those_they_are_like() {
        let item = |last: &str| json!({"field": "resources.ARN", "starts_with": ["a".repeat(120), last]});
        let shown = lines(json!([item("one"), item("same")]), json!([item("same"), item("two")]));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.contains("one\"") && shown.contains("two\"") && !shown.contains("same"), "{shown}");
        let shown = lines(json!("arn:a"), json!(["arn:a", "arn:b"]));
        assert_eq!(shown, "    + field: arn:b\n", "a list of one without brackets");
        assert_eq!(lines(json!(["arn:a", "arn:b"]), json!("arn:b")), "    - field: arn:a\n");
        assert!(lines(json!([1, 2]), json!([2, 1])).contains("the same items in another order"));
        assert!(lines(json!([1, 1]), json!([1])).contains("2 → 1 item"));
    }

    #[test]
    fn tables_are_compared_field_by_field() {
        let shown = lines(json!({"a": {"b": 1, "c": [1]}}), json!({"a": {"b": 2, "c": [1]}}));
        assert_eq!(shown, "    ~ field.a.b: 1 → 2\n");
        let source = |accounts: &[u64]| {
            let ids: Vec<String> = accounts.iter().map(|id| format!("{id:012}")).collect();
            json!([{ "accounts": ids, "all_regions": true, "regions": [] }])
        };
        let many: Vec<u64> = (300_000_000_000..300_000_000_040).collect();
        let shown = lines(source(&many), source(&many[1..]));
        assert_eq!(shown, "    - field.accounts: 300000000000\n", "the only item of a list is compared by its fields");
    }
}
