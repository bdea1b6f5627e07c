//! Where STS is asked, and what becomes of a run when it does not answer there.

use super::estate::{Estate, PROFILES, TRAILS};
use crate::sandbox::{Effect, Fault, Tamper};

/// The Regions in which a service was called.
fn regions(estate: &Estate, service: &str) -> Vec<String> {
    let mut regions: Vec<String> =
        estate.cloud.calls().into_iter().filter(|call| call.service == service).map(|call| call.region).collect();
    regions.sort();
    regions.dedup();
    regions
}

fn at_home_in(region: &str) -> String {
    PROFILES
        .replace("home_region = \"us-east-1\"", &format!("home_region = \"{region}\""))
        .replace("[\"us-east-1\", \"eu-west-1\"]", &format!("[\"us-east-1\", \"{region}\"]"))
}

#[test]
fn sts_is_asked_at_home_and_elsewhere_only_where_home_has_none_for_everybody() {
    for (home, asked) in [("eu-central-1", "eu-central-1"), ("eu-south-1", "us-east-1")] {
        let mut estate = Estate::new(&at_home_in(home), TRAILS);
        let ran = estate.run();
        assert!(ran.plan.unreadable.is_empty() || home == "eu-south-1", "{:#?}", ran.plan.unreadable);
        assert_eq!(regions(&estate, "sts"), [asked], "home is {home}");
    }
}

#[test]
fn another_regions_sts_is_asked_where_that_of_home_does_not_answer() {
    let mut estate = Estate::new(&at_home_in("eu-central-1"), TRAILS);
    let region = "eu-central-1".parse().unwrap();
    estate.cloud.tamper(Tamper::WithdrawService { region, service: "sts".to_owned() }).unwrap();
    let ran = estate.run();
    assert!(ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.unreadable);
    assert_eq!(regions(&estate, "sts"), ["us-east-1"]);
    // One that takes connections and never answers, and the account's first Region besides.
    let mut estate = Estate::new(&at_home_in("eu-central-1"), TRAILS);
    for region in ["eu-central-1", "us-east-1"] {
        let of_sts = Fault { service: Some("sts".to_owned()), ..Fault::of(Effect::Hang) };
        estate.fault(Fault { region: Some(region.parse().unwrap()), ..of_sts });
    }
    let ran = estate.run();
    assert!(ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.unreadable);
    let fault = Effect::Fail { code: Some("RegionDisabledException".to_owned()), status: Some(403), message: None };
    let mut estate = Estate::new(&at_home_in("eu-central-1"), TRAILS);
    let of_sts = Fault { service: Some("sts".to_owned()), ..Fault::of(fault) };
    estate.fault(Fault { region: Some("eu-central-1".parse().unwrap()), ..of_sts });
    let ran = estate.run();
    assert!(ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.unreadable);
}

/// A private network: no other Region's STS can be reached, and none is tried.
#[test]
fn the_declared_region_is_the_only_one_that_is_asked() {
    let declared = PROFILES.replace("[jump]\n", "[jump]\nsts_region = \"eu-west-1\"\n");
    assert_ne!(declared, PROFILES);
    let profiles = declared.replace("regions = { list = [\"us-east-1\", \"eu-west-1\"] }", "");
    let mut estate = Estate::new(&profiles, TRAILS);
    let ran = estate.run();
    assert!(ran.plan.unreadable.is_empty(), "{:#?}", ran.plan.unreadable);
    assert_eq!(regions(&estate, "sts"), ["eu-west-1"]);
    assert_eq!(regions(&estate, "ec2"), ["eu-west-1"]);
    let mut estate = Estate::new(&declared, TRAILS);
    let region = "eu-west-1".parse().unwrap();
    estate.cloud.tamper(Tamper::WithdrawService { region, service: "sts".to_owned() }).unwrap();
    let ran = estate.run();
    assert!(!ran.plan.unreadable.is_empty() && ran.plan.changes.is_empty());
    assert!(regions(&estate, "sts").is_empty(), "{:?}", regions(&estate, "sts"));
    let hint = ran.plan.unreadable[0].error.hint.clone().unwrap();
    assert!(hint.contains("sts_region"), "{hint}");
}
