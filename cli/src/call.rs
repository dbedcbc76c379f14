//! `call`: one call of one function, with variables set before it and read after
//! it, and messages received while it runs.
//!
//! Types are the plugin's: values come as JSON, and are brought to what it declares.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use twinplug::serde::Serialize;
use twinplug::serde::de::IgnoredAny;
use twinplug::{Dynamic, DynamicChannel, Error, Func, Host, HostBuilder, PluginRef, Symbol, Value};

use crate::company::Company;
use crate::failure::Failure;
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output::{self, Printed};
use crate::source;

/// The capacity of a channel that is declared without one: a message that nobody
/// receives is not to hold up the call.
const CAPACITY: usize = 1024;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin, or the source folder of a native one
    path: PathBuf,
    /// The function's name
    #[arg(value_name = "FUNC")]
    function: String,
    /// Its arguments, as JSON; what is not JSON is a string
    #[arg(value_name = "ARG", value_parser = value, allow_negative_numbers = true)]
    args: Vec<Value>,
    /// Set a variable before the call, to JSON or a string
    #[arg(long, value_name = "VAR=V", value_parser = assignment)]
    set: Vec<(String, Value)>,
    /// Show a variable after the call
    #[arg(long, value_name = "VAR")]
    get: Vec<String>,
    /// Offer the plugin a channel; without CAP it holds 1024 messages
    #[arg(long, value_name = "NAME[:CAP]", value_parser = declaration)]
    channel: Vec<(String, usize)>,
    /// Receive one message while the call runs; makes a channel of capacity 0
    /// unless there is one
    #[arg(long, value_name = "NAME")]
    recv: Vec<String>,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is loaded.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        std::iter::once(&*self.path).chain(self.company.paths()).collect()
    }
}

/// The last line, where more than the result was asked for.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Report {
    result: Value,
    vars: BTreeMap<String, Value>,
    messages: Messages,
}

type Messages = BTreeMap<String, Vec<Value>>;

pub(crate) fn run(
    arguments: Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let Arguments { path, function, args, set, get, channel, recv, company, granting } = arguments;
    let only_result = get.is_empty() && recv.is_empty();
    let wanted = count(recv);
    let printed = Printed::default();
    let host = host(granting.grant(builder), channel, &wanted, printed.clone())?;

    let path = source::loadable_alone(&path, locking)?;
    let plugin = company.ready(locking)?.load_around(&host, &path)?;
    for (name, value) in set {
        plugin.var::<Value>(&name)?.set(value)?;
    }
    let func = lookup(&plugin, &function)?;
    let (result, messages) = call(&func, &args, wanted, &host)?;
    let vars = get.into_iter().map(|name| Ok((name.clone(), plugin.var(&name)?.get()?)));
    let vars = vars.collect::<twinplug::Result<_>>()?;

    // Whatever the plugins have still to print comes before the result.
    Company::leave(&host)?;
    printed.end_line()?;
    let written = match only_result {
        true => output::json(&result),
        false => output::json(&Report { result, vars, messages }),
    };
    written.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            Failure::Unmet(format!("what `{function}` gives cannot be written as JSON: {error}"))
        }
        _ => Failure::Output(error),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// How many messages are wanted of each channel.
fn count(recv: Vec<String>) -> BTreeMap<String, usize> {
    let mut wanted = BTreeMap::new();
    for name in recv {
        *wanted.entry(name).or_insert(0) += 1;
    }
    wanted
}

/// A host with the channels that were declared, and those to receive from.
fn host(
    builder: HostBuilder,
    mut channels: Vec<(String, usize)>,
    wanted: &BTreeMap<String, usize>,
    printed: Printed,
) -> Result<Host, Failure> {
    for name in wanted.keys() {
        if !channels.iter().any(|(declared, _)| declared == name) {
            channels.push((name.clone(), 0));
        }
    }
    let builder = offer(builder.output(move |_, text| printed.print(text)), channels)?;
    // All that could be refused here stands on the command line.
    builder.build().map_err(|error| Failure::Usage(error.to_string()))
}

/// Has channels of these names offered; those that the program has itself hold so much at least.
pub(crate) fn offer(
    mut builder: HostBuilder,
    channels: Vec<(String, usize)>,
) -> Result<HostBuilder, Failure> {
    let mut offered = BTreeSet::new();
    for (name, capacity) in channels {
        builder = builder.ensure_channel(&name, capacity);
        if let Some(name) = offered.replace(name) {
            return Err(Failure::Usage(format!("channel `{name}` is there twice")));
        }
    }
    Ok(builder)
}

/// The function of that name.
pub(crate) fn lookup(plugin: &PluginRef, name: &str) -> Result<Func<Dynamic>, Failure> {
    match plugin.lookup(name)? {
        Symbol::Func(func) => Ok(func),
        Symbol::Var(var) => Err(Failure::Unmet(format!(
            "plugin `{}`: `{name}` is a variable, `{}`, and no function: `--set` and `--get` take it",
            plugin.name(),
            var.ty()
        ))),
    }
}

/// Calls the function, while each channel is received from on a thread of its own:
/// the order in which a plugin sends to several is its own affair.
fn call(
    func: &Func<Dynamic>,
    args: &[Value],
    wanted: BTreeMap<String, usize>,
    host: &Host,
) -> Result<(Value, Messages), Failure> {
    let channels = wanted.keys().map(|name| host.dynamic_channel(name));
    let channels = channels.collect::<twinplug::Result<Vec<_>>>()?;
    let (result, received) = thread::scope(|scope| {
        let counts = channels.iter().zip(wanted.values());
        let receivers: Vec<_> =
            counts.map(|(channel, &count)| scope.spawn(move || receive(channel, count))).collect();
        let result = func.call(args);
        channels.iter().for_each(DynamicChannel::close);
        let received = receivers.into_iter().map(|receiver| receiver.join());
        (result, received.map(|got| got.expect("receiving does not panic")).collect::<Vec<_>>())
    });
    let result = result?;
    let messages = wanted.into_iter().zip(received);
    let messages = messages.map(|((name, count), got)| Ok((name.clone(), all(name, count, got?)?)));
    Ok((result, messages.collect::<Result<_, Failure>>()?))
}

/// Receives up to `count` messages, until the channel is closed.
fn receive(channel: &DynamicChannel, count: usize) -> twinplug::Result<Vec<Value>> {
    let next = || Some(channel.recv()).filter(|got| !got.as_ref().is_err_and(Error::is_closed));
    let mut messages = iter::from_fn(next);
    let received: Vec<_> = messages.by_ref().take(count).collect();
    // What nobody asked for is not to hold up the call either.
    messages.for_each(drop);
    received.into_iter().collect()
}

/// The messages, if they are as many as were wanted.
fn all(name: String, wanted: usize, messages: Vec<Value>) -> Result<Vec<Value>, Failure> {
    match messages.len() {
        count if count == wanted => Ok(messages),
        0 => Err(Failure::Unmet(format!("the call ended without a message on channel `{name}`"))),
        count => Err(Failure::Unmet(format!(
            "the call ended after {count} of {wanted} messages on channel `{name}`"
        ))),
    }
}

/// An argument: JSON, or else a string.
pub(crate) fn value(text: &str) -> Result<Value, serde_json::Error> {
    match serde_json::from_str::<IgnoredAny>(text) {
        // JSON that is no value of ours, as a number out of range, is a mistake and
        // no string.
        Ok(IgnoredAny) => serde_json::from_str(text),
        Err(_) => Ok(Value::from(text)),
    }
}

/// `VAR=V`.
pub(crate) fn assignment(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, set)) if !name.is_empty() => {
            Ok((name.to_owned(), value(set).map_err(|error| error.to_string())?))
        }
        _ => Err("expected a variable's name, `=`, and its value".to_owned()),
    }
}

/// `NAME` or `NAME:CAP`.
pub(crate) fn declaration(text: &str) -> Result<(String, usize), String> {
    let (name, capacity) = match text.rsplit_once(':') {
        Some((name, capacity)) => (name, capacity.parse().ok()),
        None => (text, Some(CAPACITY)),
    };
    match capacity {
        Some(capacity) if !name.is_empty() => Ok((name.to_owned(), capacity)),
        _ => Err("expected a channel's name, then maybe `:` and how many it holds".to_owned()),
    }
}
