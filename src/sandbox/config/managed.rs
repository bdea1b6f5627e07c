//! AWS's managed rules: what triggers those that this simulation knows, and their parameters (AWS Config Developer
//! Guide, "List of AWS Config Managed Rules").

/// What makes AWS Config evaluate a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A frequency; no recorder is needed.
    Periodic,
    /// A change that a recorder recorded.
    Change,
    /// Either.
    Both,
}

/// A managed rule.
#[derive(Debug)]
pub(super) struct Managed {
    identifier: &'static str,
    pub trigger: Trigger,
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
}

const fn rule(identifier: &'static str, trigger: Trigger, optional: &'static [&'static str]) -> Managed {
    Managed { identifier, trigger, required: &[], optional }
}

const KNOWN: &[Managed] = &[
    Managed {
        identifier: "ACCESS_KEYS_ROTATED",
        trigger: Trigger::Periodic,
        required: &["maxAccessKeyAge"],
        optional: &[],
    },
    rule("CLOUDTRAIL_SECURITY_TRAIL_ENABLED", Trigger::Periodic, &[]),
    rule("CLOUD_TRAIL_ENABLED", Trigger::Periodic, &["s3BucketName", "snsTopicArn", "cloudWatchLogsLogGroupArn"]),
    rule("CLOUD_TRAIL_ENCRYPTION_ENABLED", Trigger::Periodic, &[]),
    rule("CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED", Trigger::Periodic, &[]),
    rule("EC2_EBS_ENCRYPTION_BY_DEFAULT", Trigger::Periodic, &[]),
    rule("GUARDDUTY_ENABLED_CENTRALIZED", Trigger::Periodic, &["CentralMonitoringAccount"]),
    rule(
        "IAM_PASSWORD_POLICY",
        Trigger::Periodic,
        &[
            "RequireUppercaseCharacters",
            "RequireLowercaseCharacters",
            "RequireSymbols",
            "RequireNumbers",
            "MinimumPasswordLength",
            "PasswordReusePrevention",
            "MaxPasswordAge",
        ],
    ),
    rule("IAM_ROOT_ACCESS_KEY_CHECK", Trigger::Periodic, &[]),
    rule("INCOMING_SSH_DISABLED", Trigger::Both, &[]),
    rule("MFA_ENABLED_FOR_IAM_CONSOLE_ACCESS", Trigger::Periodic, &[]),
    rule(
        "MULTI_REGION_CLOUD_TRAIL_ENABLED",
        Trigger::Periodic,
        &["s3BucketName", "snsTopicArn", "cloudWatchLogsLogGroupArn", "includeManagementEvents", "readWriteType"],
    ),
    rule("ROOT_ACCOUNT_MFA_ENABLED", Trigger::Periodic, &[]),
    rule(
        "S3_ACCOUNT_LEVEL_PUBLIC_ACCESS_BLOCKS",
        Trigger::Change,
        &["IgnorePublicAcls", "BlockPublicPolicy", "BlockPublicAcls", "RestrictPublicBuckets"],
    ),
    rule("S3_BUCKET_PUBLIC_READ_PROHIBITED", Trigger::Both, &[]),
    rule("S3_BUCKET_PUBLIC_WRITE_PROHIBITED", Trigger::Both, &[]),
    rule("SECURITYHUB_ENABLED", Trigger::Periodic, &[]),
    rule("VPC_DEFAULT_SECURITY_GROUP_CLOSED", Trigger::Change, &[]),
    rule("VPC_FLOW_LOGS_ENABLED", Trigger::Periodic, &["trafficType"]),
];

/// The managed rule of that identifier, where it is known here.
pub(super) fn find(identifier: &str) -> Option<&'static Managed> {
    KNOWN.iter().find(|rule| rule.identifier == identifier)
}

/// Whether a text could be the identifier of a managed rule: `CLOUD_TRAIL_ENABLED`.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}
