//! The contract between the engine and everyone who watches it.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AccountId, Address, Digest, Fault, OpError, Region, RunId, Target};
use crate::plan::Plan;
use crate::services::Service;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run starts.
    RunStarted {
        /// Which.
        run: RunId,
        /// The tool's version.
        tool: Cow<'static, str>,
        /// The subcommand.
        command: Cow<'static, str>,
        /// The baseline's name; `None` where it was not needed, or could not be read.
        baseline: Option<String>,
        /// The digest of `baseline.toml` as it was.
        baseline_digest: Option<Digest>,
        /// The digest of `profiles.toml` as it was; `None` where the files could not be read.
        profiles_digest: Option<Digest>,
        /// What the run was narrowed to, as options say it; `None` for everything.
        selection: Option<String>,
    },
    /// Reading starts; the number of accounts is known.
    ReadingStarted {
        /// Accounts that will be entered.
        accounts: usize,
    },
    /// An account's Regions are known.
    RegionsListed {
        /// The account.
        account: AccountId,
        /// How many Regions will be read there.
        regions: usize,
    },
    /// A cell is being read.
    CellStarted {
        /// The service.
        service: Service,
        /// Where.
        target: Target,
    },
    /// A cell was read, or could not be.
    CellRead {
        /// The service.
        service: Service,
        /// Where.
        target: Target,
        /// Whether it could be read.
        readable: bool,
    },
    /// Everything of an account was read.
    AccountRead {
        /// The account.
        account: AccountId,
    },
    /// An account could not be entered.
    AccountFailed {
        /// Why.
        error: OpError,
    },
    /// The plan is made, or was read from a file.
    Planned {
        /// The plan.
        plan: Arc<Plan>,
    },
    /// A call will be tried again.
    CallRetried {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// The service.
        service: Cow<'static, str>,
        /// The operation.
        operation: Cow<'static, str>,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        code: String,
        /// How long until the next attempt.
        wait: Duration,
        /// Whether AWS is given time to notice something that was just written, rather than the call slowed down.
        settling: bool,
    },
    /// A call that changes something was answered, or given up.
    CallEnded {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// The role in use.
        role: String,
        /// The service.
        service: Cow<'static, str>,
        /// The operation.
        operation: Cow<'static, str>,
        /// How often it was sent.
        attempts: u32,
        /// AWS's id of the last answer, where there was one.
        request_id: Option<String>,
        /// What it failed with.
        error: Option<OpError>,
    },
    /// AWS needed long to notice something that was just written.
    Settled {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// The service.
        service: Cow<'static, str>,
        /// The operation that could not be made before.
        operation: Cow<'static, str>,
        /// What AWS said meanwhile.
        code: String,
        /// How long it took.
        waited: Duration,
        /// Whether it was given up.
        given_up: bool,
    },
    /// Somebody else holds the lock.
    LockAwaited {
        /// Who, since when, from where.
        holder: String,
        /// How long it is waited for at most.
        timeout: Duration,
    },
    /// The lock is ours.
    LockTaken {
        /// Whose it was, where its lease had run out.
        over_from: Option<String>,
    },
    /// There is no log bucket to put the lock into: it holds on this machine alone.
    LockLocal {
        /// Its file.
        file: PathBuf,
    },
    /// The lock is free again.
    LockReleased,
    /// Changing starts.
    ApplyStarted {
        /// How many changes there are.
        changes: usize,
    },
    /// A wave starts.
    WaveStarted {
        /// Which.
        wave: Wave,
        /// How many accounts are changed in it.
        accounts: usize,
        /// How many changes there are in it.
        changes: usize,
    },
    /// A change has started.
    ChangeStarted {
        /// What.
        address: Address,
    },
    /// A change has ended.
    ChangeEnded {
        /// What.
        address: Address,
        /// How.
        outcome: Outcome,
    },
    /// From now on nothing new is started.
    Halted {
        /// Why.
        why: Halt,
    },
    /// The run is over.
    RunEnded {
        /// The exit code, or 128 and the signal's number.
        exit: u8,
        /// Why the run could not do what it was asked, where it could not.
        error: Option<String>,
    },
}

impl Event {
    /// The names of all events, as documents spell them.
    pub const NAMES: [&str; 21] = [
        "run_started",
        "reading_started",
        "regions_listed",
        "cell_started",
        "cell_read",
        "account_read",
        "account_failed",
        "planned",
        "call_retried",
        "call_ended",
        "settled",
        "lock_awaited",
        "lock_taken",
        "lock_local",
        "lock_released",
        "apply_started",
        "wave_started",
        "change_started",
        "change_ended",
        "halted",
        "run_ended",
    ];
}

/// How a change ended; every change of a run ends in exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// AWS took it.
    Applied,
    /// It was as it should be already when its turn came.
    AlreadySame,
    /// What is there is no longer what the plan saw: it was left alone.
    Stale {
        /// What is otherwise.
        reason: String,
    },
    /// A call failed.
    Failed(OpError),
    /// Something it requires did not end well.
    Skipped {
        /// What.
        because: Address,
    },
    /// The run stopped before its turn.
    NotStarted {
        /// Why.
        why: Halt,
    },
}

impl Outcome {
    /// The name, as documents spell it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::AlreadySame => "already_same",
            Outcome::Stale { .. } => "stale",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped { .. } => "skipped",
            Outcome::NotStarted { .. } => "not_started",
        }
    }

    /// Whether AWS does not offer what was to be made in its Region: nothing is left to do there.
    pub fn is_not_offered(&self) -> bool {
        matches!(self, Outcome::Failed(error) if error.is_not_offered())
    }

    /// Whether it is an error: what AWS made but for a part is not finished, and what it does not offer cannot be had.
    pub fn is_error(&self) -> bool {
        matches!(self, Outcome::Failed(error) if error.fault != Fault::Partial && !error.is_not_offered())
    }

    /// Whether the resource is as it should be.
    pub const fn is_well(&self) -> bool {
        matches!(self, Outcome::Applied | Outcome::AlreadySame)
    }
}

/// Why a run starts nothing new.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// Somebody, or the scheduler, sent a signal.
    Interrupted,
    /// More accounts failed than are tolerated.
    TooManyFailures {
        /// The wave that was over then.
        wave: Wave,
        /// Accounts that failed: in the wave, or in all of the run.
        failed: usize,
        /// The first few of them.
        accounts: Vec<AccountId>,
        /// How many are tolerated.
        tolerated: usize,
        /// Whether all of the run is counted, rather than the wave alone.
        overall: bool,
    },
    /// The account that goes first did not end well.
    Canary {
        /// Which.
        account: AccountId,
        /// What is not well there.
        trouble: Trouble,
    },
    /// Somebody else is applying, and did not end in time.
    Locked {
        /// Who, since when, from where.
        holder: String,
    },
    /// Somebody else may be writing: the lease of the lock could not be renewed.
    LockLost,
    /// The lock could not be asked for, so that nothing would keep another run away.
    NoLock {
        /// What was asked for, and what AWS answered.
        error: Box<OpError>,
    },
    /// A record was asked for, and could not be written before anything was changed.
    NoRecord,
    /// The lock that holds on this machine alone cannot be had.
    NoLocalLock {
        /// The lock's file.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// What keeps a canary from being followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It could not be read when the plan was made.
    Unread,
    /// A change of it did not end well.
    Change,
    /// Its changes ended well, and reading it again shows that it is not as it should be.
    Found(String),
}

/// One step of a rollout. Each is over before the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wave {
    /// The accounts that hold what all others need: security and log archive, whatever wave they declare.
    Holders,
    /// The account that goes before the rest.
    Canary,
    /// A wave of profiles.toml.
    Declared(u32),
}

impl fmt::Display for Wave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wave::Holders => f.write_str("the security and log archive accounts"),
            Wave::Canary => f.write_str("the canary"),
            Wave::Declared(wave) => write!(f, "wave {wave}"),
        }
    }
}

impl Halt {
    /// Whether it is an error, rather than something that ends by itself or by what somebody decides.
    pub const fn is_error(&self) -> bool {
        matches!(self, Halt::NoLock { .. } | Halt::NoRecord | Halt::NoLocalLock { .. })
    }

    /// The name, as documents spell it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Halt::Interrupted => "interrupted",
            Halt::TooManyFailures { .. } => "too_many_failures",
            Halt::Canary { .. } => "canary",
            Halt::Locked { .. } => "locked",
            Halt::LockLost => "lock_lost",
            Halt::NoLock { .. } => "no_lock",
            Halt::NoRecord => "no_record",
            Halt::NoLocalLock { .. } => "no_local_lock",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        match self {
            Halt::Interrupted => "run it again: it goes on from what there is",
            Halt::TooManyFailures { .. } => {
                "repair what failed and run it again; --max-failures, or [rollout] in profiles.toml, tolerates more"
            }
            Halt::Canary { .. } => "repair it and run it again, or leave --canary out",
            Halt::Locked { .. } => {
                "run it again when that one has ended; if it is gone, `baseline unlock` takes the lock away"
            }
            Halt::LockLost => "look who else is applying, and run it again",
            Halt::NoLock { error } => error.hint.as_deref().unwrap_or("repair that, and run it again"),
            Halt::NoRecord => "make room for the record, or name another file with --events, then run again",
            Halt::NoLocalLock { .. } => {
                "set STATE_DIRECTORY, XDG_STATE_HOME or HOME to a folder that can be written, and run it again"
            }
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Interrupted => f.write_str("the run was interrupted"),
            Halt::TooManyFailures { wave, failed, accounts, tolerated, overall } => {
                let ids: Vec<String> = accounts.iter().map(ToString::to_string).collect();
                let more = match failed.saturating_sub(accounts.len()) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let accounts = if *failed == 1 { "account" } else { "accounts" };
                let so_far = if *overall { " so far" } else { "" };
                let tolerated = match tolerated {
                    0 => "none is tolerated".to_owned(),
                    1 => "1 is tolerated".to_owned(),
                    n => format!("{n} are tolerated"),
                };
                write!(f, "{failed} {accounts} failed in {wave}{so_far} ({}{more}), and {tolerated}", ids.join(", "))
            }
            Halt::Canary { account, trouble } => match trouble {
                Trouble::Unread => write!(f, "{account}, the canary, could not be read"),
                Trouble::Change => write!(f, "a change of {account}, the canary, did not end well"),
                Trouble::Found(what) => write!(f, "{account}, the canary, was read again: {what}"),
            },
            Halt::Locked { holder } => write!(f, "{holder} holds the lock"),
            Halt::LockLost => f.write_str("the lock could not be renewed, so that somebody else may be writing"),
            Halt::NoLock { error } => write!(f, "the lock could not be taken: {error}"),
            Halt::NoRecord => f.write_str("the record of the run that --events asks for could not be written"),
            Halt::NoLocalLock { file, reason } => {
                write!(f, "{} cannot be used to keep two runs apart: {reason}", file.display())
            }
        }
    }
}

/// AWS needed long to notice something that was just written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// The service.
    pub service: Cow<'static, str>,
    /// The operation that could not be made before.
    pub operation: Cow<'static, str>,
    /// What AWS said meanwhile.
    pub code: String,
    /// How long it took.
    pub waited: Duration,
    /// Whether it was given up.
    pub given_up: bool,
}

impl Wait {
    /// The wait that an event tells of.
    pub fn of(event: &Event) -> Option<Wait> {
        let Event::Settled { account, region, service, operation, code, waited, given_up } = event else { return None };
        Some(Wait {
            account: *account,
            region: region.clone(),
            service: service.clone(),
            operation: operation.clone(),
            code: code.clone(),
            waited: *waited,
            given_up: *given_up,
        })
    }
}

/// Where events go; cheap to clone.
#[derive(Clone)]
pub struct Events {
    sink: Arc<dyn Fn(Event) + Send + Sync>,
    may_change: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Events {
    /// Sends every event to `sink`.
    pub fn to(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Events { sink: Arc::new(sink), may_change: Arc::new(|| true) }
    }

    /// The same, where what is changed has to be written down: `may_change` says whether it can be.
    #[must_use]
    pub fn recorded(self, may_change: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Events { may_change: Arc::new(may_change), ..self }
    }

    /// The same events, which go through this first.
    #[must_use]
    pub fn through(&self, also: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        let (events, may_change) = (self.clone(), self.may_change.clone());
        let sink = move |event: Event| {
            also(&event);
            events.tell(event);
        };
        Events { sink: Arc::new(sink), may_change }
    }

    /// Whether a change may be begun: not where a record was asked for that could not be written so far.
    pub fn may_change(&self) -> bool {
        (self.may_change)()
    }

    /// Nobody watches.
    pub fn nowhere() -> Self {
        Events::to(|_| ())
    }

    /// Tells what happened.
    pub fn tell(&self, event: Event) {
        (self.sink)(event);
    }
}
