//! What fails inside an answer with HTTP status 200.

use aws_sdk_eventbridge as eventbridge;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::request_id::RequestId;
use eventbridge::operation::put_targets::{PutTargetsError, PutTargetsOutput};
use eventbridge::operation::remove_targets::{RemoveTargetsError, RemoveTargetsOutput};

/// Id, code and message of an entry that failed.
type Entry<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// What failed inside an answer with HTTP status 200, as the error that it is: it is classified and, where that helps,
/// tried again like any other. Entries that went well are sent once more then, which changes nothing.
fn failed_entry<'a>(count: i32, entries: impl Iterator<Item = Entry<'a>>) -> Option<ErrorMetadata> {
    if count == 0 {
        return None;
    }
    // What no second attempt helps goes before what one may help.
    let passing = |(_, code, _): &Entry<'_>| *code == Some("ConcurrentModificationException");
    let (id, code, message) = entries.min_by_key(passing).unwrap_or_default();
    let (id, message) = (id.unwrap_or("without an id"), message.unwrap_or("no explanation"));
    let code = code.unwrap_or("InternalException");
    Some(ErrorMetadata::builder().code(code).message(format!("target {id}: {message}")).build())
}

/// The failure of an answer with HTTP status 200.
fn failure<E>(error: E, request_id: Option<&str>) -> SdkError<E, HttpResponse> {
    let status = match StatusCode::try_from(200) {
        Ok(status) => status,
        Err(impossible) => return SdkError::construction_failure(impossible),
    };
    let mut response = HttpResponse::new(status, SdkBody::empty());
    if let Some(id) = request_id {
        response.headers_mut().insert("x-amzn-requestid", id.to_owned());
    }
    SdkError::service_error(error, response)
}

pub(super) fn put_failure(answer: &PutTargetsOutput) -> Option<SdkError<PutTargetsError, HttpResponse>> {
    let entries = answer.failed_entries().iter().map(|e| (e.target_id(), e.error_code(), e.error_message()));
    let error = failed_entry(answer.failed_entry_count(), entries)?;
    Some(failure(PutTargetsError::generic(error), answer.request_id()))
}

pub(super) fn remove_failure(answer: &RemoveTargetsOutput) -> Option<SdkError<RemoveTargetsError, HttpResponse>> {
    let entries = answer.failed_entries().iter().map(|e| (e.target_id(), e.error_code(), e.error_message()));
    let error = failed_entry(answer.failed_entry_count(), entries)?;
    Some(failure(RemoveTargetsError::generic(error), answer.request_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_entries_that_failed_the_one_that_stays_failed_is_told() {
        let entries =
            || [(Some("a"), Some("ConcurrentModificationException"), None), (Some("b"), Some("Other"), Some("no"))];
        let error = failed_entry(2, entries().into_iter()).unwrap();
        assert_eq!((error.code(), error.message()), (Some("Other"), Some("target b: no")));
        assert!(failed_entry(0, entries().into_iter()).is_none());
        assert!(failed_entry(1, std::iter::empty()).is_some(), "a count without an entry is a failure, too");
    }
}
