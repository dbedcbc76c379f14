//! [`Shape`]: a type as LuaLS writes it, with its structs found.

use super::names::{key, quoted};

/// A type whose structs are classes, by their number.
pub(super) enum Shape {
    /// A type of LuaLS's own.
    Plain(&'static str),
    Optional(Box<Shape>),
    List(Box<Shape>),
    Map(Box<Shape>),
    Tuple(Vec<Shape>),
    /// A struct without a name.
    Table(Vec<Field>),
    Class(usize),
    /// Just this text.
    Literal(String),
    /// One of these.
    Union(Vec<Shape>),
}

/// A field of a struct.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// Whether it may be absent.
    pub(super) optional: bool,
}

impl Shape {
    pub(super) const ANY: Shape = Shape::Plain("any");

    /// That, or nothing.
    pub(super) fn optional(self) -> Shape {
        match self {
            Shape::Plain("any" | "nil") | Shape::Optional(_) => self,
            shape => Shape::Optional(shape.into()),
        }
    }

    /// One of these; no more than `any`, if that is one of them.
    pub(super) fn union(shapes: Vec<Shape>) -> Shape {
        match shapes.iter().any(|shape| matches!(shape, Shape::Plain("any"))) {
            true => Shape::ANY,
            false => Shape::Union(shapes),
        }
    }

    /// What is there if it is there.
    pub(super) fn required(self) -> Shape {
        match self {
            Shape::Optional(shape) => *shape,
            shape => shape,
        }
    }

    /// `names` are the classes', by their numbers.
    pub(super) fn text(&self, names: &[String]) -> String {
        match self {
            Shape::Plain(name) => (*name).to_owned(),
            Shape::Optional(shape) => match &**shape {
                Shape::Union(_) => format!("({})?", shape.text(names)),
                shape => format!("{}?", shape.text(names)),
            },
            Shape::List(item) => item.list_text(names),
            Shape::Map(value) => format!("table<string|integer, {}>", value.text(names)),
            Shape::Tuple(items) => tuple(items, names),
            Shape::Table(fields) => table(fields, names),
            Shape::Class(number) => names[*number].clone(),
            Shape::Literal(text) => quoted(text),
            // Nothing is of no type.
            Shape::Union(shapes) if shapes.is_empty() => "nil".to_owned(),
            Shape::Union(shapes) => union(shapes, names),
        }
    }
}

impl Shape {
    /// That, or nothing, as text.
    pub(super) fn optional_text(&self, names: &[String]) -> String {
        match self {
            Shape::Plain("any" | "nil") | Shape::Optional(_) => self.text(names),
            shape => format!("{}?", shape.text(names)),
        }
    }

    /// A list of that, as text.
    pub(super) fn list_text(&self, names: &[String]) -> String {
        match self {
            Shape::Optional(_) | Shape::Union(_) => format!("({})[]", self.text(names)),
            item => format!("{}[]", item.text(names)),
        }
    }
}

impl Field {
    /// `name?`, as it stands in front of the type.
    pub(super) fn key(&self) -> String {
        format!("{}{}", key(&self.name), if self.optional { "?" } else { "" })
    }
}

fn union(shapes: &[Shape], names: &[String]) -> String {
    let text = |shape: &Shape| match shape {
        Shape::Union(_) => format!("({})", shape.text(names)),
        shape => shape.text(names),
    };
    shapes.iter().map(text).collect::<Vec<_>>().join("|")
}

fn tuple(items: &[Shape], names: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| item.text(names)).collect();
    match items.first() {
        None => "{}".to_owned(),
        // `[[` would start a text.
        Some(first) if first.starts_with('[') => format!("[ {}]", items.join(", ")),
        Some(_) => format!("[{}]", items.join(", ")),
    }
}

fn table(fields: &[Field], names: &[String]) -> String {
    let field = |field: &Field| format!("{}: {}", field.key(), field.shape.text(names));
    match fields {
        [] => "{}".to_owned(),
        fields => format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", ")),
    }
}
