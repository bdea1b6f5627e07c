mod arbitrary;
mod waiting;

use proptest::prelude::*;
use serde_json::json;

use self::arbitrary::{buckets, keys, trails};
use super::*;
use crate::model::{Arn, Fault};
use crate::policy::Statement;
use crate::services::estate::{BASELINE, Estate, PROFILES, id};
use crate::services::s3::Versioning;
use crate::services::{SharedPolicy, Tags, is_ours};

const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];

/// One account's desired resources and what was read of them.
struct Bed {
    estate: Estate,
    account: &'static str,
    desired: Vec<Desired>,
    readings: BTreeMap<(Service, Target), Result<Reading, OpError>>,
    facts: Facts,
    selection: Selection,
    terms: Terms,
    prune: bool,
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn key_arn() -> Arn {
    arn("arn:aws:kms:eu-west-1:222222222222:key/1")
}

impl Bed {
    fn of(estate: Estate, account: &'static str, services: &[Service]) -> Self {
        let desired: Vec<Desired> = services.iter().flat_map(|s| estate.desire(*s, account, &REGIONS)).collect();
        let cells = desired.iter().map(|d| (d.address.kind.service(), d.address.target.clone()));
        let readings = cells.map(|cell| (cell, Ok(Reading::default()))).collect();
        let facts = Facts::from([
            (estate.one(Service::Kms).address, Fact::Present(key_arn())),
            (estate.one(Service::S3).address, Fact::Present(arn("arn:aws:s3:::logs"))),
        ]);
        let (selection, terms) = (Selection::default(), Terms::default());
        Bed { estate, account, desired, readings, facts, selection, terms, prune: false }
    }

    /// A project account's three trails, which do not exist.
    fn trails() -> Self {
        Bed::of(Estate::small(), "333333333333", &[Service::Cloudtrail])
    }

    /// The key or the bucket, which does not exist.
    fn holding(service: Service) -> Self {
        Bed::of(Estate::small(), "222222222222", &[service])
    }

    fn plan_and_facts(&self) -> (Plan, Facts) {
        plan_account(&AccountView {
            account: self.estate.account(self.account),
            desired: &self.desired,
            readings: &self.readings,
            facts: &self.facts,
            selection: &self.selection,
            terms: &self.terms,
            declared_besides: &BTreeSet::new(),
            orphans: if self.prune { Orphans::Removed } else { Orphans::Shown },
        })
    }

    fn plan(&self) -> Plan {
        self.plan_and_facts().0
    }

    fn is_there(&mut self, address: &Address, spec: Spec, ownership: Ownership) {
        let cell = (address.kind.service(), address.target.clone());
        let reading = self.readings.get_mut(&cell).unwrap().as_mut().unwrap();
        reading.found.retain(|found| found.address != *address);
        reading.found.push(Found { address: address.clone(), spec, arn: Self::arn_of(address), ownership });
    }

    fn arn_of(address: &Address) -> Arn {
        match address.kind {
            crate::services::Kind::KmsKey => key_arn(),
            _ => Arn::new(Default::default(), "x", None, None, &address.name),
        }
    }

    /// As if every change had been made.
    fn apply(&mut self, plan: &Plan) {
        for change in &plan.changes {
            match change.action {
                Action::Delete => {
                    let cell = (change.address.kind.service(), change.address.target.clone());
                    let reading = self.readings.get_mut(&cell).unwrap().as_mut().unwrap();
                    reading.found.retain(|found| found.address != change.address);
                }
                _ => {
                    let mut spec = change.desired.clone();
                    // What a bucket holds does not change with its settings.
                    if let (Spec::S3Bucket(now), Some(Spec::S3Bucket(was))) =
                        (&mut spec, change.seen.as_ref().map(|found| &found.spec))
                    {
                        now.holds_data = was.holds_data;
                    }
                    for reference in spec.references() {
                        if let Reference::To(address) = reference {
                            *reference = Reference::Is(Self::arn_of(address));
                        }
                    }
                    self.is_there(&change.address, spec, Ownership::Ours);
                }
            }
        }
    }

    /// With everything there as it should be.
    fn in_sync(mut self) -> Self {
        let plan = self.plan();
        self.apply(&plan);
        let plan = self.plan();
        assert!(plan.changes.is_empty() && plan.complete(), "{plan:?}");
        assert_eq!(plan.in_sync, self.desired.len());
        self
    }

    fn unreadable(&mut self, index: usize) -> Target {
        let address = self.desired[index].address.clone();
        let error = denied(&address.target);
        self.readings.insert((address.kind.service(), address.target.clone()), Err(error));
        address.target
    }

    fn selecting(mut self, targets: &[&str]) -> Self {
        let globs = targets.iter().map(|glob| glob.parse().unwrap()).collect();
        self.selection = Selection::new(&[], Vec::new(), Vec::new(), Vec::new(), globs).unwrap();
        self
    }

    /// A trail that a former declaration named.
    fn orphan(&mut self, name: &str, ownership: Ownership) -> Address {
        let address = Address::new(self.desired[0].address.target.clone(), self.desired[0].address.kind, name);
        self.is_there(&address, self.desired[0].spec.clone(), ownership);
        address
    }
}

fn denied(target: &Target) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: None,
        service: "cloudtrail".to_owned(),
        operation: "DescribeTrails".to_owned(),
        fault: Fault::Denied,
        code: Some("AccessDenied".to_owned()),
        message: "no".to_owned(),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

fn regions(plan: &Plan) -> Vec<&str> {
    plan.changes.iter().map(|change| change.address.target.region.as_str()).collect()
}

#[test]
fn what_is_not_there_is_made_and_what_is_there_is_left_alone() {
    let bed = Bed::trails();
    let plan = bed.plan();
    assert_eq!(regions(&plan), REGIONS);
    assert!(plan.changes.iter().all(|change| change.action == Action::Create && change.seen.is_none()));
    bed.in_sync();
}

#[test]
fn one_field_that_differs_is_one_field_to_change() {
    let mut bed = Bed::trails().in_sync();
    let address = bed.desired[1].address.clone();
    let Spec::CloudtrailTrail(mut trail) = bed.desired[1].spec.clone() else { panic!() };
    trail.kms_key = Some(Reference::Is(key_arn()));
    trail.logging = false;
    bed.is_there(&address, Spec::CloudtrailTrail(trail), Ownership::Ours);
    let plan = bed.plan();
    let [change] = &plan.changes[..] else { panic!("{plan:?}") };
    assert_eq!((change.action, &change.address), (Action::Update, &address));
    assert_eq!(
        serde_json::to_value(&change.fields).unwrap(),
        json!([
            {"path": ["logging"], "change": "changed", "before": false, "after": true}
        ])
    );
    assert_eq!((change.reason.as_str(), plan.in_sync), ("one field differs", 2));
}

#[test]
fn a_reference_is_resolved_where_it_is_known_and_waits_where_it_is_coming() {
    let key_of = |plan: &Plan| {
        let Spec::CloudtrailTrail(trail) = &plan.changes[0].desired else { panic!("{plan:?}") };
        trail.kms_key.clone().unwrap()
    };
    let mut bed = Bed::trails();
    assert_eq!(key_of(&bed.plan()), Reference::Is(key_arn()));
    assert_eq!(bed.plan().changes[0].depth, 0);
    let key = bed.estate.one(Service::Kms).address;
    bed.facts.insert(key.clone(), Fact::Coming);
    assert_eq!(key_of(&bed.plan()), Reference::To(key));
    assert_eq!(bed.plan().changes[0].depth, 1);
}

#[test]
fn within_an_account_what_is_required_comes_first() {
    let mut bed = Bed::of(Estate::small(), "222222222222", &[Service::Kms, Service::S3, Service::Cloudtrail]);
    bed.facts.clear();
    let (plan, facts) = bed.plan_and_facts();
    let depths: Vec<_> = plan.changes.iter().map(|change| (change.address.kind.as_str(), change.depth)).collect();
    let trail = ("cloudtrail.trail", 2);
    assert_eq!(depths, [("kms.key", 0), ("s3.bucket", 1), trail, trail, trail]);
    assert!(facts.values().all(|fact| *fact == Fact::Coming) && facts.len() == 5, "{facts:?}");
}

#[test]
fn a_requirement_that_is_not_there_holds_back_what_requires_it() {
    let mut said = String::new();
    for fact in [Some(Fact::Unreadable), Some(Fact::Blocked), Some(Fact::Missing), None] {
        let mut bed = Bed::trails();
        let key = bed.estate.one(Service::Kms).address;
        match fact {
            Some(fact) => bed.facts.insert(key, fact),
            None => bed.facts.remove(&key),
        };
        let (plan, facts) = bed.plan_and_facts();
        assert!(plan.changes.is_empty() && plan.blocked.len() == 3 && !plan.complete(), "{plan:?}");
        assert!(facts.values().all(|fact| *fact == Fact::Blocked));
        said.push_str(&format!("{} [{}]\n", plan.blocked[0].reason, plan.blocked[0].hint.as_deref().unwrap_or("")));
    }
    insta::assert_snapshot!(said, @"
    it requires 222222222222/eu-west-1/kms.key/baseline-logs, which could not be read []
    it requires 222222222222/eu-west-1/kms.key/baseline-logs, which is blocked []
    it requires 222222222222/eu-west-1/kms.key/baseline-logs, which does not exist and is not selected [run for that account first, or select it too]
    it requires 222222222222/eu-west-1/kms.key/baseline-logs, which does not exist and is not selected [run for that account first, or select it too]
    ");
}

#[test]
fn a_name_without_our_tag_blocks_until_it_is_taken_over() {
    let mut bed = Bed::trails();
    let (address, mut spec) = (bed.desired[0].address.clone(), bed.desired[0].spec.clone());
    let Spec::CloudtrailTrail(trail) = &mut spec else { panic!() };
    trail.tags = Tags::from([("Owner".to_owned(), "alice".to_owned())]);
    bed.is_there(&address, spec, Ownership::Unmarked);
    let (plan, facts) = bed.plan_and_facts();
    assert_eq!(regions(&plan), &REGIONS[1..]);
    assert_eq!(facts[&address], Fact::Blocked);
    insta::assert_snapshot!(format!("{}\n{}", plan.blocked[0].reason, plan.blocked[0].hint.as_ref().unwrap()), @r#"
    arn:aws:x:::baseline bears this name without our tag: a name is not ownership
    tag it ManagedBy=baseline, or declare `take_over = ["cloudtrail"]` for account 333333333333 in profiles.toml
    "#);

    let taken = PROFILES.replace("name = \"payments\"", "name = \"payments\"\ntake_over = ['cloudtrail']");
    bed.estate = Estate::new(&taken, BASELINE);
    let plan = bed.plan();
    assert!(plan.blocked.is_empty());
    let change = plan.changes.iter().find(|change| change.address == address).unwrap();
    assert_eq!(change.action, Action::Update);
    assert!(is_ours(change.desired.tags()) && change.desired.tags()["Owner"] == "alice");
}

#[test]
fn a_selection_narrows_what_is_changed_and_never_what_is_desired() {
    let all = Bed::trails().plan();
    let some = Bed::trails().selecting(&["*/us-east-1"]).plan();
    assert_eq!(regions(&some), ["us-east-1"]);
    assert_eq!(some.changes[0], all.changes[2]);
    assert!(Bed::trails().selecting(&["444444444444"]).plan().changes.is_empty());

    // The shared policy admits every account of the file, whichever is selected; `-a` is another road to the same.
    let whole = Bed::holding(Service::S3).plan();
    let narrow = Bed::holding(Service::S3).selecting(&["**/s3.bucket/*"]).plan();
    assert_eq!(narrow.changes[0].desired, whole.changes[0].desired);
    let policy = whole.changes[0].desired.shared_policy().unwrap();
    assert_eq!(policy.admitted().len(), 4);

    let mut by_account = Bed::trails();
    by_account.selection = Selection::new(&["search".to_owned()], vec![], vec![], vec![], vec![]).unwrap();
    assert!(by_account.plan().changes.is_empty());
    by_account.selection = Selection::new(&["pay*".to_owned()], vec![], vec![], vec![], vec![]).unwrap();
    assert_eq!(by_account.plan().changes.len(), 3);
}

#[test]
fn what_is_not_selected_is_known_and_left_alone() {
    // The bucket exists and drifts; only trails are selected.
    let mut bed = Bed::holding(Service::S3).selecting(&["**/cloudtrail.trail/*"]);
    let (address, mut spec) = (bed.desired[0].address.clone(), bed.desired[0].spec.clone());
    assert_eq!(bed.plan_and_facts().1[&address], Fact::Missing, "its place was read");
    let Spec::S3Bucket(bucket) = &mut spec else { panic!() };
    bucket.versioning = Versioning::Off;
    bed.is_there(&address, spec, Ownership::Ours);
    let (plan, facts) = bed.plan_and_facts();
    assert_eq!((plan.changes.len(), plan.blocked.len(), plan.in_sync), (0, 0, 0));
    assert!(matches!(facts[&address], Fact::Present(_)));
}

#[test]
fn an_orphan_is_shown_and_removed_only_on_request() {
    let mut bed = Bed::trails().in_sync();
    let orphan = bed.orphan("baseline-multi-region", Ownership::Ours);
    let plan = bed.plan();
    assert!(plan.changes.is_empty() && plan.orphans[0].address == orphan, "{plan:?}");
    assert_eq!(plan.orphans[0].fate, "kept; --prune removes it");
    bed.prune = true;
    let plan = bed.plan();
    let [change] = &plan.changes[..] else { panic!("{plan:?}") };
    assert_eq!((change.action, &change.address), (Action::Delete, &orphan));
    bed.apply(&plan);
    let plan = bed.plan();
    assert!(plan.changes.is_empty() && plan.orphans.is_empty());
}

#[test]
fn an_orphan_stays_until_what_replaces_it_is_seen_to_be_as_it_should() {
    let pruned = |bed: &Bed| bed.plan().changes.iter().any(|change| change.action == Action::Delete);
    let bed = || {
        let mut bed = Bed::trails().in_sync();
        bed.prune = true;
        bed.orphan("baseline-multi-region", Ownership::Ours);
        bed
    };
    assert!(pruned(&bed()));

    let mut missing = bed();
    let address = missing.desired[2].address.clone();
    missing.readings.insert((Service::Cloudtrail, address.target), Ok(Reading::default()));
    assert!(!pruned(&missing));
    assert!(missing.plan().orphans[0].fate.starts_with("kept until what replaces it"));

    let mut unread = bed();
    unread.unreadable(2);
    assert!(!pruned(&unread));

    let mut blocked = bed();
    blocked.facts.insert(blocked.estate.one(Service::Kms).address, Fact::Blocked);
    assert!(!pruned(&blocked));

    // The successor is not among what was selected: it may not exist at all.
    let narrow = bed().selecting(&["*/ap-northeast-1/cloudtrail.trail/baseline-multi-region"]);
    assert!(!pruned(&narrow));
    assert!(!narrow.plan().orphans.is_empty());
}

#[test]
fn what_is_not_ours_or_not_selected_is_no_orphan() {
    let mut bed = Bed::trails().in_sync();
    bed.prune = true;
    bed.orphan("baseline-multi-region", Ownership::Unmarked);
    assert!(bed.plan().orphans.is_empty());
    bed.orphan("baseline-multi-region", Ownership::Ours);
    assert!(bed.selecting(&["*/us-east-1"]).plan().orphans.is_empty());
}

#[test]
fn what_the_shared_policies_hold_is_kept_in_mind() {
    let mut more = Estate::small();
    more.shared.retained = [id("777777777777")].into();
    let bed = Bed::holding(Service::S3);
    let mut desired = more.one(Service::S3);
    let Spec::S3Bucket(bucket) = &mut desired.spec else { panic!() };
    bucket
        .policy
        .document
        .statements
        .push(Statement::allow("Theirs", ["s3:GetObject"]).for_arns(["arn:aws:iam::888888888888:root"]).on(["*"]));
    let bytes = bucket.policy.foreign_bytes();
    let found = Found {
        address: desired.address.clone(),
        spec: desired.spec,
        arn: arn("arn:aws:s3:::logs"),
        ownership: Ownership::Ours,
    };
    let profiles = &bed.estate.profiles;
    // Who reads is none of those who send.
    let shared = shared_of([&found], profiles, &Terms::default());
    assert_eq!(shared.retained, [id("777777777777")].into());
    assert_eq!(shared.foreign_bytes, [(desired.address, bytes)].into());
    let leave = Terms { allow_remove_accounts: true, ..Terms::default() };
    assert!(shared_of([&found], profiles, &leave).retained.is_empty());

    // The security account too, when it no longer gets the baseline but its trails still send.
    let without = PROFILES.replace("role = \"Security\"", "role = \"Security\", baseline = false");
    let profiles = Estate::new(&without, BASELINE).profiles;
    let retained = shared_of([&found], &profiles, &Terms::default()).retained;
    assert_eq!(retained, [id("222222222222"), id("777777777777")].into());
}

#[test]
fn retention_that_is_not_shortened_is_said_and_the_rest_is_repaired() {
    let estate = Estate::new(PROFILES, &BASELINE.replace("[log_bucket]", "[log_bucket]\nretention_days = 30"));
    let mut bed = Bed::of(estate, "222222222222", &[Service::S3]);
    let (address, mut spec) = (bed.desired[0].address.clone(), bed.desired[0].spec.clone());
    let Spec::S3Bucket(bucket) = &mut spec else { panic!() };
    (bucket.retention_days, bucket.noncurrent_days) = (Some(400), Some(400));
    bucket.versioning = Versioning::Suspended;
    bucket.holds_data.0 = true;
    bucket.encryption.key = Some(Reference::Is(key_arn()));
    bed.is_there(&address, spec, Ownership::Ours);
    let plan = bed.plan();
    assert_eq!(plan.changes[0].fields.len(), 1);
    assert_eq!(plan.changes[0].fields[0].path, ["versioning"]);
    insta::assert_snapshot!(format!("{}\n{}", plan.blocked[0].reason, plan.blocked[0].hint.as_ref().unwrap()), @"
    logs are kept for 400 days and would be kept for 30 days: retention is not shortened
    raise `retention_days`, or say --allow-data-loss
    ");
    bed.terms.allow_data_loss = true;
    let plan = bed.plan();
    assert!(plan.blocked.is_empty() && plan.changes[0].fields.len() == 3, "{plan:?}");
}

/// What must hold of any resource that was found: planned, "applied" and planned again, nothing is left to do; and what
/// other people put there is still there.
fn assert_settles(mut bed: Bed, seen: Spec) -> Result<(), TestCaseError> {
    let address = bed.desired[0].address.clone();
    bed.is_there(&address, seen.clone(), Ownership::Ours);
    let plan = bed.plan();
    let differs = plan.changes.iter().any(|change| change.address == address);
    prop_assert_eq!(plan.in_sync, usize::from(!differs));
    for change in plan.changes.iter().filter(|change| change.address == address) {
        prop_assert_eq!(change.action, Action::Update);
        prop_assert!(!change.fields.is_empty(), "an update without a field that differs");
        for key in seen.tags().keys() {
            prop_assert!(change.desired.tags().contains_key(key), "tag {key} is gone");
        }
        if let (Some(before), Some(after)) = (seen.shared_policy(), change.desired.shared_policy()) {
            let canonical = |policy: &SharedPolicy| -> BTreeSet<Statement> {
                policy.document.foreign().map(Statement::canonical).collect()
            };
            prop_assert_eq!(canonical(before), canonical(after));
        }
    }
    bed.apply(&plan);
    let again = bed.plan();
    let left: Vec<_> = again.changes.iter().filter(|change| change.address == address).collect();
    prop_assert!(left.is_empty(), "{:?}", left.iter().map(|change| &change.fields).collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_right_after_one_apply(seen in keys()) {
        assert_settles(Bed::holding(Service::Kms), seen)?;
    }

    #[test]
    fn a_bucket_is_right_after_one_apply(seen in buckets(), declared in prop::option::of(Just(30))) {
        let mut estate = Estate::small();
        estate.baseline.log_bucket.as_mut().unwrap().retention_days = declared;
        assert_settles(Bed::of(estate, "222222222222", &[Service::S3]), seen)?;
    }

    #[test]
    fn a_trail_is_right_after_one_apply(seen in trails()) {
        let mut bed = Bed::trails();
        bed.desired.truncate(1);
        assert_settles(bed, seen)?;
    }

    /// Whatever the cells answer, and whatever is asked for: what could not be read is neither made nor removed.
    #[test]
    fn unreadable_is_never_absence(
        cells in prop::collection::vec(0..4_u8, 3),
        key in 0..4_u8,
        prune in any::<bool>(),
        seen in trails(),
    ) {
        let mut bed = Bed::trails();
        bed.prune = prune;
        let mut unread = BTreeSet::new();
        for (index, state) in cells.iter().enumerate() {
            let address = bed.desired[index].address.clone();
            match state {
                0 => drop(unread.insert(bed.unreadable(index))),
                1 => bed.is_there(&address, seen.clone(), Ownership::Ours),
                2 => {
                    let orphan = Address { name: "baseline-multi-region".to_owned(), ..address };
                    bed.is_there(&orphan, seen.clone(), Ownership::Ours);
                }
                _ => {}
            }
        }
        let fact = [Fact::Present(key_arn()), Fact::Coming, Fact::Unreadable, Fact::Missing][usize::from(key)].clone();
        bed.facts.insert(bed.estate.one(Service::Kms).address, fact);
        let (plan, facts) = bed.plan_and_facts();
        for change in &plan.changes {
            prop_assert!(!unread.contains(&change.address.target), "{:?}", change);
            prop_assert!(change.action != Action::Delete || unread.is_empty());
            prop_assert_eq!(change.seen.is_some(), change.action != Action::Create);
        }
        let told: BTreeSet<_> = plan.unreadable.iter().map(|unreadable| unreadable.target.clone()).collect();
        prop_assert_eq!(&told, &unread);
        prop_assert_eq!(plan.complete(), unread.is_empty() && plan.blocked.is_empty());
        for desired in &bed.desired {
            let is_unread = unread.contains(&desired.address.target);
            prop_assert_eq!(facts[&desired.address] == Fact::Unreadable, is_unread);
        }
        // Everything that is desired is accounted for exactly once.
        let changed = plan.changes.iter().filter(|change| change.action != Action::Delete).count();
        prop_assert_eq!(changed + plan.blocked.len() + plan.in_sync + unread.len(), bed.desired.len());
    }
}
