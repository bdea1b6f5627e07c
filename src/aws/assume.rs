use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts as sts;
use futures::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use super::clients::{Access, Aws, Session, Way};
use super::error;
use super::granted;
use super::homes::Homes;
use crate::config::{Account, Hop, Jump, Mfa, Profiles, Via};
use crate::model::{AccountId, Arn, Fault, OpError, Region};

/// Sessions are renewed this long before they end, or after two thirds of their life where that is shorter.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// How long a refusal is taken as the answer for everyone who waits for the same hop: not so long that a role that was
/// repaired in the meantime stays refused.
const REFUSAL_HOLDS: Duration = Duration::from_secs(60);
/// How long a failure holds that may be another one the next moment: as long as it takes those who wait to be told.
const FAILURE_HOLDS: Duration = Duration::from_secs(5);
/// What cannot wait uses a session that is due as long as it lives so much longer: an attempt, and another one.
const LEAST_LIFE: Duration = Duration::from_secs(60);
/// When a session that could not be renewed, and still is good, is tried to be renewed again.
const RENEW_AGAIN: Duration = Duration::from_secs(30);
/// A session that starts from another session cannot outlast an hour (STS API Reference, `AssumeRole`).
const CHAINED_SECONDS: i32 = 3600;

/// Attempts at an STS that does not answer, where another Region's can be asked.
const TRIES: u32 = 1;

/// The future of a code that is being asked for.
pub type CodeFuture = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Where the six digits of a multi-factor device come from.
#[derive(Clone)]
pub struct MfaCodes(Arc<dyn Fn(&Mfa) -> CodeFuture + Send + Sync>);

impl MfaCodes {
    /// Asks `source` whenever a code is needed; its error says why there is none.
    pub fn from_fn(source: impl Fn(&Mfa) -> CodeFuture + Send + Sync + 'static) -> Self {
        MfaCodes(Arc::new(source))
    }
}

/// The ways into every account: each hop assumed once, kept, and renewed in time.
pub struct Chain {
    aws: Arc<Aws>,
    homes: Arc<Homes>,
    jump: Jump,
    security: Account,
    codes: MfaCodes,
    start: AsyncMutex<Option<Start>>,
    hops: Mutex<HashMap<Arn, Arc<Provider>>>,
    confirmed: Mutex<HashMap<AccountId, Arc<OnceCell<Identity>>>>,
}

/// Who the starting credentials are, or a failure that holds until then.
type Start = Result<Identity, (OpError, SystemTime)>;

/// What `GetCallerIdentity` answered.
#[derive(Debug, Clone)]
struct Identity {
    account: AccountId,
    arn: String,
}

impl Chain {
    /// Prepares the ways; nothing is called yet. `None` when the profiles have no security account, which
    /// configuration checking rules out.
    pub fn new(aws: Arc<Aws>, profiles: &Profiles, codes: MfaCodes) -> Option<Self> {
        Some(Chain {
            aws,
            homes: Arc::new(Homes::of(profiles)),
            jump: profiles.jump.clone(),
            security: profiles.account(profiles.security)?.clone(),
            codes,
            start: AsyncMutex::new(None),
            hops: Mutex::default(),
            confirmed: Mutex::default(),
        })
    }

    /// What all accounts share.
    pub fn aws(&self) -> &Arc<Aws> {
        &self.aws
    }

    /// The Regions that what is not of a Region is asked in.
    pub fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Enters an account: assumes its role through the hops before it and confirms that it leads where it should.
    ///
    /// # Errors
    ///
    /// The hop that was refused, or the identity that was not the expected one.
    pub async fn enter(&self, account: &Account, access: Access) -> Result<Session, OpError> {
        let Some(hop) = &account.hop else {
            let start = self.start().await?;
            if start.account != account.id {
                return Err(wrong_account(account.id, &self.homes.first(), None, &start));
            }
            return Ok(Session::new(self.aws.clone(), account.id, start.arn.clone(), access, Way::Ambient, true));
        };
        let provider = match account.via {
            Via::Jump if self.jump.hop.as_ref() == Some(hop) => self.jump_provider(hop, account.id).await?,
            Via::Jump => self.after_jump(hop, account.id).await?,
            Via::Security => self.after_security(hop, account.id).await?,
        };
        provider.clone().credentials().await?;
        let role = hop.role.to_string();
        let open = |access, confirmed| {
            Session::new(self.aws.clone(), account.id, role.clone(), access, Way::Hop(provider.clone()), confirmed)
        };
        let cell = {
            let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
            confirmed.entry(account.id).or_default().clone()
        };
        let identity = cell.get_or_try_init(|| who(open(Access::Read, false), &self.homes)).await?;
        if identity.account != account.id {
            return Err(wrong_account(account.id, &self.homes.first(), Some(&role), identity));
        }
        Ok(open(access, true))
    }

    /// Who the starting credentials are. A failure too is the answer for everyone who waits: without a network, a
    /// thousand accounts would else each try in turn.
    async fn start(&self) -> Result<Identity, OpError> {
        let mut held = self.start.lock().await;
        match &*held {
            Some(Ok(identity)) => return Ok(identity.clone()),
            Some(Err((error, until))) if self.aws.clock.wall() < *until => return Err(error.clone()),
            _ => {}
        }
        let guess = self.jump.account.unwrap_or(self.security.id);
        let session = Session::new(self.aws.clone(), guess, String::new(), Access::Read, Way::Ambient, false);
        let answer = who(session, &self.homes).await;
        *held = Some(answer.clone().map_err(|error| {
            let until = self.aws.clock.wall() + holds(&error);
            (error, until)
        }));
        answer
    }

    /// Whether the starting keys are a session's: long-term keys come without a token. Looked at only where it matters,
    /// since the keys may come from a program.
    async fn starts_from_temporary_keys(&self) -> bool {
        let long = self.jump.duration_seconds.is_some_and(|seconds| i64::from(seconds) > i64::from(CHAINED_SECONDS));
        match self.aws.base.credentials_provider().filter(|_| long) {
            Some(provider) => provider.provide_credentials().await.is_ok_and(|keys| keys.session_token().is_some()),
            None => false,
        }
    }

    async fn jump_provider(&self, hop: &Hop, account: AccountId) -> Result<Arc<Provider>, OpError> {
        let start = self.start().await?;
        let chained = start.arn.contains(":assumed-role/") || self.starts_from_temporary_keys().await;
        let mut step = Step::new(hop, account, start.arn.clone(), start.account);
        // Past an hour only from a user's own keys: a session that starts from a session would be refused, and so is one
        // that starts from the keys of `GetSessionToken`, whose caller is the user (mmmorris1975/aws-runas#11,
        // 99designs/aws-vault#263).
        step.seconds = self.jump.duration_seconds.map(|seconds| {
            let seconds = i32::try_from(seconds).unwrap_or(CHAINED_SECONDS);
            if chained { seconds.min(CHAINED_SECONDS) } else { seconds }
        });
        step.mfa = self.jump.mfa.clone().map(|mfa| (mfa, self.codes.clone()));
        Ok(self.provider(step, None))
    }

    async fn after_jump(&self, hop: &Hop, account: AccountId) -> Result<Arc<Provider>, OpError> {
        match (&self.jump.hop, self.jump.account) {
            (Some(first), _) => {
                let parent = self.jump_provider(first, self.jump.account.unwrap_or(account)).await?;
                let payer = parent.step.account;
                Ok(self.provider(Step::new(hop, account, first.role.to_string(), payer), Some(parent)))
            }
            (None, _) => {
                let start = self.start().await?;
                Ok(self.provider(Step::new(hop, account, start.arn, start.account), None))
            }
        }
    }

    async fn after_security(&self, hop: &Hop, account: AccountId) -> Result<Arc<Provider>, OpError> {
        // The security account has a hop: only a jump account may be entered with the starting credentials.
        let Some(first) = &self.security.hop else {
            let start = self.start().await?;
            return Ok(self.provider(Step::new(hop, account, start.arn, start.account), None));
        };
        let parent = self.after_jump(first, self.security.id).await?;
        Ok(self.provider(Step::new(hop, account, first.role.to_string(), self.security.id), Some(parent)))
    }

    /// The one provider of a role: whoever asks first makes it.
    fn provider(&self, step: Step, parent: Option<Arc<Provider>>) -> Arc<Provider> {
        let mut hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
        hops.entry(step.role.clone())
            .or_insert_with(|| {
                Arc::new(Provider {
                    aws: Arc::downgrade(&self.aws),
                    homes: self.homes.clone(),
                    step,
                    parent,
                    held: Mutex::new(None),
                    last: Mutex::new(None),
                    assuming: AsyncMutex::new(()),
                    codes_used: AtomicU32::new(0),
                })
            })
            .clone()
    }
}

async fn who(session: Session, homes: &Homes) -> Result<Identity, OpError> {
    let session = &session;
    let ask = |region: Region, others: bool| async move {
        let call = session.call(&region, "sts", "GetCallerIdentity");
        let call = if others { call.tries(TRIES) } else { call };
        call.run(|| super::send!(sts, region, session.sts().get_caller_identity())).await
    };
    let answer = homes.ask(|_| true, ask).await?;
    // It is shown, and names the caller in every error.
    let arn = session.aws.secrets.clean(answer.arn().unwrap_or_default());
    let malformed = |message: String| OpError {
        account: session.account,
        region: homes.first(),
        role: Some(session.role.clone()).filter(|role| !role.is_empty()),
        service: "sts".to_owned(),
        operation: "GetCallerIdentity".to_owned(),
        fault: Fault::Other,
        code: None,
        message,
        request_id: None,
        attempts: 1,
        hint: None,
    };
    let Some(account) = answer.account().and_then(|id| id.parse().ok()) else {
        return Err(malformed("the answer names no account".to_owned()));
    };
    if arn.parse::<Arn>().is_ok_and(|arn| arn.account().is_some_and(|of| of != account)) {
        return Err(malformed(format!("the answer contradicts itself: it is of account {account}, and names {arn}")));
    }
    Ok(Identity { account, arn })
}

fn wrong_account(expected: AccountId, region: &Region, role: Option<&str>, identity: &Identity) -> OpError {
    OpError {
        account: expected,
        region: region.clone(),
        role: role.map(str::to_owned).or_else(|| Some(identity.arn.clone())),
        service: "sts".to_owned(),
        operation: "GetCallerIdentity".to_owned(),
        fault: Fault::WrongAccount,
        code: None,
        message: format!(
            "these credentials belong to account {} ({}), not to {expected}; nothing was read or written",
            identity.account, identity.arn
        ),
        request_id: None,
        attempts: 1,
        hint: Some(match role {
            Some(_) => format!("correct the role or the id of account {expected} in profiles.toml"),
            None => "start from the jump account's credentials, or give [jump] a `role`".to_owned(),
        }),
    }
}

/// One `AssumeRole`, ready to be sent again and again.
#[derive(Clone)]
struct Step {
    account: AccountId,
    role: Arn,
    caller: String,
    /// The caller's account, whose rate is used.
    payer: AccountId,
    hop: Hop,
    seconds: Option<i32>,
    mfa: Option<(Mfa, MfaCodes)>,
}

impl Step {
    fn new(hop: &Hop, account: AccountId, caller: String, payer: AccountId) -> Self {
        Step { account, role: hop.role.clone(), caller, payer, hop: hop.clone(), seconds: None, mfa: None }
    }
}

/// What a provider holds: a session, or a refusal that still holds.
#[derive(Clone)]
enum Held {
    Session { credentials: Credentials, renew_at: SystemTime },
    Refusal { error: OpError, until: SystemTime },
}

/// The credentials of one role: assumed by the first who asks while the others wait, kept, and renewed before they
/// end.
pub(super) struct Provider {
    // Weak: the clients that `Aws` leads to hold providers themselves.
    aws: Weak<Aws>,
    homes: Arc<Homes>,
    step: Step,
    parent: Option<Arc<Provider>>,
    held: Mutex<Option<Held>>,
    /// The last session there was, good or not.
    last: Mutex<Option<Credentials>>,
    /// Held by the one who assumes the role.
    assuming: AsyncMutex<()>,
    codes_used: AtomicU32,
}

impl Provider {
    /// The role's session, renewed if it is due.
    pub(super) fn credentials(self: Arc<Self>) -> BoxFuture<'static, Result<Credentials, OpError>> {
        Box::pin(async move {
            let Some(aws) = self.aws.upgrade() else { return Err(self.failed("the run is over".to_owned())) };
            if let Some(answer) = self.current(aws.clock.wall()) {
                return answer;
            }
            let _one = match self.assuming.try_lock() {
                Ok(one) => one,
                // Somebody is at it, and may have to wait for a code: nobody else waits while there is one to sign with.
                Err(_) => match self.outlasts(aws.clock.wall()) {
                    Some(credentials) => return Ok(credentials),
                    None => self.assuming.lock().await,
                },
            };
            if let Some(answer) = self.current(aws.clock.wall()) {
                return answer;
            }
            // What the hop before was refused with is held there: held here again, it would hold twice as long.
            if let Some(parent) = &self.parent {
                parent.clone().credentials().await.or_else(|error| self.still_good(&aws).ok_or(error))?;
            }
            let answer = self.assume(aws.clone()).await;
            let now = aws.clock.wall();
            match answer {
                Ok(credentials) => {
                    let renew_at = renewal(now, credentials.expiry().unwrap_or(now));
                    self.hold(Some(Held::Session { credentials: credentials.clone(), renew_at }));
                    Ok(credentials)
                }
                Err(error) => match self.still_good(&aws) {
                    Some(credentials) => {
                        tracing::warn!(role = %self.step.role, %error, "the session could not be renewed yet");
                        Ok(credentials)
                    }
                    None => {
                        self.hold(Some(Held::Refusal { error: error.clone(), until: now + holds(&error) }));
                        Err(error)
                    }
                },
            }
        })
    }

    /// The same for what cannot wait, such as the lock's renewal: as long as the session is good for it, somebody else
    /// may renew it.
    pub(super) async fn credentials_at_once(self: Arc<Self>) -> Result<Credentials, OpError> {
        let soon = self.aws.upgrade().map(|aws| aws.clock.wall() + LEAST_LIFE);
        match soon.and_then(|soon| self.outlasts(soon)) {
            Some(credentials) => Ok(credentials),
            None => self.credentials().await,
        }
    }

    /// Throws the session away that this key is of: AWS does not take it any more. Of a hundred calls that notice it,
    /// the first does it, and the others find the next one.
    pub(super) fn forget(&self, key: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*held, Some(Held::Session { credentials, .. }) if credentials.access_key_id() == key) {
            *held = None;
        }
    }

    fn held(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, what: Option<Held>) {
        if let Some(Held::Session { credentials, .. }) = &what {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
        }
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// What there is to answer without asking AWS.
    fn current(&self, now: SystemTime) -> Option<Result<Credentials, OpError>> {
        match self.held()? {
            Held::Session { credentials, renew_at } => (now < renew_at).then_some(Ok(credentials)),
            Held::Refusal { error, until } => (now < until).then_some(Err(error)),
        }
    }

    /// A session that ends later than this, whether it is due or not.
    fn outlasts(&self, moment: SystemTime) -> Option<Credentials> {
        match self.held()? {
            Held::Session { credentials, .. } if credentials.expiry().is_some_and(|end| end > moment) => {
                Some(credentials)
            }
            _ => None,
        }
    }

    /// A session that is due and has not ended: it goes on being used, and renewing it is tried again soon.
    fn still_good(&self, aws: &Aws) -> Option<Credentials> {
        let now = aws.clock.wall();
        let Some(Held::Session { credentials, .. }) = self.held() else { return None };
        let end = credentials.expiry().filter(|end| *end > now)?;
        self.hold(Some(Held::Session { credentials: credentials.clone(), renew_at: end.min(now + RENEW_AGAIN) }));
        Some(credentials)
    }

    /// What the SDK signs with: nothing that has to be waited for. The call that it signs has a slot by then, and
    /// whatever it waited for here would need one, too. A session that has ended since the call made sure of it is
    /// refused by AWS, and replaced then.
    async fn signing(self: Arc<Self>) -> Result<Credentials, OpError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last {
            Some(credentials) => Ok(credentials),
            None => self.credentials().await,
        }
    }

    /// Whether this is the key to sign with.
    pub(super) fn is_current(&self, key: &str) -> bool {
        matches!(self.held(), Some(Held::Session { credentials, .. }) if credentials.access_key_id() == key)
    }

    async fn assume(&self, aws: Arc<Aws>) -> Result<Credentials, OpError> {
        let code = match &self.step.mfa {
            Some((mfa, codes)) => Some((mfa.serial.clone(), self.code(mfa, codes).await?)),
            None => None,
        };
        let way = self.parent.clone().map_or(Way::Ambient, Way::Hop);
        let session = Session::new(aws, self.step.account, self.step.caller.clone(), Access::Read, way, true);
        let session = session.paid_by(self.step.payer);
        let hop = &self.step.hop;
        let secret = hop.external_id.as_ref().map_or("", |id| id.reveal());
        let (session, code) = (&session, &code);
        let ask = |region: Region, others: bool| async move {
            let call = session.call(&region, "sts", "AssumeRole").hiding(secret, "(the external id)");
            let call = if others { call.tries(TRIES) } else { call };
            // A code works once: sent again after an answer that was lost, it would be refused, and blamed.
            let call = if code.is_some() { call.once() } else { call };
            call.run(|| {
                let mut request = session
                    .sts()
                    .assume_role()
                    .role_arn(hop.role.to_string())
                    .role_session_name(&hop.session_name)
                    .set_external_id(hop.external_id.as_ref().map(|id| id.reveal().to_owned()))
                    .set_source_identity(hop.source_identity.clone())
                    .set_duration_seconds(self.step.seconds);
                if let Some((serial, code)) = code {
                    request = request.serial_number(serial).token_code(code);
                }
                super::send!(sts, region, request)
            })
            .await
        };
        let answer = self.homes.ask(|error| code.is_none() || error::is_unsent(error), ask).await;
        let answer = answer.map_err(|error| self.with_source_identity(error))?;
        let aws = &session.aws;
        let Some(credentials) = answer.credentials() else {
            return Err(self.failed("the answer carries no credentials".to_owned()));
        };
        let whose = answer.assumed_role_user().map(|user| user.arn());
        granted::session(credentials, whose, &self.step.role, aws).map_err(|wrong| {
            let (fault, message, hint) = wrong.told(&self.step.role, &aws.secrets);
            OpError { fault, hint: Some(hint), ..self.failed(message) }
        })
    }

    /// A refusal that names no action may be of the one that a declared source identity takes besides.
    fn with_source_identity(&self, mut error: OpError) -> OpError {
        let declared = self.step.hop.source_identity.is_some() && error.fault == Fault::AssumeRefused;
        if let Some(hint) = error.hint.as_mut().filter(|hint| declared && !hint.contains("sts:SetSourceIdentity")) {
            hint.push_str(
                "; since `source_identity` is declared, the caller's identity policy and the role's trust policy have to \
                 allow sts:SetSourceIdentity, too",
            );
        }
        error
    }

    /// The code of the multi-factor device: asked for anew each time, since a code works once.
    async fn code(&self, mfa: &Mfa, codes: &MfaCodes) -> Result<String, OpError> {
        let first = self.codes_used.fetch_add(1, Ordering::Relaxed) == 0;
        let code = codes.0(mfa).await.inspect(|code| {
            if let Some(aws) = self.aws.upgrade() {
                aws.secrets.know(code, "(a code)");
            }
        });
        code.map_err(|why| {
            if first {
                return self.failed(why);
            }
            let mut error = self.failed(format!(
                "the session of {} has ended, and assuming the role again takes another code of {}: {why}",
                self.step.role, mfa.serial
            ));
            error.hint = Some(
                "give longer runs a longer session (`duration_seconds` under [jump], up to the role's own maximum), a \
                 `mfa_command`, or credentials to start from that need no code"
                    .to_owned(),
            );
            error
        })
    }

    fn failed(&self, message: String) -> OpError {
        OpError {
            account: self.step.account,
            region: self.homes.first(),
            role: Some(self.step.caller.clone()),
            service: "sts".to_owned(),
            operation: "AssumeRole".to_owned(),
            fault: Fault::AssumeRefused,
            code: None,
            message,
            request_id: None,
            attempts: 1,
            hint: None,
        }
    }
}

/// How long a failure is the answer for everyone.
fn holds(error: &OpError) -> Duration {
    match error.fault {
        Fault::Unreachable | Fault::Throttled => FAILURE_HOLDS,
        _ => REFUSAL_HOLDS,
    }
}

/// When to renew a session that was had at `now` and ends at `end`.
fn renewal(now: SystemTime, end: SystemTime) -> SystemTime {
    let life = end.duration_since(now).unwrap_or_default();
    end - RENEW_BEFORE.min(life / 3)
}

/// A provider as the SDK takes it.
pub(super) struct Shared(pub(super) Arc<Provider>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({})", self.0.step.role)
    }
}

impl ProvideCredentials for Shared {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.0.clone().signing().await.map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_renewed_five_minutes_before_its_end_and_a_short_one_after_two_thirds() {
        let now = SystemTime::UNIX_EPOCH;
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(renewal(now, after(3600)), after(3300));
        assert_eq!(renewal(now, after(6)), after(4));
        assert_eq!(renewal(after(10), now), now);
    }
}
