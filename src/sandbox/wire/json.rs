//! `awsJson1_0` and `awsJson1_1`.

use serde_json::{Value, json};

use super::{Http, Refusal, Reply};

/// The content types of the two versions.
pub(super) const VERSION_1_0: &str = "application/x-amz-json-1.0";
pub(super) const VERSION_1_1: &str = "application/x-amz-json-1.1";

/// The operation after the last dot of `X-Amz-Target`, and the body.
pub(super) fn read(http: &Http) -> Result<(String, Value), Refusal> {
    let target = http.header("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    if operation.is_empty() {
        return Err(Refusal::new(400, "UnknownOperationException", "the request names no operation"));
    }
    let malformed = |reason: String| Refusal::new(400, "SerializationException", reason);
    let input = if http.body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&http.body).map_err(|error| malformed(error.to_string()))?
    };
    if input.is_object() { Ok((operation, input)) } else { Err(malformed("a structure was expected".to_owned())) }
}

pub(super) fn answer(output: &Value, version: &str) -> Reply {
    reply(200, output, version)
}

pub(super) fn refusal(refusal: &Refusal, version: &str) -> Reply {
    // CloudTrail and its kin spell the member `message`, older services `Message`: clients read both.
    let mut reply = reply(refusal.status, &json!({ "__type": refusal.code, "message": refusal.message }), version);
    reply.headers.push(("x-amzn-errortype".to_owned(), refusal.code.clone()));
    reply
}

fn reply(status: u16, body: &Value, version: &str) -> Reply {
    let headers = vec![("content-type".to_owned(), version.to_owned())];
    Reply { status, headers, body: body.to_string().into_bytes() }
}
