//! A small simulated AWS on loopback: the real wire protocols, an estate described by a profiles file.
//!
//! Its rules are taken from AWS's documentation, never from this tool's own client code, and it says of itself that
//! it is a simulation; [`LIMITS`] lists what it does not model.
//!
//! A service is one file (or folder) with a `SERVICE` and one line in `dispatch`'s table.

mod authz;
mod calls;
mod cloudtrail;
mod config;
mod control;
mod dispatch;
mod ec2;
mod estate;
mod events;
mod faults;
mod guardduty;
mod iam;
mod kms;
mod lambda;
mod s3;
mod server;
mod sns;
mod sqs;
mod sts;
#[cfg(test)]
mod tests;
mod wire;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use calls::CallCount;
pub use control::Tamper;
pub use events::{Raise, RaiseOutcome, Raised};

use crate::config::Profiles;
use crate::model::{AccountId, Region};
use world::World;

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
- time: changes are visible at once, no log is delivered, keys do not rotate, nothing is throttled;
- MFA: the only valid code is 123456, as often as one likes;
- organizations; SNS topics and CloudWatch Logs groups of trails; insights, event data stores, LookupEvents;
- S3 beyond a bucket's settings and whole objects: no versions, multipart uploads or ACLs, an ETag is no MD5, and \
addresses are path-style only;
- EventBridge beyond buses, rules, targets and events: schedules never fire, nothing is tried again or kept in a \
dead-letter queue, targets are buses, topics, queues and functions, and there are no archives, pipes or API \
destinations;
- SNS beyond standard topics: no filter policies, message attributes or SMS; signatures are none; messages to https \
endpoints and mailboxes stay in the outbox of the control endpoint, http goes to addresses of loopback only and is \
tried four times in quick succession;
- SQS beyond standard queues: ReceiveMessage does not wait, there are no batches and no redrive;
- cryptography in KMS, grants, AWS managed, multi-Region and imported keys;
- GuardDuty's findings, filters, lists, malware protection plans, organizations, statistics, settings of members by \
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
}

/// A running simulation. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    region: Region,
    settings: PathBuf,
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
        let mut world = World::new(profiles.partition, options.session_seconds);
        world.endpoint = format!("http://{address}");
        estate::build(&mut world, profiles);
        for (account, region) in options.opt_in {
            world.add_account(account).enabled.insert(region);
        }
        let settings = write_settings(address.port(), profiles.jump.profile.as_deref())?;
        let world = Arc::new(Mutex::new(world));
        let server = tokio::spawn(server::serve(listener, Arc::clone(&world)));
        let courier = sns::Courier::start(Arc::clone(&world));
        Ok(Sandbox { address, world, region: profiles.home_region.clone(), settings, server, _courier: courier })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment that makes any AWS client use the simulation, and nothing else.
    ///
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name a file of the sandbox with the profiles `default` and
    /// the one that `profiles.toml` starts from, and `AWS_PROFILE` is set too, so that no real profile leaks in.
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

    /// Does what the control endpoint's `POST /_sandbox/tamper` does.
    ///
    /// # Errors
    /// What it acts on does not exist, in words for a person.
    pub fn tamper(&self, tamper: Tamper) -> Result<(), String> {
        control::apply(&mut self.lock(), tamper)
    }

    /// Does what the control endpoint's `POST /_sandbox/raise` does: an AWS service puts an event on an account's
    /// default bus.
    ///
    /// # Errors
    /// Why it cannot happen there, in words for a person.
    pub fn raise(&self, raise: Raise) -> Result<RaiseOutcome, String> {
        events::raise(&mut self.lock(), raise)
    }

    /// What was called since the start or the last reset.
    pub fn calls(&self) -> Vec<CallCount> {
        self.lock().calls.list()
    }

    /// How many calls asked for a change, refused ones included; `AssumeRole` is none.
    pub fn mutating_calls(&self) -> u64 {
        self.lock().calls.mutating()
    }

    /// Forgets the calls.
    pub fn reset_calls(&self) {
        self.lock().calls.reset();
    }

    /// Closes the port and waits until it is closed.
    pub async fn stop(mut self) {
        self.server.abort();
        // It ends by being aborted; that is not an error here.
        let _ = (&mut self.server).await;
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
        // Left behind when it cannot be removed: it holds nothing but the simulation's own key.
        let _ = std::fs::remove_dir_all(&self.settings);
    }
}

/// Writes the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name.
fn write_settings(port: u16, profile: Option<&str>) -> std::io::Result<PathBuf> {
    let base = std::env::temp_dir();
    let folder = free_folder(&base, port)?;
    let mut config = format!(
        "# Written by a simulation.\n[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        estate::START_KEY,
        estate::START_SECRET
    );
    if let Some(profile) = profile.filter(|profile| *profile != "default") {
        config.push_str(&format!(
            "[profile {profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            estate::START_KEY,
            estate::START_SECRET
        ));
    }
    std::fs::write(folder.join("config"), config)?;
    std::fs::write(folder.join("credentials"), "# Written by a simulation; see config.\n")?;
    Ok(folder)
}

/// Makes a folder that was not there before: nobody else can have put a link in its place.
fn free_folder(base: &Path, port: u16) -> std::io::Result<PathBuf> {
    let mut last = None;
    for n in 0..100 {
        let folder = base.join(format!("baseline-sandbox-{}-{port}-{n}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no name is free")))
}
