//! Reading the estate and changing it: everything concurrent, every failure kept to its own cell or change.

mod apply;
mod survey;

pub use apply::{Applied, apply};
pub use survey::{EstateAccount, Survey, SurveyOptions};
