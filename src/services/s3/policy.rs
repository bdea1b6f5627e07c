//! The bucket policy: which accounts' services may put their logs where.

use std::collections::BTreeSet;

use super::spec;
use crate::model::{AccountId, Arn};
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

/// What of a bucket (its ARN) this baseline relies on: the bucket itself, the logs, and the tool's own objects.
pub(in crate::services) fn relied_on(declared: &Declared<'_>, bucket: &Arn) -> Vec<String> {
    let prefix = declared.baseline.log_bucket.as_ref().and_then(|bucket| bucket.prefix.as_deref());
    let prefix = prefix.map_or_else(String::new, |prefix| format!("{prefix}/"));
    let own = spec::LOCKS.split_inclusive('/').next().unwrap_or_default();
    vec![bucket.to_string(), format!("{bucket}/{prefix}AWSLogs/"), format!("{bucket}/{own}")]
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
///   on the bucket, and `PutObject` below the prefix, no ACL required, by `aws:SourceAccount` and a detector's ARN in
///   `aws:SourceArn`. Its policy grants `BUCKET/[optional prefix]/*`: the findings go to
///   `[prefix/]AWSLogs/ACCOUNT/GuardDuty/`, and where the object goes that it tests the bucket with is not said. Without a
///   prefix that would be the whole bucket, so that it is what lies below the account's own folder.
///
/// From the second form on the services share their statements. With GuardDuty among them, the conditions on the ACL and
/// on the ARN hold for requests that carry one: an ACL means nothing in a bucket whose owner owns every object.
struct Writer<'a> {
    arn: String,
    logs: String,
    /// What lies below the prefix, where there is one.
    prefixed: Option<String>,
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
            prefixed: prefix.map(|prefix| format!("{arn}/{prefix}/*")),
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
        statements.extend(self.folder(false));
        statements
    }

    /// What the callers need who set up GuardDuty's export below a prefix: it looks for the folder there with the
    /// *caller's* own permissions, `s3:ListBucket` and `s3:GetObject` (GuardDuty User Guide, "Exporting generated
    /// GuardDuty findings to Amazon S3 buckets", step 1), which another account's bucket must let in, too.
    ///
    /// Who is said in a condition, so that a role that is gone does not invalidate the document: exact ARNs, which S3 does
    /// not call public ("The meaning of public", Amazon S3 User Guide), or, `short`, the accounts and the roles' names.
    fn folder(&self, short: bool) -> Vec<Statement> {
        let Some(folder) = spec::folder(self.declared) else { return Vec::new() };
        let roles: BTreeSet<&Arn> = self.callers().map(|(_, role)| role).collect();
        if roles.is_empty() {
            return Vec::new();
        }
        let by_callers = |statement: Statement| {
            let statement = statement.for_everyone();
            if short {
                let any = roles.iter().map(|role| format!("arn:{}:iam::*:{}", role.partition(), role.resource()));
                let ids: BTreeSet<String> = self.callers().map(|(id, _)| id.to_string()).collect();
                statement.when("StringEquals", "aws:PrincipalAccount", ids).when(
                    "ArnLike",
                    "aws:PrincipalArn",
                    any.collect::<BTreeSet<String>>(),
                )
            } else {
                statement.when("ArnEquals", "aws:PrincipalArn", roles.iter().map(ToString::to_string))
            }
        };
        let marker = format!("{}/{folder}", self.arn);
        let list =
            by_callers(Statement::allow("BaselineGuardDutyFolderList", ["s3:ListBucket"])).on([self.arn.clone()]);
        let read = by_callers(Statement::allow("BaselineGuardDutyFolderRead", ["s3:GetObject"])).on([marker]);
        vec![list.when("StringEquals", "s3:prefix", [folder.trim_end_matches('/').to_owned(), folder]), read]
    }

    /// The accounts that set up an export in a bucket that is not theirs, and the roles that do it there.
    fn callers(&self) -> impl Iterator<Item = (AccountId, &Arn)> {
        let profiles = self.declared.profiles;
        let others = profiles.baselined().filter(|account| account.id != profiles.bucket_owner);
        others.filter_map(|account| Some((account.id, &account.hop.as_ref()?.role)))
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
            .on([self.prefixed.clone().unwrap_or_else(|| format!("{}/{whose}/*", self.logs))])
            .when("StringEquals", "aws:SourceAccount", [id.to_string()])
            .when("ArnLike", "aws:SourceArn", [self.senders.detectors(Some(id))])
    }

    /// The second form.
    fn paths(&self) -> Vec<Statement> {
        let paths = self.ids().map(|id| format!("{}/{id}/*", self.logs));
        let write = self.write().on(paths.chain(self.for_guardduty()));
        self.tls().into_iter().chain([self.checks(), write]).chain(self.folder(false)).collect()
    }

    /// The third form.
    fn accounts(&self) -> Vec<Statement> {
        let write = self.write().on([format!("{}/*", self.logs)].into_iter().chain(self.for_guardduty()));
        self.tls().into_iter().chain([self.checks(), write]).chain(self.folder(true)).collect()
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
            .on([self.arn.clone(), format!("{}/*", self.logs)].into_iter().chain(self.for_guardduty()))
            .when("StringEquals", "aws:SourceAccount", self.ids());
        // The checks carry no ACL to compare.
        let both = self.senders.pinned(owned_by_bucket_if_said(both));
        self.tls().into_iter().chain([both]).chain(self.folder(true)).collect()
    }

    /// What GuardDuty needs besides the paths of logs.
    fn for_guardduty(&self) -> Option<String> {
        self.prefixed.clone().filter(|_| self.senders.guardduty)
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
