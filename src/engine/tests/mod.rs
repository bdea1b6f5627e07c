//! Whole runs in this process, against the simulated cloud, on simulated time.

mod canary;
mod doors;
mod estate;
mod failures;
mod hours;
mod interruption;
mod neighbours;
mod refusals;
