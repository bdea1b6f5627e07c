use serde_json::{Value, json};

use super::*;
use crate::model::{Fault, OpError, Region, RunId, Target};
use crate::plan::file::{Allowed, PlanFileError, SEAL, SavedPlan};
use crate::plan::{Action, Blocked, Change, Known, Orphan, Scope, Unreadable};
use crate::report::human;
use crate::services::estate::{Estate, PROFILES, id, region};
use crate::services::{Found, Note, Ownership, Service, Spec, Undelivered};

const STANDARD: &str = include_str!("../../../baselines/standard.toml");
const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];

fn estate() -> Estate {
    let more = "\n[[notify.subscription]]\nprotocol = 'https'\nendpoint = 'https://hooks.example.com/s3cr3t'\n\
                [[notify.subscription]]\nprotocol = 'sqs'\nendpoint = 'arn:aws:sqs:eu-west-1:444444444444:alerts'\n";
    let mut estate = Estate::new(PROFILES, &format!("{STANDARD}{more}"));
    let regions: Vec<Region> = REGIONS.iter().map(|name| region(name)).collect();
    let accounts = ["222222222222", "333333333333", "444444444444"].map(id);
    estate.shared.regions = accounts.into_iter().map(|id| (id, regions.clone())).collect();
    estate.shared.hub = regions;
    estate
}

fn error(target: &Target) -> OpError {
    OpError {
        account: target.account,
        region: region("us-west-2"),
        role: Some("arn:aws:iam::444444444444:role/Execution".to_owned()),
        service: "cloudtrail".to_owned(),
        operation: "DescribeTrails".to_owned(),
        fault: Fault::Denied,
        code: Some("AccessDeniedException".to_owned()),
        message: "„no“ {account}".to_owned(),
        request_id: None,
        attempts: 3,
        hint: Some("ask".to_owned()),
    }
}

/// Everything that `standard.toml` declares: to be made, to be changed and to be removed; and one of all else.
fn plan() -> Plan {
    let estate = estate();
    let mut plan = Plan { in_sync: 7, scope: Scope { accounts: 3, targets: 9, most: 4 }, ..Plan::default() };
    for account in ["222222222222", "333333333333", "444444444444"] {
        for desired in Service::ALL.iter().flat_map(|service| estate.desire(*service, account, &REGIONS)) {
            let action = [Action::Create, Action::Update, Action::Delete][plan.changes.len() % 3];
            let before = plan.changes.iter().rev().find(|change| change.address.kind == desired.address.kind);
            let spec = match before {
                // The same elsewhere, so that something differs.
                Some(other) if action == Action::Update => other.desired.clone(),
                _ => desired.spec.clone(),
            };
            let seen = (action != Action::Create).then_some(&spec);
            let (reason, fields) = Change::follows(action, seen, &desired.spec);
            let found = Found {
                address: desired.address.clone(),
                spec,
                arn: format!("arn:aws:kms:eu-west-1:{account}:key/{}", plan.changes.len()).parse().unwrap(),
                ownership: if plan.changes.len().is_multiple_of(2) { Ownership::Ours } else { Ownership::Unmarked },
            };
            plan.changes.push(Change {
                address: desired.address,
                action,
                reason,
                fields,
                requires: desired.requires,
                depth: 2,
                desired: desired.spec,
                seen: (action != Action::Create).then_some(found),
            });
        }
    }
    let address = plan.changes[0].address.clone();
    let target = address.target.clone();
    plan.blocked.push(Blocked::new(address.clone(), "x", None));
    plan.undelivered.push(Undelivered { address: address.clone(), reason: "y".to_owned(), hint: "z".to_owned() });
    plan.orphans.push(Orphan { address, fate: "kept".to_owned() });
    plan.notes.push(Note { target: target.clone(), topic: "t".to_owned(), text: "u".to_owned() });
    for service in [None, Some(Service::Cloudtrail)] {
        plan.unreadable.push(Unreadable { target: target.clone(), service, error: error(&target) });
    }
    plan.names.insert(id("333333333333"), "payments \"é\"".to_owned());
    plan.regions = estate.shared.regions.clone();
    plan.known = Known { regions: estate.shared.regions, hub: estate.shared.hub, ..Known::default() };
    plan
}

fn origin() -> Origin {
    Origin {
        tool: "0.1.0".to_owned(),
        run: RunId::new(1_795_380_780, 0x1a2b),
        baseline: Digest::of_bytes(b"baseline"),
        profiles: Digest::of_bytes(b"profiles"),
        selection: vec!["--account=pay*".to_owned()],
        allowed: Allowed { prune: true, ..Allowed::default() },
    }
}

fn saved(plan: &Plan) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&origin(), plan, &mut bytes).unwrap();
    bytes
}

/// A file of this content whose digest is right, as somebody makes it who means it.
fn forged(content: &str) -> Vec<u8> {
    let content = content.strip_suffix('}').unwrap();
    format!("{content}{}", seal(&Digest::of_bytes(content.as_bytes()))).into_bytes()
}

fn content(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    format!("{}}}", &text[..text.rfind(SEAL).unwrap()])
}

/// A document without its digest, and with what is looked for first at its beginning.
fn resealable(document: &Value) -> String {
    const HEAD: [&str; 3] = ["kind", "format", "tool"];
    let members = document.as_object().unwrap();
    let first = HEAD.iter().filter_map(|name| members.get_key_value(*name));
    let rest = members.iter().filter(|(name, _)| *name != "digest" && !HEAD.contains(&name.as_str()));
    let all = first.chain(rest).map(|(name, value)| format!("{}:{value}", json!(name)));
    format!("{{{}}}", all.collect::<Vec<_>>().join(","))
}

#[test]
fn what_is_read_is_what_was_saved() {
    let plan = plan();
    let kinds: std::collections::BTreeSet<_> = plan.changes.iter().map(|change| change.address.kind).collect();
    assert!(kinds.len() > 12, "{kinds:?}");
    let bytes = saved(&plan);
    let read = SavedPlan::read(&bytes).unwrap();
    assert_eq!(read.origin, origin());
    assert_eq!(read.plan, plan);
    // Policies are equal where they mean the same: here they are the same.
    let value = |plan: &Plan| serde_json::to_value(plan).unwrap();
    assert_eq!(value(&read.plan), value(&plan));
    assert_eq!(saved(&read.plan), bytes);
}

#[test]
fn a_saved_plan_shows_what_it_does_whatever_the_file_says_of_it() {
    let plan = plan();
    let mut document: Value = serde_json::from_slice(&saved(&plan)).unwrap();
    for change in document["changes"].as_array_mut().unwrap() {
        change["reason"] = json!("nothing to see here");
        change["fields"] = json!([{ "path": ["tags", "Team"], "change": "added", "after": "ops" }]);
    }
    let harmless = forged(&resealable(&document));
    for change in document["changes"].as_array_mut().unwrap() {
        change["fields"] = json!([]);
    }
    let empty = forged(&resealable(&document));
    for (name, bytes) in [("one harmless field", harmless), ("no field", empty)] {
        let read = SavedPlan::read(&bytes).unwrap().plan;
        for (read, change) in read.changes.iter().zip(&plan.changes) {
            assert_eq!((&read.reason, &read.fields), (&change.reason, &change.fields), "{name}: {}", read.address);
        }
        assert_eq!(read, plan, "{name}");
    }
}

#[test]
fn no_text_of_a_saved_plan_moves_a_cursor() {
    let mut document: Value = serde_json::from_slice(&saved(&plan())).unwrap();
    // Every text that a file may say as it likes; resources' own are quoted where they are shown.
    const ESCAPES: &str = "x\u{1b}[2K\r\u{9b}1A\u{7f}";
    for part in ["origin", "blocked", "undelivered", "orphans", "notes", "unreadable", "estate", "changes"] {
        infest(&mut document[part], ESCAPES);
    }
    let SavedPlan { origin, plan } = SavedPlan::read(&forged(&resealable(&document))).unwrap();
    let mut seen = format!("{} {:?}", origin.tool, origin.selection.join(" "));
    for change in &plan.changes {
        seen += &format!("{}{}{:?}", change.address, change.reason, change.requires.iter().map(ToString::to_string));
    }
    for error in plan.unreadable.iter().map(|unreadable| &unreadable.error) {
        seen += &format!("{error} {:?} {:?}", error.hint.as_deref().unwrap(), error.role);
        assert!(!error.hint.as_deref().unwrap().contains(char::is_control));
    }
    for details in [false, true] {
        seen += &human::plan(&plan, details);
    }
    assert!(seen.contains("x\\u{1b}[2K"), "the texts are there");
    let mut rest = seen.as_str();
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n') {
        let colour =
            rest[at..].strip_prefix("\u{1b}[").map(|s| s.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
        let after = colour.and_then(|after| after.strip_prefix('m'));
        rest = after.unwrap_or_else(|| panic!("{:?}", &rest[at..].chars().take(40).collect::<String>()));
    }
}

/// Puts something behind every text that has no form of its own.
fn infest(value: &mut Value, what: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| infest(item, what)),
        Value::Object(fields) => {
            const FREE: [&str; 11] =
                ["reason", "hint", "fate", "topic", "text", "role", "code", "message", "operation", "address", "tool"];
            for (key, field) in fields {
                match field {
                    Value::String(text) if FREE.contains(&key.as_str()) => text.push_str(what),
                    Value::Object(names) if key == "names" => {
                        names.values_mut().for_each(|name| *name = json!(format!("{}{what}", name.as_str().unwrap())));
                    }
                    Value::Array(items) if key == "selection" || key == "requires" => {
                        items.iter_mut().for_each(|item| *item = json!(format!("{}{what}", item.as_str().unwrap())));
                    }
                    _ => infest(field, what),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn an_empty_plan_is_a_file_too() {
    let bytes = saved(&Plan::default());
    assert_eq!(SavedPlan::read(&bytes).unwrap().plan, Plan::default());
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn no_secret_is_saved() {
    let text = String::from_utf8(saved(&plan())).unwrap();
    assert!(text.contains("hooks.example.com") && !text.contains("s3cr3t"));
}

#[test]
fn what_differs_by_its_place_alone_is_written_once() {
    let estate = estate();
    let one = |account: &str, place: &str| {
        let desired = estate.desire(Service::Cloudtrail, account, &[place]).remove(0);
        let mut change = plan().changes.remove(0);
        (change.address, change.desired) = (desired.address, desired.spec);
        change
    };
    // Not the home Region, which also stands in the bucket's name.
    let places =
        ["333333333333", "444444444444"].into_iter().flat_map(|a| [(a, "ap-northeast-1"), (a, "ap-southeast-1")]);
    let changes: Vec<Change> = places.map(|(account, place)| one(account, place)).collect();
    let bytes = saved(&Plan { changes: changes.clone(), ..Plan::default() });
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(document["specs"].as_array().unwrap().len(), 1, "{:#}", document["specs"]);
    assert_eq!(SavedPlan::read(&bytes).unwrap().plan.changes, changes);
}

#[test]
fn a_resource_that_says_what_stands_for_a_place_is_written_as_it_is() {
    let mut plan = plan();
    let change = plan.changes.iter_mut().find(|c| c.address.kind.as_str() == "cloudtrail.trail").unwrap();
    (change.action, change.seen) = (Action::Create, None);
    (change.reason, change.fields) = Change::follows(Action::Create, None, &change.desired);
    let Spec::CloudtrailTrail(trail) = &mut change.desired else { panic!() };
    let own = plan.names.keys().next().unwrap().to_string();
    trail.tags.insert("a".to_owned(), format!("{{account}} {own}"));
    trail.tags.insert(own, "{region}".to_owned());
    assert_eq!(SavedPlan::read(&saved(&plan)).unwrap().plan, plan);
}

#[test]
fn the_two_files_have_to_be_the_same() {
    let plan = SavedPlan::read(&saved(&Plan::default())).unwrap();
    let (baseline, profiles, other) = (&plan.origin.baseline, &plan.origin.profiles, Digest::of_bytes(b""));
    assert_eq!(plan.is_of(Some(baseline), profiles), Ok(()));
    let error = |baseline, profiles| plan.is_of(baseline, profiles).unwrap_err().to_string();
    insta::assert_snapshot!(
        [error(Some(&other), profiles), error(Some(baseline), &other), error(None, &other)].join("\n")
    );
}

#[test]
fn every_file_that_is_not_a_whole_plan_is_refused_with_a_way_out() {
    let bytes = saved(&plan());
    let text = String::from_utf8(bytes.clone()).unwrap();
    let content = content(&bytes);
    let pretty = serde_json::to_string_pretty(&serde_json::from_slice::<Value>(&bytes).unwrap()).unwrap();
    let deep = format!("{{\"kind\":\"plan\",\"format\":1,\"tool\":{}", "[".repeat(100_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("blanks", b" \n".to_vec()),
        ("text", b"kind = 'plan'\n".to_vec()),
        ("bytes", vec![0xff, 0xfe, 0x00]),
        ("another document", b"{\"kind\":\"plane\",\"format\":1}".to_vec()),
        ("what --format json prints", b"{\n  \"blocked\": [],\n  \"changes\": []\n}\n".to_vec()),
        ("a record", b"{\"at\":1,\"event\":\"run_started\"}\n".to_vec()),
        ("a newer format", text.replacen("\"format\":1", "\"format\":2", 1).replacen("0.1.0", "7.0.1", 1).into_bytes()),
        ("an older format", text.replacen("\"format\":1", "\"format\":0", 1).into_bytes()),
        ("a format beyond all", b"{\"kind\":\"plan\",\"format\":99999999999999999999999}".to_vec()),
        ("cut in the head", bytes[..40].to_vec()),
        ("cut in half", bytes[..bytes.len() / 2].to_vec()),
        ("cut in the digest", bytes[..bytes.len() - 5].to_vec()),
        ("one letter changed", text.replacen("payments", "Payments", 1).into_bytes()),
        ("put into another form", pretty.into_bytes()),
        ("something added", format!("{text}{{}}").into_bytes()),
        ("the digest changed", text.replacen(SEAL, ",\"digest\":\"0", 1).into_bytes()),
        ("as deep as can be", deep.into_bytes()),
        ("forged: no changes", forged(&content.replacen("\"changes\"", "\"change\"", 1))),
        ("forged: an unknown kind", forged(&content.replacen("kms.key", "kms.lock", 1))),
        ("forged: a resource that is not there", forged(&content.replacen("\"desired\":0", "\"desired\":9999", 1))),
        ("forged: a negative depth", forged(&content.replacen("\"depth\":2", "\"depth\":-1", 1))),
    ];
    let mut said = String::new();
    for (name, bytes) in cases {
        let error = SavedPlan::read(&bytes).unwrap_err();
        said.push_str(&format!("{name}: {error}\n  {}\n", error.help()));
    }
    // Where in the file is no matter of this test, and changes with every kind of resource.
    insta::with_settings!({ filters => vec![(r"at line \d+ column \d+", "at line L column C")] }, {
        insta::assert_snapshot!(said);
    });
}

#[test]
fn a_small_file_does_not_become_a_large_plan() {
    let mut plan = Plan { changes: vec![plan().changes.remove(0)], ..Plan::default() };
    let content = content(&saved(&plan));
    let entry = |name: usize| {
        format!(
            "{{\"address\":\"222222222222/eu-west-1/kms.key/{name}\",\"action\":\"create\",\"reason\":\"\",\
             \"requires\":[],\"depth\":0,\"desired\":0,\"seen\":null}}"
        )
    };
    plan.changes.clear();
    let entries: Vec<String> = (0..20_000).map(entry).collect();
    let start = content.find("\"changes\":[").unwrap() + "\"changes\":[".len();
    let end = start + content[start..].find("],\"unreadable\"").unwrap();
    let large = format!("\"description\":\"{}\"", "x".repeat(1_000_000));
    let content = format!("{}{}{}", &content[..start], entries.join(","), &content[end..]);
    let content = content.replacen("\"description\":\"Encrypts the logs of every account\"", &large, 1);
    assert_eq!(SavedPlan::read(&forged(&content)), Err(PlanFileError::TooLarge));
}

/// Complains where a value is not what a schema says: the few words that ours uses, and a panic at any other.
fn fits(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    let said = schema.as_object().unwrap();
    for (word, says) in said {
        let right = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "additionalProperties" => true,
            "$ref" => {
                let name = says.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                fits(value, &root["$defs"][name], root, at)?;
                true
            }
            "type" => {
                let is = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                says == is || says.as_array().is_some_and(|types| types.iter().any(|one| one == is))
            }
            "const" => value == says,
            "enum" => says.as_array().unwrap().contains(value),
            "minimum" => value.as_u64() >= says.as_u64(),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    fits(item, says, root, &format!("{at}/{index}"))?;
                }
                true
            }
            "required" => value.as_object().is_none_or(|fields| {
                says.as_array().unwrap().iter().all(|key| fields.contains_key(key.as_str().unwrap()))
            }),
            "properties" => {
                for (key, field) in value.as_object().into_iter().flatten() {
                    match says.get(key) {
                        Some(schema) => fits(field, schema, root, &format!("{at}/{key}"))?,
                        None if said.get("additionalProperties") == Some(&json!(false)) => {
                            return Err(format!("{at}/{key} is unknown"));
                        }
                        None => {}
                    }
                }
                true
            }
            other => panic!("{other}"),
        };
        if !right {
            return Err(format!("{at} is not as `{word}` says: {value}"));
        }
    }
    Ok(())
}

#[test]
fn both_forms_of_a_plan_are_as_the_schema_says() {
    let schema: Value = serde_json::from_str(crate::report::json::PLAN_SCHEMA).unwrap();
    let mut printed = Vec::new();
    crate::report::json::write_plan(&plan(), &mut printed).unwrap();
    let [printed, saved]: [Value; 2] = [&printed, &saved(&plan())].map(|bytes| serde_json::from_slice(bytes).unwrap());
    for document in [&printed, &saved] {
        assert_eq!(fits(document, &schema, &schema, ""), Ok(()));
        for member in document.as_object().unwrap().keys() {
            let mut less = document.clone();
            less.as_object_mut().unwrap().remove(member);
            let required = schema["required"].as_array().unwrap().contains(&json!(member));
            assert_eq!(fits(&less, &schema, &schema, "").is_err(), required, "{member}");
            let mut other = document.clone();
            other[member] = json!(1.5e300);
            assert!(fits(&other, &schema, &schema, "").is_err(), "{member}");
        }
    }
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(members(&saved), members(&schema["properties"]), "every member that is described is there");
    assert!(members(&printed).is_subset(&members(&saved)));
}

proptest::proptest! {
    #[test]
    fn no_cut_and_no_changed_byte_gets_through(at in proptest::prelude::any::<proptest::sample::Index>(), byte: u8) {
        static BYTES: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            saved(&Plan { changes: plan().changes.drain(..3).collect(), ..Plan::default() })
        });
        let bytes = BYTES.clone();
        let at = at.index(bytes.len() - 1);
        proptest::prop_assert!(SavedPlan::read(&bytes[..at]).is_err());
        let mut changed = bytes.clone();
        changed[at] = byte;
        proptest::prop_assert_eq!(SavedPlan::read(&changed).is_ok(), changed == bytes);
    }
}
