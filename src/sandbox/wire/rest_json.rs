//! `restJson1`: REST with JSON bodies.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Http, Refusal, Reply};

/// The body. Path and query say the rest, so that a service tells its operations apart itself.
pub(super) fn read(http: &Http) -> Result<(String, Value), Refusal> {
    let malformed = |reason: String| Refusal::new(400, "SerializationException", reason);
    if http.body.is_empty() {
        return Ok((String::new(), json!({})));
    }
    let input: Value = serde_json::from_slice(&http.body).map_err(|error| malformed(error.to_string()))?;
    if input.is_object() { Ok((String::new(), input)) } else { Err(malformed("a structure was expected".to_owned())) }
}

/// The segments of the path, decoded. A slash inside a label comes encoded, as the protocol asks.
pub(in crate::sandbox) fn segments(http: &Http) -> Vec<String> {
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    http.path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
}

/// The error's code stands in a header; its members, details of the refusal among them, in the body. Services spell
/// the message `message`, save those errors whose model says `Message`: these bring it as a detail.
pub(super) fn refusal(refusal: &Refusal) -> Reply {
    let mut body: Map<String, Value> =
        refusal.details.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    if !body.contains_key("Message") {
        body.insert("message".to_owned(), json!(refusal.message));
    }
    let mut reply = Reply::json(refusal.status, &Value::Object(body));
    reply.headers.push(("x-amzn-errortype".to_owned(), refusal.code.clone()));
    reply
}
