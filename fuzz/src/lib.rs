//! Fuzz targets for everything that `baseline` reads from files.
//!
//! An input is a file of the corpus and a list of edits to it, so that most of what is tried gets past the parser and
//! into the checks behind it. The properties that must hold for every input stand in [`files`], [`policies`],
//! [`names`], [`plans`] and [`records`]; the targets themselves are the tests in `tests/targets.rs`.

pub mod corpus;
pub mod desired;
pub mod files;
pub mod json;
pub mod names;
pub mod plans;
pub mod policies;
pub mod records;
pub mod render;
pub mod tables;
pub mod tally;
pub mod text;
