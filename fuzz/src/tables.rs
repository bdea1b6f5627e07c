//! Edits to TOML text that keep most of it well formed: lines, tables, keys and values, moved about and exchanged with
//! those of the whole corpus.

use bolero::TypeGenerator;

use crate::corpus::{Seed, index, pick};
use crate::text;

/// One edit. The numbers are taken modulo what there is to choose from; where there is nothing, nothing is done.
#[derive(Debug, Clone, TypeGenerator)]
pub enum Edit {
    /// Leaves a line out.
    DropLine(u16),
    /// Has a line twice, or many times.
    RepeatLine(u16, u8),
    /// Exchanges two lines.
    SwapLines(u16, u16),
    /// Puts any line of the corpus in.
    TakeLine(u16, u16),
    /// Leaves a table out.
    DropTable(u16),
    /// Has a table twice.
    RepeatTable(u16),
    /// Appends any table of the corpus.
    TakeTable(u16),
    /// Gives a key any value of the corpus.
    TakeValue(u16, u16),
    /// Gives a key a value that few expect.
    OddValue(u16, u16),
    /// Gives a value any key of the corpus.
    TakeKey(u16, u16),
    /// Makes a line's key a path of many, or its value an array or table deep within.
    Nest(u16, u8, u8),
    /// Takes the comment sign away from a line.
    Uncomment(u16),
    /// Exchanges single and double brackets around a header.
    OtherBrackets(u16),
    /// Puts a value between quotation marks, or in an array.
    Wrap(u16, bool),
    /// Changes line ends, or starts with a byte order mark.
    Dialect(bool),
    /// Changes characters anywhere.
    Text(text::Edit),
    /// Changes characters of one line.
    Line(u16, text::Edit),
}

/// Values that every check has to bear, whatever type it wants.
const ODD_VALUES: &[&str] = &[
    "\"\"",
    "''",
    "'''\n'''",
    "\"\"\"\n  a\\\n  b\"\"\"",
    "0",
    "-1",
    "-0.0",
    "1.5",
    "1e400",
    "nan",
    "-inf",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "0xdead_beef",
    "1_000",
    "007",
    "true",
    "false",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "0000-01-01",
    "9999-12-31",
    "2027-02-30",
    "2028-02-29T24:00:61+99:99",
    "07:32:00",
    "[]",
    "[[], {}]",
    "{}",
    "{ a = 1, a = 2 }",
    "{ a.b = 1, a.c = [{}] }",
    "\"\\u0000\"",
    "\"\\u001b[31m\"",
    "\"\\uD800\"",
    "\"a\\nb\"",
    "\"\\r\"",
    "\"   \"",
    "\"日本語\"",
    "\"é\"",
    "\"１１１１１１１１１１１１\"",
    "\"*\"",
    "\"**\"",
    "\"[\"",
    "\"{a,{b,c}}\"",
    "[\"*\", \"*\"]",
    "\"arn:aws:iam::111111111111:role/\"",
    "\"arn:aws:::::\"",
    "\"global\"",
    "\"111111111111\"",
    "\"000000000000\"",
    "\"{}\"",
    "'{\"source\": [\"a\"], \"$or\": [{\"source\": [null]}, {}]}'",
    "'{\"detail\": {\"a\": [{\"numeric\": [\">\", 1e300, \"<\"]}]}}'",
    "'{\"detail\": {\"a\": [{\"anything-but\": {\"prefix\": []}}]}}'",
    "'{\"detail\": [[[[[[[[[[]]]]]]]]]]}'",
    "\"https://user:pass@/x?y#z\"",
    "\"https://\"",
    "\"a@b\"",
    "\"@\"",
    "\"${a}\"",
    "\"<a>\"",
    "\"<<>\"",
];

/// What the edits take from.
#[derive(Debug)]
pub struct Pool {
    seeds: Vec<Seed>,
    lines: Vec<String>,
    tables: Vec<Vec<String>>,
    keys: Vec<String>,
    values: Vec<String>,
}

impl Pool {
    /// Takes everything from these files, and from what stands in their comments.
    pub fn new(seeds: Vec<Seed>) -> Self {
        let mut pool = Pool { seeds, lines: Vec::new(), tables: Vec::new(), keys: Vec::new(), values: Vec::new() };
        for seed in &pool.seeds {
            let lines: Vec<String> = seed.text.lines().map(str::to_owned).collect();
            for line in &lines {
                if let Some((key, value)) = line.trim_start_matches(['#', ' ']).split_once('=') {
                    pool.keys.push(key.trim().to_owned());
                    pool.values.push(without_comment(value).to_owned());
                }
                pool.lines.push(line.clone());
            }
            pool.tables.extend(tables(&lines).into_iter().map(|table| lines[table].to_vec()));
        }
        for list in [&mut pool.lines, &mut pool.keys, &mut pool.values] {
            list.sort();
            list.dedup();
        }
        pool.tables.sort();
        pool.tables.dedup();
        pool
    }

    /// The files.
    pub fn seeds(&self) -> &[Seed] {
        &self.seeds
    }

    /// The text of the file that a number stands for, with these edits made.
    pub fn edited(&self, seed: u16, edits: &[Edit]) -> String {
        let mut text = pick(&self.seeds, seed).map_or_else(String::new, |seed| seed.text.clone());
        for edit in edits {
            self.apply(edit, &mut text);
        }
        text
    }

    fn apply(&self, edit: &Edit, text: &mut String) {
        match edit {
            Edit::Text(edit) => return edit.apply(text),
            Edit::Dialect(true) => return text.insert(0, '\u{feff}'),
            Edit::Dialect(false) => return *text = text.replace('\n', "\r\n"),
            _ => {}
        }
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        self.apply_to_lines(edit, &mut lines);
        *text = lines.join("\n");
    }

    fn apply_to_lines(&self, edit: &Edit, lines: &mut Vec<String>) {
        let length = lines.len();
        match edit {
            Edit::DropLine(at) => drop(index(length, *at).map(|at| lines.remove(at))),
            Edit::RepeatLine(at, times) => {
                if let Some(at) = index(length, *at) {
                    let line = lines[at].clone();
                    lines.splice(at..at, vec![line; usize::from(times % 8)]);
                }
            }
            Edit::SwapLines(one, other) => {
                if let (Some(one), Some(other)) = (index(length, *one), index(length, *other)) {
                    lines.swap(one, other);
                }
            }
            Edit::TakeLine(at, from) => {
                if let (Some(at), Some(line)) = (index(length + 1, *at), pick(&self.lines, *from)) {
                    lines.insert(at, line.clone());
                }
            }
            Edit::DropTable(which) => {
                if let Some(table) = pick(&tables(lines), *which) {
                    lines.drain(table.clone());
                }
            }
            Edit::RepeatTable(which) => {
                if let Some(table) = pick(&tables(lines), *which) {
                    lines.extend(lines[table.clone()].to_vec());
                }
            }
            Edit::TakeTable(from) => lines.extend(pick(&self.tables, *from).cloned().unwrap_or_default()),
            Edit::TakeValue(at, from) => {
                if let Some(value) = pick(&self.values, *from) {
                    with_value(lines, *at, |_| value.clone());
                }
            }
            Edit::OddValue(at, which) => {
                if let Some(value) = pick(ODD_VALUES, *which) {
                    with_value(lines, *at, |_| (*value).to_owned());
                }
            }
            Edit::TakeKey(at, from) => {
                if let (Some(line), Some(key)) = (key_line(lines, *at), pick(&self.keys, *from))
                    && let Some((_, value)) = line.split_once('=')
                {
                    *line = format!("{key} ={value}");
                }
            }
            Edit::Nest(at, depth, how) => {
                let depth = usize::from(*depth);
                match how % 3 {
                    0 => with_value(lines, *at, |value| format!("{}{value}{}", "[".repeat(depth), "]".repeat(depth))),
                    1 => with_value(lines, *at, |value| format!("{}{value}{}", "{a=".repeat(depth), "}".repeat(depth))),
                    _ => {
                        if let Some(line) = key_line(lines, *at) {
                            line.insert_str(0, &"a.".repeat(depth));
                        }
                    }
                }
            }
            Edit::Uncomment(which) => {
                let mut comments: Vec<&mut String> = lines.iter_mut().filter(|line| line.starts_with("# ")).collect();
                if let Some(which) = index(comments.len(), *which) {
                    *comments[which] = comments[which][2..].to_owned();
                }
            }
            Edit::OtherBrackets(which) => {
                let mut headers: Vec<&mut String> = lines.iter_mut().filter(|line| line.starts_with('[')).collect();
                if let Some(which) = index(headers.len(), *which) {
                    let name = headers[which].trim_matches(['[', ']']).to_owned();
                    let double = headers[which].starts_with("[[");
                    *headers[which] = if double { format!("[{name}]") } else { format!("[[{name}]]") };
                }
            }
            Edit::Wrap(at, in_array) => with_value(lines, *at, |value| match in_array {
                true => format!("[{value}, {value}]"),
                false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
            }),
            Edit::Line(at, edit) => {
                if let Some(at) = index(length, *at) {
                    edit.apply(&mut lines[at]);
                }
            }
            Edit::Text(_) | Edit::Dialect(_) => {}
        }
    }
}

/// The lines of each table, its header first and the comments before the next one left out.
fn tables(lines: &[String]) -> Vec<std::ops::Range<usize>> {
    let heads: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with('[')).collect();
    let ends = heads.iter().skip(1).copied().chain([lines.len()]);
    let kept = |at: &usize| !lines[*at].is_empty() && !lines[*at].starts_with('#');
    heads
        .iter()
        .zip(ends)
        .map(|(head, end)| *head..(*head..end).rev().find(kept).map_or(end, |last| last + 1))
        .collect()
}

/// The line with a key that a number stands for.
fn key_line(lines: &mut [String], which: u16) -> Option<&mut String> {
    let mut keys: Vec<&mut String> =
        lines.iter_mut().filter(|line| !line.starts_with('#') && line.contains('=')).collect();
    let at = index(keys.len(), which)?;
    Some(keys.swap_remove(at))
}

fn with_value(lines: &mut [String], which: u16, change: impl FnOnce(&str) -> String) {
    if let Some(line) = key_line(lines, which)
        && let Some((key, value)) = line.split_once('=')
    {
        *line = format!("{key}= {}", change(without_comment(value)));
    }
}

/// A value without the comment behind it, as far as a line alone tells.
fn without_comment(value: &str) -> &str {
    value.split(" #").next().unwrap_or(value).trim()
}
