//! [`Offer`]: what `host.lua` says. What every host has stands in the file beside this one;
//! functions, constants, channels and plugins come in where its lines `--{..}` are.

use std::collections::BTreeMap;

use super::class::Class;
use super::data::Data;
use super::function::{Function, Waiting};
use super::names::{Unique, quoted};
use super::shape::Shape;
use crate::plugin::HostContext;

const FILE: &str = include_str!("host.lua");
/// The methods of a channel, by what its messages are.
const METHODS: &str = include_str!("channel.lua");

/// What a host gives its scripts.
pub(super) struct Offer {
    /// The `host` table's own functions.
    host: Class,
    /// The groups, by their whole name.
    groups: BTreeMap<String, Class>,
    channels: Vec<Channel>,
    /// The plugins' names and classes.
    plugins: Vec<(String, String)>,
    plugin_names: Unique,
}

struct Channel {
    name: String,
    class: String,
    message: Shape,
}

impl Offer {
    pub(super) fn new(context: &HostContext, data: &mut Data) -> Self {
        let mut offer = Offer {
            host: Class::new("host"),
            groups: BTreeMap::new(),
            channels: Vec::new(),
            plugins: Vec::new(),
            plugin_names: Unique::default(),
        };
        // `mock` is of tests alone, and the program that they are for has none.
        let functions = context.all_functions();
        for (name, function) in functions.iter().filter(|(name, _)| name != "mock") {
            let waiting = if function.waits() { Waiting::Maybe } else { Waiting::Never };
            let advice = function.advice.as_deref();
            let function = Function::new(&function.signature, waiting, data).deprecated(advice);
            let (class, name) = offer.class_of(name);
            class.add_function(name, function);
        }
        for (name, constant) in &context.constants {
            let shape = data.shape(&constant.ty);
            let (class, name) = offer.class_of(name);
            class.add_value(name, shape);
        }
        let mut names = Unique::default();
        for (name, channel) in &context.channels {
            let class = format!("host.channel.{}", names.take(name));
            let message = data.shape(channel.schema());
            offer.channels.push(Channel { name: name.clone(), class, message });
        }
        offer
    }

    /// The class that has this, and its name there.
    fn class_of<'n>(&mut self, path: &'n str) -> (&mut Class, &'n str) {
        match path.rsplit_once('.') {
            Some((group, name)) => (self.group(group), name),
            None => (&mut self.host, path),
        }
    }

    /// The group of that name, and those that it is in.
    fn group(&mut self, path: &str) -> &mut Class {
        let class = format!("host.{path}");
        if !self.groups.contains_key(path) {
            match path.rsplit_once('.') {
                Some((outer, name)) => self.group(outer).add_group(name, &class),
                None => self.host.add_group(path, &class),
            }
        }
        self.groups.entry(path.to_owned()).or_insert_with(|| Class::new(&class))
    }

    /// Names a plugin; its class is the answer.
    pub(super) fn add_plugin(&mut self, name: &str) -> String {
        let class = format!("host.plugin.{}", self.plugin_names.take(name));
        self.plugins.push((name.to_owned(), class.clone()));
        class
    }

    /// The file; `names` are those of the classes of data.
    pub(super) fn text(&self, names: &[String]) -> String {
        let mut text = String::new();
        for line in FILE.lines() {
            let lines = match line {
                "--{fields}" => self.host.fields(names),
                "--{functions}" => self.host.functions("host", names),
                "--{channel overloads}" => self.channels.iter().map(Channel::overload).collect(),
                "--{plugin overloads}" => {
                    self.plugins.iter().map(|(name, class)| overload(name, class)).collect()
                }
                "--{groups}" => {
                    self.groups.values().flat_map(|group| nested(group, names)).collect()
                }
                "--{channels}" => {
                    self.channels.iter().flat_map(|channel| channel.block(names)).collect()
                }
                line => vec![line.to_owned()],
            };
            lines.iter().for_each(|line| text.extend([line, "\n"]));
        }
        text
    }
}

impl Channel {
    fn overload(&self) -> String {
        overload(&self.name, &self.class)
    }

    fn block(&self, names: &[String]) -> Vec<String> {
        let message = self.message.text(names);
        let (maybe, list) = (self.message.optional_text(names), self.message.list_text(names));
        let methods = METHODS
            .replace("{message}", &message)
            .replace("{maybe}", &maybe)
            .replace("{list}", &list);
        let head = [
            format!("---@class {}: host.channel", self.class),
            "local channel = {}".to_owned(),
            String::new(),
        ];
        let lines: Vec<_> = head.into_iter().chain(methods.lines().map(str::to_owned)).collect();
        scoped(&lines)
    }
}

fn overload(name: &str, class: &str) -> String {
    format!("---@overload fun(name: {}): {class}", quoted(name))
}

fn nested(group: &Class, names: &[String]) -> Vec<String> {
    scoped(&group.block("local group = {}", "group", names))
}

/// In a `do` of their own, after an empty line: a file has no more than 200 locals.
fn scoped(lines: &[String]) -> Vec<String> {
    let indented =
        |line: &String| if line.is_empty() { String::new() } else { format!("  {line}") };
    let mut scoped = vec![String::new(), "do".to_owned()];
    scoped.extend(lines.iter().map(indented));
    scoped.push("end".to_owned());
    scoped
}
