//! Bodies that are sent in place of the SDK's own carry the length and the checksum of what is sent, and bodies that are
//! read are whole.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3 as s3;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::aws::{Body, send_with, sending};

/// Remembers the headers and the body of each request, and answers a lifecycle.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Request>>>);

/// The headers, and the body.
type Request = (Vec<(String, String)>, Vec<u8>);

const RULES: &str = "<LifecycleConfiguration><Rule><ID>a</ID><Filter/><Status>Enabled</Status><Novelty>1</Novelty></Rule>\
                     </LifecycleConfiguration>";

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        self.0.lock().unwrap().push((headers, body));
        let status = StatusCode::try_from(200).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(RULES))))
    }
}

impl HttpClient for Recorder {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn client(recorder: &Recorder) -> s3::Client {
    let keys = Credentials::new("AKIDEXAMPLE", "not a secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(recorder.clone())
        .build();
    s3::Client::new(&config)
}

/// CRC-32 as S3 has it: in base64, most significant byte first (S3 User Guide, "Checking object integrity").
fn crc32(bytes: &[u8]) -> String {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    let crc = !bytes.iter().fold(u32::MAX, step);
    let bits = u64::from(crc) << 4;
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = (0..6).rev().map(|at| char::from(alphabet[usize::try_from(bits >> (6 * at) & 63).unwrap()]));
    digits.chain("==".chars()).collect()
}

#[tokio::test]
async fn a_body_of_our_own_is_sent_with_its_length_and_its_checksum() {
    assert_eq!(crc32(b"123456789"), "y/Q5Jg==", "the check value of CRC-32");
    let recorder = Recorder::default();
    let put = client(&recorder).put_bucket_lifecycle_configuration().bucket("logs");
    send_with!(s3, "us-east-1", put, sending(RULES)).await.unwrap();
    let (headers, body) = recorder.0.lock().unwrap().remove(0);
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(String::from_utf8(body).unwrap(), RULES);
    assert_eq!(header("content-length"), Some(RULES.len().to_string().as_str()));
    assert_eq!(header("x-amz-checksum-crc32"), Some(crc32(RULES.as_bytes()).as_str()), "{headers:?}");
    assert_eq!(header("content-type"), Some("application/xml"));
}

#[tokio::test]
async fn the_body_of_an_answer_is_kept_beside_what_the_sdk_makes_of_it() {
    let recorder = Recorder::default();
    let body = Body::default();
    let get = client(&recorder).get_bucket_lifecycle_configuration().bucket("logs");
    let answer = send_with!(s3, "us-east-1", get, body.keeper()).await.unwrap();
    assert_eq!(answer.rules().len(), 1);
    assert_eq!(String::from_utf8(body.bytes()).unwrap(), RULES);
}
