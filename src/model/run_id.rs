use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a run, in everything it says and writes: when it started, and four digits that tell it from others of
/// that second, such as `20261122T205300Z-1a2b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// Why a text is not the name of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a run, such as 20261122T205300Z-1a2b")]
pub struct RunIdError(String);

impl RunId {
    /// Names a run that starts `unix_seconds` after 1970; `random` tells it from others.
    pub fn new(unix_seconds: u64, random: u16) -> Self {
        let seconds = i64::try_from(unix_seconds).unwrap_or_default();
        let start = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        RunId(format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z-{random:04x}",
            start.year(),
            u8::from(start.month()),
            start.day(),
            start.hour(),
            start.minute(),
            start.second()
        ))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day on which the run started (UTC), such as `2026-11-22`.
    pub fn date(&self) -> String {
        let part = |from: usize, to: usize| self.0.get(from..to).unwrap_or_default();
        format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() == 21
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                16 => byte == b'-',
                0..=14 => byte.is_ascii_digit(),
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if fits { Ok(RunId(text.to_owned())) } else { Err(RunIdError(text.to_owned())) }
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> String {
        run.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_the_run_started_and_reads_back() {
        let run = RunId::new(1_795_380_780, 0x1a2b);
        assert_eq!(run.as_str(), "20261122T205300Z-1a2b");
        assert_eq!(run.date(), "2026-11-22");
        assert_eq!(run.as_str().parse(), Ok(run));
        for no in ["", "20261122T205300Z-1A2B", "20261122T205300Z-1a2b/", "20261122T205300Z_1a2b"] {
            assert!(no.parse::<RunId>().is_err(), "{no}");
        }
    }
}
