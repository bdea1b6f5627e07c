//! The bucket policy: which accounts' services may put their logs where.

use super::spec;
use crate::model::AccountId;
use crate::policy::{BUCKET_POLICY_MAX_BYTES, Policy, Statement, first_that_fits};
use crate::services::Declared;

const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

/// The forms a bucket policy can take, tightest first; the first that fits S3's 20 KiB is used.
const FORMS: [&str; 4] = [
    "one statement per account, for its own path and its own trails",
    "one statement for all accounts, listing their paths",
    "one statement for all accounts and the whole log path",
    "one merged statement for all accounts, checks and writes together",
];

/// Our statements in the tightest form that fits beside what other people wrote, or in the smallest.
pub(super) fn statements(declared: &Declared<'_>, bucket: &str) -> Vec<Statement> {
    let writer = Writer::new(declared, bucket);
    chosen(declared, &writer).map_or_else(|| writer.merged(), |(_, policy)| policy.statements)
}

/// Which of how many forms the policy takes, and what that means; `None` when none fits.
pub fn policy_form(declared: &Declared<'_>) -> Option<(usize, usize, &'static str)> {
    let bucket = spec::bucket_name(declared)?;
    let (index, _) = chosen(declared, &Writer::new(declared, &bucket))?;
    Some((index + 1, FORMS.len(), FORMS[index]))
}

fn chosen(declared: &Declared<'_>, writer: &Writer<'_>) -> Option<(usize, Policy)> {
    let exclusive = declared.baseline.log_bucket.as_ref().is_some_and(|bucket| bucket.exclusive);
    let taken = spec::address(declared).map_or(0, |address| declared.shared.taken(&address, exclusive));
    let forms = [writer.per_account(), writer.paths(), writer.accounts(), writer.merged()];
    first_that_fits(forms.map(Policy::new), BUCKET_POLICY_MAX_BYTES.saturating_sub(taken))
}

/// Writes the statements of one bucket.
///
/// Source for what CloudTrail needs: CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail": `GetBucketAcl` on
/// the bucket, and `PutObject` below `[prefix/]AWSLogs/ACCOUNT/` with the ACL `bucket-owner-full-control`, both pinned
/// to the sender by `aws:SourceArn` or `aws:SourceAccount`.
struct Writer<'a> {
    arn: String,
    logs: String,
    accounts: Vec<AccountId>,
    trail_name: Option<&'a str>,
    declared: &'a Declared<'a>,
}

impl<'a> Writer<'a> {
    fn new(declared: &'a Declared<'a>, bucket: &str) -> Self {
        let arn = format!("arn:{}:s3:::{bucket}", declared.profiles.partition);
        let prefix = declared.baseline.log_bucket.as_ref().and_then(|b| b.prefix.as_deref());
        let logs = match prefix {
            Some(prefix) => format!("{arn}/{prefix}/AWSLogs"),
            None => format!("{arn}/AWSLogs"),
        };
        Writer {
            arn,
            logs,
            accounts: declared.senders().into_iter().collect(),
            trail_name: declared.baseline.cloudtrail.as_ref().map(|c| c.name.as_str()),
            declared,
        }
    }

    fn ids(&self) -> impl Iterator<Item = String> {
        self.accounts.iter().map(ToString::to_string)
    }

    fn tls(&self) -> Option<Statement> {
        let required = self.declared.baseline.log_bucket.as_ref().is_some_and(|b| b.require_tls);
        required.then(|| {
            Statement::deny("BaselineDenyInsecureTransport", ["s3:*"])
                .for_everyone()
                .on([self.arn.clone(), format!("{}/*", self.arn)])
                .when("Bool", "aws:SecureTransport", ["false"])
        })
    }

    fn check(&self) -> Statement {
        Statement::allow("BaselineCloudTrailCheck", ["s3:GetBucketAcl"])
            .for_services([CLOUDTRAIL])
            .on([self.arn.clone()])
            .when("StringEquals", "aws:SourceAccount", self.ids())
    }

    fn write(&self, sid: &str) -> Statement {
        Statement::allow(sid, ["s3:PutObject"]).for_services([CLOUDTRAIL]).when(
            "StringEquals",
            "s3:x-amz-acl",
            ["bucket-owner-full-control"],
        )
    }

    fn per_account(&self) -> Vec<Statement> {
        let partition = self.declared.profiles.partition;
        // Both modes' trails begin with the declared name, so that a change of mode never lacks permission.
        let trail = self.trail_name.unwrap_or_default();
        let writes = self.accounts.iter().map(|id| {
            self.write(&format!("BaselineCloudTrailWrite{id}")).on([format!("{}/{id}/*", self.logs)]).when(
                "ArnLike",
                "aws:SourceArn",
                [format!("arn:{partition}:cloudtrail:*:{id}:trail/{trail}*")],
            )
        });
        self.tls().into_iter().chain([self.check()]).chain(writes).collect()
    }

    fn paths(&self) -> Vec<Statement> {
        let write = self
            .write("BaselineCloudTrailWrite")
            .on(self.ids().map(|id| format!("{}/{id}/*", self.logs)))
            .when("StringEquals", "aws:SourceAccount", self.ids());
        self.tls().into_iter().chain([self.check(), write]).collect()
    }

    fn accounts(&self) -> Vec<Statement> {
        let write = self.write("BaselineCloudTrailWrite").on([format!("{}/*", self.logs)]).when(
            "StringEquals",
            "aws:SourceAccount",
            self.ids(),
        );
        self.tls().into_iter().chain([self.check(), write]).collect()
    }

    fn merged(&self) -> Vec<Statement> {
        let both = Statement::allow("BaselineCloudTrail", ["s3:GetBucketAcl", "s3:PutObject"])
            .for_services([CLOUDTRAIL])
            .on([self.arn.clone(), format!("{}/*", self.logs)])
            .when("StringEquals", "aws:SourceAccount", self.ids())
            // GetBucketAcl carries no ACL to compare.
            .when("StringEqualsIfExists", "s3:x-amz-acl", ["bucket-owner-full-control"]);
        self.tls().into_iter().chain([both]).collect()
    }
}
