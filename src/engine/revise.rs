//! Looking again, under the lock, at what a plan is about to change.

use crate::model::Address;
use crate::plan::Plan;
use crate::report::Outcome;

/// What is left of a plan after everything it changes was read once more.
#[derive(Debug, Default)]
pub struct Revised {
    /// What is still as the plan saw it: the changes to make.
    pub plan: Plan,
    /// What is not, or is as it should be already.
    pub settled: Vec<(Address, Outcome)>,
}
