//! Mistakes in the two files, each with its place.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::model::printable;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// `profiles.toml`
    Profiles,
    /// `baseline.toml`
    Baseline,
}

impl Document {
    /// The name it has where nothing else is said.
    pub const fn usual_name(self) -> &'static str {
        match self {
            Document::Profiles => "profiles.toml",
            Document::Baseline => "baseline.toml",
        }
    }

    pub(super) const fn other(self) -> Document {
        match self {
            Document::Profiles => Document::Baseline,
            Document::Baseline => Document::Profiles,
        }
    }

    /// Whether the file has this key at its top.
    pub(super) fn has_key(self, key: &str) -> bool {
        match self {
            Document::Profiles => {
                ["partition", "jump", "security", "log_archive", "defaults", "account", "rollout", "trusted_account"]
                    .contains(&key)
            }
            Document::Baseline => [
                "tags",
                "log_key",
                "log_bucket",
                "cloudtrail",
                "config",
                "guardduty",
                "events",
                "notify",
                "override",
                "exception",
            ]
            .contains(&key),
        }
    }
}

/// Whether the run can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file is wrong.
    Error,
    /// The file is accepted, and somebody should know.
    Warning,
}

/// A place in a file and what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the file's text.
    pub span: Range<usize>,
    /// What is there.
    pub text: String,
}

/// One mistake, or one thing worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file it is in.
    pub document: Document,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, as one sentence.
    pub message: String,
    /// Where; the first is the place itself, the others are what it contradicts. Empty when something is missing
    /// from the file as a whole.
    pub labels: Vec<Label>,
    /// How to go on.
    pub help: Option<String>,
}

impl Problem {
    /// Replaces the text at the place itself.
    pub(crate) fn label(&mut self, text: impl Into<String>) -> &mut Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = printable(text.into());
        }
        self
    }

    /// Adds another place.
    pub(crate) fn also(&mut self, span: Range<usize>, text: impl Into<String>) -> &mut Self {
        self.labels.push(Label { span, text: printable(text.into()) });
        self
    }

    /// Says how to go on.
    pub(crate) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(printable(text.into()));
        self
    }

    /// Says how to go on, where there is something to say.
    pub(crate) fn maybe_help(&mut self, text: Option<String>) -> &mut Self {
        if text.is_some() {
            self.help = text.map(printable);
        }
        self
    }
}

/// A file's name and text. In [`Problems`] the secrets in the text are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How the person named the file.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// Everything that is wrong with the two files, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The problems, by file and place.
    pub list: Vec<Problem>,
    /// `profiles.toml`, masked.
    pub profiles: Source,
    /// `baseline.toml`, masked.
    pub baseline: Option<Source>,
}

impl Problems {
    /// The file that a problem is in.
    pub fn source(&self, problem: &Problem) -> &Source {
        match (problem.document, &self.baseline) {
            (Document::Baseline, Some(baseline)) => baseline,
            _ => &self.profiles,
        }
    }

    /// How many errors are in a file.
    pub fn errors_in(&self, document: Document) -> usize {
        self.list.iter().filter(|p| p.document == document && p.severity == Severity::Error).count()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (document, source) in
            [(Document::Profiles, Some(&self.profiles)), (Document::Baseline, self.baseline.as_ref())]
        {
            let count = self.errors_in(document);
            if let (Some(source), 1..) = (source, count) {
                parts.push(format!("{count} {} in {}", if count == 1 { "mistake" } else { "mistakes" }, source.path));
            }
        }
        f.write_str(&parts.join(", "))
    }
}

impl std::error::Error for Problems {}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Findings {
    document: Document,
    list: Vec<Problem>,
    seen: BTreeSet<(usize, usize, String)>,
    struck: BTreeSet<String>,
}

impl Findings {
    pub(crate) fn new(document: Document) -> Self {
        Findings { document, list: Vec::new(), seen: BTreeSet::new(), struck: BTreeSet::new() }
    }

    pub(crate) fn document(&self) -> Document {
        self.document
    }

    /// Reports an error at a place.
    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.push(Severity::Error, Some(span), message.into())
    }

    /// Reports something to know at a place.
    pub(crate) fn warning(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.push(Severity::Warning, Some(span), message.into())
    }

    /// Reports an error that has no place in the file.
    pub(crate) fn error_in_file(&mut self, message: impl Into<String>) -> &mut Problem {
        self.push(Severity::Error, None, message.into())
    }

    fn push(&mut self, severity: Severity, span: Option<Range<usize>>, message: String) -> &mut Problem {
        let message = printable(message);
        // A value of `[defaults]` is checked once per account that uses it, and is wrong once.
        let key = span.as_ref().map_or((usize::MAX, 0, message.clone()), |s| (s.start, s.end, message.clone()));
        let at = if self.seen.insert(key) {
            self.list.len()
        } else {
            let same = |p: &Problem| p.message == message && p.labels.first().map(|l| &l.span) == span.as_ref();
            self.list.iter().position(same).unwrap_or(self.list.len())
        };
        let labels = span.map(|span| Label { span, text: String::new() }).into_iter().collect();
        let problem = Problem { document: self.document, severity, message, labels, help: None };
        if at == self.list.len() {
            self.list.push(problem);
        } else {
            self.list[at] = problem;
        }
        &mut self.list[at]
    }

    /// Remembers that a key was there but could not be used, so that it is not reported as missing too.
    pub(crate) fn strike(&mut self, path: String) {
        self.struck.insert(path);
    }

    /// Whether the key was there but could not be used.
    pub(crate) fn is_struck(&self, path: &str) -> bool {
        self.struck.contains(path)
    }

    /// The same of a value or of anything in it.
    pub(crate) fn is_struck_below(&self, path: &str) -> bool {
        let within =
            |struck: &str| struck.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.struck.iter().any(|struck| within(struck))
    }

    /// Whether anything stands in the way of going on.
    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|p| p.severity == Severity::Error)
    }

    /// Everything that was found, by place.
    pub(crate) fn into_list(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|p| p.labels.first().map_or(usize::MAX, |l| l.span.start));
        self.list
    }
}
