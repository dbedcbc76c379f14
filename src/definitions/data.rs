//! [`Data`]: the structs that cross, as classes, and the choices, as aliases, each once.
//!
//! Structs are the same where nothing that can be seen of them differs, however deep: two
//! schemas may unfold one struct from different sides. Others of one name get names of
//! their own.

use std::collections::BTreeMap;

use twinplug_value::{Choice, Struct, Type};

use super::names::Unique;
use super::shape::{Field, Shape};

/// The structs that were found, each as often as it was.
#[derive(Default)]
pub(super) struct Data {
    structs: Vec<Found>,
}

struct Found {
    name: String,
    body: Body,
}

enum Body {
    Class(Vec<Field>),
    Alias(Shape),
}

/// The structs that a type is in, with their numbers.
#[derive(Clone, Copy)]
struct Scope<'t> {
    name: &'t str,
    id: &'t str,
    number: usize,
    outer: Option<&'t Scope<'t>>,
}

/// What a reader of the classes will ask.
const HEAD: &str = "\
-- The fields of `A` are those of `data.A`, so that a script may declare a class `A` of its
-- own, as the types of its exports need: else each field would be there twice.";

/// Names of types that LuaLS has, or that are ours.
const TAKEN: [&str; 19] = [
    "any",
    "async",
    "boolean",
    "data",
    "false",
    "fun",
    "function",
    "host",
    "integer",
    "lightuserdata",
    "nil",
    "number",
    "self",
    "string",
    "table",
    "thread",
    "true",
    "unknown",
    "userdata",
];

impl Data {
    /// The shape of a type; keeps the structs in it.
    pub(super) fn shape(&mut self, ty: &Type) -> Shape {
        self.inner(ty, None)
    }

    fn inner(&mut self, ty: &Type, scope: Option<&Scope<'_>>) -> Shape {
        match ty {
            Type::Null => Shape::Plain("nil"),
            Type::Bool => Shape::Plain("boolean"),
            Type::Int => Shape::Plain("integer"),
            Type::Float | Type::Number => Shape::Plain("number"),
            Type::Str | Type::Bytes => Shape::Plain("string"),
            Type::Func => Shape::Plain("function"),
            Type::Object => Shape::Plain("host.object"),
            Type::Buffer(_) => Shape::Plain("host.buffer"),
            Type::Optional(inner) => self.inner(inner, scope).optional(),
            Type::List(item) => Shape::List(self.inner(item, scope).into()),
            Type::Map(value) => Shape::Map(self.inner(value, scope).into()),
            Type::Tuple(items) => {
                Shape::Tuple(items.iter().map(|item| self.inner(item, scope)).collect())
            }
            Type::Struct(item) if item.name.is_empty() => Shape::Table(self.fields(item, scope)),
            Type::Struct(item) => self.found(&item.name, item.id, scope, |data, scope| {
                Body::Class(data.fields(item, Some(scope)))
            }),
            Type::Choice(choice) if choice.name.is_empty() => self.variants(choice, scope),
            Type::Choice(choice) => self.found(&choice.name, choice.id, scope, |data, scope| {
                Body::Alias(data.variants(choice, Some(scope)))
            }),
            Type::Literal(text) => Shape::Literal(text.to_string()),
            Type::Named(name) => find(scope, name).map_or(Shape::ANY, Shape::Class),
            // What later versions add.
            _ => Shape::ANY,
        }
    }

    fn found(
        &mut self,
        name: &str,
        id: &str,
        outer: Option<&Scope<'_>>,
        body: impl FnOnce(&mut Self, &Scope<'_>) -> Body,
    ) -> Shape {
        // What the compiler has made leads back to itself.
        let mut around = std::iter::successors(outer, |scope| scope.outer);
        if let Some(scope) = around.find(|scope| !id.is_empty() && scope.id == id) {
            return Shape::Class(scope.number);
        }
        let number = self.structs.len();
        self.structs.push(Found { name: name.to_owned(), body: Body::Class(Vec::new()) });
        let scope = Scope { name, id, number, outer };
        self.structs[number].body = body(self, &scope);
        Shape::Class(number)
    }

    fn variants(&mut self, choice: &Choice, scope: Option<&Scope<'_>>) -> Shape {
        let shapes = choice.variants.iter().map(|variant| self.inner(variant, scope));
        Shape::union(shapes.collect())
    }

    fn fields(&mut self, item: &Struct, scope: Option<&Scope<'_>>) -> Vec<Field> {
        let field = |field: &twinplug_value::Field| {
            let optional = field.may_be_absent();
            let shape = self.inner(&field.ty, scope);
            let shape = if optional { shape.required() } else { shape };
            Field { name: field.name.to_string(), shape, optional }
        };
        item.all_fields().into_iter().map(field).collect()
    }

    /// The names of the classes: the same for what is the same struct.
    pub(super) fn names(&self) -> Vec<String> {
        let mut unique = Unique::without(&TAKEN);
        let mut given: Vec<String> = Vec::new();
        let kinds = self.kinds();
        for (found, kind) in self.structs.iter().zip(&kinds) {
            if *kind == given.len() {
                given.push(unique.take(&found.name));
            }
        }
        kinds.into_iter().map(|kind| given[kind].clone()).collect()
    }

    /// Which structs are the same, as numbers in the order in which they appear. All of a
    /// name and of the same fields are taken for one, and then told apart by what the
    /// others are taken for, until nothing new comes of it.
    fn kinds(&self) -> Vec<usize> {
        let mut kinds = vec![0; self.structs.len()];
        let mut count = 0;
        loop {
            let names: Vec<String> = kinds.iter().map(|kind| format!("{kind}")).collect();
            let mut known = BTreeMap::new();
            for (found, kind) in self.structs.iter().zip(&mut kinds) {
                let next = known.len();
                let mut fields = found.lines("", &names);
                // Their order is of no matter.
                fields.sort();
                *kind = *known.entry((&found.name, fields)).or_insert(next);
            }
            if known.len() == count {
                return kinds;
            }
            count = known.len();
        }
    }

    /// The classes, by name; `None` if there are none.
    pub(super) fn text(&self, names: &[String]) -> Option<Vec<String>> {
        // Of those that are the same the first one is shown.
        let classes: BTreeMap<_, _> = names.iter().zip(&self.structs).rev().collect();
        let mut lines: Vec<String> = HEAD.lines().map(str::to_owned).collect();
        for (name, found) in &classes {
            lines.push(String::new());
            lines.extend(found.lines(name, names));
        }
        (!classes.is_empty()).then_some(lines)
    }
}

impl Found {
    /// The class or the alias, under that name.
    fn lines(&self, name: &str, names: &[String]) -> Vec<String> {
        let line = |field: &Field| format!("---@field {} {}", field.key(), field.shape.text(names));
        match &self.body {
            Body::Alias(shape) => vec![format!("---@alias {name} {}", shape.text(names))],
            Body::Class(fields) => {
                let mut lines = vec![format!("---@class data.{name}")];
                lines.extend(fields.iter().map(line));
                lines.extend([String::new(), format!("---@class {name}: data.{name}")]);
                lines
            }
        }
    }
}

/// The number of the innermost struct of that name.
fn find(scope: Option<&Scope<'_>>, name: &str) -> Option<usize> {
    let scopes = std::iter::successors(scope, |scope| scope.outer);
    scopes.into_iter().find(|scope| scope.name == name).map(|scope| scope.number)
}
