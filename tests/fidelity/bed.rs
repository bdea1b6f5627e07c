//! An estate whose every exchange is recorded.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use baseline::sandbox::{Exchange, Options, Witness};
use serde_json::{Value, json};

use crate::support::estate::{BASELINE, Estate, HOME, PAYMENTS, Ran, SECURITY};
use crate::support::python::Venv;
use crate::support::{file, stderr, stdout};

/// Exchanges of all beds, a line each.
#[derive(Clone)]
pub struct Recording(Arc<Mutex<BufWriter<File>>>);

impl Recording {
    pub fn new(path: &Path) -> Recording {
        Recording(Arc::new(Mutex::new(BufWriter::new(File::create(path).unwrap()))))
    }

    pub fn add(&self, run: &str, exchange: &Exchange) {
        writeln!(self.0.lock().unwrap(), "{}", line(run, exchange)).unwrap();
    }

    /// Lets botocore's models judge what was recorded.
    pub fn judged(self, path: &Path) -> Value {
        self.0.lock().unwrap().flush().unwrap();
        judged(path)
    }
}

/// An exchange as `judge.py` reads it.
pub fn line(run: &str, exchange: &Exchange) -> Value {
    json!({
        "run": run, "method": exchange.method, "path": exchange.path, "query": exchange.query,
        "headers": exchange.headers, "body": hex(&exchange.body), "status": exchange.status,
        "answer_headers": exchange.answer_headers, "answer": hex(&exchange.answer),
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What `judge.py` finds in a file of exchanges.
pub fn judged(path: &Path) -> Value {
    let output = Command::new(Venv::get().program("python"))
        .arg(file("tests/fidelity/judge.py"))
        .arg(path)
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// An estate, and what is done in it.
pub struct Bed {
    pub name: String,
    pub estate: Estate,
    listening: Arc<AtomicBool>,
}

impl Bed {
    pub fn new(name: &str, profiles: &str, baseline: &str, recording: &Recording) -> Bed {
        let listening = Arc::new(AtomicBool::new(true));
        let (hears, recording, run) = (listening.clone(), recording.clone(), name.to_owned());
        let witness = Witness::new(move |exchange| {
            if hears.load(Ordering::Relaxed) {
                recording.add(&run, &exchange);
            }
        });
        let options = Options { witness: Some(witness), ..Options::default() };
        Bed { name: name.to_owned(), estate: Estate::with(profiles, baseline, options), listening }
    }

    /// Does something by requests that no client of AWS's would make.
    pub fn unheard<T>(&self, what: impl FnOnce(&Estate) -> T) -> T {
        self.listening.store(false, Ordering::Relaxed);
        let done = what(&self.estate);
        self.listening.store(true, Ordering::Relaxed);
        done
    }

    /// Runs the program; it must end in one of these ways.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], codes: &[i32]) -> Ran {
        let ran = self.estate.run(arguments);
        assert!(
            ran.code.is_some_and(|code| codes.contains(&code)),
            "{}: baseline {}: {:?}\n{}\n{}",
            self.name,
            arguments.join(" "),
            ran.code,
            ran.out,
            ran.err
        );
        ran
    }

    /// Runs a script of `tests/fidelity/` in the environment of the sandbox.
    #[track_caller]
    pub fn boto3(&self, script: &str) {
        let output = Command::new(Venv::get().program("python"))
            .arg(file("tests/fidelity").join(script))
            .env_clear()
            .envs(self.estate.sandbox.environment())
            .env("HOME", self.estate.directory.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {script}:\n{}", self.name, stderr(&output));
    }

    /// From nothing to a repaired estate, and to a smaller one: what is planned, made, read again, tampered with, repaired
    /// by a saved plan, and pruned.
    pub fn whole_run(&self) {
        let estate = &self.estate;
        self.run(&["accounts"], &[0]);
        self.run(&["plan"], &[2, 3]);
        self.run(&["apply", "--yes", "--events", "events.jsonl", "--events-to-bucket"], &[0, 3]);
        assert_eq!(self.changes(), json!([]), "{}: an apply leaves nothing to do", self.name);
        estate.sandbox.reset_calls();
        self.run(&["apply", "--yes"], &[0, 3]);
        assert_eq!(estate.all_writes(), [""; 0], "{}: a second apply writes nothing", self.name);
        self.boto3("tamper.py");
        self.run(&["plan", "--out", "plan.json"], &[2, 3]);
        self.run(&["apply", "plan.json", "--yes"], &[0, 3]);
        assert_eq!(self.changes(), json!([]), "{}: what was broken is repaired", self.name);
    }

    /// What a plan would change.
    #[track_caller]
    pub fn changes(&self) -> Value {
        self.run(&["plan", "--format", "json"], &[0, 2, 3]).json()["changes"].clone()
    }

    /// Declares less, and lets what is left over be removed.
    pub fn prune(&self, baseline: &str) {
        self.estate.write_baseline(baseline);
        self.run(&["plan", "--prune"], &[2, 3]);
        // What others still refer to goes the second time.
        self.run(&["apply", "--yes", "--prune"], &[0, 3]);
        self.run(&["apply", "--yes", "--prune"], &[0, 3]);
        self.run(&["plan", "--prune"], &[0, 3]);
    }

    /// What the services answer when they refuse: callers denied, too many calls, services that break down, Regions that
    /// are off, sessions that ended.
    pub fn refusals(&self) {
        let tamper = |what: Value| self.estate.tamper(what);
        let any = &[0, 1, 2, 3];
        for account in [SECURITY, PAYMENTS] {
            for service in "kms s3 iam cloudtrail guardduty config lambda sqs sns events ec2".split(' ') {
                tamper(json!({ "do": "deny", "account": account, "operation": format!("{service}:*") }));
            }
        }
        self.run(&["plan"], any);
        tamper(json!({ "do": "permit", "account": SECURITY }));
        tamper(json!({ "do": "permit", "account": PAYMENTS }));
        // Less to call again and again.
        self.estate.write_baseline(BASELINE);
        tamper(json!({ "do": "fault", "effect": { "throttle": { "fraction": 0.3 } } }));
        self.run(&["plan"], any);
        tamper(json!({ "do": "clear-faults" }));
        tamper(json!({ "do": "fault", "effect": { "fail": {} }, "times": 40 }));
        self.run(&["plan"], any);
        tamper(json!({ "do": "clear-faults" }));
        tamper(json!({ "do": "disable-region", "account": PAYMENTS, "region": HOME }));
        self.run(&["plan"], any);
        tamper(json!({ "do": "suspend-account", "account": PAYMENTS }));
        self.run(&["plan"], any);
    }
}
