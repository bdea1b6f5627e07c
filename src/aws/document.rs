//! Bodies as they travel. The SDK's types drop what they do not know, and some writes replace a whole document: these two
//! interceptors read the body of an answer beside the SDK, and send a body in place of the SDK's own.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sts::config::{ConfigBag, Intercept};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// Where the body of an answer is kept.
#[derive(Debug, Clone, Default)]
pub struct Body(Arc<Mutex<Vec<u8>>>);

impl Body {
    /// Keeps the body of the next answer; of several attempts, the last one's.
    pub fn keeper(&self) -> impl Intercept + use<> {
        Keeper(self.clone())
    }

    /// The body; empty where none came.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends this body in place of the SDK's own.
pub fn sending(body: &str) -> impl Intercept + use<> {
    Sender(body.to_owned())
}

#[derive(Debug)]
struct Keeper(Body);

impl Intercept for Keeper {
    fn name(&self) -> &'static str {
        "Keeper"
    }

    // The body was read to its end by now.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default().to_vec();
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}

#[derive(Debug)]
struct Sender(String);

impl Intercept for Sender {
    fn name(&self) -> &'static str {
        "Sender"
    }

    // Once, after the SDK wrote its own and before checksum and signature are computed.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.as_str());
        Ok(())
    }
}
