//! What is told of calls, and what is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::script::{Answer, Script, describe_trails, region, start_logging};
use crate::aws::clients::{Access, Session};
use crate::aws::{Rates, send};
use crate::model::{Fault, OpError};
use crate::report::Event;

const ACCOUNT: &str = "333333333333";

fn ended(script: &Script) -> Vec<(String, u32, Option<String>, Option<Fault>)> {
    let told = script.events().into_iter().filter_map(|event| match event {
        Event::CallEnded { role, operation, attempts, request_id, error, .. } => {
            assert_eq!(role, format!("arn:aws:iam::{ACCOUNT}:role/Baseline"));
            Some((operation.into_owned(), attempts, request_id, error.map(|error| error.fault)))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn every_call_that_changes_something_is_told_of_once_with_its_request_id() {
    let calls = AtomicUsize::new(0);
    let script = Script::new(move |asked| match (asked.what.as_str(), calls.fetch_add(1, Ordering::Relaxed)) {
        ("StartLogging", 1) => Answer::json(400, "ThrottlingException", "slow"),
        ("StartLogging", 3) => Answer::json(400, "AccessDeniedException", "no"),
        _ => Answer::ok("{}"),
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    script.run(async {
        describe_trails(&session).await.unwrap();
        start_logging(&session).await.unwrap();
        start_logging(&session).await.unwrap_err();
    });
    let id = Some("request-1".to_owned());
    assert_eq!(
        ended(&script),
        [("StartLogging".to_owned(), 2, id.clone(), None), ("StartLogging".to_owned(), 1, id, Some(Fault::Denied)),]
    );
    assert_eq!(aws.ledger().mutating(), 3);
    // What the guard keeps back was never sent.
    let reader = script.session_for(&aws, ACCOUNT, Access::Read);
    script.run(start_logging(&reader)).0.unwrap_err();
    assert_eq!(ended(&script).len(), 2);
}

async fn settle(session: &Session) -> Result<(), OpError> {
    let region = region();
    let send = || send!(aws_sdk_cloudtrail, region, session.cloudtrail().start_logging().name("t"));
    session.call(&region, "cloudtrail", "StartLogging").settling(&["ConflictException"]).run(send).await.map(|_| ())
}

#[test]
fn settling_that_took_long_is_told_of_and_so_is_settling_that_was_given_up() {
    for (unsettled, told, gives_up) in [(2, false, false), (6, true, false), (usize::MAX, true, true)] {
        let calls = AtomicUsize::new(0);
        let script = Script::new(move |_| {
            if calls.fetch_add(1, Ordering::Relaxed) < unsettled {
                Answer::json(400, "ConflictException", "wait")
            } else {
                Answer::ok("{}")
            }
        });
        let aws = script.aws(8, Rates::Off);
        let session = script.session(&aws, ACCOUNT);
        let (answer, took) = script.run(settle(&session));
        assert_eq!(answer.is_err(), gives_up);
        assert!(took < Duration::from_secs(125), "{took:?}");
        let events = script.events();
        let settled = events.iter().find_map(|event| match event {
            Event::Settled { waited, given_up, code, .. } => Some((*waited, *given_up, code.clone())),
            _ => None,
        });
        assert_eq!(settled.is_some(), told, "{unsettled}");
        if let Some((waited, given_up, code)) = settled {
            assert_eq!((given_up, code.as_str()), (gives_up, "ConflictException"));
            assert!(waited >= Duration::from_secs(5) && waited <= took, "{waited:?} of {took:?}");
        }
        let retried = |event: &Event| matches!(event, Event::CallRetried { settling: true, .. });
        assert!(events.iter().any(retried), "it is visible meanwhile");
    }
}

#[test]
fn the_tools_own_writes_are_counted_apart_and_nothing_else_gets_through() {
    let script = Script::new(|_| Answer::ok(""));
    let aws = script.aws(8, Rates::Off);
    let own = script.session_for(&aws, ACCOUNT, Access::Own);
    let region = region();
    let get = || send!(aws_sdk_s3, region, own.s3().get_object().bucket("logs").key("lock"));
    let put = || send!(aws_sdk_s3, region, own.s3().put_object().bucket("logs").key("lock"));
    let delete = || send!(aws_sdk_s3, region, own.s3().delete_object().bucket("logs").key("lock"));
    let head = || send!(aws_sdk_s3, region, own.s3().head_bucket().bucket("logs"));
    let policy = || send!(aws_sdk_s3, region, own.s3().get_bucket_policy().bucket("logs"));
    let describe = describe_trails(&own);
    script.run(async {
        own.call(&region, "s3", "HeadBucket").run(head).await.unwrap();
        own.call(&region, "s3", "GetObject").run(get).await.unwrap();
        own.call(&region, "s3", "PutObject").run(put).await.unwrap();
        for error in [
            own.call(&region, "s3", "PutObject").run(delete).await.map(|_| ()).unwrap_err(),
            own.call(&region, "s3", "GetBucketPolicy").run(policy).await.map(|_| ()).unwrap_err(),
            describe.await.unwrap_err(),
        ] {
            assert_eq!(error.fault, Fault::Refused);
            assert!(error.message.contains("not what the lock, the record or a notice takes"), "{error}");
        }
    });
    assert_eq!((aws.ledger().own(), aws.ledger().mutating(), aws.ledger().total()), (1, 0, 3));
    assert_eq!(ended(&script).len(), 1, "a write of the tool's own is in the record, too");
    let publish =
        || send!(aws_sdk_sns, region, own.sns().publish().topic_arn("arn:aws:sns:us-east-1:1:t").message("m"));
    // An empty answer is no answer to Publish: that it was sent is what counts here.
    let _ = script.run(own.call(&region, "sns", "Publish").run(publish)).0;
    assert!(aws.ledger().own() > 1);
    // Nor may a session that reads or writes an account send what only the tool's own take.
    let writer = script.session(&aws, ACCOUNT);
    let get = || send!(aws_sdk_s3, region, writer.s3().get_object().bucket("logs").key("lock"));
    let error = script.run(writer.call(&region, "s3", "GetObject").run(get)).0.map(|_| ()).unwrap_err();
    assert_eq!(error.fault, Fault::Refused);
}

/// What is told of a call that is left after so long.
fn left_after(script: &Script, call: impl Future<Output = Result<(), OpError>>, patience: Duration) -> Vec<OpError> {
    let clock = script.time.clock();
    script.run(async {
        tokio::select! {
            answer = call => panic!("{answer:?}"),
            () = clock.sleep(patience) => {}
        }
    });
    let told = script.events().into_iter().filter_map(|event| match event {
        Event::CallEnded { error, attempts, .. } => {
            let error = error.unwrap();
            assert_eq!(error.attempts, attempts);
            Some(error)
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn a_call_that_is_left_before_its_answer_is_told_of_as_one_that_aws_may_have_taken() {
    let script = Script::new(|_| Answer::Never);
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    let errors = left_after(&script, start_logging(&session), Duration::from_secs(10));
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((error.fault, error.operation.as_str(), error.attempts), (Fault::Interrupted, "StartLogging", 1));
    assert!(error.message.contains("whether AWS took it is not known"), "{error}");
    // What changes nothing is not in the record, however it ends.
    left_after(&script, describe_trails(&session), Duration::from_secs(10));
    assert_eq!(ended(&script).len(), 1);
}

#[test]
fn a_call_that_is_left_before_it_is_sent_again_is_told_of_with_what_aws_had_answered() {
    let throttled = || Script::new(|_| Answer::Http(400, &[("retry-after", "60")], r#"{"__type": "SlowDown"}"#.into()));
    let script = throttled();
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    let errors = left_after(&script, start_logging(&session), Duration::from_secs(10));
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((error.fault, error.request_id.as_deref()), (Fault::Throttled, Some("request-1")), "{error}");
    // Left before it was ever sent, there is nothing to tell.
    let script = throttled();
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    script.run(async { drop(start_logging(&session)) });
    assert_eq!(ended(&script), []);
}
