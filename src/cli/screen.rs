//! Where output goes, and whether it may be coloured.

use std::io::{self, IsTerminal, Write};

use super::error::CliError;
#[cfg(feature = "aws")]
use super::exit::Exit;
use super::log::{Level, Log};
#[cfg(feature = "aws")]
use super::recording::Recorder;
use crate::model::for_screen;
use crate::report::JsonForScreen;
use crate::report::human::wrapped;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The two streams, and the record where there is one.
#[derive(Debug)]
pub(super) struct Screen {
    color: ColorChoice,
    log: Log,
    #[cfg(feature = "aws")]
    command: String,
    #[cfg(feature = "aws")]
    recorder: std::sync::OnceLock<Recorder>,
}

impl Screen {
    pub(super) fn new(color: ColorChoice, log: Log, command: &str) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        #[cfg(not(feature = "aws"))]
        let _ = command;
        Screen {
            color,
            log,
            #[cfg(feature = "aws")]
            command: command.to_owned(),
            #[cfg(feature = "aws")]
            recorder: std::sync::OnceLock::new(),
        }
    }

    /// Whether stderr takes colour.
    pub(super) fn colors_stderr(&self) -> bool {
        match self.color {
            _ if !self.log.is_text() => false,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// Whether stderr is a terminal, and for people.
    pub(super) fn is_terminal(&self) -> bool {
        self.log.is_text() && self.log.is_terminal()
    }

    /// Whether nobody looks at what is written.
    #[cfg(feature = "aws")]
    pub(super) fn is_unattended(&self) -> bool {
        !io::stdout().is_terminal() && !self.is_terminal()
    }

    /// Whether somebody is there to be asked.
    #[cfg(feature = "aws")]
    pub(super) fn can_ask(&self) -> bool {
        self.log.is_text() && io::stdin().is_terminal()
    }

    /// Asks on the terminal.
    #[cfg(feature = "aws")]
    pub(super) fn agreed(&self, question: &str) -> Result<bool, CliError> {
        let mut stderr = anstream::stderr();
        let question = format!("\n{} Only `yes` goes on: ", for_screen(question));
        stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).map_err(CliError::Stdout)?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(CliError::Stdin)?;
        Ok(answer.trim() == "yes")
    }

    /// The columns of a line on stderr; `None` where lines are not for a screen.
    pub(super) fn width(&self) -> Option<usize> {
        if !self.log.is_text() {
            return None;
        }
        terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0))
    }

    /// Writes text for people to stdout, broken to the width of a terminal where that is one.
    pub(super) fn text(&mut self, text: &str) -> Result<(), CliError> {
        match self.columns() {
            // A secret that is broken over two lines would not be known for one.
            Some(columns) => self.data(&wrapped(&self.log.without_secrets(text), columns)),
            None => self.data(text),
        }
    }

    /// The columns of a line on stdout; `None` where that is no terminal.
    pub(super) fn columns(&self) -> Option<usize> {
        terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
    }

    /// stderr, for whoever outlives this.
    #[cfg(feature = "aws")]
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Writes text to stdout; of what is in it a terminal obeys only lines and colours.
    pub(super) fn data(&mut self, text: &str) -> Result<(), CliError> {
        self.written(|stdout| stdout.write_all(for_screen(&self.log.without_secrets(text)).as_bytes()))
    }

    /// Writes a JSON document to stdout, as it is made; a terminal obeys nothing in it.
    pub(super) fn document(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
        self.written(|stdout| write(&mut JsonForScreen::new(stdout)))
    }

    fn written(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
        let mut stdout = anstream::stdout().lock();
        match write(&mut stdout).and_then(|()| stdout.flush()) {
            // `baseline … | head` got all it wanted. The run goes on, and its exit code is what it comes to.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(CliError::Stdout),
        }
    }

    /// Writes something to know to stderr.
    pub(super) fn note(&self, text: &str) {
        self.log.say(Level::Info, text);
    }

    /// Writes something that may be wrong to stderr.
    pub(super) fn warn(&self, text: &str) {
        self.log.say(Level::Warn, text);
    }

    /// Writes something that is wrong to stderr.
    pub(super) fn error(&self, text: &str) {
        self.log.say(Level::Error, text);
    }

    /// The subcommand's name.
    #[cfg(feature = "aws")]
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Writes the record to this from now on.
    #[cfg(feature = "aws")]
    pub(super) fn record_to(&self, recorder: Recorder) {
        // There is one run in a process.
        let _ = self.recorder.set(recorder);
    }

    /// The record, where there is one.
    #[cfg(feature = "aws")]
    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.get()
    }

    /// Writes the end of the record: the exit code, which is another one where the record could not be written.
    #[cfg(feature = "aws")]
    pub(super) fn end_record(&self, exit: Exit, error: Option<String>) -> Exit {
        self.recorder.get().map_or(exit, |recorder| recorder.end(exit, error, self))
    }

    /// Says what quiet held back, unless all is well.
    pub(super) fn release(&self, all_is_well: bool) {
        self.log.release(all_is_well);
    }
}
