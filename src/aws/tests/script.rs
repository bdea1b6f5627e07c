//! A faked AWS in simulated time: each request is answered by a function, now, late, or never.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::region::Region as SdkRegion;
use futures::{StreamExt as _, stream};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};

use super::account;
use super::wire::asked;
use crate::aws::Rates;
use crate::aws::clients::{Access, Aws, Session, Start, Way};
use crate::clock::Simulated;
use crate::model::{OpError, Partition, Region, Secrets};
use crate::report::{Event, Events};

/// How long every answer takes.
pub(super) const LATENCY: Duration = Duration::from_millis(50);

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The operation, as [`asked`] spells it.
    pub what: String,
    /// The access key that it was signed with.
    pub key: String,
    pub body: String,
    /// Where it went.
    pub uri: String,
    /// When it came.
    pub at: Duration,
}

/// What becomes of it.
pub(super) enum Answer {
    Http(u16, &'static [(&'static str, &'static str)], String),
    /// Taken, and the connection closed before the answer.
    Lost,
    /// Nothing ever comes.
    Never,
    /// The headers, so many KiB, and then this.
    Streamed(usize, Then),
    /// Nobody listens there.
    NotConnected,
    /// There is no such name.
    NoName,
}

/// How a body goes on.
#[derive(Clone, Copy)]
pub(super) enum Then {
    End,
    Silence,
    Reset,
}

/// A body that comes in pieces.
fn streamed(parts: usize, then: Then) -> SdkBody {
    type Piece = Result<Frame<Bytes>, std::io::Error>;
    let parts = stream::iter((0..parts).map(|_| Piece::Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))));
    let reset = || Piece::Err(std::io::ErrorKind::ConnectionReset.into());
    match then {
        Then::End => SdkBody::from_body_1_x(StreamBody::new(parts)),
        Then::Silence => SdkBody::from_body_1_x(StreamBody::new(parts.chain(stream::pending()))),
        Then::Reset => SdkBody::from_body_1_x(StreamBody::new(parts.chain(stream::iter([reset()])))),
    }
}

impl Answer {
    pub(super) fn ok(body: &str) -> Self {
        Answer::Http(200, &[], body.to_owned())
    }

    /// An error of a service that speaks JSON.
    pub(super) fn json(status: u16, code: &str, message: &str) -> Self {
        Answer::Http(status, &[], format!(r#"{{"__type": "{code}", "message": "{message}"}}"#))
    }

    /// An error of a service that speaks XML.
    pub(super) fn xml(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Answer::Http(status, &[], format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
    }
}

type Behaviour = dyn Fn(&Asked) -> Answer + Send + Sync;

/// The faked AWS.
#[derive(Clone)]
pub(super) struct Script {
    pub time: Simulated,
    behaviour: Arc<Behaviour>,
    asked: Arc<Mutex<Vec<Asked>>>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(super) fn new(behaviour: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Script {
            time: Simulated::default(),
            behaviour: Arc::new(behaviour),
            asked: Arc::default(),
            events: Arc::default(),
        }
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often this was asked.
    pub(super) fn count(&self, what: &str) -> usize {
        self.asked().iter().filter(|asked| asked.what == what).count()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// What all sessions share, built like that of a run.
    pub(super) fn build(&self, parallelism: usize, rates: Rates) -> Aws {
        let keys = Credentials::new("AKIASTART", "not a secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(SdkRegion::new("us-east-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(crate::aws::http::capped(self.clone()))
            .build();
        let start = Start {
            profile: None,
            partition: Partition::Aws,
            parallelism,
            rates,
            clock: self.time.clock(),
            secrets: Secrets::default(),
        };
        let events = self.events.clone();
        Aws::with_config(config, &start, Events::to(move |event| events.lock().unwrap().push(event)))
    }

    pub(super) fn aws(&self, parallelism: usize, rates: Rates) -> Arc<Aws> {
        Arc::new(self.build(parallelism, rates))
    }

    /// A session that has keys of its own.
    pub(super) fn session(&self, aws: &Arc<Aws>, id: &str) -> Session {
        self.session_for(aws, id, Access::Write)
    }

    pub(super) fn session_for(&self, aws: &Arc<Aws>, id: &str, access: Access) -> Session {
        let keys = Credentials::new(format!("AKIA{id}"), "not a secret", None, None, "test");
        let way = Way::Keys(SharedCredentialsProvider::new(keys));
        let role = format!("arn:aws:iam::{id}:role/Baseline");
        Session::new(aws.clone(), account(id), role, access, way, true)
    }

    /// Runs something in simulated time; answers how long it took there, too.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> (T, Duration) {
        let from = self.time.clock().elapsed();
        let result = self.time.runtime().block_on(future);
        (result, self.time.clock().elapsed() - from)
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let signed = request.headers().get("authorization").unwrap_or_default();
        let key = signed.split_once("Credential=").and_then(|(_, rest)| rest.split_once('/')).unwrap_or_default().0;
        let clock = self.time.clock();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let uri = request.uri().to_owned();
        let asked = Asked { what: asked(&request), key: key.to_owned(), body, uri, at: clock.elapsed() };
        let answer = (self.behaviour)(&asked);
        self.asked.lock().unwrap().push(asked);
        HttpConnectorFuture::new(async move {
            clock.sleep(LATENCY).await;
            match answer {
                Answer::Http(status, headers, body) => {
                    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
                    response.headers_mut().insert("x-amzn-requestid", "request-1");
                    for (name, value) in headers {
                        response.headers_mut().insert(*name, *value);
                    }
                    Ok(response)
                }
                Answer::Streamed(parts, then) => {
                    Ok(HttpResponse::new(StatusCode::try_from(200).unwrap(), streamed(parts, then)))
                }
                Answer::Lost => Err(ConnectorError::io("connection closed before message completed".into())),
                Answer::NotConnected => {
                    Err(ConnectorError::io("client error (Connect): tcp connect error: Connection refused".into()))
                }
                Answer::NoName => Err(ConnectorError::io(
                    "client error (Connect): dns error: failed to lookup address information: Name or service not known"
                        .into(),
                )),
                Answer::Never => std::future::pending().await,
            }
        })
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

pub(super) fn region() -> Region {
    "us-east-1".parse().unwrap()
}

/// A read of CloudTrail.
pub(super) async fn describe_trails(session: &Session) -> Result<(), OpError> {
    let region = region();
    let send = || crate::aws::send!(aws_sdk_cloudtrail, region, session.cloudtrail().describe_trails());
    session.call(&region, "cloudtrail", "DescribeTrails").run(send).await.map(|_| ())
}

/// A write of CloudTrail.
pub(super) async fn start_logging(session: &Session) -> Result<(), OpError> {
    let region = region();
    let send = || crate::aws::send!(aws_sdk_cloudtrail, region, session.cloudtrail().start_logging().name("t"));
    session.call(&region, "cloudtrail", "StartLogging").run(send).await.map(|_| ())
}

/// A read of AWS Config, whose rates are not documented.
pub(super) async fn describe_rules(session: &Session) -> Result<(), OpError> {
    let region = region();
    let send = || crate::aws::send!(aws_sdk_config, region, session.config().describe_config_rules());
    session.call(&region, "config", "DescribeConfigRules").run(send).await.map(|_| ())
}
