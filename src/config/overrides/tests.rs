use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::services::estate::{Estate, id, region};
use crate::services::{Desired, Spec};

const PROFILES: &str = r#"
jump = { account = "111111111111", baseline = false }
security = { account = "222222222222", role = "Security", home_region = "eu-west-1" }
defaults = { role = "Execution" }
[[account]]
id = "333333333333"
name = "payments"
email = "payments@example.com"
[[account]]
id = "444444444444"
name = "search"
email = "search@example.com"
groups = ["sandbox"]
"#;

const BASELINE: &str = r#"
name = "test"
[log_bucket]
[cloudtrail]
[config]
[config.aggregator]
[[config.rule]]
identifier = "CLOUD_TRAIL_ENABLED"
[guardduty.features]
S3_DATA_EVENTS = true
[notify]
[events]
[[events.forward]]
preset = "config-compliance"
[[events.forward]]
preset = "guardduty-findings"
"#;

const BESIDES: &str = r#"
[[override]]
groups = ["sandbox"]
[override.guardduty.features]
S3_DATA_EVENTS = false
[[override.config.rule]]
identifier = "ENCRYPTED_VOLUMES"
[[override.events.forward]]
preset = "root-login"
[[override]]
accounts = ["4444*"]
[[override.config.rule]]
identifier = "ENCRYPTED_VOLUMES"
[[override.events.forward]]
preset = "root-login"
"#;

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// Everybody's Regions are known, and the security account receives in both.
fn estate(baseline: &str) -> Estate {
    let mut estate = Estate::new(PROFILES, baseline);
    let regions: Vec<Region> = REGIONS.iter().map(|name| region(name)).collect();
    for account in ["222222222222", "333333333333", "444444444444"] {
        estate.shared.regions.insert(id(account), regions.clone());
    }
    estate.shared.hub = regions;
    estate
}

/// The pattern of a rule of the security account.
fn hub_rule(estate: &Estate, at: &str) -> Option<Value> {
    let desired = estate.desire(Service::Eventbridge, "222222222222", &REGIONS);
    desired.into_iter().find(|one| one.address.to_string().ends_with(at)).and_then(|one| match one.spec {
        Spec::EventbridgeRule(rule) => Some(rule.pattern),
        _ => None,
    })
}

fn names(desired: &[Desired]) -> BTreeSet<String> {
    desired.iter().map(|one| one.address.to_string()).collect()
}

#[test]
fn an_account_has_what_its_overrides_say_and_nobody_else_does() {
    let estate = estate(&format!("{BASELINE}{BESIDES}"));
    let baseline = &estate.baseline;
    let (payments, search) = (estate.account("333333333333"), estate.account("444444444444"));
    assert!(matches!(baseline.of(payments), Cow::Borrowed(_)));
    let own = baseline.of(search);
    assert!(!own.guardduty.as_ref().unwrap().features["S3_DATA_EVENTS"]);
    let rules: Vec<&str> = own.config.as_ref().unwrap().rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(rules, ["baseline-cloud-trail-enabled", "baseline-encrypted-volumes"], "once, though said twice");
    let forwards: Vec<&str> = own.events.as_ref().unwrap().forward.iter().map(|forward| &*forward.name).collect();
    assert_eq!(forwards, ["config-compliance", "guardduty-findings", "root-login"]);
    assert_eq!(baseline.forwards().len(), 3);
    assert_eq!(baseline.config_rules().len(), 2);
}

#[test]
fn regions_are_narrowed_for_one_section_by_every_override_that_holds() {
    let estate = estate(&format!(
        "{BASELINE}[[override]]\naccounts = ['search']\n[override.guardduty]\nregions = {{ include = ['*-1'] }}\n\
         [[override]]\ngroups = ['sandbox']\n[override.guardduty]\nregions = {{ exclude = ['eu-*'] }}\n"
    ));
    let all: Vec<Region> = ["eu-west-1", "us-east-1", "us-east-2"].map(region).to_vec();
    let (payments, search) = (estate.account("333333333333"), estate.account("444444444444"));
    assert_eq!(estate.baseline.regions_of(search, Service::Guardduty, &all), [region("us-east-1")]);
    assert_eq!(estate.baseline.regions_of(search, Service::Config, &all), all);
    assert_eq!(estate.baseline.regions_of(payments, Service::Guardduty, &all), all);
    assert!(!estate.baseline.keeps_in(search, Overridable::Guardduty, &region("us-east-2")));
    assert!(estate.baseline.keeps(search, Overridable::Guardduty));
}

#[test]
fn the_security_account_expects_what_overrides_add_from_where_it_comes_alone() {
    let estate = estate(&format!("{BASELINE}{BESIDES}"));
    let added = hub_rule(&estate, "us-east-1/eventbridge.rule/baseline-root-login").unwrap();
    assert_eq!(added["account"], json!(["444444444444"]));
    let compliance = hub_rule(&estate, "us-east-1/eventbridge.rule/baseline-config-compliance").unwrap();
    assert_eq!(compliance["account"], json!(["222222222222", "333333333333", "444444444444"]));
    assert_eq!(
        compliance["detail"]["configRuleName"],
        json!(["baseline-cloud-trail-enabled", "baseline-encrypted-volumes"])
    );
}

#[test]
fn an_account_without_events_is_not_expected_to_send_any() {
    let estate = estate(&format!("{BASELINE}[[override]]\ngroups = ['sandbox']\nwithout = ['events']\n"));
    let rule = hub_rule(&estate, "eu-west-1/eventbridge.rule/baseline-config-compliance").unwrap();
    assert_eq!(rule["account"], json!(["222222222222", "333333333333"]));
}

#[test]
fn an_account_without_config_is_not_in_the_aggregator() {
    let shown = |baseline: &str| {
        let desired = estate(baseline).desire(Service::Config, "222222222222", &REGIONS);
        desired.into_iter().find_map(|one| match one.spec {
            Spec::ConfigAggregator(aggregator) => Some(aggregator.sources[0].accounts.clone()),
            _ => None,
        })
    };
    assert_eq!(shown(BASELINE).unwrap(), ["222222222222", "333333333333", "444444444444"]);
    let without = format!("{BASELINE}[[override]]\ngroups = ['sandbox']\nwithout = ['config']\n");
    assert_eq!(shown(&without).unwrap(), ["222222222222", "333333333333"]);
}

#[test]
fn members_are_those_whose_detectors_are_declared_and_the_others_send_their_findings() {
    let membership = BASELINE
        .replace("[guardduty.features]", "[guardduty]\nmembership = true\n[guardduty.features]")
        .replace("[events]", "[events]\nbus = 'inbox'");
    let with = |more: &str| estate(&format!("{membership}[[override]]\ngroups = ['sandbox']\n{more}"));
    let members = |estate: &Estate, at: &str| -> Vec<String> {
        let desired = estate.desire(Service::Guardduty, "222222222222", &REGIONS);
        let mut of = desired.iter().filter_map(|one| match &one.spec {
            Spec::GuarddutyMembers(members) if one.address.target.region.as_str() == at => Some(members),
            _ => None,
        });
        of.next().unwrap().members.keys().cloned().collect()
    };
    let sent = |estate: &Estate, at: &str| {
        hub_rule(estate, &format!("{at}/eventbridge.rule/inbox/baseline-guardduty-findings"))
    };

    let without = with("without = ['guardduty']\n");
    assert_eq!(members(&without, "eu-west-1"), ["333333333333"]);
    let narrowed = with("[override.guardduty]\nregions = { include = ['us-*'] }\n");
    assert_eq!(members(&narrowed, "eu-west-1"), ["333333333333"]);
    assert_eq!(members(&narrowed, "us-east-1"), ["333333333333", "444444444444"]);

    // Nobody administers these: they forward themselves, and are expected to.
    let search = narrowed.account("444444444444").clone();
    let regions = REGIONS.map(region);
    let declared = narrowed.declared();
    let place = crate::services::Place { account: &search, regions: &regions };
    let own = names(&Service::Eventbridge.desire(&declared, &place));
    assert!(own.contains("444444444444/eu-west-1/eventbridge.rule/baseline-guardduty-findings"), "{own:?}");
    assert!(!own.contains("444444444444/us-east-1/eventbridge.rule/baseline-guardduty-findings"), "{own:?}");
    let all = names(&narrowed.desire(Service::Eventbridge, "222222222222", &REGIONS));
    assert_eq!(sent(&narrowed, "eu-west-1").unwrap_or_else(|| panic!("{all:#?}"))["account"], json!(["444444444444"]));
    assert_eq!(sent(&narrowed, "us-east-1"), None);
}
