//! `profiles.toml` and `baseline.toml` as they are written. The doc comments are what editors show.
//!
//! Every key is optional here, also those that are needed: what is missing is reported by the checks, all at once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Overridable;
use super::at::{At, Section};
use super::rollout::RawTolerance;
use crate::model::Partition;
use crate::services::cloudtrail::config::RawCloudTrail;
use crate::services::config::section::{RawConfig, RawConfigRule};
use crate::services::eventbridge::config::{RawEvents, RawForward};
use crate::services::guardduty::config::RawGuardDuty;
use crate::services::kms::config::RawLogKey;
use crate::services::s3::config::RawLogBucket;
use crate::services::sns::config::RawNotify;

/// Who and where: every account of the company, and how to get into it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "profiles.toml")]
pub(crate) struct RawProfiles {
    /// The partition that all accounts live in. Default: aws.
    #[schemars(with = "Option<Partition>")]
    pub partition: Option<At<String>>,
    /// Where we start: the account that people log in to.
    #[schemars(required)]
    pub jump: Option<Section<RawJump>>,
    /// The account that owns the log key and receives what the others send.
    #[schemars(required)]
    pub security: Option<Section<RawSecurity>>,
    /// The account that owns the log bucket, where that is not the security account.
    pub log_archive: Option<Section<RawLogArchive>>,
    /// What holds for every project account that does not say otherwise.
    pub defaults: Option<Section<RawDefaults>>,
    /// The project accounts.
    #[schemars(required)]
    pub account: Option<Vec<Section<RawAccount>>>,
    /// How many failures stop a rollout. A tenth of the accounts is tolerated by default.
    pub rollout: Option<Section<RawRollout>>,
    /// Accounts outside the estate that are meant to read what the baseline relies on, such as a SIEM's.
    pub trusted_account: Option<Vec<Section<RawTrustedAccount>>>,
}

/// An account outside the estate that is meant to read logs, alerts or keys. Without it, whatever lets the account in is
/// reported as exposed on every run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TrustedAccount")]
pub(crate) struct RawTrustedAccount {
    /// Its id: 12 digits.
    #[schemars(required, regex(pattern = r"^[0-9]{12}$"))]
    pub id: Option<At<String>>,
    /// Why it is trusted, for people.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// What it is trusted with: "read". Writing, deleting and changing policies are never covered.
    #[schemars(required, regex(pattern = r"^read$"))]
    pub access: Option<At<String>>,
}

/// How many failures stop a rollout. Accounts are counted in which a change failed, among those that are changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rollout")]
pub(crate) struct RawRollout {
    /// With more failed accounts in a wave than this, the next wave is not started: a number, or a percentage of the
    /// wave's accounts, rounded down. Default: "10%", so that a wave of fewer than ten tolerates none.
    pub max_failures: Option<At<RawTolerance>>,
    /// The same for all waves so far, of all accounts that are changed. Default: "10%".
    pub max_failures_overall: Option<At<RawTolerance>>,
}

/// Where we start: the account that people log in to. It gets the baseline too.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Jump")]
pub(crate) struct RawJump {
    /// The AWS profile to start from. Default: the ambient credentials, as for every AWS tool.
    pub profile: Option<At<String>>,
    /// The jump account's id: 12 digits. Can be left out where `role` is an ARN.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<At<String>>,
    /// A first role to assume: its ARN, or its name where `account` is given. Default: none.
    pub role: Option<At<String>>,
    /// The external id that the role's trust policy asks for.
    #[schemars(regex(pattern = r"^[\w+=,.@:/-]{2,1224}$"))]
    pub external_id: Option<At<String>>,
    /// The session's name, as CloudTrail will show it. Default: baseline.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub session_name: Option<At<String>>,
    /// The source identity; once set it stays the same for the whole chain of roles. Every hop from there on needs
    /// sts:SetSourceIdentity, in the caller's identity policy and in the trust policy of the role that is assumed.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub source_identity: Option<At<String>>,
    /// The MFA device that the role asks for: an ARN, or the serial number of a hardware token.
    #[schemars(regex(pattern = r"^[\w+=/:,.@-]{9,256}$"))]
    pub mfa_serial: Option<At<String>>,
    /// A program with its arguments that prints the six digits within a minute. Default: they are asked for on the terminal.
    pub mfa_command: Option<At<Vec<At<String>>>>,
    /// How long the first session lasts, in seconds. Default: an hour. It is an hour at most where the starting keys are
    /// temporary, and the role's maximum session duration at most everywhere.
    #[schemars(range(min = 900, max = 43200))]
    pub duration_seconds: Option<At<i64>>,
    /// The one Region whose STS is asked, and whose EC2 is asked for the list of Regions: for a private network that
    /// reaches no other. Default: the home Region where AWS enables it by default, and others where it does not answer.
    pub sts_region: Option<At<String>>,
    /// Whether the jump account gets the baseline. Default: true.
    pub baseline: Option<At<bool>>,
    /// A name for people. Default: jump.
    pub name: Option<At<String>>,
    /// The e-mail address of its root user, which GuardDuty's invitations ask for.
    pub email: Option<At<String>>,
    /// Groups it belongs to, for --group.
    pub groups: Option<Vec<At<String>>>,
    /// When it is rolled out: lower waves first. Default: 1.
    #[schemars(range(min = 0))]
    pub wave: Option<At<i64>>,
    /// Which Regions count, instead of those of [defaults].
    pub regions: Option<Section<RawRegions>>,
    /// Services whose untagged namesakes may be taken over here.
    pub take_over: Option<Vec<At<String>>>,
}

/// The account that owns the log key and receives what the others send. It gets the baseline too.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Security")]
pub(crate) struct RawSecurity {
    /// Its id: 12 digits.
    #[schemars(required, regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<At<String>>,
    /// The role to assume from the jump account: a name or an ARN.
    #[schemars(required)]
    pub role: Option<At<String>>,
    /// The external id that the role's trust policy asks for.
    #[schemars(regex(pattern = r"^[\w+=,.@:/-]{2,1224}$"))]
    pub external_id: Option<At<String>>,
    /// The session's name, as CloudTrail will show it. Default: baseline.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub session_name: Option<At<String>>,
    /// The source identity; once set it stays the same for the whole chain of roles. Every hop from there on needs
    /// sts:SetSourceIdentity, in the caller's identity policy and in the trust policy of the role that is assumed.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub source_identity: Option<At<String>>,
    /// The Region that the log bucket and the log key live in.
    #[schemars(required)]
    pub home_region: Option<At<String>>,
    /// Whether the security account gets the baseline. Default: true.
    pub baseline: Option<At<bool>>,
    /// A name for people. Default: security.
    pub name: Option<At<String>>,
    /// The e-mail address of its root user, which GuardDuty's invitations ask for.
    pub email: Option<At<String>>,
    /// Groups it belongs to, for --group.
    pub groups: Option<Vec<At<String>>>,
    /// When it is rolled out: lower waves first. Default: 0.
    #[schemars(range(min = 0))]
    pub wave: Option<At<i64>>,
    /// Which Regions count, instead of those of [defaults].
    pub regions: Option<Section<RawRegions>>,
    /// Services whose untagged namesakes may be taken over here.
    pub take_over: Option<Vec<At<String>>>,
}

/// The account that owns the log bucket, where that is not the security account. It gets the baseline too.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogArchive")]
pub(crate) struct RawLogArchive {
    /// Its id: 12 digits.
    #[schemars(required, regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<At<String>>,
    /// The role to assume from the security account: a name or an ARN.
    #[schemars(required)]
    pub role: Option<At<String>>,
    /// The external id that the role's trust policy asks for.
    #[schemars(regex(pattern = r"^[\w+=,.@:/-]{2,1224}$"))]
    pub external_id: Option<At<String>>,
    /// The session's name, as CloudTrail will show it. Default: baseline.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub session_name: Option<At<String>>,
    /// The source identity; once set it stays the same for the whole chain of roles. Every hop from there on needs
    /// sts:SetSourceIdentity, in the caller's identity policy and in the trust policy of the role that is assumed.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub source_identity: Option<At<String>>,
    /// Whether the log archive account gets the baseline. Default: true.
    pub baseline: Option<At<bool>>,
    /// A name for people. Default: log-archive.
    pub name: Option<At<String>>,
    /// The e-mail address of its root user, which GuardDuty's invitations ask for.
    pub email: Option<At<String>>,
    /// Groups it belongs to, for --group.
    pub groups: Option<Vec<At<String>>>,
    /// When it is rolled out: lower waves first. Default: 0.
    #[schemars(range(min = 0))]
    pub wave: Option<At<i64>>,
    /// Which Regions count, instead of those of [defaults].
    pub regions: Option<Section<RawRegions>>,
    /// Services whose untagged namesakes may be taken over here.
    pub take_over: Option<Vec<At<String>>>,
}

/// What holds for every project account that does not say otherwise. Only `regions` also holds for the jump, security
/// and log archive accounts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Defaults")]
pub(crate) struct RawDefaults {
    /// The name of the role to assume from the security account.
    pub role: Option<At<String>>,
    /// The external id that the roles' trust policies ask for.
    #[schemars(regex(pattern = r"^[\w+=,.@:/-]{2,1224}$"))]
    pub external_id: Option<At<String>>,
    /// The sessions' name, as CloudTrail will show it. Default: baseline.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub session_name: Option<At<String>>,
    /// The source identity; once set it stays the same for the whole chain of roles. Every hop from there on needs
    /// sts:SetSourceIdentity, in the caller's identity policy and in the trust policy of the role that is assumed.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub source_identity: Option<At<String>>,
    /// Which Regions count. Default: every Region that the account has enabled.
    pub regions: Option<Section<RawRegions>>,
    /// When accounts are rolled out: lower waves first. Default: 1.
    #[schemars(range(min = 0))]
    pub wave: Option<At<i64>>,
}

/// A project account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Account")]
pub(crate) struct RawAccount {
    /// Its id: 12 digits, in quotation marks.
    #[schemars(required, regex(pattern = r"^[0-9]{12}$"))]
    pub id: Option<At<String>>,
    /// A name for people. Default: the id.
    pub name: Option<At<String>>,
    /// The e-mail address of its root user, which GuardDuty's invitations ask for.
    pub email: Option<At<String>>,
    /// Groups it belongs to, for --group.
    pub groups: Option<Vec<At<String>>>,
    /// When it is rolled out: lower waves first. Default: that of [defaults], or 1.
    #[schemars(range(min = 0))]
    pub wave: Option<At<i64>>,
    /// The role to assume from the security account: a name or an ARN. Default: that of [defaults].
    pub role: Option<At<String>>,
    /// The external id that the role's trust policy asks for. Default: that of [defaults].
    #[schemars(regex(pattern = r"^[\w+=,.@:/-]{2,1224}$"))]
    pub external_id: Option<At<String>>,
    /// The session's name, as CloudTrail will show it. Default: that of [defaults], or baseline.
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub session_name: Option<At<String>>,
    /// The source identity. Default: that of [defaults].
    #[schemars(regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub source_identity: Option<At<String>>,
    /// Which Regions count, instead of those of [defaults].
    pub regions: Option<Section<RawRegions>>,
    /// Services whose untagged namesakes may be taken over here.
    pub take_over: Option<Vec<At<String>>>,
    /// Whether this account gets the baseline. Default: true.
    pub baseline: Option<At<bool>>,
}

/// Which Regions count. Given for one account, it replaces that of [defaults] as a whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Regions")]
pub(crate) struct RawRegions {
    /// A Region counts if one of these globs matches. Default: ["*"].
    pub include: Option<At<Vec<At<String>>>>,
    /// And if none of these does. Default: [].
    pub exclude: Option<At<Vec<At<String>>>>,
    /// The Regions to take instead of asking AWS, for accounts where DescribeRegions is denied.
    pub list: Option<At<Vec<At<String>>>>,
}

/// What should be, everywhere. A section that is left out is neither read nor changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "baseline.toml")]
pub(crate) struct RawBaseline {
    /// The name of this baseline, shown in plans and put in a tag on everything it makes.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Tags that every resource gets, besides the tool's own.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub tags: Option<BTreeMap<At<String>, At<String>>>,
    /// The key that encrypts the logs; there by default wherever [log_bucket] is.
    pub log_key: Option<Section<RawLogKey>>,
    /// The bucket that every account's logs go to.
    pub log_bucket: Option<Section<RawLogBucket>>,
    /// The trails.
    pub cloudtrail: Option<Section<RawCloudTrail>>,
    /// AWS Config.
    pub config: Option<Section<RawConfig>>,
    /// Threat detection.
    pub guardduty: Option<Section<RawGuardDuty>>,
    /// Which events are forwarded to the security account.
    pub events: Option<Section<RawEvents>>,
    /// Who hears of them.
    pub notify: Option<Section<RawNotify>>,
    /// What some accounts have otherwise.
    #[serde(rename = "override")]
    pub overrides: Option<Vec<Section<RawOverride>>>,
    /// What is exposed and accepted for a while.
    pub exception: Option<Vec<Section<RawException>>>,
}

/// Something that is exposed and accepted until a day. Past that day it is exposed again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exception")]
pub(crate) struct RawException {
    /// The address of what is exposed, as a plan prints it; a glob.
    #[schemars(required)]
    pub address: Option<At<String>>,
    /// The digest that a plan prints with it: whatever widens what is accepted has another one.
    #[schemars(required, regex(pattern = r"^[0-9a-f]{32}$"))]
    pub digest: Option<At<String>>,
    /// Why it is accepted.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// Who answers for it.
    #[schemars(required)]
    pub owner: Option<At<String>>,
    /// The last day on which it is accepted, in UTC: a date without quotation marks.
    #[schemars(required, with = "Option<String>")]
    pub until: Option<At<toml::value::Datetime>>,
}

/// What some accounts have otherwise. Where several hold for an account, each adds to those before it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Override")]
pub(crate) struct RawOverride {
    /// The groups of profiles.toml whose accounts are meant.
    pub groups: Option<At<Vec<At<String>>>>,
    /// Globs over ids and names of accounts that are meant besides.
    pub accounts: Option<At<Vec<At<String>>>>,
    /// Sections that are left out for these accounts: not changed there, and read only to say what stays behind.
    pub without: Option<At<Vec<At<Overridable>>>>,
    /// What is otherwise of the trails.
    pub cloudtrail: Option<Section<RawCloudTrailOverride>>,
    /// What is otherwise of AWS Config.
    pub config: Option<Section<RawConfigOverride>>,
    /// What is otherwise of threat detection.
    pub guardduty: Option<Section<RawGuardDutyOverride>>,
    /// What is otherwise of the events that are forwarded.
    pub events: Option<Section<RawEventsOverride>>,
}

/// What is otherwise of the trails.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudTrailOverride")]
pub(crate) struct RawCloudTrailOverride {
    /// Which of the accounts' Regions have a trail; not with the mode multi-region. Default: all of them.
    pub regions: Option<Section<RawRegions>>,
}

/// What is otherwise of AWS Config.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConfigOverride")]
pub(crate) struct RawConfigOverride {
    /// Which of the accounts' Regions are recorded; the global_resources_region has to be one. Default: all of them.
    pub regions: Option<Section<RawRegions>>,
    /// Managed rules besides those of [config].
    pub rule: Option<Vec<Section<RawConfigRule>>>,
}

/// What is otherwise of threat detection.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardDutyOverride")]
pub(crate) struct RawGuardDutyOverride {
    /// Which of the accounts' Regions have a detector. Default: all of them.
    pub regions: Option<Section<RawRegions>>,
    /// Optional features by GuardDuty's name, and whether each is on; those of [guardduty] that are not named here are
    /// as there.
    #[schemars(with = "Option<BTreeMap<String, bool>>")]
    pub features: Option<At<BTreeMap<At<String>, At<bool>>>>,
}

/// What is otherwise of the events that are forwarded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EventsOverride")]
pub(crate) struct RawEventsOverride {
    /// From which of the accounts' Regions events are forwarded. Default: all of them.
    pub regions: Option<Section<RawRegions>>,
    /// What is forwarded besides what [events] says.
    pub forward: Option<Vec<Section<RawForward>>>,
}
