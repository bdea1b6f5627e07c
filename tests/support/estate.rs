//! A simulated estate for one test: a sandbox in this process, the two files in a directory of their own, and
//! `baseline` as a process that can reach nothing else.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use baseline::config::{Source, load};
use baseline::model::{AccountId, Partition};
use baseline::sandbox::{CallCount, Options, Sandbox, Tamper};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const SECURITY: &str = "222222222222";
pub const PAYMENTS: &str = "333333333333";
pub const LEDGER: &str = "444444444444";
pub const ARCHIVE: &str = "555555555555";
pub const HOME: &str = "eu-west-1";
pub const BUCKET: &str = "baseline-logs-222222222222-eu-west-1";
pub const KEY_ADDRESS: &str = "222222222222/eu-west-1/kms.key/baseline-logs";
pub const BUCKET_ADDRESS: &str = "222222222222/eu-west-1/s3.bucket/baseline-logs-222222222222-eu-west-1";

/// External ids: whatever the program prints, these are not in it.
pub const SECRETS: [&str; 3] = ["hush-security-4711", "hush-projects-0815", "hush-archive-1234"];

/// Jump without a role (and without the baseline), security, two projects; two Regions each.
pub const PROFILES: &str = r#"
[jump]
account = "111111111111"
baseline = false

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "hush-security-4711"
home_region = "eu-west-1"

[defaults]
role = "BaselineExecution"
external_id = "hush-projects-0815"
regions = { list = ["eu-west-1", "us-east-1"] }

[[account]]
id = "333333333333"
name = "payments"
groups = ["prod"]

[[account]]
id = "444444444444"
name = "ledger"
groups = ["dev"]
"#;

/// Every section, and something in each that is not AWS's default.
pub const BASELINE: &str = r#"
name = "test"

[tags]
cost-center = "security"

[log_key]

[log_bucket]
retention_days = 400

[cloudtrail]
exclude_kms_events = true

[[cloudtrail.data_events]]
resource_type = "AWS::S3::Object"
values = ["arn:aws:s3"]
"#;

/// `standard.toml` as it is shipped, with a queue of the second project that is subscribed.
pub fn standard() -> String {
    let shipped = std::fs::read_to_string(super::file("baselines/standard.toml")).unwrap();
    format!("{shipped}\n[[notify.subscription]]\nprotocol = \"sqs\"\nendpoint = \"{QUEUE}\"\n")
}

/// The queue of [`standard`].
pub const QUEUE: &str = "arn:aws:sqs:eu-west-1:444444444444:alerts";

/// What a finished run said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let ran = Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        for secret in SECRETS {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "a secret got out: {ran:?}");
        }
        assert!(!ran.out.contains("simulated-secret") && !ran.err.contains("simulated-secret"), "{ran:?}");
        assert!(!ran.out.contains("simulated-session-token") && !ran.err.contains("simulated-session-token"));
        ran
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// A sandbox with the files that describe it.
pub struct Estate {
    pub sandbox: Sandbox,
    pub directory: TempDir,
    // After the sandbox, so that it is dropped last.
    _runtime: tokio::runtime::Runtime,
}

impl Estate {
    pub fn new(profiles: &str, baseline: &str) -> Estate {
        Estate::with(profiles, baseline, Options::default())
    }

    pub fn with(profiles: &str, baseline: &str, options: Options) -> Estate {
        let source = Source { path: "profiles.toml".to_owned(), text: profiles.to_owned() };
        let loaded = load(&source, None).unwrap_or_else(|problems| panic!("{:?}", problems.list));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(&loaded.profiles, options)).unwrap();
        let estate = Estate { sandbox, directory: tempfile::tempdir().unwrap(), _runtime: runtime };
        estate.write_profiles(profiles);
        estate.write_baseline(baseline);
        estate
    }

    /// An estate that is as its files say.
    pub fn converged(profiles: &str, baseline: &str) -> Estate {
        let estate = Estate::new(profiles, baseline);
        estate.apply(&[]).ended(0);
        estate
    }

    /// Makes the queue of [`standard`], in this Region.
    #[track_caller]
    pub fn make_queue(&self, region: &str) {
        self.admin(LEDGER).sqs(region, "CreateQueue", json!({ "QueueName": "alerts" }));
    }

    /// Something of a list of the state, by its ARN.
    #[track_caller]
    pub fn arn_in(list: &Value, arn: &str) -> Value {
        let found = list.as_array().unwrap().iter().find(|one| one["arn"] == arn);
        found.unwrap_or_else(|| panic!("{arn}: {list:#}")).clone()
    }

    /// The calls that changed something, as `SERVICE:OPERATION ACCOUNT REGION`, each as often as it was made; without the
    /// objects that the tool puts for itself, its lock first of all.
    pub fn writes(&self) -> Vec<String> {
        self.all_writes().into_iter().filter(|write| !write.starts_with("s3:PutObject ")).collect()
    }

    /// The same, with the tool's own objects.
    pub fn all_writes(&self) -> Vec<String> {
        let calls = self.sandbox.calls();
        let line = |call: &CallCount| {
            let account = call.account.map(|id| id.to_string()).unwrap_or_default();
            format!("{}:{} {account} {}", call.service, call.operation, call.region)
        };
        calls.iter().filter(|call| call.mutating).flat_map(|call| (0..call.count).map(move |_| line(call))).collect()
    }

    pub fn write_profiles(&self, text: &str) {
        fs::write(self.directory.path().join("profiles.toml"), text).unwrap();
    }

    pub fn write_baseline(&self, text: &str) {
        fs::write(self.directory.path().join("baseline.toml"), text).unwrap();
    }

    /// `baseline` with the sandbox's environment and no other, and nobody to ask.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baseline"));
        command
            .env_clear()
            .envs(self.sandbox.environment())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env("XDG_STATE_HOME", self.directory.path().join("state"))
            .env("USER", "tester")
            .env("HOSTNAME", "bed")
            .current_dir(self.directory.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs with some variables of the environment changed.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        Ran::of(self.command(arguments).envs(environment.iter().copied()).output().unwrap())
    }

    pub fn apply(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["apply", "--yes"], arguments].concat())
    }

    /// `plan`, as people see it; shown to write nothing.
    #[track_caller]
    pub fn plan(&self, arguments: &[&str]) -> Ran {
        let before = self.sandbox.mutating_calls();
        let ran = self.run(&[&["plan"], arguments].concat());
        assert_eq!(self.sandbox.mutating_calls(), before, "plan wrote");
        ran
    }

    /// `plan --format json`: the exit code, and the document.
    #[track_caller]
    pub fn plan_json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let ran = self.plan(&[&["--format", "json"], arguments].concat());
        (ran.code, ran.json())
    }

    /// What a plan would change, a line per change; the exit code must fit.
    #[track_caller]
    pub fn drift(&self, arguments: &[&str]) -> Vec<String> {
        let (code, document) = self.plan_json(arguments);
        assert_eq!(document["unreadable"], json!([]), "{document:#}");
        assert_eq!(document["blocked"], json!([]), "{document:#}");
        let drift = changes(&document);
        assert_eq!(code, Some(if drift.is_empty() { 0 } else { 2 }), "{document:#}");
        drift
    }

    #[track_caller]
    pub fn assert_clean(&self) {
        assert_eq!(self.drift(&[]), [""; 0]);
    }

    /// Does something behind the estate's back.
    #[track_caller]
    pub fn tamper(&self, what: Value) {
        let tamper: Tamper = serde_json::from_value(what).unwrap();
        self.sandbox.tamper(tamper).unwrap();
    }

    /// What is there, as `GET /_sandbox/state` shows it.
    pub fn state(&self) -> Value {
        let (status, body) = request(&self.sandbox.endpoint(), "GET", "/_sandbox/state", &[], "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The only key.
    #[track_caller]
    pub fn key_arn(&self) -> String {
        let keys = self.state()["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 1, "{keys:#?}");
        keys[0]["arn"].as_str().unwrap().to_owned()
    }

    /// The bucket's state.
    #[track_caller]
    pub fn bucket(&self, name: &str) -> Value {
        let state = self.state();
        state["buckets"].as_array().unwrap().iter().find(|bucket| bucket["name"] == name).unwrap().clone()
    }

    /// How often an operation was called, by outcome.
    pub fn called(&self, operation: &str, outcome: &str) -> u64 {
        let wanted = |call: &&CallCount| call.operation == operation && call.outcome == outcome;
        self.sandbox.calls().iter().filter(wanted).map(|call| call.count).sum()
    }

    /// An administrator of the account, who acts through the services' own APIs.
    #[track_caller]
    pub fn admin(&self, account: &str) -> Admin {
        self.tamper(json!({
            "do": "create-role", "account": account, "role": "Administrator",
            "policy": { "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" } ] },
        }));
        let partition = self.state()["partition"].as_str().unwrap().to_owned();
        let start = Admin {
            endpoint: self.sandbox.endpoint(),
            key: self.sandbox.environment().into_iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID").unwrap().1,
            token: String::new(),
        };
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:{partition}:iam::{account}:role/Administrator&RoleSessionName=admin"
        );
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let global: Partition = partition.parse().unwrap();
        let answer = start.send("sts", global.global_region().as_str(), "POST", "/", &[kind], &form);
        let member = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        Admin { key: member("AccessKeyId"), token: member("SessionToken"), ..start }
    }
}

/// Somebody who calls the services' APIs without this tool or an SDK.
pub struct Admin {
    endpoint: String,
    pub key: String,
    pub token: String,
}

impl Admin {
    #[track_caller]
    fn send(&self, service: &str, region: &str, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> String {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=none",
            self.key
        );
        let mut headers = vec![("authorization", authorization.as_str())];
        if !self.token.is_empty() {
            headers.push(("x-amz-security-token", &self.token));
        }
        headers.extend(more);
        let (status, answer) = request(&self.endpoint, method, path, &headers, body);
        assert!((200..300).contains(&status), "{method} {path} {more:?}: {status} {answer}");
        answer
    }

    /// A CloudTrail operation.
    #[track_caller]
    pub fn cloudtrail(&self, region: &str, operation: &str, input: Value) -> Value {
        let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
        self.json("cloudtrail", region, &target, &input)
    }

    /// A KMS operation.
    #[track_caller]
    pub fn kms(&self, region: &str, operation: &str, input: Value) -> Value {
        self.json("kms", region, &format!("TrentService.{operation}"), &input)
    }

    /// An operation of AWS Config.
    #[track_caller]
    pub fn config(&self, region: &str, operation: &str, input: Value) -> Value {
        self.json("config", region, &format!("StarlingDoveService.{operation}"), &input)
    }

    /// An operation of EventBridge.
    #[track_caller]
    pub fn events(&self, region: &str, operation: &str, input: Value) -> Value {
        self.json("events", region, &format!("AWSEvents.{operation}"), &input)
    }

    /// An operation of SQS.
    #[track_caller]
    pub fn sqs(&self, region: &str, operation: &str, input: Value) -> Value {
        self.json("sqs", region, &format!("AmazonSQS.{operation}"), &input)
    }

    /// An IAM operation.
    #[track_caller]
    pub fn iam(&self, operation: &str, input: &[(&str, &str)]) -> String {
        self.query("iam", "us-east-1", "2010-05-08", operation, input)
    }

    /// An SNS operation.
    #[track_caller]
    pub fn sns(&self, region: &str, operation: &str, input: &[(&str, &str)]) -> String {
        self.query("sns", region, "2010-03-31", operation, input)
    }

    #[track_caller]
    fn query(&self, service: &str, region: &str, version: &str, operation: &str, input: &[(&str, &str)]) -> String {
        let mut form = format!("Action={operation}&Version={version}");
        for (name, value) in input {
            form.push_str(&format!("&{name}={}", escaped(value)));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(service, region, "POST", "/", &headers, &form)
    }

    /// A request to a service that speaks REST with JSON.
    #[track_caller]
    pub fn rest(&self, service: &str, region: &str, method: &str, path: &str, input: Value) -> Value {
        let body = if input.is_null() { String::new() } else { input.to_string() };
        let answer = self.send(service, region, method, path, &[("content-type", "application/json")], &body);
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
    }

    #[track_caller]
    fn json(&self, service: &str, region: &str, target: &str, input: &Value) -> Value {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        let answer = self.send(service, region, "POST", "/", &headers, &input.to_string());
        serde_json::from_str(&answer).unwrap()
    }

    /// An S3 operation in the home Region: a method on `/bucket?sub-resource`.
    #[track_caller]
    pub fn s3(&self, method: &str, path: &str, body: &str) -> String {
        self.send("s3", HOME, method, path, &[], body)
    }

    /// The same with headers.
    #[track_caller]
    pub fn s3_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        self.send("s3", HOME, method, path, headers, body)
    }
}

/// A value of a form.
fn escaped(value: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    value.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// One HTTP request on a connection of its own.
pub fn request(endpoint: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let host = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// The changes of a document: `ADDRESS ACTION path, path`; a path's segments are separated by `>`. What a creation
/// sets is left out.
pub fn changes(document: &Value) -> Vec<String> {
    let list = document["changes"].as_array().unwrap();
    list.iter()
        .map(|change| {
            let text = |key: &str| change[key].as_str().unwrap();
            let mut line = format!("{} {}", text("address"), text("action"));
            if text("action") == "update" {
                let fields = change["fields"].as_array().unwrap().iter();
                let path = |field: &Value| {
                    let steps: Vec<&str> =
                        field["path"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
                    steps.join(">")
                };
                line.push_str(&format!(" {}", fields.map(path).collect::<Vec<_>>().join(", ")));
            }
            line
        })
        .collect()
}

/// The reasons of what is blocked, with their addresses.
pub fn blocked(document: &Value) -> Vec<String> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let list = document["blocked"].as_array().unwrap();
    list.iter().map(|entry| format!("{}: {}", text(entry, "address"), text(entry, "reason"))).collect()
}

/// An account's id as the library takes it.
pub fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

/// Compares a run's output with a snapshot, without what differs from run to run.
#[macro_export]
macro_rules! assert_screen {
    ($name:expr, $text:expr) => {
        insta::with_settings!({
            filters => vec![
                (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
                (r"request [0-9a-f-]{36}", "request ID"),
                (r"key/[0-9a-f-]{36}", "key/ID"),
            ],
            snapshot_path => "../snapshots/sandbox",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}
