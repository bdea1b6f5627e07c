//! Settings of the environment and of `~/.aws/config` that the SDK passes over without a word: a bundle of certificates
//! of a profile, and an endpoint that is no URL, in whose place it would call AWS.

use std::borrow::Cow;
use std::ffi::OsString;

use aws_config::SdkConfig;
use aws_config::profile;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::http::StartError;
use super::known;

/// What the profile that is in use says.
pub(super) struct Profile {
    ca_bundle: Option<String>,
    endpoint_url: Option<String>,
}

impl Profile {
    /// Reads `~/.aws/config`. A file that cannot be read says nothing here: the SDK reports it where it is needed.
    pub(super) async fn read(name: Option<&str>) -> Profile {
        let name = name.map(|name| Cow::Owned(name.to_owned()));
        let (files, variables) = (Fs::real(), Env::real());
        let profiles = profile::load(&files, &variables, &EnvConfigFiles::default(), name).await.ok();
        let get = |key| profiles.as_ref().and_then(|profiles| profiles.get(key)).map(str::to_owned);
        Profile { ca_bundle: get("ca_bundle"), endpoint_url: get("endpoint_url") }
    }

    /// The file whose certificates are trusted, and the setting that names it: `AWS_CA_BUNDLE`, else the profile's
    /// `ca_bundle` (AWS SDKs and Tools Reference Guide, "General configuration settings").
    pub(super) fn bundle(&self) -> Option<(OsString, &'static str)> {
        let given = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        let of_profile = || self.ca_bundle.as_ref().filter(|path| !path.is_empty()).map(OsString::from);
        given
            .map(|path| (path, "AWS_CA_BUNDLE"))
            .or_else(|| of_profile().map(|path| (path, "ca_bundle of the profile")))
    }

    /// Refuses an endpoint that is no URL; `config` is what the SDK made of the settings.
    ///
    /// # Errors
    ///
    /// The setting. Its value may hold a password, and is not repeated.
    pub(super) fn check_endpoints(&self, config: &SdkConfig) -> Result<(), StartError> {
        let of_environment = std::env::var("AWS_ENDPOINT_URL").ok();
        let all = match &of_environment {
            Some(url) => Some(("AWS_ENDPOINT_URL".to_owned(), url)),
            None => self.endpoint_url.as_ref().map(|url| ("endpoint_url of the profile".to_owned(), url)),
        };
        let each = known::SERVICES.iter().filter_map(|service| {
            let url = known::own_endpoint(config, service)?;
            Some((format!("the endpoint of {service} (AWS_ENDPOINT_URL_… or `[services]`)"), url))
        });
        let all = all.map(|(setting, url)| (setting, url.clone()));
        match all.into_iter().chain(each).find(|(_, url)| !is_url(url)) {
            Some((setting, _)) => Err(StartError::Endpoint { setting }),
            None => Ok(()),
        }
    }
}

/// Whether a client can be pointed there. One that is empty is as if it were not set.
fn is_url(text: &str) -> bool {
    let known = |scheme: Option<&str>| matches!(scheme, Some("http" | "https"));
    text.is_empty()
        || text
            .parse::<hyper::Uri>()
            .is_ok_and(|url| known(url.scheme_str()) && url.host().is_some_and(|host| !host.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host() {
        for url in ["", "http://127.0.0.1:4566", "https://store.example.com/", "http://[::1]:9000", "https://a:b@c"] {
            assert!(is_url(url), "{url}");
        }
        for url in
            ["localhost:4566", "127.0.0.1:4566", "htp://localhost", "http//localhost", "http://", "http:// x", "x"]
        {
            assert!(!is_url(url), "{url}");
        }
    }
}
