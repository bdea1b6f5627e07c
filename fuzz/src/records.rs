//! Records of runs: what must hold whatever is in the file, and wherever it ends.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use baseline::model::Address;
use baseline::report::human;
use baseline::report::json::{self as documents, Ended};
use baseline::report::record::{self, Record};
use bolero::TypeGenerator;
use serde_json::Value;

use crate::corpus::{Seed, index, pick, seeds};
use crate::plans::{printable, shown};
use crate::{json, text};

/// Every record of the corpus.
pub static RECORDS: LazyLock<Vec<Seed>> = LazyLock::new(|| seeds(&["fuzz/corpus/record"], "jsonl"));

/// Their lines.
static LINES: LazyLock<json::Pool> = LazyLock::new(|| {
    let line = |seed: &Seed, text: &str| Seed { path: seed.path.clone(), text: text.to_owned() };
    json::Pool::new(RECORDS.iter().flat_map(|seed| seed.text.lines().map(|text| line(seed, text))).collect())
});

/// One edit of the lines.
#[derive(Debug, Clone, TypeGenerator)]
enum Edit {
    Drop(u16),
    Twice(u16),
    Swap(u16, u16),
    /// Puts any line of the corpus in.
    Insert(u16, u16),
    Inside(u16, json::Edit),
}

/// A record of the corpus, edited.
#[derive(Clone, TypeGenerator)]
pub struct Lines {
    seed: u16,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=6))]
    edits: Vec<Edit>,
    #[generator(Vec::<text::Edit>::produce().with().len(0usize..=2))]
    text_edits: Vec<text::Edit>,
    /// Whether the text is edited at all.
    broken: bool,
    /// Whether every line gets the number and the run that it should have: most of what is edited is refused otherwise.
    fitted: bool,
    cut: u32,
}

impl Lines {
    /// The file.
    pub fn text(&self) -> String {
        let text = pick(&RECORDS, self.seed).map_or("", |seed| &seed.text);
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect();
        for edit in &self.edits {
            let at = |which: u16| index(lines.len(), which);
            match edit {
                Edit::Drop(which) => drop(at(*which).map(|at| lines.remove(at))),
                Edit::Twice(which) => {
                    if let Some(at) = at(*which) {
                        lines.insert(at, lines[at].clone());
                    }
                }
                Edit::Swap(one, other) => {
                    if let (Some(one), Some(other)) = (at(*one), at(*other)) {
                        lines.swap(one, other);
                    }
                }
                Edit::Insert(which, from) => {
                    if let Some(at) = at(*which) {
                        lines.insert(at, LINES.edited(*from, &[]));
                    }
                }
                Edit::Inside(which, edit) => {
                    if let Some(at) = at(*which) {
                        LINES.apply(edit, &mut lines[at]);
                    }
                }
            }
        }
        let run = lines.first().and_then(|line| line.get("run")).cloned();
        for (at, line) in lines.iter_mut().enumerate().filter(|_| self.fitted) {
            if let (Some(members), Some(run)) = (line.as_object_mut(), &run) {
                members.insert("seq".to_owned(), (at + 1).into());
                members.insert("run".to_owned(), run.clone());
            }
        }
        let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        for edit in self.text_edits.iter().filter(|_| self.broken) {
            edit.apply(&mut text);
        }
        text
    }

    /// Where a run that was killed leaves off.
    pub fn cut(&self, length: usize) -> usize {
        index(length, 0).map_or(0, |_| self.cut as usize % length)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}\n{}", self.edits, self.text_edits, self.text())
    }
}

/// Checks one file; answers whether it was accepted.
///
/// # Panics
///
/// When a property does not hold.
pub fn check(bytes: &[u8]) -> bool {
    match record::read(bytes) {
        Ok(record) => {
            complete(&record);
            render(&record);
            true
        }
        Err(refused) => {
            printable(&refused.to_string());
            false
        }
    }
}

/// Checks that what a killed run leaves behind is a record, too, wherever it was cut off after its first line.
///
/// # Panics
///
/// When it is not.
pub fn check_cut(bytes: &[u8], cut: usize) {
    let begun = bytes.iter().position(|byte| *byte == b'\n').is_some_and(|end| end < cut);
    if begun && record::read(bytes).is_ok() {
        let read = record::read(&bytes[..cut]);
        let record = read.unwrap_or_else(|e| panic!("cut off at byte {cut} of {}: {e}", bytes.len()));
        assert!(!record.torn || cut > 0 && bytes[cut - 1] != b'\n', "a whole line is called half a line");
        complete(&record);
    }
}

/// Once changing began, every planned change has one end, or is named as one whose end is not known.
fn complete(record: &Record) {
    let mut told = BTreeSet::new();
    let ended = record.outcomes.iter().map(|(address, _)| address);
    let all: Vec<&Address> = ended.chain(&record.unknown).chain(&record.not_begun).collect();
    let Some(plan) = record.plan.as_ref().filter(|_| record.applying) else { return };
    let planned: BTreeSet<&Address> = plan.changes.iter().map(|change| &change.address).collect();
    // No plan of this tool changes a thing twice; a forged one may, and each of its changes is told.
    let forged = planned.len() != plan.changes.len();
    for address in &all {
        assert!(told.insert(*address) || forged, "{address} is told twice");
    }
    assert!(planned.is_subset(&told), "a change is not told");
}

/// However a record is shown, it can be.
fn render(record: &Record) {
    let Some(plan) = &record.plan else { return };
    shown(plan);
    let settled = record.settled();
    printable(&human::outcomes(plan, &record.outcomes));
    printable(&human::waits(plan, &settled));
    printable(&human::outcome_summary(&record.outcomes));
    let ended = Ended { outcomes: &record.outcomes, halted: record.halted.as_ref(), waits: &settled };
    let mut document = Vec::new();
    documents::write_apply(plan, &ended, &mut document).expect("a vector takes everything");
    serde_json::from_slice::<Value>(&document).expect("a document");
}
