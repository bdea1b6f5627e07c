//! The optional features of a detector (GuardDuty API Reference, `DetectorFeatureConfiguration`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{invalid, rejected};
use crate::model::{Partition, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Features that can be switched.
pub(super) const OPTIONAL: [&str; 9] = [
    "S3_DATA_EVENTS",
    "EKS_AUDIT_LOGS",
    "EBS_MALWARE_PROTECTION",
    "RDS_LOGIN_EVENTS",
    "EKS_RUNTIME_MONITORING",
    "LAMBDA_NETWORK_LOGS",
    RUNTIME,
    "AI_PROTECTION",
    "AI_ANALYST",
];

const RUNTIME: &str = "RUNTIME_MONITORING";
const EKS_RUNTIME: &str = "EKS_RUNTIME_MONITORING";

/// What every detector has; shown, never switched.
const FOUNDATIONAL: [&str; 3] = ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"];

/// The features of a detector by name, all of those that were offered when it was made.
pub(super) type Features = BTreeMap<&'static str, Feature>;

/// A feature of a detector.
#[derive(Debug, Clone, Default)]
pub(super) struct Feature {
    pub enabled: bool,
    /// In seconds since 1970.
    updated: f64,
    /// Further settings by name: whether each is on, and since when.
    additional: BTreeMap<&'static str, (bool, f64)>,
}

/// The further settings of a feature.
fn additions(name: &str) -> &'static [&'static str] {
    match name {
        EKS_RUNTIME => &["EKS_ADDON_MANAGEMENT"],
        "RDS_LOGIN_EVENTS" => &["RDS_DATA_RISK"],
        RUNTIME => &["EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"],
        _ => &[],
    }
}

/// Whether a Region offers a feature.
///
/// "RDS Protection is not supported in Asia Pacific (Taipei)" (GuardDuty User Guide, "Region-specific feature
/// availability"). That the features with AI are offered only where no account has to opt in is our stand-in: where
/// they are, the guide does not say.
fn is_offered(world: &World, region: &Region, name: &str) -> bool {
    let always = |region: &Region| {
        world.partition.known_regions().iter().any(|known| known.name == region.as_str() && !known.opt_in)
    };
    let born = match name {
        "RDS_LOGIN_EVENTS" => region.as_str() != "ap-east-2",
        "AI_PROTECTION" | "AI_ANALYST" => world.partition == Partition::Aws && always(region),
        _ => true,
    };
    born && !world.guardduty.withdrawn.contains_key(&(region.clone(), name.to_owned()))
}

/// What a detector has that was made without a word about features: all of them, "with an exception to
/// `RUNTIME_MONITORING`" (GuardDuty API Reference, `CreateDetector`).
pub(super) fn by_default(world: &World, region: &Region, now: f64) -> Features {
    let offered = OPTIONAL.into_iter().filter(|name| is_offered(world, region, name));
    offered
        .map(|name| {
            let additional = additions(name).iter().map(|addition| (*addition, (false, now))).collect();
            (name, Feature { enabled: name != RUNTIME, updated: now, additional })
        })
        .collect()
}

/// What a new detector has: "any feature that is not specified in the API call gets enabled by default, with an exception
/// to `RUNTIME_MONITORING`" (GuardDuty API Reference, `CreateDetector`).
pub(super) fn created(world: &World, call: &Call<'_>) -> Result<Features, Refusal> {
    let mut features = by_default(world, call.region, call.now);
    apply(&mut features, read(world, call)?, call.now);
    Ok(features)
}

/// Changes the features that the request names, and no others.
pub(super) fn changed(world: &World, call: &Call<'_>, features: &mut Features) -> Result<(), Refusal> {
    apply(features, read(world, call)?, call.now);
    Ok(())
}

/// Both kinds of runtime monitoring can be on: one is enabled before the other is disabled (GuardDuty User Guide,
/// "Migrating from EKS Runtime Monitoring to Runtime Monitoring").
fn apply(features: &mut Features, wanted: Vec<Wish>, now: f64) {
    for wish in wanted {
        let feature = features.entry(wish.name).or_default();
        if feature.enabled != wish.enabled {
            (feature.enabled, feature.updated) = (wish.enabled, now);
        }
        for (name, enabled) in wish.additional {
            let addition = feature.additional.entry(name).or_insert((false, now));
            if addition.0 != enabled {
                *addition = (enabled, now);
            }
        }
    }
}

/// "Specifying both EKS Runtime Monitoring (`EKS_RUNTIME_MONITORING`) and Runtime Monitoring (`RUNTIME_MONITORING`)
/// will cause an error" (GuardDuty API Reference, `CreateDetector` and `UpdateDetector`); its words are not known.
fn both() -> Refusal {
    rejected("The request is rejected because EKS_RUNTIME_MONITORING and RUNTIME_MONITORING are both specified.")
}

/// What a request says of one feature.
struct Wish {
    name: &'static str,
    enabled: bool,
    additional: Vec<(&'static str, bool)>,
}

fn read(world: &World, call: &Call<'_>) -> Result<Vec<Wish>, Refusal> {
    if call.input.get("dataSources").is_some_and(|sources| !sources.is_null()) {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with dataSources, which features replace");
        return Err(refusal);
    }
    let mut wishes: Vec<Wish> = Vec::new();
    for item in list(call.input.get("features"))? {
        let name = item.get("name").and_then(Value::as_str).ok_or_else(invalid)?;
        let name = OPTIONAL.into_iter().find(|known| *known == name).ok_or_else(invalid)?;
        if wishes.iter().any(|wish| wish.name == name) {
            return Err(invalid());
        }
        if !is_offered(world, call.region, name) {
            if world.guardduty.withdrawn.get(&(call.region.clone(), name.to_owned())) == Some(&true) {
                return Err(invalid());
            }
            // AWS's words are not known.
            let message =
                format!("The request is rejected because the feature {name} is not supported in {}.", call.region);
            return Err(rejected(message));
        }
        let mut additional = Vec::new();
        for item in list(item.get("additionalConfiguration"))? {
            let addition = item.get("name").and_then(Value::as_str).ok_or_else(invalid)?;
            let addition = additions(name).iter().find(|known| **known == addition).ok_or_else(invalid)?;
            additional.push((*addition, status(item)?));
        }
        wishes.push(Wish { name, enabled: status(item)?, additional });
    }
    if [RUNTIME, EKS_RUNTIME].iter().all(|name| wishes.iter().any(|wish| wish.name == *name)) {
        return Err(both());
    }
    Ok(wishes)
}

fn list(value: Option<&Value>) -> Result<&[Value], Refusal> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(invalid()),
    }
}

fn status(item: &Value) -> Result<bool, Refusal> {
    match item.get("status").and_then(Value::as_str) {
        Some("ENABLED") => Ok(true),
        Some("DISABLED") => Ok(false),
        _ => Err(invalid()),
    }
}

fn word(enabled: bool) -> &'static str {
    if enabled { "ENABLED" } else { "DISABLED" }
}

/// The features as `GetDetector` shows them, those of the Region only.
pub(super) fn document(world: &World, region: &Region, features: &Features, created: f64) -> Value {
    let foundational = FOUNDATIONAL
        .into_iter()
        .map(|name| json!({ "name": name, "status": word(true), "updatedAt": created, "additionalConfiguration": [] }));
    let offered = OPTIONAL.into_iter().filter(|name| is_offered(world, region, name));
    let optional = offered.map(|name| {
        let absent = Feature { updated: created, ..Feature::default() };
        let feature = features.get(name).unwrap_or(&absent);
        let additional: Vec<Value> = feature
            .additional
            .iter()
            .map(|(name, (enabled, updated))| json!({ "name": name, "status": word(*enabled), "updatedAt": updated }))
            .collect();
        json!({
            "name": name, "status": word(feature.enabled), "updatedAt": feature.updated,
            "additionalConfiguration": additional,
        })
    });
    Value::Array(foundational.chain(optional).collect())
}

/// The older view of the same (GuardDuty API Reference, `DataSourceConfigurationsResult`).
pub(super) fn data_sources(features: &Features) -> Value {
    let status = |name: &str| json!({ "status": word(features.get(name).is_some_and(|feature| feature.enabled)) });
    let always = json!({ "status": word(true) });
    json!({
        "cloudTrail": always, "dnsLogs": always, "flowLogs": always,
        "s3Logs": status("S3_DATA_EVENTS"),
        "kubernetes": { "auditLogs": status("EKS_AUDIT_LOGS") },
        "malwareProtection": {
            "scanEc2InstanceWithFindings": { "ebsVolumes": status("EBS_MALWARE_PROTECTION") },
        },
    })
}
