use std::collections::BTreeMap;

use crate::model::{Address, Arn};

/// What is known of a resource that others may require.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// It exists.
    Present(Arn),
    /// It exists, and cannot be used by anything that is made now.
    Unusable(Arn),
    /// This plan makes it.
    Coming,
    /// It does not exist, and the selection leaves it out.
    Missing,
    /// Its place was not read: the selection leaves it out.
    Unread,
    /// Its place could not be read.
    Unreadable,
    /// It is held back.
    Blocked,
}

/// What is known, by address.
pub type Facts = BTreeMap<Address, Fact>;
