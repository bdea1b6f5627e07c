//! Policy statements that come or go as a whole, each in one line.

use std::collections::BTreeMap;
use std::fmt;

use owo_colors::OwoColorize;
use serde_json::Value;

use super::{path, shown};
use crate::plan::{FieldChange, FieldChangeKind};

/// The parts of a statement that come or go, by their paths inside it.
type Members<'a> = Vec<(&'a [String], &'a Value)>;

/// A statement that was not there before, or will not be there any more.
pub(super) struct Whole<'a> {
    path: &'a [String],
    is_new: bool,
    members: Members<'a>,
}

/// The statements that come or go as a whole.
pub(super) fn whole(fields: &[FieldChange]) -> Vec<Whole<'_>> {
    let mut statements: BTreeMap<&[String], (bool, Members<'_>)> = BTreeMap::new();
    for field in fields {
        let Some(at) = field.path.iter().position(|segment| segment == "Statement") else { continue };
        let (Some(path), Some(rest)) = (field.path.get(..at + 2), field.path.get(at + 2..)) else { continue };
        let (is_new, value) = match &field.kind {
            FieldChangeKind::Added { after } => (true, after),
            FieldChangeKind::Removed { before } => (false, before),
            FieldChangeKind::Changed { .. } => continue,
        };
        let statement = statements.entry(path).or_insert((is_new, Vec::new()));
        statement.1.push((rest, value));
    }
    let all = statements.into_iter().map(|(path, (is_new, members))| Whole { path, is_new, members });
    // Every statement has an effect: one whose effect neither comes nor goes was there and stays.
    all.filter(|whole| whole.member("Effect").is_some()).collect()
}

impl Whole<'_> {
    /// Whether the field is a part of it.
    pub(super) fn holds(&self, field: &FieldChange) -> bool {
        field.path.starts_with(self.path)
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.members.iter().find(|(path, _)| path.len() == 1 && path[0] == name).map(|(_, value)| *value)
    }

    /// Everything below a member, such as the types of a principal.
    fn below(&self, name: &str) -> String {
        let parts = self.members.iter().filter(|(path, _)| path.first().is_some_and(|first| first == name));
        let all: Vec<String> = parts
            .map(|(path, value)| match &path[1..] {
                [] => shown(value),
                [kind] => format!("{kind} {}", shown(value)),
                [operator, key @ ..] => format!("{operator} {} {}", super::path(key), shown(value)),
            })
            .collect();
        all.join(" and ")
    }
}

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_new { "+".green().to_string() } else { "-".red().to_string() };
        write!(f, "{sign} {}: {}", path(self.path), self.below("Effect").to_lowercase())?;
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
