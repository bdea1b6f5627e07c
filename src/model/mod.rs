//! The nouns: accounts, regions, partitions, ARNs, addresses. Values only; nothing here does I/O.

mod account;
mod address;
mod arn;
mod availability;
mod digest;
mod glob;
mod op_error;
mod partition;
mod region;
mod run_id;
mod schema;
mod secrets;
mod shown;
mod target;

pub use account::{AccountId, AccountIdError};
pub use address::{Address, AddressError, AddressGlob};
pub use arn::{Arn, ArnError};
pub use availability::{is_resource_type, offers_rule, resource_types};
pub use digest::{Digest, Digester};
pub use glob::GlobError;
pub use op_error::{Fault, OpError};
#[cfg(feature = "aws")]
pub(crate) use op_error::{is_code, is_said};
pub use partition::{KnownRegion, Partition};
pub use region::{Region, RegionError, RegionGlob};
pub use run_id::{RunId, RunIdError};
pub use secrets::Secrets;
pub use shown::{for_screen, is_hidden, printable, shown};
pub use target::Target;

pub(crate) use glob::matcher;
