//! Brings every AWS account of a company to one declared security baseline, without AWS Organizations.

pub mod config;
pub mod model;
pub mod policy;
pub mod sandbox;
pub mod services;
