//! What people and machines get to see: one closed list of events, and one file per way of showing them.

pub mod event;
pub mod human;
pub mod json;
pub mod notice;
pub mod record;
pub mod saved;
mod shown;

pub use event::{Event, Events, Halt, Outcome, Trouble, Wait, Wave};
pub use shown::{JsonForScreen, json_for_screen};
