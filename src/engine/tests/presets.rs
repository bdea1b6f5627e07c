//! Which of the security account's rules an event matches, as the simulated EventBridge reads their patterns.

use serde_json::{Value, json};

use crate::sandbox::event_matches;
use crate::services::estate::{Estate, PROFILES, region};
use crate::services::{Desired, Service, Spec};

/// One event, and of the security account's rules those that it matches.
fn matching(estate: &Estate, event: &Value) -> Vec<String> {
    let desired = estate.desire(Service::Eventbridge, "222222222222", &["us-east-1"]);
    let matches = |desired: &&Desired| {
        let Spec::EventbridgeRule(rule) = &desired.spec else { return false };
        let matched = event_matches(&rule.pattern.to_string(), event);
        matched.unwrap_or_else(|reason| panic!("{reason}: {}", rule.pattern))
    };
    desired.iter().filter(matches).map(|desired| desired.address.name.clone()).collect()
}

#[test]
fn an_event_is_told_of_once_by_the_presets_of_the_shipped_files() {
    let presets =
        ["security-group-changes", "security-group-open-to-world", "root-login", "cloudtrail-tampering", "iam-changes"];
    let forwards: String = presets.iter().map(|name| format!("[[events.forward]]\npreset = '{name}'\n")).collect();
    let text = format!("name = 'x'\n[log_bucket]\n[cloudtrail]\n[notify]\n[events]\n{forwards}");
    let mut estate = Estate::new(PROFILES, &text);
    estate.shared.hub = vec![region("us-east-1")];
    let call = |service: &str, name: &str, who: &str, request: Value| {
        json!({
            "account": "333333333333", "region": "us-east-1", "source": format!("aws.{service}"),
            "detail-type": "AWS API Call via CloudTrail",
            "detail": {
                "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
                "userIdentity": {"type": who}, "requestParameters": request,
            },
        })
    };
    let ranges = |v4: &[&str], v6: &[&str]| {
        let v4: Vec<Value> = v4.iter().map(|cidr| json!({"cidrIp": cidr})).collect();
        let v6: Vec<Value> = v6.iter().map(|cidr| json!({"cidrIpv6": cidr})).collect();
        json!({"ipRanges": {"items": v4}, "ipv6Ranges": {"items": v6}})
    };
    let ingress = |items: Vec<Value>| {
        call("ec2", "AuthorizeSecurityGroupIngress", "IAMUser", json!({"ipPermissions": {"items": items}}))
    };
    let modify = |key: &str, cidr: &str| {
        let rule = json!({"SecurityGroupRule": {"SecurityGroupRule": {key: cidr}}});
        call("ec2", "ModifySecurityGroupRules", "IAMUser", json!({"ModifySecurityGroupRulesRequest": rule}))
    };
    let (open, changed) = ("baseline-security-group-open-to-world", "baseline-security-group-changes");
    let mut refused = ingress(vec![ranges(&["0.0.0.0/0"], &[])]);
    refused["detail"]["errorCode"] = json!("Client.UnauthorizedOperation");
    let mut by_service = call("ec2", "CreateSecurityGroup", "Root", json!({}));
    by_service["detail"]["userIdentity"]["invokedBy"] = json!("cloudformation.amazonaws.com");
    for (event, expected) in [
        (ingress(vec![ranges(&["0.0.0.0/0"], &[])]), open),
        (ingress(vec![ranges(&[], &["::/0"])]), open),
        (ingress(vec![ranges(&["0.0.0.0/0"], &["::/0"])]), open),
        (ingress(vec![ranges(&["10.0.0.0/8"], &[])]), changed),
        (ingress(vec![ranges(&["10.0.0.0/8"], &[]), ranges(&[], &["fd00::/8"])]), changed),
        // To another group, or a prefix list.
        (ingress(vec![json!({"groups": {"items": [{"groupId": "sg-1"}]}, "ipRanges": {}, "ipv6Ranges": {}})]), changed),
        (call("ec2", "AuthorizeSecurityGroupIngress", "IAMUser", json!({"cidrIp": "0.0.0.0/0"})), open),
        (call("ec2", "AuthorizeSecurityGroupIngress", "IAMUser", json!({"cidrIp": "10.0.0.0/8"})), changed),
        (modify("CidrIpv4", "0.0.0.0/0"), open),
        (modify("CidrIpv6", "fd00::/8"), changed),
        (call("ec2", "DeleteSecurityGroup", "IAMUser", json!({})), changed),
        (refused, changed),
        (by_service, changed),
        (call("ec2", "CreateSecurityGroup", "Root", json!({})), "baseline-root-login"),
        (call("ec2", "AuthorizeSecurityGroupIngress", "Root", json!({"cidrIp": "0.0.0.0/0"})), "baseline-root-login"),
        (call("cloudtrail", "StopLogging", "Root", json!({})), "baseline-root-login"),
        (call("cloudtrail", "StopLogging", "IAMUser", json!({})), "baseline-cloudtrail-tampering"),
        (call("iam", "PutRolePolicy", "Root", json!({})), "baseline-root-login"),
        (call("iam", "PutRolePolicy", "AssumedRole", json!({})), "baseline-iam-changes"),
    ] {
        assert_eq!(matching(&estate, &event), [expected], "{event:#}");
    }
    // What patterns cannot say: of several networks, none is the world. It is told of twice rather than never.
    let mixed = ingress(vec![ranges(&["10.0.0.0/8", "0.0.0.0/0"], &[])]);
    assert_eq!(matching(&estate, &mixed), [changed, open]);
}
