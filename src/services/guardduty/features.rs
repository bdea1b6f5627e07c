//! The names of GuardDuty's features (GuardDuty API Reference, `DetectorFeatureConfiguration`, August 2026).

use std::collections::BTreeMap;

/// Runtime monitoring of EKS alone, which [`RUNTIME_MONITORING`] replaces.
pub(super) const EKS_RUNTIME_MONITORING: &str = "EKS_RUNTIME_MONITORING";
/// Runtime monitoring of EKS, ECS and EC2.
pub(super) const RUNTIME_MONITORING: &str = "RUNTIME_MONITORING";

/// What a detector can be told to do besides what every detector does.
pub(super) const DETECTOR_FEATURES: [&str; 9] = [
    "S3_DATA_EVENTS",
    "EKS_AUDIT_LOGS",
    "EBS_MALWARE_PROTECTION",
    "RDS_LOGIN_EVENTS",
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

/// The additional configurations of [`RUNTIME_MONITORING`]: whether GuardDuty installs its agent by itself.
pub(super) const ADDITIONAL: [&str; 3] = [ADDITIONAL_OF_EKS, "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"];

/// Features by name, and whether each is on; an additional configuration is `FEATURE.NAME`.
pub type Features = BTreeMap<String, bool>;

/// The key of an additional configuration.
pub(super) fn additional(feature: &str, name: &str) -> String {
    format!("{feature}.{name}")
}

/// What is declared, by the keys of [`Features`]: an additional configuration comes below the feature it belongs to.
pub(super) fn declared(features: &BTreeMap<String, bool>) -> Features {
    let eks_alone = features.contains_key(EKS_RUNTIME_MONITORING);
    let key = |name: &String| match name.as_str() {
        ADDITIONAL_OF_EKS if eks_alone => additional(EKS_RUNTIME_MONITORING, name),
        plain if ADDITIONAL.contains(&plain) => additional(RUNTIME_MONITORING, name),
        _ => name.clone(),
    };
    features.iter().map(|(name, on)| (key(name), *on)).collect()
}

/// The full list for a new detector: what is not declared is off. GuardDuty switches on, and bills, what a new detector
/// is not told of (GuardDuty API Reference, `CreateDetector`).
pub(super) fn complete(declared: &Features) -> Features {
    // GuardDuty refuses both of them together.
    let (monitoring, other) = match declared.contains_key(EKS_RUNTIME_MONITORING) {
        true => (EKS_RUNTIME_MONITORING, RUNTIME_MONITORING),
        false => (RUNTIME_MONITORING, EKS_RUNTIME_MONITORING),
    };
    let names = DETECTOR_FEATURES.iter().filter(|name| **name != other).map(|name| (*name).to_owned());
    let extra = ADDITIONAL.iter().filter(|name| monitoring == RUNTIME_MONITORING || **name == ADDITIONAL_OF_EKS);
    let mut all: Features =
        names.chain(extra.map(|name| additional(monitoring, name))).map(|key| (key, false)).collect();
    all.extend(declared.clone());
    all
}
