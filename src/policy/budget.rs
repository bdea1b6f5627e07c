use super::Policy;

/// The largest bucket policy that S3 takes, in bytes (Amazon S3 User Guide, "Bucket policies": 20 KB).
pub const BUCKET_POLICY_MAX_BYTES: usize = 20 * 1024;

/// The largest key policy that KMS takes, in bytes (AWS KMS Developer Guide, "Resource quotas": 32 KB, fixed).
pub const KEY_POLICY_MAX_BYTES: usize = 32 * 1024;

/// The largest policy that an event bus takes, in characters, which in policies are bytes (EventBridge User Guide,
/// "Quotas": 10,240).
pub const BUS_POLICY_MAX_BYTES: usize = 10_240;

/// The first candidate whose [`Policy::size`] is within `budget` bytes, and its place in the row.
///
/// Candidates come strictest first; those after the first that fits are never built.
pub fn first_that_fits(candidates: impl IntoIterator<Item = Policy>, budget: usize) -> Option<(usize, Policy)> {
    candidates.into_iter().enumerate().find(|(_, policy)| policy.size() <= budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Statement;

    /// The bucket policy of the documentation, for so many accounts.
    fn merged(accounts: usize) -> Policy {
        let ids: Vec<String> = (0..accounts).map(|n| format!("{n:012}")).collect();
        let services = ["cloudtrail.amazonaws.com", "config.amazonaws.com"];
        let check = Statement::allow("SvcCheck", ["s3:GetBucketAcl", "s3:ListBucket"])
            .for_services(services)
            .on(["arn:aws:s3:::LOGS"])
            .when("StringEquals", "aws:SourceAccount", ids.clone());
        let put = Statement::allow("SvcPut", ["s3:PutObject"])
            .for_services(services)
            .on(["arn:aws:s3:::LOGS/AWSLogs/*"])
            .when("StringEquals", "aws:SourceAccount", ids)
            .when("StringEquals", "s3:x-amz-acl", ["bucket-owner-full-control"]);
        Policy::new(vec![check, put])
    }

    #[test]
    fn takes_the_first_that_fits_to_the_byte() {
        let size = merged(10).size();
        let candidates = || [merged(20), merged(10), merged(1)];
        assert_eq!(first_that_fits(candidates(), size), Some((1, merged(10))));
        assert_eq!(first_that_fits(candidates(), size - 1), Some((2, merged(1))));
        assert_eq!(first_that_fits(candidates(), 10), None);
    }

    #[test]
    fn later_candidates_are_not_built() {
        let candidates = [1_usize, 0].into_iter().map(|n| if n == 1 { merged(1) } else { panic!("built") });
        assert!(first_that_fits(candidates, BUCKET_POLICY_MAX_BYTES).is_some());
    }

    #[test]
    fn a_list_of_accounts_in_two_statements_fits_a_bucket_policy_up_to_some_650_accounts() {
        assert!(merged(650).size() <= BUCKET_POLICY_MAX_BYTES);
        assert!(merged(670).size() > BUCKET_POLICY_MAX_BYTES);
    }
}
