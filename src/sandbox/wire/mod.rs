//! The wire protocols: how a request is read and how an answer or a refusal is written.

mod json;
mod query;
mod rest_json;
mod xml;

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::Value;

pub(super) use rest_json::segments;
pub(super) use xml::Node;

/// A request as it came over the wire, its body complete.
#[derive(Debug)]
pub(super) struct Http {
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query, decoded, in the order it was sent.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Http {
    /// A request; the query still encoded.
    pub fn new(method: &str, path: &str, query: &str, headers: HeaderMap, body: Bytes) -> Http {
        Http {
            method: method.to_owned(),
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body,
        }
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The value of a query parameter; an empty text where it has none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A response before it is sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply with a JSON body, as REST services and the control endpoint give it.
    pub fn json(status: u16, body: &Value) -> Reply {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Reply { status, headers, body: body.to_string().into_bytes() }
    }

    /// What stands for a reply that nobody gets.
    pub fn none() -> Reply {
        Reply { status: 0, headers: Vec::new(), body: Vec::new() }
    }
}

/// What an operation answers when it succeeds.
#[derive(Debug)]
pub(super) enum Answer {
    /// The output members of a JSON operation.
    Json(Value),
    /// The output members of a query operation: what goes inside the result element.
    Xml(Vec<Node>),
    /// A whole response, for REST.
    Http(Reply),
}

/// What an operation answers when it refuses: a service's error.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// More members of the error, such as the bucket's name in one of S3's.
    pub details: Vec<(&'static str, String)>,
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal with the service's error code.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { status, code: code.into(), message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// Adds a member to the error document.
    pub fn detail(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Refusal {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// How a service talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `awsQuery`: a form in, XML out; the namespace of its answers.
    Query(&'static str),
    /// `ec2Query`: the same with another error document.
    Ec2Query(&'static str),
    /// `awsJson1_1`.
    Json,
    /// `awsJson1_0`, as SQS speaks it.
    Json10,
    /// `restXml`, as S3 speaks it.
    RestXml,
    /// `restJson1`.
    RestJson,
}

/// What every service refuses alike, each in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// The request is not signed.
    NoKey,
    /// The access key, or its session token, is not one that was given out.
    UnknownKey,
    /// The account has not enabled the Region; an unknown key is told the same, save for S3's session tokens.
    RegionDisabled {
        /// Whether the key is a session's.
        session: bool,
    },
    /// The key's account is closed.
    Suspended,
    /// The session has ended.
    Expired,
    /// The caller lacks the permission.
    Denied,
    /// The simulation does not know the operation.
    NotSimulated,
}

const INVALID_TOKEN: &str = "The security token included in the request is invalid.";
const NOT_VALIDATED: &str = "AWS was not able to validate the provided access credentials";

impl Protocol {
    /// The refusal in the words of this protocol's services. An empty message takes the service's own.
    pub fn refuse(self, gate: Gate, message: &str) -> Refusal {
        use Protocol::{Ec2Query, Json, Json10, Query, RestJson, RestXml};
        let (status, code, own) = match (gate, self) {
            (Gate::NoKey, Query(_)) => (403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
            (Gate::NoKey, Json | Json10) => {
                (400, "MissingAuthenticationTokenException", "Request is missing Authentication Token")
            }
            (Gate::NoKey, RestJson) => (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
            (Gate::NoKey, RestXml) => (403, "AccessDenied", "Access Denied"),
            (Gate::NoKey | Gate::UnknownKey | Gate::RegionDisabled { .. }, Ec2Query(_)) => {
                (401, "AuthFailure", NOT_VALIDATED)
            }
            (Gate::UnknownKey | Gate::RegionDisabled { .. }, Query(_)) => (403, "InvalidClientTokenId", INVALID_TOKEN),
            (Gate::UnknownKey | Gate::RegionDisabled { .. }, Json | Json10) => {
                (400, "UnrecognizedClientException", INVALID_TOKEN)
            }
            (Gate::UnknownKey | Gate::RegionDisabled { .. }, RestJson) => {
                (403, "UnrecognizedClientException", INVALID_TOKEN)
            }
            (Gate::RegionDisabled { session: true }, RestXml) => {
                (400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
            }
            (Gate::UnknownKey | Gate::RegionDisabled { .. }, RestXml) => {
                (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
            }
            // Amazon S3 API Reference, "Error responses".
            (Gate::Suspended, RestXml) => (
                403,
                "AccountProblem",
                "There is a problem with your AWS account that prevents the operation from completing successfully.",
            ),
            // From memory: a key of a closed account is as good as none.
            (Gate::Suspended, _) => return self.refuse(Gate::UnknownKey, message),
            (Gate::Expired, Query(_)) => (403, "ExpiredToken", "The security token included in the request is expired"),
            (Gate::Expired, Ec2Query(_)) => (400, "RequestExpired", "Request has expired."),
            (Gate::Expired, Json | Json10) => {
                (400, "ExpiredTokenException", "The security token included in the request is expired")
            }
            (Gate::Expired, RestJson) => {
                (403, "ExpiredTokenException", "The security token included in the request is expired")
            }
            (Gate::Expired, RestXml) => (400, "ExpiredToken", "The provided token has expired."),
            (Gate::Denied, Query(_)) => (403, "AccessDenied", "Access Denied"),
            (Gate::Denied, Ec2Query(_)) => {
                (403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
            }
            (Gate::Denied, Json | Json10) => (400, "AccessDeniedException", "Access Denied"),
            (Gate::Denied, RestJson) => (403, "AccessDeniedException", "Access Denied"),
            (Gate::Denied, RestXml) => (403, "AccessDenied", "Access Denied"),
            (Gate::NotSimulated, Query(_) | Ec2Query(_)) => (501, "InvalidAction", "not simulated"),
            (Gate::NotSimulated, Json | Json10 | RestJson) => (501, "UnknownOperationException", "not simulated"),
            (Gate::NotSimulated, RestXml) => (501, "NotImplemented", "not simulated"),
        };
        Refusal::new(status, code, if message.is_empty() { own } else { message })
    }

    /// The operation a request names, and its input.
    ///
    /// # Errors
    /// The refusal of a body that is not what the protocol asks for. REST operations are told apart by their service.
    pub fn read(self, http: &Http) -> Result<(String, Value), Refusal> {
        match self {
            Protocol::Query(_) | Protocol::Ec2Query(_) => query::read(http),
            Protocol::Json | Protocol::Json10 => json::read(http),
            Protocol::RestJson => rest_json::read(http),
            Protocol::RestXml => Ok((String::new(), Value::Null)),
        }
    }

    /// Writes an answer.
    pub fn answer(self, operation: &str, answer: Answer, request_id: &str) -> Reply {
        let mut reply = match (self, answer) {
            (Protocol::Query(namespace), Answer::Xml(members)) => {
                query::answer(namespace, operation, members, request_id)
            }
            (Protocol::Ec2Query(namespace), Answer::Xml(members)) => {
                query::ec2_answer(namespace, operation, members, request_id)
            }
            (_, Answer::Xml(members)) => query::answer("", operation, members, request_id),
            (Protocol::RestJson, Answer::Json(output)) => Reply::json(200, &output),
            (Protocol::Json10, Answer::Json(output)) => json::answer(&output, json::VERSION_1_0),
            (_, Answer::Json(output)) => json::answer(&output, json::VERSION_1_1),
            (_, Answer::Http(reply)) => reply,
        };
        self.stamp(&mut reply, request_id);
        reply
    }

    /// Writes a refusal.
    pub fn refusal(self, refusal: Refusal, request_id: &str) -> Reply {
        let headers = refusal.headers.clone();
        let mut reply = match self {
            Protocol::Query(namespace) => query::refusal(namespace, &refusal, request_id),
            Protocol::Ec2Query(_) => query::ec2_refusal(&refusal, request_id),
            Protocol::RestJson => rest_json::refusal(&refusal),
            Protocol::Json => json::refusal(&refusal, json::VERSION_1_1),
            Protocol::Json10 => json::refusal(&refusal, json::VERSION_1_0),
            Protocol::RestXml => xml::refusal(refusal, request_id),
        };
        reply.headers.extend(headers);
        self.stamp(&mut reply, request_id);
        reply
    }

    fn stamp(self, reply: &mut Reply, request_id: &str) {
        let mut put = |name: &str, value: &str| reply.headers.push((name.to_owned(), value.to_owned()));
        if self == Protocol::RestXml {
            put("x-amz-request-id", request_id);
            put("x-amz-id-2", &format!("simulated-{request_id}"));
            put("server", "AmazonS3 (simulated)");
        } else {
            put("x-amzn-requestid", request_id);
            put("server", "baseline-sandbox");
        }
    }
}
