//! Events of AWS's own services, raised through the control endpoint: `PutEvents` refuses their sources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::delivery::{self, Tally};
use super::put::Draft;
use super::{DEFAULT, documents, ensure_default};
use crate::model::{AccountId, Region};
use crate::sandbox::world::World;

/// An event that a simulated service puts on an account's default bus: one of the known ones, or `source`,
/// `detail-type` and `detail`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Raise {
    /// The account in which it happens.
    pub account: AccountId,
    /// The Region in which it happens.
    pub region: Region,
    /// Which event it is; `source` and `detail-type` are then its own.
    #[serde(default)]
    pub event: Option<Raised>,
    /// The source of an event of one's own, `aws.…` included.
    #[serde(default)]
    pub source: Option<String>,
    /// The detail type of an event of one's own.
    #[serde(default)]
    pub detail_type: Option<String>,
    /// Merged into the detail of a known event, or all of the detail of another.
    #[serde(default)]
    pub detail: Option<Value>,
    /// ARNs that it is about.
    #[serde(default)]
    pub resources: Vec<String>,
}

/// What can happen in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Raised {
    /// Somebody allows ingress to a security group from a private network.
    SecurityGroup,
    /// Somebody allows ingress to a security group from everywhere.
    SecurityGroupOpenToWorld,
    /// GuardDuty finds something. Only where it is on.
    GuarddutyFinding,
    /// A rule of AWS Config judges a resource `NON_COMPLIANT` that was compliant. Only where the rule exists.
    ConfigCompliance,
    /// An IAM user signs in to the console without MFA.
    ConsoleLogin,
    /// The root user signs in to the console; recorded in the partition's global Region.
    RootLogin,
    /// Somebody attaches a policy to a role; recorded in the partition's global Region.
    IamChange,
    /// Somebody stops a trail.
    TrailTampering,
}

/// What became of a raised event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RaiseOutcome {
    /// The id of the event, which it keeps wherever it goes.
    pub event_id: String,
    /// How many rules matched it, on all buses.
    pub matched: usize,
    /// To how many other buses it was sent on.
    pub forwarded: usize,
    /// How many queues, endpoints, functions and mailboxes got it, or are about to.
    pub deliveries: usize,
    /// Why others did not, a sentence each.
    pub undelivered: Vec<String>,
}

/// Raises an event.
///
/// # Errors
/// Why it cannot happen there: no trail records it, the detector is off, the rule does not exist.
pub(in crate::sandbox) fn raise(world: &mut World, raise: Raise) -> Result<RaiseOutcome, String> {
    let (account, region) = (raise.account, raise.region.clone());
    if !world.is_enabled(account, &region) {
        return Err(format!("there is no account {account} that has enabled {region}"));
    }
    let given = raise.detail.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if !given.is_object() {
        return Err("detail has to be an object".to_owned());
    }
    let moment = world.now();
    let (source, detail_type, detail) = match (raise.event, raise.source, raise.detail_type) {
        (Some(event), None, None) => {
            let mut document = documents::document(world, event, account, &region, moment, &given);
            merge(&mut document.detail, given);
            may_happen(world, event, account, &region, &document.detail)?;
            (document.source.to_owned(), document.detail_type.to_owned(), document.detail)
        }
        (None, Some(source), Some(detail_type)) => (source, detail_type, given),
        _ => return Err("either event, or source and detail-type, has to be given".to_owned()),
    };
    // A finding is raised in the member's account and in its administrator's (GuardDuty User Guide, "Processing GuardDuty
    // findings with EventBridge"), where `detail.accountId` tells whose it is.
    let administrator =
        (source == "aws.guardduty").then(|| world.guardduty.administrator_of(account, &region)).flatten();
    let mut tally = Tally::default();
    let mut event = Value::Null;
    for bus in administrator.into_iter().chain([account]) {
        ensure_default(world, bus, &region);
        let (detail, resources) = (detail.clone(), raise.resources.clone());
        let draft = Draft { source: &source, detail_type: &detail_type, detail, resources, time: moment };
        event = draft.into_event(world, bus, &region);
        delivery::put(world, &(bus, region.clone(), DEFAULT.to_owned()), &event, false, &mut tally);
    }
    Ok(RaiseOutcome {
        event_id: event["id"].as_str().unwrap_or_default().to_owned(),
        matched: tally.matched,
        forwarded: tally.forwarded,
        deliveries: tally.delivered,
        undelivered: tally.undelivered,
    })
}

/// Puts the members of one object into another, objects below them too.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Whether what emits the event is there to do so.
fn may_happen(world: &World, event: Raised, account: AccountId, region: &Region, detail: &Value) -> Result<(), String> {
    match event {
        Raised::GuarddutyFinding => may_raise_finding(world, account, region),
        Raised::ConfigCompliance => {
            may_raise_compliance(world, account, region, detail["configRuleName"].as_str().unwrap_or_default())
        }
        Raised::IamChange | Raised::RootLogin => {
            // CloudTrail records them in one Region only (CloudTrail User Guide, "Global service events" and "AWS
            // Management Console sign-in events").
            let home = world.partition.global_region();
            if *region != home {
                return Err(format!("CloudTrail records this in {home} only, and so only its bus sees it"));
            }
            may_record(world, account, region, true)
        }
        Raised::SecurityGroup | Raised::SecurityGroupOpenToWorld | Raised::ConsoleLogin | Raised::TrailTampering => {
            may_record(world, account, region, false)
        }
    }
}

/// Whether a trail of the account that logs covers the Region: without one, what CloudTrail records does not become an
/// event (EventBridge User Guide, "AWS service events delivered via AWS CloudTrail").
fn may_record(world: &World, account: AccountId, region: &Region, global: bool) -> Result<(), String> {
    let mut trails = world.cloudtrail.visible(account, region);
    if trails.any(|trail| trail.logging && (trail.global_events || !global)) {
        Ok(())
    } else {
        Err(format!("no trail of account {account} that logs covers {region}, so that nothing becomes an event"))
    }
}

/// Whether GuardDuty could find something in the account and Region.
fn may_raise_finding(world: &World, account: AccountId, region: &Region) -> Result<(), String> {
    match world.guardduty.is_enabled(account, region) {
        true => Ok(()),
        false => Err(format!("GuardDuty is not on in {account}/{region}")),
    }
}

/// Whether a rule of AWS Config could change its mind in the account and Region.
fn may_raise_compliance(world: &World, account: AccountId, region: &Region, rule: &str) -> Result<(), String> {
    match world.config.has_rule(account, region, rule) {
        true => Ok(()),
        false => Err(format!("there is no AWS Config rule {rule} in {account}/{region}")),
    }
}
