//! The one integration binary: each file below `tests/` is a module of it.

mod aws_cli;
mod command_line;
#[cfg(feature = "aws")]
mod demo;
mod deploy;
#[cfg(feature = "aws")]
mod docs;
#[cfg(feature = "aws")]
mod fidelity;
mod house;
mod invalid;
#[cfg(feature = "aws")]
mod moto;
mod parliament;
mod policy_form;
#[cfg(feature = "aws")]
mod sandbox;
mod shipped;
mod support;
#[cfg(feature = "aws")]
mod verbs;
