use aws_sdk_ec2 as ec2;

use super::clients::Session;
use crate::model::{OpError, Partition, Region};

/// The Regions that the account has enabled, in order, without other partitions' and without those not opted in.
///
/// `DescribeRegions` without `AllRegions` answers only enabled Regions (EC2 API Reference); simulators are less exact,
/// so the opt-in status is looked at again.
///
/// # Errors
///
/// The call's failure.
pub async fn enabled_regions(session: &Session, partition: Partition) -> Result<Vec<Region>, OpError> {
    let region = partition.sts_region();
    let answer = session
        .call(&region, "ec2", "DescribeRegions")
        .run(|| super::send!(ec2, region, session.ec2().describe_regions()))
        .await?;
    let mut regions: Vec<Region> = answer
        .regions()
        .iter()
        .filter(|r| r.opt_in_status() != Some("not-opted-in"))
        .filter_map(|r| r.region_name()?.parse().ok())
        .filter(|r| Partition::of_region(r) == Some(partition))
        .collect();
    regions.sort();
    regions.dedup();
    Ok(regions)
}
