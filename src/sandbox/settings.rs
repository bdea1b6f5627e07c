//! The files that point AWS clients at the simulation.

use std::path::{Path, PathBuf};

use super::estate::{START_KEY, START_SECRET};

/// Writes the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name.
pub(super) fn write(port: u16, profile: Option<&str>) -> std::io::Result<PathBuf> {
    let base = std::env::temp_dir();
    let folder = free_folder(&base, port)?;
    let mut config = format!(
        "# Written by a simulation.\n[default]\naws_access_key_id = {START_KEY}\naws_secret_access_key = {START_SECRET}\n"
    );
    if let Some(profile) = profile.filter(|profile| *profile != "default") {
        config.push_str(&format!(
            "[profile {profile}]\naws_access_key_id = {START_KEY}\naws_secret_access_key = {START_SECRET}\n"
        ));
    }
    std::fs::write(folder.join("config"), config)?;
    std::fs::write(folder.join("credentials"), "# Written by a simulation; see config.\n")?;
    Ok(folder)
}

/// Makes a folder that was not there before: nobody else can have put a link in its place.
fn free_folder(base: &Path, port: u16) -> std::io::Result<PathBuf> {
    let mut last = None;
    for n in 0..100 {
        let folder = base.join(format!("baseline-sandbox-{}-{port}-{n}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no name is free")))
}
