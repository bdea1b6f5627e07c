//! The detector itself.

use std::collections::BTreeSet;

use aws_sdk_guardduty as guardduty;
use guardduty::operation::get_detector::GetDetectorOutput;
use guardduty::types::{
    DetectorAdditionalConfiguration, DetectorFeature, DetectorFeatureConfiguration, DetectorStatus,
    FeatureAdditionalConfiguration, FeatureStatus, FindingPublishingFrequency,
};

use super::super::Features;
use super::super::features::{FOUNDATIONAL, additional};
use super::super::spec::{Administrator, Bounds, Detector};
use super::members::Seen;
use super::{detector_arn, existing_detector, never_deleted, partition_of, tag, token};
use crate::aws::send;
use crate::model::{Address, Arn, OpError};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Aside, Found, Kind, Note, Ownership, Reading, Spec};

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
    let answer = session
        .call(region, "guardduty", "GetDetector")
        .run(|| send!(guardduty, region, session.guardduty().get_detector().detector_id(id)))
        .await?;
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
    reading.found.push(Found {
        address: address.clone(),
        arn: detector_arn(cell.declared.profiles.partition, cell.target, id),
        spec: Spec::GuarddutyDetector(Box::new(seen)),
        // There is one per Region, whoever made it: it is converged, never created over.
        ownership: Ownership::Ours,
    });
    Ok(())
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

/// The given keys as GuardDuty takes them: an additional configuration comes with the feature it belongs to.
fn configurations(features: &Features, keys: &BTreeSet<String>) -> Vec<DetectorFeatureConfiguration> {
    let status = |key: &str| match features.get(key) {
        Some(true) => FeatureStatus::Enabled,
        _ => FeatureStatus::Disabled,
    };
    let names: BTreeSet<&str> = keys.iter().map(|key| key.split_once('.').map_or(&**key, |(name, _)| name)).collect();
    let configuration = |name: &str| {
        let extra = keys.iter().filter_map(|key| {
            let (_, extra) = key.split_once('.').filter(|(feature, _)| *feature == name)?;
            let configuration = DetectorAdditionalConfiguration::builder()
                .name(FeatureAdditionalConfiguration::from(extra))
                .status(status(key));
            Some(configuration.build())
        });
        let extra: Vec<_> = extra.collect();
        DetectorFeatureConfiguration::builder()
            .name(DetectorFeature::from(name))
            .status(status(name))
            .set_additional_configuration((!extra.is_empty()).then_some(extra))
            .build()
    };
    names.into_iter().map(configuration).collect()
}

/// The feature that a refused request was refused for: GuardDuty has one code for everything that is wrong, so that only
/// its message tells. The longest name that stands in it is meant, since some names contain others.
fn refused_feature(error: &OpError, sent: &BTreeSet<String>) -> Option<String> {
    if !error.has_code(&["BadRequestException"]) {
        return None;
    }
    let plain = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    sent.iter().filter(|key| error.message.contains(&plain(key))).max_by_key(|key| plain(key).len()).cloned()
}

fn is_there(error: &OpError) -> bool {
    error.message.contains("detector already exists")
}

impl Write for Detector {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let Some(seen) = seen else { return self.create(order).await };
        let arn = order.existing()?;
        self.update(seen, arn, order).await?;
        tag(&self.tags, &seen.tags, arn, order).await?;
        Ok(arn.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(never_deleted(order, Kind::GuarddutyDetector))
    }
}

impl Detector {
    /// Sends the full list of features; one that the Region turns out not to offer is left out, and the next plan says
    /// so, since the detector's answer does not list it.
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let target = &order.address.target;
        let (session, region) = (order.session, &target.region);
        let mut keys: BTreeSet<String> = self.features.keys().cloned().collect();
        loop {
            let token = token();
            let created = session
                .call(region, "guardduty", "CreateDetector")
                .run_or_done(is_there, || {
                    let create = session
                        .guardduty()
                        .create_detector()
                        .client_token(&token)
                        .enable(self.enabled)
                        .finding_publishing_frequency(FindingPublishingFrequency::from(
                            self.finding_publishing_frequency.as_str(),
                        ))
                        .set_features(Some(configurations(&self.features, &keys)))
                        .set_tags(Some(self.tags.clone().into_iter().collect()));
                    send!(guardduty, region, create)
                })
                .await;
            let error = match created {
                Ok(None) => {
                    return Ok(detector_arn(partition_of(target), target, &existing_detector(order).await?));
                }
                Ok(Some(answer)) => {
                    let id = answer.detector_id().ok_or_else(|| {
                        order.malformed("CreateDetector", "the answer does not tell the detector's id")
                    })?;
                    return Ok(detector_arn(partition_of(target), target, id));
                }
                Err(error) => error,
            };
            let Some(refused) = refused_feature(&error, &keys) else { return Err(error) };
            tracing::warn!(account = %target.account, %region, feature = refused, "not offered here: left out");
            let below = format!("{refused}.");
            keys.retain(|key| *key != refused && !key.starts_with(&below));
        }
    }

    /// Sends only what differs: what an `UpdateDetector` leaves out stays as it is.
    async fn update(&self, seen: &Detector, arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let id = arn.resource().trim_start_matches("detector/");
        let differs: BTreeSet<String> = self
            .features
            .iter()
            .filter(|(key, on)| seen.features.get(*key) != Some(*on))
            .map(|(k, _)| k.clone())
            .collect();
        let frequency = (self.finding_publishing_frequency != seen.finding_publishing_frequency)
            .then(|| FindingPublishingFrequency::from(self.finding_publishing_frequency.as_str()));
        let enable = (self.enabled != seen.enabled).then_some(self.enabled);
        if differs.is_empty() && frequency.is_none() && enable.is_none() {
            return Ok(());
        }
        let features = (!differs.is_empty()).then(|| configurations(&self.features, &differs));
        session
            .call(region, "guardduty", "UpdateDetector")
            .run(|| {
                let update = session
                    .guardduty()
                    .update_detector()
                    .detector_id(id)
                    .set_enable(enable)
                    .set_finding_publishing_frequency(frequency.clone())
                    .set_features(features.clone());
                send!(guardduty, region, update)
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fault, Region};

    fn refused(message: &str) -> OpError {
        OpError {
            account: "222222222222".parse().unwrap(),
            region: "eu-west-1".parse::<Region>().unwrap(),
            role: None,
            service: "guardduty".to_owned(),
            operation: "CreateDetector".to_owned(),
            fault: Fault::Other,
            code: Some("BadRequestException".to_owned()),
            message: message.to_owned(),
            request_id: None,
            attempts: 1,
            hint: None,
        }
    }

    fn keys(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_refusal_is_about_the_longest_name_it_bears() {
        let sent = keys(&["EKS_RUNTIME_MONITORING", "RUNTIME_MONITORING", "RUNTIME_MONITORING.EC2_AGENT_MANAGEMENT"]);
        let feature = |message: &str| refused_feature(&refused(message), &sent);
        assert_eq!(feature("EKS_RUNTIME_MONITORING is not supported").as_deref(), Some("EKS_RUNTIME_MONITORING"));
        assert_eq!(feature("feature RUNTIME_MONITORING").as_deref(), Some("RUNTIME_MONITORING"));
        assert_eq!(feature("no EC2_AGENT_MANAGEMENT").as_deref(), Some("RUNTIME_MONITORING.EC2_AGENT_MANAGEMENT"));
        assert_eq!(feature("a detector already exists"), None);
        let mut denied = refused("RUNTIME_MONITORING");
        denied.code = Some("AccessDeniedException".to_owned());
        assert_eq!(refused_feature(&denied, &sent), None);
    }

    #[test]
    fn an_additional_configuration_comes_with_its_feature() {
        let all = Features::from([
            ("RUNTIME_MONITORING".to_owned(), true),
            ("RUNTIME_MONITORING.EC2_AGENT_MANAGEMENT".to_owned(), true),
            ("RUNTIME_MONITORING.EKS_ADDON_MANAGEMENT".to_owned(), false),
            ("S3_DATA_EVENTS".to_owned(), false),
        ]);
        let sent = configurations(&all, &keys(&["RUNTIME_MONITORING.EC2_AGENT_MANAGEMENT"]));
        let [feature] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(feature.name(), Some(&DetectorFeature::RuntimeMonitoring));
        assert_eq!(feature.status(), Some(&FeatureStatus::Enabled));
        let [extra] = feature.additional_configuration() else { panic!("{feature:?}") };
        assert_eq!(extra.name(), Some(&FeatureAdditionalConfiguration::Ec2AgentManagement));
        assert_eq!(configurations(&all, &all.keys().cloned().collect()).len(), 2);
    }
}
