//! Types and descriptors as text, written by the compiler: the section must be
//! in the file, so that it can be read without running anything.
//!
//! Every function writes from `at` on what fits and returns where it ends, so
//! that one pass over an empty buffer measures.

use twinplug_value::{
    Choice, Field, LONGEST_TEXT, MOST_LEVELS, Shared, Struct, Type, TypeRef, is_same,
    is_word as is_key,
};

use super::describe::{Described, Identity, Symbol};

pub(super) const fn put(out: &mut [u8], at: usize, text: &str) -> usize {
    put_bytes(out, at, text.as_bytes())
}

const fn put_bytes(out: &mut [u8], mut at: usize, bytes: &[u8]) -> usize {
    let mut index = 0;
    while index < bytes.len() {
        if at < out.len() {
            out[at] = bytes[index];
        }
        at += 1;
        index += 1;
    }
    at
}

/// The type of an export, as the host's `Type` and `Signature` print it.
pub(super) const fn put_export(out: &mut [u8], mut at: usize, described: &Described) -> usize {
    if !matches!(described.symbol, Symbol::Func) {
        return put_type(out, at, described.ty);
    }
    let (names, types) = (described.param_names, described.params);
    assert!(names.len() == types.len());
    at = put(out, at, "(");
    let mut index = 0;
    while index < types.len() {
        if index > 0 {
            at = put(out, at, ", ");
        }
        assert!(is_word(names[index]), "a parameter's name is a word");
        at = put(out, at, names[index]);
        at = put(out, at, ": ");
        at = put_type(out, at, types[index]);
        index += 1;
    }
    at = put(out, at, ")");
    if !matches!(described.ty, Type::Null) {
        at = put(out, at, " -> ");
        at = put_type(out, at, described.ty);
    }
    at
}

/// Whether a text holds nothing that means something in a signature: `a: int, b` would
/// be two parameters.
const fn is_word(text: &str) -> bool {
    let mut index = 0;
    while index < text.len() {
        let byte = text.as_bytes()[index];
        if !byte.is_ascii_alphanumeric() && byte != b'_' && byte.is_ascii() {
            return false;
        }
        index += 1;
    }
    !text.is_empty()
}

/// Where a type is written.
#[derive(Clone, Copy)]
struct Place<'t> {
    /// Where the text starts.
    start: usize,
    around: Option<&'t Around<'t>>,
    level: usize,
}

/// A type that others are in.
struct Around<'t> {
    name: &'t str,
    id: &'static str,
    outer: Option<&'t Around<'t>>,
}

impl<'t> Place<'t> {
    const fn deeper(self) -> Self {
        Place { level: self.level + 1, ..self }
    }

    const fn within(self, around: &'t Around<'t>) -> Self {
        Place { around: Some(around), level: self.level + 1, ..self }
    }

    /// The name that stands for a type of that id: its own inside of itself, and `any` where
    /// another one has it too.
    const fn name_of(self, name: &'t str, id: &str) -> Option<&'t str> {
        let mut around = self.around;
        let mut is_hidden = false;
        while let Some(here) = around {
            if !id.is_empty() && is_same(here.id, id) {
                return Some(if is_hidden { "any" } else { name });
            }
            is_hidden |= is_same(here.name, name);
            around = here.outer;
        }
        None
    }

    const fn has(self, name: &str) -> bool {
        let mut around = self.around;
        while let Some(here) = around {
            if is_same(here.name, name) {
                return true;
            }
            around = here.outer;
        }
        false
    }
}

/// As `twinplug_value` prints it: what is changed here is changed there.
const fn put_type(out: &mut [u8], at: usize, ty: &Type) -> usize {
    put_inside(out, at, ty, Place { start: at, around: None, level: 0 })
}

const fn put_inside(out: &mut [u8], at: usize, ty: &Type, place: Place<'_>) -> usize {
    let too_long = at - place.start > LONGEST_TEXT;
    let too_deep = place.level >= MOST_LEVELS;
    match ty {
        Type::Any => put(out, at, "any"),
        Type::Null => put(out, at, "null"),
        Type::Bool => put(out, at, "bool"),
        Type::Int => put(out, at, "int"),
        Type::Float => put(out, at, "float"),
        Type::Number => put(out, at, "number"),
        Type::Str => put(out, at, "string"),
        Type::Bytes => put(out, at, "bytes"),
        Type::Func => put(out, at, "function"),
        Type::Object => put(out, at, "object"),
        Type::Buffer(None) => put(out, at, "buffer"),
        Type::Buffer(Some(element)) => {
            let at = put(out, at, "buffer<");
            let at = put(out, at, element.name());
            put(out, at, ">")
        }
        Type::Optional(inner) => {
            let at = put_inside(out, at, known(inner), place);
            put(out, at, "?")
        }
        Type::List(_) | Type::Map(_) if too_deep => put(out, at, "any"),
        Type::Tuple(_) | Type::Struct(_) | Type::Choice(_) if too_deep || too_long => {
            put(out, at, "any")
        }
        Type::List(item) => {
            let at = put(out, at, "list<");
            let at = put_inside(out, at, known(item), place.deeper());
            put(out, at, ">")
        }
        Type::Map(value) => {
            let at = put(out, at, "map<");
            let at = put_inside(out, at, known(value), place.deeper());
            put(out, at, ">")
        }
        Type::Tuple(items) => {
            let at = put(out, at, "(");
            let at = put_all(out, at, known(items), ", ", place.deeper());
            put(out, at, ")")
        }
        Type::Struct(item) => match place.name_of(known(&item.name), item.id) {
            Some(name) => put(out, at, name),
            None => put_struct(out, at, item, place),
        },
        Type::Choice(choice) => match place.name_of(known(&choice.name), choice.id) {
            Some(name) => put(out, at, name),
            None => put_choice(out, at, choice, place),
        },
        Type::Named(name) => put(out, at, if place.has(known(name)) { known(name) } else { "any" }),
        Type::Literal(text) => put_quoted(out, at, known(text)),
        _ => panic!("a type that the SDK cannot write"),
    }
}

const fn put_all(
    out: &mut [u8],
    mut at: usize,
    types: &[TypeRef],
    between: &str,
    place: Place<'_>,
) -> usize {
    let mut index = 0;
    while index < types.len() {
        if index > 0 {
            at = put(out, at, between);
        }
        at = put_inside(out, at, known(&types[index]), place);
        index += 1;
    }
    at
}

const fn put_choice(out: &mut [u8], at: usize, choice: &Choice, place: Place<'_>) -> usize {
    let (name, variants) = (known(&choice.name), known(&choice.variants));
    let at = put(out, at, name);
    let at = put(out, at, if name.is_empty() && variants.len() < 2 { "(| " } else { "(" });
    let around = Around { name, id: choice.id, outer: place.around };
    let at = put_all(out, at, variants, " | ", place.within(&around));
    put(out, at, ")")
}

const fn put_struct(out: &mut [u8], at: usize, item: &Struct, place: Place<'_>) -> usize {
    let name = known(&item.name);
    let at = put(out, at, name);
    let at = put(out, at, if name.is_empty() { "" } else { " " });
    let before = put(out, at, if item.exact { "{|" } else { "{" });
    let around = Around { name, id: item.id, outer: place.around };
    let at = put_fields(out, before, before, item, place.within(&around));
    let at = put(out, at, if at > before { " " } else { "" });
    put(out, at, if item.exact { "|}" } else { "}" })
}

const fn put_fields(
    out: &mut [u8],
    before: usize,
    mut at: usize,
    item: &Struct,
    place: Place<'_>,
) -> usize {
    let fields = known(&item.fields);
    let mut index = 0;
    while index < fields.len() {
        let Field { name, ty, optional, aliases } = &fields[index];
        index += 1;
        if let Type::Struct(item) = known(ty)
            && known(name).is_empty()
        {
            at = put_fields(out, before, at, item, place);
            continue;
        }
        at = put(out, at, if at > before { ", " } else { " " });
        at = put_key(out, at, known(name));
        let mut alias = 0;
        while alias < known(aliases).len() {
            at = put(out, at, " | ");
            at = put_key(out, at, known(&known(aliases)[alias]));
            alias += 1;
        }
        at = put(out, at, if *optional { "?: " } else { ": " });
        at = put_inside(out, at, known(ty), place);
    }
    at
}

const fn put_key(out: &mut [u8], at: usize, key: &str) -> usize {
    if is_key(key) { put(out, at, key) } else { put_quoted(out, at, key) }
}

const fn put_quoted(out: &mut [u8], at: usize, text: &str) -> usize {
    let at = put(out, at, "'");
    let at = put(out, at, text);
    put(out, at, "'")
}

/// Types of Rust are static; `Deref` is not const.
const fn known<T: ?Sized>(shared: &Shared<T>) -> &T {
    match shared.known() {
        Some(known) => known,
        None => panic!("a schema is static"),
    }
}

/// The descriptor as JSON.
pub(super) const fn put_section(
    out: &mut [u8],
    identity: Identity,
    exports: &[Described],
) -> usize {
    let mut at = put(out, 0, "{\"name\":");
    at = put_json(out, at, identity.name.to_bytes());
    at = put(out, at, ",\"version\":");
    at = put_json(out, at, identity.version.to_bytes());
    at = put(out, at, ",\"exports\":[");
    let mut index = 0;
    while index < exports.len() {
        if index > 0 {
            at = put(out, at, ",");
        }
        let described = &exports[index];
        at = put(out, at, "{\"name\":");
        at = put_json(out, at, described.name.as_bytes());
        at = put(out, at, ",\"symbol\":\"");
        at = put(
            out,
            at,
            match described.symbol {
                Symbol::Func => "func",
                Symbol::Var => "var",
                Symbol::State => "state",
            },
        );
        at = put(out, at, "\",\"type\":\"");
        at = put_export(out, at, described);
        at = put(out, at, "\"}");
        index += 1;
    }
    put(out, at, if identity.unload { "],\"unload\":true}" } else { "]}" })
}

const fn put_json(out: &mut [u8], mut at: usize, text: &[u8]) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    at = put(out, at, "\"");
    let mut index = 0;
    while index < text.len() {
        let byte = text[index];
        at = match byte {
            b'"' => put(out, at, "\\\""),
            b'\\' => put(out, at, "\\\\"),
            0..0x20 => {
                let at = put(out, at, "\\u00");
                put_bytes(out, at, &[HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]])
            }
            _ => put_bytes(out, at, &[byte]),
        };
        index += 1;
    }
    put(out, at, "\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, data};

    #[data]
    struct Inner {
        on: bool,
        notes: Vec<Option<String>>,
    }

    #[data]
    struct Outer {
        inner: Inner,
        #[serde(default)]
        by: std::collections::HashMap<String, (i64, f64)>,
    }

    #[test]
    fn the_compiler_writes_types_as_they_print() {
        const LENGTH: usize = put_type(&mut [], 0, Outer::SCHEMA);
        let mut text = [0; LENGTH];
        put_type(&mut text, 0, Outer::SCHEMA);
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text, Outer::SCHEMA.to_string());
        assert_eq!(
            text,
            "Outer { inner: Inner { on: bool, notes: list<string?> }, by?: map<(int, float)> }"
        );
    }
}
