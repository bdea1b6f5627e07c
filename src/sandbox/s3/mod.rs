//! S3 (API version 2006-03-01), path style: buckets and their settings, and a few operations on objects.

use std::collections::BTreeMap;

use super::dispatch::{Call, Service};
use super::wire::{Answer, Http, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Region};

/// The service's line.
pub(super) const SERVICE: Service =
    Service { name: "s3", protocol: Protocol::RestXml, route: Some(route), resource: |_, _| String::new(), handle };

/// Buckets by name: one namespace for everybody.
#[derive(Debug, Default)]
pub(super) struct State {
    pub buckets: BTreeMap<String, Bucket>,
}

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub owner: AccountId,
    pub region: Region,
    /// As it was put, as JSON text.
    pub policy: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Bucket {
    /// Whether objects are encrypted with a bucket key.
    pub fn uses_bucket_key(&self) -> bool {
        false
    }
}

fn route(_http: &Http) -> String {
    String::new()
}

/// The IAM action of an operation.
pub(super) fn action(service: &str, operation: &str) -> String {
    format!("{service}:{operation}")
}

fn handle(_world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    Err(call.not_simulated())
}
