//! `baseline init`

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::screen::Screen;

const PROFILES: &str = include_str!("../../profiles.example.toml");

/// The shipped baselines to start from.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Template {
    /// Key, bucket and trails
    Minimal,
    /// Trails, AWS Config, GuardDuty, events and notices, in their recommended form
    Standard,
    /// What of the CIS AWS Foundations Benchmark can be set or watched
    Cis,
}

impl Template {
    const fn text(self) -> &'static str {
        match self {
            Template::Minimal => include_str!("../../baselines/minimal.toml"),
            Template::Standard => include_str!("../../baselines/standard.toml"),
            Template::Cis => include_str!("../../baselines/cis.toml"),
        }
    }
}

/// Writes starter files, commented, to a directory.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write profiles.toml and baseline.toml
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The baseline to start from
    #[arg(long, value_enum, default_value_t = Template::Minimal)]
    template: Template,
}

pub(super) fn run(args: &InitArgs, common: &CommonArgs, screen: &mut Screen) -> Result<Exit, CliError> {
    let directory = &args.directory;
    let here = directory == Path::new(".");
    let path = |name: &str| if here { PathBuf::from(name) } else { directory.join(name) };
    let files = [(path("profiles.toml"), PROFILES), (path("baseline.toml"), args.template.text())];
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(CliError::Exists { path: path.clone() });
    }
    fs::create_dir_all(directory).map_err(|source| CliError::Unwritable { path: directory.clone(), source })?;

    // Both are written in full under other names first, so that a full disk leaves neither.
    let mut drafts = Vec::new();
    for (path, text) in &files {
        drafts.push((Draft::write(path, &without_schema_line(text))?, path));
    }
    let mut placed: Vec<&Path> = Vec::new();
    for (draft, path) in &drafts {
        if let Err(error) = draft.place(path) {
            for done in placed {
                // Written by this very run and not yet announced.
                let _ = fs::remove_file(done);
            }
            return Err(error);
        }
        placed.push(path);
    }

    if !common.quiet {
        let [profiles, baseline] = files.map(|(path, _)| path);
        let options = if here {
            String::new()
        } else {
            format!(" --profiles {} --baseline {}", profiles.display(), baseline.display())
        };
        screen.data(&format!(
            "wrote {}: who and where; put your own accounts and roles in\n\
             wrote {}: what every account should have\n\
             next: baseline validate{options}\n",
            profiles.display(),
            baseline.display(),
        ))?;
    }
    Ok(Exit::Success)
}

/// The schema lies beside the shipped files, not beside these.
fn without_schema_line(text: &str) -> String {
    text.lines()
        .skip_while(|line| line.starts_with("#:schema") || line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect()
}

/// A file under a temporary name, gone when dropped.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(target: &Path, text: &str) -> Result<Self, CliError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let path = target.with_file_name(name);
        let unwritable = |source| CliError::Unwritable { path: target.to_owned(), source };
        let mut file = fs::File::create_new(&path).map_err(unwritable)?;
        let draft = Draft { path };
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
        Ok(draft)
    }

    /// Gives the file its name, unless somebody else took that meanwhile: a link, unlike a rename, never replaces.
    fn place(&self, target: &Path) -> Result<(), CliError> {
        fs::hard_link(&self.path, target)
            .or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Err(error),
                // A file system without links: the name is taken first, then given away.
                _ => fs::File::create_new(target).and_then(|_| {
                    fs::rename(&self.path, target).inspect_err(|_| {
                        // Empty, and this run's own.
                        let _ = fs::remove_file(target);
                    })
                }),
            })
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => CliError::Exists { path: target.to_owned() },
                _ => CliError::Unwritable { path: target.to_owned(), source },
            })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}
