//! HTTP on loopback.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::cloud::{Cloud, Fate};
use super::wire::{Http, Reply};

/// No operation here takes more, in bytes.
const BODY_LIMIT: usize = 16 << 20;

/// Accepts connections until it is dropped, which closes those that are open.
pub(super) async fn serve(listener: TcpListener, cloud: Cloud) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Small answers on loopback: Nagle's algorithm would hold each back for the client's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    let cloud = cloud.clone();
                    connections.spawn(async move {
                        let service = service_fn(move |request| answer(request, cloud.clone()));
                        // A client that hangs up is no news.
                        let _ = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            // Answers are dated by the simulation.
                            .auto_date_header(false)
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
                // Out of file descriptors, most likely: wait for connections to close.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the simulation closes this connection without an answer")]
struct Closed;

async fn answer(request: Request<Incoming>, cloud: Cloud) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let message = json!({ "message": format!("the body could not be read: {error}") });
            let reply = Reply::json(400, &message);
            return Ok(response(reply.status, reply.headers, reply.body));
        }
    };
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let answered = cloud.handle(Http::new(head.method.as_str(), path, query, head.headers, body));
    // The simulation is not locked here: a slow answer holds up nobody else's.
    if !answered.latency.is_zero() {
        tokio::time::sleep(answered.latency).await;
    }
    match answered.fate {
        Fate::Answered => Ok(response(answered.status, answered.headers, answered.body)),
        Fate::Lost | Fate::Dropped => Err(Closed),
        // Until the client hangs up.
        Fate::Hangs => std::future::pending().await,
    }
}

/// The response as hyper sends it. A header that cannot be sent is left out.
fn response(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
