mod worth;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use tracing::Instrument;

use super::budget;
use super::clients::{Session, is_mutating};
use super::error;
use super::hint;
use super::limits::{Limits, Line, Slot};
use crate::model::{Fault, OpError, Region};
use crate::report::Event;

/// Attempts at a call that does not get through.
const MAX_ATTEMPTS: u32 = 6;
/// Attempts at a call that AWS throttles: where a third of all calls is throttled, whoever makes them, one in a million
/// is throttled so often. The account's retries end it sooner where all are.
const MAX_THROTTLED: u32 = 12;
/// Attempts at a host whose name does not resolve: it hardly ever does the next time.
const UNRESOLVED_ATTEMPTS: u32 = 2;
/// Attempts at an answer that is a success without its content.
const CONTENTLESS_ATTEMPTS: u32 = 3;
/// How often a call replaces a session: once for the one that ended, and once more where it was signed with that one
/// at the moment in which another call replaced it.
const MAX_RENEWALS: u32 = 2;
/// The first pause before a retry; each further one is twice as long, up to [`MAX_PAUSE`], and jittered.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(20);
/// The longest pause that an answer may ask for.
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(60);
/// How long an answer is waited for; AWS's control planes answer within seconds.
pub(super) const ATTEMPT_TIME: Duration = Duration::from_secs(30);
/// How long a call goes on being tried, attempts and pauses included: no attempt starts later. Waiting for a turn and for
/// AWS to settle is not counted, since both are bounded apart.
pub(super) const CALL_TIME: Duration = Duration::from_secs(180);
/// How long AWS is given to notice a policy, role or key that was just written: the two minutes that Terraform's
/// provider also waits.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two looks at something that is settling.
const SETTLE_PAUSE: Duration = Duration::from_secs(2);
/// Settling that took so long is told of at the end.
pub(super) const LONG_SETTLING: Duration = Duration::from_secs(5);

/// One AWS call: where it goes, what it is, and what AWS is given time to settle.
pub struct Call<'a> {
    session: &'a Session,
    region: &'a Region,
    service: &'static str,
    operation: &'static str,
    settling: &'static [&'static str],
    settling_if: fn(&OpError) -> Option<Duration>,
    once: bool,
    tries: u32,
    hidden: Option<(&'a str, &'a str)>,
}

/// How a call ended well.
enum Taken<T, U> {
    /// AWS answered it.
    Answered(T),
    /// An earlier attempt, whose answer was lost, had done it already.
    Before(U),
}

/// What happened to a call so far.
#[derive(Default)]
struct Progress {
    /// Attempts that were sent.
    attempts: u32,
    /// Attempts that failed otherwise than by not being settled.
    failures: u32,
    /// Whether AWS may have done it although nobody was told.
    lost: bool,
    /// How often a session that AWS did not take any more was replaced.
    renewed: u32,
    /// What the retries cost.
    cost: Option<u32>,
    /// When settling began, and what AWS said then.
    settling: Option<(Duration, String)>,
    /// Time spent waiting for turns and slots, and for AWS to settle.
    uncounted: Duration,
    /// The key that the last attempt was signed with.
    key: Option<String>,
    /// Whether the last answer was a success without its content.
    contentless: bool,
    /// Whether an attempt was sent and has not been answered yet.
    in_flight: bool,
    /// What the last attempt failed with.
    last: Option<OpError>,
    /// AWS's id of the last answer, if there was one.
    request_id: Option<String>,
}

/// A call under way: where nobody waits for it any more, that is how it ends, and is told, too.
struct UnderWay<'c, 'a> {
    call: &'c Call<'a>,
    progress: Progress,
    over: bool,
}

impl Drop for UnderWay<'_, '_> {
    fn drop(&mut self) {
        if !self.over {
            self.call.left(&self.progress);
        }
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(
        session: &'a Session,
        region: &'a Region,
        service: &'static str,
        operation: &'static str,
    ) -> Self {
        Call {
            session,
            region,
            service,
            operation,
            settling: &[],
            settling_if: |_| None,
            once: false,
            tries: MAX_ATTEMPTS,
            hidden: None,
        }
    }

    /// Error codes that mean "not visible yet" here: they are waited out for up to two minutes.
    #[must_use]
    pub fn settling(mut self, codes: &'static [&'static str]) -> Self {
        self.settling = codes;
        self
    }

    /// Errors that mean "not visible yet" by what they say, where their code alone means other things, too: how long
    /// each is waited out, from the first attempt on.
    #[must_use]
    pub fn settling_if(mut self, patience: fn(&OpError) -> Option<Duration>) -> Self {
        self.settling_if = patience;
        self
    }

    /// A call that, sent twice, would make two of what it makes: it is not sent again once it may have got through.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// A call that is made elsewhere where nothing answers: so many attempts that nothing came of are enough.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries;
        self
    }

    /// Something secret that is sent, and what stands for it: some services repeat what they do not like.
    #[must_use]
    pub fn hiding(mut self, secret: &'a str, shown: &'a str) -> Self {
        self.hidden = Some((secret, shown)).filter(|(secret, _)| !secret.is_empty());
        self
    }

    /// Runs the call: waits for its turn, sends it, and tries again what is worth trying again.
    ///
    /// The SDK's own retries are off: their quota is shared by the whole process per service and Region, so that one
    /// throttled account would starve the rest.
    ///
    /// # Errors
    ///
    /// What AWS answered last, classified, with account, Region, role, operation, attempts and request id.
    pub async fn run<T, E, F, Fut>(self, send: F) -> Result<T, OpError>
    where
        T: RequestId,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match self.drive(send, |_| None::<Infallible>).await? {
            Taken::Answered(answer) => Ok(answer),
            Taken::Before(never) => match never {},
        }
    }

    /// Runs a call that answers a second time with an error: `is_done` tells the error that means "already done".
    /// Where an earlier attempt's answer was lost, that is what it had done, and there is no answer but `None`;
    /// otherwise it was somebody else, and it is the error it is.
    ///
    /// # Errors
    ///
    /// As of [`Call::run`].
    pub async fn run_or_done<T, E, F, Fut>(self, is_done: fn(&OpError) -> bool, send: F) -> Result<Option<T>, OpError>
    where
        T: RequestId,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match self.drive(send, |error| is_done(error).then_some(())).await? {
            Taken::Answered(answer) => Ok(Some(answer)),
            Taken::Before(()) => Ok(None),
        }
    }

    async fn drive<T, U, E, F, Fut>(
        self,
        mut send: F,
        is_done: impl Fn(&OpError) -> Option<U>,
    ) -> Result<Taken<T, U>, OpError>
    where
        T: RequestId,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let span = tracing::info_span!(
            "aws",
            account = %self.session.account,
            region = %self.region,
            service = self.service,
            operation = self.operation,
        );
        async move {
            let mut under_way = UnderWay { call: &self, progress: Progress::default(), over: false };
            let result = self.attempts(&mut send, is_done, &mut under_way.progress).await;
            under_way.over = true;
            let progress = &under_way.progress;
            let (id, error) = match &result {
                Ok(Taken::Answered(answer)) => (answer.request_id().map(|id| self.session.aws.secrets.clean(id)), None),
                Ok(Taken::Before(_)) => (None, None),
                // The error may be a hop's, which has an id of its own.
                Err(error) => (progress.request_id.clone(), Some(error)),
            };
            self.ended(progress, id, error);
            result
        }
        .instrument(span)
        .await
    }

    async fn attempts<T, U, E, F, Fut>(
        &self,
        send: &mut F,
        is_done: impl Fn(&OpError) -> Option<U>,
        progress: &mut Progress,
    ) -> Result<Taken<T, U>, OpError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let aws = &self.session.aws;
        let start = aws.clock.elapsed();
        let line = aws.limits.line(self.session.payer(), self.region, self.service, self.operation);
        loop {
            let slot = self.turn_in_time(&aws.limits, &line, progress).await?;
            progress.attempts += 1;
            progress.in_flight = true;
            let sent = aws.clock.elapsed();
            let answer = self.in_time(&aws.clock, send()).await;
            progress.in_flight = false;
            drop(slot);
            self.heed(&answer, sent);
            let failed = match answer {
                Ok(answer) => {
                    tracing::debug!(attempt = progress.attempts, "answered");
                    aws.budgets.answered(self.session.account, progress.cost);
                    return Ok(Taken::Answered(answer));
                }
                Err(failed) => failed,
            };
            let mut error = error::translate(&failed, self, progress.attempts);
            // Before anybody is told: of the retry, of the end, or of the error.
            if let Some((secret, shown)) = self.hidden {
                error.message = error.message.replace(secret, shown);
            }
            tracing::debug!(attempt = progress.attempts, code = error.code, request_id = error.request_id, "failed");
            progress.last = Some(error.clone());
            progress.contentless = error::is_contentless(&failed);
            if failed.request_id().is_some() {
                progress.request_id.clone_from(&error.request_id);
            }
            if error.fault == Fault::Throttled && !error.has_code(error::BUSY) {
                aws.limits.throttled(&line);
            }
            if progress.lost
                && let Some(done) = is_done(&error)
            {
                return Ok(Taken::Before(done));
            }
            progress.lost |= error::may_be_done(&failed, &error);
            if error::is_expired(&error)
                && progress.renewed < MAX_RENEWALS
                && self.session.drop_credentials(progress.key.as_deref())
            {
                progress.renewed += 1;
                self.tell_retry(&error, progress, Duration::ZERO, false);
                continue;
            }
            let settling = self.patience(&error).is_some();
            match self.pause(&mut error, error::asked_pause(&failed), start, progress) {
                Some(wait) => {
                    self.tell_retry(&error, progress, wait, settling);
                    aws.clock.sleep(wait).await;
                }
                None => return Err(error),
            }
        }
    }

    /// Waits until the call may be sent: for its turn in the line, for credentials that are good, and for a slot. The
    /// slot comes last, so that nothing that waits keeps others from sending: least of all a hop that has to be assumed
    /// again, which needs a slot of its own.
    async fn turn<'l>(
        &self,
        limits: &'l Limits,
        line: &Arc<Line>,
        progress: &mut Progress,
    ) -> Result<Slot<'l>, OpError> {
        let clock = &self.session.aws.clock;
        let from = clock.elapsed();
        let mut pace = limits.turn(line).await;
        let slot = loop {
            let credentials = self.session.ready().await?;
            // The lock's lease runs out while its renewal waits for the calls that it protects.
            let slot = match self.session.is_own() {
                true => Slot::beside(),
                false => limits.slot(self.session.account).await,
            };
            // Waiting for the slot may have taken long: what was true before it need not be any more.
            if let Some(credentials) = &credentials
                && (!self.session.is_current(credentials)
                    || credentials.expiry().is_some_and(|end| end <= clock.wall()))
            {
                continue;
            }
            if !line.is_paced(pace) {
                drop(slot);
                pace = limits.turn(line).await;
                continue;
            }
            if !self.may_be_sent()? {
                drop(slot);
                // What it is said to be is looked at again afterwards.
                let _ = self.session.aws.fence().pass(clock).await;
                continue;
            }
            progress.key = credentials.map(|credentials| credentials.access_key_id().to_owned());
            break slot;
        };
        progress.uncounted += clock.elapsed().saturating_sub(from);
        Ok(slot)
    }

    /// Whether the lock, if this is something that it protects, is ours for as long as an answer may take; an error where
    /// it is not any more.
    fn may_be_sent(&self) -> Result<bool, OpError> {
        if !self.session.is_write() || !is_mutating(self.service, self.operation) {
            return Ok(true);
        }
        match self.session.aws.fence().is_open(&self.session.aws.clock) {
            Some(false) => {
                let message = "it was not sent: the lock was lost, and somebody else may be writing";
                let hint = "look who else is applying, and run it again";
                Err(OpError { hint: Some(hint.to_owned()), ..self.interrupted(0, message) })
            }
            open => Ok(open.is_some()),
        }
    }

    /// How long to wait before the next attempt; `None` gives up, and the error then says why.
    fn pause(
        &self,
        error: &mut OpError,
        asked: Option<Duration>,
        start: Duration,
        progress: &mut Progress,
    ) -> Option<Duration> {
        let now = self.session.aws.clock.elapsed();
        if let Some(patience) = self.patience(error) {
            let wait = SETTLE_PAUSE.min(FIRST_PAUSE * 2u32.saturating_pow(progress.attempts.min(8)));
            let code = error.code.clone().unwrap_or_else(|| "not settled".to_owned());
            let (since, _) = progress.settling.get_or_insert((now, code));
            if now + wait >= *since + patience {
                return None;
            }
            progress.uncounted += wait;
            return Some(wait);
        }
        if matches!(error.fault, Fault::Throttled | Fault::Unreachable)
            && let Err(why) = self.is_worth_it(progress.attempts)
        {
            error.message.push_str(&format!("; {}", why.message));
            error.hint = why.hint;
            return None;
        }
        let (cost, most) = match error.fault {
            // Somebody writes the same thing all the time: that is no matter of a rate.
            Fault::Throttled if error.has_code(error::BUSY) => (budget::THROTTLED, MAX_ATTEMPTS),
            Fault::Throttled => (budget::THROTTLED, MAX_THROTTLED),
            Fault::NotOffered if error.code.is_none() => (budget::UNREACHABLE, UNRESOLVED_ATTEMPTS),
            Fault::Unreachable if self.once && progress.lost => {
                error.hint = Some(hint::unknown(error));
                return None;
            }
            Fault::Unreachable if progress.contentless => (budget::UNREACHABLE, CONTENTLESS_ATTEMPTS),
            Fault::Unreachable if error.code.is_none() => (budget::UNREACHABLE, MAX_ATTEMPTS.min(self.tries)),
            Fault::Unreachable => (budget::UNREACHABLE, MAX_ATTEMPTS),
            _ => return None,
        };
        progress.failures += 1;
        if progress.failures >= most {
            return None;
        }
        let pause = (FIRST_PAUSE * 2u32.saturating_pow(progress.failures - 1)).min(MAX_PAUSE);
        // Between half of the pause and all of it, so that calls that were throttled together do not come back together.
        let wait = pause.mul_f64(0.5 + fastrand::f64() / 2.0).max(asked.unwrap_or_default().min(MAX_ASKED_PAUSE));
        if now + wait >= start + progress.uncounted + CALL_TIME {
            hint::out_of_time(error);
            return None;
        }
        if !self.session.aws.budgets.spend(self.session.account, cost) {
            hint::out_of_budget(error);
            return None;
        }
        progress.cost = Some(progress.cost.unwrap_or_default() + cost);
        Some(wait)
    }

    /// How long the error is waited out, if it means "not visible yet" here.
    pub(super) fn patience(&self, error: &OpError) -> Option<Duration> {
        if error.has_code(self.settling) { Some(PATIENCE) } else { (self.settling_if)(error) }
    }

    fn tell_retry(&self, error: &OpError, progress: &Progress, wait: Duration, settling: bool) {
        self.session.aws.events.tell(Event::CallRetried {
            account: self.session.account,
            region: self.region.clone(),
            service: self.service.into(),
            operation: self.operation.into(),
            attempt: progress.attempts,
            code: error.code.clone().unwrap_or_else(|| "no answer".to_owned()),
            wait,
            settling,
        });
    }

    /// Tells what there is to tell of a call that is over.
    fn ended(&self, progress: &Progress, request_id: Option<String>, error: Option<&OpError>) {
        let aws = &self.session.aws;
        if let Some((since, code)) = &progress.settling {
            let waited = aws.clock.elapsed().saturating_sub(*since);
            if waited >= LONG_SETTLING {
                aws.events.tell(Event::Settled {
                    account: self.session.account,
                    region: self.region.clone(),
                    service: self.service.into(),
                    operation: self.operation.into(),
                    code: code.clone(),
                    waited,
                    given_up: error.is_some(),
                });
            }
        }
        self.tell_ended(progress, request_id, error);
    }

    /// An error of the run's own making.
    fn interrupted(&self, attempts: u32, message: &str) -> OpError {
        OpError {
            account: self.session.account,
            region: self.region.clone(),
            role: Some(self.session.role.clone()),
            service: self.service.to_owned(),
            operation: self.operation.to_owned(),
            fault: Fault::Interrupted,
            code: None,
            message: message.to_owned(),
            request_id: None,
            attempts,
            hint: None,
        }
    }

    /// Tells of a call whose answer nobody waits for any more.
    fn left(&self, progress: &Progress) {
        let answered = progress.last.as_ref().filter(|_| !progress.in_flight && !progress.lost);
        let left = || {
            let message = "the run was left before the answer came: whether AWS took it is not known";
            self.interrupted(progress.attempts, message)
        };
        let error = answered.cloned().unwrap_or_else(left);
        self.tell_ended(progress, progress.request_id.clone(), Some(&error));
    }

    fn tell_ended(&self, progress: &Progress, request_id: Option<String>, error: Option<&OpError>) {
        let nothing_sent = progress.attempts == 0 || error.is_some_and(|error| error.fault == Fault::Refused);
        if nothing_sent || !is_mutating(self.service, self.operation) {
            return;
        }
        self.session.aws.events.tell(Event::CallEnded {
            account: self.session.account,
            region: self.region.clone(),
            role: self.session.role.clone(),
            service: self.service.into(),
            operation: self.operation.into(),
            attempts: progress.attempts,
            request_id,
            error: error.cloned(),
        });
    }

    pub(super) fn session(&self) -> &Session {
        self.session
    }

    pub(super) fn region(&self) -> &Region {
        self.region
    }

    pub(super) fn service(&self) -> &'static str {
        self.service
    }

    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }
}

/// Turns "there is none" into `None`: AWS says it with an error code.
///
/// # Errors
///
/// Every other error, as it is.
pub fn found<T>(answer: Result<T, OpError>, absent: &[&str]) -> Result<Option<T>, OpError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.has_code(absent) => Ok(None),
        Err(error) => Err(error),
    }
}
