//! `baseline accounts`

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Args, Command};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::json;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::Needs;
use super::run::{Format, Run, RunArgs};
use super::runtime::block_on;
use super::screen::Screen;
use crate::config::{Account, Duty, Profiles};
use crate::engine::{EstateAccount, Survey};
use crate::model::{Fault, OpError, printable};
use crate::report::human;

/// Shows the estate: every account, how it is entered, and its Regions.
#[derive(Debug, Args)]
pub(super) struct AccountsArgs {
    #[command(flatten)]
    run: RunArgs,
}

/// Takes what narrows to less than whole accounts out of the help.
pub(super) fn in_help(command: Command) -> Command {
    ["regions", "services", "targets"]
        .into_iter()
        .fold(command, |command, id| command.mut_arg(id, |arg| arg.hide(true)))
}

pub(super) fn run(args: &AccountsArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    if let Some(option) = args.run.within_accounts() {
        return Err(CliError::Usage(format!(
            "{option}: `baseline accounts` shows accounts as a whole; narrow it with --account or --group"
        )));
    }
    let (profiles, estate) = block_on(async {
        let run = Run::start(&args.run, Needs::Profiles, common, screen).await?;
        let estate = Survey::new(&run.chain, &run.loaded.profiles, &run.events).estate(&run.selection).await;
        run.looked();
        run.progress.finish();
        Ok((run.loaded.profiles, estate))
    })?;
    let errors = || estate.iter().filter_map(|account| account.regions.as_ref().err());
    let exit = if errors().any(|error| error.fault == Fault::WrongAccount) {
        Exit::Error
    } else if errors().next().is_some() {
        Exit::Incomplete
    } else {
        Exit::Success
    };
    if !(common.quiet && exit == Exit::Success) {
        match args.run.format {
            Format::Human => screen.text(&table(&profiles, &estate, screen.columns()))?,
            Format::Json => screen.document(|out| writeln!(out, "{:#}", document(&profiles, &estate)))?,
        }
    }
    Ok(exit)
}

fn duty(account: &Account) -> &'static str {
    match account.duty {
        Duty::Jump => "jump",
        Duty::Security => "security",
        Duty::LogArchive => "log archive",
        Duty::Project => "project",
    }
}

/// The estate as a table: a column that says nothing is left out, and an account's id is not repeated in its role's ARN.
fn table(profiles: &Profiles, estate: &[EstateAccount], columns: Option<usize>) -> String {
    let entries: Vec<(&Account, &EstateAccount)> =
        estate.iter().filter_map(|entry| Some((profiles.account(entry.id)?, entry))).collect();
    let has_groups = entries.iter().any(|(account, _)| !account.groups.is_empty());
    let has_waves = entries.iter().map(|(account, _)| account.wave).collect::<BTreeSet<_>>().len() > 1;
    let chosen = |head: &'static str, shown: bool| shown.then_some(head);
    let heads = ["ACCOUNT", "NAME", "DUTY"].into_iter().chain(chosen("GROUPS", has_groups));
    let heads: Vec<&str> = heads.chain(chosen("WAVE", has_waves)).chain(["REGIONS", "ROLE"]).collect();
    let mut longest: Vec<u16> = heads.iter().map(|head| longest_word(head)).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heads);
    if let Some(columns) = columns {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    }
    let mut problems = Problems::default();
    for (account, entry) in &entries {
        let regions = match &entry.regions {
            Ok((chosen, 0)) => chosen.len().to_string(),
            Ok((chosen, others)) => format!("{} of {}", chosen.len(), chosen.len() + others),
            Err(error) => {
                problems.add(account, error);
                "not entered".to_owned()
            }
        };
        let groups: Vec<&str> = account.groups.iter().map(String::as_str).collect();
        let mut name = account.name.clone();
        if !account.baseline {
            name.push_str(" (no baseline)");
        }
        let mut row = vec![account.id.to_string(), name, duty(account).to_owned()];
        row.extend(has_groups.then(|| groups.join(", ")));
        row.extend(has_waves.then(|| account.wave.to_string()));
        row.extend([regions, role(account)]);
        for (longest, cell) in longest.iter_mut().zip(&row) {
            *longest = longest_word(cell).max(*longest);
        }
        table.add_row(row);
    }
    // Lines are broken between words alone: a name that is cut cannot be searched for.
    for (column, longest) in table.column_iter_mut().zip(longest) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest + PADDING)));
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n{}\n{}\n", lines.join("\n"), problems.text(), summary(estate))
}

/// The spaces beside the content of a cell, in columns of the terminal.
const PADDING: u16 = 2;

/// The length of the longest word of a cell, in characters.
fn longest_word(cell: &str) -> u16 {
    let longest = cell.split_whitespace().map(|word| word.chars().count()).max();
    u16::try_from(longest.unwrap_or_default()).unwrap_or(u16::MAX / 2)
}

/// The role that an account is entered by, without the account's own id around it.
fn role(account: &Account) -> String {
    let Some(hop) = &account.hop else { return "(starting credentials)".to_owned() };
    match hop.role.resource().strip_prefix("role/") {
        Some(name) if hop.role.account() == Some(account.id) => name.to_owned(),
        _ => hop.role.to_string(),
    }
}

/// Why accounts could not be entered: what is the same for several is said once, with all of them.
#[derive(Default)]
struct Problems<'a>(Vec<(Vec<&'a Account>, &'a OpError)>);

impl<'a> Problems<'a> {
    fn add(&mut self, account: &'a Account, error: &'a OpError) {
        match self.0.iter_mut().find(|(_, known)| human::is_same_cause(known, error)) {
            Some((accounts, _)) => accounts.push(account),
            None => self.0.push((vec![account], error)),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (accounts, error) in &self.0 {
            let names: Vec<String> = accounts.iter().map(|account| named(account)).collect();
            let _ = match names.as_slice() {
                [one] => writeln!(text, "\n{one} could not be entered: {error}"),
                all => writeln!(text, "\n{} accounts could not be entered: {}\n  {error}", all.len(), all.join(", ")),
            };
            if let Some(hint) = &error.hint {
                let _ = writeln!(text, "  next: {}", printable(hint.clone()));
            }
        }
        text
    }
}

/// An account by its name, where it has one.
fn named(account: &Account) -> String {
    match account.name == account.id.as_str() {
        true => account.name.clone(),
        false => format!("{} ({})", account.name, account.id),
    }
}

/// How many accounts were entered, in a line. Entering one asks AWS who is there (`GetCallerIdentity`): only the expected
/// account counts.
fn summary(estate: &[EstateAccount]) -> String {
    let entered = estate.iter().filter(|entry| entry.regions.is_ok()).count();
    let all = human::counted(estate.len(), "account");
    match (entered, entered == estate.len()) {
        (1, true) => "1 of 1 account entered, its identity confirmed".to_owned(),
        (n, true) => format!("{n} of {all} entered, identities confirmed"),
        (n, false) => format!("{n} of {all} entered, {} not entered", estate.len() - n),
    }
}

fn document(profiles: &Profiles, estate: &[EstateAccount]) -> serde_json::Value {
    let accounts = estate.iter().filter_map(|entry| {
        let account = profiles.account(entry.id)?;
        Some(json!({
            "account": account.id,
            "account_name": account.name,
            "duty": duty(account),
            "baseline": account.baseline,
            "groups": account.groups,
            "wave": account.wave,
            "role": account.hop.as_ref().map(|hop| hop.role.to_string()),
            "regions": entry.regions.as_ref().ok().map(|(chosen, _)| chosen),
            "error": entry.regions.as_ref().err(),
        }))
    });
    json!({ "format": 1, "accounts": accounts.collect::<Vec<_>>() })
}
