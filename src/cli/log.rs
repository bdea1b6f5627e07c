//! The one way to stderr: notes, errors, what goes on, and the traces of `-v`, as text or as a JSON object a line.
//!
//! Quiet, what is said is held back until the exit code is known, and dropped when that is 0.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use indicatif::ProgressBar;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

#[cfg(feature = "aws")]
use crate::model::OpError;
use crate::model::{RunId, Secrets, for_screen, printable};
use crate::report::record::rfc3339;

/// How stderr is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, with time, level, run and place
    Json,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warn,
    Info,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
        }
    }
}

/// Where and in which call something happened: what is known of it stands next to the message.
#[derive(Debug, Default)]
pub(super) struct Place(Map<String, Value>);

impl Place {
    /// What is known, by its name.
    #[cfg(any(feature = "aws", test))]
    pub(super) fn of<const N: usize>(known: [(&str, String); N]) -> Self {
        Place(known.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    /// Where a call failed, and with what.
    #[cfg(feature = "aws")]
    pub(super) fn of_error(error: &OpError) -> Self {
        let mut place = Place::of([
            ("account", error.account.to_string()),
            ("region", error.region.to_string()),
            ("service", error.service.clone()),
            ("operation", error.operation.clone()),
        ]);
        for (name, value) in [("role", &error.role), ("code", &error.code), ("request_id", &error.request_id)] {
            if let Some(value) = value {
                place.0.insert(name.to_owned(), value.clone().into());
            }
        }
        place.0.insert("attempts".to_owned(), error.attempts.into());
        place
    }
}

/// stderr; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    format: LogFormat,
    run: RunId,
    /// What nobody may read.
    secrets: Secrets,
    /// What is held back; `None` where everything is said at once.
    held: Mutex<Option<Vec<u8>>>,
    /// The moving line, which makes room.
    bar: OnceLock<ProgressBar>,
}

impl Log {
    pub(super) fn new(format: LogFormat, quiet: bool) -> Self {
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Log(Arc::new(Inner {
            format,
            run: RunId::new(seconds, fastrand::u16(..)),
            secrets: Secrets::default(),
            held: Mutex::new(quiet.then(Vec::new)),
            bar: OnceLock::new(),
        }))
    }

    /// The name of this run of the program.
    #[cfg(any(feature = "aws", test))]
    pub(super) fn run(&self) -> &RunId {
        &self.0.run
    }

    /// What nobody may read: whatever is said is free of it.
    #[cfg(feature = "aws")]
    pub(super) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// A text without them.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        self.0.secrets.without(text)
    }

    /// Whether lines are for people.
    pub(super) fn is_text(&self) -> bool {
        self.0.format == LogFormat::Text
    }

    /// Whether somebody looks at stderr as it is written.
    pub(super) fn is_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Makes room for this moving line from now on.
    #[cfg(feature = "aws")]
    pub(super) fn write_above(&self, bar: &ProgressBar) {
        // There is one run in a process, and one line.
        let _ = self.0.bar.set(bar.clone());
    }

    /// Says something.
    pub(super) fn say(&self, level: Level, message: &str) {
        self.say_of(level, message, Place::default());
    }

    /// Says something of a place.
    pub(super) fn say_of(&self, level: Level, message: &str, place: Place) {
        match self.0.format {
            LogFormat::Text => self.write(format!("{}\n", self.tame(message)).as_bytes()),
            LogFormat::Json => self.object(level.as_str(), message, place.0),
        }
    }

    /// The last wall before a person: no secret, and nothing that a terminal obeys but lines and colours.
    fn tame(&self, text: &str) -> String {
        for_screen(&self.0.secrets.without(text)).into_owned()
    }

    fn object(&self, level: &str, message: &str, more: Map<String, Value>) {
        let mut object = Map::new();
        object.insert("time".to_owned(), rfc3339(SystemTime::now()).into());
        object.insert("level".to_owned(), level.into());
        object.insert("run".to_owned(), self.0.run.as_str().into());
        object.insert("message".to_owned(), self.tame(&anstream::adapter::strip_str(message).to_string()).into());
        for (name, value) in more {
            let value = match value {
                Value::String(text) => Value::String(printable(self.0.secrets.without(&text))),
                other => other,
            };
            object.entry(name).or_insert(value);
        }
        self.write(format!("{}\n", Value::Object(object)).as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.extend_from_slice(bytes),
            None => self.put(bytes),
        }
    }

    fn put(&self, bytes: &[u8]) {
        // With stderr gone there is nobody to tell.
        let put = || drop(anstream::stderr().write_all(bytes));
        match self.0.bar.get() {
            Some(bar) => bar.suspend(put),
            None => put(),
        }
    }

    /// Says what was held back, or drops it when all is well; from now on everything is said at once.
    pub(super) fn release(&self, all_is_well: bool) {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(held), false) = (held, all_is_well) {
            self.put(&held);
        }
    }

    /// Says what goes on, the more often `-v` was given the more: what was done, each call, and each attempt at one.
    ///
    /// The SDK's own traces stay off at every level: what they hold is not ours to vouch for.
    pub(super) fn trace(&self, verbose: u8) {
        let level = match verbose {
            0 => return,
            1 => tracing::Level::INFO,
            2 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        let filter = tracing_subscriber::EnvFilter::new(format!("off,baseline={level}"));
        let registry = tracing_subscriber::registry().with(filter);
        // Only the first subscriber of a process counts, and there is no other.
        let _ = match self.0.format {
            LogFormat::Text => {
                let layer = tracing_subscriber::fmt::layer().with_writer(self.clone()).with_target(false);
                tracing::subscriber::set_global_default(registry.with(layer))
            }
            LogFormat::Json => tracing::subscriber::set_global_default(registry.with(Objects(self.clone()))),
        };
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // What is traced comes a whole line at a time.
        Log::write(self, self.tame(&String::from_utf8_lossy(bytes)).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Turns what is traced into objects: the fields of the spans around it stand next to its own.
struct Objects(Log);

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Objects {
    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, id: &tracing::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &tracing::Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                for (name, value) in &around.0 {
                    fields.0.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        let message = fields.0.remove("message");
        let message = message.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let level = event.metadata().level().to_string().to_ascii_lowercase();
        self.0.object(&level, &message, fields.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(log: &Log) -> String {
        let held = log.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(held.clone().unwrap_or_default()).unwrap_or_default()
    }

    fn json() -> Log {
        Log::new(LogFormat::Json, true)
    }

    fn object(log: &Log) -> Value {
        let text = held(log);
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn a_line_is_one_object_whatever_is_said() {
        let log = json();
        log.say_of(
            Level::Warn,
            "\u{1b}[31mtwo\u{1b}[0m\nlines \"quoted\"",
            Place::of([("account", "333333333333".to_owned()), ("run", "x".to_owned())]),
        );
        let object = object(&log);
        assert_eq!(object["message"], "two\nlines \"quoted\"");
        assert_eq!((&object["level"], &object["account"]), (&"warn".into(), &"333333333333".into()));
        assert_eq!(object["run"], log.run().as_str());
    }

    #[test]
    fn a_trace_has_the_fields_of_the_spans_around_it() {
        let log = json();
        let subscriber = tracing_subscriber::registry().with(Objects(log.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let account = "333333333333";
            tracing::info_span!("aws", %account, operation = "CreateTrail", request_id = tracing::field::Empty)
                .in_scope(|| {
                    tracing::Span::current().record("request_id", "r-1");
                    tracing::debug!(attempt = 2, "answered");
                });
        });
        let object = object(&log);
        let expected = [
            ("level", Value::from("debug")),
            ("message", "answered".into()),
            ("account", "333333333333".into()),
            ("operation", "CreateTrail".into()),
            ("request_id", "r-1".into()),
            ("attempt", 2.into()),
        ];
        for (name, value) in expected {
            assert_eq!(object[name], value, "{object}");
        }
    }

    #[test]
    fn quiet_holds_back_and_says_or_drops_it_in_the_end() {
        let log = Log::new(LogFormat::Text, true);
        log.say(Level::Info, "once");
        assert_eq!(held(&log), "once\n");
        log.release(true);
        assert!(log.0.held.lock().unwrap_or_else(PoisonError::into_inner).is_none());
        assert!(Log::new(LogFormat::Text, false).0.held.lock().unwrap_or_else(PoisonError::into_inner).is_none());
    }
}
