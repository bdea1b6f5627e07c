//! TODO doc
pub mod config;
