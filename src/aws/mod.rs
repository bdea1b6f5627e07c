//! The road to AWS: credentials hop by hop, one guarded client per account and service, and one function that every
//! call goes through.

mod assume;
mod budget;
mod call;
mod clients;
mod error;
mod fence;
mod hint;
mod ledger;
mod limits;
mod objects;
mod publish;
mod rates;
mod regions;
mod settle;
#[cfg(test)]
pub(crate) mod tests;

pub use assume::{Chain, MfaCodes};
pub use call::{Call, found};
pub use clients::{Access, Aws, Session, Start, StartError};
pub use fence::{Fence, Lost, Moment};
pub use hint::iam_action;
pub use ledger::Ledger;
pub use objects::{Own, OwnObject, Version};
pub use publish::publish;
pub use rates::Rates;
pub use regions::enabled_regions;
pub use settle::Settling;

/// Sends an SDK operation to a Region: one client per account and service serves every Region, which costs 12 µs a
/// call and saves building (and keeping) a client per account, Region and service.
macro_rules! send {
    ($sdk:ident, $region:expr, $operation:expr) => {
        $operation
            .customize()
            .config_override($sdk::config::Config::builder().region($sdk::config::Region::new($region.to_string())))
            .send()
    };
}
pub(crate) use send;
