//! The lines of deploy/crontab as cron runs them, night after night, and what a person is mailed.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::deploy::crontab;
use crate::support::baseline_path;
use crate::support::estate::{BASELINE, Estate, HOME, LEDGER, PAYMENTS, PROFILES, SECRETS};

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

/// `sh -c` with cron's environment (crontab(5)) and what the crontab sets; /etc/baseline is the estate's directory here,
/// and /usr/local/bin where the program was built.
fn job(estate: &Estate, subcommand: &str) -> Command {
    let directory = estate.directory.path().to_str().unwrap();
    let crontab = crontab();
    let wanted = format!("baseline {subcommand} ");
    let (_, line) = crontab.jobs.iter().find(|(_, line)| line.starts_with(&wanted)).unwrap();
    let mut command = Command::new(&crontab.settings["SHELL"]);
    command.args(["-c", line]).env_clear().current_dir(directory).stdin(Stdio::null());
    command.env("HOME", directory).env("LOGNAME", "baseline");
    for (name, value) in &crontab.settings {
        let binaries = baseline_path().parent().unwrap().to_str().unwrap();
        command.env(name, value.replace("/etc/baseline", directory).replace("/usr/local/bin", binaries));
    }
    command
}

/// One night, with stdout and stderr in one mail, as they come.
fn night(estate: &Estate, subcommand: &str) -> Night {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = job(estate, subcommand);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // The command holds the other end of the pipe.
    drop(command);
    let mut mail = String::new();
    reader.read_to_string(&mut mail).unwrap();
    Night { code: child.wait().unwrap().code(), mail }
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
    let mail = night(&estate, "plan").ended(2);
    crate::assert_screen!("cron_drift", mail);
    assert_eq!(night(&estate, "plan").ended(2), mail);
    assert_eq!(night(&estate, "apply").ended(0), "", "nothing is left to do for a person");
    assert_eq!(night(&estate, "plan").ended(0), "");
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

/// The machine went down in the middle of Monday's apply.
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
    let mut command = job(&estate, "apply");
    // A group of its own, to be killed as a whole: the shell may wait for the program or have become it.
    let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while estate.sandbox.mutating_calls() < 2 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(100));
    }
    let killed = Command::new("sh").args(["-c", &format!("kill -s KILL -- -{}", child.id())]).status().unwrap();
    assert!(killed.success(), "it ended before it was killed");
    child.wait().unwrap();

    let mail = night(&estate, "plan").ended(2);
    assert!(mail.contains("~ update cloudtrail.trail baseline"), "{mail}");
    night(&estate, "apply").ended(0);
    assert_eq!(night(&estate, "plan").ended(0), "");
}
