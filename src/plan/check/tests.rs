//! Every refusal, each with the nearest thing that is not refused.

use insta::assert_snapshot;

use super::*;
use crate::model::{OpError, Target};
use crate::plan::{Change, Unreadable};
use crate::policy::{Effect, Policy, Statement};
use crate::services::estate::{BASELINE, Estate, PROFILES, id, region};
use crate::services::kms::KeyState;
use crate::services::s3::Versioning;
use crate::services::{Desired, Found, Spec};

/// The estate at hand with a change of each kind of which nothing is refused.
struct Bed {
    estate: Estate,
    terms: Terms,
    plan: Plan,
}

const KEY: usize = 0;
const BUCKET: usize = 1;
const TRAIL: usize = 2;

fn change(desired: Desired) -> Change {
    let Desired { address, spec, requires, .. } = desired;
    let (action, reason) = (Action::Create, String::new());
    Change { address, action, reason, fields: Vec::new(), requires, depth: 0, desired: spec, seen: None }
}

impl Bed {
    fn new() -> Self {
        Bed::of(Estate::small())
    }

    fn of(estate: Estate) -> Self {
        let trail = estate.desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0);
        let changes = [estate.one(Service::Kms), estate.one(Service::S3), trail].map(change).into();
        Bed { estate, terms: Terms::default(), plan: Plan { changes, ..Plan::default() } }
    }

    /// Makes the change an update of what is as desired, but for what `differ` makes of it.
    fn seen(&mut self, index: usize, differ: impl Fn(&mut Spec)) {
        let change = &mut self.plan.changes[index];
        let mut spec = change.desired.clone();
        differ(&mut spec);
        let arn = match change.address.kind {
            Kind::S3Bucket => format!("arn:aws:s3:::{}", change.address.name),
            _ => format!("arn:aws:kms:eu-west-1:222222222222:key/{}", change.address.name),
        };
        let (address, arn) = (change.address.clone(), arn.parse().unwrap());
        change.action = Action::Update;
        change.seen = Some(Found { address, spec, arn, ownership: Ownership::Ours });
    }

    fn desired(&mut self, index: usize) -> &mut Spec {
        &mut self.plan.changes[index].desired
    }

    fn checked(&self) -> Plan {
        check(self.plan.clone(), &self.estate.profiles, &self.terms)
    }

    /// What is held back, one line each; nothing that is held back may be left among the changes.
    fn refusals(&self) -> String {
        let plan = self.checked();
        for blocked in &plan.blocked {
            assert!(plan.changes.iter().all(|change| change.address != blocked.address), "{blocked:?}");
        }
        assert_eq!(plan.complete(), plan.blocked.is_empty() && plan.unreadable.is_empty());
        plan.blocked.iter().map(|blocked| format!("{}: {}\n", blocked.address.kind, blocked.reason)).collect()
    }

    /// The reason why this one change is refused, without what requires it.
    fn refusal(&self, index: usize) -> String {
        let address = &self.plan.changes[index].address;
        let plan = self.checked();
        let reasons: Vec<&str> =
            plan.blocked.iter().filter(|blocked| blocked.address == *address).map(|b| b.reason.as_str()).collect();
        reasons.join("\n")
    }
}

fn policy(spec: &mut Spec) -> &mut Policy {
    match spec {
        Spec::KmsKey(key) => &mut key.policy.document,
        Spec::S3Bucket(bucket) => &mut bucket.policy.document,
        other => panic!("a {} has no such policy", other.kind()),
    }
}

fn bucket(spec: &mut Spec) -> &mut crate::services::s3::Bucket {
    let Spec::S3Bucket(bucket) = spec else { panic!("{spec:?}") };
    bucket
}

fn key(spec: &mut Spec) -> &mut crate::services::kms::Key {
    let Spec::KmsKey(key) = spec else { panic!("{spec:?}") };
    key
}

fn trail(spec: &mut Spec) -> &mut crate::services::cloudtrail::Trail {
    let Spec::CloudtrailTrail(trail) = spec else { panic!("{spec:?}") };
    trail
}

fn theirs(effect: Effect) -> Statement {
    let statement = match effect {
        Effect::Allow => Statement::allow("Theirs", ["s3:GetObject"]),
        Effect::Deny => Statement::deny("Theirs", ["s3:DeleteObject"]),
    };
    statement.for_arns(["arn:aws:iam::888888888888:root"]).on(["*"])
}

#[test]
fn what_is_planned_well_is_not_refused() {
    let mut bed = Bed::new();
    assert_eq!(bed.refusals(), "");
    assert_eq!(bed.checked(), bed.plan);
    for index in [KEY, BUCKET, TRAIL] {
        bed.seen(index, |_| ());
    }
    assert_eq!(bed.refusals(), "");
}

#[test]
fn a_foreign_allow_and_a_foreign_deny_survive() {
    for (index, effect) in [(KEY, Effect::Allow), (KEY, Effect::Deny), (BUCKET, Effect::Allow), (BUCKET, Effect::Deny)]
    {
        let mut bed = Bed::new();
        bed.seen(index, |spec| policy(spec).statements.push(theirs(effect)));
        let refusal = bed.refusal(index);
        assert!(refusal.contains("would lose statement Theirs, which is not ours"), "{refusal}");
        policy(bed.desired(index)).statements.insert(0, theirs(effect));
        assert_eq!(bed.refusals(), "");

        // Losing a part of it is losing it.
        let part = policy(bed.desired(index));
        part.statements[0].conditions.insert("Bool".to_owned(), [("a:b".to_owned(), vec![])].into());
        assert!(bed.refusal(index).contains("would lose statement Theirs"), "{effect:?}");
    }
}

#[test]
fn who_owns_the_whole_document_may_remove_statements() {
    let mut bed = Bed::new();
    bed.seen(BUCKET, |spec| policy(spec).statements.push(theirs(Effect::Deny)));
    bucket(bed.desired(BUCKET)).policy.exclusive = true;
    assert_eq!(bed.refusals(), "");
}

#[test]
fn an_account_is_not_dropped_without_leave() {
    for (index, service) in [(KEY, Service::Kms), (BUCKET, Service::S3)] {
        let mut more = Estate::small();
        more.shared.retained = [id("777777777777")].into();
        let mut bed = Bed::new();
        bed.seen(index, |spec| *spec = more.one(service).spec);
        let refusal = bed.refusal(index);
        assert!(refusal.contains("would no longer admit 777777777777: their logs would be lost"), "{refusal}");
        bed.terms.allow_remove_accounts = true;
        assert_eq!(bed.refusals(), "");
    }
}

#[test]
fn nothing_of_ours_is_open_to_everyone() {
    for index in [KEY, BUCKET] {
        let mut bed = Bed::new();
        let open = Statement::allow("BaselineOpen", ["s3:GetObject"]).for_everyone().on(["*"]);
        policy(bed.desired(index)).statements.push(open.clone());
        let refusal = bed.refusal(index);
        assert!(refusal.contains("statement BaselineOpen") && refusal.contains("would admit everyone"), "{refusal}");
        let narrow = open.when("StringEquals", "aws:PrincipalAccount", ["333333333333"]);
        *policy(bed.desired(index)).statements.last_mut().unwrap() = narrow;
        assert_eq!(bed.refusals(), "");
    }
}

#[test]
fn a_key_keeps_its_owners_root() {
    let refused = |change: fn(&mut Vec<Statement>)| {
        let mut bed = Bed::new();
        change(&mut policy(bed.desired(KEY)).statements);
        let refusal = bed.refusal(KEY);
        assert!(refusal.contains("would leave out the owner account's root"), "{refusal:?}");
    };
    refused(|statements| statements.retain(|s| s.sid.as_deref() != Some("BaselineKeyOwner")));
    refused(|statements| statements[0] = statements[0].clone().when("Bool", "aws:MultiFactorAuthPresent", ["true"]));
    refused(|statements| statements[0].effect = Effect::Deny);
    refused(|statements| statements[0].actions = crate::policy::Actions::Action(vec!["kms:Decrypt".to_owned()]));
    refused(|statements| statements[0].actions = crate::policy::Actions::NotAction(vec!["kms:*".to_owned()]));
    refused(|statements| {
        let somebody = ["arn:aws:iam::333333333333:root"];
        statements[0] = Statement::allow("BaselineKeyOwner", ["kms:*"]).for_arns(somebody).on(["*"]);
    });
    refused(|statements| {
        let Some(crate::policy::Principals::Principal(who)) = statements[0].principal.take() else { panic!() };
        statements[0].principal = Some(crate::policy::Principals::NotPrincipal(who));
    });
}

#[test]
fn nobody_locks_the_running_role_out() {
    let mut sentences = String::new();
    for (index, action) in [(KEY, "kms:PutKeyPolicy"), (BUCKET, "s3:PutBucketPolicy"), (BUCKET, "s3:*")] {
        let name = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1";
        let on = if index == KEY { "*" } else { name };
        // Also somebody else's Deny that is there already and would be written again.
        for sid in ["BaselineDeny", "Theirs"] {
            let mut bed = Bed::new();
            let deny = Statement::deny(sid, [action]).on([on]).for_everyone();
            policy(bed.desired(index)).statements.push(deny.clone());
            if sid == "Theirs" {
                bed.seen(index, |_| ());
            }
            sentences.push_str(&bed.refusal(index));
            sentences.push('\n');
            // Who is spared can go on.
            for (role, is_spared) in [("Security", true), ("Other", false)] {
                let role = format!("arn:aws:iam::222222222222:role/{role}");
                let spared = deny.clone().when("ArnNotEquals", "aws:PrincipalArn", [role]);
                *policy(bed.desired(index)).statements.last_mut().unwrap() = spared;
                bed.seen(index, |_| ());
                assert_eq!(bed.refusal(index).is_empty(), is_spared, "{}", bed.refusal(index));
            }
        }
    }
    assert_snapshot!(sentences, @"
    refused: statement BaselineDeny of the key policy would deny kms:PutKeyPolicy to arn:aws:iam::222222222222:role/Security, the role this tool runs as: change the statement first, so that nobody is locked out
    refused: statement Theirs of the key policy would deny kms:PutKeyPolicy to arn:aws:iam::222222222222:role/Security, the role this tool runs as: change the statement first, so that nobody is locked out
    refused: statement BaselineDeny of the bucket policy would deny s3:PutBucketPolicy to arn:aws:iam::222222222222:role/Security, the role this tool runs as: change the statement first, so that nobody is locked out
    refused: statement Theirs of the bucket policy would deny s3:PutBucketPolicy to arn:aws:iam::222222222222:role/Security, the role this tool runs as: change the statement first, so that nobody is locked out
    refused: statement BaselineDeny of the bucket policy would deny s3:PutBucketPolicy to arn:aws:iam::222222222222:role/Security, the role this tool runs as: change the statement first, so that nobody is locked out
    refused: statement Theirs of the bucket policy would deny s3:PutBucketPolicy to arn:aws:iam::222222222222:role/Security, the role this tool runs as: change the statement first, so that nobody is locked out
    ");
    // By the session's own name, too.
    let mut bed = Bed::new();
    let session = "arn:aws:sts::222222222222:assumed-role/Security/baseline";
    policy(bed.desired(BUCKET)).statements.push(Statement::deny("Theirs", ["s3:*"]).for_arns([session]).on(["*"]));
    assert!(bed.refusal(BUCKET).contains("would deny s3:PutBucketPolicy"), "{}", bed.refusal(BUCKET));
    // A Deny that hangs on the network let the reading through as it was; a new one is not tried.
    let deny = Statement::deny("Theirs", ["s3:*"]).for_everyone().on(["*"]);
    let elsewhere = deny.when("StringNotEquals", "aws:SourceVpce", ["vpce-1"]);
    let mut bed = Bed::new();
    policy(bed.desired(BUCKET)).statements.push(elsewhere);
    assert!(bed.refusal(BUCKET).contains("statement Theirs"), "{}", bed.refusal(BUCKET));
    bed.seen(BUCKET, |_| ());
    assert_eq!(bed.refusals(), "");
    // A Deny on the objects alone says nothing about the policy; one on plain HTTP neither: this tool uses TLS.
    let mut bed = Bed::new();
    let objects = "arn:aws:s3:::baseline-logs-222222222222-eu-west-1/*";
    let deny = Statement::deny("Theirs", ["s3:*"]).for_everyone().on([objects]);
    policy(bed.desired(BUCKET)).statements.push(deny);
    assert_eq!(bed.refusals(), "");
}

#[test]
fn a_key_is_neither_disabled_nor_its_alias_retargeted() {
    for state in [KeyState::Disabled, KeyState::PendingDeletion] {
        let mut bed = Bed::new();
        key(bed.desired(KEY)).state = state.clone();
        assert!(bed.refusal(KEY).contains("the key would be disabled"));
        // To enable it again is what this tool is for.
        let mut bed = Bed::new();
        bed.seen(KEY, |spec| key(spec).state = state.clone());
        assert_eq!(bed.refusals(), "");
    }
    let mut bed = Bed::new();
    bed.seen(KEY, |spec| key(spec).alias = Some("alias/theirs".to_owned()));
    assert_eq!(bed.refusal(KEY), "refused: alias/theirs would be retargeted to alias/baseline-logs");
    bed.seen(KEY, |spec| key(spec).alias = None);
    assert_eq!(bed.refusals(), "");
}

#[test]
fn versioning_is_never_off_and_a_bucket_never_moves() {
    for versioning in [Versioning::Suspended, Versioning::Off] {
        let mut bed = Bed::new();
        bucket(bed.desired(BUCKET)).versioning = versioning;
        assert!(bed.refusal(BUCKET).contains("versioning would be off"));
        let mut bed = Bed::new();
        bed.seen(BUCKET, |spec| bucket(spec).versioning = versioning);
        assert_eq!(bed.refusals(), "");
    }
    let mut bed = Bed::new();
    bed.seen(BUCKET, |spec| bucket(spec).region = region("us-east-1"));
    assert_snapshot!(bed.refusal(BUCKET), @"refused: the bucket is in us-east-1 and eu-west-1 is declared: a bucket cannot move; set `home_region` to where it is, or declare another `name`");
}

#[test]
fn retention_is_shortened_only_where_nothing_is_lost() {
    for (seen, wanted, holds_data, refused) in [
        (Some(400), Some(30), true, true),
        (None, Some(30), true, true),
        (Some(400), Some(30), false, false),
        (None, Some(30), false, false),
        (Some(30), Some(400), true, false),
        (Some(30), None, true, false),
        (Some(30), Some(30), true, false),
    ] {
        let mut bed = Bed::new();
        bucket(bed.desired(BUCKET)).retention_days = wanted;
        bed.seen(BUCKET, |spec| {
            bucket(spec).retention_days = seen;
            bucket(spec).holds_data.0 = holds_data;
        });
        assert_eq!(bed.refusal(BUCKET).contains("--allow-data-loss"), refused, "{seen:?} {wanted:?} {holds_data}");
        bed.terms.allow_data_loss = true;
        assert_eq!(bed.refusals(), "");
    }
}

#[test]
fn nothing_is_created_over_what_exists_or_changed_unseen() {
    let mut bed = Bed::new();
    bed.seen(TRAIL, |_| ());
    bed.plan.changes[TRAIL].action = Action::Create;
    assert_eq!(bed.refusals(), "cloudtrail.trail: refused: it exists already and would be created over\n");
    for action in [Action::Update, Action::Delete] {
        bed.plan.changes[TRAIL].action = action;
        bed.plan.changes[TRAIL].seen = None;
        assert!(bed.refusals().contains("refused: it was not seen"), "{action:?}");
    }
}

#[test]
fn what_holds_data_is_never_deleted_whatever_is_allowed() {
    let mut bed = Bed::new();
    bed.terms.allow_data_loss = true;
    bed.terms.allow_remove_accounts = true;
    for index in [KEY, BUCKET] {
        bed.seen(index, |_| ());
        bed.plan.changes[index].action = Action::Delete;
    }
    bed.plan.changes.pop();
    assert_eq!(bed.refusal(KEY), "refused: a kms.key is never deleted");
    assert_eq!(bed.refusal(BUCKET), "refused: a s3.bucket is never deleted");
}

/// An orphan of ours that is to go away, and nothing else.
fn pruning() -> Bed {
    let mut bed = Bed::new();
    bed.seen(TRAIL, |_| ());
    bed.plan.changes[TRAIL].action = Action::Delete;
    bed.plan.changes.drain(..TRAIL);
    bed
}

#[test]
fn only_what_is_ours_is_deleted() {
    let mut bed = pruning();
    assert_eq!(bed.refusals(), "");
    bed.plan.changes[0].seen.as_mut().unwrap().ownership = Ownership::Unmarked;
    assert_eq!(bed.refusals(), "cloudtrail.trail: refused: it is not ours to delete\n");
}

#[test]
fn a_trail_goes_only_once_what_replaces_it_is_as_it_should_be() {
    let refused = |bed: &Bed| assert!(bed.refusals().contains("what replaces it is not as it should be yet"));
    let elsewhere = |mut bed: Bed| {
        // What happens in another account is its own affair.
        for account in bed.plan.changes[1..].iter_mut().map(|change| &mut change.address.target.account) {
            *account = id("444444444444");
        }
        for account in bed.plan.blocked.iter_mut().map(|blocked| &mut blocked.address.target.account) {
            *account = id("444444444444");
        }
        for account in bed.plan.unreadable.iter_mut().map(|unreadable| &mut unreadable.target.account) {
            *account = id("444444444444");
        }
        let plan = bed.checked();
        assert!(plan.changes.iter().any(|change| change.action == Action::Delete), "{plan:?}");
    };
    let successor = Bed::new().estate.desire(Service::Cloudtrail, "333333333333", &["eu-west-1"]).remove(0);

    let mut bed = pruning();
    bed.plan.changes.push(change(successor.clone()));
    refused(&bed);
    elsewhere(bed);

    let mut bed = pruning();
    bed.plan.blocked.push(Blocked::new(successor.address.clone(), "", None));
    refused(&bed);
    elsewhere(bed);

    let mut bed = pruning();
    let error = unread(&successor.address.target);
    bed.plan.unreadable.push(Unreadable { target: successor.address.target, service: None, error });
    refused(&bed);
    elsewhere(bed);
}

fn unread(target: &Target) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: None,
        service: "cloudtrail".to_owned(),
        operation: "DescribeTrails".to_owned(),
        fault: crate::model::Fault::Unreachable,
        code: None,
        message: "no answer".to_owned(),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

#[test]
fn a_name_is_not_ownership() {
    let mut bed = Bed::new();
    bed.seen(TRAIL, |_| ());
    bed.plan.changes[TRAIL].seen.as_mut().unwrap().ownership = Ownership::Unmarked;
    assert_snapshot!(bed.refusal(TRAIL), @r#"refused: it bears our name without our tag: tag it ManagedBy=baseline, or declare `take_over = ["cloudtrail"]`"#);
    let taken = PROFILES.replace("name = \"payments\"", "name = \"payments\"\ntake_over = ['cloudtrail']");
    bed.estate = Estate::new(&taken, BASELINE);
    assert_eq!(bed.refusals(), "");
}

#[test]
fn only_declared_accounts_are_changed() {
    let mut bed = Bed::new();
    bed.plan.changes[TRAIL].address.target.account = id("999999999999");
    assert_eq!(bed.refusals(), "cloudtrail.trail: refused: its account is not in profiles.toml\n");

    let without = PROFILES.replace("name = \"payments\"", "name = \"payments\"\nbaseline = false");
    let mut bed = Bed::new();
    bed.estate = Estate::new(&without, BASELINE);
    bed.terms.allow_remove_accounts = true;
    assert_eq!(bed.refusals(), "cloudtrail.trail: refused: its account says `baseline = false`\n");

    // Key and bucket are for the others: the security account holds them though it gets no baseline itself.
    let holder = PROFILES.replace("role = \"Security\"", "role = \"Security\", baseline = false");
    assert_eq!(Bed::of(Estate::new(&holder, BASELINE)).refusals(), "");
}

#[test]
fn an_address_is_changed_once_and_holds_its_own_kind() {
    let mut bed = Bed::new();
    let again = bed.plan.changes[TRAIL].clone();
    bed.plan.changes.push(again);
    assert_eq!(bed.refusals(), "cloudtrail.trail: refused: the plan changes it twice\n");
    let mut bed = Bed::new();
    let spec = bed.plan.changes[TRAIL].desired.clone();
    bed.plan.changes[BUCKET].desired = spec;
    assert!(bed.refusal(BUCKET).contains("the plan puts a cloudtrail.trail there"));
}

#[test]
fn what_requires_a_refused_change_waits_however_long_the_chain() {
    let mut bed = Bed::new();
    key(bed.desired(KEY)).state = KeyState::Disabled;
    // The trail by way of the bucket alone.
    bed.plan.changes[TRAIL].requires.retain(|required| required.kind == Kind::S3Bucket);
    // In whatever order they stand.
    for _ in 0..3 {
        bed.plan.changes.rotate_left(1);
        let refusals = bed.refusals();
        assert!(refusals.contains("s3.bucket: it requires 222222222222/eu-west-1/kms.key/baseline-logs"), "{refusals}");
        assert!(refusals.contains("cloudtrail.trail: it requires 222222222222/eu-west-1/s3.bucket/"), "{refusals}");
        assert!(bed.checked().changes.is_empty());
    }
}

#[test]
fn a_policy_that_aws_would_not_take_is_refused_with_a_way_out() {
    let mut sentences = String::new();
    for index in [KEY, BUCKET] {
        let mut bed = Bed::new();
        let ids = (0..2_200).map(|n| format!("{n:012}"));
        let large = Statement::allow("BaselineLarge", ["s3:GetObject"]).for_services(["x.amazonaws.com"]).on(["*"]);
        policy(bed.desired(index)).statements.push(large.when("StringEquals", "aws:SourceAccount", ids));
        sentences.push_str(&bed.refusal(index));
        sentences.push('\n');
    }
    assert_snapshot!(sentences, @"
    refused: the key policy would take 34014 bytes and AWS holds 32768: use fewer accounts per log bucket (a second profiles file with its own security account), or remove other people's statements
    refused: the bucket policy would take 35290 bytes and AWS holds 20480: use fewer accounts per log bucket (a second profiles file with its own security account), or remove other people's statements
    ");
}

#[test]
fn a_trail_keeps_recording_and_is_what_aws_takes() {
    let mut bed = Bed::new();
    trail(bed.desired(TRAIL)).logging = false;
    assert_eq!(bed.refusals(), "cloudtrail.trail: refused: the trail would stop recording\n");
    let mut bed = Bed::new();
    trail(bed.desired(TRAIL)).multi_region = true;
    trail(bed.desired(TRAIL)).include_global_service_events = false;
    assert!(bed.refusal(TRAIL).contains("AWS refuses a multi-Region trail without global service events"));
}
