//! The names of GuardDuty's features (GuardDuty API Reference, `DetectorFeatureConfiguration`, August 2026).

use std::collections::BTreeMap;
#[cfg(any(feature = "aws", test))]
use std::collections::BTreeSet;

/// Runtime monitoring of EKS alone, which [`RUNTIME_MONITORING`] replaces.
pub(super) const EKS_RUNTIME_MONITORING: &str = "EKS_RUNTIME_MONITORING";
/// Runtime monitoring of EKS, ECS and EC2.
pub(super) const RUNTIME_MONITORING: &str = "RUNTIME_MONITORING";

/// What a detector can be told to do besides what every detector does.
pub(super) const DETECTOR_FEATURES: [&str; 9] = [
    "S3_DATA_EVENTS",
    "EKS_AUDIT_LOGS",
    "EBS_MALWARE_PROTECTION",
    RDS_LOGIN_EVENTS,
    "LAMBDA_NETWORK_LOGS",
    EKS_RUNTIME_MONITORING,
    RUNTIME_MONITORING,
    "AI_PROTECTION",
    "AI_ANALYST",
];

/// What every detector does; answers show it, and it cannot be switched.
pub(super) const FOUNDATIONAL: [&str; 3] = ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"];

/// The additional configuration that [`EKS_RUNTIME_MONITORING`] has, too.
pub(super) const ADDITIONAL_OF_EKS: &str = "EKS_ADDON_MANAGEMENT";

/// What looks at the sign-ins to databases.
const RDS_LOGIN_EVENTS: &str = "RDS_LOGIN_EVENTS";

/// The additional configuration of [`RDS_LOGIN_EVENTS`], since October 2026.
const RDS_DATA_RISK: &str = "RDS_DATA_RISK";

/// The additional configurations: of [`RUNTIME_MONITORING`], whether GuardDuty installs its agent by itself.
pub(super) const ADDITIONAL: [&str; 4] =
    [ADDITIONAL_OF_EKS, "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT", RDS_DATA_RISK];

/// The feature that an additional configuration belongs to; `eks_alone` says which of the two that monitor what runs is
/// meant.
pub(super) fn parent(additional: &str, eks_alone: bool) -> &'static str {
    match additional {
        RDS_DATA_RISK => RDS_LOGIN_EVENTS,
        ADDITIONAL_OF_EKS if eks_alone => EKS_RUNTIME_MONITORING,
        _ => RUNTIME_MONITORING,
    }
}

/// Whether what is declared of EKS is its runtime monitoring alone, and not the one that covers EKS, too.
pub(super) fn is_eks_alone(features: &BTreeMap<String, bool>) -> bool {
    let on = |name: &str| features.get(name).copied();
    matches!((on(EKS_RUNTIME_MONITORING), on(RUNTIME_MONITORING)), (Some(true), _) | (Some(false), None))
}

/// Whether a key is of the feature, or of what belongs to it.
pub(super) fn is_of(key: &str, feature: &str) -> bool {
    key.split('.').next() == Some(feature)
}

/// Features by name, and whether each is on; an additional configuration is `FEATURE.NAME`.
pub type Features = BTreeMap<String, bool>;

/// The key of an additional configuration.
pub(super) fn additional(feature: &str, name: &str) -> String {
    format!("{feature}.{name}")
}

/// What is declared, by the keys of [`Features`]: an additional configuration comes below the feature it belongs to.
pub(super) fn declared(features: &BTreeMap<String, bool>) -> Features {
    let eks_alone = is_eks_alone(features);
    let key = |name: &String| match ADDITIONAL.contains(&name.as_str()) {
        true => additional(parent(name, eks_alone), name),
        false => name.clone(),
    };
    features.iter().map(|(name, on)| (key(name), *on)).collect()
}

/// The full list for a new detector: what is not declared is off. GuardDuty switches on, and bills, what a new detector
/// is not told of (GuardDuty API Reference, `CreateDetector`).
pub(super) fn complete(declared: &Features) -> Features {
    // GuardDuty refuses a request that names both of them.
    let eks_alone = is_eks_alone(declared);
    let (monitoring, other) = match eks_alone {
        true => (EKS_RUNTIME_MONITORING, RUNTIME_MONITORING),
        false => (RUNTIME_MONITORING, EKS_RUNTIME_MONITORING),
    };
    let names = DETECTOR_FEATURES.iter().filter(|name| **name != other).map(|name| (*name).to_owned());
    let extra = ADDITIONAL.iter().map(|name| (parent(name, eks_alone), name));
    let extra = extra.filter(|(parent, _)| *parent == monitoring || *parent == RDS_LOGIN_EVENTS);
    let mut all: Features =
        names.chain(extra.map(|(parent, name)| additional(parent, name))).map(|key| (key, false)).collect();
    all.extend(declared.clone());
    all
}

/// The keys of a list that one request can name: of the two that GuardDuty refuses together, the one that is to be on.
#[cfg(any(feature = "aws", test))]
pub(super) fn of_one_request(features: &Features) -> BTreeSet<String> {
    let other = match is_eks_alone(features) {
        true => RUNTIME_MONITORING,
        false => EKS_RUNTIME_MONITORING,
    };
    let both = features.contains_key(EKS_RUNTIME_MONITORING) && features.contains_key(RUNTIME_MONITORING);
    features.keys().filter(|key| !both || !is_of(key, other)).cloned().collect()
}

/// The features that a creation does not name, although GuardDuty switches them on then (GuardDuty API Reference,
/// `CreateDetector`: all but `RUNTIME_MONITORING`).
#[cfg(feature = "aws")]
pub(super) fn unnamed(sent: &BTreeSet<String>) -> Vec<String> {
    let names = DETECTOR_FEATURES.iter().filter(|name| **name != RUNTIME_MONITORING).map(|name| (*name).to_owned());
    names.chain([additional(RDS_LOGIN_EVENTS, RDS_DATA_RISK)]).filter(|key| !sent.contains(key)).collect()
}

/// The features of a request that GuardDuty refused without saying which it means, in the order in which they are left
/// out of the next one, with all that belongs to them: those that this release does not know first, then what came last.
#[cfg(any(feature = "aws", test))]
pub(super) fn suspects(sent: &BTreeSet<String>) -> Vec<String> {
    let newest = additional(RDS_LOGIN_EVENTS, RDS_DATA_RISK);
    let age = |key: &String| match DETECTOR_FEATURES.iter().position(|known| known == key) {
        Some(age) => age,
        None if *key == newest => DETECTOR_FEATURES.len(),
        None => usize::MAX,
    };
    let mut all: Vec<String> = sent.iter().filter(|key| !key.contains('.') || **key == newest).cloned().collect();
    all.sort_by_key(|key| std::cmp::Reverse(age(key)));
    all
}
