//! Reading and writing trails.

use aws_sdk_cloudtrail as cloudtrail;
use cloudtrail::types::{EventSelector, ReadWriteType, Tag, Trail as SdkTrail};
use serde_json::json;

use super::spec::{BasicSelectors, DataResource, Selectors, Trail, bears_our_name};
use crate::aws::send;
use crate::model::{Address, Arn, OpError, Partition, Region};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Kind, Note, Ownership, Reading, Reference, Spec, Tags, is_ours};

/// The operations that reading takes.
pub const READS: &[&str] = &["DescribeTrails", "GetEventSelectors", "GetTrailStatus", "ListTags"];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] =
    &["AddTags", "CreateTrail", "DeleteTrail", "PutEventSelectors", "StartLogging", "UpdateTrail"];

/// Answered while a bucket or key policy that was just written has not reached CloudTrail yet.
const UNSETTLED: &[&str] = &[
    "InsufficientS3BucketPolicyException",
    "InsufficientEncryptionPolicyException",
    "S3BucketDoesNotExistException",
    "KmsKeyNotFoundException",
    "ConflictException",
];
/// What every change of a trail may be answered: "the service is not able to process it" while another one is under way
/// (the service's model lists it for each of these operations).
const CONFLICT: &[&str] = &["ConflictException"];

/// Reads every trail that a Region shows: ours in full, other people's as far as they cost.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let Some(declared) = &cell.declared.baseline.cloudtrail else { return Ok(Reading::default()) };
    let answer = session
        .call(region, "cloudtrail", "DescribeTrails")
        .run(|| send!(cloudtrail, region, session.cloudtrail().describe_trails().include_shadow_trails(true)))
        .await?;
    let mut reading = Reading::default();
    for trail in answer.trail_list() {
        let name = trail.name().unwrap_or_default();
        let arn: Arn = trail
            .trail_arn()
            .unwrap_or_default()
            .parse()
            .map_err(|e: crate::model::ArnError| cell.malformed("cloudtrail", "DescribeTrails", &e.to_string()))?;
        let own_account = arn.account() == Some(cell.target.account);
        let home = trail.home_region().and_then(|home| home.parse().ok()).unwrap_or_else(|| region.clone());
        if own_account && home != *region && reads(cell, &home) {
            // A shadow: it is read where it lives.
            continue;
        }
        if own_account && home == *region && bears_our_name(declared, name) {
            let found = project(cell, trail, name, arn).await?;
            if found.ownership == Ownership::Ours || desired_here(cell, name) {
                reading.found.push(found);
                continue;
            }
        }
        reading.notes.extend(foreign(cell, trail, name, own_account).await?);
    }
    Ok(reading)
}

/// Whether trails are read in a Region of this account.
fn reads(cell: &Cell<'_>, region: &Region) -> bool {
    super::cells(cell.declared, cell.place).iter().any(|target| target.region == *region)
}

fn desired_here(cell: &Cell<'_>, name: &str) -> bool {
    super::desire(cell.declared, cell.place)
        .iter()
        .any(|desired| desired.address.target == *cell.target && desired.address.name == name)
}

async fn project(cell: &Cell<'_>, trail: &SdkTrail, name: &str, arn: Arn) -> Result<Found, OpError> {
    let text = arn.to_string();
    let tags = tags(cell, &text).await?;
    let spec = Trail {
        multi_region: trail.is_multi_region_trail().unwrap_or_default(),
        include_global_service_events: trail.include_global_service_events().unwrap_or_default(),
        s3_bucket: trail.s3_bucket_name().unwrap_or_default().to_owned(),
        s3_key_prefix: trail.s3_key_prefix().filter(|prefix| !prefix.is_empty()).map(str::to_owned),
        kms_key: match trail.kms_key_id() {
            Some(key) => Some(Reference::try_from(key.to_owned()).map_err(|e| {
                cell.malformed("cloudtrail", "DescribeTrails", &format!("the trail's key cannot be read: {e}"))
            })?),
            None => None,
        },
        log_file_validation: trail.log_file_validation_enabled().unwrap_or_default(),
        event_selectors: selectors(cell, &text).await?,
        logging: is_logging(cell, &text).await?,
        tags,
    };
    Ok(Found {
        address: Address::new(cell.target.clone(), Kind::CloudtrailTrail, name),
        ownership: if is_ours(&spec.tags) { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::CloudtrailTrail(Box::new(spec)),
        arn,
    })
}

async fn is_logging(cell: &Cell<'_>, arn: &str) -> Result<bool, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "cloudtrail", "GetTrailStatus")
        .run(|| send!(cloudtrail, region, session.cloudtrail().get_trail_status().name(arn)))
        .await?;
    Ok(answer.is_logging().unwrap_or_default())
}

async fn selectors(cell: &Cell<'_>, arn: &str) -> Result<Selectors, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "cloudtrail", "GetEventSelectors")
        .run(|| send!(cloudtrail, region, session.cloudtrail().get_event_selectors().trail_name(arn)))
        .await?;
    if !answer.advanced_event_selectors().is_empty() {
        let names: Vec<_> = answer
            .advanced_event_selectors()
            .iter()
            .map(|selector| {
                let fields: Vec<_> = selector
                    .field_selectors()
                    .iter()
                    .map(|field| json!({"field": field.field(), "equals": field.equals()}))
                    .collect();
                json!({"name": selector.name(), "fields": fields})
            })
            .collect();
        return Ok(Selectors::Other(json!({"advanced": names})));
    }
    Ok(match answer.event_selectors() {
        [] => Selectors::Basic(BasicSelectors::default()),
        [one] => Selectors::Basic(basic(one)),
        many => Selectors::Other(json!(many.iter().map(basic).collect::<Vec<_>>())),
    })
}

fn basic(selector: &EventSelector) -> BasicSelectors {
    let mut sources = selector.exclude_management_event_sources().to_vec();
    sources.sort();
    let mut data_resources: Vec<DataResource> = selector
        .data_resources()
        .iter()
        .map(|resource| {
            let mut values = resource.values().to_vec();
            values.sort();
            DataResource { resource_type: resource.r#type().unwrap_or_default().to_owned(), values }
        })
        .collect();
    data_resources.sort();
    BasicSelectors {
        read_write_type: selector.read_write_type().map_or("All", ReadWriteType::as_str).to_owned(),
        include_management_events: selector.include_management_events().unwrap_or(true),
        exclude_management_event_sources: sources,
        data_resources,
    }
}

async fn tags(cell: &Cell<'_>, arn: &str) -> Result<Tags, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut tags = Tags::new();
    let mut token = None;
    loop {
        let page = session
            .call(region, "cloudtrail", "ListTags")
            .run(|| {
                let list = session.cloudtrail().list_tags().resource_id_list(arn).set_next_token(token.clone());
                send!(cloudtrail, region, list)
            })
            .await?;
        let all = page.resource_tag_list().iter().flat_map(|resource| resource.tags_list());
        tags.extend(all.map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned())));
        token = page.next_token;
        if token.is_none() {
            return Ok(tags);
        }
    }
}

/// What somebody else's trail means for ours: a second copy of management events is billed.
async fn foreign(cell: &Cell<'_>, trail: &SdkTrail, name: &str, own: bool) -> Result<Option<Note>, OpError> {
    let arn = trail.trail_arn().unwrap_or_default();
    let records = match own {
        true => is_logging(cell, arn).await? && records_management_events(&selectors(cell, arn).await?),
        // An organization's trail shows its owner's account; what it selects is its owner's to see.
        false => true,
    };
    let whose = match (own, trail.is_organization_trail().unwrap_or_default()) {
        (true, _) => "this account's own".to_owned(),
        (false, true) => "its organization's".to_owned(),
        (false, false) => "another account's".to_owned(),
    };
    Ok(records.then(|| Note {
        target: cell.target.clone(),
        topic: "foreign-trail".to_owned(),
        text: format!(
            "trail `{name}` ({whose}, not made by baseline) already records management events: the first copy is free, \
             ours is billed as a further one (CloudTrail pricing, \"management events\"); it is left as it is"
        ),
    }))
}

fn records_management_events(selectors: &Selectors) -> bool {
    match selectors {
        Selectors::Basic(basic) => basic.records_management_events(),
        Selectors::Other(other) => {
            let text = other.to_string();
            text.contains("\"Management\"") || text.contains("\"include_management_events\":true")
        }
    }
}

impl Write for Trail {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (arn, seen_selectors, logging) = match seen {
            None => (self.create(order).await?, Selectors::Basic(BasicSelectors::default()), false),
            Some(seen) => {
                let arn = order.existing()?.clone();
                self.update(seen, &arn, order).await?;
                self.tag(seen, &arn, order).await?;
                (arn, seen.event_selectors.clone(), seen.logging)
            }
        };
        if self.event_selectors != seen_selectors {
            self.select(&arn, order).await?;
        }
        if self.logging && !logging {
            let (session, region) = (order.session, &order.address.target.region);
            session
                .call(region, "cloudtrail", "StartLogging")
                .settling(CONFLICT)
                .run(|| send!(cloudtrail, region, session.cloudtrail().start_logging().name(arn.to_string())))
                .await?;
        }
        Ok(arn)
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let arn = order.existing()?.to_string();
        session
            .call(region, "cloudtrail", "DeleteTrail")
            .settling(CONFLICT)
            .run_or_done(is_gone, || send!(cloudtrail, region, session.cloudtrail().delete_trail().name(&arn)))
            .await?;
        Ok(())
    }

    /// Trails of other Regions and of the organization count, too (CloudTrail User Guide, "Quotas": 5 per Region).
    async fn rivals(&self, order: &Order<'_>) -> Result<Vec<String>, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let answer = session
            .call(region, "cloudtrail", "DescribeTrails")
            .run(|| send!(cloudtrail, region, session.cloudtrail().describe_trails().include_shadow_trails(true)))
            .await?;
        let told = |trail: &SdkTrail| {
            let name = trail.name().unwrap_or_default();
            let home = trail.home_region().filter(|home| *home != region.as_str());
            match (trail.is_organization_trail().unwrap_or_default(), home) {
                (true, _) => format!("trail `{name}` of the organization"),
                (false, Some(home)) => format!("trail `{name}` of {home}"),
                (false, None) => format!("trail `{name}`"),
            }
        };
        Ok(answer.trail_list().iter().map(told).collect())
    }
}

fn is_there(error: &OpError) -> bool {
    error.has_code(&["TrailAlreadyExistsException"])
}

fn is_gone(error: &OpError) -> bool {
    error.has_code(&["TrailNotFoundException"])
}

impl Trail {
    fn key(&self) -> Option<String> {
        self.kms_key.clone().map(String::from)
    }

    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let mut tags = Vec::new();
        for (key, value) in &self.tags {
            tags.push(sdk_tag(key, value, order)?);
        }
        let answer = session
            .call(region, "cloudtrail", "CreateTrail")
            .settling(UNSETTLED)
            .run_or_done(is_there, || {
                let create = session
                    .cloudtrail()
                    .create_trail()
                    .name(&order.address.name)
                    .s3_bucket_name(&self.s3_bucket)
                    .set_s3_key_prefix(self.s3_key_prefix.clone())
                    .include_global_service_events(self.include_global_service_events)
                    .is_multi_region_trail(self.multi_region)
                    .enable_log_file_validation(self.log_file_validation)
                    .set_kms_key_id(self.key())
                    .set_tags_list(Some(tags.clone()));
                send!(cloudtrail, region, create)
            })
            .await?;
        let Some(answer) = answer else {
            let (target, name) = (&order.address.target, &order.address.name);
            let partition = Partition::of_region(region).unwrap_or_default();
            return Ok(Arn::new(partition, "cloudtrail", Some(region), Some(target.account), format!("trail/{name}")));
        };
        let arn = answer.trail_arn().unwrap_or_default();
        arn.parse().map_err(|e: crate::model::ArnError| order.malformed("CreateTrail", &e.to_string()))
    }

    /// Sends only what differs: what an `UpdateTrail` leaves out stays as it is (CloudTrail API Reference).
    async fn update(&self, seen: &Trail, arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let client = session.cloudtrail();
        let mut update = client.update_trail().name(arn.to_string());
        let mut any = false;
        if self.s3_bucket != seen.s3_bucket {
            (update, any) = (update.s3_bucket_name(&self.s3_bucket), true);
        }
        if self.s3_key_prefix != seen.s3_key_prefix {
            (update, any) = (update.s3_key_prefix(self.s3_key_prefix.as_deref().unwrap_or_default()), true);
        }
        if self.kms_key != seen.kms_key {
            (update, any) = (update.kms_key_id(self.key().unwrap_or_default()), true);
        }
        if self.log_file_validation != seen.log_file_validation {
            (update, any) = (update.enable_log_file_validation(self.log_file_validation), true);
        }
        if self.multi_region != seen.multi_region
            || self.include_global_service_events != seen.include_global_service_events
        {
            // Together: converting between single and multi-Region turns global events off or on by itself.
            update = update
                .is_multi_region_trail(self.multi_region)
                .include_global_service_events(self.include_global_service_events);
            any = true;
        }
        if any {
            session
                .call(region, "cloudtrail", "UpdateTrail")
                .settling(UNSETTLED)
                .run(|| send!(cloudtrail, region, update.clone()))
                .await?;
        }
        Ok(())
    }

    async fn tag(&self, seen: &Trail, arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let mut changed = Vec::new();
        for (key, value) in self.tags.iter().filter(|(k, v)| seen.tags.get(*k) != Some(*v)) {
            changed.push(sdk_tag(key, value, order)?);
        }
        if changed.is_empty() {
            return Ok(());
        }
        session
            .call(region, "cloudtrail", "AddTags")
            .settling(CONFLICT)
            .run(|| {
                let add =
                    session.cloudtrail().add_tags().resource_id(arn.to_string()).set_tags_list(Some(changed.clone()));
                send!(cloudtrail, region, add)
            })
            .await?;
        Ok(())
    }

    async fn select(&self, arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Selectors::Basic(wanted) = &self.event_selectors else {
            return Err(order.malformed("PutEventSelectors", "only basic selectors are ever declared"));
        };
        let resources = wanted.data_resources.iter().map(|resource| {
            cloudtrail::types::DataResource::builder()
                .r#type(&resource.resource_type)
                .set_values(Some(resource.values.clone()))
                .build()
        });
        let selector = EventSelector::builder()
            .read_write_type(ReadWriteType::from(wanted.read_write_type.as_str()))
            .include_management_events(wanted.include_management_events)
            .set_exclude_management_event_sources(Some(wanted.exclude_management_event_sources.clone()))
            .set_data_resources(Some(resources.collect()))
            .build();
        session
            .call(region, "cloudtrail", "PutEventSelectors")
            .settling(CONFLICT)
            .run(|| {
                let put = session.cloudtrail().put_event_selectors().trail_name(arn.to_string());
                send!(cloudtrail, region, put.event_selectors(selector.clone()))
            })
            .await?;
        Ok(())
    }
}

fn sdk_tag(key: &str, value: &str, order: &Order<'_>) -> Result<Tag, OpError> {
    Tag::builder().key(key).value(value).build().map_err(|e| order.malformed("AddTags", &e.to_string()))
}
