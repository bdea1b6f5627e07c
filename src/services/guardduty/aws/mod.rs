//! Reading and writing detectors, their export and their membership.

mod destination;
mod detector;
mod filters;
mod members;
mod switching;

use std::time::Duration;

use aws_sdk_guardduty as guardduty;

use crate::aws::{Session, send};
use crate::model::{Arn, Fault, OpError, Partition, Region, Target};
use crate::services::adapter::{Cell, Order};
use crate::services::{Kind, Reading, Spec, Tags};

/// The operations that reading takes.
pub const READS: &[&str] = &[
    "DescribePublishingDestination",
    "GetAdministratorAccount",
    "GetDetector",
    "GetFilter",
    "GetMembers",
    "ListDetectors",
    "ListFilters",
    "ListInvitations",
    "ListMembers",
    "ListPublishingDestinations",
];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &[
    "AcceptAdministratorInvitation",
    "CreateDetector",
    "CreateMembers",
    "CreatePublishingDestination",
    "DeleteMembers",
    "InviteMembers",
    "StartMonitoringMembers",
    "TagResource",
    "UntagResource",
    "UpdateDetector",
    "UpdatePublishingDestination",
];

pub(in crate::services) use members::invite;

/// How long GuardDuty is given to verify a destination or deliver an invitation: what any call that settles is given.
const PATIENCE: Duration = Duration::from_secs(120);

/// Reads the detector of a Region with what hangs on it.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let mut reading = Reading::default();
    if cell.declared.baseline.guardduty.is_none() {
        return Ok(reading);
    }
    let Some(id) = only_detector(cell.session, &cell.target.region).await? else { return Ok(reading) };
    // What the account should hold here says what is read: what is not declared is not.
    let desired = super::desire(cell.declared, cell.place);
    let administrator = members::administrator(cell, &id).await?;
    for desired in desired.iter().filter(|desired| desired.address.target == *cell.target) {
        let address = &desired.address;
        match &desired.spec {
            Spec::GuarddutyDetector(declared) => {
                detector::read(cell, address, &id, administrator.as_ref(), declared, &mut reading).await?;
                // Where another account administers the detector, its filters count, and are looked at there.
                if administrator.is_none() {
                    filters::read(cell, address, &id, &mut reading).await?;
                }
            }
            Spec::GuarddutyPublishingDestination(_) => {
                let external = members::external(cell, administrator.as_ref());
                reading.found.extend(destination::read(cell, address, &id, external).await?);
            }
            Spec::GuarddutyMembers(_) => reading.found.extend(members::read(cell, address, &id).await?),
            Spec::GuarddutyMembership(_) => {
                reading.found.extend(administrator.as_ref().map(|seen| members::found(cell, address, &id, seen)));
            }
            _ => {}
        }
    }
    Ok(reading)
}

/// The detector of a Region, if there is one: an account has one at most.
async fn only_detector(session: &Session, region: &Region) -> Result<Option<String>, OpError> {
    let mut pages = session.pages(region, "guardduty", "ListDetectors");
    loop {
        let answer = session
            .call(region, "guardduty", "ListDetectors")
            .run(|| {
                let list = session.guardduty().list_detectors().set_next_token(pages.token());
                send!(guardduty, region, list)
            })
            .await?;
        if let Some(id) = answer.detector_ids().first() {
            return Ok(Some(id.clone()));
        }
        if !pages.turn(answer.next_token)? {
            return Ok(None);
        }
    }
}

/// The detector that a write is about.
async fn existing_detector(order: &Order<'_>) -> Result<String, OpError> {
    let id = only_detector(order.session, &order.address.target.region).await?;
    id.ok_or_else(|| order.malformed("ListDetectors", "there is no detector here, although one was seen or made"))
}

fn detector_arn(partition: Partition, target: &Target, id: &str) -> Arn {
    let resource = format!("detector/{id}");
    Arn::new(partition, "guardduty", Some(&target.region), Some(target.account), resource)
}

/// The partition of a place; GuardDuty's ARNs are put together, not answered.
fn partition_of(target: &Target) -> Partition {
    Partition::of_region(&target.region).unwrap_or_default()
}

/// Adds the tags that are missing or other than they should be.
async fn tag(wanted: &Tags, seen: &Tags, arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let changed: Tags =
        wanted.iter().filter(|(k, v)| seen.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    if changed.is_empty() {
        return Ok(());
    }
    session
        .call(region, "guardduty", "TagResource")
        .run(|| {
            let tag = session.guardduty().tag_resource().resource_arn(arn.to_string());
            send!(guardduty, region, tag.set_tags(Some(changed.clone().into_iter().collect())))
        })
        .await?;
    Ok(())
}

/// GuardDuty says that it may not use a bucket or key: a policy that was just written takes a while. It has one code for
/// everything that is wrong with a request, so that its message has told.
fn unsettled(error: &OpError) -> Option<Duration> {
    (error.fault == Fault::Unsettled).then_some(PATIENCE)
}

/// An idempotency token: the same for every attempt at one creation, so that an attempt whose answer was lost and the
/// next one make one thing.
fn token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// What GuardDuty never deletes for us.
fn never_deleted(order: &Order<'_>, kind: Kind) -> OpError {
    order.refused("Delete", &format!("a {kind} is never deleted"))
}
