//! Where the code of a multi-factor device comes from: the command line, a program, or the person at the terminal.

use std::io::{BufRead as _, IsTerminal, Read as _};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::progress::Progress;
use crate::aws::MfaCodes;
use crate::config::Mfa;

/// How long `mfa_command` may take: long enough for a person to touch a key, and an end to waiting for one who is not
/// there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is read of what should be a code.
const MOST_BYTES: u64 = 256;

/// The sources in their order: `--mfa-code` (once, since a code works once; `-` is stdin), `mfa_command`, the terminal.
pub(super) fn codes(given: Option<String>, no_input: bool, progress: Arc<Progress>) -> MfaCodes {
    let given = Arc::new(Mutex::new(given));
    MfaCodes::from_fn(move |mfa: &Mfa| {
        let given = given.lock().ok().and_then(|mut given| given.take());
        let (mfa, progress) = (mfa.clone(), progress.clone());
        Box::pin(async move {
            match given.as_deref() {
                Some("-") => return from_stdin().await,
                Some(code) => return six_digits(code),
                None => {}
            }
            if let Some(command) = &mfa.command {
                return from_command(command, PATIENCE).await;
            }
            if no_input || !std::io::stdin().is_terminal() {
                return Err(format!(
                    "the role asks for a code of {} and there is no terminal to ask on: give --mfa-code - and the code on \
                     stdin, or `mfa_command` in profiles.toml, or let unattended runs start from credentials that need none",
                    mfa.serial
                ));
            }
            let asked = tokio::task::spawn_blocking(move || {
                progress.suspend(|| rpassword::prompt_password(format!("Code of {}: ", mfa.serial)))
            });
            match asked.await {
                Ok(Ok(code)) => six_digits(&code),
                Ok(Err(error)) => Err(format!("the code could not be read: {error}")),
                Err(error) => Err(format!("the code could not be asked for: {error}")),
            }
        })
    })
}

/// The first line of stdin: a person who pipes it in keeps it out of the list of processes.
async fn from_stdin() -> Result<String, String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = Vec::new();
        // No more than a line is taken, since a question may be answered by the next one, and no more than a code is long.
        std::io::stdin().lock().take(MOST_BYTES).read_until(b'\n', &mut line).map(|_| line)
    });
    match read.await {
        Ok(Ok(line)) => six_digits(&String::from_utf8_lossy(&line)),
        Ok(Err(error)) => Err(format!("the code could not be read from stdin: {error}")),
        Err(error) => Err(format!("the code could not be read from stdin: {error}")),
    }
}

async fn from_command(command: &[String], patience: Duration) -> Result<String, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("`mfa_command` names no program".to_owned());
    };
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::inherit())
        // Nor does it outlive a run that is left.
        .kill_on_drop(true)
        .spawn();
    let answer = async {
        let mut child = child?;
        let mut said = Vec::new();
        if let Some(stdout) = &mut child.stdout {
            // The rest is not waited for: a code is short, and what goes on writing may not end.
            stdout.take(MOST_BYTES).read_to_end(&mut said).await?;
        }
        if said.len() as u64 == MOST_BYTES {
            return Ok((None, said));
        }
        Ok((Some(child.wait().await?), said))
    };
    let (status, said) = tokio::time::timeout(patience, answer)
        .await
        .map_err(|_| format!("`mfa_command` ({program}) had given no code after {patience:?}, and was killed"))?
        .map_err(|error: std::io::Error| format!("`mfa_command` ({program}) could not be run: {error}"))?;
    match status {
        Some(status) if !status.success() => Err(format!("`mfa_command` ({program}) ended with {status}")),
        _ => six_digits(&String::from_utf8_lossy(&said)),
    }
}

/// A code is six digits (STS API Reference, `AssumeRole`, `TokenCode`). What was given instead is not repeated.
fn six_digits(text: &str) -> Result<String, String> {
    let code = text.trim();
    if code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()) {
        Ok(code.to_owned())
    } else {
        Err("the code of a multi-factor device is six digits, and what was given is not".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_never_ends_its_answer_is_not_listened_to_for_ever() {
        let command = ["cat".to_owned(), "/dev/zero".to_owned()];
        let asked = from_command(&command, Duration::from_secs(600));
        let answer =
            tokio::time::timeout(Duration::from_secs(30), asked).await.expect("it was listened to without end");
        assert!(answer.unwrap_err().contains("six digits"));
    }

    #[tokio::test]
    async fn a_program_that_gives_no_code_is_killed_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("echo $$ > '{}'; exec sleep 6000", file.display());
        let command = ["sh".to_owned(), "-c".to_owned(), script];
        let asked = from_command(&command, Duration::from_secs(1));
        let answer = tokio::time::timeout(Duration::from_secs(30), asked).await.expect("it was waited for without end");
        assert_eq!(answer.unwrap_err(), "`mfa_command` (sh) had given no code after 1s, and was killed");
        let pid = std::fs::read_to_string(&file).unwrap();
        let is_alive = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.is_ok_and(|text| !text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
        };
        // One that was killed may take a moment to die.
        for _ in 0..1000 {
            if !is_alive() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{pid} lives on");
    }
}
