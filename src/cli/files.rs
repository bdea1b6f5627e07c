//! The two files, read from where the command line says.

use std::path::Path;

use super::CommonArgs;
use super::error::{CliError, render};
use super::screen::Screen;
use crate::bounded;
use crate::config::{Document, Loaded, Source, load};

/// How large one of the two files may be: ten thousand accounts, each with everything of its own, take a quarter.
const MOST_BYTES: u64 = 16 << 20;

/// Which of the two files a subcommand needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Only who and where.
    Profiles,
    /// What, too.
    Both,
}

/// Reads and checks the files; warnings go to stderr.
pub(super) fn load_files(needs: Needs, common: &CommonArgs, screen: &Screen) -> Result<Loaded, CliError> {
    let profiles = read(Document::Profiles, &common.profiles)?;
    let baseline = match needs {
        Needs::Both => Some(read(Document::Baseline, &common.baseline)?),
        Needs::Profiles => None,
    };
    let loaded = load(&profiles, baseline.as_ref()).map_err(|problems| CliError::Files(Box::new(problems)))?;
    if !loaded.warnings.list.is_empty() {
        screen.warn(&render(&loaded.warnings, screen));
    }
    Ok(loaded)
}

fn read(document: Document, path: &Path) -> Result<Source, CliError> {
    let text = bounded::read_text(path, MOST_BYTES).map_err(|source| CliError::Unreadable {
        document,
        path: path.to_owned(),
        source,
    })?;
    // Editors on some systems begin a file with a byte order mark; TOML allows it, and no place should count it.
    let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
    Ok(Source { path: path.display().to_string(), text })
}
