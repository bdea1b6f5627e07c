//! Tests of what a rule is asked for, and of what somebody else did to one.

use super::*;

#[test]
fn what_eventbridge_keeps_from_a_rule_is_warned_of_unless_it_is_asked_for() {
    let forward = |names: &str, more: &str| {
        format!(
            "name = 'x'\n[log_bucket]\n[cloudtrail]\n[notify]\n[events]\n[[events.forward]]\nname = 'mine'\n{more}\npattern = \
             '{{\"detail-type\": [\"AWS API Call via CloudTrail\"], \"detail\": {{\"eventName\": {names}}}}}'"
        )
    };
    let asked = "read_only_events = true";
    let told = |text: &str| warnings(PROFILES, text);
    assert_eq!(told(&forward("[\"GetSecretValue\"]", "")), ["no event reaches this rule"]);
    assert_eq!(told(&forward("[\"GetSecretValue\"]", asked)), [""; 0]);
    let both = forward("[\"GetSecretValue\", \"DeleteSecret\"]", "");
    assert_eq!(told(&both), ["GetSecretValue does not reach this rule"]);
    assert_eq!(told(&forward("[\"DeleteSecret\"]", "")), [""; 0]);
    assert_eq!(told(&forward("[\"DeleteSecret\"]", asked)), ["`read_only_events` has no effect here"]);
    // Nothing of them is recorded.
    let writes = |text: String| text.replace("[cloudtrail]", "[cloudtrail]\nmanagement_events = 'write'");
    let unrecorded = "the trail does not record read-only calls";
    assert_eq!(told(&writes(forward("[\"GetSecretValue\"]", asked))), [unrecorded]);
    let root = "name = 'x'\n[log_bucket]\n[cloudtrail]\n[notify]\n[events]\n[[events.forward]]\npreset = \
                'root-login'\nread_only_events = true\n";
    assert_eq!(told(root), [""; 0]);
    assert_eq!(told(&writes(root.to_owned())), [unrecorded]);

    // The rule that sends and the one that receives.
    let estate = estate(root, &["us-east-1"]);
    for account in ["333333333333", "222222222222"] {
        let desired = estate.desire(Service::Eventbridge, account, &["us-east-1"]);
        assert_eq!(rules(&desired)[0].1.state, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "{account}");
    }
    let quiet = self::estate(&root.replace("read_only_events = true", ""), &["us-east-1"]);
    assert_eq!(rules(&quiet.desire(Service::Eventbridge, "333333333333", &["us-east-1"]))[0].1.state, "ENABLED");
}

#[test]
fn a_path_is_what_eventbridge_reads() {
    let told = |path: &str| {
        let text = format!(
            "name = 'x'\n[notify]\n[events]\n[[events.forward]]\npreset = 'guardduty-findings'\ntransform = {{ paths = {{ \
             a = \"{path}\" }}, template = '\"<a>\"' }}\n[guardduty]\n"
        );
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        load(&source("p", PROFILES), Some(&source("b", &text))).is_ok()
    };
    let good =
        ["$", "$.detail", "$.detail.findings[0].Title", "$.resources[*]", "$.detail.*", "$.detail.a-b_c/d", "$[0]"];
    for path in good {
        assert!(told(path), "{path}");
    }
    for path in
        ["detail", "$detail", "$.", "$..a", "$.a b", "$['a']", "$.a[-1]", "$.a[]", "$.a[1:2]", "$.a[?(@.b)]", "$.a*"]
    {
        assert!(!told(path), "{path}");
    }
}

#[test]
fn a_target_of_somebody_else_on_our_rule_is_told_of_by_where_it_leads() {
    let estate = estate(FORWARDED, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
    let (first, rule) = rules(&desired)[0];
    let mut rule = rule.clone();
    for (id, arn) in [
        ("baseline-siem", "arn:aws:events:eu-west-1:999999999999:event-bus/siem"),
        ("odd", "not an ARN"),
        ("queue", "arn:aws:sqs:eu-west-1:333333333333:q"),
    ] {
        rule.other_targets.insert(id.to_owned(), arn.to_owned());
    }
    let (exposed, notes) = stranger::strangers(&estate.declared(), &first.address, &rule);
    let reasons: Vec<&str> = exposed.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "target `baseline-siem` of the rule sends every event that it matches to \
             arn:aws:events:eu-west-1:999999999999:event-bus/siem, of account 999999999999, which is not in profiles.toml",
            "target `odd` of the rule sends every event that it matches to not an ARN, of somebody whom its ARN does not \
             tell",
        ]
    );
    assert!(exposed.iter().all(|one| one.address == first.address));
    assert_eq!(notes.len(), 1);
    assert!(notes[0].text.contains("target `queue`"), "{notes:?}");

    // What cannot be delivered goes somewhere, too.
    rule.other_targets.clear();
    for (queue, told) in
        [("arn:aws:sqs:eu-west-1:999999999999:dlq", 1), ("arn:aws:sqs:eu-west-1:333333333333:dlq", 0), ("odd", 1)]
    {
        let (id, target) = rule.targets.iter_mut().next().unwrap();
        target.dead_letter_queue = Some(queue.to_owned());
        let id = id.clone();
        let (exposed, _) = stranger::strangers(&estate.declared(), &first.address, &rule);
        assert_eq!(exposed.len(), told, "{exposed:?}");
        assert!(exposed.iter().all(|one| one.reason.contains(&format!("target `{id}`")) && one.reason.contains(queue)));
    }
}

#[test]
fn a_rule_that_a_service_manages_is_left_to_it_and_blocked() {
    let estate = estate(FORWARDED, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "333333333333", &["eu-west-1"]);
    let mut wanted = rules(&desired)[0].1.clone();
    let seen = Rule {
        pattern: json!({"source": ["aws.securityhub"]}),
        managed_by: Some("securityhub.amazonaws.com".to_owned()),
        ..wanted.clone()
    };
    for take_over in [false, true] {
        let kept = wanted.adopt(&seen, &Terms { take_over, ..Terms::default() });
        assert!(kept[0].reason.starts_with("securityhub.amazonaws.com made and manages"), "{kept:?}");
        assert!(kept[0].hint.contains("another `name`"), "{kept:?}");
        assert_eq!(wanted, seen, "nothing is to be changed");
    }
}

#[test]
fn what_two_patterns_of_ones_own_both_match_is_said() {
    let forward = |name: &str, pattern: &str| {
        format!(
            "[[events.forward]]\nname = '{name}'\npattern = '{{\"source\": [\"aws.s3\"], \"detail\": {pattern}}}'\n"
        )
    };
    let told =
        |more: &str| warnings(PROFILES, &format!("name = 'x'\n[log_bucket]\n[cloudtrail]\n[notify]\n[events]\n{more}"));
    let puts = forward("puts", "{\"eventName\": [{\"prefix\": \"Put\"}]}");
    let refused = forward("refused", "{\"errorCode\": [\"AccessDenied\"]}");
    let both = told(&format!("{puts}{refused}"));
    assert_eq!(both, ["one event can be told of by `refused` and by `puts`"]);
    let deletes = forward("deletes", "{\"eventName\": [{\"prefix\": \"Delete\"}]}");
    assert_eq!(told(&format!("{puts}{deletes}")), [""; 0]);
    let root = "[[events.forward]]\npreset = 'root-login'\n";
    assert_eq!(told(&format!("{puts}{root}")), ["one event can be told of by `puts` and by `root-login`"]);
}
