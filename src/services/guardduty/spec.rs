use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::features::{self, EKS_RUNTIME_MONITORING, Features, RUNTIME_MONITORING, is_of};
use super::{destination, members};
use crate::model::{AccountId, Address, Region, Target};
use crate::services::{
    About, Aside, Declared, Desired, Kept, Kind, Place, Resource, Spec, Tags, Terms, is_ours, keep_tags, our_tags,
};

/// A detector: one per account and Region, found under whatever id it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// Whether it works; a suspended one does not.
    pub enabled: bool,
    /// How often findings that occur again are published.
    pub finding_publishing_frequency: String,
    /// Its optional features by name, and whether each is on.
    pub features: Features,
    /// Its tags.
    pub tags: Tags,
    /// What bounds a change of it.
    #[serde(skip)]
    pub bounds: Aside<Bounds>,
}

/// What bounds a change of a detector, from the declaration and from what was seen.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// Declared: the features to change on an existing detector; the others stay as they are.
    pub declared: BTreeSet<String>,
    /// Declared: whether a feature that is on may be switched off.
    pub allow_disable: bool,
    /// Seen: who administers it.
    pub administrator: Administrator,
    /// Seen: the features that a policy of the organization manages.
    pub imposed: BTreeSet<String>,
}

/// Who administers a detector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Administrator {
    /// Its own account.
    #[default]
    Itself,
    /// The security account: the publishing frequency is that of its detector (GuardDuty User Guide, "Understanding the
    /// relationship between GuardDuty administrator account and member accounts").
    Security,
    /// Another account: the detector is not ours to change.
    Other(AccountId),
}

/// The tag of a detector of ours with the features that its creation could not name: GuardDuty switches these on, and
/// without the tag they would look like somebody's choice. It goes once they were seen to be off.
pub(super) const MARK: &str = "BaselineNotSwitchedOff";

/// How long a tag's value is at most (GuardDuty API Reference, `TagResource`).
#[cfg(any(feature = "aws", test))]
const MARK_LENGTH: usize = 256;

/// The tag for these features, of which it takes as many as it can hold; none where there are none.
#[cfg(any(feature = "aws", test))]
pub(super) fn mark(keys: &[String]) -> Tags {
    let mut value = String::new();
    for key in keys.iter().filter(|key| key.len() < MARK_LENGTH) {
        if value.len() + 1 + key.len() <= MARK_LENGTH {
            value = format!("{value}{}{key}", if value.is_empty() { "" } else { " " });
        }
    }
    let tag = (!value.is_empty()).then(|| (MARK.to_owned(), value));
    tag.into_iter().collect()
}

/// How a command of the AWS CLI names the one detector of a Region. It holds no id: what to do is the same everywhere.
#[cfg(feature = "aws")]
pub(super) fn this_detector(region: &Region) -> String {
    let ids = format!("aws guardduty list-detectors --region {region} --query 'DetectorIds[0]' --output text");
    format!("--region {region} --detector-id $({ids})")
}

impl Detector {
    /// The features that are to be off whatever they are now: nobody chose them.
    pub(super) fn unchosen(&self) -> impl Iterator<Item = &str> {
        let marked = self.tags.get(MARK).filter(|_| is_ours(&self.tags));
        marked.into_iter().flat_map(|value| value.split(' '))
    }

    /// The administrator that makes it none of ours.
    fn external(&self) -> Option<AccountId> {
        match self.bounds.0.administrator {
            Administrator::Other(id) => Some(id),
            Administrator::Itself | Administrator::Security => None,
        }
    }

    /// Features that would be switched off, without leave to do so. What monitors EKS alone needs none where what covers
    /// EKS, too, is on from now on: nothing is lost.
    fn disabled<'a>(&'a self, seen: &'a Self) -> impl Iterator<Item = &'a String> {
        let off = |key: &&String| self.features.get(*key) == Some(&false);
        let on = seen.features.iter().filter(|(_, on)| **on).map(|(key, _)| key);
        let covered = self.features.get(RUNTIME_MONITORING) == Some(&true);
        let chosen = move |key: &&String| seen.unchosen().all(|unchosen| unchosen != *key);
        on.filter(off)
            .filter(move |key| !(self.bounds.0.allow_disable || covered && is_of(key, EKS_RUNTIME_MONITORING)))
            .filter(chosen)
    }

    /// The declared features that the Region does not offer: a detector's answer lists every one that it does.
    #[cfg(any(feature = "aws", test))]
    pub(super) fn not_offered<'a>(&'a self, seen: &'a Self) -> impl Iterator<Item = &'a String> {
        self.bounds.0.declared.iter().filter(|key| !seen.features.contains_key(*key))
    }

    /// What somebody should know of a detector that another account administers, of which this is what is declared.
    #[cfg(any(feature = "aws", test))]
    pub(super) fn external_note(&self, seen: &Self) -> Option<String> {
        let administrator = seen.external()?;
        let mut otherwise: Vec<&str> = Vec::new();
        if !seen.enabled {
            otherwise.push("it is suspended");
        }
        if self.finding_publishing_frequency != seen.finding_publishing_frequency {
            otherwise.push("finding_publishing_frequency");
        }
        let features = self.features.iter().filter(|(key, _)| self.bounds.0.declared.contains(*key));
        otherwise.extend(
            features.filter(|(key, on)| seen.features.get(*key).is_some_and(|seen| seen != *on)).map(|(key, _)| &**key),
        );
        let differs = match otherwise.is_empty() {
            true => "its settings are as declared".to_owned(),
            false => format!("not as declared: {}", otherwise.join(", ")),
        };
        Some(format!(
            "account {administrator} administers the detector, which with its export is left as it is; {differs}"
        ))
    }
}

impl Resource for Detector {
    const ABOUT: About = About { lives: "every account, every Region", without: "threats are not detected" };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        if seen.external().is_some() {
            *self = seen.clone();
            return Vec::new();
        }
        keep_tags(&mut self.tags, &seen.tags);
        // A run that ended early left it: it goes, with what it names switched off.
        if seen.unchosen().next().is_some() {
            self.tags.remove(MARK);
        }
        if seen.bounds.0.administrator == Administrator::Security {
            self.finding_publishing_frequency.clone_from(&seen.finding_publishing_frequency);
        }
        let wanted = std::mem::replace(&mut self.features, seen.features.clone());
        let bounds = &self.bounds.0;
        for (key, on) in wanted {
            if bounds.declared.contains(&key)
                && !seen.bounds.0.imposed.contains(&key)
                && let Some(now) = self.features.get_mut(&key)
            {
                *now = on;
            }
        }
        // The one covers the other, and both are billed (GuardDuty User Guide, "Migrating from EKS Runtime Monitoring to
        // Runtime Monitoring").
        let takes_over =
            bounds.declared.contains(RUNTIME_MONITORING) && self.features.get(RUNTIME_MONITORING) == Some(&true);
        if takes_over && !seen.bounds.0.imposed.contains(EKS_RUNTIME_MONITORING) {
            for (_, on) in self.features.iter_mut().filter(|(key, _)| is_of(key, EKS_RUNTIME_MONITORING)) {
                *on = false;
            }
        }
        let bounds = &self.bounds.0;
        for key in seen.unchosen() {
            if !bounds.declared.contains(key)
                && !seen.bounds.0.imposed.contains(key)
                && let Some(on) = self.features.get_mut(key)
            {
                *on = false;
            }
        }
        let held: Vec<String> = self.disabled(seen).cloned().collect();
        if held.is_empty() {
            return Vec::new();
        }
        for key in &held {
            self.features.insert(key.clone(), true);
        }
        vec![Kept {
            reason: format!("{} would be switched off: features that are on stay on", held.join(", ")),
            hint: "say `allow_disable = true` under [guardduty], or declare them on".to_owned(),
        }]
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        if !self.enabled && seen.is_none_or(|seen| seen.external().is_none()) {
            refusals.push("the detector would be suspended: nothing would be detected any more".to_owned());
        }
        let Some(seen) = seen else { return refusals };
        if let Some(administrator) = seen.external().filter(|_| self != seen) {
            refusals.push(format!("account {administrator} administers the detector: it is not ours to change"));
        }
        let held: Vec<&str> = self.disabled(seen).map(String::as_str).collect();
        if !held.is_empty() && !terms.from_file {
            refusals.push(format!(
                "{} would be switched off: say `allow_disable = true` under [guardduty]",
                held.join(", ")
            ));
        }
        refusals
    }
}

/// What an account should hold.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(guardduty) = &declared.baseline.guardduty else { return Vec::new() };
    let features = features::declared(&guardduty.features);
    let template = Detector {
        enabled: true,
        finding_publishing_frequency: guardduty.finding_publishing_frequency.clone(),
        features: features::complete(&features),
        tags: our_tags(declared.baseline),
        bounds: Aside(Bounds {
            declared: features.into_keys().collect(),
            allow_disable: guardduty.allow_disable,
            ..Bounds::default()
        }),
    };
    let mut all = Vec::new();
    for target in cells(declared, place) {
        let address = Address::new(target.clone(), Kind::GuarddutyDetector, "detector");
        let spec = Spec::GuarddutyDetector(Box::new(template.clone()));
        let shared = administers(declared, &target);
        all.push(Desired { shared, ..Desired::new(address, spec, Vec::new()) });
        all.extend(destination::desired(declared, &target).map(|desired| Desired { shared, ..desired }));
        all.extend(members::desired(declared, &target));
    }
    all
}

/// Every Region of the account, and where the security account administers the others' detectors every Region in which
/// it does.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    if declared.baseline.guardduty.is_none() {
        return Vec::new();
    }
    let mut regions: BTreeSet<&Region> = place.regions.iter().collect();
    let hub = &declared.shared.hub;
    regions.extend(hub.iter().filter(|region| administers(declared, &place.target(region))));
    regions.into_iter().map(|region| place.target(region)).collect()
}

/// Whether others' detectors depend on the one of this place.
pub(super) fn administers(declared: &Declared<'_>, target: &Target) -> bool {
    target.account == declared.profiles.security
        && administrator_sees_findings(declared)
        && declared.shared.hub.contains(&target.region)
}

/// The detector of an account in a Region, where detectors are declared.
pub fn detector(declared: &Declared<'_>, target: &Target) -> Option<Address> {
    declared.baseline.guardduty.as_ref()?;
    Some(Address::new(target.clone(), Kind::GuarddutyDetector, "detector"))
}

/// Whether the members' findings appear on the security account's own bus as well, so that nobody else has to forward
/// them there: with membership, GuardDuty tells both the member's and the administrator's bus (GuardDuty User Guide,
/// "Processing GuardDuty findings with Amazon EventBridge").
pub fn administrator_sees_findings(declared: &Declared<'_>) -> bool {
    declared.baseline.guardduty.as_ref().is_some_and(|guardduty| guardduty.membership)
}

/// The same for one place: where the security account does not work in a Region, nobody administers that Region's
/// detectors, and an account's findings there are seen on its own bus alone.
pub fn administrator_sees_findings_of(declared: &Declared<'_>, target: &Target) -> bool {
    administrator_sees_findings(declared)
        && target.account != declared.profiles.security
        && declared.shared.hub.contains(&target.region)
}
