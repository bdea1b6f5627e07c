use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::model::{Fault, Target};
use crate::plan::{Blocked, Orphan, Scope, Unreadable, diff};
use crate::services::estate::{Estate, id, region};
use crate::services::{Kind, Note, Service, Spec, Undelivered};

mod causes;
mod outcomes;

const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// What a stream that knows no colour shows.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    // Ends of lines are not to be seen in a snapshot.
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn shown_plan(plan: &Plan) -> String {
    format!("{}{}\n", plain(&super::plan(plan, false)), plan_summary(plan))
}

fn account(n: usize) -> String {
    format!("{:012}", 300_000_000_000_u64 + n as u64)
}

fn place(n: usize, place: &str) -> Target {
    Target::new(id(&account(n)), region(place))
}

pub(super) fn trail_at(n: usize, place: &str) -> Address {
    Address::new(self::place(n, place), Kind::CloudtrailTrail, "baseline")
}

/// So many accounts, each with a name.
pub(super) fn estate(accounts: usize) -> Plan {
    let names = (0..accounts).map(|n| (id(&account(n)), format!("team-{n:03}"))).collect();
    let regions = (0..accounts).map(|n| (id(&account(n)), REGIONS.map(region).to_vec())).collect();
    Plan {
        names,
        regions,
        scope: Scope { accounts, targets: accounts * REGIONS.len(), most: REGIONS.len() },
        ..Plan::default()
    }
}

pub(super) fn update(address: Address, before: serde_json::Value, after: serde_json::Value) -> Change {
    let desired = Estate::small().desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0).spec;
    let fields = diff(&before, &after);
    let reason = match fields.len() {
        1 => "one field differs".to_owned(),
        n => format!("{n} fields differ"),
    };
    Change { address, action: Action::Update, reason, fields, requires: vec![], depth: 0, desired, seen: None }
}

pub(super) fn creation(address: Address, desired: Spec) -> Change {
    let fields = diff(&serde_json::Value::Null, &desired.document());
    let reason = "it does not exist".to_owned();
    Change { address, action: Action::Create, reason, fields, requires: vec![], depth: 0, desired, seen: None }
}

pub(super) fn stopped(address: Address) -> Change {
    update(address, json!({"logging": false}), json!({"logging": true}))
}

fn denied(target: &Target) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: Some(format!("arn:aws:iam::{}:role/Execution", target.account)),
        service: "cloudtrail".to_owned(),
        operation: "DescribeTrails".to_owned(),
        fault: Fault::Denied,
        code: Some("AccessDeniedException".to_owned()),
        message: format!(
            "User: arn:aws:sts::{}:assumed-role/Execution/baseline is not authorized to perform: \
             cloudtrail:DescribeTrails because no identity-based policy allows the action",
            target.account
        ),
        request_id: Some(format!("request-{target}")),
        attempts: 1,
        hint: Some("allow cloudtrail:DescribeTrails to the role".to_owned()),
    }
}

fn unread(target: Target) -> Unreadable {
    let error = denied(&target);
    Unreadable { target, service: Some(Service::Cloudtrail), error }
}

fn lines(text: &str) -> usize {
    text.lines().count()
}

#[test]
fn forty_accounts_with_the_same_drift_are_one_block() {
    let mut plan = estate(40);
    plan.changes = (0..40).flat_map(|n| REGIONS.map(|region| stopped(trail_at(n, region)))).collect();
    assert_snapshot!(shown_plan(&plan), @"
    ~ update cloudtrail.trail baseline  one field differs
        680 resources: 40 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), every Region
        ~ logging: false → true

    Plan: 680 to update, 0 in sync (40 accounts, 17 Regions each).
    ");
}

#[test]
fn one_account_alone_is_named_in_full() {
    let mut plan = estate(40);
    plan.changes = vec![stopped(trail_at(7, "us-east-1"))];
    plan.in_sync = 679;
    assert_snapshot!(shown_plan(&plan), @"
    ~ update cloudtrail.trail baseline  one field differs
        team-007 (300000000007), us-east-1
        ~ logging: false → true

    Plan: 1 to update, 679 in sync (40 accounts, 17 Regions each).
    ");
}

#[test]
fn what_differs_is_told_apart() {
    let mut plan = estate(4);
    plan.changes = vec![
        stopped(trail_at(0, "us-east-1")),
        stopped(trail_at(1, "us-east-1")),
        stopped(trail_at(1, "eu-west-1")),
        update(
            trail_at(2, "eu-west-1"),
            json!({"include_global_service_events": true, "s3_key_prefix": "old", "tags": {"cost/center": "1"}}),
            json!({"include_global_service_events": false, "kms_key": "ref:222222222222/eu-west-1/kms.key/logs",
                "tags": {"cost/center": "1", "Baseline": "minimal"}}),
        ),
        creation(
            trail_at(3, "us-east-1"),
            Estate::small().desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0).spec,
        ),
    ];
    let mut gone = stopped(trail_at(3, "eu-west-1"));
    (gone.action, gone.reason, gone.fields) = (Action::Delete, "it is ours and no longer declared".to_owned(), vec![]);
    plan.changes.push(gone);
    assert_snapshot!(shown_plan(&plan), @"
    ~ update cloudtrail.trail baseline  one field differs
        2 resources: team-001 (300000000001), eu-west-1, us-east-1
        team-000 (300000000000), us-east-1
        ~ logging: false → true

    ~ update cloudtrail.trail baseline  4 fields differ
        team-002 (300000000002), eu-west-1
        ~ include_global_service_events: true → false
        + kms_key: (222222222222/eu-west-1/kms.key/logs, once it is made)
        - s3_key_prefix: old
        + tags.Baseline: minimal

    + create cloudtrail.trail baseline  it does not exist
        team-003 (300000000003), us-east-1
        + event_selectors.basic.include_management_events: true
        + event_selectors.basic.read_write_type: All
        + include_global_service_events: true
        + kms_key: (222222222222/eu-west-1/kms.key/baseline-logs, once it is made)
        + log_file_validation: true
        + logging: true
        + multi_region: false
        + s3_bucket: baseline-logs-222222222222-eu-west-1
        and tags (shown with -v)

    - delete cloudtrail.trail baseline  it is ours and no longer declared
        team-003 (300000000003), eu-west-1
        what was recorded stays in the log bucket

    Plan: 1 to create, 4 to update, 1 to delete, 0 in sync (4 accounts, 17 Regions each).
    ");
}

#[test]
fn a_new_key_and_bucket_show_what_they_are_and_keep_the_rest_for_verbose() {
    let estate = Estate::small();
    let (key, bucket) = (estate.one(Service::Kms), estate.one(Service::S3));
    let changes = vec![creation(key.address, key.spec), creation(bucket.address, bucket.spec)];
    let mut plan = Plan { changes, scope: Scope { accounts: 1, targets: 1, most: 1 }, ..Plan::default() };
    plan.names.insert(id("222222222222"), "security".to_owned());
    assert_snapshot!(shown_plan(&plan), @"
    + create kms.key baseline-logs  it does not exist
        security (222222222222), eu-west-1
        + alias: alias/baseline-logs
        + description: Encrypts the logs of every account
        + rotation: true
        + state: enabled
        and policy, tags (shown with -v)

    + create s3.bucket baseline-logs-222222222222-eu-west-1  it does not exist
        security (222222222222), eu-west-1
        + encryption.algorithm: aws:kms
        + encryption.bucket_key: true
        + encryption.key: (222222222222/eu-west-1/kms.key/baseline-logs, once it is made)
        + object_ownership: BucketOwnerEnforced
        + public_access_block.block_public_acls: true
        + public_access_block.block_public_policy: true
        + public_access_block.ignore_public_acls: true
        + public_access_block.restrict_public_buckets: true
        + region: eu-west-1
        + versioning: enabled
        and policy, tags (shown with -v)

    Plan: 2 to create, 0 in sync (1 account, 1 Region).
    ");
    let verbose = plain(&super::plan(&plan, true));
    assert!(verbose.contains("BaselineKeyOwner") && verbose.contains("ManagedBy"), "{verbose}");
}

#[test]
fn a_policy_is_shown_statement_by_statement() {
    let statement = |sid: &str, accounts: &[&str]| {
        json!({"Sid": sid, "Effect": "Allow", "Action": "s3:putobject", "Principal": {"Service": "x.amazonaws.com"},
            "Resource": "*", "Condition": {"StringEquals": {"aws:sourceaccount": accounts}}})
    };
    let policy = |statements: serde_json::Value| json!({"policy": {"Version": "2012-10-17", "Statement": statements}});
    let address = Address::new(place(0, "eu-west-1"), Kind::S3Bucket, "logs");
    let mut plan = estate(1);
    let open = json!({"Sid": "BaselineOpen", "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    plan.changes = vec![update(
        address,
        policy(json!([statement("BaselineWrite", &["333333333333", "999999999999"]), open])),
        policy(json!([
            statement("BaselineWrite", &["333333333333", "444444444444"]),
            statement("BaselineCheck", &["333333333333", "444444444444"]),
        ])),
    )];
    assert_snapshot!(shown_plan(&plan), @"
    ~ update s3.bucket logs  12 fields differ
        team-000 (300000000000), eu-west-1
        - policy.Statement.BaselineOpen: allow s3:* on * for *
        + policy.Statement.BaselineCheck: allow s3:putobject on * for Service x.amazonaws.com if StringEquals aws:sourceaccount [333333333333, 444444444444]
        - policy.Statement.BaselineWrite.Condition.StringEquals.aws:sourceaccount: 999999999999
        + policy.Statement.BaselineWrite.Condition.StringEquals.aws:sourceaccount: 444444444444

    Plan: 1 to update, 0 in sync (1 account, 17 Regions).
    ");
}

#[test]
fn the_first_statements_of_a_policy_and_its_last_are_shown_by_their_names() {
    let open = json!({"Sid": "BaselineOpen", "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    let (none, one) = (json!({"policy": {"Statement": []}}), json!({"policy": {"Statement": [open]}}));
    let mut plan = estate(1);
    for (before, after, sign) in [(&none, &one, '+'), (&one, &none, '-')] {
        let address = Address::new(place(0, "eu-west-1"), Kind::S3Bucket, "logs");
        plan.changes = vec![update(address, before.clone(), after.clone())];
        let shown = shown_plan(&plan);
        assert!(shown.contains(&format!("{sign} policy.Statement.BaselineOpen: allow s3:* on * for *\n")), "{shown}");
    }
}

#[test]
fn a_long_value_is_cut_and_says_so() {
    let mut plan = estate(1);
    let many: Vec<String> = (0..30).map(account).collect();
    plan.changes = vec![update(
        trail_at(0, "us-east-1"),
        json!({"description": "short", "list": many, "gone": "x".repeat(101), "line": "a\nb\u{1b}[31mc"}),
        json!({"description": "y".repeat(500), "list": [], "more": many, "line": "plain"}),
    )];
    let shown = shown_plan(&plan);
    assert!(shown.lines().all(|line| line.chars().count() <= 240), "{shown}");
    assert_snapshot!(shown, @"
    ~ update cloudtrail.trail baseline  5 fields differ
        team-000 (300000000000), us-east-1
        ~ description: short → yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
        - gone: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        ~ line: a\\nb\\u{1b}[31mc → plain
        - list: 300000000000
        - list: 300000000001
        - list: 300000000002
        - list: … and 27 more
        + more: [300000000000, 300000000001, 300000000002, 300000000003, 300000000004, 300000000005, … and 24 more]

    Plan: 1 to update, 0 in sync (1 account, 17 Regions).
    ");
}

#[test]
fn the_same_reason_to_hold_back_is_said_once() {
    let mut plan = estate(14);
    let reason = "it requires 222222222222/eu-west-1/kms.key/logs, which could not be read";
    // Also where the place that is blocked is the one that the reason names.
    plan.names.insert(id("222222222222"), "security".to_owned());
    let security = Target::new(id("222222222222"), region("eu-west-1"));
    let own = Address::new(security, Kind::CloudtrailTrail, "baseline");
    plan.blocked.push(Blocked::new(own, reason, None));
    for n in 0..12 {
        let address = trail_at(n, if n < 6 { "us-east-1" } else { "eu-west-1" });
        plan.blocked.push(Blocked::new(address, reason, None));
    }
    for n in 12..14 {
        let reason =
            format!("arn:aws:cloudtrail:us-east-1:{}:trail/baseline bears this name without our tag", account(n));
        let hint = format!("declare `take_over = [\"cloudtrail\"]` for account {}", account(n));
        plan.blocked.push(Blocked::new(trail_at(n, "us-east-1"), reason, Some(hint)));
    }
    assert_snapshot!(shown_plan(&plan), @r#"
    ! blocked cloudtrail.trail baseline
        2 resources: team-012 (300000000012), team-013 (300000000013), us-east-1
        arn:aws:cloudtrail:REGION:ACCOUNT:trail/baseline bears this name without our tag
        next: declare `take_over = ["cloudtrail"]` for account ACCOUNT

    ! blocked cloudtrail.trail baseline
        7 accounts (security (222222222222), team-006 (300000000006), team-007 (300000000007), …), eu-west-1
        6 resources: team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), team-003 (300000000003), team-004 (300000000004), team-005 (300000000005), us-east-1
        it requires 222222222222/eu-west-1/kms.key/logs, which could not be read

    Plan: nothing to change, 0 in sync, 15 blocked (14 accounts, 17 Regions each).
    "#);
}

#[test]
fn the_same_error_in_twelve_accounts_is_one_entry() {
    let mut plan = estate(12);
    plan.unreadable = (0..12).map(|n| unread(place(n, "us-east-1"))).collect();
    let mut other = unread(place(3, "eu-west-1"));
    other.service = None;
    other.error.fault = Fault::AssumeRefused;
    (other.error.service, other.error.operation) = ("sts".to_owned(), "AssumeRole".to_owned());
    other.error.attempts = 3;
    plan.unreadable.push(other);
    let shown = shown_plan(&plan);
    assert_eq!(shown.matches("could not read").count(), 2, "{shown}");
    assert_snapshot!(shown, @"
    ! could not read team-003 (300000000003)
        call    sts:AssumeRole in 300000000003/eu-west-1
        as      arn:aws:iam::300000000003:role/Execution
        answer  AccessDeniedException: User: arn:aws:sts::300000000003:assumed-role/Execution/baseline is not authorized to perform: cloudtrail:DescribeTrails because no identity-based policy allows the action
        request request-300000000003/eu-west-1 (3 attempts)
        next    allow cloudtrail:DescribeTrails to the role

    ! could not read cloudtrail of team-000 (300000000000), us-east-1
        call    cloudtrail:DescribeTrails in 300000000000/us-east-1
        as      arn:aws:iam::300000000000:role/Execution
        answer  AccessDeniedException: User: arn:aws:sts::300000000000:assumed-role/Execution/baseline is not authorized to perform: cloudtrail:DescribeTrails because no identity-based policy allows the action
        request request-300000000000/us-east-1
        next    allow cloudtrail:DescribeTrails to the role
        and likewise:
        11 accounts (team-001 (300000000001), team-002 (300000000002), team-003 (300000000003), …), us-east-1

    Plan: nothing to change, 0 in sync, 13 could not be read (12 accounts, 17 Regions each).
    ");
}

#[test]
fn orphans_and_notes_are_grouped_too() {
    let mut plan = estate(9);
    plan.in_sync = 9;
    for n in 0..9 {
        plan.orphans.push(Orphan { address: trail_at(n, "us-east-1"), fate: "kept; --prune removes it".to_owned() });
        plan.notes.push(Note {
            target: place(n, "us-east-1"),
            topic: "foreign-trail".to_owned(),
            text: "trail `theirs` already records management events".to_owned(),
        });
    }
    assert_snapshot!(shown_plan(&plan), @"
    ? orphan cloudtrail.trail baseline
        9 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), us-east-1
        ours, and no longer declared: kept; --prune removes it

    note foreign-trail
        9 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), us-east-1
        trail `theirs` already records management events

    Plan: nothing to change, 9 in sync (9 accounts, 17 Regions each).
    ");
}

#[test]
fn nothing_to_do_is_one_line() {
    let mut plan = estate(1);
    plan.in_sync = 17;
    assert_snapshot!(shown_plan(&plan), @"Plan: nothing to change, 17 in sync (1 account, 17 Regions).");
}

#[test]
fn a_hundred_accounts_fit_one_screen() {
    // The same everywhere.
    let mut same = estate(100);
    same.changes = (0..100).flat_map(|n| REGIONS.map(|region| stopped(trail_at(n, region)))).collect();
    assert!(lines(&shown_plan(&same)) <= 10);

    // The first run: every trail is new, and one Region's differs.
    let desired = Estate::small().desire(Service::Cloudtrail, "333333333333", &REGIONS);
    let mut first = estate(100);
    first.changes = (0..100)
        .flat_map(|n| {
            desired.iter().map(move |d| creation(trail_at(n, d.address.target.region.as_str()), d.spec.clone()))
        })
        .collect();
    let shown = shown_plan(&first);
    assert!(lines(&shown) <= 40, "{shown}");
    assert_snapshot!(shown, @"
    + create cloudtrail.trail baseline  it does not exist
        1600 resources: 100 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), every Region but us-east-1
        + event_selectors.basic.include_management_events: true
        + event_selectors.basic.read_write_type: All
        + include_global_service_events: false
        + kms_key: (222222222222/eu-west-1/kms.key/baseline-logs, once it is made)
        + log_file_validation: true
        + logging: true
        + multi_region: false
        + s3_bucket: baseline-logs-222222222222-eu-west-1
        and tags (shown with -v)

    + create cloudtrail.trail baseline  it does not exist
        100 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), us-east-1
        + event_selectors.basic.include_management_events: true
        + event_selectors.basic.read_write_type: All
        + include_global_service_events: true
        + kms_key: (222222222222/eu-west-1/kms.key/baseline-logs, once it is made)
        + log_file_validation: true
        + logging: true
        + multi_region: false
        + s3_bucket: baseline-logs-222222222222-eu-west-1
        and tags (shown with -v)

    Plan: 1700 to create, 0 in sync (100 accounts, 17 Regions each).
    ");

    // Each account in other Regions than the next, and every sort of bad news.
    let mut ragged = estate(100);
    for n in 0..100 {
        for (bit, region) in REGIONS.iter().enumerate() {
            if (n * 2 + 1) >> (bit % 8) & 1 == 1 {
                ragged.changes.push(stopped(trail_at(n, region)));
            }
        }
        ragged.unreadable.push(unread(place(n, "us-west-2")));
        let reason = format!("arn:aws:cloudtrail:us-west-2:{}:trail/baseline is not ours", account(n));
        ragged.blocked.push(Blocked::new(trail_at(n, "us-west-2"), reason, None));
        ragged.notes.push(Note {
            target: place(n, "us-east-1"),
            topic: "foreign-trail".to_owned(),
            text: "trail `theirs` already records management events".to_owned(),
        });
    }
    let shown = shown_plan(&ragged);
    assert!(lines(&shown) <= 40, "{shown}");
    assert_snapshot!(shown, @"
    ~ update cloudtrail.trail baseline  one field differs
        15 resources: team-095 (300000000095), every Region but ca-central-1, us-east-2
        15 resources: team-063 (300000000063), every Region but eu-central-1, us-west-1
        13 resources: team-031 (300000000031), 13 Regions (ap-northeast-1, ap-northeast-2, ap-northeast-3, …)
        889 resources more in 97 accounts, each in other Regions
        ~ logging: false → true

    ! could not read cloudtrail of team-000 (300000000000), us-west-2
        call    cloudtrail:DescribeTrails in 300000000000/us-west-2
        as      arn:aws:iam::300000000000:role/Execution
        answer  AccessDeniedException: User: arn:aws:sts::300000000000:assumed-role/Execution/baseline is not authorized to perform: cloudtrail:DescribeTrails because no identity-based policy allows the action
        request request-300000000000/us-west-2
        next    allow cloudtrail:DescribeTrails to the role
        and likewise:
        99 accounts (team-001 (300000000001), team-002 (300000000002), team-003 (300000000003), …), us-west-2

    ! blocked cloudtrail.trail baseline
        100 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), us-west-2
        arn:aws:cloudtrail:REGION:ACCOUNT:trail/baseline is not ours

    note foreign-trail
        100 accounts (team-000 (300000000000), team-001 (300000000001), team-002 (300000000002), …), us-east-1
        trail `theirs` already records management events

    Plan: 932 to update, 0 in sync, 100 blocked, 100 could not be read (100 accounts, 17 Regions each).
    ");
}

#[test]
fn a_whole_baseline_that_forty_accounts_lack_fits_one_screen() {
    let mut plan = estate(40);
    let spec = Estate::small().desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0).spec;
    for n in 0..40 {
        for place in REGIONS {
            for (kind, names) in [
                (Kind::CloudtrailTrail, &["baseline"][..]),
                (Kind::GuarddutyDetector, &["detector"]),
                (Kind::ConfigRecorder, &["default"]),
                (Kind::ConfigDeliveryChannel, &["default"]),
                (Kind::ConfigRecording, &["default"]),
                (Kind::ConfigRule, &["baseline-cloud-trail-enabled", "baseline-guardduty-enabled-centralized"]),
                (Kind::EventbridgeRule, &["baseline-security-group-changes", "baseline-guardduty-findings"]),
            ] {
                for name in names {
                    let mut change = creation(Address::new(self::place(n, place), kind, *name), spec.clone());
                    if (kind, place) == (Kind::CloudtrailTrail, "us-east-1") {
                        change.fields.pop();
                    }
                    plan.changes.push(change);
                }
            }
        }
        let role = Address::new(self::place(n, "global"), Kind::IamRole, "baseline-event-forwarding");
        plan.changes.push(creation(role, spec.clone()));
    }
    let text = shown_plan(&plan);
    assert!(lines(&text) <= 24, "{text}");
    assert_snapshot!(text);
    let detailed = plain(&super::plan(&plan, true));
    assert!(detailed.contains("include_global_service_events"), "{detailed}");
}

#[test]
fn commands_for_somebody_else_are_lines_of_their_own() {
    let mut plan = estate(1);
    for place in ["eu-west-1", "us-east-1"] {
        plan.undelivered.push(Undelivered {
            address: Address::new(self::place(0, place), Kind::SnsSubscription, "baseline-alerts:lambda:chat"),
            reason: "account 999999999999, which the function belongs to, is not in profiles.toml".to_owned(),
            hint: format!("ask its owner to run:\naws lambda add-permission --region {place}\naws sns subscribe"),
        });
    }
    assert!(!plan.complete());
    assert_snapshot!(shown_plan(&plan));
}

#[test]
fn what_waits_everywhere_for_the_same_reason_is_said_once() {
    let mut plan = estate(1);
    for place in REGIONS {
        plan.undelivered.push(Undelivered {
            address: Address::new(self::place(0, place), Kind::SnsSubscription, "baseline-alerts:email:a@example.com"),
            reason: "a@example.com is not confirmed".to_owned(),
            hint: format!("confirm it; this sends another request: aws sns subscribe --region {place}"),
        });
    }
    assert_snapshot!(shown_plan(&plan));
}

#[test]
fn values_that_name_their_own_place_are_one_block() {
    let mut plan = estate(3);
    for n in 0..3 {
        for place in REGIONS {
            let topic =
                |owner: &str| json!({"topic": format!("arn:aws:sns:{place}:{owner}:alerts"), "home": "us-east-1"});
            plan.changes.push(update(trail_at(n, place), topic("999999999999"), topic(&account(n))));
        }
    }
    assert_snapshot!(shown_plan(&plan));
    // What is the same everywhere is shown as it is.
    for change in &mut plan.changes {
        change.fields = diff(&json!({"home": "eu-west-1"}), &json!({"home": "us-east-1"}));
    }
    assert_snapshot!(shown_plan(&plan));
}
