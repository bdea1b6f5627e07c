use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::model::{Fault, Target};
use crate::plan::{Blocked, FieldChange, FieldChangeKind, Unreadable};
use crate::services::Service;
use crate::services::estate::{Estate, id, region};

/// A trail that is otherwise, to be put elsewhere.
static TRAIL: LazyLock<Change> = LazyLock::new(|| {
    let desired = Estate::small().desire(Service::Cloudtrail, PAYMENTS, &["us-east-1"]).remove(0);
    Change {
        address: desired.address,
        action: Action::Update,
        reason: "one field differs".to_owned(),
        fields: vec![],
        requires: vec![],
        depth: 0,
        desired: desired.spec,
        seen: None,
    }
});
const PAYMENTS: &str = "333333333333";
const LEDGER: &str = "444444444444";

fn run() -> RunId {
    RunId::new(1_795_380_780, 0x1a2b)
}

/// A trail whose logging was stopped, or was otherwise changed.
fn stopped(account: &str, place: &str, field: &str) -> Change {
    let kind = FieldChangeKind::Changed { before: json!(false), after: json!(true) };
    let mut change = TRAIL.clone();
    change.address.target = Target::new(id(account), region(place));
    change.fields = vec![FieldChange { path: vec![field.to_owned()], kind }];
    change
}

fn plan(changes: Vec<Change>) -> Plan {
    let mut plan = Plan { changes, in_sync: 40, ..Plan::default() };
    plan.names.insert(id(PAYMENTS), "payments".to_owned());
    plan.names.insert(id(LEDGER), "ledger".to_owned());
    plan.scope.accounts = 3;
    plan.scope.targets = 6;
    plan
}

fn denied(account: &str, place: &str, operation: &str) -> OpError {
    OpError {
        account: id(account),
        region: region(place),
        role: Some(format!("arn:aws:iam::{account}:role/Execution")),
        service: "cloudtrail".to_owned(),
        operation: operation.to_owned(),
        fault: Fault::Denied,
        code: Some("AccessDeniedException".to_owned()),
        message: "not authorized".to_owned(),
        request_id: Some("6b0e71bd".to_owned()),
        attempts: 1,
        hint: Some("allow it".to_owned()),
    }
}

fn unread(account: &str, place: &str, service: Option<Service>) -> Unreadable {
    let error = denied(account, place, "DescribeTrails");
    Unreadable { target: Target::new(id(account), region(place)), service, error }
}

fn ended<'a>(plan: &'a Plan, end: End<'a>, run: &'a RunId) -> Ended<'a> {
    let command = if matches!(end, End::Looked) { "plan" } else { "apply" };
    let exit = if plan.complete() { u8::from(!plan.changes.is_empty()) * 2 } else { 3 };
    Ended { run, command, baseline: "standard", security: id("222222222222"), narrowed: "", plan, end, exit }
}

fn looked(plan: &Plan, memory: Memory<'_>) -> Option<Notice> {
    notice(&ended(plan, End::Looked, &run()), memory)
}

fn applied(plan: &Plan, outcomes: &[(Address, Outcome)], memory: Memory<'_>) -> Option<Notice> {
    notice(&ended(plan, End::Applied { outcomes, halted: None, saved: false }, &run()), memory)
}

/// What is kept is what is read back.
fn kept(notice: Option<Notice>) -> Told {
    let told = notice.unwrap().told;
    assert_eq!(Told::parse(&told.to_text()).as_ref(), Some(&told));
    told
}

fn document(notice: &Notice) -> Value {
    serde_json::from_str(notice.message.lines().last().unwrap()).unwrap()
}

#[test]
fn only_a_change_is_told_and_in_which_order_it_was_found_is_none() {
    let one = stopped(PAYMENTS, "us-east-1", "logging");
    let two = stopped(LEDGER, "us-east-1", "logging");
    let nothing = plan(vec![]);
    assert_eq!(looked(&nothing, Memory::Nothing), None, "nobody was ever told otherwise");

    let told = kept(looked(&plan(vec![one.clone()]), Memory::Nothing));
    assert_eq!(looked(&plan(vec![one.clone()]), Memory::Told(&told)), None, "the same drift");

    let more = looked(&plan(vec![one.clone(), two.clone()]), Memory::Told(&told));
    let document = document(&more.clone().unwrap());
    assert_eq!(document["new"], json!([two.address.to_string()]));
    assert_eq!(document["gone"], json!([]));
    let told = kept(more);
    assert_eq!(looked(&plan(vec![two.clone(), one.clone()]), Memory::Told(&told)), None, "in another order");

    let other = looked(&plan(vec![one.clone(), stopped(LEDGER, "us-east-1", "bucket")]), Memory::Told(&told));
    assert_eq!(self::document(&other.unwrap())["otherwise"], json!([two.address.to_string()]), "drift of another kind");

    let well = looked(&nothing, Memory::Told(&told)).unwrap();
    assert_eq!(self::document(&well)["gone"].as_array().unwrap().len(), 2);
    let told = kept(Some(well));
    assert_eq!(looked(&nothing, Memory::Told(&told)), None);
}

#[test]
fn what_was_told_and_is_lost_is_told_again() {
    let drift = plan(vec![stopped(PAYMENTS, "us-east-1", "logging")]);
    assert!(looked(&drift, Memory::Lost).is_some());
    let well = looked(&plan(vec![]), Memory::Lost).unwrap();
    assert_eq!(well.subject, "baseline standard: in sync");
    for text in ["", "{}", "[1]", "{\"format\":2,\"run\":\"20261122T205300Z-1a2b\"}"] {
        assert_eq!(Told::parse(text), None, "{text}");
    }
    let text = kept(looked(&drift, Memory::Nothing)).to_text();
    assert_eq!(Told::parse(&text.replace("\"format\":1", "\"format\":2")), None);
}

#[test]
fn what_was_not_looked_at_is_not_gone() {
    let drift = stopped(PAYMENTS, "us-east-1", "logging");
    let told = kept(looked(&plan(vec![drift.clone()]), Memory::Nothing));
    let mut blind = plan(vec![]);
    for service in [None, Some(Service::Cloudtrail)] {
        blind.unreadable = vec![unread(PAYMENTS, "us-east-1", service)];
        let notice = looked(&blind, Memory::Told(&told)).unwrap();
        assert_eq!(document(&notice)["gone"], json!([]), "{service:?}");
        let told = kept(Some(notice));
        assert_eq!(looked(&blind, Memory::Told(&told)), None);
        let notice = looked(&plan(vec![drift.clone()]), Memory::Told(&told)).unwrap();
        assert_eq!((&document(&notice)["new"], document(&notice)["gone"].as_array().unwrap().len()), (&json!([]), 1));
    }
    // Another service, Region or account says nothing of it.
    for (account, place, service) in [
        (PAYMENTS, "us-east-1", Some(Service::Config)),
        (PAYMENTS, "eu-west-1", Some(Service::Cloudtrail)),
        (LEDGER, "us-east-1", None),
    ] {
        blind.unreadable = vec![unread(account, place, service)];
        let notice = looked(&blind, Memory::Told(&told)).unwrap();
        assert_eq!(document(&notice)["gone"], json!([drift.address.to_string()]));
    }
}

#[test]
fn the_same_failure_in_other_words_is_the_same() {
    let mut blind = plan(vec![]);
    blind.unreadable = vec![unread(PAYMENTS, "us-east-1", None), unread(LEDGER, "us-east-1", None)];
    let told = kept(looked(&blind, Memory::Nothing));
    blind.unreadable.reverse();
    blind.unreadable[0].error.request_id = Some("another".to_owned());
    blind.unreadable[1].error.message = "not authorized to perform: …".to_owned();
    assert_eq!(looked(&blind, Memory::Told(&told)), None);
    blind.unreadable[0].error.fault = Fault::Throttled;
    assert!(looked(&blind, Memory::Told(&told)).is_some());
}

#[test]
fn a_weekly_failure_is_told_once_while_the_nightly_plans_find_the_same_drift() {
    let change = stopped(PAYMENTS, "us-east-1", "logging");
    let drift = plan(vec![change.clone()]);
    let told = kept(looked(&drift, Memory::Nothing));
    let failed = [(change.address.clone(), Outcome::Failed(denied(PAYMENTS, "us-east-1", "StartLogging")))];
    let told = kept(applied(&drift, &failed, Memory::Told(&told)));
    assert_eq!(looked(&drift, Memory::Told(&told)), None, "a plan does not try");
    assert_eq!(applied(&drift, &failed, Memory::Told(&told)), None, "nor is it another failure");
    let repaired = [(change.address.clone(), Outcome::Applied)];
    let notice = applied(&drift, &repaired, Memory::Told(&told)).unwrap();
    assert_eq!(notice.subject, "baseline standard: in sync again");
    let told = kept(Some(notice));
    assert_eq!(looked(&plan(vec![]), Memory::Told(&told)), None);
}

#[test]
fn a_failure_where_nothing_can_be_read_now_goes_on_standing() {
    let change = stopped(PAYMENTS, "us-east-1", "logging");
    let failed = [(change.address.clone(), Outcome::Failed(denied(PAYMENTS, "us-east-1", "StartLogging")))];
    let told = kept(applied(&plan(vec![change.clone()]), &failed, Memory::Nothing));
    let mut blind = plan(vec![]);
    blind.unreadable = vec![unread(PAYMENTS, "us-east-1", Some(Service::Cloudtrail))];
    for notice in [looked(&blind, Memory::Told(&told)), applied(&blind, &[], Memory::Told(&told))] {
        let notice = notice.unwrap();
        let document = document(&notice);
        assert_eq!((&document["gone"], &document["otherwise"]), (&json!([]), &json!([])));
        let subject = change.address.to_string();
        assert_eq!(notice.told.subjects[&subject], told.subjects[&subject]);
        assert!(told.subjects[&subject].contains_key(&Wrong::Failed));
    }
}

#[test]
fn a_saved_plan_takes_back_nothing_but_its_own_changes() {
    let one = stopped(PAYMENTS, "us-east-1", "logging");
    let other = stopped(LEDGER, "us-east-1", "logging");
    let gone_by = plan(vec![one.clone()]);
    let by_file = |outcome, told: &Told| {
        let outcomes = [(one.address.clone(), outcome)];
        super::notice(
            &ended(&gone_by, End::Applied { outcomes: &outcomes, halted: None, saved: true }, &run()),
            Memory::Told(told),
        )
    };
    // Since it was saved: drift elsewhere, a place that could not be read, something held back, and a failure.
    let mut night = plan(vec![one.clone(), other.clone()]);
    night.unreadable = vec![unread(LEDGER, "eu-west-1", Some(Service::Config)), unread("555555555555", "global", None)];
    let held = stopped(LEDGER, "eu-west-2", "logging").address;
    night.blocked.push(Blocked::new(held, "no", None));
    let failed = [(other.address.clone(), Outcome::Failed(denied(LEDGER, "us-east-1", "StartLogging")))];
    let told = kept(applied(&night, &failed, Memory::Nothing));
    assert_eq!(told.total, 5);

    let notice = by_file(Outcome::Applied, &told).unwrap();
    assert_eq!(document(&notice)["gone"], json!([one.address.to_string()]));
    assert_eq!((&document(&notice)["new"], &document(&notice)["otherwise"]), (&json!([]), &json!([])));
    let after = kept(Some(notice));
    night.changes.remove(0);
    assert_eq!(looked(&night, Memory::Told(&after)), None, "the next night finds what stood, and nothing new");

    // What was left alone since it is otherwise by now is as it was last told.
    let night = plan(vec![stopped(PAYMENTS, "us-east-1", "bucket")]);
    let told = kept(looked(&night, Memory::Nothing));
    let stale = || Outcome::Stale { reason: "somebody changed it since".to_owned() };
    assert_eq!(by_file(stale(), &told), None);
    let told = kept(looked(&plan(vec![other]), Memory::Nothing));
    assert_eq!(document(&by_file(stale(), &told).unwrap())["new"], json!([one.address.to_string()]));
}

#[test]
fn a_run_that_broke_off_is_told_until_one_gets_through() {
    let change = stopped(PAYMENTS, "us-east-1", "logging");
    let drift = plan(vec![change.clone()]);
    let told = kept(looked(&drift, Memory::Nothing));
    let run = run();
    let unasked = |request: &str| {
        let mut error = denied(PAYMENTS, "us-east-1", "PutObject");
        error.request_id = Some(request.to_owned());
        let why = Halt::NoLock { error: Box::new(error) };
        ([(change.address.clone(), Outcome::NotStarted { why: why.clone() })], why)
    };
    let broken = |(outcomes, halt): &([(Address, Outcome); 1], Halt), memory| {
        super::notice(&ended(&drift, End::Applied { outcomes, halted: Some(halt), saved: false }, &run), memory)
    };
    let notice = broken(&unasked("request 1"), Memory::Told(&told)).unwrap();
    assert!(notice.subject.contains("apply could not run"), "{}", notice.subject);
    assert_eq!(document(&notice)["new"], json!(["apply"]));
    let told = kept(Some(notice));
    assert_eq!(broken(&unasked("request 2"), Memory::Told(&told)), None);
    assert_eq!(looked(&drift, Memory::Told(&told)), None, "a plan takes no lock");
    let halt = Halt::Locked { holder: "alice".to_owned() };
    let waiting = [(change.address.clone(), Outcome::NotStarted { why: halt.clone() })];
    let halted = ended(&drift, End::Applied { outcomes: &waiting, halted: Some(&halt), saved: false }, &run);
    let told = kept(super::notice(&halted, Memory::Told(&told)));
    assert_eq!(super::notice(&halted, Memory::Told(&told)), None);
    assert!(looked(&plan(vec![]), Memory::Told(&told)).unwrap().subject.ends_with("in sync again"));
}

#[test]
fn the_messages() {
    let one = stopped(PAYMENTS, "us-east-1", "logging");
    let mut drift = plan((0..12).map(|n| stopped(LEDGER, &format!("eu-west-{n}"), "logging")).collect());
    let told = kept(looked(&plan(vec![one.clone(), drift.changes[0].clone()]), Memory::Nothing));
    drift.unreadable.push(unread(PAYMENTS, "eu-west-1", Some(Service::Config)));
    let held = stopped(LEDGER, "us-east-1", "logging").address;
    drift.blocked.push(Blocked::new(held, "it bears our name without our tag", Some("tag it".to_owned())));
    let shown = |notice: &Notice| {
        let (text, json) = notice.message.trim_end().rsplit_once('\n').unwrap();
        let document: Value = serde_json::from_str(json).unwrap();
        format!("Subject: {}\n\n{text}\n{document:#}\n", notice.subject)
    };
    let text = |notice: &Notice| shown(notice).split_once("\n{").unwrap().0.to_owned();
    insta::assert_snapshot!("drift_of_another_kind", text(&looked(&drift, Memory::Told(&told)).unwrap()));
    insta::assert_snapshot!("first_drift", shown(&looked(&plan(vec![one.clone()]), Memory::Nothing).unwrap()));
    insta::assert_snapshot!("in_sync_again", shown(&looked(&plan(vec![]), Memory::Told(&told)).unwrap()));
    let both = plan(vec![one.clone(), drift.changes[0].clone()]);
    let outcomes = [
        (one.address.clone(), Outcome::Failed(denied(PAYMENTS, "us-east-1", "StartLogging"))),
        (drift.changes[0].address.clone(), Outcome::Applied),
    ];
    insta::assert_snapshot!("failed_apply", shown(&applied(&both, &outcomes, Memory::Told(&told)).unwrap()));
}

#[test]
fn a_subject_is_ascii_and_short_whatever_the_name() {
    let drift = plan(vec![stopped(PAYMENTS, "us-east-1", "logging")]);
    for name in ["基線", &"x".repeat(64), &"ä".repeat(64), "two\nlines"] {
        let run = run();
        let mut ended = ended(&drift, End::Looked, &run);
        ended.baseline = name;
        let subject = notice(&ended, Memory::Nothing).unwrap().subject;
        assert!(subject.len() <= SUBJECT_MAX, "{subject}");
        assert!(subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{subject}");
        assert!(subject.ends_with(": drift in 1 resource, 1 account"), "{subject}");
    }
}

#[test]
fn a_message_holds_what_sns_takes_and_says_what_it_left_out() {
    let changes =
        |n: usize| (0..n).map(|n| stopped(&format!("{:012}", 300_000_000_000_u64 + n as u64), "us-east-1", "logging"));
    let large = plan(changes(2_000).collect());
    let notice = looked(&large, Memory::Nothing).unwrap();
    assert!(notice.message.len() <= MESSAGE_MAX, "{}", notice.message.len());
    assert!(notice.message.len() > MESSAGE_MAX - 8 * 1024, "{}", notice.message.len());
    let document = document(&notice);
    let shown = document["changes"].as_array().unwrap().len();
    let cut = document["cut"].as_str().unwrap();
    assert!(cut.contains(&format!("left out are {} of 2000 changes;", 2_000 - shown)), "{cut}");
    assert_eq!(document["summary"]["update"], 2_000);
    let small = looked(&plan(changes(10).collect()), Memory::Nothing).unwrap();
    assert_eq!(self::document(&small)["cut"], Value::Null);
}

#[test]
fn more_than_is_remembered_is_told_once_and_named_in_part() {
    let place = |n: usize| stopped(&format!("{:012}", 300_000_000_000_u64 + n as u64), "us-east-1", "logging");
    let huge = plan((0..REMEMBERED + 10).map(place).collect());
    let told = kept(looked(&huge, Memory::Nothing));
    assert_eq!((told.subjects.len(), told.total), (REMEMBERED, REMEMBERED + 10));
    assert_eq!(looked(&huge, Memory::Told(&told)), None);
    let more = plan((0..REMEMBERED + 11).map(place).collect());
    let message = looked(&more, Memory::Told(&told)).unwrap().message;
    assert!(message.contains("More was told than is remembered by name"), "{}", message.split('{').next().unwrap());
}

#[test]
fn a_repair_of_what_nobody_was_told_of_is_told() {
    let drift = plan(vec![stopped(PAYMENTS, "us-east-1", "logging")]);
    let outcomes = [(drift.changes[0].address.clone(), Outcome::Applied)];
    let notice = applied(&drift, &outcomes, Memory::Nothing).unwrap();
    assert_eq!(notice.subject, "baseline standard: changed 1 resource, 1 account");
    assert!(
        notice.message.contains("cloudtrail.trail baseline, payments 333333333333/us-east-1: logging: false → true"),
        "{}",
        notice.message
    );
    let field = &document(&notice)["repaired"][0]["fields"][0];
    assert_eq!(
        (&field["path"][0], &field["before"], &field["after"]),
        (&json!("logging"), &json!(false), &json!(true))
    );
    let told = kept(Some(notice));
    assert_eq!(applied(&plan(vec![]), &[], Memory::Told(&told)), None, "and told once");
    // The same where somebody was told of the drift before.
    let told = kept(looked(&drift, Memory::Nothing));
    let notice = applied(&drift, &outcomes, Memory::Told(&told)).unwrap();
    assert_eq!(notice.subject, "baseline standard: in sync again");
    assert!(notice.message.contains("Changed:\n"), "{}", notice.message);
}

#[test]
fn a_note_of_what_is_over_is_told_once_and_forgotten_only_by_who_looked() {
    let note = |topic: &str, text: &str| Note {
        target: Target::new(id(PAYMENTS), region("us-east-1")),
        topic: topic.to_owned(),
        text: text.to_owned(),
    };
    let gap = note("recording-gap", "trail `baseline` was stopped and recorded nothing from one to two");
    let with = |notes: &[&Note]| Plan { notes: notes.iter().map(|note| (*note).clone()).collect(), ..plan(vec![]) };
    assert_eq!(looked(&with(&[&note("silent-topic", "nobody hears")]), Memory::Nothing), None, "it stands for ever");

    let first = looked(&with(&[&gap]), Memory::Nothing).unwrap();
    assert_eq!(first.subject, "baseline standard: in sync, 1 gap in what was recorded");
    assert!(
        first.message.contains("To know:\n  payments 333333333333/us-east-1: trail `baseline`"),
        "{}",
        first.message
    );
    assert_eq!(document(&first)["news"][0]["topic"], json!("recording-gap"));
    let told = kept(Some(first));
    assert_eq!(looked(&with(&[&gap]), Memory::Told(&told)), None, "once");

    // Another gap is other news, and drift besides is told with it.
    let other = note("recording-gap", "trail `baseline` was stopped and recorded nothing from three to four");
    let mut drift = with(&[&gap, &other]);
    drift.changes.push(stopped(LEDGER, "us-east-1", "logging"));
    let second = looked(&drift, Memory::Told(&told)).unwrap();
    assert!(second.subject.contains("1 gap in what was recorded, drift in 1 resource"), "{}", second.subject);
    assert_eq!(document(&second)["news"].as_array().unwrap().len(), 1);
    let unwatched = with(&[&note("no-longer-watched", "config is no longer watched here")]);
    assert!(looked(&unwatched, Memory::Nothing).unwrap().subject.ends_with("in sync, 1 place no longer watched"));

    // A run that could not read the place does not forget it; one that did, does.
    let mut blind = plan(vec![]);
    blind.unreadable.push(unread(PAYMENTS, "us-east-1", None));
    let blind = kept(looked(&blind, Memory::Told(&told)));
    let mut again = with(&[&gap]);
    again.unreadable.push(unread(PAYMENTS, "us-east-1", None));
    assert_eq!(looked(&again, Memory::Told(&blind)), None);
    let run = run();
    let saved = ended(&again, End::Applied { outcomes: &[], halted: None, saved: true }, &run);
    let kept_by_saved = super::notice(&saved, Memory::Lost).unwrap();
    assert_eq!(document(&kept_by_saved)["news"], json!([]), "a saved plan's notes are those of another day");
}
