//! Who is told of every exchange: tests hold requests and answers against models of AWS that other people wrote.

use std::fmt;
use std::sync::Arc;

use super::wire::Http;

/// A request and its answer, as they went over the wire; nothing of the control endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The method of HTTP.
    pub method: String,
    /// The path, percent-encoded as it came.
    pub path: String,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// The request's headers; those that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// The answer's headers, without those that only HTTP needs.
    pub answer_headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer: Vec<u8>,
}

/// Is told of every exchange, also of one whose answer a fault then loses. It is called while the simulation is locked,
/// and must not call it.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(Exchange) + Send + Sync>);

impl Witness {
    /// A witness who does this.
    pub fn new(sees: impl Fn(Exchange) + Send + Sync + 'static) -> Witness {
        Witness(Arc::new(sees))
    }

    /// Tells of an exchange.
    pub(super) fn tell(&self, http: &Http, status: u16, headers: &[(String, String)], body: &[u8]) {
        let text = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
        };
        (self.0)(Exchange {
            method: http.method.clone(),
            path: http.path.clone(),
            query: http.query.clone(),
            headers: http.headers.iter().filter_map(text).collect(),
            body: http.body.to_vec(),
            status,
            answer_headers: headers.to_vec(),
            answer: body.to_vec(),
        });
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}
