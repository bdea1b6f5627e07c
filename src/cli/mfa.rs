//! Where the code of a multi-factor device comes from: the command line, a program, or the person at the terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use super::progress::Progress;
use crate::aws::MfaCodes;
use crate::config::Mfa;

/// How long `mfa_command` may take: long enough for a person to touch a key, and an end to waiting for one who is not
/// there.
const PATIENCE: Duration = Duration::from_secs(60);

/// The sources in their order: `--mfa-code` (once, since a code works once), `mfa_command`, the terminal.
pub(super) fn codes(given: Option<String>, no_input: bool, progress: Arc<Progress>) -> MfaCodes {
    let given = Arc::new(Mutex::new(given));
    MfaCodes::from_fn(move |mfa: &Mfa| {
        let given = given.lock().ok().and_then(|mut given| given.take());
        let (mfa, progress) = (mfa.clone(), progress.clone());
        Box::pin(async move {
            if let Some(code) = given {
                return six_digits(&code);
            }
            if let Some(command) = &mfa.command {
                return from_command(command, PATIENCE).await;
            }
            if no_input || !std::io::stdin().is_terminal() {
                return Err(format!(
                    "the role asks for a code of {} and there is no terminal to ask on: give --mfa-code CODE or \
                     `mfa_command` in profiles.toml, or let unattended runs start from credentials that need none",
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

async fn from_command(command: &[String], patience: Duration) -> Result<String, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("`mfa_command` names no program".to_owned());
    };
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        // Nor does it outlive a run that is left.
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(patience, output)
        .await
        .map_err(|_| format!("`mfa_command` ({program}) had given no code after {patience:?}, and was killed"))?
        .map_err(|error| format!("`mfa_command` ({program}) could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`mfa_command` ({program}) ended with {}", output.status));
    }
    six_digits(&String::from_utf8_lossy(&output.stdout))
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
