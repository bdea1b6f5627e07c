//! What stays undelivered after a run has repaired its cause: nothing that this tool could do, since AWS's services try
//! again when they do.

use std::collections::BTreeSet;

use super::{Action, Change, Plan};
use crate::model::Address;
use crate::services::sns::AWS_KEY_IN_USE;
use crate::services::{Kind, Note, Undelivered};

/// The fields of the key and the bucket on which a delivery hangs.
const CAUSES: [&str; 4] = ["policy", "state", "encryption", "ownership"];

impl Plan {
    /// The plan as it stands once changes were made, where that is another one: what was not delivered and whose cause
    /// was repaired waits for AWS's next attempt, which is a note. `made` is whether a change ended well.
    ///
    /// The cause is taken for repaired where the sender itself was changed, or the policy, key state or encryption of
    /// what it delivers to, unless another cause stands beside it that nobody repaired.
    pub fn waiting(&self, made: impl Fn(&Address) -> bool) -> Option<Plan> {
        if self.undelivered.is_empty() || self.changes.is_empty() {
            return None;
        }
        let made: Vec<&Change> = self.changes.iter().filter(|change| made(&change.address)).collect();
        let touched: BTreeSet<&Address> = made.iter().map(|change| &change.address).collect();
        let is_store = |kind: Kind| matches!(kind, Kind::KmsKey | Kind::S3Bucket);
        let store_repaired = made.iter().any(|change| is_store(change.address.kind) && repairs(change));
        let store_spoilt = self.undelivered.iter().any(|one| {
            is_store(one.address.kind) && !(one.address.kind == Kind::KmsKey && touched.contains(&one.address))
        });
        let repaired = |one: &Undelivered| match one.address.kind {
            Kind::KmsKey => touched.contains(&one.address),
            // Of what ails a topic, its key alone: a statement that denies stays.
            Kind::SnsTopic if one.reason == AWS_KEY_IN_USE => made.iter().any(|change| {
                change.address == one.address
                    && change.fields().iter().any(|f| f.path.first().is_some_and(|p| p == "kms_key"))
            }),
            Kind::CloudtrailTrail | Kind::ConfigDeliveryChannel | Kind::GuarddutyPublishingDestination => {
                !store_spoilt && (store_repaired || made.iter().any(|change| sends_for(change, &one.address)))
            }
            _ => false,
        };
        let (waiting, undelivered): (Vec<_>, Vec<_>) = self.undelivered.iter().cloned().partition(repaired);
        if waiting.is_empty() {
            return None;
        }
        let mut plan = Plan { undelivered, ..self.clone() };
        plan.notes.extend(
            waiting.into_iter().filter(|one| !matches!(one.address.kind, Kind::KmsKey | Kind::SnsTopic)).map(|one| {
                Note {
                    target: one.address.target.clone(),
                    topic: "waiting-for-aws".to_owned(),
                    text: format!("{}; repaired in this run: waiting for AWS's next attempt", one.reason),
                }
            }),
        );
        Some(plan)
    }
}

/// Whether a change may have been the cause's repair.
fn repairs(change: &Change) -> bool {
    change.action == Action::Create
        || change.fields().iter().any(|field| field.path.first().is_some_and(|first| CAUSES.contains(&first.as_str())))
}

/// Whether a change is of what delivers there; a trail is one and the same in all the Regions it records.
fn sends_for(change: &Change, sender: &Address) -> bool {
    let (kind, target) = (change.address.kind, &change.address.target);
    if target.account != sender.target.account
        || !change.fields().iter().any(|f| f.path.first().is_none_or(|p| p != "tags"))
    {
        return false;
    }
    match sender.kind {
        Kind::CloudtrailTrail => kind == sender.kind && change.address.name == sender.name,
        Kind::ConfigDeliveryChannel => {
            matches!(kind, Kind::ConfigDeliveryChannel | Kind::ConfigRecorder) && *target == sender.target
        }
        _ => change.address == *sender,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::estate::{BASELINE, Estate, PROFILES};
    use crate::services::{Service, Spec};

    fn changed(estate: &Estate, service: Service, alter: impl Fn(&mut Spec)) -> Change {
        let desired = estate.one(service);
        let mut seen = desired.spec.clone();
        alter(&mut seen);
        let (reason, fields) = Change::follows(Action::Update, Some(&seen), &desired.spec);
        Change {
            address: desired.address,
            action: Action::Update,
            reason,
            fields,
            requires: Vec::new(),
            depth: 0,
            desired: desired.spec,
            seen: None,
        }
    }

    fn undelivered(address: &Address) -> Undelivered {
        Undelivered { address: address.clone(), reason: "AccessDenied".to_owned(), hint: String::new() }
    }

    #[test]
    fn only_what_was_repaired_waits_for_aws() {
        let estate = Estate::new(PROFILES, BASELINE);
        let trail = estate.desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0).address;
        let policy = changed(&estate, Service::Kms, |spec| {
            let Spec::KmsKey(key) = spec else { panic!("{spec:?}") };
            key.policy.document.statements.pop();
        });
        let tags = changed(&estate, Service::Kms, |spec| {
            let Spec::KmsKey(key) = spec else { panic!("{spec:?}") };
            key.tags.clear();
        });
        let key = policy.address.clone();
        let bucket = estate.one(Service::S3).address;
        let plan = |change: &Change, of: &[&Address]| Plan {
            changes: vec![change.clone()],
            undelivered: of.iter().map(|address| undelivered(address)).collect(),
            ..Plan::default()
        };
        let waiting = plan(&policy, &[&trail]).waiting(|_| true).unwrap();
        assert!(waiting.complete() && waiting.notes[0].text.contains("waiting for AWS's next attempt"));
        assert!(plan(&policy, &[&trail]).waiting(|_| false).is_none(), "the change failed");
        assert!(plan(&tags, &[&trail]).waiting(|_| true).is_none(), "tags stop nobody");
        assert!(plan(&policy, &[&trail, &bucket]).waiting(|_| true).is_none(), "another cause stands");
        // A deletion that was taken back is no news any more.
        let saved = plan(&tags, &[&key]).waiting(|_| true).unwrap();
        assert!(saved.complete() && saved.notes.is_empty());
    }
}
