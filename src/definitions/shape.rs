//! [`Shape`]: a type as LuaLS writes it, with its structs found.

use super::names::key;

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
            Shape::Optional(shape) => format!("{}?", shape.text(names)),
            Shape::List(item) => item.list_text(names),
            Shape::Map(value) => format!("table<string|integer, {}>", value.text(names)),
            Shape::Tuple(items) => tuple(items, names),
            Shape::Table(fields) => table(fields, names),
            Shape::Class(number) => names[*number].clone(),
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
            Shape::Optional(_) => format!("({})[]", self.text(names)),
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
