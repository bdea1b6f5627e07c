//! A command that gets what a run found.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;
use super::signals;
use crate::model::RunId;

/// How long a command that was asked to end may take to do so.
const GRACE: Duration = Duration::from_secs(5);

/// A command and what it gets.
pub(super) struct Hook<'a> {
    /// For `sh -c`.
    pub(super) command: &'a str,
    /// Goes to its stdin.
    pub(super) document: Value,
    /// `BASELINE_RUN`
    pub(super) run: &'a RunId,
    /// `BASELINE_EXIT`
    pub(super) exit: u8,
    /// How long it may take.
    pub(super) patience: Duration,
}

/// Runs the command to its end. What it prints goes to stderr: stdout is for our own data.
///
/// It gets a process group of its own, so that one that does not end is killed with everything it started. A signal that
/// is to end us ends it first, and is answered.
pub(super) async fn run(hook: Hook<'_>) -> Result<Option<i32>, CliError> {
    let not_run = |source| CliError::HookNotRun { command: hook.command.to_owned(), source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(not_run)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(not_run)?;
    let hangup = signals::hears_hangup().then(|| signal(SignalKind::hangup())).transpose().map_err(not_run)?;
    let hangup = async {
        match hangup {
            Some(mut hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(hook.command)
        .env("BASELINE_RUN", hook.run.as_str())
        .env("BASELINE_EXIT", hook.exit.to_string())
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .process_group(0)
        .spawn()
        .map_err(not_run)?;
    let mut stdin = child.stdin.take();
    let text = format!("{:#}\n", hook.document);
    // A command that does not read, or reads only the first lines, is in its right: a closed pipe is no failure.
    let feed = tokio::spawn(async move {
        if let Some(stdin) = &mut stdin {
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    });
    let ended = tokio::select! {
        status = child.wait() => Ok(status),
        () = tokio::time::sleep(hook.patience) => Err(None),
        _ = interrupt.recv() => Err(Some(SignalKind::interrupt())),
        _ = terminate.recv() => Err(Some(SignalKind::terminate())),
        _ = hangup => Err(Some(SignalKind::hangup())),
    };
    feed.abort();
    match ended {
        Ok(Ok(status)) if status.success() => Ok(None),
        Ok(Ok(status)) => Err(CliError::HookFailed { command: hook.command.to_owned(), how: how(status) }),
        Ok(Err(source)) => Err(not_run(source)),
        Err(None) => {
            end(&mut child).await;
            let how = format!("was killed: it had not ended after {:?}", hook.patience);
            Err(CliError::HookFailed { command: hook.command.to_owned(), how })
        }
        Err(Some(kind)) => {
            end(&mut child).await;
            Ok(Some(kind.as_raw_value()))
        }
    }
}

/// Ends a command with everything it started: asks, waits, and then does not ask.
async fn end(child: &mut Child) {
    let Some(group) = child.id() else { return };
    send("TERM", group).await;
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        send("KILL", group).await;
        // The shell itself is the least that has to be gone.
        let _ = child.kill().await;
    } else {
        // It ended as it was asked to; what it started may not have.
        send("KILL", group).await;
    }
}

/// Sends a signal to a process group; the shell's own `kill` is the way without unsafe code.
async fn send(signal: &str, group: u32) {
    let kill = Command::new("sh")
        .args(["-c", "kill -s \"$1\" -- \"-$2\"", "sh", signal, &group.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // A group that has ended cannot be sent anything, which is what was wanted.
    let _ = kill.await;
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => format!("was ended by a signal ({status})"),
    }
}
