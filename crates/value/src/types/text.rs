//! Types as text. Reading them is in `parse`.
//!
//! The SDK has its twin, which the compiler runs: what is changed here is changed there.

use std::fmt::{self, Display, Formatter, Write};

use super::item::flattened;
use super::scope::Scope;
use super::{Choice, ExportType, Param, Signature, Struct, Type, TypeRef};

/// Types that hold each other are written out from every side: text that is longer has
/// `any` for whatever else would come.
#[doc(hidden)]
pub const LONGEST_TEXT: usize = 16 * 1024;

/// So many levels can be read: a list that is deeper, say, is written as `any`.
#[doc(hidden)]
pub const MOST_LEVELS: usize = super::parse::MAX_DEPTH - 1;

/// Whether a key stands in a text as it is, and not in quotes.
#[doc(hidden)]
#[must_use]
pub const fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        if byte.is_ascii() && !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-' {
            return false;
        }
        index += 1;
    }
    !bytes.is_empty() && bytes[0] != b'-'
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        put(&mut out, self, Place { scope: None, level: 0 });
        f.write_str(&out)
    }
}

impl Display for Struct {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&Type::Struct(self.clone()), f)
    }
}

impl Display for Choice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&Type::Choice(self.clone()), f)
    }
}

/// Where in a text a type is written.
#[derive(Clone, Copy)]
struct Place<'t> {
    scope: Option<&'t Scope<'t>>,
    level: usize,
}

impl<'t> Place<'t> {
    fn deeper(self) -> Self {
        Place { level: self.level + 1, ..self }
    }

    fn within(self, scope: &'t Scope<'t>) -> Self {
        Place { scope: Some(scope), level: self.level + 1 }
    }

    /// The name that stands for a type: its own inside of itself, and `any` where
    /// another one has it too, or where it would be too much.
    fn name_of(self, ty: &'t Type, written: usize) -> Option<&'t str> {
        let too_much = match ty {
            Type::List(_) | Type::Map(_) => self.level >= MOST_LEVELS,
            Type::Tuple(_) | Type::Struct(_) | Type::Choice(_) => {
                self.level >= MOST_LEVELS || written > LONGEST_TEXT
            }
            _ => false,
        };
        if too_much {
            return Some("any");
        }
        let (name, id) = ty.identity().filter(|(_, id)| !id.is_empty())?;
        let mut around = std::iter::successors(self.scope, |scope| scope.outer);
        around.find(|scope| scope.ty.identity().is_some_and(|(_, other)| other == id))?;
        let nearest = Scope::find(self.scope, name).and_then(|scope| scope.ty.identity());
        Some(if nearest.is_some_and(|(_, other)| other == id) { name } else { "any" })
    }
}

fn put(out: &mut String, ty: &Type, place: Place<'_>) {
    if let Some(name) = place.name_of(ty, out.len()) {
        out.push_str(name);
        return;
    }
    match ty {
        Type::Any => out.push_str("any"),
        Type::Null => out.push_str("null"),
        Type::Bool => out.push_str("bool"),
        Type::Int => out.push_str("int"),
        Type::Float => out.push_str("float"),
        Type::Number => out.push_str("number"),
        Type::Str => out.push_str("string"),
        Type::Bytes => out.push_str("bytes"),
        Type::Func => out.push_str("function"),
        Type::Object => out.push_str("object"),
        Type::Buffer(None) => out.push_str("buffer"),
        Type::Buffer(Some(element)) => {
            let _ = write!(out, "buffer<{element}>");
        }
        Type::Optional(inner) => {
            put(out, inner, place);
            out.push('?');
        }
        Type::List(item) => {
            out.push_str("list<");
            put(out, item, place.deeper());
            out.push('>');
        }
        Type::Map(value) => {
            out.push_str("map<");
            put(out, value, place.deeper());
            out.push('>');
        }
        Type::Tuple(items) => {
            out.push('(');
            put_all(out, items, ", ", place.deeper());
            out.push(')');
        }
        Type::Struct(item) => {
            put_struct(out, item, place.within(&Scope { ty, outer: place.scope }))
        }
        Type::Choice(choice) => {
            out.push_str(&choice.name);
            out.push('(');
            // Without a name it would be a tuple.
            if choice.name.is_empty() && choice.variants.len() < 2 {
                out.push_str("| ");
            }
            let inner = Scope { ty, outer: place.scope };
            put_all(out, &choice.variants, " | ", place.within(&inner));
            out.push(')');
        }
        // Out of its struct, whose fields another one has taken, it says nothing.
        Type::Named(name) => out.push_str(match Scope::find(place.scope, name) {
            Some(_) => name,
            None => "any",
        }),
        Type::Literal(text) => put_quoted(out, text),
    }
}

fn put_all(out: &mut String, types: &[TypeRef], between: &str, place: Place<'_>) {
    for (index, ty) in types.iter().enumerate() {
        if index > 0 {
            out.push_str(between);
        }
        put(out, ty, place);
    }
}

fn put_struct(out: &mut String, item: &Struct, place: Place<'_>) {
    out.push_str(&item.name);
    if !item.name.is_empty() {
        out.push(' ');
    }
    let (start, end) = if item.exact { ("{|", "|}") } else { ("{", "}") };
    out.push_str(start);
    let before = out.len();
    put_fields(out, item, before, place);
    if out.len() > before {
        out.push(' ');
    }
    out.push_str(end);
}

fn put_fields(out: &mut String, item: &Struct, before: usize, place: Place<'_>) {
    for field in item.fields.iter() {
        if let Some(item) = flattened(field) {
            put_fields(out, item, before, place);
            continue;
        }
        out.push_str(if out.len() > before { ", " } else { " " });
        for (index, key) in field.keys().enumerate() {
            if index > 0 {
                out.push_str(" | ");
            }
            match is_word(key) {
                true => out.push_str(key),
                false => put_quoted(out, key),
            }
        }
        out.push_str(if field.optional { "?: " } else { ": " });
        put(out, &field.ty, place);
    }
}

fn put_quoted(out: &mut String, text: &str) {
    out.push('\'');
    out.push_str(text);
    out.push('\'');
}

impl Display for Signature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        for (index, Param { name, ty }) in self.params.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if !name.is_empty() {
                write!(f, "{}: ", &**name)?;
            }
            Display::fmt(&**ty, f)?;
        }
        if self.variadic {
            f.write_str(if self.params.is_empty() { "..." } else { ", ..." })?;
        }
        f.write_char(')')?;
        match &*self.result {
            Type::Null => Ok(()),
            result => write!(f, " -> {result}"),
        }
    }
}

impl Display for ExportType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ExportType::Var(ty) => Display::fmt(ty, f),
            ExportType::Func(signature) => Display::fmt(signature, f),
        }
    }
}
