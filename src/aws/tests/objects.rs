//! The tool's own objects, whose bodies come late, in pieces, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::script::{Answer, Script, Then};
use crate::aws::clients::Access;
use crate::aws::objects::{Own, OwnObject};
use crate::aws::{Aws, Rates};
use crate::model::{Fault, OpError};

fn lock(script: &Script, aws: &Arc<Aws>) -> OwnObject {
    let session = Arc::new(script.session_for(aws, "222222222222", Access::Own));
    let bucket = "222222222222/us-east-1/s3.bucket/logs".parse().unwrap();
    OwnObject::new(session, bucket, "baseline/lock.json".to_owned(), Own::Lock)
}

/// The length of what is read, and how long that takes; an hour is for ever.
fn read(script: &Script) -> (Option<Result<Option<usize>, OpError>>, Duration) {
    let aws = script.aws(8, Rates::Off);
    let object = lock(script, &aws);
    let clock = script.time.clock();
    script.run(async {
        tokio::select! {
            answer = object.read() => Some(answer.map(|found| found.map(|(body, _)| body.len()))),
            () = clock.sleep(Duration::from_secs(3600)) => None,
        }
    })
}

#[test]
fn a_connection_that_is_silent_after_the_headers_is_given_up_and_tried_again() {
    let script = Script::new(|_| Answer::Streamed(1, Then::Silence));
    let (answer, took) = read(&script);
    let error = answer.expect("it was waited for without end").unwrap_err();
    assert_eq!((error.fault, error.operation.as_str()), (Fault::Unreachable, "GetObject"));
    assert!(error.attempts > 1 && took <= Duration::from_secs(240), "{} attempts in {took:?}", error.attempts);
}

#[test]
fn a_body_that_breaks_off_is_read_again() {
    let calls = AtomicUsize::new(0);
    let script = Script::new(move |_| {
        let then = if calls.fetch_add(1, Ordering::Relaxed) == 0 { Then::Reset } else { Then::End };
        Answer::Streamed(2, then)
    });
    assert_eq!(read(&script).0, Some(Ok(Some(2048))));
    assert_eq!(script.count("GET x-id=GetObject"), 2, "{:?}", script.asked());
}

#[test]
fn an_object_that_does_not_say_how_large_it_is_is_not_read_to_its_end() {
    let script = Script::new(|_| Answer::Streamed(65, Then::Silence));
    let (answer, took) = read(&script);
    assert_eq!(answer, Some(Ok(Some(0))), "of an object that is larger than ours, no byte");
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Just as large as one of ours may be.
    assert_eq!(read(&Script::new(|_| Answer::Streamed(64, Then::End))).0, Some(Ok(Some(64 * 1024))));
}
