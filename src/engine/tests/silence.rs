//! Accounts that do not answer, and calls that are throttled whoever makes them: a run has an end, and it is near.

use std::time::Duration;

use super::estate::{Estate, PROFILES, Ran, STANDARD, TRAILS};
use crate::engine::{Survey, SurveyOptions};
use crate::model::AccountId;
use crate::report::Events;
use crate::sandbox::{Effect, Fault, Tamper};

const SILENT: &str = "444444444444";

fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn projects(more: usize) -> String {
    let accounts =
        (0..more).map(|n| format!("\n[[account]]\nid = \"{:012}\"\nname = \"p{n}\"\n", 444_444_444_444 + n as u64));
    format!("{PROFILES}{}", accounts.collect::<String>())
}

/// A run that plans and applies nothing, after one in which all was well.
fn look_again(estate: &mut Estate, faults: impl IntoIterator<Item = Fault>) -> (Ran, Duration) {
    let ran = estate.run();
    assert!(ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.unreadable);
    for fault in faults {
        estate.fault(fault);
    }
    let from = estate.time.clock().elapsed();
    let ran = estate.run();
    let took = estate.time.clock().elapsed() - from;
    assert!(ran.plan.changes.is_empty(), "{:#?}", ran.plan.changes);
    (ran, took)
}

#[test]
fn an_account_that_never_answers_is_given_up_and_the_others_are_reported_soon() {
    let mut estate = Estate::new(&projects(3), STANDARD);
    let hang = Fault { account: Some(id(SILENT)), ..Fault::of(Effect::Hang) };
    let (ran, took) = look_again(&mut estate, [hang]);
    assert!(took < Duration::from_secs(100), "{took:?}");
    assert!(!ran.plan.unreadable.is_empty());
    assert!(ran.plan.unreadable.iter().all(|one| one.target.account == id(SILENT)), "{:#?}", ran.plan.unreadable);
}

/// It is entered, and then nothing of it answers.
#[test]
fn the_first_calls_that_nothing_comes_of_decide_for_the_whole_account() {
    let mut estate = Estate::new(&projects(1), STANDARD);
    let services = ["cloudtrail", "config", "events", "guardduty", "iam", "kms", "s3", "sns", "sqs", "lambda"];
    let hang = |service: &&str| Fault {
        account: Some(id(SILENT)),
        service: Some((*service).to_owned()),
        ..Fault::of(Effect::Hang)
    };
    let (ran, took) = look_again(&mut estate, services.iter().map(hang));
    assert!(took < Duration::from_secs(70), "{took:?}");
    assert!(ran.plan.unreadable.iter().all(|one| one.target.account == id(SILENT)), "{:#?}", ran.plan.unreadable);
    let said = |text: &str| ran.plan.unreadable.iter().any(|one| one.error.to_string().contains(text));
    assert!(said("account 444444444444 did not answer"), "{:#?}", ran.plan.unreadable);
}

#[test]
fn services_that_hang_cost_their_time_once_and_the_rest_of_the_account_is_read() {
    let mut estate = Estate::new(&projects(1), STANDARD);
    let hang = |service: &str| Fault {
        account: Some(id(SILENT)),
        service: Some(service.to_owned()),
        ..Fault::of(Effect::Hang)
    };
    let hung = ["config", "events", "guardduty", "iam"];
    let (ran, took) = look_again(&mut estate, hung.map(hang));
    assert!(took < Duration::from_secs(110), "{took:?}");
    for one in &ran.plan.unreadable {
        let service = one.service.map(|service| service.as_str()).unwrap_or_default();
        assert!(["config", "eventbridge", "guardduty", "iam"].contains(&service), "{one:#?}");
    }
    assert!(!ran.plan.unreadable.is_empty());
}

/// Throttling that no slowing down helps against.
#[test]
fn calls_that_are_throttled_at_random_cost_their_share_and_none_is_given_up() {
    let profiles = projects(5);
    let look = |fraction: f64| {
        let mut estate = Estate::new(&profiles, STANDARD);
        let latency = Fault::of(Effect::Latency { millis: 50, jitter: 50, seed: 1 });
        let throttle = Fault::of(Effect::Throttle { fraction, seed: 11 });
        let (ran, took) = look_again(&mut estate, [latency, throttle]);
        assert!(ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.unreadable);
        estate.cloud.tamper(Tamper::ClearFaults {}).unwrap();
        took
    };
    let (calm, throttled) = (look(0.0), look(0.3));
    // The bound is wide: the clock of the simulation runs ahead where the machine is busy.
    assert!(throttled < calm * 12 + Duration::from_secs(240), "{calm:?}, {throttled:?}");
}

#[test]
fn a_run_whose_time_is_over_reports_what_it_has_read() {
    let mut estate = Estate::new(&projects(1), TRAILS);
    estate.run();
    estate.fault(Fault {
        account: Some(id(SILENT)),
        ..Fault::of(Effect::Latency { millis: 20_000, jitter: 0, seed: 0 })
    });
    let events = Events::nowhere();
    let chain = estate.chain(&events);
    let (profiles, baseline) = (&estate.loaded.profiles, estate.loaded.baseline.as_ref().unwrap());
    let from = estate.time.clock().elapsed();
    let end = from + Duration::from_secs(30);
    let plan = estate.time.runtime().block_on(async {
        chain.aws().read_until(Some(end));
        Survey::new(&chain, profiles, &events).plan(baseline, &SurveyOptions::default()).await
    });
    assert!(estate.time.clock().elapsed() <= end + Duration::from_secs(1));
    assert!(!plan.unreadable.is_empty() && !plan.complete() && plan.changes.is_empty());
    for one in &plan.unreadable {
        assert_eq!(one.target.account, id(SILENT), "{one:#?}");
        assert!(one.error.to_string().contains("the time of the run is over"), "{one:#?}");
        assert!(one.error.hint.as_deref().is_some_and(|hint| hint.contains("--timeout")), "{one:#?}");
    }
}
