//! The rules: where each holds, what it forbids, and what to do instead.

use std::fmt;

use super::code::Code;

/// One rule.
pub struct Rule {
    /// Its name in complaints of the tests themselves.
    pub name: &'static str,
    /// Whether it holds in the file at this path.
    pub holds_in: fn(&str) -> bool,
    /// What it forbids.
    forbids: Forbids,
    /// What to do instead.
    pub advice: &'static str,
}

enum Forbids {
    /// Paths that begin with, or anywhere contain, one of these.
    Paths(&'static [Pattern]),
    /// `crate::` followed by anything but these.
    OtherThan(&'static [&'static str]),
    /// Attributes that switch a lint off.
    Allow,
    /// Files and modules with one of these names.
    Names(&'static [&'static str]),
    /// Files that are longer.
    Lines(usize),
}

enum Pattern {
    /// The path's first segment begins with this.
    Family(&'static str),
    /// The path begins with these segments.
    From(&'static str),
    /// The path is this and no more.
    Whole(&'static str),
    /// These segments stand anywhere in it.
    Within(&'static str),
}
use Pattern::{Family, From, Whole, Within};

/// One place that breaks a rule.
pub struct Complaint {
    path: String,
    line: usize,
    what: String,
    advice: &'static str,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.what, self.advice)
    }
}

/// Whether it is one of a service's files that talk to AWS.
fn is_service_sdk(path: &str) -> bool {
    let Some((_, file)) = path.strip_prefix("src/services/").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    file == "aws.rs" || file.starts_with("aws/")
}

fn is_adapter(path: &str) -> bool {
    path == "src/services/adapter.rs"
}

/// Modules of values in, values out.
fn is_pure(path: &str) -> bool {
    ["src/config/", "src/model/", "src/policy/", "src/plan/", "src/services/"].iter().any(|f| path.starts_with(f))
        && !is_service_sdk(path)
}

fn is_source(path: &str) -> bool {
    path.starts_with("src/")
}

fn is_edge(path: &str) -> bool {
    path.starts_with("src/cli/") || path == "src/main.rs"
}

/// Tests that run whole runs in their own process.
fn is_test(path: &str) -> bool {
    path.starts_with("src/engine/tests/") || path.starts_with("src/aws/tests/")
}

pub const RULES: &[Rule] = &[
    Rule {
        name: "the SDK's places",
        holds_in: |path| is_source(path) && !path.starts_with("src/aws/") && !is_service_sdk(path),
        forbids: Forbids::Paths(&[
            Family("aws_sdk_"),
            Family("aws_smithy"),
            From("aws_config"),
            From("aws_credential_types"),
            From("aws_types"),
        ]),
        advice: "the AWS SDK belongs in src/aws/ and src/services/*/aws.rs; hand on a value of our own from there",
    },
    Rule {
        name: "no I/O in pure modules",
        holds_in: is_pure,
        forbids: Forbids::Paths(&[
            Within("SystemTime"),
            Within("Instant"),
            Within("UtcDateTime::now"),
            Within("OffsetDateTime::now_utc"),
            From("tokio"),
            From("std::env"),
            From("std::fs"),
            From("std::io"),
            // An address is a value, a socket is not.
            Whole("std::net"),
            Within("TcpListener"),
            Within("TcpStream"),
            Within("ToSocketAddrs"),
            Within("UdpSocket"),
            From("std::process"),
            From("std::thread"),
        ]),
        advice: "this module is pure: take what you need as an argument, and let cli/, engine/ or aws/ get it",
    },
    Rule {
        name: "what pure modules know",
        holds_in: is_pure,
        forbids: Forbids::Paths(&[From("crate::cli"), From("crate::engine"), From("crate::report")]),
        advice: "this module is pure and knows nothing of who uses it: turn the dependency round",
    },
    Rule {
        name: "who knows crate::aws",
        holds_in: |path| is_pure(path) && !is_adapter(path),
        forbids: Forbids::Paths(&[From("crate::aws")]),
        advice: "only a service's aws.rs and services/adapter.rs may know the way to AWS",
    },
    Rule {
        name: "what the sandbox knows",
        holds_in: |path| path.starts_with("src/sandbox/"),
        forbids: Forbids::OtherThan(&["config", "model", "policy", "sandbox"]),
        advice: "the sandbox takes its rules from AWS and not from our client: it knows config, model and policy alone",
    },
    Rule {
        name: "who knows the sandbox",
        holds_in: |path| {
            is_source(path) && !path.starts_with("src/cli/") && !path.starts_with("src/sandbox/") && !is_test(path)
        },
        forbids: Forbids::Paths(&[From("crate::sandbox")]),
        advice: "only cli/ starts the sandbox: everything else must work the same against AWS",
    },
    Rule {
        name: "what stays in cli",
        holds_in: |path| is_source(path) && !is_edge(path),
        forbids: Forbids::Paths(&[
            From("clap"),
            From("anstream"),
            From("indicatif"),
            From("rpassword"),
            From("crate::cli"),
            Within("ExitCode"),
        ]),
        advice: "arguments, the terminal and exit codes stay in cli/: answer a value and let cli/ show it",
    },
    // What is emphasised is the report's to say, whether colour is shown is not: cli/ strips it where it is not wanted.
    Rule {
        name: "colour",
        holds_in: |path| is_source(path) && !is_edge(path) && !path.starts_with("src/report/human"),
        forbids: Forbids::Paths(&[From("owo_colors")]),
        advice: "colour belongs to cli/ and report/human",
    },
    Rule {
        name: "one way out",
        holds_in: is_source,
        forbids: Forbids::Paths(&[
            Within("print!"),
            Within("println!"),
            Within("eprint!"),
            Within("eprintln!"),
            Within("dbg!"),
            Within("process::exit"),
            Within("process::abort"),
        ]),
        advice: "these panic on a closed pipe or skip what is still to be done: write through cli/screen.rs, return an Exit",
    },
    Rule {
        name: "a helper lives with its noun",
        holds_in: is_source,
        forbids: Forbids::Names(&["util", "utils", "common", "helper", "helpers", "misc"]),
        advice: "a helper lives with its noun: name the module after what it is about",
    },
    Rule { name: "length", holds_in: |_| true, forbids: Forbids::Lines(600), advice: "split it by noun" },
    Rule {
        name: "no allow",
        holds_in: |_| true,
        forbids: Forbids::Allow,
        advice: "mend it, or write #[expect(lint, reason = \"…\")], which complains once it is no longer needed",
    },
];

impl Rule {
    /// Every place in a file that breaks this rule; whether the rule holds in it is for the caller to know.
    pub fn complaints(&self, path: &str, text: &str, code: &Code) -> Vec<Complaint> {
        let complaint =
            |line: usize, what: String| Complaint { path: path.to_owned(), line, what, advice: self.advice };
        match &self.forbids {
            Forbids::Paths(patterns) => {
                let broken = code.paths.iter().filter(|(_, found)| patterns.iter().any(|p| p.matches(found)));
                broken.map(|(line, found)| complaint(*line, format!("`{}`", found.join("::")))).collect()
            }
            Forbids::OtherThan(modules) => {
                let broken = code.paths.iter().filter(|(_, found)| match &found[..] {
                    [first, module, ..] => first == "crate" && !modules.contains(&module.as_str()),
                    _ => false,
                });
                broken.map(|(line, found)| complaint(*line, format!("`{}`", found.join("::")))).collect()
            }
            Forbids::Allow => code.allows.iter().map(|line| complaint(*line, "`#[allow(…)]`".to_owned())).collect(),
            Forbids::Names(names) => {
                let parts = path.split('/').map(|part| part.trim_end_matches(".rs"));
                let in_path = parts.filter(|part| names.contains(part)).map(|part| (1, part.to_owned()));
                let lines = text.lines().enumerate().filter_map(|(index, line)| {
                    let (_, name) = line.trim_end_matches(';').trim_end_matches(" {").rsplit_once("mod ")?;
                    names.contains(&name).then(|| (index + 1, name.to_owned()))
                });
                in_path.chain(lines).map(|(line, name)| complaint(line, format!("a module `{name}`"))).collect()
            }
            Forbids::Lines(most) => {
                let lines = text.lines().count();
                let over = (lines > *most).then(|| complaint(*most + 1, format!("{lines} lines, {most} at most")));
                over.into_iter().collect()
            }
        }
    }
}

impl Pattern {
    fn matches(&self, path: &[String]) -> bool {
        let segments = |text: &'static str| text.split("::").collect::<Vec<_>>();
        match self {
            Family(start) => path.first().is_some_and(|first| first.starts_with(start)),
            From(text) => path.iter().map(String::as_str).take(segments(text).len()).eq(segments(text)),
            Whole(text) => path.iter().map(String::as_str).eq(segments(text)),
            Within(text) => {
                let wanted = segments(text);
                path.windows(wanted.len()).any(|part| part.iter().eq(wanted.iter()))
            }
        }
    }
}
