use std::future::Future;

use crate::aws::{OwnObject, Version};
use crate::model::OpError;

/// Where a lock lies: one object that is written only over the version that was read.
pub(super) trait Shelf: Send + Sync + 'static {
    /// What lies there.
    fn read(&self) -> impl Future<Output = Result<Option<(Vec<u8>, Version)>, OpError>> + Send;

    /// Puts something there over this version, or over nothing; `None` where somebody else was faster.
    fn write(
        &self,
        body: &[u8],
        over: Option<&Version>,
    ) -> impl Future<Output = Result<Option<Version>, OpError>> + Send;
}

impl Shelf for OwnObject {
    fn read(&self) -> impl Future<Output = Result<Option<(Vec<u8>, Version)>, OpError>> + Send {
        OwnObject::read(self)
    }

    fn write(
        &self,
        body: &[u8],
        over: Option<&Version>,
    ) -> impl Future<Output = Result<Option<Version>, OpError>> + Send {
        OwnObject::write(self, body, over)
    }
}
