//! One folder per AWS service, and the table that ties them in.
//!
//! A service's folder holds `config.rs` (its sections of `baseline.toml`), `spec.rs` (what should be: values only),
//! `aws.rs` (reading and writing it) and `tests.rs`. Adding a service is one folder and one line in the table below.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::{Account, Baseline, Hop, Profiles};
use crate::model::{AccountId, Address, Arn, Digest, Region, Target};

#[macro_use]
mod table;

#[cfg(feature = "aws")]
pub mod adapter;
pub mod cloudtrail;
pub mod config;
pub mod delivery;
#[cfg(test)]
pub(crate) mod estate;
pub mod eventbridge;
mod exposure;
pub mod guardduty;
pub mod iam;
pub mod kms;
pub mod lambda;
mod mute;
mod policy_form;
pub mod s3;
mod senders;
mod shared_policy;
pub mod sns;
pub mod sqs;

pub use exposure::expose;
pub use mute::mute;
pub use policy_form::policy_notes;
pub use shared_policy::{SharedPolicy, gone_principals};

services! {
    // folder     service      kinds: variant, spec type, name. A resource comes after everything it requires.
    kms           Kms          { KmsKey(kms::Key) = "kms.key" }
    s3            S3           { S3Bucket(s3::Bucket) = "s3.bucket" }
    iam           Iam          {
        IamServiceLinkedRole(iam::ServiceLinkedRole) = "iam.service_linked_role",
        IamRole(iam::Role) = "iam.role",
    }
    cloudtrail    Cloudtrail   { CloudtrailTrail(cloudtrail::Trail) = "cloudtrail.trail" }
    guardduty     Guardduty    {
        GuarddutyDetector(guardduty::Detector) = "guardduty.detector",
        GuarddutyPublishingDestination(guardduty::PublishingDestination) = "guardduty.publishing_destination",
        GuarddutyMembers(guardduty::Members) = "guardduty.members",
        GuarddutyMembership(guardduty::Membership) = "guardduty.membership",
    }
    config        Config       {
        ConfigRecorder(config::Recorder) = "config.recorder",
        ConfigDeliveryChannel(config::DeliveryChannel) = "config.delivery_channel",
        ConfigRecording(config::Recording) = "config.recording",
        ConfigRule(config::Rule) = "config.rule",
        ConfigAuthorization(config::Authorization) = "config.authorization",
        ConfigAggregator(config::Aggregator) = "config.aggregator",
    }
    lambda        Lambda       { LambdaPermission(lambda::Permission) = "lambda.permission" }
    sqs           Sqs          { SqsQueuePolicy(sqs::QueuePolicy) = "sqs.queue_policy" }
    sns           Sns          {
        SnsTopic(sns::Topic) = "sns.topic",
        SnsSubscription(sns::Subscription) = "sns.subscription",
    }
    eventbridge   Eventbridge  {
        EventbridgeBus(eventbridge::Bus) = "eventbridge.bus",
        EventbridgeRule(eventbridge::Rule) = "eventbridge.rule",
    }
}

impl Service {
    /// The account that holds what every other account needs of this service, and `None` for a service that has no such
    /// thing: its shared resources are read and planned before all others, whatever the run is narrowed to.
    pub fn holder(self, profiles: &Profiles) -> Option<AccountId> {
        match self {
            Service::S3 => Some(profiles.bucket_owner),
            Service::Kms | Service::Guardduty | Service::Sns | Service::Eventbridge => Some(profiles.security),
            Service::Iam | Service::Cloudtrail | Service::Config | Service::Lambda | Service::Sqs => None,
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

impl Reference {
    /// Puts the ARN in the place of the address, where it is known.
    pub fn resolve(&mut self, known: impl FnOnce(&Address) -> Option<Arn>) {
        if let Reference::To(address) = self
            && let Some(arn) = known(address)
        {
            *self = Reference::Is(arn);
        }
    }
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

/// A kind in a few words for people, from which `docs/resources.md` is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// In which account and Region it is.
    pub lives: &'static str,
    /// What it costs to leave it out.
    pub without: &'static str,
}

/// What a kind must be able to say about itself; the desired and the observed resource are the same type.
pub trait Resource: Clone + PartialEq + Serialize {
    /// Where it is and what it is for.
    const ABOUT: About;

    /// The references in it, so that they can be resolved before anything is compared or sent.
    fn references(&mut self) -> Vec<&mut Reference> {
        Vec::new()
    }

    /// Takes over from what was seen everything that is not ours to decide: other people's policy statements, tags
    /// and rules, and whatever `terms` forbid to reduce. Returns what was kept against the declaration.
    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept>;

    /// The tags that say whose it is; none where the kind has no tags.
    fn tags(&self) -> &Tags;

    /// What keeps it from doing its work although it is as declared, such as a subscription that its recipient has not
    /// confirmed: reported on every run, and no drift.
    fn undelivered(&self) -> Option<Kept> {
        None
    }

    /// Whether nothing that is made now could use it, so that nothing that requires it is made.
    fn is_unusable(&self) -> bool {
        false
    }

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
    /// Whether the account at hand declares `take_over` for the service at hand.
    pub take_over: bool,
    /// Whether the plan at hand was read from a file, which does not hold what specs carry aside: what a check needs of
    /// that is left to the fresh plan that the file is held against.
    pub from_file: bool,
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

/// What is known of the estate before any account is planned: what the shared policies hold today, as far as the
/// declaration has to make room for it, and which Regions there are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shared {
    /// Accounts that our statements admit and the profiles no longer name: they stay admitted until
    /// `--allow-remove-accounts` is given.
    pub retained: BTreeSet<AccountId>,
    /// Services that other people's statements of the log key's policy let use the key.
    pub key_admits: BTreeSet<String>,
    /// Bytes that other people's statements take.
    pub foreign_bytes: BTreeMap<Address, usize>,
    /// The Regions that get the baseline in each account that this run could enter and is not narrowed away from.
    pub regions: BTreeMap<AccountId, Vec<Region>>,
    /// The Regions in which the security account receives what others send: those that it has enabled and in which it
    /// or an account of [`Shared::regions`] gets the baseline, in order.
    pub hub: Vec<Region>,
    /// Accounts that the security account cannot make members of its GuardDuty, by account and Region, as it sees them.
    pub members: BTreeMap<Target, guardduty::Member>,
    /// Regions that accounts opt in to, besides those that this release knows of: by what AWS says of the Regions that are
    /// enabled in the accounts that this run entered, and by what the shared policies admit already.
    pub opt_in: BTreeSet<Region>,
    /// Regions that count nowhere any more and in which the security account still has what this tool set up.
    pub left: BTreeSet<Region>,
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
    /// Whether other accounts depend on it, so that it is planned before them and whatever its own account says of
    /// `baseline`. Only the [holder](Service::holder) of its service may have such a resource.
    pub shared: bool,
    /// Why it cannot be had, and how to go on: it is blocked then.
    pub obstacle: Option<Kept>,
}

impl Desired {
    /// What should be at an address, once everything it requires is right.
    pub fn new(address: Address, spec: Spec, requires: Vec<Address>) -> Self {
        Desired { address, spec, requires, shared: false, obstacle: None }
    }

    /// The same, for something that other accounts depend on.
    pub fn shared(address: Address, spec: Spec, requires: Vec<Address>) -> Self {
        Desired { shared: true, ..Desired::new(address, spec, requires) }
    }
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// Something that is as declared, or cannot be declared from here, and does not do its work yet: it is reported on every
/// run and is no drift.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Undelivered {
    /// Where.
    pub address: Address,
    /// Why.
    pub reason: String,
    /// How to go on; several lines where these are commands.
    pub hint: String,
}

/// Something of somebody else's that opens, blocks, expires or reroutes what this baseline relies on: it is left as it is
/// and reported on every run, and no exit code is 0 while it stands and nobody accepted it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exposed {
    /// The resource of this baseline that is exposed.
    pub address: Address,
    /// Who or what exposes it, and what that allows or does.
    pub reason: String,
    /// How to go on.
    pub hint: String,
    /// The digest of what exposes it, to which an `[[exception]]` is bound: whatever widens it has another one.
    pub digest: String,
}

/// How many hexadecimal digits of a content's digest an `[[exception]]` names: 128 bits.
const DIGEST_DIGITS: usize = 32;

impl Exposed {
    /// Names what exposes a resource. `content` is all of it that matters, in canonical form, and nothing that changes by
    /// itself: its digest, with the resource's kind, is what an acceptance is bound to.
    pub fn new(address: Address, reason: String, hint: String, content: &serde_json::Value) -> Self {
        let bound = serde_json::json!({ "kind": address.kind.as_str(), "content": content });
        let digest = Digest::of_bytes(bound.to_string().as_bytes());
        let digest = digest.as_str().chars().take(DIGEST_DIGITS).collect();
        Exposed { address, reason, hint, digest }
    }
}

/// A name that is not free: what is declared by it cannot be made as long as that is so.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// What is declared and not there.
    pub address: Address,
    /// What holds the name, where that is something that is declared as well: once it is as it should be, the name is
    /// free.
    pub by: Option<Address>,
    /// Why it cannot be made, as long as nothing of that kind is planned, and how to go on.
    pub kept: Kept,
}

/// Everything that one cell, a service in a target, holds for us.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Resources that bear a declared name or carry our tag.
    pub found: Vec<Found>,
    /// What waits for somebody who is not in the profiles.
    pub undelivered: Vec<Undelivered>,
    /// What somebody else opens, blocks, expires or reroutes.
    pub exposed: Vec<Exposed>,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
    /// Names that are not free.
    pub taken: Vec<Taken>,
}
