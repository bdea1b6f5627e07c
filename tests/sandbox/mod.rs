//! The program against a simulated estate: what it plans, what it writes, and what it leaves alone.

mod adoption;
mod bucket;
mod convergence;
mod credentials;
mod drift;
mod failures;
mod foreign;
mod hub;
mod interruption;
mod key;
mod locking;
mod modes;
mod overrides;
mod selection;
mod services;
mod size;
mod trail;
