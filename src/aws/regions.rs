//! Which Regions an account has enabled, and which of them accounts have to opt in to.

use std::collections::BTreeSet;

use aws_sdk_ec2 as ec2;

use super::clients::Session;
use super::homes::Homes;
use crate::model::{OpError, Partition, Region};

/// The Regions that an account has enabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnabledRegions {
    /// All of them, in order.
    pub all: Vec<Region>,
    /// Those that accounts have to opt in to, as AWS says: in them some services act as a principal of the Region's own.
    pub opt_in: BTreeSet<Region>,
}

/// The Regions that the account has enabled, in order, without other partitions' and without those not opted in.
///
/// `DescribeRegions` without `AllRegions` answers only enabled Regions (EC2 API Reference); simulators are less exact,
/// so the opt-in status is looked at again.
///
/// # Errors
///
/// The call's failure; an answer with a Region that has no readable name, and one that leaves no Region: an account has
/// some from its first day, and a Region that is missing here would be taken out of what all accounts share; a Region of
/// which the answer does not say whether accounts opt in to it (EC2 API Reference, `Region`: `opt-in-not-required`,
/// `opted-in` or `not-opted-in`), since what sends logs from there depends on it.
pub async fn enabled_regions(
    session: &Session,
    partition: Partition,
    homes: &Homes,
) -> Result<EnabledRegions, OpError> {
    let region = homes.first();
    let answer = session
        .call(&region, "ec2", "DescribeRegions")
        .run(|| super::send!(ec2, region, session.ec2().describe_regions()))
        .await?;
    let unreadable = |message: &str| session.unreadable(&region, "ec2", "DescribeRegions", message);
    let mut enabled = EnabledRegions::default();
    for one in answer.regions().iter().filter(|one| one.opt_in_status() != Some("not-opted-in")) {
        let name = one.region_name().unwrap_or_default();
        let known: Region =
            name.parse().map_err(|e| unreadable(&format!("the answer has a Region whose name cannot be read: {e}")))?;
        match Partition::of_region(&known) {
            Some(of) if of == partition => {}
            // Another partition's is none that is lost here.
            Some(_) => continue,
            None => return Err(unreadable(&format!("the answer has a Region of no known partition: {known}"))),
        }
        match one.opt_in_status() {
            Some("opt-in-not-required") => {}
            Some("opted-in") => {
                enabled.opt_in.insert(known.clone());
            }
            other => return Err(without_status(session, &region, &known, other)),
        }
        enabled.all.push(known);
    }
    if enabled.all.is_empty() {
        let all = answer.regions().len();
        return Err(unreadable(&format!(
            "the answer has no Region of partition {partition} that is enabled ({all} in all), and every account has some"
        )));
    }
    enabled.all.sort();
    enabled.all.dedup();
    Ok(enabled)
}

fn without_status(session: &Session, region: &Region, name: &Region, said: Option<&str>) -> OpError {
    let said = said.map_or("nothing".to_owned(), |said| format!("`{said}`"));
    let message = format!("the answer says {said} of whether accounts opt in to {name}");
    let hint = format!(
        "list the Regions of account {} with `regions = {{ list = […] }}` in profiles.toml, and nobody is asked",
        session.account
    );
    OpError { hint: Some(hint), ..session.unreadable(region, "ec2", "DescribeRegions", &message) }
}
