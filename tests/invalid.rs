//! One mistake per file below `data/invalid/`, each with its message as a snapshot.

use std::fs;
use std::panic::catch_unwind;

use crate::support::{baseline, file, stderr};

/// Validates every file of a kind together with a valid one of the other kind.
fn each(kind: &str, arguments: impl Fn(&str) -> [String; 4] + std::panic::RefUnwindSafe) {
    let directory = file("tests/data/invalid").join(kind);
    let mut names: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert!(names.len() > 40, "only {names:?}");
    let mut failed = Vec::new();
    for name in names {
        let checked = catch_unwind(|| {
            let output = baseline(&directory).arg("validate").args(arguments(&name)).output().unwrap();
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(65), "{text}");
            assert!(output.stdout.is_empty(), "stdout is for data");
            assert!(text.ends_with(&format!("error: 1 mistake in {name}\n")), "one mistake per file: {text}");
            assert!(
                !text.contains("secret\"") && !text.contains("very-secret") && !text.contains("73577357"),
                "{text}"
            );
            insta::assert_snapshot!(format!("{kind}__{}", name.trim_end_matches(".toml")), text);
        });
        if checked.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn every_mistake_in_profiles_is_explained() {
    each("profiles", |name| ["-p", name, "-b", "../../../../baselines/minimal.toml"].map(str::to_owned));
}

#[test]
fn every_mistake_in_a_baseline_is_explained() {
    each("baseline", |name| ["-p", "../../../../profiles.example.toml", "-b", name].map(str::to_owned));
}

#[test]
fn all_mistakes_of_both_files_are_reported_in_one_pass() {
    let output = baseline(&file("tests/data/invalid/both")).arg("validate").output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    let text = stderr(&output);
    assert!(!text.contains("very secret"), "{text}");
    insta::assert_snapshot!("both", text);
}

#[test]
fn a_file_without_end_is_refused() {
    let directory = file("tests/data/invalid");
    for arguments in
        [&["validate", "-p", "/dev/zero"][..], &["validate", "-p", "../../../profiles.example.toml", "-b", "/dev/zero"]]
    {
        let output = baseline(&directory).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
        assert!(stderr(&output).contains("it is larger than 16 MB, and was not read"), "{}", stderr(&output));
    }
    let output = baseline(&directory).args(["show", "/dev/zero"]).output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
}
