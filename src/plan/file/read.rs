use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::document::FORMAT;
use super::super::{Action, Blocked, Change, Exempt, Known, Orphan, Plan, Scope, Unreadable};
use super::write::Template;
use super::{KIND, Origin, SEAL, SavedPlan, seal};
use crate::model::{AccountId, Address, Arn, Digest, Fault, OpError, Region, Target, printable};
use crate::services::{Exposed, Found, Note, Ownership, Service, Spec, Undelivered};

/// A file that is larger was not written by this tool: a thousand accounts in thirty Regions take a third of it.
pub const MOST_BYTES: usize = 1 << 30;

/// How much larger than its file a plan may become by filling in places; those of this tool stay far below it.
const MOST_FILLED: usize = 256;

/// Why a file is not a plan to go by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is something else.
    #[error("it is not a saved plan: {0}")]
    NotAPlan(&'static str),
    /// It was written by another version of the tool.
    #[error("it has format {found}{}, and this version reads format {FORMAT}", by(tool.as_deref()))]
    OtherFormat {
        /// The format.
        found: u64,
        /// The version that wrote it, where it can be told.
        tool: Option<String>,
    },
    /// Its end is missing.
    #[error("its end is missing")]
    Truncated,
    /// It is not as it was written.
    #[error("it is not as it was written")]
    Edited,
    /// The digest is right and the content is not.
    #[error("it says what no plan says: {0}")]
    Malformed(String),
    /// It is too large.
    #[error("it is larger than any plan")]
    TooLarge,
    /// The two files are not those that the plan was made from.
    #[error("{} changed since it was made", changed(*baseline, *profiles))]
    OtherFiles {
        /// Whether `baseline.toml` is another.
        baseline: bool,
        /// Whether `profiles.toml` is another.
        profiles: bool,
    },
}

fn by(tool: Option<&str>) -> String {
    tool.map(|tool| format!(", written by baseline {tool}")).unwrap_or_default()
}

fn changed(baseline: bool, profiles: bool) -> &'static str {
    match (baseline, profiles) {
        (true, false) => "baseline.toml has",
        (false, true) => "profiles.toml has",
        _ => "baseline.toml and profiles.toml have",
    }
}

impl PlanFileError {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            PlanFileError::NotAPlan(_) | PlanFileError::TooLarge => {
                "`baseline plan --out FILE` saves a plan, and `baseline apply FILE` makes its changes".to_owned()
            }
            PlanFileError::OtherFormat { found, .. } if *found > u64::from(FORMAT) => {
                "use the version of baseline that wrote it, or plan again with this one".to_owned()
            }
            PlanFileError::OtherFormat { .. } | PlanFileError::Malformed(_) => {
                "plan again with this version".to_owned()
            }
            PlanFileError::Truncated => "copy it again, or plan again".to_owned(),
            PlanFileError::Edited => {
                "plan again; to do less than a plan says, narrow it: baseline apply FILE --account NAME".to_owned()
            }
            PlanFileError::OtherFiles { .. } => {
                "plan again; or name the files that it was made from with --baseline and --profiles".to_owned()
            }
        }
    }
}

/// The format of a file that begins like a saved plan, and what follows.
pub(super) fn head(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let rest = token(token(token(bytes, "{")?, "\"kind\"")?, ":")?;
    let rest = token(token(token(token(rest, "\"")?, KIND)?, "\"")?, ",")?;
    let rest = token(token(rest, "\"format\"")?, ":")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let format = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    Some((format, &rest[digits..]))
}

/// What follows a token; somebody may have put the file into another form.
fn token<'a>(bytes: &'a [u8], token: &str) -> Option<&'a [u8]> {
    bytes.trim_ascii_start().strip_prefix(token.as_bytes())
}

/// The version of the tool, right behind the format.
fn tool(rest: &[u8]) -> Option<String> {
    let rest = token(token(token(token(rest, ",")?, "\"tool\"")?, ":")?, "\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    let plain = text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c));
    plain.then(|| text.to_owned())
}

pub(super) fn read(bytes: &[u8]) -> Result<SavedPlan, PlanFileError> {
    if bytes.len() > MOST_BYTES {
        return Err(PlanFileError::TooLarge);
    }
    let Some((format, rest)) = head(bytes) else { return Err(PlanFileError::NotAPlan(what(bytes))) };
    if format != u64::from(FORMAT) {
        return Err(PlanFileError::OtherFormat { found: format, tool: tool(rest) });
    }
    let bytes = bytes.trim_ascii_end();
    // Sixty-four digits, a quotation mark and a bracket.
    let content = bytes.len().checked_sub(SEAL.len() + 66).and_then(|end| bytes.get(..end));
    let whole = content.filter(|content| {
        let sealed = seal(&Digest::of_bytes(content));
        bytes[content.len()..] == *sealed.trim_end().as_bytes()
    });
    if whole.is_none() {
        let mut parser = serde_json::Deserializer::from_slice(bytes);
        return Err(match IgnoredAny::deserialize(&mut parser) {
            Err(error) if error.is_eof() => PlanFileError::Truncated,
            _ => PlanFileError::Edited,
        });
    }
    let document: Document = serde_json::from_slice(bytes).map_err(malformed)?;
    document.assemble(bytes.len())
}

fn malformed(error: serde_json::Error) -> PlanFileError {
    PlanFileError::Malformed(printable(error.to_string()))
}

/// What a file is that is no saved plan.
fn what(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    let begin = &start[..start.len().min(4096)];
    let has = |text: &str| begin.windows(text.len()).any(|part| part == text.as_bytes());
    if start.is_empty() {
        "it is empty"
    } else if !begin.starts_with(b"{") {
        "it is no JSON document"
    } else if has("\"event\"") {
        "it looks like the record of a run"
    } else if has("\"changes\"") || has("\"blocked\"") {
        "it looks like what --format json prints, which lacks what apply has to know"
    } else {
        "it is another JSON document"
    }
}

#[derive(Deserialize)]
struct Document {
    origin: Origin,
    summary: InSync,
    changes: Vec<Entry>,
    unreadable: Vec<Unread>,
    blocked: Vec<Blocked>,
    undelivered: Vec<Undelivered>,
    #[serde(default)]
    exposed: Vec<Exposed>,
    #[serde(default)]
    exempt: Vec<Exempt>,
    orphans: Vec<Orphan>,
    notes: Vec<NoteEntry>,
    estate: Estate,
    specs: Vec<Template>,
}

#[derive(Deserialize)]
struct InSync {
    in_sync: usize,
}

#[derive(Deserialize)]
struct Estate {
    names: BTreeMap<AccountId, String>,
    regions: BTreeMap<AccountId, Vec<Region>>,
    known: Known,
    scope: Scope,
}

/// A change. Its reason and its fields are in the file for whoever reads that: here they follow from the rest.
#[derive(Deserialize)]
struct Entry {
    address: Address,
    action: Action,
    requires: Vec<Address>,
    depth: u32,
    desired: usize,
    seen: Option<Seen>,
}

#[derive(Deserialize)]
struct Seen {
    spec: usize,
    arn: Arn,
    ownership: Ownership,
}

#[derive(Deserialize)]
struct NoteEntry {
    account: AccountId,
    region: Region,
    topic: String,
    text: String,
}

#[derive(Deserialize)]
struct Unread {
    account: AccountId,
    region: Region,
    cell: Option<Service>,
    called: Target,
    role: Option<String>,
    service: String,
    operation: String,
    fault: Fault,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
    attempts: u32,
    hint: Option<String>,
}

impl Unread {
    fn unreadable(self) -> Unreadable {
        let error = OpError {
            account: self.called.account,
            region: self.called.region,
            role: self.role,
            service: self.service,
            operation: self.operation,
            fault: self.fault,
            code: self.code,
            message: self.message,
            request_id: self.request_id,
            attempts: self.attempts,
            hint: self.hint,
        };
        Unreadable { target: Target::new(self.account, self.region), service: self.cell, error }
    }
}

/// The resources of a file, and how much more may be made of them.
struct Specs {
    templates: Vec<(Template, usize)>,
    left: usize,
}

impl Specs {
    fn of(templates: Vec<Template>, file: usize) -> Self {
        let sized = |template: Template| {
            let size = template.of.to_string().len();
            (template, size)
        };
        Specs { templates: templates.into_iter().map(sized).collect(), left: file.saturating_mul(MOST_FILLED) }
    }

    fn fill(&mut self, number: usize, target: &Target) -> Result<Spec, PlanFileError> {
        let (template, size) = self
            .templates
            .get(number)
            .ok_or_else(|| PlanFileError::Malformed(format!("there is no resource {number}")))?;
        self.left = self.left.checked_sub(*size).ok_or(PlanFileError::TooLarge)?;
        serde_json::from_value(template.fill(target)).map_err(malformed)
    }
}

impl Document {
    fn assemble(self, file: usize) -> Result<SavedPlan, PlanFileError> {
        let mut specs = Specs::of(self.specs, file);
        let changes: Result<Vec<Change>, PlanFileError> = self
            .changes
            .into_iter()
            .map(|entry| {
                let target = &entry.address.target;
                let desired = specs.fill(entry.desired, target)?;
                let found = |seen: Seen| {
                    let spec = specs.fill(seen.spec, target)?;
                    Ok(Found { address: entry.address.clone(), spec, arn: seen.arn, ownership: seen.ownership })
                };
                let seen = entry.seen.map(found).transpose()?;
                let (reason, fields) = Change::follows(entry.action, seen.as_ref().map(|found| &found.spec), &desired);
                Ok(Change {
                    action: entry.action,
                    reason,
                    fields,
                    requires: entry.requires,
                    depth: entry.depth,
                    desired,
                    seen,
                    address: entry.address,
                })
            })
            .collect();
        let note = |note: NoteEntry| Note {
            target: Target::new(note.account, note.region),
            topic: note.topic,
            text: note.text,
        };
        let mut plan = Plan {
            changes: changes?,
            blocked: self.blocked,
            unreadable: self.unreadable.into_iter().map(Unread::unreadable).collect(),
            undelivered: self.undelivered,
            exposed: self.exposed,
            exempt: self.exempt,
            in_sync: self.summary.in_sync,
            orphans: self.orphans,
            notes: self.notes.into_iter().map(note).collect(),
            names: self.estate.names,
            regions: self.estate.regions,
            scope: self.estate.scope,
            known: self.estate.known,
        };
        let mut origin = self.origin;
        one_line(&mut origin.tool);
        origin.selection.iter_mut().for_each(one_line);
        tame(&mut plan);
        Ok(SavedPlan { origin, plan })
    }
}

/// Spells out what a terminal would obey in every text that is shown of a plan in a file: a digest holds off accidents,
/// and nobody who means it. What is compared with AWS's answers stays as it is, and is quoted where it is shown.
pub(crate) fn tame(plan: &mut Plan) {
    plan.names.values_mut().for_each(one_line);
    for change in &mut plan.changes {
        one_line(&mut change.address.name);
        one_line(&mut change.reason);
        change.requires.iter_mut().for_each(|required| one_line(&mut required.name));
        if let Some(found) = &mut change.seen {
            one_line(&mut found.address.name);
        }
    }
    for blocked in &mut plan.blocked {
        one_line(&mut blocked.address.name);
        blocked.waits_for.iter_mut().for_each(|other| one_line(&mut other.name));
        lines(&mut blocked.reason);
        blocked.hint.iter_mut().for_each(lines);
    }
    for waiting in &mut plan.undelivered {
        one_line(&mut waiting.address.name);
        lines(&mut waiting.reason);
        lines(&mut waiting.hint);
    }
    for Exposed { address, reason, hint, digest } in &mut plan.exposed {
        one_line(&mut address.name);
        one_line(digest);
        lines(reason);
        lines(hint);
    }
    for Exempt { address, digest, exposed, reason, owner, until } in &mut plan.exempt {
        [&mut address.name, digest, reason, owner, until].into_iter().for_each(one_line);
        lines(exposed);
    }
    for orphan in &mut plan.orphans {
        one_line(&mut orphan.address.name);
        one_line(&mut orphan.fate);
    }
    for note in &mut plan.notes {
        one_line(&mut note.topic);
        lines(&mut note.text);
    }
    plan.unreadable.iter_mut().for_each(|unreadable| unreadable.error.tame());
}

fn one_line(text: &mut String) {
    *text = printable(std::mem::take(text));
}

/// A text that may have lines: whoever shows it puts each where it belongs.
fn lines(text: &mut String) {
    let spelt: Vec<String> = text.split('\n').map(|line| printable(line.to_owned())).collect();
    *text = spelt.join("\n");
}
