//! A simulated estate and the runs on it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::aws::tests::cloud::aws_over;
use crate::aws::{Chain, MfaCodes, Rates};
use crate::clock::Simulated;
use crate::config::{Loaded, Source, load};
use crate::engine::{Applied, Asked, Enforce, LockTerms, Rollout, Stop, Survey, SurveyOptions};
use crate::model::RunId;
use crate::plan::Plan;
use crate::report::{Event, Events};
use crate::sandbox::{Clock as CloudClock, Cloud, Effect, Fault, Options, Sandbox, Tamper};

/// One project account in two Regions, and what it needs of the security account.
pub(super) const PROFILES: &str = r#"
[jump]
account = "111111111111"
baseline = false

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "for-security"
home_region = "us-east-1"
regions = { list = ["us-east-1", "eu-west-1"] }

[defaults]
role = "BaselineExecution"
external_id = "for-projects"
regions = { list = ["us-east-1", "eu-west-1"] }

[[account]]
id = "333333333333"
name = "payments"
"#;

/// The standard baseline as it is shipped.
pub(super) const STANDARD: &str = include_str!("../../../baselines/standard.toml");

/// Trails and what they need, and little to wait for.
pub(super) const TRAILS: &str = r#"
name = "trails"

[log_key]

[log_bucket]

[cloudtrail]
mode = "per-region"
"#;

/// The simulated cloud, its time, and the two files.
pub(super) struct Estate {
    pub cloud: Cloud,
    pub time: Simulated,
    pub loaded: Loaded,
    folder: PathBuf,
    runs: u16,
    parallelism: usize,
    /// Whether calls are paced by AWS's rates.
    pub rates: Rates,
    watch: Option<Watch>,
}

type Watch = Box<dyn FnMut(&Event) + Send>;

/// A run, from the first reading to the last outcome.
pub(super) struct Ran {
    pub plan: Arc<Plan>,
    pub applied: Applied,
    pub events: Vec<Event>,
    /// When each event happened.
    pub times: Vec<Duration>,
}

impl Estate {
    pub(super) fn new(profiles: &str, baseline: &str) -> Estate {
        Estate::with(profiles, baseline, Options::default())
    }

    pub(super) fn with(profiles: &str, baseline: &str, options: Options) -> Estate {
        let loaded = loaded(profiles, baseline);
        let time = Simulated::default();
        let seconds = time.clone();
        let clock = Some(CloudClock::new(move || seconds.unix_seconds()));
        let cloud = Sandbox::in_process(&loaded.profiles, Options { clock, ..options });
        let folder = std::env::temp_dir().join(format!("baseline-engine-{}-{}", std::process::id(), fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        Estate { cloud, time, loaded, folder, runs: 0, parallelism: 64, rates: Rates::Off, watch: None }
    }

    /// From now on the files say this.
    pub(super) fn declare(&mut self, profiles: &str, baseline: &str) {
        self.loaded = loaded(profiles, baseline);
    }

    /// Reads, plans, and makes the changes, if there are any.
    pub(super) fn run(&mut self) -> Ran {
        self.run_with(&SurveyOptions::default(), &Rollout::default(), &Stop::never())
    }

    /// The same, one request at a time.
    pub(super) fn run_slowly(&mut self) -> Ran {
        self.parallelism = 1;
        self.run()
    }

    /// The same, with somebody who sees every event when it happens, and may do something about it.
    pub(super) fn run_watched(&mut self, watch: impl FnMut(&Event) + Send + 'static) -> Ran {
        self.watch(watch);
        self.run()
    }

    /// The same, interrupted when this happens for the first time.
    pub(super) fn run_until(&mut self, mut happens: impl FnMut(&Event) -> bool + Send + 'static) -> Ran {
        let (stopper, stop) = Stop::new();
        self.watch(move |event| {
            if happens(event) {
                stopper.ask(Asked::Finish);
            }
        });
        self.run_with(&SurveyOptions::default(), &Rollout::default(), &stop)
    }

    /// The next run is seen by somebody who may do something about each event.
    pub(super) fn watch(&mut self, watch: impl FnMut(&Event) + Send + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// The ways into the accounts.
    pub(super) fn chain(&self, events: &Events) -> Chain {
        let aws = aws_over(&self.cloud, &self.time, self.parallelism, self.rates, events.clone());
        let nobody = MfaCodes::from_fn(|_| Box::pin(async { Err("nobody to ask".to_owned()) }));
        Chain::new(aws, &self.loaded.profiles, nobody).unwrap()
    }

    pub(super) fn run_with(&mut self, options: &SurveyOptions, rollout: &Rollout, stop: &Stop) -> Ran {
        self.runs += 1;
        let told: Arc<Mutex<Vec<(Duration, Event)>>> = Arc::default();
        let events = {
            let (told, clock, watch) = (told.clone(), self.time.clock(), Mutex::new(self.watch.take()));
            Events::to(move |event| {
                if let Some(watch) = &mut *watch.lock().unwrap() {
                    watch(&event);
                }
                told.lock().unwrap().push((clock.elapsed(), event));
            })
        };
        let chain = self.chain(&events);
        let profiles = &self.loaded.profiles;
        let baseline = self.loaded.baseline.as_ref().unwrap();
        let lock = LockTerms {
            run: RunId::new(1_780_000_000, self.runs),
            owner: "test@here".to_owned(),
            timeout: Duration::from_secs(600),
            // Long beside an answer that takes half a minute.
            lease: Duration::from_secs(900),
            folder: Some(self.folder.clone()),
        };
        let (plan, applied) = self.time.runtime().block_on(async {
            let plan = Arc::new(Survey::new(&chain, profiles, &events).plan(baseline, options).await);
            let enforce =
                Enforce { chain: &chain, profiles, baseline, options, rollout, lock: &lock, stop, events: &events };
            if plan.changes.is_empty() {
                return (plan, Applied::default());
            }
            let applied = enforce.run(&plan, &[]).await;
            (plan, applied)
        });
        let (times, events) = std::mem::take(&mut *told.lock().unwrap()).into_iter().unzip();
        Ran { plan, applied, events, times }
    }

    /// Asks for a failure.
    pub(super) fn fault(&self, fault: Fault) {
        self.cloud.tamper(Tamper::Fault(fault)).unwrap();
    }

    /// The n-th call from now on that changes something ends so.
    pub(super) fn fail_write(&self, n: u64, effect: Effect) {
        self.fault(Fault { mutating: Some(true), nth: Some(n), ..Fault::of(effect) });
    }

    /// How many of everything there is.
    pub(super) fn inventory(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        count(&self.cloud.state(), "", &mut counts);
        counts
    }
}

fn loaded(profiles: &str, baseline: &str) -> Loaded {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    load(&source("profiles.toml", profiles), Some(&source("baseline.toml", baseline)))
        .unwrap_or_else(|problems| panic!("{:?}", problems.list))
}

impl Drop for Estate {
    fn drop(&mut self) {
        // A folder of the temporary directory that cannot be removed is that directory's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Counts the items of every list in a document, by the way to it.
fn count(value: &Value, path: &str, counts: &mut BTreeMap<String, usize>) {
    match value {
        Value::Array(items) => {
            *counts.entry(path.to_owned()).or_default() += items.len();
            for item in items {
                count(item, path, counts);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                count(member, &format!("{path}/{name}"), counts);
            }
        }
        _ => {}
    }
}
