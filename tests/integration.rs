//! The one integration binary: each file below `tests/` is a module of it.

mod command_line;
mod house;
mod invalid;
mod policy_form;
mod shipped;
mod support;
