//! What cannot be had, what waits for somebody else, and orphans beside other services' drift.

use super::*;
use crate::services::Kept;

#[test]
fn an_obstacle_blocks_with_its_own_words_and_whatever_requires_it() {
    let mut bed = Bed::of(Estate::small(), "222222222222", &[Service::Kms, Service::S3]);
    bed.desired[0].obstacle =
        Some(Kept { reason: "the Region is not enabled".to_owned(), hint: "enable it".to_owned() });
    let (plan, facts) = bed.plan_and_facts();
    assert!(plan.changes.is_empty() && !plan.complete());
    assert_eq!(facts[&bed.desired[0].address], Fact::Blocked);
    let said: Vec<_> = plan.blocked.iter().map(|b| (b.reason.as_str(), b.hint.as_deref())).collect();
    assert_eq!(said[0], ("the Region is not enabled", Some("enable it")));
    assert!(said[1].0.ends_with("which is blocked"), "{said:?}");
    // Without the obstacle both are made.
    bed.desired[0].obstacle = None;
    assert_eq!(bed.plan().changes.len(), 2);
}

#[test]
fn what_waits_for_somebody_else_is_no_drift_and_makes_the_run_incomplete() {
    let mut bed = Bed::trails().in_sync();
    let address = bed.desired[0].address.clone();
    let waiting = Undelivered { address: address.clone(), reason: "unconfirmed".into(), hint: "confirm it".into() };
    let cell = (Service::Cloudtrail, address.target.clone());
    bed.readings.get_mut(&cell).unwrap().as_mut().unwrap().undelivered.push(waiting.clone());
    let plan = bed.plan();
    assert_eq!((plan.changes.len(), plan.in_sync, plan.undelivered.clone()), (0, 3, vec![waiting]));
    assert!(!plan.complete());
    // A run that does not look there does not speak of it.
    assert!(bed.selecting(&["*/us-east-1"]).plan().undelivered.is_empty());
}

#[test]
fn an_orphan_waits_for_its_own_service_alone() {
    let mut bed = Bed::of(Estate::small(), "222222222222", &[Service::Cloudtrail, Service::S3]).in_sync();
    bed.prune = true;
    bed.orphan("baseline-multi-region", Ownership::Ours);
    // The bucket drifts.
    let (address, mut spec) = (bed.desired[3].address.clone(), bed.desired[3].spec.clone());
    let Spec::S3Bucket(bucket) = &mut spec else { panic!() };
    bucket.encryption.key = Some(Reference::Is(key_arn()));
    bucket.versioning = Versioning::Suspended;
    bed.is_there(&address, spec, Ownership::Ours);
    let plan = bed.plan();
    let actions: Vec<_> = plan.changes.iter().map(|change| (change.address.kind.service(), change.action)).collect();
    assert_eq!(actions, [(Service::S3, Action::Update), (Service::Cloudtrail, Action::Delete)]);
}

#[test]
fn what_another_part_of_the_plan_declares_is_no_orphan() {
    let mut bed = Bed::trails().in_sync();
    let other = bed.orphan("baseline-multi-region", Ownership::Ours);
    let plan = |besides: &BTreeSet<Address>, orphans: Orphans| {
        let view = AccountView {
            account: bed.estate.account(bed.account),
            desired: &bed.desired,
            declared_besides: besides,
            readings: &bed.readings,
            facts: &bed.facts,
            selection: &bed.selection,
            terms: &bed.terms,
            orphans,
        };
        plan_account(&view).0
    };
    assert_eq!(plan(&BTreeSet::new(), Orphans::Shown).orphans.len(), 1);
    assert!(plan(&[other].into(), Orphans::Removed).orphans.is_empty());
    let ignored = plan(&BTreeSet::new(), Orphans::Ignored);
    assert!(ignored.orphans.is_empty() && ignored.changes.is_empty());
}
