//! The export to a bucket.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_sdk_guardduty as guardduty;
use aws_smithy_runtime_api::client::result::SdkError;
use guardduty::operation::describe_publishing_destination::DescribePublishingDestinationOutput;
use guardduty::types::{DestinationProperties, DestinationType};

use super::super::destination::{PUBLISHING, PublishingDestination};
use super::switching::REFUSED;
use super::{PATIENCE, existing_detector, never_deleted, partition_of, tag, token, unsettled};
use crate::aws::{Session, Settling, send};
use crate::model::{AccountId, Address, Arn, Fault, OpError, Region, Target};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Aside, Found, Kind, Ownership, Reference, Spec, Tags};

/// GuardDuty is still looking at it.
const PENDING: &str = "PENDING_VERIFICATION";

/// The destination of a detector, if it has one; of a detector that is none of ours always something, so that nothing is
/// made there.
pub(super) async fn read(
    cell: &Cell<'_>,
    address: &Address,
    detector: &str,
    external: Option<AccountId>,
) -> Result<Option<Found>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let found = |id: &str, spec| Found {
        address: address.clone(),
        spec: Spec::GuarddutyPublishingDestination(Box::new(spec)),
        arn: destination_arn(cell.target, detector, id),
        // A detector has one for buckets, whoever made it: where it leads decides whether it is changed.
        ownership: Ownership::Ours,
    };
    let Some(id) = only_destination(session, region, detector).await? else {
        let none = || PublishingDestination {
            destination: String::new(),
            kms_key: None,
            status: "NONE".to_owned(),
            tags: Tags::new(),
            bucket_owner: Aside(None),
            external: Aside(external),
        };
        return Ok(external.map(|_| found("none", none())));
    };
    let answer = describe(session, region, detector, &id).await?;
    let mut spec = project(&answer).map_err(|e| cell.malformed("guardduty", "DescribePublishingDestination", &e))?;
    spec.external = Aside(external);
    Ok(Some(found(&id, spec)))
}

async fn only_destination(session: &Session, region: &Region, detector: &str) -> Result<Option<String>, OpError> {
    let mut pages = session.pages(region, "guardduty", "ListPublishingDestinations");
    loop {
        let answer = session
            .call(region, "guardduty", "ListPublishingDestinations")
            .run(|| {
                let list = session.guardduty().list_publishing_destinations().detector_id(detector);
                send!(guardduty, region, list.set_next_token(pages.token()))
            })
            .await?;
        let bucket = answer.destinations().iter().find(|one| one.destination_type() == Some(&DestinationType::S3));
        if let Some(id) = bucket.and_then(|one| one.destination_id()) {
            return Ok(Some(id.to_owned()));
        }
        if !pages.turn(answer.next_token)? {
            return Ok(None);
        }
    }
}

async fn describe(
    session: &Session,
    region: &Region,
    detector: &str,
    id: &str,
) -> Result<DescribePublishingDestinationOutput, OpError> {
    session
        .call(region, "guardduty", "DescribePublishingDestination")
        .run(|| {
            let describe = session.guardduty().describe_publishing_destination();
            send!(guardduty, region, describe.detector_id(detector).destination_id(id))
        })
        .await
}

fn project(answer: &DescribePublishingDestinationOutput) -> Result<PublishingDestination, String> {
    let properties = answer.destination_properties();
    let key = properties.and_then(|properties| properties.kms_key_arn()).filter(|key| !key.is_empty());
    Ok(PublishingDestination {
        // A folder may be given with a slash after it and without.
        destination: properties
            .and_then(|properties| properties.destination_arn())
            .unwrap_or_default()
            .trim_end_matches('/')
            .to_owned(),
        kms_key: key.map(|key| Reference::try_from(key.to_owned())).transpose()?,
        status: answer.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        tags: answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        bucket_owner: Aside(None),
        external: Aside(None),
    })
}

fn destination_arn(target: &Target, detector: &str, id: &str) -> Arn {
    let resource = format!("detector/{detector}/publishingDestination/{id}");
    Arn::new(partition_of(target), "guardduty", Some(&target.region), Some(target.account), resource)
}

impl Write for PublishingDestination {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let Some(seen) = seen else {
            let detector = existing_detector(order).await?;
            let id = self.create(&detector, order).await?;
            self.wait(&detector, &id, order).await?;
            return Ok(destination_arn(&order.address.target, &detector, &id));
        };
        let arn = order.existing()?;
        let ids = arn.resource().strip_prefix("detector/").and_then(|ids| ids.split_once("/publishingDestination/"));
        let (detector, id) =
            ids.ok_or_else(|| order.malformed("UpdatePublishingDestination", &format!("{arn} names no destination")))?;
        let moved = (&self.destination, &self.kms_key) != (&seen.destination, &seen.kms_key);
        // What is being verified needs time and nothing else; what does not work is verified again once it is told.
        if moved || (self.status != seen.status && seen.status != PENDING) {
            self.update(detector, id, order).await?;
        }
        if moved || self.status != seen.status {
            self.wait(detector, id, order).await?;
        }
        tag(&self.tags, &seen.tags, arn, order).await?;
        Ok(arn.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(never_deleted(order, Kind::GuarddutyPublishingDestination))
    }
}

/// What GuardDuty may say of a second export: "a publishingDestination already exists", "a publishing destination … already
/// exists". The code is the one of every mistake, so that spelling is not relied on.
fn is_there(error: &OpError) -> bool {
    (error.says(&["destination"]) && error.says(&["already exist", "already has"]))
        || error.has_code(&["ConflictException"])
}

impl PublishingDestination {
    fn properties(&self) -> DestinationProperties {
        // GuardDuty API Reference, `DestinationProperties`: a folder ends with a slash.
        let folder = if self.destination.contains('/') { "/" } else { "" };
        DestinationProperties::builder()
            .destination_arn(format!("{}{folder}", self.destination))
            .set_kms_key_arn(self.kms_key.clone().map(String::from))
            .set_expected_bucket_owner(self.bucket_owner.0.map(|id| id.to_string()))
            .build()
    }

    async fn create(&self, detector: &str, order: &Order<'_>) -> Result<String, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        // A token for all attempts, and another one once GuardDuty has answered that it will not: what it would answer to
        // the same one again is not said.
        let refused = AtomicU32::new(0);
        let token = token();
        let create = || async {
            let round = refused.load(Ordering::Relaxed);
            let create = session
                .guardduty()
                .create_publishing_destination()
                .client_token(format!("{token}-{round}"))
                .detector_id(detector)
                .destination_type(DestinationType::S3)
                .destination_properties(self.properties())
                .set_tags(Some(self.tags.clone().into_iter().collect()));
            let answer = send!(guardduty, region, create).await;
            if let Err(SdkError::ServiceError(error)) = &answer
                && error.raw().status().is_client_error()
            {
                refused.store(round + 1, Ordering::Relaxed);
            }
            answer
        };
        let answer = session
            .call(region, "guardduty", "CreatePublishingDestination")
            .settling_if(unsettled)
            .run_or_done(is_there, create)
            .await;
        let answer = match answer {
            // Whatever the words: where there is an export, that is why no other is taken.
            Err(error) if error.has_code(REFUSED) && error.fault != Fault::Unsettled => {
                return Err(match only_destination(session, region, detector).await {
                    Ok(Some(_)) => OpError {
                        hint: Some(
                            "somebody made an export after the plan was made: run again, and it is taken as it is"
                                .to_owned(),
                        ),
                        ..error
                    },
                    _ => error,
                });
            }
            other => other?,
        };
        let Some(answer) = answer else {
            let id = only_destination(session, region, detector).await?;
            return id.ok_or_else(|| {
                order.malformed("ListPublishingDestinations", "there is no export here, although one was made")
            });
        };
        let id = answer.destination_id().filter(|id| !id.is_empty());
        id.map(str::to_owned).ok_or_else(|| {
            order.malformed("CreatePublishingDestination", "the answer does not tell the destination's id")
        })
    }

    async fn update(&self, detector: &str, id: &str, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let update = || {
            let update = session.guardduty().update_publishing_destination().detector_id(detector).destination_id(id);
            send!(guardduty, region, update.destination_properties(self.properties()))
        };
        session.call(region, "guardduty", "UpdatePublishingDestination").settling_if(unsettled).run(update).await?;
        Ok(())
    }

    /// Waits until findings are published.
    async fn wait(&self, detector: &str, id: &str, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        // A failed verification can be one that a policy of a moment ago had not reached: patience is for it, too.
        let settling = Settling {
            session,
            region,
            service: "guardduty",
            operation: "DescribePublishingDestination",
            state: "not publishing yet",
            patience: PATIENCE,
        };
        let last = Mutex::new(String::new());
        let published = settling.watch(|| async {
            let seen = describe(session, region, detector, id).await?;
            let status = seen.status().map_or("unknown", |status| status.as_str()).to_owned();
            let publishes = status == PUBLISHING;
            *last.lock().unwrap_or_else(PoisonError::into_inner) = status;
            Ok(publishes.then_some(()))
        });
        if published.await?.is_some() {
            return Ok(());
        }
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut error = order.malformed(
            "DescribePublishingDestination",
            &format!("no finding is published to {} after two minutes: its status is {last}", self.destination),
        );
        error.fault = Fault::Unsettled;
        error.hint = Some(match last.as_str() {
            PENDING => "GuardDuty is still verifying it: run again, and the next plan says how that ended".to_owned(),
            _ => format!(
                "GuardDuty could not write to the bucket or use the key: see that `baseline plan` shows no change of \
                 either, that no other statement of their policies denies it, and that the folder exists where \
                 [log_bucket] has a `prefix`; then run again ({} is in {})",
                self.destination, order.address.target
            ),
        });
        Err(error)
    }
}
