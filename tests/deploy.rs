//! What is shipped for machines that run this unattended: units that systemd takes and that are locked in, and a
//! crontab whose lines are run by `sandbox/cron.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use baseline::config::{Source, load};

use crate::support::{baseline, baseline_path, file, stdout};

/// The most that a unit may be exposed, of 10; what is left is the network, which all of them are for.
const EXPOSURE: f64 = 1.5;

/// A crontab: what it sets for every job, and the jobs, by their time.
pub struct Crontab {
    pub settings: BTreeMap<String, String>,
    pub jobs: Vec<(String, String)>,
}

/// Reads deploy/crontab as cron does (crontab(5)).
pub fn crontab() -> Crontab {
    let text = fs::read_to_string(file("deploy/crontab")).unwrap();
    assert!(text.ends_with('\n'), "cron ignores a last line without an end");
    let mut crontab = Crontab { settings: BTreeMap::new(), jobs: Vec::new() };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            crontab.settings.insert(name.trim().to_owned(), value.trim().to_owned());
            continue;
        }
        let mut rest = line;
        let mut times = Vec::new();
        for _ in 0..5 {
            let (time, after) = rest.split_once(char::is_whitespace).unwrap_or_else(|| panic!("{line}"));
            assert!(time.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c)), "{time}: {line}");
            times.push(time);
            rest = after.trim_start();
        }
        assert!(!rest.contains('%'), "cron makes lines of percent signs: {line}");
        crontab.jobs.push((times.join(" "), rest.to_owned()));
    }
    crontab
}

#[test]
fn the_crontab_plans_every_night_and_applies_once_a_week() {
    let Crontab { settings, jobs } = crontab();
    assert_eq!(settings["SHELL"], "/bin/sh");
    assert!(settings.contains_key("MAILTO") && settings["PATH"].contains("/usr/local/bin"));
    let [(nightly, plan), (weekly, apply)] = &jobs[..] else { panic!("{jobs:?}") };
    assert!(nightly.ends_with(" * * *") && weekly.ends_with(" * * 1"), "{jobs:?}");
    assert!(plan.starts_with("baseline plan ") && apply.starts_with("baseline apply "), "{jobs:?}");
    assert!(jobs.iter().all(|(_, line)| line.contains(" --quiet ")), "mail only where something is wrong");
}

/// The units, with what they start replaced by what is there on this machine.
fn units() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(file("deploy")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".service") && !name.ends_with(".timer") {
            continue;
        }
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("/usr/local/bin/baseline", baseline_path().to_str().unwrap())
            .replace("/usr/local/lib/baseline/baseline-failed", file("deploy/baseline-failed").to_str().unwrap());
        assert!(!text.contains("ExecStart=/usr/local"), "{name}");
        fs::write(folder.path().join(&name), text).unwrap();
        names.push(name);
    }
    names.sort();
    assert_eq!(names.len(), 5, "{names:?}");
    (folder, names)
}

/// `systemd-analyze`, or nothing where this machine has none: .ci/run installs it.
fn analyze(folder: &Path, arguments: &[&str], units: &[String]) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).args(units.iter().map(|unit| format!("./{unit}"))).current_dir(folder).env("LC_ALL", "C");
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            // Seen with --no-capture; where it counts, it is no excuse.
            eprintln!("skipped: there is no systemd-analyze (Debian package: systemd)");
            None
        }
        Err(error) => panic!("systemd-analyze (Debian package: systemd): {error}"),
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let (folder, names) = units();
    let Some(output) = analyze(folder.path(), &["verify", "--man=no"], &names) else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("baseline")).collect();
    assert!(ours.is_empty(), "{ours:#?}");

    // It would have said so.
    let broken = fs::read_to_string(folder.path().join("baseline-plan.service")).unwrap();
    fs::write(folder.path().join("baseline-plan.service"), broken.replace("ProtectClock=yes", "ProtectClocks=yes"))
        .unwrap();
    let output = analyze(folder.path(), &["verify", "--man=no"], &names).unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("ProtectClocks"));
}

#[test]
fn every_service_is_locked_in() {
    let (folder, names) = units();
    let services: Vec<String> = names.into_iter().filter(|name| name.ends_with(".service")).collect();
    assert_eq!(services.len(), 3);
    for service in services {
        let Some(output) =
            analyze(folder.path(), &["security", "--offline=true", "--no-pager"], std::slice::from_ref(&service))
        else {
            return;
        };
        let text = stdout(&output);
        let (_, level) = text.rsplit_once("Overall exposure level for ").unwrap_or_else(|| panic!("{output:?}"));
        let level: f64 = level.split_whitespace().nth(1).unwrap().parse().unwrap_or_else(|_| panic!("{level}"));
        assert!(level < EXPOSURE, "{service}: {level}\n{text}");
    }
}

#[test]
fn the_units_point_at_a_page_that_is_installed() {
    let readme = fs::read_to_string(file("deploy/README.md")).unwrap();
    for unit in ["baseline-plan.service", "baseline-apply.service", "baseline-failed@.service"] {
        for page in settings(unit, "Documentation") {
            let path = page.strip_prefix("file:").unwrap_or_else(|| panic!("{unit}: {page}"));
            let installs = |line: &str| line.starts_with("install -D ") && line.contains(&format!(" {path}"));
            assert!(readme.lines().any(installs), "{unit}: no step installs {path}");
        }
    }
}

fn settings(unit: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(file("deploy").join(unit)).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
}

#[test]
fn a_failure_of_either_service_is_seen_and_a_missed_night_is_made_up_for() {
    for name in ["plan", "apply"] {
        let service = format!("baseline-{name}.service");
        assert_eq!(settings(&service, "OnFailure"), ["baseline-failed@%N.service"]);
        assert_eq!(settings(&service, "SuccessExitStatus"), [""; 0], "drift is a failure");
        assert_eq!(settings(&service, "User"), ["baseline"], "they share what was told");
        assert_eq!(settings(&service, "StateDirectory"), ["baseline"]);
        let [command] = &settings(&service, "ExecStart")[..] else { panic!() };
        let arguments = command.strip_prefix("/usr/local/bin/baseline ").unwrap();
        assert!(arguments.starts_with(name) && arguments.contains(" --quiet"), "{command}");
        // The command line is one that the program takes: the file is what it complains of.
        let empty = tempfile::tempdir().unwrap();
        let output = baseline(empty.path()).args(arguments.split(' ')).output().unwrap();
        let has_aws = cfg!(feature = "aws");
        assert_eq!(output.status.code(), Some(if has_aws { 65 } else { 64 }), "{output:?}");
        let timer = format!("baseline-{name}.timer");
        assert_eq!(settings(&timer, "Persistent"), ["true"]);
        assert!(!settings(&timer, "RandomizedDelaySec").is_empty());
    }
}

/// Runs the script of OnFailure= with a journal and a mail client that only show what they got.
#[test]
fn the_mail_of_a_failed_unit_says_what_the_run_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in [
        ("journalctl", "#!/bin/sh\necho \"journal: $*\"\necho 'Plan: 1 to update'\n"),
        (
            "curl",
            "#!/bin/sh\nwhile [ $# -gt 1 ]; do case $1 in --url|--mail-rcpt) echo \"$1 $2\" ;; esac; shift; done > sent\ncat >> sent\n",
        ),
        ("uname", "#!/bin/sh\necho host\n"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(file("deploy/baseline-failed"))
        .arg("baseline-plan.service")
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .envs([("MAIL_TO", "a@example.com"), ("MAIL_FROM", "b@example.com"), ("SMTP", "smtp://localhost:25")])
        .envs([("MONITOR_EXIT_STATUS", "2"), ("MONITOR_INVOCATION_ID", "0123")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "<1>baseline-plan.service on host: drift (exit code 2)\n");
    insta::assert_snapshot!("mail", fs::read_to_string(folder.path().join("sent")).unwrap());
}

/// The lines that show a topic are comments, and would say what they show.
#[test]
fn the_topic_that_the_shipped_baselines_show_is_one() {
    let read = |name: &str| Source { path: name.to_owned(), text: fs::read_to_string(file(name)).unwrap() };
    for name in ["baselines/minimal.toml", "baselines/standard.toml", "baselines/cis.toml"] {
        let mut shipped = read(name);
        shipped.text = shipped.text.replace("# [notify.run]\n# topic", "[notify.run]\ntopic");
        let loaded = load(&read("profiles.example.toml"), Some(&shipped)).unwrap_or_else(|e| panic!("{:?}", e.list));
        assert_eq!(loaded.warnings.list, [], "{name}");
        let baseline = loaded.baseline.unwrap();
        assert_eq!(baseline.notify_run.unwrap().topic.resource(), "baseline-runs", "{name}");
        assert_eq!(baseline.notify.is_some(), name != "baselines/minimal.toml", "it declares no topics of its own");
    }
}
