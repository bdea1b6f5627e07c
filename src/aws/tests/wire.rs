//! A faked wire.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::region::Region as SdkRegion;

use super::account;
use crate::aws::Rates;
use crate::aws::clients::{Access, Aws, Session, Start, Way};
use crate::clock::Clock;
use crate::model::{Partition, Secrets};
use crate::report::Events;

/// Takes every request, remembers what it asked for, and answers what `answer` says.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    sent: Arc<Mutex<Vec<String>>>,
    answer: fn(&str) -> (u16, &'static str),
}

impl Wire {
    pub(super) fn new(answer: fn(&str) -> (u16, &'static str)) -> Self {
        Wire { sent: Arc::default(), answer }
    }

    pub(super) fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    pub(super) fn session(&self, access: Access) -> Session {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(SdkRegion::new("us-east-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .http_client(self.clone())
            .build();
        let start = Start {
            profile: None,
            partition: Partition::Aws,
            parallelism: 8,
            rates: Rates::Off,
            clock: Clock::real(),
            secrets: Secrets::default(),
        };
        let aws = Arc::new(Aws::with_config(config, &start, Events::nowhere()));
        let keys = Credentials::new("AKIDEXAMPLE", "not a secret", None, None, "test");
        let way = Way::Keys(SharedCredentialsProvider::new(keys));
        Session::new(aws, account("222222222222"), "role".to_owned(), access, way, true)
    }
}

/// The operation of a request in the query protocol, which has it in the body.
fn form_action(request: &HttpRequest) -> Option<String> {
    let body = request.body().bytes()?;
    form_urlencoded::parse(body).find(|(key, _)| key == "Action").map(|(_, action)| action.into_owned())
}

/// What a request asks for.
pub(super) fn asked(request: &HttpRequest) -> String {
    match request.headers().get("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
        None if request.uri().contains("/functions/") => {
            let tail = request.uri().split("/functions/").nth(1).and_then(|path| path.split('/').nth(1));
            format!("{} {}", request.method(), tail.unwrap_or_default().split('?').next().unwrap_or_default())
        }
        None if form_action(request).is_some() => form_action(request).unwrap_or_default(),
        None => {
            let (path, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
            let bucket = match path.split_once("guardduty.us-east-1.amazonaws.com") {
                Some((_, path)) => path,
                None if path.contains("amazonaws") => "",
                None => path,
            };
            format!("{} {bucket}{query}", request.method())
        }
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = asked(&request);
        let (status, body) = (self.answer)(&asked);
        self.sent.lock().unwrap().push(asked);
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
