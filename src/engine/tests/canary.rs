//! The account that goes first, as it is looked at before the rest follows.

use std::time::Duration;

use super::estate::{Estate, PROFILES, Ran, TRAILS};
use crate::engine::apply::Apply;
use crate::engine::{Rollout, Stop, Survey, SurveyOptions};
use crate::model::AccountId;
use crate::report::{Event, Events, Halt, Outcome, Trouble, Wave};
use crate::sandbox::{Cloud, Effect, Fault, Tamper};

const CANARY: &str = "333333333333";

fn two_projects() -> String {
    format!("{PROFILES}\n[[account]]\nid = \"444444444444\"\nname = \"ledger\"\n")
}

fn canary() -> AccountId {
    CANARY.parse().unwrap()
}

fn rollout() -> Rollout {
    Rollout { canary: Some(canary()), ..Rollout::default() }
}

/// A first run, in which something happens between the canary's last change and the look at it.
fn run_and_then(estate: &mut Estate, happens: fn(&Cloud)) -> Ran {
    let (cloud, mut left) = (estate.cloud.clone(), 0);
    estate.watch(move |event| match event {
        Event::WaveStarted { wave: Wave::Canary, changes, .. } => left = *changes,
        Event::ChangeEnded { address, .. } if address.target.account == canary() && left > 0 => {
            left -= 1;
            if left == 0 {
                happens(&cloud);
            }
        }
        _ => {}
    });
    estate.run_with(&SurveyOptions::default(), &rollout(), &Stop::never())
}

/// AWS does not show at once and everywhere what was written.
#[test]
fn a_canary_that_does_not_look_right_at_once_is_looked_at_again_before_it_holds_up_the_rest() {
    let mut estate = Estate::new(&two_projects(), TRAILS);
    let ran = run_and_then(&mut estate, |cloud| {
        let effect = Effect::Fail { code: Some("AccessDeniedException".to_owned()), status: Some(400), message: None };
        let operation = Some("cloudtrail:DescribeTrails".to_owned());
        let once = Fault { account: Some(canary()), operation, times: Some(1), ..Fault::of(effect) };
        cloud.tamper(Tamper::Fault(once)).unwrap();
    });
    assert_eq!(estate.cloud.faults()[0].hit, 1);
    assert_eq!(ran.applied.halted, None);
    assert!(ran.applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", ran.applied);
    let is_next = |event: &Event| matches!(event, Event::WaveStarted { wave: Wave::Declared(_), .. });
    let next = ran.events.iter().position(is_next).unwrap();
    let pause = ran.times[next] - ran.times[next - 1];
    assert!(pause >= Duration::from_secs(5), "{pause:?}");
}

#[test]
fn nothing_follows_a_canary_that_is_not_as_it_should_be_when_it_is_looked_at() {
    let mut estate = Estate::new(&two_projects(), TRAILS);
    let ran = run_and_then(&mut estate, |cloud| {
        let region = "us-east-1".parse().unwrap();
        cloud.tamper(Tamper::StopLogging { account: canary(), region, name: None }).unwrap();
    });
    let Some(Halt::Canary { account, trouble: Trouble::Found(found) }) = &ran.applied.halted else {
        panic!("{:#?}", ran.applied.halted)
    };
    assert_eq!(*account, canary());
    assert!(found.starts_with(&format!("{CANARY}/us-east-1/cloudtrail.trail/")), "{found}");
    for (address, outcome) in &ran.applied.outcomes {
        let follows = address.target.account.to_string() == "444444444444";
        assert_eq!(matches!(outcome, Outcome::NotStarted { .. }), follows, "{address}: {outcome:?}");
    }
}

/// The run made what replaces the old trails; that they go is for the next run.
#[test]
fn what_a_canary_could_lose_by_now_holds_nobody_up() {
    let mut estate = Estate::new(&two_projects(), TRAILS);
    estate.run();
    let multi_region = TRAILS.replace("mode = \"per-region\"", "mode = \"multi-region\"");
    assert_ne!(multi_region, TRAILS);
    estate.declare(&two_projects(), &multi_region);
    let pruning = SurveyOptions { prune: true, ..SurveyOptions::default() };
    let ran = estate.run_with(&pruning, &rollout(), &Stop::never());
    assert_eq!(ran.applied.halted, None);
    assert!(ran.applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", ran.applied);
    // There was something to lose.
    let ran = estate.run_with(&pruning, &rollout(), &Stop::never());
    assert!(ran.plan.changes.iter().any(|change| change.address.target.account == canary()), "{:#?}", ran.plan);
}

/// No service makes an account wait for one of a later wave; should one ever, its canary is not held to it.
#[test]
fn what_a_canary_gets_only_after_others_is_not_missed_when_it_is_looked_at() {
    let mut estate = Estate::new(&two_projects(), TRAILS);
    estate.run();
    let other: AccountId = "444444444444".parse().unwrap();
    for (account, region) in [(canary(), "eu-west-1"), (canary(), "us-east-1"), (other, "us-east-1")] {
        let region = region.parse().unwrap();
        estate.cloud.tamper(Tamper::StopLogging { account, region, name: None }).unwrap();
    }
    let nobody = Events::nowhere();
    let chain = estate.chain(&nobody);
    let (profiles, baseline) = (&estate.loaded.profiles, estate.loaded.baseline.as_ref().unwrap());
    let options = SurveyOptions::default();
    let applied = estate.time.runtime().block_on(async {
        let mut plan = Survey::new(&chain, profiles, &nobody).plan(baseline, &options).await;
        assert_eq!(plan.changes.len(), 3, "{:#?}", plan.changes);
        let last = plan.changes.iter().find(|change| change.address.target.account == other).unwrap().address.clone();
        for change in &mut plan.changes {
            let target = &change.address.target;
            if (target.account, target.region.as_str()) == (canary(), "us-east-1") {
                change.requires.push(last.clone());
            }
        }
        let apply = Apply {
            chain: &chain,
            profiles,
            baseline,
            options: &options,
            rollout: &rollout(),
            agreed: &plan,
            settled: &[],
            begun: None,
            stop: &Stop::never(),
            events: &nobody,
        };
        apply.run(&plan, std::future::pending()).await
    });
    assert_eq!(applied.halted, None);
    assert!(applied.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{:#?}", applied.outcomes);
}
