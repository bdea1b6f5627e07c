//! Tests of the declarations.

use insta::assert_snapshot;

use super::*;
use crate::config::{Source as File, load};
use crate::model::{AccountId, Address, Arn, Target};
use crate::services::estate::{BASELINE, Estate, PROFILES, id, pretty, region};
use crate::services::{Desired, Kind, Place, Reference, Resource, Service, Spec, Terms};

mod offered;

const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];
const PROJECT: &str = "333333333333";
const SECURITY: &str = "222222222222";

fn declaring(config: &str) -> Estate {
    Estate::new(PROFILES, &format!("{BASELINE}[config]\n{config}"))
}

fn desired(estate: &Estate, account: &str, regions: &[&str]) -> Vec<Desired> {
    estate.desire(Service::Config, account, regions)
}

/// Addresses of some kinds, and what is required first.
fn overview(desired: &[Desired], kinds: &[Kind]) -> String {
    let lines = desired.iter().filter(|desired| kinds.contains(&desired.address.kind)).map(|desired| {
        let requires: Vec<String> = desired.requires.iter().map(ToString::to_string).collect();
        let after = if requires.is_empty() { String::new() } else { format!(" after {}", requires.join(" and ")) };
        format!("{}{after}\n", desired.address)
    });
    lines.collect()
}

fn recorder(estate: &Estate, region: &str) -> Recorder {
    let found = desired(estate, PROJECT, &[region]).into_iter().find_map(|desired| match desired.spec {
        Spec::ConfigRecorder(recorder) => Some(*recorder),
        _ => None,
    });
    found.unwrap()
}

fn channel(estate: &Estate) -> DeliveryChannel {
    let found = desired(estate, PROJECT, &["us-east-1"]).into_iter().find_map(|desired| match desired.spec {
        Spec::ConfigDeliveryChannel(channel) => Some(*channel),
        _ => None,
    });
    found.unwrap()
}

fn rules(estate: &Estate, region: &str) -> Vec<(String, Rule)> {
    let of = |desired: Desired| match desired.spec {
        Spec::ConfigRule(rule) => Some((desired.address.name, *rule)),
        _ => None,
    };
    desired(estate, PROJECT, &[region]).into_iter().filter_map(of).collect()
}

fn taking_over() -> Terms {
    let target = Target::new(id(PROJECT), region("us-east-1"));
    let address = Some(Address::new(target, Kind::ConfigRecorder, "default"));
    Terms { take_over: true, address, ..Terms::default() }
}

fn terms() -> Terms {
    Terms { take_over: false, ..taking_over() }
}

#[test]
fn recorder_channel_and_recording_follow_each_other_in_every_region() {
    let kinds = [Kind::ConfigRecorder, Kind::ConfigDeliveryChannel, Kind::ConfigRecording];
    assert_snapshot!(overview(&desired(&declaring(""), PROJECT, &["eu-west-1", "us-east-1"]), &kinds), @"
    333333333333/eu-west-1/config.recorder/default after 333333333333/global/iam.service_linked_role/config.amazonaws.com
    333333333333/eu-west-1/config.delivery_channel/default after 333333333333/eu-west-1/config.recorder/default and 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/eu-west-1/config.recording/default after 333333333333/eu-west-1/config.recorder/default and 333333333333/eu-west-1/config.delivery_channel/default
    333333333333/us-east-1/config.recorder/default after 333333333333/global/iam.service_linked_role/config.amazonaws.com
    333333333333/us-east-1/config.delivery_channel/default after 333333333333/us-east-1/config.recorder/default and 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/us-east-1/config.recording/default after 333333333333/us-east-1/config.recorder/default and 333333333333/us-east-1/config.delivery_channel/default
    ");
}

#[test]
fn a_recorder_a_channel_and_a_rule_in_full() {
    let estate = declaring(
        "snapshot_frequency = 'Six_Hours'\n[[config.rule]]\nidentifier = 'ACCESS_KEYS_ROTATED'\n\
         parameters = { maxAccessKeyAge = 90 }\ntag = { key = 'stage', value = 'prod' }\n",
    );
    let all: Vec<String> = desired(&estate, PROJECT, &["us-east-1"]).iter().map(|one| pretty(&one.spec)).collect();
    assert_snapshot!(all.join("\n"), @r#"
    {
      "name": "default",
      "recording_group": {
        "excluded_resource_types": [],
        "include_global_resource_types": true,
        "resource_types": [],
        "strategy": "ALL_SUPPORTED_RESOURCE_TYPES"
      },
      "recording_mode": {
        "frequency": "CONTINUOUS",
        "overrides": []
      },
      "role": "ref:333333333333/global/iam.service_linked_role/config.amazonaws.com",
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      }
    }
    {
      "kms_key": "ref:222222222222/eu-west-1/kms.key/baseline-logs",
      "name": "default",
      "s3_bucket": "baseline-logs-222222222222-eu-west-1",
      "s3_key_prefix": null,
      "snapshot_frequency": "Six_Hours",
      "sns_topic": null
    }
    {
      "recorder": "default",
      "recording": true
    }
    {
      "description": null,
      "evaluation_modes": [],
      "frequency": "TwentyFour_Hours",
      "identifier": "ACCESS_KEYS_ROTATED",
      "owner": "AWS",
      "parameters": {
        "maxAccessKeyAge": "90"
      },
      "scope": {
        "resource_id": null,
        "resource_types": [],
        "tag_key": "stage",
        "tag_value": "prod"
      },
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      }
    }
    "#);
}

#[test]
fn exactly_one_region_records_what_is_the_same_everywhere() {
    let estate = declaring("global_resources_region = 'eu-west-1'\n");
    let recording = |region: &str| recorder(&estate, region).recording_group.include_global_resource_types;
    assert_eq!(REGIONS.map(recording), [false, true, false]);
    let estate = declaring("");
    let recording = |region: &str| recorder(&estate, region).recording_group.include_global_resource_types;
    assert_eq!(REGIONS.map(recording), [false, false, true]);
}

#[test]
fn with_exclusions_the_other_regions_exclude_the_global_types_by_name() {
    let estate = declaring("exclude_resource_types = ['AWS::IAM::User', 'AWS::EC2::NetworkInterface']\n");
    let group = |region: &str| {
        let group = recorder(&estate, region).recording_group;
        assert_eq!(group.strategy, "EXCLUSION_BY_RESOURCE_TYPES");
        assert!(!group.include_global_resource_types, "it has no effect there");
        group.excluded_resource_types.join(" ")
    };
    assert_eq!(group("us-east-1"), "AWS::EC2::NetworkInterface AWS::IAM::User");
    let without_iam = "AWS::EC2::NetworkInterface AWS::IAM::Group AWS::IAM::Policy AWS::IAM::Role AWS::IAM::User";
    assert_eq!(group("eu-west-1"), without_iam);
    // Where they cannot be recorded they need not be excluded.
    assert_eq!(group("eu-central-2"), "AWS::EC2::NetworkInterface AWS::IAM::User");
}

#[test]
fn types_that_cannot_be_recorded_daily_are_recorded_continuously() {
    let mode = |config: &str| recorder(&declaring(config), "us-east-1").recording_mode;
    assert_eq!(mode("").frequency, "CONTINUOUS");
    let daily = mode("recording_frequency = 'daily'\n");
    assert_eq!((daily.frequency.as_str(), daily.overrides.len()), ("DAILY", 0), "AWS does it where all are recorded");
    let excluding = "recording_frequency = 'daily'\nexclude_resource_types = ['AWS::Config::ResourceCompliance']\n";
    let overrides = mode(excluding).overrides;
    assert_eq!(overrides[0].frequency, "CONTINUOUS");
    assert_eq!(overrides[0].resource_types, ["AWS::Config::ConformancePackCompliance"]);
}

#[test]
fn what_somebody_said_of_single_types_stays_beside_what_has_to_be_said() {
    let theirs = FrequencyOverride {
        frequency: "CONTINUOUS".to_owned(),
        resource_types: vec!["AWS::S3::Bucket".to_owned()],
        description: Some("audit".to_owned()),
    };
    let adopted = |config: &str, theirs: &FrequencyOverride| {
        let mut wanted = recorder(&declaring(config), "us-east-1");
        let mut seen = Recorder { ours: true, ..wanted.clone() };
        seen.recording_mode.overrides = vec![theirs.clone()];
        assert!(wanted.adopt(&seen, &terms()).is_empty());
        wanted.recording_mode.overrides
    };
    assert_eq!(adopted("recording_frequency = 'daily'\n", &theirs), std::slice::from_ref(&theirs));
    let excluding = "recording_frequency = 'daily'\nexclude_resource_types = ['AWS::EC2::Volume']\n";
    let both = adopted(excluding, &theirs);
    assert_eq!((both.len(), both[0].resource_types.len()), (1, 3), "AWS takes one entry");
    assert_eq!(both[0].description.as_deref(), Some("audit"));
    // An entry that says the opposite has to go: there is room for one.
    let daily = FrequencyOverride { frequency: "DAILY".to_owned(), ..theirs };
    assert_eq!(adopted(excluding, &daily)[0].resource_types.len(), 2);
}

fn foreign(estate: &Estate) -> Recorder {
    let mut seen = recorder(estate, "us-east-1");
    seen.name = "company".to_owned();
    seen.role = Some(Reference::Is("arn:aws:iam::333333333333:role/Config".parse::<Arn>().unwrap()));
    seen.recording_group.include_global_resource_types = false;
    seen.recording_mode.frequency = "DAILY".to_owned();
    seen.tags = Some([("Owner".to_owned(), "alice".to_owned())].into());
    seen.ours = false;
    seen
}

#[test]
fn somebody_elses_recorder_keeps_its_name_role_scope_frequency_and_tags() {
    let estate = declaring("");
    let (seen, mut wanted) = (foreign(&estate), recorder(&estate, "us-east-1"));
    let kept = wanted.adopt(&seen, &terms());
    assert_eq!(wanted, seen);
    assert_eq!(kept.len(), 1);
    assert_snapshot!(format!("{}\n{}", kept[0].reason, kept[0].hint), @r#"
    recorder `company` is not ours and is not as declared in its role and recording scope: nobody's feed is rerouted
    declare `take_over = ["config"]` for account 333333333333 in profiles.toml to have it changed
    "#);
    assert!(wanted.refusals(Some(&seen), &terms()).is_empty());
    // A second run still takes it for somebody else's.
    assert_eq!(recorder(&estate, "us-east-1").adopt(&seen, &terms()), kept);
}

#[test]
fn somebody_elses_recorder_that_is_as_declared_is_in_sync() {
    let estate = declaring("");
    let mut wanted = recorder(&estate, "us-east-1");
    let seen = Recorder { name: "company".to_owned(), tags: Some(Default::default()), ..wanted.clone() };
    assert!(wanted.adopt(&seen, &terms()).is_empty());
    assert_eq!(wanted, seen);
}

#[test]
fn a_declared_frequency_holds_for_somebody_elses_recorder_too() {
    let estate = declaring("recording_frequency = 'continuous'\n");
    let (seen, mut wanted) = (foreign(&estate), recorder(&estate, "us-east-1"));
    wanted.adopt(&seen, &terms());
    assert_eq!(wanted.recording_mode.frequency, "CONTINUOUS");
}

#[test]
fn with_take_over_somebody_elses_recorder_becomes_ours_under_its_own_name() {
    let estate = declaring("");
    let (seen, mut wanted) = (foreign(&estate), recorder(&estate, "us-east-1"));
    assert!(wanted.adopt(&seen, &taking_over()).is_empty());
    assert_eq!(wanted.name, "company");
    assert!(wanted.recording_group.include_global_resource_types);
    let tags = wanted.tags.as_ref().unwrap();
    assert_eq!((tags["Owner"].as_str(), tags["ManagedBy"].as_str()), ("alice", "baseline"));
    assert!(wanted.refusals(Some(&seen), &taking_over()).is_empty());
    assert_eq!(wanted.refusals(Some(&seen), &terms()).len(), 2, "role and scope, whoever planned it");
}

#[test]
fn our_recorder_is_repaired_also_where_its_tags_cannot_be_read() {
    let estate = declaring("");
    let mut seen = Recorder { ours: true, tags: None, ..foreign(&estate) };
    let mut wanted = recorder(&estate, "us-east-1");
    assert!(wanted.adopt(&seen, &terms()).is_empty());
    assert!(wanted.recording_group.include_global_resource_types && wanted.tags.is_none());
    assert!(wanted.refusals(Some(&seen), &terms()).is_empty());
    seen.name = "other".to_owned();
    assert!(wanted.refusals(Some(&seen), &terms())[0].contains("one recorder"));
}

#[test]
fn whose_a_recorder_is_survives_a_saved_plan() {
    let seen = Recorder { ours: true, ..recorder(&declaring(""), "us-east-1") };
    let text = serde_json::to_string(&seen).unwrap();
    assert!(serde_json::from_str::<Recorder>(&text).unwrap().ours);
    let wanted = serde_json::to_string(&recorder(&declaring(""), "us-east-1")).unwrap();
    assert!(!wanted.contains("ours"), "{wanted}");
}

#[test]
fn a_channel_to_our_bucket_is_ours_and_one_to_another_is_not() {
    let estate = declaring("");
    let topic = Some("arn:aws:sns:us-east-1:333333333333:config".to_owned());
    let seen = DeliveryChannel {
        name: "company".to_owned(),
        s3_key_prefix: Some("old".to_owned()),
        sns_topic: topic.clone(),
        snapshot_frequency: Some("One_Hour".to_owned()),
        ..channel(&estate)
    };
    let mut wanted = channel(&estate);
    assert!(wanted.adopt(&seen, &terms()).is_empty());
    let undeclared = (wanted.name.as_str(), &wanted.sns_topic, wanted.snapshot_frequency.as_deref());
    assert_eq!(undeclared, ("company", &topic, Some("One_Hour")), "what is not declared stays");
    assert_eq!(wanted.s3_key_prefix, None, "what is declared is repaired");

    let elsewhere = DeliveryChannel { s3_bucket: "company-logs".to_owned(), kms_key: None, ..seen };
    let mut wanted = channel(&estate);
    let kept = wanted.adopt(&elsewhere, &terms());
    assert_eq!(wanted, elsewhere);
    assert_snapshot!(format!("{}\n{}", kept[0].reason, kept[0].hint), @r#"
    delivery channel `company` delivers to bucket company-logs and not to baseline-logs-222222222222-eu-west-1: nobody's feed is rerouted
    declare `take_over = ["config"]` for account 333333333333 in profiles.toml to have it changed
    "#);

    let mut wanted = channel(&estate);
    assert!(wanted.adopt(&elsewhere, &taking_over()).is_empty());
    assert_eq!(wanted.s3_bucket, "baseline-logs-222222222222-eu-west-1");
    assert_eq!(wanted.sns_topic, topic);
    assert!(wanted.refusals(Some(&elsewhere), &taking_over()).is_empty());
    assert_eq!(wanted.refusals(Some(&elsewhere), &terms()).len(), 1);
    wanted.sns_topic = None;
    assert!(wanted.refusals(Some(&elsewhere), &taking_over())[0].contains("topic"));
    wanted.name = "default".to_owned();
    assert!(wanted.refusals(Some(&elsewhere), &taking_over())[0].contains("one delivery channel"));
}

#[test]
fn a_declared_snapshot_frequency_holds() {
    let estate = declaring("snapshot_frequency = 'TwentyFour_Hours'\n");
    let seen = DeliveryChannel { snapshot_frequency: Some("One_Hour".to_owned()), ..channel(&estate) };
    let mut wanted = channel(&estate);
    wanted.adopt(&seen, &terms());
    assert_eq!(wanted.snapshot_frequency.as_deref(), Some("TwentyFour_Hours"));
}

#[test]
fn nothing_is_ever_stopped() {
    let mut wanted = Recording { recorder: "default".to_owned(), recording: true };
    wanted.adopt(&Recording { recorder: "company".to_owned(), recording: false }, &terms());
    assert_eq!(wanted, Recording { recorder: "company".to_owned(), recording: true });
    assert!(wanted.refusals(None, &terms()).is_empty());
    assert_eq!(Recording { recording: false, ..wanted }.refusals(None, &terms()).len(), 1);
}

#[test]
fn the_rules_that_watch_the_baseline_come_after_what_they_watch() {
    let estate = declaring(
        "[[config.rule]]\nidentifier = 'CLOUD_TRAIL_ENABLED'\n\
         [[config.rule]]\nidentifier = 'GUARDDUTY_ENABLED_CENTRALIZED'\n\
         [[config.rule]]\nidentifier = 'VPC_DEFAULT_SECURITY_GROUP_CLOSED'\n\
         [[config.rule]]\nidentifier = 'ROOT_ACCOUNT_MFA_ENABLED'\n\
         [[config.rule]]\nidentifier = 'SOMETHING_NEW'\nunlisted = true\n[guardduty]\n",
    );
    let all = desired(&estate, PROJECT, &["eu-west-1", "us-east-1"]);
    assert_snapshot!(overview(&all, &[Kind::ConfigRule]), @"
    333333333333/eu-west-1/config.rule/baseline-cloud-trail-enabled after 333333333333/eu-west-1/config.recorder/default and 333333333333/eu-west-1/cloudtrail.trail/baseline
    333333333333/eu-west-1/config.rule/baseline-guardduty-enabled-centralized after 333333333333/eu-west-1/config.recorder/default and 333333333333/eu-west-1/guardduty.detector/detector
    333333333333/eu-west-1/config.rule/baseline-vpc-default-security-group-closed after 333333333333/eu-west-1/config.recording/default
    333333333333/eu-west-1/config.rule/baseline-something-new after 333333333333/eu-west-1/config.recording/default
    333333333333/us-east-1/config.rule/baseline-cloud-trail-enabled after 333333333333/us-east-1/config.recorder/default and 333333333333/us-east-1/cloudtrail.trail/baseline
    333333333333/us-east-1/config.rule/baseline-guardduty-enabled-centralized after 333333333333/us-east-1/config.recorder/default and 333333333333/us-east-1/guardduty.detector/detector
    333333333333/us-east-1/config.rule/baseline-vpc-default-security-group-closed after 333333333333/us-east-1/config.recording/default
    333333333333/us-east-1/config.rule/baseline-root-account-mfa-enabled after 333333333333/us-east-1/config.recorder/default
    333333333333/us-east-1/config.rule/baseline-something-new after 333333333333/us-east-1/config.recording/default
    ");
    let hourly: Vec<_> = rules(&estate, "eu-west-1").into_iter().map(|(_, rule)| rule.frequency).collect();
    assert_eq!(hourly, [Some("One_Hour".to_owned()), Some("One_Hour".to_owned()), None, None]);
    assert_eq!(rules(&estate, "us-east-1")[3].1.frequency.as_deref(), Some("TwentyFour_Hours"));
    // Without what they watch there is nothing to wait for.
    let alone = Estate::new(
        PROFILES,
        "name = 'x'\n[log_bucket]\n[config]\n[[config.rule]]\nidentifier = 'CLOUD_TRAIL_ENABLED'\n",
    );
    let one = desired(&alone, PROJECT, &["us-east-1"]).pop().unwrap();
    assert_eq!(one.requires.len(), 1, "{one:?}");
}

#[test]
fn the_names_of_a_regions_rules() {
    let estate = declaring(
        "[[config.rule]]\nidentifier = 'CLOUD_TRAIL_ENABLED'\nname = 'trail'\n\
         [[config.rule]]\nidentifier = 'SECURITYHUB_ENABLED'\nregions = 'home'\n\
         [[config.rule]]\nidentifier = 'IAM_PASSWORD_POLICY'\nregions = 'all'\n",
    );
    let names = |name: &str| rule_names(&estate.declared(), &Target::new(id(PROJECT), region(name)));
    assert_eq!(names("us-east-1"), ["trail", "baseline-securityhub-enabled", "baseline-iam-password-policy"]);
    assert_eq!(names("eu-west-1"), ["trail", "baseline-iam-password-policy"]);
    assert!(rule_names(&Estate::small().declared(), &Target::new(id(PROJECT), region("us-east-1"))).is_empty());
}

#[test]
fn the_types_that_a_rule_evaluates_anyway_are_no_scope_when_they_are_spelt_out() {
    let scope = |identifier: &str, types: &str| {
        let estate = declaring(&format!("rule = [{{ identifier = '{identifier}', resource_types = {types} }}]\n"));
        rules(&estate, "us-east-1").pop().unwrap().1.scope.resource_types
    };
    assert_eq!(scope("ENCRYPTED_VOLUMES", "['AWS::EC2::Volume']"), [""; 0]);
    let one_of_many = scope("REQUIRED_TAGS", "['AWS::S3::Bucket'], parameters = { tag1Key = 'owner' }");
    assert_eq!(one_of_many, ["AWS::S3::Bucket"]);
}

#[test]
fn what_is_not_declared_of_a_rule_stays() {
    let estate = declaring("[[config.rule]]\nidentifier = 'S3_BUCKET_PUBLIC_READ_PROHIBITED'\n");
    let (_, wanted) = rules(&estate, "us-east-1").remove(0);
    let seen = Rule {
        description: Some("by hand".to_owned()),
        evaluation_modes: vec!["DETECTIVE".to_owned()],
        frequency: Some("TwentyFour_Hours".to_owned()),
        ..wanted.clone()
    };
    let mut adopted = wanted.clone();
    assert!(adopted.adopt(&seen, &terms()).is_empty());
    assert_eq!(adopted, seen);
    let narrowed = Scope { tag_key: Some("x".to_owned()), ..Scope::default() };
    let mut adopted = wanted.clone();
    adopted.adopt(&Rule { scope: narrowed, ..seen }, &terms());
    assert_eq!(adopted.scope, Scope::default(), "a rule that somebody narrowed no longer sees everything");
    assert_eq!(Rule { owner: "CUSTOM_LAMBDA".to_owned(), ..wanted }.refusals(None, &terms()).len(), 1);
}

#[test]
fn every_account_but_the_security_account_authorizes_the_aggregator_in_every_region() {
    let estate = declaring("[config.aggregator]\n");
    let kinds = [Kind::ConfigAuthorization, Kind::ConfigAggregator];
    let all = [PROJECT, SECURITY].map(|account| overview(&desired(&estate, account, &REGIONS), &kinds));
    assert_snapshot!(all.concat(), @"
    333333333333/ap-northeast-1/config.authorization/222222222222:eu-west-1
    333333333333/eu-west-1/config.authorization/222222222222:eu-west-1
    333333333333/us-east-1/config.authorization/222222222222:eu-west-1
    222222222222/eu-west-1/config.aggregator/baseline
    ");
    let aggregator = desired(&estate, SECURITY, &REGIONS).pop().unwrap();
    assert_snapshot!(pretty(&aggregator.spec), @r#"
    {
      "organization": false,
      "sources": [
        {
          "accounts": [
            "111111111111",
            "222222222222",
            "333333333333",
            "444444444444"
          ],
          "all_regions": true,
          "regions": []
        }
      ],
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      }
    }
    "#);
    let none = declaring("");
    assert_eq!(overview(&desired(&none, SECURITY, &REGIONS), &kinds), "");
}

#[test]
fn leave_that_somebody_else_gave_serves_as_well() {
    let mut wanted =
        Authorization { account: id(SECURITY), region: region("eu-west-1"), tags: super::spec::NO_TAGS.clone() };
    let seen = wanted.clone();
    wanted.tags = crate::services::our_tags(&declaring("").baseline);
    let ours = Authorization { tags: wanted.tags.clone(), ..wanted.clone() };
    wanted.adopt(&seen, &terms());
    assert_eq!(wanted, seen);
    let retagged = [("ManagedBy".to_owned(), "baseline".to_owned()), ("Baseline".to_owned(), "older".to_owned())];
    let mut wanted = ours.clone();
    wanted.adopt(&Authorization { tags: retagged.into(), ..ours.clone() }, &terms());
    assert_eq!(wanted, ours);
    let other = Authorization { account: id(PROJECT), ..ours.clone() };
    assert_eq!(ours.refusals(Some(&other), &terms()).len(), 1);
}

#[test]
fn an_aggregator_of_an_organization_or_of_too_many_accounts_is_refused() {
    let source = |count: usize| Source {
        accounts: (0..count).map(|n| format!("{n:012}")).collect(),
        all_regions: true,
        regions: Vec::new(),
    };
    let aggregator =
        |count, organization| Aggregator { sources: vec![source(count)], organization, tags: Default::default() };
    assert!(aggregator(10_000, false).refusals(None, &terms()).is_empty());
    assert!(aggregator(10_001, false).refusals(None, &terms())[0].contains("10000 accounts at most"));
    assert!(aggregator(1, true).refusals(None, &terms())[0].contains("organization"));
}

#[test]
fn every_region_is_read_and_in_the_security_account_its_home() {
    let estate = declaring("[config.aggregator]\n");
    let cells_of = |estate: &Estate, account: &str| {
        let regions = [region("us-east-1")];
        let place = Place { account: estate.account(account), regions: &regions };
        cells(&estate.declared(), &place).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(cells_of(&estate, PROJECT), ["333333333333/us-east-1"]);
    assert_eq!(cells_of(&estate, SECURITY), ["222222222222/us-east-1", "222222222222/eu-west-1"]);
    assert_eq!(cells_of(&declaring(""), SECURITY), ["222222222222/us-east-1"]);
    assert!(cells_of(&Estate::small(), PROJECT).is_empty());
    assert!(desired(&Estate::small(), PROJECT, &REGIONS).is_empty());
}

/// What is said of a baseline, errors and warnings alike.
fn said(profiles: &str, config: &str) -> Vec<String> {
    let source = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let baseline = source("baseline.toml", &format!("{BASELINE}[config]\n{config}"));
    let problems = match load(&source("profiles.toml", profiles), Some(&baseline)) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems.list.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn what_the_files_say_together_is_checked() {
    assert_eq!(said(PROFILES, ""), Vec::<String>::new());
    let unbaselined = PROFILES.replace("role = \"Security\",", "role = \"Security\", baseline = false,");
    assert_eq!(
        said(&unbaselined, "[config.aggregator]\n"),
        ["[config.aggregator] needs a security account that gets the baseline"]
    );
    let narrow = format!("{PROFILES}regions = {{ exclude = ['us-*'] }}\n");
    let left_out = "us-east-1 is left out by the `regions` of 444444444444 (search)";
    let with_trail: Vec<String> = said(&narrow, "");
    assert!(with_trail.iter().any(|message| message == left_out), "{with_trail:?}");
    assert!(!said(&narrow, "global_resources_region = 'eu-west-1'\n").is_empty(), "the trail's is left out still");
    let rule = |identifier: &str, more: &str| format!("[[config.rule]]\nidentifier = '{identifier}'\n{more}");
    assert_eq!(
        said(PROFILES, &rule("MULTI_REGION_CLOUD_TRAIL_ENABLED", "")),
        ["MULTI_REGION_CLOUD_TRAIL_ENABLED will call every account non-compliant"]
    );
    assert_eq!(
        said(PROFILES, &rule("IAM_PASSWORD_POLICY", "regions = 'all'\n")),
        ["IAM_PASSWORD_POLICY says the same in every Region"]
    );
    assert_eq!(
        said(PROFILES, &rule("CLOUD_TRAIL_ENABLED", "unlisted = true\n")),
        ["CLOUD_TRAIL_ENABLED is known by now"]
    );
    assert_eq!(
        said(PROFILES, "exclude_resource_types = ['AWS::EC2::Volume', 'AWS::EC2::NetworkInterfaces']\n"),
        ["`AWS::EC2::NetworkInterfaces` is not a resource type that this release knows"]
    );
    assert_eq!(
        said(PROFILES, &rule("CLOUD_TRAIL_ENABLED", "except_regions = ['ap-*']\n")),
        ["`ap-*` is not an AWS Region"]
    );
}

#[test]
fn the_regions_that_record_iam() {
    let records = |name: &str| section::records_iam_types(&region(name));
    for old in ["us-east-1", "ap-southeast-3", "me-south-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"] {
        assert!(records(old), "{old}");
    }
    for new in
        ["me-central-1", "eu-central-2", "eu-south-2", "ap-south-2", "ap-southeast-4", "ca-west-1", "il-central-1"]
    {
        assert!(!records(new), "{new}");
    }
    for newer in ["ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ap-east-2", "mx-central-1", "xx-new-1"] {
        assert!(!records(newer), "{newer}");
    }
}

#[test]
fn all_baselined_accounts_are_aggregated() {
    let profiles = PROFILES.replace("role = \"arn:aws:iam::111111111111:role/Jump\"", "baseline = false");
    let estate = Estate::new(&profiles, &format!("{BASELINE}[config]\n[config.aggregator]\n"));
    let Spec::ConfigAggregator(aggregator) = desired(&estate, SECURITY, &REGIONS).pop().unwrap().spec else {
        panic!("the aggregator comes last");
    };
    let ids: Vec<AccountId> = aggregator.sources[0].accounts.iter().map(|account| id(account)).collect();
    assert_eq!(ids, [SECURITY, PROJECT, "444444444444"].map(id));
}
