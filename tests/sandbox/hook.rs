//! The command of --on-drift: what it gets, and what becomes of a run whose command fails, does not read or does not end.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, Estate, HOME, PAYMENTS, PROFILES, standard};

fn drifted() -> Estate {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME }));
    estate
}

/// A variable that systemd, cron and a desk all have.
const PATH: (&str, &str) = ("PATH", "/usr/bin:/bin");

/// Whether a process goes on living. One that was killed may take a moment to die.
fn lives_on(pid: &str) -> bool {
    let is_alive = || {
        let state = fs::read_to_string(format!("/proc/{pid}/stat"));
        state.is_ok_and(|text| !text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
    };
    (0..1000).all(|_| {
        thread::sleep(Duration::from_millis(5));
        is_alive()
    })
}

/// Waits for a file that the command writes; the test's own time limit ends it.
fn written(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[test]
fn it_gets_the_document_and_the_exit_code_and_only_where_there_is_drift() {
    let estate = drifted();
    let command = "cat > got.json; echo \"$BASELINE_EXIT $BASELINE_RUN\" > env; echo seen";
    let plain = estate.run(&["plan", "--format", "json"]).ended(2);
    let ran = estate.run_with(&["plan", "--format", "json", "--on-drift", command], &[PATH]).ended(2);
    assert_eq!(ran.json(), plain.json(), "stdout is for our own data");
    assert!(ran.err.ends_with("seen\n"), "{ran:?}");
    let read = |name: &str| fs::read_to_string(estate.directory.path().join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("got.json")).unwrap(), plain.json());
    let (exit, run) = read("env").trim().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!((exit.as_str(), run.parse::<baseline::model::RunId>().is_ok()), ("2", true), "{run}");

    // Of an apply it gets what became of it.
    estate.run_with(&["apply", "--yes", "--on-drift", "cat > got.json"], &[PATH]).ended(0);
    let document: Value = serde_json::from_str(&read("got.json")).unwrap();
    assert_eq!(document["outcomes"][0]["outcome"], "applied", "{document:#}");

    let ran = estate.run_with(&["plan", "--on-drift", "touch called"], &[PATH]).ended(0);
    assert!(!estate.directory.path().join("called").exists(), "{ran:?}");
}

#[test]
fn a_command_that_fails_is_said_and_is_an_error() {
    let estate = drifted();
    for (command, said) in [
        ("exit 7", "error: the --on-drift command (`exit …`) ended with exit code 7\n"),
        ("kill -9 $$", "(`kill …`) was ended by a signal (signal: 9 (SIGKILL))\n"),
        ("/nowhere", "error: the --on-drift command (`/nowhere …`) ended with exit code 127\n"),
        (
            "exit 8; curl https://example.com/planted",
            "error: the --on-drift command (`exit …`) ended with exit code 8\n",
        ),
    ] {
        let ran = estate.run_with(&["plan", "--on-drift", command], &[PATH]).ended(1);
        assert!(ran.err.ends_with(said), "{ran:?}");
        assert!(ran.out.contains("Plan: 1 to update"), "{ran:?}");
    }
}

#[test]
fn a_command_need_not_read() {
    let estate = Estate::new(PROFILES, &standard());
    let document = estate.run(&["plan", "--format", "json"]).out;
    assert!(document.len() > 128 * 1024, "it does not fit the pipe: {}", document.len());
    let code = estate.run(&["plan"]).code.unwrap();
    for command in ["true", "exec 0<&-; sleep 0.1", "head -n 1 > /dev/null"] {
        estate.run_with(&["plan", "--on-drift", command], &[PATH]).ended(code);
    }
}

#[test]
fn a_command_that_does_not_end_is_killed_with_what_it_started() {
    let estate = drifted();
    // One that ends when it is asked to, and one that does not listen.
    for command in
        ["sleep 6000 & echo $! > pid; wait", "trap '' TERM; (trap '' TERM; sleep 6000) & echo $! > pid; wait; wait"]
    {
        let arguments = ["plan", "--on-drift-timeout", "1", "--on-drift", command];
        let ran = estate.run_with(&arguments, &[PATH]).ended(1);
        assert!(ran.err.ends_with(" was killed: it had not ended after 1s\n"), "{ran:?}");
        let pid = written(&estate.directory.path().join("pid"));
        assert!(!lives_on(&pid), "{command}: {pid} lives on");
        fs::remove_file(estate.directory.path().join("pid")).unwrap();
    }
}

#[test]
fn a_signal_that_ends_the_run_ends_the_command() {
    use std::os::unix::process::ExitStatusExt as _;

    let estate = drifted();
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        let file = estate.directory.path().join("pid");
        let mut child = estate
            .command(&["plan", "--on-drift", "sleep 6000 & echo $! > pid; wait"])
            .env(PATH.0, PATH.1)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pid = written(&file);
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {}", child.id())]).status().unwrap();
        assert!(sent.success());
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(number), "whoever waits is told by the signal: {status:?}");
        assert!(!lives_on(&pid), "{name}: {pid} lives on");
        fs::remove_file(file).unwrap();
    }
}
