//! A function of every plugin that has it, called once: what `run --call` does.
//!
//! The calls are made on threads of their own: one that takes its time, or waits for ever, holds up
//! neither Ctrl-C nor what is told of edits.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serde_json::value::RawValue;
use twinplug::serde::Serialize;
use twinplug::{Error, ErrorKind, PluginRef, Symbol, Value};

use super::Happening;
use super::missing::{self, Missing};
use crate::failure::{self, Failure};
use crate::output::{self, Printed};
use crate::running;

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
    /// Those that are there for others.
    spared: Vec<PluginRef>,
    missing: Missing,
    queue: Sender<(PluginRef, Loads)>,
    /// Those whose call has not ended.
    open: Vec<PluginRef>,
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
    pub(crate) fn new(
        function: String,
        args: Vec<Value>,
        answers: Answers,
        sender: Sender<Happening>,
    ) -> Once {
        let (queue, calls) = mpsc::channel();
        let call = Arc::new((function.clone(), args));
        thread::spawn(move || call_each(&call, calls, &sender));
        Once {
            function,
            answers,
            done: Vec::new(),
            failed: Vec::new(),
            spared: Vec::new(),
            missing: Missing::default(),
            queue,
            open: Vec::new(),
        }
    }

    /// These are not called: they are there for others.
    pub(crate) fn spare(&mut self, company: Vec<PluginRef>) {
        self.done.extend(company.iter().cloned());
        self.spared.extend(company);
    }

    /// Calls it of those that have it and were not called yet, or failed before an edit; how many
    /// those are.
    pub(crate) fn call(&mut self, plugins: &[PluginRef]) -> usize {
        let before = self.open.len();
        for plugin in plugins {
            let call = (plugin.clone(), loads(plugin));
            if !self.done.contains(plugin) && !self.failed.contains(&call) && self.has_it(plugin) {
                self.failed.retain(|(failed, _)| failed != plugin);
                self.done.push(plugin.clone());
                self.open.push(plugin.clone());
                // Without a thread that calls, nobody hears of it any more.
                let _ = self.queue.send(call);
            }
        }
        self.open.len() - before
    }

    /// Whether all calls have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.open.is_empty()
    }

    /// What is waited for until a plugin's call has ended, if that runs.
    pub(crate) fn runs(&self, plugin: &PluginRef) -> Option<String> {
        let what = || format!("`{}` of plugin `{}` to end", self.function, plugin.name());
        self.open.contains(plugin).then(what)
    }

    /// What is waited for until all calls have ended, if any runs.
    pub(crate) fn runs_still(&self) -> Option<String> {
        self.open.first().and_then(|plugin| self.runs(plugin))
    }

    fn has_it(&self, plugin: &PluginRef) -> bool {
        matches!(plugin.lookup(&self.function), Ok(Symbol::Func(_)))
    }

    /// Why it was called of none of these.
    pub(crate) fn missing(&self, plugins: &[PluginRef]) -> Failure {
        Failure::Unmet(missing::message(&self.function, &self.callable(plugins)))
    }

    /// Tells where none of these has it so far.
    pub(super) fn look_for_it(&mut self, plugins: &[PluginRef]) {
        let is_own = |plugin: &&PluginRef| !self.spared.contains(plugin);
        let own: Vec<_> = plugins.iter().filter(is_own).cloned().collect();
        let has_it = own.iter().any(|plugin| self.has_it(plugin));
        self.missing.look(&self.function, || (!has_it).then_some(own));
    }

    /// Those that are not there for others, and were not called yet.
    fn callable(&self, plugins: &[PluginRef]) -> Vec<PluginRef> {
        plugins.iter().filter(|plugin| !self.done.contains(plugin)).cloned().collect()
    }

    /// Tells how a call has ended, a result on standard output. One that failed is made again once
    /// the plugin was reloaded.
    pub(crate) fn tell(&mut self, answer: Answer, printed: &Printed) -> Result<Told, Failure> {
        let Answer { plugin, loads, result, _told } = answer;
        self.close(&plugin);
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
        self.write(&plugin, &result, printed)?;
        Ok(Told::Result)
    }

    /// Tells what a call has given that ended after its plugin was asked to go. One that has failed
    /// was ended by that.
    pub(crate) fn tell_last(&mut self, answer: Answer, printed: &Printed) -> io::Result<()> {
        self.close(&answer.plugin);
        match &answer.result {
            Ok(result) => self.write(&answer.plugin, &output::raw(result), printed),
            Err(_) => Ok(()),
        }
    }

    fn close(&mut self, plugin: &PluginRef) {
        if let Some(place) = self.open.iter().position(|open| open == plugin) {
            self.open.remove(place);
        }
    }

    fn write(&self, plugin: &PluginRef, result: &RawValue, printed: &Printed) -> io::Result<()> {
        printed.end_line()?;
        match self.answers {
            Answers::Bare => output::json(&result),
            Answers::Named => output::json(&Named {
                plugin: plugin.name(),
                version: plugin.version().to_string(),
                result,
            }),
        }
    }
}

fn loads(plugin: &PluginRef) -> Loads {
    let layers = plugin.layers();
    [plugin].into_iter().chain(&layers).map(|plugin| plugin.status().generation).collect()
}

/// Calls each, until nobody asks for more: after the one before, unless that takes its time.
fn call_each(
    call: &Arc<(String, Vec<Value>)>,
    calls: Receiver<(PluginRef, Loads)>,
    sender: &Sender<Happening>,
) {
    for (plugin, loads) in calls {
        let (call, sender) = (Arc::clone(call), sender.clone());
        let (_told, is_told) = mpsc::channel();
        thread::spawn(move || {
            let (function, args) = &*call;
            let what = format!("`{function}` of plugin `{}`", plugin.name());
            let result = running::during(what, || plugin.call_dynamic(function, args));
            // Where it is to end, nobody hears of it any more.
            let _ = sender.send(Happening::Answered(Answer { plugin, loads, result, _told }));
        });
        let _ = is_told.recv_timeout(PATIENCE);
    }
}
