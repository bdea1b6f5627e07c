//! The detector itself.

use std::collections::BTreeSet;

use aws_sdk_guardduty as guardduty;
use guardduty::operation::get_detector::GetDetectorOutput;
use guardduty::types::{DetectorStatus, FeatureStatus, FindingPublishingFrequency};

use super::super::Features;
use super::super::features::{FOUNDATIONAL, additional, of_one_request, suspects, unnamed};
use super::super::spec::{self, Administrator, Bounds, Detector, MARK, mark};
use super::members::Seen;
use super::switching::{REFUSED, Refused, Switch, configurations, is_of_part, refused_feature, switch};
use super::{detector_arn, existing_detector, never_deleted, only_detector, partition_of, tag, token};
use crate::aws::{Session, send};
use crate::model::{Address, Arn, Fault, OpError, Region};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Aside, Exposed, Found, Kind, Note, Ownership, Reading, Spec, Tags};

/// Reads the detector, with notes of what it cannot do and of who else has a say.
pub(super) async fn read(
    cell: &Cell<'_>,
    address: &Address,
    id: &str,
    administrator: Option<&Seen>,
    declared: &Detector,
    reading: &mut Reading,
) -> Result<(), OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = get(session, region, id).await?;
    if answer.features().iter().any(|feature| feature.name().is_none()) {
        return Err(cell.malformed("guardduty", "GetDetector", "an entry of the answer lacks a feature's name"));
    }
    let seen = project(&answer, administrator.map_or(Administrator::Itself, |seen| seen.to(cell)));
    let note = |topic: &str, text: String| Note { target: cell.target.clone(), topic: topic.to_owned(), text };
    match declared.external_note(&seen) {
        Some(text) => reading.notes.push(note("external-detector", text)),
        None => reading.notes.extend(declared.not_offered(&seen).map(|feature| {
            note("guardduty-feature", format!("GuardDuty does not offer {feature} here: it is declared and skipped"))
        })),
    }
    let imposed = &seen.bounds.0.imposed;
    reading.notes.extend(declared.bounds.0.declared.intersection(imposed).map(|feature| {
        note(
            "guardduty-policy",
            format!("a GuardDuty policy of the organization manages {feature}: it is left as it is"),
        )
    }));
    if let Administrator::Other(id) = seen.bounds.0.administrator
        && cell.declared.profiles.account(id).is_none()
    {
        reading.exposed.push(Exposed::new(
            address.clone(),
            format!(
                "account {id}, which is not in profiles.toml, administers the detector: it reads its findings, archives \
                 them, and may switch off what it looks at"
            ),
            format!(
                "if that is meant (the security account of an organization), accept it with an [[exception]]; if not, \
                 leave it (`aws guardduty disassociate-from-administrator-account {}`, or in the organization) and run \
                 again",
                spec::this_detector(region)
            ),
            &serde_json::json!({ "administrator": id.to_string() }),
        ));
    }
    reading.found.push(Found {
        address: address.clone(),
        arn: detector_arn(cell.declared.profiles.partition, cell.target, id),
        spec: Spec::GuarddutyDetector(Box::new(seen)),
        // There is one per Region, whoever made it: it is converged, never created over.
        ownership: Ownership::Ours,
    });
    Ok(())
}

async fn get(session: &Session, region: &Region, id: &str) -> Result<GetDetectorOutput, OpError> {
    session
        .call(region, "guardduty", "GetDetector")
        .run(|| send!(guardduty, region, session.guardduty().get_detector().detector_id(id)))
        .await
}

fn project(answer: &GetDetectorOutput, administrator: Administrator) -> Detector {
    let mut features = Features::new();
    let mut imposed = BTreeSet::new();
    for feature in answer.features() {
        let Some(name) = feature.name().map(|name| name.as_str()) else { continue };
        if FOUNDATIONAL.contains(&name) {
            continue;
        }
        let is_on = |status: Option<&FeatureStatus>| status == Some(&FeatureStatus::Enabled);
        features.insert(name.to_owned(), is_on(feature.status()));
        let mut keys = vec![name.to_owned()];
        for extra in feature.additional_configuration() {
            if let Some(extra_name) = extra.name() {
                let key = additional(name, extra_name.as_str());
                features.insert(key.clone(), is_on(extra.status()));
                if extra.managed_by().is_some() {
                    imposed.insert(key.clone());
                }
                keys.push(key);
            }
        }
        if feature.managed_by().is_some() {
            imposed.extend(keys);
        }
    }
    Detector {
        enabled: answer.status() == Some(&DetectorStatus::Enabled),
        finding_publishing_frequency: answer
            .finding_publishing_frequency()
            .map(|frequency| frequency.as_str().to_owned())
            .unwrap_or_default(),
        features,
        tags: answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        bounds: Aside(Bounds { administrator, imposed, ..Bounds::default() }),
    }
}

/// Takes the tag off a detector whose features were seen to be as asked for. A tag that stays is a difference to the next
/// run: it would have features switched off that somebody switches on since.
async fn unmark(arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    session
        .call(region, "guardduty", "UntagResource")
        .run(|| {
            let untag = session.guardduty().untag_resource().resource_arn(arn.to_string()).tag_keys(MARK);
            send!(guardduty, region, untag)
        })
        .await?;
    Ok(())
}

/// What GuardDuty says of a second detector: "a detector already exists for the current account"
/// (nozaq/terraform-aws-secure-baseline#199), and what it may as well say.
fn said_to_exist(error: &OpError) -> bool {
    error.says(&["detector"]) && error.says(&["already exist", "already has", "already enabled"])
}

impl Write for Detector {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let Some(seen) = seen else { return self.create(order).await };
        let arn = order.existing()?;
        // What is refused is told once all the rest is done.
        let refused = self.update(seen, arn, order).await?;
        tag(&self.tags, &seen.tags, arn, order).await?;
        let unchosen: Vec<String> = seen.unchosen().map(str::to_owned).collect();
        if refused.keys().any(|key| unchosen.contains(key)) {
            return Err(self.partly_made(refused, arn, order).await);
        }
        if !unchosen.is_empty() {
            unmark(arn, order).await?;
        }
        match refused.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(arn.clone()),
        }
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(never_deleted(order, Kind::GuarddutyDetector))
    }
}

impl Detector {
    /// Makes the detector, reads it back, and switches whatever is otherwise than it was asked for: GuardDuty switches on
    /// what a request does not name, and a request that it refuses names less the next time.
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let target = &order.address.target;
        let Some(id) = self.made(order).await? else {
            return Ok(detector_arn(partition_of(target), target, &existing_detector(order).await?));
        };
        let arn = detector_arn(partition_of(target), target, &id);
        let made = project(&get(order.session, &target.region, &id).await?, Administrator::Itself);
        let wanted = |key: &String| self.features.get(key).copied().unwrap_or(false);
        let all: Features = made.features.keys().map(|key| (key.clone(), wanted(key))).collect();
        let otherwise = made.features.iter().filter(|(key, on)| all.get(*key) != Some(*on));
        let otherwise = otherwise.filter(|(key, _)| !made.bounds.0.imposed.contains(*key));
        let otherwise = otherwise.map(|(key, _)| key.clone()).collect();
        let refused = switch(order, &id, &Switch::default(), &all, &otherwise).await?;
        match refused.is_empty() {
            true => {
                unmark(&arn, order).await?;
                Ok(arn)
            }
            false => Err(self.partly_made(refused, &arn, order).await),
        }
    }

    /// Sends the full list of features, and a shorter one as long as GuardDuty refuses it; `None` where there is a
    /// detector already, made by an attempt whose answer was lost.
    async fn made(&self, order: &Order<'_>) -> Result<Option<String>, OpError> {
        let target = &order.address.target;
        let (session, region) = (order.session, &target.region);
        let mut keys = of_one_request(&self.features);
        let mut first_refusal = None;
        loop {
            let token = token();
            let created = session
                .call(region, "guardduty", "CreateDetector")
                .run_or_done(said_to_exist, || {
                    let create = session
                        .guardduty()
                        .create_detector()
                        .client_token(&token)
                        .enable(self.enabled)
                        .finding_publishing_frequency(FindingPublishingFrequency::from(
                            self.finding_publishing_frequency.as_str(),
                        ))
                        .set_features(Some(configurations(&self.features, &keys)))
                        .set_tags(Some(self.tags.clone().into_iter().chain(mark(&unnamed(&keys))).collect()));
                    send!(guardduty, region, create)
                })
                .await;
            let error = match created {
                Ok(None) => return Ok(None),
                Ok(Some(answer)) => {
                    let id = answer.detector_id().filter(|id| !id.is_empty());
                    return id.map(|id| Some(id.to_owned())).ok_or_else(|| {
                        order.malformed("CreateDetector", "the answer does not tell the detector's id")
                    });
                }
                Err(error) => error,
            };
            if !error.has_code(REFUSED) {
                return Err(error);
            }
            let named = refused_feature(&error, &keys);
            // GuardDuty has one code for everything that is wrong with a request, and its words change: whether there is
            // a detector already is looked up.
            if named.is_none() && (said_to_exist(&error) || only_detector(session, region).await?.is_some()) {
                return Err(OpError {
                    hint: Some(format!(
                        "somebody made a detector in {target} after the plan was made: run again, and it is taken as it is"
                    )),
                    ..error
                });
            }
            let suspect = named.or_else(|| suspects(&keys).into_iter().next());
            let refusal = first_refusal.get_or_insert(error);
            // Refused without a single feature, it was never about those.
            let Some(suspect) = suspect else { return Err(refusal.clone()) };
            tracing::warn!(account = %target.account, %region, feature = suspect, "refused: left out of the request");
            keys.retain(|key| *key != suspect && !is_of_part(key, &suspect));
        }
    }

    /// Sends only what differs: what an `UpdateDetector` leaves out stays as it is. Answers what was refused.
    async fn update(&self, seen: &Detector, arn: &Arn, order: &Order<'_>) -> Result<Refused, OpError> {
        let differs = self.features.iter().filter(|(key, on)| seen.features.get(*key) != Some(*on));
        let differs = differs.map(|(key, _)| key.clone()).collect();
        let frequency = (self.finding_publishing_frequency != seen.finding_publishing_frequency)
            .then(|| FindingPublishingFrequency::from(self.finding_publishing_frequency.as_str()));
        let rest = Switch { enable: (self.enabled != seen.enabled).then_some(self.enabled), frequency };
        let id = arn.resource().trim_start_matches("detector/");
        switch(order, id, &rest, &self.features, &differs).await
    }

    /// What became of a new detector of which some features could not be switched as declared; its tag says so to the
    /// runs that follow.
    async fn partly_made(&self, refused: Refused, arn: &Arn, order: &Order<'_>) -> OpError {
        let wanted_off: Vec<String> =
            refused.keys().filter(|key| self.features.get(*key) != Some(&true)).cloned().collect();
        let Some((_, mut error)) = refused.into_iter().next() else {
            return order.malformed("UpdateDetector", "a refusal without a feature");
        };
        if wanted_off.is_empty() {
            if let Err(unmarked) = unmark(arn, order).await {
                tracing::warn!(error = %unmarked, "the tag {MARK} could not be taken off the detector");
            }
            return error;
        }
        let marked = tag(&mark(&wanted_off), &Tags::new(), arn, order).await;
        if let Err(unmarked) = marked {
            tracing::warn!(error = %unmarked, "the detector could not be marked");
        }
        error.message = format!(
            "GuardDuty did not switch off {}, which nobody declared: it goes on looking, and bills what it looks at once \
             the 30 days of trial are over: {}",
            wanted_off.join(", "),
            error.message
        );
        error.hint = Some(
            "switch them off by hand (`aws guardduty update-detector --features`), or declare them under `features` of \
             [guardduty]; the next run tries again"
                .to_owned(),
        );
        error.fault = Fault::Partial;
        error
    }
}
