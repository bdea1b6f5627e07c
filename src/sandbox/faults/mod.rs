//! Failures that were asked for: calls that are slow, throttled, refused or lost, and how often that happened.

mod words;

use std::time::Duration;

use globset::{Glob, GlobMatcher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use words::{broken, throttled};

use crate::model::{AccountId, Region};

/// A failure of chosen calls. What it leaves open matches every call.
///
/// `Fault { operation: Some("cloudtrail:Put*".into()), nth: Some(3), ..Fault::of(Effect::Lose) }` loses the answer to
/// the third such call from now on; as JSON for the control endpoint:
/// `{"do": "fault", "operation": "cloudtrail:Put*", "nth": 3, "effect": "lose"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The caller's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The Region of the credential scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The service, as the credential scope names it: `cloudtrail`, `sts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Service and operation, `*` allowed: `cloudtrail:Put*`. The operation, not the IAM action: `s3:HeadBucket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only calls that change something when they succeed, as [`CallCount::mutating`](super::CallCount) says, or only
    /// the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutating: Option<bool>,
    /// Only the n-th matching call from now on, counted from 1; refused and repeated calls count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many calls it hits at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens to them.
    pub effect: Effect,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// It is carried out at once, and its answer takes longer; delays of several faults add up, and go with any other
    /// effect.
    Latency {
        /// Milliseconds.
        millis: u64,
        /// Up to so many milliseconds more.
        #[serde(default)]
        jitter: u64,
        /// Tells one series of jitters from another.
        #[serde(default)]
        seed: u64,
    },
    /// A part of the calls is not carried out and gets the service's own throttling error.
    Throttle {
        /// Which part, from 0 to 1.
        #[serde(default = "all")]
        fraction: f64,
        /// Tells one series of choices from another.
        #[serde(default)]
        seed: u64,
    },
    /// It is not carried out and gets an error; what is left out is as the service has it when it breaks down (500).
    Fail {
        /// The error's code.
        #[serde(default)]
        code: Option<String>,
        /// The HTTP status.
        #[serde(default)]
        status: Option<u16>,
        /// The error's message.
        #[serde(default)]
        message: Option<String>,
    },
    /// It is carried out, and the connection is closed without a byte of the answer.
    Lose,
    /// The connection is closed before it is carried out: the service never sees it, and it is no counted call.
    Drop,
    /// It is carried out, no answer ever comes, and the connection stays open.
    Hang,
    /// It is carried out, and something else is answered in its place, as by a proxy that is broken.
    Answer {
        /// The HTTP status.
        #[serde(default = "success")]
        status: u16,
        /// The body.
        #[serde(default)]
        body: String,
    },
}

fn success() -> u16 {
    200
}

fn all() -> f64 {
    1.0
}

impl Fault {
    /// Does it to every call.
    pub fn of(effect: Effect) -> Fault {
        Fault {
            account: None,
            region: None,
            service: None,
            operation: None,
            mutating: None,
            nth: None,
            times: None,
            effect,
        }
    }
}

/// A fault with what it did so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultCount {
    /// As it was asked for.
    pub fault: Fault,
    /// How many calls it was about, hit or spared.
    pub matched: u64,
    /// How many of them it hit.
    pub hit: u64,
    /// The last that it hit.
    pub last: Option<Struck>,
}

/// A call that a fault hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Struck {
    /// The caller's account; `None` when the key told nothing.
    pub account: Option<AccountId>,
    /// The Region of the credential scope.
    pub region: String,
    /// The service, as the credential scope names it.
    pub service: String,
    /// The operation.
    pub operation: String,
}

/// What becomes of a call, besides that it takes longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blow {
    Throttle,
    Fail { code: Option<String>, status: Option<u16>, message: Option<String> },
    Lose,
    Drop,
    Hang,
    Answer { status: u16, body: String },
}

/// What all faults together do to a call.
#[derive(Debug, Default)]
pub(super) struct Strike {
    pub latency: Duration,
    pub blow: Option<Blow>,
}

/// The faults in force, in the order they were asked for.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Active>);

#[derive(Debug)]
struct Active {
    count: FaultCount,
    operation: Option<GlobMatcher>,
}

impl Faults {
    /// Puts a fault in force.
    ///
    /// # Errors
    /// Why there can be no such fault, for a person.
    pub fn add(&mut self, fault: Fault) -> Result<(), String> {
        let matcher = |text: &String| Glob::new(text).map(|glob| glob.compile_matcher());
        let operation = fault.operation.as_ref().map(matcher).transpose().map_err(|error| error.to_string())?;
        match &fault.effect {
            Effect::Throttle { fraction, .. } if !(0.0..=1.0).contains(fraction) => {
                return Err(format!("fraction has to be from 0 to 1, and is {fraction}"));
            }
            Effect::Fail { status: Some(status), .. } if !(400..=599).contains(status) => {
                return Err(format!("status has to be from 400 to 599, and is {status}"));
            }
            Effect::Answer { status, .. } if !(200..=599).contains(status) => {
                return Err(format!("status has to be from 200 to 599, and is {status}"));
            }
            _ if fault.nth == Some(0) => return Err("nth counts from 1".to_owned()),
            _ => {}
        }
        self.0.push(Active { count: FaultCount { fault, matched: 0, hit: 0, last: None }, operation });
        Ok(())
    }

    /// Forgets them, and what they did.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What they did so far.
    pub fn list(&self) -> Vec<FaultCount> {
        self.0.iter().map(|active| active.count.clone()).collect()
    }

    /// What happens to this call. Every fault that is about it counts it; delays add up, and the first other effect
    /// wins: the faults behind it spare the call.
    pub fn strike(&mut self, call: &Struck, mutating: bool) -> Strike {
        let mut strike = Strike::default();
        for active in self.0.iter_mut().filter(|active| active.is_about(call, mutating)) {
            active.count.matched += 1;
            if active.is_due() && active.count.fault.effect.strike(active.count.matched, &mut strike) {
                active.count.hit += 1;
                active.count.last = Some(call.clone());
            }
        }
        strike
    }
}

impl Active {
    fn is_about(&self, call: &Struck, mutating: bool) -> bool {
        let fault = &self.count.fault;
        fault.account.is_none_or(|account| call.account == Some(account))
            && fault.region.as_ref().is_none_or(|region| region.as_str() == call.region)
            && fault.service.as_ref().is_none_or(|service| *service == call.service)
            && fault.mutating.is_none_or(|wanted| wanted == mutating)
            && self.operation.as_ref().is_none_or(|glob| glob.is_match(format!("{}:{}", call.service, call.operation)))
    }

    fn is_due(&self) -> bool {
        let fault = &self.count.fault;
        fault.nth.is_none_or(|nth| nth == self.count.matched) && fault.times.is_none_or(|most| self.count.hit < most)
    }
}

impl Effect {
    /// Does it to the n-th matching call, unless another effect came first; tells whether it did.
    fn strike(&self, nth: u64, strike: &mut Strike) -> bool {
        let blow = match self {
            Effect::Latency { millis, jitter, seed } => {
                let more = (chance(*seed, nth) * (*jitter as f64 + 1.0)).floor() as u64;
                strike.latency += Duration::from_millis(millis.saturating_add(more.min(*jitter)));
                return true;
            }
            Effect::Throttle { fraction, seed } if chance(*seed, nth) >= *fraction => return false,
            Effect::Throttle { .. } => Blow::Throttle,
            Effect::Fail { code, status, message } => {
                Blow::Fail { code: code.clone(), status: *status, message: message.clone() }
            }
            Effect::Lose => Blow::Lose,
            Effect::Drop => Blow::Drop,
            Effect::Hang => Blow::Hang,
            Effect::Answer { status, body } => Blow::Answer { status: *status, body: body.clone() },
        };
        let first = strike.blow.is_none();
        strike.blow.get_or_insert(blow);
        first
    }
}

/// A number from 0 up to 1, the same for the same call of the same series (SplitMix64).
fn chance(seed: u64, nth: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0xA076_1D64_78BD_642F) ^ nth.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_spread_and_come_again() {
        for seed in [0, 1, 7, u64::MAX] {
            let low = (1..=10_000).filter(|nth| chance(seed, *nth) < 0.2).count();
            assert!((1_900..=2_100).contains(&low), "{seed}: {low}");
            assert!((1..=1000).all(|nth| chance(seed, nth) == chance(seed, nth)));
        }
        assert!((1..=100).any(|nth| (chance(1, nth) < 0.5) != (chance(2, nth) < 0.5)));
    }
}
