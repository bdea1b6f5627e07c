//! The checked content of `profiles.toml`.

use std::collections::BTreeSet;
use std::fmt;

use super::{Limits, TrustedAccount};
use crate::model::{AccountId, Arn, Partition, Region, RegionGlob};

/// Who and where: every account of the company, and how to get into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles {
    /// The partition all of it lives in.
    pub partition: Partition,
    /// Where we start.
    pub jump: Jump,
    /// The account that owns the log key and receives what the others send.
    pub security: AccountId,
    /// The account that owns the log bucket: the log archive account, or else the security account.
    pub bucket_owner: AccountId,
    /// The security account's home Region: log bucket and key live here.
    pub home_region: Region,
    /// Every account, each once: jump, security, log archive, then the projects in the order of the file.
    ///
    /// An account with `baseline = false` is still listed: it is walked through and confirmed, but not baselined.
    pub accounts: Vec<Account>,
    /// How many failures a rollout tolerates.
    pub rollout: Limits,
    /// Accounts outside the estate that are meant to read what this baseline relies on, by id.
    pub trusted: Vec<TrustedAccount>,
}

impl Profiles {
    /// The account with this id.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// The accounts that get the baseline, in the order of [`Profiles::accounts`].
    pub fn baselined(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| account.baseline)
    }
}

/// Hop 0: the credentials the run starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// The AWS profile to start from; `None` takes the ambient credentials.
    pub profile: Option<String>,
    /// The account of [`Jump::hop`]'s role, or else of the starting credentials; `None` when the file does not say.
    pub account: Option<AccountId>,
    /// The optional first role.
    pub hop: Option<Hop>,
    /// The device that the first role asks for.
    pub mfa: Option<Mfa>,
    /// How long the first session should last, in seconds; never sent when the start is itself a role session, because
    /// a chained session cannot outlast an hour (STS API Reference, `AssumeRole`).
    pub duration_seconds: Option<u32>,
    /// The Region whose STS is asked, and whose EC2 is asked for the Regions; `None` is the home Region where it is
    /// enabled by default, and the others of the partition where it does not answer.
    pub sts_region: Option<Region>,
}

/// A multi-factor device and where its code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mfa {
    /// The device: an ARN, or the serial number of a hardware token.
    pub serial: String,
    /// A program with its arguments that prints the six digits; without one the code is asked for on the terminal.
    pub command: Option<Vec<String>>,
}

/// One `AssumeRole`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The role to assume.
    pub role: Arn,
    /// The external id that its trust policy asks for.
    pub external_id: Option<ExternalId>,
    /// The session's name, as CloudTrail will show it.
    pub session_name: String,
    /// The source identity, which once set stays for the whole chain.
    pub source_identity: Option<String>,
}

impl Hop {
    /// The ARN of the session it opens, as policies and CloudTrail see it.
    pub fn session_arn(&self) -> String {
        let account = self.role.account().map(|id| id.to_string()).unwrap_or_default();
        let role = self.role.role_name().unwrap_or_default();
        format!("arn:{}:sts::{account}:assumed-role/{role}/{}", self.role.partition(), self.session_name)
    }
}

/// An external id: shared with the other party, so never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(String);

impl ExternalId {
    /// Wraps a checked text (2 to 1224 of `[\w+=,.@:/-]`; STS API Reference, `AssumeRole`).
    pub fn new(text: impl Into<String>) -> Self {
        ExternalId(text.into())
    }

    /// The text, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(…)")
    }
}

/// What an account is to the estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Where people and the tool start.
    Jump,
    /// Owns the log key.
    Security,
    /// Owns the log bucket.
    LogArchive,
    /// Everybody else.
    Project,
}

/// The session an account's role is assumed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The jump account's session (its role's, or the starting credentials).
    Jump,
    /// The security account's session.
    Security,
}

/// One account and how it takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name for people.
    pub name: String,
    /// The e-mail address of its root user, which GuardDuty's invitations ask for.
    pub email: Option<String>,
    /// What it is to the estate.
    pub duty: Duty,
    /// Whether it gets the baseline.
    pub baseline: bool,
    /// The role to assume; `None` only for a jump account that is entered with the starting credentials alone.
    pub hop: Option<Hop>,
    /// Where the hop starts.
    pub via: Via,
    /// Groups it belongs to, for `--group`.
    pub groups: BTreeSet<String>,
    /// When it is rolled out: lower waves first.
    pub wave: u32,
    /// Which Regions count.
    pub regions: RegionChoice,
    /// Services (by their names in the service table) whose untagged namesakes may be taken over here.
    pub take_over: BTreeSet<String>,
}

/// Which of an account's Regions get the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionChoice {
    /// A static list, for accounts where `DescribeRegions` is denied; `None` asks AWS.
    pub list: Option<Vec<Region>>,
    /// A Region counts if one of these matches.
    pub include: Vec<RegionGlob>,
    /// And none of these does.
    pub exclude: Vec<RegionGlob>,
}

impl fmt::Display for RegionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |globs: &[RegionGlob]| globs.iter().map(RegionGlob::as_str).collect::<Vec<_>>().join(", ");
        match &self.list {
            Some(list) => f.write_str(&list.iter().map(Region::as_str).collect::<Vec<_>>().join(", "))?,
            None => f.write_str(&joined(&self.include))?,
        }
        if self.exclude.is_empty() { Ok(()) } else { write!(f, " except {}", joined(&self.exclude)) }
    }
}

impl RegionChoice {
    /// Whether this Region counts: on the list, where there is one, and let through by the globs.
    pub fn holds(&self, region: &Region) -> bool {
        self.list.as_ref().is_none_or(|list| list.contains(region)) && self.allows(region)
    }

    /// Whether the globs let this Region through.
    pub fn allows(&self, region: &Region) -> bool {
        self.include.iter().any(|glob| glob.matches(region)) && !self.exclude.iter().any(|glob| glob.matches(region))
    }
}
