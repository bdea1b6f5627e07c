//! Where output goes, and whether it may be coloured.

use std::io::{self, IsTerminal, Write};

use super::error::CliError;

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

/// The two streams.
#[derive(Debug)]
pub(super) struct Screen {
    color: ColorChoice,
}

impl Screen {
    pub(super) fn new(color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Screen { color }
    }

    /// Whether stderr takes colour.
    pub(super) fn colors_stderr(&self) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// Whether stderr is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// The columns of a line on stderr; `None` where lines are not for a screen.
    pub(super) fn width(&self) -> Option<usize> {
        terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0))
    }

    /// Writes data to stdout.
    pub(super) fn data(&mut self, text: &str) -> Result<(), CliError> {
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(CliError::from_stdout)
    }

    /// Writes a document to stdout, as it is made.
    pub(super) fn document(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
        write(&mut anstream::stdout().lock()).map_err(CliError::from_stdout)
    }

    /// Writes something to know to stderr.
    pub(super) fn note(&self, text: &str) {
        // With stderr gone there is nobody to tell.
        let _ = writeln!(anstream::stderr(), "{text}");
    }
}

/// Says on stderr what goes on, the more often `-v` was given the more: nothing, what was done, and each call.
///
/// The SDK's own traces stay off at every level: what they hold is not ours to vouch for.
pub(super) fn trace(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let filter = tracing_subscriber::EnvFilter::new(format!("off,baseline={level}"));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(anstream::stderr).with_target(false).finish();
    // Only the first subscriber of a process counts, and there is no other.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
