//! The files that are shipped: valid as they are, in every partition, and generated where they are generated.

use std::fs;

use baseline::config::{Source, baseline_schema, load, profiles_schema};

use crate::support::{baseline, file, stderr};

fn baselines() -> Vec<Source> {
    let entries = fs::read_dir(file("baselines")).unwrap();
    let sources: Vec<Source> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| Source { text: fs::read_to_string(&path).unwrap(), path: path.display().to_string() })
        .collect();
    assert!(!sources.is_empty());
    sources
}

#[test]
fn every_shipped_baseline_validates_with_the_example_in_every_partition() {
    let example = fs::read_to_string(file("profiles.example.toml")).unwrap();
    for (partition, region) in [
        ("aws", "ap-northeast-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ] {
        let text = example
            .replace("partition = \"aws\"", &format!("partition = \"{partition}\""))
            .replace("home_region = \"ap-northeast-1\"", &format!("home_region = \"{region}\""));
        let text = match partition {
            "aws" => text,
            // The one static list of the example.
            _ => text.replace("[\"ap-northeast-1\", \"us-east-1\"]", &format!("[\"{region}\"]")),
        };
        let profiles = Source { path: "profiles.example.toml".to_owned(), text };
        for source in baselines() {
            let loaded =
                load(&profiles, Some(&source)).unwrap_or_else(|e| panic!("{partition}, {}: {:?}", source.path, e.list));
            assert_eq!(loaded.warnings.list, [], "{partition}, {}", source.path);
        }
    }
}

/// The lines that show an override are comments, and would say what they show.
#[test]
fn the_override_that_the_standard_baseline_shows_is_right() {
    let read = |name: &str| Source { path: name.to_owned(), text: fs::read_to_string(file(name)).unwrap() };
    let mut standard = read("baselines/standard.toml");
    let (before, shown) = standard.text.split_once("# [[override]]").unwrap();
    let lines = shown.lines().map(|line| line.strip_prefix("#").unwrap_or(line).trim_start());
    standard.text = format!("{before}[[override]]{}\n", lines.collect::<Vec<_>>().join("\n"));
    let loaded = load(&read("profiles.example.toml"), Some(&standard)).unwrap_or_else(|e| panic!("{:?}", e.list));
    assert_eq!(loaded.warnings.list, []);
    let overrides = loaded.baseline.unwrap().overrides;
    assert_eq!(
        overrides.iter().map(baseline::config::Override::words).collect::<Vec<_>>(),
        ["by the override for group dev: without guardduty; events only in * except sa-*; AWS Config rule \
             baseline-encrypted-volumes besides"]
    );
}

#[test]
fn every_shipped_file_names_its_schema() {
    for source in baselines() {
        assert!(source.text.starts_with("#:schema ../schema/baseline.schema.json\n"), "{}", source.path);
    }
    let example = fs::read_to_string(file("profiles.example.toml")).unwrap();
    assert!(example.starts_with("#:schema schema/profiles.schema.json\n"));
}

#[test]
fn the_schemas_are_up_to_date() {
    for (name, schema) in [("profiles", profiles_schema()), ("baseline", baseline_schema())] {
        let path = file(&format!("schema/{name}.schema.json"));
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&path, &schema).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == schema,
            "schema/{name}.schema.json is out of date: run `cargo run -- schema {name} > schema/{name}.schema.json`, or \
             the tests with UPDATE_SCHEMAS=1"
        );
    }
}

#[test]
fn the_example_validates_through_the_program() {
    let output = baseline(&file("."))
        .args(["validate", "-p", "profiles.example.toml", "-b", "baselines/minimal.toml"])
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(crate::support::stdout(&output));
}
