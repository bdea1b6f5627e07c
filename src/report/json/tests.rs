use serde_json::{Value, json};

use super::*;
use crate::model::{Fault, OpError, Target};
use crate::plan::{Action, Blocked, Change, FieldChange, FieldChangeKind, Orphan, Unreadable};
use crate::report::Trouble;
use crate::services::estate::{Estate, id, region};
use crate::services::{Note, Service, Undelivered};

fn plan() -> Plan {
    let trail = |place: &str| Estate::small().desire(Service::Cloudtrail, "333333333333", &[place]).remove(0);
    let desired = trail("us-east-1");
    let fields = vec![
        FieldChange {
            path: vec!["include_global_service_events".to_owned()],
            kind: FieldChangeKind::Changed { before: json!(true), after: json!(false) },
        },
        FieldChange {
            path: vec!["tags".to_owned(), "cost/center".to_owned()],
            kind: FieldChangeKind::Added { after: json!("1") },
        },
    ];
    let target = Target::new(id("444444444444"), region("us-east-1"));
    let mut plan = Plan { in_sync: 3, ..Plan::default() };
    plan.names.insert(id("333333333333"), "payments-prod".to_owned());
    plan.changes.push(Change {
        address: desired.address,
        action: Action::Update,
        reason: "2 fields differ".to_owned(),
        fields,
        requires: desired.requires,
        depth: 1,
        desired: desired.spec,
        seen: None,
    });
    let held = Blocked::new(trail("eu-west-1").address, "it bears our name without our tag", Some("tag it".to_owned()));
    plan.blocked.push(held);
    plan.undelivered.push(Undelivered {
        address: trail("eu-west-3").address,
        reason: "nobody has confirmed it".to_owned(),
        hint: "confirm it".to_owned(),
    });
    plan.orphans.push(Orphan { address: trail("eu-west-2").address, fate: "kept; --prune removes it".to_owned() });
    plan.notes.push(Note { target: target.clone(), topic: "foreign-trail".to_owned(), text: "…".to_owned() });
    plan.unreadable.push(Unreadable { error: error(&target), target, service: Some(Service::Cloudtrail) });
    plan
}

fn error(target: &Target) -> OpError {
    OpError {
        account: target.account,
        region: target.region.clone(),
        role: Some("arn:aws:iam::444444444444:role/Execution".to_owned()),
        service: "cloudtrail".to_owned(),
        operation: "DescribeTrails".to_owned(),
        fault: Fault::Denied,
        code: Some("AccessDeniedException".to_owned()),
        message: "no".to_owned(),
        request_id: Some("1".to_owned()),
        attempts: 1,
        hint: None,
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn plan_document(plan: &Plan) -> Value {
    serde_json::from_str(&text(|out| write_plan(plan, out))).unwrap()
}

#[test]
fn the_plan_document_keeps_its_shape() {
    let plan = plan();
    insta::assert_snapshot!(text(|out| write_plan(&plan, out)).trim_end());
}

#[test]
fn an_empty_plan_has_every_member_too() {
    let (full, empty) = (plan_document(&plan()), plan_document(&Plan::default()));
    let members = |document: &Value| document.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&full), members(&empty));
    assert_eq!((&full["complete"], &empty["complete"]), (&json!(false), &json!(true)));
}

#[test]
fn an_apply_document_adds_one_outcome_per_change() {
    let mut plan = plan();
    for place in ["eu-west-3", "sa-east-1", "us-west-2"] {
        let mut change = plan.changes[0].clone();
        change.address.target.region = region(place);
        plan.changes.push(change);
    }
    let because = plan.changes[0].address.clone();
    let ends = [
        Outcome::Failed(error(&because.target)),
        Outcome::Skipped { because },
        Outcome::NotStarted { why: Halt::Interrupted },
        Outcome::Applied,
    ];
    let outcomes: Vec<_> = plan.changes.iter().map(|change| change.address.clone()).zip(ends).collect();
    let ended = Ended { outcomes: &outcomes, ..Ended::default() };
    let document: Value = serde_json::from_str(&text(|out| write_apply(&plan, &ended, out))).unwrap();
    insta::assert_snapshot!(format!("{:#}\n{:#}", document["outcomes"], document["result"]));
    assert_eq!((&document["halted"], &document["waits"]), (&Value::Null, &json!([])));
    let result = document["result"].as_object().unwrap();
    let counted: u64 = result.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, plan.changes.len() as u64);
}

#[test]
fn an_apply_document_says_why_nothing_new_was_started_and_where_aws_needed_long() {
    let id = plan().changes[0].address.target.account;
    let halts = [
        Halt::Interrupted,
        Halt::TooManyFailures { wave: Wave::Declared(2), failed: 1, accounts: vec![id], tolerated: 0, overall: false },
        Halt::Canary { account: id, trouble: Trouble::Change },
    ];
    let wait = Wait {
        account: id,
        region: region("eu-west-3"),
        service: "cloudtrail".into(),
        operation: "CreateTrail".into(),
        code: "InsufficientS3BucketPolicyException".to_owned(),
        waited: std::time::Duration::from_secs(100),
        given_up: false,
    };
    let documents = halts.map(|halt| -> Value {
        let ended = Ended { outcomes: &[], halted: Some(&halt), waits: std::slice::from_ref(&wait) };
        serde_json::from_str(&text(|out| write_apply(&plan(), &ended, out))).unwrap()
    });
    let shown = documents.iter().map(|document| format!("{:#}\n", document["halted"]));
    insta::assert_snapshot!(format!("{}{:#}", shown.collect::<String>(), documents[0]["waits"]));
}
