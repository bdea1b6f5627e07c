//! The simulated cloud itself, without a server: a request in, an answer out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::dispatch::{Handled, dispatch};
use super::wire::Http;
use super::world::World;
use super::{CallCount, FaultCount, Options, Raise, RaiseOutcome, Tamper, control, estate, events, state};
use crate::config::Profiles;

/// The simulated cloud in this process: what a [`Sandbox`](super::Sandbox) serves over HTTP. Clones share it.
#[derive(Debug, Clone)]
pub struct Cloud(Arc<Mutex<World>>);

/// What the simulation makes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status; 0 where no answer arrives.
    pub status: u16,
    /// The response's headers.
    pub headers: Vec<(String, String)>,
    /// The response's body.
    pub body: Vec<u8>,
    /// How long the answer, or the end of the connection, takes to arrive. The simulation does not wait: its caller
    /// does, by whatever clock it has.
    pub latency: Duration,
    /// Whether an answer arrives.
    pub fate: Fate,
}

/// Whether the answer to a request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Answered,
    /// The request was carried out, and the connection closed without a byte of the answer.
    Lost,
    /// The connection is closed, and the request was not carried out.
    Dropped,
    /// The request was carried out, and no answer comes while the connection stays open for ever.
    Hangs,
}

impl Cloud {
    /// Builds the estate.
    pub(super) fn new(profiles: &Profiles, options: Options) -> Cloud {
        let mut world = World::new(profiles.partition, options.session_seconds, options.clock.unwrap_or_default());
        estate::build(&mut world, profiles);
        for (account, region) in options.opt_in {
            world.add_account(account).enabled.insert(region);
        }
        world.rates.switch(options.aws_rates);
        world.witness = options.witness;
        Cloud(Arc::new(Mutex::new(world)))
    }

    /// Answers one request. It never waits, and never reads another clock than that of [`Options`].
    ///
    /// The path and query are as HTTP sends them, percent-encoded; the headers need `authorization` with the credential
    /// scope of Signature Version 4, and whatever the service's protocol asks for. A header that HTTP could not carry is
    /// left out.
    pub fn answer(&self, method: &str, path_and_query: &str, headers: &[(String, String)], body: &[u8]) -> Answered {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                map.append(name, value);
            }
        }
        self.handle(Http::new(method, path, query, map, Bytes::copy_from_slice(body)))
    }

    /// Answers one request.
    pub(super) fn handle(&self, http: Http) -> Answered {
        let Handled { reply, latency, fate } = dispatch(&mut self.lock(), &http);
        if fate == Fate::Answered {
            Answered { status: reply.status, headers: reply.headers, body: reply.body, latency, fate }
        } else {
            Answered { status: 0, headers: Vec::new(), body: Vec::new(), latency, fate }
        }
    }

    /// The access key and the secret of the user that everything starts from. They open nothing but the simulation.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (estate::START_KEY, estate::START_SECRET)
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

    /// The faults in force, in the order they were asked for, and what each did so far.
    pub fn faults(&self) -> Vec<FaultCount> {
        self.lock().faults.list()
    }

    /// Everything there is, as the control endpoint's `GET /_sandbox/state` shows it.
    pub fn state(&self) -> Value {
        state::state(&self.lock())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
