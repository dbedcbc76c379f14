//! A [`Line`]: one thing that has happened, as programs and people read it.

use std::io;
use std::time::Duration;

use anstyle::Style;
use serde_json::value::RawValue;
use twinplug::serde::Serialize;
use twinplug::{Error, Event, EventKind, PluginRef};

use super::calls::Called;
use super::once::{Answer, Once};
use crate::colour;
use crate::excerpt;
use crate::output::{self, Printed};
use crate::verbosity;

/// For whom it is told.
pub(crate) enum Form {
    /// Programs.
    Json,
    /// People, in between of what plugins print.
    Text(Printed),
    /// People, on standard error: what plugins print is all that there is beside their results.
    Aside(Printed),
}

/// The object of `--json`; its shape is stable.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
pub(crate) struct Line {
    event: String,
    plugin: String,
    kind: Option<String>,
    version: Option<String>,
    generation: Option<u64>,
    ms: Option<f64>,
    error: Option<String>,
    result: Option<Box<RawValue>>,
    #[serde(skip)]
    excerpt: Vec<String>,
    #[serde(skip)]
    traceback: Option<String>,
    #[serde(skip)]
    notes: Vec<String>,
}

impl Line {
    pub(crate) fn of(event: Event) -> Line {
        let is_loaded = event.generation > 0;
        Line {
            event: event.kind.to_string(),
            plugin: event.plugin,
            kind: Some(event.plugin_kind.to_string()),
            version: is_loaded.then(|| event.version.to_string()),
            generation: is_loaded.then_some(event.generation),
            ms: event.time.map(milliseconds),
            notes: event.notes,
            ..Line::failed(event.error.as_ref())
        }
    }

    /// A source folder could not be built, of that plugin if one was loaded from it before.
    pub(super) fn not_built(name: &str, plugin: Option<&PluginRef>, error: &str) -> Line {
        let line = match plugin {
            Some(plugin) => Line::of_load(plugin, plugin.status().generation),
            None => Line { plugin: name.to_owned(), ..Line::failed(None) },
        };
        let (event, kind) = (EventKind::Rejected.to_string(), Some("native".to_owned()));
        Line { event, kind, error: Some(error.to_owned()), ..line }
    }

    /// Something has become of a plugin, which serves as it does.
    pub(super) fn about(event: EventKind, plugin: &PluginRef) -> Line {
        let line = Line::of_load(plugin, plugin.status().generation);
        Line { event: event.to_string(), ..line }
    }

    pub(super) fn called(called: Called) -> Line {
        let Called { plugin, generation, result } = called;
        let line = Line { event: "called".to_owned(), ..Line::of_load(&plugin, generation) };
        match result {
            Ok(result) => Line { result: Some(result), ..line },
            Err(error) => {
                let Line { error, excerpt, traceback, .. } = Line::failed(Some(&error));
                Line { error, excerpt, traceback, ..line }
            }
        }
    }

    fn of_load(plugin: &PluginRef, generation: u64) -> Line {
        Line {
            plugin: plugin.name().to_owned(),
            kind: Some(plugin.kind().to_string()),
            version: Some(plugin.version().to_string()),
            generation: Some(generation),
            ..Line::failed(None)
        }
    }

    fn failed(error: Option<&Error>) -> Line {
        Line {
            event: String::new(),
            plugin: String::new(),
            kind: None,
            version: None,
            generation: None,
            ms: None,
            error: error.map(Error::to_string),
            result: None,
            excerpt: error.map(excerpt::excerpt).unwrap_or_default(),
            traceback: error.and_then(Error::traceback).map(str::to_owned),
            notes: Vec::new(),
        }
    }

    /// The colour of what has happened.
    fn style(&self) -> Style {
        match &*self.event {
            "loaded" | "reloaded" | "back" => colour::GOOD,
            _ if self.error.is_some() => colour::BAD,
            "gone" => colour::DOUBTFUL,
            _ => colour::TITLE,
        }
    }

    /// The lines for people.
    pub(crate) fn text(&self) -> Vec<String> {
        let first = format!("{}{}", self.event, self.about_it());
        let below = self.below().map(|(_, line)| line);
        [first].into_iter().chain(below).collect()
    }

    /// What stands behind the event.
    fn about_it(&self) -> String {
        let mut text = format!(" {}", self.plugin);
        let more = [
            self.version.as_ref().map(|version| format!(" {version}")),
            self.generation.map(|generation| format!(" (load {generation})")),
            self.ms.map(|ms| format!(" in {ms:.1} ms")),
            self.result.as_ref().map(|result| format!(": {}", result.get())),
        ];
        text.extend(more.into_iter().flatten());
        text
    }

    /// The lines below the first.
    fn below(&self) -> impl Iterator<Item = (Style, String)> {
        let error = self.error.iter().flat_map(|error| error.lines());
        let error = error.map(|line| (Style::new(), format!("  {line}")));
        // The line of the script, and the marks below it.
        let styles = [Style::new(), colour::BAD].into_iter();
        let excerpt = styles.zip(&self.excerpt).map(|(style, line)| (style, format!("  {line}")));
        let traceback = self.traceback.iter().flat_map(|traceback| traceback.lines());
        let traceback = traceback.map(|line| (Style::new(), format!("    {line}")));
        let notes = self.notes.iter().map(|note| (Style::new(), format!("  note: {note}")));
        error.chain(excerpt).chain(traceback).chain(notes)
    }
}

impl Form {
    pub(super) fn tell_event(&self, event: Event) -> io::Result<()> {
        // People see it in the line of what has taken over.
        match event.kind == EventKind::Retired && !matches!(self, Form::Json) {
            true => Ok(()),
            false => self.tell(&Line::of(event)),
        }
    }

    /// Tells how a call has ended after it was to end.
    pub(super) fn tell_last(&self, once: &mut Once, answer: Answer) -> io::Result<()> {
        match self {
            Form::Aside(printed) => once.tell_last(answer, printed),
            Form::Json | Form::Text(_) => Ok(()),
        }
    }

    pub(super) fn tell(&self, line: &Line) -> io::Result<()> {
        match self {
            Form::Json => {
                line.notes
                    .iter()
                    .for_each(|note| output::note(&format!("{}: {note}", line.plugin)));
                output::json(line)
            }
            Form::Text(printed) => {
                printed.end_line()?;
                output::headed(line.style(), &line.event, &line.about_it())?;
                line.below().try_for_each(|(style, line)| output::headed(style, &line, ""))
            }
            Form::Aside(_) => {
                if line.error.is_some() || !verbosity::is_quiet() {
                    output::aside_headed(line.style(), &line.event, &line.about_it());
                    line.below().for_each(|(style, line)| output::aside_headed(style, &line, ""));
                }
                Ok(())
            }
        }
    }
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
