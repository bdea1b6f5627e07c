//! The HTTP client of the whole process: whom it trusts, and how much of an answer it takes.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::bounded;

/// How much of an answer is taken. A page of rules with their patterns has a tenth of a megabyte; what is longer is the
/// copy of a record, read again where it is not known whether it was written.
const MOST_BYTES: usize = 64 << 20;
/// How large a bundle of certificates may be: all authorities that browsers know take a quarter of a megabyte.
const MOST_BUNDLE: u64 = 16 << 20;

/// Why AWS cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A bundle of certificates cannot be used.
    #[error("failed to use the certificates in {path} ({setting})")]
    CaBundle {
        /// The file.
        path: String,
        /// What names it.
        setting: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An endpoint that is no URL: in its place the SDK would call AWS.
    #[error("{setting} is no URL that begins with http:// or https:// and names a host: nothing was called")]
    Endpoint {
        /// What names it.
        setting: String,
    },
    /// The TLS stack refused its settings.
    #[error("failed to set up TLS")]
    Tls(#[source] BoxError),
}

/// An answer that has no end, or none that anybody needs.
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {} MB, and was not read: whatever sent it, it is not what was asked for", MOST_BYTES >> 20)]
pub(super) struct TooLarge;

/// One HTTP client for the whole process, so that connections and TLS sessions are shared per host. `authorities` is the
/// file whose certificates are trusted in the place of the system's, and what names it.
pub(super) fn client(authorities: Option<(OsString, &'static str)>) -> Result<SharedHttpClient, StartError> {
    let roots = match authorities {
        Some((path, setting)) => bundle(&path, setting)?,
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(roots).build().map_err(|e| StartError::Tls(e.into()))?;
    Ok(capped(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        if let Some(sleep) = components.and_then(RuntimeComponents::sleep_impl) {
            connector = connector.sleep_impl(sleep);
        }
        connector
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .build()
    })))
}

/// The certificates of a file, and no others: what AWS's tools do ("AWS SDKs and Tools Reference Guide", `ca_bundle`:
/// "a custom certificate bundle to use when establishing SSL/TLS connections"; botocore hands it to the TLS library in the
/// place of its own).
fn bundle(path: &OsStr, setting: &'static str) -> Result<TrustStore, StartError> {
    let wrong = |source| StartError::CaBundle { path: path.to_string_lossy().into_owned(), setting, source };
    let pem = bounded::read(Path::new(path), MOST_BUNDLE).map_err(wrong)?;
    let invalid = |text: String| wrong(io::Error::new(io::ErrorKind::InvalidData, text));
    // The SDK takes whatever it is given, and panics at the first request where it cannot use it.
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let number = index + 1;
        let certificate = certificate.map_err(|e| invalid(format!("block {number} of it is no certificate: {e}")))?;
        roots.add(certificate).map_err(|e| invalid(format!("certificate {number} of it cannot be used: {e}")))?;
    }
    if roots.is_empty() {
        let text = "there is no certificate in it: it has to hold blocks that begin with -----BEGIN CERTIFICATE-----";
        return Err(invalid(text.to_owned()));
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

/// The client, with an end to every answer.
pub(super) fn capped(client: impl HttpClient + 'static) -> SharedHttpClient {
    SharedHttpClient::new(Capped(SharedHttpClient::new(client)))
}

#[derive(Debug)]
struct Capped<T>(T);

impl HttpClient for Capped<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Capped(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Capped<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut response = answer.await?;
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let limited = Limited::new(body, MOST_BYTES).map_err(|error| -> BoxError {
                if error.is::<LengthLimitError>() { TooLarge.into() } else { error }
            });
            *response.body_mut() = SdkBody::from_body_1_x(limited);
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A certificate of nobody, made for this test.
    const CERTIFICATE: &str = include_str!("../../tests/data/authority.pem");

    fn says(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        fs::write(&path, text).unwrap();
        match bundle(path.as_os_str(), "AWS_CA_BUNDLE") {
            Ok(store) => format!("{store:?}").chars().take(60).collect(),
            Err(StartError::CaBundle { source, .. }) => source.to_string(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn a_bundle_is_trusted_alone_and_a_file_without_certificates_is_none() {
        assert!(says(CERTIFICATE).contains("enable_native_roots: false"), "{}", says(CERTIFICATE));
        // What stands around the certificates is for people.
        assert!(says(&format!("# ours\n{CERTIFICATE}\nsubject=x\n{CERTIFICATE}")).contains("native_roots: false"));
        for text in
            ["", "root:x:0:0:root:/root:/bin/sh\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
        {
            assert!(says(text).contains("there is no certificate in it"), "{}", says(text));
        }
        let broken = CERTIFICATE.replace("-----END", "!!!\n-----END");
        assert!(says(&broken).contains("is no certificate"), "{}", says(&broken));
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(says(garbage).contains("cannot be used"), "{}", says(garbage));
    }
}
