//! Reading the estate and changing it: everything concurrent, every failure kept to its own cell or change.

mod apply;
mod copy;
mod dispatcher;
mod enforce;
mod lock;
mod revise;
mod rollout;
mod stop;
mod survey;
#[cfg(test)]
mod tests;

pub use apply::Applied;
pub use copy::{NoCopy, copy_record};
pub use enforce::Enforce;
pub use lock::{Content, Lock, LockTerms, Record, Standing};
pub use revise::Revised;
pub use rollout::Rollout;
pub use stop::{Asked, Stop, Stopper};
pub use survey::{EstateAccount, Survey, SurveyOptions};
