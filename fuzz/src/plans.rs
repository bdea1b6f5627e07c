//! Saved plans: what must hold whatever is in the file, its digest being right or wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use baseline::config::{Profiles, Source, load};
use baseline::model::{Address, Digest};
use baseline::plan::file::{PlanFileError, SavedPlan, seal};
use baseline::plan::{self, Plan};
use baseline::report::{human, json as documents, saved};
use baseline::services::Terms;
use bolero::TypeGenerator;
use serde_json::Value;

use crate::corpus::{self, seeds};
use crate::json::{Edit, Pool};
use crate::text;

/// Every saved plan of the corpus.
pub static PLANS: LazyLock<Pool> = LazyLock::new(|| Pool::new(seeds(&["fuzz/corpus/plan"], "json")));

/// The accounts of the corpus.
static PROFILES: LazyLock<Profiles> = LazyLock::new(|| {
    let text = r#"
[jump]
account = "111111111111"
baseline = false
[security]
account = "222222222222"
role = "BaselineSecurity"
home_region = "us-east-1"
[defaults]
role = "BaselineExecution"
[[account]]
id = "333333333333"
take_over = ["cloudtrail"]
"#;
    let source = Source { path: "profiles.toml".to_owned(), text: text.to_owned() };
    load(&source, None).unwrap_or_else(|problems| panic!("{:?}", problems.list)).profiles
});

/// What stands at the beginning of a saved plan, in this order.
const HEAD: [&str; 3] = ["kind", "format", "tool"];

/// A saved plan of the corpus, edited.
#[derive(Clone, TypeGenerator)]
pub struct Saved {
    seed: u16,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=6))]
    edits: Vec<Edit>,
    #[generator(Vec::<text::Edit>::produce().with().len(0usize..=2))]
    text_edits: Vec<text::Edit>,
    form: Form,
    place: u32,
    bits: u8,
}

/// Who edited it.
#[derive(Debug, Clone, Copy, TypeGenerator)]
enum Form {
    /// Somebody who wrote JSON again, and a right digest to it.
    Forged,
    /// The same, with an editor for text.
    Reworded,
    /// Somebody who knows of no digest.
    Torn,
}

impl Saved {
    /// The text of the saved plan, torn or edited as the form says.
    pub fn text(&self) -> String {
        if matches!(self.form, Form::Torn) {
            let mut text = corpus::pick(PLANS.seeds(), self.seed).map_or_else(String::new, |seed| seed.text.clone());
            self.text_edits.iter().for_each(|edit| edit.apply(&mut text));
            return text;
        }
        let mut content = content(&PLANS.edited(self.seed, &self.edits));
        if matches!(self.form, Form::Reworded) {
            self.text_edits.iter().for_each(|edit| edit.apply(&mut content));
        }
        let seal = seal(&Digest::of_bytes(content.as_bytes()));
        content + &seal
    }

    /// A byte that is changed afterwards: where, and into what, given what it was.
    pub fn byte(&self, length: usize) -> (usize, u8) {
        (self.place as usize % length.max(1), self.bits.max(1))
    }
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?}\n{}", self.form, self.edits, self.text_edits, self.text())
    }
}

/// Everything before the digest.
fn content(document: &Value) -> String {
    let Some(members) = document.as_object() else { return document.to_string() };
    let member = |(name, value): (&String, &Value)| format!("{}:{value}", Value::from(name.as_str()));
    let first = HEAD.iter().filter_map(|name| members.get_key_value(*name));
    let rest = members.iter().filter(|(name, _)| *name != "digest" && !HEAD.contains(&name.as_str()));
    format!("{{{}", first.chain(rest).map(member).collect::<Vec<_>>().join(","))
}

/// Checks one file; answers whether it was accepted.
///
/// # Panics
///
/// When a property does not hold.
pub fn check(bytes: &[u8]) -> bool {
    match SavedPlan::read(bytes) {
        Ok(saved) => {
            assert!(SavedPlan::is_begun_by(bytes));
            accepted(&saved);
            true
        }
        Err(refused) => {
            assert!(!refused.help().is_empty());
            printable(&refused.to_string());
            false
        }
    }
}

/// Checks that a file with one byte changed is refused, and is never taken for another plan than it was.
///
/// # Panics
///
/// When it is taken.
pub fn check_byte(bytes: &[u8], (at, bits): (usize, u8)) {
    let Ok(before) = SavedPlan::read(bytes) else { return };
    let mut bytes = bytes.to_vec();
    let Some(byte) = bytes.get_mut(at) else { return };
    *byte ^= bits;
    let end = bytes.iter().rposition(|byte| *byte == b'}').unwrap_or_default();
    match SavedPlan::read(&bytes) {
        // The line break behind the document may be any blank.
        Ok(after) => assert!(at > end && after == before, "byte {at} of {} is not looked at", bytes.len()),
        Err(PlanFileError::Malformed(why)) => panic!("it was read in spite of its digest: {why}"),
        Err(_) => {}
    }
}

fn accepted(saved: &SavedPlan) {
    let mut written = Vec::new();
    saved::write(&saved.origin, &saved.plan, &mut written).expect("a vector takes everything");
    let read = SavedPlan::read(&written).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&written)));
    assert_eq!(read, *saved, "what was written is another plan");
    let mut again = Vec::new();
    saved::write(&read.origin, &read.plan, &mut again).expect("a vector takes everything");
    assert_eq!(again, written, "written again, it is another file");
    checked(saved);
    shown(&saved.plan);
}

/// The linter takes out and adds nothing, says what became of every change, and leaves nothing to a second look.
fn checked(saved: &SavedPlan) {
    let terms = Terms { from_file: true, ..saved.origin.allowed.terms() };
    let once = plan::check(saved.plan.clone(), &PROFILES, &terms);
    assert!(once.changes.iter().all(|change| saved.plan.changes.contains(change)), "more than was planned");
    let told: BTreeSet<&Address> = once.changes.iter().map(|change| &change.address).collect();
    assert_eq!(told.len(), once.changes.len(), "something is changed twice");
    let blocked = once.blocked.iter().map(|blocked| &blocked.address);
    let told: BTreeSet<&Address> = blocked.chain(told).collect();
    assert!(saved.plan.changes.iter().all(|change| told.contains(&change.address)), "a change is lost");
    let twice = plan::check(once.clone(), &PROFILES, &terms);
    assert_eq!(twice, once, "a second look sees more");
}

/// However a plan is shown, it can be.
pub fn shown(plan: &Plan) {
    for text in [human::plan(plan, false), human::plan(plan, true), human::problems(plan), human::plan_summary(plan)] {
        printable(&text);
    }
    let mut document = Vec::new();
    documents::write_plan(plan, &mut document).expect("a vector takes everything");
    serde_json::from_slice::<Value>(&document).expect("a document");
}

/// Nothing that a terminal obeys but line breaks and colours.
pub fn printable(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n') {
        let after = rest[at..]
            .strip_prefix("\u{1b}[")
            .map(|after| after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
        match after.and_then(|after| after.strip_prefix('m')) {
            Some(after) => rest = after,
            None => panic!("a control character is shown: {:?}", &rest[at..].chars().take(40).collect::<String>()),
        }
    }
}
