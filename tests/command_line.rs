//! Options, exit codes and starter files.

use std::fs;
use std::process::Stdio;

use crate::support::{baseline, file, stderr, stdout};

fn code(arguments: &[&str]) -> Option<i32> {
    baseline(&file("tests/data")).args(arguments).output().unwrap().status.code()
}

#[test]
fn a_wrong_command_line_ends_with_64_and_help_with_0() {
    assert_eq!(code(&[]), Some(64));
    assert_eq!(code(&["frobnicate"]), Some(64));
    assert_eq!(code(&["validate", "--frobnicate"]), Some(64));
    assert_eq!(code(&["validate", "--color", "mauve"]), Some(64));
    assert_eq!(code(&["validate", "-q", "-v"]), Some(64));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["validate", "--help"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
}

#[cfg(feature = "aws")]
#[test]
fn an_option_that_would_change_nothing_is_a_wrong_command_line() {
    let run = |arguments: &[&str]| baseline(&file("tests/data")).args(arguments).output().unwrap();
    for option in [["--region", "eu-*"], ["--service", "s3"], ["--target", "*/us-*"]] {
        let output = run(&["accounts", option[0], option[1]]);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        assert!(stderr(&output).contains("shows accounts as a whole"), "{output:?}");
        assert!(!stdout(&run(&["accounts", "--help"])).contains(option[0]), "it is offered");
    }
    let output = run(&["plan", "--on-drift-timeout", "60"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(stderr(&output).contains("--on-drift <COMMAND>"), "{output:?}");
}

#[cfg(feature = "aws")]
#[test]
fn the_help_names_every_service() {
    let output = baseline(&file("tests/data")).args(["plan", "--help"]).output().unwrap();
    let help = stdout(&output);
    let names: Vec<&str> = baseline::services::Service::ALL.iter().map(|service| service.as_str()).collect();
    assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(&names.join(", ")), "{help}");
}

#[test]
fn a_missing_file_ends_with_65_and_names_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let output = baseline(directory.path()).arg("validate").output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    insta::assert_snapshot!(stderr(&output), @r"
    error: cannot read profiles.toml
      cause: No such file or directory (os error 2)
      help: `baseline init` writes a profiles.toml to start from; --profiles FILE or BASELINE_PROFILES names another one
    ");
}

#[test]
fn the_environment_names_the_files_and_an_option_wins() {
    let run = |arguments: &[&str]| {
        let output = baseline(&file("."))
            .env("BASELINE_PROFILES", "profiles.example.toml")
            .env("BASELINE_FILE", "baselines/minimal.toml")
            .arg("validate")
            .args(arguments)
            .output()
            .unwrap();
        output.status.code()
    };
    assert_eq!(run(&[]), Some(0));
    assert_eq!(run(&["-p", "nowhere.toml"]), Some(65));
}

#[test]
fn a_file_that_is_not_text_ends_with_65() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("profiles.toml"), [0xff, 0xfe, 0x00]).unwrap();
    let output = baseline(directory.path()).arg("validate").output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    assert!(stderr(&output).contains("UTF-8"), "{}", stderr(&output));
}

#[test]
fn warnings_go_to_stderr_and_leave_the_exit_code_alone() {
    let directory = tempfile::tempdir().unwrap();
    let minimal = fs::read_to_string(file("baselines/minimal.toml")).unwrap();
    let edited = minimal.replace("# global_events_region = \"us-east-1\"", "global_events_region = \"eu-west-1\"");
    let profiles = fs::read_to_string(file("profiles.example.toml")).unwrap();
    let profiles = profiles.replace("\"us-east-1\"] }", "\"eu-west-1\"] }");
    fs::write(directory.path().join("baseline.toml"), edited).unwrap();
    fs::write(directory.path().join("profiles.toml"), profiles).unwrap();
    let output = baseline(directory.path()).arg("validate").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("baseline.toml is valid"));
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn colour_is_for_those_who_ask() {
    let run = |color: &str| {
        let output = baseline(&file("tests/data/invalid/both")).args(["validate", "--color", color]).output().unwrap();
        stderr(&output).contains('\u{1b}')
    };
    assert!(!run("auto"));
    assert!(!run("never"));
    assert!(run("always"));
}

#[test]
fn starter_files_are_valid_and_never_overwrite() {
    let directory = tempfile::tempdir().unwrap();
    let output = baseline(directory.path()).args(["init", "company"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("next: baseline validate"), "{}", stdout(&output));
    let company = directory.path().join("company");
    let mut names: Vec<_> = fs::read_dir(&company).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["baseline.toml", "profiles.toml"], "and nothing half-written");
    assert_eq!(baseline(&company).arg("validate").output().unwrap().status.code(), Some(0));
    assert!(!fs::read_to_string(company.join("profiles.toml")).unwrap().contains("#:schema"));

    // Even where only one of them is there, none is written.
    fs::remove_file(company.join("profiles.toml")).unwrap();
    fs::write(company.join("baseline.toml"), "mine").unwrap();
    let output = baseline(&company).arg("init").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("baseline.toml is there already"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(company.join("baseline.toml")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&company).unwrap().count(), 1);
}

#[test]
fn starter_files_that_cannot_be_written_are_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let output = baseline(directory.path()).args(["init", "file/below"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot write file/below"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_baseline"))
        .env_clear()
        .args(["schema", "profiles"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_schemas_are_json() {
    for name in ["profiles", "baseline"] {
        let output = baseline(&file(".")).args(["schema", name]).output().unwrap();
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(schema["type"], "object");
        assert!(!stdout(&output).contains("\"null\""), "TOML has no null");
    }
}
