//! Many resources that are to be made, each named once: what is made where, without its fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use owo_colors::OwoColorize;

use super::{Group, counted, place_lines};
use crate::model::Target;
use crate::plan::{Action, Plan};
use crate::services::Kind;

/// How many different creations are shown with their fields; more of them are a list of names.
const WITH_FIELDS: usize = 6;

/// A resource that is made in several places, perhaps not the same everywhere.
#[derive(Default)]
struct Made<'a> {
    places: BTreeSet<&'a Target>,
    forms: usize,
    depth: u32,
}

/// What is made: its kind and name, in how many forms, and how long the chain of what it requires is.
type Named<'a> = (Kind, &'a str, usize, u32);

/// Whether the creations are so many that only their names are shown.
pub(super) fn are_many(groups: &[Group<'_>]) -> bool {
    groups.iter().filter(|group| group.first.action == Action::Create).count() > WITH_FIELDS
}

/// Everything that is to be made, by where it is made.
pub(super) fn list(text: &mut String, plan: &Plan, groups: &[Group<'_>]) {
    let mut made: BTreeMap<(Kind, &str), Made<'_>> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.first.action == Action::Create) {
        let address = &group.first.address;
        let one = made.entry((address.kind, &address.name)).or_default();
        one.places.extend(group.places.iter().map(|address| &address.target));
        one.forms += 1;
        one.depth = one.depth.max(group.first.depth);
    }
    let mut blocks: BTreeMap<BTreeSet<&Target>, Vec<Named<'_>>> = BTreeMap::new();
    for ((kind, name), one) in made {
        blocks.entry(one.places).or_default().push((kind, name, one.forms, one.depth));
    }
    let mut blocks: Vec<_> = blocks.into_iter().collect();
    // What others require comes first, as it is made.
    blocks.sort_by_key(|(_, names)| names.iter().map(|(kind, _, _, depth)| (*depth, *kind)).min());
    for (places, names) in blocks {
        let title = counted(names.len() * places.len(), "resource");
        let mut lines = String::new();
        place_lines(&mut lines, plan, "", places.into_iter());
        // Where one line says where, it has room beside the title.
        match lines.trim_end().contains('\n') {
            false => drop(writeln!(text, "{} {}  {}", "+ create".green().bold(), title.bold(), lines.trim())),
            true => drop(write!(text, "{} {}\n{lines}", "+ create".green().bold(), title.bold())),
        }
        let width = names.iter().map(|(kind, ..)| kind.as_str().len()).max().unwrap_or(0);
        let mut kinds: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for (kind, name, forms, _) in names {
            let name = if forms > 1 { format!("{name} (not the same everywhere)") } else { name.to_owned() };
            kinds.entry(kind).or_default().push(name);
        }
        for (kind, names) in kinds {
            let _ = writeln!(text, "    {} {kind:width$}  {}", "+".green(), names.join(", "));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}\n", "every field of what is created is shown with -v, and with --format json".dimmed());
}
