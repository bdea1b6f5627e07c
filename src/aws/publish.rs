//! Telling somebody of a run.

use aws_sdk_sns as sns;

use super::clients::Session;
use super::send;
use crate::model::{Arn, OpError, Region};

/// What SNS answers where there is no such topic.
const ABSENT: &[&str] = &["NotFound", "NotFoundException"];
/// What SNS answers where the topic's key does not let the publisher in (SNS API Reference, `Publish`).
const KEYS: &[&str] = &["KMSAccessDenied", "KMSAccessDeniedException"];

/// Publishes a message to a topic of the session's account; gives the message's id. An answer that got lost is asked for
/// again: somebody may be told twice, but never not at all.
///
/// # Errors
///
/// What AWS answered, with what to do next.
pub async fn publish(
    session: &Session,
    region: &Region,
    topic: &Arn,
    subject: &str,
    message: &str,
) -> Result<String, OpError> {
    let publish = || {
        let request = session.sns().publish().topic_arn(topic.to_string()).subject(subject).message(message);
        send!(sns, region, request)
    };
    let answer = session.call(region, "sns", "Publish").run(publish).await.map_err(|mut error| {
        if error.has_code(ABSENT) {
            error.hint = Some(format!("make the topic {topic}, or name another one in [notify.run]"));
        } else if error.has_code(KEYS) {
            error.hint = Some(format!(
                "let {} use the key of {topic}: kms:GenerateDataKey and kms:Decrypt",
                error.role.as_deref().unwrap_or("the security account's role")
            ));
        }
        error
    })?;
    Ok(answer.message_id().unwrap_or_default().to_owned())
}
