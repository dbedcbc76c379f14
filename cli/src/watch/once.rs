//! A function of every plugin that has it, called once: what `run --call` does.
//!
//! The calls are made on threads of their own: one that takes its time, or waits for ever, holds up
//! neither Ctrl-C nor what is told of edits.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serde_json::value::RawValue;
use twinplug::serde::Serialize;
use twinplug::{Error, ErrorKind, PluginRef, Symbol, Value};

use super::Happening;
use crate::failure::{self, Failure};
use crate::output::{self, Printed};

/// How long a call holds up the next one at most: some serve for as long as they run.
const PATIENCE: Duration = Duration::from_millis(500);

/// The calls.
pub(crate) struct Once {
    function: String,
    answers: Answers,
    /// The plugins that are not to be called, or not any more.
    done: Vec<PluginRef>,
    /// Those whose call has failed, and of which loads it was.
    failed: Vec<(PluginRef, Loads)>,
    queue: Sender<(PluginRef, Loads)>,
    /// How many calls have not ended.
    pub(crate) open: usize,
}

/// Which load of a plugin serves, and which of each layer over it.
type Loads = Vec<u64>;

/// How results are written.
#[derive(Clone, Copy)]
pub(crate) enum Answers {
    /// There is one plugin.
    Bare,
    /// There may be several.
    Named,
}

/// How a call has ended.
pub(crate) struct Answer {
    plugin: PluginRef,
    /// As they were when it began.
    loads: Loads,
    result: Result<Value, Error>,
    /// Goes with it, once it was told: what the next one prints comes after that.
    _told: Sender<()>,
}

/// What was told of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Result,
    Failure,
    /// Nothing: another load has taken over meanwhile, and it is made again.
    Again,
}

/// A result, where there may be several.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Named<'a> {
    plugin: &'a str,
    version: String,
    result: &'a RawValue,
}

impl Once {
    /// How the calls end goes to `sender`.
    pub(crate) fn new(function: String, answers: Answers, sender: Sender<Happening>) -> Once {
        let (queue, calls) = mpsc::channel();
        let name = function.clone();
        thread::spawn(move || call_each(&name, calls, &sender));
        Once { function, answers, done: Vec::new(), failed: Vec::new(), queue, open: 0 }
    }

    /// These are not called: they are there for others.
    pub(crate) fn spare(&mut self, company: Vec<PluginRef>) {
        self.done.extend(company);
    }

    /// Calls it of those that have it and were not called yet, or failed before an edit; how many
    /// those are.
    pub(crate) fn call(&mut self, plugins: &[PluginRef]) -> usize {
        let before = self.open;
        for plugin in plugins {
            let call = (plugin.clone(), loads(plugin));
            if !self.done.contains(plugin) && !self.failed.contains(&call) && self.has_it(plugin) {
                self.failed.retain(|(failed, _)| failed != plugin);
                self.done.push(plugin.clone());
                self.open += 1;
                // Without a thread that calls, nobody hears of it any more.
                let _ = self.queue.send(call);
            }
        }
        self.open - before
    }

    fn has_it(&self, plugin: &PluginRef) -> bool {
        matches!(plugin.lookup(&self.function), Ok(Symbol::Func(_)))
    }

    /// Why it was called of none of these.
    pub(crate) fn missing(&self, plugins: &[PluginRef]) -> Failure {
        let others = plugins.iter().filter(|plugin| !self.done.contains(plugin));
        let mut reasons: Vec<_> = others.filter_map(|plugin| self.why_not(plugin)).collect();
        if let [_] = reasons[..] {
            return Failure::Unmet(reasons.remove(0));
        }
        let lines: String = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
        let (count, function) = (reasons.len(), &self.function);
        Failure::Unmet(format!("none of {count} plugins exports a function `{function}`:{lines}"))
    }

    fn why_not(&self, plugin: &PluginRef) -> Option<String> {
        let (name, function) = (plugin.name(), &self.function);
        match plugin.lookup(function) {
            Ok(Symbol::Func(_)) => None,
            Ok(Symbol::Var(var)) => {
                let ty = var.ty();
                Some(format!(
                    "plugin `{name}`: `{function}` is a variable, `{ty}`, and no function"
                ))
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// Tells how a call has ended, a result on standard output. One that failed is made again once
    /// the plugin was reloaded.
    pub(crate) fn tell(&mut self, answer: Answer, printed: &Printed) -> Result<Told, Failure> {
        let Answer { plugin, loads, result, _told } = answer;
        self.open -= 1;
        let result = match result {
            Ok(result) => output::raw(&result),
            Err(error) => {
                self.done.retain(|done| *done != plugin);
                self.failed.push((plugin.clone(), loads));
                let is_called_again = self.call(&[plugin]) > 0;
                if error.kind() == ErrorKind::Retired && is_called_again {
                    return Ok(Told::Again);
                }
                failure::complain_of(&error);
                return Ok(Told::Failure);
            }
        };
        printed.end_line()?;
        match self.answers {
            Answers::Bare => output::json(&result)?,
            Answers::Named => output::json(&Named {
                plugin: plugin.name(),
                version: plugin.version().to_string(),
                result: &result,
            })?,
        }
        Ok(Told::Result)
    }
}

fn loads(plugin: &PluginRef) -> Loads {
    let layers = plugin.layers();
    [plugin].into_iter().chain(&layers).map(|plugin| plugin.status().generation).collect()
}

/// Calls each, until nobody asks for more: after the one before, unless that takes its time.
fn call_each(function: &str, calls: Receiver<(PluginRef, Loads)>, sender: &Sender<Happening>) {
    for (plugin, loads) in calls {
        let (function, sender) = (function.to_owned(), sender.clone());
        let (_told, is_told) = mpsc::channel();
        thread::spawn(move || {
            let result = plugin.call(&function, ());
            // Where it is to end, nobody hears of it any more.
            let _ = sender.send(Happening::Answered(Answer { plugin, loads, result, _told }));
        });
        let _ = is_told.recv_timeout(PATIENCE);
    }
}
