//! What AWS Config has, and where: its resource types, and the Regions without a managed rule. It is AWS's own data,
//! which the program and the simulation both go by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::Region;

/// The resource types that AWS Config records, one a line, in order.
///
/// Source: the AWS Config API's model (botocore 1.44.8, November 2026), `ResourceType`. What the API takes as a resource
/// type is one of these.
const RESOURCE_TYPES: &str = include_str!("resource_types.txt");

static KNOWN_TYPES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| RESOURCE_TYPES.lines().collect());

/// One managed rule a line: its identifier, `except` and the Regions that have not got it, or `only` and those that have.
///
/// Source: AWS Config Developer Guide, the line "AWS Region" of the rule's own page, copies of 2025 and 2026: of every
/// rule that the shipped baselines name, and of some more. A rule that is not listed is taken to be everywhere; AWS has
/// the last word.
const RULE_REGIONS: &str = include_str!("rule_regions.txt");

static REGIONS_OF_RULES: LazyLock<BTreeMap<&str, (bool, BTreeSet<&str>)>> = LazyLock::new(|| {
    let read = |line: &'static str| {
        let mut words = line.split(' ');
        let (identifier, sense, regions) = (words.next()?, words.next()?, words.next()?);
        Some((identifier, (sense == "only", regions.split(',').collect())))
    };
    RULE_REGIONS.lines().filter_map(read).collect()
});

/// Whether AWS Config records resources of this type, as far as this release knows.
pub fn is_resource_type(name: &str) -> bool {
    KNOWN_TYPES.contains(name)
}

/// Every resource type that this release knows, in order.
pub fn resource_types() -> impl Iterator<Item = &'static str> {
    KNOWN_TYPES.iter().copied()
}

/// Whether AWS Config offers a managed rule in a Region, as far as this release knows.
pub fn offers_rule(region: &Region, identifier: &str) -> bool {
    REGIONS_OF_RULES.get(identifier).is_none_or(|(only, regions)| regions.contains(region.as_str()) == *only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Partition;

    #[test]
    fn every_line_of_the_tables_is_read_and_names_what_there_is() {
        assert_eq!(KNOWN_TYPES.len(), RESOURCE_TYPES.lines().count());
        assert!(KNOWN_TYPES.len() > 500);
        assert!(KNOWN_TYPES.iter().all(|name| name.matches("::").count() == 2 && name.starts_with("AWS::")));
        assert_eq!(REGIONS_OF_RULES.len(), RULE_REGIONS.lines().count());
        let known: BTreeSet<&str> =
            Partition::ALL.iter().flat_map(|partition| partition.known_regions()).map(|region| region.name).collect();
        for (identifier, (_, regions)) in REGIONS_OF_RULES.iter() {
            assert!(regions.is_subset(&known), "{identifier}: {regions:?}");
        }
    }

    #[test]
    fn a_managed_rule_is_offered_where_its_page_says_so() {
        let offered = |region: &str, identifier| offers_rule(&region.parse().unwrap(), identifier);
        for region in ["ap-southeast-6", "ap-southeast-7", "mx-central-1", "ap-east-2"] {
            assert!(!offered(region, "GUARDDUTY_ENABLED_CENTRALIZED"), "{region}");
        }
        assert!(offered("eu-west-1", "GUARDDUTY_ENABLED_CENTRALIZED"));
        assert!(!offered("cn-north-1", "ROOT_ACCOUNT_MFA_ENABLED"));
        assert!(offered("us-east-1", "IAM_SERVER_CERTIFICATE_EXPIRATION_CHECK"));
        assert!(!offered("eu-west-1", "IAM_SERVER_CERTIFICATE_EXPIRATION_CHECK"));
        assert!(offered("me-west-1", "CLOUD_TRAIL_ENABLED"), "what is not listed is everywhere");
    }
}
