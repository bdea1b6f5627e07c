//! `baseline accounts`

use clap::{Args, Command};
use comfy_table::{Table, presets};
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
use crate::model::Fault;

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
            Format::Human => screen.data(&table(&profiles, &estate))?,
            Format::Json => screen.data(&format!("{:#}\n", document(&profiles, &estate)))?,
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

fn table(profiles: &Profiles, estate: &[EstateAccount]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["ACCOUNT", "NAME", "DUTY", "GROUPS", "WAVE", "REGIONS", "ROLE"]);
    let mut problems = String::new();
    for entry in estate {
        let Some(account) = profiles.account(entry.id) else { continue };
        let regions = match &entry.regions {
            Ok((chosen, 0)) => chosen.len().to_string(),
            Ok((chosen, others)) => format!("{} of {}", chosen.len(), chosen.len() + others),
            Err(error) => {
                problems.push_str(&format!("\n{error}\n"));
                if let Some(hint) = &error.hint {
                    problems.push_str(&format!("  next: {hint}\n"));
                }
                "not entered".to_owned()
            }
        };
        let groups: Vec<&str> = account.groups.iter().map(String::as_str).collect();
        let mut name = account.name.clone();
        if !account.baseline {
            name.push_str(" (no baseline)");
        }
        table.add_row([
            account.id.to_string(),
            name,
            duty(account).to_owned(),
            groups.join(", "),
            account.wave.to_string(),
            regions,
            account.hop.as_ref().map_or_else(|| "(starting credentials)".to_owned(), |hop| hop.role.to_string()),
        ]);
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n{problems}", lines.join("\n"))
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
