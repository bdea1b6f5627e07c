//! What a quiet run says although all is well: once, and not every night.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::notice::{MOST_TOLD, file_name, write};
use super::run::Run;
use super::state;
use crate::bounded;
use crate::plan::Plan;
use crate::report::human;
use crate::report::notice::note_digest;

/// The version of what is remembered.
const FORMAT: u32 = 1;

/// Digests of the gaps that quiet runs on this machine have said, as they are kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    format: u32,
    gaps: BTreeSet<String>,
}

/// The gaps in what was recorded that no quiet run has said yet, in words. Where nothing can be remembered they are said
/// again: too often is better than never.
pub(super) fn gaps(run: &Run, plan: &Plan) -> String {
    let mut gaps: Vec<_> = plan.notes.iter().filter(|note| note.topic == human::GAP).cloned().collect();
    if gaps.is_empty() {
        return String::new();
    }
    let profiles = &run.loaded.profiles;
    let name = run.loaded.baseline.as_ref().map_or("", |baseline| &baseline.name);
    let path = state::folder().map(|folder| folder.join(file_name("said", profiles.security, name, "")));
    let kept = path.as_ref().and_then(|path| bounded::read_own(path, MOST_TOLD).ok());
    let said: Option<Said> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut said = said.filter(|said| said.format == FORMAT).map(|said| said.gaps).unwrap_or_default();
    let seen: BTreeSet<String> = gaps.iter().map(note_digest).collect();
    gaps.retain(|note| !said.contains(&note_digest(note)));
    if gaps.is_empty() {
        return String::new();
    }
    // What is over for a week is not seen any more. A narrowed run sees less than there is.
    if !run.selection.narrows() && plan.unreadable.is_empty() {
        said.clear();
    }
    said.extend(seen);
    if let (Some(path), Ok(text)) = (&path, serde_json::to_string(&Said { format: FORMAT, gaps: said }))
        && let Err(error) = write(path, &format!("{text}\n"))
    {
        tracing::info!(%error, path = %path.display(), "what was said is not remembered");
    }
    human::notes_to_show(&Plan { notes: gaps, names: plan.names.clone(), ..Plan::default() })
}
