//! The selections that this tool knows: their event patterns, and what a person gets to read of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::config::{Preset, Transform};
use super::read_only::API_CALL;
use crate::model::Partition;

/// Every call that creates, changes or deletes a security group (EC2 API Reference, "Actions").
const SECURITY_GROUP_CALLS: [&str; 11] = [
    "AssociateSecurityGroupVpc",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "DisassociateSecurityGroupVpc",
    "ModifySecurityGroupRules",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "UpdateSecurityGroupRuleDescriptionsEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
];

/// The calls among them that can open one to the world.
pub(super) const OPENING_CALLS: [&str; 2] = ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"];

/// The calls after which a trail records less, or elsewhere (CloudTrail API Reference, "Actions").
const TRAIL_CALLS: [&str; 5] =
    ["DeleteTrail", "PutEventSelectors", "PutInsightSelectors", "StopLogging", "UpdateTrail"];

/// What the names of IAM's calls start with that change something, tags apart (IAM API Reference, "Actions"). The
/// others only read (`Get`, `List`, `Generate`, `Simulate`), or move a request about.
const IAM_CHANGES: [&str; 18] = [
    "AcceptDelegation",
    "Add",
    "AssociateDelegation",
    "Attach",
    "Change",
    "Create",
    "Deactivate",
    "Delete",
    "Detach",
    "Disable",
    "Enable",
    "Put",
    "Remove",
    "Reset",
    "Resync",
    "Set",
    "Update",
    "Upload",
];

const SIGN_IN: &str = "AWS Console Sign In via CloudTrail";

impl Preset {
    /// Every one.
    pub const ALL: [Preset; 8] = [
        Preset::SecurityGroupChanges,
        Preset::SecurityGroupOpenToWorld,
        Preset::GuarddutyFindings,
        Preset::ConfigCompliance,
        Preset::RootLogin,
        Preset::ConsoleLoginWithoutMfa,
        Preset::CloudtrailTampering,
        Preset::IamChanges,
    ];

    /// The name, as the file spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Preset::SecurityGroupChanges => "security-group-changes",
            Preset::SecurityGroupOpenToWorld => "security-group-open-to-world",
            Preset::GuarddutyFindings => "guardduty-findings",
            Preset::ConfigCompliance => "config-compliance",
            Preset::RootLogin => "root-login",
            Preset::ConsoleLoginWithoutMfa => "console-login-without-mfa",
            Preset::CloudtrailTampering => "cloudtrail-tampering",
            Preset::IamChanges => "iam-changes",
        }
    }

    /// Whether its events come through CloudTrail: they need a trail that is recording in that Region (EventBridge User
    /// Guide, "AWS service events delivered via CloudTrail").
    pub const fn needs_trail(self) -> bool {
        !matches!(self, Preset::GuarddutyFindings | Preset::ConfigCompliance)
    }

    /// Whether only the bus of the partition's global Region sees its events: those of IAM are (CloudTrail User Guide,
    /// "Global service events").
    pub const fn is_global(self) -> bool {
        matches!(self, Preset::IamChanges)
    }

    /// Whether leaving out the partition's global Region loses events: those of IAM, and the root user's signing in,
    /// are there only. An IAM user signs in wherever the endpoint is that it used: with the global one in us-east-1,
    /// us-east-2, eu-north-1 or ap-southeast-2, with a Regional one there (CloudTrail User Guide, "AWS Management
    /// Console sign-in events"), so that no Region can be left out for it.
    pub const fn needs_global_region(self, partition: Partition) -> bool {
        match self {
            Preset::IamChanges => true,
            Preset::RootLogin => matches!(partition, Partition::Aws),
            _ => false,
        }
    }

    /// Its event pattern. `minimum_severity` is in tenths and for findings only; `rules` is what goes for the names of
    /// the declared rules, for compliance only.
    pub(super) fn pattern(self, minimum_severity: Option<u32>, rules: &Value) -> Value {
        match self {
            Preset::SecurityGroupChanges => api_call("ec2", &json!({"eventName": SECURITY_GROUP_CALLS})),
            Preset::SecurityGroupOpenToWorld => api_call("ec2", &open_to_world()),
            Preset::GuarddutyFindings => findings(minimum_severity),
            // Both ways: a rule that is complied with again is news, too (AWS Config Developer Guide, "Monitoring AWS
            // Config with Amazon EventBridge").
            Preset::ConfigCompliance => json!({
                "source": ["aws.config"],
                "detail-type": ["Config Rules Compliance Change"],
                "detail": {
                    "messageType": ["ComplianceChangeNotification"],
                    "configRuleName": rules,
                    "newEvaluationResult": {"complianceType": ["COMPLIANT", "NON_COMPLIANT"]},
                },
            }),
            // Its calls, too: whoever holds an access key of the root user never signs in. Not those that services make
            // on its behalf (CIS AWS Foundations Benchmark, "Ensure usage of the 'root' account is monitored").
            Preset::RootLogin => json!({
                // Nobody else can put events of such a source (EventBridge API Reference, `PutEvents`).
                "source": [{"prefix": "aws."}],
                "detail-type": [API_CALL, SIGN_IN],
                "detail": {"userIdentity": {"type": ["Root"], "invokedBy": [{"exists": false}]}},
            }),
            // Only users with a password of their own: of those who come from an identity provider, IAM cannot tell (CIS
            // AWS Foundations Benchmark, "Ensure management console sign-in without MFA is monitored").
            Preset::ConsoleLoginWithoutMfa => json!({
                "source": ["aws.signin"],
                "detail-type": [SIGN_IN],
                "detail": {
                    "eventName": ["ConsoleLogin"],
                    "userIdentity": {"type": ["IAMUser", "Root"]},
                    "additionalEventData": {"MFAUsed": ["No"]},
                    "responseElements": {"ConsoleLogin": ["Success"]},
                },
            }),
            // Refused attempts included: they are worth knowing, too.
            Preset::CloudtrailTampering => api_call("cloudtrail", &json!({"eventName": TRAIL_CALLS})),
            Preset::IamChanges => {
                let changes: Vec<Value> = IAM_CHANGES.iter().map(|prefix| json!({"prefix": prefix})).collect();
                api_call("iam", &json!({"eventName": changes}))
            }
        }
    }

    /// What a person gets to read: one line with what happened, where, when, and by whom.
    pub(super) fn transform(self) -> Transform {
        match self {
            Preset::GuarddutyFindings => transform(
                &[
                    // In the administrator's account, the event's own `account` is the administrator (GuardDuty User
                    // Guide, "EventBridge rules for multi-account environments").
                    ("account", "$.detail.accountId"),
                    ("region", "$.detail.region"),
                    ("time", "$.time"),
                    ("severity", "$.detail.severity"),
                    ("title", "$.detail.title"),
                    ("type", "$.detail.type"),
                    ("finding", "$.detail.id"),
                ],
                "GuardDuty finding of severity <severity> in <account>, <region>, at <time>: <title> (<type>, finding \
                 <finding>)",
            ),
            Preset::ConfigCompliance => transform(
                &[
                    ("account", "$.account"),
                    ("region", "$.region"),
                    ("time", "$.time"),
                    ("rule", "$.detail.configRuleName"),
                    ("type", "$.detail.resourceType"),
                    ("resource", "$.detail.resourceId"),
                    ("now", "$.detail.newEvaluationResult.complianceType"),
                    ("before", "$.detail.oldEvaluationResult.complianceType"),
                ],
                "Config rule <rule> in <account>, <region>, at <time>: <type> <resource> is <now>, was <before>",
            ),
            Preset::SecurityGroupChanges => {
                calls("Security group change", &[("group", "$.detail.requestParameters.groupId")], " of <group>")
            }
            Preset::SecurityGroupOpenToWorld => calls(
                "Security group opened to the world",
                &[("group", "$.detail.requestParameters.groupId")],
                " of <group>",
            ),
            Preset::RootLogin => calls("Root user", &[], ""),
            Preset::ConsoleLoginWithoutMfa => calls("Console sign-in without MFA", &[], ""),
            Preset::CloudtrailTampering => {
                calls("Trail changed", &[("trail", "$.detail.requestParameters.name")], " of <trail>")
            }
            Preset::IamChanges => calls("IAM change", &[], ""),
        }
    }
}

fn api_call(service: &str, detail: &Value) -> Value {
    let mut detail = detail.clone();
    detail["eventSource"] = json!([format!("{service}.amazonaws.com")]);
    json!({"source": [format!("aws.{service}")], "detail-type": [API_CALL], "detail": detail})
}

/// Ingress from `0.0.0.0/0` or `::/0`, however it is written: whatever stands before `/0`, AWS takes it for the whole
/// world.
///
/// Where the networks stand in CloudTrail's `requestParameters` is not specified; it was taken from published events.
/// `AuthorizeSecurityGroupIngress` has them in `ipPermissions.items[].ipRanges.items[].cidrIp` and
/// `…ipv6Ranges.items[].cidrIpv6`, or one directly as `cidrIp`. `ModifySecurityGroupRules` keeps the request's own
/// wrapping and spelling (AWS's sample queries for CloudTrail Lake, `ec2-security-historical-changes.sql`):
/// `ModifySecurityGroupRulesRequest.SecurityGroupRule[].SecurityGroupRule.CidrIpv4` and `CidrIpv6`. It does not say
/// whether the rule is one of ingress: a rule of egress that is changed to the whole world matches, too.
fn open_to_world() -> Value {
    let everywhere = json!([{"suffix": "/0"}]);
    let modified = |key: &str| {
        json!({"requestParameters": {"ModifySecurityGroupRulesRequest": {
            "SecurityGroupRule": {"SecurityGroupRule": {key: everywhere}},
        }}})
    };
    json!({
        "eventName": OPENING_CALLS,
        // What was refused, or only tried with DryRun, opened nothing.
        "errorCode": [{"exists": false}],
        "$or": [
            {"requestParameters": {"ipPermissions": {"items": {"ipRanges": {"items": {"cidrIp": everywhere}}}}}},
            {"requestParameters": {"ipPermissions": {"items": {"ipv6Ranges": {"items": {"cidrIpv6": everywhere}}}}}},
            {"requestParameters": {"cidrIp": everywhere}},
            modified("CidrIpv4"),
            modified("CidrIpv6"),
        ],
    })
}

/// Source: GuardDuty User Guide, "Processing GuardDuty findings with Amazon EventBridge".
fn findings(minimum_severity: Option<u32>) -> Value {
    let mut pattern = json!({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]});
    if let Some(tenths) = minimum_severity {
        let severity = if tenths % 10 == 0 { json!(tenths / 10) } else { json!(f64::from(tenths) / 10.0) };
        pattern["detail"] = json!({"severity": [{"numeric": [">=", severity]}]});
    }
    pattern
}

/// The message about a call: who made it, from where, and whether it failed.
fn calls(what: &str, more: &[(&str, &str)], of: &str) -> Transform {
    let mut paths = vec![
        ("account", "$.account"),
        ("region", "$.region"),
        ("time", "$.time"),
        ("actor", "$.detail.userIdentity.arn"),
        ("address", "$.detail.sourceIPAddress"),
        ("call", "$.detail.eventName"),
        ("error", "$.detail.errorCode"),
    ];
    paths.extend(more);
    let template = format!("{what} in <account>, <region>, at <time>: <call>{of} by <actor> from <address> <error>");
    transform(&paths, &template)
}

/// A text stands in quotation marks in a template (EventBridge User Guide, "Input transformation").
fn transform(paths: &[(&str, &str)], text: &str) -> Transform {
    let paths: BTreeMap<String, String> = paths.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Transform { paths, template: format!("\"{text}\"") }
}
