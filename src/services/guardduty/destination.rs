//! Where a detector exports its findings.

use serde::{Deserialize, Serialize};

use super::spec::{administrator_sees_findings_of, detector};
use crate::model::{AccountId, Address, Target};
use crate::services::{
    About, Aside, Declared, Desired, Kept, Kind, Reference, Resource, Spec, Tags, Terms, is_ours, keep_tags, kms,
    our_tags, s3,
};

/// The name of the one destination that a detector has for buckets.
pub(super) const NAME: &str = "s3";

/// The state of a destination that gets findings.
pub(super) const PUBLISHING: &str = "PUBLISHING";

/// Where a detector exports its findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishingDestination {
    /// The bucket's ARN, with the prefix after a slash where there is one; empty where there is no destination.
    pub destination: String,
    /// The key that findings are encrypted with.
    pub kms_key: Option<Reference>,
    /// GuardDuty's word for whether it works: `PUBLISHING`, `PENDING_VERIFICATION`, `STOPPED` or
    /// `UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY`.
    pub status: String,
    /// Its tags.
    pub tags: Tags,
    /// The account that must own the bucket; GuardDuty tells it only where it was given, so that nothing is compared.
    #[serde(skip)]
    pub bucket_owner: Aside<Option<AccountId>>,
    /// Seen: the administrator that makes the detector none of ours.
    #[serde(skip)]
    pub external: Aside<Option<AccountId>>,
}

/// The export of an account in a Region, where it is declared.
///
/// The administrator's export covers its members (GuardDuty User Guide, "Exporting generated GuardDuty findings to Amazon
/// S3 buckets"): where the security account administers a detector, that detector's findings are exported once, by it.
pub(super) fn desired(declared: &Declared<'_>, target: &Target) -> Option<Desired> {
    let guardduty = declared.baseline.guardduty.as_ref()?;
    if !guardduty.publish || administrator_sees_findings_of(declared, target) {
        return None;
    }
    let (bucket, key) = (s3::address(declared)?, kms::address(declared)?);
    let prefix = declared.baseline.log_bucket.as_ref().and_then(|bucket| bucket.prefix.as_deref());
    let arn = format!("arn:{}:s3:::{}", declared.profiles.partition, bucket.name);
    let spec = PublishingDestination {
        destination: prefix.map_or(arn.clone(), |prefix| format!("{arn}/{prefix}")),
        kms_key: Some(Reference::To(key.clone())),
        status: PUBLISHING.to_owned(),
        tags: our_tags(declared.baseline),
        bucket_owner: Aside(Some(declared.profiles.bucket_owner)),
        external: Aside(None),
    };
    let address = Address::new(target.clone(), Kind::GuarddutyPublishingDestination, NAME);
    let requires = detector(declared, target).into_iter().chain([key, bucket]).collect();
    Some(Desired::new(address, Spec::GuarddutyPublishingDestination(Box::new(spec)), requires))
}

impl PublishingDestination {
    /// Whether writing this would send somebody else's findings elsewhere.
    fn reroutes(&self, seen: &Self, terms: &Terms) -> bool {
        !terms.take_over && !is_ours(&seen.tags) && self.destination != seen.destination
    }
}

impl Resource for PublishingDestination {
    const ABOUT: About = About { lives: "every account, every Region", without: "findings are gone after 90 days" };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.kms_key.iter_mut().collect()
    }

    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept> {
        if seen.external.0.is_some() {
            *self = seen.clone();
            return Vec::new();
        }
        if self.reroutes(seen, terms) {
            let kept = Kept {
                reason: format!("findings are exported to {}, not to {}", seen.destination, self.destination),
                hint: "declare `take_over = [\"guardduty\"]` for this account in profiles.toml to export them to the \
                       log bucket instead"
                    .to_owned(),
            };
            *self = seen.clone();
            return vec![kept];
        }
        keep_tags(&mut self.tags, &seen.tags);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        let Some(seen) = seen else { return refusals };
        if let Some(administrator) = seen.external.0.filter(|_| self != seen) {
            refusals.push(format!("account {administrator} administers the detector: it is not ours to change"));
        }
        if self.reroutes(seen, terms) {
            refusals.push(format!(
                "findings that go to {} would go to {}: declare `take_over = [\"guardduty\"]`",
                seen.destination, self.destination
            ));
        }
        refusals
    }
}
