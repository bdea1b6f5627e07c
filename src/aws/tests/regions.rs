//! Which Regions an account has enabled, by what EC2 answers.

use super::script::{Answer, Script};
use crate::aws::{EnabledRegions, Homes, Rates, enabled_regions};
use crate::model::{OpError, Partition};
use crate::services::estate::{BASELINE, Estate, PROFILES};

/// EC2's answer with these Regions and their opt-in status; an empty one is left out.
fn answering(regions: &'static [(&'static str, &'static str)]) -> Result<EnabledRegions, OpError> {
    let script = Script::new(move |_| {
        let item = |(name, status): &(&str, &str)| {
            let status = match *status {
                "" => String::new(),
                status => format!("<optInStatus>{status}</optInStatus>"),
            };
            format!("<item><regionName>{name}</regionName>{status}</item>")
        };
        let items: String = regions.iter().map(item).collect();
        let body = format!("<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>");
        Answer::ok(&body)
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, "222222222222");
    let estate = Estate::new(PROFILES, BASELINE);
    script.run(enabled_regions(&session, Partition::Aws, &Homes::of(&estate.profiles))).0
}

#[test]
fn aws_says_which_regions_accounts_opt_in_to() {
    let enabled = answering(&[
        ("us-east-1", "opt-in-not-required"),
        ("me-west-1", "opted-in"),
        ("af-south-1", "not-opted-in"),
        ("sa-west-1", "opted-in"),
    ])
    .unwrap();
    let names = |regions: &mut dyn Iterator<Item = String>| regions.collect::<Vec<_>>().join(" ");
    assert_eq!(names(&mut enabled.all.iter().map(ToString::to_string)), "me-west-1 sa-west-1 us-east-1");
    assert_eq!(names(&mut enabled.opt_in.iter().map(ToString::to_string)), "me-west-1 sa-west-1");
}

#[test]
fn a_region_without_a_status_is_an_error() {
    for regions in [&[("us-east-1", "opt-in-not-required"), ("me-west-1", "")][..], &[("us-east-1", "perhaps")]] {
        let error = answering(regions).unwrap_err();
        assert!(error.message.contains("opt in to"), "{error}");
        assert!(error.hint.unwrap().contains("list = "));
    }
}
