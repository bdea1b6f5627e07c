//! What is held of an account while a run goes on.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::estate::{Estate, PROFILES, TRAILS};
use crate::aws::Aws;
use crate::engine::apply::Apply;
use crate::engine::{Rollout, Stop, Survey, SurveyOptions};
use crate::report::{Event, Events, Outcome, Wave};
use crate::sandbox::Tamper;

/// Every open session has a share in what they all use, so that the shares tell how many there are.
#[test]
fn an_account_is_left_after_its_last_change_and_not_held_until_the_run_is_over() {
    let more: String =
        (4..=7).map(|n| format!("\n[[account]]\nid = \"{}\"\nwave = {n}\n", n.to_string().repeat(12))).collect();
    let mut estate = Estate::new(&format!("{PROFILES}{more}"), TRAILS);
    estate.run();
    for n in 3..=7 {
        let account = n.to_string().repeat(12).parse().unwrap();
        estate.cloud.tamper(Tamper::StopLogging { account, region: "us-east-1".parse().unwrap(), name: None }).unwrap();
    }
    let aws: Arc<OnceLock<Weak<Aws>>> = Arc::default();
    let open: Arc<Mutex<Vec<usize>>> = Arc::default();
    let events = {
        let (aws, open) = (aws.clone(), open.clone());
        Events::to(move |event| {
            if let Event::WaveStarted { wave: Wave::Declared(_), .. } = event {
                open.lock().unwrap().push(aws.get().unwrap().strong_count());
            }
        })
    };
    let chain = estate.chain(&events);
    aws.set(Arc::downgrade(chain.aws())).unwrap();
    let (profiles, baseline) = (&estate.loaded.profiles, estate.loaded.baseline.as_ref().unwrap());
    let options = SurveyOptions::default();
    let applied = estate.time.runtime().block_on(async {
        let plan = Survey::new(&chain, profiles, &events).plan(baseline, &options).await;
        let apply = Apply {
            chain: &chain,
            profiles,
            baseline,
            options: &options,
            rollout: &Rollout::default(),
            agreed: &plan,
            settled: &[],
            begun: None,
            stop: &Stop::never(),
            events: &events,
        };
        apply.run(&plan, std::future::pending()).await
    });
    assert_eq!(applied.count(|outcome| *outcome == Outcome::Applied), 5, "{:#?}", applied.outcomes);
    let open = open.lock().unwrap();
    assert_eq!(open[..], [open[0]; 5], "no more in the last wave than in the first");
}
