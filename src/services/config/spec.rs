use serde::{Deserialize, Serialize};

use super::section::{Config, RecordingFrequency, records_iam_types};
use super::{aggregation, rule};
use crate::model::{Address, Region, Target};
use crate::services::{
    About, Aside, Declared, Desired, Kept, Kind, Place, Reference, Resource, Spec, Tags, Terms, iam, keep_tags, kms,
    our_tags, s3,
};

/// The resource types that are the same in every Region (AWS Config API Reference, `RecordingGroup`).
pub(super) const IAM_TYPES: [&str; 4] = ["AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"];

/// The resource types that cannot be recorded daily (AWS Config API Reference, `RecordingMode`). Where all types are
/// recorded AWS sees to that itself. The page names `AWS::Config::ConfigurationRecorder` as well, which is no value of
/// the API's `ResourceType`: a request that holds it is refused.
const CONTINUOUS_ONLY: [&str; 2] = ["AWS::Config::ConformancePackCompliance", "AWS::Config::ResourceCompliance"];

pub(super) static NO_TAGS: Tags = Tags::new();

/// A configuration recorder: what is recorded, how often, and with which role. There is one in an account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorder {
    /// What AWS calls it: the declared name, or the one that it had already.
    pub name: String,
    /// The role that it reads the account with.
    pub role: Option<Reference>,
    /// What is recorded.
    pub recording_group: RecordingGroup,
    /// How often.
    pub recording_mode: RecordingMode,
    /// Its tags; `None` where AWS does not show its ARN, by which alone they could be read.
    pub tags: Option<Tags>,
    /// Only of one that was seen: whether it is ours, by its tags, or where they cannot be read by the bucket that its
    /// Region's channel delivers to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ours: bool,
    /// Only of one that is declared: whether the frequency is.
    #[serde(skip)]
    pub frequency_declared: Aside<bool>,
}

/// What a recorder records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingGroup {
    /// `ALL_SUPPORTED_RESOURCE_TYPES`, `EXCLUSION_BY_RESOURCE_TYPES` or `INCLUSION_BY_RESOURCE_TYPES`.
    pub strategy: String,
    /// Whether IAM users, groups, roles and policies are recorded with all others; without meaning, and `false`, in the
    /// other strategies.
    pub include_global_resource_types: bool,
    /// The types that alone are recorded, in order.
    pub resource_types: Vec<String>,
    /// The types that are not recorded, in order.
    pub excluded_resource_types: Vec<String>,
}

/// How often changes are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingMode {
    /// `CONTINUOUS` or `DAILY`.
    pub frequency: String,
    /// Resource types that are recorded otherwise; AWS takes one entry at most.
    pub overrides: Vec<FrequencyOverride>,
}

/// Resource types that are recorded otherwise than the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrequencyOverride {
    /// `CONTINUOUS` or `DAILY`.
    pub frequency: String,
    /// The types, in order.
    pub resource_types: Vec<String>,
    /// What somebody wrote about it.
    pub description: Option<String>,
}

pub(super) const ALL_SUPPORTED: &str = "ALL_SUPPORTED_RESOURCE_TYPES";
pub(super) const EXCLUSION: &str = "EXCLUSION_BY_RESOURCE_TYPES";
#[cfg(feature = "aws")]
pub(super) const INCLUSION: &str = "INCLUSION_BY_RESOURCE_TYPES";
pub(super) const CONTINUOUS: &str = "CONTINUOUS";
const DAILY: &str = "DAILY";

impl RecordingGroup {
    /// All resource types but the excluded ones; of the global ones exactly in one Region.
    fn declared(config: &Config, region: &Region) -> Self {
        let home = *region == config.global_resources_region;
        if config.exclude_resource_types.is_empty() {
            return RecordingGroup {
                strategy: ALL_SUPPORTED.to_owned(),
                include_global_resource_types: home,
                resource_types: Vec::new(),
                excluded_resource_types: Vec::new(),
            };
        }
        let mut excluded = config.exclude_resource_types.clone();
        if !home && records_iam_types(region) {
            // In this strategy they are recorded wherever they can be, unless they are named.
            excluded.extend(IAM_TYPES.map(str::to_owned));
        }
        excluded.sort();
        excluded.dedup();
        RecordingGroup {
            strategy: EXCLUSION.to_owned(),
            include_global_resource_types: false,
            resource_types: Vec::new(),
            excluded_resource_types: excluded,
        }
    }
}

impl RecordingMode {
    fn declared(config: &Config) -> Self {
        let daily = config.recording_frequency == Some(RecordingFrequency::Daily);
        let excluded = &config.exclude_resource_types;
        let mut overrides = Vec::new();
        if daily && !excluded.is_empty() {
            let types = CONTINUOUS_ONLY.into_iter().filter(|t| !excluded.iter().any(|e| e == t));
            let resource_types: Vec<String> = types.map(str::to_owned).collect();
            if !resource_types.is_empty() {
                overrides.push(FrequencyOverride {
                    frequency: CONTINUOUS.to_owned(),
                    resource_types,
                    description: None,
                });
            }
        }
        RecordingMode { frequency: if daily { DAILY } else { CONTINUOUS }.to_owned(), overrides }
    }

    /// Keeps what somebody said of single resource types, which is not declared, beside what has to be said.
    fn keep_overrides(&mut self, seen: &RecordingMode) {
        let Some(needed) = self.overrides.first_mut() else {
            self.overrides.clone_from(&seen.overrides);
            return;
        };
        if let Some(theirs) = seen.overrides.iter().find(|theirs| theirs.frequency == needed.frequency) {
            needed.resource_types.extend(theirs.resource_types.iter().cloned());
            needed.resource_types.sort();
            needed.resource_types.dedup();
            needed.description.clone_from(&theirs.description);
        }
    }
}

/// How to go on where somebody else's recorder or channel is in the way of the declaration.
fn take_over_hint(terms: &Terms) -> String {
    let account = terms.address.as_ref().map_or("the account".to_owned(), |a| format!("account {}", a.target.account));
    format!("declare `take_over = [\"config\"]` for {account} in profiles.toml to have it changed")
}

impl Recorder {
    /// What would change of somebody else's feed.
    fn rerouted(&self, seen: &Self) -> Vec<&'static str> {
        let changes =
            [("role", self.role != seen.role), ("recording scope", self.recording_group != seen.recording_group)];
        changes.into_iter().filter(|(_, changed)| *changed).map(|(what, _)| what).collect()
    }
}

impl Resource for Recorder {
    const ABOUT: About = About {
        lives: "every account, every Region",
        without: "nobody can tell what a resource looked like, and rules that wait for changes have nothing to \
            evaluate",
    };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.role.iter_mut().collect()
    }

    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept> {
        self.name.clone_from(&seen.name);
        self.ours = seen.ours;
        if seen.ours || terms.take_over {
            self.recording_mode.keep_overrides(&seen.recording_mode);
            match (&mut self.tags, &seen.tags) {
                (Some(ours), Some(theirs)) => keep_tags(ours, theirs),
                _ => self.tags = None,
            }
            return Vec::new();
        }
        // Our tag would make it ours, and the next run would take it for that.
        self.tags.clone_from(&seen.tags);
        if self.frequency_declared.0 {
            self.recording_mode.keep_overrides(&seen.recording_mode);
        } else {
            self.recording_mode = seen.recording_mode.clone();
        }
        let rerouted = self.rerouted(seen);
        self.role.clone_from(&seen.role);
        self.recording_group = seen.recording_group.clone();
        if rerouted.is_empty() {
            return Vec::new();
        }
        vec![Kept {
            reason: format!(
                "recorder `{}` is not ours and is not as declared in its {}: nobody's feed is rerouted",
                seen.name,
                rerouted.join(" and ")
            ),
            hint: take_over_hint(terms),
        }]
    }

    fn tags(&self) -> &Tags {
        self.tags.as_ref().unwrap_or(&NO_TAGS)
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        let Some(seen) = seen else { return refusals };
        if seen.name != self.name {
            refusals.push(format!("an account has one recorder, and `{}` is there", seen.name));
        }
        if !seen.ours && !terms.take_over {
            for what in self.rerouted(seen) {
                refusals.push(format!("the {what} of recorder `{}`, which is not ours, would change", seen.name));
            }
        }
        refusals
    }
}

/// Where configuration goes. There is one in an account and Region; it has no tags, and is ours if it delivers to our
/// bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryChannel {
    /// What AWS calls it: the declared name, or the one that it had already.
    pub name: String,
    /// The bucket it delivers to.
    pub s3_bucket: String,
    /// The prefix there.
    pub s3_key_prefix: Option<String>,
    /// The key it encrypts with.
    pub kms_key: Option<Reference>,
    /// The topic it notifies; never declared.
    pub sns_topic: Option<String>,
    /// How often whole snapshots are delivered.
    pub snapshot_frequency: Option<String>,
}

impl DeliveryChannel {
    /// Whether it delivers to another bucket than `seen`, which is therefore somebody else's.
    fn is_elsewhere(&self, seen: &Self) -> bool {
        self.s3_bucket != seen.s3_bucket
    }
}

impl Resource for DeliveryChannel {
    const ABOUT: About = About {
        lives: "every account, every Region",
        without: "the recorder cannot be started, and its history leaves the account nowhere",
    };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.kms_key.iter_mut().collect()
    }

    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept> {
        self.name.clone_from(&seen.name);
        self.sns_topic.clone_from(&seen.sns_topic);
        if self.snapshot_frequency.is_none() {
            self.snapshot_frequency.clone_from(&seen.snapshot_frequency);
        }
        if !self.is_elsewhere(seen) || terms.take_over {
            return Vec::new();
        }
        let kept = Kept {
            reason: format!(
                "delivery channel `{}` delivers to bucket {} and not to {}: nobody's feed is rerouted",
                seen.name, seen.s3_bucket, self.s3_bucket
            ),
            hint: take_over_hint(terms),
        };
        self.s3_bucket.clone_from(&seen.s3_bucket);
        self.s3_key_prefix.clone_from(&seen.s3_key_prefix);
        self.kms_key.clone_from(&seen.kms_key);
        vec![kept]
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        let Some(seen) = seen else { return refusals };
        if seen.name != self.name {
            refusals.push(format!("an account has one delivery channel, and `{}` is there", seen.name));
        }
        if self.is_elsewhere(seen) && !terms.take_over {
            refusals
                .push(format!("the channel would no longer deliver to bucket {}, which is not ours", seen.s3_bucket));
        }
        if self.sns_topic != seen.sns_topic {
            refusals.push("the topic that the channel notifies would change".to_owned());
        }
        refusals
    }
}

/// Whether the recorder is recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// What AWS calls the recorder.
    pub recorder: String,
    /// Whether it is.
    pub recording: bool,
}

impl Resource for Recording {
    const ABOUT: About =
        About { lives: "every account, every Region", without: "the recorder is there and records nothing" };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        self.recorder.clone_from(&seen.recorder);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let stopped = !self.recording;
        stopped.then(|| "the recorder would be stopped".to_owned()).into_iter().collect()
    }
}

/// Where the recorder of an account and Region is declared.
pub(super) fn recorder(config: &Config, target: &Target) -> Address {
    Address::new(target.clone(), Kind::ConfigRecorder, config.recorder_name.clone())
}

/// Where the delivery channel of an account and Region is declared.
pub(super) fn channel(config: &Config, target: &Target) -> Address {
    Address::new(target.clone(), Kind::ConfigDeliveryChannel, config.channel_name.clone())
}

/// Where the recording of an account and Region is declared.
pub(super) fn recording(config: &Config, target: &Target) -> Address {
    Address::new(target.clone(), Kind::ConfigRecording, config.recorder_name.clone())
}

/// What an account should hold.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(config) = &declared.baseline.config else { return Vec::new() };
    let Some(bucket) = s3::address(declared) else { return Vec::new() };
    let mut all = Vec::new();
    for region in place.regions {
        let target = place.target(region);
        all.extend(recorded(declared, config, &target, &bucket));
        all.extend(rule::desired(declared, config, &target));
        all.extend(aggregation::authorization(declared, config, &target));
    }
    all.extend(aggregation::aggregator(declared, config, place));
    all
}

/// The delivery channels that an account should hold, one in each Region.
pub fn channels(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let (Some(config), Some(bucket)) = (&declared.baseline.config, s3::address(declared)) else { return Vec::new() };
    let of = |region| {
        let [_, channel, _] = recorded(declared, config, &place.target(region), &bucket);
        channel
    };
    place.regions.iter().map(of).collect()
}

/// Recorder, channel and recording, in the order in which AWS takes them (AWS Config API Reference,
/// `PutDeliveryChannel`, `StartConfigurationRecorder`).
fn recorded(declared: &Declared<'_>, config: &Config, target: &Target, bucket: &Address) -> [Desired; 3] {
    let role = iam::config_role(declared, target.account);
    let recorder_spec = Recorder {
        name: config.recorder_name.clone(),
        role: role.clone().map(Reference::To),
        recording_group: RecordingGroup::declared(config, &target.region),
        recording_mode: RecordingMode::declared(config),
        tags: Some(our_tags(declared.baseline)),
        ours: false,
        frequency_declared: Aside(config.recording_frequency.is_some()),
    };
    let key = kms::address(declared);
    let channel_spec = DeliveryChannel {
        name: config.channel_name.clone(),
        s3_bucket: bucket.name.clone(),
        s3_key_prefix: declared.baseline.log_bucket.as_ref().and_then(|bucket| bucket.prefix.clone()),
        kms_key: key.clone().map(Reference::To),
        sns_topic: None,
        snapshot_frequency: config.snapshot_frequency.clone(),
    };
    let recording_spec = Recording { recorder: config.recorder_name.clone(), recording: true };
    let (recorder, channel) = (recorder(config, target), channel(config, target));
    let delivery = [recorder.clone()].into_iter().chain(key).chain([bucket.clone()]).collect();
    let both = vec![recorder.clone(), channel.clone()];
    [
        Desired::new(recorder, Spec::ConfigRecorder(Box::new(recorder_spec)), role.into_iter().collect()),
        Desired::new(channel, Spec::ConfigDeliveryChannel(Box::new(channel_spec)), delivery),
        Desired::new(recording(config, target), Spec::ConfigRecording(Box::new(recording_spec)), both),
    ]
}

/// Every Region of the account, and in the security account the one that the aggregator is in.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let Some(config) = &declared.baseline.config else { return Vec::new() };
    let mut cells: Vec<Target> = place.regions.iter().map(|region| place.target(region)).collect();
    let home = &declared.profiles.home_region;
    let aggregates = config.aggregator.is_some() && place.account.id == declared.profiles.security;
    if aggregates && !place.regions.contains(home) {
        cells.push(place.target(home));
    }
    cells
}
