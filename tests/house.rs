//! The rules of the house that neither the compiler nor clippy holds, on the text of `src/`.
//!
//! A rule looks at paths of code (`std::fs::read`, `println!`), as they stand and as `use` spells them in groups; what
//! comments and strings say is nobody's business.

mod code;
mod rules;

use std::fs;
use std::path::Path;

use self::code::Code;
use self::rules::{Complaint, RULES};
use crate::support::root;

/// Every Rust file below a folder, with its path from the repository's root.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn complaints(path: &str, text: &str) -> Vec<Complaint> {
    let code = Code::read(text);
    let rules = RULES.iter().filter(|rule| (rule.holds_in)(path));
    rules.flat_map(|rule| rule.complaints(path, text, &code)).collect()
}

fn listed(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| format!("{complaint}\n")).collect()
}

#[test]
fn the_house_rules_hold() {
    let mut all = files(&root().join("src"));
    all.extend(files(&root().join("tests")));
    assert!(all.len() > 100, "only {} files were found", all.len());
    for rule in RULES {
        assert!(all.iter().any(|(path, _)| (rule.holds_in)(path)), "{} holds nowhere", rule.name);
    }
    let complaints: Vec<Complaint> = all.iter().flat_map(|(path, text)| complaints(path, text)).collect();
    assert!(complaints.is_empty(), "\n{}", listed(&complaints));
}

/// A list without an end is found out by the pager alone (`aws::Pages`).
#[test]
fn every_list_is_read_through_the_one_pager() {
    let mut read = 0;
    for (path, text) in files(&root().join("src")) {
        for setter in ["set_next_token(", "set_marker(", "set_continuation_token(", "into_paginator("] {
            for (at, _) in text.match_indices(setter) {
                let paged = text[at + setter.len()..].starts_with("pages.token()");
                assert!(paged, "{path}: {setter}…) does not take its token from `session.pages(…)`");
                read += 1;
            }
        }
    }
    assert!(read > 10, "{read}");
}

/// Small files that each break a rule, by the path they would have.
const BROKEN: &[(&str, &str)] = &[
    ("src/engine/survey.rs", "use aws_sdk_kms as kms;\n"),
    ("src/services/kms/spec.rs", "fn f(key: aws_sdk_kms::types::Tag) {}\n"),
    ("src/plan/planner.rs", "\nuse aws_smithy_types::DateTime;\n"),
    ("src/model/region.rs", "use {aws_types::region, std::fmt};\n"),
    ("src/plan/mod.rs", "use std::time::{Duration, SystemTime};\n"),
    ("src/policy/json.rs", "fn f() {\n    let now = std::time::Instant::now();\n}\n"),
    ("src/config/read.rs", "use std::{collections::BTreeMap, fs};\n"),
    ("src/config/check/hops.rs", "fn f() { std::env::var(\"HOME\"); }\n"),
    ("src/services/s3/policy.rs", "use std::net::{IpAddr, TcpStream};\n"),
    ("src/services/table.rs", "use tokio::time::sleep;\n"),
    ("src/services/cloudtrail/config.rs", "use std::process::Command;\n"),
    ("src/services/kms/tests.rs", "use std::io::Write as _;\n"),
    ("src/services/mod.rs", "use crate::aws::Session;\n"),
    ("src/services/adapter.rs", "use crate::{aws::Session, engine::apply};\n"),
    ("src/plan/facts.rs", "use crate::{model::Address, report::Event};\n"),
    ("src/sandbox/s3/mod.rs", "use crate::{model::Arn, services::s3};\n"),
    ("src/sandbox/mod.rs", "fn f() -> crate::aws::Session {}\n"),
    ("src/engine/apply.rs", "use crate::sandbox::Sandbox;\n"),
    ("src/report/json.rs", "use owo_colors::OwoColorize;\n"),
    ("src/engine/mod.rs", "use crate::cli::Exit;\n"),
    ("src/report/human.rs", "use clap::ValueEnum;\nuse anstream::println;\nuse std::process::ExitCode;\n"),
    ("src/cli/plan.rs", "fn f() {\n    println!(\"{}\", 1);\n    std::process::exit(2);\n}\n"),
    ("src/main.rs", "fn main() { eprintln!(); }\n"),
    ("src/cli/mod.rs", "use std::process::{self, Command};\nfn f() { process::exit(1) }\n"),
    ("src/policy/utils.rs", "//! Odds and ends.\n"),
    ("src/services/mod.rs", "mod common;\n"),
    ("src/aws/call.rs", "#[allow(dead_code)]\nfn f() {}\n"),
    ("src/lib.rs", "#![allow(missing_docs)]\n#[cfg_attr(test, allow(unused))]\nmod a;\n"),
];

#[test]
fn each_rule_complains_with_its_place_and_a_way_out() {
    let mut said = String::new();
    for (path, text) in BROKEN {
        let found = complaints(path, text);
        assert!(!found.is_empty(), "nobody complained of {path}:\n{text}");
        said.push_str(&listed(&found));
    }
    said.push_str(&listed(&complaints("src/plan/long.rs", &"// a line\n".repeat(601))));
    for rule in RULES {
        assert!(said.contains(rule.advice), "no broken sample for {}", rule.name);
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_allowed_is_not_complained_of() {
    for (path, text) in [
        ("src/services/kms/aws.rs", "use aws_sdk_kms as kms;\nuse crate::aws::send;\n"),
        ("src/services/kms/aws/read.rs", "use aws_sdk_kms as kms;\n"),
        ("src/aws/clients.rs", "use aws_config::SdkConfig;\nuse std::time::Instant;\nuse tokio::sync::Mutex;\n"),
        ("src/services/adapter.rs", "use crate::aws::Session;\n"),
        ("src/plan/mod.rs", "// use std::fs;\n/* println!() /* nested */ tokio */\nfn f() {}\n"),
        ("src/plan/mod.rs", "const A: &str = \"std::fs::read println!\";\nconst B: &str = r#\"use \"tokio\";\"#;\n"),
        ("src/plan/mod.rs", "const A: char = '\"';\nconst B: &str = \"\";\nfn f<'a>(a: &'a str) { writeln!(a) }\n"),
        ("src/plan/mod.rs", "use std::time::Duration;\nuse crate::model::Arn;\nfn tokio_like(printing: u8) {}\n"),
        (
            "src/policy/document.rs",
            "fn f() { Statement::allow(1); vec![allow(2)]; }\n#[expect(dead_code)]\nfn g() {}\n",
        ),
        ("src/sandbox/mod.rs", "use crate::sandbox::{wire, world};\nuse std::fs;\nuse super::aws_date;\n"),
        ("src/cli/sandbox.rs", "use crate::sandbox::Sandbox;\nuse clap::Args;\n"),
        ("src/report/human.rs", "use owo_colors::OwoColorize;\n"),
        ("src/services/table.rs", "fn f() { $folder::aws::observe(cell).await }\n"),
        ("src/policy/condition.rs", "use std::net::IpAddr;\n"),
        ("src/plan/short.rs", &"// a line\n".repeat(600)),
    ] {
        assert_eq!(listed(&complaints(path, text)), "", "{path}:\n{text}");
    }
}
