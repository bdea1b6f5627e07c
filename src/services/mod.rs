//! One folder per AWS service, and the table that ties them in.
//!
//! A service's folder holds `config.rs` (its sections of `baseline.toml`), `spec.rs` (what should be: values only),
//! `aws.rs` (reading and writing it) and `tests.rs`. Adding a service is one folder and one line in the table below.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::{Account, Baseline, Hop, Profiles};
use crate::model::{AccountId, Address, Arn, Region, Target};

#[macro_use]
mod table;

#[cfg(feature = "aws")]
pub mod adapter;
pub mod cloudtrail;
#[cfg(test)]
pub(crate) mod estate;
pub mod kms;
mod policy_form;
pub mod s3;
mod shared_policy;

pub use policy_form::policy_notes;
pub use shared_policy::SharedPolicy;

services! {
    // folder     service      kinds: variant, spec type, name
    kms           Kms          { KmsKey(kms::Key) = "kms.key" }
    s3            S3           { S3Bucket(s3::Bucket) = "s3.bucket" }
    cloudtrail    Cloudtrail   { CloudtrailTrail(cloudtrail::Trail) = "cloudtrail.trail" }
}

impl Service {
    /// The services whose resources every account needs and one account holds: read and planned before all others,
    /// whatever the run is narrowed to.
    pub const SHARED: &[Service] = &[Service::Kms, Service::S3];

    /// The account that holds a shared service's resource, and `None` for every other service.
    pub fn holder(self, profiles: &Profiles) -> Option<AccountId> {
        match self {
            Service::Kms => Some(profiles.security),
            Service::S3 => Some(profiles.bucket_owner),
            Service::Cloudtrail => None,
        }
    }
}

/// The tag that makes a resource ours, and its value.
pub const OWNER_TAG: (&str, &str) = ("ManagedBy", "baseline");

/// The tag that names the baseline a resource was made from.
pub const BASELINE_TAG: &str = "Baseline";

/// Tags as AWS holds them: one value per key.
pub type Tags = BTreeMap<String, String>;

/// The tags every resource of ours carries.
pub fn our_tags(baseline: &Baseline) -> Tags {
    let mut tags = baseline.tags.clone();
    tags.insert(OWNER_TAG.0.to_owned(), OWNER_TAG.1.to_owned());
    tags.insert(BASELINE_TAG.to_owned(), baseline.name.clone());
    tags
}

/// Keeps other people's tags beside ours.
fn keep_tags(ours: &mut Tags, seen: &Tags) {
    for (key, value) in seen {
        ours.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Whether the tags say that the resource is ours.
pub fn is_ours(tags: &Tags) -> bool {
    tags.get(OWNER_TAG.0).is_some_and(|value| value == OWNER_TAG.1)
}

/// Something that a resource carries along without being part of what it is: no two resources differ by it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aside<T>(pub T);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A resource that another one points at: by its address until it exists, then by the ARN AWS gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// What is declared there; the planner or the engine looks up its ARN.
    To(Address),
    /// The ARN.
    Is(Arn),
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        match reference {
            Reference::To(address) => format!("ref:{address}"),
            Reference::Is(arn) => arn.to_string(),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix("ref:") {
            Some(address) => address.parse().map(Reference::To).map_err(|e: crate::model::AddressError| e.to_string()),
            None => text.parse().map(Reference::Is).map_err(|e: crate::model::ArnError| e.to_string()),
        }
    }
}

/// What a kind must be able to say about itself; the desired and the observed resource are the same type.
pub trait Resource: Clone + PartialEq + Serialize {
    /// The references in it, so that they can be resolved before anything is compared or sent.
    fn references(&mut self) -> Vec<&mut Reference> {
        Vec::new()
    }

    /// Takes over from what was seen everything that is not ours to decide: other people's policy statements, tags
    /// and rules, and whatever `terms` forbid to reduce. Returns what was kept against the declaration.
    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept>;

    /// The tags that say whose it is.
    fn tags(&self) -> &Tags;

    /// The policy that admits other accounts, where the kind has one.
    fn shared_policy(&self) -> Option<&SharedPolicy> {
        None
    }

    /// Why this must not be written over `seen`, whatever the plan thinks: an independent reading of
    /// DESIGN.md's "What it never does".
    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String>;
}

/// What the person at the keyboard allowed, and what a check must know about the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// `--allow-remove-accounts`.
    pub allow_remove_accounts: bool,
    /// `--allow-data-loss`.
    pub allow_data_loss: bool,
    /// The role that writes in the account at hand.
    pub running_hop: Option<Hop>,
    /// What is at hand.
    pub address: Option<Address>,
}

/// Something that was left as it is although the declaration says otherwise, and how to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What was kept and why.
    pub reason: String,
    /// How to go on.
    pub hint: String,
}

/// The declaration, as pure input of every service.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    /// Who and where.
    pub profiles: &'a Profiles,
    /// What.
    pub baseline: &'a Baseline,
    /// What the documents that all accounts share hold today.
    pub shared: &'a Shared,
}

/// What the log key's and the log bucket's policies hold today, as far as the declaration has to make room for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shared {
    /// Accounts that our statements admit and the profiles no longer name: they stay admitted until
    /// `--allow-remove-accounts` is given.
    pub retained: BTreeSet<AccountId>,
    /// Bytes that other people's statements take.
    pub foreign_bytes: BTreeMap<Address, usize>,
}

impl Shared {
    /// Bytes of a document that are not ours to use; none where other people's statements go away.
    fn taken(&self, address: &Address, exclusive: bool) -> usize {
        if exclusive { 0 } else { self.foreign_bytes.get(address).copied().unwrap_or(0) }
    }
}

impl Declared<'_> {
    /// Every account that sends logs: the baselined ones and the retained ones.
    pub fn senders(&self) -> BTreeSet<AccountId> {
        self.profiles.baselined().map(|account| account.id).chain(self.shared.retained.iter().copied()).collect()
    }
}

/// One account with the Regions that count there.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The account.
    pub account: &'a Account,
    /// Its enabled Regions after the globs of the profiles file, in order.
    pub regions: &'a [Region],
}

impl Place<'_> {
    /// This account in one Region.
    pub fn target(&self, region: &Region) -> Target {
        Target::new(self.account.id, region.clone())
    }
}

/// What should be at one address, and what must be right before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Where.
    pub address: Address,
    /// What.
    pub spec: Spec,
    /// What has to end well first.
    pub requires: Vec<Address>,
}

/// Whose a resource is that bears one of our names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// It carries our tag, or its name is one that only its account's owner can declare (a bucket).
    Ours,
    /// It bears our name without our tag: a name is not ownership.
    Unmarked,
}

/// A resource as AWS shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where; the name is the declared one, or for an orphan the one it was declared by.
    pub address: Address,
    /// What it is now.
    pub spec: Spec,
    /// Its ARN.
    pub arn: Arn,
    /// Whose it is.
    pub ownership: Ownership,
}

/// Something a person should know that is not drift.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// Where it was seen.
    pub target: Target,
    /// What sort of note it is; notes that share it and the text are shown together.
    pub topic: String,
    /// What was seen and what it means.
    pub text: String,
}

/// Everything that one cell, a service in a target, holds for us.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Resources that bear a declared name or carry our tag.
    pub found: Vec<Found>,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
}
