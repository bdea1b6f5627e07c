//! The command line: arguments in, text and an exit code out. clap, colour and exit codes never leave this folder.

#[cfg(feature = "aws")]
mod accounts;
#[cfg(feature = "aws")]
mod apply;
#[cfg(feature = "aws")]
mod demo;
mod draft;
mod error;
mod exit;
mod files;
#[cfg(feature = "aws")]
mod hook;
mod init;
#[cfg(feature = "aws")]
mod locking;
mod log;
#[cfg(feature = "aws")]
mod mfa;
#[cfg(feature = "aws")]
mod news;
#[cfg(feature = "aws")]
mod notice;
#[cfg(feature = "aws")]
mod plan;
mod plan_file;
#[cfg(feature = "aws")]
mod plan_out;
#[cfg(feature = "aws")]
mod progress;
mod recording;
#[cfg(feature = "aws")]
mod rollout;
#[cfg(feature = "aws")]
mod run;
mod runtime;
mod sandbox;
mod schema;
mod screen;
mod show;
#[cfg(feature = "aws")]
mod signals;
#[cfg(feature = "aws")]
mod state;
#[cfg(feature = "aws")]
mod unlock;
mod validate;

pub use exit::Exit;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::error::CliError;
use self::log::{Log, LogFormat};
use self::screen::{ColorChoice, Screen};

/// Brings every AWS account of a company to one security baseline, without AWS Organizations.
#[derive(Debug, Parser)]
#[command(name = "baseline", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
struct CommonArgs {
    /// What should be, everywhere
    #[arg(short, long, global = true, env = "BASELINE_FILE", value_name = "FILE", default_value = "baseline.toml")]
    baseline: PathBuf,
    /// Who and where
    #[arg(short, long, global = true, env = "BASELINE_PROFILES", value_name = "FILE", default_value = "profiles.toml")]
    profiles: PathBuf,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: ColorChoice,
    /// How stderr is written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// Only says what is wrong, and what an apply repaired: nothing else where the exit code is 0
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Says more; twice, even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// One line per subcommand.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Validate(validate::ValidateArgs),
    #[cfg(feature = "aws")]
    Plan(plan::PlanArgs),
    #[cfg(feature = "aws")]
    Apply(apply::ApplyArgs),
    Show(show::ShowArgs),
    #[cfg(feature = "aws")]
    Unlock(unlock::UnlockArgs),
    #[cfg(feature = "aws")]
    Accounts(accounts::AccountsArgs),
    Schema(schema::SchemaArgs),
    Sandbox(sandbox::SandboxArgs),
    #[cfg(feature = "aws")]
    Demo(demo::DemoArgs),
}

impl Command {
    fn run(self, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
        match self {
            Command::Init(args) => init::run(&args, common, screen),
            Command::Validate(args) => validate::run(&args, common, screen),
            #[cfg(feature = "aws")]
            Command::Plan(args) => plan::run(&args, common, screen),
            #[cfg(feature = "aws")]
            Command::Apply(args) => apply::run(&args, common, screen),
            Command::Show(args) => show::run(&args, common, screen),
            #[cfg(feature = "aws")]
            Command::Unlock(args) => unlock::run(&args, common, screen),
            #[cfg(feature = "aws")]
            Command::Accounts(args) => accounts::run(&args, common, screen),
            Command::Schema(args) => schema::run(&args, screen),
            Command::Sandbox(args) => sandbox::run(args, common, screen),
            #[cfg(feature = "aws")]
            Command::Demo(args) => demo::run(&args, common, screen),
        }
    }
}

/// The command line.
fn command() -> clap::Command {
    let command = Cli::command();
    #[cfg(feature = "aws")]
    let command = command.mut_subcommand("accounts", accounts::in_help);
    command
}

/// Runs the program with these arguments, the first being its own name, and answers how it ended.
///
/// Data goes to stdout, everything else to stderr.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let matches = command().try_get_matches_from(arguments);
    let parsed = matches.and_then(|matches| {
        let name = matches.subcommand_name().unwrap_or_default().to_owned();
        Ok((Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))?, name))
    });
    let (cli, name) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return exit::of_clap(&error),
    };
    exit::survive_file_size();
    let log = Log::new(cli.common.log_format, cli.common.quiet);
    log.trace(cli.common.verbose);
    let mut screen = Screen::new(cli.common.color, log, &name);
    let result = cli.command.run(&cli.common, &mut screen);
    let exit = match &result {
        Ok(exit) => *exit,
        Err(error) => error::report(error, &screen),
    };
    #[cfg(feature = "aws")]
    let exit = screen.end_record(exit, result.err().map(|error| error::in_one_line(&error)));
    screen.release(exit == Exit::Success);
    exit
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::command().debug_assert();
    }
}
