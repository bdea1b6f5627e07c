use aws_sdk_config as sdk;
use sdk::primitives::DateTime;
use sdk::types::{
    ConfigExportDeliveryInfo, ConfigSnapshotDeliveryProperties, ConfigurationRecorder, DeliveryChannel as SdkChannel,
    ExclusionByResourceTypes, MaximumExecutionFrequency, RecorderStatus, RecordingFrequency,
    RecordingGroup as SdkGroup, RecordingMode as SdkMode, RecordingModeOverride, RecordingStrategy,
    RecordingStrategyType, ResourceType,
};
use time::OffsetDateTime;

use super::super::section::{Config, SERVICE_LINKED};
use super::super::spec::{self, ALL_SUPPORTED, CONTINUOUS, EXCLUSION, INCLUSION};
use super::super::status::{Attempt, Status};
use super::super::{DeliveryChannel, FrequencyOverride, Recorder, Recording, RecordingGroup, RecordingMode};
use super::tags;
use crate::aws::send;
use crate::model::{Address, Arn, ArnError, OpError, Partition};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::delivery::gap;
use crate::services::{Aside, Found, Note, Ownership, Reading, Reference, Spec, is_ours, s3};

/// Answered while a role, bucket policy or key policy that was just written has not reached AWS Config yet.
const UNSETTLED: &[&str] = &[
    "InsufficientDeliveryPolicyException",
    "InvalidRoleException",
    "InvalidS3KmsKeyArnException",
    "NoAvailableConfigurationRecorderException",
    "NoAvailableDeliveryChannelException",
    "NoSuchBucketException",
];

/// Reads the recorder, the channel, and whether it records. They are found under whatever name they have, and answer to
/// the declared one: there can be no second.
pub(super) async fn observe(cell: &Cell<'_>, config: &Config, reading: &mut Reading) -> Result<(), OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "config", "DescribeDeliveryChannels")
        .run(|| send!(sdk, region, session.config().describe_delivery_channels()))
        .await?;
    let channel = answer.delivery_channels().first();
    if let Some(channel) = channel {
        let name = cell.member("config", "DescribeDeliveryChannels", "the channel's name", channel.name())?;
        reading.found.push(Found {
            address: spec::channel(config, cell.target),
            spec: Spec::ConfigDeliveryChannel(Box::new(channel_spec(cell, channel)?)),
            arn: arn_of(&spec::channel(config, cell.target), "delivery-channel", name),
            ownership: Ownership::Ours,
        });
    }
    let to_our_bucket = channel
        .and_then(SdkChannel::s3_bucket_name)
        .is_some_and(|b| s3::bucket_name(cell.declared).as_deref() == Some(b));

    let answer = session
        .call(region, "config", "DescribeConfigurationRecorders")
        .run(|| send!(sdk, region, session.config().describe_configuration_recorders()))
        .await?;
    // Service-linked recorders record besides ours, and are none of our business.
    let ours = |recorder: &&ConfigurationRecorder| {
        recorder.service_principal().is_none() && !recorder.name().unwrap_or_default().starts_with(SERVICE_LINKED)
    };
    let Some(recorder) = answer.configuration_recorders().iter().find(ours) else { return Ok(()) };
    let name = cell.member("config", "DescribeConfigurationRecorders", "the recorder's name", recorder.name())?;
    let address = spec::recorder(config, cell.target);
    let arn = match recorder.arn() {
        Some(arn) => {
            let wrong = |e: ArnError| cell.malformed("config", "DescribeConfigurationRecorders", &e.to_string());
            arn.parse().map_err(wrong)?
        }
        None => arn_of(&address, "configuration-recorder", name),
    };
    let tags = match recorder.arn() {
        Some(arn) => tags::read(cell, arn).await?,
        None => None,
    };
    let seen = Recorder {
        name: name.to_owned(),
        role: reference(cell, recorder.role_arn(), "DescribeConfigurationRecorders")?,
        recording_group: group_spec(recorder.recording_group()),
        recording_mode: mode_spec(recorder.recording_mode()),
        ours: tags.as_ref().map_or(to_our_bucket, is_ours),
        tags,
        frequency_declared: Aside(false),
    };
    let found = |address, spec| Found { address, spec, arn: arn.clone(), ownership: Ownership::Ours };
    reading.found.push(found(address, Spec::ConfigRecorder(Box::new(seen))));

    let answer = session
        .call(region, "config", "DescribeConfigurationRecorderStatus")
        .run(|| {
            let describe = session.config().describe_configuration_recorder_status();
            send!(sdk, region, describe.configuration_recorder_names(name))
        })
        .await?;
    let status = answer.configuration_recorders_status().first();
    let recording = Recording { recorder: name.to_owned(), recording: status.is_some_and(|status| status.recording) };
    if let Some(status) = status.filter(|s| s.recording && s.last_status() == Some(&RecorderStatus::Failure)) {
        let why = [status.last_error_code(), status.last_error_message()];
        let why: Vec<&str> = why.into_iter().flatten().collect();
        reading.notes.push(Note {
            target: cell.target.clone(),
            topic: "recorder-failure".to_owned(),
            text: format!("recorder `{name}` is on and last failed to record or deliver: {}", why.join(": ")),
        });
    }
    if let Some(status) = status.filter(|status| status.recording) {
        let time = |time: Option<&DateTime>| time.and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok());
        let (stopped, started) = (time(status.last_stop_time()), time(status.last_start_time()));
        let what = format!("recorder `{name}`");
        reading.notes.extend(gap(cell.target, &what, stopped, started, OffsetDateTime::now_utc()));
    }
    // Where nothing records nothing is delivered, and that it should is drift.
    if let Some(channel) = channel.filter(|_| recording.recording) {
        let bucket = channel.s3_bucket_name().unwrap_or_default();
        let status = delivery_status(cell, channel).await?;
        reading.undelivered.extend(status.undelivered(&spec::channel(config, cell.target), bucket));
    }
    let address = spec::recording(config, cell.target);
    reading.found.push(found(address, Spec::ConfigRecording(Box::new(recording))));
    Ok(())
}

/// How the channel's last deliveries went.
async fn delivery_status(cell: &Cell<'_>, channel: &SdkChannel) -> Result<Status, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "config", "DescribeDeliveryChannelStatus")
        .run(|| {
            let describe = session.config().describe_delivery_channel_status();
            send!(sdk, region, describe.set_delivery_channel_names(channel.name().map(|name| vec![name.to_owned()])))
        })
        .await?;
    let Some(status) = answer.delivery_channels_status().first() else { return Ok(Status::default()) };
    let time = |time: Option<&DateTime>| time.and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok());
    let text = |text: Option<&str>| text.map(str::to_owned);
    let export = |info: Option<&ConfigExportDeliveryInfo>| {
        info.map_or_else(Attempt::default, |info| Attempt {
            status: info.last_status().map(|status| status.as_str().to_owned()),
            code: text(info.last_error_code()),
            message: text(info.last_error_message()),
            tried: time(info.last_attempt_time()),
            succeeded: time(info.last_successful_time()),
            next: time(info.next_delivery_time()),
        })
    };
    let stream = status.config_stream_delivery_info().map(|info| Attempt {
        status: info.last_status().map(|status| status.as_str().to_owned()),
        code: text(info.last_error_code()),
        message: text(info.last_error_message()),
        tried: time(info.last_status_change_time()),
        ..Attempt::default()
    });
    Ok(Status {
        history: export(status.config_history_delivery_info()),
        snapshot: export(status.config_snapshot_delivery_info()),
        stream: stream.filter(|_| channel.sns_topic_arn().is_some_and(|topic| !topic.is_empty())),
    })
}

/// The ARN of something that AWS does not tell one of.
fn arn_of(address: &Address, what: &str, name: &str) -> Arn {
    let region = &address.target.region;
    let partition = Partition::of_region(region).unwrap_or_default();
    Arn::new(partition, "config", Some(region), Some(address.target.account), format!("{what}/{name}"))
}

fn reference(cell: &Cell<'_>, text: Option<&str>, operation: &str) -> Result<Option<Reference>, OpError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = |e: String| cell.malformed("config", operation, &e);
    Reference::try_from(text.to_owned()).map(Some).map_err(wrong)
}

fn names(types: &[ResourceType]) -> Vec<String> {
    let mut names: Vec<String> = types.iter().map(|one| one.as_str().to_owned()).collect();
    names.sort();
    names
}

/// What is recorded, in the one form that each meaning has; recorders from before there were strategies have none.
fn group_spec(group: Option<&SdkGroup>) -> RecordingGroup {
    let strategy = group.and_then(|group| group.recording_strategy()?.use_only()).map(RecordingStrategyType::as_str);
    // Without a group everything but the global types is recorded (AWS Config API Reference, `RecordingGroup`).
    let all = group.is_none_or(|group| group.all_supported);
    let strategy = strategy.unwrap_or(if all { ALL_SUPPORTED } else { INCLUSION });
    let listed = |of: &str, types: Option<&[ResourceType]>| match types {
        Some(types) if of == strategy => names(types),
        _ => Vec::new(),
    };
    let excluded =
        group.and_then(|group| group.exclusion_by_resource_types()).map(|excluded| excluded.resource_types());
    RecordingGroup {
        strategy: strategy.to_owned(),
        include_global_resource_types: strategy == ALL_SUPPORTED
            && group.is_some_and(|group| group.include_global_resource_types),
        resource_types: listed(INCLUSION, group.map(|group| group.resource_types())),
        excluded_resource_types: listed(EXCLUSION, excluded),
    }
}

/// How often; recorders from before there was a choice record as changes happen.
fn mode_spec(mode: Option<&SdkMode>) -> RecordingMode {
    let Some(mode) = mode else {
        return RecordingMode { frequency: CONTINUOUS.to_owned(), overrides: Vec::new() };
    };
    let overrides = mode.recording_mode_overrides().iter().map(|one| FrequencyOverride {
        frequency: one.recording_frequency().as_str().to_owned(),
        resource_types: names(one.resource_types()),
        description: one.description().map(str::to_owned),
    });
    RecordingMode { frequency: mode.recording_frequency().as_str().to_owned(), overrides: overrides.collect() }
}

fn channel_spec(cell: &Cell<'_>, channel: &SdkChannel) -> Result<DeliveryChannel, OpError> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let frequency = channel.config_snapshot_delivery_properties().and_then(|snapshot| snapshot.delivery_frequency());
    Ok(DeliveryChannel {
        name: channel.name().unwrap_or_default().to_owned(),
        s3_bucket: channel.s3_bucket_name().unwrap_or_default().to_owned(),
        s3_key_prefix: text(channel.s3_key_prefix()),
        kms_key: reference(cell, channel.s3_kms_key_arn(), "DescribeDeliveryChannels")?,
        sns_topic: text(channel.sns_topic_arn()),
        snapshot_frequency: frequency.map(|frequency| frequency.as_str().to_owned()),
    })
}

impl Write for Recorder {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let same = |seen: &Recorder| {
            (&self.role, &self.recording_group, &self.recording_mode)
                == (&seen.role, &seen.recording_group, &seen.recording_mode)
        };
        if !seen.is_some_and(same) {
            self.put(seen, order).await?;
        }
        let Some(seen) = seen else { return Ok(arn_of(order.address, "configuration-recorder", &self.name)) };
        if let (Some(wanted), Some(held)) = (&self.tags, &seen.tags) {
            tags::write(wanted, held, order).await?;
        }
        Ok(order.existing()?.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteConfigurationRecorder", "a recorder is never deleted"))
    }
}

impl Recorder {
    /// Sends the whole of it: what is left out of a group or mode is not left as it is.
    async fn put(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let recorder = ConfigurationRecorder::builder()
            .name(&self.name)
            .set_role_arn(self.role.clone().map(String::from))
            .recording_group(self.recording_group.to_sdk())
            .recording_mode(self.recording_mode.to_sdk(order)?)
            .build();
        let tags = self.tags.as_ref().filter(|_| seen.is_none()).map(tags::sdk_tags);
        session
            .call(region, "config", "PutConfigurationRecorder")
            .settling(UNSETTLED)
            .run(|| {
                let put = session.config().put_configuration_recorder().configuration_recorder(recorder.clone());
                send!(sdk, region, put.set_tags(tags.clone()))
            })
            .await?;
        Ok(())
    }
}

fn resource_types(names: &[String]) -> Vec<ResourceType> {
    names.iter().map(|name| ResourceType::from(name.as_str())).collect()
}

impl RecordingGroup {
    fn to_sdk(&self) -> SdkGroup {
        let strategy = RecordingStrategy::builder().use_only(RecordingStrategyType::from(self.strategy.as_str()));
        let group = SdkGroup::builder()
            .all_supported(self.strategy == ALL_SUPPORTED)
            .include_global_resource_types(self.include_global_resource_types)
            .recording_strategy(strategy.build());
        match self.strategy.as_str() {
            EXCLUSION => {
                let types = Some(resource_types(&self.excluded_resource_types));
                group.exclusion_by_resource_types(ExclusionByResourceTypes::builder().set_resource_types(types).build())
            }
            INCLUSION => group.set_resource_types(Some(resource_types(&self.resource_types))),
            _ => group,
        }
        .build()
    }
}

impl RecordingMode {
    fn to_sdk(&self, order: &Order<'_>) -> Result<SdkMode, OpError> {
        let wrong = |e: sdk::error::BuildError| order.malformed("PutConfigurationRecorder", &e.to_string());
        let mut mode = SdkMode::builder().recording_frequency(RecordingFrequency::from(self.frequency.as_str()));
        for one in &self.overrides {
            let built = RecordingModeOverride::builder()
                .set_description(one.description.clone())
                .set_resource_types(Some(resource_types(&one.resource_types)))
                .recording_frequency(RecordingFrequency::from(one.frequency.as_str()))
                .build()
                .map_err(wrong)?;
            mode = mode.recording_mode_overrides(built);
        }
        mode.build().map_err(wrong)
    }
}

impl Write for DeliveryChannel {
    /// Sends the whole of it: what a `PutDeliveryChannel` leaves out is not left as it is.
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        if seen == Some(self) {
            return Ok(order.existing()?.clone());
        }
        let (session, region) = (order.session, &order.address.target.region);
        let snapshots = self.snapshot_frequency.as_deref().map(|frequency| {
            let frequency = MaximumExecutionFrequency::from(frequency);
            ConfigSnapshotDeliveryProperties::builder().delivery_frequency(frequency).build()
        });
        let channel = SdkChannel::builder()
            .name(&self.name)
            .s3_bucket_name(&self.s3_bucket)
            .set_s3_key_prefix(self.s3_key_prefix.clone())
            .set_s3_kms_key_arn(self.kms_key.clone().map(String::from))
            .set_sns_topic_arn(self.sns_topic.clone())
            .set_config_snapshot_delivery_properties(snapshots)
            .build();
        session
            .call(region, "config", "PutDeliveryChannel")
            .settling(UNSETTLED)
            .run(|| send!(sdk, region, session.config().put_delivery_channel().delivery_channel(channel.clone())))
            .await?;
        Ok(arn_of(order.address, "delivery-channel", &self.name))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteDeliveryChannel", "a delivery channel is never deleted"))
    }
}

impl Write for Recording {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        if !self.recording {
            return Err(order.refused("StopConfigurationRecorder", "a recorder is never stopped"));
        }
        if !seen.is_some_and(|seen| seen.recording) {
            session
                .call(region, "config", "StartConfigurationRecorder")
                .settling(UNSETTLED)
                .run(|| {
                    let start = session.config().start_configuration_recorder();
                    send!(sdk, region, start.configuration_recorder_name(&self.recorder))
                })
                .await?;
        }
        Ok(arn_of(order.address, "configuration-recorder", &self.recorder))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("StopConfigurationRecorder", "a recorder is never stopped"))
    }
}
