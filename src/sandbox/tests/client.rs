//! A client of a few lines: one connection a request, HTTP/1.1 by hand.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sandbox::Sandbox;
use crate::sandbox::estate::START_KEY;
use crate::sandbox::wire::Node;

/// Talks to a sandbox with one set of credentials.
#[derive(Clone)]
pub(in crate::sandbox) struct Client {
    pub host: String,
    pub key: String,
    pub token: Option<String>,
    pub region: String,
}

/// What came back.
#[derive(Debug)]
pub(in crate::sandbox) struct Answered {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answered {
    /// A response header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn xml(&self) -> Node {
        Node::parse(self.body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The error's code, wherever the protocol puts it; `ok` when there is none.
    pub fn code(&self) -> String {
        if self.status < 300 {
            return "ok".to_owned();
        }
        if let Some(code) = self.header("x-amzn-errortype") {
            return code.to_owned();
        }
        if self.body.is_empty() {
            return self.status.to_string();
        }
        find(&self.xml(), "Code").unwrap_or_else(|| self.body.clone())
    }
}

/// The text of the first element of that name, at any depth.
pub(in crate::sandbox) fn find(node: &Node, name: &str) -> Option<String> {
    if node.name == name {
        return Some(node.content().to_owned());
    }
    node.children.iter().find_map(|child| find(child, name))
}

impl Client {
    /// With the starting user's key, in `us-east-1`.
    pub fn new(sandbox: &Sandbox) -> Client {
        let host = sandbox.endpoint().trim_start_matches("http://").to_owned();
        Client { host, key: START_KEY.to_owned(), token: None, region: "us-east-1".to_owned() }
    }

    /// The same credentials in another Region.
    pub fn at(&self, region: &str) -> Client {
        Client { region: region.to_owned(), ..self.clone() }
    }

    /// Sends one request, unsigned but for the credential scope; no service, no `Authorization`.
    pub async fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answered {
        self.try_send(service, method, path, headers, body).await.expect("the connection is closed without an answer")
    }

    /// The same; `None` when the connection is closed without a byte of an answer.
    pub async fn try_send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answered> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.host);
        if !service.is_empty() {
            head.push_str(&format!(
                "authorization: AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, \
                 SignedHeaders=host, Signature=00\r\n",
                self.key, self.region
            ));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("x-amz-security-token: {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        if response.is_empty() {
            return None;
        }
        let response = String::from_utf8(response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answered { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// A query operation.
    pub async fn query(&self, service: &str, operation: &str, input: &[(&str, &str)]) -> Answered {
        let form = {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", operation).append_pair("Version", "2011-06-15").extend_pairs(input);
            form.finish()
        };
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send(service, "POST", "/", &kind, form.as_bytes()).await
    }

    /// A JSON operation.
    pub async fn json(&self, service: &str, operation: &str, input: Value) -> Answered {
        self.try_json(service, operation, input).await.expect("the connection is closed without an answer")
    }

    /// The same; `None` when the connection is closed without a byte of an answer.
    pub async fn try_json(&self, service: &str, operation: &str, input: Value) -> Option<Answered> {
        let target = match service {
            "cloudtrail" => format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}"),
            "config" => format!("StarlingDoveService.{operation}"),
            "events" => format!("AWSEvents.{operation}"),
            "sqs" => format!("AmazonSQS.{operation}"),
            _ => format!("TrentService.{operation}"),
        };
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.try_send(service, "POST", "/", &headers, input.to_string().as_bytes()).await
    }

    /// An operation of a REST service with JSON bodies; null sends none.
    pub async fn rest(&self, service: &str, method: &str, path: &str, input: Value) -> Answered {
        let body = if input.is_null() { String::new() } else { input.to_string() };
        self.send(service, method, path, &[("content-type", "application/json")], body.as_bytes()).await
    }

    /// A CloudTrail operation.
    pub async fn trail(&self, operation: &str, input: Value) -> Answered {
        self.json("cloudtrail", operation, input).await
    }

    /// An AWS Config operation.
    pub async fn config(&self, operation: &str, input: Value) -> Answered {
        self.json("config", operation, input).await
    }

    /// An IAM operation.
    pub async fn iam(&self, operation: &str, input: &[(&str, &str)]) -> Answered {
        self.query("iam", operation, input).await
    }

    /// `AssumeRole`, however it ends.
    pub async fn try_assume(&self, account: &str, role: &str, more: &[(&str, &str)]) -> Answered {
        let arn = format!("arn:aws:iam::{account}:role/{role}");
        let mut input = vec![("RoleArn", arn.as_str()), ("RoleSessionName", "run")];
        input.extend(more);
        self.query("sts", "AssumeRole", &input).await
    }

    /// The client of a role's session.
    pub async fn assume(&self, account: &str, role: &str, more: &[(&str, &str)]) -> Client {
        let answered = self.try_assume(account, role, more).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let xml = answered.xml();
        let key = find(&xml, "AccessKeyId").unwrap();
        Client { key, token: find(&xml, "SessionToken"), ..self.clone() }
    }

    /// The account that the credentials belong to, or the error's code.
    pub async fn whoami(&self) -> String {
        let answered = self.query("sts", "GetCallerIdentity", &[]).await;
        if answered.status == 200 { find(&answered.xml(), "Account").unwrap() } else { answered.code() }
    }

    /// The control endpoint.
    pub async fn tamper(&self, what: Value) -> Answered {
        self.send("", "POST", "/_sandbox/tamper", &[], what.to_string().as_bytes()).await
    }

    /// What the control endpoint says there is.
    pub async fn state(&self) -> Value {
        self.send("", "GET", "/_sandbox/state", &[], &[]).await.json()
    }

    /// The code that each service refuses this client with: EC2, a JSON service, a query service, S3.
    pub async fn codes(&self) -> [String; 4] {
        [
            self.query("ec2", "DescribeRegions", &[]).await.code(),
            self.trail("DescribeTrails", json!({})).await.code(),
            self.query("sts", "GetCallerIdentity", &[]).await.code(),
            self.send("s3", "GET", "/some-bucket?location", &[], &[]).await.code(),
        ]
    }
}
