//! Every way in which a second look may differ from the first.

use super::*;
use crate::model::{Arn, Fault, OpError, Target};
use crate::plan::{Blocked, Orphan, Unreadable, diff};
use crate::policy::{Policy, Statement};
use crate::services::estate::{Estate, id, region};
use crate::services::s3::{Bucket, Encryption, PublicAccessBlock, Versioning};
use crate::services::{Aside, Found, Ownership, Reference, Service, SharedPolicy, Spec};

const KEY: usize = 0;
const BUCKET: usize = 1;
const TRAIL: usize = 2;

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

/// Makes a change an update of what is as desired, but for what `differ` makes of it.
fn update(change: &mut Change, differ: impl Fn(&mut Spec)) {
    let mut spec = change.desired.clone();
    differ(&mut spec);
    change.action = Action::Update;
    change.fields = diff(&spec.document(), &change.desired.document());
    let (address, ownership) = (change.address.clone(), Ownership::Ours);
    change.seen =
        Some(Found { address, spec, arn: arn("arn:aws:cloudtrail:us-east-1:333333333333:trail/x"), ownership });
}

fn stopped(spec: &mut Spec) {
    let Spec::CloudtrailTrail(trail) = spec else { panic!() };
    trail.logging = false;
}

/// A bucket as the lock makes it.
fn bare(spec: &mut Spec) {
    let Spec::S3Bucket(bucket) = spec else { panic!() };
    bucket.versioning = Versioning::Off;
    bucket.encryption =
        Encryption { algorithm: "AES256".to_owned(), key: None, bucket_key: false, other: serde_json::Value::Null };
    bucket.policy = SharedPolicy::seen(Policy::new(Vec::new()));
    (bucket.retention_days, bucket.noncurrent_days, bucket.folder) = (None, None, None);
    bucket.tags.clear();
}

/// A key and a bucket to make and a trail to change; and what a second look finds: the same, to begin with.
struct Bed {
    plan: Plan,
    second: Second<'static>,
}

impl Bed {
    fn new() -> Bed {
        let estate = Estate::small();
        let trail = estate.desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0);
        let all = [estate.one(Service::Kms), estate.one(Service::S3), trail];
        let mut changes: Vec<Change> = all
            .into_iter()
            .map(|desired| Change {
                address: desired.address,
                action: Action::Create,
                reason: String::new(),
                fields: Vec::new(),
                requires: desired.requires,
                depth: 0,
                desired: desired.spec,
                seen: None,
            })
            .collect();
        update(&mut changes[TRAIL], stopped);
        let plan = Plan { changes, ..Plan::default() };
        let planned = plan.changes.iter().map(|change| change.address.clone()).collect();
        let facts = plan.changes.iter().map(|change| (change.address.clone(), Fact::Coming)).collect();
        let second = Second { now: plan.clone(), facts, planned, made: None };
        Bed { plan, second }
    }

    fn address(&self, index: usize) -> Address {
        self.plan.changes[index].address.clone()
    }

    fn now(&mut self, index: usize) -> &mut Change {
        let address = self.address(index);
        self.second.now.changes.iter_mut().find(|change| change.address == address).unwrap()
    }

    /// It is not planned any more, and this is known of it.
    fn without(mut self, index: usize, fact: Option<Fact>) -> Bed {
        let address = self.address(index);
        self.second.now.changes.retain(|change| change.address != address);
        self.second.planned.remove(&address);
        self.second.facts.remove(&address);
        self.second.facts.extend(fact.map(|fact| (address, fact)));
        self
    }

    /// What is left and how the others ended, in the order of the plan.
    fn ends(self) -> Vec<String> {
        let revised = self.second.settle(&self.plan);
        let left: BTreeSet<&Address> = revised.plan.changes.iter().map(|change| &change.address).collect();
        let settled: BTreeMap<_, _> = revised.settled.into_iter().collect();
        assert_eq!(left.len() + settled.len(), self.plan.changes.len(), "one outcome each");
        let end = |change: &Change| match settled.get(&change.address) {
            None => {
                assert!(left.contains(&change.address));
                "left".to_owned()
            }
            Some(Outcome::Stale { reason }) => format!("stale: {reason}"),
            Some(Outcome::Skipped { because }) => format!("skipped because of {}", because.kind),
            Some(outcome) => outcome.as_str().to_owned(),
        };
        self.plan.changes.iter().map(end).collect()
    }
}

const SKIPPED: &str = "skipped because of kms.key";

#[test]
fn what_is_as_it_was_is_left() {
    assert_eq!(Bed::new().ends(), ["left"; 3]);
}

#[test]
fn what_is_left_is_what_was_planned_just_now_and_nothing_that_came_in_since() {
    let mut bed = Bed::new();
    bed.plan.changes.truncate(TRAIL);
    // What a file says besides is not gone by.
    for change in &mut bed.plan.changes {
        change.reason = "as the file says".to_owned();
        change.requires.clear();
        change.depth = 7;
    }
    let fresh = bed.second.now.changes[..TRAIL].to_vec();
    let revised = bed.second.settle(&bed.plan);
    assert_eq!(revised.plan.changes, fresh);
    assert_eq!(revised.settled, []);
}

#[test]
fn what_was_made_since_is_the_same_and_what_refers_to_it_goes_on() {
    let key = arn("arn:aws:kms:eu-west-1:222222222222:key/1");
    let mut bed = Bed::new().without(KEY, Some(Fact::Present(key.clone())));
    for index in [BUCKET, TRAIL] {
        for reference in bed.now(index).desired.references() {
            *reference = Reference::Is(key.clone());
        }
    }
    assert_eq!(bed.ends(), ["already_same", "left", "left"]);

    // Of something that is not there, the other ARN is another wish.
    let mut bed = Bed::new();
    for reference in bed.now(BUCKET).desired.references() {
        *reference = Reference::Is(key.clone());
    }
    let ends = bed.ends();
    assert!(
        ends[BUCKET].starts_with("stale: something else should be there by now: encryption.key was to be "),
        "{ends:?}"
    );
    assert_eq!(ends[TRAIL], "skipped because of s3.bucket");
}

#[test]
fn another_action_is_stale_and_so_is_whatever_requires_it() {
    let mut bed = Bed::new();
    update(bed.now(KEY), |spec| {
        let Spec::KmsKey(key) = spec else { panic!() };
        key.rotation = false;
    });
    let stale = "stale: somebody made it since, and not as it should be: rotation is false and should be true";
    assert_eq!(bed.ends(), [stale, SKIPPED, SKIPPED]);

    let mut bed = Bed::new();
    (bed.now(TRAIL).action, bed.now(TRAIL).seen) = (Action::Create, None);
    assert_eq!(bed.ends(), ["left", "left", "stale: somebody removed it since"]);

    let mut bed = Bed::new();
    bed.now(TRAIL).action = Action::Delete;
    assert_eq!(bed.ends()[TRAIL], "stale: it was to be changed and is to be removed by now");
}

#[test]
fn something_else_that_is_seen_is_stale() {
    let mut bed = Bed::new();
    update(bed.now(TRAIL), |spec| {
        stopped(spec);
        let Spec::CloudtrailTrail(trail) = spec else { panic!() };
        trail.s3_bucket = "theirs".to_owned();
    });
    let bucket = format!("was \"{}\" and is \"theirs\"", bed.address(BUCKET).name);
    assert_eq!(bed.ends()[TRAIL], format!("stale: somebody changed it since: s3_bucket {bucket}"));

    let mut bed = Bed::new();
    bed.now(TRAIL).seen.as_mut().unwrap().arn = arn("arn:aws:cloudtrail:us-east-1:333333333333:trail/y");
    assert!(bed.ends()[TRAIL].starts_with("stale: somebody made it anew since"));

    let mut bed = Bed::new();
    bed.now(TRAIL).seen.as_mut().unwrap().ownership = Ownership::Unmarked;
    assert_eq!(bed.ends()[TRAIL], "stale: it carried our tag and does not by now");

    let mut bed = Bed::new();
    bed.now(TRAIL).seen = None;
    assert_eq!(bed.ends()[TRAIL], "stale: what is there is not what was seen");
}

#[test]
fn something_else_that_should_be_there_is_stale() {
    let mut bed = Bed::new();
    let Spec::CloudtrailTrail(trail) = &mut bed.now(TRAIL).desired else { panic!() };
    for n in 0..5 {
        trail.tags.insert(format!("k{n}"), "v".to_owned());
    }
    let told = (0..3).map(|n| format!("tags.k{n} is to be \"v\"")).collect::<Vec<_>>().join("; ");
    assert_eq!(bed.ends()[TRAIL], format!("stale: something else should be there by now: {told}; 2 more fields"));
}

#[test]
fn what_is_not_planned_any_more_says_why() {
    let there = || Some(Fact::Present(arn("arn:aws:s3:::x")));
    assert_eq!(Bed::new().without(TRAIL, there()).ends()[TRAIL], "already_same");
    assert_eq!(Bed::new().without(TRAIL, None).ends()[TRAIL], "stale: nothing is declared there by now");

    let blocked = |bed: &Bed| Blocked::new(bed.address(TRAIL), "no", None);
    let mut bed = Bed::new().without(TRAIL, Some(Fact::Blocked));
    bed.second.now.blocked.push(blocked(&bed));
    assert_eq!(bed.ends()[TRAIL], "stale: it is held back by now: no");

    // Something of it is held back, and the rest is as it should be.
    let mut bed = Bed::new().without(TRAIL, there());
    bed.second.now.blocked.push(blocked(&bed));
    assert_eq!(bed.ends()[TRAIL], "already_same");

    // It would be changed, and the linter took it out: that it exists does not make it right.
    let mut bed = Bed::new().without(TRAIL, there());
    bed.second.now.blocked.push(blocked(&bed));
    bed.second.planned.insert(bed.address(TRAIL));
    assert_eq!(bed.ends()[TRAIL], "stale: it is held back by now: no");
}

fn error(target: &Target, fault: Fault) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: None,
        service: "cloudtrail".to_owned(),
        operation: "DescribeTrails".to_owned(),
        fault,
        code: None,
        message: "no".to_owned(),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

#[test]
fn a_role_that_leads_elsewhere_by_now_is_a_failure_and_nothing_stale() {
    // Into the trail's account; and into the one that holds what the trail requires.
    for at in [TRAIL, KEY] {
        let mut bed = Bed::new().without(TRAIL, None);
        let target = bed.address(at).target;
        if at == KEY {
            bed = bed.without(KEY, Some(Fact::Unreadable)).without(BUCKET, Some(Fact::Unreadable));
        }
        let error = error(&target, Fault::WrongAccount);
        bed.second.now.unreadable.push(Unreadable { error: error.clone(), target, service: None });
        let revised = bed.second.settle(&bed.plan);
        let failed = |(address, outcome): &(Address, Outcome)| {
            assert_eq!(*outcome, Outcome::Failed(error.clone()), "{address}");
        };
        revised.settled.iter().for_each(failed);
        assert_eq!((revised.settled.len(), revised.plan.changes.len()), if at == KEY { (3, 0) } else { (1, 2) });
    }
}

#[test]
fn what_cannot_be_read_again_is_stale() {
    let unread = |target: Target, service| {
        let mut bed = Bed::new().without(TRAIL, None);
        let error = error(&target, Fault::Denied);
        bed.second.now.unreadable.push(Unreadable { error, target, service });
        bed.ends().remove(TRAIL)
    };
    let there = Bed::new().address(TRAIL).target;
    let stale = "stale: it could not be read again: cloudtrail:DescribeTrails in 333333333333/us-east-1: no";
    assert_eq!(unread(there.clone(), Some(Service::Cloudtrail)), stale);
    assert_eq!(unread(there.clone(), None), stale);
    // Something else could not be.
    let other = Target::new(id("333333333333"), region("eu-west-1"));
    for (target, service) in [(there, Some(Service::Config)), (other, Some(Service::Cloudtrail))] {
        assert_eq!(unread(target, service), "stale: nothing is declared there by now");
    }
}

#[test]
fn what_was_to_be_removed_and_is_gone_is_as_it_should_be() {
    let deleting = |fact: Option<Fact>| {
        let mut bed = Bed::new().without(TRAIL, fact);
        bed.plan.changes[TRAIL].action = Action::Delete;
        bed
    };
    assert_eq!(deleting(None).ends()[TRAIL], "already_same");
    assert_eq!(
        deleting(Some(Fact::Missing)).ends()[TRAIL],
        "stale: it is declared by now, and was not when it was planned"
    );
    let mut bed = deleting(None);
    bed.second.now.orphans.push(Orphan { address: bed.address(TRAIL), fate: "kept until …".to_owned() });
    assert_eq!(bed.ends()[TRAIL], "stale: kept until …");
}

#[test]
fn the_bucket_that_the_lock_made_is_the_one_that_was_planned() {
    let bed = |made: bool, also: fn(&mut Bucket)| {
        let mut bed = Bed::new();
        update(bed.now(BUCKET), |spec| {
            bare(spec);
            let Spec::S3Bucket(bucket) = spec else { panic!() };
            also(bucket);
        });
        let address: &'static Address = Box::leak(Box::new(bed.address(BUCKET)));
        bed.second.made = made.then_some(address);
        bed
    };
    assert_eq!(bed(true, |_| {}).ends(), ["left"; 3]);
    let ends = bed(false, |_| {}).ends();
    assert!(ends[BUCKET].starts_with("stale: somebody made it since"), "{ends:?}");
    // Not where something else should be in it.
    let mut other = bed(true, |_| {});
    let Spec::S3Bucket(bucket) = &mut other.now(BUCKET).desired else { panic!() };
    bucket.retention_days = Some(1);
    assert!(other.ends()[BUCKET].starts_with("stale: "));
}

#[test]
fn a_bucket_that_somebody_made_before_the_lock_is_not_the_one_that_was_planned() {
    type Theirs = fn(&mut Bucket);
    let theirs: [(&str, Theirs); 8] = [
        ("open", |bucket| bucket.public_access_block = PublicAccessBlock::default()),
        ("with ACLs", |bucket| bucket.object_ownership = Some("ObjectWriter".to_owned())),
        ("versioned", |bucket| bucket.versioning = Versioning::Suspended),
        ("with their key", |bucket| {
            let key = Reference::Is(arn("arn:aws:kms:eu-west-1:222222222222:key/theirs"));
            bucket.encryption = Encryption {
                algorithm: "aws:kms".to_owned(),
                key: Some(key),
                bucket_key: true,
                other: serde_json::Value::Null,
            };
        }),
        ("with their policy", |bucket| {
            let theirs = Statement::allow("Theirs", ["s3:GetObject"]).for_everyone();
            bucket.policy = SharedPolicy::seen(Policy::new(vec![theirs]));
        }),
        ("with another retention", |bucket| bucket.noncurrent_days = Some(7)),
        ("tagged", |bucket| drop(bucket.tags.insert("Team".to_owned(), "web".to_owned()))),
        ("in use", |bucket| bucket.holds_data = Aside(true)),
    ];
    for (name, theirs) in theirs {
        let mut bed = Bed::new();
        update(bed.now(BUCKET), |spec| {
            bare(spec);
            let Spec::S3Bucket(bucket) = spec else { panic!() };
            theirs(bucket);
        });
        bed.second.made = Some(Box::leak(Box::new(bed.address(BUCKET))));
        let ends = bed.ends();
        assert!(
            ends[BUCKET].starts_with("stale: somebody made it since, and not as it should be: "),
            "{name}: {ends:?}"
        );
        assert_eq!(ends[TRAIL], "skipped because of s3.bucket", "{name}");
    }
}
