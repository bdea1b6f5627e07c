//! A small simulated AWS on loopback: the real wire protocols, an estate described by a profiles file.
//!
//! Its rules are taken from AWS's documentation, never from this tool's own client code, and it says of itself that
//! it is a simulation; [`LIMITS`] lists what it does not model.
//!
//! A service is one file (or folder) with a `SERVICE` and one line in `dispatch`'s table.

mod authz;
mod calls;
mod clock;
mod cloud;
mod cloudtrail;
mod config;
mod control;
mod denials;
mod dispatch;
mod ec2;
mod estate;
mod events;
mod faults;
mod guardduty;
mod iam;
mod kms;
mod lambda;
mod md5;
mod quotas;
mod rates;
mod s3;
mod server;
mod settings;
mod sns;
mod sqs;
mod state;
mod sts;
#[cfg(test)]
mod tests;
mod verbs;
mod wire;
mod witness;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use calls::CallCount;
pub use clock::Clock;
pub use cloud::{Answered, Cloud, Fate};
pub use control::Tamper;
#[cfg(all(test, feature = "aws"))]
pub(crate) use events::event_matches;
pub use events::{Raise, RaiseOutcome, Raised};
pub use faults::{Effect, Fault, FaultCount, Struck};
pub use rates::{RATES, Rate};
pub use verbs::{raise_schema, tamper_schema};
pub use witness::{Exchange, Witness};

use self::settings::Settings;
use crate::config::Profiles;
use crate::model::{AccountId, Region};

/// What the simulation does not model, for `--help` and the reader of its answers; a line each.
pub const LIMITS: &str = "\
This is a simulation, not AWS. It does not model:
- signatures: an access key and its session token tell who calls; neither the signature nor its date is checked;
- IAM: roles that callers assume may do everything in their account, whatever their policies say, save what the \
control endpoint denies; roles that services assume may do what their inline policies say, and nothing by managed \
policies, whose contents are not known; there are no users to make, groups, managed policies of one's own, permission \
boundaries or session policies, and service-linked roles cannot be deleted;
- AWS Config: nothing is recorded, delivered or evaluated, so that rules have no results; it does not know which \
resource types exist, rules that are not managed ones, or topics of delivery channels; a rule is gone within a second;
- TLS: it listens on plain HTTP, and policies see aws:SecureTransport as true;
- time: changes are visible at once, no log is delivered, keys do not rotate;
- throttling, unless it is asked for: then by the rates that AWS documents, in token buckets of one second, and not at \
all where AWS documents none, as for IAM, AWS Config, GuardDuty and S3;
- the end of an account: a suspended one refuses its callers and its roles, and its resources stay as they are;
- quotas other than those of trails, rules, event buses, targets, tags and documents' sizes;
- MFA: the only valid code is 123456, as often as one likes;
- organizations; SNS topics and CloudWatch Logs groups of trails; insights, event data stores, LookupEvents;
- S3 beyond a bucket's settings and whole objects: no versions or multipart uploads; lifecycle, replication, Object Lock \
and access control lists are kept and shown, and do nothing; no two writes at once, so that no conditional one gets a 409, \
and addresses are path-style only;
- EventBridge beyond buses, rules, targets and events: schedules never fire, nothing is tried again or kept in a \
dead-letter queue, targets are buses, topics, queues and functions, and there are no archives, pipes or API \
destinations;
- SNS beyond standard topics: no filter policies, message attributes or SMS; signatures are none; messages to https \
endpoints and mailboxes stay in the outbox of the control endpoint, http goes to addresses of loopback only and is \
tried four times in quick succession;
- SQS beyond standard queues: ReceiveMessage does not wait, there are no batches and no redrive;
- cryptography in KMS, grants, AWS managed, multi-Region and imported keys;
- GuardDuty's findings (filters are kept and archive none), lists, malware protection plans, organizations, statistics, settings of members by \
their administrator, and the older dataSources; an export is judged by its policies and writes nothing; e-mail \
addresses are those of the profiles file, and any will do for an account without one;
- Lambda beyond a function's policy and its invocation by a service: functions are made by the control endpoint, have no \
code, and keep what they were invoked with.
An operation that it does not know is refused with an error that says so.
";

/// How a sandbox is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
    /// Shortens every session to this many seconds, below AWS's minimum of 900.
    pub session_seconds: Option<u32>,
    /// Opt-in Regions that accounts have enabled, besides those that every account has.
    pub opt_in: Vec<(AccountId, Region)>,
    /// Throttles calls at the rates that AWS documents; [`Tamper::AwsRates`] switches it later.
    pub aws_rates: bool,
    /// The time; the machine's where none is given. It is read while the simulation is locked, and must not call it.
    pub clock: Option<Clock>,
    /// Who is told of every exchange.
    pub witness: Option<Witness>,
}

/// A running simulation. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    cloud: Cloud,
    region: Region,
    settings: PathBuf,
    names: Vec<(String, AccountId)>,
    server: JoinHandle<()>,
    /// Sends what topics publish to endpoints on loopback.
    _courier: sns::Courier,
}

impl Sandbox {
    /// Builds the estate and listens on `127.0.0.1`.
    ///
    /// # Errors
    /// The port is taken, or the AWS settings file (see [`Sandbox::environment`]) cannot be written.
    pub async fn start(profiles: &Profiles, options: Options) -> std::io::Result<Sandbox> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let cloud = Cloud::new(profiles, options);
        let settings = {
            let mut world = cloud.lock();
            world.endpoint = format!("http://{address}");
            let session_name = world.ids.unique("sandbox-", 12);
            let jump = estate::open_jump(&mut world, profiles, &session_name);
            Settings { port: address.port(), profiles, jump, session_name }.write()?
        };
        let server = tokio::spawn(server::serve(listener, cloud.clone()));
        let courier = sns::Courier::start(cloud.clone());
        let (region, names) = (profiles.home_region.clone(), settings::names(profiles));
        Ok(Sandbox { address, cloud, region, settings, names, server, _courier: courier })
    }

    /// Builds the estate without a server: no port, no file, no task, and no need for a runtime.
    pub fn in_process(profiles: &Profiles, options: Options) -> Cloud {
        Cloud::new(profiles, options)
    }

    /// What is served, for calls past the server.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment that makes any AWS client use the simulation, and nothing else.
    ///
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name a file of the sandbox with the profiles `default`, the
    /// one that `profiles.toml` starts from and those of [`Sandbox::aws_profiles`]; `AWS_PROFILE` is set too, so that no
    /// real profile leaks in.
    pub fn environment(&self) -> Vec<(String, String)> {
        let file = self.settings.join("config").display().to_string();
        let credentials = self.settings.join("credentials").display().to_string();
        let region = self.region.as_str();
        [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", estate::START_KEY),
            ("AWS_SECRET_ACCESS_KEY", estate::START_SECRET),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_REGION", region),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_PROFILE", "default"),
            ("AWS_CONFIG_FILE", &file),
            ("AWS_SHARED_CREDENTIALS_FILE", &credentials),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .into_iter()
        .filter(|(name, value)| !value.is_empty() || *name == "AWS_SESSION_TOKEN")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// The AWS profiles that get into an account by the roles of the profiles file, with that account: `jump`,
    /// `security`, `log-archive`, and each account by its name and by its id.
    pub fn aws_profiles(&self) -> &[(String, AccountId)] {
        &self.names
    }

    /// Does what the control endpoint's `POST /_sandbox/tamper` does.
    ///
    /// # Errors
    /// What it acts on does not exist, in words for a person.
    pub fn tamper(&self, tamper: Tamper) -> Result<(), String> {
        self.cloud.tamper(tamper)
    }

    /// Does what the control endpoint's `POST /_sandbox/raise` does: an AWS service puts an event on an account's
    /// default bus.
    ///
    /// # Errors
    /// Why it cannot happen there, in words for a person.
    pub fn raise(&self, raise: Raise) -> Result<RaiseOutcome, String> {
        self.cloud.raise(raise)
    }

    /// What was called since the start or the last reset.
    pub fn calls(&self) -> Vec<CallCount> {
        self.cloud.calls()
    }

    /// How many calls asked for a change, refused ones included; `AssumeRole` is none.
    pub fn mutating_calls(&self) -> u64 {
        self.cloud.mutating_calls()
    }

    /// Forgets the calls.
    pub fn reset_calls(&self) {
        self.cloud.reset_calls();
    }

    /// The faults in force, in the order they were asked for, and what each did so far.
    pub fn faults(&self) -> Vec<FaultCount> {
        self.cloud.faults()
    }

    /// Closes the port and waits until it is closed.
    pub async fn stop(mut self) {
        self.server.abort();
        // It ends by being aborted; that is not an error here.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
        // Left behind when it cannot be removed: it holds nothing but the simulation's own key.
        let _ = std::fs::remove_dir_all(&self.settings);
    }
}
