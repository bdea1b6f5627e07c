use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tracing::Instrument;

use super::clients::{Session, is_read};
use super::error;
use crate::model::{Fault, OpError, Region};
use crate::report::Event;

/// Attempts at a call that AWS throttles or that does not get through.
const MAX_ATTEMPTS: u32 = 6;
/// The first pause before a retry; each further one is twice as long, up to [`MAX_PAUSE`], and jittered.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(20);
/// How long AWS is given to notice a policy, role or key that was just written: the two minutes that Terraform's
/// provider also waits.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two looks at something that is settling.
const SETTLE_PAUSE: Duration = Duration::from_secs(2);

/// One AWS call: where it goes, what it is, and what AWS is given time to settle.
pub struct Call<'a> {
    session: &'a Session,
    region: &'a Region,
    service: &'static str,
    operation: &'static str,
    settling: &'static [&'static str],
    settling_if: fn(&OpError) -> Option<Duration>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        session: &'a Session,
        region: &'a Region,
        service: &'static str,
        operation: &'static str,
    ) -> Self {
        Call { session, region, service, operation, settling: &[], settling_if: |_| None }
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

    /// Runs the call: waits for its turn, sends it, and tries again what is worth trying again.
    ///
    /// The SDK's own retries are off: their quota is shared by the whole process per service and Region, so that one
    /// throttled account would starve the rest.
    ///
    /// # Errors
    ///
    /// What AWS answered last, classified, with account, Region, role, operation, attempts and request id.
    pub async fn run<T, E, F, Fut>(self, mut send: F) -> Result<T, OpError>
    where
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
            let clock = &self.session.aws.clock;
            let start = clock.elapsed();
            let mut attempt = 1;
            loop {
                let failed = match self.attempt(&mut send).await {
                    Ok(answer) => {
                        tracing::debug!(attempt, "answered");
                        return Ok(answer);
                    }
                    Err(failed) => failed,
                };
                let error = error::translate(&failed, &self, attempt);
                tracing::debug!(attempt, code = error.code, request_id = error.request_id, "failed");
                let settling = self.patience(&error).is_some();
                let Some(wait) = self.pause(&error, attempt, start) else { return Err(error) };
                self.session.aws.events.tell(Event::CallRetried {
                    account: self.session.account,
                    region: self.region.clone(),
                    service: self.service.into(),
                    operation: self.operation.into(),
                    attempt,
                    code: error.code.unwrap_or_else(|| "no answer".to_owned()),
                    wait,
                    settling,
                });
                clock.sleep(wait).await;
                attempt += 1;
            }
        }
        .instrument(span)
        .await
    }

    async fn attempt<T, E, F, Fut>(&self, send: &mut F) -> Result<T, SdkError<E, HttpResponse>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let limits = &self.session.aws.limits;
        if !is_read(self.service, self.operation) {
            limits.pace(self.session.account, self.region, self.service).await;
        }
        let _permit = limits.permit().await;
        send().await
    }

    /// How long to wait before the next attempt; `None` gives up.
    fn pause(&self, error: &OpError, attempt: u32, start: Duration) -> Option<Duration> {
        if let Some(patience) = self.patience(error) {
            let wait = SETTLE_PAUSE.min(FIRST_PAUSE * 2u32.saturating_pow(attempt.min(8)));
            return (self.session.aws.clock.elapsed() + wait < start + patience).then_some(wait);
        }
        let worth_it = matches!(error.fault, Fault::Throttled | Fault::Unreachable);
        (worth_it && attempt < MAX_ATTEMPTS).then(|| jittered(FIRST_PAUSE * 2u32.saturating_pow(attempt - 1)))
    }

    /// How long the error is waited out, if it means "not visible yet" here.
    fn patience(&self, error: &OpError) -> Option<Duration> {
        if error.has_code(self.settling) { Some(PATIENCE) } else { (self.settling_if)(error) }
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

/// Between half of the pause and all of it, so that calls that were throttled together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let pause = pause.min(MAX_PAUSE);
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    pause.mul_f64(0.5 + f64::from(nanos % 1000) / 2000.0)
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
