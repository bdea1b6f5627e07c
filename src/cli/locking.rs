//! The lock that keeps two applies apart.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::run::Run;
use super::state;
use crate::bounded;
use crate::engine::LockTerms;

/// How long a lock is waited for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Locking")]
pub(super) struct LockArgs {
    /// How long to wait while somebody else applies; 0 does not wait
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    lock_timeout: Duration,
    /// How long the lock outlives this run if it is killed; an answer under way may outlive one shorter than 2m
    #[arg(long, value_name = "DURATION", default_value = DEFAULT_LEASE, value_parser = lease)]
    lock_lease: Duration,
}

/// How long a lock outlives a run that was killed, where nothing else is said.
pub(super) const DEFAULT_LEASE: &str = "2m";

impl LockArgs {
    /// What holds for this run.
    pub(super) fn terms(&self, run: &Run) -> LockTerms {
        LockTerms {
            run: run.id.clone(),
            owner: owner(),
            timeout: self.lock_timeout,
            lease: self.lock_lease,
            folder: state::folder(),
        }
    }
}

/// A number and its unit: `90s`, `10m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || "a number of seconds, minutes or hours is expected, such as 90s, 10m or 1h".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    // Longer than any run, and short enough to be added to any moment.
    number
        .checked_mul(unit)
        .filter(|seconds| *seconds <= 86_400)
        .map(Duration::from_secs)
        .ok_or_else(|| "24 hours at most".to_owned())
}

/// A lease: long enough to be renewed in time, short enough that a killed run does not hold others up for a day.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = duration(text)?;
    let fits = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&lease);
    fits.then_some(lease).ok_or_else(|| "between 1s and 1h is expected".to_owned())
}

/// Who runs this, for whoever has to wait: a user's name and a host's, and nothing secret.
pub(super) fn owner() -> String {
    let said = |names: &[&str]| {
        let values = names.iter().filter_map(|name| std::env::var(name).ok());
        values.map(|value| value.trim().to_owned()).find(|value| !value.is_empty())
    };
    let user = said(&["USER", "LOGNAME", "USERNAME"]).or_else(user).unwrap_or_else(|| "an unnamed user".to_owned());
    let kernel = || {
        let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
        let names = files.iter().filter_map(|file| bounded::read_text(Path::new(file), 4096).ok());
        names.map(|name| name.trim().to_owned()).find(|name| !name.is_empty())
    };
    let host = said(&["HOSTNAME", "COMPUTERNAME"]).or_else(kernel).unwrap_or_else(|| "an unnamed host".to_owned());
    format!("{user}@{host}")
}

/// The name of the user whom the system runs this for, or the user's number where it has none (a container, a
/// `DynamicUser=` of systemd).
fn user() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    // Linux alone has it; elsewhere the environment says who it is.
    let id = std::fs::metadata("/proc/self").ok()?.uid();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(name_of(id, &users).unwrap_or_else(|| format!("user {id}")))
}

/// A user's name in the format of passwd(5).
fn name_of(id: u32, users: &str) -> Option<String> {
    let number = id.to_string();
    let of = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(number.as_str())).then(|| name.to_owned())
    };
    users.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_name_or_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n:x:7::\nbaseline:x:998:998::/:/bin/false\n";
        assert_eq!(name_of(998, users).as_deref(), Some("baseline"));
        assert_eq!(name_of(7, users), None);
        assert_eq!(name_of(1000, users), None);
        assert!(user().is_none_or(|user| !user.is_empty()));
    }

    #[test]
    fn a_duration_has_a_unit() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("90s", 90), ("10m", 600), ("1h", 3600), ("24h", 86_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "5", "s", "-1s", "1d", "1.5m", "1 m", "25h", "99999999999999999999h", "9999999999999999999s", "ä"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lease_is_neither_nothing_nor_a_day() {
        assert_eq!(lease("2m"), Ok(Duration::from_secs(120)));
        for text in ["0", "0s", "61m", "2h"] {
            assert!(lease(text).is_err(), "{text}");
        }
    }
}
