//! Requests to endpoints on loopback, sent while the world is not locked.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::subscriptions::loopback;
use crate::sandbox::cloud::Cloud;

/// How long an endpoint has for one answer; SNS gives it 15 seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a message is offered, and how long it rests in between. SNS rests 20 seconds, and so three times longer
/// than anybody wants to watch.
const ATTEMPTS: usize = 4;
const REST: Duration = Duration::from_millis(200);

/// A message to an endpoint.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Post {
    pub subscription: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Sends what waits, until it is dropped.
#[derive(Debug)]
pub(in crate::sandbox) struct Courier(JoinHandle<()>);

impl Courier {
    /// Starts to watch a cloud.
    pub fn start(cloud: Cloud) -> Courier {
        cloud.lock().sns.has_courier = true;
        Courier(tokio::spawn(carry(cloud)))
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn carry(cloud: Cloud) {
    let waiting = Arc::clone(&cloud.lock().sns.waiting);
    let mut underway = tokio::task::JoinSet::new();
    loop {
        let posts = std::mem::take(&mut cloud.lock().sns.posts);
        for post in posts {
            let cloud = cloud.clone();
            underway.spawn(async move {
                let outcome = offer(&post).await;
                let state = &mut cloud.lock().sns;
                match outcome {
                    Ok(()) => state.record("http", &post.url, &post.body, "sent"),
                    Err(reason) => {
                        state.record("http", &post.url, &post.body, &format!("refused: {reason}"));
                        state.regret(&post.subscription, &post.url, &reason);
                    }
                }
            });
        }
        tokio::select! {
            () = waiting.notified() => {}
            Some(_) = underway.join_next() => {}
        }
    }
}

/// Offers a message until the endpoint takes it.
async fn offer(post: &Post) -> Result<(), String> {
    let mut outcome = Ok(());
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(REST).await;
        }
        outcome = match tokio::time::timeout(PATIENCE, send(post)).await {
            Ok(Ok(200..=299)) => return Ok(()),
            Ok(Ok(status)) => Err(format!("the endpoint answered {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the endpoint did not answer".to_owned()),
        };
    }
    outcome
}

/// Sends one request; gives the status. The address is looked at again: nothing leaves loopback.
async fn send(post: &Post) -> std::io::Result<u16> {
    let wrong = |reason: &str| std::io::Error::other(reason.to_owned());
    let address = loopback(&post.url).ok_or_else(|| wrong("the address is not of loopback"))?;
    let rest = post.url.trim_start_matches("http://");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = &rest[host.len()..];
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    if path.chars().any(|c| c.is_control() || c == ' ') {
        return Err(wrong("the address has characters that a request cannot carry"));
    }
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: text/plain; charset=UTF-8\r\n\
         user-agent: Amazon Simple Notification Service Agent (simulated)\r\ncontent-length: {}\r\n",
        post.body.len()
    );
    for (name, value) in &post.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(post.body.as_bytes()).await?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    let line = String::from_utf8_lossy(&line);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    status.ok_or_else(|| wrong("the endpoint does not answer with HTTP"))
}
