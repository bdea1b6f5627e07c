//! Whether there is any use in sending a call, and how long its answer is worth waiting for: what has fallen silent is not
//! asked again and again, and nothing is read after the end of the run.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use futures::future::{Either, select};

use super::{ATTEMPT_TIME, Call, Progress};
use crate::aws::limits::{Limits, Line, Slot};
use crate::aws::silence::{Nothing, Place};
use crate::aws::{error, hint};
use crate::clock::Clock;
use crate::model::{Fault, OpError};

/// No answer came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} seconds", .0.as_secs())]
struct NoAnswer(Duration);

impl Call<'_> {
    /// Notes whether anything came of an attempt.
    pub(super) fn heed<T, E>(&self, answer: &Result<T, SdkError<E, HttpResponse>>, sent: Duration)
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let aws = &self.session.aws;
        let nothing = match answer {
            Err(SdkError::TimeoutError(_)) => Nothing::Unanswered,
            Err(failed @ SdkError::DispatchFailure(_)) if error::is_unconnected(failed) => Nothing::Unconnected,
            // Nothing was sent, or something came back.
            Err(SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_)) => return,
            _ => return aws.silence.answered(self.place(), aws.clock.elapsed()),
        };
        let now = aws.clock.elapsed();
        if self.ends().is_none_or(|end| now < end) {
            aws.silence.unanswered(self.place(), nothing, sent, now);
        }
    }

    fn place(&self) -> Place<'_> {
        Place { account: self.session.account, region: self.region, service: self.service }
    }

    /// When it is not worth answering any more, where the run has an end.
    fn ends(&self) -> Option<Duration> {
        self.session.aws.reading_ends().filter(|_| self.session.is_read())
    }

    /// Waits until the call may be sent, but neither past the end of the run nor for what was given up.
    pub(super) async fn turn_in_time<'l>(
        &self,
        limits: &'l Limits,
        line: &Arc<Line>,
        progress: &mut Progress,
    ) -> Result<Slot<'l>, OpError> {
        let (clock, attempts) = (&self.session.aws.clock, progress.attempts);
        self.is_worth_it(attempts)?;
        let slot = match self.ends() {
            None => self.turn(limits, line, progress).await?,
            Some(end) => {
                let (turn, over) = (self.turn(limits, line, progress), clock.sleep_until(end));
                futures::pin_mut!(turn, over);
                match select(turn, over).await {
                    Either::Left((slot, _)) => slot?,
                    Either::Right(_) => return Err(self.out_of_run(attempts)),
                }
            }
        };
        // Who waited for a slot may have waited for those that found out.
        self.is_worth_it(attempts)?;
        Ok(slot)
    }

    /// Whether there is any use in sending it.
    pub(super) fn is_worth_it(&self, attempts: u32) -> Result<(), OpError> {
        let aws = &self.session.aws;
        let now = aws.clock.elapsed();
        if self.ends().is_some_and(|end| now >= end) {
            return Err(self.out_of_run(attempts));
        }
        // The lock and what it protects are not given up.
        match aws.silence.given_up(self.place(), now).filter(|_| !self.session.is_own()) {
            Some(words) => Err(self.unsent(attempts, words, hint::GIVEN_UP)),
            None => Ok(()),
        }
    }

    fn out_of_run(&self, attempts: u32) -> OpError {
        self.unsent(attempts, "not read: the time of the run is over".to_owned(), hint::OUT_OF_RUN)
    }

    fn unsent(&self, attempts: u32, message: String, hint: &str) -> OpError {
        let error = self.interrupted(attempts, &message);
        OpError { fault: Fault::Unreachable, hint: Some(hint.to_owned()), ..error }
    }

    pub(super) async fn in_time<T, E>(
        &self,
        clock: &Clock,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, SdkError<E, HttpResponse>> {
        let time = self.session.aws.silence.trial(self.place()).unwrap_or(ATTEMPT_TIME);
        let left = self.ends().map(|end| end.saturating_sub(clock.elapsed()));
        let time = left.map_or(time, |left| left.min(time));
        let late = clock.sleep(time);
        futures::pin_mut!(answer);
        match select(answer, late).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(SdkError::timeout_error(NoAnswer(time))),
        }
    }
}
