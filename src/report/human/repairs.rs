//! What an apply repaired, in few lines: what somebody broke is news, also where all is well again.

use std::fmt::Write as _;

use super::{FEW, NAMED, account_name, counted, groups, named, statement, values};
use crate::model::{AccountId, Address};
use crate::plan::{Action, Change, FieldChange, Plan};
use crate::report::Outcome;

/// The changes that repaired something: what was there and otherwise, and what was missing where everything else had been
/// set up before. What a first run sets up is no repair.
pub fn repaired<'a>(plan: &'a Plan, outcomes: &[(Address, Outcome)]) -> Vec<&'a Change> {
    let applied: std::collections::HashSet<&Address> = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Applied))
        .map(|(address, _)| address)
        .collect();
    let is_repair = |change: &&Change| match change.action {
        Action::Update => true,
        Action::Create => plan.in_sync > 0,
        // Somebody asked for it.
        Action::Delete => false,
    };
    plan.changes.iter().filter(|change| applied.contains(&change.address)).filter(is_repair).collect()
}

/// One line for each thing that was repaired in the same way, however many places it was in.
pub fn repairs(plan: &Plan, outcomes: &[(Address, Outcome)]) -> String {
    let changes: Vec<Change> = repaired(plan, outcomes).into_iter().cloned().collect();
    if changes.is_empty() {
        return String::new();
    }
    let shown = Plan { changes, names: plan.names.clone(), ..Plan::default() };
    let groups = groups(&shown);
    let few = if groups.len() > NAMED { FEW } else { groups.len() };
    let mut text = String::new();
    for group in &groups[..few] {
        let address = &group.first.address;
        let place = match &group.places[..] {
            [one] => format!("{}, {}", account_name(plan, one.target.account), one.target.region),
            several => {
                let mut accounts: Vec<AccountId> = several.iter().map(|address| address.target.account).collect();
                accounts.dedup();
                let names = accounts.iter().map(|account| account_name(plan, *account));
                format!("{} in {}", counted(several.len(), "place"), named(names, accounts.len(), "account"))
            }
        };
        let what = match group.first.action {
            Action::Create => "it was missing".to_owned(),
            _ => differences(&group.fields),
        };
        // Whether somebody broke it or declares it otherwise since, a plan cannot tell.
        let verb = if group.first.action == Action::Create { "made" } else { "changed" };
        let _ = writeln!(text, "{verb} {} {} of {place}: {what}", address.kind, values::one_line(&address.name));
    }
    if groups.len() > few {
        let rest: usize = groups[few..].iter().map(|group| group.places.len()).sum();
        let _ = writeln!(text, "made or changed {} more", counted(rest, "resource"));
    }
    text
}

/// What differed, in a line.
pub fn differences(fields: &[FieldChange]) -> String {
    let fields = statement::each(fields);
    let whole = statement::whole(&fields);
    let others = fields.iter().filter(|field| !whole.iter().any(|statement| statement.holds(field)));
    let mut parts: Vec<String> = whole.iter().map(statement::Whole::phrase).chain(others.map(values::phrase)).collect();
    let shown = if parts.len() > NAMED { FEW } else { parts.len() };
    let left = parts.len() - shown;
    parts.truncate(shown);
    if left > 0 {
        parts.push(format!("and {} more", counted(left, "difference")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{creation, estate, stopped, trail_at, update};
    use super::*;
    use crate::services::Service;
    use crate::services::estate::Estate;

    fn applied(plan: &Plan) -> Vec<(Address, Outcome)> {
        plan.changes.iter().map(|change| (change.address.clone(), Outcome::Applied)).collect()
    }

    #[test]
    fn what_was_repaired_is_a_line_with_the_field_before_and_after() {
        let mut plan = estate(9);
        plan.changes = vec![stopped(trail_at(7, "us-east-1"))];
        let line = "changed cloudtrail.trail baseline of team-007 (300000000007), us-east-1: logging: false → true\n";
        assert_eq!(repairs(&plan, &applied(&plan)), line);
        // What failed was not repaired.
        assert_eq!(repairs(&plan, &[]), "");
        plan.changes = (0..9).map(|n| stopped(trail_at(n, "us-east-1"))).collect();
        let text = repairs(&plan, &applied(&plan));
        assert!(text.contains("9 places in 9 accounts (team-000") && text.lines().count() == 1, "{text}");
        plan.changes = (0..9).map(|n| update(trail_at(n, "us-east-1"), json!({"x": n}), json!({"x": -1}))).collect();
        let text = repairs(&plan, &applied(&plan));
        assert!(text.ends_with("made or changed 6 resources more\n") && text.lines().count() == 4, "{text}");
    }

    #[test]
    fn a_statement_that_was_lost_is_one_difference() {
        let statement =
            |sid: &str| json!({"Sid": sid, "Effect": "Allow", "Action": "s3:*", "Principal": {"Service": "x"}});
        let policy = |sids: &[&str]| {
            let statements: Vec<_> = sids.iter().map(|sid| statement(sid)).collect();
            json!({"logging": sids.len() > 1, "policy": {"Version": "2012-10-17", "Statement": statements}})
        };
        let said = |before: &[&str], after: &[&str]| differences(&crate::plan::diff(&policy(before), &policy(after)));
        assert_eq!(said(&["A"], &["A", "B"]), "policy.Statement.B was missing; logging: false → true");
        assert_eq!(said(&["A", "B"], &["A"]), "policy.Statement.B was there and is gone; logging: true → false");
    }

    #[test]
    fn what_a_first_run_sets_up_is_no_repair_and_what_was_removed_since_is_one() {
        let mut plan = estate(1);
        let spec = Estate::small().desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0).spec;
        plan.changes = vec![creation(trail_at(0, "us-east-1"), spec)];
        assert_eq!(repairs(&plan, &applied(&plan)), "");
        plan.in_sync = 3;
        assert!(repairs(&plan, &applied(&plan)).ends_with("it was missing\n"));
    }
}
