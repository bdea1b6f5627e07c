use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::Protocol;
use crate::model::{Arn, Digest};

/// Where messages go: an ARN, a URL or an address.
///
/// A URL may carry a token or a password, so that it is shown, saved and compared by its host and a digest only; the URL
/// itself never leaves this value except in the one call that needs it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Endpoint {
    shown: String,
    arn: Option<Arn>,
    /// What to send; `None` where it was read back from what was shown.
    whole: Option<String>,
}

/// Digits of a URL's digest that are shown: enough to tell the URLs of one file apart.
const DIGITS: usize = 12;

impl Endpoint {
    pub(super) fn of_arn(_protocol: Protocol, arn: Arn) -> Self {
        Endpoint { shown: arn.to_string(), whole: Some(arn.to_string()), arn: Some(arn) }
    }

    pub(super) fn of_mail(address: &str) -> Self {
        Endpoint { shown: address.to_owned(), whole: Some(address.to_owned()), arn: None }
    }

    pub(super) fn of_url(url: &str) -> Self {
        let host = Endpoint::host(url).unwrap_or_default();
        Endpoint { shown: format!("https://{host}/…#{}", digest(url)), whole: Some(url.to_owned()), arn: None }
    }

    /// The host of a URL, without the name and the password before it.
    pub(super) fn host(url: &str) -> Option<&str> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Some(host).filter(|host| !host.trim_start_matches(':').is_empty())
    }

    /// The function or the queue.
    pub fn arn(&self) -> Option<&Arn> {
        self.arn.as_ref()
    }

    /// What people may see.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The whole of it, for the call that needs it; `None` where it was read back from a document, which never holds it.
    pub fn reveal(&self) -> Option<&str> {
        self.whole.as_deref()
    }

    /// What the name of a subscription's address says of it.
    pub fn tag(&self) -> &str {
        match self.shown.rsplit_once('#') {
            Some((head, digest)) if head.starts_with("https://") => digest,
            _ => &self.shown,
        }
    }

    /// Whether this is what SNS lists: it hides the password of a URL (SNS Developer Guide, "HTTP/HTTPS endpoints").
    pub fn is_listed_as(&self, listed: &str) -> bool {
        let Some(whole) = &self.whole else { return false };
        whole == listed || hide_password(whole).is_some_and(|hidden| hidden == listed)
    }
}

/// What people may see of an endpoint that SNS lists and nobody declared.
pub fn shown(protocol: &str, endpoint: &str) -> String {
    match protocol {
        "lambda" | "sqs" | "firehose" | "application" | "email" | "email-json" => endpoint.to_owned(),
        "http" | "https" => format!("{protocol}://{}/…", Endpoint::host(endpoint).unwrap_or_default()),
        _ => format!("…{}", &digest(endpoint)),
    }
}

fn digest(text: &str) -> String {
    Digest::of_bytes(text.as_bytes()).as_str().chars().take(DIGITS).collect()
}

fn hide_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (name, host) = rest[..end].rsplit_once('@')?;
    let (user, _) = name.split_once(':')?;
    Some(format!("{scheme}://{user}:****@{host}{}", &rest[end..]))
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Eq for Endpoint {}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.shown)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> String {
        endpoint.shown
    }
}

impl From<String> for Endpoint {
    fn from(shown: String) -> Self {
        let arn = shown.parse().ok();
        let whole = (!shown.starts_with("https://")).then(|| shown.clone());
        Endpoint { shown, arn, whole }
    }
}
