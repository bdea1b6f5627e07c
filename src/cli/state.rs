//! Where this machine keeps what outlives a run: the lock that holds here alone, and what was told to whom.

use std::path::PathBuf;

/// The folder that systemd made for the service (systemd.exec(5)), else the user's own for state (XDG Base Directory
/// Specification); `None` without a home. What is not an absolute path is ignored, as the latter asks for.
pub(super) fn folder() -> Option<PathBuf> {
    folder_of(|name| std::env::var_os(name).and_then(|value| value.into_string().ok()))
}

fn folder_of(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |path: &str| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    // Several are separated by colons.
    let service = || absolute(variable("STATE_DIRECTORY")?.split(':').next()?);
    let of_user = || {
        let home = || absolute(&variable("HOME")?).map(|home| home.join(".local/state"));
        variable("XDG_STATE_HOME").and_then(|path| absolute(&path)).or_else(home)
    };
    service().or_else(|| of_user().map(|folder| folder.join("baseline")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_comes_before_the_user_and_what_is_relative_is_ignored() {
        let folder = |set: &[(&str, &str)]| {
            let found =
                folder_of(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()));
            found.map(|path| path.to_string_lossy().into_owned())
        };
        let all = [("STATE_DIRECTORY", "/var/lib/b:/var/lib/c"), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/b")];
        assert_eq!(folder(&all).as_deref(), Some("/var/lib/b"));
        assert_eq!(folder(&all[1..]).as_deref(), Some("/xdg/baseline"));
        assert_eq!(folder(&all[2..]).as_deref(), Some("/home/b/.local/state/baseline"));
        let relative = [("STATE_DIRECTORY", "b"), ("XDG_STATE_HOME", ""), ("HOME", "/home/b")];
        assert_eq!(folder(&relative).as_deref(), Some("/home/b/.local/state/baseline"));
        assert_eq!(folder(&[("HOME", "")]), None);
        assert_eq!(folder(&[]), None);
    }
}
