//! Brings every AWS account of a company to one declared security baseline, without AWS Organizations.
//!
//! The straight line:
//!
//! ```text
//! baseline.toml + profiles.toml
//!   └ config::load ─► Baseline, Profiles            pure; every mistake reported at once, with its line
//!       └ aws::Chain ─► a session per account        jump ► security ► project, each hop cached and renewed
//!           └ aws::enabled_regions ─► places         DescribeRegions per account
//!               └ Service::desire ─► Desired         pure; what should be, per Address
//!               └ engine::survey ─► Reading          what is, cell by cell
//!                   └ plan ─► Plan                   pure; ordered changes, field by field, checked
//!                       └ engine::apply ─► one Outcome per change
//!                           └ report ─► summary, exit code
//! ```

// How deep futures may be nested whose layout is computed: an apply holds a survey, which holds the reading of every cell.
#![recursion_limit = "256"]

#[cfg(feature = "aws")]
pub mod aws;
pub mod bounded;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "aws")]
pub mod engine;
pub mod model;
pub mod plan;
pub mod policy;
pub mod report;
pub mod sandbox;
pub mod services;
