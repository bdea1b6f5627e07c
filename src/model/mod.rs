//! The nouns: accounts, regions, partitions, ARNs, addresses. Values only; nothing here does I/O.

mod account;
mod address;
mod arn;
mod digest;
mod glob;
mod op_error;
mod partition;
mod region;
mod run_id;
mod target;

pub use account::{AccountId, AccountIdError};
pub use address::{Address, AddressError, AddressGlob};
pub use arn::{Arn, ArnError};
pub use digest::{Digest, Digester};
pub use glob::GlobError;
pub use op_error::{Fault, OpError};
pub use partition::{KnownRegion, Partition};
pub use region::{Region, RegionError, RegionGlob};
pub use run_id::{RunId, RunIdError};
pub use target::Target;

pub(crate) use glob::matcher;
