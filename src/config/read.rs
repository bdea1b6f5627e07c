//! TOML text -> raw tables, without stopping at the first mistake.
//!
//! serde stops at its first error. So each error's place is looked up in the parsed document, recorded and struck out,
//! and the rest is read again until nothing is left to object to. Every round takes one node away, so it ends.

mod repeats;

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::problem::Findings;
use super::suggest::{choices, closest, did_you_mean};

/// One step from a table or array to what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// A node of the document that an error may be about.
struct Node {
    path: Vec<Step>,
    /// Where the node's key stands; elements of arrays have none.
    key: Option<Range<usize>>,
    value: Range<usize>,
    found: &'static str,
    /// Whether it is a list of tables.
    tables: bool,
}

/// Parses the text. Syntax errors are recorded; what could still be read comes back all the same.
pub(super) fn parse<'i>(text: &'i str, findings: &mut Findings) -> Spanned<DeTable<'i>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let refused: Vec<Range<usize>> =
        errors.iter().filter(|error| error.message() == "duplicate key").filter_map(|error| error.span()).collect();
    let repeated = repeats::headers(text, &refused);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        // A table that stands there twice is said once, and not once more for every key in it.
        if error.message() == "duplicate key" && repeated.iter().any(|header| header.is_behind(&span)) {
            continue;
        }
        let key = text.get(span.clone()).unwrap_or_default().trim();
        if error.message() == "duplicate key" && !key.is_empty() {
            findings
                .error(span, format!("not valid TOML: `{key}` is given twice"))
                .label("again")
                .help("keep one of them; a key of another table stands below that table's header");
            continue;
        }
        let problem = findings.error(span, format!("not valid TOML: {}", error.message()));
        if error.message().contains("string") {
            problem.help("a text stands between quotation marks: name = \"text\"");
        }
    }
    for header in repeated {
        header.report(findings);
    }
    table
}

/// Reads a value as `T`, recording every mistake below `path` on the way; `None` when the value as a whole is of
/// another type.
pub(super) fn read<T: DeserializeOwned>(
    mut value: Spanned<DeValue<'_>>,
    path: &str,
    findings: &mut Findings,
) -> Option<T> {
    let mut renamed: Vec<Range<usize>> = Vec::new();
    loop {
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(raw) => return Some(raw),
            Err(error) => strike(&mut value, &error, path, &mut renamed, findings)?,
        }
    }
}

/// Takes away what the error is about; `None` when that is the whole value.
fn strike(
    root: &mut Spanned<DeValue<'_>>,
    error: &toml::de::Error,
    path: &str,
    renamed: &mut Vec<Range<usize>>,
    findings: &mut Findings,
) -> Option<()> {
    let span = error.span().unwrap_or_else(|| root.span());
    let mut nodes = Vec::new();
    collect(root, &mut Vec::new(), &mut nodes);
    let unknown = error.message().starts_with("unknown field");
    let by_key = |n: &&Node| n.key.as_ref() == Some(&span);
    // An array of tables stands where its first table does: the one that is of the wrong type is meant.
    let wanted = expected(error.message());
    let by_value = |n: &&Node| n.value == span && n.found != wanted;
    let node = if unknown { nodes.iter().find(by_key) } else { nodes.iter().rev().find(by_value) }.or_else(|| {
        let holds = |n: &&Node| n.value.start <= span.start && span.end <= n.value.end;
        nodes.iter().filter(holds).min_by_key(|n| n.value.len())
    });
    let Some(node) = node else {
        let found = kind_of(root.get_ref());
        let tables = are_tables(root.get_ref());
        findings.error(span, mismatch(path, found, error.message())).maybe_help(brackets(
            path,
            found,
            tables,
            error.message(),
        ));
        findings.strike(path.to_owned());
        return None;
    };
    let full = join(path, &node.path);
    if unknown && let Some(Step::Key(name)) = node.path.last() {
        let allowed = quoted(error.message().strip_prefix(&format!("unknown field `{name}`")).unwrap_or_default());
        let meant = closest(name, allowed.iter().map(String::as_str)).map(str::to_owned);
        let place = match path_of_parent(path, &node.path) {
            parent if parent.is_empty() => "in this file".to_owned(),
            parent => format!("in {}", table_name(&parent)),
        };
        let other = findings.document().other();
        findings.error(span, format!("`{name}` is not a key {place}")).label("not known").help(match &meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if full == *name && other.has_key(name) => format!("it belongs in {}", other.usual_name()),
            None => format!("known here: {}", allowed.join(", ")),
        });
        // Under its right name the value is still checked, and nothing is reported as missing because of a typo.
        if let Some(value) = rename(root, &node.path, meant.as_deref()) {
            renamed.push(value);
        } else if let Some(meant) = meant {
            let sibling = [node.path[..node.path.len() - 1].to_vec(), vec![Step::Key(meant)]].concat();
            findings.strike(join(path, &sibling));
        }
        return Some(());
    }
    if !renamed.contains(&node.value) {
        let message = error.message();
        if let Some(variant) = message.strip_prefix("unknown variant ") {
            let names = quoted(variant);
            let (got, allowed) = names.split_first().map_or(("", &[][..]), |(g, a)| (g.as_str(), a));
            findings
                .error(node.value.clone(), format!("`{}` cannot be `{got}`", key_name(&full)))
                .label(format!("expected {}", choices(allowed.iter().map(String::as_str))))
                .maybe_help(did_you_mean(got, allowed.iter().map(String::as_str)));
        } else {
            findings
                .error(node.value.clone(), mismatch(&full, node.found, message))
                .label(format!("this is {}", node.found))
                .maybe_help(brackets(&full, node.found, node.tables, message));
        }
    }
    findings.strike(full);
    remove(root, &node.path);
    Some(())
}

fn collect(value: &Spanned<DeValue<'_>>, path: &mut Vec<Step>, nodes: &mut Vec<Node>) {
    let mut visit = |step: Step, key: Option<Range<usize>>, child: &Spanned<DeValue<'_>>, nodes: &mut Vec<Node>| {
        path.push(step);
        let (found, tables) = (kind_of(child.get_ref()), are_tables(child.get_ref()));
        nodes.push(Node { path: path.clone(), key, value: child.span(), found, tables });
        collect(child, path, nodes);
        path.pop();
    };
    match value.get_ref() {
        DeValue::Table(table) => {
            for (key, child) in table {
                visit(Step::Key(key.get_ref().to_string()), Some(key.span()), child, nodes);
            }
        }
        DeValue::Array(array) => {
            for (index, child) in array.iter().enumerate() {
                visit(Step::Index(index), None, child, nodes);
            }
        }
        _ => {}
    }
}

fn descend<'a, 'i>(root: &'a mut Spanned<DeValue<'i>>, path: &[Step]) -> Option<&'a mut DeValue<'i>> {
    let mut value = root.get_mut();
    for step in path {
        value = match (step, value) {
            (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str())?.get_mut(),
            (Step::Index(index), DeValue::Array(array)) => array.get_mut(*index)?.get_mut(),
            _ => return None,
        };
    }
    Some(value)
}

fn remove(root: &mut Spanned<DeValue<'_>>, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else { return };
    match (last, descend(root, parents)) {
        (Step::Key(key), Some(DeValue::Table(table))) => {
            table.remove(key.as_str());
        }
        (Step::Index(index), Some(DeValue::Array(array))) if *index < array.len() => {
            let rest = array.iter().enumerate().filter(|(at, _)| at != index);
            *array = rest.map(|(_, value)| value.clone()).collect();
        }
        _ => {}
    }
}

/// Takes a key away, or gives it another name where that is free; answers where its value stands if it was renamed.
fn rename(root: &mut Spanned<DeValue<'_>>, path: &[Step], name: Option<&str>) -> Option<Range<usize>> {
    let (Step::Key(key), parents) = path.split_last()? else { return None };
    let Some(DeValue::Table(table)) = descend(root, parents) else { return None };
    let (old, value) = table.remove_entry(key.as_str())?;
    let name = name.filter(|name| table.get(*name).is_none())?;
    let span = value.span();
    table.insert(Spanned::new(old.span(), name.to_owned().into()), value);
    Some(span)
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn are_tables(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Array(items) if items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))))
}

/// What serde expected, in TOML's words.
fn expected(message: &str) -> &str {
    match message.rsplit_once(", expected ").map(|(_, expected)| expected) {
        Some("i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize") => "an integer",
        Some("f32" | "f64") => "a number",
        Some("a sequence") => "an array",
        Some("a map") => "a table",
        Some(other) => other,
        None => "a string",
    }
}

fn mismatch(path: &str, found: &str, message: &str) -> String {
    let expected = expected(message);
    if path.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return format!("each element of `{}` is {expected}, not {found}", key_name(path));
    }
    if expected == found {
        // A value of the right type that is still refused: an integer too large for 64 bits.
        return format!("`{}` cannot hold this value", key_name(path));
    }
    format!("`{}` takes {expected}, not {found}", key_name(path))
}

fn brackets(path: &str, found: &str, tables: bool, message: &str) -> Option<String> {
    let key = path.rsplit('.').next().unwrap_or(path);
    match (expected(message), found) {
        ("a table", "an array" | "a string") if key == "regions" => Some(
            "write regions = { list = [\"ap-northeast-1\"] } for these and no others, or regions = { include = [\"ap-*\"] } \
             to take those of the account's enabled Regions that match"
                .to_owned(),
        ),
        ("a table", "an array") if !tables => {
            Some(format!("its keys stand below a header [{key}], or in braces: {key} = {{ … }}"))
        }
        ("an array", "a table") => Some(format!("several may be given: write [[{key}]] with double brackets")),
        ("a table", "an array") => Some(format!("there is one: write [{key}] with single brackets")),
        ("a string", "an integer") => Some("put quotation marks around it".to_owned()),
        ("an array", "a string") => Some("put square brackets around it: [\"…\"]".to_owned()),
        ("a boolean", "a string") => Some("write true or false, without quotation marks".to_owned()),
        ("an integer", "a string") => Some("write the number without quotation marks".to_owned()),
        _ => None,
    }
}

/// Every second piece between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn join(path: &str, steps: &[Step]) -> String {
    let mut text = path.to_owned();
    for step in steps {
        if !text.is_empty() {
            text.push('.');
        }
        match step {
            Step::Key(key) => text.push_str(key),
            Step::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text
}

fn path_of_parent(path: &str, steps: &[Step]) -> String {
    join(path, steps.split_last().map_or(&[], |(_, parents)| parents))
}

/// `account.3.regions` -> `[[account]] regions`.
pub(crate) fn table_name(path: &str) -> String {
    let mut parts = path.split('.').peekable();
    let mut names = Vec::new();
    let mut repeated = false;
    while let Some(part) = parts.next() {
        names.push(part);
        if parts.peek().is_some_and(|next| next.bytes().all(|b| b.is_ascii_digit())) {
            parts.next();
            repeated = true;
        }
    }
    if repeated { format!("[[{}]]", names.join(".")) } else { format!("[{}]", names.join(".")) }
}

/// The last key of a path: `account.3.id` -> `id`, `defaults.regions.include.0` -> `include`.
fn key_name(path: &str) -> &str {
    path.rsplit('.').find(|part| !part.bytes().all(|b| b.is_ascii_digit())).unwrap_or(path)
}
