//! SIGINT and SIGTERM: what is finished, what is not started, what is said, and by what the process ends.
//!
//! CloudTrail's pace of one write a second in each account and Region leaves time to interrupt.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use baseline::model::{Fault, OpError};
use baseline::report::record::read;
use serde_json::{Value, json};

use crate::support::estate::{BASELINE, Estate, PROFILES};

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const RECORD: &str = "run.jsonl";

/// A run that can be sent signals.
struct Running {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Running { child, errors, said: String::new() }
    }

    fn send(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Reads stderr up to a line that holds this.
    #[track_caller]
    fn until(&mut self, words: &str) {
        loop {
            let mut line = String::new();
            assert_ne!(self.errors.read_line(&mut line).unwrap(), 0, "`{words}` was never said:\n{}", self.said);
            self.said.push_str(&line);
            if line.contains(words) {
                return;
            }
        }
    }

    fn end(mut self) -> (ExitStatus, String, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap(), out, self.said)
    }
}

/// Starts an apply, and waits until the first trail was made: each has two more writes before it.
fn in_the_middle(estate: &Estate) -> Running {
    let running = Running::start(estate.command(&["apply", "--yes", "--format", "json", "--events", RECORD]));
    while estate.called("CreateTrail", "ok") == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    running
}

fn count(document: &Value, outcome: &str) -> usize {
    document["outcomes"].as_array().unwrap().iter().filter(|it| it["outcome"] == outcome).count()
}

/// Security in one wave, each project in one of its own: there is something that was not started.
fn estate() -> Estate {
    Estate::new(&PROFILES.replace("groups = [\"dev\"]", "groups = [\"dev\"]\nwave = 2"), BASELINE)
}

#[track_caller]
fn document(out: &str) -> Value {
    let document: Value = serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"));
    let counts = document["result"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), document["changes"].as_array().unwrap().len() as u64, "{document:#}");
    assert_eq!(document["halted"]["cause"], "interrupted");
    document
}

#[track_caller]
fn converges(estate: &Estate) {
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    assert_eq!(estate.state()["trails"].as_array().unwrap().len(), 6);
}

#[test]
fn a_run_under_nohup_outlives_the_connection() {
    let estate = estate();
    let arguments = [env!("CARGO_BIN_EXE_baseline"), "apply", "--yes", "--format", "json"];
    let like = estate.command(&[]);
    let mut command = Command::new("nohup");
    command.args(arguments).env_clear().current_dir(estate.directory.path()).stdin(Stdio::null());
    command.env("PATH", "/usr/bin:/bin").envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let running = Running::start(command);
    while estate.called("CreateTrail", "ok") == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    running.send("HUP");
    let (status, _, said) = running.end();
    assert_eq!(status.code(), Some(0), "{said}");
    estate.assert_clean();
}

#[test]
fn after_one_signal_what_is_under_way_is_finished_and_nothing_new_is_started() {
    for (name, number) in [("TERM", SIGTERM), ("INT", SIGINT), ("HUP", SIGHUP)] {
        let estate = estate();
        let mut running = in_the_middle(&estate);
        running.send(name);
        running.until("nothing new is started, and the changes under way are finished");
        let (status, out, said) = running.end();
        assert_eq!((status.signal(), status.code()), (Some(number), None), "{said}");
        let document = document(&out);
        assert_eq!((count(&document, "failed"), count(&document, "skipped")), (0, 0), "{document:#}");
        assert!(count(&document, "not_started") >= 2, "{document:#}");
        let trails = estate.state()["trails"].as_array().unwrap().clone();
        assert!(trails.iter().all(|trail| trail["logging"] == true), "half made: {trails:#?}");
        converges(&estate);
    }
}

#[test]
fn after_two_signals_what_is_under_way_is_left() {
    let estate = estate();
    // AWS takes it, and has not answered yet.
    estate.tamper(json!({ "do": "fault", "operation": "cloudtrail:CreateTrail", "effect": "hang" }));
    let mut running = in_the_middle(&estate);
    running.send("TERM");
    running.until("nothing new is started");
    running.send("TERM");
    running.until("are left as they are");
    let (status, out, said) = running.end();
    assert_eq!(status.signal(), Some(SIGTERM), "{said}");
    let record = read(&fs::read(estate.directory.path().join(RECORD)).unwrap()[..]).unwrap();
    let left: Vec<_> = record.calls.iter().filter(|call| call.operation == "CreateTrail").collect();
    assert_eq!(left.len() as u64, estate.called("CreateTrail", "ok"), "every call that was sent is in it: {record:#?}");
    let unknown = |error: &OpError| error.fault == Fault::Interrupted && error.message.contains("is not known");
    assert!(left.iter().all(|call| call.error.as_ref().is_some_and(unknown)), "{left:#?}");
    estate.tamper(json!({ "do": "clear-faults" }));
    let document = document(&out);
    let list = document["outcomes"].as_array().unwrap();
    let failed: Vec<&Value> = list.iter().filter(|outcome| outcome["outcome"] == "failed").collect();
    assert!(!failed.is_empty() && failed.iter().all(|it| it["error"]["fault"] == "interrupted"), "{document:#}");
    converges(&estate);
}

#[test]
fn after_three_signals_the_process_is_gone() {
    let estate = estate();
    let mut running = in_the_middle(&estate);
    // Whatever a second signal still waits for, a third does not: it may come before the second is through.
    running.send("INT");
    running.until("nothing new is started");
    running.send("TERM");
    running.until("are left as they are");
    running.send("INT");
    let (status, ..) = running.end();
    assert_eq!(status.signal(), Some(SIGINT), "the first one");
    converges(&estate);
}

#[test]
fn a_signal_while_it_reads_ends_the_run_at_once() {
    // Where the code comes from takes its time, and so does reading.
    let slow = "role = \"arn:aws:iam::111111111111:role/Jump\"\n\
                mfa_serial = \"arn:aws:iam::111111111111:mfa/alice\"\nmfa_command = [\"sh\", \"-c\", \"exec sleep 20 2>/dev/null\"]\nbaseline = false";
    let estate = Estate::new(&PROFILES.replacen("baseline = false", slow, 1), BASELINE);
    for command in [&["plan", "-v"][..], &["apply", "--yes", "-v"], &["accounts", "-v"]] {
        let mut running = Running::start(estate.command(command));
        running.until("reading ");
        running.send("INT");
        let (status, out, said) = running.end();
        assert_eq!((status.signal(), out.as_str()), (Some(SIGINT), ""), "{command:?}: {said}");
        assert!(said.contains("SIGINT: stopped; nothing was written"), "{command:?}: {said}");
        assert_eq!(estate.writes(), [""; 0]);
    }
}

#[test]
fn a_signal_to_a_run_that_has_nothing_left_to_start_changes_only_how_it_ends() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for region in ["eu-west-1", "us-east-1"] {
        estate.tamper(json!({ "do": "delete-trail", "account": "333333333333", "region": region, "name": "baseline" }));
    }
    estate.sandbox.reset_calls();
    let mut running = in_the_middle(&estate);
    running.send("TERM");
    running.until("nothing new is started");
    let (status, out, _) = running.end();
    assert_eq!(status.signal(), Some(SIGTERM));
    assert_eq!(count(&document(&out), "applied"), 2);
    estate.assert_clean();
}
