//! `--call`: a function of every plugin that has it, called time and again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use twinplug::{Error, Host, PluginRef, Value};

use crate::output;

/// The calls, and how they ended the last time.
pub(super) struct Calls {
    function: String,
    every: Duration,
    /// When they are due.
    pub(super) next: Instant,
    /// As text, by the plugin's name and file: a NaN is equal to the one before.
    last: HashMap<(String, PathBuf), Result<String, String>>,
}

/// A result, or an error, that is another one than before.
pub(super) struct Called {
    pub(super) plugin: PluginRef,
    /// The load that was called.
    pub(super) generation: u64,
    pub(super) result: Result<Box<RawValue>, Error>,
}

impl Calls {
    pub(super) fn new(function: String, every: Duration) -> Self {
        Calls { function, every, next: Instant::now(), last: HashMap::new() }
    }

    /// Calls each, and gives those that ended otherwise than before.
    pub(super) fn call(&mut self, host: &Host) -> Vec<Called> {
        // Not kept: an edit that takes away what somebody holds a handle on is rejected.
        let group = host.group::<(), Value>(&self.function);
        let before: HashMap<_, _> =
            group.plugins().iter().map(|plugin| (key(plugin), load(plugin))).collect();
        let mut changed = Vec::new();
        for (plugin, result) in group.call(()) {
            let (key, generation) = (key(&plugin), load(&plugin));
            // One that was reloaded meanwhile: which load gave it is not known.
            if before.get(&key).is_some_and(|before| *before != generation) {
                continue;
            }
            let result = result.map(|result| output::raw(&result));
            let text = match &result {
                Ok(result) => Ok(result.get().to_owned()),
                Err(error) => Err(error.to_string()),
            };
            if self.last.get(&key) != Some(&text) {
                self.last.insert(key, text);
                changed.push(Called { plugin, generation, result });
            }
        }
        // Those that were missed are not made up for.
        self.next = (self.next + self.every).max(Instant::now());
        changed
    }
}

/// Neither versions nor loads tell plugins apart for long: an edit changes both.
fn key(plugin: &PluginRef) -> (String, PathBuf) {
    (plugin.name().to_owned(), plugin.path().to_owned())
}

fn load(plugin: &PluginRef) -> u64 {
    plugin.status().generation
}
