//! The record of a run: written as it goes on, whole whatever becomes of the run, and shown again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use baseline::report::record::{Record, read};
use serde_json::{Value, json};

use crate::support::estate::{BASELINE, Estate, HOME, PAYMENTS, PROFILES, Ran, SECRETS, SECURITY, standard};

const FILE: &str = "run.jsonl";

fn text(estate: &Estate) -> String {
    let text = fs::read_to_string(estate.directory.path().join(FILE)).unwrap();
    for secret in SECRETS.iter().chain(&["simulated-secret", "simulated-session-token"]) {
        assert!(!text.contains(secret), "{secret} is in the record");
    }
    text
}

#[track_caller]
fn record(estate: &Estate) -> Record {
    read(text(estate).as_bytes()).unwrap()
}

#[track_caller]
fn show(estate: &Estate, arguments: &[&str]) -> Ran {
    let before = estate.sandbox.calls().len();
    let shown = estate.run(&[&["show", FILE], arguments].concat()).ended(0);
    assert_eq!(estate.sandbox.calls().len(), before, "show called AWS");
    shown
}

#[test]
fn the_record_of_a_whole_apply_tells_what_the_run_told() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue("eu-west-1");
    estate.sandbox.reset_calls();
    let ran = estate.apply(&["--format", "json", "--events", FILE]).ended(0);
    let writes = estate.all_writes();

    let record = record(&estate);
    let mode = fs::metadata(estate.directory.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!((record.header.command.as_str(), record.header.baseline.as_deref()), ("apply", Some("standard")));
    assert_eq!(record.ended.as_ref().map(|ended| ended.exit), Some(0));
    assert_eq!((record.unknown.len(), record.not_begun.len()), (0, 0));
    let outcome = |outcome: &Value| {
        let text = |key: &str| outcome[key].as_str().unwrap().to_owned();
        (text("address"), text("outcome"))
    };
    let told: Vec<_> = ran.json()["outcomes"].as_array().unwrap().iter().map(outcome).collect();
    let recorded: Vec<_> =
        record.outcomes.iter().map(|(address, outcome)| (address.to_string(), outcome.as_str().to_owned())).collect();
    assert!(recorded.len() > 20, "{recorded:?}");
    assert_eq!(recorded, told);
    assert_eq!(show(&estate, &["--format", "json"]).out, ran.out, "the same document, byte for byte");

    // The tool's own audit trail: what it says it sent is what arrived, call for call.
    let mut sent: Vec<String> = Vec::new();
    for call in &record.calls {
        let region = if call.region.is_global() { "us-east-1".to_owned() } else { call.region.to_string() };
        let line = format!("{} {} {region}", call.operation, call.account);
        sent.extend((0..call.attempts).map(|_| line.clone()));
    }
    let mut arrived: Vec<String> = writes.iter().map(|line| line.split_once(':').unwrap().1.to_owned()).collect();
    sent.sort();
    arrived.sort();
    assert_eq!(sent, arrived);
    let trail = show(&estate, &["-v"]).out;
    for call in &record.calls {
        assert!(trail.contains(call.request_id.as_deref().unwrap()), "{call:?} is not in\n{trail}");
    }
}

#[test]
fn a_record_is_shown_as_the_run_itself_was() {
    let estate = Estate::new(PROFILES, BASELINE);
    let planned = estate.plan(&["--events", FILE]).ended(2);
    assert_eq!(show(&estate, &[]).out, planned.out);
    fs::remove_file(estate.directory.path().join(FILE)).unwrap();
    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "cloudtrail:CreateTrail" }));
    let applied = estate.apply(&["--events", FILE]).ended(1);
    assert!(applied.out.contains("failed"), "{}", applied.out);
    let shown = show(&estate, &[]);
    assert_eq!(shown.out, applied.out);
    assert!(shown.err.contains("exit code 1"), "{}", shown.err);
    assert_eq!(record(&estate).ended.map(|ended| ended.exit), Some(1));
}

/// AWS needs a while to notice that the bucket lets the trail in.
#[test]
fn what_aws_needed_long_for_is_told_at_the_end_and_by_the_record() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-trail", "account": PAYMENTS, "region": HOME, "name": "baseline" }));
    let refused =
        json!({ "fail": { "code": "InsufficientS3BucketPolicyException", "status": 400, "message": "not yet" } });
    estate.tamper(json!({ "do": "fault", "operation": "cloudtrail:CreateTrail", "times": 4, "effect": refused }));
    let applied = estate.apply(&["--events", FILE]).ended(0);
    assert_eq!(estate.sandbox.faults()[0].hit, 4);
    assert!(applied.out.contains("to notice what cloudtrail:CreateTrail needs"), "{}", applied.out);
    assert_eq!(show(&estate, &[]).out, applied.out);
    let document = show(&estate, &["--format", "json", "-v"]).json();
    assert_eq!(document["waits"].as_array().unwrap().len(), 1, "{document:#}");
    assert_eq!(document["waited"][0]["operation"], "CreateTrail", "{document:#}");
}

#[test]
fn which_wave_began_when_is_in_the_record() {
    let estate = Estate::new(&PROFILES.replace("groups = [\"dev\"]", "groups = [\"dev\"]\nwave = 2"), BASELINE);
    estate.apply(&["--events", FILE]).ended(0);
    let lines = text(&estate);
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let waves: Vec<Value> = lines
        .filter(|line| line["event"] == "wave_started")
        .map(|line| json!([line["wave"], line["accounts"], line["changes"]]))
        .collect();
    let expected = json!([["holders", 1, 4], [{ "declared": 1 }, 1, 2], [{ "declared": 2 }, 1, 2]]);
    assert_eq!(json!(waves), expected);
}

#[test]
fn a_killed_apply_leaves_a_record_that_says_what_is_unknown() {
    // The first two make the bucket that the lock is put into.
    for after in [1, 5, 10] {
        let estate = Estate::new(PROFILES, BASELINE);
        let mut command = estate.command(&["apply", "--yes", "--events", FILE]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while estate.sandbox.mutating_calls() < after && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(100));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let record = record(&estate);
        assert_eq!(record.ended, None);
        let planned = record.plan.as_ref().unwrap().changes.len();
        let told = record.outcomes.len() + record.unknown.len() + record.not_begun.len();
        assert_eq!(told, planned, "each change once");
        assert!(!record.unknown.is_empty(), "something was under way after {after} writes");
        let shown = show(&estate, &[]);
        assert!(shown.err.contains("never ended"), "{}", shown.err);
        assert!(
            shown.out.contains("\nunknown ") && shown.out.contains(&format!(" {}\n", record.unknown[0])),
            "{}",
            shown.out
        );
        let document = show(&estate, &["--format", "json"]).json();
        assert_eq!(document["unknown"].as_array().unwrap().len(), record.unknown.len());
    }
}

#[test]
fn where_a_record_was_asked_for_and_cannot_be_written_nothing_is_changed() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = estate.apply(&["--events", "/dev/full"]).ended(1);
    assert_eq!(ran.err.matches("cannot go on with the record in /dev/full").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("is not whole") && ran.err.contains("nothing will be changed"), "{}", ran.err);
    assert!(ran.out.contains("the record of the run that --events asks for could not be written"), "{}", ran.out);
    assert_eq!(estate.sandbox.mutating_calls(), 0, "{:?}", estate.all_writes());
    let quiet = estate.run(&["plan", "-q", "--events", "/dev/full"]).ended(1);
    assert!(quiet.err.contains("cannot go on with the record"), "quiet says what is wrong: {}", quiet.err);
}

#[test]
fn nothing_is_written_over_or_behind_what_is_there() {
    let estate = Estate::new(PROFILES, BASELINE);
    let path = estate.directory.path().join(FILE);
    fs::write(&path, "precious").unwrap();
    for command in [&["plan"][..], &["apply", "--yes"], &["accounts"]] {
        let ran = estate.run(&[command, &["--events", FILE]].concat()).ended(64);
        assert!(ran.err.contains("is there already"), "{}", ran.err);
        assert!(ran.err.contains("help: "), "{}", ran.err);
    }
    assert_eq!(estate.sandbox.calls(), [], "refused before anything was called");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::write(&path, "").unwrap();
    estate.run(&["accounts", "--events", FILE]).ended(0);
    assert_eq!(record(&estate).accounts, (4, 4));
    estate.run(&["accounts", "--events", "nowhere/run.jsonl"]).ended(1);
}

#[test]
fn a_record_that_breaks_after_the_first_change_stops_nothing() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.apply(&["--events", FILE]).ended(0);
    let whole = text(&estate);
    let first = whole.find("\"event\":\"change_ended\"").unwrap();
    let estate = Estate::new(PROFILES, BASELINE);
    // To the middle of the run, as far as a limit counts: in blocks of 512 bytes.
    let blocks = (first + (whole.len() - first) / 2) / 512;
    let ran = limited(&estate, blocks, &["apply", "--yes", "--events", FILE]).ended(1);
    assert!(ran.err.contains("cannot go on with the record") && ran.err.contains("unrecorded"), "{}", ran.err);
    estate.assert_clean();
}

/// Runs where no file may grow larger than so many blocks of 512 bytes.
fn limited(estate: &Estate, blocks: usize, arguments: &[&str]) -> Ran {
    let command = estate.command(arguments);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(command.get_program());
    shell.args(command.get_args()).env_clear().current_dir(estate.directory.path());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), None, "a signal killed it");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_file_that_may_not_grow_is_an_error_of_that_file_and_leaves_no_other() {
    let estate = Estate::new(PROFILES, BASELINE);
    let ran = limited(&estate, 1, &["apply", "--yes", "--events", FILE]).ended(1);
    assert!(ran.err.contains("cannot go on with the record in run.jsonl: File too large"), "{}", ran.err);
    assert_eq!(estate.sandbox.mutating_calls(), 0, "{:?}", estate.all_writes());
    let ran = limited(&estate, 1, &["plan", "--out", "plan.json"]).ended(1);
    assert!(ran.err.contains("cannot write plan.json") && ran.err.contains("File too large"), "{}", ran.err);
    let names = fs::read_dir(estate.directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["baseline.toml", "profiles.toml", "run.jsonl"], "no temporary file is left");
}

#[test]
fn a_record_is_for_its_owner_and_goes_through_no_link() {
    let estate = Estate::new(PROFILES, BASELINE);
    let path = estate.directory.path().join(FILE);
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    estate.run(&["accounts", "--events", FILE]).ended(0);
    assert_eq!(mode(), 0o600);
    for target in ["elsewhere", "nowhere"] {
        let elsewhere = estate.directory.path().join(target);
        if target == "elsewhere" {
            fs::write(&elsewhere, "").unwrap();
        }
        let link = estate.directory.path().join("link.jsonl");
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        let ran = estate.run(&["accounts", "--events", "link.jsonl"]).ended(1);
        assert!(ran.err.contains("it is a symbolic link"), "{}", ran.err);
        assert!(fs::read(&elsewhere).map_or(true, |bytes| bytes.is_empty()), "{target} was written");
        fs::remove_file(&link).unwrap();
    }
    // Links that the system makes are none of somebody's.
    let ran = estate.run(&["accounts", "--events", "/dev/stderr"]).ended(0);
    assert!(ran.err.contains("\"event\":\"run_ended\""), "{}", ran.err);
}

#[test]
fn no_field_of_a_record_moves_a_cursor_or_hides_anything() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "deny", "account": PAYMENTS, "operation": "cloudtrail:CreateTrail" }));
    estate.apply(&["--events", FILE]).ended(1);
    // Every text of it that has no form of its own, and the words that people read.
    let infested: Vec<String> = text(&estate)
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            infest(&mut line);
            // The first line begins with the version of the format.
            match line.as_object_mut().unwrap().remove("record") {
                Some(version) => line.to_string().replacen('{', &format!("{{\"record\":{version},"), 1),
                None => line.to_string(),
            }
        })
        .collect();
    fs::write(estate.directory.path().join(FILE), format!("{}\n", infested.join("\n"))).unwrap();
    for arguments in [&[][..], &["-v"], &["--format", "json"], &["--format", "json", "-v"]] {
        let ran = show(&estate, arguments).ended(0);
        let shown = format!("{}{}", ran.out, ran.err);
        let hidden = |c: char| c != '\n' && baseline::model::is_hidden(c);
        assert!(!shown.contains(hidden), "{shown:?}");
        // Nothing stands on a line of its own that was behind a line feed.
        assert!(!shown.lines().any(|line| line.starts_with("FORGED")), "{shown}");
        assert!(shown.contains("FORGED"), "the texts are there: {shown}");
    }
}

/// Puts what a terminal obeys behind every text that may be any.
fn infest(value: &mut Value) {
    const FREE: [&str; 12] = [
        "tool",
        "command",
        "baseline",
        "selection",
        "role",
        "service",
        "operation",
        "code",
        "message",
        "request_id",
        "hint",
        "reason",
    ];
    match value {
        Value::Array(items) => items.iter_mut().for_each(infest),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if FREE.contains(&name.as_str()) => {
                        text.push_str("\u{1b}[2K\r\u{202e}\u{200b}\nFORGED");
                    }
                    // A resource's own texts are quoted where they are shown.
                    _ if name == "desired" || name == "seen" => {}
                    other => infest(other),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn a_run_that_could_not_begin_is_recorded_with_its_reason() {
    let estate = Estate::new(PROFILES, "name = 1\n");
    estate.run(&["plan", "--events", FILE]).ended(65);
    let broken = record(&estate);
    assert_eq!(broken.header.baseline, None);
    assert_eq!(broken.ended.as_ref().map(|ended| ended.exit), Some(65));
    assert!(broken.ended.unwrap().error.is_some());
    fs::remove_file(estate.directory.path().join(FILE)).unwrap();
    estate.write_baseline(BASELINE);
    estate.run(&["plan", "--events", FILE, "-a", "pay*", "-g", "nobody"]).ended(64);
    let narrowed = record(&estate);
    assert_eq!(narrowed.header.selection.as_deref(), Some("--account=pay* --group=nobody"));
    assert_eq!(narrowed.ended.map(|ended| ended.exit), Some(64));
}

#[test]
fn what_is_no_record_is_refused_with_its_line() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.plan(&["--events", FILE]).ended(2);
    let path = estate.directory.path().join(FILE);
    let whole = text(&estate);
    fs::write(&path, whole.replacen("\"seq\":3", "\"seq\":4", 1)).unwrap();
    let ran = estate.run(&["show", FILE]).ended(65);
    assert!(ran.err.contains("line 3: it bears the number 4"), "{}", ran.err);
    fs::write(&path, whole.replacen("{\"record\":1", "{\"record\":9", 1)).unwrap();
    assert!(estate.run(&["show", FILE]).ended(65).err.contains("format 9"));
}

/// Every line of stderr as the object that it is; they are all of one run.
#[track_caller]
fn objects(ran: &Ran) -> Vec<Value> {
    let objects: Vec<Value> =
        ran.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let mut runs = BTreeMap::new();
    for object in &objects {
        *runs.entry(object["run"].as_str().unwrap()).or_insert(0) += 1;
        for key in ["time", "level", "message"] {
            assert!(object[key].is_string(), "{key}: {object:#}");
        }
    }
    assert!(runs.len() <= 1, "{runs:?}");
    objects
}

#[test]
fn every_line_of_a_json_log_is_an_object_with_the_run_and_the_place() {
    let estate = Estate::new(PROFILES, BASELINE);
    let said = objects(&estate.run(&["plan", "-vvv", "--log-format", "json", "--events", FILE]).ended(2));
    let run = record(&estate).header.run;
    assert_eq!(said[0]["run"], run.as_str());
    let calls: Vec<&Value> = said.iter().filter(|line| line["operation"].is_string()).collect();
    assert!(calls.len() > 10, "{said:#?}");
    for call in calls {
        for key in ["account", "region", "service", "operation"] {
            assert!(call[key].is_string(), "{key}: {call:#}");
        }
    }
    estate.tamper(json!({ "do": "deny", "account": SECURITY, "operation": "cloudtrail:CreateTrail" }));
    let said = objects(&estate.apply(&["--log-format", "json"]).ended(1));
    let failed: Vec<&Value> = said.iter().filter(|line| line["level"] == "error").collect();
    assert_eq!(failed.len(), 2, "one for each Region: {said:#?}");
    assert_eq!(failed[0]["account"], SECURITY);
    assert_eq!((&failed[0]["service"], &failed[0]["operation"]), (&json!("cloudtrail"), &json!("CreateTrail")));
    estate.write_baseline("name = 1\n");
    assert!(!objects(&estate.run(&["plan", "--log-format", "json"]).ended(65)).is_empty());
}
