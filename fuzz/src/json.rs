//! Edits to JSON documents: members and items, moved about and exchanged with those of the whole corpus.

use bolero::TypeGenerator;
use serde_json::{Value, json};

use crate::corpus::{Seed, index, pick};
use crate::text;

/// One edit. The numbers are taken modulo what there is to choose from; where there is nothing, nothing is done.
#[derive(Debug, Clone, TypeGenerator)]
pub enum Edit {
    /// Takes a member or item away.
    Drop(u16),
    /// Has an item twice, in a list of two.
    Twice(u16),
    /// Puts any value of the corpus in the place of one.
    Take(u16, u16),
    /// Puts a value that few expect in the place of one.
    Odd(u16, u16),
    /// Adds any member of the corpus to an object, or any value to a list.
    Add(u16, u16, u16),
    /// Puts a value into a list, or takes the first out of one.
    Wrap(u16),
    /// Gives a member another name of the corpus.
    Rename(u16, u16),
    /// Writes a text in capitals.
    Capitals(u16),
    /// Turns a list round.
    Reverse(u16),
    /// Puts a value deep into lists.
    Nest(u16, u8),
    /// Changes characters of one text.
    Leaf(u16, text::Edit),
}

/// What the edits take from.
#[derive(Debug)]
pub struct Pool {
    seeds: Vec<Seed>,
    values: Vec<Value>,
    names: Vec<String>,
}

impl Pool {
    /// Takes everything from these files.
    ///
    /// # Panics
    ///
    /// When one is not JSON.
    pub fn new(seeds: Vec<Seed>) -> Self {
        let (mut values, mut names) = (Vec::new(), Vec::new());
        for seed in &seeds {
            let document: Value =
                serde_json::from_str(&seed.text).unwrap_or_else(|e| panic!("{}: {e}", seed.path.display()));
            for path in paths(&document) {
                let value = document.pointer(&path).expect("a path of this document");
                names.extend(value.as_object().into_iter().flat_map(|members| members.keys().cloned()));
                values.push(value.clone());
            }
        }
        names.sort();
        names.dedup();
        values.sort_by_cached_key(Value::to_string);
        values.dedup();
        Pool { seeds, values, names }
    }

    /// The files of the corpus that edits start from.
    pub fn seeds(&self) -> &[Seed] {
        &self.seeds
    }

    /// The document of the file that a number stands for, with these edits made.
    pub fn edited(&self, seed: u16, edits: &[Edit]) -> Value {
        let text = pick(&self.seeds, seed).map_or("null", |seed| &seed.text);
        let mut document = serde_json::from_str(text).unwrap_or_default();
        for edit in edits {
            self.apply(edit, &mut document);
        }
        document
    }

    /// Makes one edit.
    pub fn apply(&self, edit: &Edit, document: &mut Value) {
        let paths = paths(document);
        let at = |which: u16| index(paths.len(), which).map(|at| paths[at].clone());
        let mut change = |which: u16, change: &mut dyn FnMut(&mut Value)| {
            if let Some(value) = at(which).and_then(|path| document.pointer_mut(&path)) {
                change(value);
            }
        };
        let value = |which: u16| pick(&self.values, which).cloned().unwrap_or_default();
        let name = |which: u16| pick(&self.names, which).cloned().unwrap_or_default();
        match edit {
            Edit::Drop(which) => change(*which, &mut |value| match value {
                Value::Object(members) => {
                    if let Some(name) = members.keys().nth(usize::from(*which) % members.len().max(1)).cloned() {
                        members.remove(&name);
                    }
                }
                Value::Array(items) => drop(index(items.len(), *which).map(|at| items.remove(at))),
                _ => {}
            }),
            Edit::Twice(which) => change(*which, &mut |value| *value = json!([value, value])),
            Edit::Take(which, from) => change(*which, &mut |place| *place = value(*from)),
            Edit::Odd(which, odd) => {
                change(*which, &mut |place| *place = pick(&odd_values(), *odd).cloned().unwrap_or_default())
            }
            Edit::Add(which, key, from) => change(*which, &mut |place| match place {
                Value::Object(members) => drop(members.insert(name(*key), value(*from))),
                Value::Array(items) => items.push(value(*from)),
                _ => {}
            }),
            Edit::Wrap(which) => change(*which, &mut |value| match value {
                Value::Array(items) if !items.is_empty() => *value = items.swap_remove(0),
                _ => *value = json!([value]),
            }),
            Edit::Rename(which, to) => change(*which, &mut |value| {
                if let Value::Object(members) = value
                    && let Some(old) = members.keys().nth(usize::from(*to) % members.len().max(1)).cloned()
                    && let Some(moved) = members.remove(&old)
                {
                    members.insert(name(*to), moved);
                }
            }),
            Edit::Capitals(which) => change(*which, &mut |value| {
                if let Value::String(text) = value {
                    *text = text.to_uppercase();
                }
            }),
            Edit::Reverse(which) => change(*which, &mut |value| {
                if let Value::Array(items) = value {
                    items.reverse();
                }
            }),
            Edit::Nest(which, depth) => change(*which, &mut |value| {
                for _ in 0..*depth {
                    *value = json!([value.take()]);
                }
            }),
            Edit::Leaf(which, edit) => change(*which, &mut |value| {
                if let Value::String(text) = value {
                    edit.apply(text);
                }
            }),
        }
    }
}

fn odd_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.10),
        json!(1e300),
        json!(""),
        json!("*"),
        json!("?"),
        json!("${"),
        json!("${aws:username}"),
        json!("${*}"),
        json!("111111111111"),
        json!("arn:aws:iam::111111111111:root"),
        json!("arn:aws-cn:iam::222222222222:root"),
        json!("BaselineX"),
        json!("2008-10-17"),
        json!("\u{0}"),
        json!("İ"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"AWS": "*"}),
        json!({"AWS": []}),
        json!({"": ""}),
    ]
}

/// The pointer to every value in a document, itself included.
fn paths(document: &Value) -> Vec<String> {
    fn walk(value: &Value, path: String, paths: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, child)| {
                walk(child, format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), paths);
            }),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, child)| walk(child, format!("{path}/{at}"), paths));
            }
            _ => {}
        }
        paths.push(path);
    }
    let mut paths = Vec::new();
    walk(document, String::new(), &mut paths);
    paths
}
