//! The command line: arguments in, text and an exit code out. clap, colour and exit codes never leave this folder.

#[cfg(feature = "aws")]
mod accounts;
#[cfg(feature = "aws")]
mod apply;
#[cfg(feature = "aws")]
mod demo;
mod error;
mod exit;
mod files;
mod init;
#[cfg(feature = "aws")]
mod locking;
#[cfg(feature = "aws")]
mod mfa;
#[cfg(feature = "aws")]
mod plan;
#[cfg(feature = "aws")]
mod progress;
#[cfg(feature = "aws")]
mod rollout;
#[cfg(feature = "aws")]
mod run;
mod runtime;
mod sandbox;
mod schema;
mod screen;
#[cfg(feature = "aws")]
mod unlock;
mod validate;

pub use exit::Exit;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::error::CliError;
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
    /// Only says what is wrong
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

/// Runs the program with these arguments, the first being its own name, and answers how it ended.
///
/// Data goes to stdout, everything else to stderr.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return exit::of_clap(&error),
    };
    let mut screen = Screen::new(cli.common.color);
    screen::trace(cli.common.verbose);
    match cli.command.run(&cli.common, &mut screen) {
        Ok(exit) => exit,
        Err(error) => error::report(&error, &screen),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
