//! Configuration recorders: one of the customer's per account and Region, and those that services own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Key, arn, delivery, recording, structure, tags, text, texts, validation};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// What the names of service-linked recorders start with, and no others.
const RESERVED: &str = "AWSConfigurationRecorderFor";

/// A configuration recorder.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Recorder {
    pub arn: Arn,
    pub name: String,
    pub role: Arn,
    /// As `DescribeConfigurationRecorders` answers them.
    pub group: Value,
    pub mode: Value,
    /// The principal of the service that owns it; it then records for ever.
    pub service: Option<String>,
    pub recording: bool,
    /// When it was last started and stopped, in seconds since 1970.
    pub started: Option<f64>,
    pub stopped: Option<f64>,
    pub tags: BTreeMap<String, String>,
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let input = structure(call, "ConfigurationRecorder", "configurationRecorder")?;
    if let Some(member) = ["connectorArn", "scopeConfiguration"].iter().find(|member| input.get(*member).is_some()) {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(&format!(" with {member}"));
        return Err(refusal);
    }
    if text(input, "servicePrincipal").is_some() {
        let message = "You cannot use this operation to create a service-linked configuration recorder.";
        return Err(unmodifiable(message));
    }
    let name = text(input, "name").unwrap_or("default");
    check_name(name)?;
    let role = check_role(world, call, text(input, "roleARN").unwrap_or_default())?;
    let group = recording::group(input.get("recordingGroup"))?;
    let mode = recording::mode(input.get("recordingMode"), &group)?;
    let tags = tags::read(call.input.get("Tags"))?;
    let (account, region) = (call.account(), call.region);
    let key = (account, region.clone(), name.to_owned());
    let recorder = match world.config.recorder(account, region).cloned() {
        // The whole description is replaced; tags are taken at creation only.
        Some(before) if before.name == name => Recorder { role, group, mode, ..before },
        Some(_) => {
            let message = format!(
                "Failed to put configuration recorder '{name}' because the maximum number of configuration recorders: \
                 1 is reached."
            );
            return Err(Refusal::new(400, "MaxNumberOfConfigurationRecordersExceededException", message));
        }
        None => {
            let id = world.ids.unique("", 16).to_ascii_lowercase();
            Recorder {
                arn: arn(world, account, region, format!("configuration-recorder/{name}/{id}")),
                name: name.to_owned(),
                role,
                group,
                mode,
                service: None,
                recording: false,
                started: None,
                stopped: None,
                tags,
            }
        }
    };
    world.config.recorders.insert(key, recorder);
    Ok(json!({}))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::new(400, "InvalidConfigurationRecorderNameException", message));
    if name.trim().is_empty() {
        invalid(format!("The configuration recorder name '{name}' is not valid, blank string."))
    } else if name.starts_with(RESERVED) {
        invalid(format!("The prefix {RESERVED} is reserved for service-linked configuration recorders."))
    } else if name.chars().count() > 256 {
        Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'configurationRecorder.name' failed to satisfy constraint: \
             Member must have length less than or equal to 256"
        )))
    } else {
        Ok(())
    }
}

/// The role has to be one of the account's and to trust AWS Config. The API Reference says no more of
/// `InvalidRoleException` than that the ARN is null or empty; the rest AWS tells when it first needs the role.
fn check_role(world: &World, call: &Call<'_>, text: &str) -> Result<Arn, Refusal> {
    let invalid = |message: String| Refusal::new(400, "InvalidRoleException", message);
    if text.is_empty() {
        let message = "You have provided a null or empty Amazon Resource Name (ARN) for the IAM role assumed by AWS \
                       Config and used by the customer managed configuration recorder.";
        return Err(invalid(message.to_owned()));
    }
    let role: Option<Arn> = text.parse().ok().filter(|arn: &Arn| arn.account() == Some(call.account()));
    let role = role.ok_or_else(|| invalid(format!("The role {text} is not valid.")))?;
    let found = world.role(&role).ok_or_else(|| invalid(format!("The role {role} does not exist.")))?;
    if !delivery::assumable(world, call.account(), call.region, found) {
        return Err(invalid(format!("The role {role} cannot be assumed by {}.", super::PRINCIPAL)));
    }
    Ok(role)
}

/// The recorders that a request asks for: by one name, by service or by ARN; else the customer's own.
fn asked<'a>(world: &'a World, call: &Call<'_>) -> Result<Vec<&'a Recorder>, Refusal> {
    let names = texts(call.input.get("ConfigurationRecorderNames"));
    let (service, by_arn) = (call.text("ServicePrincipal"), call.text("Arn"));
    if names.len() + usize::from(service.is_some()) + usize::from(by_arn.is_some()) > 1 {
        return Err(validation("You have specified more than one configuration recorder."));
    }
    let mut mine = super::own(&world.config.recorders, call.account(), call.region);
    if let Some(name) = names.first() {
        return mine.find(|recorder| recorder.name == *name).map(|found| vec![found]).ok_or_else(|| missing(name));
    }
    if let Some(service) = service {
        let found = mine.find(|recorder| recorder.service.as_deref() == Some(service));
        return found.map(|found| vec![found]).ok_or_else(|| missing(service));
    }
    if let Some(by_arn) = by_arn {
        let found = mine.find(|recorder| recorder.arn.to_string() == by_arn);
        return found.map(|found| vec![found]).ok_or_else(|| missing(by_arn));
    }
    Ok(world.config.recorder(call.account(), call.region).into_iter().collect())
}

pub(super) fn describe(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let list: Vec<Value> = asked(world, call)?.into_iter().map(document).collect();
    Ok(json!({ "ConfigurationRecorders": list }))
}

fn document(recorder: &Recorder) -> Value {
    let mut out = json!({
        "arn": recorder.arn,
        "name": recorder.name,
        "roleARN": recorder.role,
        "recordingGroup": recorder.group,
        "recordingMode": recorder.mode,
        "recordingScope": if recorder.service.is_some() { "INTERNAL" } else { "PAID" },
    });
    if let Some(service) = &recorder.service {
        out["servicePrincipal"] = json!(service);
    }
    out
}

pub(super) fn status(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let list: Vec<Value> = asked(world, call)?
        .into_iter()
        .map(|recorder| {
            let mut out = json!({ "arn": recorder.arn, "name": recorder.name, "recording": recorder.recording });
            if let Some(started) = recorder.started {
                out["lastStartTime"] = json!(started);
            }
            if let Some(stopped) = recorder.stopped {
                out["lastStopTime"] = json!(stopped);
            }
            if let Some(service) = &recorder.service {
                out["servicePrincipal"] = json!(service);
            }
            if recorder.recording {
                out["lastStatusChangeTime"] = json!(call.now);
                // Told from the role as it is now: one that was spoilt later shows here.
                let role = world.role(&recorder.role);
                if role.is_some_and(|role| delivery::assumable(world, call.account(), call.region, role)) {
                    out["lastStatus"] = json!("Success");
                } else {
                    out["lastStatus"] = json!("Failure");
                    out["lastErrorCode"] = json!("AccessDenied");
                    out["lastErrorMessage"] = json!(format!("Unable to assume role: {}", recorder.role));
                }
            }
            out
        })
        .collect();
    Ok(json!({ "ConfigurationRecordersStatus": list }))
}

pub(super) fn start(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = named(world, call)?;
    if world.config.channel(call.account(), call.region).is_none() {
        let message = "Delivery channel is not available to start configuration recorder.";
        return Err(Refusal::new(400, "NoAvailableDeliveryChannelException", message));
    }
    if let Some(recorder) = world.config.recorders.get_mut(&key).filter(|recorder| !recorder.recording) {
        recorder.recording = true;
        recorder.started = Some(call.now);
    }
    Ok(json!({}))
}

pub(super) fn stop(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = named(world, call)?;
    if let Some(recorder) = world.config.recorders.get_mut(&key).filter(|recorder| recorder.recording) {
        recorder.recording = false;
        recorder.stopped = Some(call.now);
    }
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let key = named(world, call)?;
    world.config.recorders.remove(&key);
    Ok(json!({}))
}

/// The customer managed recorder that the request names.
fn named(world: &World, call: &Call<'_>) -> Result<Key, Refusal> {
    let name = call.text("ConfigurationRecorderName").ok_or_else(|| super::null("configurationRecorderName"))?;
    let key = (call.account(), call.region.clone(), name.to_owned());
    match world.config.recorders.get(&key) {
        None => Err(missing(name)),
        Some(recorder) if recorder.service.is_some() => {
            Err(unmodifiable("The requested operation is not valid for a service-linked configuration recorder."))
        }
        Some(_) => Ok(key),
    }
}

/// Makes the recorder of a service, as that service does in an account (`PutServiceLinkedConfigurationRecorder`).
pub(in crate::sandbox) fn link(world: &mut World, account: AccountId, region: &Region, service: &str) {
    let label = service.split('.').next().unwrap_or(service);
    let (first, rest) = label.split_at_checked(1).unwrap_or((label, ""));
    let name = format!("{RESERVED}{}{rest}", first.to_ascii_uppercase());
    let id = world.ids.unique("", 16).to_ascii_lowercase();
    let role = format!("aws-service-role/{service}/AWSServiceRoleFor{}{rest}", first.to_ascii_uppercase());
    let recorder = Recorder {
        arn: arn(world, account, region, format!("configuration-recorder/{name}/{id}")),
        name: name.clone(),
        role: Arn::role(world.partition, account, &role),
        group: json!({
            "allSupported": false, "includeGlobalResourceTypes": false, "resourceTypes": ["AWS::EC2::Instance"],
            "exclusionByResourceTypes": { "resourceTypes": [] },
            "recordingStrategy": { "useOnly": "INCLUSION_BY_RESOURCE_TYPES" },
        }),
        mode: json!({ "recordingFrequency": "CONTINUOUS", "recordingModeOverrides": [] }),
        service: Some(service.to_owned()),
        recording: true,
        started: Some(world.now()),
        stopped: None,
        tags: BTreeMap::new(),
    };
    world.config.recorders.insert((account, region.clone(), name), recorder);
}

fn missing(name: &str) -> Refusal {
    let message = format!("Cannot find configuration recorder with the specified name '{name}'.");
    Refusal::new(400, "NoSuchConfigurationRecorderException", message)
}

fn unmodifiable(message: &str) -> Refusal {
    Refusal::new(400, "UnmodifiableEntityException", message)
}
