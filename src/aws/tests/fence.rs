//! What changes something is sent as long as the lock is good, waits while that is not known, and is refused when it is
//! lost.

use std::time::Duration;

use super::script::{Answer, Script, describe_rules, region};
use crate::aws::{Access, Moment, Rates, Session};
use crate::model::{Fault, OpError};

const ONE: &str = "111111111111";
const GOOD_FOR: Duration = Duration::from_secs(90);

async fn start_recorder(session: &Session) -> Result<(), OpError> {
    let region = region();
    let start = || session.config().start_configuration_recorder().configuration_recorder_name("default");
    let send = || crate::aws::send!(aws_sdk_config, region, start());
    session.call(&region, "config", "StartConfigurationRecorder").run(send).await.map(|_| ())
}

#[test]
fn a_write_waits_until_the_lock_was_renewed() {
    let script = Script::new(|_| Answer::ok("{}"));
    let aws = script.aws(1, Rates::Off);
    let session = script.session(&aws, ONE);
    aws.fence().renewed(Moment::now(aws.clock()), GOOD_FOR);
    let ((), _) = script.run(aws.clock().sleep(GOOD_FOR));
    let renewed = async {
        aws.clock().sleep(Duration::from_secs(7)).await;
        // Neither what only reads nor the lock itself waits, though there is one slot alone.
        describe_rules(&session).await.unwrap();
        start_recorder(&script.session_for(&aws, ONE, Access::Own)).await.unwrap_err();
        aws.fence().renewed(Moment::now(aws.clock()), GOOD_FOR);
    };
    let from = aws.clock().elapsed();
    let written = async {
        start_recorder(&session).await.unwrap();
        aws.clock().elapsed() - from
    };
    let ((took, ()), _) = script.run(async { futures::join!(written, renewed) });
    assert!(took >= Duration::from_secs(7) && took < Duration::from_secs(9), "{took:?}");
    assert_eq!(script.count("StartConfigurationRecorder"), 1);
}

#[test]
fn a_lost_lock_refuses_every_write_and_each_further_attempt_at_one() {
    let script = Script::new(|asked| match asked.what.as_str() {
        "StartConfigurationRecorder" => Answer::json(400, "ThrottlingException", "Rate exceeded"),
        _ => Answer::ok("{}"),
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ONE);
    aws.fence().renewed(Moment::now(aws.clock()), GOOD_FOR);
    let lost = async {
        aws.clock().sleep(Duration::from_millis(100)).await;
        aws.fence().lost();
    };
    let ((written, ()), _) = script.run(async { futures::join!(start_recorder(&session), lost) });
    let error = written.unwrap_err();
    assert_eq!(error.fault, Fault::Interrupted);
    assert!(error.message.contains("the lock was lost"), "{error}");
    assert_eq!(script.count("StartConfigurationRecorder"), 1, "the attempt before it was lost");
    script.run(describe_rules(&session)).0.unwrap();
    aws.fence().lift();
    assert_eq!(script.run(start_recorder(&session)).0.unwrap_err().fault, Fault::Throttled);
}
