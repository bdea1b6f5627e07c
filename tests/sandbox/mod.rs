//! The program against a simulated estate: what it plans, what it writes, and what it leaves alone.

mod bucket;
mod convergence;
mod credentials;
mod failures;
mod foreign;
mod interruption;
mod key;
mod modes;
mod overrides;
mod selection;
mod size;
mod trail;
