//! Problems as people see them, by the printer that the command line uses.

use std::fmt;

use baseline::config::{Problem, Source};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

/// The problem with its place in the file.
///
/// # Panics
///
/// When the printer cannot print it.
pub fn render(problem: &Problem, source: &Source) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none())
        .with_wrap_lines(false)
        .with_links(false)
        .with_context_lines(1);
    let source = NamedSource::new(&source.path, source.text.clone());
    let mut text = String::new();
    let rendered = handler.render_report(&mut text, &Shown { problem, source });
    assert!(rendered.is_ok(), "cannot be shown: {problem:?}");
    text
}

#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        (!self.problem.labels.is_empty()).then_some(&self.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.problem.labels.iter().map(|label| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            LabeledSpan::new_with_span(text, (label.span.start, label.span.len()))
        });
        Some(Box::new(labels))
    }
}
