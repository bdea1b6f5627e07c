//! What the environment and the shared configuration files give this run to sign and to go by: noted as secret as far as
//! it is one.

use std::fmt;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_types::base64;
use aws_types::service_config::ServiceConfigKey;

use crate::model::Secrets;

/// Services as endpoints' settings name them (`AWS_ENDPOINT_URL_<SERVICE>`, and the `[services]` sections of
/// `~/.aws/config`): AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
pub(super) const SERVICES: [&str; 12] = [
    "CloudTrail",
    "Config Service",
    "EC2",
    "EventBridge",
    "GuardDuty",
    "IAM",
    "KMS",
    "Lambda",
    "S3",
    "SNS",
    "SQS",
    "STS",
];

/// Variables that hold a secret as a whole, and what stands in its place.
const VARIABLES: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", KEY_ID),
    ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ("AWS_SESSION_TOKEN", TOKEN),
    ("AWS_SECURITY_TOKEN", TOKEN),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "(AWS_CONTAINER_AUTHORIZATION_TOKEN)"),
    ("AWS_BEARER_TOKEN_BEDROCK", TOKEN),
];

const KEY_ID: &str = "(an access key id)";
const SECRET_KEY: &str = "(a secret access key)";
const TOKEN: &str = "(a session token)";

/// AWS gives out none that is shorter (IAM API Reference, `AccessKey`): a simulation's may be a word of the language.
const SHORTEST_KEY: usize = 16;

/// Variables that hold a URL, which may have a name and a password.
const URLS: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL",
];

/// Notes what the environment holds.
pub fn environment(secrets: &Secrets, variables: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in variables {
        if let Some((_, shown)) = VARIABLES.iter().find(|(known, _)| *known == name) {
            if value.len() >= SHORTEST_KEY {
                secrets.know(&value, shown);
            }
        } else if URLS.contains(&name.as_str()) || name.starts_with("AWS_ENDPOINT_URL_") {
            url(&value, secrets);
        }
    }
}

fn url(value: &str, secrets: &Secrets) {
    secrets.know_url(value, "(hidden)");
    // As a proxy gets it, in `Proxy-Authorization`.
    let authority = value.split_once("//").map_or(value, |(_, rest)| rest);
    if let Some((user, _)) = authority.rsplit_once('@') {
        let plain = percent_encoding::percent_decode_str(user).decode_utf8_lossy();
        secrets.know(&base64::encode(plain.as_bytes()), "(hidden)");
    }
}

/// Notes what the endpoints of the configuration hold.
pub(super) fn endpoints(config: &SdkConfig, secrets: &Secrets) {
    let all = SERVICES.iter().filter_map(|service| endpoint(config, service));
    for endpoint in all.chain(config.endpoint_url().map(str::to_owned)) {
        url(&endpoint, secrets);
    }
}

/// The endpoint of a service, where the environment or the shared configuration names one: found as the SDK's clients
/// find it.
pub(super) fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    own_endpoint(config, service).or_else(|| config.endpoint_url().map(str::to_owned))
}

/// The same, of settings for this service alone.
pub(super) fn own_endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    config.service_config().zip(key.ok()).and_then(|(services, key)| services.load_config(key))
}

/// Notes what signs.
pub(super) fn credentials(credentials: &Credentials, secrets: &Secrets) {
    let token = credentials.session_token().unwrap_or_default();
    let parts = [(credentials.access_key_id(), KEY_ID), (credentials.secret_access_key(), SECRET_KEY), (token, TOKEN)];
    for (text, shown) in parts.into_iter().filter(|(text, _)| text.len() >= SHORTEST_KEY) {
        secrets.know(text, shown);
    }
}

/// The same keys, noted whenever they are given out.
pub(super) fn keys(keys: SharedCredentialsProvider, secrets: &Secrets) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Noted { keys, secrets: secrets.clone() })
}

struct Noted {
    keys: SharedCredentialsProvider,
    secrets: Secrets,
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Noted")
    }
}

impl ProvideCredentials for Noted {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let given = self.keys.provide_credentials().await?;
            credentials(&given, &self.secrets);
            Ok(given)
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.keys.fallback_on_interrupt()
    }
}
