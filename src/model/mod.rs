//! The nouns: accounts, regions, partitions, ARNs, addresses. Values only; nothing here does I/O.

mod account;
mod address;
mod arn;
mod digest;
mod op_error;
mod partition;
mod region;
mod run_id;
mod target;

pub use account::{AccountId, AccountIdError};
pub use address::{Address, AddressError, AddressGlob};
pub use arn::{Arn, ArnError};
pub use digest::{Digest, Digester};
pub use op_error::{Fault, OpError};
pub use partition::{KnownRegion, Partition};
pub use region::{Region, RegionError, RegionGlob};
pub use run_id::{RunId, RunIdError};
pub use target::Target;

/// A glob that could not be compiled, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{glob}` is not a glob: {reason}")]
pub struct GlobError {
    /// The text as it was written.
    pub glob: String,
    /// What the matcher says is wrong with it.
    pub reason: String,
}

impl GlobError {
    fn new(glob: &str, error: &globset::Error) -> Self {
        GlobError { glob: glob.to_owned(), reason: error.kind().to_string() }
    }
}
