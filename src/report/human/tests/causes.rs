//! One block for a cause, one line for what waits for it.

use super::*;

fn key() -> Address {
    "222222222222/eu-west-1/kms.key/logs".parse().unwrap()
}

fn waiting(address: Address, other: &Address, why: &str) -> Blocked {
    Blocked::new(address, format!("it requires {other}, which {why}"), None).waiting_for(other.clone())
}

/// Every trail of so many accounts waits for the bucket, which waits for the key.
fn chain(accounts: usize, why: &str) -> Plan {
    let mut plan = estate(accounts);
    plan.names.insert(id("222222222222"), "security".to_owned());
    let bucket: Address = "222222222222/eu-west-1/s3.bucket/logs".parse().unwrap();
    plan.blocked.push(waiting(bucket.clone(), &key(), why));
    for n in 0..accounts {
        for place in REGIONS {
            plan.blocked.push(waiting(trail_at(n, place), &bucket, "is blocked"));
        }
    }
    plan
}

#[test]
fn what_waits_for_something_that_could_not_be_read_is_a_line_of_its_block() {
    let mut plan = chain(11, "could not be read");
    let mut unread = unread(key().target);
    unread.service = None;
    plan.unreadable.push(unread);
    let shown = shown_plan(&plan);
    assert_eq!(shown.matches("! blocked").count(), 0, "{shown}");
    assert!(shown.contains("\n    188 resources wait for security\n"), "{shown}");
    assert!(lines(&shown) <= 9, "{shown}");
    // Whoever asks for more is told which.
    let details = plain(&super::super::plan(&plan, true));
    assert!(details.contains("cloudtrail.trail  baseline") && details.contains("11 accounts"), "{details}");

    // The same where single services of it could not be read.
    for unreadable in &mut plan.unreadable {
        unreadable.service = Some(Service::Kms);
    }
    let shown = shown_plan(&plan);
    assert!(shown.contains("188 resources wait for kms of security") && !shown.contains("! blocked"), "{shown}");
}

#[test]
fn what_waits_for_something_that_is_held_back_is_a_line_of_its_block() {
    let mut plan = chain(2, "is blocked");
    plan.blocked.push(Blocked::new(key(), "the key is not ours", Some("tag it".to_owned())));
    let shown = shown_plan(&plan);
    assert_eq!(shown.matches("! blocked").count(), 1, "{shown}");
    assert!(shown.contains("the key is not ours\n    next: tag it\n    35 resources wait for it\n"), "{shown}");
}

#[test]
fn what_waits_for_something_that_is_neither_there_nor_selected_is_one_block() {
    let mut plan = chain(2, "does not exist and is not selected");
    plan.blocked[0].hint = Some("select it too".to_owned());
    let shown = shown_plan(&plan);
    assert_eq!(shown.matches("! blocked").count(), 1, "{shown}");
    assert!(shown.contains("! blocked 35 resources\n"), "{shown}");
    assert!(shown.contains(&format!("they require {}, which does not exist and is not selected\n", key())), "{shown}");
    assert!(shown.contains("next: select it too"), "{shown}");
}

#[test]
fn resources_that_are_held_back_for_the_same_reason_are_one_block() {
    let mut plan = estate(1);
    for name in ["baseline-root-login", "baseline-findings", "baseline-changes"] {
        let address = Address::new(place(0, "eu-west-1"), Kind::EventbridgeRule, name);
        let reason = format!("arn:aws:events:eu-west-1:300000000000:rule/{name} bears this name without our tag");
        plan.blocked.push(Blocked::new(address, reason, Some("tag it".to_owned())));
    }
    let shown = shown_plan(&plan);
    assert_eq!(shown.matches("! blocked").count(), 1, "{shown}");
    assert!(shown.contains("rule/NAME bears this name without our tag"), "{shown}");
    assert!(shown.contains("baseline-changes, baseline-findings, baseline-root-login"), "{shown}");
}

#[test]
fn many_statements_that_go_are_one_line_and_a_few_are_a_line_each() {
    let mut plan = estate(1);
    let statement =
        |n: usize| json!({"Sid": format!("Baseline{n:02}"), "Effect": "Allow", "Action": "s3:*", "Principal": "*"});
    let policy = |count: usize| json!({"policy": {"Statement": (0..count).map(statement).collect::<Vec<_>>()}});
    plan.changes = vec![update(trail_at(0, "us-east-1"), policy(48), policy(1))];
    let shown = shown_plan(&plan);
    assert!(
        shown.contains(
            "- policy.Statement: 47 statements (Baseline01, Baseline02, Baseline03, and 44 more; -v shows them)"
        ),
        "{shown}"
    );
    assert!(lines(&shown) <= 6, "{shown}");
    plan.changes = vec![update(trail_at(0, "us-east-1"), policy(3), policy(1))];
    assert_eq!(shown_plan(&plan).matches("- policy.Statement.Baseline").count(), 2);
}

#[test]
fn a_note_that_nobody_can_act_on_is_for_whoever_asks_for_more() {
    let mut plan = estate(1);
    for (topic, text) in [("policy-form", "the key policy takes form 2 of 3"), ("policy-size", "it is refused")] {
        plan.notes.push(Note { target: place(0, "us-east-1"), topic: topic.to_owned(), text: text.to_owned() });
    }
    let shown = shown_plan(&plan);
    assert!(!shown.contains("takes form 2") && shown.contains("it is refused"), "{shown}");
    assert!(plain(&super::super::plan(&plan, true)).contains("takes form 2"));
}

#[test]
fn a_place_is_a_word_of_its_own_and_a_moment_is_no_cause() {
    let region: Region = "us-east-1".parse().unwrap();
    let said = super::super::anywhere(
        "arn:aws:sns:us-east-1:300000000000:t and bucket logs-300000000000-us-east-1 of us-east-1, us-east-10",
        account(0).parse().unwrap(),
        &region,
    );
    assert_eq!(said, "arn:aws:sns:REGION:ACCOUNT:t and bucket logs-300000000000-us-east-1 of REGION, us-east-10");
    assert_eq!(super::super::at_any_time("at 2026-11-30T21:34:25Z, é 2026-11-30"), "at TIME, é 2026-11-30");
}

#[test]
fn what_was_not_recorded_is_shown_and_not_counted() {
    let mut plan = estate(1);
    let note = |topic: &str, region: &str| Note {
        target: place(0, region),
        topic: topic.to_owned(),
        text: format!("about {topic}"),
    };
    plan.notes =
        vec![note("recording-gap", "us-east-1"), note("silent-topic", "us-east-1"), note("silent-topic", "eu-west-1")];
    assert!(plain(&super::super::notes_to_show(&plan)).contains("about recording-gap"));
    assert!(!super::super::notes_to_show(&plan).contains("silent-topic"));
    assert_eq!(super::super::remarks(&plan), 1, "one note, of two places");
}
