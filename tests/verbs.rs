//! `docs/sandbox.md`: made from what the control endpoint takes, and every example in it is run.
//!
//! A verb needs no more than its line of documentation in `src/sandbox/control.rs`: its example is made of the arguments
//! that cannot be left out, with the values of [`values`], and of a last line `Example: {…}` where there is one.

use std::fmt::Write as _;

use baseline::sandbox::{raise_schema, tamper_schema};
use serde_json::{Map, Value, json};

use super::support::estate::{Estate, LEDGER, PAYMENTS, PROFILES, request, standard};
use super::support::page_is_up_to_date;

/// What arguments are in examples, by name: what there is in the estate of the page.
fn values() -> Value {
    json!({
        "account": PAYMENTS, "region": "eu-west-1", "to": LEDGER, "administrator": "999999999999",
        "name": "theirs", "role": "Intruder", "policy": {
            "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" }],
        },
        "bucket": "baseline-logs-222222222222-eu-west-1",
        "key": "arn:aws:kms:eu-west-1:222222222222:alias/baseline-logs",
        "arn": "arn:aws:cloudtrail:us-east-1:333333333333:trail/baseline",
        "topic": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
        "queue": "arn:aws:sqs:eu-west-1:444444444444:alerts",
        "function": "arn:aws:lambda:eu-west-1:333333333333:function:chat",
        "source": "arn:aws:sns:eu-west-1:222222222222:baseline-alerts",
        "operation": "cloudtrail:*", "service": "cloudtrail", "rule": "baseline-cloud-trail-enabled",
        "subscription": "security@example.com", "feature": "RDS_LOGIN_EVENTS", "effect": "lose",
        "payload": { "Records": [] },
    })
}

const HEAD: &str = "\
# The simulated estate

Generated from the code; `UPDATE_DOCS=1 cargo test verbs::` writes it anew, and the tests run every example.

`baseline sandbox` serves a simulation of AWS on loopback, with the accounts and roles of a profiles file.

```sh
baseline sandbox --profiles profiles.toml > sandbox.env &
. ./sandbox.env
baseline apply --yes
aws --profile payments-prod sts get-caller-identity
```

`baseline sandbox --help` says what the simulation does not model.

## AWS profiles

`AWS_CONFIG_FILE` names a file of the simulation with an AWS profile for every account. Each gets in as this tool does: by
the roles and external ids of the profiles file, one after the other.

| profile | account |
|---|---|
| `default`, and the `profile` of `[jump]` | where everything starts, without a role |
| `jump`, `security`, `log-archive` | those of the profiles file |
| the account's name | that account; what is no letter, digit or one of `_.@+-` is a hyphen: `data lab` is `data-lab` |
| the account's name and id (`data-lab-333333333333`) | where two accounts have the name, or it is one of those above |
| the account's id | that account |

Say `--profile NAME`, or `profile_name=` in boto3: the keys in the environment go before the variable `AWS_PROFILE`. A
jump role that a device guards is open to its profile; to everybody else its only code is 123456.

## What somebody does behind the owner's back

`POST /_sandbox/tamper` takes one JSON object: `do` is the verb, the rest its arguments.

```sh
curl \"$AWS_ENDPOINT_URL/_sandbox/tamper\" -d '{\"do\": \"stop-logging\", \"account\": \"333333333333\", \"region\": \"eu-west-1\"}'
```

It answers `{\"done\":true}`; 404 and why where there is nothing to act on; 400 where it cannot read the object. `GET` on the
same path answers the JSON Schema.

The examples are of an estate whose security account is 222222222222, at home in eu-west-1, with the projects 333333333333
and 444444444444, after `baseline apply` of baselines/standard.toml with a queue, a function and an e-mail address
subscribed. They run in the order of this page.
";

const RAISE: &str = "
## What AWS's services say

`POST /_sandbox/raise` lets a service put an event on the default bus of an account, which `PutEvents` refuses to everybody
else. It answers what became of the event: how many rules matched it, to how many buses it was sent on, to how many queues,
functions and mailboxes it was delivered, and why not to others. `GET` answers the JSON Schema.

";

const REST: &str = "
## What there is, and what was called

| request | answers |
|---|---|
| `GET /_sandbox/state` | every account's resources, messages in queues and what went to mailboxes |
| `GET /_sandbox/calls` | every operation, how often it was called by which account in which Region, and how it ended |
| `POST /_sandbox/calls/reset` | forgets the calls |
| `GET /_sandbox/faults` | the faults in force, and what each hit |
";

/// A description in one line, and the object of its last line `Example: {…}`.
fn described(schema: &Value) -> (String, Map<String, Value>) {
    let text = schema["description"].as_str().unwrap_or_default();
    let (text, example) = text.split_once("Example:").unwrap_or((text, "{}"));
    let text = without_links(text);
    let example = example.trim().trim_matches('`');
    let example = serde_json::from_str(example).unwrap_or_else(|error| panic!("{example}: {error}"));
    (text.split_whitespace().collect::<Vec<_>>().join(" "), example)
}

/// Of links to the code, their words.
fn without_links(text: &str) -> String {
    let link = text.split_once("[`").and_then(|(before, rest)| Some((before, rest.split_once("](super::")?)));
    let Some((before, (words, rest))) = link else { return text.to_owned() };
    let (_, rest) = rest.split_once(')').unwrap_or_default();
    format!("{before}`{words}{}", without_links(rest))
}

/// Whether an argument cannot be left out.
fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().into_iter().flatten().any(|required| required == name)
}

/// What an argument is, for a reader.
fn kind(schema: &Value) -> String {
    if let Some(title) = schema["title"].as_str() {
        return title.to_owned();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let of = |choice: &Value| {
            let words = |word: &Value| word.as_str().map(|word| format!("`\"{word}\"`"));
            let object = choice["properties"].as_object().and_then(|members| members.iter().next());
            let inner = |(name, inner): (&String, &Value)| {
                let members = inner["properties"].as_object().into_iter().flat_map(|members| members.keys());
                format!("`{{\"{name}\": {{…}}}}` ({})", members.cloned().collect::<Vec<_>>().join(", "))
            };
            let said = choice["enum"].as_array().into_iter().flatten().chain([&choice["const"]]).filter_map(words);
            object.map(inner).unwrap_or_else(|| said.collect::<Vec<_>>().join(", "))
        };
        return choices.iter().map(of).collect::<Vec<_>>().join(", ");
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(some) => some.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => Vec::new(),
    };
    match types[..] {
        ["array"] => format!("list of {}", kind(&schema["items"])),
        ["string"] => "text".to_owned(),
        [one] => one.to_owned(),
        _ => "JSON".to_owned(),
    }
}

/// The example of a verb.
fn example(schema: &Value) -> Value {
    let values = values();
    let (_, told) = described(schema);
    let mut made = Map::from_iter([("do".to_owned(), schema["properties"]["do"]["const"].clone())]);
    for (name, argument) in schema["properties"].as_object().unwrap() {
        if name != "do" && is_required(schema, name) {
            let otherwise = match kind(argument).as_str() {
                "integer" | "number" => json!(1),
                "boolean" => json!(true),
                "JSON" | "object" => json!({}),
                kind if kind.starts_with("list") => json!([]),
                "ARN" => values["arn"].clone(),
                _ => json!("example"),
            };
            made.insert(name.clone(), values.get(name).cloned().unwrap_or(otherwise));
        }
    }
    made.extend(told);
    Value::Object(made)
}

fn verbs() -> Vec<Value> {
    tamper_schema()["oneOf"].as_array().unwrap().clone()
}

/// The events that can be raised, with what each is.
fn events() -> Vec<(String, String)> {
    let schema = raise_schema();
    let events = schema["properties"]["event"]["anyOf"][0]["oneOf"].as_array().unwrap().clone();
    events.iter().map(|event| (event["const"].as_str().unwrap().to_owned(), described(event).0)).collect()
}

fn raised(event: &str) -> Value {
    // Global services are recorded there alone.
    let region = if ["root-login", "iam-change"].contains(&event) { "us-east-1" } else { "eu-west-1" };
    let mut raise = json!({ "account": PAYMENTS, "region": region, "event": event });
    if event == "config-compliance" {
        raise["detail"] = json!({ "configRuleName": "baseline-cloud-trail-enabled" });
    }
    raise
}

fn page() -> String {
    let mut text = HEAD.to_owned();
    for verb in verbs() {
        let (description, _) = described(&verb);
        let _ = write!(text, "\n### `{}`\n\n{description}\n", verb["properties"]["do"]["const"].as_str().unwrap());
        let arguments = verb["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "do");
        for (nth, (name, argument)) in arguments.enumerate() {
            let must = if is_required(&verb, name) { "" } else { ", can be left out" };
            let (what, _) = described(argument);
            let what = if what.is_empty() { what } else { format!(": {}", what.trim_end_matches('.')) };
            let _ = writeln!(text, "{}- `{name}`, {}{must}{what}", if nth == 0 { "\n" } else { "" }, kind(argument));
        }
        let _ = write!(text, "\n```json\n{}\n```\n", example(&verb));
    }
    text.push_str(RAISE);
    text.push_str("| `event` | what happens |\n|---|---|\n");
    for (name, what) in events() {
        let _ = writeln!(text, "| `{name}` | {what} |");
    }
    let schema = raise_schema();
    text.push('\n');
    for (name, argument) in schema["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "event") {
        let must = if is_required(&schema, name) { "" } else { ", can be left out" };
        let (what, _) = described(argument);
        let _ = writeln!(text, "- `{name}`, {}{must}: {}", kind(argument), what.trim_end_matches('.'));
    }
    let _ = write!(text, "\n```json\n{}\n```\n", raised("guardduty-finding"));
    text.push_str(REST);
    text
}

#[test]
fn the_page_about_the_sandbox_is_up_to_date() {
    page_is_up_to_date("docs/sandbox.md", &page());
}

#[test]
fn every_verb_says_what_it_does() {
    let verbs = verbs();
    assert!(verbs.len() > 30, "{}", verbs.len());
    for verb in &verbs {
        let (description, _) = described(verb);
        assert!(description.ends_with('.') && description.len() > 10, "{verb:#}");
    }
}

/// The estate that the page describes.
fn estate() -> Estate {
    let subscriptions =
        [("lambda", "arn:aws:lambda:eu-west-1:333333333333:function:chat"), ("email", "security@example.com")];
    let more = subscriptions.map(|(protocol, endpoint)| {
        format!("\n[[notify.subscription]]\nprotocol = \"{protocol}\"\nendpoint = \"{endpoint}\"\n")
    });
    let estate = Estate::new(PROFILES, &format!("{}{}", standard(), more.concat()));
    estate.make_queue("eu-west-1");
    estate.tamper(json!({ "do": "create-function", "account": PAYMENTS, "region": "eu-west-1", "name": "chat" }));
    // Nobody has confirmed the address.
    estate.apply(&[]);
    estate
}

#[test]
fn every_example_of_the_page_runs() {
    let estate = estate();
    let post = |path: &str, body: &Value| request(&estate.sandbox.endpoint(), "POST", path, &[], &body.to_string());
    let mut refused = Vec::new();
    for (event, _) in events() {
        let (status, answer) = post("/_sandbox/raise", &raised(&event));
        if status != 200 {
            refused.push(format!("{}: {status} {answer}", raised(&event)));
        }
    }
    for verb in verbs() {
        let example = example(&verb);
        let (status, answer) = post("/_sandbox/tamper", &example);
        if status != 200 {
            refused.push(format!("{example}: {status} {answer}"));
        }
    }
    assert!(
        refused.is_empty(),
        "a line `Example: {{…}}` at the end of the verb's documentation says what else is in its example:\n{}",
        refused.join("\n")
    );
    let (status, schema) = request(&estate.sandbox.endpoint(), "GET", "/_sandbox/tamper", &[], "");
    assert_eq!((status, serde_json::from_str::<Value>(&schema).unwrap()), (200, tamper_schema()));
}
