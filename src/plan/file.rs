//! A plan in a file: what `plan --out` writes, and `show` and `apply` read.
//!
//! It is the document that `--format json` prints, with what a second look has to know. Two things are written shorter,
//! so that a plan for a thousand accounts stays a file that can be mailed: what a creation sets is its `desired` and not
//! spelled out again as fields, and a resource that differs from another only by its account and Region is written once.
//!
//! Nothing in it is ever sent to AWS: it says which of the changes that are planned afresh may be made.

mod read;
mod write;

pub(crate) use read::tame;
pub use read::{MOST_BYTES, PlanFileError};
pub use write::Content;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::model::{Digest, RunId};
use crate::services::Terms;

/// The first member of the document, by which it is known.
const KIND: &str = "plan";

/// What stands before the digest that ends a file.
pub const SEAL: &str = ",\"digest\":\"";

/// How a file ends, given the digest of everything before [`SEAL`].
pub fn seal(digest: &Digest) -> String {
    format!("{SEAL}{digest}\"}}\n")
}

/// Where a plan comes from, and what it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of the tool.
    pub tool: String,
    /// The run that made it, by whose name it also says when.
    pub run: RunId,
    /// The digest of `baseline.toml`.
    pub baseline: Digest,
    /// The digest of `profiles.toml`.
    pub profiles: Digest,
    /// What it was narrowed to, as on the command line.
    pub selection: Vec<String>,
    /// What was allowed.
    pub allowed: Allowed,
}

/// What was allowed beyond the ordinary when a plan was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// `--allow-remove-accounts`.
    pub remove_accounts: bool,
    /// `--allow-data-loss`.
    pub data_loss: bool,
    /// `--prune`.
    pub prune: bool,
}

impl Allowed {
    /// As the command line spells it.
    pub fn words(self) -> Vec<&'static str> {
        let given = [
            (self.remove_accounts, "--allow-remove-accounts"),
            (self.data_loss, "--allow-data-loss"),
            (self.prune, "--prune"),
        ];
        given.into_iter().filter(|(given, _)| *given).map(|(_, word)| word).collect()
    }

    /// As services take it.
    pub fn terms(self) -> Terms {
        Terms { allow_remove_accounts: self.remove_accounts, allow_data_loss: self.data_loss, ..Terms::default() }
    }
}

/// A plan that was saved, with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedPlan {
    /// Where it comes from.
    pub origin: Origin,
    /// The plan; what resources carry aside is not in it.
    pub plan: Plan,
}

impl SavedPlan {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Why it is not a plan that somebody saved, whole and as it was.
    pub fn read(bytes: &[u8]) -> Result<SavedPlan, PlanFileError> {
        read::read(bytes)
    }

    /// Whether bytes begin like a saved plan of whichever version.
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        read::head(bytes).is_some()
    }

    /// Whether it was made from these two files.
    ///
    /// # Errors
    ///
    /// Which of them is another by now.
    pub fn is_of(&self, baseline: Option<&Digest>, profiles: &Digest) -> Result<(), PlanFileError> {
        let other_baseline = baseline != Some(&self.origin.baseline);
        let other_profiles = *profiles != self.origin.profiles;
        if other_baseline || other_profiles {
            return Err(PlanFileError::OtherFiles { baseline: other_baseline, profiles: other_profiles });
        }
        Ok(())
    }
}
