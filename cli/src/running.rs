//! What plugins are asked for just now by what serves (`run`, `watch`): where a native plugin ends the
//! process, as by a crash, a [`Witness`] says what that was.
//!
//! There is none before native code is loaded. What a plugin's threads do by themselves is not known,
//! and in a program that listens to `tracing` itself nothing is.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::Context;

use crate::witness::Witness;

/// What the library says as the code of a native plugin is about to run for the first time.
const BEGINS: &str = "twinplug::native::begins";

/// Nothing, unless something serves.
static NOW: Mutex<Option<Now>> = Mutex::new(None);

#[derive(Default)]
struct Now {
    witness: Option<Witness>,
    what: Vec<What>,
}

#[derive(Clone, PartialEq)]
enum What {
    /// The plugin of that name is loaded.
    Load(String),
    Other(String),
}

/// From here on it is noted.
pub(crate) fn is_noted() {
    *now() = Some(Now::default());
}

/// The process ends in order, whatever still runs.
pub(crate) fn is_over() {
    let over = now().take();
    // Its witness is waited for.
    drop(over);
}

/// Does what may be the last.
pub(crate) fn during<R>(what: String, work: impl FnOnce() -> R) -> R {
    let what = What::Other(what);
    change(|all| all.push(what.clone()));
    let done = work();
    change(|all| {
        if let Some(place) = all.iter().position(|it| *it == what) {
            all.swap_remove(place);
        }
    });
    done
}

/// The native plugin of that name was loaded, or could not be.
pub(crate) fn is_loaded(plugin: &str) {
    change(|all| {
        let is_it = |what: &What| matches!(what, What::Load(name) if name == plugin);
        // Under which name one was refused is not known for certain.
        let is_known = all.iter().any(is_it);
        all.retain(|what| !(is_it(what) || !is_known && matches!(what, What::Load(_))));
    });
}

/// All that were to be loaded were.
pub(crate) fn all_are_loaded() {
    change(|all| all.retain(|what| !matches!(what, What::Load(_))));
}

fn begins(plugin: String) {
    if let Some(now) = &mut *now() {
        if now.witness.is_none() {
            now.witness = Witness::shell();
        }
        now.what.push(What::Load(plugin));
        now.tell();
    }
}

fn change(change: impl FnOnce(&mut Vec<What>)) {
    if let Some(now) = &mut *now() {
        change(&mut now.what);
        now.tell();
    }
}

fn now() -> MutexGuard<'static, Option<Now>> {
    NOW.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Now {
    fn tell(&mut self) {
        if let Some(witness) = &mut self.witness {
            let all: Vec<_> = self.what.iter().map(What::text).collect();
            witness.tell(&all.join(", or in "));
        }
    }
}

impl What {
    fn text(&self) -> String {
        match self {
            What::Load(plugin) => format!("plugin `{plugin}`, as it was loaded"),
            What::Other(what) => what.clone(),
        }
    }
}

/// Hears what the library logs of the loads of native plugins.
pub(crate) struct Begins;

impl Begins {
    /// What it is to hear.
    pub(crate) fn filter() -> FilterFn {
        let is_one: fn(&Metadata<'_>) -> bool = |metadata| metadata.target() == BEGINS;
        filter_fn(is_one).with_max_level_hint(LevelFilter::DEBUG)
    }
}

impl<S: Subscriber> Layer<S> for Begins {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Named);
    }
}

/// Finds whose load it is.
struct Named;

impl Visit for Named {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "plugin" {
            begins(value.to_owned());
        }
    }
}
