//! The one integration binary: each file below `tests/` is a module of it.

mod command_line;
mod invalid;
#[cfg(feature = "aws")]
mod sandbox;
mod shipped;
mod support;
