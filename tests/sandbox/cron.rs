//! The lines of deploy/crontab as cron runs them, night after night, and what a person is mailed.

use std::fs;
use std::io::{PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::deploy::crontab;
use crate::support::baseline_path;
use crate::support::estate::{BASELINE, BUCKET, Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECRETS, SECURITY};
use crate::support::proxy::{Corrections, Proxy};

/// A job of the crontab: what it ended with, and the text of the mail; nothing is mailed where it is empty.
#[derive(Debug)]
struct Night {
    code: Option<i32>,
    mail: String,
}

impl Night {
    #[track_caller]
    fn ended(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.mail);
        for secret in SECRETS {
            assert!(!self.mail.contains(secret), "{}", self.mail);
        }
        self.mail
    }
}

/// Puts the credentials where a server has them, and where the crontab says.
fn equip(estate: &Estate) {
    let environment = estate.sandbox.environment();
    let value = |name: &str| &environment.iter().find(|(key, _)| *key == name).unwrap().1;
    let config = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\nendpoint_url = {}\n",
        value("AWS_ACCESS_KEY_ID"),
        value("AWS_SECRET_ACCESS_KEY"),
        estate.sandbox.endpoint(),
    );
    fs::write(estate.directory.path().join("aws-config"), config).unwrap();
}

/// The line of the crontab for a subcommand.
fn line(subcommand: &str) -> String {
    let wanted = format!("baseline {subcommand} ");
    crontab().jobs.into_iter().map(|(_, line)| line).find(|line| line.starts_with(&wanted)).unwrap()
}

/// `sh -c` with cron's environment (crontab(5)) and what the crontab sets; /etc/baseline is the estate's directory here,
/// and /usr/local/bin where the program was built.
fn job(estate: &Estate, line: &str) -> Command {
    let directory = estate.directory.path().to_str().unwrap();
    let crontab = crontab();
    let mut command = Command::new(&crontab.settings["SHELL"]);
    command.args(["-c", line]).env_clear().current_dir(directory).stdin(Stdio::null());
    command.env("HOME", directory).env("LOGNAME", "baseline");
    for (name, value) in &crontab.settings {
        let binaries = baseline_path().parent().unwrap().to_str().unwrap();
        command.env(name, value.replace("/etc/baseline", directory).replace("/usr/local/bin", binaries));
    }
    command
}

/// A job that has begun.
struct Begun {
    child: Child,
    mail: PipeReader,
}

/// Begins a job, with stdout and stderr in one mail, as they come.
fn begin(mut command: Command) -> Begun {
    let (mail, writer) = std::io::pipe().unwrap();
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    // The command holds the other end of the pipe, and goes away here.
    Begun { child: command.spawn().unwrap(), mail }
}

impl Begun {
    fn end(mut self) -> Night {
        let mut mail = String::new();
        self.mail.read_to_string(&mut mail).unwrap();
        Night { code: self.child.wait().unwrap().code(), mail }
    }
}

/// One night, as the crontab says.
fn night(estate: &Estate, subcommand: &str) -> Night {
    begin(job(estate, &line(subcommand))).end()
}

fn estate() -> Estate {
    let estate = Estate::converged(PROFILES, BASELINE);
    equip(&estate);
    estate
}

#[test]
fn a_quiet_night_is_not_mailed() {
    let estate = estate();
    estate.sandbox.reset_calls();
    assert_eq!(night(&estate, "plan").ended(0), "");
    assert_eq!(night(&estate, "apply").ended(0), "");
    assert_eq!(estate.writes(), [""; 0]);
    let reads: u64 = estate.sandbox.calls().iter().map(|call| call.count).sum();
    assert!(reads > 10, "it looked: {reads}");
}

#[test]
fn drift_is_mailed_every_night_and_repaired_on_monday() {
    let estate = estate();
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let mail = night(&estate, "plan").ended(2);
    crate::assert_screen!("cron_drift", mail);
    assert_eq!(night(&estate, "plan").ended(2), mail);
    let repaired = "changed cloudtrail.trail baseline of payments (333333333333), eu-west-1: logging: false → true\n";
    assert_eq!(night(&estate, "apply").ended(0), repaired, "nothing is left to do for a person but to ask who it was");
    // Since when, and until when: once.
    let gap = night(&estate, "plan").ended(0);
    assert!(gap.starts_with("note recording-gap\n") && gap.contains("recorded nothing from"), "{gap}");
    assert_eq!(night(&estate, "plan").ended(0), "");
    assert_eq!(night(&estate, "apply").ended(0), "");
}

#[test]
fn a_denied_account_is_mailed() {
    let estate = estate();
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:GetTrailStatus" }));
    crate::assert_screen!("cron_denied", night(&estate, "plan").ended(3));
    estate.tamper(json!({ "do": "stop-logging", "account": LEDGER, "region": HOME }));
    let mail = night(&estate, "apply").ended(3);
    assert!(mail.contains("Apply: 1 applied."), "the others are served: {mail}");
}

#[test]
fn a_broken_file_is_mailed_and_is_no_drift() {
    let estate = estate();
    estate.write_baseline("name = \"test\"\n[log_buckets]\n");
    let mail = night(&estate, "plan").ended(65);
    assert!(mail.contains("log_buckets"), "{mail}");
}

/// The machine went down in the middle of Monday's apply, which held the lock.
#[test]
fn a_killed_night_is_found_and_repaired_by_the_next() {
    let estate = estate();
    for account in [PAYMENTS, LEDGER] {
        for region in [HOME, "us-east-1"] {
            estate.tamper(json!({ "do": "untag", "arn": format!(
                "arn:aws:cloudtrail:{region}:{account}:trail/baseline"), "key": "Baseline" }));
            estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
        }
    }
    estate.sandbox.reset_calls();
    // A lease that a test can wait for.
    let mut command = job(&estate, &(line("apply") + " --lock-lease 2s"));
    // A group of its own, to be killed as a whole: the shell may wait for the program or have become it.
    let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The lock, and a change.
    while estate.sandbox.mutating_calls() < 2 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(100));
    }
    let killed = Command::new("sh").args(["-c", &format!("kill -s KILL -- -{}", child.id())]).status().unwrap();
    assert!(killed.success(), "it ended before it was killed");
    child.wait().unwrap();

    let mail = night(&estate, "plan").ended(2);
    assert!(mail.contains("~ update cloudtrail.trail baseline"), "{mail}");
    // Something else is wrong, too, so that there is a mail: it says whose lock was taken over.
    estate.tamper(json!({ "do": "deny", "account": LEDGER, "operation": "cloudtrail:GetTrailStatus" }));
    let mail = night(&estate, "apply").ended(3);
    assert!(mail.contains("took over the lock that baseline@"), "{mail}");
    assert!(mail.contains(" left behind\n") && mail.contains("waiting at most 1800s for the lock"), "{mail}");
    estate.tamper(json!({ "do": "permit", "account": LEDGER }));
    night(&estate, "apply").ended(0);
    night(&estate, "plan").ended(0);
    assert_eq!(night(&estate, "plan").ended(0), "", "the gap in what was recorded is said once");
}

/// What a run recorded of this event.
fn recorded(estate: &Estate, file: &str, event: &str) -> Vec<Value> {
    let text = fs::read_to_string(estate.directory.path().join(file)).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["event"] == event)
        .collect()
}

/// The same, and nothing else is wrong: the repair alone is mailed, and the record has the lock.
#[test]
fn a_lock_that_was_left_behind_is_no_mail_where_all_is_well() {
    let estate = estate();
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    let held = json!({
        "format": 1, "state": "held", "run": "20261122T205300Z-1a2b", "owner": "alice@laptop", "process": 4711,
        "started": "2026-11-22T20:53:00Z", "renewed": "2026-11-22T20:54:00Z", "renewals": 2, "lease_seconds": 1,
    });
    let key = format!("/{BUCKET}/baseline/lock-{SECURITY}.json");
    estate.admin(SECURITY).s3("PUT", &key, &held.to_string());
    let ended = begin(job(&estate, &(line("apply") + " --events run.jsonl"))).end();
    let repaired = "changed cloudtrail.trail baseline of payments (333333333333), eu-west-1: logging: false → true\n";
    assert_eq!(ended.ended(0), repaired);
    let taken = recorded(&estate, "run.jsonl", "lock_taken");
    assert!(taken[0]["over_from"].as_str().unwrap().starts_with("alice@laptop "), "{taken:?}");
    night(&estate, "plan").ended(0);
    assert_eq!(night(&estate, "plan").ended(0), "", "the gap in what was recorded is said once");
}

/// Whether the apply that is under way has come to its first change, and whether it may go on.
static REACHED: AtomicBool = AtomicBool::new(false);
static GO_ON: AtomicBool = AtomicBool::new(false);

/// Monday's apply begins while another is under way.
#[test]
fn an_overlapping_night_waits_and_writes_nothing_twice() {
    let estate = estate();
    for account in [SECURITY, PAYMENTS, LEDGER] {
        for region in [HOME, "us-east-1"] {
            estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
        }
    }
    estate.sandbox.reset_calls();
    let held_up = Corrections {
        request: |call, body| {
            if call.operation == "StartLogging" {
                REACHED.store(true, Ordering::Relaxed);
                while !GO_ON.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            body
        },
        answer: |_, body| body,
    };
    let upstream = estate.sandbox.endpoint().strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = Proxy::start(upstream, held_up);
    let mut command = job(&estate, &line("apply"));
    command.env("AWS_ENDPOINT_URL", proxy.endpoint());
    let mut first = begin(command);
    while !REACHED.load(Ordering::Relaxed) {
        assert!(first.child.try_wait().unwrap().is_none(), "it ended before it changed anything");
        thread::sleep(Duration::from_millis(5));
    }

    let impatient = line("apply").replace("--lock-timeout 30m", "--lock-timeout 0");
    assert_ne!(impatient, line("apply"));
    let mail = begin(job(&estate, &impatient)).end().ended(3);
    insta::with_settings!({
        filters => vec![
            (r"baseline@\S+ \(run \d{8}T\d{6}Z-[0-9a-f]{4}, process \d+, since [^)]+\)", "baseline@HOST (run RUN, process N, since TIME)"),
        ],
        snapshot_path => "../snapshots/sandbox",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!("cron_overlapping", mail) });

    let mut second = begin(job(&estate, &(line("apply") + " --events second.jsonl")));
    while recorded(&estate, "second.jsonl", "lock_awaited").is_empty() {
        assert!(second.child.try_wait().unwrap().is_none(), "it did not wait");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(first.child.try_wait().unwrap().is_none());
    assert_eq!(estate.writes(), [""; 0]);
    GO_ON.store(true, Ordering::Relaxed);
    // The one that repairs says so.
    let repaired = first.end().ended(0);
    assert!(repaired.starts_with("changed cloudtrail.trail baseline of 6 places in "), "{repaired}");
    assert_eq!(repaired.lines().count(), 1, "{repaired}");
    // The other has nothing to do; where a second has gone by, it says since when nothing was recorded.
    let idle = second.end().ended(0);
    assert!(idle.is_empty() || idle.starts_with("note recording-gap\n"), "{idle}");
    assert_eq!(recorded(&estate, "second.jsonl", "lock_taken").len(), 1);
    let mut started = Vec::new();
    for account in [SECURITY, PAYMENTS, LEDGER] {
        for region in [HOME, "us-east-1"] {
            started.push(format!("cloudtrail:StartLogging {account} {region}"));
        }
    }
    assert_eq!(estate.writes(), started);
    night(&estate, "plan").ended(0);
    assert_eq!(night(&estate, "plan").ended(0), "", "the gap in what was recorded is said once");
}
