mod asked;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::config::{Preset, Selected};
use super::pattern::{MOST_CHARS, QUOTA_CHARS, canonical, fault, length};
use super::spec::{bus_and_rule, rule_address_name};
use super::*;
use crate::config::{Severity, Source, load};
use crate::model::Address;
use crate::policy::{Caller, Decision, Policy, Request, Statement, evaluate};
use crate::services::estate::{Estate, PROFILES, id, last_of, region};
use crate::services::{
    Desired, Kind, Place, Reference, Resource, Service, SharedPolicy, Spec, Tags, Terms, policy_notes,
};

const FORWARDED: &str = "name = 'test'\n[log_bucket]\n[cloudtrail]\n[notify]\n[events]\n[[events.forward]]\npreset = \
                         'security-group-changes'\n[[events.forward]]\npreset = 'iam-changes'\n";

/// The security account receives in these Regions.
fn estate(baseline: &str, hub: &[&str]) -> Estate {
    let mut estate = Estate::new(PROFILES, baseline);
    estate.shared.hub = hub.iter().map(|name| region(name)).collect();
    estate
}

fn rules(desired: &[Desired]) -> Vec<(&Desired, &Rule)> {
    let mut rules = Vec::new();
    for one in desired {
        if let Spec::EventbridgeRule(rule) = &one.spec {
            rules.push((one, &**rule));
        }
    }
    rules
}

fn names(desired: &[Desired]) -> Vec<String> {
    desired.iter().map(|desired| desired.address.to_string()).collect()
}

#[test]
fn every_preset_selects_what_its_services_say() {
    let selected: Vec<String> = Preset::ALL
        .iter()
        .map(|preset| {
            let severity = (*preset == Preset::GuarddutyFindings).then_some(45);
            let pattern = canonical(&preset.pattern(severity, &json!(["baseline-cloud-trail-enabled"])));
            format!("{}\n{}", preset.as_str(), serde_json::to_string_pretty(&pattern).unwrap())
        })
        .collect();
    insta::assert_snapshot!(selected.join("\n\n"));
}

#[test]
fn every_preset_fits_with_a_hundred_accounts_and_could_be_somebodys_own() {
    for preset in Preset::ALL {
        let pattern = preset.pattern(Some(70), &json!(["a"]));
        assert_eq!(fault(&pattern), None, "{}", preset.as_str());
        assert!(length(&pattern) < QUOTA_CHARS / 2, "{} {}", preset.as_str(), length(&pattern));
    }
}

#[test]
fn every_preset_tells_of_itself_on_one_line_with_what_it_names() {
    let lines: Vec<String> = Preset::ALL.iter().map(|preset| preset.transform().template).collect();
    for (preset, line) in Preset::ALL.iter().zip(&lines) {
        let named: BTreeSet<&str> =
            line.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(name, _)| name)).collect();
        let transform = preset.transform();
        let given: BTreeSet<&str> = transform.paths.keys().map(String::as_str).collect();
        assert_eq!(named, given, "{}", preset.as_str());
        for needed in ["account", "region", "time"] {
            assert!(named.contains(needed), "{} {needed}", preset.as_str());
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_whole_severity_is_a_whole_number() {
    let severity = |tenths| Preset::GuarddutyFindings.pattern(Some(tenths), &Value::Null)["detail"]["severity"].clone();
    assert_eq!(severity(70), json!([{"numeric": [">=", 7]}]));
    assert_eq!(severity(45), json!([{"numeric": [">=", 4.5]}]));
    assert_eq!(Preset::GuarddutyFindings.pattern(None, &Value::Null).get("detail"), None);
}

#[test]
fn a_pattern_is_compared_by_what_it_means() {
    let one = json!({"source": ["b", "a", "b"], "detail": {"n": [{"numeric": [">", 1, "<", 0]}], "$or": [{"x": [2, 1]}, {"a": [1]}]}});
    let other = json!({"detail": {"$or": [{"a": [1]}, {"x": [1, 2]}], "n": [{"numeric": [">", 1, "<", 0]}]}, "source": ["a", "b"]});
    assert_eq!(canonical(&one), canonical(&other));
    assert_ne!(canonical(&json!({"a": [{"numeric": [">", 1]}]})), canonical(&json!({"a": [{"numeric": ["<", 1]}]})));
}

#[test]
fn knows_what_aws_refuses_in_a_pattern() {
    for good in [
        json!({"source": ["aws.ec2", null, true, 4]}),
        json!({"detail": {"a": {"b": [{"prefix": "x"}, {"suffix": {"equals-ignore-case": ".PNG"}}]}}}),
        json!({"detail": {"a": [{"anything-but": "x"}, {"anything-but": [1, 2]}, {"anything-but": {"prefix": "x"}}]}}),
        json!({"detail": {"a": [{"anything-but": {"wildcard": ["*x*", "y*"]}}, {"equals-ignore-case": "x"}]}}),
        json!({"detail": {"a": [{"numeric": ["=", 3.018e2]}, {"numeric": [">", 0, "<=", 5]}, {"exists": false}]}}),
        json!({"detail": {"a": [{"cidr": "10.0.0.0/24"}, {"cidr": "::/0"}, {"wildcard": "dir/*.png"}]}}),
        // Escaped stars and backslashes are characters.
        json!({"detail": {"a": [{"wildcard": "x\\**"}, {"wildcard": "*\\**"}, {"wildcard": "C:\\\\*"}]}}),
        json!({"$or": [{"source": ["a"]}, {"account": ["1"]}], "detail": {"$or": [{"a": [1]}, {"b": [1]}]}}),
    ] {
        assert_eq!(fault(&good), None, "{good}");
    }
    let told: Vec<String> = [
        json!([]),
        json!({}),
        json!({"detials": {"a": ["b"]}}),
        json!({"source": "aws.ec2"}),
        json!({"source": []}),
        json!({"source": [["a"]]}),
        json!({"detail": {}}),
        json!({"detail": {"a": [{"prefx": "b"}]}}),
        json!({"detail": {"a": [{"prefix": 1}]}}),
        json!({"detail": {"a": [{"prefix": "a", "suffix": "b"}]}}),
        json!({"detail": {"a": [{}]}}),
        json!({"detail": {"a": [{"exists": "yes"}]}}),
        json!({"detail": {"a": [{"cidr": "10.0.0.0"}]}}),
        json!({"detail": {"a": [{"cidr": "10.0.0.0/33"}]}}),
        json!({"detail": {"a": [{"numeric": [">"]}]}}),
        json!({"detail": {"a": [{"numeric": ["~", 1]}]}}),
        json!({"detail": {"a": [{"numeric": [">", 5_000_000_001_i64]}]}}),
        json!({"detail": {"a": [{"anything-but": []}]}}),
        json!({"detail": {"a": [{"anything-but": {"exists": true}}]}}),
        json!({"detail": {"a": [{"wildcard": "**"}]}}),
        json!({"detail": {"a": [{"wildcard": "x\\\\**"}]}}),
        json!({"detail": {"a": [{"wildcard": "a\\b"}]}}),
        json!({"detail": {"a": [{"anything-but": {"wildcard": ["*x*", "y\\"]}}]}}),
        json!({"$or": [{"source": ["a"]}]}),
        json!({"$or": {"source": ["a"]}}),
        json!({"$or": [{"source": ["a"]}, "b"]}),
    ]
    .iter()
    .map(|bad| {
        let fault = fault(bad).unwrap_or_else(|| panic!("{bad}"));
        format!("{bad}\n  {}: {}", fault.path.join("."), fault.what)
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// What the bus policy answers to somebody who puts an event on it.
fn put(policy: &Policy, account: &str) -> bool {
    let role = format!("arn:aws:sts::{account}:assumed-role/baseline-event-forwarding/x");
    let context = [("aws:PrincipalAccount".to_owned(), vec![account.to_owned()])].into();
    let bus = "arn:aws:events:eu-west-1:222222222222:event-bus/default";
    let request =
        Request { principal: Caller::Aws(&role), action: "events:PutEvents", resource: bus, context: &context };
    matches!(evaluate(policy, &request), Decision::Allowed { .. })
}

fn bus_of(estate: &Estate) -> Bus {
    let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
    match desired.into_iter().next().unwrap() {
        Desired { spec: Spec::EventbridgeBus(bus), shared: true, .. } => *bus,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bus_admits_exactly_the_accounts_that_send() {
    let mut estate = estate(FORWARDED, &["eu-west-1"]);
    let policy = bus_of(&estate).policy.document;
    for (account, admitted) in [
        ("111111111111", true),
        ("333333333333", true),
        ("444444444444", true),
        ("222222222222", false),
        ("888888888888", false),
    ] {
        assert_eq!(put(&policy, account), admitted, "{account}");
    }
    insta::assert_snapshot!(policy.to_json());
    // Whoever is not dropped yet is still admitted, and the run's selection has no say in it.
    estate.shared.retained = [id("888888888888")].into();
    assert!(put(&bus_of(&estate).policy.document, "888888888888"));
    assert!(bus_of(&estate).policy.admitted().contains(&id("888888888888")));
}

#[test]
fn the_bus_policy_takes_the_form_that_fits_and_says_so() {
    let of = |projects: usize| {
        let mut estate = Estate::of(projects + 1, FORWARDED);
        estate.shared.hub = vec![region("eu-west-1")];
        estate
    };
    let form = |estate: &Estate| {
        let declared = estate.declared();
        policy_form(&declared, &bus_addresses(&declared)[0]).map(|(form, ..)| form)
    };
    let by_condition = last_of(10, 2_000, |n| form(&of(n)) == Some(1));
    assert_eq!(by_condition, 666);

    let told = |estate: &Estate| -> Vec<String> {
        let about = |text: &String| text.contains("bus policy") && text.contains("form");
        let notes = policy_notes(&estate.declared()).into_iter().map(|note| note.text);
        notes.filter(|text| about(text) || text.contains("bus policy is refused")).collect()
    };
    let full = of(by_condition);
    assert!(told(&full).is_empty());
    // No principal that could be gone: a closed account takes nothing from the others.
    let policy = bus_of(&full).policy.document;
    assert!(put(&policy, "900000000001") && !put(&policy, "888888888888"));
    assert!(!policy.statements.iter().any(Statement::is_open_to_world));
    assert!(!policy.to_json().contains(":root"), "{}", policy.to_json());

    let crowd = of(by_condition + 1);
    assert!(told(&crowd)[0].contains("the bus policy is refused"), "{:?}", told(&crowd));
    let refusals = bus_of(&crowd).refusals(None, &Terms::default());
    assert!(refusals[0].contains("AWS holds 10240"), "{refusals:?}");
    // Before anything is read, the home Region's bus stands for all.
    assert!(told(&Estate::of(by_condition + 2, FORWARDED))[0].contains("is refused"));
}

#[test]
fn what_others_wrote_into_the_bus_policy_stays() {
    let estate = estate(FORWARDED, &["eu-west-1"]);
    let bus = "arn:aws:events:eu-west-1:222222222222:event-bus/default";
    let theirs = [
        Statement::allow("Partner", ["events:PutEvents"]).for_arns(["arn:aws:iam::888888888888:root"]).on([bus]),
        Statement::deny("NoRules", ["events:PutRule"]).for_everyone().on([bus]),
    ];
    let seen = Bus { policy: SharedPolicy::seen(Policy::new(theirs.to_vec())), kms_key: None, tags: Tags::new() };
    let mut wanted = bus_of(&estate);
    assert!(!wanted.refusals(Some(&seen), &Terms::default()).is_empty(), "theirs would be lost");
    wanted.adopt(&seen, &Terms::default());
    assert!(wanted.refusals(Some(&seen), &Terms::default()).is_empty());
    assert_eq!(wanted.policy.document.statements[..2], theirs);
    assert!(put(&wanted.policy.document, "888888888888") && put(&wanted.policy.document, "333333333333"));
}

#[test]
fn nothing_is_wanted_or_read_without_the_section() {
    let estate = estate("name = 'test'\n[log_bucket]\n", &["eu-west-1"]);
    for account in ["222222222222", "333333333333"] {
        assert!(estate.desire(Service::Eventbridge, account, &["eu-west-1"]).is_empty());
        let regions = [region("eu-west-1")];
        let place = Place { account: estate.account(account), regions: &regions };
        assert!(Service::Eventbridge.cells(&estate.declared(), &place).is_empty());
    }
    assert!(bus_addresses(&estate.declared()).is_empty());
}

#[test]
fn an_account_sends_to_the_security_accounts_bus_in_the_same_region_with_the_role() {
    let estate = estate(FORWARDED, &["eu-west-1", "us-east-1"]);
    let desired = estate.desire(Service::Eventbridge, "333333333333", &["eu-west-1", "us-east-1"]);
    assert_eq!(
        names(&desired),
        [
            "333333333333/eu-west-1/eventbridge.rule/baseline-security-group-changes",
            "333333333333/us-east-1/eventbridge.rule/baseline-security-group-changes",
            // Only us-east-1 sees what happens in IAM.
            "333333333333/us-east-1/eventbridge.rule/baseline-iam-changes",
        ]
    );
    let role: Address = "333333333333/global/iam.role/baseline-event-forwarding".parse().unwrap();
    for (desired, rule) in rules(&desired) {
        let region = &desired.address.target.region;
        let bus: Address = format!("222222222222/{region}/eventbridge.bus/default").parse().unwrap();
        assert_eq!(desired.requires, [bus, role.clone()]);
        assert_eq!(desired.obstacle, None);
        let target = &rule.targets["baseline-bus"];
        assert_eq!(
            target.arn,
            Reference::Is(format!("arn:aws:events:{region}:222222222222:event-bus/default").parse().unwrap())
        );
        assert_eq!(target.role, Some(Reference::To(role.clone())));
        // It is not to be had on a bus of another account (EventBridge API Reference, `PutTargets`).
        assert_eq!(target.transform, None);
        assert!(rule.refusals(None, &Terms::default()).is_empty());
        assert_eq!(rule.pattern.get("account"), None);
    }
}

#[test]
fn the_security_account_matches_what_is_forwarded_from_the_declared_accounts() {
    let estate = estate(FORWARDED, &["eu-west-1", "us-east-1"]);
    let desired = estate.desire(Service::Eventbridge, "222222222222", &["eu-west-1"]);
    assert_eq!(
        names(&desired),
        [
            "222222222222/eu-west-1/eventbridge.bus/default",
            "222222222222/eu-west-1/eventbridge.rule/baseline-security-group-changes",
            "222222222222/us-east-1/eventbridge.bus/default",
            "222222222222/us-east-1/eventbridge.rule/baseline-security-group-changes",
            "222222222222/us-east-1/eventbridge.rule/baseline-iam-changes",
        ]
    );
    assert!(desired.iter().all(|desired| desired.shared && desired.obstacle.is_none()));
    let (first, rule) = rules(&desired)[0];
    let topic: Address = "222222222222/eu-west-1/sns.topic/baseline-alerts".parse().unwrap();
    assert_eq!(first.requires, [desired[0].address.clone(), topic]);
    // Its own events, too: on the default bus it is the same rule.
    assert_eq!(rule.pattern["account"], json!(["111111111111", "222222222222", "333333333333", "444444444444"]));
    let target = &rule.targets["baseline-topic"];
    assert_eq!(String::from(target.arn.clone()), "arn:aws:sns:eu-west-1:222222222222:baseline-alerts");
    assert_eq!((&target.role, &target.transform), (&None, &Some(Preset::SecurityGroupChanges.transform())));

    let quiet = FORWARDED.replace("[notify]\n", "");
    let mut estate = self::estate(&quiet, &["eu-west-1"]);
    let silent = estate.desire(Service::Eventbridge, "222222222222", &[]);
    assert!(rules(&silent).iter().all(|(_, rule)| rule.targets.is_empty()));
    // One that gets no baseline is told of others' events, not of its own.
    estate.profiles.accounts.iter_mut().find(|account| account.id == id("222222222222")).unwrap().baseline = false;
    let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
    assert_eq!(rules(&desired)[0].1.pattern["account"], json!(["111111111111", "333333333333", "444444444444"]));
}

#[test]
fn a_named_bus_is_made_and_the_security_accounts_own_events_are_matched_on_its_default_bus() {
    let estate = estate(&FORWARDED.replace("[events]", "[events]\nbus = 'security'"), &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "222222222222", &["eu-west-1"]);
    assert_eq!(
        names(&desired),
        [
            "222222222222/eu-west-1/eventbridge.bus/security",
            "222222222222/eu-west-1/eventbridge.rule/security/baseline-security-group-changes",
            "222222222222/eu-west-1/eventbridge.rule/baseline-security-group-changes",
        ]
    );
    assert_eq!(desired.iter().map(|desired| desired.shared).collect::<Vec<_>>(), [true, true, false]);
    let rules = rules(&desired);
    assert_eq!(rules[0].1.pattern["account"], json!(["111111111111", "333333333333", "444444444444"]));
    assert_eq!(rules[1].1.pattern["account"], json!(["222222222222"]));
    assert_eq!(rules[0].1.targets, rules[1].1.targets);
    assert!(desired[0].spec.tags().contains_key("ManagedBy"));
    assert_eq!(bus_and_rule(&desired[1].address), ("security", "baseline-security-group-changes"));
    assert_eq!(bus_and_rule(&desired[2].address), ("default", "baseline-security-group-changes"));
    assert_eq!(rule_address_name("default", "x"), "x");
    let sent = estate.desire(Service::Eventbridge, "333333333333", &["eu-west-1"]);
    let target = &self::rules(&sent)[0].1.targets["baseline-bus"];
    assert!(String::from(target.arn.clone()).ends_with(":222222222222:event-bus/security"));
}

#[test]
fn a_region_that_the_security_account_has_not_enabled_is_blocked_or_sends_elsewhere() {
    let estate = estate(FORWARDED, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "333333333333", &["af-south-1", "eu-west-1"]);
    let [(blocked, _), (open, _)] = rules(&desired)[..] else { panic!("{:?}", names(&desired)) };
    let told = blocked.obstacle.as_ref().unwrap();
    assert!(told.reason.contains("222222222222 has not enabled af-south-1"), "{}", told.reason);
    for way_out in ["enable af-south-1", "`fallback_region`", "leave af-south-1 out"] {
        assert!(told.hint.contains(way_out), "{}", told.hint);
    }
    assert_eq!(open.obstacle, None);

    let fallen = FORWARDED.replace("[events]", "[events]\nfallback_region = 'eu-west-1'");
    let estate = self::estate(&fallen, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "333333333333", &["af-south-1", "us-east-1"]);
    assert_eq!(rules(&desired).len(), 3);
    for (desired, rule) in rules(&desired) {
        assert_eq!(desired.obstacle, None);
        assert_eq!(desired.requires[0].to_string(), "222222222222/eu-west-1/eventbridge.bus/default");
        let arn = String::from(rule.targets["baseline-bus"].arn.clone());
        assert_eq!(arn, "arn:aws:events:eu-west-1:222222222222:event-bus/default");
    }
    // What us-east-1 sees arrives there, too.
    let received = estate.desire(Service::Eventbridge, "222222222222", &[]);
    assert_eq!(rules(&received).len(), 2);

    let estate = self::estate(&fallen, &["eu-central-1"]);
    let desired = estate.desire(Service::Eventbridge, "333333333333", &["af-south-1"]);
    let told = desired[0].obstacle.as_ref().unwrap();
    assert!(told.reason.contains("neither af-south-1 nor the `fallback_region` eu-west-1"), "{}", told.reason);
}

#[test]
fn findings_are_forwarded_once() {
    let text = "name = 'x'\n[guardduty]\n[notify]\n[events]\nfallback_region = 'us-east-1'\n[[events.forward]]\npreset = \
                'guardduty-findings'\nminimum_severity = 4";
    let sent =
        |estate: &Estate| names(&estate.desire(Service::Eventbridge, "333333333333", &["af-south-1", "eu-west-1"]));
    let received = |estate: &Estate, at: &str| {
        let desired = estate.desire(Service::Eventbridge, "222222222222", &["eu-west-1", "us-east-1"]);
        let at: Address = at.parse().unwrap();
        rules(&desired).into_iter().find(|(d, _)| d.address == at).map(|(d, rule)| (d.shared, rule.pattern.clone()))
    };
    let hub = &["eu-west-1", "us-east-1"];
    let mut estate = estate(text, hub);
    let rule = "222222222222/eu-west-1/eventbridge.rule/baseline-guardduty-findings";
    assert_eq!(sent(&estate).len(), 2);
    let (_, pattern) = received(&estate, rule).unwrap();
    assert_eq!((pattern["account"].as_array().unwrap().len(), pattern["detail"].get("accountId")), (4, None));

    estate.baseline.guardduty.as_mut().unwrap().membership = true;
    // Where there is no administrator, they are forwarded still.
    assert_eq!(sent(&estate), ["333333333333/af-south-1/eventbridge.rule/baseline-guardduty-findings"]);
    let (_, pattern) = received(&estate, rule).unwrap();
    let ids = json!(["111111111111", "222222222222", "333333333333", "444444444444"]);
    assert_eq!((pattern.get("account"), &pattern["detail"]["accountId"]), (None, &ids));
    assert_eq!(pattern["detail"]["severity"], json!([{"numeric": [">=", 4]}]));

    // On a named bus, nobody sends any but from Regions without an administrator.
    estate.baseline.events.as_mut().unwrap().bus = "security".to_owned();
    let (shared, pattern) = received(&estate, rule).unwrap();
    assert!(shared);
    assert_eq!(pattern["detail"]["accountId"], ids);
    let named = |region: &str| format!("222222222222/{region}/eventbridge.rule/security/baseline-guardduty-findings");
    assert_eq!(received(&estate, &named("eu-west-1")), None);
    let (_, pattern) = received(&estate, &named("us-east-1")).unwrap();
    assert_eq!(pattern["account"], json!(["111111111111", "333333333333", "444444444444"]));
}

#[test]
fn what_two_selections_match_is_forwarded_once() {
    const BOTH: &str = "[[events.forward]]\npreset = 'security-group-open-to-world'\n";
    let sent = |forwards: &str| {
        let estate = estate(
            &format!("name = 'test'\n[log_bucket]\n[cloudtrail]\n[events]\n{forwards}[notify]\n"),
            &["us-east-1"],
        );
        let desired = estate.desire(Service::Eventbridge, "333333333333", &["us-east-1"]);
        let heard = estate.desire(Service::Eventbridge, "222222222222", &["us-east-1"]);
        let patterns = rules(&desired).into_iter().map(|(desired, rule)| {
            let name = desired.address.name.strip_prefix("baseline-").unwrap();
            (name.to_owned(), rule.pattern.clone())
        });
        (patterns.collect::<BTreeMap<String, Value>>(), rules(&heard).len())
    };
    let (alone, heard) = sent(BOTH);
    assert_eq!((alone.into_keys().collect::<Vec<_>>(), heard), (vec!["security-group-open-to-world".to_owned()], 1));
    // Among the changes it is forwarded already; the security account still tells of both.
    let (both, heard) = sent(&format!("{BOTH}[[events.forward]]\npreset = 'security-group-changes'\n"));
    assert_eq!((both.keys().cloned().collect::<Vec<_>>(), heard), (vec!["security-group-changes".to_owned()], 2));
    assert_eq!(both["security-group-changes"]["detail"].get("$or"), None);

    // What the root user does is forwarded as that.
    let all =
        ["security-group-changes", "console-login-without-mfa", "cloudtrail-tampering", "iam-changes", "root-login"];
    let forwards: String = all.iter().map(|name| format!("[[events.forward]]\npreset = '{name}'\n")).collect();
    let (sent, heard) = sent(&forwards);
    assert_eq!((sent.len(), heard), (5, 5));
    let user = |name: &str| sent[name]["detail"]["userIdentity"]["type"].clone();
    assert_eq!((user("console-login-without-mfa"), user("root-login")), (json!(["IAMUser"]), json!(["Root"])));
    for name in ["security-group-changes", "cloudtrail-tampering", "iam-changes"] {
        assert_eq!(
            sent[name]["detail"]["$or"],
            json!([
                {"userIdentity": {"invokedBy": [{"exists": true}]}},
                {"userIdentity": {"type": [{"anything-but": ["Root"]}]}},
            ]),
            "{name}"
        );
    }
}

#[test]
fn a_pattern_without_room_for_the_accounts_goes_without_them_and_says_so() {
    let rule = |projects: usize| {
        let mut estate = Estate::of(projects + 1, FORWARDED);
        estate.shared.hub = vec![region("eu-west-1")];
        let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
        let pinned = rules(&desired)[0].1.pattern.get("account").is_some();
        let notes = policy_notes(&estate.declared());
        let told = notes.into_iter().find(|note| note.topic == "rule-pattern").map(|note| note.text);
        assert_eq!(pinned, told.is_none(), "{told:?}");
        pinned
    };
    assert_eq!(last_of(10, 300, rule), 103);
}

#[test]
fn a_pattern_of_somebodys_own_keeps_what_it_says_of_accounts() {
    let text = "name = 'x'\n[notify]\n[events]\n[[events.forward]]\nname = 'mine'\npattern = \
                '{\"source\": [\"aws.health\"], \"account\": [\"333333333333\"]}'";
    let estate = estate(text, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
    let (_, rule) = rules(&desired)[0];
    assert_eq!(rule.pattern, json!({"source": ["aws.health"], "account": ["333333333333"]}));
    assert_eq!(rule.targets["baseline-topic"].transform, None, "the event as it is");
}

#[test]
fn other_peoples_targets_and_what_is_not_declared_of_ours_stay() {
    let estate = estate(FORWARDED, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
    let mut wanted = rules(&desired)[0].1.clone();
    let mut seen = wanted.clone();
    seen.other_targets.insert("theirs".to_owned(), "arn:aws:sqs:eu-west-1:222222222222:q".to_owned());
    seen.targets.get_mut("baseline-topic").unwrap().retry = Some((Some(60), None));
    seen.tags.insert("Team".to_owned(), "soc".to_owned());
    assert!(wanted.refusals(Some(&seen), &Terms::default())[0].contains("lose target theirs"));
    wanted.adopt(&seen, &Terms::default());
    assert_eq!(wanted, seen);
    assert!(wanted.refusals(Some(&seen), &Terms::default()).is_empty());
    wanted.pattern = json!({"source": ["x".repeat(MOST_CHARS)]});
    assert!(wanted.refusals(None, &Terms::default())[0].contains("AWS takes 4096"));
}

#[test]
fn a_bus_of_another_account_is_not_reached_without_a_role() {
    let estate = estate(FORWARDED, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "333333333333", &["eu-west-1"]);
    let (desired, rule) = rules(&desired)[0];
    let terms = Terms { address: Some(desired.address.clone()), ..Terms::default() };
    assert!(rule.refusals(None, &terms).is_empty());
    let mut bare = rule.clone();
    bare.targets.get_mut("baseline-bus").unwrap().role = None;
    assert!(bare.refusals(None, &terms)[0].contains("without a role"));
}

fn warnings(profiles: &str, baseline: &str) -> Vec<String> {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let loaded = load(&source("p", profiles), Some(&source("b", baseline))).unwrap();
    let warnings = loaded.warnings.list.into_iter().filter(|problem| problem.severity == Severity::Warning);
    warnings.map(|problem| problem.message).collect()
}

#[test]
fn what_forwards_little_is_warned_of() {
    assert!(warnings(PROFILES, FORWARDED).is_empty());
    let bare = "name = 'x'\n[events]\n";
    let forward = |preset: &str| format!("{bare}[[events.forward]]\npreset = '{preset}'\n[notify]\n");
    let without = PROFILES.replace("name = \"search\"", "name = \"search\"\nregions = { exclude = [\"us-east-1\"] }");
    // A trail that records none is no reason to refuse the file.
    let elsewhere = FORWARDED.replace("[cloudtrail]", "[cloudtrail]\ninclude_global_service_events = false");
    let told = [
        warnings(PROFILES, bare),
        warnings(PROFILES, &forward("guardduty-findings")),
        warnings(PROFILES, &forward("root-login")),
        warnings(&without, &format!("{elsewhere}[[events.forward]]\npreset = 'root-login'\n")),
    ];
    insta::assert_debug_snapshot!(told);
}

#[test]
fn a_long_pattern_is_warned_of_and_tried() {
    let text = format!(
        "name = 'x'\n[notify]\n[events]\n[[events.forward]]\nname = 'mine'\npattern = '{{\"source\": [\"{}\"]}}'",
        "x".repeat(3_000)
    );
    assert!(warnings(PROFILES, &text)[0].contains("3015 characters"), "{:?}", warnings(PROFILES, &text));
    let estate = estate(&text, &["eu-west-1"]);
    let desired = estate.desire(Service::Eventbridge, "222222222222", &[]);
    assert_eq!(desired[1].obstacle, None);
    assert_eq!(rules(&desired)[0].1.pattern.get("account"), None);
}

#[test]
fn the_file_says_what_is_selected_and_told() {
    let text = "name = 'x'\n[notify]\n[events]\nexclusive = true\nrole_name = 'Forward'\n[[events.forward]]\npreset = \
                'root-login'\nraw = true\n[[events.forward]]\nname = 'high'\npreset = \
                'guardduty-findings'\nminimum_severity = 7\ntransform = { paths = { a = '$.account' }, template = \
                '\"<a>\"' }\n";
    let estate = estate(text, &[]);
    let events = estate.baseline.events.as_ref().unwrap();
    assert_eq!((events.exclusive, events.role_name.as_str(), events.bus.as_str()), (true, "Forward", "default"));
    let [root, high] = &events.forward[..] else { panic!("two") };
    assert_eq!((root.name.as_str(), &root.transform), ("root-login", &None));
    assert_eq!(high.name, "high");
    assert_eq!(high.what, Selected::Preset { preset: Preset::GuarddutyFindings, minimum_severity: Some(70) });
    assert_eq!(high.transform.as_ref().unwrap().template, "\"<a>\"");
}

#[test]
fn every_region_of_an_account_is_read_and_in_the_security_account_every_one_that_receives() {
    let estate = estate(FORWARDED, &["eu-west-1", "us-east-1"]);
    let regions = [region("eu-west-1"), region("af-south-1")];
    let cells = |account: &str| {
        let place = Place { account: estate.account(account), regions: &regions };
        let cells = Service::Eventbridge.cells(&estate.declared(), &place);
        cells.into_iter().map(|target| target.region.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(cells("333333333333"), ["af-south-1", "eu-west-1"]);
    assert_eq!(cells("222222222222"), ["af-south-1", "eu-west-1", "us-east-1"]);
    let bus = receiving_bus(&estate.declared(), &region("eu-west-1")).unwrap();
    assert_eq!(bus.kind, Kind::EventbridgeBus);
}
