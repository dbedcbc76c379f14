//! `-v` and `-q`, before or after the subcommand: how much is told beside results and errors.
//!
//! What the library and plugins log goes to standard error: warnings, unless something else is said.
//! In a program that listens to `tracing` itself it goes there alone.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::output::{self, Label};
use crate::running::Begins;

const HEADING: &str = "What is told";

#[derive(clap::Args)]
pub(crate) struct Verbosity {
    /// Show what plugins and the library log: -v from level info on, -vv debug, -vvv all
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = HEADING)]
    verbose: u8,
    /// Show neither notes nor warnings nor progress: errors alone
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = HEADING)]
    quiet: bool,
}

static IS_QUIET: AtomicBool = AtomicBool::new(false);
static EVENTS_ARE_TOLD: AtomicBool = AtomicBool::new(false);

/// Whether nothing but errors is told.
pub(crate) fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// Says that the command tells the events of its host.
pub(crate) fn events_are_told() {
    EVENTS_ARE_TOLD.store(true, Ordering::Relaxed);
}

impl Verbosity {
    /// Has it so from here on.
    pub(crate) fn apply(&self) {
        IS_QUIET.store(self.quiet, Ordering::Relaxed);
        // A program may have run another command before, which told them.
        EVENTS_ARE_TOLD.store(false, Ordering::Relaxed);
        let level = match self.verbose {
            _ if self.quiet => LevelFilter::ERROR,
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // A program that has set its own goes on with that.
        let all = tracing_subscriber::registry().with(Log.with_filter(level));
        let _ = all.with(Begins.with_filter(Begins::filter())).try_init();
    }
}

/// Writes what is logged, a line each.
struct Log;

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let is_told = match metadata.target() {
            "twinplug::returned" => true,
            "twinplug::event" => EVENTS_ARE_TOLD.load(Ordering::Relaxed),
            _ => false,
        };
        if is_told {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let label = match *metadata.level() {
            Level::ERROR => Label::Error,
            Level::WARN => Label::Warning,
            Level::INFO => Label::Info,
            Level::DEBUG => Label::Debug,
            Level::TRACE => Label::Trace,
        };
        output::labelled(label, &line.text());
    }
}

/// The parts of one.
#[derive(Default)]
struct Line {
    plugin: Option<String>,
    message: String,
    error: Option<String>,
    others: Vec<String>,
}

impl Line {
    fn text(&self) -> String {
        let Line { plugin, message, error, others } = self;
        let before = plugin.as_ref().map(|plugin| format!("plugin `{plugin}`: "));
        let before = before.unwrap_or_default();
        // Its error says which plugin as well.
        let error = error.as_ref().map(|error| error.strip_prefix(&before).unwrap_or(error));
        let error = error.map(|error| format!(": {error}")).unwrap_or_default();
        let others = match others.is_empty() {
            true => String::new(),
            false => format!(" ({})", others.join(", ")),
        };
        format!("{before}{message}{error}{others}")
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            "plugin" => self.plugin = Some(text),
            "error" => self.error = Some(text),
            name => self.others.push(format!("{name} {text}")),
        }
    }

    /// Without quotes.
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
