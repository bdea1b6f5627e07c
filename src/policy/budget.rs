use super::Policy;

/// The largest bucket policy that S3 takes, in bytes (Amazon S3 User Guide, "Bucket policies": 20 KB).
pub const BUCKET_POLICY_MAX_BYTES: usize = 20 * 1024;

/// The largest key policy that KMS takes, in bytes (AWS KMS Developer Guide, "Resource quotas": 32 KB, fixed).
pub const KEY_POLICY_MAX_BYTES: usize = 32 * 1024;

/// The first candidate whose [`Policy::size`] is within `budget` bytes, and its place in the row.
///
/// Candidates come strictest first; those after the first that fits are never built.
pub fn first_that_fits(candidates: impl IntoIterator<Item = Policy>, budget: usize) -> Option<(usize, Policy)> {
    candidates.into_iter().enumerate().find(|(_, policy)| policy.size() <= budget)
}
