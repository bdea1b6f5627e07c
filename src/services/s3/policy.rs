//! The bucket policy: which accounts' services may put their logs where.

use super::spec;
use crate::model::AccountId;
use crate::policy::{BUCKET_POLICY_MAX_BYTES, Policy, Statement, first_that_fits};
use crate::services::senders::{CLOUDTRAIL, CONFIG, Senders};
use crate::services::{Declared, guardduty};

/// The forms a bucket policy can take, tightest first; the first that fits S3's 20 KiB is used.
const FORMS: [&str; 4] = [
    "one statement per account and service, for its own path and its own trails and detectors",
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
    let forms = [Writer::per_account, Writer::paths, Writer::accounts, Writer::merged];
    let candidates = forms.into_iter().map(|form| Policy::new(form(writer)));
    first_that_fits(candidates, BUCKET_POLICY_MAX_BYTES.saturating_sub(taken))
}

/// Writes the statements of one bucket.
///
/// What each service needs, and by what it is pinned to the accounts:
/// - CloudTrail (CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail"): `GetBucketAcl` on the bucket, and
///   `PutObject` below `[prefix/]AWSLogs/ACCOUNT/` with the ACL `bucket-owner-full-control`, by `aws:SourceArn` or
///   `aws:SourceAccount`.
/// - Config (AWS Config Developer Guide, "Permissions for the Amazon S3 bucket for the AWS Config delivery channel"):
///   `GetBucketAcl` and `ListBucket` on the bucket, and `PutObject` below `[prefix/]AWSLogs/ACCOUNT/Config/` with that
///   ACL, by `aws:SourceAccount`.
/// - GuardDuty (GuardDuty User Guide, "Exporting generated GuardDuty findings to Amazon S3 buckets"): `GetBucketLocation`
///   on the bucket, and `PutObject` below `[prefix/]AWSLogs/ACCOUNT/GuardDuty/`, no ACL required, by `aws:SourceAccount`
///   and a detector's ARN in `aws:SourceArn`.
///
/// From the second form on the services share their statements. With GuardDuty among them, the conditions on the ACL and
/// on the ARN hold for requests that carry one: an ACL means nothing in a bucket whose owner owns every object.
struct Writer<'a> {
    arn: String,
    logs: String,
    accounts: Vec<AccountId>,
    trail_name: Option<&'a str>,
    senders: Senders<'a>,
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
            senders: Senders::new(declared),
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

    /// The first form.
    fn per_account(&self) -> Vec<Statement> {
        let accounts = self.accounts.iter();
        let mut statements: Vec<Statement> = self.tls().into_iter().collect();
        statements.push(self.check("BaselineCloudTrailCheck", &["s3:GetBucketAcl"]).for_services([CLOUDTRAIL]));
        if self.senders.config {
            let actions = ["s3:GetBucketAcl", "s3:ListBucket"];
            statements.push(self.check("BaselineConfigCheck", &actions).for_services([CONFIG]));
        }
        if self.senders.guardduty {
            let check = self.check("BaselineGuardDutyCheck", &["s3:GetBucketLocation"]);
            let principals = self.senders.guardduty_principals();
            let detectors = self.senders.detectors(None);
            statements.push(check.for_services(principals).when("ArnLike", "aws:SourceArn", [detectors]));
        }
        statements.extend(accounts.clone().map(|id| self.trail_write(*id)));
        if self.senders.config {
            statements.extend(accounts.clone().map(|id| self.config_write(*id)));
        }
        if self.senders.guardduty {
            statements.extend(accounts.map(|id| self.guardduty_write(*id)));
        }
        statements
    }

    fn check(&self, sid: &str, actions: &[&str]) -> Statement {
        Statement::allow(sid, actions.iter().copied()).on([self.arn.clone()]).when(
            "StringEquals",
            "aws:SourceAccount",
            self.ids(),
        )
    }

    fn trail_write(&self, id: AccountId) -> Statement {
        let partition = self.declared.profiles.partition;
        // Both modes' trails begin with the declared name, so that a change of mode never lacks permission.
        let trail = self.trail_name.unwrap_or_default();
        owned_by_bucket(Statement::allow(&format!("BaselineCloudTrailWrite{id}"), ["s3:PutObject"]))
            .for_services([CLOUDTRAIL])
            .on([format!("{}/{id}/*", self.logs)])
            .when("ArnLike", "aws:SourceArn", [format!("arn:{partition}:cloudtrail:*:{id}:trail/{trail}*")])
    }

    fn config_write(&self, id: AccountId) -> Statement {
        owned_by_bucket(Statement::allow(&format!("BaselineConfigWrite{id}"), ["s3:PutObject"]))
            .for_services([CONFIG])
            .on([format!("{}/{id}/Config/*", self.logs)])
            .when("StringEquals", "aws:SourceAccount", [id.to_string()])
    }

    fn guardduty_write(&self, id: AccountId) -> Statement {
        // The administrator's export writes its members' findings, too.
        let administers =
            id == self.declared.profiles.security && guardduty::administrator_sees_findings(self.declared);
        let whose = if administers { "*".to_owned() } else { id.to_string() };
        Statement::allow(&format!("BaselineGuardDutyWrite{id}"), ["s3:PutObject"])
            .for_services(self.senders.guardduty_principals_of(id))
            .on([format!("{}/{whose}/GuardDuty/*", self.logs)])
            .when("StringEquals", "aws:SourceAccount", [id.to_string()])
            .when("ArnLike", "aws:SourceArn", [self.senders.detectors(Some(id))])
    }

    /// The second form.
    fn paths(&self) -> Vec<Statement> {
        let write = self.write().on(self.ids().map(|id| format!("{}/{id}/*", self.logs)));
        self.tls().into_iter().chain([self.checks(), write]).collect()
    }

    /// The third form.
    fn accounts(&self) -> Vec<Statement> {
        let write = self.write().on([format!("{}/*", self.logs)]);
        self.tls().into_iter().chain([self.checks(), write]).collect()
    }

    /// What every service may look at, in one statement.
    fn checks(&self) -> Statement {
        let check = self.check(&self.sid("Check"), &self.check_actions());
        self.senders.pinned(check.for_services(self.senders.principals()))
    }

    /// What every service may write, in one statement that lacks its resources.
    fn write(&self) -> Statement {
        let write = Statement::allow(&self.sid("Write"), ["s3:PutObject"])
            .for_services(self.senders.principals())
            .when("StringEquals", "aws:SourceAccount", self.ids());
        let write = if self.senders.guardduty { owned_by_bucket_if_said(write) } else { owned_by_bucket(write) };
        self.senders.pinned(write)
    }

    /// The fourth form.
    fn merged(&self) -> Vec<Statement> {
        let actions = self.check_actions().into_iter().chain(["s3:PutObject"]);
        let both = Statement::allow(&self.sid(""), actions)
            .for_services(self.senders.principals())
            .on([self.arn.clone(), format!("{}/*", self.logs)])
            .when("StringEquals", "aws:SourceAccount", self.ids());
        // The checks carry no ACL to compare.
        let both = self.senders.pinned(owned_by_bucket_if_said(both));
        self.tls().into_iter().chain([both]).collect()
    }

    fn check_actions(&self) -> Vec<&'static str> {
        let mut actions = vec!["s3:GetBucketAcl"];
        actions.extend(self.senders.config.then_some("s3:ListBucket"));
        actions.extend(self.senders.guardduty.then_some("s3:GetBucketLocation"));
        actions
    }

    /// Names a statement that the services share.
    fn sid(&self, what: &str) -> String {
        let who = if self.senders.cloudtrail_alone() { "CloudTrail" } else { "Logs" };
        format!("Baseline{who}{what}")
    }
}

fn owned_by_bucket(statement: Statement) -> Statement {
    statement.when("StringEquals", "s3:x-amz-acl", ["bucket-owner-full-control"])
}

fn owned_by_bucket_if_said(statement: Statement) -> Statement {
    statement.when("StringEqualsIfExists", "s3:x-amz-acl", ["bucket-owner-full-control"])
}
