//! Tests of the declarations.

use insta::assert_snapshot;

use super::*;
use crate::config::{Source, load};
use crate::model::{Arn, Target};
use crate::services::estate::{BASELINE, Estate, PROFILES, id, pretty, region};
use crate::services::{Aside, Desired, Kept, Reference, Resource, Service, Spec, Terms};

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

fn declaring(guardduty: &str) -> Estate {
    Estate::new(PROFILES, &format!("{BASELINE}[guardduty]\n{guardduty}"))
}

/// With membership, and everybody's Regions known.
fn administered() -> Estate {
    let profiles = PROFILES
        .replace("name = \"payments\"", "name = \"payments\"\nemail = 'payments@example.com'")
        .replace("name = \"search\"", "name = \"search\"\nemail = 'search@example.com'")
        .replace("jump = {", "jump = { email = 'jump@example.com',");
    let mut estate = Estate::new(&profiles, &format!("{BASELINE}[guardduty]\nmembership = true\n"));
    for (account, regions) in [
        ("111111111111", &["us-east-1"][..]),
        ("222222222222", &["eu-west-1", "us-east-1"]),
        ("333333333333", &["eu-west-1", "us-east-1", "ap-east-1"]),
    ] {
        estate.shared.regions.insert(id(account), regions.iter().map(|name| region(name)).collect());
    }
    estate.shared.hub = vec![region("eu-west-1"), region("us-east-1")];
    estate
}

fn overview(desired: &[Desired]) -> String {
    let lines = desired.iter().map(|desired| {
        let requires: Vec<String> = desired.requires.iter().map(|a| format!(" after {a}")).collect();
        format!("{}{}{}\n", desired.address, if desired.shared { " shared" } else { "" }, requires.concat())
    });
    lines.collect()
}

fn detector_in(estate: &Estate) -> Detector {
    let desired = estate.desire(Service::Guardduty, "333333333333", &["eu-west-1"]);
    let Spec::GuarddutyDetector(detector) = &desired[0].spec else { panic!("{desired:?}") };
    (**detector).clone()
}

fn destination_in(estate: &Estate) -> PublishingDestination {
    let desired = estate.desire(Service::Guardduty, "333333333333", &["eu-west-1"]);
    let Spec::GuarddutyPublishingDestination(destination) = &desired[1].spec else { panic!("{desired:?}") };
    (**destination).clone()
}

/// The detector as AWS shows it once it is made.
fn seen(of: &Detector) -> Detector {
    Detector { bounds: Aside::default(), ..of.clone() }
}

fn terms(take_over: bool) -> Terms {
    Terms { take_over, ..Terms::default() }
}

fn texts(kept: &[Kept]) -> String {
    kept.iter().map(|kept| format!("{}: {}", kept.reason, kept.hint)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_region_gets_a_detector_and_its_export() {
    let estate = declaring("");
    assert_snapshot!(overview(&estate.desire(Service::Guardduty, "333333333333", &REGIONS)), @"
    333333333333/eu-west-1/guardduty.detector/detector
    333333333333/eu-west-1/guardduty.publishing_destination/s3 after 333333333333/eu-west-1/guardduty.detector/detector after 222222222222/eu-west-1/kms.key/baseline-logs after 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/us-east-1/guardduty.detector/detector
    333333333333/us-east-1/guardduty.publishing_destination/s3 after 333333333333/us-east-1/guardduty.detector/detector after 222222222222/eu-west-1/kms.key/baseline-logs after 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    ");
    assert!(Estate::small().desire(Service::Guardduty, "333333333333", &REGIONS).is_empty());
    let without = declaring("publish = false\n").desire(Service::Guardduty, "333333333333", &REGIONS);
    assert_eq!(without.len(), 2, "an export that is not declared is not there to be read: {without:?}");
}

#[test]
fn a_new_detector_is_told_of_every_feature() {
    let estate =
        declaring("features = { S3_DATA_EVENTS = true, RUNTIME_MONITORING = true, EC2_AGENT_MANAGEMENT = true }\n");
    assert_snapshot!(pretty(&Spec::GuarddutyDetector(Box::new(detector_in(&estate)))), @r#"
    {
      "enabled": true,
      "features": {
        "AI_ANALYST": false,
        "AI_PROTECTION": false,
        "EBS_MALWARE_PROTECTION": false,
        "EKS_AUDIT_LOGS": false,
        "LAMBDA_NETWORK_LOGS": false,
        "RDS_LOGIN_EVENTS": false,
        "RDS_LOGIN_EVENTS.RDS_DATA_RISK": false,
        "RUNTIME_MONITORING": true,
        "RUNTIME_MONITORING.EC2_AGENT_MANAGEMENT": true,
        "RUNTIME_MONITORING.ECS_FARGATE_AGENT_MANAGEMENT": false,
        "RUNTIME_MONITORING.EKS_ADDON_MANAGEMENT": false,
        "S3_DATA_EVENTS": true
      },
      "finding_publishing_frequency": "FIFTEEN_MINUTES",
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      }
    }
    "#);
    // GuardDuty refuses both kinds of runtime monitoring together.
    let eks = detector_in(&declaring("features = { EKS_RUNTIME_MONITORING = true, EKS_ADDON_MANAGEMENT = true }\n"));
    assert_eq!(eks.features.get("EKS_RUNTIME_MONITORING.EKS_ADDON_MANAGEMENT"), Some(&true));
    assert!(eks.features.keys().all(|key| !key.starts_with("RUNTIME_MONITORING")), "{:?}", eks.features);
}

#[test]
fn an_existing_detector_keeps_what_is_not_declared() {
    let estate = declaring("features = { S3_DATA_EVENTS = true }\n");
    let mut there = seen(&detector_in(&estate));
    there.features.insert("RDS_LOGIN_EVENTS".to_owned(), true);
    there.features.insert("NEWER_THAN_THIS".to_owned(), true);
    there.features.insert("S3_DATA_EVENTS".to_owned(), false);
    there.features.remove("AI_ANALYST");
    there.enabled = false;
    there.tags = [("team".to_owned(), "x".to_owned())].into();
    let mut adopted = detector_in(&estate);
    assert!(adopted.adopt(&there, &terms(false)).is_empty());
    let mut expected = there.clone();
    expected.features.insert("S3_DATA_EVENTS".to_owned(), true);
    expected.enabled = true;
    expected.tags = adopted.tags.clone();
    assert_eq!(adopted, expected);
    assert_eq!(adopted.tags.get("team").map(String::as_str), Some("x"));
    assert!(crate::services::is_ours(&adopted.tags));
    assert!(adopted.refusals(Some(&there), &terms(false)).is_empty());
}

#[test]
fn what_monitors_eks_alone_gives_way_to_what_covers_it() {
    let mut declared = detector_in(&declaring("features = { RUNTIME_MONITORING = true }\n"));
    let mut there = seen(&declared);
    there.features.insert("RUNTIME_MONITORING".to_owned(), false);
    there.features.insert("EKS_RUNTIME_MONITORING".to_owned(), true);
    assert!(declared.adopt(&there, &terms(false)).is_empty(), "nothing is lost");
    assert_eq!(declared.features.get("EKS_RUNTIME_MONITORING"), Some(&false));
    assert_eq!(declared.features.get("RUNTIME_MONITORING"), Some(&true));
    assert!(declared.refusals(Some(&there), &terms(false)).is_empty());
    // Where an organization's policy holds it, it is not ours to switch.
    let mut declared = detector_in(&declaring("features = { RUNTIME_MONITORING = true }\n"));
    there.bounds.0.imposed.insert("EKS_RUNTIME_MONITORING".to_owned());
    declared.adopt(&there, &terms(false));
    assert_eq!(declared.features.get("EKS_RUNTIME_MONITORING"), Some(&true));
}

#[test]
fn the_two_that_monitor_what_runs_are_judged_by_their_values() {
    for (features, eks, all) in [
        ("EKS_RUNTIME_MONITORING = false, RUNTIME_MONITORING = true", Some(false), Some(true)),
        ("EKS_RUNTIME_MONITORING = true, RUNTIME_MONITORING = false", Some(true), Some(false)),
        ("EKS_RUNTIME_MONITORING = false, RUNTIME_MONITORING = false", Some(false), Some(false)),
        ("EKS_RUNTIME_MONITORING = false", Some(false), None),
    ] {
        let detector = detector_in(&declaring(&format!("features = {{ {features} }}\n")));
        let of = |name: &str| detector.features.get(name).copied();
        assert_eq!((of("EKS_RUNTIME_MONITORING"), of("RUNTIME_MONITORING")), (eks, all), "{features}");
        let sent = super::features::of_one_request(&detector.features);
        let both = ["EKS_RUNTIME_MONITORING", "RUNTIME_MONITORING"].iter().all(|name| sent.contains(*name));
        assert!(!both, "{features}: {sent:?}");
    }
}

#[test]
fn what_a_detector_shows_unasked_is_compared_only_where_it_is_declared() {
    let mut declared = detector_in(&declaring("features = { RDS_LOGIN_EVENTS = true }\n"));
    let mut there = seen(&declared);
    there.features.insert("RDS_LOGIN_EVENTS.RDS_DATA_RISK".to_owned(), true);
    there.features.insert("RDS_LOGIN_EVENTS.NEWER_STILL".to_owned(), true);
    declared.adopt(&there, &terms(false));
    assert_eq!(declared, there, "no drift");
    let asked = declaring("features = { RDS_LOGIN_EVENTS = true, RDS_DATA_RISK = true }\n");
    let mut declared = detector_in(&asked);
    there.features.insert("RDS_LOGIN_EVENTS.RDS_DATA_RISK".to_owned(), false);
    declared.adopt(&there, &terms(false));
    assert_eq!(declared.features.get("RDS_LOGIN_EVENTS.RDS_DATA_RISK"), Some(&true));
    assert_eq!(declared.features.get("RDS_LOGIN_EVENTS.NEWER_STILL"), Some(&true));
}

#[test]
fn what_came_last_is_suspected_first() {
    let all: std::collections::BTreeSet<String> = detector_in(&declaring("")).features.keys().cloned().collect();
    let order = super::features::suspects(&all);
    assert_eq!(order[..4], ["RDS_LOGIN_EVENTS.RDS_DATA_RISK", "AI_ANALYST", "AI_PROTECTION", "RUNTIME_MONITORING"]);
    assert_eq!(order.last().map(String::as_str), Some("S3_DATA_EVENTS"));
}

#[test]
fn what_a_creation_could_not_name_is_switched_off_by_whichever_run_comes_next() {
    let declared = detector_in(&declaring("features = { S3_DATA_EVENTS = true }\n"));
    let mut there = seen(&declared);
    there.features.insert("AI_ANALYST".to_owned(), true);
    let adopted = |declared: &Detector, there: &Detector| {
        let mut adopted = declared.clone();
        assert!(adopted.adopt(there, &terms(false)).is_empty());
        assert!(adopted.refusals(Some(there), &terms(false)).is_empty());
        adopted.features["AI_ANALYST"]
    };
    assert!(adopted(&declared, &there), "somebody's choice");
    there.tags.extend(super::spec::mark(&["AI_ANALYST".to_owned(), "AI_PROTECTION".to_owned()]));
    assert!(!adopted(&declared, &there), "nobody's choice");
    let named = detector_in(&declaring("features = { AI_ANALYST = true }\n"));
    assert!(adopted(&named, &there));
    // A tag of somebody else's detector says nothing.
    there.tags.remove("ManagedBy");
    assert!(adopted(&declared, &there));
    let many: Vec<String> = (0..40).map(|n| format!("A_LONG_NAME_OF_A_FEATURE_{n}")).collect();
    assert!(super::spec::mark(&many).values().all(|value| value.len() <= 256));
    assert!(super::spec::mark(&[]).is_empty());
}

#[test]
fn a_feature_that_the_region_does_not_offer_is_skipped_and_told() {
    let declared = detector_in(&declaring("features = { S3_DATA_EVENTS = true, AI_ANALYST = true }\n"));
    let mut there = seen(&declared);
    there.features.remove("AI_ANALYST");
    let mut adopted = declared.clone();
    adopted.adopt(&there, &terms(false));
    assert_eq!(adopted, there, "nothing is left to do");
    assert_eq!(declared.not_offered(&there).collect::<Vec<_>>(), ["AI_ANALYST"]);
}

#[test]
fn no_feature_is_switched_off_without_leave() {
    let off = "features = { S3_DATA_EVENTS = false, RDS_LOGIN_EVENTS = false }\n";
    let declared = detector_in(&declaring(off));
    let mut there = seen(&declared);
    there.features.insert("S3_DATA_EVENTS".to_owned(), true);
    let mut adopted = declared.clone();
    assert_snapshot!(texts(&adopted.adopt(&there, &terms(true))), @"S3_DATA_EVENTS would be switched off: features that are on stay on: say `allow_disable = true` under [guardduty], or declare them on");
    assert_eq!(adopted, there);
    assert_snapshot!(declared.refusals(Some(&there), &terms(true)).join("\n"), @"S3_DATA_EVENTS would be switched off: say `allow_disable = true` under [guardduty]");

    let mut leave = detector_in(&declaring(&format!("allow_disable = true\n{off}")));
    assert!(leave.adopt(&there, &terms(false)).is_empty());
    assert_eq!(leave.features.get("S3_DATA_EVENTS"), Some(&false));
    assert!(leave.refusals(Some(&there), &terms(false)).is_empty());
}

#[test]
fn a_detector_under_another_administrator_is_untouched_and_reported() {
    let declared = detector_in(&declaring("features = { S3_DATA_EVENTS = true }\n"));
    let mut there = seen(&declared);
    there.enabled = false;
    there.finding_publishing_frequency = "SIX_HOURS".to_owned();
    there.features.insert("S3_DATA_EVENTS".to_owned(), false);
    there.tags.clear();
    there.bounds.0.administrator = Administrator::Other(id("999999999999"));
    let mut adopted = declared.clone();
    assert!(adopted.adopt(&there, &terms(true)).is_empty());
    assert_eq!(adopted, there);
    assert!(adopted.refusals(Some(&there), &terms(true)).is_empty());
    assert_snapshot!(declared.external_note(&there).unwrap(), @"account 999999999999 administers the detector, which with its export is left as it is; not as declared: it is suspended, finding_publishing_frequency, S3_DATA_EVENTS");
    assert_snapshot!(declared.refusals(Some(&there), &terms(true)).join("\n"), @"account 999999999999 administers the detector: it is not ours to change");
    there.bounds.0.administrator = Administrator::Itself;
    assert_eq!(declared.external_note(&there), None);
}

#[test]
fn what_an_administrator_or_a_policy_imposes_is_not_ours() {
    let declared = detector_in(&declaring("features = { S3_DATA_EVENTS = true, RDS_LOGIN_EVENTS = true }\n"));
    let mut there = seen(&declared);
    there.finding_publishing_frequency = "SIX_HOURS".to_owned();
    there.features.insert("S3_DATA_EVENTS".to_owned(), false);
    there.features.insert("RDS_LOGIN_EVENTS".to_owned(), false);
    there.bounds.0.administrator = Administrator::Security;
    there.bounds.0.imposed.insert("S3_DATA_EVENTS".to_owned());
    let mut adopted = declared.clone();
    adopted.adopt(&there, &terms(false));
    assert_eq!(adopted.finding_publishing_frequency, "SIX_HOURS");
    assert_eq!(adopted.features.get("S3_DATA_EVENTS"), Some(&false));
    assert_eq!(adopted.features.get("RDS_LOGIN_EVENTS"), Some(&true));
    // A detector of its own account has its own frequency.
    there.bounds.0.administrator = Administrator::Itself;
    let mut adopted = declared;
    adopted.adopt(&there, &terms(false));
    assert_eq!(adopted.finding_publishing_frequency, "FIFTEEN_MINUTES");
}

#[test]
fn a_detector_is_never_suspended() {
    let mut suspended = detector_in(&declaring(""));
    suspended.enabled = false;
    assert_snapshot!(suspended.refusals(None, &terms(true)).join("\n"), @"the detector would be suspended: nothing would be detected any more");
}

#[test]
fn an_export_in_full() {
    let estate = Estate::new(
        PROFILES,
        &format!("{}[guardduty]\n", BASELINE.replace("[log_bucket]", "[log_bucket]\nprefix = 'org/logs'")),
    );
    let destination = destination_in(&estate);
    assert_eq!(destination.bucket_owner.0, Some(id("222222222222")));
    assert_snapshot!(pretty(&Spec::GuarddutyPublishingDestination(Box::new(destination))), @r#"
    {
      "destination": "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/org/logs",
      "kms_key": "ref:222222222222/eu-west-1/kms.key/baseline-logs",
      "status": "PUBLISHING",
      "tags": {
        "Baseline": "test",
        "ManagedBy": "baseline"
      }
    }
    "#);
    assert_eq!(destination_in(&declaring("")).destination, "arn:aws:s3:::baseline-logs-222222222222-eu-west-1");
}

#[test]
fn an_export_that_leads_elsewhere_is_changed_only_where_that_is_declared() {
    let declared = destination_in(&declaring(""));
    let mut there = declared.clone();
    there.destination = "arn:aws:s3:::theirs".to_owned();
    there.tags.clear();
    let mut adopted = declared.clone();
    assert_snapshot!(texts(&adopted.adopt(&there, &terms(false))), @r#"findings are exported to arn:aws:s3:::theirs, not to arn:aws:s3:::baseline-logs-222222222222-eu-west-1: declare `take_over = ["guardduty"]` for this account in profiles.toml to export them to the log bucket instead"#);
    assert_eq!(adopted, there);
    assert_snapshot!(declared.refusals(Some(&there), &terms(false)).join("\n"), @r#"findings that go to arn:aws:s3:::theirs would go to arn:aws:s3:::baseline-logs-222222222222-eu-west-1: declare `take_over = ["guardduty"]`"#);

    let mut taken = declared.clone();
    assert!(taken.adopt(&there, &terms(true)).is_empty());
    assert_eq!(taken.destination, declared.destination);
    assert!(taken.refusals(Some(&there), &terms(true)).is_empty());

    // One that this tool made is put right again, whoever turned it away.
    there.tags.clone_from(&declared.tags);
    let mut ours = declared.clone();
    assert!(ours.adopt(&there, &terms(false)).is_empty());
    assert_eq!(ours, declared);
}

#[test]
fn an_export_to_our_bucket_is_converged() {
    let declared = destination_in(&declaring(""));
    let other: Arn = "arn:aws:kms:eu-west-1:222222222222:key/2".parse().unwrap();
    let mut there = declared.clone();
    there.tags.clear();
    there.status = "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY".to_owned();
    there.kms_key = Some(Reference::Is(other));
    let mut adopted = declared.clone();
    assert!(adopted.adopt(&there, &terms(false)).is_empty());
    assert_eq!(adopted, declared);
}

#[test]
fn the_export_of_an_external_detector_is_left_alone() {
    let declared = destination_in(&declaring(""));
    let mut none = declared.clone();
    none.destination.clear();
    none.kms_key = None;
    none.status = "NONE".to_owned();
    none.tags.clear();
    none.external = Aside(Some(id("999999999999")));
    let mut adopted = declared.clone();
    assert!(adopted.adopt(&none, &terms(true)).is_empty());
    assert_eq!(adopted, none);
    assert_eq!(declared.refusals(Some(&none), &terms(true)).len(), 1);
}

#[test]
fn with_membership_the_security_account_comes_first_and_exports_for_all() {
    let estate = administered();
    let own = overview(&estate.desire(Service::Guardduty, "222222222222", &REGIONS));
    assert_snapshot!(own, @"
    222222222222/eu-west-1/guardduty.detector/detector shared
    222222222222/eu-west-1/guardduty.publishing_destination/s3 shared after 222222222222/eu-west-1/guardduty.detector/detector after 222222222222/eu-west-1/kms.key/baseline-logs after 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    222222222222/eu-west-1/guardduty.members/members shared after 222222222222/eu-west-1/guardduty.detector/detector
    222222222222/us-east-1/guardduty.detector/detector shared
    222222222222/us-east-1/guardduty.publishing_destination/s3 shared after 222222222222/us-east-1/guardduty.detector/detector after 222222222222/eu-west-1/kms.key/baseline-logs after 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    222222222222/us-east-1/guardduty.members/members shared after 222222222222/us-east-1/guardduty.detector/detector
    ");
    // ap-east-1 is not the security account's: nobody administers it, and it exports for itself.
    let member = overview(&estate.desire(Service::Guardduty, "333333333333", &["ap-east-1", "eu-west-1"]));
    assert_snapshot!(member, @"
    333333333333/ap-east-1/guardduty.detector/detector
    333333333333/ap-east-1/guardduty.publishing_destination/s3 after 333333333333/ap-east-1/guardduty.detector/detector after 222222222222/eu-west-1/kms.key/baseline-logs after 222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1
    333333333333/eu-west-1/guardduty.detector/detector
    333333333333/eu-west-1/guardduty.membership/administrator after 333333333333/eu-west-1/guardduty.detector/detector after 222222222222/eu-west-1/guardduty.members/members
    ");
}

#[test]
fn the_security_accounts_own_choice_of_regions_does_not_bound_what_it_administers() {
    let mut estate = administered();
    estate.shared.hub.push(region("us-west-2"));
    let regions = [region("eu-west-1")];
    let place = crate::services::Place { account: estate.account("222222222222"), regions: &regions };
    let read: Vec<String> = cells(&estate.declared(), &place).iter().map(ToString::to_string).collect();
    assert_eq!(read, ["222222222222/eu-west-1", "222222222222/us-east-1", "222222222222/us-west-2"]);
    // Nobody gets the baseline there, so that there are no members.
    let desired = estate.desire(Service::Guardduty, "222222222222", &["eu-west-1"]);
    assert!(!desired.iter().any(|d| d.address.to_string() == "222222222222/us-west-2/guardduty.members/members"));
}

#[test]
fn members_are_those_that_get_the_baseline_in_the_region() {
    let estate = administered();
    let members = |region: &str| {
        let desired = estate.desire(Service::Guardduty, "222222222222", &REGIONS);
        let at = format!("222222222222/{region}/guardduty.members/members");
        let found = desired.into_iter().find(|desired| desired.address.to_string() == at).unwrap();
        let Spec::GuarddutyMembers(members) = found.spec else { panic!() };
        members.members.into_iter().map(|(id, member)| format!("{id} {}", member.email)).collect::<Vec<_>>()
    };
    assert_eq!(members("us-east-1"), ["111111111111 jump@example.com", "333333333333 payments@example.com"]);
    // The jump account has not enabled it, and 444444444444 could not be entered.
    assert_eq!(members("eu-west-1"), ["333333333333 payments@example.com"]);
}

fn member(email: &str, standing: Standing) -> Member {
    Member { email: email.to_owned(), standing }
}

#[test]
fn a_member_is_brought_as_far_as_an_invitation_and_no_farther() {
    let wanted = member("a@example.com", Standing::Invited);
    for (seen, after, redone) in [
        (member("a@example.com", Standing::Created), wanted.clone(), false),
        (member("b@example.com", Standing::Created), wanted.clone(), true),
        (member("A@example.com", Standing::Invited), member("A@example.com", Standing::Invited), false),
        (member("b@example.com", Standing::Invited), member("b@example.com", Standing::Invited), false),
        (member("b@example.com", Standing::Stopped), member("b@example.com", Standing::Invited), false),
        (member("a@example.com", Standing::Ended), wanted.clone(), false),
        (member("b@example.com", Standing::EmailVerificationFailed), wanted.clone(), true),
    ] {
        let mut ours = Members { members: [("333333333333".to_owned(), wanted.clone())].into(), ..Members::default() };
        let there = Members { members: [("333333333333".to_owned(), seen.clone())].into(), ..Members::default() };
        assert!(ours.adopt(&there, &terms(false)).is_empty(), "{seen:?}");
        let now = &ours.members["333333333333"];
        assert_eq!((now, now.is_redone(&seen)), (&after, redone), "{seen:?}");
    }
}

#[test]
fn a_wrong_address_is_reported_and_not_looped_on() {
    let wanted = |email| Members {
        members: [("333333333333".to_owned(), member(email, Standing::Invited))].into(),
        ..Members::default()
    };
    let failed = member("a@example.com", Standing::EmailVerificationFailed);
    let there = Members { members: [("333333333333".to_owned(), failed)].into(), ..Members::default() };
    let mut ours = wanted("a@example.com");
    assert_snapshot!(texts(&ours.adopt(&there, &terms(false))), @"the e-mail address is not that of the root user of 333333333333 (a@example.com): correct `email` of the account in profiles.toml, and it is invited again; or, where the account's own address was the wrong one and is right by now, say `invite_again = true` under [guardduty]");
    assert_eq!(ours, there, "nothing is sent again");
    let mut corrected = wanted("b@example.com");
    assert!(corrected.adopt(&there, &terms(false)).is_empty());
    assert_ne!(corrected, there);
    let gone = member("a@example.com", Standing::Unavailable);
    let there = Members { members: [("333333333333".to_owned(), gone)].into(), ..Members::default() };
    let mut ours = wanted("a@example.com");
    assert_snapshot!(texts(&ours.adopt(&there, &terms(false))), @"GuardDuty cannot work with the member 333333333333: the account is suspended or has this Region disabled: `aws guardduty list-members` says which");
    assert_eq!(ours, there);
}

#[test]
fn an_address_that_is_right_by_now_is_tried_again_where_that_is_declared() {
    let failed = member("a@example.com", Standing::EmailVerificationFailed);
    let there = Members { members: [("333333333333".to_owned(), failed.clone())].into(), ..Members::default() };
    let mut ours = Members {
        members: [("333333333333".to_owned(), member("a@example.com", Standing::Invited))].into(),
        invite_again: Aside(true),
    };
    assert!(ours.adopt(&there, &terms(false)).is_empty());
    assert_ne!(ours, there);
    assert!(ours.members["333333333333"].is_redone(&failed), "GuardDuty keeps what it made of the address");
}

#[test]
fn an_account_that_cannot_be_invited_is_blocked_and_not_waited_for() {
    let mut estate = administered();
    let place = Target::new(id("333333333333"), region("eu-west-1"));
    let obstacle = |estate: &Estate| {
        let desired = estate.desire(Service::Guardduty, "333333333333", &["eu-west-1"]);
        let membership = |one: &&Desired| matches!(one.spec, Spec::GuarddutyMembership(_));
        desired.iter().find(membership).unwrap().obstacle.clone().map(|kept| kept.reason)
    };
    assert_eq!(obstacle(&estate), None);
    let failed = |email: &str| member(email, Standing::EmailVerificationFailed);
    estate.shared.members.insert(place.clone(), failed("Payments@example.com"));
    assert_snapshot!(obstacle(&estate).unwrap(), @"GuardDuty could not verify Payments@example.com as the e-mail address of the root user: 222222222222 cannot invite the account");
    estate.shared.members.insert(place.clone(), failed("old@example.com"));
    assert_eq!(obstacle(&estate), None, "it was corrected, and is invited again");
    estate.shared.members.insert(place, member("payments@example.com", Standing::Unavailable));
    assert!(obstacle(&estate).is_some());
}

#[test]
fn other_peoples_members_stay() {
    let mut ours = Members {
        members: [("333333333333".to_owned(), member("a@example.com", Standing::Invited))].into(),
        ..Members::default()
    };
    let theirs = member("b@example.com", Standing::EmailVerificationFailed);
    let there = Members { members: [("999999999999".to_owned(), theirs.clone())].into(), ..Members::default() };
    assert_snapshot!(ours.refusals(Some(&there), &terms(false)).join("\n"), @"999999999999 would no longer be a member: no member is ever removed");
    assert!(ours.adopt(&there, &terms(false)).is_empty(), "whoever they are, that is theirs to put right");
    assert_eq!(ours.members.get("999999999999"), Some(&theirs));
    assert!(ours.refusals(Some(&there), &terms(false)).is_empty());
}

#[test]
fn another_administrator_blocks() {
    let desired = administered().desire(Service::Guardduty, "333333333333", &["eu-west-1"]);
    let Spec::GuarddutyMembership(ours) = &desired.last().unwrap().spec else { panic!("{desired:?}") };
    let there = Membership { administrator: id("999999999999"), enabled: true };
    let mut adopted = (**ours).clone();
    assert_snapshot!(texts(&adopted.adopt(&there, &terms(true))), @"account 999999999999 administers the detector, and it can have one administrator only: if 222222222222 shall, disassociate the detector from the other one first (`aws guardduty disassociate-from-administrator-account --detector-id ID`, with the id that `aws guardduty list-detectors` answers, or in its organization); or leave the account or Region out");
    assert_eq!(adopted, there);
    assert_snapshot!(ours.refusals(Some(&there), &terms(true)).join("\n"), @"account 999999999999 administers the detector and would be replaced");
    let left = Membership { enabled: false, ..(**ours).clone() };
    let mut again = (**ours).clone();
    assert!(again.adopt(&left, &terms(false)).is_empty());
    assert_ne!(again, left);
}

#[test]
fn what_guardduty_says_of_a_member() {
    for (status, standing) in [
        ("Created", Standing::Created),
        ("Invited", Standing::Invited),
        ("EmailVerificationInProgress", Standing::Invited),
        ("Enabled", Standing::Invited),
        ("ENABLED", Standing::Invited),
        ("Disabled", Standing::Stopped),
        ("Removed", Standing::Ended),
        ("Resigned", Standing::Ended),
        ("EmailVerificationFailed", Standing::EmailVerificationFailed),
        ("AccountSuspended", Standing::Unavailable),
        ("", Standing::Unavailable),
    ] {
        assert_eq!(Standing::of(status), standing, "{status}");
    }
}

#[test]
fn who_sees_a_finding() {
    let at = |account: &str, name: &str| Target::new(id(account), region(name));
    let estate = administered();
    let declared = estate.declared();
    assert!(administrator_sees_findings(&declared));
    assert!(administrator_sees_findings_of(&declared, &at("333333333333", "eu-west-1")));
    assert!(!administrator_sees_findings_of(&declared, &at("333333333333", "ap-east-1")));
    assert!(!administrator_sees_findings_of(&declared, &at("222222222222", "eu-west-1")));
    assert!(!administrator_sees_findings(&declaring("").declared()));
    assert!(!administrator_sees_findings(&Estate::small().declared()));
}

#[test]
fn an_opt_in_home_region_serves_accounts_that_are_nowhere_else() {
    let profiles = PROFILES
        .replace("eu-west-1", "me-south-1")
        .replace("defaults = {", "defaults = { regions = { include = ['me-south-1'] },");
    let estate = Estate::new(&profiles, "name = 'test'\n[log_bucket]\n[guardduty]\n");
    assert_eq!(estate.desire(Service::Guardduty, "333333333333", &["me-south-1"]).len(), 2);
}

#[test]
fn a_bucket_in_an_opt_in_region_that_others_must_export_to_is_refused() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let checked = |baseline: &str| {
        let profiles = source("profiles.toml", &PROFILES.replace("eu-west-1", "me-south-1"));
        match load(&profiles, Some(&source("baseline.toml", baseline))) {
            Ok(_) => String::new(),
            Err(problems) => {
                let texts = problems.list.iter().map(|problem| {
                    let label = problem.labels.first().map(|label| label.text.as_str()).unwrap_or_default();
                    format!("{}\n{label}\n{}", problem.message, problem.help.as_deref().unwrap_or_default())
                });
                texts.collect::<Vec<_>>().join("\n\n")
            }
        }
    };
    assert_snapshot!(checked("name = 'test'\n[log_bucket]\n[guardduty]\n"), @"
    findings cannot be exported to a bucket in me-south-1
    111111111111 (jump), 222222222222 (security), 333333333333 (payments), 444444444444 (search) get the baseline in other Regions too
    accounts have to opt in to me-south-1, and GuardDuty exports to a bucket there from me-south-1 alone: choose a `home_region` that needs no opt-in, or say `publish = false`
    ");
    assert_eq!(checked("name = 'test'\n[log_bucket]\n[guardduty]\npublish = false\n"), "");
}
