//! Slots, rates, and what one account's trouble does to another.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;

use super::script::{Answer, LATENCY, Script, describe_rules, describe_trails, start_logging};
use crate::aws::Rates;

const ONE: &str = "111111111111";
const OTHER: &str = "222222222222";

fn throttled() -> Answer {
    Answer::json(400, "ThrottlingException", "Rate exceeded")
}

fn is_of(asked: &super::script::Asked, id: &str) -> bool {
    asked.key.ends_with(id)
}

#[test]
fn no_second_sees_more_reads_than_cloudtrail_takes_and_writes_come_one_by_one() {
    let script = Script::new(|_| Answer::ok("{}"));
    let aws = script.aws(64, Rates::Aws);
    let session = script.session(&aws, ONE);
    script.run(join_all((0..30).map(|_| describe_trails(&session))));
    let times: Vec<Duration> = script.asked().iter().map(|asked| asked.at).collect();
    assert_eq!(times.len(), 30);
    for from in times.iter().copied() {
        let second = times.iter().filter(|at| (from..from + Duration::from_secs(1)).contains(*at)).count();
        assert!(second <= 10, "{second} in the second after {from:?}");
    }
    assert!(times[3] < Duration::from_secs(1), "the first few do not wait: {times:?}");
    let (_, took) = script.run(join_all((0..5).map(|_| start_logging(&session))));
    assert!((Duration::from_secs(4)..Duration::from_secs(5)).contains(&took), "{took:?}");

    let script = Script::new(|_| Answer::ok("{}"));
    let aws = script.aws(64, Rates::Off);
    let session = script.session(&aws, ONE);
    let (_, took) = script.run(join_all((0..16).map(|_| start_logging(&session))));
    assert_eq!(took, LATENCY, "nothing is spaced in a simulation without rates");
}

#[test]
fn an_account_that_hangs_leaves_slots_to_the_others() {
    let script = Script::new(|asked| if is_of(asked, ONE) { Answer::Never } else { Answer::ok("{}") });
    let aws = script.aws(16, Rates::Off);
    let (hangs, works) = (script.session(&aws, ONE), script.session(&aws, OTHER));
    let (at, _) = script.run(async {
        let hanging = join_all((0..40).map(|_| describe_rules(&hangs)));
        let working = async {
            script.time.clock().sleep(Duration::from_secs(1)).await;
            describe_rules(&works).await.unwrap();
            script.time.clock().elapsed()
        };
        futures::join!(hanging, working).1
    });
    assert_eq!(at, Duration::from_secs(1) + LATENCY);
    let at_once = script.asked().iter().filter(|asked| asked.at < Duration::from_secs(1)).count();
    assert_eq!(at_once, 4, "a quarter of the slots");
}

#[test]
fn who_waits_for_a_turn_holds_no_slot() {
    let script = Script::new(|_| Answer::ok("{}"));
    let aws = script.aws(1, Rates::Aws);
    let (paced, free) = (script.session(&aws, ONE), script.session(&aws, OTHER));
    let (at, _) = script.run(async {
        let writes = join_all((0..10).map(|_| start_logging(&paced)));
        let read = async {
            describe_rules(&free).await.unwrap();
            script.time.clock().elapsed()
        };
        futures::join!(writes, read).1
    });
    assert_eq!(at, LATENCY * 2, "one write was ahead, not ten");
}

#[test]
fn a_throttled_account_delays_no_other() {
    let time_of_other = |throttle: bool| {
        let script =
            Script::new(move |asked| if throttle && is_of(asked, ONE) { throttled() } else { Answer::ok("{}") });
        let aws = script.aws(8, Rates::Aws);
        let (one, other) = (script.session(&aws, ONE), script.session(&aws, OTHER));
        let ((), _) = script.run(async {
            let one = join_all((0..100).map(|_| describe_rules(&one)));
            let other = async {
                for _ in 0..50 {
                    describe_rules(&other).await.unwrap();
                }
            };
            futures::join!(one, other);
        });
        let last = script.asked().into_iter().filter(|asked| is_of(asked, OTHER)).map(|asked| asked.at).max();
        (last.unwrap(), script.asked().iter().filter(|asked| is_of(asked, ONE)).count())
    };
    let ((alone, calls), (beside, attempts)) = (time_of_other(false), time_of_other(true));
    assert_eq!(calls, 100);
    assert!(attempts > 150, "the other was throttled and tried again: {attempts}");
    assert_eq!(alone, beside);
}

/// A limiter like AWS's: a bucket that holds a second's worth.
fn limited(per_second: f64) -> impl Fn(Duration) -> bool {
    let bucket = Mutex::new((per_second, Duration::ZERO));
    move |now| {
        let mut bucket = bucket.lock().unwrap();
        let refill = (now - bucket.1).as_secs_f64() * per_second;
        *bucket = ((bucket.0 + refill).min(per_second), now);
        let admitted = bucket.0 >= 1.0;
        if admitted {
            bucket.0 -= 1.0;
        }
        admitted
    }
}

/// Attempts per call that was answered, calls that failed, and the time it took.
fn against(per_second: f64, calls: usize, adaptive: bool) -> (f64, usize, Duration) {
    let admit = limited(per_second);
    let script = Script::new(move |asked| if admit(asked.at) { Answer::ok("{}") } else { throttled() });
    let mut aws = script.build(64, Rates::Aws);
    aws.limits.set_adaptive(adaptive);
    let session = script.session(&std::sync::Arc::new(aws), ONE);
    let (answers, took) = script.run(join_all((0..calls).map(|_| describe_rules(&session))));
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    (script.asked().len() as f64 / (calls - failed).max(1) as f64, failed, took)
}

#[test]
fn slowing_down_after_a_throttle_pays() {
    let mut figures = String::new();
    for (per_second, calls) in [(2.0, 40), (5.0, 100)] {
        let (without, with) = (against(per_second, calls, false), against(per_second, calls, true));
        figures.push_str(&format!(
            "{per_second}/s, {calls} calls: {:.2} attempts a call, {} failed, {:.1} s without; {:.2}, {}, {:.1} s with\n",
            without.0,
            without.1,
            without.2.as_secs_f64(),
            with.0,
            with.1,
            with.2.as_secs_f64()
        ));
        assert_eq!(with.1, 0, "{figures}");
        assert!(without.1 > 0, "{figures}");
        assert!(with.0 < without.0 / 1.2, "{figures}");
        let ideal = calls as f64 / per_second;
        assert!(with.2.as_secs_f64() < ideal * 2.0 + 20.0, "{figures}");
    }
}

#[test]
fn one_throttle_in_five_at_random_slows_a_run_down_but_little() {
    let random = Mutex::new(fastrand::Rng::with_seed(7));
    let script = Script::new(move |_| if random.lock().unwrap().f64() < 0.2 { throttled() } else { Answer::ok("{}") });
    let aws = script.aws(64, Rates::Aws);
    let session = script.session(&aws, ONE);
    let (answers, took) = script.run(async {
        let mut answers = Vec::new();
        for _ in 0..150 {
            answers.push(describe_rules(&session).await);
        }
        answers
    });
    assert!(answers.iter().all(Result::is_ok));
    assert!(took < Duration::from_secs(75), "{took:?}");
}
