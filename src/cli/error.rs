//! What can go wrong at the edge, and the one printer of errors.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters, ThemeStyles,
};

use super::exit::Exit;
use super::screen::Screen;
use crate::config::{Document, Problem, Problems, Severity, Source};
use crate::report::human::wrapped;

/// Why a subcommand could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The two files are wrong.
    #[error("{0}")]
    Files(Box<Problems>),
    /// One of the two files cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which of the two.
        document: Document,
        /// Where it was looked for.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that should be written is there already.
    #[error("{} is there already, and nothing was written", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Both files should be written to the same place.
    #[error("both files would be {}, and nothing was written", path.display())]
    SamePath {
        /// The place.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A saved plan cannot be read.
    #[error("cannot read {}", path.display())]
    PlanUnreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is no saved plan to go by.
    #[error("cannot use {} as a plan", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<crate::plan::file::PlanFileError>,
    },
    /// Where a plan should be saved is something else.
    #[cfg(feature = "aws")]
    #[error("{} is {by}, and no plan was made", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
        /// What is there.
        by: &'static str,
    },
    /// The command line asks for something that cannot be.
    #[cfg(feature = "aws")]
    #[error("{0}")]
    Usage(String),
    /// The profiles name no security account, which checking them rules out.
    #[cfg(feature = "aws")]
    #[error("profiles.toml has no security account, or no baseline was read")]
    NoSecurityAccount,
    /// There is something already where the record of the run should go.
    #[cfg(feature = "aws")]
    #[error("{} is there already, and nothing was done", path.display())]
    Recorded {
        /// The file.
        path: PathBuf,
    },
    /// A record cannot be read.
    #[error("cannot read {} as the record of a run", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: crate::report::record::RecordError,
    },
    /// The runtime could not be started.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    /// The answer to a question could not be read.
    #[cfg(feature = "aws")]
    #[error("cannot read the answer")]
    Stdin(#[source] io::Error),
    /// AWS cannot be reached at all.
    #[cfg(feature = "aws")]
    #[error("cannot get ready to call AWS")]
    Start(#[from] crate::aws::StartError),
    /// The lock could not be looked at or released.
    #[cfg(feature = "aws")]
    #[error("cannot release the lock")]
    Unlock(#[source] Box<crate::model::OpError>),
    /// The topic of `[notify.run]` could not be told.
    #[cfg(feature = "aws")]
    #[error("nobody was told of this run: {topic} did not take the message")]
    Silent {
        /// The topic.
        topic: String,
        /// Why not.
        source: Box<crate::model::OpError>,
    },
    /// The record could not be copied to the log bucket.
    #[cfg(feature = "aws")]
    #[error("the record of this run is not in the log bucket")]
    Uncopied {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was told could not be written down.
    #[cfg(feature = "aws")]
    #[error("cannot write {}: what was told is forgotten, and the next run tells it again", path.display())]
    Forgetful {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no folder to remember in.
    #[cfg(feature = "aws")]
    #[error("nobody was told of this run: there is no folder to remember in what was told")]
    NoStateFolder,
    /// The command of `--on-drift` could not be run.
    #[cfg(feature = "aws")]
    #[error("cannot run the --on-drift command{}", first_word(command))]
    HookNotRun {
        /// The command.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// The command of `--on-drift` failed.
    #[cfg(feature = "aws")]
    #[error("the --on-drift command{} {how}", first_word(command))]
    HookFailed {
        /// The command.
        command: String,
        /// How it ended.
        how: String,
    },
    /// The simulation could not be started.
    #[error("cannot start the simulated estate")]
    Sandbox(#[source] io::Error),
    /// stdout cannot be written.
    #[error("cannot write to stdout")]
    Stdout(#[source] io::Error),
}

#[cfg(feature = "aws")]
impl From<crate::plan::Unmatched> for CliError {
    fn from(unmatched: crate::plan::Unmatched) -> Self {
        CliError::Usage(unmatched.to_string())
    }
}

/// What a command may be known by where everybody reads it: whole, it often holds a secret, such as a webhook's address
/// or what it sets for the program that it runs.
#[cfg(feature = "aws")]
fn first_word(command: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+".contains(c);
    let word = command.split_whitespace().next().filter(|word| word.chars().all(plain));
    word.map(|word| format!(" (`{word} …`)")).unwrap_or_default()
}

impl CliError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            CliError::Files(_)
            | CliError::Unreadable { .. }
            | CliError::PlanUnreadable { .. }
            | CliError::Plan { .. }
            | CliError::Record { .. } => Exit::Data,
            CliError::SamePath { .. } => Exit::Usage,
            #[cfg(feature = "aws")]
            CliError::Usage(_) | CliError::Recorded { .. } => Exit::Usage,
            _ => Exit::Error,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            CliError::Unreadable { document, source, .. } => {
                let (option, variable) = match document {
                    Document::Profiles => ("--profiles", "BASELINE_PROFILES"),
                    Document::Baseline => ("--baseline", "BASELINE_FILE"),
                };
                let name = document.usual_name();
                Some(match source.kind() {
                    io::ErrorKind::InvalidData => "the file has to be UTF-8 text".to_owned(),
                    io::ErrorKind::NotFound => format!(
                        "`baseline init` writes a {name} to start from; {option} FILE or {variable} names another one"
                    ),
                    _ => format!("{option} FILE or {variable} names another file"),
                })
            }
            #[cfg(feature = "aws")]
            CliError::Recorded { .. } => Some(
                "a record is of one run, and nothing is written over or behind another: name a file that is not there, \
                 such as --events run-$(date +%Y%m%dT%H%M%S).jsonl, or an empty one, a pipe or a device"
                    .to_owned(),
            ),
            CliError::Plan { source, .. } => Some(source.help()),
            #[cfg(feature = "aws")]
            CliError::Occupied { .. } => {
                Some("only a plan that was saved before is replaced: name another file".to_owned())
            }
            #[cfg(feature = "aws")]
            CliError::Silent { source, .. } => {
                let again = "what was told before is unchanged, so that the next run tells this";
                Some(source.hint.as_ref().map_or(again.to_owned(), |hint| format!("{hint}; {again}")))
            }
            #[cfg(feature = "aws")]
            CliError::Uncopied { source } => {
                let by_hand = "the file of --events is whole: copy it by hand";
                match source.downcast_ref::<crate::engine::NoCopy>() {
                    Some(crate::engine::NoCopy::Failed(error)) => {
                        Some(error.hint.as_ref().map_or(by_hand.to_owned(), |hint| format!("{hint}; {by_hand}")))
                    }
                    Some(_) => Some(by_hand.to_owned()),
                    None => None,
                }
            }
            #[cfg(feature = "aws")]
            CliError::NoStateFolder => {
                Some("set STATE_DIRECTORY, XDG_STATE_HOME or HOME, or say --notify never".to_owned())
            }
            #[cfg(feature = "aws")]
            CliError::Unlock(error) => error.hint.clone(),
            CliError::SamePath { .. } => Some("name another file with --profiles or --baseline".to_owned()),
            CliError::Exists { .. } => Some("move it away, or name another directory: baseline init DIR".to_owned()),
            _ => None,
        }
    }
}

/// Prints an error with everything behind it, and answers the exit code.
pub(super) fn report(error: &CliError, screen: &Screen) -> Exit {
    say(error, screen);
    error.exit()
}

/// Prints an error with everything behind it.
pub(super) fn say(error: &CliError, screen: &Screen) {
    match error {
        CliError::Files(problems) => {
            screen.error(&render(problems, screen));
            screen.error(&format!("error: {problems}"));
        }
        _ => {
            let mut text = format!("error: {error}");
            for cause in causes(error) {
                text.push_str(&format!("\n  cause: {cause}"));
            }
            if let Some(help) = error.help() {
                text.push_str(&format!("\n  help: {help}"));
            }
            screen.error(&match screen.width() {
                Some(columns) => wrapped(&text, columns),
                None => text,
            });
        }
    }
}

/// An error and everything behind it in one line.
#[cfg(feature = "aws")]
pub(super) fn in_one_line(error: &CliError) -> String {
    let causes = causes(error).into_iter().map(|cause| format!(": {cause}"));
    format!("{error}{}", causes.collect::<String>())
}

fn causes(error: &CliError) -> Vec<String> {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        causes.push(next.to_string());
        cause = next.source();
    }
    causes
}

/// Every problem with its place in the file.
pub(super) fn render(problems: &Problems, screen: &Screen) -> String {
    let mut characters = if screen.is_terminal() { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    characters.error = "error:".to_owned();
    characters.warning = "warning:".to_owned();
    let styles = if screen.colors_stderr() { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_wrap_lines(false)
        .with_links(false)
        .with_context_lines(1);
    let mut text = String::new();
    for problem in &problems.list {
        let shown = Shown::new(problem, problems.source(problem), screen.width());
        if handler.render_report(&mut text, &shown).is_err() {
            text.push_str(&problem.message);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// A problem as miette takes it.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: NamedSource<String>,
    message: String,
    help: Option<String>,
}

impl<'a> Shown<'a> {
    fn new(problem: &'a Problem, source: &Source, width: Option<usize>) -> Self {
        let place = if problem.labels.is_empty() { format!("{}: ", source.path) } else { String::new() };
        Shown {
            problem,
            source: NamedSource::new(&source.path, source.text.clone()),
            message: wrap(&format!("{place}{}", problem.message), width),
            help: problem.help.as_ref().map(|help| wrap(help, width)),
        }
    }
}

/// Breaks lines at blanks only: names of Regions and accounts stay whole, to be found and copied.
fn wrap(text: &str, width: Option<usize>) -> String {
    // What miette puts before each line.
    const INDENT: usize = 10;
    let Some(width) = width.map(|width| width.saturating_sub(INDENT).max(30)) else { return text.to_owned() };
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn std::fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        (!self.problem.labels.is_empty()).then_some(&self.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.problem.labels.iter().enumerate().map(|(index, label)| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            let span = (label.span.start, label.span.len());
            if index == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        });
        Some(Box::new(labels))
    }
}

#[cfg(test)]
#[cfg(feature = "aws")]
mod tests {
    use super::*;

    #[test]
    fn of_a_command_only_the_program_is_said() {
        for (command, said) in [
            ("curl -d @- https://hooks.example.com/planted", " (`curl …`)"),
            ("  /usr/local/bin/tell --key planted", " (`/usr/local/bin/tell …`)"),
            ("TOKEN=planted tell", ""),
            ("https://hooks.example.com/planted", ""),
            ("curl<planted", ""),
            ("", ""),
        ] {
            assert_eq!(first_word(command), said, "{command}");
            let failed = CliError::HookFailed { command: command.to_owned(), how: "ended with exit code 7".to_owned() };
            assert_eq!(failed.to_string(), format!("the --on-drift command{said} ended with exit code 7"));
            let not_run = CliError::HookNotRun { command: command.to_owned(), source: io::ErrorKind::NotFound.into() };
            assert!(!in_one_line(&not_run).contains("planted"), "{not_run}");
        }
    }
}
