//! The simulated cloud at the end of the wire, without sockets, on simulated time.

use std::sync::Arc;

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

use crate::aws::clients::{Aws, Start};
use crate::aws::rates::Rates;
use crate::clock::{Clock, Simulated};
use crate::model::{Partition, Secrets};
use crate::report::Events;
use crate::sandbox::{Cloud, Fate};

/// What all accounts share, over a simulated cloud: the latency of answers passes on the simulated clock.
pub(crate) fn aws_over(cloud: &Cloud, time: &Simulated, parallelism: usize, rates: Rates, events: Events) -> Arc<Aws> {
    let (key, secret) = cloud.credentials();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new("us-east-1"))
        .endpoint_url("http://cloud.invalid")
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, secret, None, None, "simulated")))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .http_client(Wire { cloud: cloud.clone(), clock: time.clock() })
        .build();
    let start = Start {
        profile: None,
        partition: Partition::Aws,
        parallelism,
        rates,
        clock: time.clock(),
        secrets: Secrets::default(),
    };
    Arc::new(Aws::with_config(config, &start, events))
}

#[derive(Debug, Clone)]
struct Wire {
    cloud: Cloud,
    clock: Clock,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Wire { cloud, clock } = self.clone();
        HttpConnectorFuture::new(async move {
            let path = request.uri().strip_prefix("http://cloud.invalid").unwrap_or(request.uri());
            let headers: Vec<(String, String)> =
                request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let body = request.body().bytes().unwrap_or_default();
            let answered = cloud.answer(request.method(), path, &headers, body);
            if !answered.latency.is_zero() {
                clock.sleep(answered.latency).await;
            }
            match answered.fate {
                Fate::Answered => {
                    let status = StatusCode::try_from(answered.status)
                        .map_err(|error| ConnectorError::other(error.into(), None))?;
                    let mut response = HttpResponse::new(status, SdkBody::from(answered.body));
                    for (name, value) in answered.headers {
                        response.headers_mut().append(name, value);
                    }
                    Ok(response)
                }
                Fate::Lost | Fate::Dropped => {
                    let closed = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the connection was closed");
                    Err(ConnectorError::io(closed.into()))
                }
                Fate::Hangs => std::future::pending().await,
            }
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
