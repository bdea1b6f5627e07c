//! Whole runs in this process, against the simulated cloud, on simulated time.

mod answers;
mod canary;
mod doors;
mod estate;
mod failures;
mod homes;
mod hours;
mod interruption;
mod neighbours;
mod presets;
mod refusals;
mod silence;
