//! The state of the simulated cloud, and who is calling.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::calls::Calls;
use super::clock::Clock;
use super::denials::Denials;
use super::faults::Faults;
use super::quotas::Quotas;
use super::rates::Rates;
use super::witness::Witness;
use super::{cloudtrail, config, events, guardduty, kms, lambda, s3, sns, sqs};
use crate::model::{AccountId, Arn, Partition, Region};

/// The endpoint of a simulation that does not listen, in the links it writes (RFC 2606).
const NOWHERE: &str = "http://simulation.invalid";

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub partition: Partition,
    pub accounts: BTreeMap<AccountId, Account>,
    pub credentials: HashMap<String, Credential>,
    /// The device of the starting user, where the first role asks for one.
    pub mfa_serial: Option<String>,
    /// Shortens every session, in seconds.
    pub session_seconds: Option<u32>,
    pub cloudtrail: cloudtrail::State,
    pub guardduty: guardduty::State,
    pub config: config::State,
    pub kms: kms::State,
    pub lambda: lambda::State,
    pub s3: s3::State,
    pub events: events::State,
    pub sns: sns::State,
    pub sqs: sqs::State,
    /// Where the simulation listens: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    clock: Clock,
    pub denials: Denials,
    pub faults: Faults,
    pub rates: Rates,
    pub quotas: Quotas,
    /// Accounts that are closed.
    pub suspended: BTreeSet<AccountId>,
    /// Services that a Region has not, by its name and theirs.
    pub withdrawn: BTreeSet<(String, String)>,
    /// Regions that AWS opened since this release, and whether accounts opt in to them.
    pub opened: BTreeMap<Region, bool>,
    pub calls: Calls,
    pub ids: Ids,
    /// Who is told of every exchange.
    pub witness: Option<Witness>,
}

/// An account: its Regions and its roles.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub enabled: BTreeSet<Region>,
    /// The address of the root user; any is taken for it where the profiles file says none.
    pub email: Option<String>,
    /// By name, without the path.
    pub roles: BTreeMap<String, Role>,
    /// The account's managed policies by ARN, as JSON text; each has one version.
    pub policies: BTreeMap<String, String>,
}

/// A role.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub arn: Arn,
    pub id: String,
    /// The trust policy, as JSON text.
    pub trust: String,
    /// The longest session, in seconds.
    pub max_session: u32,
    /// The account whose session `AssumeRole` gives instead, once tampered with.
    pub behind: Option<AccountId>,
    /// When it was made, in seconds since 1970.
    pub created: f64,
    pub description: Option<String>,
    /// Inline policies by name, as JSON text.
    pub inline: BTreeMap<String, String>,
    /// The ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
    /// Its permissions boundary: the ARN of the policy, and its text.
    pub boundary: Option<(String, String)>,
    pub tags: BTreeMap<String, String>,
}

/// An access key that was given out.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    /// Only sessions have one.
    pub token: Option<String>,
    /// When the session ends, in seconds since 1970.
    pub expires: Option<f64>,
    pub identity: Identity,
}

/// Who a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub account: AccountId,
    /// The ARN of the user, or of the session.
    pub arn: Arn,
    /// The role of a session.
    pub role: Option<Arn>,
    /// `AIDA…`, or `AROA…:session`.
    pub user_id: String,
    pub source_identity: Option<String>,
}

impl World {
    /// An empty cloud.
    pub fn new(partition: Partition, session_seconds: Option<u32>, clock: Clock) -> World {
        World {
            partition,
            accounts: BTreeMap::new(),
            credentials: HashMap::new(),
            mfa_serial: None,
            session_seconds,
            cloudtrail: cloudtrail::State::default(),
            guardduty: guardduty::State::default(),
            config: config::State::default(),
            kms: kms::State::default(),
            lambda: lambda::State::default(),
            s3: s3::State::default(),
            events: events::State::default(),
            sns: sns::State::default(),
            sqs: sqs::State::default(),
            endpoint: NOWHERE.to_owned(),
            denials: Denials::default(),
            faults: Faults::default(),
            rates: Rates::default(),
            quotas: Quotas::default(),
            suspended: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            opened: BTreeMap::new(),
            calls: Calls::default(),
            witness: None,
            ids: Ids::new(clock.now()),
            clock,
        }
    }

    /// The time, in seconds since 1970, to the millisecond.
    pub fn now(&self) -> f64 {
        self.clock.now()
    }

    /// Whether the account has enabled the Region.
    pub fn is_enabled(&self, account: AccountId, region: &Region) -> bool {
        self.accounts.get(&account).is_some_and(|account| account.enabled.contains(region))
    }

    /// Every Region there is, and whether accounts opt in to it.
    pub fn regions(&self) -> impl Iterator<Item = (&str, bool)> {
        let known = self.partition.known_regions().iter().map(|known| (known.name, known.opt_in));
        known.chain(self.opened.iter().map(|(region, opt_in)| (region.as_str(), *opt_in)))
    }

    /// Whether accounts opt in to a Region.
    pub fn must_opt_in(&self, region: &Region) -> bool {
        self.regions().any(|(name, opt_in)| opt_in && name == region.as_str())
    }

    /// The account's role of that ARN; the path counts.
    pub fn role(&self, arn: &Arn) -> Option<&Role> {
        let account = self.accounts.get(&arn.account()?)?;
        account.roles.get(arn.role_name()?).filter(|role| role.arn == *arn)
    }

    /// Adds an account with the partition's default Regions, unless it is there.
    pub fn add_account(&mut self, id: AccountId) -> &mut Account {
        let partition = self.partition;
        self.accounts.entry(id).or_insert_with(|| Account {
            enabled: partition
                .known_regions()
                .iter()
                .filter(|known| !known.opt_in)
                .filter_map(|known| known.name.parse().ok())
                .collect(),
            email: None,
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
        })
    }

    /// Adds or replaces a role; gives it. `None` when the ARN is not a role's.
    pub fn add_role(&mut self, arn: &Arn, trust: String, max_session: u32) -> Option<&mut Role> {
        let (account, name) = (arn.account()?, arn.role_name()?.to_owned());
        let created = self.now();
        let role = Role {
            arn: arn.clone(),
            id: self.ids.unique("AROA", 17),
            trust,
            max_session,
            behind: None,
            created,
            description: None,
            inline: BTreeMap::new(),
            attached: BTreeSet::new(),
            boundary: None,
            tags: BTreeMap::new(),
        };
        let roles = &mut self.add_account(account).roles;
        roles.insert(name.clone(), role);
        roles.get_mut(&name)
    }
}

/// A time as XML carries it.
pub(super) fn iso(seconds: f64) -> String {
    let nanos = (seconds * 1e3).round() as i128 * 1_000_000;
    time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}

/// A time as HTTP headers carry it (RFC 9110).
pub(super) fn http_date(seconds: f64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(seconds.floor() as i64).ok();
    time.and_then(|time| time.format(&time::format_description::well_known::Rfc2822).ok())
        .map(|text| text.replace("+0000", "GMT"))
        .unwrap_or_default()
}

/// Makes identifiers, each once.
#[derive(Debug)]
pub(super) struct Ids {
    seed: String,
    made: u64,
}

impl Ids {
    /// The time tells one process from another with the same id, a count one simulation of a process from the next,
    /// whose clock may stand still.
    fn new(now: f64) -> Ids {
        static SIMULATIONS: AtomicU64 = AtomicU64::new(0);
        let nth = SIMULATIONS.fetch_add(1, Ordering::Relaxed);
        Ids { seed: format!("{}/{now}/{nth}", std::process::id()), made: 0 }
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.made += 1;
        Sha256::digest(format!("{}/{}", self.seed, self.made)).into()
    }

    /// A prefix and that many letters and digits.
    pub fn unique(&mut self, prefix: &str, length: usize) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bytes = self.bytes();
        let tail = (0..length).map(|i| char::from(LETTERS[usize::from(bytes[i % 32]) % 32]));
        prefix.chars().chain(tail).collect()
    }

    /// A UUID.
    pub fn uuid(&mut self) -> String {
        let hex: String = self.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }
}
