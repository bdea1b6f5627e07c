//! HTTP on loopback.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::dispatch::dispatch;
use super::wire::{Http, Reply};
use super::world::World;

/// No operation here takes more, in bytes.
const BODY_LIMIT: usize = 16 << 20;

/// Accepts connections until it is dropped, which closes those that are open.
pub(super) async fn serve(listener: TcpListener, world: Arc<Mutex<World>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Small answers on loopback: Nagle's algorithm would hold each back for the client's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    let world = Arc::clone(&world);
                    connections.spawn(async move {
                        let service = service_fn(move |request| answer(request, Arc::clone(&world)));
                        // A client that hangs up is no news.
                        let _ = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
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

async fn answer(request: Request<Incoming>, world: Arc<Mutex<World>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let reply = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => {
            let query = head.uri.query().unwrap_or_default();
            let http = Http {
                method: head.method.as_str().to_owned(),
                path: head.uri.path().to_owned(),
                query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
                headers: head.headers,
                body: body.to_bytes(),
            };
            dispatch(&mut world.lock().unwrap_or_else(PoisonError::into_inner), &http)
        }
        Err(error) => Reply::json(400, &json!({ "message": format!("the body could not be read: {error}") })),
    };
    Ok(reply.into_http())
}
