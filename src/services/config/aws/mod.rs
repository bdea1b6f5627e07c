//! Reading and writing recorders, channels, rules and aggregation.

mod aggregation;
mod recorder;
mod rule;
mod tags;

use crate::model::OpError;
use crate::services::adapter::Cell;
use crate::services::{Ownership, Reading};

/// The operations that reading takes.
pub const READS: &[&str] = &[
    "DescribeAggregationAuthorizations",
    "DescribeConfigRules",
    "DescribeConfigurationAggregatorSourcesStatus",
    "DescribeConfigurationAggregators",
    "DescribeConfigurationRecorderStatus",
    "DescribeConfigurationRecorders",
    "DescribeDeliveryChannelStatus",
    "DescribeDeliveryChannels",
    "ListTagsForResource",
];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &[
    "DeleteAggregationAuthorization",
    "DeleteConfigRule",
    "DeleteConfigurationAggregator",
    "PutAggregationAuthorization",
    "PutConfigRule",
    "PutConfigurationAggregator",
    "PutConfigurationRecorder",
    "PutDeliveryChannel",
    "StartConfigurationRecorder",
    "TagResource",
];

/// Reads what an account has of AWS Config in a Region; aggregators only in the security account.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let Some(config) = &cell.declared.baseline.config else { return Ok(Reading::default()) };
    let mut reading = Reading::default();
    // In a Region that does not count, only the aggregator is any business of this tool.
    if cell.place.regions.contains(&cell.target.region) {
        recorder::observe(cell, config, &mut reading).await?;
        rule::observe(cell, config, &mut reading).await?;
        aggregation::authorizations(cell, config, &mut reading).await?;
    }
    if cell.target.account == cell.declared.profiles.security {
        let found = aggregation::aggregators(cell, config).await?;
        for one in found.iter().filter(|one| one.ownership == Ownership::Ours) {
            aggregation::sources(cell, &one.address.name, &one.address, &mut reading).await?;
        }
        reading.found.extend(found);
    }
    Ok(reading)
}
