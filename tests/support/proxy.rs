//! A recording HTTP proxy between a client and a simulation of AWS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A call that went through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    /// The service that the request was signed for.
    pub service: String,
    /// The operation; for S3 the method and the names of the query's parameters; for an operation of another service
    /// that only its path tells and that is not listed here, the method and the path.
    pub operation: String,
}

impl Recorded {
    fn new(request: &Message) -> Recorded {
        // Credential=KEY/DATE/REGION/SERVICE/aws4_request
        let scope = request.header("authorization").and_then(|value| value.split("Credential=").nth(1));
        let service = scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or("unsigned").to_owned();
        let action = || {
            let body = std::str::from_utf8(&request.body).ok()?;
            body.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned)
        };
        let operation = request
            .header("x-amz-target")
            .map(|target| target.rsplit('.').next().unwrap_or_default().to_owned())
            .or_else(action)
            .unwrap_or_else(|| {
                let mut words = request.start.split(' ');
                let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                if service == "s3" {
                    let names: Vec<_> =
                        query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
                    return format!("{method} ?{}", names.join("&"));
                }
                by_path(&service, method, path).map_or_else(|| format!("{method} {path}"), str::to_owned)
            });
        Recorded { service, operation }
    }

    /// Whether it asks for a change, as AWS names its operations; our own lists of reads have no say here.
    pub fn mutating(&self) -> bool {
        let reads = ["Get", "List", "Describe", "Head", "AssumeRole", "GET ", "HEAD "];
        !reads.iter().any(|read| self.operation.starts_with(read))
    }
}

/// The operations of the REST protocols by method and path (GuardDuty API Reference and Lambda API Reference, "Request
/// Syntax" of each).
fn by_path(service: &str, method: &str, path: &str) -> Option<&'static str> {
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let operation = match (service, method, segments.as_slice()) {
        ("guardduty", "GET", ["detector"]) => "ListDetectors",
        ("guardduty", "POST", ["detector"]) => "CreateDetector",
        ("guardduty", "GET", ["detector", _]) => "GetDetector",
        ("guardduty", "POST", ["detector", _]) => "UpdateDetector",
        ("guardduty", "GET", ["detector", _, "administrator"]) => "GetAdministratorAccount",
        ("guardduty", "GET", ["detector", _, "filter"]) => "ListFilters",
        ("guardduty", "POST", ["tags", ..]) => "TagResource",
        ("guardduty", "DELETE", ["tags", ..]) => "UntagResource",
        ("lambda", "GET", ["2015-03-31", "functions", _, "policy"]) => "GetPolicy",
        ("lambda", "POST", ["2015-03-31", "functions", _, "policy"]) => "AddPermission",
        ("lambda", "DELETE", ["2015-03-31", "functions", _, "policy", _]) => "RemovePermission",
        _ => return None,
    };
    Some(operation)
}

/// What is put right on the way, because the simulation is not as AWS documents itself.
#[derive(Debug, Clone, Copy)]
pub struct Corrections {
    /// Of a request's body.
    pub request: fn(&Recorded, String) -> String,
    /// Of an answer's body.
    pub answer: fn(&Recorded, String) -> String,
}

/// Listens on loopback until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<(Instant, Recorded)>>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// Passes everything on to `upstream`.
    pub fn start(upstream: SocketAddr, corrections: Corrections) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (recorded, ended) = (calls.clone(), over.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (client, recorded) = (client.unwrap(), recorded.clone());
                thread::spawn(move || {
                    // A client that hangs up ends its thread, and that is all.
                    let _ = serve(client, upstream, corrections, &recorded);
                });
            }
        });
        Proxy { address, calls, over }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often each call was made since the start or since the last time this was asked.
    pub fn take(&self) -> BTreeMap<Recorded, usize> {
        let mut counts = BTreeMap::new();
        for (_, call) in self.calls.lock().unwrap().drain(..) {
            *counts.entry(call).or_default() += 1;
        }
        counts
    }
}

impl Proxy {
    /// When each call came that asks for a change.
    pub fn writes(&self) -> Vec<(Instant, Recorded)> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(_, call)| call.mutating()).cloned().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    client: TcpStream,
    upstream: SocketAddr,
    corrections: Corrections,
    calls: &Mutex<Vec<(Instant, Recorded)>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    while let Some(mut request) = Message::read(&mut reader)? {
        let call = Recorded::new(&request);
        request.correct(|body| (corrections.request)(&call, body));
        let bodiless = request.start.starts_with("HEAD ");
        calls.lock().unwrap().push((Instant::now(), call.clone()));

        let mut server = TcpStream::connect(upstream)?;
        // An answer to HTTP/1.0 comes in one piece and ends with the connection.
        request.start = request.start.replace("HTTP/1.1", "HTTP/1.0");
        server.write_all(&request.bytes(Some(request.body.len())))?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        let mut answer = Message::parse(&answer)?;
        answer.start = answer.start.replace("HTTP/1.0", "HTTP/1.1");
        answer.correct(|body| (corrections.answer)(&call, body));
        let length = if bodiless { answer.length() } else { Some(answer.body.len()) };
        client.write_all(&answer.bytes(length.filter(|_| !answer.start.contains(" 204 "))))?;
    }
    Ok(())
}

/// A request or an answer.
#[derive(Debug, Default)]
struct Message {
    start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    /// The next one of a connection; `None` at its end.
    fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Message>> {
        let mut message = Message::default();
        reader.read_line(&mut message.start)?;
        if message.start.is_empty() {
            return Ok(None);
        }
        message.start.truncate(message.start.trim_end().len());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if message.header("transfer-encoding").is_some() {
            return Err(std::io::Error::other("bodies in pieces are not supported"));
        }
        if message.start.starts_with("HTTP/") {
            reader.read_to_end(&mut message.body)?;
        } else {
            message.body = vec![0; message.length().unwrap_or(0)];
            reader.read_exact(&mut message.body)?;
        }
        Ok(Some(message))
    }

    fn parse(bytes: &[u8]) -> std::io::Result<Message> {
        Message::read(&mut &bytes[..])?.ok_or_else(|| std::io::Error::other("there is no answer"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }

    fn correct(&mut self, correction: impl FnOnce(String) -> String) {
        if let Ok(text) = String::from_utf8(self.body.clone()) {
            self.body = correction(text).into_bytes();
        }
    }

    fn bytes(&self, length: Option<usize>) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            if !["connection", "content-length"].contains(&name.as_str()) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if let Some(length) = length {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}
