//! A copy of a run's record, beside the logs of what it changed.

use super::lock::{bucket, enter};
use crate::aws::{Chain, Own, OwnObject};
use crate::config::{Baseline, Profiles};
use crate::model::{OpError, RunId};
use crate::services::s3;

/// Where the copies are, below a prefix that nobody delivers to.
const RUNS: &str = "baseline/runs/";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum NoCopy {
    /// `baseline.toml` declares none, or no account of the profiles holds it.
    #[error("there is no log bucket to copy it to")]
    Nowhere,
    /// The bucket is declared and was not made.
    #[error("the log bucket {0} is not there")]
    NoBucket(String),
    /// Something else bears the name of the copy.
    #[error("something else is at {0} already, and is left as it is")]
    Taken(String),
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] OpError),
}

/// Copies a run's record to the log bucket, and answers where it is.
///
/// It is written where nothing is, and never again: nobody with no more than the permissions of this tool's role covers
/// up one run with another.
///
/// # Errors
///
/// Why it is not there.
pub async fn copy_record(
    chain: &Chain,
    profiles: &Profiles,
    baseline: &Baseline,
    run: &RunId,
    record: &[u8],
) -> Result<String, NoCopy> {
    let bucket = bucket(profiles, baseline).ok_or(NoCopy::Nowhere)?;
    let session = enter(chain, profiles, &bucket).await?.ok_or(NoCopy::Nowhere)?;
    if !s3::exists(&session, &bucket).await? {
        return Err(NoCopy::NoBucket(bucket.name));
    }
    let object = OwnObject::new(session, bucket, format!("{RUNS}{}/{run}.jsonl", run.date()), Own::Record);
    let place = object.place();
    match object.put(record).await? {
        true => Ok(place),
        false => Err(NoCopy::Taken(place)),
    }
}
