//! What is said of a run that nobody watched: whether there is anything to say since somebody was last told, and the
//! words. Values in, values out: who keeps what was told, and who is told, is for others to know.

mod words;

pub use words::{MESSAGE_MAX, SUBJECT_MAX};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Halt, Outcome};
use crate::model::{AccountId, Address, Digest, OpError, RunId};
use crate::plan::{Action, Change, Plan};
use crate::services::Note;

/// The version of what is remembered.
const FORMAT: u32 = 1;
/// How many subjects are remembered by name. Whether something has changed is told for all; what, only among these.
const REMEMBERED: usize = 5_000;
/// The topics of notes that are told once, although nothing stands that would have to be mended: something was not
/// recorded for a while, or is not watched any more.
const NEWS: [&str; 2] = ["recording-gap", "no-longer-watched"];

/// A run that is over.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Which.
    pub run: &'a RunId,
    /// The subcommand.
    pub command: &'a str,
    /// The baseline's name.
    pub baseline: &'a str,
    /// The security account.
    pub security: AccountId,
    /// What the run was narrowed to, in the command line's words; empty where it was not.
    pub narrowed: &'a str,
    /// What it found.
    pub plan: &'a Plan,
    /// What became of that.
    pub end: End<'a>,
    /// The exit code that follows.
    pub exit: u8,
}

/// What became of what a run found.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// Nothing: it was only looked.
    Looked,
    /// Changes were made, or tried.
    Applied {
        /// How each ended.
        outcomes: &'a [(Address, Outcome)],
        /// Why the rest was not started.
        halted: Option<&'a Halt>,
        /// Whether they are those of a plan that was saved: then nothing was looked at besides.
        saved: bool,
    },
}

/// In which way something is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// It differs from the baseline.
    Drift,
    /// It could not be changed.
    Failed,
    /// It could not be read.
    Unreadable,
    /// It is held back.
    Blocked,
    /// It waits for somebody.
    Undelivered,
    /// Somebody else opens, blocks, expires or reroutes it.
    Exposed,
    /// A run did not get to its end.
    Halted,
}

/// Everything that is not as it should be: by what it is about, in which way, and a digest of how exactly. Two runs that
/// found the same have the same, in whatever order they found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing(BTreeMap<String, BTreeMap<Wrong, String>>);

/// What somebody was told, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    format: u32,
    /// The run that was told of.
    run: RunId,
    /// Of everything, also of what is not listed.
    fingerprint: Digest,
    /// How many subjects there were.
    total: usize,
    /// The first of them.
    subjects: BTreeMap<String, BTreeMap<Wrong, String>>,
    /// Digests of the notes that were told.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    news: BTreeSet<String>,
}

/// What is known of what was told.
#[derive(Debug, Clone, Copy)]
pub enum Memory<'a> {
    /// Nobody was ever told anything: as far as anybody knows, all is well.
    Nothing,
    /// Somebody was told something, and it cannot be read what.
    Lost,
    /// This.
    Told(&'a Told),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// ASCII, on one line, short enough for SNS.
    pub subject: String,
    /// Text for people; its last line is the JSON document.
    pub message: String,
    /// What to remember once it was delivered.
    pub told: Told,
}

/// What has changed since somebody was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    new: Vec<String>,
    otherwise: Vec<String>,
    gone: Vec<String>,
    as_before: usize,
    /// Whether more was told than is remembered by name.
    is_partial: bool,
}

/// The message, if there is something to tell: what stands is not what was last told.
pub fn notice(ended: &Ended<'_>, memory: Memory<'_>) -> Option<Notice> {
    let before = match memory {
        Memory::Told(told) => Some(told),
        Memory::Nothing | Memory::Lost => None,
    };
    let now = Standing::of(ended, before);
    let news = news(ended, before);
    let told = Told { news: told_news(ended, before), ..now.told(ended.run) };
    let same = match memory {
        Memory::Nothing => now.0.is_empty(),
        Memory::Lost => false,
        Memory::Told(before) => before.fingerprint == told.fingerprint,
    };
    // What was broken and is repaired by now stands nowhere, and is news all the same.
    if same && repaired(ended).is_empty() && news.is_empty() {
        return None;
    }
    let difference = now.since(before);
    let again = before.is_some_and(|told| told.total > 0 || !repaired(ended).is_empty());
    let (subject, message) = words::say(ended, &now, &difference, &news, again);
    Some(Notice { subject, message, told })
}

/// What the run repaired.
fn repaired<'a>(ended: &Ended<'a>) -> Vec<&'a Change> {
    match ended.end {
        End::Applied { outcomes, .. } => super::human::repaired(ended.plan, outcomes),
        End::Looked => Vec::new(),
    }
}

/// The notes that are told once and were not told yet. A saved plan has those of the day on which it was made.
fn news<'a>(ended: &Ended<'a>, before: Option<&Told>) -> Vec<&'a Note> {
    if matches!(ended.end, End::Applied { saved: true, .. }) {
        return Vec::new();
    }
    let is_told = |note: &Note| before.is_some_and(|told| told.news.contains(&note_digest(note)));
    let once = ended.plan.notes.iter().filter(|note| NEWS.contains(&note.topic.as_str()));
    once.filter(|note| !is_told(note)).collect()
}

/// What is remembered of such notes after this run. What was told before is forgotten only by a run that read everything
/// and did not see it any more.
fn told_news(ended: &Ended<'_>, before: Option<&Told>) -> BTreeSet<String> {
    let is_saved = matches!(ended.end, End::Applied { saved: true, .. });
    let old = before.iter().flat_map(|told| &told.news);
    let old = old.filter(|_| is_saved || !ended.plan.unreadable.is_empty()).cloned();
    let notes = ended.plan.notes.iter().filter(|note| !is_saved && NEWS.contains(&note.topic.as_str()));
    notes.map(note_digest).chain(old).collect()
}

/// What makes a note the same note: 16 hexadecimal digits of what it says and of which place.
pub fn note_digest(note: &Note) -> String {
    let digest = Digest::of_bytes(format!("{}\n{}\n{}", note.topic, note.target, note.text).as_bytes());
    digest.as_str().get(..16).unwrap_or_default().to_owned()
}

impl Standing {
    /// What stands after a run, given what stood before it.
    ///
    /// A run cannot take back what it did not look at: what was told of a place that could not be read now goes on
    /// standing, and so does a failure to change something that still has to be changed. A run that goes by a saved plan
    /// looked at nothing but that plan's changes.
    fn of(ended: &Ended<'_>, before: Option<&Told>) -> Standing {
        let mut standing = Standing::default();
        let plan = ended.plan;
        let mut waiting: BTreeMap<&Address, &Change> = BTreeMap::new();
        for change in &plan.changes {
            waiting.insert(&change.address, change);
        }
        if let End::Applied { outcomes, halted, .. } = ended.end {
            for (address, outcome) in outcomes {
                if outcome.is_well() {
                    waiting.remove(address);
                }
                if let Outcome::Failed(error) = outcome {
                    standing.add(address.to_string(), Wrong::Failed, &of_error(error));
                }
            }
            if let Some(halt) = halted {
                standing.add(ended.command.to_owned(), Wrong::Halted, &of_halt(halt));
            }
        }
        for change in waiting.values() {
            standing.add(change.address.to_string(), Wrong::Drift, &of_change(change));
        }
        for unreadable in &plan.unreadable {
            let gist = of_error(&unreadable.error);
            let subject = match unreadable.service {
                Some(service) => format!("{}/{service}", unreadable.target),
                None => unreadable.target.account.to_string(),
            };
            standing.add(subject, Wrong::Unreadable, &gist);
        }
        for blocked in &plan.blocked {
            standing.add(blocked.address.to_string(), Wrong::Blocked, &blocked.reason);
        }
        for undelivered in &plan.undelivered {
            standing.add(undelivered.address.to_string(), Wrong::Undelivered, &undelivered.reason);
        }
        let mut exposed: BTreeMap<&Address, Vec<&str>> = BTreeMap::new();
        for one in &plan.exposed {
            exposed.entry(&one.address).or_default().push(&one.digest);
        }
        for (address, mut digests) in exposed {
            digests.sort_unstable();
            standing.add(address.to_string(), Wrong::Exposed, &digests.join("\n"));
        }
        let looked_at: Option<BTreeSet<&Address>> = match ended.end {
            End::Applied { saved: true, .. } => Some(plan.changes.iter().map(|change| &change.address).collect()),
            _ => None,
        };
        for (subject, wrongs) in before.iter().flat_map(|told| &told.subjects) {
            standing.carry(ended, &waiting, looked_at.as_ref(), subject, wrongs);
        }
        standing
    }

    /// Keeps what was told of a subject and was not looked at again; `looked_at` is all that was, where it was not
    /// everything.
    fn carry(
        &mut self,
        ended: &Ended<'_>,
        waiting: &BTreeMap<&Address, &Change>,
        looked_at: Option<&BTreeSet<&Address>>,
        subject: &str,
        wrongs: &BTreeMap<Wrong, String>,
    ) {
        let address: Option<Address> = subject.parse().ok();
        let is_beside = looked_at.is_some_and(|all| address.as_ref().is_none_or(|address| !all.contains(address)));
        let unseen = is_beside || address.as_ref().is_some_and(|address| is_unreadable(ended.plan, address));
        let is_waiting = address.as_ref().is_some_and(|address| waiting.contains_key(address));
        for (wrong, gist) in wrongs {
            let untried = !matches!(ended.end, End::Applied { .. });
            let kept = match wrong {
                Wrong::Drift | Wrong::Blocked | Wrong::Undelivered | Wrong::Exposed => unseen,
                Wrong::Failed => unseen || (untried && is_waiting),
                // Only what broke off can show that it does so no more, unless there is nothing left for it to do.
                Wrong::Halted => ended.command != subject && (is_beside || !waiting.is_empty()),
                Wrong::Unreadable => is_beside,
            };
            if looked_at.is_some() && *wrong == Wrong::Drift && is_waiting {
                // Drift that a saved plan left alone is no longer as that plan says: a later look may have told how it is.
                self.0.entry(subject.to_owned()).or_default().insert(*wrong, gist.clone());
            } else if kept {
                self.0.entry(subject.to_owned()).or_default().entry(*wrong).or_insert_with(|| gist.clone());
            }
        }
    }

    fn add(&mut self, subject: String, wrong: Wrong, gist: &str) {
        let digest = Digest::of_bytes(gist.as_bytes());
        let short = digest.as_str().get(..16).unwrap_or_default().to_owned();
        self.0.entry(subject).or_default().insert(wrong, short);
    }

    /// As it is kept.
    fn told(&self, run: &RunId) -> Told {
        let whole = serde_json::to_vec(&self.0).unwrap_or_default();
        Told {
            format: FORMAT,
            run: run.clone(),
            fingerprint: Digest::of_bytes(&whole),
            total: self.0.len(),
            subjects: self
                .0
                .iter()
                .take(REMEMBERED)
                .map(|(subject, wrongs)| (subject.clone(), wrongs.clone()))
                .collect(),
            news: BTreeSet::new(),
        }
    }

    fn since(&self, before: Option<&Told>) -> Difference {
        let empty = BTreeMap::new();
        let old = before.map_or(&empty, |told| &told.subjects);
        let mut difference = Difference {
            is_partial: before.is_some_and(|told| told.total > told.subjects.len()),
            ..Difference::default()
        };
        for (subject, wrongs) in &self.0 {
            match old.get(subject) {
                None => difference.new.push(subject.clone()),
                Some(was) if was != wrongs => difference.otherwise.push(subject.clone()),
                Some(_) => difference.as_before += 1,
            }
        }
        difference.gone = old.keys().filter(|subject| !self.0.contains_key(*subject)).cloned().collect();
        difference
    }

    /// The accounts that something is wrong in.
    fn accounts(&self) -> BTreeSet<AccountId> {
        self.0.keys().filter_map(|subject| subject.split('/').next()?.parse().ok()).collect()
    }

    fn count(&self, wrong: Wrong) -> usize {
        self.0.values().filter(|wrongs| wrongs.contains_key(&wrong)).count()
    }
}

impl Told {
    /// Reads what was kept; `None` where nobody can tell what it means.
    pub fn parse(text: &str) -> Option<Told> {
        serde_json::from_str::<Told>(text).ok().filter(|told| told.format == FORMAT)
    }

    /// The text to keep.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Whether an address lies in what could not be read.
fn is_unreadable(plan: &Plan, address: &Address) -> bool {
    plan.unreadable.iter().any(|unreadable| match unreadable.service {
        Some(service) => unreadable.target == address.target && service == address.kind.service(),
        None => unreadable.target.account == address.target.account,
    })
}

/// What makes drift the same drift. Something that is missing is missing, whatever is declared by now.
fn of_change(change: &Change) -> String {
    let mut parts = match change.action {
        Action::Create => vec!["create".to_owned()],
        Action::Delete => vec!["delete".to_owned()],
        Action::Update => {
            let fields = change.fields();
            fields.iter().map(|field| serde_json::to_string(field).unwrap_or_default()).collect()
        }
    };
    parts.sort();
    parts.join("\n")
}

/// What makes a failure the same failure: neither the words nor the request.
fn of_error(error: &OpError) -> String {
    format!("{:?}", error.signature())
}

fn of_halt(halt: &Halt) -> String {
    match halt {
        Halt::Interrupted => "interrupted",
        Halt::TooManyFailures { .. } => "too many failures",
        Halt::Canary { .. } => "canary",
        Halt::Locked { .. } => "locked",
        Halt::LockLost => "lock lost",
        Halt::NoLock { error } => return of_error(error),
        Halt::NoRecord => "no record",
        Halt::NoLocalLock { .. } => "no local lock",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
