//! Reading and writing trails.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail as cloudtrail;
use cloudtrail::error::BuildError;
use cloudtrail::primitives::DateTime;
use cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType, Tag, Trail as SdkTrail,
};
use serde_json::json;
use time::OffsetDateTime;

use super::spec::{
    AdvancedSelector, BasicSelectors, DataResource, FieldSelector, Operator, Selectors, Trail, bears_our_name,
};
use super::status::{Delivery, Status};
use crate::aws::send;
use crate::model::{Address, Arn, OpError, Partition, Region, Target};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Kept, Kind, Note, Ownership, Reading, Reference, Spec, Tags, Taken, is_ours};

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
        let name = cell.member("cloudtrail", "DescribeTrails", "a trail's name", trail.name())?;
        let arn: Arn = trail
            .trail_arn()
            .unwrap_or_default()
            .parse()
            .map_err(|e: crate::model::ArnError| cell.malformed("cloudtrail", "DescribeTrails", &e.to_string()))?;
        let own_account = arn.account() == Some(cell.target.account);
        let home: Region = match trail.home_region() {
            Some(home) => home.parse().map_err(|e| {
                cell.malformed("cloudtrail", "DescribeTrails", &format!("the home Region of trail {arn}: {e}"))
            })?,
            None => region.clone(),
        };
        if !(own_account && home == *region) && is_desired(cell, region, name) {
            reading.taken.push(taken(cell, name, &arn, &home));
        }
        if own_account && home != *region && reads(cell, &home) {
            // A shadow: it is read where it lives. Whether it delivers is told Region by Region (CloudTrail API
            // Reference, `GetTrailStatus`).
            if is_desired(cell, &home, name) {
                tell_delivery(cell, trail, name, &status(cell, trail).await?, &mut reading);
            }
            continue;
        }
        if own_account && home == *region && bears_our_name(declared, name) {
            let (found, status) = project(cell, trail, name, arn).await?;
            if found.ownership == Ownership::Ours || is_desired(cell, region, name) {
                tell_delivery(cell, trail, name, &status, &mut reading);
                reading.found.push(found);
                continue;
            }
        }
        reading.notes.extend(foreign(cell, trail, name, own_account).await?);
    }
    Ok(reading)
}

/// A trail of another Region or account shows here under the name of the one that is declared: CloudTrail has one name
/// for both and refuses a second (CloudTrail API Reference, `CreateTrail`: `TrailAlreadyExistsException`).
fn taken(cell: &Cell<'_>, name: &str, arn: &Arn, home: &Region) -> Taken {
    let own = arn.account() == Some(cell.target.account);
    let account = cell.target.account;
    // Put right, it records its own Region alone.
    let by = (own && is_desired(cell, home, name))
        .then(|| Address::new(Target::new(account, home.clone()), Kind::CloudtrailTrail, name));
    let hint = match (own, &by) {
        (false, _) => "choose another `name` in [cloudtrail]: this one is its owner's to give up".to_owned(),
        (true, Some(_)) => format!(
            "declare `take_over = [\"cloudtrail\"]` for account {account} in profiles.toml and select {home} too, or \
             choose another `name` in [cloudtrail]"
        ),
        (true, None) => format!(
            "{home} is not among the Regions that get a trail of this name: delete or rename that trail, or choose \
             another `name` in [cloudtrail]"
        ),
    };
    Taken {
        address: Address::new(cell.target.clone(), Kind::CloudtrailTrail, name),
        by,
        kept: Kept { reason: format!("the name is taken here by a trail that records several Regions, {arn}"), hint },
    }
}

/// Whether trails are read in a Region of this account.
fn reads(cell: &Cell<'_>, region: &Region) -> bool {
    super::cells(cell.declared, cell.place).iter().any(|target| target.region == *region)
}

fn is_desired(cell: &Cell<'_>, home: &Region, name: &str) -> bool {
    super::desire(cell.declared, cell.place).iter().any(|desired| {
        let target = &desired.address.target;
        target.account == cell.target.account && target.region == *home && desired.address.name == name
    })
}

fn tell_delivery(cell: &Cell<'_>, trail: &SdkTrail, name: &str, status: &Status, reading: &mut Reading) {
    let address = Address::new(cell.target.clone(), Kind::CloudtrailTrail, name);
    let bucket = trail.s3_bucket_name().unwrap_or_default();
    let (undelivered, notes) = status.judge(&address, bucket, OffsetDateTime::now_utc());
    reading.undelivered.extend(undelivered);
    reading.notes.extend(notes);
}

async fn project(cell: &Cell<'_>, trail: &SdkTrail, name: &str, arn: Arn) -> Result<(Found, Status), OpError> {
    let text = arn.to_string();
    let status = status(cell, trail).await?;
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
        logging: status.logging,
        tags,
        rest: rest(trail),
    };
    let found = Found {
        address: Address::new(cell.target.clone(), Kind::CloudtrailTrail, name),
        ownership: if is_ours(&spec.tags) { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::CloudtrailTrail(Box::new(spec)),
        arn,
    };
    Ok((found, status))
}

/// What of a trail is left as it is.
fn rest(trail: &SdkTrail) -> BTreeMap<String, String> {
    let flag = |on: Option<bool>| on.filter(|on| *on).map(|on| on.to_string());
    let members = [
        ("CloudWatchLogsLogGroupArn", trail.cloud_watch_logs_log_group_arn().map(str::to_owned)),
        ("CloudWatchLogsRoleArn", trail.cloud_watch_logs_role_arn().map(str::to_owned)),
        ("SnsTopicARN", trail.sns_topic_arn().map(str::to_owned)),
        ("HasInsightSelectors", flag(trail.has_insight_selectors())),
        ("IsOrganizationTrail", flag(trail.is_organization_trail())),
    ];
    let set = members.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    set.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether a trail records, and what became of its last deliveries from this Region.
async fn status(cell: &Cell<'_>, trail: &SdkTrail) -> Result<Status, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let arn = trail.trail_arn().unwrap_or_default();
    let answer = session
        .call(region, "cloudtrail", "GetTrailStatus")
        .run(|| send!(cloudtrail, region, session.cloudtrail().get_trail_status().name(arn)))
        .await?;
    let time = |time: Option<&DateTime>| time.and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok());
    let delivery = |error: Option<&str>, succeeded: Option<&DateTime>| Delivery {
        error: error.filter(|error| !error.is_empty()).map(str::to_owned),
        succeeded: time(succeeded),
    };
    let log_group = trail.cloud_watch_logs_log_group_arn().filter(|arn| !arn.is_empty());
    let topic = trail.sns_topic_arn().filter(|arn| !arn.is_empty());
    Ok(Status {
        logging: answer.is_logging().unwrap_or_default(),
        started: time(answer.start_logging_time()),
        stopped: time(answer.stop_logging_time()),
        logs: delivery(answer.latest_delivery_error(), answer.latest_delivery_time()),
        digests: delivery(answer.latest_digest_delivery_error(), answer.latest_digest_delivery_time()),
        log_group: log_group.map(|_| {
            delivery(answer.latest_cloud_watch_logs_delivery_error(), answer.latest_cloud_watch_logs_delivery_time())
        }),
        topic: topic.map(|_| delivery(answer.latest_notification_error(), answer.latest_notification_time())),
    })
}

async fn selectors(cell: &Cell<'_>, arn: &str) -> Result<Selectors, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "cloudtrail", "GetEventSelectors")
        .run(|| send!(cloudtrail, region, session.cloudtrail().get_event_selectors().trail_name(arn)))
        .await?;
    if !answer.advanced_event_selectors().is_empty() {
        return Ok(Selectors::advanced(answer.advanced_event_selectors().iter().map(advanced).collect()));
    }
    Ok(match answer.event_selectors() {
        [] => Selectors::Basic(BasicSelectors::default()),
        [one] => Selectors::Basic(basic(one)),
        many => Selectors::Other(json!(many.iter().map(basic).collect::<Vec<_>>())),
    })
}

fn advanced(selector: &AdvancedEventSelector) -> AdvancedSelector {
    let field = |field: &AdvancedFieldSelector| {
        let operators = [
            (Operator::Equals, field.equals()),
            (Operator::NotEquals, field.not_equals()),
            (Operator::StartsWith, field.starts_with()),
            (Operator::NotStartsWith, field.not_starts_with()),
            (Operator::EndsWith, field.ends_with()),
            (Operator::NotEndsWith, field.not_ends_with()),
        ];
        FieldSelector {
            field: field.field().to_owned(),
            operators: operators.into_iter().map(|(operator, values)| (operator, values.to_vec())).collect(),
        }
    };
    AdvancedSelector {
        name: selector.name().filter(|name| !name.is_empty()).map(str::to_owned),
        fields: selector.field_selectors().iter().map(field).collect(),
    }
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
    let mut pages = session.pages(region, "cloudtrail", "ListTags");
    loop {
        let page = session
            .call(region, "cloudtrail", "ListTags")
            .run(|| {
                let list = session.cloudtrail().list_tags().resource_id_list(arn).set_next_token(pages.token());
                send!(cloudtrail, region, list)
            })
            .await?;
        let all = page.resource_tag_list().iter().flat_map(|resource| resource.tags_list());
        tags.extend(all.map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned())));
        if !pages.turn(page.next_token)? {
            return Ok(tags);
        }
    }
}

/// What somebody else's trail means for ours: a second copy of management events is billed.
async fn foreign(cell: &Cell<'_>, trail: &SdkTrail, name: &str, own: bool) -> Result<Option<Note>, OpError> {
    let arn = trail.trail_arn().unwrap_or_default();
    let records = match own {
        true => status(cell, trail).await?.logging && records_management_events(&selectors(cell, arn).await?),
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
        Selectors::Advanced(all) => all.iter().any(|one| one.category() == Some("Management")),
        Selectors::Other(other) => other.to_string().contains("\"include_management_events\":true"),
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
        let put = session.cloudtrail().put_event_selectors().trail_name(arn.to_string());
        let put = match &self.event_selectors {
            Selectors::Basic(wanted) => put.event_selectors(wanted.to_sdk()),
            Selectors::Advanced(wanted) => {
                let selectors: Result<Vec<_>, _> = wanted.iter().map(AdvancedSelector::to_sdk).collect();
                let wrong = |e: BuildError| order.malformed("PutEventSelectors", &e.to_string());
                put.set_advanced_event_selectors(Some(selectors.map_err(wrong)?))
            }
            Selectors::Other(_) => {
                return Err(order.malformed("PutEventSelectors", "several basic selectors are never declared"));
            }
        };
        session
            .call(region, "cloudtrail", "PutEventSelectors")
            .settling(CONFLICT)
            .run(|| send!(cloudtrail, region, put.clone()))
            .await?;
        Ok(())
    }
}

impl BasicSelectors {
    fn to_sdk(&self) -> EventSelector {
        let wanted = self;
        let resources = wanted.data_resources.iter().map(|resource| {
            cloudtrail::types::DataResource::builder()
                .r#type(&resource.resource_type)
                .set_values(Some(resource.values.clone()))
                .build()
        });
        EventSelector::builder()
            .read_write_type(ReadWriteType::from(wanted.read_write_type.as_str()))
            .include_management_events(wanted.include_management_events)
            .set_exclude_management_event_sources(Some(wanted.exclude_management_event_sources.clone()))
            .set_data_resources(Some(resources.collect()))
            .build()
    }
}

impl AdvancedSelector {
    fn to_sdk(&self) -> Result<AdvancedEventSelector, BuildError> {
        let mut fields = Vec::new();
        for field in &self.fields {
            let values = |operator| field.operators.get(&operator).cloned();
            let field = AdvancedFieldSelector::builder()
                .field(&field.field)
                .set_equals(values(Operator::Equals))
                .set_not_equals(values(Operator::NotEquals))
                .set_starts_with(values(Operator::StartsWith))
                .set_not_starts_with(values(Operator::NotStartsWith))
                .set_ends_with(values(Operator::EndsWith))
                .set_not_ends_with(values(Operator::NotEndsWith));
            fields.push(field.build()?);
        }
        AdvancedEventSelector::builder().set_name(self.name.clone()).set_field_selectors(Some(fields)).build()
    }
}

fn sdk_tag(key: &str, value: &str, order: &Order<'_>) -> Result<Tag, OpError> {
    Tag::builder().key(key).value(value).build().map_err(|e| order.malformed("AddTags", &e.to_string()))
}
