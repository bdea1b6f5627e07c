//! IAM policy documents: what they say, whether two say the same, whose statements they hold, what they allow.
//!
//! A [`Policy`] is read with [`Policy::parse`], which keeps the author's spelling and refuses what it does not know:
//! a member that was silently dropped would change somebody's statement at the next write. Documents are compared by
//! meaning with [`Policy::equivalent`], merged with [`Policy::replacing_owned`], which leaves other people's
//! statements alone, and asked what they allow with [`evaluate()`].
//!
//! Whatever this module cannot decide (an operator that it does not know, a policy variable without a value) it
//! decides against access: an `Allow` does not match, a `Deny` does.

#[cfg(test)]
mod arbitrary;
mod budget;
mod canonical;
mod condition;
mod document;
mod evaluate;
mod exposure;
mod json;
mod ownership;
mod parse;
mod parties;
mod pattern;
mod principal;

pub use budget::{BUCKET_POLICY_MAX_BYTES, BUS_POLICY_MAX_BYTES, KEY_POLICY_MAX_BYTES, first_that_fits};
pub use document::{
    Actions, Conditions, Effect, Policy, PrincipalType, Principals, Resources, Statement, VERSION_2008, VERSION_2012,
    Who,
};
pub use evaluate::{Decision, Denial, Request, denials, evaluate};
pub use ownership::OWNED_SID_PREFIX;
pub use parse::{Place, PolicyError};
pub use parties::Party;
pub use principal::Caller;
