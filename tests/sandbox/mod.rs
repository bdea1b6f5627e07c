//! The program against a simulated estate: what it plans, what it writes, and what it leaves alone.

mod adoption;
mod bucket;
mod convergence;
mod copy;
mod credentials;
mod cron;
mod drift;
mod failures;
mod foreign;
mod hook;
mod hub;
mod interruption;
mod key;
mod locking;
mod modes;
mod notice;
mod overrides;
mod quiet;
mod record;
mod saved;
mod selection;
mod services;
mod signals;
mod size;
mod trail;
mod waves;
