//! `--call`: a function of every plugin that has it, called time and again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use twinplug::{Error, Host, PluginRef, Value};

use super::missing::Missing;
use crate::ending::Ending;
use crate::output;
use crate::running;

/// The calls, and how they ended the last time.
pub(super) struct Calls {
    function: String,
    args: Vec<Value>,
    every: Duration,
    /// When they are due.
    pub(super) next: Instant,
    /// As text, by the plugin's name and file: a NaN is equal to the one before.
    last: HashMap<(String, PathBuf), Result<String, String>>,
    missing: Missing,
}

/// A result, or an error, that is another one than before.
pub(super) struct Called {
    pub(super) plugin: PluginRef,
    /// The load that was called.
    pub(super) generation: u64,
    pub(super) result: Result<Box<RawValue>, Error>,
}

impl Calls {
    pub(super) fn new(function: String, args: Vec<Value>, every: Duration) -> Self {
        let (next, last) = (Instant::now(), HashMap::new());
        Calls { function, args, every, next, last, missing: Missing::default() }
    }

    /// Calls each, and gives those that ended otherwise than before.
    pub(super) fn call(&mut self, host: &Host, ending: &Ending) -> Vec<Called> {
        let plugins = self.plugins(host);
        self.missing.look(&self.function, || plugins.is_empty().then(|| host.plugins()));
        let called = |plugin| self.call_one(host, ending, plugin);
        let changed = plugins.into_iter().filter_map(called).collect();
        // Those that were missed are not made up for.
        self.next = (self.next + self.every).max(Instant::now());
        changed
    }

    /// Those that have it.
    fn plugins(&self, host: &Host) -> Vec<PluginRef> {
        host.group::<(), Value>(&self.function).plugins()
    }

    fn call_one(&mut self, host: &Host, ending: &Ending, plugin: PluginRef) -> Option<Called> {
        let generation = load(&plugin);
        let what = format!("`{}` of plugin `{}`", self.function, plugin.name());
        let call = || plugin.call_dynamic(&self.function, &self.args);
        let result = ending.during(format!("{what} to end"), || running::during(what, call));
        // One that was reloaded meanwhile: which load gave it is not known.
        let is_known = load(&plugin) == generation;
        if !is_known || (result.is_err() && !self.plugins(host).contains(&plugin)) {
            return None;
        }
        let result = result.map(|result| output::raw(&result));
        let text = match &result {
            Ok(result) => Ok(result.get().to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let key = key(&plugin);
        if self.last.get(&key) == Some(&text) {
            return None;
        }
        self.last.insert(key, text);
        Some(Called { plugin, generation, result })
    }
}

/// Neither versions nor loads tell plugins apart for long: an edit changes both.
fn key(plugin: &PluginRef) -> (String, PathBuf) {
    (plugin.name().to_owned(), plugin.path().to_owned())
}

fn load(plugin: &PluginRef) -> u64 {
    plugin.status().generation
}
