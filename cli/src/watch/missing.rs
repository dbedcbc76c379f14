//! Why a function is called of no plugin: there may be one of nearly that name, or a variable.

use twinplug::{PluginRef, Symbol};

use crate::output;
use crate::verbosity;

/// So many plugins are told that have something near.
const MOST: usize = 5;

/// Says that none of these has it.
pub(super) fn message(function: &str, plugins: &[PluginRef]) -> String {
    let mut reasons: Vec<_> =
        plugins.iter().filter_map(|plugin| why_not(plugin, function)).collect();
    if let [_] = reasons[..] {
        return reasons.remove(0);
    }
    let lines: String = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
    format!("none of {} plugins exports a function `{function}`:{lines}", reasons.len())
}

/// Whether it was told that no plugin has it.
#[derive(Default)]
pub(super) struct Missing {
    is_told: bool,
}

impl Missing {
    /// Tells it once, until one has it; `lacking` gives all plugins where none does. Of no plugin at
    /// all nothing is said: those that are still to be mended may have it.
    pub(super) fn look(
        &mut self,
        function: &str,
        lacking: impl FnOnce() -> Option<Vec<PluginRef>>,
    ) {
        match lacking() {
            Some(plugins) if self.is_told || plugins.is_empty() => {}
            Some(plugins) => {
                self.is_told = true;
                note(function, &plugins);
            }
            None => self.is_told = false,
        }
    }
}

/// Tells that none of these has it, and which have something near; others may come to have it.
fn note(function: &str, plugins: &[PluginRef]) {
    output::note(&format!("no plugin has a function `{function}`: it is called once one has it"));
    let near = plugins.iter().filter(|plugin| is_near(plugin, function));
    let reasons = near.filter_map(|plugin| why_not(plugin, function));
    if !verbosity::is_quiet() {
        reasons.take(MOST).for_each(|reason| output::aside(&format!("  {reason}")));
    }
}

fn is_near(plugin: &PluginRef, function: &str) -> bool {
    match plugin.lookup(function) {
        Ok(_) => true,
        Err(error) => error.to_string().contains("; near: "),
    }
}

fn why_not(plugin: &PluginRef, function: &str) -> Option<String> {
    match plugin.lookup(function) {
        Ok(Symbol::Func(_)) => None,
        Ok(Symbol::Var(var)) => {
            let (name, ty) = (plugin.name(), var.ty());
            Some(format!("plugin `{name}`: `{function}` is a variable, `{ty}`, and no function"))
        }
        Err(error) => Some(error.to_string()),
    }
}
