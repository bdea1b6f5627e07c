use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::{CloudTrail, ManagementEvents, Mode};
use crate::model::{Address, Target};
use crate::services::{
    About, Declared, Desired, Kept, Kind, Place, Reference, Resource, Spec, Tags, Terms, keep_tags, kms, our_tags, s3,
};

/// A trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// Whether it records every Region.
    pub multi_region: bool,
    /// Whether it records events of global services.
    pub include_global_service_events: bool,
    /// The bucket it delivers to.
    pub s3_bucket: String,
    /// The prefix there.
    pub s3_key_prefix: Option<String>,
    /// The key it encrypts with.
    pub kms_key: Option<Reference>,
    /// Whether digest files are delivered.
    pub log_file_validation: bool,
    /// What it records.
    pub event_selectors: Selectors,
    /// Whether it is recording at all.
    pub logging: bool,
    /// Its tags.
    pub tags: Tags,
    /// What this tool does not decide about and leaves as it is, by AWS's name for it: its CloudWatch Logs group and role,
    /// its SNS topic, whether it has Insights selectors, whether it is an organization's. Part of what was seen, so that a
    /// saved plan is held against it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rest: BTreeMap<String, String>,
}

/// What a trail records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selectors {
    /// One basic selector, as this tool writes it.
    Basic(BasicSelectors),
    /// Advanced selectors, in order.
    Advanced(Vec<AdvancedSelector>),
    /// Anything else: more than one basic selector.
    Other(Value),
}

/// One basic event selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicSelectors {
    /// `All`, `ReadOnly` or `WriteOnly`.
    pub read_write_type: String,
    /// Whether management events are recorded.
    pub include_management_events: bool,
    /// Services whose management events are left out.
    pub exclude_management_event_sources: Vec<String>,
    /// Data events.
    pub data_resources: Vec<DataResource>,
}

/// One kind of resource whose data events are recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DataResource {
    /// The resource type.
    pub resource_type: String,
    /// ARNs or ARN prefixes.
    pub values: Vec<String>,
}

/// One advanced event selector: an event that meets all of its fields is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AdvancedSelector {
    /// What somebody calls it; it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The conditions, in order.
    pub fields: Vec<FieldSelector>,
}

/// What one field of an event is held against: several operators all have to hold, and each does if one of its values
/// does (CloudTrail API Reference, `AdvancedFieldSelector`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldSelector {
    /// Which, such as `eventCategory` or `resources.ARN`.
    pub field: String,
    /// The values of each operator, in order.
    #[serde(flatten)]
    pub operators: BTreeMap<Operator, Vec<String>>,
}

/// An operator of advanced event selectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The value is one of these.
    Equals,
    /// It is none of these.
    NotEquals,
    /// It begins with one of these.
    StartsWith,
    /// It begins with none of these.
    NotStartsWith,
    /// It ends with one of these.
    EndsWith,
    /// It ends with none of these.
    NotEndsWith,
}

impl AdvancedSelector {
    /// Which events it selects: `Management`, `Data` or `NetworkActivity`.
    pub fn category(&self) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.field == "eventCategory")?;
        field.operators.get(&Operator::Equals)?.first().map(String::as_str)
    }
}

impl Selectors {
    /// Advanced selectors in the one order that a set of them has.
    pub(super) fn advanced(mut selectors: Vec<AdvancedSelector>) -> Self {
        for field in selectors.iter_mut().flat_map(|selector| &mut selector.fields) {
            field.operators.retain(|_, values| !values.is_empty());
            field.operators.values_mut().for_each(|values| values.sort());
        }
        selectors.iter_mut().for_each(|selector| selector.fields.sort());
        selectors.sort();
        Selectors::Advanced(selectors)
    }

    fn declared(trail: &CloudTrail) -> Self {
        match trail.advanced_selectors.is_empty() {
            true => Selectors::Basic(BasicSelectors::declared(trail)),
            false => Selectors::advanced(trail.advanced_selectors.clone()),
        }
    }
}

impl Default for BasicSelectors {
    /// What a trail without selectors records (CloudTrail API Reference, `PutEventSelectors`).
    fn default() -> Self {
        BasicSelectors {
            read_write_type: "All".to_owned(),
            include_management_events: true,
            exclude_management_event_sources: Vec::new(),
            data_resources: Vec::new(),
        }
    }
}

impl BasicSelectors {
    /// Whether management events of any kind are recorded.
    pub fn records_management_events(&self) -> bool {
        self.include_management_events
    }

    fn declared(trail: &CloudTrail) -> Self {
        let mut data_resources: Vec<DataResource> = trail
            .data_events
            .iter()
            .map(|events| {
                let mut values = events.values.clone();
                values.sort();
                DataResource { resource_type: events.resource_type.clone(), values }
            })
            .collect();
        data_resources.sort();
        BasicSelectors {
            read_write_type: match trail.management_events {
                ManagementEvents::All => "All",
                ManagementEvents::Read => "ReadOnly",
                ManagementEvents::Write => "WriteOnly",
            }
            .to_owned(),
            include_management_events: true,
            exclude_management_event_sources: match trail.exclude_kms_events {
                true => vec!["kms.amazonaws.com".to_owned()],
                false => Vec::new(),
            },
            data_resources,
        }
    }
}

/// What the multi-Region trail's name ends with. A multi-Region trail has a shadow of its name in every Region, so that
/// under the declared name itself it would collide with the per-Region trails it replaces.
const MULTI_REGION_SUFFIX: &str = "-multi-region";

/// The name of the trail in the declared mode.
fn declared_name(trail: &CloudTrail) -> String {
    match trail.mode {
        Mode::PerRegion => trail.name.clone(),
        Mode::MultiRegion => format!("{}{MULTI_REGION_SUFFIX}", trail.name),
    }
}

/// Whether a trail of this name could be one of ours, in either mode.
#[cfg(any(feature = "aws", test))]
pub(super) fn bears_our_name(trail: &CloudTrail, name: &str) -> bool {
    name == trail.name || name.strip_suffix(MULTI_REGION_SUFFIX) == Some(&trail.name)
}

/// The trail that records a Region of an account, if one is declared.
pub fn covering(declared: &Declared<'_>, target: &Target) -> Option<Address> {
    let trail = declared.baseline.cloudtrail.as_ref()?;
    let region = match trail.mode {
        Mode::PerRegion => target.region.clone(),
        Mode::MultiRegion => trail.home_region.clone(),
    };
    Some(Address::new(Target::new(target.account, region), Kind::CloudtrailTrail, declared_name(trail)))
}

/// The trails of an account.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(trail) = &declared.baseline.cloudtrail else { return Vec::new() };
    let Some(bucket) = s3::address(declared) else { return Vec::new() };
    let key = kms::address(declared);
    let requires: Vec<Address> = key.clone().into_iter().chain([bucket.clone()]).collect();
    let prefix = declared.baseline.log_bucket.as_ref().and_then(|b| b.prefix.clone());
    let template = Trail {
        multi_region: trail.mode == Mode::MultiRegion,
        include_global_service_events: trail.include_global_service_events,
        s3_bucket: bucket.name,
        s3_key_prefix: prefix,
        kms_key: key.map(Reference::To),
        log_file_validation: trail.log_file_validation,
        event_selectors: Selectors::declared(trail),
        logging: true,
        tags: our_tags(declared.baseline),
        rest: BTreeMap::new(),
    };
    let name = declared_name(trail);
    let regions: Vec<_> = match trail.mode {
        Mode::PerRegion => place.regions.iter().collect(),
        Mode::MultiRegion => vec![&trail.home_region],
    };
    regions
        .into_iter()
        .map(|region| {
            let mut spec = template.clone();
            if trail.mode == Mode::PerRegion {
                // Twice recorded is twice paid: only one Region's trail gets IAM, STS and CloudFront events
                // (CloudTrail User Guide, "Global service events").
                spec.include_global_service_events &= *region == trail.global_events_region;
            }
            let address = Address::new(place.target(region), Kind::CloudtrailTrail, name.clone());
            Desired::new(address, Spec::CloudtrailTrail(Box::new(spec)), requires.clone())
        })
        .collect()
}

/// Every Region of the account: a trail of the other mode, or somebody else's, can be in any of them.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let Some(trail) = &declared.baseline.cloudtrail else { return Vec::new() };
    let mut cells: Vec<Target> = place.regions.iter().map(|region| place.target(region)).collect();
    if trail.mode == Mode::MultiRegion && !place.regions.contains(&trail.home_region) {
        cells.push(place.target(&trail.home_region));
    }
    cells
}

impl Resource for Trail {
    const ABOUT: About = About {
        lives: "every account; every Region, or one Region for all of them",
        without: "nobody can tell who did what, and most events are never raised",
    };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.kms_key.iter_mut().collect()
    }

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        keep_tags(&mut self.tags, &seen.tags);
        self.rest.clone_from(&seen.rest);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        if self.multi_region && !self.include_global_service_events {
            refusals.push("AWS refuses a multi-Region trail without global service events".to_owned());
        }
        if !self.logging {
            refusals.push("the trail would stop recording".to_owned());
        }
        refusals
    }
}
