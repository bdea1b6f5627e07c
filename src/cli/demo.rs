//! `baseline demo`

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use owo_colors::OwoColorize;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::runtime::block_on;
use super::screen::{ColorChoice, Screen};
use crate::config::{Source, load};
use crate::sandbox::{Options, Sandbox, Tamper};

const PROFILES: &str = include_str!("../../profiles.example.toml");
const BASELINE: &str = include_str!("../../baselines/minimal.toml");

/// Shows the main job on a simulated estate: drift, repair, and proof.
///
/// Nothing of yours is read, and nothing leaves this machine: the estate is a simulation in this process.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {}

pub(super) fn run(_: &DemoArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    block_on(async {
        let folder = Folder::new().map_err(CliError::Sandbox)?;
        let source = Source { path: "profiles.toml".to_owned(), text: PROFILES.to_owned() };
        let loaded = load(&source, None).map_err(|problems| CliError::Files(Box::new(problems)))?;
        let sandbox = Sandbox::start(&loaded.profiles, Options::default()).await.map_err(CliError::Sandbox)?;
        let (color, quiet) = (common.color, common.quiet);
        let mut demo = Demo { sandbox, folder, color, quiet, screen, unexpected: Vec::new() };
        let played = demo.play();
        let unexpected = std::mem::take(&mut demo.unexpected);
        demo.sandbox.stop().await;
        played?;
        for line in &unexpected {
            screen.note(&format!("error: {line}"));
        }
        Ok(if unexpected.is_empty() { Exit::Success } else { Exit::Error })
    })
}

/// The two files, in a folder that goes away with the demonstration.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("baseline-demo-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        let folder = Folder(path);
        std::fs::write(folder.0.join("profiles.toml"), PROFILES)?;
        std::fs::write(folder.0.join("baseline.toml"), BASELINE)?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed is the temporary directory's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Demo<'a> {
    sandbox: Sandbox,
    folder: Folder,
    color: ColorChoice,
    /// Whether nothing is shown but what does not go as it should.
    quiet: bool,
    screen: &'a mut Screen,
    unexpected: Vec<String>,
}

impl Demo<'_> {
    fn play(&mut self) -> Result<(), CliError> {
        self.say(
            "This is a simulated AWS in this very process: five accounts, real wire protocols, nothing of yours.\n\
             Every command below is the real program, run against it.",
        )?;

        self.step(1, "What would change? Nobody has set anything up yet.")?;
        self.command(&["plan"], 2)?;

        self.step(2, "Make it so: key and bucket in the security account first, then every trail.")?;
        self.command(&["apply", "--yes"], 0)?;
        let writes = self.sandbox.mutating_calls();
        self.say(&format!("That took {writes} changing calls. Once more, and it takes none:"))?;
        self.sandbox.reset_calls();
        self.command(&["apply", "--yes"], 0)?;
        let again = self.sandbox.mutating_calls();
        self.expect(again == 0, &format!("the second apply made {again} changing calls"));

        self.step(3, "Somebody stops a trail, and lets everybody into the log bucket.")?;
        self.meddle()?;

        self.step(4, "The next plan shows exactly that.")?;
        self.command(&["plan"], 2)?;

        self.step(5, "Apply repairs it, and the plan is clean again.")?;
        self.command(&["apply", "--yes"], 0)?;
        self.command(&["plan"], 0)?;

        self.say(
            "Next: `baseline init` writes both files for your own accounts, `baseline validate` checks them offline,\n\
             and `baseline plan` never writes.",
        )
    }

    /// Does, behind the estate's back, what an intruder or a hurried colleague would.
    fn meddle(&mut self) -> Result<(), CliError> {
        let meddling = [
            (
                "cloudtrail:StopLogging   payments-prod (333333333333), eu-west-1, trail baseline",
                r#"{"do": "stop-logging", "account": "333333333333", "region": "eu-west-1", "name": "baseline"}"#,
            ),
            (
                "s3:PutBucketPolicy       statement BaselineCloudTrailCheck: Principal \"*\", no condition",
                r#"{"do": "widen-bucket-policy", "bucket": "baseline-logs-222222222222-ap-northeast-1",
                    "sid": "BaselineCloudTrailCheck"}"#,
            ),
        ];
        for (what, tamper) in meddling {
            let done = serde_json::from_str::<Tamper>(tamper)
                .map_err(|error| error.to_string())
                .and_then(|tamper| self.sandbox.tamper(tamper));
            self.show(&format!("    {}\n", what.red()))?;
            self.expect(done.is_ok(), &format!("the estate could not be tampered with: {done:?}"));
        }
        Ok(())
    }

    fn show(&mut self, text: &str) -> Result<(), CliError> {
        if self.quiet { Ok(()) } else { self.screen.data(text) }
    }

    fn step(&mut self, number: u32, title: &str) -> Result<(), CliError> {
        self.show(&format!("\n{}\n", format!("── {number}. {title}").bold()))
    }

    fn say(&mut self, text: &str) -> Result<(), CliError> {
        self.show(&format!("\n{text}\n"))
    }

    fn expect(&mut self, held: bool, otherwise: &str) {
        if !held {
            self.unexpected.push(otherwise.to_owned());
        }
    }

    /// Runs this program as a person would, in an environment that leads to the simulation and nowhere else.
    fn command(&mut self, arguments: &[&str], expected: i32) -> Result<(), CliError> {
        self.show(&format!("\n{}\n", format!("$ baseline {}", arguments.join(" ")).cyan().bold()))?;
        let program = std::env::current_exe().map_err(CliError::Sandbox)?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        for name in ["PATH", "TERM", "COLUMNS", "LANG", "NO_COLOR", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("XDG_STATE_HOME", self.folder.path());
        let color = match self.color {
            ColorChoice::Auto => "auto",
            ColorChoice::Always => "always",
            ColorChoice::Never => "never",
        };
        command.args(["--color", color]).envs(self.sandbox.environment());
        self.screen.document(|stdout| stdout.flush())?;
        if self.quiet {
            command.stdout(Stdio::null());
        }
        let status = command.status().map_err(CliError::Sandbox)?;
        self.show(&format!("{}\n", format!("exit code {}", status.code().unwrap_or(-1)).dimmed()))?;
        self.expect(
            status.code() == Some(expected),
            &format!("`baseline {}` ended with {status}, not with {expected}", arguments.join(" ")),
        );
        Ok(())
    }
}
