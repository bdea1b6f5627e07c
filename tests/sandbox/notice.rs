//! Who is told of runs that nobody watches: once, of what changed, and never silently nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::estate::{BASELINE, Estate, HOME, LEDGER, PAYMENTS, PROFILES, Ran, SECRETS, SECURITY};

/// A topic in another Region than the home Region.
const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:runs";

/// An estate that is as its files say, and somebody who reads what the topic is told.
struct Watched {
    estate: Estate,
    state: TempDir,
}

impl Watched {
    fn new() -> Watched {
        let estate = Estate::converged(PROFILES, BASELINE);
        let owner = estate.admin(SECURITY);
        owner.sns("us-east-1", "CreateTopic", &[("Name", "runs")]);
        let subscription = [("TopicArn", TOPIC), ("Protocol", "email-json"), ("Endpoint", "ops@example.com")];
        owner.sns("us-east-1", "Subscribe", &subscription);
        estate.tamper(json!({ "do": "confirm-subscription", "subscription": "ops@example.com" }));
        estate.write_baseline(&format!("{BASELINE}\n[notify.run]\ntopic = \"{TOPIC}\"\n"));
        estate.sandbox.reset_calls();
        Watched { estate, state: tempfile::tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.estate.run_with(arguments, &[("STATE_DIRECTORY", self.state.path().to_str().unwrap())])
    }

    /// Runs, and shows that so many messages were published by then.
    #[track_caller]
    fn night(&self, arguments: &[&str], code: i32, published: usize) -> Ran {
        let ran = self.run(arguments).ended(code);
        assert_eq!(self.mails().len(), published, "{ran:?}");
        ran
    }

    /// What was read, the confirmation left out.
    fn mails(&self) -> Vec<Value> {
        let state = self.estate.state();
        let sent = state["outbox"].as_array().unwrap().iter().filter(|sent| sent["outcome"] == "sent");
        let mails: Vec<Value> =
            sent.map(|sent| serde_json::from_str(sent["body"].as_str().unwrap()).unwrap()).collect();
        for mail in &mails {
            let text = mail.to_string();
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)) && !text.contains("simulated-se"), "{text}");
        }
        mails
    }

    /// The subject of the last, and its document.
    #[track_caller]
    fn last(&self) -> (String, Value) {
        let mail = self.mails().pop().unwrap();
        let document = mail["Message"].as_str().unwrap().lines().last().unwrap().to_owned();
        (mail["Subject"].as_str().unwrap().to_owned(), serde_json::from_str(&document).unwrap())
    }

    fn stop(&self, account: &str, region: &str) {
        self.estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
    }

    /// Lets a week go by, after which a gap in the recording is no news any more.
    fn week(&self) {
        self.estate.tamper(json!({ "do": "age-deliveries", "minutes": 60 * 24 * 8 }));
    }

    /// What is kept, file by file.
    fn kept(&self) -> Vec<(String, String)> {
        let files = fs::read_dir(self.state.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut kept: Vec<(String, String)> = files
            .map(|path| {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{path:?}");
                (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
            })
            .collect();
        kept.sort();
        kept
    }
}

#[test]
fn each_change_is_told_once() {
    let watched = Watched::new();
    let plan = ["plan", "--quiet"];
    assert_eq!(watched.night(&plan, 0, 0).err, "");
    assert!(watched.kept().is_empty());

    watched.stop(PAYMENTS, HOME);
    let first = watched.night(&["plan"], 2, 1);
    assert!(first.err.contains("told arn:aws:sns:us-east-1:222222222222:runs: baseline test: drift in 1"), "{first:?}");
    let (subject, document) = watched.last();
    assert_eq!(subject, "baseline test: drift in 1 resource, 1 account");
    assert_eq!(document["new"], json!([format!("{PAYMENTS}/{HOME}/cloudtrail.trail/baseline")]));
    assert_eq!((&document["exit"], &document["summary"]["update"]), (&json!(2), &json!(1)));
    let message = watched.mails()[0]["Message"].as_str().unwrap().to_owned();
    let run = document["run"].as_str().unwrap();
    crate::assert_screen!("notice_drift", message.split("\n{").next().unwrap().replace(run, "RUN"));
    assert_eq!(watched.kept().len(), 1);

    watched.night(&plan, 2, 1);
    watched.stop(LEDGER, "us-east-1");
    watched.night(&plan, 2, 2);
    assert_eq!(watched.last().1["new"], json!([format!("{LEDGER}/us-east-1/cloudtrail.trail/baseline")]));

    // Telling is not changing: nothing of what is managed was written by now.
    let writes = watched.estate.writes();
    assert!(
        writes.len() == 2 && writes.iter().all(|write| write.starts_with("sns:Publish 222222222222")),
        "{writes:?}"
    );

    let repaired = watched.night(&["apply", "--yes", "--quiet"], 0, 3);
    assert_eq!(
        (repaired.out.lines().count(), repaired.err.as_str()),
        (1, ""),
        "-q says what was repaired: {repaired:?}"
    );
    let fields: Vec<Value> = watched.last().1["repaired"].as_array().unwrap().clone();
    assert_eq!(fields.len(), 2, "{fields:#?}");
    assert_eq!(fields[0]["fields"][0]["before"], json!(false));
    assert_eq!(watched.last().0, "baseline test: in sync again");
    watched.week();
    let writes = watched.estate.writes().len();
    watched.night(&plan, 0, 3);
    watched.night(&["apply", "--yes"], 0, 3);
    assert_eq!(watched.estate.writes().len(), writes, "nor does a second apply");

    watched.estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:GetTrailStatus" }));
    watched.night(&plan, 3, 4);
    assert_eq!(watched.last().0, "baseline test: 2 places unreadable, 1 account");
    watched.night(&plan, 3, 4);
    watched.night(&["apply", "--yes"], 3, 4);
    watched.estate.tamper(json!({ "do": "permit", "account": PAYMENTS }));

    watched.estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:StartLogging" }));
    watched.stop(PAYMENTS, HOME);
    watched.night(&["apply", "--yes"], 1, 5);
    assert_eq!(watched.last().0, "baseline test: 1 change failed, drift in 1 resource, 1 account");
    watched.night(&plan, 2, 5);
    watched.night(&["apply", "--yes"], 1, 5);
}

#[test]
fn a_silent_alarm_is_an_error_and_is_made_up_for() {
    let watched = Watched::new();
    watched.stop(PAYMENTS, HOME);
    watched.night(&["plan"], 2, 1);
    let kept = watched.kept();
    watched.stop(LEDGER, HOME);
    watched.estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "sns:Publish" }));
    let ran = watched.night(&["plan", "--quiet"], 1, 1);
    crate::assert_screen!("notice_denied", ran.err);
    assert_eq!(watched.kept(), kept, "as if nothing had been tried");
    assert!(ran.out.contains("Plan: 2 to update"), "the report is whole: {ran:?}");
    watched.estate.tamper(json!({ "do": "permit", "account": SECURITY }));
    watched.night(&["plan"], 2, 2);
    assert_eq!(watched.last().1["new"], json!([format!("{LEDGER}/{HOME}/cloudtrail.trail/baseline")]));

    // A topic that is not there, and an apply that repaired all: it is not all well.
    watched.estate.admin(SECURITY).sns("us-east-1", "DeleteTopic", &[("TopicArn", TOPIC)]);
    let ran = watched.run(&["apply", "--yes"]).ended(1);
    assert!(ran.err.contains("help: make the topic arn:aws:sns:us-east-1:222222222222:runs, or name"), "{ran:?}");
    watched.run(&["plan", "--notify", "never"]).ended(0);
}

#[test]
fn what_was_told_is_told_again_where_it_is_lost() {
    let watched = Watched::new();
    watched.stop(PAYMENTS, HOME);
    watched.night(&["plan"], 2, 1);
    let (name, _) = watched.kept().remove(0);
    let path = watched.state.path().join(&name);
    assert!(name.starts_with("told-222222222222-test-") && name.ends_with(".json"), "{name}");
    fs::write(&path, "{\"format\":1,").unwrap();
    watched.night(&["plan"], 2, 2);
    watched.night(&["plan"], 2, 2);
    fs::remove_file(&path).unwrap();
    watched.night(&["plan"], 2, 3);

    // Somebody put something there that is never done being read.
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    watched.night(&["plan"], 2, 4);

    // It cannot be written: told, and said that it will be again.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let ran = watched.run(&["plan"]).ended(1);
    assert!(ran.err.contains("what was told is forgotten, and the next run tells it again"), "{ran:?}");
    assert_eq!(watched.mails().len(), 5);
    let left: Vec<_> = fs::read_dir(watched.state.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn where_what_was_told_is_kept() {
    let watched = Watched::new();
    watched.stop(PAYMENTS, HOME);
    let ran = watched.estate.run_with(&["plan"], &[("XDG_STATE_HOME", "")]).ended(1);
    assert!(ran.err.contains("help: set STATE_DIRECTORY, XDG_STATE_HOME or HOME, or say --notify never"), "{ran:?}");
    assert_eq!(watched.mails().len(), 0);
    watched.estate.run(&["plan", "--notify", "never"]).ended(2);

    let root = watched.state.path();
    let folder = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let (given, xdg, home) = (folder("given"), folder("xdg"), folder("home"));
    let several = format!("{given}:/nowhere");
    for (environment, place) in [
        (vec![("HOME", home.as_str()), ("XDG_STATE_HOME", "")], "home/.local/state/baseline"),
        (vec![("HOME", &home), ("XDG_STATE_HOME", &xdg)], "xdg/baseline"),
        (vec![("HOME", &home), ("XDG_STATE_HOME", &xdg), ("STATE_DIRECTORY", &several)], "given"),
    ] {
        watched.estate.run_with(&["plan"], &environment).ended(2);
        let folder = root.join(place);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{place}");
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{place}");
    }
    assert_eq!(watched.mails().len(), 3, "each folder is a memory of its own");
}

#[test]
fn a_narrowed_run_tells_nobody_unless_it_is_asked_to_and_remembers_apart() {
    let watched = Watched::new();
    watched.stop(PAYMENTS, HOME);
    watched.night(&["plan", "-a", "payments"], 2, 0);
    watched.night(&["plan", "-a", "payments", "--notify", "always"], 2, 1);
    assert_eq!(watched.last().1["narrowed"], "-a payments");
    watched.night(&["plan", "-a", "payments", "--notify", "always"], 2, 1);
    watched.night(&["plan", "-a", "ledger", "--notify", "always"], 0, 1);
    watched.night(&["plan"], 2, 2);
    assert_eq!(watched.kept().len(), 2);
    watched.night(&["plan", "--notify", "never"], 2, 2);

    watched.estate.write_baseline(BASELINE);
    let ran = watched.run(&["plan", "--notify", "always"]).ended(64);
    assert!(ran.err.contains("baseline.toml has no [notify.run]"), "{ran:?}");
}

#[test]
fn a_saved_plan_says_nothing_of_what_drifted_since() {
    let watched = Watched::new();
    let file = watched.estate.directory.path().join("plan.json");
    let file = file.to_str().unwrap();
    watched.stop(PAYMENTS, HOME);
    watched.night(&["plan", "--out", file], 2, 1);
    watched.stop(LEDGER, HOME);
    watched.night(&["plan"], 2, 2);

    watched.night(&["apply", file, "--yes"], 0, 3);
    let (subject, document) = watched.last();
    assert_eq!(document["gone"], json!([format!("{PAYMENTS}/{HOME}/cloudtrail.trail/baseline")]));
    assert_eq!(subject, "baseline test: drift in 1 resource, 1 account", "it is not in sync");
    watched.week();
    watched.night(&["plan"], 2, 3);
    watched.night(&["apply", "--yes"], 0, 4);
    assert_eq!(watched.last().0, "baseline test: in sync again");
}

#[test]
fn a_file_that_asks_for_word_of_its_runs_alone_makes_no_topics() {
    let watched = Watched::new();
    let document = watched.run(&["plan", "--format", "json"]).ended(0).json();
    assert_eq!(document["changes"], json!([]));
}

#[test]
fn what_broke_and_was_repaired_between_two_looks_is_told() {
    let watched = Watched::new();
    watched.stop(PAYMENTS, HOME);
    watched.night(&["apply", "--yes", "--quiet"], 0, 1);
    assert_eq!(watched.last().0, "baseline test: changed 1 resource, 1 account");
    watched.week();
    watched.night(&["apply", "--yes", "--quiet"], 0, 1);
}

#[test]
fn a_gap_in_the_recording_that_is_over_is_told_once() {
    let watched = Watched::new();
    let admin = watched.estate.admin(PAYMENTS);
    admin.cloudtrail("us-east-1", "StopLogging", json!({ "Name": "baseline" }));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    admin.cloudtrail("us-east-1", "StartLogging", json!({ "Name": "baseline" }));
    watched.night(&["plan", "--quiet"], 0, 1);
    let (subject, document) = watched.last();
    assert_eq!(subject, "baseline test: in sync, 1 gap in what was recorded");
    assert_eq!(document["news"].as_array().unwrap().len(), 1, "{document:#}");
    assert!(document["news"][0]["text"].as_str().unwrap().contains("recorded nothing from"), "{document:#}");
    let message = watched.mails()[0]["Message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("\nTo know:\n  payments 333333333333/us-east-1: trail `baseline` was stopped"),
        "{message}"
    );
    watched.night(&["plan", "--quiet"], 0, 1);
    watched.night(&["apply", "--yes", "--quiet"], 0, 1);
    watched.week();
    watched.night(&["plan", "--quiet"], 0, 1);
}
