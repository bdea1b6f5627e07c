use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::{AsyncSleep, ConfigBag, IdentityCache, Intercept, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;

use super::assume::{Provider, Shared};
use super::budget::Budgets;
use super::call::Call;
use super::content;
use super::fence::Fence;
use super::http::{self, StartError};
use super::known;
use super::ledger::{Ledger, Purpose};
use super::limits::Limits;
use super::pages::Pages;
use super::rates::Rates;
use super::settings::Profile;
use super::silence::Silence;
use crate::clock::Clock;
use crate::model::{AccountId, Fault, OpError, Partition, Region, Secrets};
use crate::report::Events;
use crate::services::Service;

/// Where the run starts and what bounds it.
#[derive(Debug, Clone)]
pub struct Start {
    /// The AWS profile to start from; `None` takes the ambient credentials.
    pub profile: Option<String>,
    /// The partition, whose global Region is the default one.
    pub partition: Partition,
    /// Requests in flight over all accounts.
    pub parallelism: usize,
    /// Whether AWS's documented rates are kept to.
    pub rates: Rates,
    /// The time.
    pub clock: Clock,
    /// What nobody may read; whatever is learnt on the road is added to it.
    pub secrets: Secrets,
}

/// What every account's clients share: HTTP connections, limits, counts and who is told.
pub struct Aws {
    pub(super) base: SdkConfig,
    pub(super) limits: Limits,
    pub(super) budgets: Budgets,
    pub(super) silence: Silence,
    pub(super) clock: Clock,
    pub(super) events: Events,
    pub(super) secrets: Secrets,
    fence: Arc<Fence>,
    ledger: Arc<Ledger>,
    /// When reading ends, on the clock that runs from the start.
    read_until: Mutex<Option<Duration>>,
}

impl Aws {
    /// Reads the environment and the shared configuration files as any AWS tool does.
    ///
    /// # Errors
    ///
    /// A certificate bundle that cannot be read, an endpoint that is no URL, or TLS settings that do not work.
    pub async fn start(start: &Start, events: Events) -> Result<Arc<Aws>, StartError> {
        let region = aws_sdk_sts::config::Region::new(start.partition.sts_region().to_string());
        let profile = Profile::read(start.profile.as_deref()).await;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http::client(profile.bundle())?)
            .region(region)
            .retry_config(RetryConfig::disabled())
            // Attempts and whole calls are timed where they are made, see `Call`.
            .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Ok(name) = AppName::new(concat!("baseline-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        if let Some(profile) = &start.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        profile.check_endpoints(&config)?;
        Ok(Arc::new(Aws::with_config(config, start, events)))
    }

    /// On settings that are there already: whatever the SDK itself waits for goes by the same clock as everything else.
    pub(crate) fn with_config(base: SdkConfig, start: &Start, events: Events) -> Self {
        let clock = start.clock.clone();
        known::endpoints(&base, &start.secrets);
        let keys = base.credentials_provider().map(|keys| known::keys(keys, &start.secrets));
        let mut builder = base.into_builder().sleep_impl(SharedAsyncSleep::new(ByClock(clock.clone())));
        builder.set_credentials_provider(keys);
        let base = builder.build();
        Aws {
            base,
            limits: Limits::new(start.parallelism, start.rates, clock.clone()),
            budgets: Budgets::default(),
            silence: Silence::default(),
            read_until: Mutex::default(),
            clock,
            events,
            secrets: start.secrets.clone(),
            fence: Arc::default(),
            ledger: Arc::default(),
        }
    }

    /// From now on, nothing is read after that time (on [`Clock::elapsed`]); `None` is no limit.
    pub fn read_until(&self, end: Option<Duration>) {
        *self.read_until.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// When reading ends.
    pub(super) fn reading_ends(&self) -> Option<Duration> {
        *self.read_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps writes back where the lock may be somebody else's.
    pub fn fence(&self) -> &Arc<Fence> {
        &self.fence
    }

    /// The time, for whatever else of the run waits.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What was sent so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// The SDK's way of waiting, by our clock.
#[derive(Debug)]
struct ByClock(Clock);

impl AsyncSleep for ByClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.0.sleep(duration))
    }
}

/// Whether a session may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only operations on the read lists leave the process.
    Read,
    /// Those on the write lists do, too.
    Write,
    /// Only what it takes to keep the tool's own lock, record and notices: they are counted apart.
    Own,
}

/// What a session signs with.
#[derive(Clone)]
pub(super) enum Way {
    /// What the environment has.
    Ambient,
    /// These.
    #[cfg(test)]
    Keys(SharedCredentialsProvider),
    /// A role that is assumed hop by hop.
    Hop(Arc<Provider>),
}

/// One account, entered and confirmed, with its clients.
pub struct Session {
    /// The account that `GetCallerIdentity` confirmed.
    pub account: AccountId,
    /// Who we are there: the role, or the starting identity.
    pub role: String,
    pub(super) aws: Arc<Aws>,
    access: Access,
    way: Way,
    payer: AccountId,
    confirmed: bool,
    sts: OnceLock<aws_sdk_sts::Client>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    cloudtrail: OnceLock<aws_sdk_cloudtrail::Client>,
    config: OnceLock<aws_sdk_config::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    guardduty: OnceLock<aws_sdk_guardduty::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    lambda: OnceLock<aws_sdk_lambda::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

/// Builds a client once: the account's credentials and the guard are the same for every service.
macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $sdk:ident $(, $configure:expr)?) => {
        $(#[$doc])*
        pub fn $name(&self) -> &$sdk::Client {
            self.$name.get_or_init(|| {
                let mut builder =
                    $sdk::config::Builder::from(&self.aws.base).interceptor(self.guard(stringify!($name)));
                if let Some(credentials) = self.credentials() {
                    // Our providers cache and renew by themselves; the SDK's cache holds 64 identities and evicts at
                    // random.
                    builder.set_credentials_provider(Some(credentials));
                    builder = builder.identity_cache(IdentityCache::no_cache());
                }
                $(let builder = $configure(self, builder);)?
                $sdk::Client::from_conf(builder.build())
            })
        }
    };
}

impl Session {
    pub(super) fn new(
        aws: Arc<Aws>,
        account: AccountId,
        role: String,
        access: Access,
        way: Way,
        confirmed: bool,
    ) -> Self {
        Session {
            account,
            role,
            aws,
            access,
            way,
            payer: account,
            confirmed,
            sts: OnceLock::new(),
            ec2: OnceLock::new(),
            kms: OnceLock::new(),
            s3: OnceLock::new(),
            cloudtrail: OnceLock::new(),
            config: OnceLock::new(),
            eventbridge: OnceLock::new(),
            guardduty: OnceLock::new(),
            iam: OnceLock::new(),
            lambda: OnceLock::new(),
            sns: OnceLock::new(),
            sqs: OnceLock::new(),
        }
    }

    /// Says whose rates the session's calls count against, where it is not the account they are for.
    pub(super) fn paid_by(mut self, payer: AccountId) -> Self {
        self.payer = payer;
        self
    }

    client!(
        /// The STS client.
        sts, aws_sdk_sts
    );
    client!(
        /// The EC2 client, for `DescribeRegions` alone.
        ec2, aws_sdk_ec2
    );
    client!(
        /// The KMS client.
        kms, aws_sdk_kms
    );
    client!(
        /// The S3 client; with a custom endpoint it addresses buckets by path.
        s3, aws_sdk_s3, |session: &Session, builder: aws_sdk_s3::config::Builder| {
            builder.force_path_style(known::endpoint(&session.aws.base, "S3").is_some())
        }
    );
    client!(
        /// The CloudTrail client.
        cloudtrail, aws_sdk_cloudtrail
    );
    client!(
        /// The AWS Config client.
        config, aws_sdk_config
    );
    client!(
        /// The EventBridge client.
        eventbridge, aws_sdk_eventbridge
    );
    client!(
        /// The GuardDuty client.
        guardduty, aws_sdk_guardduty
    );
    client!(
        /// The IAM client; it is sent to the partition's global Region.
        iam, aws_sdk_iam
    );
    client!(
        /// The Lambda client.
        lambda, aws_sdk_lambda
    );
    client!(
        /// The SNS client.
        sns, aws_sdk_sns
    );
    client!(
        /// The SQS client.
        sqs, aws_sdk_sqs
    );

    /// Names a call, to be [run](Call::run).
    pub fn call<'a>(&'a self, region: &'a Region, service: &'static str, operation: &'static str) -> Call<'a> {
        Call::new(self, region, service, operation)
    }

    /// Begins to read a list page by page.
    pub fn pages<'a>(&'a self, region: &'a Region, service: &'static str, operation: &'static str) -> Pages<'a> {
        Pages::new(self, region, service, operation)
    }

    /// An answer that AWS gave and that nothing can be concluded from.
    pub fn unreadable(&self, region: &Region, service: &str, operation: &str, message: &str) -> OpError {
        OpError {
            account: self.account,
            region: region.clone(),
            role: Some(self.role.clone()).filter(|role| !role.is_empty()),
            service: service.to_owned(),
            operation: operation.to_owned(),
            fault: Fault::Other,
            code: None,
            message: self.aws.secrets.clean(message),
            request_id: None,
            attempts: 1,
            hint: Some(NOT_AWS.to_owned()),
        }
    }

    /// The time, for whatever else waits.
    pub fn clock(&self) -> &Clock {
        &self.aws.clock
    }

    /// A text from outside, as it may be shown.
    pub fn clean(&self, text: &str) -> String {
        self.aws.secrets.clean(text)
    }

    /// Whose rates its calls count against.
    pub(super) fn payer(&self) -> AccountId {
        self.payer
    }

    fn credentials(&self) -> Option<SharedCredentialsProvider> {
        match &self.way {
            Way::Ambient => None,
            #[cfg(test)]
            Way::Keys(keys) => Some(keys.clone()),
            Way::Hop(provider) => Some(SharedCredentialsProvider::new(Shared(provider.clone()))),
        }
    }

    /// Makes sure that the hops' sessions are good, and answers the last one's; `None` where there are no hops.
    pub(super) async fn ready(&self) -> Result<Option<Credentials>, OpError> {
        match &self.way {
            Way::Hop(provider) if self.is_own() => provider.clone().credentials_at_once().await.map(Some),
            Way::Hop(provider) => provider.clone().credentials().await.map(Some),
            _ => Ok(None),
        }
    }

    /// Whether this is what a call would be signed with now.
    pub(super) fn is_current(&self, credentials: &Credentials) -> bool {
        match &self.way {
            Way::Hop(provider) => provider.is_current(credentials.access_key_id()),
            _ => true,
        }
    }

    /// Throws away what AWS takes no longer; whether there is a way to get something new.
    pub(super) fn drop_credentials(&self, key: Option<&str>) -> bool {
        match (&self.way, key) {
            (Way::Hop(provider), Some(key)) => {
                provider.forget(key);
                true
            }
            _ => false,
        }
    }

    /// Whether `GetCallerIdentity` has confirmed the credentials: from then on, "invalid token" means that a Region
    /// does not accept them, not that they are wrong.
    pub(super) fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether it serves the tool's own lock, record and notices.
    pub(super) fn is_own(&self) -> bool {
        self.access == Access::Own
    }

    /// Whether it changes what the lock protects.
    pub(super) fn is_write(&self) -> bool {
        self.access == Access::Write
    }

    /// Whether it only reads.
    pub(super) fn is_read(&self) -> bool {
        self.access == Access::Read
    }

    fn guard(&self, service: &'static str) -> Guard {
        Guard { service, access: self.access, ledger: self.aws.ledger.clone() }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("account", &self.account).field("role", &self.role).finish_non_exhaustive()
    }
}

/// The next step where an answer is none that AWS gives.
pub(super) const NOT_AWS: &str =
    "run again; if it stays, see what answers in AWS's place (a proxy, AWS_ENDPOINT_URL), or report it to AWS";

/// Operations that read, of the services that are not in the table.
const STS_READS: &[&str] = &["AssumeRole", "GetCallerIdentity"];
const EC2_READS: &[&str] = &["DescribeRegions"];

/// Whether an operation is on the read list.
pub(super) fn is_read(service: &str, operation: &str) -> bool {
    let reads = match service {
        "sts" => STS_READS,
        "ec2" => EC2_READS,
        other => other.parse::<Service>().map_or(&[][..], Service::reads),
    };
    reads.contains(&operation)
}

/// Whether an operation is one that this tool ever sends to change something.
fn is_write(service: &str, operation: &str) -> bool {
    service.parse::<Service>().is_ok_and(|service| service.writes().contains(&operation))
}

/// What the tool's own lock, record and notices take: those that read, and those that write.
const OWN_READS: &[(&str, &str)] = &[("s3", "GetObject"), ("s3", "HeadBucket")];
const OWN_WRITES: &[(&str, &str)] = &[("s3", "PutObject"), ("sns", "Publish")];

/// Whether an operation changes something, the tool's own lock, record and notices included.
pub(super) fn is_mutating(service: &str, operation: &str) -> bool {
    !is_read(service, operation) && !OWN_READS.contains(&(service, operation))
}

/// Installed in every client: counts what is sent, and lets nothing through that no service lists: without write access
/// the reads alone, with it the writes besides.
///
/// It asks the SDK for the operation, so that it does not depend on what a caller says it is doing.
#[derive(Debug)]
struct Guard {
    service: &'static str,
    access: Access,
    ledger: Arc<Ledger>,
}

impl Guard {
    /// What the operation may be sent for; `None` is not at all.
    fn purpose(&self, operation: &str) -> Option<Purpose> {
        let listed = |list: &[(&str, &str)]| list.contains(&(self.service, operation));
        match self.access {
            Access::Own if listed(OWN_WRITES) => Some(Purpose::Own),
            Access::Own => listed(OWN_READS).then_some(Purpose::Read),
            _ if is_read(self.service, operation) => Some(Purpose::Read),
            Access::Write => is_write(self.service, operation).then_some(Purpose::Write),
            Access::Read => None,
        }
    }
}

/// The guard's refusal: nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{service}:{operation} is {}", match access {
    Access::Read => "not on the list of reads, and this run may only read",
    Access::Write => "neither on the list of reads nor on that of writes",
    Access::Own => "not what the lock, the record or a notice takes",
})]
pub(super) struct Refused {
    service: &'static str,
    operation: String,
    access: Access,
}

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    // Not earlier: what the SDK says of the operation is in the bag only from here on. Nothing is sent yet.
    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = bag.load::<Metadata>().map_or("an unnamed operation", Metadata::name);
        if self.purpose(operation).is_some() {
            return Ok(());
        }
        Err(Refused { service: self.service, operation: operation.to_owned(), access: self.access }.into())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = bag.load::<Metadata>() {
            let operation = metadata.name();
            // What gets here had a purpose when it set out.
            self.ledger.count(self.service, operation, self.purpose(operation).unwrap_or(Purpose::Write));
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // What is the tool's own may be empty: an object without content is one.
        if self.access == Access::Own || context.output_or_error().is_err() {
            return Ok(());
        }
        // A body that is handed on as it comes is not here.
        if let (Some(metadata), Some(body)) = (bag.load::<Metadata>(), context.response().body().bytes()) {
            let operation = metadata.name();
            content::check(self.service, operation, is_read(self.service, operation), body)?;
        }
        Ok(())
    }
}
