use std::future::Future;
use std::time::Duration;

use super::call::LONG_SETTLING;
use super::clients::Session;
use crate::model::{OpError, Region};
use crate::report::Event;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Something that AWS does by and by, and that is looked at until it is done.
#[derive(Debug, Clone, Copy)]
pub struct Settling<'a> {
    /// Where.
    pub session: &'a Session,
    /// The Region.
    pub region: &'a Region,
    /// The service.
    pub service: &'static str,
    /// The operation that looks.
    pub operation: &'static str,
    /// What it is waited for to end.
    pub state: &'static str,
    /// How long AWS is given.
    pub patience: Duration,
}

/// Looks before patience ends: each may have waited long for its own turn, and what AWS did meanwhile was not seen.
const LEAST_LOOKS: u32 = 4;

impl Settling<'_> {
    /// Looks again and again until there is something to see, or patience ends; whoever watches the run is told.
    ///
    /// # Errors
    ///
    /// The first look that fails.
    pub async fn watch<T, F, Fut>(&self, mut look: F) -> Result<Option<T>, OpError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Option<T>, OpError>>,
    {
        let clock = self.session.clock();
        let start = clock.elapsed();
        let mut attempt = 1;
        let seen = loop {
            let seen = look().await?;
            let over = clock.elapsed() + PAUSE >= start + self.patience && attempt >= LEAST_LOOKS;
            if seen.is_some() || over {
                break seen;
            }
            self.session.aws.events.tell(Event::CallRetried {
                account: self.session.account,
                region: self.region.clone(),
                service: self.service.into(),
                operation: self.operation.into(),
                attempt,
                code: self.state.to_owned(),
                wait: PAUSE,
                settling: true,
            });
            clock.sleep(PAUSE).await;
            attempt += 1;
        };
        let waited = clock.elapsed().saturating_sub(start);
        if waited >= LONG_SETTLING {
            self.session.aws.events.tell(Event::Settled {
                account: self.session.account,
                region: self.region.clone(),
                service: self.service.into(),
                operation: self.operation.into(),
                code: self.state.to_owned(),
                waited,
                given_up: seen.is_none(),
            });
        }
        Ok(seen)
    }
}
