//! Tables whose header stands in a file more than once, which TOML takes for a mistake in every key below it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::problem::Findings;

/// The tables of both files of which there may be several: their headers have double brackets.
const SEVERAL: [&str; 8] =
    ["account", "override", "rule", "forward", "subscription", "data_events", "exception", "trusted_account"];

/// A header that stands there again.
pub(super) struct Repeated {
    name: String,
    /// Where it stood first.
    first: Range<usize>,
    /// Each time after that: where the header stands, and where its table ends.
    again: Vec<(Range<usize>, usize)>,
}

/// The headers in single brackets that stand in the text again where TOML refuses it; `refused` is what it refuses. (Below
/// each `[[override]]` there may be an `[override.config]`.)
pub(super) fn headers(text: &str, refused: &[Range<usize>]) -> Vec<Repeated> {
    if refused.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    let mut at = 0;
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        // A text over several lines may hold what looks like a header.
        let mut fences = ["\"\"\"", "'''"].into_iter().filter(|mark| line.matches(mark).count() % 2 == 1);
        let (was_inside, mark) = (fence.is_some(), fences.next_back());
        fence = match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => None,
            (None, mark) => mark,
            (open, _) => open,
        };
        let body = line.trim();
        if was_inside || !body.starts_with('[') {
            continue;
        }
        let header = body.split('#').next().unwrap_or(body).trim_end();
        let start = begin + line.len() - line.trim_start().len();
        found.push((header.to_owned(), start..start + header.len()));
    }
    let ends: Vec<usize> = found.iter().skip(1).map(|(_, place)| place.start).chain([text.len()]).collect();
    let mut tables: BTreeMap<&str, Repeated> = BTreeMap::new();
    for ((header, place), end) in found.iter().zip(ends) {
        let Some(name) = header.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { continue };
        if name.starts_with('[') {
            continue;
        }
        match tables.get_mut(header.as_str()) {
            Some(table) if !refused.iter().any(|error| place.contains(&error.start)) => table.first = place.clone(),
            Some(table) => table.again.push((place.clone(), end)),
            None => {
                let name = name.trim().to_owned();
                tables.insert(header, Repeated { name, first: place.clone(), again: Vec::new() });
            }
        }
    }
    tables.into_values().filter(|table| !table.again.is_empty()).collect()
}

impl Repeated {
    /// Whether something stands in one of the tables but the first.
    pub(super) fn is_behind(&self, place: &Range<usize>) -> bool {
        self.again.iter().any(|(header, end)| (header.start..*end).contains(&place.start))
    }

    /// Says it, once.
    pub(super) fn report(&self, findings: &mut Findings) {
        let Repeated { name, first, again } = self;
        let times = again.len() + 1;
        let several = name.rsplit('.').next().is_some_and(|last| SEVERAL.contains(&last.trim()));
        let Some((second, _)) = again.first() else { return };
        let problem = findings.error(second.clone(), format!("the table [{name}] stands here {times} times"));
        problem.label("again").also(first.clone(), "first here");
        if several {
            problem.help(format!("several may be given: write [[{name}]] with double brackets, each time"));
        } else {
            problem.help(format!("there is one [{name}]: put the keys of all of them below the first"));
        }
    }
}
