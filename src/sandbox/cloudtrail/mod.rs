//! CloudTrail (API version 2013-11-01): trails, their shadows in other Regions, and the destination's policies.

mod delivery;
mod names;
mod selectors;
mod tags;
mod trails;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dispatch::{Call, Service};
use super::wire::{Answer, Protocol, Refusal};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "cloudtrail",
    protocol: Protocol::Json,
    route: None,
    resource: |world, call| {
        let name = ["Name", "TrailName", "ResourceId"].iter().find_map(|member| call.text(member)).unwrap_or("*");
        if name.starts_with("arn:") {
            name.to_owned()
        } else {
            arn(world, call.account(), call.region, name).to_string()
        }
    },
    handle,
};

/// Trails by account, home Region and name.
#[derive(Debug, Default)]
pub(super) struct State {
    pub trails: BTreeMap<(AccountId, Region, String), Trail>,
}

/// A trail, in its home Region.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    pub arn: Arn,
    pub name: String,
    pub home: Region,
    pub bucket: String,
    pub prefix: Option<String>,
    pub global_events: bool,
    pub multi_region: bool,
    pub validation: bool,
    /// The key's ARN.
    pub kms_key: Option<String>,
    pub logging: bool,
    /// When logging was last started and stopped, in seconds since 1970.
    pub started: Option<f64>,
    pub stopped: Option<f64>,
    /// When a log file was last delivered, by the Region it was from.
    pub delivered: BTreeMap<Region, f64>,
    /// Whether it has nothing to deliver.
    pub silent: bool,
    /// As `PutEventSelectors` took them; `None` before the first.
    pub selectors: Option<selectors::Selectors>,
    pub tags: BTreeMap<String, String>,
}

impl State {
    /// The account's trails that are visible in the Region: its own and the shadows of multi-Region ones.
    pub fn visible<'a>(&'a self, account: AccountId, region: &'a Region) -> impl Iterator<Item = &'a Trail> {
        self.trails
            .iter()
            .filter(move |((owner, home, _), trail)| *owner == account && (home == region || trail.multi_region))
            .map(|(_, trail)| trail)
    }

    /// Has trails deliver nothing, and forget that they ever did.
    pub fn forget_deliveries(&mut self) {
        for trail in self.trails.values_mut() {
            trail.delivered.clear();
            trail.silent = true;
        }
    }

    /// Moves into the past what was delivered and started so far, as if nothing had happened since.
    pub fn age(&mut self, seconds: f64) {
        for trail in self.trails.values_mut() {
            let moments = trail.started.iter_mut().chain(&mut trail.stopped).chain(trail.delivered.values_mut());
            moments.for_each(|moment| *moment -= seconds);
        }
    }

    /// How many trails count in the Region.
    fn count(&self, account: AccountId, region: &Region) -> usize {
        self.visible(account, region).count()
    }
}

/// The ARN of a trail.
pub(super) fn arn(world: &World, account: AccountId, region: &Region, name: &str) -> Arn {
    Arn::new(world.partition, "cloudtrail", Some(region), Some(account), format!("trail/{name}"))
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let output = match call.operation {
        "CreateTrail" => trails::create(world, call),
        "UpdateTrail" => trails::update(world, call),
        "DeleteTrail" => trails::delete(world, call),
        "DescribeTrails" => trails::describe(world, call),
        "GetTrail" => trails::get(world, call),
        "ListTrails" => Ok(trails::list(world, call)),
        "GetTrailStatus" => trails::status(world, call),
        "StartLogging" => trails::log(world, call, true),
        "StopLogging" => trails::log(world, call, false),
        "PutEventSelectors" => selectors::put(world, call),
        "GetEventSelectors" => selectors::get(world, call),
        "AddTags" => tags::add(world, call),
        "RemoveTags" => tags::remove(world, call),
        "ListTags" => tags::list(world, call),
        _ => Err(call.not_simulated()),
    };
    output.map(Answer::Json)
}

type Key = (AccountId, Region, String);

/// What an operation wants of the trail that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Shadows answer too, when they are named by their ARN.
    Read,
    /// Only in the home Region.
    Write,
    /// Only in the home Region, and only by ARN.
    Tag,
}

/// Finds the trail that a name or an ARN means, seen from the Region of the call.
fn find(world: &World, call: &Call<'_>, name: &str, purpose: Purpose) -> Result<Key, Refusal> {
    let account = call.account();
    if !name.starts_with("arn:") && purpose != Purpose::Tag {
        names::check(name)?;
        let key = (account, call.region.clone(), name.to_owned());
        if world.cloudtrail.trails.contains_key(&key) {
            return Ok(key);
        }
        // A shadow is read by its ARN only; a change of it is told to go home.
        return match world.cloudtrail.visible(account, call.region).find(|trail| trail.name == name) {
            Some(shadow) if purpose == Purpose::Write => Err(invalid_home(shadow, call.region)),
            _ => Err(not_found(call, name)),
        };
    }
    let invalid = |message: String| Refusal::new(400, "CloudTrailARNInvalidException", message);
    let malformed = || invalid(format!("The ARN is not a valid trail ARN: {name}"));
    let arn: Arn = name.parse().map_err(|_| malformed())?;
    let (Some(home), Some(owner), Some(plain)) = (arn.region(), arn.account(), arn.resource().strip_prefix("trail/"))
    else {
        return Err(malformed());
    };
    if arn.service() != "cloudtrail" || arn.partition() != world.partition {
        return Err(malformed());
    }
    names::check(plain)?;
    let missing = || match purpose {
        Purpose::Tag => Refusal::new(400, "ResourceNotFoundException", format!("Unknown resource: {name}")),
        Purpose::Read | Purpose::Write => not_found(call, name),
    };
    let key = (owner, home.clone(), plain.to_owned());
    let wrong_region =
        || invalid(format!("Region in ARN is wrong, you can only access resources in region {}.", call.region));
    match world.cloudtrail.trails.get(&key).filter(|_| owner == account) {
        None if home != call.region => Err(wrong_region()),
        None => Err(missing()),
        Some(_) if home == call.region => Ok(key),
        Some(trail) if trail.multi_region && purpose == Purpose::Read => Ok(key),
        Some(trail) if trail.multi_region && purpose == Purpose::Write => Err(invalid_home(trail, call.region)),
        Some(_) => Err(wrong_region()),
    }
}

fn not_found(call: &Call<'_>, name: &str) -> Refusal {
    let message = format!("Unknown trail: {name} for the user: {}", call.account());
    Refusal::new(400, "TrailNotFoundException", message)
}

fn invalid_home(trail: &Trail, region: &Region) -> Refusal {
    let message =
        format!("The trail {} is a multi-region trail of {}; {region} is not its home region.", trail.name, trail.home);
    Refusal::new(400, "InvalidHomeRegionException", message)
}

/// The members that `CreateTrail`, `UpdateTrail`, `DescribeTrails` and `GetTrail` share.
fn document(trail: &Trail) -> Value {
    let mut out = json!({
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "IncludeGlobalServiceEvents": trail.global_events,
        "IsMultiRegionTrail": trail.multi_region,
        "TrailARN": trail.arn,
        "LogFileValidationEnabled": trail.validation,
        "IsOrganizationTrail": false,
    });
    if let Some(prefix) = &trail.prefix {
        out["S3KeyPrefix"] = json!(prefix);
    }
    if let Some(key) = &trail.kms_key {
        out["KmsKeyId"] = json!(key);
    }
    out
}
