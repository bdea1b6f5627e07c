//! Policy statements that come or go as a whole, each in one line.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use owo_colors::OwoColorize;
use serde_json::Value;

use super::values::{self, shown};
use super::{FEW, NAMED, counted};
use crate::plan::{FieldChange, FieldChangeKind, diff, whole_statements};

/// The parts of a statement that come or go, by their paths inside it.
type Members<'a> = Vec<(&'a [String], &'a Value)>;

/// A statement that was not there before, or will not be there any more.
pub(super) struct Whole<'a> {
    path: &'a [String],
    is_new: bool,
    members: Members<'a>,
}

/// The fields, with a policy that gets its first statements or loses its last ones taken apart by statement.
pub(super) fn each(fields: &[FieldChange]) -> Vec<FieldChange> {
    let taken_apart = fields.iter().map(|field| {
        let FieldChangeKind::Changed { before, after } = &field.kind else { return vec![field.clone()] };
        let is_empty = |side: &Value| side.as_array().is_some_and(Vec::is_empty);
        let statements = match field.path.last().is_some_and(|last| last == "Statement") {
            true if is_empty(before) => diff(&Value::Null, after),
            true if is_empty(after) => diff(before, &Value::Null),
            _ => Vec::new(),
        };
        if statements.iter().all(|part| part.path.is_empty()) {
            return vec![field.clone()];
        }
        let whole = |part: FieldChange| FieldChange { path: [&field.path[..], &part.path].concat(), kind: part.kind };
        statements.into_iter().map(whole).collect()
    });
    taken_apart.flatten().collect()
}

/// The statements that come or go as a whole.
pub(super) fn whole(fields: &[FieldChange]) -> Vec<Whole<'_>> {
    let statements = whole_statements(fields).into_iter().map(|path| {
        let mut is_new = false;
        let members = fields.iter().filter(|field| field.path.starts_with(path)).filter_map(|field| {
            let value = match &field.kind {
                FieldChangeKind::Added { after } => {
                    is_new = true;
                    after
                }
                FieldChangeKind::Removed { before } => before,
                FieldChangeKind::Changed { .. } => return None,
            };
            Some((&field.path[path.len()..], value))
        });
        let members = members.collect();
        Whole { path, is_new, members }
    });
    statements.collect()
}

/// A line for each statement; of many that come or go from the same policy, their names alone.
pub(super) fn lines(text: &mut String, whole: &[Whole<'_>]) {
    let mut policies: BTreeMap<(&[String], bool), Vec<&Whole<'_>>> = BTreeMap::new();
    for statement in whole {
        let policy = statement.path.split_last().map_or(statement.path, |(_, policy)| policy);
        policies.entry((policy, statement.is_new)).or_default().push(statement);
    }
    for ((policy, is_new), statements) in policies {
        if statements.len() <= NAMED {
            for statement in statements {
                let _ = writeln!(text, "    {statement}");
            }
            continue;
        }
        let sign = if is_new { "+".green().to_string() } else { "-".red().to_string() };
        let names: Vec<String> = statements
            .iter()
            .filter_map(|statement| statement.path.last())
            .map(|sid| values::path(std::slice::from_ref(sid)))
            .collect();
        let more = names.len() - FEW;
        let _ = writeln!(
            text,
            "    {sign} {}: {} ({}, and {more} more; -v shows them)",
            values::path(policy),
            counted(names.len(), "statement"),
            names[..FEW].join(", "),
        );
    }
}

impl Whole<'_> {
    /// Whether the field is a part of it.
    pub(super) fn holds(&self, field: &FieldChange) -> bool {
        field.path.starts_with(self.path)
    }

    /// That it came or goes, in few words for a line of several.
    pub(super) fn phrase(&self) -> String {
        let path = values::path(self.path);
        if self.is_new { format!("{path} was missing") } else { format!("{path} was there and is gone") }
    }

    /// Everything below a member, such as the types of a principal.
    fn below(&self, name: &str) -> String {
        let parts = self.members.iter().filter(|(path, _)| path.first().is_some_and(|first| first == name));
        let all: Vec<String> = parts
            .map(|(path, value)| match &path[1..] {
                [] => shown(value),
                [kind] => format!("{kind} {}", shown(value)),
                [operator, key @ ..] => format!("{operator} {} {}", values::path(key), shown(value)),
            })
            .collect();
        all.join(" and ")
    }
}

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_new { "+".green().to_string() } else { "-".red().to_string() };
        write!(f, "{sign} {}: {}", values::path(self.path), self.below("Effect").to_lowercase())?;
        for (name, word) in [
            ("Action", ""),
            ("NotAction", " all but"),
            ("Resource", " on"),
            ("NotResource", " on all but"),
            ("Principal", " for"),
            ("NotPrincipal", " for all but"),
            ("Condition", " if"),
        ] {
            let value = self.below(name);
            if !value.is_empty() {
                write!(f, "{word} {value}")?;
            }
        }
        Ok(())
    }
}
