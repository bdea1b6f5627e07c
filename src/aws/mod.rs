//! The road to AWS: credentials hop by hop, one guarded client per account and service, and one function that every
//! call goes through.

mod assume;
mod budget;
mod call;
mod clients;
mod content;
mod document;
mod error;
mod fence;
mod granted;
mod hint;
mod homes;
mod http;
mod known;
mod ledger;
mod limits;
mod objects;
mod pages;
mod publish;
mod rates;
mod regions;
mod settings;
mod settle;
mod silence;
#[cfg(test)]
pub(crate) mod tests;

pub use assume::{Chain, MfaCodes};
pub use call::{Call, found};
pub use clients::{Access, Aws, Session, Start};
pub use document::{Body, sending};
pub use fence::{Fence, Lost, Moment};
pub use hint::iam_action;
pub use homes::Homes;
pub use http::StartError;
pub use known::environment;
pub use ledger::Ledger;
pub use objects::{Own, OwnObject, Version};
pub use pages::Pages;
pub use publish::publish;
pub use rates::Rates;
pub use regions::{EnabledRegions, enabled_regions};
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

/// The same with an interceptor, such as [`Body::keeper`] and [`sending`].
macro_rules! send_with {
    ($sdk:ident, $region:expr, $operation:expr, $interceptor:expr) => {
        $operation
            .customize()
            .interceptor($interceptor)
            .config_override($sdk::config::Config::builder().region($sdk::config::Region::new($region.to_string())))
            .send()
    };
}
pub(crate) use send_with;
