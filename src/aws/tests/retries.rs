//! What is tried again, for how long, and at whose cost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::script::{Answer, Script, describe_rules};
use crate::aws::Rates;
use crate::aws::call::{ATTEMPT_TIME, CALL_TIME};
use crate::model::Fault;

const ONE: &str = "111111111111";
const OTHER: &str = "222222222222";

#[test]
fn a_server_that_never_answers_ends_in_an_error_in_time() {
    let script = Script::new(|_| Answer::Never);
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ONE);
    let (answer, took) = script.run(describe_rules(&session));
    let error = answer.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(error.message.contains("no answer within 30 seconds"), "{error}");
    assert!(took >= ATTEMPT_TIME * 2 && took <= CALL_TIME + ATTEMPT_TIME, "{took:?}");
}

#[test]
fn a_pause_that_the_answer_asks_for_is_kept() {
    for (header, at_least) in
        [(("retry-after", "7"), Duration::from_secs(7)), (("x-amz-retry-after", "1500"), Duration::from_millis(1500))]
    {
        let calls = AtomicUsize::new(0);
        let headers: &'static [(&str, &str)] = match header.0 {
            "retry-after" => &[("retry-after", "7")],
            _ => &[("x-amz-retry-after", "1500")],
        };
        let script = Script::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Http(503, headers, r#"{"__type": "ServiceUnavailableException"}"#.to_owned()),
            _ => Answer::ok("{}"),
        });
        let aws = script.aws(8, Rates::Off);
        let session = script.session(&aws, ONE);
        let (answer, took) = script.run(describe_rules(&session));
        answer.unwrap();
        assert!(took >= at_least && took < at_least + Duration::from_secs(1), "{header:?}: {took:?}");
    }
}

#[test]
fn a_hopeless_account_gives_up_and_another_keeps_its_retries() {
    let script = Script::new(|_| Answer::json(400, "ThrottlingException", "Rate exceeded"));
    let aws = script.aws(64, Rates::Off);
    let (one, other) = (script.session(&aws, ONE), script.session(&aws, OTHER));
    let (answers, _) = script.run(join_all((0..40).map(|_| describe_rules(&one))));
    assert_eq!(script.count("DescribeConfigRules"), 140, "40 calls, and 100 retries for all of them");
    let poor = answers.iter().filter_map(|answer| answer.as_ref().err()).find(|e| e.attempts < 12).unwrap();
    assert!(poor.message.contains("retries are used up"), "{poor}");
    let (answer, _) = script.run(describe_rules(&other));
    assert_eq!(answer.unwrap_err().attempts, 12);
}

#[test]
fn what_somebody_else_writes_at_this_moment_is_tried_again() {
    for code in ["ConcurrentModification", "EntityTemporarilyUnmodifiable", "OperationAborted", "ConcurrentAccess"] {
        let calls = AtomicUsize::new(0);
        let code_sent = code.to_owned();
        let script = Script::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::json(409, &code_sent, "busy"),
            _ => Answer::ok("{}"),
        });
        let aws = script.aws(8, Rates::Off);
        let session = script.session(&aws, ONE);
        assert!(script.run(describe_rules(&session)).0.is_ok(), "{code}");
    }
}

#[test]
fn a_throttled_call_has_twelve_attempts_and_pauses_that_grow() {
    let script = Script::new(|_| Answer::json(400, "ThrottlingException", "Rate exceeded"));
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ONE);
    let (answer, took) = script.run(describe_rules(&session));
    assert_eq!(answer.unwrap_err().attempts, 12);
    // Half of 0.25, 0.5, 1, 2, 4, 8, 16 and four times 20 seconds at least, all of them at most.
    assert!(took > Duration::from_secs(55) && took < Duration::from_secs(130), "{took:?}");
}
