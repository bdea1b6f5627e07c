//! `baseline init`

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::CommonArgs;
use super::draft::{Draft, Readers};
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

/// Writes starter files, commented, to a directory, or where --profiles and --baseline say.
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
    // Where -p and -b say, if they do.
    let path = |name: &str, given: &Path| match given == Path::new(name) {
        true if here => PathBuf::from(name),
        true => directory.join(name),
        false => given.to_owned(),
    };
    let (profiles, baseline) = (path("profiles.toml", &common.profiles), path("baseline.toml", &common.baseline));
    if profiles == baseline {
        return Err(CliError::SamePath { path: profiles });
    }
    let files = [(profiles, PROFILES), (baseline, args.template.text())];
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(CliError::Exists { path: path.clone() });
    }
    for folder in files.iter().filter_map(|(path, _)| path.parent()).filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|source| CliError::Unwritable { path: folder.to_owned(), source })?;
    }

    // Both are written in full under other names first, so that a full disk leaves neither.
    let mut drafts = Vec::new();
    for (path, text) in &files {
        let unwritable = |source| CliError::Unwritable { path: path.clone(), source };
        let draft = Draft::beside(path, Readers::Others).map_err(unwritable)?;
        draft.fill(|mut file| file.write_all(without_schema_line(text).as_bytes())).map_err(unwritable)?;
        drafts.push((draft, path));
    }
    let mut placed: Vec<&Path> = Vec::new();
    for (draft, path) in &drafts {
        if let Err(error) = draft.place(path) {
            for done in placed {
                // Written by this very run and not yet announced.
                let _ = fs::remove_file(done);
            }
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => CliError::Exists { path: path.to_path_buf() },
                _ => CliError::Unwritable { path: path.to_path_buf(), source: error },
            });
        }
        placed.push(path);
    }

    if !common.quiet {
        let [profiles, baseline] = files.map(|(path, _)| path);
        let usual =
            (profiles.as_path(), baseline.as_path()) == (Path::new("profiles.toml"), Path::new("baseline.toml"));
        let options = if usual {
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
