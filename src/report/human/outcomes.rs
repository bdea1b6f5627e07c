//! What became of a plan: every change that did not end well, once per cause, with the next step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use owo_colors::OwoColorize;

use super::{FEW, NAMED, account_name, cause, counted, error_lines, others};
use crate::model::{AccountId, Address, Fault, OpError};
use crate::plan::Plan;
use crate::report::{Halt, Outcome, Wait};

/// What became of the changes: every one that did not end well.
pub fn outcomes(plan: &Plan, outcomes: &[(Address, Outcome)]) -> String {
    let mut text = String::new();
    let by_address: HashMap<&Address, &Outcome> =
        outcomes.iter().map(|(address, outcome)| (address, outcome)).collect();
    let mut failures: BTreeMap<String, Vec<(&Address, &OpError)>> = BTreeMap::new();
    let mut left: Vec<(&Address, &OpError)> = Vec::new();
    let mut skipped: BTreeMap<String, Vec<(&Address, &Address)>> = BTreeMap::new();
    let mut stale: BTreeMap<&String, Vec<&Address>> = BTreeMap::new();
    let mut waiting: BTreeMap<&Halt, Vec<&Address>> = BTreeMap::new();
    for (address, outcome) in outcomes {
        match outcome {
            Outcome::Failed(error) if error.fault == Fault::Interrupted => left.push((address, error)),
            Outcome::Failed(error) => failures.entry(cause(error)).or_default().push((address, error)),
            Outcome::Skipped { because } => {
                let root = root(because, &by_address);
                let why = match by_address.get(root) {
                    Some(Outcome::Failed(error)) => cause(error),
                    Some(Outcome::Stale { reason }) => reason.clone(),
                    _ => root.to_string(),
                };
                skipped.entry(why).or_default().push((address, root));
            }
            Outcome::Stale { reason } => stale.entry(reason).or_default().push(address),
            Outcome::NotStarted { why } => waiting.entry(why).or_default().push(address),
            Outcome::Applied | Outcome::AlreadySame => {}
        }
    }
    for failed in failures.values() {
        let Some((address, error)) = failed.first() else { continue };
        let word = match error.is_not_offered() {
            true => "not offered".yellow().bold().to_string(),
            false => "failed".red().bold().to_string(),
        };
        let _ = writeln!(text, "{word} {}", address.bold());
        error_lines(&mut text, error);
        others(&mut text, plan, failed.iter().skip(1).map(|(address, _)| *address));
        text.push('\n');
    }
    if let Some((_, error)) = left.first() {
        let addresses: Vec<&Address> = left.iter().map(|(address, _)| *address).collect();
        title(&mut text, &"left".red().bold().to_string(), &addresses);
        let _ = writeln!(text, "    {}", error.message);
        listed(&mut text, plan, &addresses);
        next(&mut text, error.hint.as_deref());
    }
    for skipped in skipped.values() {
        let addresses: Vec<&Address> = skipped.iter().map(|(address, _)| *address).collect();
        let roots: BTreeSet<&Address> = skipped.iter().map(|(_, root)| *root).collect();
        title(&mut text, &"skipped".yellow().bold().to_string(), &addresses);
        let more = match roots.len() {
            0 | 1 => String::new(),
            n => format!(", nor did {} more for the same cause", n - 1),
        };
        if let Some(root) = roots.first() {
            let _ = writeln!(text, "    because {root}, which is required, did not end well{more}");
        }
        listed(&mut text, plan, &addresses);
        next(&mut text, Some("repair that, and run it again"));
    }
    for (reason, addresses) in stale {
        title(&mut text, &"stale".yellow().bold().to_string(), &addresses);
        let _ = writeln!(text, "    {reason}; it was left alone");
        listed(&mut text, plan, &addresses);
        next(&mut text, Some("plan again, and look at what is there now"));
    }
    for (why, addresses) in waiting {
        title(&mut text, &"not started".yellow().bold().to_string(), &addresses);
        if let Halt::NoLock { error } = why {
            let _ = writeln!(text, "    because the lock that keeps two runs apart could not be taken");
            listed(&mut text, plan, &addresses);
            error_lines(&mut text, error);
            text.push('\n');
            continue;
        }
        let _ = writeln!(text, "    because {why}");
        listed(&mut text, plan, &addresses);
        next(&mut text, Some(why.hint()));
    }
    text
}

/// What a skipped change waited for in the end: the first in the chain that was not skipped itself.
fn root<'a>(because: &'a Address, outcomes: &HashMap<&Address, &'a Outcome>) -> &'a Address {
    let mut root = because;
    // Only what requires itself would go round.
    for _ in 0..outcomes.len() {
        match outcomes.get(root) {
            Some(Outcome::Skipped { because }) => root = because,
            _ => break,
        }
    }
    root
}

/// One address, or how many there are.
fn title(text: &mut String, word: &str, addresses: &[&Address]) {
    let what = match addresses {
        [one] => one.to_string(),
        _ => {
            let accounts: BTreeSet<AccountId> = addresses.iter().map(|address| address.target.account).collect();
            format!("{} in {}", counted(addresses.len(), "change"), counted(accounts.len(), "account"))
        }
    };
    let _ = writeln!(text, "{word} {}", what.bold());
}

/// Several addresses: each, or of many how many there are in which account.
fn listed(text: &mut String, plan: &Plan, addresses: &[&Address]) {
    if addresses.len() <= 1 {
        return;
    }
    if addresses.len() <= NAMED {
        for address in addresses {
            let _ = writeln!(text, "    {}", address.cyan());
        }
        return;
    }
    let mut counts: BTreeMap<AccountId, usize> = BTreeMap::new();
    for address in addresses {
        *counts.entry(address.target.account).or_default() += 1;
    }
    let shown = if counts.len() > NAMED { FEW } else { counts.len() };
    for (account, count) in counts.iter().take(shown) {
        let line = format!("{}: {}", account_name(plan, *account), counted(*count, "change"));
        let _ = writeln!(text, "    {}", line.cyan());
    }
    if counts.len() > shown {
        let count: usize = counts.values().skip(shown).sum();
        let line = format!("{} more: {}", counted(counts.len() - shown, "account"), counted(count, "change"));
        let _ = writeln!(text, "    {}", line.cyan());
    }
}

fn next(text: &mut String, hint: Option<&str>) {
    if let Some(hint) = hint {
        let _ = writeln!(text, "    {}    {hint}", "next".bold());
    }
    text.push('\n');
}

/// Where AWS needed long to notice what was written, once per operation.
pub fn waits(plan: &Plan, waits: &[Wait]) -> String {
    let mut text = String::new();
    let mut groups: BTreeMap<(&str, &str, &str, bool), Vec<&Wait>> = BTreeMap::new();
    for wait in waits {
        let cause = (&*wait.service, &*wait.operation, &*wait.code, wait.given_up);
        groups.entry(cause).or_default().push(wait);
    }
    for ((service, operation, code, given_up), group) in groups {
        let longest = span(group.iter().map(|wait| wait.waited).max().unwrap_or_default());
        let (up_to, times) = match group.len() {
            1 => ("", String::new()),
            n => ("up to ", format!(", {n} times")),
        };
        let what = if given_up {
            format!("AWS had not noticed what {service}:{operation} needs after {longest}, and it was given up{times}")
        } else {
            format!("AWS took {up_to}{longest} to notice what {service}:{operation} needs{times}")
        };
        let _ = writeln!(text, "{} {what} ({code} meanwhile)", "waited".cyan().bold());
        let mut places: Vec<String> =
            group.iter().map(|wait| format!("{}/{}", account_name(plan, wait.account), wait.region)).collect();
        places.dedup();
        let shown = if places.len() > NAMED { FEW } else { places.len() };
        let more = if places.len() > shown { format!(", and {} more", places.len() - shown) } else { String::new() };
        let _ = writeln!(text, "    {}{}", places[..shown].join(", ").cyan(), more.cyan());
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// A length of time: `1 min 40 s`.
fn span(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// The one line at the end of an apply.
pub fn outcome_summary(outcomes: &[(Address, Outcome)]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, outcome) in outcomes {
        let name = if outcome.is_not_offered() { "not_offered" } else { outcome.as_str() };
        *counts.entry(name).or_default() += 1;
    }
    let mut parts = vec![format!("{} applied", counts.remove("applied").unwrap_or(0))];
    for (name, word) in [
        ("already_same", "already as planned"),
        ("failed", "failed"),
        ("not_offered", "not offered there"),
        ("stale", "stale"),
        ("skipped", "skipped"),
        ("not_started", "not started"),
    ] {
        if let Some(number) = counts.remove(name) {
            parts.push(format!("{number} {word}"));
        }
    }
    format!("Apply: {}.", parts.join(", "))
}
