//! Trails: created, changed, deleted, listed, started and stopped.

use serde_json::{Value, json};

use super::{Purpose, Trail, arn, delivery, document, find, names, selectors::Selectors, tags};
use crate::model::{AccountId, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::quotas::Quota;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{World, iso};

/// Trails per Region, shadows included (CloudTrail User Guide, "Quotas"; fixed).
const TRAILS_PER_REGION: usize = 5;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("Name").unwrap_or_default();
    names::check(name)?;
    let tags = tags::read(call.input.get("TagsList"))?;
    let account = call.account();
    let mut trail = Trail {
        arn: arn(world, account, call.region, name),
        name: name.to_owned(),
        home: call.region.clone(),
        bucket: String::new(),
        prefix: None,
        global_events: true,
        multi_region: false,
        validation: false,
        kms_key: None,
        logging: false,
        started: None,
        stopped: None,
        delivered: [].into(),
        silent: false,
        selectors: None,
        tags,
    };
    settings(world, call, &mut trail)?;
    collide(world, account, &trail, true)?;
    quota(world, account, &trail)?;
    delivery::check(world, account, &trail)?;
    let out = document(&trail);
    world.cloudtrail.trails.insert((account, call.region.clone(), trail.name.clone()), trail);
    Ok(out)
}

pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("Name").unwrap_or_default(), Purpose::Write)?;
    let account = call.account();
    let before = world.cloudtrail.trails.get(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    let (mut trail, was_multi) = (before.clone(), before.multi_region);
    settings(world, call, &mut trail)?;
    if trail.multi_region && !was_multi {
        collide(world, account, &trail, false)?;
        quota(world, account, &trail)?;
    }
    delivery::check(world, account, &trail)?;
    let out = document(&trail);
    world.cloudtrail.trails.insert(key, trail);
    Ok(out)
}

/// Applies the members that a request carries; those that are absent stay as they are.
fn settings(world: &World, call: &Call<'_>, trail: &mut Trail) -> Result<(), Refusal> {
    for member in ["SnsTopicName", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"] {
        if call.text(member).is_some_and(|text| !text.is_empty()) {
            let mut refusal = call.not_simulated();
            refusal.message.push_str(&format!(" with {member}"));
            return Err(refusal);
        }
    }
    if call.flag("IsOrganizationTrail") == Some(true) {
        let message = "The account is not a member of an organization.";
        return Err(Refusal::new(400, "OrganizationsNotInUseException", message));
    }
    let multi_region = call.flag("IsMultiRegionTrail").unwrap_or(trail.multi_region);
    // A conversion switches global service events with it (CloudTrail User Guide, "CloudTrail concepts").
    let follows = if multi_region == trail.multi_region { trail.global_events } else { multi_region };
    let created = trail.bucket.is_empty();
    trail.global_events = call.flag("IncludeGlobalServiceEvents").unwrap_or(if created { true } else { follows });
    trail.multi_region = multi_region;
    if multi_region && !trail.global_events {
        let message = "Multi-Region trail must include global service events.";
        return Err(Refusal::new(400, "InvalidParameterCombinationException", message));
    }
    if let Some(validation) = call.flag("EnableLogFileValidation") {
        trail.validation = validation;
    }
    if let Some(bucket) = call.text("S3BucketName") {
        trail.bucket = bucket.to_owned();
    }
    if trail.bucket.len() < 3 || trail.bucket.len() > 63 {
        let message = format!("Bucket name {} is not valid.", trail.bucket);
        return Err(Refusal::new(400, "InvalidS3BucketNameException", message));
    }
    if let Some(prefix) = call.text("S3KeyPrefix") {
        names::check_prefix(prefix)?;
        trail.prefix = (!prefix.is_empty()).then(|| prefix.trim_end_matches('/').to_owned());
    }
    match call.text("KmsKeyId") {
        Some("") => trail.kms_key = None,
        Some(key) => trail.kms_key = Some(delivery::resolve_key(world, call.account(), &trail.bucket, key)?),
        None => {}
    }
    Ok(())
}

/// Two trails of one name cannot be seen in one Region. That a shadow counts is our reading of "the specified trail
/// already exists": the API names trails by their name alone in every Region where they show.
fn collide(world: &World, account: AccountId, trail: &Trail, creating: bool) -> Result<(), Refusal> {
    let clash = world.cloudtrail.trails.iter().any(|((owner, home, name), other)| {
        *owner == account
            && *name == trail.name
            && (creating || other.arn != trail.arn)
            && (trail.multi_region || other.multi_region || *home == trail.home)
    });
    if clash {
        let message = format!("Trail {} already exists for customer: {account}", trail.name);
        return Err(Refusal::new(400, "TrailAlreadyExistsException", message));
    }
    Ok(())
}

/// A multi-Region trail counts once in each Region that the account has enabled.
fn quota(world: &World, account: AccountId, trail: &Trail) -> Result<(), Refusal> {
    let limit = |region: &Region| world.quotas.limit(account, region, Quota::Trails).unwrap_or(TRAILS_PER_REGION);
    let full = |region: &Region| {
        let there = world.cloudtrail.visible(account, region).any(|other| other.arn == trail.arn);
        !there && world.cloudtrail.count(account, region) >= limit(region)
    };
    let enabled = world.accounts.get(&account).map(|account| &account.enabled);
    let region = if trail.multi_region {
        enabled.into_iter().flatten().find(|region| full(region))
    } else {
        Some(&trail.home).filter(|region| full(region))
    };
    match region {
        None => Ok(()),
        Some(region) => {
            let message = format!("User: {account} already has {} trails in {region}.", limit(region));
            Err(Refusal::new(400, "MaximumNumberOfTrailsExceededException", message))
        }
    }
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("Name").unwrap_or_default(), Purpose::Write)?;
    world.cloudtrail.trails.remove(&key);
    Ok(json!({}))
}

pub(super) fn describe(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let shadows = call.flag("includeShadowTrails").unwrap_or(true);
    let named = call.input.get("trailNameList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    if named.is_empty() {
        found.extend(world.cloudtrail.visible(call.account(), call.region));
    } else {
        for name in named.iter().filter_map(Value::as_str) {
            // Unknown names are left out of the answer; malformed ones are refused.
            match find(world, call, name, Purpose::Read) {
                Ok(key) => found.extend(world.cloudtrail.trails.get(&key)),
                Err(refusal) if refusal.code == "TrailNotFoundException" => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
    let list: Vec<Value> = found.into_iter().filter(|trail| shadows || trail.home == *call.region).map(whole).collect();
    Ok(json!({ "trailList": list }))
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("Name").unwrap_or_default(), Purpose::Read)?;
    let trail = world.cloudtrail.trails.get(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    Ok(json!({ "Trail": whole(trail) }))
}

fn whole(trail: &Trail) -> Value {
    let mut out = document(trail);
    out["HomeRegion"] = json!(trail.home);
    out["HasCustomEventSelectors"] = json!(Selectors::custom(trail.selectors.as_ref()));
    out["HasInsightSelectors"] = json!(false);
    out
}

/// Every trail of the account, wherever its home is.
pub(super) fn list(world: &World, call: &Call<'_>) -> Value {
    let trails = world.cloudtrail.trails.iter().filter(|((owner, _, _), _)| *owner == call.account());
    let list: Vec<Value> = trails
        .map(|(_, trail)| json!({ "TrailARN": trail.arn, "Name": trail.name, "HomeRegion": trail.home }))
        .collect();
    json!({ "Trails": list })
}

pub(super) fn status(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("Name").unwrap_or_default(), Purpose::Read)?;
    // Told from the policies as they are now: a destination that was spoilt later shows here, as in AWS.
    let outcome = deliver(world, &key, call.region, call.now);
    let trail = world.cloudtrail.trails.get(&key).ok_or_else(|| super::not_found(call, &key.2))?;
    let mut out = json!({
        "IsLogging": trail.logging,
        "LatestDeliveryAttemptTime": "",
        "LatestDeliveryAttemptSucceeded": "",
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "TimeLoggingStarted": trail.started.map(iso).unwrap_or_default(),
        "TimeLoggingStopped": trail.stopped.map(iso).unwrap_or_default(),
    });
    if let Some(started) = trail.started {
        out["StartLoggingTime"] = json!(started);
    }
    if let Some(stopped) = trail.stopped {
        out["StopLoggingTime"] = json!(stopped);
    }
    if let Err(error) = outcome {
        out["LatestDeliveryError"] = json!(error);
    }
    if let Some(delivered) = trail.delivered.get(call.region) {
        out["LatestDeliveryTime"] = json!(delivered);
    }
    Ok(out)
}

/// Delivers what was recorded in a Region by now.
///
/// # Errors
/// S3's code for what is in the way (Amazon S3 API Reference, "Error responses"; the codes that begin with `KMS.` stand
/// for KMS's own).
fn deliver(
    world: &mut World,
    key: &(AccountId, Region, String),
    region: &Region,
    now: f64,
) -> Result<(), &'static str> {
    let Some(trail) = world.cloudtrail.trails.get(key).filter(|trail| trail.logging) else { return Ok(()) };
    delivery::check(world, key.0, trail).map_err(|refusal| match refusal.code.as_str() {
        "S3BucketDoesNotExistException" => "NoSuchBucket",
        "KmsKeyDisabledException" => "KMS.DisabledException",
        "KmsKeyNotFoundException" => "KMS.NotFoundException",
        "KmsException" => "KMS.KMSInvalidStateException",
        _ => "AccessDenied",
    })?;
    if let Some(trail) = world.cloudtrail.trails.get_mut(key).filter(|trail| !trail.silent) {
        trail.delivered.insert(region.clone(), now);
    }
    Ok(())
}

pub(super) fn log(world: &mut World, call: &Call<'_>, on: bool) -> Result<Value, Refusal> {
    let key = find(world, call, call.text("Name").unwrap_or_default(), Purpose::Write)?;
    if let Some(trail) = world.cloudtrail.trails.get_mut(&key) {
        let moment = if on { &mut trail.started } else { &mut trail.stopped };
        if trail.logging != on {
            *moment = Some(call.now);
        }
        trail.logging = on;
    }
    // The first files come within minutes, which pass at once here; an error shows in the status.
    let _ = deliver(world, &key, call.region, call.now);
    Ok(json!({}))
}
