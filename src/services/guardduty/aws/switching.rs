//! Switching a detector's features: what one request can name, and what is left of one that GuardDuty refuses.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_guardduty as guardduty;
use guardduty::types::{
    DetectorAdditionalConfiguration, DetectorFeature, DetectorFeatureConfiguration, FeatureAdditionalConfiguration,
    FeatureStatus, FindingPublishingFrequency,
};

use super::super::Features;
use super::super::features::{EKS_RUNTIME_MONITORING, RUNTIME_MONITORING, is_of};
use crate::aws::send;
use crate::model::OpError;
use crate::services::adapter::Order;

/// GuardDuty's one code for everything that is wrong with a request (GuardDuty API Reference, `BadRequestException`).
pub(super) const REFUSED: &[&str] = &["BadRequestException"];

/// Features that could not be switched, and why not.
pub(super) type Refused = BTreeMap<String, OpError>;

/// What else of a detector changes.
#[derive(Debug, Default)]
pub(super) struct Switch {
    /// Whether it works.
    pub enable: Option<bool>,
    /// How often findings that occur again are published.
    pub frequency: Option<FindingPublishingFrequency>,
}

impl Switch {
    fn is_nothing(&self) -> bool {
        self.enable.is_none() && self.frequency.is_none()
    }
}

/// Whether a key is a part of the feature.
pub(super) fn is_of_part(key: &str, feature: &str) -> bool {
    key != feature && is_of(key, feature) && !feature.contains('.')
}

/// The given keys as GuardDuty takes them: an additional configuration comes with the feature it belongs to.
pub(super) fn configurations(features: &Features, keys: &BTreeSet<String>) -> Vec<DetectorFeatureConfiguration> {
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
pub(super) fn refused_feature(error: &OpError, sent: &BTreeSet<String>) -> Option<String> {
    if !error.has_code(REFUSED) {
        return None;
    }
    let plain = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    sent.iter().filter(|key| error.message.contains(&plain(key))).max_by_key(|key| plain(key).len()).cloned()
}

/// Switches some of the features, and the rest of a detector, to what is given, and answers what GuardDuty refused: one
/// refused feature loses nothing else.
///
/// The two that monitor what runs are never named together, and the one that is to be on comes first: "Make sure to not
/// disable EKS Runtime Monitoring before enabling Runtime Monitoring" (GuardDuty User Guide, "Migrating from EKS Runtime
/// Monitoring to Runtime Monitoring"). Where it is refused, the other stays on.
///
/// # Errors
///
/// A call that failed for another reason than what it asks for.
pub(super) async fn switch(
    order: &Order<'_>,
    detector: &str,
    rest: &Switch,
    features: &Features,
    keys: &BTreeSet<String>,
) -> Result<Refused, OpError> {
    let on = |name: &str| features.get(name) == Some(&true);
    let both = [EKS_RUNTIME_MONITORING, RUNTIME_MONITORING].iter().all(|name| keys.iter().any(|key| is_of(key, name)));
    let later = match both {
        false => None,
        true if on(EKS_RUNTIME_MONITORING) && !on(RUNTIME_MONITORING) => Some(RUNTIME_MONITORING),
        true => Some(EKS_RUNTIME_MONITORING),
    };
    let is_later = |key: &str| later.is_some_and(|later| is_of(key, later));
    let (second, first): (BTreeSet<String>, BTreeSet<String>) = keys.iter().cloned().partition(|key| is_later(key));
    let mut refused = Refused::new();
    if !first.is_empty() || !rest.is_nothing() {
        together_or_apart(order, detector, rest, features, &first, &mut refused).await?;
    }
    let replacement = if later == Some(RUNTIME_MONITORING) { EKS_RUNTIME_MONITORING } else { RUNTIME_MONITORING };
    if !second.is_empty() && !refused.contains_key(replacement) {
        together_or_apart(order, detector, &Switch::default(), features, &second, &mut refused).await?;
    }
    Ok(refused)
}

/// Sends everything in one request; refused, the rest alone and then feature by feature.
async fn together_or_apart(
    order: &Order<'_>,
    detector: &str,
    rest: &Switch,
    features: &Features,
    keys: &BTreeSet<String>,
    refused: &mut Refused,
) -> Result<(), OpError> {
    let error = match update(order, detector, rest, features, keys).await {
        Ok(()) => return Ok(()),
        Err(error) if error.has_code(REFUSED) && !keys.is_empty() => error,
        Err(error) => return Err(error),
    };
    let names: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('.').next()).collect();
    if keys.len() == 1 && rest.is_nothing() {
        refused.extend(keys.iter().map(|key| (key.clone(), error.clone())));
        return Ok(());
    }
    if !rest.is_nothing() {
        update(order, detector, rest, features, &BTreeSet::new()).await?;
    }
    for name in names {
        let whole: BTreeSet<String> = keys.iter().filter(|key| is_of(key, name)).cloned().collect();
        let error = match update(order, detector, &Switch::default(), features, &whole).await {
            Ok(()) => continue,
            Err(error) if error.has_code(REFUSED) => error,
            Err(error) => return Err(error),
        };
        // A part of it may be what is refused: the feature itself comes first.
        if whole.len() == 1 {
            refused.extend(whole.into_iter().map(|key| (key, error.clone())));
            continue;
        }
        for key in &whole {
            match update(order, detector, &Switch::default(), features, &BTreeSet::from([key.clone()])).await {
                Ok(()) => {}
                Err(error) if error.has_code(REFUSED) => {
                    refused.insert(key.clone(), error);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn update(
    order: &Order<'_>,
    detector: &str,
    rest: &Switch,
    features: &Features,
    keys: &BTreeSet<String>,
) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let features = (!keys.is_empty()).then(|| configurations(features, keys));
    session
        .call(region, "guardduty", "UpdateDetector")
        .run(|| {
            let update = session
                .guardduty()
                .update_detector()
                .detector_id(detector)
                .set_enable(rest.enable)
                .set_finding_publishing_frequency(rest.frequency.clone())
                .set_features(features.clone());
            send!(guardduty, region, update)
        })
        .await?;
    Ok(())
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
