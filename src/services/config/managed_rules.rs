//! The managed rules that AWS Config has, as far as this release knows them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One rule a line: its identifier, what triggers it, the resource types that it evaluates (`-` where it evaluates the
/// account), then its parameters as `name:type`, with `!` where the rule cannot do without and `=` before the value that
/// AWS's console suggests.
///
/// Source: AWS Config Developer Guide, "List of AWS Config Managed Rules" and each rule's own page, autumn of 2025.
const TABLE: &str = include_str!("managed_rules.txt");

static RULES: LazyLock<BTreeMap<&str, ManagedRule>> =
    LazyLock::new(|| TABLE.lines().filter_map(ManagedRule::read).map(|rule| (rule.identifier, rule)).collect());

/// Rules about the account as a whole: every Region would give the same answer.
const OF_THE_ACCOUNT: [&str; 5] = [
    "IAM_PASSWORD_POLICY",
    "IAM_POLICY_IN_USE",
    "IAM_ROOT_ACCESS_KEY_CHECK",
    "ROOT_ACCOUNT_HARDWARE_MFA_ENABLED",
    "ROOT_ACCOUNT_MFA_ENABLED",
];

/// When a rule is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// At intervals.
    Periodic,
    /// When a resource that it evaluates changes.
    Change,
    /// Both.
    Both,
    /// The rule is not in the table.
    Unknown,
}

impl Trigger {
    /// Whether it can be told how often to evaluate.
    pub const fn has_frequency(self) -> bool {
        !matches!(self, Trigger::Change)
    }

    /// Whether it evaluates without anything being recorded.
    pub const fn runs_unrecorded(self) -> bool {
        matches!(self, Trigger::Periodic)
    }
}

/// A managed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManagedRule {
    pub identifier: &'static str,
    pub trigger: Trigger,
    /// The resource types that it evaluates; none where it evaluates the account, or AWS does not say.
    pub resource_types: Vec<&'static str>,
    pub parameters: Vec<Parameter>,
}

/// A parameter of a managed rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter {
    pub name: &'static str,
    /// `string`, `csv`, `int`, `double`, `boolean` or `stringmap`.
    pub kind: &'static str,
    pub required: bool,
    /// What AWS's console suggests; the API has no defaults.
    pub suggested: Option<&'static str>,
}

impl ManagedRule {
    fn read(line: &'static str) -> Option<Self> {
        let mut words = line.split(' ');
        let identifier = words.next()?;
        let trigger = match words.next()? {
            "periodic" => Trigger::Periodic,
            "change" => Trigger::Change,
            "both" => Trigger::Both,
            _ => return None,
        };
        let types = words.next()?;
        let resource_types = if types == "-" { Vec::new() } else { types.split(',').collect() };
        let parameters = words.map(Parameter::read).collect::<Option<_>>()?;
        Some(ManagedRule { identifier, trigger, resource_types, parameters })
    }

    /// The types, in order, to which a scope limits it: none where they are all that it can evaluate, spelt out.
    pub fn limited_to(&self, mut types: Vec<String>) -> Vec<String> {
        types.sort();
        let mut all = self.resource_types.clone();
        all.sort_unstable();
        if types == all { Vec::new() } else { types }
    }

    /// Whether it is about IAM or the root user, which are the same in every Region.
    pub fn is_global(&self) -> bool {
        let iam = !self.resource_types.is_empty() && self.resource_types.iter().all(|t| t.starts_with("AWS::IAM::"));
        iam || OF_THE_ACCOUNT.contains(&self.identifier)
    }
}

impl Parameter {
    fn read(word: &'static str) -> Option<Self> {
        let (head, suggested) = match word.split_once('=') {
            Some((head, suggested)) => (head, Some(suggested)),
            None => (word, None),
        };
        let (name, kind) = head.split_once(':')?;
        let required = kind.ends_with('!');
        Some(Parameter { name, kind: kind.trim_end_matches('!'), required, suggested })
    }

    /// What is wrong with a value.
    pub fn fault(&self, value: &str) -> Option<&'static str> {
        match self.kind {
            "int" if value.parse::<i64>().is_err() => Some("a whole number is expected"),
            "double" if value.parse::<f64>().is_err() => Some("a number is expected"),
            "boolean" if value != "true" && value != "false" => Some("`true` or `false` is expected, in lower case"),
            _ if value.is_empty() => Some("it is empty: leave it out"),
            _ => None,
        }
    }
}

/// The rule of this identifier.
pub(super) fn managed_rule(identifier: &str) -> Option<&'static ManagedRule> {
    RULES.get(identifier)
}

/// Every identifier in the table, in order.
pub(super) fn identifiers() -> impl Iterator<Item = &'static str> {
    RULES.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_rule() {
        let mut lines: Vec<&str> = TABLE.lines().collect();
        assert_eq!(RULES.len(), lines.len());
        assert!(lines.len() > 800, "{}", lines.len());
        let before = lines.clone();
        lines.sort_by_key(|line| line.split(' ').next());
        assert_eq!(lines, before, "in order");
        let kinds = ["string", "csv", "int", "double", "boolean", "stringmap"];
        for rule in RULES.values() {
            let name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            assert!(rule.identifier.chars().all(name), "{rule:?}");
            assert!(rule.resource_types.iter().all(|t| t.starts_with("AWS::") && t.matches("::").count() == 2));
            assert!(rule.parameters.iter().all(|p| kinds.contains(&p.kind) && !p.name.is_empty()), "{rule:?}");
        }
    }

    #[test]
    fn the_rules_that_the_shipped_baselines_need_are_as_the_developer_guide_says() {
        use Trigger::{Both, Change, Periodic};
        let expected = [
            ("CLOUD_TRAIL_ENABLED", Periodic),
            ("MULTI_REGION_CLOUD_TRAIL_ENABLED", Periodic),
            ("CLOUD_TRAIL_ENCRYPTION_ENABLED", Periodic),
            ("CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED", Periodic),
            ("CLOUDTRAIL_SECURITY_TRAIL_ENABLED", Periodic),
            ("GUARDDUTY_ENABLED_CENTRALIZED", Periodic),
            ("ROOT_ACCOUNT_MFA_ENABLED", Periodic),
            ("ROOT_ACCOUNT_HARDWARE_MFA_ENABLED", Periodic),
            ("IAM_ROOT_ACCESS_KEY_CHECK", Periodic),
            ("IAM_PASSWORD_POLICY", Periodic),
            ("MFA_ENABLED_FOR_IAM_CONSOLE_ACCESS", Periodic),
            ("IAM_USER_UNUSED_CREDENTIALS_CHECK", Periodic),
            ("IAM_USER_NO_POLICIES_CHECK", Change),
            ("IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS", Change),
            ("ACCESS_KEYS_ROTATED", Periodic),
            ("EC2_EBS_ENCRYPTION_BY_DEFAULT", Periodic),
            ("VPC_FLOW_LOGS_ENABLED", Periodic),
            ("SECURITYHUB_ENABLED", Periodic),
            ("CMK_BACKING_KEY_ROTATION_ENABLED", Periodic),
            ("VPC_DEFAULT_SECURITY_GROUP_CLOSED", Change),
            ("S3_ACCOUNT_LEVEL_PUBLIC_ACCESS_BLOCKS", Change),
            ("S3_BUCKET_PUBLIC_READ_PROHIBITED", Both),
            ("S3_BUCKET_PUBLIC_WRITE_PROHIBITED", Both),
            ("INCOMING_SSH_DISABLED", Both),
            ("RDS_STORAGE_ENCRYPTED", Change),
            ("EFS_ENCRYPTED_CHECK", Periodic),
        ];
        for (identifier, trigger) in expected {
            assert_eq!(managed_rule(identifier).unwrap().trigger, trigger, "{identifier}");
        }
        let age = managed_rule("ACCESS_KEYS_ROTATED").unwrap().parameters[0];
        assert_eq!((age.name, age.kind, age.required, age.suggested), ("maxAccessKeyAge", "int", true, Some("90")));
        assert!(managed_rule("IAM_PASSWORD_POLICY").unwrap().parameters.iter().all(|p| !p.required));
        assert!(managed_rule("CLOUD_TRAIL_ENABLED_").is_none());
    }

    #[test]
    fn a_rule_is_global_where_every_region_would_say_the_same() {
        let global = |identifier| managed_rule(identifier).unwrap().is_global();
        for identifier in OF_THE_ACCOUNT.into_iter().chain(["ACCESS_KEYS_ROTATED", "IAM_NO_INLINE_POLICY_CHECK"]) {
            assert!(global(identifier), "{identifier}");
        }
        for identifier in ["CLOUD_TRAIL_ENABLED", "IAM_EXTERNAL_ACCESS_ANALYZER_ENABLED", "VPC_FLOW_LOGS_ENABLED"] {
            assert!(!global(identifier), "{identifier}");
        }
    }
}
