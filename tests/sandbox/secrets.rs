//! Nothing secret gets out: credentials, external ids, codes and URLs that carry a token are planted, everything is run
//! at the highest verbosity, and whatever was written anywhere is searched for them.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use baseline::sandbox::Options;
use serde_json::{Value, json};

use crate::support::estate::{BUCKET, Estate, HOME, PAYMENTS, SECURITY, standard};

/// The sandbox's start key, which has to be that one; whoever may know it need not read it in a log.
const START_KEY: &str = "AKIASANDBOXSIMULATED";
/// The simulated device shows this one and no other.
const MFA_CODE: &str = "123456";
const WRONG_MFA_CODE: &str = "654321";

/// Everything else that is planted. What belongs to a URL is in it escaped as it stands.
const PLANTED: [&str; 13] = [
    START_KEY,
    "planted-Secret/Key+0123456789",
    "planted-ext-jump",
    "planted-ext-security",
    "planted-ext-projects",
    "planted-ext-ledger",
    "planted-ext-wrong",
    "planted ext malformed",
    "planted-ext-in-a-list",
    "planted-path-T0B1",
    "planted-token-7c31",
    "planted-plain-http",
    "planted-twice",
];

const PROFILES: &str = r#"
[jump]
account = "111111111111"
role = "BaselineJump"
external_id = "planted-ext-jump"
MFA
baseline = false

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "planted-ext-security"
home_region = "eu-west-1"

[defaults]
role = "BaselineExecution"
external_id = "planted-ext-projects"
regions = { list = ["eu-west-1", "us-east-1"] }

[[account]]
id = "333333333333"
name = "payments"

[[account]]
id = "444444444444"
name = "ledger"
external_id = "planted-ext-ledger"
wave = 2
"#;

/// Opens a chat for whoever knows it.
const URL: &str = "https://chat.example.com/planted-path-T0B1?token=planted-token-7c31";

const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:runs";

/// The profiles, where the jump role asks for a device, or for none: a session has no way to show one.
fn profiles(device: bool) -> String {
    let mfa = if device { "mfa_serial = \"arn:aws:iam::111111111111:mfa/alice\"" } else { "" };
    PROFILES.replace("MFA", mfa)
}

/// Everything there is, a subscription whose URL opens a chat, and somebody to tell.
fn baseline() -> String {
    format!(
        "{}\n[[notify.subscription]]\nprotocol = \"https\"\n\
         endpoint = \"{URL}\"\n\n\
         [notify.run]\ntopic = \"{TOPIC}\"\n",
        standard()
    )
}

/// Where one of the planted stands in a text: they, whatever the sandbox gives out, and the codes.
fn found(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for planted in PLANTED {
        let escaped = planted.replace('/', "%2F").replace('+', "%2B").replace(' ', "%20");
        let spaced = planted.replace(' ', "+");
        if [planted, &escaped, &spaced].iter().any(|form| text.contains(form)) {
            found.push(planted.to_owned());
        }
    }
    for given in ["simulated-session-token", "simulated-secret"] {
        if text.contains(given) {
            found.push(given.to_owned());
        }
    }
    // Secret keys and key ids of sessions: what the sandbox makes up is their beginning and letters of base 32.
    for (beginning, letters) in [("simulated", 31), ("ASIA", 16)] {
        for (at, _) in text.match_indices(beginning) {
            let tail = text[at + beginning.len()..].bytes();
            let made_up = tail.take_while(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(b)).count();
            if made_up >= letters {
                found.push(text[at..at + beginning.len() + letters].to_owned());
            }
        }
    }
    // Six digits stand in digests and ids, too: as a word they do not.
    for code in [MFA_CODE, WRONG_MFA_CODE] {
        let part_of_more = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let word = |(at, _): (usize, &str)| {
            !part_of_more(text[..at].chars().next_back()) && !part_of_more(text[at + code.len()..].chars().next())
        };
        if text.match_indices(code).any(word) {
            found.push(code.to_owned());
        }
    }
    found
}

/// An estate whose runs are overheard.
struct Overheard {
    estate: Estate,
    format: &'static str,
    environment: Vec<(String, String)>,
    /// Who said it, and what.
    said: Vec<(String, String)>,
    /// Runs that did not end as they were meant to, and so may not have said what they were meant to.
    astray: Vec<String>,
}

impl Overheard {
    fn new(format: &'static str, profiles: &str, options: Options) -> Overheard {
        let estate = Estate::with(profiles, &baseline(), options);
        estate.make_queue(HOME);
        let owner = estate.admin(SECURITY);
        owner.sns("us-east-1", "CreateTopic", &[("Name", "runs")]);
        fs::create_dir(estate.directory.path().join("tmp")).unwrap();
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = vec![
            variable("AWS_SECRET_ACCESS_KEY", "planted-Secret/Key+0123456789"),
            variable("TMPDIR", estate.directory.path().join("tmp").to_str().unwrap()),
            variable("PATH", "/usr/bin:/bin"),
            // What makes other programs talk.
            variable("RUST_LOG", "trace"),
            variable("RUST_BACKTRACE", "1"),
        ];
        Overheard { estate, format, environment, said: Vec::new(), astray: Vec::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.estate.command(arguments);
        command.args(["-vvv", "--log-format", self.format]).envs(self.environment.iter().cloned());
        command
    }

    fn run(&mut self, arguments: &[&str], code: i32) {
        let output = self.command(arguments).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.code() != Some(code) {
            let tail: Vec<&str> = err.lines().rev().take(4).collect();
            self.astray.push(format!("{arguments:?} ended with {} instead of {code}: {tail:#?}", output.status));
        }
        self.said.push((format!("stdout of {arguments:?}"), out));
        self.said.push((format!("stderr of {arguments:?}"), err));
    }

    fn fault(&self, fault: Value) {
        let mut fault = fault;
        fault["do"] = json!("fault");
        self.estate.tamper(fault);
    }

    /// Whoever reads the chat confirms.
    fn confirm(&self) {
        self.estate.tamper(json!({ "do": "confirm-subscription", "subscription": URL }));
    }

    #[track_caller]
    fn drift(&self) {
        assert_eq!(self.astray, [""; 0]);
        for account in [SECURITY, PAYMENTS] {
            self.estate.tamper(json!({ "do": "stop-logging", "account": account, "region": HOME }));
        }
    }

    /// Everything that was said, and everything that lies anywhere by now.
    fn all(&self) -> Vec<(String, String)> {
        let mut all = self.said.clone();
        // The two files are where the secrets belong.
        files(self.estate.directory.path(), &mut all);
        all.retain(|(place, _)| !["profiles.toml", "baseline.toml"].iter().any(|file| place.ends_with(file)));
        let copies = self.said.iter().flat_map(|(_, text)| text.split(&['"', '\n'])).filter_map(|line| {
            let place = line.strip_prefix("copied the record to s3:/")?;
            Some(place.to_owned())
        });
        for place in [format!("/{BUCKET}/baseline/lock-{SECURITY}.json")].into_iter().chain(copies) {
            let text = self.estate.admin(SECURITY).s3("GET", &place, "");
            all.push((place, text));
        }
        for message in self.estate.state()["published"].as_array().unwrap() {
            all.push(("a message".to_owned(), message.to_string()));
        }
        all
    }

    /// Nothing that was said holds anything planted.
    #[track_caller]
    fn says_nothing(&self) {
        clean(&self.said);
        assert_eq!(self.astray, [""; 0]);
    }

    /// Nothing of it holds anything planted; answers the places, to show that there were some.
    #[track_caller]
    fn holds_nothing(&self) -> Vec<String> {
        let all = self.all();
        clean(&all);
        assert_eq!(self.astray, [""; 0]);
        all.into_iter().filter(|(_, text)| !text.is_empty()).map(|(place, _)| place).collect()
    }
}

/// Every place where something was found is told, with the line that it is in.
#[track_caller]
fn clean(all: &[(String, String)]) {
    let lines = |(place, text): &(String, String)| {
        let leaks = text.lines().filter(|line| !found(line).is_empty());
        leaks.map(|line| format!("{:?} in {place}: {line}", found(line))).collect::<Vec<_>>()
    };
    let leaks: Vec<String> = all.iter().flat_map(lines).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

fn files(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            let bytes = fs::read(&path).unwrap();
            into.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

#[track_caller]
fn includes(places: &[String], what: &[&str]) {
    for what in what {
        assert!(places.iter().any(|place| place.contains(what)), "{what} was not looked at: {places:#?}");
    }
}

/// A whole life, from nothing to a drift that is told and repaired.
fn a_life(format: &'static str) {
    let mut life = Overheard::new(format, &profiles(true), Options::default());
    let mfa = ["--mfa-code", MFA_CODE];
    life.run(&["validate"], 0);
    life.run(&[&["accounts"], &mfa[..]].concat(), 0);
    life.run(&[&["accounts", "--format", "json"], &mfa[..]].concat(), 0);
    life.run(&[&["plan", "--events", "plan.jsonl"], &mfa[..]].concat(), 2);
    life.run(&[&["plan", "--format", "json", "--out", "plan.json"], &mfa[..]].concat(), 2);
    for file in ["plan.json", "plan.jsonl"] {
        life.run(&["show", file], 0);
        life.run(&["show", file, "--format", "json"], 0);
    }
    // Nobody has confirmed what the URL is subscribed to.
    life.run(&[&["apply", "--yes", "--events", "first.jsonl", "--events-to-bucket"], &mfa[..]].concat(), 3);
    life.run(&[&["apply", "plan.json", "--yes", "--events", "saved.jsonl"], &mfa[..]].concat(), 0);
    life.confirm();
    life.drift();
    let hook = ["--on-drift", "cat > drift.json"];
    life.run(&[&["plan", "--out", "again.json"], &hook[..], &mfa[..]].concat(), 2);
    life.run(
        &[&["apply", "again.json", "--yes", "--format", "json", "--events", "second.jsonl"], &mfa[..]].concat(),
        0,
    );
    for file in ["first.jsonl", "saved.jsonl", "second.jsonl"] {
        life.run(&["show", file], 0);
        life.run(&["show", file, "--format", "json"], 0);
    }
    life.run(&[&["unlock", "--yes"], &mfa[..]].concat(), 0);
    let places = life.holds_nothing();
    let looked_at = [
        "stdout of [\"plan\"",
        "stderr of [\"apply\"",
        "/plan.json",
        "/plan.jsonl",
        "/first.jsonl",
        "/saved.jsonl",
        "/second.jsonl",
        "/again.json",
        "/drift.json",
        "/state/baseline/",
        "baseline/lock-",
        "baseline/runs/",
        "a message",
    ];
    includes(&places, &looked_at);
    assert!(life.said.iter().any(|(_, text)| text.contains("AssumeRole")), "the highest verbosity tells every call");
    assert!(life.said.iter().any(|(_, text)| text.contains("https://chat.example.com/…#")), "the URL's host is told");
}

#[test]
fn a_whole_life_in_text_gives_nothing_secret_away() {
    a_life("text");
}

#[test]
fn a_whole_life_in_json_gives_nothing_secret_away() {
    a_life("json");
}

/// Everything that goes wrong, with a session in the environment to start from.
fn a_bad_day(format: &'static str) {
    let mut day = Overheard::new(format, &profiles(false), Options::default());
    let session = day.estate.admin("111111111111");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::111111111111:role/Administrator" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "planted-ext-jump" } } }] });
    day.estate.tamper(json!({ "do": "set-trust", "account": "111111111111", "role": "BaselineJump", "policy": trust }));
    day.environment.push(("AWS_ACCESS_KEY_ID".to_owned(), session.key));
    day.environment.push(("AWS_SESSION_TOKEN".to_owned(), session.token));
    day.run(&["plan"], 2);

    // SNS and STS repeat what they do not like.
    let message = format!("Invalid parameter: Endpoint Reason: {URL} is not reachable");
    day.fault(json!({ "operation": "sns:Subscribe",
        "effect": { "fail": { "code": "InvalidParameter", "status": 400, "message": message } } }));
    day.run(&["apply", "--yes", "--events", "refused.jsonl"], 1);
    day.estate.tamper(json!({ "do": "clear-faults" }));
    day.run(&["apply", "--yes", "--events", "repaired.jsonl"], 3);
    day.confirm();
    // The second hop is the one from the jump role to the security account.
    let message =
        "1 validation error detected: Value 'planted-ext-security' at 'externalId' failed to satisfy constraint";
    day.fault(json!({ "operation": "sts:AssumeRole", "nth": 2,
        "effect": { "fail": { "code": "ValidationError", "status": 400, "message": message } } }));
    // Nobody can be told of it either.
    day.run(&["plan", "--events", "invalid.jsonl"], 1);
    day.estate.tamper(json!({ "do": "clear-faults" }));
    let right = profiles(false);
    day.estate.write_profiles(&right.replace("planted-ext-ledger", "planted-ext-wrong"));
    day.run(&["plan", "--format", "json", "--out", "wrong.json"], 3);
    day.run(&["apply", "--yes", "--events", "wrong.jsonl"], 3);
    day.run(&["accounts"], 3);
    day.estate.write_profiles(&right);

    day.drift();
    day.estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:StartLogging" }));
    day.fault(json!({ "effect": { "throttle": { "fraction": 0.2 } } }));
    day.run(&["apply", "--yes", "--events", "denied.jsonl", "--on-drift", "cat > denied.json"], 1);
    day.estate.tamper(json!({ "do": "clear-faults" }));
    day.estate.tamper(json!({ "do": "permit", "account": PAYMENTS }));
    day.estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "*" }));
    day.run(&["plan", "--on-drift", "exit 7"], 3);
    day.estate.tamper(json!({ "do": "permit", "account": PAYMENTS }));

    day.drift();
    stopped(&mut day);
    day.estate.tamper(json!({ "do": "expire-sessions" }));
    day.run(&["plan", "--events", "expired.jsonl"], 1);
    day.run(&["unlock", "--yes"], 1);

    let places = day.holds_nothing();
    includes(
        &places,
        &["/refused.jsonl", "/wrong.json", "/wrong.jsonl", "/denied.jsonl", "/denied.json", "/stopped.jsonl"],
    );
    includes(&places, &["/invalid.jsonl", "/expired.jsonl", "stdout of an apply that was stopped", "a message"]);
}

/// An apply that gets SIGTERM while a trail is being started.
fn stopped(day: &mut Overheard) {
    day.fault(json!({ "operation": "cloudtrail:StartLogging", "effect": { "latency": { "millis": 1500 } } }));
    let mut command = day.command(&["apply", "--yes", "--events", "stopped.jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Both pipes are emptied while the program runs: it waits where a pipe is full.
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = thread::spawn(move || io::read_to_string(out).unwrap());
    let err = thread::spawn(move || io::read_to_string(err).unwrap());
    while day.estate.sandbox.faults()[0].hit == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    assert_eq!(child.wait().unwrap().code(), None, "{out}\n{err}");
    assert!(err.contains("SIGTERM"), "{err}");
    day.said.push(("stdout of an apply that was stopped".to_owned(), out));
    day.said.push(("stderr of an apply that was stopped".to_owned(), err));
    day.estate.tamper(json!({ "do": "clear-faults" }));
}

#[test]
fn a_bad_day_in_text_gives_nothing_secret_away() {
    a_bad_day("text");
}

#[test]
fn a_bad_day_in_json_gives_nothing_secret_away() {
    a_bad_day("json");
}

#[test]
fn sessions_that_are_renewed_in_the_middle_are_told_by_no_name() {
    let options = Options { session_seconds: Some(3), ..Options::default() };
    let mut short = Overheard::new("json", &profiles(false), options);
    short.run(&["apply", "--yes", "--events", "short.jsonl"], 3);
    assert!(short.estate.called("AssumeRole", "ok") > 4 + 1, "none was renewed");
    includes(&short.holds_nothing(), &["/short.jsonl"]);
}

#[test]
fn codes_of_a_device_are_told_by_nobody() {
    for format in ["text", "json"] {
        let mut device = Overheard::new(format, &profiles(true), Options::default());
        // Nor can anybody be told of it.
        device.run(&["plan", "--mfa-code", WRONG_MFA_CODE, "--events", "code.jsonl"], 1);
        device.run(&["accounts", "--mfa-code", "planted-twice"], 3);
        let serial = "mfa_serial = \"arn:aws:iam::111111111111:mfa/alice\"";
        for program in ["echo 123456", "echo planted-twice", "echo planted-twice >&2; exit 7", "echo 654321"] {
            let command = format!("{serial}\nmfa_command = [\"sh\", \"-c\", \"{program}\"]");
            device.estate.write_profiles(&PROFILES.replace("MFA", &command));
            // What the program itself says on stderr is its own.
            if !program.contains(">&2") {
                device.run(&["accounts"], if program == "echo 123456" { 0 } else { 3 });
            }
        }
        device.says_nothing();
    }
}

#[test]
fn a_mistake_next_to_something_secret_is_shown_without_it() {
    for format in ["text", "json"] {
        let mut wrong = Overheard::new(format, &profiles(false), Options::default());
        let right = profiles(false);
        for (from, to) in [
            ("\"planted-ext-jump\"", "\"planted ext malformed\""),
            ("\"planted-ext-jump\"", "[\"planted-ext-in-a-list\"]"),
            ("\"planted-ext-jump\"", "\"planted-ext-jump"),
            ("external_id = \"planted-ext-jump\"", "external-id = \"planted-ext-jump\""),
            ("external_id = \"planted-ext-jump\"\n", "external_id = \"planted-ext-jump\"\nnonsense = 1\n"),
            ("external_id = \"planted-ext-jump\"\n", "external_id = \"planted-ext-jump\" nonsense\n"),
            (
                "external_id = \"planted-ext-jump\"\n",
                "external_id = \"planted-ext-jump\"\nexternal_id = \"planted-twice\"\n",
            ),
        ] {
            assert!(right.contains(from));
            wrong.estate.write_profiles(&right.replace(from, to));
            wrong.run(&["validate"], 65);
            wrong.run(&["plan"], 65);
        }
        wrong.estate.write_profiles(&right);
        let right = baseline();
        for to in [
            "\"http://chat.example.com/planted-plain-http\"",
            "\"https://chat.example.com/planted-path-T0B1 planted-token-7c31\"",
            "\"chat.example.com/planted-path-T0B1\"",
            "[\"https://chat.example.com/planted-path-T0B1\"]",
            "\"https://chat.example.com/planted-path-T0B1",
            "\"https://chat.example.com/planted-path-T0B1\" nonsense",
            "\"https://chat.example.com/planted-path-T0B1\"\nnonsense = 1",
        ] {
            assert!(right.contains(URL));
            wrong.estate.write_baseline(&right.replace(&format!("\"{URL}\""), to));
            wrong.run(&["validate"], 65);
        }
        wrong.says_nothing();
    }
}

#[test]
fn what_is_planted_where_it_is_printed_is_found_in_all_of_it() {
    let named = profiles(false).replace("name = \"payments\"", "name = \"planted-ext-wrong\"");
    let mut leak = Overheard::new("json", &named, Options::default());
    leak.run(&["apply", "--yes", "--format", "json", "--events", "run.jsonl"], 3);
    leak.confirm();
    leak.drift();
    leak.run(&["plan", "--out", "plan.json", "--on-drift", "cat > drift.json"], 2);
    let leaks: Vec<String> =
        leak.all().into_iter().filter(|(_, text)| !found(text).is_empty()).map(|(p, _)| p).collect();
    let expected =
        ["stdout of [\"apply\"", "stdout of [\"plan\"", "/run.jsonl", "/plan.json", "/drift.json", "a message"];
    includes(&leaks, &expected);
}

#[test]
fn what_is_looked_for_is_found_in_whatever_form_it_comes() {
    for text in [
        "key AKIASANDBOXSIMULATED",
        "planted-Secret%2FKey%2B0123456789",
        "planted+ext+malformed",
        "simulated-session-token/ABC",
        "\"simulatedABCDEFGHIJKLMNOPQRSTUVWXYZ23456\"",
        "ASIAABCDEFGHIJKLMNOP",
        "code=123456&",
        "(654321)",
    ] {
        assert_eq!(found(text).len(), 1, "{text}");
    }
    for text in ["a simulated estate", "7e123456ab", "1234567", "ASIA", "planted"] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}
