use clap::Args;

use super::super::CommonArgs;
use super::super::error::{self, CliError};
use super::super::exit::Exit;
use super::super::run::Run;
use super::super::screen::Screen;
use super::Recorder;
use crate::engine::{self, copy_record};

/// Whether the record is kept beside the logs, too.
#[derive(Debug, Args)]
pub(in super::super) struct CopyArgs {
    /// Copies the record to the log bucket at the end, if anything was changed
    ///
    /// It goes to `baseline/runs/DATE/RUN.jsonl` and is never written over. A copy that fails makes the exit code 1.
    #[arg(long, requires = "events")]
    events_to_bucket: bool,
}

impl CopyArgs {
    /// Refuses what could not be done, before anything is.
    pub(in super::super) fn check(&self, run: &Run, screen: &Screen) -> Result<(), CliError> {
        let wrong = |why: &str| Err(CliError::Usage(format!("--events-to-bucket: {why}")));
        if !self.events_to_bucket {
            return Ok(());
        }
        if run.loaded.baseline.as_ref().is_none_or(|baseline| baseline.log_bucket.is_none()) {
            return wrong("baseline.toml has no [log_bucket]");
        }
        if !screen.recorder().is_some_and(Recorder::is_file) {
            return wrong("--events has to name a file, of which there is something to copy at the end");
        }
        Ok(())
    }

    /// Copies the record, with this as its end, if the run changed anything; answers how it ends by then.
    pub(in super::super) async fn copy(
        &self,
        run: &Run,
        ended: Result<Exit, CliError>,
        common: &CommonArgs,
        screen: &Screen,
    ) -> Result<Exit, CliError> {
        let Some(recorder) = screen.recorder().filter(|_| self.events_to_bucket) else { return ended };
        if run.chain.aws().ledger().mutating() == 0 {
            return ended;
        }
        if run.stop.asked() == engine::Asked::Leave {
            screen.warn("warning: the record is not copied to the log bucket: the run was told not to wait");
            return ended;
        }
        match copy(run, recorder, &ended).await {
            Ok(place) => {
                if !common.quiet {
                    screen.note(&format!("copied the record to {place}"));
                }
                ended
            }
            Err(error) => {
                error::say(&error, screen);
                failed(ended, screen)
            }
        }
    }
}

async fn copy(run: &Run, recorder: &Recorder, ended: &Result<Exit, CliError>) -> Result<String, CliError> {
    let (exit, error) = match ended {
        Ok(exit) => (*exit, None),
        Err(error) => (error.exit(), Some(error::in_one_line(error))),
    };
    let record = recorder.ended(exit, error).map_err(|source| CliError::Uncopied { source: Box::new(source) })?;
    let Some(baseline) = &run.loaded.baseline else { return Err(CliError::NoSecurityAccount) };
    copy_record(&run.chain, &run.loaded.profiles, baseline, &run.id, &record)
        .await
        .map_err(|source| CliError::Uncopied { source: Box::new(source) })
}

/// A run whose record is not where it was asked for has failed. Only the codes that say less than an error does become
/// one: a signal's stays what it is.
fn failed(ended: Result<Exit, CliError>, screen: &Screen) -> Result<Exit, CliError> {
    match ended {
        Ok(Exit::Success | Exit::Drift | Exit::Incomplete) => Ok(Exit::Error),
        Err(error) if matches!(error.exit(), Exit::Success | Exit::Incomplete) => {
            error::say(&error, screen);
            Ok(Exit::Error)
        }
        ended => ended,
    }
}
