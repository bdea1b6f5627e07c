//! The two TOML files: what must hold whatever is in them.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use baseline::config::{Document, Loaded, Problem, Problems, Severity, Source, load};
use bolero::TypeGenerator;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::corpus::seeds;
use crate::render::render;
use crate::tables::{Edit, Pool};
use crate::{corpus, desired};

/// Every `profiles.toml` of the corpus, the wrong ones of the tests included.
pub static PROFILES: LazyLock<Pool> = LazyLock::new(|| {
    Pool::new(seeds(&["profiles.example.toml", "fuzz/corpus/profiles", "tests/data/invalid/profiles"], "toml"))
});

/// Every `baseline.toml` of the corpus, the shipped ones and the wrong ones of the tests included.
pub static BASELINES: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(seeds(&["baselines", "fuzz/corpus/baseline", "tests/data/invalid/baseline"], "toml")));

/// What every planted secret carries, and no file of the corpus.
pub const MARK: &str = "73577357";

/// External ids as somebody could write them, right and wrong.
const SECRETS: &[&str] = &[
    "\"73577357-secret\"",
    "'73577357'",
    "\"73577357 with blanks\"",
    "\"7357\\\"73577357\\\"\"",
    "\"é73577357日本\"",
    "\"\"\"\n73577357\n\n73577357\"\"\"",
    "'''73577357'73577357'''",
    "[\"73577357\", [\"73577357\"], { a = \"73577357\" }]",
    "[\n  \"73577357\", # 73577357\n]",
    "{ value = \"73577357\" }",
    "73577357",
    "73577357.5",
    "73577357x",
    "\"73577357",
    "73577357\"",
];

/// Endpoints with a secret in them.
const URLS: &[&str] = &[
    "\"https://ops:73577357@hooks.example.com\"",
    "\"https://hooks.example.com/73577357?73577357=73577357#73577357\"",
    "'https://73577357@/73577357'",
    "\"https://hooks.example.com:1x/73577357\"",
    "\"http://hooks.example.com/73577357 73577357\"",
];

/// A `profiles.toml` alone: a file of the corpus, edited.
#[derive(Clone, TypeGenerator)]
pub struct Profiles {
    seed: u16,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=8))]
    edits: Vec<Edit>,
}

impl Profiles {
    /// The text of the profiles file, after the edits.
    pub fn text(&self) -> String {
        PROFILES.edited(self.seed, &self.edits)
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n--- profiles.toml\n{}\n---", self.edits, self.text())
    }
}

/// Both files, with recognisable secrets put where secrets belong.
#[derive(Clone, TypeGenerator)]
pub struct Both {
    profiles: Profiles,
    baseline: u16,
    #[generator(Vec::<Edit>::produce().with().len(0usize..=8))]
    edits: Vec<Edit>,
    secret: u16,
}

impl Both {
    /// Both texts; half of all `profiles.toml` are left as they are, so that the other half of the checks is reached.
    pub fn texts(&self) -> (String, String) {
        let profiles = if self.secret.is_multiple_of(2) {
            self.profiles.text()
        } else {
            corpus::pick(PROFILES.seeds(), self.profiles.seed).map_or_else(String::new, |seed| seed.text.clone())
        };
        (plant(&profiles, self.secret), plant(&BASELINES.edited(self.baseline, &self.edits), self.secret))
    }
}

impl fmt::Debug for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (profiles, baseline) = self.texts();
        write!(f, "{:?} {:?}", self.profiles.edits, self.edits)?;
        write!(f, "\n--- profiles.toml\n{profiles}\n--- baseline.toml\n{baseline}\n---")
    }
}

/// The text with a secret in the place of every external id, under whatever spelling, and in every URL. One that is not
/// TOML stays as it is: what a parser makes of a broken text may be anywhere, also where nobody would look for a secret;
/// unit tests of the configuration have broken files with secrets in them.
pub fn plant(text: &str, which: u16) -> String {
    // The corpus has it, too, and edits carry it anywhere.
    let text = &text.replace(MARK, "00000000");
    let mut places: Vec<(Range<usize>, &str)> = Vec::new();
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return text.to_owned();
    }
    collect(table.get_ref(), which, &mut places);
    places.sort_by_key(|(span, _)| span.start);
    let mut planted = text.to_owned();
    let mut before = text.len();
    for (span, secret) in places.into_iter().rev().filter(|(span, _)| text.get(span.clone()).is_some()) {
        if span.end <= before {
            before = span.start;
            planted.replace_range(span, secret);
        }
    }
    planted
}

fn collect<'s>(table: &DeTable<'_>, which: u16, places: &mut Vec<(Range<usize>, &'s str)>) {
    let choose = |all: &[&'s str]| corpus::pick(all, which).copied();
    for (key, value) in table {
        let plain: String = key.get_ref().chars().filter(char::is_ascii_alphanumeric).collect();
        if strsim::damerau_levenshtein(&plain.to_lowercase(), "externalid") <= 2 {
            leaves(value, &mut |span| places.extend(choose(SECRETS).map(|secret| (span, secret))));
        } else if key.get_ref() == "endpoint" && value.get_ref().as_str().is_some_and(|url| url.starts_with("http")) {
            places.extend(choose(URLS).map(|url| (value.span(), url)));
        }
        below(value, which, places);
    }
}

fn below<'s>(value: &Spanned<DeValue<'_>>, which: u16, places: &mut Vec<(Range<usize>, &'s str)>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, which, places),
        DeValue::Array(array) => array.iter().for_each(|child| below(child, which, places)),
        _ => {}
    }
}

fn leaves(value: &Spanned<DeValue<'_>>, found: &mut impl FnMut(Range<usize>)) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, child)| leaves(child, found)),
        DeValue::Array(array) => array.iter().for_each(|child| leaves(child, found)),
        _ => found(value.span()),
    }
}

/// Checks one pair of files; answers whether they were accepted.
///
/// # Panics
///
/// When a property does not hold.
pub fn check(profiles: &str, baseline: Option<&str>) -> bool {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let (who, what) = (source("profiles.toml", profiles), baseline.map(|text| source("baseline.toml", text)));
    match load(&who, what.as_ref()) {
        Ok(loaded) => {
            assert_eq!(errors(&loaded.warnings), 0, "accepted in spite of an error: {:?}", loaded.warnings.list);
            assert_eq!(loaded.baseline.is_some(), baseline.is_some());
            explained(&loaded.warnings, &who, what.as_ref());
            accepted(&loaded);
            true
        }
        Err(problems) => {
            assert_ne!(errors(&problems), 0, "refused without a reason: {:?}", problems.list);
            explained(&problems, &who, what.as_ref());
            false
        }
    }
}

/// Checks that no planted secret comes back, in whatever way the outcome is shown.
///
/// # Panics
///
/// When one does.
pub fn check_secrets(profiles: &str, baseline: &str) {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let outcome = load(&source("profiles.toml", profiles), Some(&source("baseline.toml", baseline)));
    let problems = match &outcome {
        Ok(loaded) => &loaded.warnings,
        Err(problems) => problems,
    };
    for problem in &problems.list {
        let said = format!("{problem:?}\n{}", render(problem, problems.source(problem)));
        assert!(!said.contains(MARK), "a secret is shown:\n{said}");
    }
    let all = format!("{outcome:?}");
    if let Some(at) = all.find(MARK) {
        let around: String = all[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("a secret is kept where it may be shown: {around}{MARK}");
    }
}

fn errors(problems: &Problems) -> usize {
    problems.errors_in(Document::Profiles) + problems.errors_in(Document::Baseline)
}

/// Every problem says something, has its place in the file, and can be shown.
fn explained(problems: &Problems, profiles: &Source, baseline: Option<&Source>) {
    let masked = [Some(&problems.profiles), problems.baseline.as_ref()];
    for (given, masked) in [Some(profiles), baseline].into_iter().zip(masked) {
        assert_eq!(given.map(|source| source.text.len()), masked.map(|source| source.text.len()), "masking moves text");
        let lines = |source: &Source| source.text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(given.map(lines), masked.map(lines), "masking moves lines");
    }
    for problem in &problems.list {
        let source = problems.source(problem);
        for label in &problem.labels {
            let place = source.text.get(label.span.clone());
            assert!(place.is_some(), "{problem:?} is no place in {} bytes of text", source.text.len());
        }
        said_plainly(problem);
        let shown = render(problem, source);
        assert!(shown.contains(problem.message.lines().next().unwrap_or_default()), "{problem:?}\n{shown}");
    }
}

/// One sentence, with nothing in it that a terminal would obey.
fn said_plainly(problem: &Problem) {
    assert!(!problem.message.trim().is_empty(), "{problem:?}");
    let labels = problem.labels.iter().map(|label| &label.text);
    for text in labels.chain([&problem.message]).chain(&problem.help) {
        assert!(!text.chars().any(char::is_control), "a control character: {text:?}");
    }
    assert!(
        problem.severity == Severity::Error || !problem.labels.is_empty(),
        "a warning without a place: {problem:?}"
    );
}

/// What the checks let through must be good for everything that follows.
fn accepted(loaded: &Loaded) {
    let profiles = &loaded.profiles;
    assert!(profiles.account(profiles.security).is_some() && profiles.account(profiles.bucket_owner).is_some());
    let mut ids: Vec<_> = profiles.accounts.iter().map(|account| account.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), profiles.accounts.len(), "an account is listed twice");
    if let Some(baseline) = &loaded.baseline {
        desired::check(profiles, baseline);
    }
}
