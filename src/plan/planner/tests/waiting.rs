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

/// A project account's detectors and the rules that wait for them, as a run finds them that is narrowed to AWS Config.
fn rules() -> Bed {
    let baseline = "name = 'test'\n[log_key]\n[log_bucket]\n[cloudtrail]\n[guardduty]\n[config]\n[[config.rule]]\n\
                    identifier = 'CLOUD_TRAIL_ENABLED'\n[[config.rule]]\nidentifier = 'GUARDDUTY_ENABLED_CENTRALIZED'\n";
    let services = [Service::Iam, Service::Cloudtrail, Service::Guardduty, Service::Config];
    Bed::of(Estate::new(PROFILES, baseline), "333333333333", &services)
}

/// Takes everything out of the bed that a run with `-s config` does not read.
fn narrowed(mut bed: Bed) -> Bed {
    bed.readings.retain(|(service, _), _| matches!(service, Service::Config | Service::Iam));
    bed.selection = Selection::new(&[], vec![], vec![], vec![Service::Config], vec![]).unwrap();
    bed
}

#[test]
fn what_exists_does_not_wait_for_a_requirement_that_the_run_leaves_out() {
    let bed = narrowed(rules().in_sync());
    let (plan, facts) = bed.plan_and_facts();
    let of_config = bed.desired.iter().filter(|desired| desired.address.kind.service() == Service::Config).count();
    assert!(plan.complete() && plan.changes.is_empty(), "{plan:?}");
    assert_eq!(plan.in_sync, of_config);
    let trails = facts.iter().filter(|(address, _)| address.kind.service() == Service::Cloudtrail);
    assert!(trails.map(|(_, fact)| fact).all(|fact| *fact == Fact::Unread));
}

#[test]
fn what_drifted_is_repaired_beside_a_requirement_that_the_run_leaves_out() {
    let mut bed = rules().in_sync();
    let rule = |desired: &&Desired| desired.address.name == "baseline-cloud-trail-enabled";
    let Desired { address, spec, .. } = bed.desired.iter().find(rule).unwrap().clone();
    let Spec::ConfigRule(mut drifted) = spec else { panic!() };
    drifted.tags.remove("Baseline");
    drifted.tags.insert("Baseline".to_owned(), "another".to_owned());
    bed.is_there(&address, Spec::ConfigRule(drifted), Ownership::Ours);
    let plan = narrowed(bed).plan();
    assert!(plan.complete(), "{plan:?}");
    let changes: Vec<_> = plan.changes.iter().map(|change| (&change.address, change.action)).collect();
    assert_eq!(changes, [(&address, Action::Update)]);
}

#[test]
fn what_is_made_waits_for_a_requirement_that_the_run_leaves_out() {
    let mut bed = rules().in_sync();
    let rule = |desired: &&Desired| desired.address.name == "baseline-cloud-trail-enabled";
    let address = bed.desired.iter().find(rule).unwrap().address.clone();
    let cell = (Service::Config, address.target.clone());
    bed.readings.get_mut(&cell).unwrap().as_mut().unwrap().found.retain(|found| found.address != address);
    let plan = narrowed(bed).plan();
    assert!(plan.changes.is_empty() && !plan.complete(), "{plan:?}");
    let [Blocked { address: held, reason, .. }] = &plan.blocked[..] else { panic!("{plan:?}") };
    assert_eq!(held, &address);
    assert!(reason.ends_with("which does not exist and is not selected"), "{reason}");
}

/// The key was not read: whether the trail is encrypted with it cannot be told.
#[test]
fn what_can_only_be_compared_by_an_arn_waits_for_it() {
    let mut bed = Bed::trails().in_sync();
    let key = bed.estate.one(Service::Kms).address;
    for fact in [Some(Fact::Unread), None] {
        match fact {
            Some(fact) => bed.facts.insert(key.clone(), fact),
            None => bed.facts.remove(&key),
        };
        let plan = bed.plan();
        assert_eq!((plan.changes.len(), plan.blocked.len(), plan.in_sync), (0, 3, 0), "{plan:?}");
    }
}
