//! Tests of the declarations.

use insta::assert_snapshot;

use super::*;
use crate::services::estate::{BASELINE, Estate, PROFILES, id, pretty, region};
use crate::services::{Desired, Place, Resource, Service, Spec, Terms};

const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];

fn trails(estate: &Estate, regions: &[&str]) -> Vec<Desired> {
    estate.desire(Service::Cloudtrail, "333333333333", regions)
}

fn trail(desired: &Desired) -> &Trail {
    let Spec::CloudtrailTrail(trail) = &desired.spec else { panic!("{desired:?}") };
    trail
}

fn declaring(cloudtrail: &str) -> Estate {
    Estate::new(PROFILES, &format!("{BASELINE}{cloudtrail}"))
}

/// Addresses, what is required first, and who records global events.
fn overview(desired: &[Desired]) -> String {
    let lines = desired.iter().map(|desired| {
        let requires: Vec<String> = desired.requires.iter().map(ToString::to_string).collect();
        let global = if trail(desired).include_global_service_events { " with global events" } else { "" };
        format!("{}{global} after {}\n", desired.address, requires.join(" and "))
    });
    lines.collect()
}

#[test]
fn a_trail_in_full() {
    let estate = declaring(
        "exclude_kms_events = true\nmanagement_events = 'write'\n[[cloudtrail.data_events]]\n\
         resource_type = 'AWS::S3::Object'\nvalues = ['arn:aws:s3:::b/', 'arn:aws:s3:::a/']\n[tags]\nteam = 'x'\n",
    );
    assert_snapshot!(pretty(&trails(&estate, &["us-east-1"])[0].spec), @r#"
    {
      "event_selectors": {
        "basic": {
          "data_resources": [
            {
              "resource_type": "AWS::S3::Object",
              "values": [
                "arn:aws:s3:::a/",
                "arn:aws:s3:::b/"
              ]
            }
          ],
          "exclude_management_event_sources": [
            "kms.amazonaws.com"
          ],
          "include_management_events": true,
          "read_write_type": "WriteOnly"
        }
      },
      "include_global_service_events": true,
      "kms_key": "ref:222222222222/eu-west-1/kms.key/baseline-logs",
      "log_file_validation": true,
      "logging": true,
      "multi_region": false,
      "s3_bucket": "baseline-logs-222222222222-eu-west-1",
      "s3_key_prefix": null,
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline",
        "team": "x"
      }
    }
    "#);
}

#[test]
fn every_region_gets_a_trail_and_exactly_one_records_global_events() {
    assert_snapshot!(overview(&trails(&Estate::small(), &REGIONS)), @"
    333333333333/ap-northeast-1/cloudtrail.trail/baseline after 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/eu-west-1/cloudtrail.trail/baseline after 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/us-east-1/cloudtrail.trail/baseline with global events after 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    ");
}

#[test]
fn without_its_global_region_an_account_records_no_global_events() {
    let desired = trails(&Estate::small(), &["ap-northeast-1", "eu-west-1"]);
    assert!(desired.iter().all(|desired| !trail(desired).include_global_service_events));
    let estate = declaring("include_global_service_events = false\n");
    assert!(trails(&estate, &REGIONS).iter().all(|desired| !trail(desired).include_global_service_events));
}

#[test]
fn one_trail_for_all_regions_bears_a_name_of_its_own() {
    let estate = declaring("mode = 'multi-region'\n");
    let desired = trails(&estate, &REGIONS);
    assert_snapshot!(overview(&desired), @"333333333333/eu-west-1/cloudtrail.trail/baseline-multi-region with global events after 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1");
    assert!(trail(&desired[0]).multi_region);
    // Its home is its home, whether or not it is among the Regions that were found.
    assert_eq!(trails(&estate, &["us-east-1"])[0].address.target.region, region("eu-west-1"));
}

#[test]
fn the_logs_go_to_the_log_archive_account_and_are_encrypted_by_the_security_account() {
    let profiles =
        PROFILES.replace("defaults =", "log_archive = { account = '555555555555', role = 'Archive' }\ndefaults =");
    let estate = Estate::new(&profiles, &BASELINE.replace("[log_bucket]", "[log_bucket]\nprefix = 'org/audit'"));
    let desired = trails(&estate, &["us-east-1"]);
    assert_snapshot!(overview(&desired), @"333333333333/us-east-1/cloudtrail.trail/baseline with global events after 222222222222/eu-west-1/kms.key/baseline-logs and 555555555555/eu-west-1/s3.bucket/baseline-logs-555555555555-eu-west-1");
    assert_eq!(trail(&desired[0]).s3_key_prefix.as_deref(), Some("org/audit"));
    assert_eq!(trail(&desired[0]).s3_bucket, "baseline-logs-555555555555-eu-west-1");
}

#[test]
fn each_partition_has_its_own_global_region() {
    let mut seen = String::new();
    for (partition, home, other) in [
        ("aws", "eu-west-1", "us-east-1"),
        ("aws-cn", "cn-northwest-1", "cn-north-1"),
        ("aws-us-gov", "us-gov-east-1", "us-gov-west-1"),
        ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1"),
    ] {
        let profiles = format!("partition = '{partition}'\n{}", PROFILES)
            .replace("eu-west-1", home)
            .replace("arn:aws:", &format!("arn:{partition}:"));
        let estate = Estate::new(&profiles, BASELINE);
        let mut regions = vec![home, other];
        regions.dedup();
        seen.push_str(&overview(&trails(&estate, &regions)));
    }
    assert_snapshot!(seen, @"
    333333333333/eu-west-1/cloudtrail.trail/baseline after 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/us-east-1/cloudtrail.trail/baseline with global events after 222222222222/eu-west-1/kms.key/baseline-logs and 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/cn-northwest-1/cloudtrail.trail/baseline after 222222222222/cn-northwest-1/kms.key/baseline-logs and 222222222222/cn-northwest-1/s3.bucket/baseline-logs-222222222222-cn-northwest-1
    333333333333/cn-north-1/cloudtrail.trail/baseline with global events after 222222222222/cn-northwest-1/kms.key/baseline-logs and 222222222222/cn-northwest-1/s3.bucket/baseline-logs-222222222222-cn-northwest-1
    333333333333/us-gov-east-1/cloudtrail.trail/baseline after 222222222222/us-gov-east-1/kms.key/baseline-logs and 222222222222/us-gov-east-1/s3.bucket/baseline-logs-222222222222-us-gov-east-1
    333333333333/us-gov-west-1/cloudtrail.trail/baseline with global events after 222222222222/us-gov-east-1/kms.key/baseline-logs and 222222222222/us-gov-east-1/s3.bucket/baseline-logs-222222222222-us-gov-east-1
    333333333333/eusc-de-east-1/cloudtrail.trail/baseline with global events after 222222222222/eusc-de-east-1/kms.key/baseline-logs and 222222222222/eusc-de-east-1/s3.bucket/baseline-logs-222222222222-eusc-de-east-1
    ");
}

#[test]
fn a_section_that_is_left_out_is_neither_read_nor_changed() {
    let estate = Estate::new(PROFILES, "name = 'x'\n[log_key]\n[log_bucket]\n");
    assert!(trails(&estate, &REGIONS).is_empty());
    assert!(cells_of(&estate, &REGIONS).is_empty());
}

fn cells_of(estate: &Estate, regions: &[&str]) -> Vec<String> {
    let regions: Vec<_> = regions.iter().map(|name| region(name)).collect();
    let place = Place { account: estate.profiles.account(id("333333333333")).unwrap(), regions: &regions };
    cells(&estate.declared(), &place).iter().map(ToString::to_string).collect()
}

#[test]
fn every_region_is_read_in_either_mode() {
    let expected = ["333333333333/ap-northeast-1", "333333333333/eu-west-1", "333333333333/us-east-1"];
    assert_eq!(cells_of(&Estate::small(), &REGIONS), expected);
    let multi = declaring("mode = 'multi-region'\n");
    assert_eq!(cells_of(&multi, &REGIONS), expected);
    assert_eq!(cells_of(&multi, &["us-east-1"]), ["333333333333/us-east-1", "333333333333/eu-west-1"]);
}

#[test]
fn both_modes_names_are_ours_and_no_others() {
    let estate = Estate::small();
    let declared = estate.baseline.cloudtrail.as_ref().unwrap();
    for ours in ["baseline", "baseline-multi-region"] {
        assert!(spec::bears_our_name(declared, ours), "{ours}");
    }
    for other in ["baseline2", "my-baseline", "baseline-multi-region-multi-region", "Baseline", "-multi-region"] {
        assert!(!spec::bears_our_name(declared, other), "{other}");
    }
}

#[test]
fn what_other_people_tagged_stays() {
    let desired = trails(&Estate::small(), &["us-east-1"]).remove(0);
    let mut seen = trail(&desired).clone();
    seen.tags = [("Owner".to_owned(), "alice".to_owned()), ("Baseline".to_owned(), "older".to_owned())].into();
    let mut wanted = trail(&desired).clone();
    assert!(wanted.adopt(&seen, &Terms::default()).is_empty());
    let tags: Vec<_> = wanted.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(tags, ["Baseline=test", "ManagedBy=baseline", "Owner=alice"]);
}

/// What is wrong with a declaration.
fn mistakes(cloudtrail: &str) -> String {
    use crate::config::{Source, load};
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let text = format!("{BASELINE}{cloudtrail}");
    match load(&source("profiles.toml", PROFILES), Some(&source("baseline.toml", &text))) {
        Ok(loaded) => format!("{:?}", loaded.warnings.list),
        Err(problems) => format!("{:?}", problems.list),
    }
}

#[test]
fn advanced_selectors_are_taken_as_cloudtrail_takes_them() {
    let one = |fields: &str| format!("[[cloudtrail.advanced_selectors]]\nfields = [{fields}]\n");
    let category = |name: &str| format!("{{ field = 'eventCategory', equals = ['{name}'] }}");
    let management = category("Management");
    for (declared, message) in [
        (one(""), "of which category the events are"),
        (one(&category("Managment")), "of which category the events are"),
        (one("{ field = 'eventCategory', not_equals = ['Data'] }"), "takes `equals` alone"),
        (one(&format!("{management}, {{ field = 'readOnly', starts_with = ['t'] }}")), "takes `equals` alone"),
        (one(&format!("{management}, {{ field = 'eventSource' }}")), "is held against nothing"),
        (one(&format!("{management}, {{ field = 'eventSource', equals = [] }}")), "an operator without values"),
        (one(&format!("{management}, {{ equals = ['x'] }}")), "`field` is missing"),
        (format!("exclude_kms_events = true\n{}", one(&management)), "has no effect beside advanced selectors"),
        (
            one(&format!("{management}, {{ field = 'eventName', equals = [{}] }}", "'x', ".repeat(500))),
            "501 values are more",
        ),
        (one(&category("Data")), "no advanced selector records management events"),
    ] {
        assert!(mistakes(&declared).contains(message), "{declared}: {}", mistakes(&declared));
    }
    assert_eq!(mistakes(&one(&management)), "[]");
}
