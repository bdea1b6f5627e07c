//! Tests of who hears of events, and who should not.

use super::*;
use crate::services::sns::listener::{Judged, Listener};

fn listener(protocol: &str, endpoint: &str) -> Listener {
    Listener {
        protocol: protocol.to_owned(),
        endpoint: endpoint.to_owned(),
        owner: "222222222222".to_owned(),
        arn: Some("arn:aws:sns:eu-west-1:222222222222:baseline-alerts:one".parse().unwrap()),
        principal: None,
    }
}

/// What becomes of a listener: a word, and what is said.
fn judged(listener: &Listener) -> (&'static str, String) {
    let estate = whole();
    let hub = Target::new(id("222222222222"), region("eu-west-1"));
    match listener.judge(&estate.declared(), estate.baseline.notify.as_ref().unwrap(), &hub) {
        Judged::Ours(found) => ("ours", found.address.to_string()),
        Judged::Exposed(exposed) => ("exposed", format!("{} {}", exposed.address, exposed.reason)),
        Judged::Note(note) => ("note", note.text),
    }
}

#[test]
fn whoever_listens_besides_what_is_declared_is_told_of_by_where_it_leads() {
    for (protocol, endpoint, expected) in [
        ("email", "eve@example.org", "exposed"),
        ("email-json", "eve@example.org", "exposed"),
        ("sms", "+15550100", "exposed"),
        ("http", "http://example.org/x", "exposed"),
        ("https", "https://example.org/x?token=hunter2", "exposed"),
        ("lambda", "arn:aws:lambda:eu-west-1:999999999999:function:f", "exposed"),
        ("sqs", "arn:aws:sqs:eu-west-1:999999999999:q", "exposed"),
        ("firehose", "arn:aws:firehose:eu-west-1:999999999999:deliverystream/d", "exposed"),
        ("application", "arn:aws:sns:eu-west-1:999999999999:endpoint/GCM/app/1", "exposed"),
        ("novelty", "whatever", "exposed"),
        ("lambda", "arn:aws:lambda:eu-west-1:333333333333:function:f", "note"),
        ("sqs", "arn:aws:sqs:eu-west-1:222222222222:q", "note"),
    ] {
        let (word, said) = judged(&listener(protocol, endpoint));
        assert_eq!(word, expected, "{protocol} {endpoint}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("5550100"), "{said}");
        let pending = Listener { arn: None, ..listener(protocol, endpoint) };
        assert_eq!(judged(&pending).0, "note", "nothing is delivered before it is confirmed");
    }
    // The URL counts as a whole, and is not shown.
    let name = |path: &str| judged(&listener("https", &format!("https://example.org/{path}"))).1;
    assert_ne!(name("one"), name("other"));
}

#[test]
fn a_subscription_that_the_role_of_its_account_made_is_an_orphan() {
    let by = |owner: &str, principal: &str, protocol: &str, endpoint: &str| {
        let one = listener(protocol, endpoint);
        judged(&Listener { owner: owner.to_owned(), principal: Some(principal.to_owned()), ..one })
    };
    let role = "arn:aws:iam::222222222222:role/Security";
    let (word, address) = by("222222222222", role, "email", "left@example.com");
    assert_eq!(word, "ours");
    assert_eq!(address, "222222222222/eu-west-1/sns.subscription/baseline-alerts:email:left@example.com");
    let queue = "arn:aws:sqs:eu-west-1:333333333333:q";
    assert_eq!(by("333333333333", "arn:aws:iam::333333333333:role/Execution", "sqs", queue).0, "ours");
    // Another role, another account's, and what this tool never makes.
    assert_eq!(by("222222222222", "arn:aws:iam::222222222222:role/Admin", "email", "left@example.com").0, "exposed");
    assert_eq!(by("999999999999", role, "email", "left@example.com").0, "exposed");
    assert_eq!(by("222222222222", role, "sms", "+15550100").0, "exposed");
}

#[test]
fn a_filter_that_nobody_declared_is_drift_and_what_is_not_known_stays() {
    let desired = whole().desire(Service::Sns, "222222222222", &["eu-west-1"]);
    let Spec::SnsSubscription(mail) = &desired[2].spec else { panic!() };
    let mut seen = mail.clone();
    seen.other_attributes.insert("RedrivePolicy".to_owned(), "{}".to_owned());
    let mut wanted = mail.clone();
    wanted.adopt(&seen, &Terms::default());
    assert_eq!(wanted, seen);
    seen.filter_policy = Some(serde_json::json!({"none": ["x"]}));
    let mut wanted = mail.clone();
    wanted.adopt(&seen, &Terms::default());
    assert_ne!(wanted, seen);
    assert_eq!(wanted.filter_policy, None);
}

#[test]
fn an_address_that_has_to_confirm_in_many_regions_is_warned_of() {
    let told = |profiles: &str, protocol: &str, endpoint: &str| {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let trails = if profiles.contains("list") { "include_global_service_events = false\n" } else { "" };
        let text = format!(
            "name = 'x'\n[log_bucket]\n[cloudtrail]\n{trails}[events]\n[[events.forward]]\npreset = 'iam-changes'\n[notify]\n\
             [[notify.subscription]]\nprotocol = '{protocol}'\nendpoint = '{endpoint}'\n"
        );
        let loaded = load(&source("p", profiles), Some(&source("b", &text))).unwrap();
        let all = loaded.warnings.list;
        all.into_iter().map(|one| format!("{}: {}", one.message, one.help.unwrap_or_default())).collect::<Vec<_>>()
    };
    let all = told(PROFILES, "email", "ops@example.com");
    assert!(all[0].contains("ops@example.com gets 17 mails to confirm, one a Region"), "{all:?}");
    assert!(all[0].contains("subscribe a function or a queue instead"), "{all:?}");
    assert_eq!(told(PROFILES, "sqs", "arn:aws:sqs:us-east-1:444444444444:q"), [""; 0]);
    let one = PROFILES.replace("role = \"Execution\"", "role = \"Execution\", regions = { list = [\"eu-west-1\"] }");
    let one = told(&one, "email", "ops@example.com");
    assert!(!one.iter().any(|text| text.contains("mails to confirm")), "{one:?}");
}
