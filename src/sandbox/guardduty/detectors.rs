//! Detectors: one per account and Region.

use serde_json::{Value, json};

use super::{Detector, Status, features, invalid, own, own_mut, page, rejected, required, tags, token};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{World, iso};

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let enabled = call.flag("enable").ok_or_else(required)?;
    let frequency = frequency(call)?;
    let tags = tags::read(call.input.get("tags"))?;
    let token = token(call)?;
    let features = features::created(world, call)?;
    let key = (call.account(), call.region.clone());
    if let Some(existing) = world.guardduty.detectors.get(&key) {
        return if token.is_some() && token == existing.token {
            Ok(json!({ "detectorId": existing.id }))
        } else {
            Err(rejected("The request is rejected because a detector already exists for the current account."))
        };
    }
    let id = world.ids.uuid().replace('-', "");
    let mut detector = Detector::new(id.clone(), enabled, features, call.now);
    if let Some(frequency) = frequency {
        detector.frequency = frequency;
    }
    (detector.tags, detector.token) = (tags, token);
    world.guardduty.detectors.insert(key, detector);
    Ok(json!({ "detectorId": id }))
}

fn frequency(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    match call.text("findingPublishingFrequency") {
        None => Ok(None),
        Some(text) if ["FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"].contains(&text) => Ok(Some(text.to_owned())),
        Some(_) => Err(invalid()),
    }
}

/// The frequency that counts: the administrator's, where there is one and its detector is known.
pub(super) fn frequency_of(world: &World, account: AccountId, region: &Region) -> Option<String> {
    let state = &world.guardduty;
    let of = |account: AccountId| state.detectors.get(&(account, region.clone()));
    let administrator = state.administrator_of(account, region).and_then(of);
    administrator.or_else(|| of(account)).map(|detector| detector.frequency.clone())
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let detector = own(world, call)?;
    let role = "aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty";
    Ok(json!({
        "createdAt": iso(detector.created),
        "updatedAt": iso(detector.updated),
        "findingPublishingFrequency": frequency_of(world, call.account(), call.region),
        "serviceRole": Arn::role(world.partition, call.account(), role),
        "status": if detector.enabled { "ENABLED" } else { "DISABLED" },
        "tags": detector.tags,
        "dataSources": features::data_sources(&detector.features),
        "features": features::document(world, call.region, &detector.features, detector.created),
    }))
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let detector = world.guardduty.detectors.get(&(call.account(), call.region.clone()));
    page(call, "detectorIds", detector.iter().map(|detector| json!(detector.id)).collect())
}

pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let mut detector = own(world, call)?.clone();
    if let Some(frequency) = frequency(call)? {
        if world.guardduty.administrator_of(call.account(), call.region).is_some() {
            // The rule is AWS's, its words are not known.
            return Err(rejected(
                "The request is rejected because a member account cannot specify the finding publishing frequency.",
            ));
        }
        detector.frequency = frequency;
    }
    if let Some(enabled) = call.flag("enable") {
        detector.enabled = enabled;
    }
    features::changed(world, call, &mut detector.features)?;
    detector.updated = call.now;
    *own_mut(world, call)? = detector;
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    let (account, region) = (call.account(), call.region);
    let holds = world.guardduty.members.iter().any(|((administrator, place, _), member)| {
        *administrator == account && place == region && matches!(member.status, Status::Invited | Status::Enabled)
    });
    if holds {
        return Err(rejected(
            "The request is rejected because the current account cannot delete the detector while it has invited or \
             associated members.",
        ));
    }
    world.guardduty.members.retain(|(administrator, place, _), _| *administrator != account || place != region);
    for ((_, place, member), relation) in &mut world.guardduty.members {
        if *member == account && place == region && relation.status == Status::Enabled {
            (relation.status, relation.updated) = (Status::Resigned, call.now);
        }
    }
    world.guardduty.detectors.remove(&(account, region.clone()));
    Ok(json!({}))
}
