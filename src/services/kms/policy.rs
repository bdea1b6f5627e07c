//! The key policy: who may encrypt with the log key, and who may read.

use super::spec;
use crate::policy::{KEY_POLICY_MAX_BYTES, Policy, Statement, first_that_fits};
use crate::services::Declared;
use crate::services::senders::{CLOUDTRAIL, CONFIG, Senders};

/// The forms a key policy can take, tightest first; the first that fits KMS's 32 KiB is used.
const FORMS: [&str; 2] = [
    "the trails of each account by their ARN, and each service by what it needs",
    "the accounts by their id in one statement, without their trails' ARNs",
];

fn candidates(declared: &Declared<'_>) -> [Vec<Statement>; 2] {
    [by_trail(declared), by_account(declared)]
}

/// Our statements in the tightest form that fits beside what other people wrote, or in the smallest.
pub(super) fn statements(declared: &Declared<'_>) -> Vec<Statement> {
    chosen(declared).map_or_else(|| by_account(declared), |(_, policy)| policy.statements)
}

/// Which of how many forms the policy takes, and what it admits by; `None` when none fits.
pub fn policy_form(declared: &Declared<'_>) -> Option<(usize, usize, &'static str)> {
    let (index, _) = chosen(declared)?;
    Some((index + 1, FORMS.len(), FORMS[index]))
}

fn chosen(declared: &Declared<'_>) -> Option<(usize, Policy)> {
    let exclusive = declared.baseline.log_key.as_ref().is_some_and(|key| key.exclusive);
    let taken = spec::address(declared).map_or(0, |address| declared.shared.taken(&address, exclusive));
    first_that_fits(candidates(declared).map(Policy::new), KEY_POLICY_MAX_BYTES.saturating_sub(taken))
}

fn owners(declared: &Declared<'_>) -> Vec<Statement> {
    let profiles = declared.profiles;
    let mut statements = vec![
        Statement::allow("BaselineKeyOwner", ["kms:*"])
            .for_account_roots(profiles.partition, [profiles.security])
            .on(["*"]),
    ];
    if profiles.bucket_owner != profiles.security {
        // By condition and not by principal: a principal that no longer exists would invalidate the whole document.
        let s3 = format!("s3.{}.{}", profiles.home_region, profiles.partition.dns_suffix());
        statements.push(
            Statement::allow("BaselineLogArchiveRead", ["kms:Decrypt"])
                .for_everyone()
                .on(["*"])
                .when("StringEquals", "aws:PrincipalAccount", [profiles.bucket_owner.to_string()])
                .when("StringEquals", "kms:ViaService", [s3]),
        );
    }
    statements
}

/// What each service needs:
/// - CloudTrail (CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail"): encrypting is granted by the
///   trail's ARN in the encryption context; `Decrypt` is needed because the bucket uses an S3 Bucket Key.
/// - Config (AWS Config Developer Guide, "Permissions for the KMS Key for the AWS Config Delivery Channel"): `Decrypt` and
///   `GenerateDataKey`, by `aws:SourceAccount`.
/// - GuardDuty (GuardDuty User Guide, "Exporting generated GuardDuty findings to Amazon S3 buckets"): `GenerateDataKey`, by
///   `aws:SourceAccount` and a detector's ARN in `aws:SourceArn`.
fn by_trail(declared: &Declared<'_>) -> Vec<Statement> {
    let senders = Senders::new(declared);
    let partition = declared.profiles.partition;
    let trails = senders.ids().into_iter().map(|id| format!("arn:{partition}:cloudtrail:*:{id}:trail/*"));
    let mut statements = owners(declared);
    statements.push(
        Statement::allow("BaselineCloudTrailEncrypt", ["kms:GenerateDataKey*"])
            .for_services([CLOUDTRAIL])
            .on(["*"])
            .when("StringLike", "kms:EncryptionContext:aws:cloudtrail:arn", trails),
    );
    statements.push(
        Statement::allow("BaselineCloudTrailUse", ["kms:Decrypt", "kms:DescribeKey"])
            .for_services([CLOUDTRAIL])
            .on(["*"])
            .when("StringEquals", "aws:SourceAccount", senders.ids()),
    );
    if senders.config {
        statements.push(
            Statement::allow("BaselineConfig", ["kms:GenerateDataKey*", "kms:Decrypt"])
                .for_services([CONFIG])
                .on(["*"])
                .when("StringEquals", "aws:SourceAccount", senders.ids()),
        );
    }
    if senders.guardduty {
        statements.push(
            Statement::allow("BaselineGuardDuty", ["kms:GenerateDataKey"])
                .for_services(senders.guardduty_principals())
                .on(["*"])
                .when("StringEquals", "aws:SourceAccount", senders.ids())
                .when("ArnLike", "aws:SourceArn", [senders.detectors(None)]),
        );
    }
    statements
}

fn by_account(declared: &Declared<'_>) -> Vec<Statement> {
    let senders = Senders::new(declared);
    let sid = if senders.cloudtrail_alone() { "BaselineCloudTrail" } else { "BaselineLogs" };
    let mut statements = owners(declared);
    statements.push(
        senders.pinned(
            Statement::allow(sid, ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"])
                .for_services(senders.principals())
                .on(["*"])
                .when("StringEquals", "aws:SourceAccount", senders.ids()),
        ),
    );
    statements
}
