//! [`Class`]: a table that scripts see, with its fields and functions.

use std::collections::BTreeMap;

use twinplug_value::ExportType;

use super::data::Data;
use super::function::{Function, Waiting};
use super::names::{is_identifier, key};
use super::shape::Shape;

/// A table's fields and functions, by name.
pub(super) struct Class {
    name: String,
    members: BTreeMap<String, Member>,
}

enum Member {
    Value(Shape),
    Function(Function),
    /// A table of its own class.
    Group(String),
}

impl Class {
    pub(super) fn new(name: &str) -> Self {
        Class { name: name.to_owned(), members: BTreeMap::new() }
    }

    pub(super) fn add_function(&mut self, name: &str, function: Function) {
        self.members.insert(name.to_owned(), Member::Function(function));
    }

    pub(super) fn add_value(&mut self, name: &str, shape: Shape) {
        self.members.insert(name.to_owned(), Member::Value(shape));
    }

    pub(super) fn add_group(&mut self, name: &str, class: &str) {
        self.members.insert(name.to_owned(), Member::Group(class.to_owned()));
    }

    pub(super) fn add_export(&mut self, name: &str, ty: &ExportType, data: &mut Data) {
        let member = match ty {
            ExportType::Var(ty) => Member::Value(data.shape(ty)),
            ExportType::Func(signature) => {
                Member::Function(Function::new(signature, Waiting::Maybe, data))
            }
        };
        self.members.insert(name.to_owned(), member);
    }

    /// The class, the table that is declared as one, and its functions.
    pub(super) fn block(&self, declaration: &str, table: &str, names: &[String]) -> Vec<String> {
        let mut lines = vec![format!("---@class {}", self.name)];
        lines.extend(self.fields(names));
        lines.push(declaration.to_owned());
        lines.extend(self.functions(table, names));
        lines
    }

    /// The fields, and the functions that Lua's syntax has no name for.
    pub(super) fn fields(&self, names: &[String]) -> Vec<String> {
        let members = self.members.iter().filter_map(|(name, member)| {
            let ty = match member {
                Member::Value(shape) => shape.text(names),
                Member::Group(class) => class.clone(),
                Member::Function(_) if is_identifier(name) => return None,
                Member::Function(function) => function.ty(names),
            };
            Some(format!("---@field {} {ty}", key(name)))
        });
        members.collect()
    }

    /// The functions, each after an empty line, in the table of that name.
    pub(super) fn functions(&self, table: &str, names: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, member) in &self.members {
            if let Member::Function(function) = member
                && is_identifier(name)
            {
                lines.push(String::new());
                lines.extend(function.statement(&format!("{table}.{name}"), names));
            }
        }
        lines
    }
}
