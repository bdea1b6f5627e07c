//! What AWS Config has where: the rules of a Region, and the resource types that are sent.

use super::*;
use crate::model::is_resource_type;

#[test]
fn every_resource_type_that_is_sent_is_one_that_awss_model_has() {
    for excluded in ["AWS::EC2::Volume", "AWS::Config::ResourceCompliance", "AWS::IAM::User"] {
        let config = format!("recording_frequency = 'daily'\nexclude_resource_types = ['{excluded}']\n");
        for place in ["us-east-1", "eu-west-1", "eu-central-2"] {
            let sent = recorder(&declaring(&config), place);
            let overridden = sent.recording_mode.overrides.iter().flat_map(|one| &one.resource_types);
            let mut all = overridden.chain(&sent.recording_group.excluded_resource_types);
            assert!(all.all(|name| is_resource_type(name)), "{sent:?}");
        }
    }
}

#[test]
fn a_region_that_has_not_got_a_managed_rule_goes_without_it() {
    let rule = "[[config.rule]]\nidentifier = 'CLOUD_TRAIL_ENABLED'\n\
                [[config.rule]]\nidentifier = 'GUARDDUTY_ENABLED_CENTRALIZED'\n";
    let names = |config: &str, place: &str| {
        rules(&declaring(config), place).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    let both = "baseline-cloud-trail-enabled baseline-guardduty-enabled-centralized";
    assert_eq!(names(rule, "eu-west-1"), both);
    for place in ["ap-east-2", "ap-southeast-6", "ap-southeast-7", "mx-central-1"] {
        assert_eq!(names(rule, place), "baseline-cloud-trail-enabled", "{place}");
        let estate = declaring(rule);
        let declared = estate.declared();
        let (config, place) = (declared.baseline.config.as_ref().unwrap(), region(place));
        let missing: Vec<&str> =
            crate::services::config::rule::not_offered(config, &place).map(|rule| &*rule.name).collect();
        assert_eq!(missing, ["baseline-guardduty-enabled-centralized"]);
    }
    // What this release does not know of is declared.
    let except = format!("{rule}except_regions = ['sa-west-1']\n");
    assert_eq!(names(&except, "sa-west-1"), "baseline-cloud-trail-enabled");
    assert_eq!(names(&except, "eu-west-1"), both);
}

#[test]
fn a_managed_rule_of_somebody_over_the_same_resources_is_the_same_once_more() {
    let estate =
        declaring("[[config.rule]]\nidentifier = 'ACCESS_KEYS_ROTATED'\nparameters = { maxAccessKeyAge = 90 }\n");
    let declared = estate.declared();
    let (config, place) = (declared.baseline.config.as_ref().unwrap(), region("us-east-1"));
    let (_, theirs) = rules(&estate, "us-east-1").remove(0);
    let same = |rule: &Rule| crate::services::config::rule::once_more(config, &place, rule).is_some();
    assert!(same(&theirs));
    assert!(same(&Rule { parameters: [("maxAccessKeyAge".to_owned(), "30".to_owned())].into(), ..theirs.clone() }));
    assert!(!same(&Rule { identifier: "IAM_PASSWORD_POLICY".to_owned(), ..theirs.clone() }));
    assert!(!same(&Rule { owner: "CUSTOM_LAMBDA".to_owned(), ..theirs.clone() }));
    let narrow = Scope { tag_key: Some("team".to_owned()), ..Scope::default() };
    assert!(!same(&Rule { scope: narrow, ..theirs }));
}
