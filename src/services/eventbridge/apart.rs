//! One event, one message: what is taken out of a preset's pattern because another preset tells of it, as far as patterns
//! can say so.
//!
//! Where an event holds several values, a pattern matches if any of them does, `anything-but` included (AWS's own matcher,
//! event-ruler, README, "JSON Array Matching"): that none of them is something cannot be said. So one call that opens a
//! security group to the world and to a network besides is told of twice, and never not at all.

use serde_json::{Value, json};

use super::config::Preset;
use super::preset::OPENING_CALLS;

/// What is left of a preset's pattern on its way out of an account, once the root user's doings are forwarded by a rule of
/// their own: an event that two rules of an account match would be forwarded twice, and both copies told of by every rule
/// of the security account that matches them.
pub(super) fn sent_without_root(preset: Preset, mut pattern: Value) -> Value {
    match preset {
        Preset::ConsoleLoginWithoutMfa => pattern["detail"]["userIdentity"]["type"] = json!(["IAMUser"]),
        Preset::SecurityGroupChanges | Preset::CloudtrailTampering | Preset::IamChanges => {
            pattern["detail"]["$or"] = json!([
                {"userIdentity": {"type": [{"anything-but": ["Root"]}]}},
                {"userIdentity": {"invokedBy": [{"exists": true}]}},
            ]);
        }
        // Its own alternatives stand beside that name already.
        Preset::SecurityGroupOpenToWorld => pattern["detail"]["userIdentity"] = not_root(),
        _ => {}
    }
    pattern
}

/// What is left of a preset's pattern in the security account, where `root` tells of the root user's doings and `open` of
/// security groups that are opened to the world.
pub(super) fn told(preset: Preset, mut pattern: Value, root: bool, open: bool) -> Value {
    if root {
        match preset {
            Preset::ConsoleLoginWithoutMfa => pattern["detail"]["userIdentity"]["type"] = json!(["IAMUser"]),
            Preset::SecurityGroupChanges
            | Preset::SecurityGroupOpenToWorld
            | Preset::CloudtrailTampering
            | Preset::IamChanges => pattern["detail"]["userIdentity"] = not_root(),
            _ => {}
        }
    }
    if open && preset == Preset::SecurityGroupChanges {
        pattern["detail"]["$or"] = not_open();
    }
    pattern
}

/// Anybody's call but the root user's own: what services do on its behalf is not told of as its.
fn not_root() -> Value {
    json!({"$or": [{"type": [{"anything-but": ["Root"]}]}, {"invokedBy": [{"exists": true}]}]})
}

/// Every change of a security group that does not only open it to the world: another call, a refused one, one that names a
/// network which is not the world, or none.
fn not_open() -> Value {
    let narrow = json!([{"anything-but": {"suffix": "/0"}}]);
    let none = json!([{"exists": false}]);
    let ranges = |v4: Option<&Value>, v6: Option<&Value>| {
        let mut items = json!({});
        if let Some(test) = v4 {
            items["ipRanges"] = json!({"items": {"cidrIp": test}});
        }
        if let Some(test) = v6 {
            items["ipv6Ranges"] = json!({"items": {"cidrIpv6": test}});
        }
        json!({"items": items})
    };
    let modified = |rule: Value| json!({"SecurityGroupRule": {"SecurityGroupRule": rule}});
    json!([
        {"eventName": [{"anything-but": OPENING_CALLS}]},
        {"errorCode": [{"exists": true}]},
        {"requestParameters": {"ipPermissions": ranges(Some(&narrow), None)}},
        {"requestParameters": {"ipPermissions": ranges(None, Some(&narrow))}},
        {"requestParameters": {"cidrIp": narrow}},
        {"requestParameters": {"ModifySecurityGroupRulesRequest": modified(json!({"CidrIpv4": narrow}))}},
        {"requestParameters": {"ModifySecurityGroupRulesRequest": modified(json!({"CidrIpv6": narrow}))}},
        {"requestParameters": {
            "ipPermissions": ranges(Some(&none), Some(&none)),
            "cidrIp": none,
            "ModifySecurityGroupRulesRequest": modified(json!({"CidrIpv4": none, "CidrIpv6": none})),
        }},
    ])
}
