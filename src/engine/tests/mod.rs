//! Whole runs in this process, against the simulated cloud, on simulated time.

mod estate;
mod failures;
mod hours;
mod neighbours;
